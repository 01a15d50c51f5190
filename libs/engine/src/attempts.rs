//! Attempts: beginning one, ending one, and what follows a failure: retry, next model, ask again, send an upstream
//! node back to work, or give the node up: in this order (contract, "When a node's attempt fails").
//! Not here: the calls within an attempt (`calls`), nodes that call nobody (`nodes`).

use crate::{
    AttemptOutcome, AttemptState, CallFailure, CallResult, Effect, Reask, Record,
    calls::CallSum,
    ledger::model_of,
    output,
    ready::Ready,
    retry,
    step::{Error, Stepper, failure, millis},
};
use nexus_model::{
    EventType, ExecutionStatus, NodeId, Timestamp, document::NodeKind, execution::Failure, graph::NodeIx,
    limits::Limits,
};
use serde_json::{Value, json};
use std::time::Duration;

impl Stepper<'_> {
    /// Begins an attempt with its first call, if it fits the budget.
    pub(crate) fn start_attempt(
        &mut self,
        node: NodeIx,
        candidate: usize,
        reask: Option<Reask>,
    ) -> Result<(), Error> {
        if self.env.hold {
            // whoever takes the execution over makes the call
            let (node, due) = (self.id(node), self.env.now);
            return self.record(Record::RetryScheduled { node, due, candidate, reask });
        }
        let first = self.first_call(node);
        let (grant, work) = match self.ready(node, &first, candidate, reask.as_ref()) {
            Ready::Go(grant, work) => (grant, work),
            Ready::Wait(needed) => return self.await_funds(node, candidate, reask, needed),
            Ready::Stop(shortage) => return self.stop_for_budget(node, shortage),
            Ready::Fail(failure) => return self.give_node_up(node, failure),
            Ready::Later(error) => return self.failed_before_it_began(node, error, candidate, reask),
        };
        let definition = self.state.definition.clone();
        let model = definition.agent(node).map(|(agent, _)| model_of(agent, grant.candidate).to_owned());
        self.record(Record::AttemptStarted {
            node: self.id(node),
            attempt: self.next_attempt(node),
            candidate: grant.candidate,
            model,
            at: self.env.now,
            first: first.clone(),
            reserved: grant.reserved,
            reask,
            max_tokens: grant.max_tokens_of(&first),
        })?;
        self.call(node, 0, &first, grant.reserved, work);
        Ok(())
    }

    pub(crate) fn next_attempt(&self, node: NodeIx) -> u32 {
        let node = &self.state.nodes[node];
        node.attempts.iter().rev().take_while(|attempt| attempt.revision == node.revision).count() as u32 + 1
    }

    pub(crate) fn timer_fired(&mut self, node: &NodeId, due: Timestamp) -> Result<(), Error> {
        let Some(ix) = self.state.definition.graph.index(node.as_str()) else { return Ok(()) };
        let Some(waiting) = self.state.nodes[ix].waiting.clone() else { return Ok(()) };
        // The timer of a pause that something else has ended meanwhile is none of ours.
        if self.state.status != ExecutionStatus::Running || waiting.due != due {
            return Ok(());
        }
        // Whoever waited did so by a clock that cannot be set; ours may have been, and is not asked again.
        self.start_attempt(ix, waiting.next.candidate, waiting.next.reask)?;
        self.settle_around(ix)
    }

    /// A result of a call that is not under way any more (cancelled, interrupted) is ignored.
    pub(crate) fn call_finished(
        &mut self,
        node: &NodeId,
        revision: u32,
        attempt: u32,
        call: u32,
        result: CallResult,
    ) -> Result<(), Error> {
        let Some(ix) = self.state.definition.graph.index(node.as_str()) else { return Ok(()) };
        if self.state.status != ExecutionStatus::Running {
            return Ok(());
        }
        let is_it = |open: &AttemptState| open.attempt == attempt && open.revision == revision;
        let state = &self.state.nodes[ix];
        let Some(open) = state.open_attempts().find(|open| is_it(open)).cloned() else { return Ok(()) };
        let Some(ended) = open.open.iter().find(|open| open.call == call).cloned() else { return Ok(()) };
        if state.running_attempt().is_some_and(is_it) {
            self.came(ix, ended, result)?;
        } else {
            // What it worked on was rejected meanwhile: it is paid for, and nothing more comes of it.
            let held: nexus_model::Money =
                open.open.iter().filter(|other| other.call != call).map(|other| other.reserved).sum();
            let sum = CallSum {
                tokens: result.tokens,
                cost: result.cost.unwrap_or(ended.reserved).plus(held),
                latency: result.latency,
                provider: result.provider,
            };
            self.record_attempt_end(ix, &open, AttemptOutcome::Cancelled, None, sum)?;
        }
        self.settle_around(ix)
    }

    /// Goes on with whatever may go on after something happened to this node.
    pub(crate) fn settle_around(&mut self, node: NodeIx) -> Result<(), Error> {
        let mut settled = self.fund()?;
        settled.extend(Some(node).filter(|node| self.state.nodes[*node].status.is_settled()));
        let graph = &self.state.definition.graph;
        let next = settled.into_iter().flat_map(|node| graph.successors(node)).collect();
        self.settle(next)
    }

    /// The attempt under way brought the node's output.
    pub(crate) fn end_attempt_well(
        &mut self,
        node: NodeIx,
        output: Value,
        sum: CallSum,
    ) -> Result<(), Error> {
        let Some(attempt) = self.state.nodes[node].running_attempt().cloned() else { return Ok(()) };
        self.record_attempt_end(node, &attempt, AttemptOutcome::Succeeded, None, sum)?;
        self.succeed(node, output)
    }

    /// The attempt under way failed.
    pub(crate) fn end_attempt(&mut self, node: NodeIx, verdict: Verdict, sum: CallSum) -> Result<(), Error> {
        let Some(attempt) = self.state.nodes[node].running_attempt().cloned() else { return Ok(()) };
        let outcome = AttemptOutcome::Failed { failure: verdict.failure() };
        let answer = verdict.answer(&self.state.definition.limits);
        self.record_attempt_end(node, &attempt, outcome, answer, sum)?;
        self.fail_attempt(node, verdict)
    }

    pub(crate) fn record_attempt_end(
        &mut self,
        node: NodeIx,
        attempt: &AttemptState,
        outcome: AttemptOutcome,
        answer: Option<Value>,
        sum: CallSum,
    ) -> Result<(), Error> {
        // With one call the attempt took what the call took, by a clock that cannot be set.
        let took = if attempt.calls > 1 || sum.latency.is_zero() {
            self.env.now.since(attempt.started_at)
        } else {
            sum.latency
        };
        self.record(Record::AttemptFinished {
            node: self.id(node),
            revision: attempt.revision,
            attempt: attempt.attempt,
            at: self.env.now,
            outcome,
            tokens: sum.tokens,
            cost: sum.cost,
            latency_ms: millis(took),
            provider: sum.provider,
            answer,
        })?;
        self.warn_if_due()
    }

    /// Retry, next model, ask again, send upstream back to work, or give the node up: in this order.
    fn fail_attempt(&mut self, node: NodeIx, verdict: Verdict) -> Result<(), Error> {
        let failure = verdict.failure();
        let answer = verdict.answer(&self.state.definition.limits);
        let definition = self.state.definition.clone();
        let policy = &definition.node(node).policy;
        let state = &self.state.nodes[node];
        let Some(last) = state.attempts.last().cloned() else { return Ok(()) };
        match verdict {
            Verdict::Rejected { rejection, answer } => {
                let asked_again = state.counted().iter().any(|attempt| attempt.reask.is_some());
                // Asking a reviewer again would only press it to approve.
                let is_review = rejection.is_check() && policy.backtrack.is_some();
                if !asked_again && !is_review {
                    let model = last.model.clone();
                    self.retrying(node, "asked_again", last.attempt, model, &failure, Duration::ZERO);
                    let reask = Reask { answer, reason: rejection.reason };
                    return self.start_attempt(node, last.candidate, Some(reask));
                }
            }
            Verdict::Error(ref error) | Verdict::Elsewhere(ref error) => {
                let failed = state
                    .counted()
                    .iter()
                    .filter(|attempt| attempt.candidate == last.candidate && failed_to_answer(attempt))
                    .count() as u32;
                let pause_is_bearable =
                    error.retry_after.is_none_or(|asked| asked <= retry::LONGEST_RETRY_AFTER);
                if error.retryable && failed < policy.retry.max_attempts && pause_is_bearable {
                    let pause = retry::pause(&policy.retry, failed, error.retry_after, self.env.random);
                    let due = self.env.now.plus(pause);
                    let (id, candidate, reask) = (self.id(node), last.candidate, last.reask.clone());
                    self.record(Record::RetryScheduled { node: id, due, candidate, reask })?;
                    self.retrying(node, "retry", last.attempt, last.model.clone(), &failure, pause);
                    self.step.effects.push(Effect::Wait { node: self.id(node), due });
                    return Ok(());
                }
                let next = last.candidate + 1;
                if let NodeKind::Agent(agent) = &definition.node(node).kind
                    && next <= agent.fallbacks.len()
                    && matches!(verdict, Verdict::Error(_))
                {
                    let model = Some(model_of(agent, next).to_owned());
                    self.retrying(node, "fallback", last.attempt, model, &failure, Duration::ZERO);
                    return self.start_attempt(node, next, last.reask);
                }
            }
            Verdict::Final(_) => {}
        }
        if self.send_back(node, &failure, answer)? {
            return Ok(());
        }
        self.fail_node(node, failure)
    }

    /// Nothing more can be tried here: an upstream node is sent back to work, or the node fails.
    pub(crate) fn give_node_up(&mut self, node: NodeIx, failure: Failure) -> Result<(), Error> {
        if self.send_back(node, &failure, None)? { Ok(()) } else { self.fail_node(node, failure) }
    }

    /// An attempt that ended before its first call could begin; it is retried like any other.
    fn failed_before_it_began(
        &mut self,
        node: NodeIx,
        error: CallFailure,
        candidate: usize,
        reask: Option<Reask>,
    ) -> Result<(), Error> {
        self.record(Record::AttemptStarted {
            node: self.id(node),
            attempt: self.next_attempt(node),
            candidate,
            model: None,
            at: self.env.now,
            first: self.first_call(node),
            reserved: nexus_model::Money::ZERO,
            reask,
            max_tokens: None,
        })?;
        self.end_attempt(node, Verdict::Elsewhere(error), CallSum::default())
    }

    /// `attempt` failed or vanished; `model` is tried next, after `pause`.
    pub(crate) fn retrying(
        &mut self,
        node: NodeIx,
        reason: &str,
        attempt: u32,
        model: Option<String>,
        failure: &Failure,
        pause: Duration,
    ) {
        let data = json!({
            "reason": reason, "revision": self.state.nodes[node].revision, "attempt": attempt,
            "next_attempt": attempt + 1, "model": model, "delay_ms": millis(pause), "error": failure,
        });
        self.event(EventType::AgentRetrying, Some(node), data);
    }
}

/// Whether the call failed. An answer that was not accepted is no failure of the model's: it has its own rule.
fn failed_to_answer(attempt: &AttemptState) -> bool {
    match &attempt.outcome {
        Some(AttemptOutcome::Failed { failure }) => !output::is_rejection(&failure.code),
        _ => false,
    }
}

/// Why an attempt is no success.
pub(crate) enum Verdict {
    /// The call failed; another model may do better.
    Error(CallFailure),
    /// The call failed, and it was not the model's fault.
    Elsewhere(CallFailure),
    /// Nothing more can be tried.
    Final(CallFailure),
    /// The answer breaks the node's contract.
    Rejected { rejection: output::Rejection, answer: String },
}

impl Verdict {
    fn failure(&self) -> Failure {
        match self {
            Verdict::Error(error) | Verdict::Elsewhere(error) | Verdict::Final(error) => {
                failure(&error.code, error.message.clone())
            }
            Verdict::Rejected { rejection, .. } => failure(rejection.code, rejection.reason.clone()),
        }
    }

    /// What the model answered, as a node's output: JSON if it is some that can be kept, else its text.
    fn answer(&self, limits: &Limits) -> Option<Value> {
        let Verdict::Rejected { rejection, answer } = self else { return None };
        let output = rejection.output.clone().filter(|output| output::fits(output, limits).is_ok());
        Some(output.unwrap_or_else(|| {
            let end = answer.floor_char_boundary(limits.output_bytes / 8);
            json!({ "text": &answer[..end] })
        }))
    }
}
