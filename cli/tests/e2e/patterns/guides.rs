//! The documents in `docs/budgets.md`, `docs/backtracking.md` and `docs/tools.md` do what the pages say. Not here: the
//! rules in every detail (`nexus-engine`).

use super::{Run, run_document, shown};
use crate::{Place, one_json};
use nexus_testkit::process::repository;
use serde_json::{Value, json};

/// The one document on a page.
fn document_of(page: &str) -> Value {
    let text = std::fs::read_to_string(repository().join("docs").join(page)).unwrap();
    let (_, rest) = text.split_once("```json\n").unwrap();
    one_json(rest.split_once("```").unwrap().0)
}

#[test]
fn budgets() {
    let place = Place::new();
    let document = document_of("budgets.md");
    let file = place.write("budget.json", &document);

    // Both fit, not both at once.
    let run = run_document(&place, &document, &json!({}));
    let attempt = |node: &str| run.node(node)["attempts"][0].clone();
    assert_eq!((run.effort("left"), run.effort("right")), ((1, 1), (1, 1)));
    assert!(run.started("right") < run.completed("left"), "both are ready at once");
    let (left, right) = (attempt("left"), attempt("right"));
    assert!(right["started_at"].as_str() >= left["finished_at"].as_str(), "{left} {right}");
    assert_eq!((&left["model"], &right["model"]), (&json!("demo/large"), &json!("demo/large")));

    // Clamped, degraded.
    let done = place.nexus(&["run", &file, "--budget", "0.00019", "--json"]);
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let events: Vec<Value> = done.stdout.lines().map(one_json).filter(|line| line["seq"].is_u64()).collect();
    let (execution, none) = (shown(&place, &events), Value::Null);
    let run = Run { execution, outputs: none.clone(), estimate: none, events };
    let (left, right) = (run.node("left"), run.node("right"));
    assert_eq!((&left["model"], &left["tokens"]["completion"]), (&json!("demo/large"), &json!(18)));
    assert_eq!(right["model"], "demo/small");
    assert!(run.execution["budget"]["spent_usd"].as_f64().unwrap() <= 0.00019);

    // Stopped before anything was spent, and resumed.
    let done = place.nexus(&["run", &file, "--budget", "0.00001", "--json"]);
    assert_eq!(done.code(), 3, "{}", done.stderr);
    let events: Vec<Value> = done.stdout.lines().map(one_json).filter(|line| line["seq"].is_u64()).collect();
    let stopped = shown(&place, &events);
    assert_eq!(stopped["status"], "budget_exceeded");
    assert_eq!(stopped["budget"]["spent_usd"].as_f64(), Some(0.0));
    assert!(events.iter().any(|event| event["type"] == "budget_exceeded"));
    let id = stopped["id"].as_str().unwrap();
    let resumed = place.nexus(&["executions", "resume", id, "--budget", "0.0025"]);
    assert_eq!(resumed.code(), 0, "{}", resumed.stderr);
    assert_eq!(one_json(&resumed.stdout).as_object().unwrap().len(), 2);
}

#[test]
fn backtracking() {
    let run = run_document(&Place::new(), &document_of("backtracking.md"), &json!({}));
    run.assert_sent_back("proof", "draft", 1);
    assert_eq!((run.effort("draft"), run.effort("proof")), ((2, 2), (2, 2)));
    assert_eq!(run.effort("cover"), (1, 1), "its input is what it was");
    let sent = run.events.iter().find(|event| event["type"] == "agent_backtracked").unwrap();
    assert_eq!((&sent["data"]["stale"], &sent["data"]["revision"]), (&json!(["cover", "proof"]), &json!(2)));
    let draft = run.node("draft");
    assert_eq!(draft["feedback"]["from_node"], "proof");
    assert_eq!(draft["feedback"]["rejected_output"], draft["revisions"][0]["output"]);
    assert_eq!(draft["revisions"][0]["output"]["title"], draft["output"]["title"]);
}

#[test]
fn tools() {
    let request = json!({"request": "What is the price of three chairs? Please remember them."});
    let place = Place::new();
    let run = run_document(&place, &document_of("tools.md"), &request);
    let calls = run.node("clerk")["attempts"][0]["tool_calls"].as_array().unwrap();
    assert_eq!((&calls[0]["tool"], &calls[1]["tool"]), (&json!("price"), &json!("remember")));
    let chairs = calls[0]["args"]["chairs"].as_u64().unwrap();
    assert_eq!(calls[0]["output"]["text"], format!("{} dollars", chairs * 40));
    assert!(calls[1]["output"]["id"].is_string());
    let id = run.execution["id"].as_str().unwrap();
    let kept = one_json(&place.nexus(&["memory", "list", "--execution", id, "--json"]).stdout);
    assert_eq!(kept["items"][0]["text"], calls[1]["args"]["note"]);
}
