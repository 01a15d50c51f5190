//! What may be killed is killed in the middle of a run: nothing is lost, nothing comes twice, nothing out of order.

use crate::{
    blocking, chain,
    http::{Api, assert_whole},
    nexus, provider_settings, within,
};
use nexus_testkit::{
    process::Mesh,
    provider::{FakeProvider, Matcher, Reply},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn provider() -> FakeProvider {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("hello"));
    provider
}

async fn mesh(provider: &FakeProvider, executors: usize, gateways: usize) -> Mesh {
    let settings = provider_settings(provider);
    blocking(move || Mesh::start(nexus(), executors, gateways, settings).unwrap()).await
}

/// Starts a chain that waits in the middle.
async fn held(api: &Api, provider: &FakeProvider) -> String {
    provider.hold("<b>");
    let before = provider.count();
    let id = api.start(chain(&["a", "b", "c"]), json!({})).await;
    within("the second step", async { tokio::join!(provider.arrived(before + 2), provider.held("<b>", 1)) })
        .await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn another_executor_finishes_what_a_killed_one_began() {
    let provider = provider().await;
    let mesh = mesh(&provider, 1, 1).await;
    let id = held(&Api::new(mesh.http()), &provider).await;
    let mesh = blocking(move || {
        let mut mesh = mesh;
        // Only now, so that the first one is sure to have the run; the second gateway knows both.
        mesh.add_executor().unwrap();
        mesh.add_gateway().unwrap();
        mesh.executors[0].process.kill9();
        mesh
    })
    .await;
    let killed = Instant::now();
    provider.release("<b>");
    let api = Api::new(&mesh.gateways[1].url);
    let mut seen = Vec::new();
    api.watch(&id, &mut seen, |_| false).await;
    assert!(killed.elapsed() < Duration::from_secs(20), "it took {:?}", killed.elapsed());
    assert_whole(&seen);
    let execution = api.ended(&id).await;
    assert_eq!(execution["status"], "succeeded", "{execution}");
    // What was done before stays done; the call whose outcome nobody knows was made again.
    let calls =
        |marker: &str| provider.requests().iter().filter(|request| request.prompt().contains(marker)).count();
    assert_eq!((calls("<a>"), calls("<b>"), calls("<c>")), (1, 2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_goes_on_at_another_gateway() {
    let provider = provider().await;
    let mut mesh = mesh(&provider, 1, 2).await;
    let (first, second) = (Api::new(&mesh.gateways[0].url), Api::new(&mesh.gateways[1].url));
    let id = held(&first, &provider).await;
    let mut seen: Vec<Value> = Vec::new();
    let begun = |events: &[Value]| events.iter().any(|event| event["agent_id"] == "b");
    first.watch(&id, &mut seen, begun).await;
    mesh.gateways[0].process.kill9();
    provider.release("<b>");
    second.watch(&id, &mut seen, |_| false).await;
    assert_whole(&seen);
    assert_eq!(seen, second.events(&id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_nats_everything_goes_on_only_slower() {
    let provider = provider().await;
    let mut mesh = mesh(&provider, 2, 1).await;
    let api = Api::new(mesh.http());
    let before = held(&api, &provider).await;
    mesh.nats.kill9();
    provider.release("<b>");
    let mut seen = Vec::new();
    api.watch(&before, &mut seen, |_| false).await;
    assert_whole(&seen);
    let during = api.start(chain(&["a", "b"]), json!({})).await;
    assert_eq!(api.ended(&during).await["status"], "succeeded");

    mesh.nats.restart().unwrap();
    let after = held(&api, &provider).await;
    provider.release("<b>");
    let mut seen = Vec::new();
    api.watch(&after, &mut seen, |_| false).await;
    assert_whole(&seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_work_survives_a_restart_of_the_database() {
    let provider = provider().await;
    let mesh = mesh(&provider, 2, 1).await;
    let http = mesh.http().to_owned();
    let api = Api::new(&http);
    let id = held(&api, &provider).await;
    let workflow = api.get("/api/v1/workflows").await["items"][0]["id"].as_str().unwrap().to_owned();
    let mut mesh = blocking(move || {
        let mut mesh = mesh;
        mesh.postgres.stop().unwrap();
        mesh
    })
    .await;
    for (method, path, body) in [
        (Method::GET, "/api/v1/workflows".to_owned(), None),
        (Method::GET, format!("/api/v1/executions/{id}"), None),
        (Method::POST, format!("/api/v1/workflows/{workflow}/execute"), Some(json!({"inputs": {}}))),
    ] {
        let refused = api.try_call(method, &path, body).await.unwrap();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{path}: {}", refused.body);
        assert!(refused.headers.contains_key("retry-after"), "{path}: {:?}", refused.headers);
    }
    provider.release("<b>");
    let _mesh = blocking(move || {
        mesh.postgres.restart().unwrap();
        mesh
    })
    .await;
    let execution = api.ended(&id).await;
    assert_eq!(execution["status"], "succeeded", "{execution}");
    assert_whole(&api.events(&id).await);
    let again = within("new work", async {
        loop {
            let path = format!("/api/v1/workflows/{workflow}/execute");
            let answer = api.try_call(Method::POST, &path, Some(json!({"inputs": {}}))).await.unwrap();
            if answer.status == StatusCode::ACCEPTED {
                return answer.body["execution_id"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(api.ended(&again).await["status"], "succeeded");
}
