//! A document made ready to run: its graph, its prices, and each node's expressions compiled once.
//! Not here: whether the document is valid (`nexus-plan` has said so before).

use crate::{Mark, conversation::ToolSpec};
use nexus_expr::{Condition, Reference, Schema, Template, ValueTemplate};
use nexus_model::{
    Document,
    document::{AgentConfig, Node, NodeKind, Tool, ToolConfig},
    graph::{Graph, NodeIx},
    limits::Limits,
    price::{EmbeddingModel, PriceBook},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

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
    /// What models cost.
    pub(crate) prices: Arc<PriceBook>,
    /// The model that turns memory's texts into vectors; `None` if nobody knows which.
    pub(crate) embedding: Option<EmbeddingModel>,
    /// What stands for secrets in what is rendered.
    pub(crate) mark: Mark,
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
    Tool(Box<ToolExpressions>),
}

/// An agent's expressions.
#[derive(Debug)]
pub(crate) struct AgentExpressions {
    pub(crate) system: Option<Ready<Template>>,
    pub(crate) prompt: Ready<Template>,
    pub(crate) schema: Option<Ready<Schema>>,
    pub(crate) checks: Vec<Ready<Condition>>,
    /// The query of `memory.recall`.
    pub(crate) recall: Option<Ready<Template>>,
    /// Whether the messages say themselves where memory's entries go.
    pub(crate) shows_memory: bool,
    /// Whether the messages say themselves where feedback goes.
    pub(crate) shows_feedback: bool,
    /// The functions it may call.
    pub(crate) tools: Vec<AttachedTool>,
}

/// A tool attached to an agent.
#[derive(Debug)]
pub(crate) struct AttachedTool {
    pub(crate) node: NodeIx,
    pub(crate) spec: ToolSpec,
    pub(crate) parameters: Ready<Schema>,
    /// The nodes whose outputs it may read when this agent uses it.
    pub(crate) reads: Vec<NodeIx>,
}

/// A tool's expressions.
#[derive(Debug)]
pub(crate) enum ToolExpressions {
    Http {
        url: Ready<Template>,
        headers: BTreeMap<String, Ready<Template>>,
        body: Option<Ready<ValueTemplate>>,
    },
    MemoryStore {
        text: Ready<Template>,
        metadata: Ready<ValueTemplate>,
    },
    MemoryRecall {
        query: Ready<Template>,
    },
    Python {
        inputs: Ready<ValueTemplate>,
    },
    Template(Ready<Template>),
    Scraper,
}

impl Definition {
    /// Prepares a document, with the built-in prices and no model for memory.
    pub fn new(document: Document, limits: &Limits) -> Self {
        Self::priced(document, limits, PriceBook::builtin(), None)
    }

    /// Prepares a document. `embedding` is the model memory uses; looking up and keeping texts is paid by its price.
    pub fn priced(
        document: Document,
        limits: &Limits,
        prices: Arc<PriceBook>,
        embedding: Option<EmbeddingModel>,
    ) -> Self {
        let graph = Graph::new(&document);
        let nodes = (0..document.graph.nodes.len()).map(|ix| Prepared::new(&document, ix, &graph)).collect();
        let mark = Mark::default();
        Self { document, graph, nodes, limits: *limits, prices, embedding, mark }
    }

    /// With a mark for secrets; without one they cannot be used.
    #[must_use]
    pub fn with_mark(self, mark: Mark) -> Self {
        Self { mark, ..self }
    }

    /// The node at this position.
    pub fn node(&self, ix: NodeIx) -> &Node {
        &self.document.graph.nodes[ix]
    }

    pub(crate) fn expressions(&self, ix: NodeIx) -> &Expressions {
        &self.nodes[ix].expressions
    }

    /// The agent and its expressions, if the node is one.
    pub(crate) fn agent(&self, ix: NodeIx) -> Option<(&AgentConfig, &AgentExpressions)> {
        match (&self.node(ix).kind, self.expressions(ix)) {
            (NodeKind::Agent(agent), Expressions::Agent(expressions)) => Some((agent, expressions)),
            _ => None,
        }
    }

    /// The tool and its expressions, if the node is one.
    pub(crate) fn tool(&self, ix: NodeIx) -> Option<(&ToolConfig, &ToolExpressions)> {
        match (&self.node(ix).kind, self.expressions(ix)) {
            (NodeKind::Tool(tool), Expressions::Tool(expressions)) => Some((tool, expressions)),
            _ => None,
        }
    }

    /// The nodes whose outputs the node's expressions may read.
    pub(crate) fn reads(&self, ix: NodeIx) -> &[NodeIx] {
        &self.nodes[ix].reads
    }
}

impl Prepared {
    fn new(document: &Document, ix: NodeIx, graph: &Graph) -> Self {
        let expressions = match &document.graph.nodes[ix].kind {
            NodeKind::Agent(agent) => {
                let tools = graph.attached_tools(ix).iter();
                let tools = tools.filter_map(|tool| AttachedTool::new(document, *tool, ix, graph)).collect();
                Expressions::Agent(Box::new(AgentExpressions::new(agent, tools)))
            }
            NodeKind::Conditional(config) => Expressions::Conditional(
                config.cases.iter().map(|case| Condition::compile(&case.when)).collect(),
            ),
            NodeKind::Tool(tool) => Expressions::Tool(Box::new(ToolExpressions::new(&tool.tool))),
        };
        let reads = reads(&expressions, ix, graph);
        Self { expressions, reads }
    }
}

impl AgentExpressions {
    fn new(agent: &AgentConfig, tools: Vec<AttachedTool>) -> Self {
        let recall = agent.memory.as_ref().and_then(|memory| memory.recall.as_ref());
        let mut expressions = Self {
            system: agent.system.as_deref().map(Template::compile),
            prompt: Template::compile(&agent.prompt),
            schema: agent.output_schema.as_ref().map(Schema::compile),
            checks: agent.checks.iter().map(|check| Condition::compile(check)).collect(),
            recall: recall.map(|recall| Template::compile(&recall.query)),
            shows_memory: false,
            shows_feedback: false,
            tools,
        };
        let mentions = |root: &str| {
            let messages = expressions.system.iter().chain([&expressions.prompt]).flatten();
            messages.flat_map(Template::references).any(|reference| reference.root() == root)
        };
        (expressions.shows_memory, expressions.shows_feedback) = (mentions("memory"), mentions("feedback"));
        expressions
    }
}

impl AttachedTool {
    fn new(document: &Document, ix: NodeIx, agent: NodeIx, graph: &Graph) -> Option<Self> {
        let node = &document.graph.nodes[ix];
        let NodeKind::Tool(tool) = &node.kind else { return None };
        let parameters =
            tool.parameters.clone().unwrap_or_else(|| json!({ "type": "object", "properties": {} }));
        let description = tool.description.clone().unwrap_or_else(|| {
            if node.name.is_empty() {
                format!("Runs the tool {}.", tool.tool.name())
            } else {
                node.name.clone()
            }
        });
        let schema = Schema::compile(&parameters);
        let spec = ToolSpec { name: node.id.to_string(), description, parameters };
        let reads = named(ToolExpressions::new(&tool.tool).references(), graph);
        let reads = reads.unwrap_or_else(|| graph.ancestors(agent));
        Some(Self { node: ix, spec, parameters: schema, reads })
    }
}

impl ToolExpressions {
    fn new(tool: &Tool) -> Self {
        match tool {
            Tool::HttpRequest { url, headers, body, .. } => Self::Http {
                url: Template::compile(url),
                headers: headers
                    .iter()
                    .map(|(name, value)| (name.clone(), Template::compile(value)))
                    .collect(),
                body: body.as_ref().map(ValueTemplate::compile),
            },
            Tool::MemoryStore { text, metadata, .. } => Self::MemoryStore {
                text: Template::compile(text),
                metadata: ValueTemplate::compile(&Value::Object(metadata.clone())),
            },
            Tool::MemoryRecall { query, .. } => Self::MemoryRecall { query: Template::compile(query) },
            Tool::Python { inputs, .. } => {
                Self::Python { inputs: ValueTemplate::compile(&Value::Object(inputs.clone())) }
            }
            Tool::Template { template } => Self::Template(Template::compile(template)),
            Tool::Scraper { .. } => Self::Scraper,
        }
    }

    /// The names of the secrets that it prints; only requests and programs may.
    pub(crate) fn secrets(&self) -> Vec<String> {
        if !matches!(self, Self::Http { .. } | Self::Python { .. }) {
            return Vec::new();
        }
        let references = self.references().into_iter().filter(|reference| reference.root() == "secrets");
        references.filter_map(|reference| reference.members().first().cloned()).collect()
    }

    fn references(&self) -> Vec<Reference> {
        let of = |template: &Ready<Template>| {
            template.iter().flat_map(Template::references).cloned().collect::<Vec<_>>()
        };
        let within = |value: &Ready<ValueTemplate>| {
            value.iter().flat_map(ValueTemplate::references).collect::<Vec<_>>()
        };
        match self {
            Self::Http { url, headers, body } => {
                let headers = headers.values().flat_map(of);
                of(url).into_iter().chain(headers).chain(body.iter().flat_map(within)).collect()
            }
            Self::MemoryStore { text, metadata } => of(text).into_iter().chain(within(metadata)).collect(),
            Self::MemoryRecall { query } => of(query),
            Self::Python { inputs } => within(inputs),
            Self::Template(template) => of(template),
            Self::Scraper => Vec::new(),
        }
    }
}

/// The nodes that the expressions name; all ancestors if an expression computes the name.
fn reads(expressions: &Expressions, ix: NodeIx, graph: &Graph) -> Vec<NodeIx> {
    let mut references: Vec<Reference> = Vec::new();
    match expressions {
        Expressions::Tool(tool) => references.extend(tool.references()),
        Expressions::Conditional(cases) => {
            references.extend(cases.iter().flatten().flat_map(Condition::references).cloned())
        }
        Expressions::Agent(agent) => {
            let templates = agent.system.iter().chain([&agent.prompt]).chain(&agent.recall).flatten();
            references.extend(templates.flat_map(Template::references).cloned());
            references.extend(agent.checks.iter().flatten().flat_map(Condition::references).cloned());
        }
    }
    // What is attached is read through the agents that use it.
    if graph.is_attached(ix) {
        return Vec::new();
    }
    named(references, graph).unwrap_or_else(|| graph.ancestors(ix))
}

/// The nodes that the references name; `None` if one computes the name.
fn named(references: Vec<Reference>, graph: &Graph) -> Option<Vec<NodeIx>> {
    let mut read = Vec::new();
    for reference in references.into_iter().filter(|reference| reference.root() == "nodes") {
        read.extend(graph.index(reference.members().first()?));
    }
    read.sort_unstable();
    read.dedup();
    Some(read)
}
