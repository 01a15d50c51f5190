//! A node and its attempts in memory, and the one judge of a node's legal transitions. Not here: folding facts into
//! them (`state`).

use crate::{
    conversation::{Reask, Turn},
    record::{AttemptOutcome, CallKind},
};
use nexus_model::{
    Money, Timestamp,
    execution::{Failure, NodeStatus, Revision, Tokens},
    graph::NodeIx,
};
use serde_json::Value;

/// A node in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeState {
    /// Where it stands.
    pub status: NodeStatus,
    /// Its latest revision; 0 before the first.
    pub revision: u32,
    /// What it works on.
    pub input: Option<Value>,
    /// Nodes it may read that were not settled when it began: it never sees them.
    pub unseen: Vec<NodeIx>,
    /// What dependents see.
    pub output: Option<Value>,
    /// Whether the latest revision has produced an output or was rejected; the next start is then a new revision.
    pub revision_done: bool,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Whether dependents go on although it failed.
    pub handled: bool,
    /// All attempts of all revisions.
    pub attempts: Vec<AttemptState>,
    /// Attempts before this index belong to an earlier start and do not count against the policy.
    pub counted_from: usize,
    /// Attempts before this index were paid before a resume that made the node run again, and do not count against
    /// its budget. Other nodes are granted nothing anew by a resume.
    pub paid_from: usize,
    /// The pause it is in.
    pub waiting: Option<Waiting>,
    /// The next call that waits for a part of the budget.
    pub unfunded: Option<Next>,
    /// What memory held when this start looked it up.
    pub recalled: Option<Value>,
    /// An accepted answer that is yet to be kept in memory.
    pub accepted: Option<Value>,
    /// What it is told about its former output, which was rejected.
    pub feedback: Option<Value>,
    /// Its former result, which may or may not hold any more.
    pub stale: Option<Box<Stale>>,
    /// How often it has sent another back to work in this run.
    pub rejections: u32,
    /// Earlier revisions.
    pub revisions: Vec<Revision>,
    /// When its latest revision began.
    pub started_at: Option<Timestamp>,
    /// When it settled.
    pub finished_at: Option<Timestamp>,
}

/// How to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// With which of the node's models.
    pub candidate: usize,
    /// The rejected answer it is meant to mend.
    pub reask: Option<Reask>,
}

/// A pause before the next attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Until when.
    pub due: Timestamp,
    /// How it goes on.
    pub next: Next,
}

/// A result that was made before something upstream was done again.
#[derive(Debug, Clone, PartialEq)]
pub struct Stale {
    /// Whether it holds if the node's input turns out to be what it was.
    pub keep: bool,
    /// Whether something upstream is done again, so that everything the node may read has to be decided anew.
    pub upstream: bool,
    /// How it had ended.
    pub status: NodeStatus,
    /// What it had worked on.
    pub input: Option<Value>,
    /// What dependents saw.
    pub output: Option<Value>,
    /// Why it had failed.
    pub failure: Option<Failure>,
    /// Whether dependents went on although it failed.
    pub handled: bool,
    /// What the node had been told of the revision before.
    pub feedback: Option<Value>,
    /// When it had begun.
    pub started_at: Option<Timestamp>,
    /// When it had settled.
    pub finished_at: Option<Timestamp>,
}

impl NodeState {
    pub(crate) fn new() -> Self {
        Self {
            status: NodeStatus::Pending,
            revision: 0,
            input: None,
            unseen: Vec::new(),
            output: None,
            revision_done: false,
            failure: None,
            handled: false,
            attempts: Vec::new(),
            counted_from: 0,
            paid_from: 0,
            waiting: None,
            unfunded: None,
            recalled: None,
            accepted: None,
            feedback: None,
            stale: None,
            rejections: 0,
            revisions: Vec::new(),
            started_at: None,
            finished_at: None,
        }
    }

    /// The attempt that is under way, if the node is at work.
    pub fn running_attempt(&self) -> Option<&AttemptState> {
        self.counted().last().filter(|last| last.outcome.is_none() && self.status == NodeStatus::Running)
    }

    /// Attempts that have not ended: the one under way, and those whose result nobody wants any more.
    pub fn open_attempts(&self) -> impl Iterator<Item = &AttemptState> {
        self.attempts.iter().filter(|attempt| attempt.outcome.is_none())
    }

    /// Attempts that count against the policy now.
    pub fn counted(&self) -> &[AttemptState] {
        self.attempts.get(self.counted_from..).unwrap_or_default()
    }

    /// Tokens of all attempts.
    pub fn tokens(&self) -> Tokens {
        self.attempts.iter().fold(Tokens::default(), |sum, attempt| sum.plus(attempt.tokens))
    }

    /// Cost of all attempts.
    pub fn cost(&self) -> Money {
        self.attempts.iter().map(|attempt| attempt.cost).sum()
    }

    /// Spent and held since a resume last made it run again: what the node's own budget is measured by.
    pub fn drawn(&self) -> Money {
        let paid = self.attempts.get(self.paid_from..).unwrap_or_default();
        paid.iter().map(|attempt| attempt.cost.plus(attempt.reserved())).sum()
    }
}

impl Stale {
    /// As outsiders see it.
    pub(crate) fn revision(&self, revision: u32) -> Revision {
        Revision {
            revision,
            status: self.status,
            input: self.input.clone(),
            output: self.output.clone(),
            error: self.failure.clone(),
            feedback: self.feedback.clone(),
            started_at: self.started_at,
            finished_at: self.finished_at,
        }
    }
}

/// An attempt in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptState {
    /// From 1 within the revision.
    pub attempt: u32,
    /// The revision.
    pub revision: u32,
    /// Which of the node's models.
    pub candidate: usize,
    /// `provider/model`.
    pub model: Option<String>,
    /// Who answered.
    pub provider: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<AttemptOutcome>,
    /// The rejected answer it is meant to mend.
    pub reask: Option<Reask>,
    /// Calls under way.
    pub open: Vec<OpenCall>,
    /// Calls begun so far.
    pub calls: u32,
    /// Most tokens of the model's latest answer.
    pub max_tokens: Option<u32>,
    /// Rounds of tools.
    pub turns: Vec<Turn>,
    /// The answer, if it was not accepted.
    pub answer: Option<Value>,
    /// Tokens used.
    pub tokens: Tokens,
    /// What it cost.
    pub cost: Money,
    /// How long it took, milliseconds.
    pub latency_ms: Option<u64>,
}

/// A call under way.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenCall {
    /// From 0 within the attempt.
    pub call: u32,
    /// What it does.
    pub kind: CallKind,
    /// Money held for it.
    pub reserved: Money,
}

impl AttemptState {
    /// Money held for its calls under way.
    pub fn reserved(&self) -> Money {
        self.open.iter().map(|call| call.reserved).sum()
    }
}

/// Whether a node may go from one status to another: the only place that says so.
pub fn next_status(from: NodeStatus, to: NodeStatus) -> bool {
    use NodeStatus::*;
    matches!(
        (from, to),
        (Pending, Running | Skipped | Cancelled)
            | (Running, Succeeded | Failed | Cancelled)
            // a resume or a rejection makes a node pending again
            | (Running | Succeeded | Failed | Skipped | Cancelled, Pending)
            // a former result turns out to hold
            | (Pending, Succeeded | Failed)
    )
}

impl NodeState {
    pub(crate) fn set_status(&mut self, to: NodeStatus) -> Result<(), crate::Error> {
        if next_status(self.status, to) {
            self.status = to;
            Ok(())
        } else {
            Err(crate::Error::Contradiction(format!("a node cannot go from {:?} to {to:?}", self.status)))
        }
    }

    /// The node begins, maybe a new revision.
    pub(crate) fn started(&mut self, revision: u32, at: Timestamp, input: Value, unseen: Vec<NodeIx>) {
        let stale = self.stale.take();
        if self.revision != revision {
            if let Some(stale) = stale
                && self.revision > 0
            {
                self.revisions.push(stale.revision(self.revision));
            }
            self.revision = revision;
            self.revision_done = false;
        }
        self.input = Some(input);
        self.unseen = unseen;
        self.recalled = None;
        self.accepted = None;
        self.counted_from = self.attempts.len();
        self.started_at = Some(at);
        self.finished_at = None;
    }

    /// The node is to run again, or (`keep`) maybe: its result is put aside.
    pub(crate) fn reset(&mut self, keep: bool, upstream: bool) -> Result<(), crate::Error> {
        // what it is to be told at its next start, which has not come yet
        let fresh_feedback = self.stale.is_some() && self.feedback.is_some();
        let settled = matches!(self.status, NodeStatus::Succeeded | NodeStatus::Failed | NodeStatus::Skipped);
        if self.revision > 0 || settled {
            let rejected = self.attempts.last().and_then(|last| match &last.outcome {
                Some(AttemptOutcome::Failed { failure }) => Some(failure.clone()),
                _ => None,
            });
            let was_running = self.status == NodeStatus::Running;
            // A result that was put aside before stays what it was: the node has not begun since.
            self.stale = self.stale.take().or_else(|| {
                Some(Box::new(Stale {
                    keep: settled,
                    upstream: false,
                    status: if was_running && rejected.is_some() { NodeStatus::Failed } else { self.status },
                    input: self.input.clone(),
                    output: self.output.clone(),
                    failure: if was_running { rejected } else { self.failure.clone() },
                    handled: self.handled,
                    feedback: self.feedback.clone(),
                    started_at: self.started_at,
                    finished_at: self.finished_at,
                }))
            });
            if let Some(stale) = &mut self.stale {
                stale.keep &= keep;
                stale.upstream |= upstream;
            }
        }
        if self.status != NodeStatus::Pending {
            self.set_status(NodeStatus::Pending)?;
        }
        self.waiting = None;
        self.unfunded = None;
        self.output = None;
        self.handled = false;
        self.failure = None;
        if self.revision_done && !fresh_feedback {
            self.feedback = None;
        }
        self.finished_at = None;
        // attempts whose result nobody wants any more do not count
        self.counted_from = self.attempts.len();
        Ok(())
    }

    /// The result that was put aside holds.
    pub(crate) fn kept(&mut self) -> Result<(), crate::Error> {
        let Some(stale) = self.stale.take() else {
            return Err(crate::Error::Contradiction("a node without a former result cannot keep it".into()));
        };
        self.set_status(stale.status)?;
        self.input = stale.input;
        self.output = stale.output;
        self.failure = stale.failure;
        self.handled = stale.handled;
        self.feedback = stale.feedback;
        self.finished_at = stale.finished_at;
        Ok(())
    }
}
