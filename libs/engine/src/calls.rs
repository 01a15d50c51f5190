//! The calls within an attempt, one after the other: looking up memory, asking the model, using the tools it asks
//! for, asking it again, keeping the answer. Each is reserved before it begins and settled when it ends.
//! Not here: what follows when an attempt fails (`attempts`), what fits the budget (`ledger`).

use crate::{
    AttemptOutcome, Call, CallFailure, CallResult, Effect, Record, Work,
    attempts::Verdict,
    conversation::{self, Reask},
    input::{Answer, Outcome},
    ledger::model_of,
    node::{Next, OpenCall},
    output,
    ready::{Ready, told_apart},
    record::{CallKind, Came},
    step::{Error, Stepper, failure, millis},
};
use nexus_model::{Money, document::NodeKind, execution::Failure, graph::NodeIx};
use serde_json::{Value, json};
use std::time::Duration;

impl Stepper<'_> {
    /// Starts whatever the attempt under way needs next. Does nothing while it waits for a call.
    pub(crate) fn advance(&mut self, node: NodeIx) -> Result<(), Error> {
        let Some(attempt) = self.state.nodes[node].running_attempt() else { return Ok(()) };
        if self.env.hold {
            return Ok(());
        }
        let (candidate, reask) = (attempt.candidate, attempt.reask.clone());
        let is_open = |id: &str| {
            attempt
                .open
                .iter()
                .any(|open| matches!(&open.kind, CallKind::Attached { id: open } if open == id))
        };
        let wanted = attempt.turns.last().into_iter().flat_map(|turn| turn.open());
        let mut kinds: Vec<CallKind> = wanted
            .filter(|asked| !is_open(&asked.id))
            .map(|asked| CallKind::Attached { id: asked.id.clone() })
            .collect();
        if kinds.is_empty() {
            if !attempt.open.is_empty() {
                return Ok(());
            }
            kinds.push(self.first_call(node));
        }
        if self.time_left(node).is_zero() {
            // Those are over, too, and come back at once: what they cost is known, or charged, before the attempt ends.
            if !attempt.open.is_empty() {
                return Ok(());
            }
            let error = timed_out(self.state.definition.node(node).policy.timeout_seconds);
            let memory = kinds.iter().any(|kind| matches!(kind, CallKind::Recall | CallKind::Keep));
            let verdict = if memory { Verdict::Elsewhere(error) } else { Verdict::Error(error) };
            return self.end_attempt(node, verdict, CallSum::default());
        }
        let mut refused = false;
        for kind in kinds {
            match self.ready(node, &kind, candidate, reask.as_ref()) {
                Ready::Go(grant, _) if kind == CallKind::Model && grant.candidate != candidate => {
                    return self.degrade(node, grant.candidate, reask);
                }
                Ready::Go(grant, work) => {
                    let call = self.state.nodes[node].running_attempt().map_or(0, |attempt| attempt.calls);
                    let (id, at) = (self.id(node), self.env.now);
                    let reserved = grant.reserved;
                    let max_tokens = grant.max_tokens_of(&kind);
                    let kind_ = kind.clone();
                    self.record(Record::CallStarted {
                        node: id,
                        call,
                        kind: kind_,
                        at,
                        reserved,
                        max_tokens,
                    })?;
                    self.call(node, call, &kind, reserved, work);
                }
                Ready::Wait(needed) => return self.await_funds(node, candidate, reask, needed),
                Ready::Stop(shortage) => return self.stop_for_budget(node, shortage),
                Ready::Fail(failure) => match kind {
                    CallKind::Attached { id } => {
                        self.tool_refused(node, id, failure.message)?;
                        refused = true;
                    }
                    _ => {
                        let error = CallFailure::fatal(failure.code, failure.message);
                        return self.end_attempt(node, Verdict::Error(error), CallSum::default());
                    }
                },
                Ready::Later(error) => match kind {
                    CallKind::Attached { id } => {
                        self.tool_refused(node, id, error.message)?;
                        refused = true;
                    }
                    _ => return self.end_attempt(node, Verdict::Elsewhere(error), CallSum::default()),
                },
            }
        }
        // what was refused has its result: the model may be asked again
        if refused { self.advance(node) } else { Ok(()) }
    }

    /// The same conversation goes on with a cheaper model, as an attempt of its own.
    fn degrade(&mut self, node: NodeIx, candidate: usize, reask: Option<Reask>) -> Result<(), Error> {
        let reason = failure("budget_degraded", "the next call of this model does not fit the budget".into());
        let Some(last) = self.state.nodes[node].running_attempt().cloned() else { return Ok(()) };
        self.record_attempt_end(
            node,
            &last,
            AttemptOutcome::Failed { failure: reason.clone() },
            None,
            CallSum::default(),
        )?;
        let model = self.state.definition.agent(node).map(|(agent, _)| model_of(agent, candidate).to_owned());
        self.retrying(node, "degraded", last.attempt, model, &reason, Duration::ZERO);
        self.start_attempt(node, candidate, reask)
    }

    /// The model asked for what cannot be done; it is told so.
    fn tool_refused(&mut self, node: NodeIx, id: String, reason: String) -> Result<(), Error> {
        let call = self.state.nodes[node].running_attempt().map_or(0, |attempt| attempt.calls);
        let (id_, at) = (self.id(node), self.env.now);
        let kind = CallKind::Attached { id: id.clone() };
        let reserved = Money::ZERO;
        self.record(Record::CallStarted { node: id_, call, kind, at, reserved, max_tokens: None })?;
        let came = Came::ToolUsed { id, output: None, error: Some(reason), latency_ms: 0 };
        self.record_call_end(node, call, CallSum::default(), came)
    }

    pub(crate) fn await_funds(
        &mut self,
        node: NodeIx,
        candidate: usize,
        reask: Option<Reask>,
        needed: Money,
    ) -> Result<(), Error> {
        let next = Next { candidate, reask: reask.clone() };
        let waits = self.state.nodes[node].unfunded.as_ref() == Some(&next);
        if waits && self.state.unfunded.need(node) == Some(needed) {
            return Ok(());
        }
        let timeout = seconds(self.state.definition.node(node).policy.timeout_seconds);
        let ends = self.state.nodes[node].running_attempt().map(|attempt| attempt.started_at.plus(timeout));
        self.record(Record::FundsAwaited { node: self.id(node), candidate, reask, needed, ends })
    }

    /// Asks the outside for a call that is recorded.
    pub(crate) fn call(&mut self, node: NodeIx, call: u32, kind: &CallKind, reserved: Money, work: Work) {
        let Some(attempt) = self.state.nodes[node].running_attempt() else { return };
        let (revision, number) = (attempt.revision, attempt.attempt);
        let mut timeout = self.time_left(node);
        if let CallKind::Attached { id } = kind
            && let Some(asked) =
                attempt.turns.last().and_then(|turn| turn.uses.iter().find(|asked| asked.id == *id))
            && let Some(tool) = self.state.definition.graph.index(&asked.tool)
        {
            timeout = timeout.min(seconds(self.state.definition.node(tool).policy.timeout_seconds));
        }
        let node = self.id(node);
        let call = Call { node, revision, attempt: number, call, timeout, reserved, work };
        self.step.effects.push(Effect::Call(Box::new(call)));
    }

    /// What is left of the attempt's time.
    fn time_left(&self, node: NodeIx) -> Duration {
        let timeout = seconds(self.state.definition.node(node).policy.timeout_seconds);
        let started =
            self.state.nodes[node].running_attempt().map_or(self.env.now, |attempt| attempt.started_at);
        timeout.saturating_sub(self.env.now.since(started))
    }

    /// A call of the attempt under way ended.
    pub(crate) fn came(&mut self, node: NodeIx, open: OpenCall, result: CallResult) -> Result<(), Error> {
        let sum = CallSum {
            tokens: result.tokens,
            cost: result.cost.unwrap_or(open.reserved),
            latency: result.latency,
            provider: result.provider,
        };
        let limits = self.state.definition.limits;
        match (open.kind, result.outcome) {
            (CallKind::Attached { id }, outcome) => {
                let latency_ms = millis(sum.latency);
                let outcome = outcome.map_err(|error| error.message).and_then(|outcome| {
                    let value = outcome.into_value();
                    output::fits(&value, &limits).map_err(|failure| failure.message).map(|()| value)
                });
                let came = match outcome {
                    Ok(value) => Came::ToolUsed { id, output: Some(value), error: None, latency_ms },
                    Err(error) => Came::ToolUsed { id, output: None, error: Some(error), latency_ms },
                };
                self.record_call_end(node, open.call, sum, came)?;
                self.advance(node)
            }
            (CallKind::Recall | CallKind::Keep, Err(error)) => {
                self.end_attempt(node, Verdict::Elsewhere(error), sum)
            }
            (_, Err(error)) => self.end_attempt(node, Verdict::Error(error), sum),
            (CallKind::Recall, Ok(found)) => {
                let entries = found.into_value();
                let entries = entries.get("entries").cloned().unwrap_or(entries);
                self.record_call_end(node, open.call, sum, Came::Recalled { entries })?;
                match self.agent_input(node) {
                    Ok(input) => {
                        self.record(Record::InputCompleted { node: self.id(node), input })?;
                        self.advance(node)
                    }
                    Err(error) => {
                        let error = CallFailure::fatal("template_error", error.to_string());
                        self.end_attempt(node, Verdict::Final(error), CallSum::default())
                    }
                }
            }
            (CallKind::Keep, Ok(_)) => {
                let output = self.state.nodes[node].accepted.clone().unwrap_or_default();
                self.end_attempt_well(node, output, sum)
            }
            (CallKind::Model | CallKind::Pure, Ok(outcome)) => self.answered(node, open.call, outcome, sum),
            (CallKind::Tool, Ok(outcome)) => {
                let value = outcome.into_value();
                match output::fits(&value, &limits) {
                    Ok(()) => self.end_attempt_well(node, value, sum),
                    Err(Failure { code, message, .. }) => {
                        self.end_attempt(node, Verdict::Error(CallFailure::fatal(code, message)), sum)
                    }
                }
            }
        }
    }

    /// The model said something: it wants tools, or this is its answer.
    fn answered(&mut self, node: NodeIx, call: u32, outcome: Outcome, sum: CallSum) -> Result<(), Error> {
        let answer = match outcome {
            Outcome::Answer(answer) => answer,
            Outcome::Value(value) => Answer { text: value.to_string(), ..Answer::default() },
        };
        let definition = self.state.definition.clone();
        let NodeKind::Agent(agent) = &definition.node(node).kind else { return Ok(()) };
        if !answer.tool_calls.is_empty() && !definition.graph.attached_tools(node).is_empty() {
            if conversation::rounds(&self.state.nodes[node]) >= agent.max_tool_rounds {
                let message = format!(
                    "after {} rounds of tools the model still wants more; raise `max_tool_rounds` or simplify the task",
                    agent.max_tool_rounds
                );
                return self.end_attempt(
                    node,
                    Verdict::Error(CallFailure::fatal("tool_rounds_exhausted", message)),
                    sum,
                );
            }
            let uses = told_apart(&conversation::of(&self.state.nodes[node], None), answer.tool_calls)
                .into_iter()
                .map(|asked| self.tool_use(node, asked))
                .collect();
            self.record_call_end(node, call, sum, Came::ToolsWanted { text: answer.text, uses })?;
            return self.advance(node);
        }
        match output::of_answer(self.state, node, &answer.text, answer.truncated) {
            Err(rejection) => {
                self.end_attempt(node, Verdict::Rejected { rejection, answer: answer.text }, sum)
            }
            Ok(output) => match output::fits(&output, &definition.limits) {
                Err(Failure { code, message, .. }) => {
                    self.end_attempt(node, Verdict::Error(CallFailure::fatal(code, message)), sum)
                }
                Ok(()) if agent.memory.as_ref().is_some_and(|memory| memory.store) => {
                    self.record_call_end(node, call, sum, Came::Answered { output })?;
                    self.advance(node)
                }
                Ok(()) => self.end_attempt_well(node, output, sum),
            },
        }
    }

    fn record_call_end(&mut self, node: NodeIx, call: u32, sum: CallSum, came: Came) -> Result<(), Error> {
        let CallSum { tokens, cost, .. } = sum;
        self.record(Record::CallFinished {
            node: self.id(node),
            call,
            at: self.env.now,
            tokens,
            cost,
            came,
        })?;
        self.warn_if_due()
    }
}

/// What a call took.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallSum {
    pub(crate) tokens: nexus_model::execution::Tokens,
    pub(crate) cost: Money,
    pub(crate) latency: Duration,
    pub(crate) provider: Option<String>,
}

impl Outcome {
    fn into_value(self) -> Value {
        match self {
            Outcome::Value(value) => value,
            Outcome::Answer(answer) => json!({ "text": answer.text }),
        }
    }
}

fn timed_out(seconds: f64) -> CallFailure {
    CallFailure {
        code: "timeout".into(),
        message: format!("no complete answer within {seconds} s"),
        retryable: true,
        retry_after: None,
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(60))
}
