//! `nexus run` without a server: outputs, progress, exit codes.

use crate::{Place, chain, examples, http::assert_whole, inputs_for, nexus, one_json, read, within};
use nexus_testkit::{
    process::Process,
    provider::{FakeProvider, Matcher, Reply},
};
use serde_json::{Value, json};

fn template(inputs: Value, template: &str) -> Value {
    json!({"name": "Template", "inputs": inputs,
           "graph": {"nodes": [{"id": "t", "type": "tool", "config": {"tool": "template", "template": template}}]}})
}

#[test]
fn every_example_runs_on_the_demo_models_and_prints_one_json_value() {
    let place = Place::new();
    for path in examples() {
        let document = read(&path);
        let inputs = place.write("inputs.json", &inputs_for(&document));
        let done = place.nexus(&["run", path.to_str().unwrap(), "--inputs", &inputs]);
        assert_eq!(done.code(), 0, "{}: {}", path.display(), done.stderr);
        let outputs = one_json(&done.stdout);
        assert!(outputs.as_object().is_some_and(|outputs| !outputs.is_empty()), "{outputs}");
        assert!(done.stderr.contains("succeeded"), "{}", done.stderr);
        assert!(!done.stderr.contains('\x1b'), "colours in a pipe: {}", done.stderr);
    }
}

#[test]
fn the_same_file_is_stored_once() {
    let place = Place::new();
    let file = place.write("t.json", &template(json!({"type": "object"}), "x"));
    for _ in 0..2 {
        assert_eq!(place.nexus(&["run", &file]).code(), 0);
    }
    let changed = place.write("u.json", &template(json!({"type": "object"}), "y"));
    assert_eq!(place.nexus(&["run", &changed]).code(), 0);
    let listed = one_json(&place.nexus(&["workflows", "list", "--json"]).stdout);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let executions = one_json(&place.nexus(&["executions", "list", "--json"]).stdout);
    assert_eq!(executions["items"].as_array().unwrap().len(), 3);
}

#[test]
fn inputs_are_read_as_the_schema_says() {
    let place = Place::new();
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}, "s": {"type": "string"}, "l": {"type": "array"}}});
    let file =
        place.write("t.json", &template(schema, "{{ inputs.n + 1 }}|{{ inputs.s }}|{{ inputs.l | length }}"));
    let more = place.write("more.json", &json!({"s": "from the file", "n": 1}));
    let done = place.nexus(&["run", &file, "--inputs", &more, "--input", "n=41", "--input", "l=[1, 2]"]);
    assert_eq!(one_json(&done.stdout), json!({"t": {"text": "42|from the file|2"}}), "{}", done.stderr);
    let done = place.nexus(&["run", &file, "--input", "n=1", "--input", "s=007", "--input", "l=[]"]);
    assert_eq!(one_json(&done.stdout), json!({"t": {"text": "2|007|0"}}));
    let wrong = place.nexus(&["run", &file, "--input", "n=many"]);
    assert_eq!(wrong.code(), 2);
    assert!(
        wrong.stderr.contains("`n` must be of type integer") && wrong.stdout.is_empty(),
        "{}",
        wrong.stderr
    );
}

#[test]
fn json_prints_events_and_the_outputs_last() {
    let place = Place::new();
    let file = place.write("t.json", &template(json!({"type": "object"}), "x"));
    let done = place.nexus(&["run", &file, "--json"]);
    assert_eq!(done.code(), 0);
    let mut lines: Vec<Value> = done.stdout.lines().map(one_json).collect();
    assert_eq!(lines.pop().unwrap(), json!({"t": {"text": "x"}}));
    assert_whole(&lines);
}

#[test]
fn bad_usage_and_bad_documents_end_with_2() {
    let place = Place::new();
    let no_json = place.folder.path().join("no.json");
    std::fs::write(&no_json, "{").unwrap();
    let no_json = no_json.to_str().unwrap();
    let mut document =
        template(json!({"type": "object", "required": ["topic"]}), "{{ nodes.nobody.output }}");
    document["graph"]["nodes"][0]["surprise"] = json!(1);
    let invalid = place.write("invalid.json", &document);
    let done = place.nexus(&["run", &invalid]);
    assert_eq!(done.code(), 2);
    assert!(done.stderr.contains("/graph/nodes/0"), "{}", done.stderr);
    assert!(done.stdout.is_empty());
    let needy = template(
        json!({"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]}),
        "x",
    );
    let needy = place.write("needy.json", &needy);
    for (arguments, word) in [
        (vec!["run"], "FILE"),
        (vec!["run", "/nowhere.json"], "/nowhere.json"),
        (vec!["run", no_json], "JSON"),
        (vec!["run", &needy], "topic"),
        (vec!["run", &needy, "--input", "topic"], "NAME=VALUE"),
        (vec!["run", &needy, "--budget", "much"], "dollars"),
        (vec!["nonsense"], "nonsense"),
        (vec!["up", "--http-addr", "nowhere"], "NEXUS_HTTP_ADDR"),
        (vec!["validate", &invalid], ""),
        (vec!["executions", "show", "no-id"], "no-id"),
        (vec!["executions", "show", "01a20068-625c-7166-87b3-4b1d6b7ead95"], "does not exist"),
    ] {
        let done = place.nexus(&arguments);
        assert_eq!(done.code(), 2, "{arguments:?}: {}", done.stderr);
        assert!(done.stderr.contains(word), "{arguments:?}: {}", done.stderr);
    }
}

#[test]
fn a_failed_run_ends_with_1_and_says_why() {
    let place = Place::new();
    let document = json!({"name": "Never good enough", "graph": {"nodes": [
        {"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "x", "checks": ["output.text == 'no'"]}}]}});
    let done = place.nexus(&["run", &place.write("d.json", &document)]);
    assert_eq!(done.code(), 1, "{}", done.stderr);
    assert_eq!(one_json(&done.stdout), json!({}));
    assert!(
        done.stderr.contains("error: a:") && done.stderr.contains("nexus executions resume"),
        "{}",
        done.stderr
    );
}

#[test]
fn an_unreachable_server_ends_with_5() {
    let place = Place::new();
    let file = place.write("t.json", &template(json!({}), "x"));
    for arguments in
        [vec!["run", &file], vec!["models"], vec!["executions", "list"], vec!["workflows", "list"]]
    {
        let arguments: Vec<_> = arguments.into_iter().chain(["--server", "http://127.0.0.1:9"]).collect();
        let done = place.nexus(&arguments);
        assert_eq!(done.code(), 5, "{arguments:?}: {}", done.stderr);
        assert!(done.stderr.contains("cannot be reached") && done.stdout.is_empty(), "{}", done.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_cancels_the_run_and_ends_with_4() {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("hello"));
    provider.hold("<a>");
    let place = Place::with_provider(&provider);
    let file = place.write("chain.json", &chain(&["a", "b"]));
    let mut process = Process::start(nexus(), ["run", &file], place.environment()).unwrap();
    within("the call", provider.held("<a>", 1)).await;
    process.interrupt().unwrap();
    let done = crate::blocking(move || process.wait().unwrap()).await;
    assert_eq!(done.code(), 4, "{}", done.stderr);
    assert_eq!(one_json(&done.stdout), json!({}));
    assert_eq!(provider.count(), 1);
}

#[test]
fn runs_in_the_same_folder_wait_for_each_other() {
    let place = Place::new();
    let document = json!({"name": "Some time", "graph": {"nodes": [
        {"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "x"}}]}});
    let file = place.write("d.json", &document);
    let mut all: Vec<_> =
        (0..4).map(|_| Process::start(nexus(), ["run", &file], place.environment()).unwrap()).collect();
    for process in &mut all {
        let done = process.wait().unwrap();
        assert_eq!(done.code(), 0, "{}", done.stderr);
    }
}
