//! `nexus backup` and `nexus restore` with real processes: a server under load is saved, another folder gets it, and
//! everything in it comes to its end. Not here: the backup file itself (`libs/store/tests/backup.rs`).

use crate::{Place, blocking, chain, http::Api, http::assert_whole, nexus, within};
use nexus_testkit::{
    process::{Up, settings},
    provider::{FakeProvider, Matcher, Reply},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

fn up(place: &Place) -> Up {
    Up::start(nexus(), &place.data(), place.settings.clone()).unwrap()
}

/// Three agents in a row and one beside them, on the demo provider, the first of which keeps what it says.
fn storm() -> Value {
    let agent = |id: &str, prompt: &str| json!({"id": id, "type": "agent", "config": {"model": "demo/small", "prompt": prompt}});
    let mut first = agent("a", "one");
    first["config"]["memory"] = json!({"store": true});
    json!({"schema_version": 1, "name": "Storm", "graph": {
        "nodes": [first, agent("b", "{{ nodes.a.output.text }}"), agent("c", "{{ nodes.b.output.text }}"), agent("d", "two")],
        "edges": [{"id": "ab", "source": "a", "target": "b"}, {"id": "bc", "source": "b", "target": "c"}]}})
}

/// Every execution that a server knows.
async fn all(api: &Api) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut address = "/api/v1/executions?limit=200".to_owned();
    loop {
        let page = api.get(&address).await;
        ids.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => address = format!("/api/v1/executions?limit=200&cursor={cursor}"),
            None => return ids,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_in_the_middle_of_a_storm_comes_to_its_end_elsewhere() {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("hello"));
    provider.hold("<b>");
    let place = Place::with_provider(&provider);
    let server = up(&place);
    let api = Api::new(&server.http);
    // One is certainly unfinished when the backup is made.
    let held = api.start(chain(&["a", "b", "c"]), json!({})).await;
    within("the second step", provider.held("<b>", 1)).await;
    let stop = AtomicBool::new(false);
    let storming = async {
        let mut started = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            started.push(api.start(storm(), json!({})).await);
        }
        started
    };
    let file = place.folder.path().join("storm.backup");
    let saving = async {
        // In the middle: some are done, others are not.
        loop {
            let done = api.get("/api/v1/executions?status=succeeded").await;
            if done["items"].as_array().unwrap().len() >= 5 {
                break;
            }
        }
        let done = place.nexus_async(&["backup", file.to_str().unwrap()]).await;
        stop.store(true, Ordering::Relaxed);
        done
    };
    let (started, done) = futures::future::join(storming, saving).await;
    assert_eq!(done.code(), 0, "{}", done.stderr);
    assert!(done.stdout.contains("executions") && done.stdout.contains("SHA-256"), "{}", done.stdout);
    for id in &started {
        assert_eq!(api.ended(id).await["status"], "succeeded", "the backup got in the way of {id}");
    }
    let memory = |api: Api, id: String| async move {
        api.get(&format!("/api/v1/executions/{id}/memory")).await["items"].as_array().unwrap().len()
    };

    let elsewhere = Place::with_provider(&provider);
    let done = elsewhere.nexus_async(&["restore", file.to_str().unwrap()]).await;
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let restored = up(&elsewhere);
    let there = Api::new(&restored.http);
    within("the second step, elsewhere", provider.held("<b>", 2)).await;
    assert_eq!(there.get(&format!("/api/v1/executions/{held}")).await["status"], "running");
    provider.release("<b>");
    for api in [&api, &there] {
        assert_eq!(api.ended(&held).await["status"], "succeeded");
        assert_whole(&api.events(&held).await);
    }
    let mut saved = all(&there).await;
    assert!(saved.remove(&held));
    assert!(saved.len() >= 5 && saved.is_subset(&started.iter().cloned().collect()), "{}", saved.len());
    for id in &saved {
        let execution = there.ended(id).await;
        assert_eq!(execution["status"], "succeeded", "{execution}");
        assert_whole(&there.events(id).await);
        assert_eq!(memory(Api::new(&restored.http), id.clone()).await, 1);
    }
    // A restored folder is one like any other.
    let id = there.start(storm(), json!({})).await;
    assert_eq!(there.ended(&id).await["status"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_or_with_data_is_not_restored_into() {
    let place = Place::new();
    let document = json!({"name": "One", "graph": {"nodes": [
        {"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "x"}}]}});
    let run = place.nexus_async(&["run", &place.write("d.json", &document)]).await;
    assert_eq!(run.code(), 0, "{}", run.stderr);
    let file = place.folder.path().join("one.backup").display().to_string();
    // Nobody uses the folder at the moment: that is no hindrance either.
    assert_eq!(place.nexus_async(&["backup", &file]).await.code(), 0);
    let again = place.nexus_async(&["backup", &file]).await;
    assert_eq!(again.code(), 2);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);

    let full = place.nexus_async(&["restore", &file]).await;
    assert_eq!(full.code(), 2);
    assert!(full.stderr.contains("--force") && full.stderr.contains("NEXUS_DATA_DIR"), "{}", full.stderr);
    let mut server = up(&place);
    for arguments in [&["restore", &file][..], &["restore", &file, "--force"]] {
        let taken = place.nexus_async(arguments).await;
        assert_eq!(taken.code(), 1);
        assert!(taken.stderr.contains("another nexus process"), "{}", taken.stderr);
    }
    let api = Api::new(&server.http);
    let later = api.start(document.clone(), json!({})).await;
    assert_eq!(api.ended(&later).await["status"], "succeeded");
    server.process.kill9();

    // What came after the backup is gone, and the log of the killed server does not bring it back.
    let forced = place.nexus_async(&["restore", &file, "--force"]).await;
    assert_eq!(forced.code(), 0, "{}", forced.stderr);
    let listed = place.nexus_async(&["executions", "list", "--json"]).await;
    let listed = crate::one_json(&listed.stdout);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_ne!(listed["items"][0]["id"], json!(later));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_saved_or_restored_is_said_with_what_to_do() {
    let place = Place::new();
    let file = place.folder.path().join("x.backup").display().to_string();
    let nothing = place.nexus_async(&["backup", &file]).await;
    assert_eq!(nothing.code(), 2);
    assert!(nothing.stderr.contains("NEXUS_DATA_DIR"), "{}", nothing.stderr);
    let missing = place.nexus_async(&["restore", &file]).await;
    assert_eq!(missing.code(), 1);
    assert!(missing.stderr.contains("cannot read"), "{}", missing.stderr);
    let text = place.write("text", &json!("no backup"));
    let foreign = place.nexus_async(&["restore", &text]).await;
    assert_eq!(foreign.code(), 2);
    assert!(foreign.stderr.contains("no backup made by `nexus backup`"), "{}", foreign.stderr);
    assert!(!place.data().exists());
    let far = place.nexus_async(&["backup", &file, "--server", "http://127.0.0.1:1"]).await;
    assert_eq!(far.code(), 2);
    assert!(far.stderr.contains("not over the network"), "{}", far.stderr);

    let mut mesh = Place::new();
    mesh.settings = settings([("DATABASE_URL", "postgres://127.0.0.1:1/nexus")]);
    for (command, tool) in [("backup", "pg_dump"), ("restore", "pg_restore")] {
        let refused = mesh.nexus_async(&[command, &file]).await;
        assert_eq!(refused.code(), 2);
        assert!(
            refused.stderr.contains(tool) && refused.stderr.contains("docs/backup.md"),
            "{}",
            refused.stderr
        );
    }
    blocking(move || drop(mesh)).await;
}
