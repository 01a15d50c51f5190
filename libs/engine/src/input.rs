//! What the outside tells the engine. Not here: what follows from it (`step`).

use nexus_model::{
    Money, NodeId, Timestamp,
    document::BudgetOverride,
    execution::{Failure, Tokens},
};
use serde_json::Value;
use std::time::Duration;

/// Clock and chance, given to every step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Env {
    /// The time.
    pub now: Timestamp,
    /// A random number in [0, 1), for jitter.
    pub random: f64,
    /// Whether to begin no further nodes: the owner is about to hand the execution on.
    pub hold: bool,
}

/// Something that happened, or a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Somebody owns the execution now: begin, or go on with whatever the journal holds. Calls that the journal
    /// has begun but not ended are taken for interrupted.
    Take,
    /// A call ended.
    CallFinished {
        /// The node.
        node: NodeId,
        /// Its revision.
        revision: u32,
        /// The attempt.
        attempt: u32,
        /// The call within the attempt.
        call: u32,
        /// How it ended.
        result: CallResult,
    },
    /// A node's pause is over.
    TimerFired {
        /// The node.
        node: NodeId,
        /// The end of the pause, as it was asked for.
        due: Timestamp,
    },
    /// Somebody wants it stopped.
    Cancel,
    /// Somebody wants it to go on after its end.
    Resume {
        /// Fields that replace those of the budget.
        budget: Option<BudgetOverride>,
        /// Run this node and everything downstream of it again.
        from_node: Option<NodeId>,
    },
    /// It cannot go on, for a reason outside the workflow: end it as failed.
    GiveUp {
        /// The reason.
        failure: Failure,
    },
}

/// How a call ended, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    /// What came of it, or the error.
    pub outcome: Result<Outcome, CallFailure>,
    /// Tokens it used, as far as known.
    pub tokens: Tokens,
    /// What it cost; `None` if nobody knows: it is then charged at what was reserved.
    pub cost: Option<Money>,
    /// How long it took.
    pub latency: Duration,
    /// Who answered.
    pub provider: Option<String>,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A model said something.
    Answer(Answer),
    /// A tool returned something.
    Value(Value),
}

/// What a model said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The text.
    pub text: String,
    /// Whether it ran into `max_tokens`.
    pub truncated: bool,
    /// Tools it wants used.
    pub tool_calls: Vec<ToolRequest>,
}

/// A model asks for a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRequest {
    /// The model's id of it.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// The arguments, as the model wrote them.
    pub arguments: String,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// Stable code.
    pub code: String,
    /// What went wrong, in a sentence.
    pub message: String,
    /// Whether the same call may work later.
    pub retryable: bool,
    /// The pause that the other side asked for.
    pub retry_after: Option<Duration>,
}

impl CallFailure {
    /// One that trying again does not mend.
    pub fn fatal(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), retryable: false, retry_after: None }
    }
}
