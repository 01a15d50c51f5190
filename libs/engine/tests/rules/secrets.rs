//! Secrets in what is rendered: names in what is recorded, placeholders in what is sent. Not here: their values
//! (`nexus-executor`), where they may stand (`nexus-plan`).

use crate::story::{Story, agent, edge};
use nexus_engine::ToolWork;
use serde_json::{Value, json};

fn request(extra: Value) -> Value {
    let mut config = json!({
        "tool": "http_request", "method": "POST", "idempotent": true,
        "url": "https://api.example/{{ inputs.what }}?key={{ secrets.key | urlencode }}",
        "headers": {"X-Plain": "Bearer {{ secrets.token }}"},
        "body": {"deep": ["{{ secrets.key }}", "{{ inputs.what }}"]},
    });
    config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    json!({"id": "t", "type": "tool", "config": config})
}

#[test]
fn what_is_recorded_names_secrets_and_what_is_sent_has_placeholders() {
    let mut story =
        Story::with_inputs(json!([request(json!({}))]), json!([]), json!({"what": "[secret token]"}));
    let ToolWork::Http { url, headers, body, .. } = story.tool(0).clone() else { panic!() };
    for text in [&url, &headers["X-Plain"], &body.unwrap().to_string()] {
        assert!(!text.contains("[secret key]"), "{text}");
    }
    let input = story.view("t").input.unwrap();
    assert_eq!(input["url"], "https://api.example/[secret token]?key=[secret key]");
    assert_eq!(input["headers"]["X-Plain"], "Bearer [secret token]");
    assert_eq!(input["body"], json!({"deep": ["[secret key]", "[secret token]"]}));
    let facts = serde_json::to_string(&story.facts()).unwrap();
    assert!(!facts.contains("\\u0001"), "{facts}");
    story.returns("t", Ok(json!({"status": 200})));
}

#[test]
fn secrets_have_no_value_anywhere_else() {
    let told = agent("a", json!({"prompt": "The key is {{ secrets.key }}."}), json!({}));
    let story = Story::new(json!([told]), json!([]));
    assert!(story.calls.is_empty());
    let failure = story.state.failure.as_ref().unwrap();
    assert_eq!(failure.code, "template_error");

    let kept =
        json!({"id": "m", "type": "tool", "config": {"tool": "memory_store", "text": "{{ secrets.key }}"}});
    let story = Story::new(json!([kept]), json!([]));
    assert!(story.calls.is_empty());
}

#[test]
fn a_model_that_uses_a_tool_does_not_learn_its_secrets() {
    let mut tool =
        request(json!({"parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
        "url": "https://api.example/{{ args.what }}", "body": "{{ secrets.key | int }}"}));
    let mut attached = edge("t", "a");
    attached["target_handle"] = "tools".into();
    let nodes = json!([agent("a", json!({}), json!({})), tool.clone()]);
    let mut story = Story::new(nodes, json!([attached.clone()]));
    story.want("a", &[("1", "t", json!({"what": "x"}))]);
    let error = story.view("a").attempts[0].tool_calls[0].error.clone().unwrap();
    assert!(!error.contains("\u{1}") && !error.contains("u0001"), "{error}");

    tool["config"]["body"] = "{{ secrets.key }}".into();
    let mut story = Story::new(json!([agent("a", json!({}), json!({})), tool]), json!([attached]));
    story.want("a", &[("1", "t", json!({"what": "x"}))]);
    let ToolWork::Http { headers, .. } = story.tool(0).clone() else { panic!() };
    assert_ne!(headers["X-Plain"], "Bearer [secret token]");
    let args = &story.view("a").attempts[0].tool_calls[0].args;
    assert_eq!(args, &json!({"what": "x"}));
}

#[test]
fn whoever_knows_the_mark_gets_no_secret_that_the_tool_does_not_name() {
    // the mark of whoever has no secrets; `other` in digits
    let forged = |open: &str, close: &str| format!("{open}n{}.6f74686572{close}", "0".repeat(32));
    for what in [forged("\u{1}", "\u{2}"), forged("%01", "%02")] {
        let story = Story::with_inputs(json!([request(json!({}))]), json!([]), json!({ "what": what }));
        assert!(story.calls.is_empty());
        let failure = story.state.failure.as_ref().unwrap();
        assert_eq!(failure.code, "template_error");
        assert!(failure.message.contains("do not name"), "{}", failure.message);
    }
}
