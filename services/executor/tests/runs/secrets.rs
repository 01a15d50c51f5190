//! Secrets in programs. Not here: in requests, with everything around them (`cli/tests/e2e/secrets.rs`).
use crate::support::{World, run, watch};
use nexus_api::{
    CallCtx, Executor,
    secrets::{SecretValue, Secrets},
};
use nexus_store::ExecutionStore;
use serde_json::{Value, json};

const CANARY: &str = "canary of a \"program\"";

async fn ran(world: &World, code: &str) -> Value {
    let document = json!({"name": "program", "graph": {"nodes": [
        {"id": "p", "type": "tool", "config": {"tool": "python", "code": code,
            "inputs": {"key": "{{ secrets.key }}", "deep": [{"json": "{{ secrets.key | tojson }}"}]}}}], "edges": []}});
    let workflow = world.workflow(document).await;
    let executor = world.executor();
    let id = run(&executor, workflow).await;
    watch(&executor, id, 0).await;
    let execution = executor.get_execution(&CallCtx::background(), id).await.unwrap();
    let journal = world.store.load(id).await.unwrap().unwrap().journal.join("\n");
    assert!(!journal.contains("canary") && !journal.contains("\\u0001"), "{journal}");
    executor.shutdown().await;
    serde_json::to_value(execution).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_the_value_and_what_it_returns_is_cleaned_of_it() {
    let world = World::new().await;
    let vault = world.deps().vault;
    vault.set_secret(&CallCtx::background(), "key".into(), SecretValue::new(CANARY)).await.unwrap();
    let execution = ran(&world, "def run(inputs): return inputs").await;
    // the program returns what it was given: a placeholder would have come back as it is
    let cleaned = json!({"key": "[secret key]", "deep": [{"json": "\"[secret key]\""}]});
    assert_eq!(execution["outputs"]["p"], cleaned);
    assert_eq!(execution["agent_executions"][0]["input"]["inputs"], cleaned);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_nobody_has_set_fails_the_step_with_advice() {
    let world = World::new().await;
    let execution = ran(&world, "def run(inputs): return inputs").await;
    let error = &execution["error"];
    assert_eq!(error["code"], "secret_unknown");
    assert!(error["message"].as_str().unwrap().contains("nexus secrets set key"), "{error}");
    let attempts = execution["agent_executions"][0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "trying again does not help");
}
