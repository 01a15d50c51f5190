//! What was said to a model and by it within one start of a node: rounds of tools, rejected answers. A new attempt
//! goes on where the last one stopped, so that no round is paid twice.
//! Not here: sending it (`nexus-executor`), what a call of it may cost (`ledger`).

use crate::NodeState;
use nexus_model::{execution::ToolCall, price::bound::PromptBound};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A rejected answer and the reason, shown to the model when it is asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reask {
    /// What it answered.
    pub answer: String,
    /// Why that will not do.
    pub reason: String,
}

impl Reask {
    /// What the model is told.
    pub fn request(&self) -> String {
        format!("This answer was not accepted: {}. Answer again, and mend that.", self.reason)
    }
}

/// A turn of the model in which it asked for tools.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// What it said beside.
    pub text: String,
    /// What it asked for, in order.
    pub uses: Vec<ToolUse>,
}

impl Turn {
    /// Uses without a result.
    pub fn open(&self) -> impl Iterator<Item = &ToolUse> {
        self.uses.iter().filter(|use_| !use_.is_done())
    }
}

/// One use of an attached tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolUse {
    /// The model's id of it.
    pub id: String,
    /// The function that the model named: the tool node's id.
    pub tool: String,
    /// The arguments, as the model wrote them.
    pub arguments: String,
    /// The result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Or why there is none; the model is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took, milliseconds; absent until it has a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
}

impl ToolUse {
    /// Whether it has a result.
    pub fn is_done(&self) -> bool {
        self.latency_ms.is_some()
    }

    /// What the model is told of it.
    pub fn result(&self) -> String {
        match (&self.error, &self.output) {
            (Some(error), _) => format!("error: {error}"),
            (None, Some(Value::String(text))) => text.clone(),
            (None, Some(output)) => match output.as_object().and_then(|object| object.get("text")) {
                Some(Value::String(text)) if output.as_object().is_some_and(|o| o.len() == 1) => text.clone(),
                _ => output.to_string(),
            },
            (None, None) => {
                "error: the time was over before this was done; it may or may not have been done".into()
            }
        }
    }

    /// As outsiders see it.
    pub(crate) fn view(&self) -> ToolCall {
        ToolCall {
            tool: self.tool.clone(),
            args: serde_json::from_str(&self.arguments)
                .unwrap_or_else(|_| Value::String(self.arguments.clone())),
            output: self.output.clone(),
            error: self.error.clone(),
            latency_ms: self.latency_ms,
        }
    }
}

/// A piece of a conversation after the first question.
#[derive(Debug, Clone, PartialEq)]
pub enum Exchange {
    /// The model asked for tools and got their results.
    Tools(Turn),
    /// The model's answer was rejected with a reason.
    Rejected(Reask),
}

/// A function the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Its name: the tool node's id.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: Value,
}

/// The conversation of a node's present start, up to an answer that is asked for now.
pub(crate) fn of(node: &NodeState, reask: Option<&Reask>) -> Vec<Exchange> {
    let mut said = Vec::new();
    let mut mended: Option<&Reask> = None;
    for attempt in node.counted() {
        if attempt.reask.as_ref() != mended {
            mended = attempt.reask.as_ref();
            said.extend(mended.cloned().map(Exchange::Rejected));
        }
        said.extend(attempt.turns.iter().cloned().map(Exchange::Tools));
    }
    if reask != mended {
        said.extend(reask.cloned().map(Exchange::Rejected));
    }
    said
}

/// Rounds of tools so far.
pub(crate) fn rounds(node: &NodeState) -> u32 {
    node.counted().iter().map(|attempt| attempt.turns.len() as u32).sum()
}

/// The bound on the prompt of a call.
pub(crate) fn bound<'a>(
    messages: impl IntoIterator<Item = &'a str>,
    said: &[Exchange],
    schema: Option<&Value>,
    tools: &[ToolSpec],
) -> u64 {
    let mut bound = messages.into_iter().fold(PromptBound::new(), PromptBound::message);
    for exchange in said {
        match exchange {
            Exchange::Rejected(reask) => bound = bound.message(&reask.answer).message(&reask.request()),
            Exchange::Tools(turn) => {
                bound = bound.message(&turn.text);
                for use_ in &turn.uses {
                    bound = bound.tool_call(&use_.id, &use_.tool, &use_.arguments).message(&use_.result());
                }
            }
        }
    }
    bound = schema.into_iter().fold(bound, PromptBound::definition);
    let tools = tools.iter();
    tools.fold(bound, |bound, tool| bound.tool(&tool.name, &tool.description, &tool.parameters)).tokens()
}
