//! The calls within an attempt, one after the other: looking up memory, asking the model, using the tools it asks
//! for, asking it again, keeping the answer. Each is reserved before it begins and settled when it ends.
//! Not here: what follows when an attempt fails (`attempts`), what fits the budget (`ledger`).

use crate::{
    AttemptOutcome, Call, CallFailure, CallResult, Effect, ModelCall, Record, ToolWork, Work,
    attempts::Verdict,
    context, conversation,
    conversation::{Reask, ToolSpec, ToolUse},
    input::{Answer, Outcome, ToolRequest},
    ledger::{Funds, Grant, Shortage, model_of},
    node::OpenCall,
    output,
    record::{CallKind, Came},
    step::{Error, Stepper, failure, millis},
    tools::{self, Rendered},
};
use nexus_model::{
    Money,
    document::{AgentConfig, MemoryScope, NodeKind},
    execution::Failure,
    graph::NodeIx,
};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// A call made ready.
pub(crate) enum Ready {
    /// It may begin.
    Go(Grant, Work),
    /// It has to wait for funds.
    Wait,
    /// The budget is used up.
    Stop(Shortage),
    /// It cannot be made.
    Fail(Failure),
}

impl Stepper<'_> {
    /// What an attempt of this node begins with.
    pub(crate) fn first_call(&self, node: NodeIx) -> CallKind {
        let state = &self.state.nodes[node];
        match self.state.definition.agent(node) {
            None => CallKind::Tool,
            Some((_, expressions)) if expressions.recall.is_some() && state.recalled.is_none() => {
                CallKind::Recall
            }
            Some(_) if state.accepted.is_some() => CallKind::Keep,
            Some(_) => CallKind::Model,
        }
    }

    /// Makes a call ready: renders it and asks the ledger.
    pub(crate) fn ready(
        &self,
        node: NodeIx,
        kind: &CallKind,
        candidate: usize,
        reask: Option<&Reask>,
    ) -> Ready {
        let definition = &self.state.definition;
        if *kind == CallKind::Model {
            return match definition.agent(node) {
                Some((agent, _)) => self.model_ready(node, agent, candidate, reask),
                None => Ready::Fail(failure("internal", "only agents ask models".into())),
            };
        }
        let work = match self.tool_work(node, kind) {
            Ok(work) => work,
            Err(error) => return Ready::Fail(failure("template_error", error.to_string())),
        };
        let funds = match work.embedded() {
            Some(text) => self.state.funds_for_embedding(node, text),
            None => Funds::Granted(Grant { candidate, max_tokens: 0, reserved: Money::ZERO }),
        };
        ready(funds, |_| Work::Tool(work))
    }

    fn model_ready(
        &self,
        node: NodeIx,
        agent: &AgentConfig,
        candidate: usize,
        reask: Option<&Reask>,
    ) -> Ready {
        let definition = &self.state.definition;
        let state = &self.state.nodes[node];
        let input = state.input.clone().unwrap_or_default();
        let text = |name: &str| input.get(name).and_then(Value::as_str).map(str::to_owned);
        let (system, prompt) = (text("system"), text("prompt").unwrap_or_default());
        let said = conversation::of(state, reask);
        let specs: Vec<ToolSpec> = definition
            .agent(node)
            .map(|(_, expressions)| expressions.tools.iter().map(|tool| tool.spec.clone()).collect())
            .unwrap_or_default();
        let messages = system.as_deref().into_iter().chain([prompt.as_str()]);
        let bound = conversation::bound(messages, &said, agent.output_schema.as_ref(), &specs);
        let funds = self.state.funds_for_model(node, agent, candidate, bound);
        let tools_allowed = conversation::rounds(state) < agent.max_tool_rounds;
        ready(funds, |grant| {
            Work::Model(Box::new(ModelCall {
                model: model_of(agent, grant.candidate).to_owned(),
                system,
                prompt,
                said,
                temperature: agent.temperature,
                max_tokens: grant.max_tokens,
                output_schema: agent.output_schema.clone(),
                tools: specs,
                tools_allowed,
                cache_ttl_seconds: None,
            }))
        })
    }

    /// What is asked of a tool, memory included.
    fn tool_work(&self, node: NodeIx, kind: &CallKind) -> nexus_expr::Result<ToolWork> {
        let definition = &self.state.definition;
        let unprepared = || nexus_expr::Error::evaluation("the call was not prepared");
        let memory = definition.agent(node).and_then(|(agent, _)| agent.memory.as_ref());
        let recall = memory.and_then(|memory| memory.recall.as_ref());
        match kind {
            CallKind::Recall => {
                let recall = recall.ok_or_else(unprepared)?;
                Ok(ToolWork::MemoryRecall {
                    query: self.recall_query(node)?.unwrap_or_default(),
                    top_k: recall.top_k,
                    scope: recall.scope,
                })
            }
            CallKind::Keep => {
                let output = self.state.nodes[node].accepted.clone().unwrap_or_default();
                let text = match output.get("text").and_then(Value::as_str) {
                    Some(text) if output.as_object().is_some_and(|output| output.len() == 1) => {
                        text.to_owned()
                    }
                    _ => output.to_string(),
                };
                let metadata = Map::from_iter([("node_id".to_owned(), json!(self.id(node)))]);
                let scope = recall.map_or(MemoryScope::Execution, |recall| recall.scope);
                Ok(ToolWork::MemoryStore { text, scope, metadata, slot: "answer".into() })
            }
            CallKind::Attached { id } => {
                let turns = self.state.nodes[node].running_attempt().and_then(|attempt| attempt.turns.last());
                let asked = turns.and_then(|turn| turn.uses.iter().find(|asked| asked.id == *id));
                let asked = asked.ok_or_else(unprepared)?;
                match self.attached(node, asked)? {
                    Ok(Rendered::Work(work)) => Ok(work),
                    Ok(Rendered::Done(_)) | Err(_) => Err(unprepared()),
                }
            }
            CallKind::Model | CallKind::Tool | CallKind::Pure => {
                match self.rendered_tool(node).ok_or_else(unprepared)?? {
                    Rendered::Work(work) => Ok(work),
                    Rendered::Done(_) => Err(unprepared()),
                }
            }
        }
    }

    /// A tool node's work; `None` if it is no tool.
    pub(crate) fn rendered_tool(&self, node: NodeIx) -> Option<nexus_expr::Result<Rendered>> {
        let (tool, expressions) = self.state.definition.tool(node)?;
        let context = context::of_node(self.state, node);
        Some(tools::render(tool, expressions, &context, "tool".into()))
    }

    /// The query of an agent's `memory.recall`, if it has one.
    pub(crate) fn recall_query(&self, node: NodeIx) -> nexus_expr::Result<Option<String>> {
        let query =
            self.state.definition.agent(node).and_then(|(_, expressions)| expressions.recall.as_ref());
        let context = context::of_node(self.state, node);
        query.map(|query| query.as_ref().map_err(Clone::clone)?.render(&context)).transpose()
    }

    /// What a use of an attached tool comes to; the inner error is for the model.
    fn attached(&self, agent: NodeIx, asked: &ToolUse) -> nexus_expr::Result<Result<Rendered, String>> {
        let judged = tools::judge_arguments(&self.state.definition, agent, &asked.tool, &asked.arguments);
        let (tool, args) = match judged {
            Ok(judged) => judged,
            Err(reason) => return Ok(Err(reason)),
        };
        let Some((config, expressions)) = self.state.definition.tool(tool.node) else {
            return Ok(Err(format!("`{}` is no tool", asked.tool)));
        };
        let context = context::of_attached(self.state, tool.node, &args);
        let round = conversation::rounds(&self.state.nodes[agent]);
        let slot = format!("call {round} {}", asked.id);
        let rendered = tools::render(config, expressions, &context, slot);
        Ok(rendered.map_err(|error| error.to_string()))
    }

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
            let timeout = self.state.definition.node(node).policy.timeout_seconds;
            return self.end_attempt(node, Verdict::Error(timed_out(timeout)), CallSum::default());
        }
        for kind in kinds {
            match self.ready(node, &kind, candidate, reask.as_ref()) {
                Ready::Go(grant, _) if kind == CallKind::Model && grant.candidate != candidate => {
                    return self.degrade(node, grant.candidate, reask);
                }
                Ready::Go(grant, work) => {
                    let call = self.state.nodes[node].running_attempt().map_or(0, |attempt| attempt.calls);
                    let (id, at) = (self.id(node), self.env.now);
                    let reserved = grant.reserved;
                    self.record(Record::CallStarted { node: id, call, kind: kind.clone(), at, reserved })?;
                    self.call(node, call, &kind, reserved, work);
                }
                Ready::Wait => return self.await_funds(node, candidate, reask),
                Ready::Stop(shortage) => return self.stop_for_budget(node, shortage),
                Ready::Fail(failure) => match kind {
                    CallKind::Attached { id } => self.tool_refused(node, id, failure.message)?,
                    _ => {
                        let error = CallFailure::fatal(failure.code, failure.message);
                        return self.end_attempt(node, Verdict::Error(error), CallSum::default());
                    }
                },
            }
        }
        Ok(())
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
        self.record(Record::CallStarted { node: id_.clone(), call, kind, at, reserved: Money::ZERO })?;
        let came = Came::ToolUsed { id, output: None, error: Some(reason), latency_ms: 0 };
        self.record_call_end(node, call, CallSum::default(), came)?;
        self.advance(node)
    }

    pub(crate) fn await_funds(
        &mut self,
        node: NodeIx,
        candidate: usize,
        reask: Option<Reask>,
    ) -> Result<(), Error> {
        if self.state.nodes[node].unfunded.is_some() {
            return Ok(());
        }
        self.record(Record::FundsAwaited { node: self.id(node), candidate, reask })
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
            let uses = told_apart(answer.tool_calls).map(|asked| self.tool_use(node, asked)).collect();
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

    /// A use of a tool, with its result if that needs no call.
    fn tool_use(&self, agent: NodeIx, asked: ToolRequest) -> ToolUse {
        let ToolRequest { id, name, arguments } = asked;
        let mut use_ = ToolUse { id, tool: name, arguments, output: None, error: None, latency_ms: None };
        let limits = &self.state.definition.limits;
        match self.attached(agent, &use_) {
            Ok(Ok(Rendered::Work(_))) => return use_,
            Ok(Ok(Rendered::Done(value))) => match output::fits(&value, limits) {
                Ok(()) => use_.output = Some(value),
                Err(failure) => use_.error = Some(failure.message),
            },
            Ok(Err(reason)) => use_.error = Some(reason),
            Err(error) => use_.error = Some(error.to_string()),
        }
        use_.latency_ms = Some(0);
        use_
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

impl CallFailure {
    /// One that trying again does not mend.
    pub fn fatal(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), retryable: false, retry_after: None }
    }
}

fn ready(funds: Funds, work: impl FnOnce(Grant) -> Work) -> Ready {
    match funds {
        Funds::Granted(grant) => Ready::Go(grant, work(grant)),
        Funds::Wait => Ready::Wait,
        Funds::Exhausted(shortage) => Ready::Stop(shortage),
        Funds::Unpriced(model) => Ready::Fail(failure(
            "model_unpriced",
            format!("there is a budget, and no price of `{model}` is known; add one to the pricing file"),
        )),
    }
}

/// Requests for tools with ids that tell them apart; some models do not give any.
fn told_apart(asked: Vec<ToolRequest>) -> impl Iterator<Item = ToolRequest> {
    let mut seen = std::collections::HashSet::new();
    asked.into_iter().enumerate().map(move |(nth, mut asked)| {
        while asked.id.is_empty() || !seen.insert(asked.id.clone()) {
            asked.id = format!("{}call_{nth}", asked.id);
        }
        asked
    })
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
