//! What the providers are sent: caps always, quirks of models respected, keys in their header only.

use crate::*;
use nexus_api::llm::ToolCall;
use nexus_testkit::provider::Request;
use serde_json::{Value, json};

async fn sent(request: CompleteRequest, streamed: bool) -> Request {
    let (provider, gateway) = fixture().await;
    call(&gateway, streamed, request).await.unwrap();
    provider.requests().remove(0)
}

fn full(model: &str) -> CompleteRequest {
    let mut request = ask(model, "first");
    request.messages.insert(0, Message::new(Role::System, "be kind"));
    let mut said = Message::new(Role::Assistant, "");
    said.tool_calls =
        vec![ToolCall { id: "id1".to_owned(), name: "look".to_owned(), arguments: r#"{"a":1}"#.to_owned() }];
    let mut result = Message::new(Role::Tool, "found");
    result.tool_call_id = Some("id1".to_owned());
    request.messages.extend([said, result, Message::new(Role::User, "second")]);
    request.temperature = Some(1.5);
    request.max_tokens = Some(77);
    request.stop = vec!["END".to_owned()];
    request
}

#[tokio::test]
async fn openai_gets_its_format() {
    let request = sent(full(OPENAI), true).await;
    assert_eq!(request.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(
        request.body,
        json!({
            "model": "gpt-4o-mini", "max_completion_tokens": 77, "service_tier": "default", "temperature": 1.5,
            "stop": ["END"], "stream": true, "stream_options": {"include_usage": true},
            "messages": [
                {"role": "system", "content": "be kind"},
                {"role": "user", "content": "first"},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "id1", "type": "function", "function": {"name": "look", "arguments": "{\"a\":1}"}}]},
                {"role": "tool", "content": "found", "tool_call_id": "id1"},
                {"role": "user", "content": "second"},
            ],
        })
    );
    let plain = sent(ask(OPENAI, "x"), false).await.body;
    assert_eq!((&plain["max_completion_tokens"], &plain["stream"]), (&json!(1024), &Value::Null));
    // A server that only speaks alike, and a model that nobody knows: the old name of the cap as well.
    let unknown = sent(ask("openai/org/local-model", "x"), false).await.body;
    assert_eq!(unknown["model"], "org/local-model");
    assert_eq!((&unknown["max_completion_tokens"], &unknown["max_tokens"]), (&json!(1024), &json!(1024)));
}

#[tokio::test]
async fn anthropic_gets_its_format() {
    let request = sent(full(ANTHROPIC), true).await;
    assert_eq!(request.headers["x-api-key"], KEY);
    assert_eq!(request.headers["anthropic-version"], "2023-06-01");
    assert!(!request.headers.contains_key("authorization"));
    assert_eq!(
        request.body,
        json!({
            "model": "claude-haiku-4-5", "max_tokens": 77, "temperature": 1.0, "stop_sequences": ["END"],
            "system": "be kind", "stream": true,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "first"}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "id1", "name": "look", "input": {"a": 1}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "id1", "content": "found"},
                    {"type": "text", "text": "second"}]},
            ],
        })
    );
}

#[tokio::test]
async fn temperature_goes_to_models_that_take_it() {
    for (model, taken) in [
        (OPENAI, true),
        ("openai/o3", false),
        ("openai/gpt-5.6-luna", false),
        ("openai/gpt-5.4", true),
        ("openai/gpt-5.4-2026-03-05", true),
        ("openai/unheard-of", true),
        (ANTHROPIC, true),
        ("anthropic/claude-haiku-5-5", false),
    ] {
        let mut request = ask(model, "x");
        request.temperature = Some(0.3);
        assert_eq!(sent(request, false).await.body.get("temperature").is_some(), taken, "{model}");
    }
}

#[tokio::test]
async fn schemas_go_where_the_model_is_held_to_them() {
    let closed =
        json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]});
    let ask_for = |model: &str, schema: &Value| {
        let mut request = ask(model, "x");
        request.output_schema = Some(schema.clone());
        request
    };
    let format = sent(ask_for(OPENAI, &closed), false).await.body["response_format"].clone();
    assert_eq!((&format["type"], &format["json_schema"]["strict"]), (&json!("json_schema"), &json!(true)));
    assert_eq!(format["json_schema"]["schema"]["additionalProperties"], false);
    // Optional members are beyond strict mode.
    let open = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let format = sent(ask_for(OPENAI, &open), false).await.body["response_format"].clone();
    assert_eq!(format["json_schema"], json!({"name": "answer", "strict": false, "schema": open}));

    let body = sent(ask_for(ANTHROPIC, &closed), false).await.body;
    assert_eq!(body["output_config"]["format"]["type"], "json_schema");
    assert!(body["output_config"]["format"]["schema"]["properties"]["a"].get("minimum").is_none());
    // Never forced where the model refuses to be.
    let free = json!({"type": "object"});
    let body = sent(ask_for("anthropic/claude-sonnet-5-5", &free), false).await.body;
    assert!(body.get("tool_choice").is_none() && body["system"].as_str().unwrap().contains("JSON Schema"));
    let body = sent(ask_for(ANTHROPIC, &free), false).await.body;
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": "give_answer"}));
    // Only objects can be enforced.
    let list = json!({"type": "array", "items": {"type": "string"}});
    for model in [OPENAI, ANTHROPIC] {
        let request = sent(ask_for(model, &list), false).await;
        assert!(request.text.contains("It must satisfy this JSON Schema"), "{}", request.text);
    }
}
