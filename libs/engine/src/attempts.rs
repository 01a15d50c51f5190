//! Calls of models: beginning one, judging its result, and what follows a failure: retry, next model, ask again, or
//! give the node up. Not here: nodes that call nobody (`nodes`).
//!
//! Where later abilities go: a reservation is made in `start_attempt`, before the fact; a rejection that sends an
//! upstream node back is decided in `fail_attempt`, before the node fails.

use crate::{
    AttemptOutcome, AttemptState, Call, CallFailure, CallResult, Effect, ModelCall, Reask, Record, output,
    retry,
    step::{Error, Stepper, failure, millis},
};
use nexus_model::{
    EventType, ExecutionStatus, Money, NodeId,
    document::{AgentConfig, NodeKind},
    execution::Failure,
    graph::NodeIx,
};
use serde_json::{Value, json};
use std::time::Duration;

impl Stepper<'_> {
    /// Begins a call of one of an agent's models.
    pub(crate) fn start_attempt(
        &mut self,
        node: NodeIx,
        candidate: usize,
        reask: Option<Reask>,
    ) -> Result<(), Error> {
        let definition = self.state.definition.clone();
        let NodeKind::Agent(agent) = &definition.node(node).kind else {
            return Err(Error::Contradiction(format!("{} calls no model", self.id(node))));
        };
        if self.env.hold {
            // whoever takes the execution over makes the call
            let (node, due) = (self.id(node), self.env.now);
            return self.record(Record::RetryScheduled { node, due, candidate, reask });
        }
        let model = model_of(agent, candidate).to_owned();
        let attempt = self.next_attempt(node);
        self.record(Record::AttemptStarted {
            node: self.id(node),
            attempt,
            candidate,
            model: Some(model.clone()),
            at: self.env.now,
            reserved: Money::ZERO,
            reask: reask.clone(),
        })?;
        let input = self.state.nodes[node].input.clone().unwrap_or_default();
        let text = |name: &str| input.get(name).and_then(Value::as_str).map(str::to_owned);
        self.step.effects.push(Effect::Call(Box::new(Call {
            node: self.id(node),
            revision: self.state.nodes[node].revision,
            attempt,
            timeout: Duration::try_from_secs_f64(definition.node(node).policy.timeout_seconds)
                .unwrap_or(Duration::from_secs(60)),
            request: ModelCall {
                model,
                system: text("system"),
                prompt: text("prompt").unwrap_or_default(),
                temperature: agent.temperature,
                max_tokens: agent.max_tokens,
                output_schema: agent.output_schema.clone(),
                reask,
            },
        })));
        Ok(())
    }

    pub(crate) fn next_attempt(&self, node: NodeIx) -> u32 {
        let node = &self.state.nodes[node];
        node.attempts.iter().rev().take_while(|attempt| attempt.revision == node.revision).count() as u32 + 1
    }

    pub(crate) fn timer_fired(&mut self, node: &NodeId) -> Result<(), Error> {
        let Some(ix) = self.state.definition.graph.index(node.as_str()) else { return Ok(()) };
        let Some(waiting) = self.state.nodes[ix].waiting.clone() else { return Ok(()) };
        if self.state.status != ExecutionStatus::Running {
            return Ok(());
        }
        // Whoever waited did so by a clock that cannot be set; ours may have been, and is not asked again.
        self.start_attempt(ix, waiting.candidate, waiting.reask)
    }

    /// A result of a call that is not under way any more (cancelled, interrupted) is ignored.
    pub(crate) fn call_finished(
        &mut self,
        node: &NodeId,
        revision: u32,
        attempt: u32,
        result: CallResult,
    ) -> Result<(), Error> {
        let Some(ix) = self.state.definition.graph.index(node.as_str()) else { return Ok(()) };
        let awaited = self.state.nodes[ix]
            .running_attempt()
            .is_some_and(|running| running.attempt == attempt && running.revision == revision);
        if !awaited || self.state.status != ExecutionStatus::Running {
            return Ok(());
        }
        let definition = self.state.definition.clone();
        let NodeKind::Agent(agent) = &definition.node(ix).kind else { return Ok(()) };
        let CallResult { outcome, tokens, cost, latency, provider } = result;
        let judged = outcome.map_err(Verdict::Error).and_then(|answer| {
            let output = output::of_answer(self.state, ix, &answer.text, answer.truncated)
                .map_err(|rejection| Verdict::Rejected { rejection, answer: answer.text })?;
            output::fits(&output, &definition.limits).map_err(|failure| {
                let Failure { code, message, .. } = failure;
                Verdict::Error(CallFailure { code, message, retryable: false, retry_after: None })
            })?;
            Ok(output)
        });
        let outcome = match &judged {
            Ok(_) => AttemptOutcome::Succeeded,
            Err(verdict) => AttemptOutcome::Failed { failure: verdict.failure() },
        };
        self.record(Record::AttemptFinished {
            node: node.clone(),
            attempt,
            at: self.env.now,
            outcome,
            tokens,
            cost,
            latency_ms: millis(latency),
            provider,
        })?;
        match judged {
            Ok(output) => self.succeed(ix, output)?,
            Err(verdict) => self.fail_attempt(ix, agent, verdict)?,
        }
        if self.state.nodes[ix].status.is_settled() {
            let next = definition.graph.successors(ix).collect();
            self.settle(next)?;
        }
        Ok(())
    }

    /// Retry, next model, ask again, or give the node up: in this order.
    fn fail_attempt(&mut self, node: NodeIx, agent: &AgentConfig, verdict: Verdict) -> Result<(), Error> {
        let failure = verdict.failure();
        let state = &self.state.nodes[node];
        let Some(last) = state.attempts.last().cloned() else { return Ok(()) };
        match verdict {
            Verdict::Rejected { rejection, answer } => {
                let asked_again = state.counted().iter().any(|attempt| attempt.reask.is_some());
                if !asked_again {
                    self.retrying(
                        node,
                        "asked_again",
                        last.attempt,
                        last.model.clone(),
                        &failure,
                        Duration::ZERO,
                    );
                    let reask = Reask { answer, reason: rejection.reason };
                    return self.start_attempt(node, last.candidate, Some(reask));
                }
            }
            Verdict::Error(error) => {
                let policy = self.state.definition.node(node).policy.retry.clone();
                let failed = state
                    .counted()
                    .iter()
                    .filter(|attempt| attempt.candidate == last.candidate && failed_to_answer(attempt))
                    .count() as u32;
                let pause_is_bearable =
                    error.retry_after.is_none_or(|asked| asked <= retry::LONGEST_RETRY_AFTER);
                if error.retryable && failed < policy.max_attempts && pause_is_bearable {
                    let pause = retry::pause(&policy, failed, error.retry_after, self.env.random);
                    let due = self.env.now.plus(pause);
                    let (id, candidate, reask) = (self.id(node), last.candidate, last.reask.clone());
                    self.record(Record::RetryScheduled { node: id, due, candidate, reask })?;
                    self.retrying(node, "retry", last.attempt, last.model.clone(), &failure, pause);
                    self.step.effects.push(Effect::Wait { node: self.id(node), due });
                    return Ok(());
                }
                let next = last.candidate + 1;
                if next <= agent.fallbacks.len() {
                    let model = Some(model_of(agent, next).to_owned());
                    self.retrying(node, "fallback", last.attempt, model, &failure, Duration::ZERO);
                    return self.start_attempt(node, next, last.reask);
                }
            }
        }
        self.fail_node(node, failure)
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
enum Verdict {
    /// The call failed.
    Error(CallFailure),
    /// The answer breaks the node's contract.
    Rejected { rejection: output::Rejection, answer: String },
}

impl Verdict {
    fn failure(&self) -> Failure {
        match self {
            Verdict::Error(error) => failure(&error.code, error.message.clone()),
            Verdict::Rejected { rejection, .. } => failure(rejection.code, rejection.reason.clone()),
        }
    }
}

/// The agent's model, or one of its fallbacks.
fn model_of(agent: &AgentConfig, candidate: usize) -> &str {
    match candidate.checked_sub(1) {
        None => &agent.model,
        Some(fallback) => agent.fallbacks.get(fallback).unwrap_or(&agent.model),
    }
}
