//! Runs that go on, or end, although something around them is out of order: a journal that contradicts itself, memory
//! that comes back, a provider's adapter that notices the end of the time first.
use crate::support::{World, quick, run, start, watch};
use nexus_api::{CallCtx, Executor};
use nexus_executor::ExecutorService;
use nexus_model::{ExecutionStatus, Timestamp, document::BudgetOverride};
use nexus_store::{ExecutionStore, HeadUpdate, Ownership, Step};
use serde_json::json;

/// Facts that no version of the rules has ever written: a node that has ended waits for money, and when it is its turn
/// it cannot fail any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_facts_contradict_each_other_is_given_up_and_not_held_for_ever() {
    let world = World::new().await;
    let document = json!({"name": "odd", "budget": {"limit_usd": 1.0}, "graph": {"nodes": [
        {"id": "a", "type": "agent", "config": {"model": "nobody/knows", "prompt": "a"}},
        {"id": "b", "type": "agent", "config": {"model": "demo/small", "prompt": "hold b"}},
    ], "edges": []}});
    let workflow = world.workflow(document).await;
    let idle = ExecutorService::start(world.deps(), nexus_executor::Options { capacity: 0, ..quick() });
    let id = run(&idle, workflow).await;
    let lease = std::time::Duration::ZERO;
    let claimed = world.store.claim("writes nonsense", 1, lease).await.unwrap().remove(0);
    let now = Timestamp::now();
    let facts = json!([
        {"fact": "run_started", "run": 1, "at": now},
        {"fact": "node_started", "node": "a", "revision": 1, "at": now, "input": {"system": null, "prompt": "a"}},
        {"fact": "node_finished", "node": "a", "at": now, "status": "succeeded", "output": {"text": "a"}},
        {"fact": "funds_awaited", "node": "a", "candidate": 0},
    ]);
    let update = HeadUpdate {
        status: ExecutionStatus::Running,
        error: None,
        budget: claimed.loaded.head.budget,
        spent: Default::default(),
        reserved: Default::default(),
        tokens: Default::default(),
        started_at: Some(now),
        finished_at: None,
    };
    let step = Step {
        id,
        fence: claimed.loaded.head.fence,
        journal_len: 0,
        records: vec![facts.to_string()],
        events: Vec::new(),
        update,
        ownership: Ownership::Keep,
        progress: false,
    };
    world.store.commit(step).await.unwrap();
    let executor = world.executor();
    watch(&executor, id, 0).await;
    let head = world.store.head(id).await.unwrap().unwrap();
    assert_eq!(head.summary.status, ExecutionStatus::Failed);
    assert_eq!(head.summary.error.unwrap().code, "recovery_limit");
    executor.shutdown().await;
    idle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_comes_back_during_a_run_is_paid_under_its_budget() {
    let world = World::new().await;
    *world.memory.silent.lock().unwrap() = 1;
    let document = json!({"name": "remembers", "graph": {"nodes": [
        {"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "hold a"}},
        {"id": "m", "type": "tool", "config": {"tool": "memory_store", "text": "{{ nodes.a.output.text }}"}},
    ], "edges": [{"id": "e", "source": "a", "target": "m"}]}});
    let workflow = world.workflow(document).await;
    let executor = world.executor();
    let spoke = world.memory.spoke.notified();
    let limit = Some(nexus_model::Money::from_usd(1.0).unwrap());
    let budget = Some(BudgetOverride { limit_usd: limit, ..BudgetOverride::default() });
    let request = nexus_api::executor::StartExecution { budget, ..start(workflow) };
    let id = executor.start_execution(&CallCtx::background(), request).await.unwrap().execution_id;
    world.llm.begun("hold a", 1).await;
    spoke.await;
    world.llm.let_go("hold a");
    watch(&executor, id, 0).await;
    let execution = executor.get_execution(&CallCtx::background(), id).await.unwrap();
    assert_eq!(execution.summary.error, None);
    assert_eq!(world.memory.entries.lock().unwrap().len(), 1);
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_attempt_s_time_is_one_failure_whoever_notices_it() {
    let world = World::new().await;
    world.llm.never_end("slow");
    let document = json!({"name": "slow", "graph": {"nodes": [
        {"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "slow"},
         "policy": {"timeout_seconds": 0.1, "retry": {"max_attempts": 1}}}], "edges": []}});
    let workflow = world.workflow(document).await;
    let executor = world.executor();
    let id = run(&executor, workflow).await;
    watch(&executor, id, 0).await;
    let execution = executor.get_execution(&CallCtx::background(), id).await.unwrap();
    assert_eq!(execution.summary.error.unwrap().code, "timeout");
    executor.shutdown().await;
}
