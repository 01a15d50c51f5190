//! Both wire formats, from the provider's side: an answer as one body or as the events of a stream. Not here: HTTP.

use super::{Format, Reply, Request, UsageAt};
use nexus_model::price::Usage;
use serde_json::{Value, json};

/// An answer before it is put into a format.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) text: String,
    calls: Vec<(String, Value)>,
    finish: String,
    pub(super) usage: Usage,
}

impl Answer {
    /// What the reply says to this request.
    pub(super) fn of(reply: &Reply, request: &Request) -> Self {
        let mut text = reply.text.clone().unwrap_or_else(|| unscripted(request));
        let mut calls = reply.calls.clone();
        let cap = request.max_tokens().unwrap_or(u64::MAX);
        let capped = !reply.ignores_cap && reply.usage.is_none() && tokens(&text) > cap;
        if capped {
            let most = usize::try_from(cap.saturating_mul(4)).unwrap_or(usize::MAX);
            let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
            text.truncate(end.unwrap_or_default());
        }
        // A model that is forced to call a tool says everything through it.
        if let Some(forced) = request.body["tool_choice"]["name"].as_str().filter(|_| calls.is_empty()) {
            calls.push((forced.to_owned(), serde_json::from_str(&text).unwrap_or_default()));
            text.clear();
        }
        let finish = match (&reply.finish, request.format) {
            (Some(finish), _) => finish.clone(),
            (None, Format::Anthropic) if capped => "max_tokens".to_owned(),
            (None, Format::Anthropic) if !calls.is_empty() => "tool_use".to_owned(),
            (None, Format::Anthropic) => "end_turn".to_owned(),
            (None, _) if capped => "length".to_owned(),
            (None, _) if !calls.is_empty() => "tool_calls".to_owned(),
            (None, _) => "stop".to_owned(),
        };
        let output = tokens(&text)
            + calls.iter().map(|(name, input)| tokens(name) + tokens(&input.to_string())).sum::<u64>();
        let counted =
            Usage { input: tokens(&request.text), output: output.max(1).min(cap), ..Usage::default() };
        Self { text, calls, finish, usage: reply.usage.unwrap_or(counted) }
    }

    /// The answer as one body.
    pub(super) fn whole(&self, reply: &Reply, request: &Request) -> Value {
        let told = reply.usage_at != UsageAt::Never;
        if request.format == Format::Anthropic {
            let mut content = Vec::new();
            if !self.text.is_empty() {
                content.push(json!({"type": "text", "text": self.text}));
            }
            content.extend(self.calls.iter().enumerate().map(|(index, (name, input))| {
                json!({"type": "tool_use", "id": format!("toolu_{index}"), "name": name, "input": input})
            }));
            let mut body = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": request.model,
                "content": content, "stop_reason": self.finish, "stop_sequence": null});
            if told {
                body["usage"] = self.anthropic_usage(reply, self.usage.output);
            }
            return body;
        }
        let mut message = json!({"role": "assistant", "content": self.text, "refusal": null});
        if !self.calls.is_empty() {
            let calls = self.calls.iter().enumerate().map(|(index, (name, arguments))| {
                json!({"id": format!("call_{index}"), "type": "function",
                    "function": {"name": name, "arguments": arguments.to_string()}})
            });
            message["tool_calls"] = calls.collect();
        }
        let mut body = json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": request.model,
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": self.finish}],
            "service_tier": reply.tier.as_deref().unwrap_or("default")});
        if told {
            body["usage"] = openai_usage(&self.usage);
        }
        body
    }

    /// The answer as events: their names (Anthropic's only) and data.
    pub(super) fn events(&self, reply: &Reply, request: &Request) -> Vec<(Option<&'static str>, String)> {
        if request.format == Format::Anthropic {
            self.anthropic_events(reply, request)
        } else {
            self.openai_events(reply, request)
        }
    }

    fn openai_events(&self, reply: &Reply, request: &Request) -> Vec<(Option<&'static str>, String)> {
        let mut events = Vec::new();
        let wants_usage = request.body["stream_options"]["include_usage"] == true;
        let mut push = |delta: Value, finish: Option<&str>, usage: Option<Usage>| {
            let mut chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0,
                "model": request.model, "service_tier": reply.tier.as_deref().unwrap_or("default"),
                "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]});
            if wants_usage {
                chunk["usage"] = usage.map_or(Value::Null, |usage| openai_usage(&usage));
            }
            if finish == Some("") {
                chunk["choices"] = json!([]);
            }
            events.push((None, chunk.to_string()));
        };
        push(json!({"role": "assistant", "content": "", "refusal": null}), None, None);
        let parts = reply.split(&self.text, reply.chunks.unwrap_or(4));
        let mut written = 0;
        for (index, part) in parts.iter().enumerate() {
            if reply.empty_deltas {
                push(json!({}), None, None);
                push(json!({"content": ""}), None, None);
                push(json!({}), Some(""), None);
            }
            written += part.len();
            let told = match reply.usage_at {
                UsageAt::Early if index == 0 => Some(self.usage),
                UsageAt::Every => {
                    let grown = self.usage.output * written as u64 / self.text.len().max(1) as u64;
                    Some(Usage { output: grown, ..self.usage })
                }
                _ => None,
            };
            push(json!({"content": part}), None, told);
        }
        for (index, (name, arguments)) in self.calls.iter().enumerate() {
            let function = json!({"name": name, "arguments": ""});
            push(
                json!({"tool_calls": [{"index": index, "id": format!("call_{index}"), "type": "function", "function": function}]}),
                None,
                None,
            );
            for part in reply.split(&arguments.to_string(), reply.argument_pieces.unwrap_or(3)) {
                if reply.empty_deltas {
                    let function = json!({"arguments": ""});
                    push(json!({"tool_calls": [{"index": index, "function": function}]}), None, None);
                    push(json!({"tool_calls": []}), None, None);
                    push(json!({"content": null}), None, None);
                }
                push(json!({"tool_calls": [{"index": index, "function": {"arguments": part}}]}), None, None);
            }
        }
        push(json!({}), Some(&self.finish), None);
        if wants_usage && reply.usage_at == UsageAt::Usual {
            push(json!({}), Some(""), Some(self.usage));
        }
        events.push((None, "[DONE]".to_owned()));
        events
    }

    fn anthropic_events(&self, reply: &Reply, request: &Request) -> Vec<(Option<&'static str>, String)> {
        let mut events = Vec::new();
        let mut push = |name: &'static str, mut data: Value| {
            data["type"] = json!(name);
            events.push((Some(name), data.to_string()));
        };
        let mut message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": request.model,
            "content": [], "stop_reason": null, "stop_sequence": null});
        if reply.usage_at != UsageAt::Never {
            message["usage"] = self.anthropic_usage(reply, 1);
        }
        push("message_start", json!({"message": message}));
        let mut index = 0;
        if !self.text.is_empty() {
            push(
                "content_block_start",
                json!({"index": index, "content_block": {"type": "text", "text": ""}}),
            );
            push("ping", json!({}));
            for part in reply.split(&self.text, reply.chunks.unwrap_or(4)) {
                if reply.empty_deltas {
                    let nothing = json!({"type": "text_delta", "text": ""});
                    push("content_block_delta", json!({"index": index, "delta": nothing}));
                }
                push(
                    "content_block_delta",
                    json!({"index": index, "delta": {"type": "text_delta", "text": part}}),
                );
            }
            push("content_block_stop", json!({"index": index}));
            index += 1;
        }
        for (call, (name, input)) in self.calls.iter().enumerate() {
            let block = json!({"type": "tool_use", "id": format!("toolu_{call}"), "name": name, "input": {}});
            push("content_block_start", json!({"index": index, "content_block": block}));
            for part in reply.split(&input.to_string(), reply.argument_pieces.unwrap_or(3)) {
                if reply.empty_deltas {
                    let nothing = json!({"type": "input_json_delta", "partial_json": ""});
                    push("content_block_delta", json!({"index": index, "delta": nothing}));
                    push("ping", json!({}));
                }
                let delta = json!({"type": "input_json_delta", "partial_json": part});
                push("content_block_delta", json!({"index": index, "delta": delta}));
            }
            push("content_block_stop", json!({"index": index}));
            index += 1;
        }
        let mut end = json!({"delta": {"stop_reason": self.finish, "stop_sequence": null}});
        if reply.usage_at != UsageAt::Never {
            end["usage"] = json!({"output_tokens": self.usage.output});
        }
        push("message_delta", end);
        push("message_stop", json!({}));
        events
    }

    fn anthropic_usage(&self, reply: &Reply, output: u64) -> Value {
        let usage = &self.usage;
        json!({"input_tokens": usage.input, "output_tokens": output,
            "cache_read_input_tokens": usage.cached_input,
            "cache_creation_input_tokens": usage.cache_write + usage.cache_write_long,
            "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write,
                "ephemeral_1h_input_tokens": usage.cache_write_long},
            "service_tier": reply.tier.as_deref().unwrap_or("standard")})
    }
}

/// OpenAI's counts; the long-lived cache has no count of its own there.
pub(super) fn openai_usage(usage: &Usage) -> Value {
    json!({"prompt_tokens": usage.prompt(), "completion_tokens": usage.output,
        "total_tokens": usage.prompt() + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input,
            "cache_write_tokens": usage.cache_write + usage.cache_write_long},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning}})
}

/// Four bytes each.
pub(super) fn tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

/// What the user said last, in either format.
pub(super) fn prompt(body: &Value) -> String {
    let turns = body["messages"].as_array().into_iter().flatten().rev();
    let content = turns.filter(|turn| turn["role"] == "user").map(|turn| &turn["content"]).next();
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(blocks)) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        _ => String::new(),
    }
}

fn unscripted(request: &Request) -> String {
    let body = &request.body;
    let forced = body["tool_choice"]["name"].as_str();
    let forced = body["tools"].as_array().into_iter().flatten().find(|tool| tool["name"].as_str() == forced);
    let schema = [
        &body["response_format"]["json_schema"]["schema"],
        &body["output_config"]["format"]["schema"],
        forced
            .filter(|_| body["tool_choice"]["type"] == "tool")
            .map_or(&Value::Null, |tool| &tool["input_schema"]),
    ];
    match schema.into_iter().find(|schema| schema.is_object()) {
        Some(schema) => least(schema).to_string(),
        None => format!("echo: {}", request.prompt()),
    }
}

/// A small value for a plain schema.
fn least(schema: &Value) -> Value {
    if let Some(value) =
        schema.get("const").or(schema["enum"].get(0)).or(schema["anyOf"].get(0).map(|_| &Value::Null))
    {
        return value.clone();
    }
    let properties = || schema["properties"].as_object().into_iter().flatten();
    match schema["type"].as_str().unwrap_or("object") {
        "string" => json!("text"),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or(json!(1)),
        "boolean" => json!(true),
        "null" => Value::Null,
        "array" => {
            Value::Array(vec![least(&schema["items"]); usize::from(schema["minItems"].as_u64() > Some(0))])
        }
        _ => Value::Object(properties().map(|(name, schema)| (name.clone(), least(schema))).collect()),
    }
}

impl Reply {
    /// The text in at most so many parts.
    fn split(&self, text: &str, parts: usize) -> Vec<String> {
        let units: Vec<char> = if self.cuts_characters {
            text.chars().flat_map(halves).collect()
        } else {
            text.chars().collect()
        };
        let size = units.len().div_ceil(parts).max(1);
        units.chunks(size).map(|part| part.iter().collect()).collect()
    }
}

/// Half a character stands in memory as one of a private plane, and is written as its escape at the very end: no
/// text of Rust's can hold it.
const HALF: u32 = 0xF_0000;

fn halves(character: char) -> Vec<char> {
    let mut units = [0; 2];
    match character.encode_utf16(&mut units) {
        [_] => vec![character],
        pair => pair.iter().filter_map(|unit| char::from_u32(HALF + u32::from(*unit) - 0xD800)).collect(),
    }
}

/// The JSON with its halves written as escapes.
pub(super) fn with_halves(json: &str) -> String {
    let half = |character: char| u32::from(character).checked_sub(HALF).filter(|half| *half < 0x800);
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        match half(character) {
            Some(half) => out.push_str(&format!("\\u{:04x}", half + 0xD800)),
            None => out.push(character),
        }
    }
    out
}

/// A gzip file of this content, not compressed, whose end is missing.
pub(super) fn truncated_gzip(content: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    for block in content.chunks(0xFFFF) {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        file.push(0);
        file.extend(length.to_le_bytes());
        file.extend((!length).to_le_bytes());
        file.extend(block);
    }
    file.truncate(file.len() - content.len().min(8));
    file
}
