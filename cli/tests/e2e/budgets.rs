//! Money with real processes: hard budgets under parallelism and failures, resuming without paying twice, rejections
//! and tools on both wire formats, against what the provider itself would have billed.

use crate::{Place, blocking, http::Api, nexus, one_json, within};
use nexus_testkit::{
    process::{Settings, Up, settings},
    provider::{FakeProvider, Matcher, Reply},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const MODEL: &str = "openai/gpt-5.6-luna";

async fn server(provider: &FakeProvider) -> (Place, Up) {
    let mut place = Place::with_provider(provider);
    let anthropic: Settings = settings([
        ("ANTHROPIC_API_KEY", "sk-ant-test"),
        ("ANTHROPIC_BASE_URL", &provider.anthropic_url()),
        ("NEXUS_EGRESS_ALLOW", "127.0.0.0/8"),
    ]);
    place.settings.extend(anthropic);
    let (data, environment) = (place.data(), place.settings.clone());
    let up = blocking(move || Up::start(nexus(), &data, environment).unwrap()).await;
    (place, up)
}

fn agent(id: &str, prompt: &str) -> Value {
    json!({"id": id, "type": "agent", "config": {"model": MODEL, "prompt": prompt, "max_tokens": 200},
           "policy": {"retry": {"max_attempts": 2, "initial_interval_ms": 5, "jitter": false}}})
}

fn edge(source: &str, target: &str) -> Value {
    json!({"id": format!("{source}_{target}"), "source": source, "target": target})
}

fn workflow(name: &str, nodes: Vec<Value>, edges: Vec<Value>) -> Value {
    json!({"schema_version": 1, "name": name, "graph": {"nodes": nodes, "edges": edges}})
}

fn usd(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no amount: {value}"))
}

fn entry<'a>(execution: &'a Value, node: &str) -> &'a Value {
    let entries = execution["agent_executions"].as_array().unwrap();
    entries.iter().find(|entry| entry["node_id"] == node).unwrap()
}

fn kinds(events: &[Value]) -> Vec<String> {
    let kind = |event: &Value| match event["agent_id"].as_str() {
        Some(node) => format!("{} {node}", event["type"].as_str().unwrap()),
        None => event["type"].as_str().unwrap().to_owned(),
    };
    events.iter().map(kind).collect()
}

#[test]
fn a_budget_that_does_not_suffice_ends_with_3_and_can_be_raised() {
    let place = Place::new();
    let document = workflow(
        "Two steps",
        vec![
            json!({"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "one"}}),
            json!({"id": "b", "type": "agent", "config": {"model": "demo/small", "prompt": "two {{ nodes.a.output.text }}"}}),
        ],
        vec![edge("a", "b")],
    );
    let file = place.write("d.json", &document);
    let estimate = one_json(&place.nexus(&["estimate", &file, "--json"]).stdout);
    let too_little = format!("{:.12}", usd(&estimate["min_usd"]) / 50.0);
    let done = place.nexus(&["run", &file, "--budget", &too_little]);
    assert_eq!(done.code(), 3, "{}\n{}", done.stdout, done.stderr);
    assert!(done.stderr.contains("budget"), "{}", done.stderr);
    let listed = one_json(&place.nexus(&["executions", "list", "--json"]).stdout);
    let execution = &listed["items"][0];
    assert_eq!(execution["status"], "budget_exceeded");
    assert!(usd(&execution["budget"]["spent_usd"]) <= usd(&execution["budget"]["limit_usd"]));
    let id = execution["id"].as_str().unwrap();
    let done = place.nexus(&["executions", "resume", id, "--budget", "1"]);
    assert_eq!(done.code(), 0, "{}\n{}", done.stdout, done.stderr);
    let execution = one_json(&place.nexus(&["executions", "show", id, "--json"]).stdout);
    assert_eq!(execution["status"], "succeeded", "{execution}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calls_at_once_spend_no_more_than_ten_may_cost() {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("word ".repeat(150)));
    let (_place, up) = server(&provider).await;
    let api = Api::new(&up.http);
    let nodes: Vec<Value> = (0..100).map(|n| agent(&format!("n{n}"), &format!("<{n}>"))).collect();
    let mut document = workflow("Fan", nodes, Vec::new());
    let one = api
        .post(
            "/api/v1/workflows/estimate",
            json!({"document": workflow("One", vec![agent("n0", "<0>")], vec![]), "inputs": {}}),
        )
        .await;
    // the estimate allows for a second attempt; a call's worst case is half of it
    let limit = usd(&one["max_usd"]) / 2.0 * 10.0;
    document["budget"] = json!({"limit_usd": limit});
    let id = api.start(document, json!({})).await;
    let execution = api.ended(&id).await;
    let spent = usd(&execution["budget"]["spent_usd"]);
    assert!(spent <= limit, "{spent} of {limit}");
    assert!(provider.spent().usd() <= spent + 1e-12, "billed {}, recorded {spent}", provider.spent().usd());
    assert_eq!(execution["budget"]["reserved_usd"], 0.0);
    assert_eq!(execution["status"], "budget_exceeded", "{}", execution["error"]);
    assert!(provider.most_in_flight() <= 10, "{} at once", provider.most_in_flight());
    let events = api.events(&id).await;
    let told = kinds(&events);
    assert_eq!(told.iter().filter(|kind| *kind == "budget_warning").count(), 1);
    assert!(told[told.len() - 2].starts_with("budget_exceeded n"), "{told:?}");

    let path = format!("/api/v1/executions/{id}/resume");
    let no_more = json!({"budget": {"limit_usd": spent}});
    let refused = api.try_call(Method::POST, &path, Some(no_more)).await.unwrap();
    assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED, "{}", refused.body);
    assert_eq!(refused.body["error"], "BUDGET_EXCEEDED");
    let before = provider.count();
    let entries = execution["agent_executions"].as_array().unwrap();
    let succeeded = entries.iter().filter(|entry| entry["status"] == "succeeded").count();
    api.post(&path, json!({"budget": {"limit_usd": 10}})).await;
    assert_eq!(api.ended(&id).await["status"], "succeeded");
    assert_eq!(provider.count() - before, 100 - succeeded, "only what was missing is paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_run_makes_exactly_the_missing_calls() {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("fine"));
    provider.always(Matcher::text("<19>"), Reply::error(400, "invalid_request_error", "no"));
    let (_place, up) = server(&provider).await;
    let api = Api::new(&up.http);
    let nodes: Vec<Value> = (0..30).map(|n| agent(&format!("n{n}"), &format!("<{n}>"))).collect();
    let edges: Vec<Value> = (1..30).map(|n| edge(&format!("n{}", n - 1), &format!("n{n}"))).collect();
    let id = api.start(workflow("Chain of 30", nodes, edges), json!({})).await;
    let failed = api.ended(&id).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["error"]["node_id"], "n19");
    assert_eq!(provider.count(), 20);
    provider.always(Matcher::text("<19>"), Reply::text("mended"));
    api.post(&format!("/api/v1/executions/{id}/resume"), json!({})).await;
    let done = api.ended(&id).await;
    assert_eq!(done["status"], "succeeded", "{}", done["error"]);
    assert_eq!(provider.count(), 20 + 11);
    // and from a node that succeeded: it and what is downstream of it, nothing else
    api.post(&format!("/api/v1/executions/{id}/resume"), json!({"from_node": "n27"})).await;
    let again = api.ended(&id).await;
    assert_eq!(again["status"], "succeeded");
    assert_eq!(provider.count(), 31 + 3);
    assert_eq!(
        (&entry(&again, "n27")["revision"], &entry(&again, "n26")["revision"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(entry(&again, "n27")["revisions"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_cut_is_paid_at_what_was_held() {
    let provider = FakeProvider::start().await.unwrap();
    provider.script(Matcher::any(), Reply::text("one two three four five six").cut_after(2));
    provider.always(Matcher::any(), Reply::text("fine"));
    let (_place, up) = server(&provider).await;
    let api = Api::new(&up.http);
    let id = api.start(workflow("Cut", vec![agent("a", "go")], vec![]), json!({})).await;
    let execution = api.ended(&id).await;
    assert_eq!(execution["status"], "succeeded");
    let attempts = entry(&execution, "a")["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    assert!(usd(&attempts[0]["cost_usd"]) > usd(&attempts[1]["cost_usd"]), "{attempts:?}");
    assert!(provider.spent().usd() <= usd(&execution["budget"]["spent_usd"]) + 1e-12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_sends_a_writer_back_with_the_reason() {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("facts"));
    provider.script(Matcher::text("<review>"), Reply::text("too dull"));
    provider.always(Matcher::text("<review>"), Reply::text("approved"));
    provider.script(Matcher::text("<draft>"), Reply::text("first draft"));
    provider.always(Matcher::text("<draft>"), Reply::text("second draft"));
    let (_place, up) = server(&provider).await;
    let api = Api::new(&up.http);
    let mut review = agent("review", "<review> {{ nodes.draft.output.text }} {{ nodes.facts.output.text }}");
    review["config"]["checks"] = json!(["output.text == 'approved'"]);
    review["policy"]["backtrack"] = json!({"to": "draft", "max": 2});
    let nodes = vec![
        agent("draft", "<draft>{% if feedback %} because {{ feedback.from_output.text }}{% endif %}"),
        agent("facts", "<facts>"),
        review,
    ];
    let document = workflow("Reviewed", nodes, vec![edge("draft", "review"), edge("facts", "review")]);
    let id = api.start(document, json!({})).await;
    let execution = api.ended(&id).await;
    assert_eq!(execution["status"], "succeeded", "{}", execution["error"]);
    let prompts: Vec<String> = provider.requests().iter().map(|request| request.prompt()).collect();
    assert!(prompts.contains(&"<draft> because too dull".to_owned()), "{prompts:?}");
    assert_eq!(prompts.len(), 5, "the facts are not paid again: {prompts:?}");
    let draft = entry(&execution, "draft");
    assert_eq!(
        (&draft["revision"], &draft["revisions"][0]["output"]["text"]),
        (&json!(2), &json!("first draft"))
    );
    assert_eq!(draft["feedback"]["from_node"], "review");
    let events = api.events(&id).await;
    let told = kinds(&events);
    let place = |kind: &str| told.iter().position(|told| told == kind).unwrap();
    assert!(place("agent_backtracked review") > place("agent_started review"));
    let backtracked = &events[place("agent_backtracked review")];
    assert_eq!(backtracked["data"]["to"], "draft");
}

#[tokio::test(flavor = "multi_thread")]
async fn models_of_both_formats_use_tools() {
    for model in [MODEL, "anthropic/claude-haiku-5-5"] {
        let provider = FakeProvider::start().await.unwrap();
        let wanted =
            Reply::tool_call("look", json!({"city": "Oslo"})).and_tool_call("look", json!({"city": 7}));
        provider.script(Matcher::any(), wanted);
        provider.always(Matcher::any(), Reply::text("It rains in Oslo."));
        let (_place, up) = server(&provider).await;
        let api = Api::new(&up.http);
        let mut weather = agent("weather", "What is the weather?");
        weather["config"]["model"] = json!(model);
        let look = json!({"id": "look", "type": "tool", "config": {
            "tool": "template", "template": "rain in {{ args.city }}", "description": "The weather in a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}});
        let mut attach = edge("look", "weather");
        attach["target_handle"] = json!("tools");
        let id = api.start(workflow("Tools", vec![weather, look], vec![attach]), json!({})).await;
        let execution = api.ended(&id).await;
        assert_eq!(execution["status"], "succeeded", "{model}: {}", execution["error"]);
        assert_eq!(execution["outputs"]["weather"]["text"], "It rains in Oslo.");
        let requests = provider.requests();
        assert_eq!(requests.len(), 2, "{model}");
        assert!(requests[0].text.contains("The weather in a city"), "{model}: {}", requests[0].text);
        assert!(
            requests[1].text.contains("rain in Oslo") && requests[1].text.contains("/city"),
            "{model}: {}",
            requests[1].text
        );
        let calls = entry(&execution, "weather")["attempts"][0]["tool_calls"].as_array().unwrap().clone();
        assert_eq!(calls[0]["args"], json!({"city": "Oslo"}), "{model}");
        assert_eq!(calls[0]["output"]["text"], "rain in Oslo");
        assert!(calls[1]["error"].as_str().unwrap().contains("/city"), "{model}: {calls:?}");
        assert!(provider.complaints().is_empty(), "{model}: {:?}", provider.complaints());
        assert!((usd(&execution["budget"]["spent_usd"]) - provider.spent().usd()).abs() < 1e-12, "{model}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_a_price_is_refused_under_a_budget() {
    let provider = FakeProvider::start().await.unwrap();
    let (_place, up) = server(&provider).await;
    let api = Api::new(&up.http);
    let mut node = agent("a", "go");
    node["config"]["model"] = json!("openai/nobody-knows");
    let workflow = api.post("/api/v1/workflows", workflow("Unpriced", vec![node], vec![])).await;
    let path = format!("/api/v1/workflows/{}/execute", workflow["id"].as_str().unwrap());
    let body = json!({"inputs": {}, "budget": {"limit_usd": 1}});
    let refused = within("the refusal", api.try_call(Method::POST, &path, Some(body))).await.unwrap();
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
    assert!(refused.body["message"].as_str().unwrap().contains("price"), "{}", refused.body);
    assert_eq!(provider.count(), 0);
}
