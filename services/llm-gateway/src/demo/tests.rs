//! The demo provider: deterministic, honest, within its caps, and its structured answers satisfy their schemas.

use super::*;
use crate::provider::Quirks;
use nexus_api::llm::ToolDefinition;
use serde_json::{Value, json};

fn call(prompt: &str) -> Call {
    Call {
        name: "small".to_owned(),
        quirks: Quirks::of(None, None),
        request: CompleteRequest::new("demo/small", vec![Message::new(Role::User, prompt)]),
        deadline: None,
    }
}

fn structured(prompt: &str, schema: Value) -> Value {
    let mut call = call(prompt);
    call.request.output_schema = Some(schema);
    serde_json::from_str(&answer(&call).text).unwrap()
}

#[test]
fn text_is_honest_about_the_prompt_and_streams_in_pieces() {
    let mut call = call("Write a brief about solar energy on Icelandic farms");
    let first = answer(&call);
    assert_eq!(first, answer(&call));
    assert!(first.text.contains("without asking a language model") && first.text.contains("solar energy"));
    let parts = pieces(&first.text);
    assert!((10..=20).contains(&parts.len()), "{}", parts.len());
    assert_eq!(parts.concat(), first.text);
    assert_eq!(first.usage.unwrap().output, length(&first.text));
    call.name = "large".to_owned();
    assert!(answer(&call).text.len() > first.text.len());
    call.request.max_tokens = Some(5);
    let short = answer(&call);
    assert_eq!(
        (short.text.len(), short.finish_reason, short.usage.unwrap().output),
        (20, FinishReason::Length, 5)
    );
}

#[test]
fn reviewers_approve_and_choices_follow_the_prompt() {
    let schema = json!({"type": "object", "required": ["approved", "feedback"], "properties": {
        "approved": {"type": "boolean"}, "rejected": {"type": "boolean"}, "feedback": {"type": "string"},
        "score": {"type": "integer", "minimum": 1, "maximum": 10}}});
    let value = structured("Review this text", schema);
    assert_eq!(
        (&value["approved"], &value["rejected"], &value["score"]),
        (&json!(true), &json!(false), &json!(8))
    );
    let ask = |prompt: &str, choices: Value| structured(prompt, json!({"enum": choices}));
    let listed = "Is it positive, negative or neutral: ";
    let moods = json!(["positive", "negative", "neutral"]);
    assert_eq!(ask(&format!("{listed}I love it, great work"), moods.clone()), "positive");
    assert_eq!(ask(&format!("{listed}It arrived broken, I want a refund"), moods.clone()), "negative");
    assert_eq!(ask(&format!("{listed}It is blue."), moods), "positive");
    assert_eq!(ask("The app shows an error at login", json!(["billing", "technical"])), "technical");
    assert_eq!(ask("whatever", json!(["reject", "approve"])), "approve");
    assert_eq!(ask("whatever", json!([3, "x"])), 3);
}

#[test]
fn structured_answers_satisfy_their_schemas() {
    let schemas = [
        json!({"type": "object", "properties": {"a": {"type": "array", "minItems": 5, "items": {"type": "integer"}}}}),
        json!({"type": "array", "maxItems": 1, "items": {"type": "object", "required": ["id"]}}),
        json!({"type": "array", "uniqueItems": true, "minItems": 2, "items": {"enum": ["a", "b", "c"]}}),
        json!({"type": "array", "prefixItems": [{"const": 1}, {"type": "string"}], "items": false}),
        json!({"type": "string", "minLength": 200, "maxLength": 210}),
        json!({"type": "string", "maxLength": 3}),
        json!({"type": "string", "pattern": "^[A-Z]{2}-\\d+$"}),
        json!({"type": "string", "format": "date-time"}),
        json!({"type": "integer", "minimum": 7, "exclusiveMaximum": 9}),
        json!({"type": "integer", "exclusiveMinimum": 0, "multipleOf": 5, "maximum": 5}),
        json!({"type": "number", "minimum": 0, "maximum": 1}),
        json!({"type": "number", "exclusiveMaximum": -10}),
        json!({"type": ["null", "boolean"]}),
        json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        json!({"oneOf": [{"type": "object", "required": ["x"], "properties": {"x": {"const": "y"}}}]}),
        json!({"allOf": [{"required": ["a"], "properties": {"a": {"type": "integer"}}}, {"required": ["b"]}]}),
        json!({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "required": ["name", "children"],
            "additionalProperties": false, "properties": {"name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}}}),
        json!({"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
            "required": ["next"]}),
        json!({"type": "object", "minProperties": 3, "additionalProperties": {"type": "integer"}}),
        json!({"type": "object", "maxProperties": 1, "required": ["b"], "properties": {"a": {}, "b": {}}}),
        json!({"const": {"a": [1]}}),
        json!({}),
    ];
    for schema in schemas {
        let value = sample::value(&schema, "Compare two cities for a trip");
        let validator = jsonschema::validator_for(&schema).unwrap();
        let problems: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{schema}: {value}: {problems:?}");
        assert_eq!(value, sample::value(&schema, "Compare two cities for a trip"));
    }
}

#[test]
fn tools_are_called_on_the_first_turn_only() {
    let mut call = call("What is the weather in Oslo?");
    let tool = |name: &str| ToolDefinition {
        name: name.to_owned(),
        description: String::new(),
        parameters: json!({"type": "object", "required": ["query"], "properties": {"query": {"type": "string"}}}),
    };
    call.request.tools = vec![tool("search"), tool("get_weather")];
    let first = answer(&call);
    assert_eq!((first.finish_reason, first.tool_calls.len()), (FinishReason::ToolCalls, 1));
    assert_eq!(first.tool_calls[0].name, "get_weather");
    let arguments: Value = serde_json::from_str(&first.tool_calls[0].arguments).unwrap();
    assert_eq!(arguments, json!({"query": "What is the weather in Oslo?"}));
    let mut result = Message::new(Role::Tool, "7 degrees");
    result.tool_call_id = Some(first.tool_calls[0].id.clone());
    call.request.messages.push(result);
    let second = answer(&call);
    assert!(second.tool_calls.is_empty() && second.text.contains("7 degrees"));
}
