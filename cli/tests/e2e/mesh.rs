//! Six processes, a private Postgres and NATS: the same answers as in one process.

use crate::{Place, blocking, examples, http::Api, http::assert_whole, inputs_for, nexus, one_json, read};
use nexus_testkit::process::{Mesh, Settings};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An event without what differs from run to run: ids, times, durations.
fn essence(event: &Value) -> Value {
    let mut data = event["data"].clone();
    forget(&mut data);
    json!({"type": event["type"], "agent_id": event["agent_id"], "data": data})
}

fn forget(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !matches!(name.as_str(), "latency_ms" | "delay_ms"));
            fields.values_mut().for_each(forget);
        }
        Value::Array(items) => items.iter_mut().for_each(forget),
        // `google.protobuf.Value` knows one kind of number: 0.0 comes back as 0, which is the same in JSON.
        Value::Number(number) => *value = json!(number.as_f64()),
        _ => {}
    }
}

/// What each node went through, in order. Nodes that run side by side may interleave differently each time.
fn by_node(events: &[Value]) -> BTreeMap<String, Vec<Value>> {
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in events {
        all.entry(event["agent_id"].as_str().unwrap_or_default().to_owned())
            .or_default()
            .push(essence(event));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mesh_gives_the_same_outputs_and_events_as_one_process() {
    let mesh = blocking(|| Mesh::start(nexus(), 2, 1, Settings::new()).unwrap()).await;
    let api = Api::new(mesh.http());
    let alone = Place::new();
    for path in examples() {
        let document = read(&path);
        let inputs = inputs_for(&document);
        let file = alone.write("inputs.json", &inputs);
        let arguments = ["run", path.to_str().unwrap(), "--inputs", &file, "--json"];
        let embedded = alone.nexus_async(&arguments).await;
        assert_eq!(embedded.code(), 0, "{}", embedded.stderr);
        let mut events: Vec<Value> = embedded.stdout.lines().map(one_json).collect();
        let outputs = events.pop().unwrap();

        let id = api.start(document, inputs).await;
        let execution = api.ended(&id).await;
        assert_eq!(execution["outputs"], outputs, "{}", path.display());
        let mesh_events = api.events(&id).await;
        assert_whole(&mesh_events);
        assert_eq!(by_node(&mesh_events), by_node(&events), "{}", path.display());

        // The command line against the mesh.
        let arguments: Vec<_> = arguments.into_iter().chain(["--server", mesh.http()]).collect();
        let remote = alone.nexus_async(&arguments).await;
        assert_eq!(remote.code(), 0, "{}", remote.stderr);
        let mut events: Vec<Value> = remote.stdout.lines().map(one_json).collect();
        assert_eq!(events.pop().unwrap(), outputs);
        assert_whole(&events);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_of_steps_gives_the_very_same_sequence_of_events() {
    let mesh = blocking(|| Mesh::start(nexus(), 1, 1, Settings::new()).unwrap()).await;
    let api = Api::new(mesh.http());
    let document = json!({"name": "In a row", "graph": {
        "nodes": [
            {"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "one"}},
            {"id": "choose", "type": "conditional", "config": {"cases": [{"handle": "yes", "when": "size(nodes.a.output.text) > 0"}], "else": "no"}},
            {"id": "b", "type": "agent", "config": {"model": "demo/small", "prompt": "{{ nodes.a.output.text }}"}},
            {"id": "c", "type": "tool", "config": {"tool": "template", "template": "never"}}],
        "edges": [
            {"id": "1", "source": "a", "target": "choose"},
            {"id": "2", "source": "choose", "target": "b", "source_handle": "yes"},
            {"id": "3", "source": "choose", "target": "c", "source_handle": "no"}]}});
    let alone = Place::new();
    let embedded = alone.nexus_async(&["run", &alone.write("d.json", &document), "--json"]).await;
    let mut expected: Vec<Value> = embedded.stdout.lines().map(one_json).collect();
    expected.pop();
    let id = api.start(document, json!({})).await;
    api.ended(&id).await;
    let essences = |events: &[Value]| events.iter().map(essence).collect::<Vec<_>>();
    assert_eq!(essences(&api.events(&id).await), essences(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mesh_works_with_keys_and_says_when_it_is_ready() {
    // SHA-256 of `let-me-in`.
    let keys = "alice:a3ee786b5707c27d42570785081ec17f5c7db9262a01366af362a1aa61a420b9";
    let mesh = blocking(move || {
        Mesh::start(nexus(), 1, 1, vec![("NEXUS_API_KEYS".to_owned(), keys.to_owned())]).unwrap()
    })
    .await;
    let ready = Api::new(mesh.http()).get("/readyz").await;
    assert_eq!(ready["status"], "ready", "{ready}");
    let mut place = Place::new();
    place.settings = vec![("NEXUS_API_KEY".to_owned(), "let-me-in".to_owned())];
    let document = json!({"name": "With a key", "graph": {"nodes": [
        {"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "x"}}]}});
    let file = place.write("d.json", &document);
    let done = place.nexus_async(&["run", &file, "--server", mesh.http()]).await;
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let refused = mesh.command(&["models", "--server", mesh.http()]).unwrap();
    assert_eq!(refused.code(), 2, "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_schema_is_refused_with_what_to_do() {
    let server = blocking(|| nexus_testkit::postgres::Server::start_without_fsync().unwrap()).await;
    let mut place = Place::new();
    place.settings = vec![("DATABASE_URL".to_owned(), server.create_database().unwrap())];
    for role in ["planner", "executor"] {
        let done = place.nexus_async(&["serve", role, "--grpc-addr", "127.0.0.1:0"]).await;
        assert_eq!(done.code(), 2, "{}", done.stderr);
        assert!(done.stderr.contains("nexus migrate"), "{}", done.stderr);
    }
    for _ in 0..2 {
        assert_eq!(place.nexus_async(&["migrate"]).await.code(), 0);
    }
}
