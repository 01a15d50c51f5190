//! The order in which a document is looked through, and what its parts have in common.
//! Not here: the single checks (the other modules).

use crate::{
    expressions, models, policies,
    problems::{Problems, With, problem},
    shape::{self, Place, Shaped},
    structure,
};
use nexus_model::{
    Document, NodeId, Problem,
    document::Node,
    graph::{EdgeIx, Graph, NodeIx},
    limits::Limits,
    price::PriceBook,
    problem::Report,
};
use serde_json::Value;

/// Reads a document and reports everything that is wrong with its shape. The document is there exactly if nothing
/// is; whether its contents make sense is up to [`validate`].
pub fn parse(value: &Value, limits: &Limits) -> (Option<Document>, Vec<Problem>) {
    let mut problems = Problems::default();
    let document = shape::read(value, limits, &mut problems).map(|shaped| shaped.document);
    (document.filter(|_| problems.is_sound()), problems.into_errors())
}

/// Everything that is wrong with a document, shape and contents.
pub fn validate(value: &Value, limits: &Limits, prices: &PriceBook) -> Report {
    let mut problems = Problems::default();
    if let Some(shaped) = shape::read(value, limits, &mut problems) {
        let subject = Subject { graph: Graph::new(&shaped.document), shaped };
        let order = structure::check(&subject, value, &mut problems);
        expressions::check(&subject, limits, &mut problems);
        models::check(&subject, prices, &mut problems);
        policies::check(&subject, &order, &mut problems);
    }
    problems.into_report()
}

/// Whether it is a document in the making, fit to be kept as a draft: an object that nests no deeper than allowed and
/// whose nodes and edges, if there are any, are lists of objects. Everything else may be missing or wrong.
pub fn well_formed(value: &Value, limits: &Limits) -> Result<(), Problem> {
    if !value.is_object() {
        return Err(problem("wrong_type", "", "a workflow document is a JSON object"));
    }
    if let Some(path) = shape::too_deep(value, limits.json_depth) {
        let message = format!("the document nests deeper than {} levels", limits.json_depth);
        return Err(problem("too_deep", path, message));
    }
    if value.get("graph").is_some_and(|graph| !graph.is_object()) {
        return Err(problem("wrong_type", "/graph", "the graph of a document is an object, even in a draft"));
    }
    for (path, what) in [("/graph/nodes", "nodes"), ("/graph/edges", "edges")] {
        let Some(list) = value.pointer(path) else { continue };
        if !list.as_array().is_some_and(|items| items.iter().all(Value::is_object)) {
            return Err(problem(
                "wrong_type",
                path,
                format!("the {what} of a document are a list of objects, even in a draft"),
            ));
        }
    }
    Ok(())
}

/// The document under examination.
pub(crate) struct Subject {
    pub(crate) shaped: Shaped,
    pub(crate) graph: Graph,
}

impl Subject {
    pub(crate) fn document(&self) -> &Document {
        &self.shaped.document
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = (NodeIx, &Node)> {
        self.shaped.document.graph.nodes.iter().enumerate()
    }

    pub(crate) fn node(&self, ix: NodeIx) -> &Node {
        &self.shaped.document.graph.nodes[ix]
    }

    fn place(&self, ix: NodeIx) -> Place {
        self.shaped.nodes[ix]
    }

    /// Its type is what the document says, not a stand-in.
    pub(crate) fn is_known(&self, ix: NodeIx) -> bool {
        self.place(ix).known
    }

    /// Its id, unless it has none of its own.
    pub(crate) fn id(&self, ix: NodeIx) -> Option<&NodeId> {
        self.place(ix).named.then(|| &self.node(ix).id)
    }

    /// JSON Pointer to something in a node.
    pub(crate) fn at_node(&self, ix: NodeIx, rest: &str) -> String {
        format!("/graph/nodes/{}{rest}", self.place(ix).index)
    }

    /// JSON Pointer to something in an edge.
    pub(crate) fn at_edge(&self, ix: EdgeIx, rest: &str) -> String {
        format!("/graph/edges/{}{rest}", self.shaped.edges[ix])
    }

    /// A problem of a node.
    pub(crate) fn problem(&self, code: &str, ix: NodeIx, rest: &str, message: impl Into<String>) -> Problem {
        problem(code, self.at_node(ix, rest), message).node(self.id(ix))
    }

    /// The ids of all nodes that have one.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.nodes().filter_map(|(ix, _)| self.id(ix)).map(NodeId::as_str)
    }
}
