//! Facts of an execution, as the journal keeps them. They are never decided again: replaying them is mere
//! bookkeeping, so an execution that began under an older version of these rules goes on under newer ones.
//! Not here: how they change the state (`state`), when they happen (`step`).

use nexus_model::{
    ExecutionStatus, Money, NodeId, Timestamp,
    document::Budget,
    execution::{Failure, NodeStatus, Tokens},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::effect::Reask;

/// A fact. One commit appends the facts of one step, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Record {
    /// A run began; run 1 is the first, each resume makes another.
    RunStarted {
        /// From 1.
        run: u32,
        /// When.
        at: Timestamp,
    },
    /// An ended execution was asked to go on; it is queued again.
    Resumed {
        /// When.
        at: Timestamp,
        /// Its budget from now on.
        budget: Option<Budget>,
        /// Nodes that will run again.
        reset: Vec<NodeId>,
    },
    /// A node became ready and has its input.
    NodeStarted {
        /// The node.
        node: NodeId,
        /// From 1.
        revision: u32,
        /// When.
        at: Timestamp,
        /// What it works on, rendered.
        input: Value,
    },
    /// A call began. Recorded before it does, so that no call is unknown to the journal.
    AttemptStarted {
        /// The node.
        node: NodeId,
        /// From 1 within the revision.
        attempt: u32,
        /// Which of the node's models: 0 is `model`, 1 the first fallback.
        candidate: usize,
        /// `provider/model`.
        model: Option<String>,
        /// When.
        at: Timestamp,
        /// Money held for it.
        #[serde(default, skip_serializing_if = "is_zero")]
        reserved: Money,
        /// The rejected answer, if the model is asked again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reask: Option<Reask>,
    },
    /// A call ended.
    AttemptFinished {
        /// The node.
        node: NodeId,
        /// Which.
        attempt: u32,
        /// When.
        at: Timestamp,
        /// How.
        outcome: AttemptOutcome,
        /// What it used.
        #[serde(default)]
        tokens: Tokens,
        /// What it cost.
        #[serde(default, skip_serializing_if = "is_zero")]
        cost: Money,
        /// How long it took, milliseconds.
        latency_ms: u64,
        /// Who answered, if not the model that was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
    },
    /// The node's next attempt waits.
    RetryScheduled {
        /// The node.
        node: NodeId,
        /// Until when.
        due: Timestamp,
        /// With which of the node's models.
        candidate: usize,
        /// The rejected answer, if the model is asked again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reask: Option<Reask>,
    },
    /// A node is settled.
    NodeFinished {
        /// The node.
        node: NodeId,
        /// When.
        at: Timestamp,
        /// How.
        status: NodeStatus,
        /// What dependents see.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Value>,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// Whether dependents go on although it failed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        handled: bool,
    },
    /// The run ended.
    RunFinished {
        /// When.
        at: Timestamp,
        /// How.
        status: ExecutionStatus,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// With an answer that became the node's output.
    Succeeded,
    /// With an error, or an answer that breaks the node's contract.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// Whoever made it died; what became of it is unknown. Does not count against `max_attempts`.
    Interrupted,
    /// The execution was cancelled.
    Cancelled,
}

fn is_zero(money: &Money) -> bool {
    *money == Money::ZERO
}
