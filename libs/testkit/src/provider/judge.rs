//! Whether a request is one that the real provider takes: its shape by JSON Schemas of the provider's API, and what no
//! schema can say. Not here: answering.

use super::{Format, Request};
use axum::http::HeaderMap;
use jsonschema::Validator;
use serde_json::Value;
use std::{collections::HashSet, sync::LazyLock};

static OPENAI_CHAT: LazyLock<Option<Validator>> =
    LazyLock::new(|| compile(include_str!("schemas/openai_chat.json")));
static OPENAI_EMBEDDINGS: LazyLock<Option<Validator>> =
    LazyLock::new(|| compile(include_str!("schemas/openai_embeddings.json")));
static ANTHROPIC_MESSAGES: LazyLock<Option<Validator>> =
    LazyLock::new(|| compile(include_str!("schemas/anthropic_messages.json")));

fn compile(text: &str) -> Option<Validator> {
    jsonschema::validator_for(&serde_json::from_str(text).ok()?).ok()
}

/// What the provider would say against it.
pub(super) fn complaint(request: &Request) -> Option<String> {
    let schema = match request.format {
        Format::OpenAi => &*OPENAI_CHAT,
        Format::Embeddings => &*OPENAI_EMBEDDINGS,
        Format::Anthropic => &*ANTHROPIC_MESSAGES,
    };
    let Some(schema) = schema else { return Some("the schema of the API cannot be read".to_owned()) };
    if let Some(error) = schema.iter_errors(&request.body).next() {
        let place = error.instance_path().to_string();
        return Some(format!("{place}: {error}").chars().take(500).collect());
    }
    if request.format == Format::Anthropic && !request.headers.contains_key("anthropic-version") {
        return Some("anthropic-version: header is required".to_owned());
    }
    match request.format {
        Format::OpenAi => openai(&request.body),
        Format::Anthropic => anthropic(&request.body).or_else(|| version(&request.headers, &request.body)),
        Format::Embeddings => None,
    }
}

/// Versions of the API whose shapes, as far as they are used here, are these: the one that every compatible server
/// understands, and the one of today's official packages.
const VERSIONS: [&str; 2] = ["2023-06-01", "2026-10-21"];

fn version(headers: &HeaderMap, body: &Value) -> Option<String> {
    let version = headers.get("anthropic-version").and_then(|version| version.to_str().ok())?;
    if !VERSIONS.contains(&version) {
        return Some(format!("anthropic-version: {version} is not a valid version"));
    }
    // The newer one has no sampling parameters any more.
    let removed = ["temperature", "top_p", "top_k"].into_iter().find(|name| body.get(name).is_some());
    removed.filter(|_| version != "2023-06-01").map(|name| format!("{name}: Extra inputs are not permitted"))
}

/// Every call of a tool is answered before anybody else speaks, once, by a message of its own.
fn openai(body: &Value) -> Option<String> {
    let mut waiting: HashSet<&str> = HashSet::new();
    for (index, message) in body["messages"].as_array()?.iter().enumerate() {
        match message["tool_call_id"].as_str() {
            Some(id) if !waiting.remove(id) => {
                return Some(format!("messages.{index}: a tool answers a call that was not made"));
            }
            None if !waiting.is_empty() => {
                return Some(format!("messages.{index}: tool calls before it have no answer"));
            }
            _ => {}
        }
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        waiting.extend(calls.filter_map(|call| call["id"].as_str()));
    }
    (!waiting.is_empty()).then(|| "messages: the last tool calls have no answer".to_owned())
}

/// The user begins; every call of a tool is answered in the very next turn, all together and before any text.
fn anthropic(body: &Value) -> Option<String> {
    let mut waiting: HashSet<&str> = HashSet::new();
    let mut last = "assistant";
    for (index, message) in body["messages"].as_array()?.iter().enumerate() {
        let role = message["role"].as_str()?;
        if index == 0 && role != "user" {
            return Some("messages.0: the first message must be the user's".to_owned());
        }
        let blocks = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        let results: Vec<&str> = blocks.iter().filter_map(|block| block["tool_use_id"].as_str()).collect();
        let leading = blocks.iter().take_while(|block| block["type"] == "tool_result").count();
        if leading < results.len() {
            return Some(format!("messages.{index}: tool_result blocks must come first"));
        }
        for id in results {
            if !waiting.remove(id) {
                return Some(format!("messages.{index}: unexpected tool_use_id {id}"));
            }
        }
        if !waiting.is_empty() {
            return Some(format!("messages.{index}: tool_use ids were found without tool_result blocks"));
        }
        waiting.extend(
            blocks
                .iter()
                .filter(|block| block["type"] == "tool_use")
                .filter_map(|block| block["id"].as_str()),
        );
        last = role;
    }
    if last == "assistant" && !waiting.is_empty() {
        return Some("messages: the last tool_use has no tool_result".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_can_be_read() {
        for schema in [&OPENAI_CHAT, &OPENAI_EMBEDDINGS, &ANTHROPIC_MESSAGES] {
            assert!(schema.is_some());
        }
    }
}
