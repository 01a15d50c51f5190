//! The body of a chat completion's request. Not here: sending it.

use crate::{
    instruct::{self, Dialect},
    provider::Call,
};
use nexus_api::llm::{Message, Role, ToolChoice};
use serde_json::{Map, Value, json};

/// The body. `original`: it goes to OpenAI itself, not to a server that speaks alike.
pub(super) fn body(call: &Call, stream: bool, original: bool) -> Value {
    let request = &call.request;
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    let mut messages: Vec<Value> = request.messages.iter().map(message).collect();
    if let Some(schema) = &request.output_schema {
        if call.quirks.structured_output && schema["type"] == "object" {
            let strict = instruct::enforceable(schema, Dialect::OpenAi);
            let format = json!({
                "name": "answer", "strict": strict.is_some(), "schema": strict.as_ref().unwrap_or(schema),
            });
            put("response_format", json!({"type": "json_schema", "json_schema": format}));
        } else {
            let place = request.messages.iter().take_while(|message| message.role == Role::System).count();
            messages.insert(place, json!({"role": "system", "content": instruct::in_words(schema)}));
        }
    }
    put("model", json!(call.name));
    put("messages", Value::Array(messages));
    put("max_completion_tokens", json!(call.max_tokens()));
    if !original && !call.quirks.known {
        // Servers that only speak alike may know the old name alone, and budgets rest on the cap.
        put("max_tokens", json!(call.max_tokens()));
    }
    put("service_tier", json!("default"));
    if let Some(temperature) = call.temperature() {
        put("temperature", json!(temperature));
    }
    if !request.stop.is_empty() {
        put("stop", json!(request.stop));
    }
    if let Some(top_p) = call.top_p() {
        put("top_p", json!(top_p));
    }
    if let Some(seed) = request.seed {
        put("seed", json!(seed));
    }
    if let Some(effort) = &request.reasoning_effort {
        put("reasoning_effort", json!(effort));
    }
    if !request.tools.is_empty() {
        let choice = match &request.tool_choice {
            ToolChoice::Auto => None,
            ToolChoice::None => Some(json!("none")),
            ToolChoice::Required => Some(json!("required")),
            ToolChoice::Tool(name) => Some(json!({"type": "function", "function": {"name": name}})),
        };
        if let Some(choice) = choice {
            put("tool_choice", choice);
        }
        if let Some(parallel) = request.parallel_tool_calls {
            put("parallel_tool_calls", json!(parallel));
        }
        let tools = request.tools.iter().map(|tool| {
            json!({"type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": tool.parameters}})
        });
        put("tools", tools.collect());
    }
    if stream {
        put("stream", json!(true));
        put("stream_options", json!({"include_usage": true}));
    }
    Value::Object(body)
}

fn message(message: &Message) -> Value {
    let mut wire = json!({"role": message.role, "content": message.content});
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|call| {
            json!({"id": call.id, "type": "function",
                "function": {"name": call.name, "arguments": call.arguments}})
        });
        wire["tool_calls"] = calls.collect();
        if message.content.is_empty() {
            wire["content"] = Value::Null;
        }
    }
    if let Some(id) = &message.tool_call_id {
        wire["tool_call_id"] = json!(id);
    }
    wire
}
