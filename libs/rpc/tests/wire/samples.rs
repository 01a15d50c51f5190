//! Values with every field set, and with every field that may be absent absent. Not here: who hands them out.

use nexus_api::{
    llm::{
        CompleteRequest, Completion, EmbedRequest, Embedded, FinishReason, Message, ModelInfo, Role,
        StreamItem, ToolCall, ToolChoice, ToolDefinition,
    },
    memory::{EmbeddingModel, Entry, Recalled, Reembedded, Stored},
    planner::{Basis, Estimate, NodeEstimate},
    scraper::{EndpointData, Job, JobStatus, TestResult},
};
use nexus_model::{
    Event, EventType, Execution, ExecutionId, ExecutionStatus, JobId, MemoryId, Money, NodeId, Problem,
    Timestamp, WorkflowId,
    document::{BudgetOverride, NodeType, OnExhausted},
    event::{Delta, WatchItem},
    execution::{
        AgentExecution, Attempt, ExecutionSummary, Failure, NodeStatus, Revision, Spending, Tokens,
        ToolCall as ToolUse,
    },
    price::{Mode, Usage},
    problem::Report,
    workflow::{Page, Plan, VersionInfo, Workflow},
};
use serde_json::{Map, Value, json};

pub(crate) fn workflow_id() -> WorkflowId {
    "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
}

pub(crate) fn execution_id() -> ExecutionId {
    "01890a5d-ac96-774b-bcce-b302099a8058".parse().unwrap()
}

pub(crate) fn job_id() -> JobId {
    "01890a5d-ac96-774b-bcce-b302099a8059".parse().unwrap()
}

pub(crate) fn memory_id() -> MemoryId {
    "01890a5d-ac96-774b-bcce-b302099a805a".parse().unwrap()
}

pub(crate) fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + micros)
}

/// JSON of all kinds, as deep and as odd as it may be.
pub(crate) fn document() -> Value {
    let mut deep = json!(1);
    for _ in 0..60 {
        deep = json!([deep]);
    }
    json!({
        "name": "Übung \u{1F600}", "": "empty key", "null": null, "yes": true, "no": false,
        "numbers": [0, 1, -1, 0.5, -2.25, 9007199254740991_i64, -9007199254740991_i64, 1e300, 5e-324],
        "empty": [{}, [], ""], "deep": deep,
    })
}

pub(crate) fn object() -> Map<String, Value> {
    document().as_object().unwrap().clone()
}

pub(crate) fn budget() -> BudgetOverride {
    BudgetOverride {
        limit_usd: Some(Money::from_picos(500_000_000_001)),
        warn_at: Some(0.8),
        on_exhausted: Some(OnExhausted::Degrade),
    }
}

pub(crate) fn problem() -> Problem {
    Problem {
        code: "cycle".into(),
        path: "/graph/edges/0".into(),
        node_id: Some(node("draft")),
        message: "m".into(),
        suggestion: Some("s".into()),
    }
}

fn bare_problem() -> Problem {
    Problem { node_id: None, suggestion: None, path: String::new(), ..problem() }
}

pub(crate) fn workflow() -> Workflow {
    Workflow {
        id: workflow_id(),
        version: 3,
        created_at: at(1),
        updated_at: Timestamp::from_micros(-1),
        valid: false,
        problems: vec![problem(), bare_problem()],
        document: object(),
    }
}

pub(crate) fn workflows() -> Page<Workflow> {
    let bare = Workflow { valid: true, problems: Vec::new(), document: Map::new(), ..workflow() };
    Page { items: vec![workflow(), bare], next_cursor: Some("next".into()) }
}

pub(crate) fn versions() -> Page<VersionInfo> {
    let info = VersionInfo { version: 2, created_at: at(5), name: "n".into(), valid: true };
    Page { items: vec![info], next_cursor: None }
}

pub(crate) fn report() -> Report {
    Report { valid: false, errors: vec![problem()], warnings: vec![bare_problem()] }
}

pub(crate) fn plan() -> Plan {
    Plan {
        groups: vec![vec![node("a"), node("b")], vec![node("c")]],
        critical_path: vec![node("a"), node("c")],
        max_parallelism: 2,
        node_count: 3,
    }
}

pub(crate) fn estimate() -> Estimate {
    let money = Money::from_picos;
    Estimate {
        min_usd: money(1),
        expected_usd: money(3_999_999_999_999_999),
        max_usd: money(123_456_789_012_345),
        tokens: Tokens { prompt: 10, completion: 20 },
        nodes: vec![NodeEstimate {
            node_id: node("a"),
            min_usd: money(2),
            expected_usd: money(3),
            max_usd: money(4),
            tokens: Tokens { prompt: 10, completion: 20 },
            probability: 0.25,
            basis: Basis::History,
            priced: true,
        }],
        fits_budget: true,
        likely_fits: true,
        limit_usd: Some(money(5)),
        history_runs: 200,
    }
}

pub(crate) fn summary() -> ExecutionSummary {
    ExecutionSummary {
        id: execution_id(),
        workflow_id: workflow_id(),
        workflow_version: 7,
        workflow_name: "w".into(),
        status: ExecutionStatus::Cancelled,
        error: Some(Failure { code: "timeout".into(), message: "m".into(), node_id: Some(node("a")) }),
        budget: Spending {
            limit_usd: Some(Money::from_picos(11)),
            spent_usd: Money::from_picos(12),
            reserved_usd: Money::from_picos(13),
        },
        tokens: Tokens { prompt: u64::MAX, completion: 2 },
        created_at: at(1),
        started_at: Some(at(2)),
        finished_at: Some(at(3)),
    }
}

pub(crate) fn summaries() -> Page<ExecutionSummary> {
    let bare = ExecutionSummary {
        status: ExecutionStatus::Queued,
        error: None,
        budget: Spending::default(),
        started_at: None,
        finished_at: None,
        ..summary()
    };
    Page { items: vec![summary(), bare], next_cursor: Some("c".into()) }
}

pub(crate) fn execution() -> Execution {
    let used = ToolUse {
        tool: "find".into(),
        args: document(),
        output: Some(document()),
        error: None,
        latency_ms: Some(3),
    };
    let failed = ToolUse {
        args: Value::String("{".into()),
        output: None,
        error: Some("no JSON".into()),
        latency_ms: None,
        ..used.clone()
    };
    let revision = Revision {
        revision: 1,
        status: NodeStatus::Succeeded,
        input: Some(document()),
        output: Some(document()),
        error: Some(Failure { code: "c".into(), message: "m".into(), node_id: None }),
        feedback: Some(document()),
        started_at: Some(at(1)),
        finished_at: Some(at(2)),
    };
    let attempt = Attempt {
        attempt: 1,
        revision: 2,
        model: Some("demo/small".into()),
        provider: Some("demo".into()),
        status: NodeStatus::Failed,
        error: Some(Failure { code: "c".into(), message: "m".into(), node_id: None }),
        tokens: Tokens { prompt: 3, completion: 4 },
        cost_usd: Money::from_picos(5),
        latency_ms: Some(6),
        started_at: at(7),
        finished_at: Some(at(8)),
        output: Some(document()),
        tool_calls: vec![used, failed],
        max_tokens: Some(17),
    };
    let bare_attempt = Attempt {
        output: None,
        tool_calls: Vec::new(),
        max_tokens: None,
        model: None,
        provider: None,
        error: None,
        latency_ms: None,
        finished_at: None,
        ..attempt.clone()
    };
    let agent = AgentExecution {
        node_id: node("a"),
        node_type: NodeType::Agent,
        status: NodeStatus::Succeeded,
        revision: 2,
        attempts: vec![attempt, bare_attempt],
        revisions: vec![revision],
        feedback: Some(document()),
        input: Some(document()),
        output: Some(Value::Null),
        model: Some("demo/small".into()),
        tokens: Tokens { prompt: 9, completion: 10 },
        cost_usd: Money::from_picos(11),
        latency_ms: Some(12),
        error: Some(Failure { code: "c".into(), message: "m".into(), node_id: None }),
        started_at: Some(at(9)),
        finished_at: Some(at(10)),
    };
    let bare = AgentExecution {
        node_type: NodeType::Conditional,
        status: NodeStatus::Pending,
        attempts: Vec::new(),
        revisions: Vec::new(),
        feedback: None,
        input: None,
        output: None,
        model: None,
        latency_ms: None,
        error: None,
        started_at: None,
        finished_at: None,
        ..agent.clone()
    };
    Execution {
        summary: summary(),
        inputs: document(),
        outputs: object(),
        agent_executions: vec![agent, bare],
    }
}

pub(crate) fn event(seq: u64) -> Event {
    Event {
        seq,
        execution_id: execution_id(),
        kind: EventType::AgentCompleted,
        agent_id: Some(node("a")),
        data: document(),
        timestamp: at(seq as i64),
    }
}

pub(crate) fn last_event(seq: u64) -> Event {
    Event {
        kind: EventType::ExecutionCompleted,
        agent_id: None,
        data: json!({"status": "succeeded"}),
        ..event(seq)
    }
}

pub(crate) fn watched() -> Vec<WatchItem> {
    let delta = Delta {
        execution_id: execution_id(),
        agent_id: node("a"),
        revision: 1,
        attempt: 2,
        text: "piece ".into(),
        timestamp: at(4),
    };
    vec![WatchItem::Event(event(1)), WatchItem::Delta(delta), WatchItem::Event(last_event(2))]
}

pub(crate) fn messages() -> Vec<Message> {
    let call = ToolCall { id: "call_1".into(), name: "fetch".into(), arguments: "{\"a\":1}".into() };
    let roles = [Role::System, Role::User, Role::Assistant, Role::Tool];
    let mut messages: Vec<_> = roles.into_iter().map(|role| Message::new(role, "text")).collect();
    messages[2].tool_calls = vec![call];
    messages[3].tool_call_id = Some("call_1".into());
    messages
}

pub(crate) fn complete_request() -> CompleteRequest {
    CompleteRequest {
        model: "demo/small".into(),
        messages: messages(),
        max_tokens: Some(0),
        temperature: Some(0.1),
        output_schema: Some(json!(true)),
        tools: vec![ToolDefinition { name: "fetch".into(), description: "d".into(), parameters: document() }],
        stop: vec!["END".into()],
        execution_id: Some(execution_id()),
        node_id: Some(node("a")),
        tool_choice: ToolChoice::Tool("fetch".into()),
        parallel_tool_calls: Some(false),
        top_p: Some(0.9),
        seed: Some(-1),
        reasoning_effort: Some("low".into()),
        cache_ttl_seconds: Some(60),
    }
}

pub(crate) fn usage() -> Usage {
    Usage { input: 1, cached_input: 2, cache_write: 3, cache_write_long: 4, output: 5, reasoning: 6 }
}

pub(crate) fn completion() -> Completion {
    Completion {
        model: "demo/small".into(),
        provider: "demo".into(),
        text: "answer".into(),
        tool_calls: vec![ToolCall { id: "i".into(), name: "n".into(), arguments: "{}".into() }],
        finish_reason: FinishReason::ToolCalls,
        usage: Some(usage()),
        cost: Money::from_picos(i64::MAX),
        cached: true,
    }
}

pub(crate) fn streamed() -> Vec<StreamItem> {
    let bare = Completion { usage: None, tool_calls: Vec::new(), cost: Money::ZERO, ..completion() };
    vec![StreamItem::Delta("ans".into()), StreamItem::Delta(String::new()), StreamItem::Done(Box::new(bare))]
}

pub(crate) fn embed_request() -> EmbedRequest {
    EmbedRequest { model: "demo/embed".into(), texts: vec!["a".into(), String::new()], dimensions: Some(2) }
}

pub(crate) fn embedded() -> Embedded {
    Embedded { vectors: vec![vec![0.1, -0.2], vec![]], usage: usage(), cost: Money::from_picos(1) }
}

pub(crate) fn models() -> Vec<ModelInfo> {
    let model = ModelInfo {
        id: "demo/small".into(),
        provider: "demo".into(),
        mode: Mode::Responses,
        configured: true,
        input_usd_per_mtok: Some(0.25),
        cached_input_usd_per_mtok: Some(0.025),
        output_usd_per_mtok: Some(2.0),
        context_window: Some(128_000),
        max_output_tokens: Some(1),
        capabilities: vec!["tools".into()],
        deprecation_date: Some("2027-01-01".into()),
    };
    let bare = ModelInfo {
        input_usd_per_mtok: None,
        cached_input_usd_per_mtok: None,
        output_usd_per_mtok: None,
        context_window: None,
        max_output_tokens: None,
        capabilities: Vec::new(),
        deprecation_date: None,
        ..model.clone()
    };
    vec![model, bare]
}

pub(crate) fn entries() -> Vec<Entry> {
    let entry =
        Entry { id: memory_id(), text: "t".into(), metadata: object(), score: Some(0.75), created_at: at(1) };
    vec![entry.clone(), Entry { metadata: Map::new(), score: None, ..entry }]
}

pub(crate) fn stored() -> Stored {
    Stored { id: memory_id(), usage: usage(), cost: Money::from_picos(7) }
}

pub(crate) fn recalled() -> Recalled {
    Recalled { entries: entries(), usage: usage(), cost: Money::from_picos(i64::MAX) }
}

pub(crate) fn embedding_model() -> EmbeddingModel {
    EmbeddingModel {
        model: "demo/embed".into(),
        per_token: Some(Money::from_picos(20_000)),
        piece_bytes: 8_191,
    }
}

pub(crate) fn reembedded() -> Reembedded {
    Reembedded { entries: 3, remaining: 4, usage: usage(), cost: Money::from_picos(5) }
}

pub(crate) fn job() -> Job {
    Job {
        id: job_id(),
        url: "https://example.com".into(),
        description: "d".into(),
        user_id: Some("me".into()),
        ignore_robots: true,
        feedback: Some("f".into()),
        status: JobStatus::Testing,
        progress: 80,
        message: "m".into(),
        created_at: at(1),
        updated_at: at(2),
        api_endpoint: Some("/e".into()),
        sample_data: Some(json!([{"a": 1}])),
        error: Some(json!({"code": "WebsiteAccessError"})),
        scraper_code: Some("def".into()),
        code_version: Some(2),
        analysis: Some(Value::Null),
        cost_usd: Money::from_picos(3),
        attempts: vec![json!({"n": 1}), json!(null)],
    }
}

pub(crate) fn jobs() -> Vec<Job> {
    let bare = Job {
        status: JobStatus::Ready,
        user_id: None,
        ignore_robots: false,
        feedback: None,
        api_endpoint: None,
        sample_data: None,
        error: None,
        scraper_code: None,
        code_version: None,
        analysis: None,
        attempts: Vec::new(),
        ..job()
    };
    vec![job(), bare]
}

pub(crate) fn test_result() -> TestResult {
    TestResult { ok: false, data: json!([]), error: Some(json!({"code": "x"})), duration_ms: 12 }
}

pub(crate) fn endpoint_data() -> EndpointData {
    EndpointData {
        request_timestamp: at(1),
        source_url: "https://example.com".into(),
        data: vec![json!({"a": 1.5}), json!(null)],
        metadata: document(),
    }
}
