//! A document made ready to run: its graph, and each node's expressions compiled once.
//! Not here: whether the document is valid (`nexus-plan` has said so before).

use nexus_expr::{Condition, Reference, Schema, Template};
use nexus_model::{
    Document,
    document::{AgentConfig, Node, NodeKind, Tool},
    graph::{Graph, NodeIx},
    limits::Limits,
};

/// A document made ready to run.
#[derive(Debug)]
pub struct Definition {
    /// The document.
    pub document: Document,
    /// Its graph.
    pub graph: Graph,
    nodes: Vec<Prepared>,
    /// Sizes that outputs are held to.
    pub(crate) limits: Limits,
}

/// A compiled expression, or why it cannot be compiled; then the node that needs it fails, and only that node.
type Ready<T> = Result<T, nexus_expr::Error>;

/// A node's expressions.
#[derive(Debug)]
struct Prepared {
    expressions: Expressions,
    /// The nodes whose outputs the expressions may read.
    reads: Vec<NodeIx>,
}

/// Expressions by kind of node.
#[derive(Debug)]
pub(crate) enum Expressions {
    Agent(Box<AgentExpressions>),
    /// One condition per case.
    Conditional(Vec<Ready<Condition>>),
    Template(Box<Ready<Template>>),
    /// A tool that this version does not have.
    None,
}

/// An agent's expressions.
#[derive(Debug)]
pub(crate) struct AgentExpressions {
    pub(crate) system: Option<Ready<Template>>,
    pub(crate) prompt: Ready<Template>,
    pub(crate) schema: Option<Ready<Schema>>,
    pub(crate) checks: Vec<Ready<Condition>>,
}

impl Definition {
    /// Prepares a document.
    pub fn new(document: Document, limits: &Limits) -> Self {
        let graph = Graph::new(&document);
        let nodes = document.graph.nodes.iter().enumerate();
        let nodes = nodes.map(|(ix, node)| Prepared::new(node, ix, &graph)).collect();
        Self { document, graph, nodes, limits: *limits }
    }

    /// The node at this position.
    pub fn node(&self, ix: NodeIx) -> &Node {
        &self.document.graph.nodes[ix]
    }

    pub(crate) fn expressions(&self, ix: NodeIx) -> &Expressions {
        &self.nodes[ix].expressions
    }

    /// The nodes whose outputs the node's expressions may read.
    pub(crate) fn reads(&self, ix: NodeIx) -> &[NodeIx] {
        &self.nodes[ix].reads
    }
}

impl Prepared {
    fn new(node: &Node, ix: NodeIx, graph: &Graph) -> Self {
        let expressions = match &node.kind {
            NodeKind::Agent(agent) => Expressions::Agent(Box::new(AgentExpressions::new(agent))),
            NodeKind::Conditional(config) => Expressions::Conditional(
                config.cases.iter().map(|case| Condition::compile(&case.when)).collect(),
            ),
            NodeKind::Tool(tool) => match &tool.tool {
                Tool::Template { template } => Expressions::Template(Box::new(Template::compile(template))),
                _ => Expressions::None,
            },
        };
        let reads = reads(&expressions, ix, graph);
        Self { expressions, reads }
    }
}

impl AgentExpressions {
    fn new(agent: &AgentConfig) -> Self {
        Self {
            system: agent.system.as_deref().map(Template::compile),
            prompt: Template::compile(&agent.prompt),
            schema: agent.output_schema.as_ref().map(Schema::compile),
            checks: agent.checks.iter().map(|check| Condition::compile(check)).collect(),
        }
    }
}

/// The nodes that the expressions name; all ancestors if an expression computes the name.
fn reads(expressions: &Expressions, ix: NodeIx, graph: &Graph) -> Vec<NodeIx> {
    let mut references: Vec<&Reference> = Vec::new();
    match expressions {
        Expressions::None => {}
        Expressions::Template(template) => references.extend(template.iter().flat_map(Template::references)),
        Expressions::Conditional(cases) => {
            references.extend(cases.iter().flatten().flat_map(Condition::references))
        }
        Expressions::Agent(agent) => {
            let templates = agent.system.iter().chain([&agent.prompt]).flatten();
            references.extend(templates.flat_map(Template::references));
            references.extend(agent.checks.iter().flatten().flat_map(Condition::references));
        }
    }
    let mut read = Vec::new();
    for reference in references.into_iter().filter(|reference| reference.root() == "nodes") {
        match reference.members().first() {
            Some(id) => read.extend(graph.index(id)),
            None => return graph.ancestors(ix),
        }
    }
    read.sort_unstable();
    read.dedup();
    read
}
