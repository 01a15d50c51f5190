//! The smaller commands: what they print and how they end.

use crate::{Place, examples, one_json, read};
use serde_json::json;

#[test]
fn documents_are_validated_and_planned() {
    let place = Place::new();
    for path in examples() {
        let file = path.to_str().unwrap();
        let report = one_json(&place.nexus(&["validate", file, "--json"]).stdout);
        assert_eq!(report["valid"], json!(true), "{file}: {report}");
        let plan = one_json(&place.nexus(&["plan", file, "--json"]).stdout);
        assert!(plan["node_count"].as_u64().unwrap() > 0);
        for command in ["validate", "plan"] {
            let done = place.nexus(&[command, file]);
            assert_eq!(done.code(), 0, "{}", done.stderr);
            assert!(!done.stdout.is_empty());
        }
    }
    // None of this needs a data folder.
    assert!(!place.data().exists());
}

#[test]
fn models_are_listed_with_what_is_configured() {
    let mut place = Place::new();
    let models = one_json(&place.nexus(&["models", "--json"]).stdout);
    let configured = |models: &serde_json::Value, provider: &str| {
        let of: Vec<_> =
            models["items"].as_array().unwrap().iter().filter(|m| m["provider"] == provider).collect();
        assert!(!of.is_empty());
        of.iter().all(|model| model["configured"] == json!(true))
    };
    assert!(configured(&models, "demo") && !configured(&models, "openai"));
    place.settings = vec![("OPENAI_API_KEY".into(), "sk-canary".into())];
    let done = place.nexus(&["models", "--json"]);
    assert!(configured(&one_json(&done.stdout), "openai"));
    assert!(!done.stdout.contains("sk-canary") && !done.stderr.contains("sk-canary"));
    assert!(place.nexus(&["models"]).stdout.contains("demo/"));
}

#[test]
fn workflows_go_in_and_out_unchanged() {
    let place = Place::new();
    let files: Vec<_> = examples().into_iter().map(|path| path.display().to_string()).collect();
    let arguments: Vec<_> =
        ["workflows", "import", "--json"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let done = place.nexus(&arguments);
    assert_eq!(done.code(), 0, "{}", done.stderr);
    for (file, line) in files.iter().zip(done.stdout.lines()) {
        let id = one_json(line)["id"].as_str().unwrap().to_owned();
        let out = place.folder.path().join("out.json");
        let exported = place.nexus(&["workflows", "export", &id]);
        assert_eq!(one_json(&exported.stdout), read(file.as_ref()));
        assert_eq!(place.nexus(&["workflows", "export", &id, "--output", out.to_str().unwrap()]).code(), 0);
        assert_eq!(read(&out), read(file.as_ref()));
    }
    let listed = place.nexus(&["workflows", "list", "--limit", "2"]);
    assert_eq!(listed.stdout.lines().count(), 3, "{}", listed.stdout);
}

#[test]
fn executions_are_shown_and_an_ended_one_cannot_be_cancelled() {
    let place = Place::new();
    let document = json!({"name": "One step", "graph": {"nodes": [
        {"id": "t", "type": "tool", "config": {"tool": "template", "template": "x"}}]}});
    assert_eq!(place.nexus(&["run", &place.write("d.json", &document)]).code(), 0);
    let listed = one_json(&place.nexus(&["executions", "list", "--json"]).stdout);
    let id = listed["items"][0]["id"].as_str().unwrap();
    let shown = one_json(&place.nexus(&["executions", "show", id, "--json"]).stdout);
    assert_eq!(shown["outputs"], json!({"t": {"text": "x"}}));
    assert!(place.nexus(&["executions", "show", id]).stdout.contains("succeeded"));
    let cancelled = place.nexus(&["executions", "cancel", id]);
    assert_eq!(cancelled.code(), 1, "{}", cancelled.stderr);
    let again = place.nexus(&["executions", "resume", id, "--from-node", "t"]);
    assert_eq!((again.code(), one_json(&again.stdout)), (0, json!({"t": {"text": "x"}})), "{}", again.stderr);
}

#[test]
fn the_rest_says_what_it_is() {
    let place = Place::new();
    assert!(place.nexus(&["--version"]).stdout.starts_with("nexus "));
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.nexus(&["completions", shell]).stdout.contains("nexus"));
    }
    assert!(place.nexus(&["help", "up"]).stdout.contains("NEXUS_DATA_DIR"));
}

#[test]
fn a_mesh_role_says_what_it_cannot_do_without() {
    let place = Place::new();
    for role in ["planner", "executor"] {
        let done = place.nexus(&["serve", role]);
        assert_eq!(done.code(), 2, "{}", done.stderr);
        assert!(done.stderr.contains("DATABASE_URL"), "{}", done.stderr);
    }
    let migrated = place.nexus(&["migrate"]);
    assert_eq!(migrated.code(), 0, "{}", migrated.stderr);
    assert!(place.data().join("nexus.db").exists());
}
