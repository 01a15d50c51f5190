//! Control flow: the patterns of van der Aalst et al. that can be expressed. Not here: patterns of agents.

use super::{pattern, run, run_with};
use crate::{Place, http::Api, http::assert_whole, inputs_for, nexus, read, within};
use nexus_testkit::process::Up;
use serde_json::{Value, json};

#[test]
fn wcp_01_sequence() {
    let run = run("wcp-01-sequence");
    run.assert_in_a_row(&["outline", "article", "title"]);
    assert_eq!(run.all("agent_started"), ["outline", "article", "title"]);
}

#[test]
fn wcp_02_parallel_split() {
    let run = run("wcp-02-parallel-split");
    for branch in ["german", "polish", "turkish"] {
        run.assert_in_a_row(&["notice", branch]);
        assert!(!run.outputs[branch].is_null());
    }
    run.assert_at_once(&["german", "polish", "turkish"]);
}

#[test]
fn wcp_03_synchronization() {
    let run = run("wcp-03-synchronization");
    run.assert_at_once(&["costs", "risks"]);
    run.assert_in_a_row(&["costs", "advice"]);
    run.assert_in_a_row(&["risks", "advice"]);
    let prompt = run.node("advice")["input"]["prompt"].as_str().unwrap();
    for branch in ["costs", "risks"] {
        assert!(prompt.contains(run.output(branch)["text"].as_str().unwrap()));
    }
}

#[test]
fn wcp_04_exclusive_choice() {
    for (amount, chosen, others) in [
        (20_000, "board", ["approved", "manager"]),
        (2_500, "manager", ["approved", "board"]),
        (1_000, "approved", ["board", "manager"]),
    ] {
        let run = run_with(&Place::new(), "wcp-04-exclusive-choice", json!({ "amount": amount }));
        assert_eq!(run.outputs.as_object().unwrap().keys().collect::<Vec<_>>(), [chosen]);
        assert_eq!(run.skipped(), others);
    }
}

#[test]
fn wcp_05_simple_merge() {
    for (urgent, chosen, other) in [(true, "brief", "thorough"), (false, "thorough", "brief")] {
        let run = run_with(&Place::new(), "wcp-05-simple-merge", json!({ "urgent": urgent }));
        run.assert_in_a_row(&["pace", chosen, "mail"]);
        assert_eq!(run.skipped(), [other]);
        assert_eq!(run.effort("mail"), (1, 1));
        let mail = run.outputs["mail"]["text"].as_str().unwrap();
        assert!(mail.contains(run.output(chosen)["text"].as_str().unwrap()), "{mail}");
    }
}

#[test]
fn wcp_06_multi_choice() {
    for (options, left_out) in [
        (json!(["card", "express"]), vec!["insurance"]),
        (json!(["insurance"]), vec!["card", "express"]),
        (json!([]), vec!["card", "express", "insurance"]),
        (json!(["express", "insurance", "card"]), vec![]),
    ] {
        let run = run_with(&Place::new(), "wcp-06-multi-choice", json!({ "options": options }));
        assert_eq!(run.skipped(), left_out);
        assert_eq!(run.outputs.as_object().unwrap().len(), options.as_array().unwrap().len());
    }
}

#[test]
fn wcp_07_structured_synchronizing_merge() {
    let run = run_with(
        &Place::new(),
        "wcp-07-synchronizing-merge",
        json!({ "options": ["card", "insurance", "express"] }),
    );
    for branch in ["card", "insurance", "express"] {
        run.assert_in_a_row(&[branch, "parcel"]);
    }
    let run =
        run_with(&Place::new(), "wcp-07-synchronizing-merge", json!({ "options": ["card", "express"] }));
    run.assert_in_a_row(&["card", "parcel"]);
    run.assert_in_a_row(&["express", "parcel"]);
    assert_eq!(run.skipped(), ["insurance"], "and is not waited for");
    let parcel = run.outputs["parcel"]["text"].as_str().unwrap();
    assert!(parcel.contains("card: ") && parcel.contains("courier") && !parcel.contains("insured"));
    let run = run_with(&Place::new(), "wcp-07-synchronizing-merge", json!({ "options": [] }));
    assert_eq!(run.outputs, json!({"parcel": {"text": "A blue vase"}}));
}

#[test]
fn wcp_09_structured_discriminator() {
    let run = run("wcp-09-discriminator");
    run.assert_at_once(&["quick", "slow"]);
    run.assert_in_a_row(&["quick", "first"]);
    assert!(run.completed("first") < run.completed("slow"), "nobody waits for the second");
    assert_eq!(run.effort("first"), (1, 1), "the second does not start it again");
    assert_eq!(run.outputs["first"], *run.output("quick"));
    assert!(run.node("slow")["cost_usd"].as_f64().unwrap() > 0.0, "but it is paid");
}

#[test]
fn wcp_11_implicit_termination() {
    let run = run("wcp-11-implicit-termination");
    assert_eq!(run.outputs.as_object().unwrap().keys().collect::<Vec<_>>(), ["replacement", "thanks"]);
    let last = ["replacement", "thanks"].map(|end| run.completed(end)).into_iter().max();
    assert_eq!(last.map(|last| last + 1), run.events.last().unwrap()["seq"].as_u64());
    let run = run_with(
        &Place::new(),
        "wcp-11-implicit-termination",
        json!({"message": "The red lamp is beautiful."}),
    );
    assert_eq!(run.skipped(), ["replacement"]);
    assert_eq!(run.outputs.as_object().unwrap().keys().collect::<Vec<_>>(), ["thanks"]);
}

#[test]
fn wcp_12_multiple_instances_without_synchronization() {
    let run = run("wcp-12-instances-unsynchronized");
    let instances = ["invite_1", "invite_2", "invite_3"];
    run.assert_at_once(&instances);
    assert_eq!(run.skipped(), ["invite_4"]);
    for (instance, guest) in instances.iter().zip(["Ada", "Grace", "Edsger"]) {
        assert!(run.node(instance)["input"]["prompt"].as_str().unwrap().contains(guest));
        assert!(run.completed("report") < run.completed(instance), "what follows does not wait");
    }
}

#[test]
fn wcp_13_multiple_instances_known_at_design_time() {
    let run = run("wcp-13-instances-fixed");
    let instances = ["summary_1", "summary_2", "summary_3"];
    run.assert_at_once(&instances);
    for instance in instances {
        run.assert_in_a_row(&[instance, "best"]);
        assert_eq!(run.node(instance)["input"], run.node("summary_1")["input"]);
    }
}

#[test]
fn wcp_14_multiple_instances_known_at_run_time() {
    let pages = ["one", "two", "three", "four"];
    for count in [1, 2, 4] {
        let changed = json!({ "pages": &pages[..count] });
        let run = run_with(&Place::new(), "wcp-14-instances-counted", changed);
        let all = ["page_1", "page_2", "page_3", "page_4"];
        run.assert_at_once(&all[..count]);
        assert_eq!(run.skipped(), all[count..]);
        for (instance, page) in all[..count].iter().zip(pages) {
            run.assert_in_a_row(&[instance, "digest"]);
            assert!(run.node(instance)["input"]["prompt"].as_str().unwrap().ends_with(page));
        }
        assert_eq!(run.outputs["digest"]["text"].as_str().unwrap().lines().count(), count);
    }
}

#[test]
fn wcp_19_cancel_task() {
    let run = run("wcp-19-cancel-task");
    assert_eq!(run.all("agent_failed"), ["opinion"]);
    let opinion = run.node("opinion");
    assert_eq!((&opinion["status"], run.effort("opinion").1), (&json!("failed"), 1));
    let code = opinion["error"]["code"].as_str().unwrap();
    assert!(code.ends_with("timeout"), "{code}");
    assert!(
        run.outputs["both"]["text"].as_str().unwrap().ends_with("(there was no time for a second opinion)")
    );
    assert!(run.seq("agent_failed", "opinion") < run.started("both"));
}

#[tokio::test(flavor = "multi_thread")]
async fn wcp_20_cancel_case() {
    let place = Place::new();
    let server = Up::start(nexus(), &place.data(), place.settings.clone()).unwrap();
    let api = Api::new(&server.http);
    let document = read(&pattern("wcp-20-cancel-case"));
    let inputs = inputs_for(&document);
    let id = api.start(document, inputs).await;
    let mut seen = Vec::new();
    let begun = |seen: &[Value]| seen.iter().filter(|event| event["type"] == "agent_started").count() == 2;
    api.watch(&id, &mut seen, begun).await;
    api.post(&format!("/api/v1/executions/{id}/cancel"), json!({})).await;
    let ended = within("the end", api.ended(&id)).await;
    assert_eq!(ended["status"], "cancelled");
    let events = api.events(&id).await;
    assert_whole(&events);
    assert_eq!(events.last().unwrap()["data"]["status"], "cancelled");
    let started =
        |node: &str| events.iter().any(|event| event["type"] == "agent_started" && event["agent_id"] == node);
    assert!(started("first") && started("aside") && !started("second"));
    for node in ended["agent_executions"].as_array().unwrap() {
        assert_eq!(node["status"], "cancelled", "{node}");
    }
    assert_eq!(ended["budget"]["reserved_usd"].as_f64(), Some(0.0));
}
