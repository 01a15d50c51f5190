//! A chat completion's answer, whole or as a stream of chunks: both add up in one builder. Not here: reading bytes.

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
use nexus_model::price::{DEFAULT_TIER, Usage};
use serde::Deserialize;
use serde_json::Value;

/// A chunk of a stream, or a whole answer.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<WireUsage>,
    service_tier: Option<String>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(alias = "delta")]
    message: Option<WireMessage>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct WireMessage {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<WireCall>>,
}

#[derive(Deserialize)]
struct WireCall {
    index: Option<usize>,
    id: Option<String>,
    function: Option<WireFunction>,
}

#[derive(Deserialize)]
struct WireFunction {
    name: Option<String>,
    arguments: Option<String>,
}

/// Counts as OpenAI gives them: the details are parts of the totals.
#[derive(Deserialize)]
pub(super) struct WireUsage {
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Self {
        let details = wire.prompt_tokens_details;
        let part = |count: Option<u64>| count.unwrap_or_default().min(wire.prompt_tokens);
        let cached = part(details.as_ref().and_then(|details| details.cached_tokens));
        let written = part(details.and_then(|details| details.cache_write_tokens));
        Usage {
            input: wire.prompt_tokens.saturating_sub(cached).saturating_sub(written),
            cached_input: cached,
            cache_write: written,
            cache_write_long: 0,
            output: wire.completion_tokens,
            reasoning: wire
                .completion_tokens_details
                .and_then(|details| details.reasoning_tokens)
                .unwrap_or_default(),
        }
    }
}

/// A whole answer.
pub(super) fn whole(whom: &Whom, body: &[u8]) -> Result<Answer> {
    let chunk: Chunk = serde_json::from_slice(body).map_err(|_| whom.bad_answer("it is not a completion"))?;
    if chunk.error.is_some() {
        return Err(whom.bad_answer("an error with a status of success"));
    }
    if chunk.choices.first().is_none_or(|choice| choice.message.is_none()) {
        return Err(whom.bad_answer("it holds no message"));
    }
    let mut builder = Builder::new(whom.clone());
    builder.add(chunk);
    builder.finish(true)
}

/// What came so far.
pub(super) struct Builder {
    whom: Whom,
    text: String,
    joiner: Joiner,
    calls: Vec<ToolCall>,
    refused: bool,
    finish: Option<String>,
    usage: Option<Usage>,
    /// The usage came with the end of the answer or after it: it will not grow any more.
    usage_is_final: bool,
    tier: Option<String>,
}

impl Builder {
    pub(super) fn new(whom: Whom) -> Self {
        Self {
            whom,
            text: String::new(),
            joiner: Joiner::default(),
            calls: Vec::new(),
            refused: false,
            finish: None,
            usage: None,
            usage_is_final: false,
            tier: None,
        }
    }

    /// Takes a chunk and returns its text.
    fn add(&mut self, chunk: Chunk) -> String {
        // Usage may come on any chunk, and more than once with growing counts.
        if let Some(usage) = chunk.usage {
            self.usage = Some(usage.into());
            let ends = chunk.choices.first().is_some_and(|choice| choice.finish_reason.is_some());
            self.usage_is_final = ends || self.finish.is_some();
        }
        if chunk.service_tier.is_some() {
            self.tier = chunk.service_tier;
        }
        let mut fresh = String::new();
        if let Some(choice) = chunk.choices.into_iter().next() {
            if choice.finish_reason.is_some() {
                self.finish = choice.finish_reason;
            }
            let message = choice.message.unwrap_or_default();
            fresh = message.content.unwrap_or_default();
            if let Some(refusal) = message.refusal.filter(|refusal| !refusal.is_empty()) {
                self.refused = true;
                fresh.push_str(&refusal);
            }
            for call in message.tool_calls.unwrap_or_default() {
                self.add_call(call);
            }
        }
        let fresh = self.joiner.push(fresh);
        self.text.push_str(&fresh);
        fresh
    }

    fn add_call(&mut self, call: WireCall) {
        // Without an index an id begins a new call, and what has neither goes on with the last one.
        let index = call.index.unwrap_or(match &call.id {
            Some(_) => self.calls.len(),
            None => self.calls.len().saturating_sub(1),
        });
        if index >= self.calls.len() {
            let id = format!("call_{}", self.calls.len());
            self.calls.push(ToolCall { id, name: String::new(), arguments: String::new() });
        }
        let index = index.min(self.calls.len().saturating_sub(1));
        let Some(known) = self.calls.get_mut(index) else { return };
        if let Some(id) = call.id.filter(|id| !id.is_empty()) {
            known.id = id;
        }
        if let Some(function) = call.function {
            known.name.push_str(&function.name.unwrap_or_default());
            known.arguments.push_str(&function.arguments.unwrap_or_default());
        }
    }
}

impl Decoder for Builder {
    fn event(&mut self, event: &sse::Event) -> Result<Step> {
        if event.data.trim() == "[DONE]" {
            return Ok(Step::End);
        }
        let chunk: Chunk = surrogates::from_str(&event.data)
            .map_err(|_| self.whom.bad_answer("a piece of the stream is not valid"))?;
        if let Some(error) = chunk.error {
            return Err(failure::of_event(&self.whom, &serde_json::json!({ "error": error })));
        }
        Ok(match self.add(chunk) {
            text if text.is_empty() => Step::Nothing,
            text => Step::Text(text),
        })
    }

    fn used(&self) -> Option<Usage> {
        // Another tier has other prices, which an error has no room for.
        let priced = self.tier.as_deref().is_none_or(|tier| tier == DEFAULT_TIER);
        self.usage.filter(|_| self.usage_is_final && priced)
    }

    fn finish(mut self, ended: bool) -> Result<Answer> {
        // Some servers leave out the closing [DONE]; one without a reason to stop was cut.
        if !ended && self.finish.is_none() {
            return Err(self.whom.bad_answer("the stream ended in the middle"));
        }
        for call in &mut self.calls {
            call.arguments = match std::mem::take(&mut call.arguments) {
                empty if empty.trim().is_empty() => "{}".to_owned(),
                arguments => surrogates::join(arguments),
            };
        }
        let finish_reason = match self.finish.as_deref() {
            _ if self.refused => FinishReason::ContentFilter,
            Some("content_filter") => FinishReason::ContentFilter,
            Some("length") => FinishReason::Length,
            _ if !self.calls.is_empty() => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        };
        Ok(Answer {
            text: self.text,
            tool_calls: self.calls,
            finish_reason,
            usage: self.usage,
            tier: self.tier,
        })
    }
}
