//! The workflow document of contract section 3 as types, with its defaults. Reading it here is strict but stops
//! at the first mistake; `nexus-plan` reports all of them at once, with paths.
//! Not here: validation beyond the shape, the graph's structure (`graph`).

mod policy;
mod tool;

pub use policy::{Backtrack, Join, OnError, Policy, Retry};
pub use tool::{Tool, ToolConfig};

use crate::{Money, NodeId};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The only schema version so far.
pub const SCHEMA_VERSION: u32 = 1;

/// The handle through which a tool is attached to an agent instead of being a step.
pub const TOOLS_HANDLE: &str = "tools";

/// A workflow document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Always 1.
    #[serde(default = "defaults::schema_version")]
    pub schema_version: u32,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// JSON Schema (2020-12) of the inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
    /// The hard cap of every execution, unless the execution brings its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Nodes and edges.
    pub graph: GraphSpec,
}

/// A spending limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Hard cap in dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_usd: Option<Money>,
    /// Fraction of the limit at which to warn, 0 to 1.
    #[serde(default = "defaults::warn_at")]
    pub warn_at: f64,
    /// What to do when the next call does not fit.
    #[serde(default)]
    pub on_exhausted: OnExhausted,
}

/// Fields of a budget that an execution replaces; absent ones stay as the document has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetOverride {
    /// Hard cap in dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_usd: Option<Money>,
    /// Fraction of the limit at which to warn, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_at: Option<f64>,
    /// What to do when the next call does not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_exhausted: Option<OnExhausted>,
}

impl Budget {
    /// `document`'s budget with the fields of `overrides` in place of its own; `None` if neither says anything.
    pub fn merged(document: Option<Budget>, overrides: Option<BudgetOverride>) -> Option<Budget> {
        let Some(overrides) = overrides else { return document };
        let base = document.unwrap_or(Budget {
            limit_usd: None,
            warn_at: defaults::warn_at(),
            on_exhausted: OnExhausted::default(),
        });
        Some(Budget {
            limit_usd: overrides.limit_usd.or(base.limit_usd),
            warn_at: overrides.warn_at.unwrap_or(base.warn_at),
            on_exhausted: overrides.on_exhausted.unwrap_or(base.on_exhausted),
        })
    }
}

/// What to do when the next call does not fit the budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExhausted {
    /// Stop the execution; it can be resumed with a higher limit.
    #[default]
    Stop,
    /// Take the cheapest fallback that fits, else stop.
    Degrade,
}

/// Nodes and edges as listed in the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphSpec {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The edges.
    #[serde(default)]
    pub edges: Vec<Edge>,
}

/// The three kinds of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeType {
    /// Calls a model.
    Agent,
    /// Does something without a model.
    Tool,
    /// Chooses a branch.
    Conditional,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// Its name within the workflow.
    pub id: NodeId,
    /// What it does.
    #[serde(flatten)]
    pub kind: NodeKind,
    /// What people call it.
    pub name: String,
    /// Where a builder draws it.
    pub position: Option<Position>,
    /// What happens when it fails, and what it may spend.
    pub policy: Policy,
}

impl Node {
    /// Its kind without the configuration.
    pub fn node_type(&self) -> NodeType {
        match self.kind {
            NodeKind::Agent(_) => NodeType::Agent,
            NodeKind::Tool(_) => NodeType::Tool,
            NodeKind::Conditional(_) => NodeType::Conditional,
        }
    }
}

/// What a node does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", content = "config", rename_all = "snake_case")]
pub enum NodeKind {
    /// Calls a model.
    Agent(Box<AgentConfig>),
    /// Does something without a model.
    Tool(Box<ToolConfig>),
    /// Chooses a branch.
    Conditional(ConditionalConfig),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `flatten` and `deny_unknown_fields` exclude each other in serde, hence the detour.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            id: NodeId,
            r#type: NodeType,
            #[serde(default)]
            name: String,
            #[serde(default)]
            position: Option<Position>,
            config: Value,
            #[serde(default)]
            policy: Policy,
        }
        use serde::de::Error;
        let raw = Raw::deserialize(deserializer)?;
        let kind = match raw.r#type {
            NodeType::Agent => serde_json::from_value(raw.config).map(NodeKind::Agent),
            NodeType::Tool => ToolConfig::from_json(raw.config).map(|tool| NodeKind::Tool(Box::new(tool))),
            NodeType::Conditional => serde_json::from_value(raw.config).map(NodeKind::Conditional),
        };
        Ok(Node {
            id: raw.id,
            kind: kind.map_err(D::Error::custom)?,
            name: raw.name,
            position: raw.position,
            policy: raw.policy,
        })
    }
}

/// Where a builder draws a node.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Rightwards, pixels.
    pub x: f64,
    /// Downwards, pixels.
    pub y: f64,
}

/// An agent: one call of a model, or a loop over tool calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// `provider/model`.
    pub model: String,
    /// Models to try, in order, when `model` keeps failing.
    #[serde(default)]
    pub fallbacks: Vec<String>,
    /// Template of the system message.
    #[serde(default)]
    pub system: Option<String>,
    /// Template of the user message.
    pub prompt: String,
    /// Sampling temperature, 0 to 2.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// Most tokens of the answer.
    #[serde(default = "defaults::max_tokens")]
    pub max_tokens: u32,
    /// JSON Schema (2020-12) that the answer must satisfy; the output is then the value itself.
    #[serde(default)]
    pub output_schema: Option<Value>,
    /// CEL conditions over the `output` that must all hold.
    #[serde(default)]
    pub checks: Vec<String>,
    /// What to remember and recall.
    #[serde(default)]
    pub memory: Option<AgentMemory>,
    /// Most rounds of tool calls.
    #[serde(default = "defaults::max_tool_rounds")]
    pub max_tool_rounds: u32,
    /// Whether a kept answer to exactly the same question is taken, for nothing.
    #[serde(default)]
    pub cache: Option<AgentCache>,
}

/// Kept answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentCache {
    /// Oldest answer that is taken; also how long new ones are kept.
    pub ttl_seconds: u64,
}

/// An agent's use of memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentMemory {
    /// What to look up before the call.
    #[serde(default)]
    pub recall: Option<Recall>,
    /// Whether to keep the answer.
    #[serde(default)]
    pub store: bool,
}

/// A look-up in memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// Template of the query.
    pub query: String,
    /// Most entries.
    #[serde(default = "defaults::top_k")]
    pub top_k: u32,
    /// Which entries.
    #[serde(default)]
    pub scope: MemoryScope,
}

/// Which memory entries belong together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryScope {
    /// Those of the execution.
    #[default]
    Execution,
    /// Those of all executions of the workflow.
    Workflow,
    /// All.
    Global,
}

/// A branch: the first true case, else `else`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionalConfig {
    /// The cases, in order.
    pub cases: Vec<Case>,
    /// The handle when no case is true.
    #[serde(default = "defaults::else_handle")]
    pub r#else: String,
}

/// One case of a branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The handle to take.
    pub handle: String,
    /// The CEL condition.
    pub when: String,
}

/// An edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// Its name; a builder gives it one.
    #[serde(default)]
    pub id: String,
    /// From.
    pub source: NodeId,
    /// To.
    pub target: NodeId,
    /// Which case of a conditional it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_handle: Option<String>,
    /// `tools` attaches a tool to an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_handle: Option<String>,
}

impl Edge {
    /// Whether it attaches a tool to an agent instead of ordering two steps.
    pub fn attaches_tool(&self) -> bool {
        self.target_handle.as_deref() == Some(TOOLS_HANDLE)
    }
}

mod defaults {
    pub(super) fn schema_version() -> u32 {
        super::SCHEMA_VERSION
    }
    pub(super) fn warn_at() -> f64 {
        0.8
    }
    pub(super) fn max_tokens() -> u32 {
        1024
    }
    pub(super) fn max_tool_rounds() -> u32 {
        8
    }
    pub(super) fn top_k() -> u32 {
        5
    }
    pub(super) fn method() -> String {
        "GET".into()
    }
    pub(super) fn else_handle() -> String {
        "else".into()
    }
    pub(super) fn backtrack_max() -> u32 {
        2
    }
    pub(super) fn yes() -> bool {
        true
    }
}
