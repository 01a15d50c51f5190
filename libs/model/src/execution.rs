//! An execution as outsiders see it (contract section 4). Not here: the state that decides what happens next
//! (`nexus-engine`), from which this view is made.

use crate::{ExecutionId, Money, NodeId, Timestamp, WorkflowId, document::NodeType};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStatus {
    /// Accepted, not begun.
    Queued,
    /// Being worked on.
    Running,
    /// Ended: every node settled and none failed unhandled.
    Succeeded,
    /// Ended: a node failed with `on_error: fail`.
    Failed,
    /// Ended on request.
    Cancelled,
    /// Ended because the next paid call does not fit the budget; resumable with a higher limit.
    BudgetExceeded,
}

impl ExecutionStatus {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::BudgetExceeded];

    /// Whether nothing more happens unless it is resumed.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::BudgetExceeded => "budget_exceeded",
        }
    }

    /// The status with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// Where a node or an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// Waiting for its dependencies.
    Pending,
    /// Being worked on, or waiting for its next attempt.
    Running,
    /// Has an output.
    Succeeded,
    /// Has an error.
    Failed,
    /// Will not run: nothing leads to it.
    Skipped,
    /// Was running when the execution was cancelled or stopped.
    Cancelled,
}

impl NodeStatus {
    /// Whether the node waits for nothing any more.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// Tokens used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Tokens of the prompt, cached ones included.
    pub prompt: u64,
    /// Tokens of the answer, reasoning included.
    pub completion: u64,
}

impl Tokens {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Tokens) -> Tokens {
        Tokens { prompt: self.prompt + other.prompt, completion: self.completion + other.completion }
    }
}

/// Why an attempt, a node or an execution failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable code, `snake_case`, e.g. `timeout`, `provider_rate_limited`, `schema_violation`.
    pub code: String,
    /// What went wrong, in a sentence.
    pub message: String,
    /// The node where it happened, on an execution's error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<NodeId>,
}

/// Money of an execution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spending {
    /// The hard cap, if there is one.
    pub limit_usd: Option<Money>,
    /// Settled so far.
    pub spent_usd: Money,
    /// Held for calls in flight.
    pub reserved_usd: Money,
}

/// One use of a tool attached to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The tool node.
    pub tool: String,
    /// The arguments; a text if the model did not write JSON.
    pub args: Value,
    /// The result.
    pub output: Option<Value>,
    /// Or why there is none; the model was told.
    pub error: Option<String>,
    /// How long it took, milliseconds; absent while it is under way.
    pub latency_ms: Option<u64>,
}

/// What a node did before its latest revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// From 1.
    pub revision: u32,
    /// How it ended.
    pub status: NodeStatus,
    /// What it was given, rendered.
    pub input: Option<Value>,
    /// What it produced.
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// What it was told of the revision before, if that was rejected.
    pub feedback: Option<Value>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it settled.
    pub finished_at: Option<Timestamp>,
}

/// One try of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1 within the revision.
    pub attempt: u32,
    /// From 1 within the node.
    pub revision: u32,
    /// `provider/model` for agents.
    pub model: Option<String>,
    /// The provider for agents.
    pub provider: Option<String>,
    /// Most tokens that the model's latest answer may have; fewer than the node says where its budget allowed no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// `running`, `succeeded`, `failed` or `cancelled`.
    pub status: NodeStatus,
    /// Why it failed.
    pub error: Option<Failure>,
    /// The answer, if it was not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Uses of attached tools, in order.
    #[serde(default)]
    pub tool_calls: Vec<ToolCall>,
    /// Tokens it used.
    pub tokens: Tokens,
    /// What it cost.
    pub cost_usd: Money,
    /// From start to end, milliseconds.
    pub latency_ms: Option<u64>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A node of an execution, whatever its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentExecution {
    /// The node.
    pub node_id: NodeId,
    /// Its kind.
    pub node_type: NodeType,
    /// Where it stands.
    pub status: NodeStatus,
    /// Its latest revision, from 1.
    pub revision: u32,
    /// All tries of all revisions, in order.
    pub attempts: Vec<Attempt>,
    /// Earlier revisions, oldest first; the latest one is the entry itself.
    #[serde(default)]
    pub revisions: Vec<Revision>,
    /// What the latest revision was told, if the one before was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Value>,
    /// What it was given, rendered.
    pub input: Option<Value>,
    /// What it produced.
    pub output: Option<Value>,
    /// The model that answered.
    pub model: Option<String>,
    /// Sum over its attempts.
    pub tokens: Tokens,
    /// Sum over its attempts.
    pub cost_usd: Money,
    /// From its start to its end, milliseconds.
    pub latency_ms: Option<u64>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it settled.
    pub finished_at: Option<Timestamp>,
}

/// An execution without its nodes: what lists show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionSummary {
    /// Its id.
    pub id: ExecutionId,
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// The version it runs on.
    pub workflow_version: u32,
    /// The workflow's name when it was started.
    pub workflow_name: String,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// Why it failed.
    pub error: Option<Failure>,
    /// Its money.
    pub budget: Spending,
    /// Tokens so far.
    pub tokens: Tokens,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its first run began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// An execution, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// What lists show too.
    #[serde(flatten)]
    pub summary: ExecutionSummary,
    /// What it was started with.
    pub inputs: Value,
    /// Outputs of the nodes without outgoing edges that succeeded, by node.
    pub outputs: Map<String, Value>,
    /// One entry per node.
    pub agent_executions: Vec<AgentExecution>,
}
