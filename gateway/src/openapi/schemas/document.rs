//! Shapes of workflow documents, and of what is said about them. Not here: executions (`execution`).

use super::AnyObject;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// A workflow document.
#[derive(Serialize, ToSchema)]
pub(crate) struct Document {
    /// Always 1, also if absent.
    #[schema(minimum = 1, maximum = 1, nullable = false)]
    schema_version: Option<u32>,
    /// What people call it.
    #[schema(example = "Research brief", nullable = false)]
    name: Option<String>,
    /// What it is for.
    #[schema(nullable = false)]
    description: Option<String>,
    /// JSON Schema (2020-12) of the inputs.
    #[schema(value_type = Option<AnyObject>)]
    inputs: Option<Value>,
    /// The hard cap of every execution, unless the execution brings its own.
    budget: Option<Budget>,
    /// Nodes and edges.
    graph: Graph,
}

/// A spending limit.
#[derive(Serialize, ToSchema)]
pub(crate) struct Budget {
    /// Hard cap in dollars.
    #[schema(minimum = 0)]
    limit_usd: Option<f64>,
    /// Fraction of the limit at which to warn; 0.8 if absent.
    #[schema(minimum = 0, maximum = 1, nullable = false)]
    warn_at: Option<f64>,
    /// What to do when the next call does not fit; `stop` if absent.
    #[schema(nullable = false)]
    on_exhausted: Option<OnExhausted>,
}

/// What to do when the next call does not fit the budget.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnExhausted {
    /// Stop the execution; it can be resumed with a higher limit.
    Stop,
    /// Take the cheapest fallback that fits, else stop.
    Degrade,
}

/// Nodes and edges.
#[derive(Serialize, ToSchema)]
pub(crate) struct Graph {
    /// The nodes, 500 at most.
    nodes: Vec<Node>,
    /// The edges, 2,000 at most.
    #[schema(nullable = false)]
    edges: Option<Vec<Edge>>,
}

/// A node.
#[derive(Serialize, ToSchema)]
pub(crate) struct Node {
    /// Its name within the workflow.
    #[schema(pattern = "^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
    id: String,
    /// What it does.
    #[serde(rename = "type")]
    kind: NodeType,
    /// What people call it.
    #[schema(nullable = false)]
    name: Option<String>,
    /// Where a builder draws it.
    position: Option<Position>,
    /// As `type` says.
    config: Config,
    /// What happens when it fails, and what it may spend.
    #[schema(nullable = false)]
    policy: Option<Policy>,
}

/// The three kinds of nodes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NodeType {
    /// Calls a model.
    Agent,
    /// Does something without a model.
    Tool,
    /// Chooses a branch.
    Conditional,
}

/// A node's configuration, as its `type` says.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Config {
    Agent(AgentConfig),
    Tool(ToolConfig),
    Conditional(ConditionalConfig),
}

/// Where a builder draws a node, pixels.
#[derive(Serialize, ToSchema)]
pub(crate) struct Position {
    x: f64,
    y: f64,
}

/// An agent: one call of a model, or a loop over tool calls.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgentConfig {
    /// `provider/model`.
    #[schema(example = "openai/gpt-5.6-luna")]
    model: String,
    /// Models to try, in order, when `model` keeps failing.
    #[schema(nullable = false)]
    fallbacks: Option<Vec<String>>,
    /// Template of the system message.
    system: Option<String>,
    /// Template of the user message.
    prompt: String,
    /// Sampling temperature.
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f64>,
    /// Most tokens of the answer; 1024 if absent.
    #[schema(nullable = false)]
    max_tokens: Option<u32>,
    /// JSON Schema (2020-12) that the answer must satisfy; the output is then the value itself.
    #[schema(value_type = Option<AnyObject>)]
    output_schema: Option<Value>,
    /// CEL conditions over the `output` that must all hold.
    #[schema(nullable = false)]
    checks: Option<Vec<String>>,
    /// What to remember and recall.
    memory: Option<AgentMemory>,
    /// Most rounds of tool calls; 8 if absent.
    #[schema(nullable = false)]
    max_tool_rounds: Option<u32>,
    /// Whether a kept answer to exactly the same question is taken, for nothing.
    cache: Option<AgentCache>,
}

/// Kept answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgentCache {
    /// Oldest answer that is taken; also how long new ones are kept.
    #[schema(minimum = 1, maximum = 31_622_400)]
    ttl_seconds: u64,
}

/// An agent's use of memory.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgentMemory {
    /// What to look up before the call.
    recall: Option<Recall>,
    /// Whether to keep the answer.
    #[schema(nullable = false)]
    store: Option<bool>,
}

/// A look-up in memory.
#[derive(Serialize, ToSchema)]
pub(crate) struct Recall {
    /// Template of the query.
    query: String,
    /// Most entries; 5 if absent.
    #[schema(nullable = false)]
    top_k: Option<u32>,
    /// Which entries; `execution` if absent.
    #[schema(nullable = false)]
    scope: Option<MemoryScope>,
}

/// Which memory entries belong together.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MemoryScope {
    Execution,
    Workflow,
    Global,
}

/// A branch: the first true case, else `else`.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConditionalConfig {
    /// The cases, in order.
    cases: Vec<Case>,
    /// The handle when no case is true.
    #[schema(nullable = false)]
    r#else: Option<String>,
}

/// One case of a branch.
#[derive(Serialize, ToSchema)]
pub(crate) struct Case {
    /// The handle to take.
    handle: String,
    /// The CEL condition.
    when: String,
}

/// The kinds of tools.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToolName {
    HttpRequest,
    Scraper,
    MemoryStore,
    MemoryRecall,
    Python,
    Template,
}

/// A tool. Beside the members that all tools have, `http_request` takes `method`, `url`, `headers`, `body`,
/// `fail_on_error_status`; `scraper` takes `job_id`; `memory_store` takes `text`, `scope`, `metadata`;
/// `memory_recall` takes `query`, `top_k`, `scope`; `python` takes `code`, `inputs`; `template` takes `template`.
#[derive(Serialize, ToSchema)]
pub(crate) struct ToolConfig {
    /// Which tool.
    tool: ToolName,
    /// What a model is told that it does, when it is attached to an agent.
    description: Option<String>,
    /// JSON Schema of the arguments that a model may give.
    #[schema(value_type = Option<AnyObject>)]
    parameters: Option<Value>,
    /// Whether doing it twice is the same as doing it once.
    #[schema(nullable = false)]
    idempotent: Option<bool>,
    /// The tool's own members.
    #[serde(flatten)]
    own: BTreeMap<String, Value>,
}

/// What happens when a node fails, and what it may spend.
#[derive(Serialize, ToSchema)]
pub(crate) struct Policy {
    /// Longest attempt, seconds; 60 if absent.
    #[schema(nullable = false)]
    timeout_seconds: Option<f64>,
    /// Retries of the same model.
    #[schema(nullable = false)]
    retry: Option<Retry>,
    /// What a final failure means for the rest; `fail` if absent.
    #[schema(nullable = false)]
    on_error: Option<OnError>,
    /// The output with `on_error: default`.
    default_output: Option<Value>,
    /// Cap for this node in dollars.
    #[schema(minimum = 0)]
    budget_usd: Option<f64>,
    /// When the node is ready; `all` if absent.
    #[schema(nullable = false)]
    join: Option<Join>,
    /// Whom to send back to work when this node rejects.
    backtrack: Option<Backtrack>,
}

/// Retries with growing pauses.
#[derive(Serialize, ToSchema)]
pub(crate) struct Retry {
    /// Most attempts with one model, the first included; 3 if absent.
    #[schema(nullable = false)]
    max_attempts: Option<u32>,
    /// Pause before the second attempt; 500 if absent.
    #[schema(nullable = false)]
    initial_interval_ms: Option<u64>,
    /// Growth of the pause; 2 if absent.
    #[schema(nullable = false)]
    factor: Option<f64>,
    /// Longest pause; 60000 if absent.
    #[schema(nullable = false)]
    max_interval_ms: Option<u64>,
    /// Whether a pause is a random part of its length; true if absent.
    #[schema(nullable = false)]
    jitter: Option<bool>,
}

/// What a final failure means for the rest.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnError {
    /// Dependents are skipped, other branches go on, the execution ends failed.
    Fail,
    /// Dependents go on with `null`.
    Continue,
    /// Dependents go on with `default_output`.
    Default,
}

/// When a node is ready.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Join {
    /// When every incoming edge is decided and one is taken.
    All,
    /// At the first taken edge.
    Any,
}

/// Whom to send back to work, and how often.
#[derive(Serialize, ToSchema)]
pub(crate) struct Backtrack {
    /// The upstream node to run again.
    to: String,
    /// Most rejections; 2 if absent.
    #[schema(nullable = false)]
    max: Option<u32>,
}

/// An edge.
#[derive(Serialize, ToSchema)]
pub(crate) struct Edge {
    /// Its name.
    #[schema(nullable = false)]
    id: Option<String>,
    /// From this node.
    source: String,
    /// To this node.
    target: String,
    /// Which case of a conditional it belongs to.
    source_handle: Option<String>,
    /// `tools` attaches a tool to an agent.
    target_handle: Option<String>,
}

/// A stored workflow at one version: the document's members stand beside these.
#[derive(Serialize, ToSchema)]
pub(crate) struct Workflow {
    /// Its id.
    id: Uuid,
    /// Version, from 1.
    #[schema(minimum = 1)]
    version: u32,
    /// When the workflow was first saved.
    #[schema(format = DateTime)]
    created_at: String,
    /// When this version was saved.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Whether it can be executed; false only for drafts.
    valid: bool,
    /// What stands in the way of executing a draft.
    #[schema(nullable = false)]
    problems: Option<Vec<Problem>>,
    /// The document.
    #[serde(flatten)]
    document: Document,
}

/// One entry of a workflow's history.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionInfo {
    /// Version, from 1.
    version: u32,
    /// When it was saved.
    #[schema(format = DateTime)]
    created_at: String,
    /// The document's name at that version.
    name: String,
    /// Whether it can be executed.
    valid: bool,
}

/// The verdict on a document: valid exactly when there are no errors.
#[derive(Serialize, ToSchema)]
pub(crate) struct Report {
    /// Whether the document may be saved and run.
    valid: bool,
    /// Everything that must be mended.
    errors: Vec<Problem>,
    /// Everything worth knowing.
    warnings: Vec<Problem>,
}

/// One error or warning about a document.
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Stable code.
    #[schema(example = "cycle")]
    code: String,
    /// JSON Pointer into the document; empty for the whole of it.
    #[schema(example = "/graph/nodes/0/config/prompt")]
    path: String,
    /// The node concerned, if it is about one.
    #[schema(required)]
    node_id: Option<String>,
    /// What is wrong, in a sentence.
    message: String,
    /// What to do about it, in a sentence.
    #[schema(required)]
    suggestion: Option<String>,
}

/// How a workflow's nodes can run.
#[derive(Serialize, ToSchema)]
pub(crate) struct Plan {
    /// Nodes by depth. For display; there are no barriers.
    groups: Vec<Vec<String>>,
    /// A longest chain of dependent nodes, in order.
    critical_path: Vec<String>,
    /// The most nodes that one group holds.
    max_parallelism: u64,
    /// Steps in the plan; attached tools are no steps.
    node_count: u64,
}

/// What to estimate, with the document itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct EstimateDocument {
    /// The document.
    document: Document,
    /// Inputs of the run; `{}` if absent.
    #[schema(value_type = Option<AnyObject>)]
    inputs: Option<Value>,
    /// Fields that replace those of the document's budget.
    budget: Option<Budget>,
}

/// What to estimate of a stored workflow.
#[derive(Serialize, ToSchema)]
pub(crate) struct EstimateStored {
    /// Inputs of the run; `{}` if absent.
    #[schema(value_type = Option<AnyObject>)]
    inputs: Option<Value>,
    /// Fields that replace those of the document's budget.
    budget: Option<Budget>,
}

/// What a run may cost.
#[derive(Serialize, ToSchema)]
pub(crate) struct Estimate {
    /// Least, if everything succeeds at once: only nodes that run in any case.
    min_usd: f64,
    /// To be expected.
    expected_usd: f64,
    /// A true upper bound of one run, without resumes: retries, fallbacks, rounds of tools, repeated questions and
    /// backtracks included. The budget is not taken into account. At most nine million, which stand for more.
    max_usd: f64,
    /// Expected tokens.
    tokens: super::Tokens,
    /// The same per node.
    nodes: Vec<NodeEstimate>,
    /// Whether even the upper bounds are within the budgets, of the run and of single nodes; true without any. If not,
    /// the run may still fit: see `likely_fits`.
    fits_budget: bool,
    /// Whether what is to be expected is within the budgets; true without any.
    likely_fits: bool,
    /// The limit that was compared with, if there is one.
    #[schema(required)]
    limit_usd: Option<f64>,
    /// Ended runs of the workflow that were learned from.
    history_runs: u32,
}

/// What a node may cost.
#[derive(Serialize, ToSchema)]
pub(crate) struct NodeEstimate {
    /// The node.
    node_id: String,
    /// Least; zero if the node may be skipped.
    min_usd: f64,
    /// To be expected, weighted with `probability`.
    expected_usd: f64,
    /// Upper bound.
    max_usd: f64,
    /// Expected tokens, weighted with `probability`.
    tokens: super::Tokens,
    /// How likely the node runs.
    #[schema(minimum = 0, maximum = 1)]
    probability: f64,
    /// What the expectation rests on.
    basis: EstimateBasis,
    /// Whether all of its models have a price; the others count as free.
    priced: bool,
}

/// What an expectation rests on: assumptions (no run of this node with this model is known), earlier runs, or nothing
/// that costs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EstimateBasis {
    /// No run of this node with this model is known.
    Assumed,
    /// Earlier runs of this node with this model.
    History,
    /// Nothing to pay for.
    Free,
}
