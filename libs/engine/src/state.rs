//! The state of an execution, built by folding its journal. Not here: the states of its nodes (`node`), which facts
//! to record next (`step`), what outsiders see (`view`).

use crate::{
    Definition,
    node::{AttemptState, Next, NodeState, OpenCall, Waiting},
    queue::Queue,
    record::{AttemptOutcome, CallKind, Came, Record},
    schedule::EdgeState,
};
use nexus_model::{
    ExecutionId, ExecutionStatus, Money, NodeId, Timestamp,
    document::Budget,
    execution::{Failure, NodeStatus, Tokens},
    graph::{EdgeIx, NodeIx},
    price::EmbeddingModel,
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
    /// Nodes whose next call waits for a part of the budget, longest first.
    pub unfunded: Queue,
    /// Whether spending has reached the mark at which to warn.
    pub warned: bool,
    /// The model that memory uses, as far as known: what the definition says, or what was learnt since.
    pub embedding: Option<EmbeddingModel>,
    /// Rejections in this run.
    pub backtracks: u32,
    /// When the first run began.
    pub started_at: Option<Timestamp>,
    /// When the latest run ended.
    pub finished_at: Option<Timestamp>,
    ledger: Ledger,
}

/// Sums over all calls, kept up as they begin and end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Ledger {
    spent: Money,
    reserved: Money,
    tokens: Tokens,
    in_flight: usize,
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
        let embedding = definition.embedding.clone();
        Self {
            embedding,
            definition,
            id,
            inputs,
            budget,
            status: ExecutionStatus::Queued,
            run: 0,
            failure: None,
            nodes,
            unfunded: Queue::default(),
            warned: false,
            backtracks: 0,
            started_at: None,
            finished_at: None,
            ledger: Ledger::default(),
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
            Record::Resumed { budget, reset, new_limit, afresh, .. } => {
                self.warned &= !new_limit;
                self.resumed(*budget, reset, *afresh)?;
            }
            Record::NodeStarted { node, revision, at, input, unseen } => {
                let unseen = unseen.iter().map(|id| self.ix(id)).collect::<Result<_, _>>()?;
                let node = self.node_mut(node.as_str())?;
                node.set_status(NodeStatus::Running)?;
                node.started(*revision, *at, input.clone(), unseen);
            }
            Record::InputCompleted { node, input } => {
                self.node_mut(node.as_str())?.input = Some(input.clone());
            }
            Record::AttemptStarted {
                node,
                attempt,
                candidate,
                model,
                at,
                first,
                reserved,
                reask,
                max_tokens,
            } => {
                let state = self.node_mut(node.as_str())?;
                state.waiting = None;
                let revision = state.revision;
                state.attempts.push(AttemptState {
                    attempt: *attempt,
                    revision,
                    candidate: *candidate,
                    provider: model.as_deref().and_then(|model| Some(model.split_once('/')?.0.to_owned())),
                    model: model.clone(),
                    started_at: *at,
                    finished_at: None,
                    outcome: None,
                    reask: reask.clone(),
                    open: Vec::new(),
                    calls: 0,
                    max_tokens: None,
                    turns: Vec::new(),
                    answer: None,
                    tokens: Tokens::default(),
                    cost: Money::ZERO,
                    latency_ms: None,
                });
                self.call_started(node, 0, first.clone(), *reserved, *max_tokens)?;
            }
            Record::CallStarted { node, call, kind, reserved, max_tokens, .. } => {
                self.call_started(node, *call, kind.clone(), *reserved, *max_tokens)?;
            }
            Record::CallFinished { node, call, tokens, cost, came, .. } => {
                self.call_finished(node, *call, *tokens, *cost, came)?;
            }
            Record::AttemptFinished { .. } => self.attempt_finished(record)?,
            Record::RetryScheduled { node, due, candidate, reask } => {
                let ix = self.ix(node)?;
                self.unfunded.leave(ix);
                self.nodes[ix].unfunded = None;
                let next = Next { candidate: *candidate, reask: reask.clone() };
                self.nodes[ix].waiting = Some(Waiting { due: *due, next });
            }
            Record::FundsAwaited { node, candidate, reask, needed, ends } => {
                let ix = self.ix(node)?;
                self.unfunded.enter(ix, *needed, *ends);
                self.nodes[ix].waiting = None;
                self.nodes[ix].unfunded = Some(Next { candidate: *candidate, reask: reask.clone() });
            }
            Record::BudgetWarned { .. } => self.warned = true,
            Record::Backtracked { from, to, feedback, stale, .. } => {
                self.backtracked(from, to, feedback, stale)?;
            }
            Record::NodeKept { node } => self.node_mut(node.as_str())?.kept()?,
            Record::NodeFinished { node, at, status, output, failure, handled } => {
                let ix = self.ix(node)?;
                self.unfunded.leave(ix);
                let node = &mut self.nodes[ix];
                node.set_status(*status)?;
                node.waiting = None;
                node.unfunded = None;
                // null and nothing are the same to JSON; so they are here
                node.output = output.clone().filter(|output| !output.is_null());
                node.revision_done |= *status == NodeStatus::Succeeded || *handled;
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

    fn resumed(
        &mut self,
        budget: Option<Budget>,
        reset: &[NodeId],
        afresh: bool,
    ) -> Result<(), crate::Error> {
        self.status = ExecutionStatus::Queued;
        self.failure = None;
        self.finished_at = None;
        self.budget = budget;
        self.backtracks = 0;
        self.unfunded.clear();
        for node in &mut self.nodes {
            node.rejections = 0;
        }
        for node in reset {
            let node = self.node_mut(node.as_str())?;
            // A result that was only put aside when the run stopped may still turn out to hold.
            let keep = !afresh && node.status == NodeStatus::Cancelled && node.stale.is_some();
            node.reset(keep, false)?;
            node.paid_from = node.attempts.len();
        }
        Ok(())
    }

    fn backtracked(
        &mut self,
        from: &NodeId,
        to: &NodeId,
        feedback: &Value,
        stale: &[NodeId],
    ) -> Result<(), crate::Error> {
        self.backtracks += 1;
        self.node_mut(from.as_str())?.rejections += 1;
        // What the reviewer rejected is done with: its next start is a revision of its own.
        self.node_mut(from.as_str())?.revision_done = true;
        for node in stale {
            let ix = self.ix(node)?;
            self.unfunded.leave(ix);
            self.nodes[ix].reset(node != from, true)?;
        }
        let to = self.node_mut(to.as_str())?;
        to.feedback = None;
        to.reset(false, true)?;
        to.feedback = Some(feedback.clone());
        Ok(())
    }

    fn call_started(
        &mut self,
        node: &NodeId,
        call: u32,
        kind: CallKind,
        reserved: Money,
        max_tokens: Option<u32>,
    ) -> Result<(), crate::Error> {
        let ix = self.ix(node)?;
        self.unfunded.leave(ix);
        let state = &mut self.nodes[ix];
        state.unfunded = None;
        let attempt = state
            .attempts
            .last_mut()
            .filter(|last| last.outcome.is_none())
            .ok_or_else(|| crate::Error::Contradiction(format!("{node} has no attempt under way")))?;
        attempt.calls = attempt.calls.max(call + 1);
        attempt.max_tokens = max_tokens.or(attempt.max_tokens);
        attempt.open.push(OpenCall { call, kind, reserved });
        self.ledger.reserved = self.ledger.reserved.plus(reserved);
        self.ledger.in_flight += 1;
        Ok(())
    }

    fn call_finished(
        &mut self,
        node: &NodeId,
        call: u32,
        tokens: Tokens,
        cost: Money,
        came: &Came,
    ) -> Result<(), crate::Error> {
        let state = self.node_mut(node.as_str())?;
        let attempt = state.attempts.last_mut().filter(|last| last.outcome.is_none());
        let open = attempt.and_then(|attempt| {
            let position = attempt.open.iter().position(|open| open.call == call)?;
            attempt.tokens = attempt.tokens.plus(tokens);
            attempt.cost = attempt.cost.plus(cost);
            match came {
                Came::ToolsWanted { text, uses } => {
                    attempt.turns.push(crate::conversation::Turn { text: text.clone(), uses: uses.clone() })
                }
                Came::ToolUsed { id, output, error, latency_ms } => {
                    let uses = attempt.turns.last_mut().map(|turn| &mut turn.uses);
                    if let Some(use_) = uses.and_then(|uses| uses.iter_mut().find(|use_| use_.id == *id)) {
                        use_.output.clone_from(output);
                        use_.error.clone_from(error);
                        use_.latency_ms = Some(*latency_ms);
                    }
                }
                Came::Recalled { .. } | Came::Answered { .. } | Came::Unknown => {}
            }
            Some(attempt.open.remove(position))
        });
        let open = open
            .ok_or_else(|| crate::Error::Contradiction(format!("call {call} of {node} is not under way")))?;
        match came {
            Came::Recalled { entries } => state.recalled = Some(entries.clone()),
            Came::Answered { output } => state.accepted = Some(output.clone()),
            _ => {}
        }
        self.settle(open.reserved, 1, cost, tokens);
        Ok(())
    }

    fn attempt_finished(&mut self, record: &Record) -> Result<(), crate::Error> {
        let Record::AttemptFinished {
            node,
            revision,
            attempt,
            at,
            outcome,
            tokens,
            cost,
            latency_ms,
            provider,
            answer,
        } = record
        else {
            return Ok(());
        };
        let state = self.node_mut(node.as_str())?;
        let revision = if *revision == 0 { state.revision } else { *revision };
        let ended = state
            .attempts
            .iter_mut()
            .rev()
            .find(|open| open.attempt == *attempt && open.revision == revision && open.outcome.is_none())
            .ok_or_else(|| {
                crate::Error::Contradiction(format!("attempt {attempt} of {node} is not under way"))
            })?;
        let (reserved, calls) = (ended.reserved(), ended.open.len());
        ended.open.clear();
        ended.finished_at = Some(*at);
        ended.outcome = Some(outcome.clone());
        ended.tokens = ended.tokens.plus(*tokens);
        ended.cost = ended.cost.plus(*cost);
        ended.latency_ms = Some(*latency_ms);
        ended.answer.clone_from(answer);
        if provider.is_some() {
            ended.provider.clone_from(provider);
        }
        if *outcome == AttemptOutcome::Succeeded {
            state.accepted = None;
        }
        self.settle(reserved, calls, *cost, *tokens);
        Ok(())
    }

    fn settle(&mut self, reserved: Money, calls: usize, cost: Money, tokens: Tokens) {
        let ledger = &mut self.ledger;
        ledger.reserved = ledger.reserved.minus(reserved);
        ledger.in_flight -= calls;
        ledger.spent = ledger.spent.plus(cost);
        ledger.tokens = ledger.tokens.plus(tokens);
    }

    fn ix(&self, id: &NodeId) -> Result<NodeIx, crate::Error> {
        let ix = self.definition.graph.index(id.as_str());
        ix.ok_or_else(|| crate::Error::Contradiction(format!("there is no node {id}")))
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
    pub(crate) fn node_id(&self, ix: NodeIx) -> &NodeId {
        &self.definition.document.graph.nodes[ix].id
    }

    /// Settled so far.
    pub fn spent(&self) -> Money {
        self.ledger.spent
    }

    /// Held for calls under way.
    pub fn reserved(&self) -> Money {
        self.ledger.reserved
    }

    /// Tokens so far.
    pub fn tokens(&self) -> Tokens {
        self.ledger.tokens
    }

    /// Calls under way.
    pub fn in_flight(&self) -> usize {
        self.ledger.in_flight
    }
}
