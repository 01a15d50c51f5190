//! `nexus up`: what is reachable, what other processes see, how it ends and comes back.

use crate::{Place, blocking, chain, http::Api, http::assert_whole, nexus, one_json, within};
use nexus_testkit::{
    process::{Settings, Up, run, settings},
    provider::{FakeProvider, Matcher, Reply},
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::{Duration, Instant};

fn up(place: &Place) -> Up {
    Up::start(nexus(), &place.data(), place.settings.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_another_process_happens_on_the_server_and_can_be_seen_there() {
    let place = Place::new();
    let mut server = up(&place);
    let api = Api::new(&server.http);
    assert_eq!(api.get("/readyz").await["status"], "ready");
    let document = json!({"name": "Seen", "graph": {"nodes": [
        {"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "x"}}]}});
    let file = place.write("d.json", &document);
    let done = place.nexus_async(&["run", &file]).await;
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let listed = api.get("/api/v1/executions").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(api.ended(&id).await["outputs"], one_json(&done.stdout));
    assert_whole(&api.events(&id).await);
    // Named explicitly, from another data folder.
    let elsewhere = Place::new();
    let done = elsewhere.nexus_async(&["executions", "show", &id, "--json", "--server", &server.http]).await;
    assert_eq!(one_json(&done.stdout)["id"], json!(id));
    assert!(!elsewhere.data().exists());

    server.process.terminate().unwrap();
    let done = blocking(move || server.process.wait().unwrap()).await;
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert!(!place.data().join("server.json").exists());
    // What was there is there without a server, too.
    let listed = one_json(&place.nexus_async(&["executions", "list", "--json"]).await.stdout);
    assert_eq!(listed["items"][0]["id"], json!(id));
}

#[test]
fn a_taken_folder_and_a_taken_port_are_one_sentence_each() {
    let place = Place::new();
    let server = up(&place);
    let taken = place.nexus(&["up", "--http-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"]);
    assert_ne!(taken.code(), 0);
    assert!(
        taken.stderr.contains("data folder") && taken.stderr.contains("NEXUS_DATA_DIR"),
        "{}",
        taken.stderr
    );
    let other = Place::new();
    let address = server.http.trim_start_matches("http://");
    for arguments in [
        ["up", "--http-addr", address, "--grpc-addr", "127.0.0.1:0"],
        ["up", "--http-addr", "127.0.0.1:0", "--grpc-addr", &server.grpc],
    ] {
        let taken = other.nexus(&arguments);
        assert_ne!(taken.code(), 0);
        assert_eq!(taken.stderr.lines().count(), 1, "{}", taken.stderr);
        assert!(taken.stderr.contains("another program is listening there"), "{}", taken.stderr);
    }
    let open = other.nexus(&["up", "--http-addr", "0.0.0.0:0", "--grpc-addr", "127.0.0.1:0"]);
    assert_eq!(open.code(), 2);
    assert!(open.stderr.contains("NEXUS_API_KEYS"), "{}", open.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_takes_its_runs_up_again_at_once() {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("hello"));
    provider.hold("<b>");
    let place = Place::with_provider(&provider);
    let mut server = up(&place);
    let id = Api::new(&server.http).start(chain(&["a", "b", "c"]), json!({})).await;
    within("the second step", provider.held("<b>", 1)).await;
    server.process.kill9();

    let restarted = Instant::now();
    let server = up(&place);
    within("the second step again", provider.arrived(3)).await;
    assert!(restarted.elapsed() < Duration::from_secs(10), "{:?}", restarted.elapsed());
    provider.release("<b>");
    let api = Api::new(&server.http);
    let execution = api.ended(&id).await;
    assert_eq!(execution["status"], "succeeded", "{execution}");
    assert_whole(&api.events(&id).await);
    // What was done before stays done.
    let calls = provider.requests().iter().filter(|request| request.prompt().contains("<a>")).count();
    assert_eq!(calls, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_end_lets_calls_in_flight_finish() {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("hello"));
    provider.hold("<a>");
    let place = Place::with_provider(&provider);
    let mut server = up(&place);
    let id = Api::new(&server.http).start(chain(&["a", "b"]), json!({})).await;
    within("the call", provider.held("<a>", 1)).await;
    server.process.terminate().unwrap();
    within("the end of serving", async {
        while tokio::net::TcpStream::connect(server.http.trim_start_matches("http://")).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    provider.release("<a>");
    let done = blocking(move || server.process.wait().unwrap()).await;
    assert_eq!(done.code(), 0, "{}", done.stderr);

    let server = up(&place);
    let execution = Api::new(&server.http).ended(&id).await;
    assert_eq!(execution["status"], "succeeded");
    let first = &execution["agent_executions"][0];
    assert_eq!(first["attempts"].as_array().unwrap().len(), 1, "the call in flight was lost: {first}");
}

/// SHA-256 of `let-me-in`.
const KEYS: &str = "alice:a3ee786b5707c27d42570785081ec17f5c7db9262a01366af362a1aa61a420b9";

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_asked_for_and_never_shown() {
    let mut place = Place::new();
    place.settings =
        settings([("NEXUS_API_KEYS", KEYS), ("OPENAI_API_KEY", "sk-canary"), ("LOG_LEVEL", "debug")]);
    let server = up(&place);
    let api = Api::new(&server.http);
    assert_eq!(api.get("/healthz").await["status"], "ok");
    let refused = api.try_call(Method::GET, "/api/v1/workflows", None).await.unwrap();
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let client = |key: &'static str| {
        let mut environment: Settings = settings([("NEXUS_SERVER", &server.http)]);
        if !key.is_empty() {
            environment.extend(settings([("NEXUS_API_KEY", key)]));
        }
        blocking(move || run(nexus(), &["workflows", "list"], environment).unwrap())
    };
    let done = client("").await;
    assert_eq!(done.code(), 2, "{}", done.stderr);
    assert!(done.stderr.contains("NEXUS_API_KEY"), "{}", done.stderr);
    assert_eq!(client("wrong-key").await.code(), 2);
    assert_eq!(client("let-me-in").await.code(), 0);
    let log = server.process.stderr();
    assert!(!log.contains("sk-canary") && !log.contains("wrong-key") && !log.contains("let-me-in"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_does_not_end_is_handed_on_within_28_seconds() {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("hello"));
    provider.hold("<a>");
    let place = Place::with_provider(&provider);
    let mut server = up(&place);
    let id = Api::new(&server.http).start(chain(&["a"]), json!({})).await;
    within("the call", provider.held("<a>", 1)).await;
    let told = Instant::now();
    server.process.terminate().unwrap();
    let done = blocking(move || server.process.wait().unwrap()).await;
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert!(told.elapsed() < Duration::from_secs(28), "it took {:?}", told.elapsed());
    provider.release("<a>");
    let server = up(&place);
    assert_eq!(Api::new(&server.http).ended(&id).await["status"], "succeeded");
}

#[test]
fn a_second_signal_does_not_wait() {
    let place = Place::new();
    let mut server = up(&place);
    server.process.terminate().unwrap();
    let _ = server.process.terminate();
    server.process.wait().unwrap();
    // Whichever of the two ended it, the folder is free again.
    up(&place);
}
