//! Deleting executions: on request and when they are old. What has not ended is never touched.

use crate::support::{World, chain, quick, run, start, watch};
use nexus_api::{
    CallCtx, Code, Executor, Memory,
    memory::{Scope, StoreRequest},
};
use nexus_executor::{ExecutorService, Options};
use nexus_model::ExecutionId;
use nexus_store::ExecutionStore;
use std::time::Duration;

async fn remember(world: &World, scope: Scope) {
    world.memory.store(&CallCtx::background(), StoreRequest::new(scope, "x")).await.unwrap();
}

fn remembered(world: &World, scope: Scope) -> usize {
    world.memory.entries.lock().unwrap().iter().filter(|(kept, _)| *kept == scope).count()
}

async fn gone(world: &World, id: ExecutionId) -> bool {
    world.store.head(id).await.unwrap().is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_is_deleted_with_its_memory_and_nothing_else_is() {
    let (world, ctx) = (World::new().await, CallCtx::background());
    let executor = world.executor();
    let workflow = world.workflow(chain(&["one"])).await;
    let keyed =
        || nexus_api::executor::StartExecution { idempotency_key: Some("key".into()), ..start(workflow) };
    let id = executor.start_execution(&ctx, keyed()).await.unwrap().execution_id;
    watch(&executor, id, 0).await;
    let other = run(&executor, workflow).await;
    watch(&executor, other, 0).await;
    for scope in [Scope::Execution(id), Scope::Execution(other), Scope::Workflow(workflow), Scope::Global] {
        remember(&world, scope).await;
    }

    executor.delete_execution(&ctx, id).await.unwrap();
    assert!(gone(&world, id).await);
    assert_eq!(remembered(&world, Scope::Execution(id)), 0);
    for error in [
        executor.get_execution(&ctx, id).await.unwrap_err(),
        executor.list_events(&ctx, id, 0, 10).await.unwrap_err(),
        executor.delete_execution(&ctx, id).await.unwrap_err(),
        executor.delete_execution(&ctx, ExecutionId::generate()).await.unwrap_err(),
    ] {
        assert_eq!(error.code, Code::NotFound, "{error}");
    }
    assert!(!gone(&world, other).await);
    for scope in [Scope::Execution(other), Scope::Workflow(workflow), Scope::Global] {
        assert_eq!(remembered(&world, scope), 1);
    }
    // The same request starts something new now.
    let again = executor.start_execution(&ctx, keyed()).await.unwrap().execution_id;
    assert_ne!(again, id);
    watch(&executor, again, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_not_deleted_and_keeps_its_memory() {
    let (world, ctx) = (World::new().await, CallCtx::background());
    let executor = world.executor();
    let workflow = world.workflow(chain(&["hold"])).await;
    let id = run(&executor, workflow).await;
    world.llm.begun("hold", 1).await;
    remember(&world, Scope::Execution(id)).await;
    let refused = executor.delete_execution(&ctx, id).await.unwrap_err();
    assert_eq!(refused.code, Code::Conflict);
    assert!(refused.message.contains("running") && refused.suggestion.unwrap().contains("cancel"));
    assert_eq!(remembered(&world, Scope::Execution(id)), 1);
    world.llm.let_go("hold");
    watch(&executor, id, 0).await;
    executor.delete_execution(&ctx, id).await.unwrap();
    assert!(gone(&world, id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_executions_go_by_themselves_and_those_that_run_stay() {
    let world = World::new().await;
    let keep = Some(Duration::from_millis(1));
    let executor = ExecutorService::start(world.deps(), Options { keep, ..quick() });
    let held = world.workflow(chain(&["hold"])).await;
    let running = run(&executor, held).await;
    world.llm.begun("hold", 1).await;
    let workflow = world.workflow(chain(&["one"])).await;
    for _ in 0..3 {
        let id = run(&executor, workflow).await;
        remember(&world, Scope::Execution(id)).await;
        while !gone(&world, id).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(remembered(&world, Scope::Execution(id)), 0);
        assert!(!gone(&world, running).await);
    }
    world.llm.let_go("hold");
    while !gone(&world, running).await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    executor.shutdown().await;
}
