//! The built-in provider `demo`: no network, no intelligence, the same answer to the same question every time, so that
//! everything can be tried before a key is set. It says what it is. Not here: the words (`prose`), values that satisfy a
//! JSON Schema (`sample`).

mod choose;
mod pattern;
mod prose;
mod sample;

use crate::{
    config::DemoPace,
    provider::{Answer, Call, Piece, Provider, Vectors},
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use nexus_api::{
    BoxStream, Code, Error, Result,
    llm::{CompleteRequest, EmbedRequest, FinishReason, Message, Role, ToolCall, ToolChoice},
};
use nexus_model::price::Usage;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// An answer comes in at least so many pieces, if it is long enough.
const PIECES: usize = 16;

/// The provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demo {
    pace: DemoPace,
}

impl Demo {
    pub(crate) fn new(pace: DemoPace) -> Self {
        Self { pace }
    }

    /// Whether there is a demo model of this name.
    pub(crate) fn has(name: &str) -> bool {
        matches!(name, "small" | "large" | "slow")
    }

    fn pause(self, name: &str) -> Duration {
        if name == "slow" { self.pace.slow_piece } else { self.pace.piece }
    }

    fn times(pause: Duration, pieces: usize) -> Duration {
        pause * u32::try_from(pieces).unwrap_or(u32::MAX)
    }

    /// How many pieces' time the model seems to read before it speaks: longer prompts take longer, so that nodes that
    /// run beside each other end in the same order every time. The large model takes its time.
    fn reading(call: &Call) -> usize {
        let read = tokens(&call.request.messages, &[]).min(100);
        usize::try_from(read).unwrap_or_default() + if call.name == "large" { 8 } else { 0 }
    }

    /// Waits until a moment of the answer, or until the caller's patience ends.
    async fn wait(until: Instant, deadline: Option<Instant>) -> Result<()> {
        match deadline {
            Some(deadline) if deadline < until => {
                sleep_until(deadline).await;
                Err(Error::new(Code::DeadlineExceeded, "the demo model did not finish in time")
                    .reason("provider_timeout"))
            }
            // without pauses there is nothing to wait for, not even the clock
            _ if until <= Instant::now() => Ok(()),
            _ => {
                sleep_until(until).await;
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Provider for Demo {
    async fn complete(&self, call: Call) -> Result<Answer> {
        let answer = answer(&call);
        let spoken = Self::times(self.pause(&call.name), pieces(&answer.text).len().max(1));
        let until = Instant::now() + Self::times(self.pace.piece, Self::reading(&call)) + spoken;
        Self::wait(until, call.deadline).await?;
        Ok(answer)
    }

    async fn stream(&self, call: Call) -> Result<BoxStream<Piece>> {
        let answer = answer(&call);
        let (pause, deadline) = (self.pause(&call.name), call.deadline);
        // The times of all pieces are fixed at the start: pauses that a busy machine stretches must not add up.
        let begins = Instant::now() + Self::times(self.pace.piece, Self::reading(&call));
        let mut items: Vec<Piece> = pieces(&answer.text).into_iter().map(Piece::Text).collect();
        items.push(Piece::Done(Box::new(answer)));
        let items = stream::iter(items.into_iter().enumerate()).then(move |(nth, piece)| async move {
            if matches!(piece, Piece::Text(_)) {
                Self::wait(begins + Self::times(pause, nth + 1), deadline).await?;
            }
            Ok(piece)
        });
        Ok(items.boxed())
    }

    async fn embed(&self, _: &str, _: EmbedRequest, _: Option<Instant>) -> Result<Vectors> {
        Err(Error::new(Code::NotFound, "the demo provider makes no vectors")
            .reason("unknown_model")
            .unspent())
    }
}

/// The whole answer, a function of the request alone.
fn answer(call: &Call) -> Answer {
    let request = &call.request;
    let prompt = prompt(request);
    let mut answer = Answer {
        text: String::new(),
        tool_calls: Vec::new(),
        finish_reason: FinishReason::Stop,
        usage: None,
        tier: None,
    };
    // Tools are called once for each question; what they answered is enough for the next turn.
    let since_asked = request.messages.iter().rev().take_while(|message| message.role != Role::User);
    let asked_tools = since_asked.into_iter().any(|message| message.role == Role::Tool);
    if !request.tools.is_empty() && request.tool_choice != ToolChoice::None && !asked_tools {
        answer.tool_calls = tool_calls(request, &prompt);
        answer.finish_reason = FinishReason::ToolCalls;
    } else if let Some(schema) = &request.output_schema {
        answer.text = sample::value(schema, &prompt).to_string();
    } else {
        answer.text = prose::text(&request.messages, &prompt, call.name == "large");
        let cut = request.stop.iter().filter(|stop| !stop.is_empty());
        if let Some(end) = cut.filter_map(|stop| answer.text.find(stop.as_str())).min() {
            answer.text.truncate(end);
        }
    }
    cap(&mut answer, u64::from(call.max_tokens()));
    let extra: Vec<String> = request
        .tools
        .iter()
        .map(|tool| format!("{}{}{}", tool.name, tool.description, tool.parameters))
        .chain(request.output_schema.iter().map(ToString::to_string))
        .collect();
    answer.usage = Some(Usage {
        input: tokens(&request.messages, &extra),
        output: output_tokens(&answer),
        ..Usage::default()
    });
    answer
}

/// What was asked last.
fn prompt(request: &CompleteRequest) -> String {
    let asked = request.messages.iter().rev().find(|message| message.role == Role::User);
    asked.or(request.messages.last()).map(|message| message.content.clone()).unwrap_or_default()
}

/// Calls the tools that the prompt seems to be about, else the first.
fn tool_calls(request: &CompleteRequest, prompt: &str) -> Vec<ToolCall> {
    let lower = prompt.to_lowercase();
    let named =
        |name: &str| name.split('_').any(|word| word.len() > 3 && lower.contains(&word.to_lowercase()));
    let wanted = |name: &str| match &request.tool_choice {
        ToolChoice::Tool(wanted) => wanted == name,
        _ => named(name),
    };
    let mut chosen: Vec<_> = request.tools.iter().filter(|tool| wanted(&tool.name)).collect();
    if chosen.is_empty() {
        chosen.extend(request.tools.first());
    }
    if request.parallel_tool_calls == Some(false) {
        chosen.truncate(1);
    }
    chosen
        .into_iter()
        .enumerate()
        .map(|(index, tool)| ToolCall {
            // Unique within the conversation, and the same every time.
            id: format!("demo_call_{}", request.messages.len() * 100 + index + 1),
            name: tool.name.clone(),
            arguments: sample::value(&tool.parameters, prompt).to_string(),
        })
        .collect()
}

/// Cuts an answer that is longer than its cap, as a provider would.
fn cap(answer: &mut Answer, max_tokens: u64) {
    if output_tokens(answer) <= max_tokens {
        return;
    }
    // A call that does not fit is no call.
    answer.tool_calls.clear();
    let most = usize::try_from(max_tokens.saturating_mul(4)).unwrap_or(usize::MAX).min(answer.text.len());
    let end = (0..=most).rev().find(|end| answer.text.is_char_boundary(*end)).unwrap_or_default();
    answer.text.truncate(end);
    answer.finish_reason = FinishReason::Length;
}

fn output_tokens(answer: &Answer) -> u64 {
    let calls = answer.tool_calls.iter().map(|call| length(&call.name) + length(&call.arguments));
    (length(&answer.text) + calls.sum::<u64>()).max(1)
}

/// Tokens of a text, near enough: four bytes each.
fn length(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

/// Tokens of a prompt by the same measure, with four for the frame of each message.
pub(crate) fn tokens(messages: &[Message], extra: &[String]) -> u64 {
    let message = |message: &Message| {
        let calls = message.tool_calls.iter().map(|call| length(&call.name) + length(&call.arguments));
        4 + length(&message.content) + calls.sum::<u64>()
    };
    messages.iter().map(message).sum::<u64>() + extra.iter().map(|text| length(text)).sum::<u64>()
}

/// The text in about `PIECES` pieces, cut behind spaces where possible.
fn pieces(text: &str) -> Vec<String> {
    let least = text.len().div_ceil(PIECES).max(1);
    let mut pieces: Vec<String> = Vec::new();
    let mut piece = String::new();
    for character in text.chars() {
        piece.push(character);
        // A JSON text may be without spaces.
        if (character.is_whitespace() && piece.len() >= least) || piece.len() >= least + 12 {
            pieces.push(std::mem::take(&mut piece));
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests;
