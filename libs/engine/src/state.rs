//! The state of an execution, built by folding its journal, and the one judge of legal transitions.
//! Not here: which facts to record next (`step`), what outsiders see (`view`).

use crate::{
    Definition,
    effect::Reask,
    record::{AttemptOutcome, Record},
    schedule::EdgeState,
};
use nexus_model::{
    ExecutionId, ExecutionStatus, Money, Timestamp,
    document::Budget,
    execution::{Failure, NodeStatus, Tokens},
    graph::{EdgeIx, NodeIx},
};
use serde_json::Value;
use std::sync::Arc;

/// An execution in memory.
#[derive(Debug, Clone)]
pub struct State {
    /// What it runs.
    pub definition: Arc<Definition>,
    /// Its id.
    pub id: ExecutionId,
    /// Its inputs.
    pub inputs: Arc<Value>,
    /// Its budget as of now.
    pub budget: Option<Budget>,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// Runs begun so far.
    pub run: u32,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// One per node of the document, in its order; attached tools stay pending for ever.
    pub nodes: Vec<NodeState>,
    /// When the first run began.
    pub started_at: Option<Timestamp>,
    /// When the latest run ended.
    pub finished_at: Option<Timestamp>,
}

/// A node in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeState {
    /// Where it stands.
    pub status: NodeStatus,
    /// Its latest revision; 0 before the first.
    pub revision: u32,
    /// What it works on.
    pub input: Option<Value>,
    /// What dependents see.
    pub output: Option<Value>,
    /// Whether the latest revision has produced an output; the next start is then a new revision.
    pub revision_done: bool,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Whether dependents go on although it failed.
    pub handled: bool,
    /// All attempts of all revisions.
    pub attempts: Vec<AttemptState>,
    /// Attempts before this index belong to an earlier run or revision and do not count against the policy.
    pub counted_from: usize,
    /// The pause it is in.
    pub waiting: Option<Waiting>,
    /// When its latest revision began.
    pub started_at: Option<Timestamp>,
    /// When it settled.
    pub finished_at: Option<Timestamp>,
}

impl NodeState {
    fn new() -> Self {
        Self {
            status: NodeStatus::Pending,
            revision: 0,
            input: None,
            output: None,
            revision_done: false,
            failure: None,
            handled: false,
            attempts: Vec::new(),
            counted_from: 0,
            waiting: None,
            started_at: None,
            finished_at: None,
        }
    }

    /// The attempt that is under way.
    pub fn running_attempt(&self) -> Option<&AttemptState> {
        self.attempts.last().filter(|attempt| attempt.outcome.is_none())
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
}

/// A pause before the next attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Until when.
    pub due: Timestamp,
    /// With which of the node's models it goes on.
    pub candidate: usize,
    /// The rejected answer it is meant to mend.
    pub reask: Option<Reask>,
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
    /// Money held for it.
    pub reserved: Money,
    /// Tokens used.
    pub tokens: Tokens,
    /// What it cost.
    pub cost: Money,
    /// How long it took, milliseconds.
    pub latency_ms: Option<u64>,
}

/// Whether a node may go from one status to another: the only place that says so.
pub fn next_status(from: NodeStatus, to: NodeStatus) -> bool {
    use NodeStatus::*;
    matches!(
        (from, to),
        (Pending, Running | Skipped | Cancelled)
            | (Running, Succeeded | Failed | Cancelled)
            // a resume or a rejection makes a settled node pending again
            | (Succeeded | Failed | Skipped | Cancelled, Pending)
    )
}

impl State {
    /// An execution that was accepted and has not begun.
    pub fn new(
        definition: Arc<Definition>,
        id: ExecutionId,
        inputs: Arc<Value>,
        budget: Option<Budget>,
    ) -> Self {
        let nodes = vec![NodeState::new(); definition.document.graph.nodes.len()];
        Self {
            definition,
            id,
            inputs,
            budget,
            status: ExecutionStatus::Queued,
            run: 0,
            failure: None,
            nodes,
            started_at: None,
            finished_at: None,
        }
    }

    /// Folds a journal into this state. Each entry is the JSON array of facts of one step.
    ///
    /// # Errors
    /// If an entry is not such an array, or names a node that the document does not have.
    pub fn replay(mut self, journal: &[String]) -> Result<Self, crate::Error> {
        for (position, entry) in journal.iter().enumerate() {
            let records: Vec<Record> = serde_json::from_str(entry)
                .map_err(|error| crate::Error::Journal { position, reason: error.to_string() })?;
            for record in &records {
                self.apply(record)
                    .map_err(|error| crate::Error::Journal { position, reason: error.to_string() })?;
            }
        }
        Ok(self)
    }

    /// Takes a fact in.
    ///
    /// # Errors
    /// If the fact contradicts the state: an unknown node, an attempt that never began, an illegal transition.
    pub fn apply(&mut self, record: &Record) -> Result<(), crate::Error> {
        match record {
            Record::RunStarted { run, at } => {
                self.run = *run;
                self.status = ExecutionStatus::Running;
                self.started_at.get_or_insert(*at);
            }
            Record::Resumed { budget, reset, .. } => {
                self.status = ExecutionStatus::Queued;
                self.failure = None;
                self.finished_at = None;
                self.budget = *budget;
                for node in reset {
                    let node = self.node_mut(node.as_str())?;
                    if node.status != NodeStatus::Pending {
                        node.set_status(NodeStatus::Pending)?;
                    }
                    node.waiting = None;
                    node.output = None;
                    node.handled = false;
                    node.failure = None;
                    node.finished_at = None;
                    node.counted_from = node.attempts.len();
                }
            }
            Record::NodeStarted { node, revision, at, input } => {
                let node = self.node_mut(node.as_str())?;
                node.set_status(NodeStatus::Running)?;
                if node.revision != *revision {
                    node.revision = *revision;
                    node.revision_done = false;
                }
                node.input = Some(input.clone());
                node.counted_from = node.attempts.len();
                node.started_at = Some(*at);
                node.finished_at = None;
            }
            Record::AttemptStarted { node, attempt, candidate, model, at, reserved, reask } => {
                let node = self.node_mut(node.as_str())?;
                node.waiting = None;
                let revision = node.revision;
                node.attempts.push(AttemptState {
                    attempt: *attempt,
                    revision,
                    candidate: *candidate,
                    provider: model.as_deref().and_then(|model| Some(model.split_once('/')?.0.to_owned())),
                    model: model.clone(),
                    started_at: *at,
                    finished_at: None,
                    outcome: None,
                    reask: reask.clone(),
                    reserved: *reserved,
                    tokens: Tokens::default(),
                    cost: Money::ZERO,
                    latency_ms: None,
                });
            }
            Record::AttemptFinished { node, attempt, at, outcome, tokens, cost, latency_ms, provider } => {
                let node_state = self.node_mut(node.as_str())?;
                let revision = node_state.revision;
                let running = node_state
                    .attempts
                    .last_mut()
                    .filter(|last| {
                        last.attempt == *attempt && last.revision == revision && last.outcome.is_none()
                    })
                    .ok_or_else(|| {
                        crate::Error::Contradiction(format!("attempt {attempt} of {node} is not under way"))
                    })?;
                running.finished_at = Some(*at);
                running.outcome = Some(outcome.clone());
                running.tokens = *tokens;
                running.cost = *cost;
                running.latency_ms = Some(*latency_ms);
                if provider.is_some() {
                    running.provider.clone_from(provider);
                }
            }
            Record::RetryScheduled { node, due, candidate, reask } => {
                self.node_mut(node.as_str())?.waiting =
                    Some(Waiting { due: *due, candidate: *candidate, reask: reask.clone() });
            }
            Record::NodeFinished { node, at, status, output, failure, handled } => {
                let node = self.node_mut(node.as_str())?;
                node.set_status(*status)?;
                node.waiting = None;
                // null and nothing are the same to JSON; so they are here
                node.output = output.clone().filter(|output| !output.is_null());
                node.revision_done |= *status == NodeStatus::Succeeded;
                node.failure.clone_from(failure);
                node.handled = *handled;
                node.finished_at = Some(*at);
            }
            Record::RunFinished { at, status, failure } => {
                self.status = *status;
                self.failure.clone_from(failure);
                self.finished_at = Some(*at);
            }
        }
        Ok(())
    }

    fn node_mut(&mut self, id: &str) -> Result<&mut NodeState, crate::Error> {
        let ix = self.definition.graph.index(id);
        ix.and_then(|ix| self.nodes.get_mut(ix))
            .ok_or_else(|| crate::Error::Contradiction(format!("there is no node {id}")))
    }

    /// Where an edge stands.
    pub(crate) fn edge(&self, edge: EdgeIx) -> EdgeState {
        let Some((source, _)) = self.definition.graph.ends(edge) else { return EdgeState::Dead };
        crate::schedule::edge_state(self, source, edge)
    }

    /// The node's id.
    pub(crate) fn node_id(&self, ix: NodeIx) -> &nexus_model::NodeId {
        &self.definition.document.graph.nodes[ix].id
    }

    /// Settled so far.
    pub fn spent(&self) -> Money {
        self.nodes.iter().map(NodeState::cost).sum()
    }

    /// Held for calls under way.
    pub fn reserved(&self) -> Money {
        self.nodes.iter().filter_map(NodeState::running_attempt).map(|attempt| attempt.reserved).sum()
    }

    /// Tokens so far.
    pub fn tokens(&self) -> Tokens {
        self.nodes.iter().fold(Tokens::default(), |sum, node| sum.plus(node.tokens()))
    }
}

impl NodeState {
    fn set_status(&mut self, to: NodeStatus) -> Result<(), crate::Error> {
        if next_status(self.status, to) {
            self.status = to;
            Ok(())
        } else {
            Err(crate::Error::Contradiction(format!("a node cannot go from {:?} to {to:?}", self.status)))
        }
    }
}
