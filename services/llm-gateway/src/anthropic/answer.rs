//! A message of Anthropic's, whole or as a stream of events: both add up in one builder. Not here: reading bytes.

use super::ANSWER_TOOL;
use crate::{
    failure::{self, Whom},
    http::{Decoder, Step},
    provider::Answer,
    sse,
    surrogates::{self, Joiner},
};
use nexus_api::{
    Result,
    llm::{FinishReason, ToolCall},
};
use nexus_model::price::Usage;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: WireMessage,
    },
    ContentBlockStart {
        index: u64,
        content_block: WireBlock,
    },
    ContentBlockDelta {
        index: u64,
        delta: WireDelta,
    },
    MessageDelta {
        delta: Stop,
        usage: Option<WireUsage>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    /// `ping`, `content_block_stop`, and what will be invented.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct WireMessage {
    #[serde(default)]
    content: Vec<WireBlock>,
    stop_reason: Option<String>,
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireBlock {
    Text {
        #[serde(default)]
        text: String,
    },
    ToolUse {
        id: String,
        name: String,
        #[serde(default)]
        input: Value,
    },
    /// Thinking, results of the provider's own tools.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireDelta {
    TextDelta {
        text: String,
    },
    InputJsonDelta {
        partial_json: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Stop {
    stop_reason: Option<String>,
}

/// Counts as Anthropic gives them: `input_tokens` is without both cache counts.
#[derive(Default, Deserialize)]
struct WireUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens_details: Option<OutputDetails>,
    service_tier: Option<String>,
}

#[derive(Deserialize)]
struct CacheCreation {
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

/// A whole message.
pub(super) fn whole(whom: &Whom, body: &[u8]) -> Result<Answer> {
    let no_message = |_| whom.bad_answer("it is not a message");
    let value: Value = serde_json::from_slice(body).map_err(no_message)?;
    if value.get("error").is_some() || value["type"] == "error" {
        return Err(whom.bad_answer("an error with a status of success"));
    }
    if !value["content"].is_array() {
        return Err(whom.bad_answer("it holds no content"));
    }
    let message: WireMessage = serde_json::from_value(value).map_err(no_message)?;
    let mut builder = Builder::new(whom.clone());
    for (index, block) in (0..).zip(message.content) {
        builder.begin(index, block);
    }
    builder.stop = message.stop_reason;
    if let Some(usage) = message.usage {
        builder.output_known = usage.output_tokens.is_some();
        builder.count(usage);
    }
    builder.finish(true)
}

enum Block {
    Text(String),
    Tool { id: String, name: String, arguments: String },
}

/// What came so far.
pub(super) struct Builder {
    whom: Whom,
    blocks: BTreeMap<u64, Block>,
    joiner: Joiner,
    stop: Option<String>,
    usage: Usage,
    input_known: bool,
    output_known: bool,
    tier: Option<String>,
}

impl Builder {
    pub(super) fn new(whom: Whom) -> Self {
        Self {
            whom,
            blocks: BTreeMap::new(),
            joiner: Joiner::default(),
            stop: None,
            usage: Usage::default(),
            input_known: false,
            output_known: false,
            tier: None,
        }
    }

    /// A block begins; returns the text it begins with.
    fn begin(&mut self, index: u64, block: WireBlock) -> String {
        let (block, fresh) = match block {
            WireBlock::Text { text } => (Block::Text(text.clone()), text),
            WireBlock::ToolUse { id, name, input } => {
                // In a stream it begins with an empty object and the real one follows in parts.
                let empty = input.as_object().is_none_or(serde_json::Map::is_empty);
                let arguments = if empty { String::new() } else { input.to_string() };
                let fresh = if name == ANSWER_TOOL { arguments.clone() } else { String::new() };
                (Block::Tool { id, name, arguments }, fresh)
            }
            WireBlock::Other => return String::new(),
        };
        self.blocks.insert(index, block);
        fresh
    }

    fn more(&mut self, index: u64, delta: WireDelta) -> String {
        match (self.blocks.get_mut(&index), delta) {
            (Some(Block::Text(text)), WireDelta::TextDelta { text: fresh }) => {
                let fresh = self.joiner.push(fresh);
                text.push_str(&fresh);
                fresh
            }
            (Some(Block::Tool { name, arguments, .. }), WireDelta::InputJsonDelta { partial_json }) => {
                if name == ANSWER_TOOL {
                    let fresh = self.joiner.push(partial_json);
                    arguments.push_str(&fresh);
                    return fresh;
                }
                arguments.push_str(&partial_json);
                String::new()
            }
            _ => String::new(),
        }
    }

    /// Counts are cumulative: each one given replaces the one before.
    fn count(&mut self, wire: WireUsage) {
        if let Some(input) = wire.input_tokens {
            self.usage.input = input;
            self.input_known = true;
        }
        if let Some(output) = wire.output_tokens {
            self.usage.output = output;
        }
        if let Some(read) = wire.cache_read_input_tokens {
            self.usage.cached_input = read;
        }
        if let Some(written) = wire.cache_creation_input_tokens {
            let long =
                wire.cache_creation.and_then(|parts| parts.ephemeral_1h_input_tokens).unwrap_or_default();
            self.usage.cache_write_long = long.min(written);
            self.usage.cache_write = written - self.usage.cache_write_long;
        }
        if let Some(thinking) = wire.output_tokens_details.and_then(|details| details.thinking_tokens) {
            self.usage.reasoning = thinking;
        }
        if wire.service_tier.is_some() {
            self.tier = wire.service_tier;
        }
    }
}

impl Decoder for Builder {
    fn event(&mut self, event: &sse::Event) -> Result<Step> {
        let wire: Event = surrogates::from_str(&event.data)
            .map_err(|_| self.whom.bad_answer("a piece of the stream is not valid"))?;
        let fresh = match wire {
            Event::MessageStart { message } => {
                // Its output count is of the first token only and says nothing of the whole.
                self.count(message.usage.unwrap_or_default());
                String::new()
            }
            Event::ContentBlockStart { index, content_block } => self.begin(index, content_block),
            Event::ContentBlockDelta { index, delta } => self.more(index, delta),
            Event::MessageDelta { delta, usage } => {
                if delta.stop_reason.is_some() {
                    self.stop = delta.stop_reason;
                }
                let usage = usage.unwrap_or_default();
                self.output_known |= usage.output_tokens.is_some();
                self.count(usage);
                String::new()
            }
            Event::MessageStop => return Ok(Step::End),
            Event::Error { error } => {
                return Err(failure::of_event(&self.whom, &serde_json::json!({ "error": error })));
            }
            Event::Other => String::new(),
        };
        Ok(if fresh.is_empty() { Step::Nothing } else { Step::Text(fresh) })
    }

    fn used(&self) -> Option<Usage> {
        // Another tier has other prices, which an error has no room for.
        let priced = self.tier.as_deref().is_none_or(|tier| tier == "standard");
        let complete = self.stop.is_some() && self.input_known && self.output_known;
        (complete && priced).then_some(self.usage)
    }

    fn finish(self, ended: bool) -> Result<Answer> {
        if !ended {
            return Err(self.whom.bad_answer("the stream ended in the middle"));
        }
        let (mut text, mut tool_calls) = (String::new(), Vec::new());
        for block in self.blocks.into_values() {
            match block {
                Block::Text(part) => text.push_str(&part),
                Block::Tool { name, arguments, .. } if name == ANSWER_TOOL => text.push_str(&arguments),
                Block::Tool { id, name, arguments } => {
                    let empty = arguments.trim().is_empty();
                    let arguments = if empty { "{}".to_owned() } else { surrogates::join(arguments) };
                    tool_calls.push(ToolCall { id, name, arguments });
                }
            }
        }
        let finish_reason = match self.stop.as_deref() {
            Some("max_tokens" | "model_context_window_exceeded") => FinishReason::Length,
            Some("refusal") => FinishReason::ContentFilter,
            // A pause is for tools that the provider runs, which are never offered.
            _ if !tool_calls.is_empty() => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        };
        Ok(Answer {
            text,
            tool_calls,
            finish_reason,
            usage: (self.input_known && self.output_known).then_some(self.usage),
            // What Anthropic calls standard is the price book's default.
            tier: self.tier.filter(|tier| tier != "standard"),
        })
    }
}
