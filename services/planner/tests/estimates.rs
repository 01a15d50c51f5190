//! Estimates on a real store: what is refused, budgets, and what earlier runs teach.
#![expect(clippy::unwrap_used, reason = "a test ends with a panic when something is not as it should be")]

use nexus_api::{
    CallCtx, Code, Planner,
    planner::{Basis, Estimate, Target},
};
use nexus_model::{
    EventType, ExecutionId, ExecutionStatus, Money, NodeId, Timestamp, WorkflowId, document::BudgetOverride,
    execution::Tokens, limits::Limits, price::PriceBook,
};
use nexus_planner::PlannerService;
use nexus_store::{ExecutionStore, HeadUpdate, NewEvent, NewExecution, Ownership, Step, sqlite::SqliteStore};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

struct Bench {
    planner: PlannerService,
    store: Arc<SqliteStore>,
    _folder: tempfile::TempDir,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path().join("nexus.db")).unwrap());
    let planner = PlannerService::new(store.clone(), PriceBook::builtin(), Limits::default());
    Bench { planner: planner.with_history(store.clone()), store, _folder: folder }
}

fn document(name: &str) -> Value {
    json!({"name": name, "inputs": {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]},
        "graph": {"nodes": [
            {"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "About {{ inputs.topic }}", "max_tokens": 500}},
            {"id": "c", "type": "conditional", "config": {"cases": [{"handle": "yes", "when": "size(nodes.a.output.text) > 9"}]}},
            {"id": "b", "type": "agent", "config": {"model": "demo/small", "prompt": "More of {{ nodes.a.output.text }}"}},
        ], "edges": [{"id": "e", "source": "a", "target": "c"}, {"id": "f", "source": "c", "target": "b", "source_handle": "yes"}]}})
}

impl Bench {
    async fn estimate(&self, target: Target) -> nexus_api::Result<Estimate> {
        self.planner.estimate(&CallCtx::background(), target, json!({"topic": "tides"}), None).await
    }

    /// A run that has ended, as its events tell it.
    async fn ran(&self, workflow_id: WorkflowId, completion: u64, handle: &str) {
        let new = NewExecution {
            id: ExecutionId::generate(),
            workflow_id,
            workspace: nexus_api::Workspace::default(),
            principal: None,
            workflow_version: 1,
            workflow_name: String::new(),
            inputs: json!({}),
            budget: None,
            created_at: Timestamp::now(),
            idempotency: None,
            claim_by: Some(("test".into(), Duration::from_secs(60))),
            traceparent: None,
        };
        let event = |node: &str, data: Value| NewEvent {
            kind: EventType::AgentCompleted,
            agent_id: Some(NodeId::new(node).unwrap()),
            data,
            timestamp: Timestamp::now(),
        };
        let update = HeadUpdate {
            status: ExecutionStatus::Succeeded,
            error: None,
            budget: None,
            spent: Money::ZERO,
            reserved: Money::ZERO,
            tokens: Tokens::default(),
            started_at: None,
            finished_at: None,
        };
        let step = Step {
            id: new.id,
            fence: 1,
            journal_len: 0,
            records: vec!["{}".into()],
            events: vec![
                event(
                    "a",
                    json!({"node_type": "agent", "model": "demo/small", "attempt": 1, "revision": 1,
                    "tokens": {"prompt": 9, "completion": 7}}),
                ),
                // sent back to work once: its tokens add up
                event(
                    "a",
                    json!({"node_type": "agent", "model": "demo/small", "attempt": 1, "revision": 2,
                    "tokens": {"prompt": 20, "completion": completion}}),
                ),
                event(
                    "c",
                    json!({"node_type": "conditional", "attempt": 1, "revision": 1, "output": {"handle": handle}}),
                ),
            ],
            update,
            ownership: Ownership::Nobody,
            progress: true,
        };
        self.store.create_execution(new).await.unwrap();
        self.store.commit(step).await.unwrap();
    }
}

#[tokio::test]
async fn earlier_runs_of_the_workflow_are_learned_from() {
    let bench = bench();
    let saved = bench.planner.create_workflow(&CallCtx::background(), document("one"), false).await.unwrap();
    for completion in [200, 240, 220] {
        bench.ran(saved.id, completion, "yes").await;
    }
    let stored = bench.estimate(Target::Workflow { id: saved.id, version: None }).await.unwrap();
    assert_eq!(stored.history_runs, 3);
    let [a, c, b] = &stored.nodes[..] else { unreachable!() };
    assert_eq!((a.basis, a.tokens.completion), (Basis::History, 220));
    assert_eq!((c.basis, b.basis), (Basis::Free, Basis::Assumed));
    assert!(b.probability > 0.8, "{b:?}");

    // The same document by itself is known again, an edited copy by its name; one of another name is not.
    assert_eq!(bench.estimate(Target::Document(document("one"))).await.unwrap(), stored);
    let mut edited = document("one");
    edited["graph"]["nodes"][0]["config"]["prompt"] = json!("Everything about {{ inputs.topic }}");
    assert_eq!(bench.estimate(Target::Document(edited)).await.unwrap().nodes[0].basis, Basis::History);
    let mut other_model = document("one");
    other_model["graph"]["nodes"][0]["config"]["model"] = json!("demo/large");
    let other_model = bench.estimate(Target::Document(other_model)).await.unwrap();
    assert_eq!(other_model.nodes[0].basis, Basis::Assumed, "another model answers otherwise");
    let other = bench.estimate(Target::Document(document("two"))).await.unwrap();
    assert_eq!((other.history_runs, other.nodes[0].basis), (0, Basis::Assumed));
    assert!((other.nodes[2].probability - 0.5).abs() < 1e-9);
}

#[tokio::test]
async fn budgets_given_replace_the_documents_field_by_field() {
    let bench = bench();
    let mut document = document("one");
    document["budget"] = json!({"limit_usd": 100, "on_exhausted": "degrade"});
    let within = bench.estimate(Target::Document(document.clone())).await.unwrap();
    assert!(within.fits_budget && within.likely_fits);
    let tight = Some(BudgetOverride { limit_usd: Money::from_usd(0.000_001), ..BudgetOverride::default() });
    let inputs = json!({"topic": "tides"});
    let ctx = CallCtx::background();
    let tight = bench
        .planner
        .estimate(&ctx, Target::Document(document.clone()), inputs.clone(), tight)
        .await
        .unwrap();
    assert!(!tight.fits_budget && !tight.likely_fits);
    assert_eq!((tight.limit_usd, tight.max_usd), (Money::from_usd(0.000_001), within.max_usd));

    // As when it is executed: no budget can be kept with a model whose price nobody knows.
    document.as_object_mut().unwrap().remove("budget");
    document["graph"]["nodes"][0]["config"]["model"] = json!("openai/own-model");
    let free = bench.estimate(Target::Document(document.clone())).await.unwrap();
    assert!(!free.nodes[0].priced && free.nodes[2].priced);
    let limit = Some(BudgetOverride { limit_usd: Money::from_usd(1.0), ..BudgetOverride::default() });
    let refused = bench.planner.estimate(&ctx, Target::Document(document), inputs, limit).await.unwrap_err();
    assert_eq!(refused.code, Code::Invalid);
    assert_eq!(refused.details[0].path, "/graph/nodes/0/config/model");
}

#[tokio::test]
async fn what_a_run_would_refuse_is_refused() {
    let bench = bench();
    let ctx = CallCtx::background();
    let ask = |document: Value, inputs: Value| {
        bench.planner.estimate(&ctx, Target::Document(document), inputs, None)
    };
    let missing = ask(document("x"), json!({})).await.unwrap_err();
    assert_eq!((missing.code, missing.details[0].path.as_str()), (Code::Invalid, "/inputs"));
    let wrong = ask(document("x"), json!({"topic": 7})).await.unwrap_err();
    assert_eq!((wrong.code, wrong.details[0].path.as_str()), (Code::Invalid, "/inputs/topic"));
    assert_eq!(ask(document("x"), json!([])).await.unwrap_err().code, Code::Invalid);
    assert_eq!(ask(json!([]), json!({})).await.unwrap_err().code, Code::Malformed);
    let mut broken = document("x");
    broken["graph"]["edges"][0]["target"] = json!("nowhere");
    broken["budget"] = json!({"limit_usd": "much"});
    let broken = ask(broken, json!({"topic": "x"})).await.unwrap_err();
    let paths: Vec<_> = broken.details.iter().map(|detail| detail.path.as_str()).collect();
    assert!(paths.contains(&"/graph/edges/0/target") && paths.contains(&"/budget/limit_usd"), "{paths:?}");
    let unknown = bench.estimate(Target::Workflow { id: WorkflowId::generate(), version: None }).await;
    assert_eq!(unknown.unwrap_err().code, Code::NotFound);
    let draft = bench.planner.create_workflow(&ctx, json!({"name": "draft"}), true).await.unwrap();
    let draft = bench.estimate(Target::Workflow { id: draft.id, version: None }).await;
    assert_eq!(draft.unwrap_err().code, Code::Invalid);
}
