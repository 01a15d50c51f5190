//! Facts of an execution, as the journal keeps them. They are never decided again: replaying them is mere
//! bookkeeping, so an execution that began under an older version of these rules goes on under newer ones.
//! Not here: how they change the state (`state`), when they happen (`step`).

use crate::conversation::{Reask, ToolUse};
use nexus_model::{
    ExecutionStatus, Money, NodeId, Timestamp,
    document::Budget,
    execution::{Failure, NodeStatus, Tokens},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
        /// Whether the mark at which to warn is another now.
        #[serde(default)]
        new_limit: bool,
        /// Whether a node was named from which everything is done again, whatever may still hold.
        #[serde(default)]
        afresh: bool,
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
        /// Nodes it may read that were not settled yet (`join: any`): to this start they stay unseen, so that whatever
        /// is rendered again (a retry, a takeover) comes to the same.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unseen: Vec<NodeId>,
    },
    /// The node's input is known only now: it depends on what memory held.
    InputCompleted {
        /// The node.
        node: NodeId,
        /// What it works on, rendered.
        input: Value,
    },
    /// An attempt and its first call began. Recorded before it does, so that no call is unknown to the journal.
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
        /// The first call.
        #[serde(default)]
        first: CallKind,
        /// Money held for the first call.
        #[serde(default, skip_serializing_if = "is_zero")]
        reserved: Money,
        /// The rejected answer, if the model is asked again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reask: Option<Reask>,
        /// Most tokens of the answer, if the first call asks a model.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_tokens: Option<u32>,
    },
    /// A further call of an attempt began.
    CallStarted {
        /// The node.
        node: NodeId,
        /// From 1 within the attempt; the first call is 0.
        call: u32,
        /// What it does.
        kind: CallKind,
        /// When.
        at: Timestamp,
        /// Money held for it.
        #[serde(default, skip_serializing_if = "is_zero")]
        reserved: Money,
        /// Most tokens of the answer, if it asks a model.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_tokens: Option<u32>,
    },
    /// A call ended, and its attempt goes on.
    CallFinished {
        /// The node.
        node: NodeId,
        /// Which call of the attempt.
        call: u32,
        /// When.
        at: Timestamp,
        /// What it used.
        #[serde(default)]
        tokens: Tokens,
        /// What it cost.
        #[serde(default, skip_serializing_if = "is_zero")]
        cost: Money,
        /// What came of it.
        came: Came,
    },
    /// An attempt ended, and with it all its calls.
    AttemptFinished {
        /// The node.
        node: NodeId,
        /// The revision; 0 in older journals: the node's latest.
        #[serde(default)]
        revision: u32,
        /// Which.
        attempt: u32,
        /// When.
        at: Timestamp,
        /// How.
        outcome: AttemptOutcome,
        /// What its last calls used.
        #[serde(default)]
        tokens: Tokens,
        /// What its last calls cost.
        #[serde(default, skip_serializing_if = "is_zero")]
        cost: Money,
        /// How long it took, milliseconds.
        latency_ms: u64,
        /// Who answered, if not the model that was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
        /// The answer, if it was not accepted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<Value>,
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
    /// The node's next call does not fit the budget while others hold part of it; it waits for them.
    FundsAwaited {
        /// The node.
        node: NodeId,
        /// With which of the node's models it goes on.
        candidate: usize,
        /// The rejected answer, if the model is asked again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reask: Option<Reask>,
        /// What the call may cost; zero where that is not known.
        #[serde(default, skip_serializing_if = "is_zero")]
        needed: Money,
        /// When the attempt that waits is out of time, if it has begun.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends: Option<Timestamp>,
    },
    /// Spending reached the mark at which to warn.
    BudgetWarned {
        /// When.
        at: Timestamp,
    },
    /// A node rejected the work of one upstream, which does it again with the reason in hand.
    Backtracked {
        /// When.
        at: Timestamp,
        /// Who rejected.
        from: NodeId,
        /// Who works again.
        to: NodeId,
        /// What the latter is told.
        feedback: Value,
        /// The nodes downstream of `to` whose results may not hold any more.
        stale: Vec<NodeId>,
    },
    /// A node's input turned out to be what it was: its former result holds.
    NodeKept {
        /// The node.
        node: NodeId,
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

/// What a call does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum CallKind {
    /// Asks the node's model.
    #[default]
    Model,
    /// Looks up the agent's memory.
    Recall,
    /// Keeps the agent's answer in memory.
    Keep,
    /// Does what the tool node says.
    Tool,
    /// Does what a tool attached to the agent says, since the model asked for it.
    Attached {
        /// The model's id of the use.
        id: String,
    },
    /// Nothing leaves the engine: a conditional, a template.
    Pure,
}

/// What came of a call after which the attempt goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "came", rename_all = "snake_case")]
pub enum Came {
    /// The model wants tools used. Uses that need no call have their result already.
    ToolsWanted {
        /// What it said beside.
        text: String,
        /// In the order asked for.
        uses: Vec<ToolUse>,
    },
    /// An attached tool was used.
    ToolUsed {
        /// The model's id of the use.
        id: String,
        /// The result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Value>,
        /// Or why there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// How long it took, milliseconds.
        latency_ms: u64,
    },
    /// Memory was looked up.
    Recalled {
        /// The entries found.
        entries: Value,
    },
    /// The model's answer was accepted; it is yet to be kept in memory.
    Answered {
        /// The node's output to be.
        output: Value,
    },
    /// Whoever made the call died; what became of it is unknown, and it is made again.
    Unknown,
}

/// How an attempt ended.
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
    /// The execution was cancelled, or the node's work was rejected meanwhile.
    Cancelled,
}

fn is_zero(money: &Money) -> bool {
    *money == Money::ZERO
}
