//! Executions from start to end on a real store: order of events, failures, cancelling, resuming, dying owners.

use crate::support::{World, chain, events, quick, run, start, story, watch};
use futures::StreamExt;
use nexus_api::{
    CallCtx, Code, Executor,
    executor::{ExecutionFilter, Resume},
    planner::PageRequest,
};
use nexus_executor::ExecutorService;
use nexus_model::{EventType, ExecutionStatus, event::WatchItem, execution::NodeStatus};
use nexus_store::{ExecutionStore, NewVersion, WorkflowStore};
use serde_json::json;

fn ctx() -> CallCtx {
    CallCtx::background()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_runs_in_order_and_is_paid_once() {
    let world = World::new().await;
    let executor = world.executor();
    let workflow = world.workflow(chain(&["one", "two {{ nodes.n0.output.text }}"])).await;
    let id = run(&executor, workflow).await;
    let items = watch(&executor, id, 0).await;
    assert_eq!(
        story(&items),
        [
            "execution_started",
            "agent_started n0",
            "agent_completed n0",
            "agent_started n1",
            "agent_completed n1",
            "execution_completed"
        ]
    );
    let execution = executor.get_execution(&ctx(), id).await.unwrap();
    assert_eq!(execution.summary.status, ExecutionStatus::Succeeded);
    assert_eq!(execution.outputs["n1"], json!({"text": "answer to two answer to one"}));
    assert_eq!(execution.summary.budget.spent_usd.picos(), 2_000);
    assert_eq!(execution.summary.tokens.prompt, 20);
    let last = events(&items).last().unwrap().data.clone();
    assert_eq!(last["status"], "succeeded");
    assert_eq!(last["outputs"]["n1"]["text"], "answer to two answer to one");
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_arrives_between_a_node_s_start_and_its_end() {
    let world = World::new().await;
    let executor = world.executor();
    let workflow = world.workflow(chain(&["hold on"])).await;
    let id = run(&executor, workflow).await;
    let items = executor.watch_execution(&ctx(), id, 0).await.unwrap();
    world.llm.begun("hold on", 1).await;
    world.llm.let_go("hold on");
    let items: Vec<WatchItem> = items.map(|item| item.unwrap()).collect().await;
    let text: String = items
        .iter()
        .filter_map(|item| if let WatchItem::Delta(delta) = item { Some(delta.text.as_str()) } else { None })
        .collect();
    assert_eq!(text, "answer to hold on");
    let place =
        |kind| items.iter().position(|item| matches!(item, WatchItem::Event(event) if event.kind == kind));
    let (started, completed) =
        (place(EventType::AgentStarted).unwrap(), place(EventType::AgentCompleted).unwrap());
    let deltas: Vec<_> = (0..items.len()).filter(|ix| matches!(items[*ix], WatchItem::Delta(_))).collect();
    assert!(deltas.iter().all(|ix| (started..completed).contains(ix)));
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transient_failure_is_retried_and_visible() {
    let world = World::new().await;
    let executor = world.executor();
    world.llm.fail("one", 1);
    let workflow = world.workflow(chain(&["one"])).await;
    let id = run(&executor, workflow).await;
    let items = watch(&executor, id, 0).await;
    assert_eq!(
        story(&items),
        [
            "execution_started",
            "agent_started n0",
            "agent_retrying n0",
            "agent_completed n0",
            "execution_completed"
        ]
    );
    let node = executor.get_execution(&ctx(), id).await.unwrap().agent_executions.remove(0);
    assert_eq!(node.attempts.len(), 2);
    assert_eq!(node.attempts[0].error.as_ref().unwrap().code, "provider_overloaded");
    assert_eq!((node.attempts[0].attempt, node.attempts[1].attempt), (1, 2));
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_resumed_without_paying_for_what_succeeded() {
    let world = World::new().await;
    let executor = world.executor();
    world.llm.fail("two", 2);
    let workflow = world.workflow(chain(&["one", "two", "three"])).await;
    let id = run(&executor, workflow).await;
    let first = watch(&executor, id, 0).await;
    let failed = executor.get_execution(&ctx(), id).await.unwrap();
    assert_eq!(failed.summary.status, ExecutionStatus::Failed);
    assert_eq!(failed.summary.error.as_ref().unwrap().node_id.as_ref().unwrap().as_str(), "n1");
    assert_eq!(failed.agent_executions[2].status, NodeStatus::Skipped);

    executor.resume_execution(&ctx(), id, Resume::default()).await.unwrap();
    let second = watch(&executor, id, events(&first).len() as u64).await;
    assert_eq!(story(&second)[0], "execution_started");
    assert_eq!(executor.get_execution(&ctx(), id).await.unwrap().summary.status, ExecutionStatus::Succeeded);
    assert_eq!([world.llm.count("one"), world.llm.count("two"), world.llm.count("three")], [1, 3, 1]);

    let again = executor.resume_execution(&ctx(), id, Resume::default()).await.unwrap_err();
    assert_eq!(again.code, Code::Conflict);
    let from_node = Some("nowhere".parse().unwrap());
    let unknown =
        executor.resume_execution(&ctx(), id, Resume { from_node, ..Resume::default() }).await.unwrap_err();
    assert_eq!(unknown.code, Code::Invalid);
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_stops_a_call_in_flight_and_starts_nothing() {
    let world = World::new().await;
    let executor = world.executor();
    let workflow = world.workflow(chain(&["hold", "after"])).await;
    let id = run(&executor, workflow).await;
    world.llm.begun("hold", 1).await;
    let summary = executor.cancel_execution(&ctx(), id).await.unwrap();
    assert_eq!(summary.status, ExecutionStatus::Cancelled);
    let items = watch(&executor, id, 0).await;
    assert_eq!(story(&items).last().unwrap(), "execution_completed");
    assert_eq!(executor.cancel_execution(&ctx(), id).await.unwrap_err().code, Code::Conflict);
    world.llm.let_go("hold");
    executor.shutdown().await;
    assert_eq!(world.llm.count("after"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_leaves_nothing_half_accepted() {
    use futures::FutureExt;
    let world = World::new().await;
    // no lease runs out in this test: what is accepted must be begun by whoever accepted it
    let options = nexus_executor::Options { lease: std::time::Duration::from_secs(600), ..quick() };
    let executor = ExecutorService::start(world.deps(), options);
    let workflow = world.workflow(chain(&["one"])).await;
    let mut left_early = 0;
    for _ in 0..50 {
        left_early += usize::from(executor.start_execution(&ctx(), start(workflow)).now_or_never().is_none());
        run(&executor, workflow).await;
    }
    assert!(left_early > 0, "every caller got its answer at once");
    let page = PageRequest { limit: Some(200), cursor: None };
    let all = executor.list_executions(&ctx(), ExecutionFilter::default(), page).await.unwrap().items;
    for execution in all {
        watch(&executor, execution.id, 0).await;
    }
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_together_with_a_cancellation_starts_nothing() {
    let world = World::new().await;
    let executor = world.executor();
    let mut document = chain(&["hold 0", "after 0"]);
    for ix in 1..=20 {
        let more = chain(&[&format!("hold {ix}"), &format!("after {ix}")]);
        for (list, key) in [("nodes", "id"), ("edges", "id")] {
            for mut item in more["graph"][list].as_array().unwrap().clone() {
                for name in [key, "source", "target"] {
                    if let Some(old) = item.get(name).and_then(|value| value.as_str()).map(str::to_owned) {
                        item[name] = json!(format!("{old}_{ix}"));
                    }
                }
                document["graph"][list].as_array_mut().unwrap().push(item);
            }
        }
    }
    let workflow = world.workflow(document).await;
    let id = run(&executor, workflow).await;
    for ix in 0..=20 {
        world.llm.begun(&format!("hold {ix}"), 1).await;
    }
    // all but one, or the execution might end before it is cancelled
    for ix in 0..20 {
        world.llm.let_go(&format!("hold {ix}"));
    }
    executor.cancel_execution(&ctx(), id).await.unwrap();
    let begun = |llm: &crate::support::ScriptedLlm| llm.calls.lock().unwrap().len();
    let at_the_answer = begun(&world.llm);
    watch(&executor, id, 0).await;
    executor.shutdown().await;
    assert_eq!(begun(&world.llm), at_the_answer, "a call began after the answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_executor_can_cancel_what_runs_here() {
    let world = World::new().await;
    let (here, there) = (world.executor(), world.executor());
    let workflow = world.workflow(chain(&["hold", "after"])).await;
    let id = run(&here, workflow).await;
    world.llm.begun("hold", 1).await;
    there.cancel_execution(&ctx(), id).await.unwrap();
    world.llm.let_go("hold");
    let items = watch(&here, id, 0).await;
    assert_eq!(story(&items), ["execution_started", "agent_started n0", "execution_completed"]);
    here.shutdown().await;
    there.shutdown().await;
    assert_eq!(world.llm.count("after"), 0);
}

#[test]
fn what_a_dead_executor_ran_is_finished_by_another() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (survivor, victim) = (runtime(), runtime());
    let world = survivor.block_on(World::new());
    let workflow = survivor.block_on(world.workflow(chain(&["hold", "after"])));
    let id = victim.block_on(async {
        let executor = world.executor();
        let id = run(&executor, workflow).await;
        world.llm.begun("hold", 1).await;
        id
    });
    // as good as kill -9: no task of it ever runs again
    victim.shutdown_background();
    survivor.block_on(async {
        let executor = world.executor();
        world.llm.begun("hold", 2).await;
        world.llm.let_go("hold");
        world.llm.let_go("hold");
        let items = watch(&executor, id, 0).await;
        assert_eq!(
            story(&items),
            [
                "execution_started",
                "agent_started n0",
                "agent_retrying n0",
                "agent_completed n0",
                "agent_started n1",
                "agent_completed n1",
                "execution_completed"
            ]
        );
        let node = executor.get_execution(&ctx(), id).await.unwrap().agent_executions.remove(0);
        assert_eq!(node.attempts[0].error.as_ref().unwrap().code, "outcome_unknown");
        executor.shutdown().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_finishes_the_call_in_flight_and_hands_on_the_rest() {
    let world = World::new().await;
    let first = world.executor();
    let workflow = world.workflow(chain(&["hold", "after"])).await;
    let id = run(&first, workflow).await;
    world.llm.begun("hold", 1).await;
    first.drain();
    world.llm.let_go("hold");
    first.shutdown().await;
    let head = world.store.head(id).await.unwrap().unwrap();
    assert_eq!((head.owner, head.recoveries), (None, 0));
    assert_eq!(world.llm.count("after"), 0, "a draining executor begins nothing");
    let second = world.executor();
    watch(&second, id, 0).await;
    assert_eq!([world.llm.count("hold"), world.llm.count("after")], [1, 1]);
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_kills_its_executors_is_given_up() {
    let world = World::new().await;
    let workflow = world.workflow(chain(&["hold"])).await;
    let idle = ExecutorService::start(world.deps(), nexus_executor::Options { capacity: 0, ..quick() });
    let id = run(&idle, workflow).await;
    let lease = std::time::Duration::ZERO;
    for round in 0..=6 {
        let claimed = world.store.claim(&format!("dies {round}"), 1, lease).await.unwrap();
        assert_eq!(claimed.len(), 1, "round {round}");
        if round == 0 {
            // the first one gets as far as beginning it
            let fence = claimed[0].loaded.head.fence;
            let mut update = nexus_store::HeadUpdate {
                status: ExecutionStatus::Running,
                error: None,
                budget: None,
                spent: Default::default(),
                reserved: Default::default(),
                tokens: Default::default(),
                started_at: None,
                finished_at: None,
            };
            update.started_at = Some(nexus_model::Timestamp::now());
            let record = json!([{"fact": "run_started", "run": 1, "at": update.started_at}]).to_string();
            let step = nexus_store::Step {
                id,
                fence,
                journal_len: 0,
                records: vec![record],
                events: Vec::new(),
                update,
                ownership: nexus_store::Ownership::Keep,
                progress: false,
            };
            world.store.commit(step).await.unwrap();
        }
    }
    let executor = world.executor();
    watch(&executor, id, 0).await;
    let execution = executor.get_execution(&ctx(), id).await.unwrap();
    assert_eq!(execution.summary.status, ExecutionStatus::Failed);
    assert_eq!(execution.summary.error.unwrap().code, "recovery_limit");
    assert_eq!(world.llm.count("hold"), 0);
    executor.shutdown().await;
    idle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_starts_one_execution() {
    let world = World::new().await;
    let executor = world.executor();
    let workflow = world.workflow(chain(&["one"])).await;
    let request =
        nexus_api::executor::StartExecution { idempotency_key: Some("k".into()), ..start(workflow) };
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (executor, request) = (executor.clone(), request.clone());
        racing.spawn(async move { executor.start_execution(&ctx(), request).await.unwrap().execution_id });
    }
    let ids: std::collections::HashSet<_> = racing.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 1);
    let other = nexus_api::executor::StartExecution { inputs: json!({"x": 1}), ..request };
    assert_eq!(executor.start_execution(&ctx(), other).await.unwrap_err().code, Code::Conflict);
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_say_what_is_wrong_and_start_nothing() {
    let world = World::new().await;
    let executor = world.executor();
    let mut document = chain(&["one"]);
    document["inputs"] =
        json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let workflow = world.workflow(document).await;
    let error = executor.start_execution(&ctx(), start(workflow)).await.unwrap_err();
    assert_eq!(error.code, Code::Invalid);
    assert!(error.details[0].path.starts_with("/inputs"), "{error:?}");

    let serde_json::Value::Object(document) = chain(&["one"]) else { unreachable!() };
    let draft = NewVersion { document, valid: false, problems: Vec::new() };
    let draft = world.store.create_workflow(&nexus_api::Workspace::default(), draft).await.unwrap().id;
    assert_eq!(executor.start_execution(&ctx(), start(draft)).await.unwrap_err().code, Code::Invalid);

    let nowhere = nexus_model::WorkflowId::generate();
    assert_eq!(executor.start_execution(&ctx(), start(nowhere)).await.unwrap_err().code, Code::NotFound);
    let nothing = nexus_model::ExecutionId::generate();
    assert_eq!(executor.get_execution(&ctx(), nothing).await.unwrap_err().code, Code::NotFound);
    assert_eq!(executor.watch_execution(&ctx(), nothing, 0).await.err().unwrap().code, Code::NotFound);
    assert_eq!(executor.list_events(&ctx(), nothing, 0, 10).await.unwrap_err().code, Code::NotFound);
    let all =
        executor.list_executions(&ctx(), ExecutionFilter::default(), PageRequest::default()).await.unwrap();
    assert!(all.items.is_empty());
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_comes_back_gets_the_rest_once() {
    let world = World::new().await;
    let executor = world.executor();
    let workflow = world.workflow(chain(&["one", "hold", "three"])).await;
    let id = run(&executor, workflow).await;
    world.llm.begun("hold", 1).await;
    let early = executor.watch_execution(&ctx(), id, 0).await.unwrap();
    let early: Vec<WatchItem> = early
        .map(|item| item.unwrap())
        .filter(|item| futures::future::ready(matches!(item, WatchItem::Event(_))))
        .take(3)
        .collect()
        .await;
    let seen = events(&early).last().unwrap().seq;
    world.llm.let_go("hold");
    let rest = watch(&executor, id, seen).await;
    assert_eq!(story(&rest).last().unwrap(), "execution_completed");
    let total = executor.list_events(&ctx(), id, 0, 1_000).await.unwrap().len();
    assert_eq!(total, 3 + events(&rest).len());
    assert!(watch(&executor, id, total as u64 + 5).await.is_empty(), "nothing after the end");
    executor.shutdown().await;
}
