//! The body of a messages request: system text apart, turns alternate, tool results are the user's. Not here: sending it.

use super::ANSWER_TOOL;
use crate::{
    instruct::{self, Dialect},
    provider::Call,
};
use nexus_api::llm::{CompleteRequest, Message, Role, ToolChoice};
use serde_json::{Map, Value, json};

/// Temperatures end here, OpenAI's at 2: a document that names a fallback can only hold one figure.
const MAX_TEMPERATURE: f64 = 1.0;

/// The body.
pub(super) fn body(call: &Call, stream: bool) -> Value {
    let request = &call.request;
    let mut body = Map::new();
    let mut system: Vec<&str> = Vec::new();
    for message in request.messages.iter().filter(|message| message.role == Role::System) {
        system.push(&message.content);
    }
    let tools = request.tools.iter().map(
        |tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters}),
    );
    let mut tools: Vec<Value> = tools.collect();
    let forced;
    let mut output = Map::new();
    if let Some(effort) = &request.reasoning_effort {
        output.insert("effort".to_owned(), json!(effort));
    }
    let mut choice = tool_choice(request, call.quirks.forced_tool_use);
    if choice.is_some() && !call.quirks.forced_tool_use {
        match &request.tool_choice {
            ToolChoice::Required => system.push("Call at least one of the tools."),
            ToolChoice::Tool(name) => {
                forced = format!("Call the tool {name}.");
                system.push(&forced);
            }
            ToolChoice::Auto | ToolChoice::None => {}
        }
    }
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    let words;
    if let Some(schema) = &request.output_schema {
        let enforced =
            instruct::enforceable(schema, Dialect::Anthropic).filter(|_| call.quirks.structured_output);
        if let Some(schema) = enforced {
            output.insert("format".to_owned(), json!({"type": "json_schema", "schema": schema}));
        } else if tools.is_empty() && call.quirks.forced_tool_use && schema["type"] == "object" {
            let description = "Gives the answer. Call it once.";
            tools.push(json!({"name": ANSWER_TOOL, "description": description, "input_schema": schema}));
            choice = Some(json!({"type": "tool", "name": ANSWER_TOOL}));
        } else {
            words = instruct::in_words(schema);
            system.push(&words);
        }
    }
    put("model", json!(call.name));
    put("max_tokens", json!(call.max_tokens()));
    put("messages", Value::Array(turns(&request.messages)));
    let system = system.join("\n\n");
    if !system.trim().is_empty() {
        put("system", json!(system));
    }
    if let Some(temperature) = call.temperature() {
        put("temperature", json!(temperature.min(MAX_TEMPERATURE)));
    }
    if let Some(top_p) = call.top_p() {
        put("top_p", json!(top_p));
    }
    if !output.is_empty() {
        put("output_config", Value::Object(output));
    }
    if !request.stop.is_empty() {
        put("stop_sequences", json!(request.stop));
    }
    if !tools.is_empty() {
        put("tools", Value::Array(tools));
        if let Some(choice) = choice {
            put("tool_choice", choice);
        }
    }
    if stream {
        put("stream", json!(true));
    }
    Value::Object(body)
}

/// Which tools it has to call; absent where that is the API's own default.
/// `can_force`: the model can be forced to call a tool; others are asked to, in words.
fn tool_choice(request: &CompleteRequest, can_force: bool) -> Option<Value> {
    let mut choice = match &request.tool_choice {
        ToolChoice::Auto if request.parallel_tool_calls != Some(false) => return None,
        ToolChoice::None => return Some(json!({"type": "none"})),
        ToolChoice::Required if can_force => json!({"type": "any"}),
        ToolChoice::Tool(name) if can_force => json!({"type": "tool", "name": name}),
        ToolChoice::Auto | ToolChoice::Required | ToolChoice::Tool(_) => json!({"type": "auto"}),
    };
    if request.parallel_tool_calls == Some(false) {
        choice["disable_parallel_tool_use"] = json!(true);
    }
    Some(choice)
}

/// The conversation without its system messages; neighbours of one role are one turn.
fn turns(messages: &[Message]) -> Vec<Value> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let (role, blocks) = match message.role {
            Role::System => continue,
            Role::User => ("user", text(&message.content)),
            Role::Assistant => {
                let calls = message.tool_calls.iter().map(|call| {
                    // Arguments are text to us and an object here; what is no object was refused before.
                    let input: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
                    let input = if input.is_object() { input } else { json!({}) };
                    json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
                });
                ("assistant", text(&message.content).into_iter().chain(calls).collect())
            }
            Role::Tool => {
                let result = json!({"type": "tool_result", "tool_use_id": message.tool_call_id,
                    "content": message.content});
                ("user", vec![result])
            }
        };
        if blocks.is_empty() {
            // A turn without content is refused.
            continue;
        }
        match turns.last_mut() {
            Some((last, all)) if *last == role => all.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    turns.into_iter().map(|(role, blocks)| json!({"role": role, "content": blocks})).collect()
}

/// A block of text; empty ones are refused.
fn text(content: &str) -> Vec<Value> {
    if content.trim().is_empty() { Vec::new() } else { vec![json!({"type": "text", "text": content})] }
}
