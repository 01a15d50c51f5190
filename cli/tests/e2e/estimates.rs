//! Estimates against what runs then really cost, on the demo provider and on one that is directed.

use crate::{Place, examples, inputs_for, one_json, read};
use nexus_testkit::process::Finished;
use serde_json::{Value, json};
use std::path::Path;

fn ok(finished: Finished) -> String {
    assert_eq!(finished.code(), 0, "{}\n{}", finished.stdout, finished.stderr);
    finished.stdout
}

fn usd(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no amount: {value}"))
}

/// Runs it, and says what that cost.
fn run(place: &Place, document: &str, inputs: &str) -> f64 {
    ok(place.nexus(&["run", document, "--inputs", inputs]));
    let list = one_json(&ok(place.nexus(&["executions", "list", "--json"])));
    let latest = list.get("items").unwrap_or(&list)[0].clone();
    usd(&latest["budget"]["spent_usd"])
}

fn estimate(place: &Place, document: &str, inputs: &str) -> Value {
    one_json(&ok(place.nexus(&["estimate", document, "--inputs", inputs, "--json"])))
}

/// How far what is expected is from what is spent, once there is history; and the bound on the way.
fn deviation(example: &Path) -> f64 {
    let place = Place::new();
    let document = read(example);
    let inputs = place.write("inputs.json", &inputs_for(&document));
    let path = example.display().to_string();
    let first = estimate(&place, &path, &inputs);
    assert_eq!(first["history_runs"], 0, "{path}");
    assert!(!place.data().exists(), "an estimate leaves no traces");
    let limit = usd(&first["max_usd"]);
    for _ in 0..3 {
        let spent = run(&place, &path, &inputs);
        assert!(usd(&first["min_usd"]) <= spent && spent <= limit, "{path}: {spent} {first}");
    }
    let learned = estimate(&place, &path, &inputs);
    assert_eq!(learned["history_runs"], 3, "{path}");
    let spent = run(&place, &path, &inputs);
    assert!(spent <= usd(&learned["max_usd"]), "{path}: {spent} {learned}");
    let deviation = usd(&learned["expected_usd"]) / spent - 1.0;
    eprintln!(
        "{}: expected {:.6} then {:.6}, spent {spent:.6}, at most {limit:.6}",
        example.file_name().unwrap().display(),
        usd(&first["expected_usd"]),
        usd(&learned["expected_usd"]),
    );
    deviation.abs()
}

#[test]
fn examples_cost_about_what_is_expected_once_there_is_history_and_never_more_than_most() {
    let examples = examples();
    let mut deviations: Vec<f64> = std::thread::scope(|scope| {
        let runs: Vec<_> = examples.iter().map(|example| scope.spawn(move || deviation(example))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    deviations.sort_by(f64::total_cmp);
    let median = deviations[deviations.len() / 2];
    eprintln!("median deviation {:.1} %", median * 100.0);
    assert!(median <= 0.35, "{deviations:?}");
}

#[test]
fn the_table_says_what_it_rests_on_and_mistakes_are_explained() {
    let place = Place::new();
    let document = json!({"name": "One", "budget": {"limit_usd": 0.5},
        "inputs": {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]},
        "graph": {"nodes": [{"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "About {{ inputs.topic }}"}}], "edges": []}});
    let path = place.write("one.json", &document);
    let table = ok(place.nexus(&["estimate", &path, "--input", "topic=tides"]));
    for word in ["EXPECTED", "total", "assumptions", "within the budget of $0.50", "no earlier runs"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let small = ok(place.nexus(&["estimate", &path, "--input", "topic=tides", "--budget", "0.000001"]));
    assert!(small.contains("beyond the budget"), "{small}");
    let missing = place.nexus(&["estimate", &path]);
    assert_eq!(missing.code(), 2, "{}", missing.stderr);
    assert!(missing.stderr.contains("\"topic\" is a required property"), "{}", missing.stderr);
    let mut broken = document;
    broken["graph"]["nodes"][0]["config"]["prompt"] = json!("{{ nodes.b.output }}");
    let broken = place.nexus(&["estimate", &place.write("broken.json", &broken), "--input", "topic=x"]);
    assert_eq!(broken.code(), 2);
    assert!(broken.stderr.contains("/graph/nodes/0/config/prompt"), "{}", broken.stderr);
}
