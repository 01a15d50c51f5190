//! Chat completions as OpenAI's clients read them, whole and in pieces. Not here: reading requests.

use nexus_api::llm::{Completion, FinishReason};
use nexus_model::{Money, Timestamp, price::Usage};
use serde_json::{Value, json};

/// What all pieces of an answer share.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    id: String,
    created: i64,
    model: String,
}

impl Frame {
    pub(super) fn new(request_id: Option<&str>, model: &str) -> Self {
        let id = request_id.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned);
        Self {
            id: format!("chatcmpl-{id}"),
            created: Timestamp::now().micros() / 1_000_000,
            model: model.to_owned(),
        }
    }

    /// The whole answer.
    pub(super) fn whole(&self, completions: &[Completion]) -> Value {
        let choices = completions.iter().enumerate().map(|(index, completion)| {
            let mut message = json!({"role": "assistant", "content": completion.text, "refusal": null});
            if !completion.tool_calls.is_empty() {
                message["tool_calls"] = calls(completion, false);
                if completion.text.is_empty() {
                    message["content"] = Value::Null;
                }
            }
            json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish(completion)})
        });
        let mut body = json!({"id": self.id, "object": "chat.completion", "created": self.created,
            "model": self.model, "choices": choices.collect::<Vec<_>>()});
        if let Some(usage) = usage(completions) {
            body["usage"] = usage;
        }
        body
    }

    /// A piece of one answer.
    pub(super) fn piece(&self, index: u32, delta: &Value, finish: Option<&str>) -> Value {
        let choice = json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": finish});
        json!({"id": self.id, "object": "chat.completion.chunk", "created": self.created,
            "model": self.model, "choices": [choice]})
    }

    /// The pieces that end one answer.
    pub(super) fn last(&self, index: u32, completion: &Completion) -> Vec<Value> {
        let mut pieces = Vec::new();
        if !completion.tool_calls.is_empty() {
            pieces.push(self.piece(index, &json!({"tool_calls": calls(completion, true)}), None));
        }
        pieces.push(self.piece(index, &json!({}), Some(finish(completion))));
        pieces
    }

    /// The piece after all answers, for those who asked for it.
    pub(super) fn usage(&self, completions: &[Completion]) -> Value {
        json!({"id": self.id, "object": "chat.completion.chunk", "created": self.created,
            "model": self.model, "choices": [], "usage": usage(completions)})
    }
}

/// What all answers together cost.
pub(super) fn cost(completions: &[Completion]) -> Money {
    completions.iter().map(|completion| completion.cost).sum()
}

fn calls(completion: &Completion, numbered: bool) -> Value {
    let calls = completion.tool_calls.iter().enumerate().map(|(index, call)| {
        let mut wire = json!({"id": call.id, "type": "function",
            "function": {"name": call.name, "arguments": call.arguments}});
        if numbered {
            wire["index"] = json!(index);
        }
        wire
    });
    calls.collect()
}

fn finish(completion: &Completion) -> &'static str {
    match completion.finish_reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
    }
}

/// The counts in OpenAI's shape, with the cost; nothing if a provider did not say what it used.
fn usage(completions: &[Completion]) -> Option<Value> {
    let mut sum = Usage::default();
    for completion in completions {
        let one = completion.usage?;
        sum.input = sum.input.saturating_add(one.input);
        sum.cached_input = sum.cached_input.saturating_add(one.cached_input);
        sum.cache_write = sum.cache_write.saturating_add(one.cache_write);
        sum.cache_write_long = sum.cache_write_long.saturating_add(one.cache_write_long);
        sum.output = sum.output.saturating_add(one.output);
        sum.reasoning = sum.reasoning.saturating_add(one.reasoning);
    }
    Some(json!({
        "prompt_tokens": sum.prompt(),
        "completion_tokens": sum.output,
        "total_tokens": sum.prompt().saturating_add(sum.output),
        "prompt_tokens_details": {
            "cached_tokens": sum.cached_input,
            "cache_write_tokens": sum.cache_write.saturating_add(sum.cache_write_long),
        },
        "completion_tokens_details": {"reasoning_tokens": sum.reasoning},
        "cost_usd": cost(completions),
    }))
}
