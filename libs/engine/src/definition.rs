//! A document made ready to run: its graph, and for each node the models to try and the outputs its expressions
//! read. Not here: whether the document is valid (`nexus-plan` has said so before).

use nexus_expr::{condition, template};
use nexus_model::{
    Document,
    document::{Node, NodeKind, Tool},
    graph::{Graph, NodeIx},
};

/// A document made ready to run.
#[derive(Debug)]
pub struct Definition {
    /// The document.
    pub document: Document,
    /// Its graph.
    pub graph: Graph,
    /// For each node, the nodes whose outputs its expressions may read.
    reads: Vec<Vec<NodeIx>>,
}

impl Definition {
    /// Prepares a document. Anything wrong in its expressions shows when they are evaluated.
    pub fn new(document: Document) -> Self {
        let graph = Graph::new(&document);
        let reads = (0..graph.len()).map(|ix| reads(&document.graph.nodes[ix], ix, &graph)).collect();
        Self { document, graph, reads }
    }

    /// The node at this position.
    pub fn node(&self, ix: NodeIx) -> &Node {
        &self.document.graph.nodes[ix]
    }

    /// The nodes whose outputs the node's expressions may read.
    pub(crate) fn reads(&self, ix: NodeIx) -> &[NodeIx] {
        &self.reads[ix]
    }
}

/// The ancestors that a node's expressions name; all of them if an expression computes the name.
fn reads(node: &Node, ix: NodeIx, graph: &Graph) -> Vec<NodeIx> {
    let references = match &node.kind {
        NodeKind::Agent(agent) => {
            let recall = agent.memory.as_ref().and_then(|memory| memory.recall.as_ref());
            let mut found: Vec<_> =
                [Some(agent.prompt.as_str()), agent.system.as_deref(), recall.map(|r| r.query.as_str())]
                    .into_iter()
                    .flatten()
                    .flat_map(template::references)
                    .collect();
            found.extend(agent.checks.iter().flat_map(|check| condition::references(check)));
            found
        }
        NodeKind::Conditional(config) => {
            config.cases.iter().flat_map(|case| condition::references(&case.when)).collect()
        }
        NodeKind::Tool(tool) => match &tool.tool {
            Tool::Template { template } => template::references(template),
            _ => return graph.ancestors(ix),
        },
    };
    let mut read = Vec::new();
    for reference in references.iter().filter(|reference| reference.root == "nodes") {
        match reference.path.first() {
            Some(id) => read.extend(graph.index(id)),
            None => return graph.ancestors(ix),
        }
    }
    read.sort_unstable();
    read.dedup();
    read
}
