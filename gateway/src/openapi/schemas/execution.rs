//! Shapes of executions and their events. Not here: workflow documents (`document`).

use super::{AnyObject, Budget, NodeType};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// What to run a workflow with.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExecuteBody {
    /// Its inputs, checked against the document's `inputs` schema; `{}` if absent.
    #[schema(value_type = Option<AnyObject>)]
    inputs: Option<Value>,
    /// Fields that replace those of the document's budget.
    budget: Option<Budget>,
}

/// An object without members.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoMembers {}

/// How to go on.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResumeBody {
    /// Fields that replace those of the execution's budget; `limit_usd` is the new total.
    budget: Option<Budget>,
    /// Run this node and everything downstream of it again.
    from_node: Option<String>,
}

/// What was accepted.
#[derive(Serialize, ToSchema)]
pub(crate) struct Started {
    /// The execution.
    execution_id: Uuid,
    /// Where it stands; `queued` when it is new.
    status: ExecutionStatus,
}

/// Where an execution stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExecutionStatus {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
    BudgetExceeded,
}

/// Where a node or an attempt stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NodeStatus {
    Pending,
    Running,
    Succeeded,
    Failed,
    Skipped,
    Cancelled,
}

/// Tokens used.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// Tokens of the prompt, cached ones included.
    prompt: u64,
    /// Tokens of the answer, reasoning included.
    completion: u64,
}

/// Why an attempt, a node or an execution failed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Failure {
    /// Stable code.
    #[schema(example = "provider_rate_limited")]
    code: String,
    /// What went wrong, in a sentence.
    message: String,
    /// The node where it happened, on an execution's error.
    #[schema(nullable = false)]
    node_id: Option<String>,
}

/// Money of an execution.
#[derive(Serialize, ToSchema)]
pub(crate) struct Spending {
    /// The hard cap, if there is one.
    #[schema(required)]
    limit_usd: Option<f64>,
    /// Settled so far.
    spent_usd: f64,
    /// Held for calls in flight.
    reserved_usd: f64,
}

/// An execution without its nodes.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExecutionSummary {
    /// Its id.
    id: Uuid,
    /// The workflow.
    workflow_id: Uuid,
    /// The version it runs on.
    workflow_version: u32,
    /// The workflow's name when it was started.
    workflow_name: String,
    /// Where it stands.
    status: ExecutionStatus,
    /// Why it failed.
    #[schema(required)]
    error: Option<Failure>,
    /// Its money.
    budget: Spending,
    /// Tokens so far.
    tokens: Tokens,
    /// When it was accepted.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its first run began.
    #[schema(required, format = DateTime)]
    started_at: Option<String>,
    /// When it ended.
    #[schema(required, format = DateTime)]
    finished_at: Option<String>,
}

/// An execution, whole.
#[derive(Serialize, ToSchema)]
pub(crate) struct Execution {
    /// What lists show too.
    #[serde(flatten)]
    summary: ExecutionSummary,
    /// What it was started with.
    inputs: Value,
    /// Outputs of the nodes without outgoing edges that succeeded, by node.
    outputs: BTreeMap<String, Value>,
    /// One entry per node.
    agent_executions: Vec<AgentExecution>,
}

/// A node of an execution, whatever its kind.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgentExecution {
    /// The node.
    node_id: String,
    /// Its kind.
    node_type: NodeType,
    /// Where it stands.
    status: NodeStatus,
    /// Its latest revision, from 1.
    revision: u32,
    /// All tries of all revisions, in order.
    attempts: Vec<Attempt>,
    /// Earlier revisions, oldest first; the latest one is the entry itself.
    revisions: Vec<Revision>,
    /// What the latest revision was told, if the one before was rejected.
    #[schema(nullable = false)]
    feedback: Option<Value>,
    /// What it was given, rendered.
    #[schema(required)]
    input: Option<Value>,
    /// What it produced.
    #[schema(required)]
    output: Option<Value>,
    /// The model that answered.
    #[schema(required)]
    model: Option<String>,
    /// Sum over its attempts.
    tokens: Tokens,
    /// Sum over its attempts.
    cost_usd: f64,
    /// From its start to its end, milliseconds.
    #[schema(required)]
    latency_ms: Option<u64>,
    /// Why it failed.
    #[schema(required)]
    error: Option<Failure>,
    /// When it began.
    #[schema(required, format = DateTime)]
    started_at: Option<String>,
    /// When it settled.
    #[schema(required, format = DateTime)]
    finished_at: Option<String>,
}

/// One try of a node.
#[derive(Serialize, ToSchema)]
pub(crate) struct Attempt {
    /// From 1 within the revision.
    attempt: u32,
    /// From 1 within the node.
    revision: u32,
    /// `provider/model` for agents.
    #[schema(required)]
    model: Option<String>,
    /// The provider for agents.
    #[schema(required)]
    provider: Option<String>,
    /// Where it stands.
    status: NodeStatus,
    /// Why it failed.
    #[schema(required)]
    error: Option<Failure>,
    /// Tokens it used.
    tokens: Tokens,
    /// What it cost.
    cost_usd: f64,
    /// From start to end, milliseconds.
    #[schema(required)]
    latency_ms: Option<u64>,
    /// When it began.
    #[schema(format = DateTime)]
    started_at: String,
    /// When it ended.
    #[schema(required, format = DateTime)]
    finished_at: Option<String>,
    /// The answer, if it was not accepted.
    #[schema(nullable = false)]
    output: Option<Value>,
    /// Uses of attached tools, in order.
    tool_calls: Vec<ToolCall>,
    /// Most tokens that the model's latest answer may have; fewer than the node says where its budget allowed no more.
    #[schema(nullable = false)]
    max_tokens: Option<u32>,
}

/// One use of a tool attached to an agent.
#[derive(Serialize, ToSchema)]
pub(crate) struct ToolCall {
    /// The tool node.
    tool: String,
    /// The arguments; a text if the model did not write JSON.
    args: Value,
    /// The result.
    #[schema(required)]
    output: Option<Value>,
    /// Or why there is none; the model was told.
    #[schema(required)]
    error: Option<String>,
    /// How long it took, milliseconds; null while it is under way.
    #[schema(required)]
    latency_ms: Option<u64>,
}

/// What a node did before its latest revision.
#[derive(Serialize, ToSchema)]
pub(crate) struct Revision {
    /// From 1.
    revision: u32,
    /// How it ended.
    status: NodeStatus,
    /// What it was given, rendered.
    #[schema(required)]
    input: Option<Value>,
    /// What it produced.
    #[schema(required)]
    output: Option<Value>,
    /// Why it failed.
    #[schema(required)]
    error: Option<Failure>,
    /// What it was told, if the revision before was rejected.
    #[schema(required)]
    feedback: Option<Value>,
    /// When it began.
    #[schema(required, format = DateTime)]
    started_at: Option<String>,
    /// When it settled.
    #[schema(required, format = DateTime)]
    finished_at: Option<String>,
}

/// The kinds of stored events.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventType {
    ExecutionStarted,
    AgentStarted,
    AgentRetrying,
    AgentBacktracked,
    AgentCompleted,
    AgentFailed,
    AgentSkipped,
    BudgetWarning,
    BudgetExceeded,
    ExecutionCompleted,
}

/// A stored event.
#[derive(Serialize, ToSchema)]
pub(crate) struct Event {
    /// 1, 2, 3 … within the execution, without gaps, across resumes.
    seq: u64,
    /// The execution.
    execution_id: Uuid,
    /// What happened.
    #[serde(rename = "type")]
    kind: EventType,
    /// The node concerned, if any.
    #[schema(required)]
    agent_id: Option<String>,
    /// Details, by type.
    #[schema(value_type = AnyObject)]
    data: Value,
    /// When.
    #[schema(format = DateTime)]
    timestamp: String,
}

/// The type of a live piece of text.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeltaType {
    AgentOutputDelta,
}

/// The next piece of text.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeltaData {
    /// The text.
    text: String,
    /// Which revision of the node speaks, from 1.
    revision: u32,
    /// Which attempt speaks, from 1; a higher one starts its text afresh.
    attempt: u32,
}

/// A piece of an agent's answer while it is being written: live only, never stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct Delta {
    /// The execution.
    execution_id: Uuid,
    /// Always `agent_output_delta`.
    #[serde(rename = "type")]
    kind: DeltaType,
    /// The agent that speaks.
    agent_id: String,
    /// What it says.
    data: DeltaData,
    /// When.
    #[schema(format = DateTime)]
    timestamp: String,
}

/// What a follower of an execution receives.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum LiveEvent {
    Event(Event),
    Delta(Delta),
}
