//! The catalogue of patterns (`docs/patterns.md`, `examples/patterns`): every example is valid without a warning, costs
//! no more than its estimate says, runs on the demo models, and does what its pattern is about. Here: running one, and
//! whether catalogue and examples agree. Not here: what each pattern is about (`control`, `agents`), the snippets of
//! other pages (`guides`).

mod agents;
mod control;
mod guides;

use crate::{Place, http::assert_whole, inputs_for, one_json, read};
use nexus_testkit::process::repository;
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::PathBuf};

fn folder() -> PathBuf {
    repository().join("examples/patterns")
}

fn pattern(name: &str) -> PathBuf {
    folder().join(format!("{name}.json"))
}

/// A run that succeeded.
struct Run {
    events: Vec<Value>,
    outputs: Value,
    execution: Value,
    /// What was foreseen.
    estimate: Value,
}

/// An example with the inputs that it gives as examples itself.
fn run(name: &str) -> Run {
    run_with(&Place::new(), name, json!({}))
}

/// An example with some inputs of our own.
fn run_with(place: &Place, name: &str, changed: Value) -> Run {
    let document = read(&pattern(name));
    let mut inputs = inputs_for(&document);
    for (name, value) in changed.as_object().unwrap() {
        inputs[name] = value.clone();
    }
    let run = run_document(place, &document, &inputs);
    assert_eq!(run.estimate["fits_budget"], true, "even the most is within the budget: {}", run.estimate);
    run
}

/// Validates, estimates and runs a document; what was paid is within the estimate.
fn run_document(place: &Place, document: &Value, inputs: &Value) -> Run {
    let file = place.write("document.json", document);
    let inputs = place.write("inputs.json", inputs);
    let report = one_json(&place.nexus(&["validate", &file, "--json"]).stdout);
    assert_eq!(
        (&report["valid"], &report["errors"], &report["warnings"]),
        (&json!(true), &json!([]), &json!([]))
    );
    let estimate = place.nexus(&["estimate", &file, "--inputs", &inputs, "--json"]);
    assert_eq!(estimate.code(), 0, "{}", estimate.stderr);
    let estimate = one_json(&estimate.stdout);

    let done = place.nexus(&["run", &file, "--inputs", &inputs, "--json"]);
    assert_eq!(done.code(), 0, "{}\n{}", done.stdout, done.stderr);
    let mut lines: Vec<Value> = done.stdout.lines().map(one_json).collect();
    let outputs = lines.pop().unwrap();
    lines.retain(|line| !line["seq"].is_null());
    assert_whole(&lines);
    let run = Run { execution: shown(place, &lines), events: lines, outputs, estimate };
    assert_eq!(run.execution["status"], "succeeded");
    assert_eq!(run.execution["outputs"], run.outputs);
    let (paid, most) =
        (run.execution["budget"]["spent_usd"].as_f64().unwrap(), run.estimate["max_usd"].as_f64().unwrap());
    assert!(paid <= most, "paid {paid}, at most {most} were foreseen");
    assert_eq!(run.execution["budget"]["reserved_usd"].as_f64(), Some(0.0), "nothing is held in the end");
    run
}

/// The execution that these events are of.
fn shown(place: &Place, events: &[Value]) -> Value {
    let id = events[0]["execution_id"].as_str().unwrap();
    one_json(&place.nexus(&["executions", "show", id, "--json"]).stdout)
}

impl Run {
    /// When (by `seq`) this first happened to the node.
    fn seq(&self, kind: &str, node: &str) -> u64 {
        let found = self.events.iter().find(|event| event["type"] == kind && event["agent_id"] == node);
        found.unwrap_or_else(|| panic!("no {kind} of {node}: {:#?}", self.events))["seq"].as_u64().unwrap()
    }

    fn started(&self, node: &str) -> u64 {
        self.seq("agent_started", node)
    }

    fn completed(&self, node: &str) -> u64 {
        self.seq("agent_completed", node)
    }

    /// To which nodes this happened, in order.
    fn all(&self, kind: &str) -> Vec<&str> {
        let events = self.events.iter().filter(|event| event["type"] == kind);
        events.map(|event| event["agent_id"].as_str().unwrap()).collect()
    }

    /// The nodes that will never run, sorted.
    fn skipped(&self) -> Vec<&str> {
        let mut skipped = self.all("agent_skipped");
        skipped.sort_unstable();
        skipped
    }

    /// The node's entry in the execution.
    fn node(&self, id: &str) -> &Value {
        let all = self.execution["agent_executions"].as_array().unwrap();
        all.iter().find(|node| node["node_id"] == id).unwrap_or_else(|| panic!("no {id}"))
    }

    /// What a node came to.
    fn output(&self, id: &str) -> &Value {
        &self.node(id)["output"]
    }

    /// The node's revision, and how many attempts it took altogether.
    fn effort(&self, id: &str) -> (u64, usize) {
        let node = self.node(id);
        (node["revision"].as_u64().unwrap(), node["attempts"].as_array().unwrap().len())
    }

    /// All of them began before any of them ended.
    fn assert_at_once(&self, nodes: &[&str]) {
        let last_start = nodes.iter().map(|node| self.started(node)).max();
        let first_end = nodes.iter().map(|node| self.completed(node)).min();
        assert!(last_start < first_end, "{nodes:?} did not run at the same time: {:#?}", self.events);
    }

    /// Each began after the one before it had ended.
    fn assert_in_a_row(&self, nodes: &[&str]) {
        for pair in nodes.windows(2) {
            assert!(self.completed(pair[0]) < self.started(pair[1]), "{pair:?}: {:#?}", self.events);
        }
    }

    /// One node sent another back to work, so often.
    fn assert_sent_back(&self, from: &str, to: &str, times: usize) {
        let sent: Vec<_> = self.events.iter().filter(|event| event["type"] == "agent_backtracked").collect();
        assert_eq!(sent.len(), times, "{:#?}", self.events);
        for event in sent {
            assert_eq!((&event["agent_id"], &event["data"]["to"]), (&json!(from), &json!(to)));
        }
    }
}

#[test]
fn the_catalogue_lists_every_example_once_and_every_pattern_of_the_twenty() {
    let page = std::fs::read_to_string(repository().join("docs/patterns.md")).unwrap();
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let linked: BTreeSet<String> = page
        .split("](../examples/patterns/")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap().to_owned())
        .collect();
    assert_eq!(files, linked);
    for number in 1..=20 {
        let row = format!("| WCP-{number} |");
        let rows: Vec<_> = page.lines().filter(|line| line.starts_with(&row)).collect();
        assert_eq!(rows.len(), 1, "{row}");
        let cells: Vec<_> = rows[0].split('|').map(str::trim).collect();
        let file = format!("wcp-{number:02}-");
        let has_example = files.iter().any(|name| name.starts_with(&file));
        match cells[3] {
            "yes" | "up to a bound" => assert!(has_example, "{row}"),
            "impossible" | "planned" => assert!(!has_example && cells[4].contains("](#"), "{row}"),
            other => panic!("{row} {other}"),
        }
    }
}
