//! One step: from an input to facts, events and effects. The order of the rules is the contract's: retry, next
//! model, ask again, (send back upstream), then `on_error`.
//! Not here: what a fact changes (`state`), which nodes are ready (`schedule`), the parts of a step: requests
//! (`requests`), single nodes (`nodes`), attempts and their calls (`attempts`, `calls`), money (`ledger`),
//! rejections (`backtrack`).

use crate::{
    AttemptOutcome, Effect, Env, Input, Record, State,
    record::Came,
    schedule::{self, Readiness},
};
use nexus_model::{
    EventType, ExecutionStatus, Money, NodeId,
    execution::{Failure, NodeStatus},
    graph::NodeIx,
};
use serde_json::{Value, json};
use std::time::Duration;

/// Why a step is refused, or cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request does not fit the execution's status.
    #[error("{0}")]
    Refused(String),
    /// The budget is used up already.
    #[error("{spent} of the limit of {limit} are spent; give a higher `limit_usd`")]
    OverBudget {
        /// The limit, as it would be.
        limit: Money,
        /// What is spent.
        spent: Money,
    },
    /// The request names a node that is no step of the workflow.
    #[error("there is no step `{0}` in this workflow")]
    UnknownNode(NodeId),
    /// A fact does not fit the state.
    #[error("the journal contradicts itself: {0}")]
    Contradiction(String),
    /// A journal entry cannot be read.
    #[error("journal entry {position} cannot be read: {reason}")]
    Journal {
        /// From 0.
        position: usize,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// Whether the request alone was at fault, and the state is what it was. Otherwise the state is not to be trusted
    /// any more: throw it away and load it again.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) | Self::OverBudget { .. } | Self::UnknownNode(_) => true,
            Self::Contradiction(_) | Self::Journal { .. } => false,
        }
    }
}

/// What a step brings: to be made durable together, then the effects to be started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// Facts, already applied to the state.
    pub records: Vec<Record>,
    /// Events, in order.
    pub events: Vec<NewEvent>,
    /// To be started once the facts are durable.
    pub effects: Vec<Effect>,
}

impl Step {
    /// Whether nothing came of the input (e.g. a late result).
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.events.is_empty() && self.effects.is_empty()
    }

    /// Whether a call ended with a result: progress that recoveries are measured by.
    pub fn is_progress(&self) -> bool {
        self.records.iter().any(|record| match record {
            Record::AttemptFinished { outcome, .. } => !matches!(outcome, AttemptOutcome::Interrupted),
            Record::CallFinished { came, .. } => !matches!(came, Came::Unknown),
            Record::NodeFinished { .. } | Record::RunFinished { .. } => true,
            _ => false,
        })
    }
}

/// An event without its number and time of commit.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What happened.
    pub kind: EventType,
    /// The node concerned.
    pub node: Option<NodeId>,
    /// Details.
    pub data: Value,
}

/// Takes an input and says what follows. The state has then already taken the facts in; if they cannot be made
/// durable, throw the state away and load it again.
///
/// # Errors
/// `Refused`, `OverBudget` and `UnknownNode` for requests that do not fit; the state is unchanged then. After any other
/// it may be anything ([`Error::is_refusal`]).
pub fn step(state: &mut State, input: Input, env: Env) -> Result<Step, Error> {
    let mut stepper = Stepper { state, env, step: Step::default() };
    match input {
        Input::Take => stepper.take()?,
        Input::CallFinished { node, revision, attempt, call, result } => {
            stepper.call_finished(&node, revision, attempt, call, result)?;
        }
        Input::TimerFired { node, due } => stepper.timer_fired(&node, due)?,
        Input::Cancel => stepper.cancel()?,
        Input::Resume { budget, from_node } => stepper.resume(budget, from_node)?,
        Input::GiveUp { failure } => stepper.give_up(failure)?,
    }
    Ok(stepper.step)
}

pub(crate) struct Stepper<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) env: Env,
    pub(crate) step: Step,
}

impl Stepper<'_> {
    pub(crate) fn record(&mut self, record: Record) -> Result<(), Error> {
        self.state.apply(&record)?;
        self.step.records.push(record);
        Ok(())
    }

    pub(crate) fn event(&mut self, kind: EventType, node: Option<NodeIx>, data: Value) {
        let node = node.map(|ix| self.state.node_id(ix).clone());
        self.step.events.push(NewEvent { kind, node, data });
    }

    pub(crate) fn id(&self, node: NodeIx) -> NodeId {
        self.state.node_id(node).clone()
    }

    /// Starts or skips whatever can be, beginning with `todo`, until nothing changes; then ends the run if all
    /// nodes are settled. A queue, not recursion: a long chain of skips must not use the stack.
    pub(crate) fn settle(&mut self, todo: Vec<NodeIx>) -> Result<(), Error> {
        let mut todo = std::collections::VecDeque::from(todo);
        while let Some(node) = todo.pop_front() {
            if self.state.status != ExecutionStatus::Running {
                return Ok(()); // a start has used the budget up
            }
            if self.state.nodes[node].status != NodeStatus::Pending
                || self.state.definition.graph.is_attached(node)
            {
                continue;
            }
            match schedule::readiness(self.state, node) {
                Readiness::Wait => continue,
                Readiness::Start if self.env.hold => continue,
                Readiness::Start => self.start_node(node)?,
                Readiness::Skip => {
                    let was = self.state.nodes[node].stale.as_ref().map(|stale| stale.status);
                    self.node_finished(node, NodeStatus::Skipped, None, None, false)?;
                    // watchers know already, if it was skipped before
                    if was != Some(NodeStatus::Skipped) {
                        let data = json!({ "reason": "no edge leads here" });
                        self.event(EventType::AgentSkipped, Some(node), data);
                    }
                }
            }
            if self.state.nodes[node].status.is_settled() {
                todo.extend(self.state.definition.graph.successors(node));
            }
        }
        self.finish_if_settled()
    }

    pub(crate) fn finish_if_settled(&mut self) -> Result<(), Error> {
        let graph = &self.state.definition.graph;
        // Calls whose result nobody wants any more are still paid for.
        if self.state.status != ExecutionStatus::Running
            || self.state.in_flight() > 0
            || graph.steps().any(|ix| !self.state.nodes[ix].status.is_settled())
        {
            return Ok(());
        }
        let failed = graph.steps().find(|ix| {
            let node = &self.state.nodes[*ix];
            node.status == NodeStatus::Failed && !node.handled
        });
        match failed {
            None => self.finish_run(ExecutionStatus::Succeeded, None),
            Some(node) => {
                let failure = self.state.nodes[node]
                    .failure
                    .clone()
                    .map(|failure| Failure { node_id: Some(self.id(node)), ..failure });
                self.finish_run(ExecutionStatus::Failed, failure)
            }
        }
    }

    pub(crate) fn finish_run(
        &mut self,
        status: ExecutionStatus,
        failure: Option<Failure>,
    ) -> Result<(), Error> {
        self.record(Record::RunFinished { at: self.env.now, status, failure: failure.clone() })?;
        // what the same step was about to begin is over before it began
        self.step.effects.clear();
        let spent = self.state.spent();
        let data = json!({
            "status": status, "run": self.state.run, "outputs": self.state.outputs(),
            "cost": spent, "cost_usd": spent, "tokens": self.state.tokens(), "error": failure,
        });
        self.event(EventType::ExecutionCompleted, None, data);
        Ok(())
    }
}

pub(crate) fn failure(code: &str, message: String) -> Failure {
    Failure { code: code.to_owned(), message, node_id: None }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
