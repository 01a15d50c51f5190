//! Deleting executions with real processes: on request, over REST and on the command line, in one process and in a
//! mesh; and by themselves once they are old. Not here: what is deleted with them (`services/executor`, `libs/store`).

use crate::{Place, blocking, chain, http::Api, nexus, within};
use nexus_testkit::{
    process::{Mesh, Settings, Up},
    provider::{FakeProvider, Matcher, Reply},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// An agent that keeps what it says.
fn remembering() -> Value {
    json!({"name": "Remembers", "graph": {"nodes": [
        {"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "x", "memory": {"store": true}}}]}})
}

async fn delete(api: &Api, id: &str) -> StatusCode {
    api.try_call(Method::DELETE, &format!("/api/v1/executions/{id}"), None).await.unwrap().status
}

async fn status(api: &Api, path: &str) -> StatusCode {
    api.try_call(Method::GET, path, None).await.unwrap().status
}

/// Nothing of it is left, as far as the API can tell.
async fn assert_gone(api: &Api, id: &str) {
    for path in ["", "/events", "/memory"] {
        let path = format!("/api/v1/executions/{id}{path}");
        assert_eq!(status(api, &path).await, StatusCode::NOT_FOUND, "{path}");
    }
    let memory = api.get(&format!("/api/v1/memory?scope=execution&execution_id={id}")).await;
    assert_eq!(memory["items"], json!([]), "{memory}");
}

async fn works(http: &str, provider: &FakeProvider) {
    let api = Api::new(http);
    let id = api.start(remembering(), json!({})).await;
    let execution = api.ended(&id).await;
    assert_eq!(execution["status"], "succeeded");
    let memory = api.get(&format!("/api/v1/executions/{id}/memory")).await;
    assert_eq!(memory["items"].as_array().unwrap().len(), 1);
    assert_eq!(delete(&api, &id).await, StatusCode::NO_CONTENT);
    assert_gone(&api, &id).await;
    assert_eq!(delete(&api, &id).await, StatusCode::NOT_FOUND);
    assert_eq!(delete(&api, "nonsense").await, StatusCode::BAD_REQUEST);
    // Its workflow is still there.
    let workflow = format!("/api/v1/workflows/{}", execution["workflow_id"].as_str().unwrap());
    assert_eq!(status(&api, &workflow).await, StatusCode::OK);

    let running = api.start(chain(&["b"]), json!({})).await;
    within("the call", provider.held("<b>", 1)).await;
    let refused = api.try_call(Method::DELETE, &format!("/api/v1/executions/{running}"), None).await.unwrap();
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body["suggestion"].as_str().unwrap().contains("cancel"), "{}", refused.body);
    // On the command line, too.
    let place = Place::new();
    let refused = place.nexus_async(&["executions", "delete", &running, "--server", http]).await;
    assert_eq!(refused.code(), 1, "{}", refused.stderr);
    provider.release("<b>");
    assert_eq!(api.ended(&running).await["status"], "succeeded");
    let done = place.nexus_async(&["executions", "delete", &running, "--server", http]).await;
    assert_eq!(
        (done.code(), done.stdout.trim()),
        (0, format!("{running}: deleted").as_str()),
        "{}",
        done.stderr
    );
    assert_gone(&api, &running).await;
}

async fn directed() -> FakeProvider {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("hello"));
    provider.hold("<b>");
    provider
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_can_be_deleted_in_one_process() {
    let provider = directed().await;
    let place = Place::with_provider(&provider);
    let server = Up::start(nexus(), &place.data(), place.settings.clone()).unwrap();
    works(&server.http, &provider).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_can_be_deleted_in_a_mesh() {
    let provider = directed().await;
    let settings: Settings = Place::with_provider(&provider).settings;
    let mesh = blocking(move || Mesh::start(nexus(), 1, 1, settings).unwrap()).await;
    works(mesh.http(), &provider).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_executions_go_by_themselves_and_those_that_run_stay() {
    let provider = directed().await;
    let mut place = Place::with_provider(&provider);
    // A tenth of a second.
    place.settings.push(("NEXUS_RETENTION_DAYS".to_owned(), "0.000001".to_owned()));
    let server = Up::start(nexus(), &place.data(), place.settings.clone()).unwrap();
    let api = Api::new(&server.http);
    let running = api.start(chain(&["b"]), json!({})).await;
    within("the call", provider.held("<b>", 1)).await;
    let old = api.start(remembering(), json!({})).await;
    let path = format!("/api/v1/executions/{old}");
    within("the old execution to go", async {
        while status(&api, &path).await != StatusCode::NOT_FOUND {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_gone(&api, &old).await;
    assert_eq!(api.get(&format!("/api/v1/executions/{running}")).await["status"], "running");
    provider.release("<b>");
    let wrong = place.nexus_async(&["up", "--retention-days", "soon"]).await;
    assert_eq!(wrong.code(), 2);
    assert!(wrong.stderr.contains("NEXUS_RETENTION_DAYS"), "{}", wrong.stderr);
}
