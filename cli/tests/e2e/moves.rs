//! From embedded mode to a mesh: `nexus migrate --from … --to …` with real processes; what was unfinished goes on in the
//! mesh. Not here: the copying itself (`libs/store/tests/copy.rs`).

use crate::{Place, blocking, chain, http::Api, http::assert_whole, nexus, within};
use nexus_testkit::{
    postgres::Server,
    process::{Mesh, Up},
    provider::{FakeProvider, Matcher, Reply},
};
use reqwest::Method;
use serde_json::json;

fn up(place: &Place) -> Up {
    Up::start(nexus(), &place.data(), place.settings.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mesh_goes_on_with_what_an_embedded_server_has_left() {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("hello"));
    provider.hold("<b>");
    let place = Place::with_provider(&provider);
    let mut server = up(&place);
    let api = Api::new(&server.http);
    let done = api.start(chain(&["a", "c"]), json!({})).await;
    let whole = api.ended(&done).await;
    assert_eq!(whole["status"], "succeeded", "{whole}");
    let events = api.events(&done).await;
    let kept = json!({"scope": "global", "text": "tides follow the moon"});
    assert!(api.try_call(Method::POST, "/api/v1/memory", Some(kept)).await.unwrap().status.is_success());
    let unfinished = api.start(chain(&["a", "b", "c"]), json!({})).await;
    within("the second step", provider.held("<b>", 1)).await;

    let postgres = blocking(|| Server::start_without_fsync().unwrap()).await;
    let (from, to) = (
        format!("sqlite://{}", place.data().join("nexus.db").display()),
        postgres.create_database().unwrap(),
    );
    let arguments = ["migrate", "--from", &from, "--to", &to];
    let locked = place.nexus_async(&arguments).await;
    assert_eq!(locked.code(), 1);
    assert!(locked.stderr.contains("another nexus process"), "{}", locked.stderr);
    server.process.kill9();

    let moved = place.nexus_async(&arguments).await;
    assert_eq!(moved.code(), 0, "{}", moved.stderr);
    assert!(moved.stdout.contains("executions") && moved.stdout.contains("memories"), "{}", moved.stdout);
    let again = place.nexus_async(&arguments).await;
    assert_eq!(again.code(), 2, "{}", again.stderr);
    assert!(again.stderr.contains("not empty"), "{}", again.stderr);

    let mut extra = place.settings.clone();
    extra.push(("DATABASE_URL".to_owned(), to));
    let mesh = blocking(move || Mesh::start(nexus(), 1, 1, extra).unwrap()).await;
    let there = Api::new(mesh.http());
    within("the second step, in the mesh", provider.held("<b>", 2)).await;
    provider.release("<b>");
    let execution = there.ended(&unfinished).await;
    assert_eq!(execution["status"], "succeeded", "{execution}");
    assert_whole(&there.events(&unfinished).await);
    // What was done before was not done again.
    let calls = provider.requests().iter().filter(|request| request.prompt().contains("<a>")).count();
    assert_eq!(calls, 2);

    assert_eq!(there.ended(&done).await, whole);
    assert_eq!(there.events(&done).await, events);
    let memory = there.get("/api/v1/memory?scope=global").await;
    assert_eq!(memory["items"][0]["text"], "tides follow the moon", "{memory}");
    // And the same workflows, which can be run again.
    let workflow = whole["workflow_id"].as_str().unwrap();
    let run = there.post(&format!("/api/v1/workflows/{workflow}/execute"), json!({"inputs": {}})).await;
    assert_eq!(there.ended(run["execution_id"].as_str().unwrap()).await["status"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_moved_is_said_with_what_to_do() {
    let place = Place::new();
    let missing = format!("sqlite://{}", place.data().join("nexus.db").display());
    for (arguments, said) in [
        (
            &["migrate", "--from", &missing, "--to", "postgres://127.0.0.1:1/nexus"][..],
            "there is no database at",
        ),
        (&["migrate", "--from", &missing], "set --to or DATABASE_URL"),
        (&["migrate", "--from", &missing, "--to", "sqlite://other.db"], "set --to or DATABASE_URL"),
        (&["migrate", "--from", "postgres://127.0.0.1:1/nexus"], "--from is the embedded database"),
        (
            &["migrate", "--from", &missing, "--to", "postgres://me:secret@host/db"],
            "does not belong on the command line",
        ),
        (&["migrate", "--to", "postgres://127.0.0.1:1/nexus"], "--from"),
    ] {
        let refused = place.nexus_async(arguments).await;
        assert_eq!(refused.code(), 2, "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(said), "{arguments:?}: {}", refused.stderr);
    }
    assert!(!place.data().exists());
}
