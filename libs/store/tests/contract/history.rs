//! What earlier runs took, as estimates ask for it.

use crate::harness::{Db, LONG, execution, update};
use nexus_model::{
    EventType, ExecutionId, ExecutionStatus, NodeId, Timestamp, WorkflowId, execution::Tokens,
};
use nexus_store::{NewEvent, NewExecution, NodeResult, Ownership, Step, Store};
use serde_json::{Value, json};

/// An execution of this workflow with these events of these nodes, ending so.
async fn run(
    store: &dyn Store,
    workflow_id: WorkflowId,
    status: ExecutionStatus,
    events: &[(EventType, &str, Value)],
) -> ExecutionId {
    let claim_by = Some(("w".to_owned(), LONG));
    let new = NewExecution { workflow_id, claim_by, ..execution() };
    let id = new.id;
    store.create_execution(new).await.unwrap();
    let events = events.iter().map(|(kind, node, data)| NewEvent {
        kind: *kind,
        agent_id: (!node.is_empty()).then(|| NodeId::new(node).unwrap()),
        data: data.clone(),
        timestamp: Timestamp::now(),
    });
    let step = Step {
        id,
        fence: 1,
        journal_len: 0,
        records: vec!["{}".into()],
        events: events.collect(),
        update: update(status),
        ownership: Ownership::Keep,
        progress: true,
    };
    store.commit(step).await.unwrap();
    id
}

fn completed(node: &str, prompt: u64, completion: u64) -> (EventType, &str, Value) {
    let data = json!({
        "node_type": "agent", "model": "demo/small", "attempt": 2, "revision": 1, "output": {"text": "a NUL \u{0}, its name \\u0000, é", "handle": "x"},
        "tokens": {"prompt": prompt, "completion": completion}, "cost_usd": 0.1,
    });
    (EventType::AgentCompleted, node, data)
}

pub(crate) async fn what_nodes_took_is_found_latest_run_first(db: &Db) {
    let store = db.store();
    let workflow = WorkflowId::generate();
    assert_eq!(store.node_results(workflow, 9, 9).await, Ok(Vec::new()));
    let chosen = json!({"node_type": "conditional", "model": null, "attempt": 1, "revision": 2, "output": {"handle": "yes"},
        "tokens": {"prompt": 0, "completion": 0}});
    let first = run(
        &*store,
        workflow,
        ExecutionStatus::Succeeded,
        &[
            (EventType::ExecutionStarted, "", json!({"run": 1})),
            (EventType::AgentStarted, "draft", json!({"model": "demo/small"})),
            completed("draft", 10, 20),
            (EventType::AgentCompleted, "good", chosen),
            (
                EventType::AgentFailed,
                "other",
                json!({"model": "demo/small", "tokens": {"prompt": 1, "completion": 1}}),
            ),
        ],
    )
    .await;
    let second = run(&*store, workflow, ExecutionStatus::Failed, &[completed("draft", 11, 21)]).await;
    // These are not asked for: another workflow's, and one that goes on.
    run(&*store, WorkflowId::generate(), ExecutionStatus::Succeeded, &[completed("draft", 1, 1)]).await;
    run(&*store, workflow, ExecutionStatus::Running, &[completed("draft", 2, 2)]).await;

    let draft = |execution_id, prompt, completion| NodeResult {
        execution_id,
        node_id: NodeId::new("draft").unwrap(),
        model: Some("demo/small".into()),
        tokens: Tokens { prompt, completion },
        attempt: 2,
        revision: 1,
        handle: None,
    };
    let good = NodeResult {
        execution_id: first,
        node_id: NodeId::new("good").unwrap(),
        model: None,
        tokens: Tokens::default(),
        attempt: 1,
        revision: 2,
        handle: Some("yes".into()),
    };
    let all = store.node_results(workflow, 9, 9).await.unwrap();
    assert_eq!(all, [draft(second, 11, 21), draft(first, 10, 20), good]);
    assert_eq!(store.node_results(workflow, 1, 9).await.unwrap(), all[..1]);
    assert_eq!(store.node_results(workflow, 9, 2).await.unwrap(), all[..2]);
}

pub(crate) async fn events_that_lack_details_do_not_spoil_the_rest(db: &Db) {
    let store = db.store();
    let workflow = WorkflowId::generate();
    let events = [(EventType::AgentCompleted, "a", json!({})), completed("b", 1, 2)];
    run(&*store, workflow, ExecutionStatus::Cancelled, &events).await;
    let found = store.node_results(workflow, 9, 9).await.unwrap();
    let short: Vec<_> = found
        .iter()
        .map(|result| (result.node_id.as_str(), result.tokens.completion, result.attempt))
        .collect();
    assert_eq!(short, [("a", 0, 1), ("b", 2, 2)]);
}
