//! The described shapes are those of the real types: what the types write fits the schema, and has no member that
//! the schema does not know.

use crate::support::{FakePlanner, World, document, job, options, sample};
use jsonschema::Validator;
use nexus_api::{
    CallCtx, Planner,
    executor::Started,
    memory::Entry,
    planner::{Basis, Estimate, NodeEstimate},
    scraper::{EndpointData, JobStatus, TestResult},
};
use nexus_model::{
    Document, Event, EventType, ExecutionId, ExecutionStatus, JobId, MemoryId, Money, NodeId, Problem,
    Timestamp,
    document::{BudgetOverride, OnExhausted},
    event::{Delta, WatchItem},
    execution::Tokens,
    problem::Report,
    workflow::{Page, Plan, VersionInfo},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

struct Schemas(Value);

impl Schemas {
    /// Checks a value against a schema of the description, closed against unknown members.
    fn check(&self, name: &str, value: &impl Serialize) {
        let value = serde_json::to_value(value).unwrap();
        let mut root = self.0.clone();
        root["$ref"] = format!("#/components/schemas/{name}").into();
        let validator: Validator = jsonschema::draft202012::new(&root).unwrap();
        let faults: Vec<String> =
            validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}\n{value:#}");
    }
}

/// Closes every object that lists its members.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            // Parts of a whole must stay open; what lies below them need not.
            for (name, member) in members.iter_mut() {
                match member {
                    Value::Array(all) if name == "allOf" => {
                        all.iter_mut()
                            .filter_map(Value::as_object_mut)
                            .for_each(|p| p.values_mut().for_each(close));
                    }
                    member => close(member),
                }
            }
            let parts = members.contains_key("allOf");
            if parts || (members.contains_key("properties") && !members.contains_key("additionalProperties"))
            {
                members.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

async fn schemas() -> Schemas {
    let mut document = World::new(options()).get("/openapi.json").await.json();
    let named = document["components"]["schemas"].as_object_mut().unwrap();
    // Those that others are made of must stay open; the whole is closed.
    for (name, schema) in named.iter_mut() {
        if !["Document", "ExecutionSummary"].contains(&name.as_str()) {
            close(schema);
        }
    }
    Schemas(document)
}

#[tokio::test]
async fn documents() {
    let schemas = schemas().await;
    let full = json!({
        "schema_version": 1, "name": "n", "description": "d", "inputs": {"type": "object"},
        "budget": {"limit_usd": 0.5, "warn_at": 0.8, "on_exhausted": "stop"},
        "graph": {"nodes": [
            {"id": "a", "type": "agent", "name": "A", "position": {"x": 0, "y": 0.5},
             "config": {"model": "m/m", "prompt": "p", "temperature": 0.5, "output_schema": {"type": "object"},
                        "checks": ["true"], "fallbacks": ["m/n"], "system": "s",
                        "memory": {"recall": {"query": "q"}, "store": true}},
             "policy": {"budget_usd": 0.1, "backtrack": {"to": "t"}, "on_error": "default", "default_output": 1}},
            {"id": "t", "type": "tool", "config": {"tool": "http_request", "url": "u", "description": "d", "idempotent": true}},
            {"id": "c", "type": "conditional", "config": {"cases": [{"handle": "h", "when": "true"}]}},
        ], "edges": [{"id": "e", "source": "t", "target": "a", "target_handle": "tools", "source_handle": "h"}]},
    });
    schemas.check("Document", &full);
    let document_of: Document = serde_json::from_value(full).unwrap();
    schemas.check("Document", &document_of);
    schemas.check(
        "Budget",
        &BudgetOverride {
            limit_usd: Some(Money::ZERO),
            warn_at: Some(0.5),
            on_exhausted: Some(OnExhausted::Degrade),
        },
    );
    let ctx = CallCtx::background();
    let planner = FakePlanner::default();
    schemas.check("Workflow", &planner.create_workflow(&ctx, document("w"), false).await.unwrap());
    schemas.check(
        "Workflow",
        &planner.create_workflow(&ctx, json!({"name": "d", "graph": {"nodes": []}}), true).await.unwrap(),
    );
    let problem = Problem {
        code: "c".to_owned(),
        path: "/p".to_owned(),
        node_id: Some(NodeId::new("a").unwrap()),
        message: "m".to_owned(),
        suggestion: None,
    };
    schemas.check("Report", &Report { valid: false, errors: vec![problem.clone()], warnings: vec![problem] });
    let a = NodeId::new("a").unwrap();
    schemas.check(
        "Plan",
        &Plan {
            groups: vec![vec![a.clone()]],
            critical_path: vec![a.clone()],
            max_parallelism: 1,
            node_count: 1,
        },
    );
    let (min_usd, expected_usd, max_usd) = (Money::ZERO, Money::ZERO, Money::ZERO);
    let tokens = Tokens::default();
    let basis = Basis::History;
    let nodes = vec![NodeEstimate {
        node_id: a,
        min_usd,
        expected_usd,
        max_usd,
        tokens,
        probability: 0.5,
        basis,
        priced: true,
    }];
    schemas.check(
        "Estimate",
        &Estimate {
            min_usd,
            expected_usd,
            max_usd,
            tokens,
            nodes,
            fits_budget: true,
            likely_fits: true,
            limit_usd: None,
            history_runs: 3,
        },
    );
    let version = VersionInfo { version: 1, created_at: Timestamp::now(), name: "n".to_owned(), valid: true };
    schemas.check("Page_VersionInfo", &Page { items: vec![version], next_cursor: None });
}

#[tokio::test]
async fn executions_and_events() {
    let schemas = schemas().await;
    let id = ExecutionId::generate();
    for status in ExecutionStatus::ALL {
        let execution = sample(id, status);
        schemas.check("ExecutionSummary", &execution.summary);
        schemas.check("Execution", &execution);
    }
    let started = Started { execution_id: id, status: ExecutionStatus::Queued };
    schemas.check("Started", &json!({"execution_id": started.execution_id, "status": started.status}));
    let (data, timestamp) = (json!({}), Timestamp::now());
    let event =
        Event { seq: 1, execution_id: id, kind: EventType::BudgetWarning, agent_id: None, data, timestamp };
    schemas.check("Event", &event);
    schemas.check("LiveEvent", &WatchItem::Event(event).to_json());
    let agent_id = NodeId::new("a").unwrap();
    let delta =
        Delta { execution_id: id, agent_id, revision: 1, attempt: 1, text: "x".to_owned(), timestamp };
    schemas.check("LiveEvent", &WatchItem::Delta(delta).to_json());
    let (id, metadata) = (MemoryId::generate(), Map::new());
    schemas.check(
        "MemoryEntry",
        &Entry { id, text: "t".to_owned(), metadata, score: Some(0.5), created_at: timestamp },
    );
}

#[tokio::test]
async fn scraping_and_the_rest() {
    let schemas = schemas().await;
    schemas.check("Job", &job(JobId::generate(), JobStatus::Ready, 100));
    let result = TestResult { ok: false, data: json!([]), error: Some(json!({"code": "c"})), duration_ms: 1 };
    schemas.check("TestResult", &result);
    let (request_timestamp, source_url) = (Timestamp::now(), "u".to_owned());
    schemas.check(
        "EndpointData",
        &EndpointData { request_timestamp, source_url, data: Vec::new(), metadata: json!({}) },
    );
    let world = World::new(options());
    schemas.check("Page_ModelInfo", &world.get("/api/v1/models").await.json());
    schemas.check("Readiness", &world.get("/readyz").await.json());
    schemas.check("Health", &world.get("/healthz").await.json());
    schemas.check("ErrorBody", &world.get("/api/v1/nothing").await.json());
    world.scraper.works.store(true, std::sync::atomic::Ordering::SeqCst);
    let status = world.get(&format!("/api/v1/scraping/jobs/{}/status", JobId::generate())).await.json();
    schemas.check("JobState", &status);
}
