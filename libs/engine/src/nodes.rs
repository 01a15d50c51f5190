//! Single nodes: how each kind starts, and how a node settles. Not here: which nodes start (`step`), model calls
//! (`attempts`).

use crate::{
    AttemptOutcome, CallKind, Record, context,
    definition::Expressions,
    output,
    step::{Error, Stepper, failure, millis},
    tools::Rendered,
};
use nexus_expr::{Condition, Context, Template};
use nexus_model::{
    EventType, Money, NodeId,
    document::{ConditionalConfig, NodeKind, OnError},
    execution::{Failure, NodeStatus, Tokens},
    graph::NodeIx,
};
use serde_json::{Value, json};

impl Stepper<'_> {
    pub(crate) fn start_node(&mut self, node: NodeIx) -> Result<(), Error> {
        let definition = self.state.definition.clone();
        match (&definition.node(node).kind, definition.expressions(node)) {
            (NodeKind::Agent(agent), _) => {
                let input = self.agent_input(node);
                if let Ok(input) = &input
                    && self.keep(node, input, None)?
                {
                    return Ok(());
                }
                let shown = input.as_ref().map_or(Value::Null, Value::clone);
                let told = self.step.events.len();
                self.node_started(node, shown, Some(&agent.model))?;
                match input {
                    Err(error) => self.give_node_up(node, failure("template_error", error.to_string())),
                    Ok(_) => {
                        self.start_attempt(node, 0, None)?;
                        self.tell_terms(node, told);
                        Ok(())
                    }
                }
            }
            (NodeKind::Conditional(config), Expressions::Conditional(conditions)) => {
                let chosen = choose(config, conditions, &context::of_node(self.state, node));
                self.pure_node(node, Value::Null, chosen)
            }
            (NodeKind::Tool(tool), _) => match self.rendered_tool(node) {
                Some(Ok(Rendered::Work(work))) => {
                    let input = definition.mark.shown_value(work.input());
                    if self.keep(node, &input, None)? {
                        return Ok(());
                    }
                    self.node_started(node, input, None)?;
                    self.start_attempt(node, 0, None)
                }
                rendered => {
                    let result = match rendered {
                        Some(Ok(Rendered::Done(output))) => Ok(output),
                        Some(Err(error)) => Err(failure("template_error", error.to_string())),
                        _ => Err(failure("internal", "the tool was not prepared".into())),
                    };
                    self.pure_node(node, json!({ "tool": tool.tool.name() }), result)
                }
            },
            (NodeKind::Conditional(_), _) => {
                let result = Err(failure("internal", "the conditional was not prepared".into()));
                self.pure_node(node, Value::Null, result)
            }
        }
    }

    /// A node that calls nobody: it starts and settles in one step, unless what it came to is what it was.
    fn pure_node(&mut self, node: NodeIx, input: Value, result: Result<Value, Failure>) -> Result<(), Error> {
        if let Ok(output) = &result
            && self.keep(node, &input, Some(output))?
        {
            return Ok(());
        }
        self.node_started(node, input, None)?;
        self.pure_result(node, result)
    }

    /// An agent's messages, rendered: the node's input. What memory held and why its former answer was rejected
    /// is appended, unless the messages say themselves where that goes.
    pub(crate) fn agent_input(&self, node: NodeIx) -> nexus_expr::Result<Value> {
        let Some((_, expressions)) = self.state.definition.agent(node) else { return Ok(Value::Null) };
        let context = context::of_node(self.state, node);
        let render = |template: &nexus_expr::Result<Template>| {
            template.as_ref().map_err(Clone::clone)?.render(&context)
        };
        let query = self.recall_query(node)?;
        let state = &self.state.nodes[node];
        if query.is_some() && state.recalled.is_none() {
            // the messages may show what memory holds, which is not known yet
            return Ok(json!({ "memory_query": query }));
        }
        let mut system = expressions.system.as_ref().map(render).transpose()?;
        let mut prompt = render(&expressions.prompt)?;
        if let Some(entries) = &state.recalled
            && !expressions.shows_memory
        {
            append_memory(&mut system, entries);
        }
        if let Some(feedback) = &state.feedback
            && !expressions.shows_feedback
        {
            append_feedback(&mut prompt, feedback);
        }
        let mut input = json!({ "system": system, "prompt": prompt });
        if let Some(query) = query {
            input["memory_query"] = query.into();
            input["memory"] = state.recalled.clone().unwrap_or_default();
        }
        Ok(input)
    }

    pub(crate) fn node_started(
        &mut self,
        node: NodeIx,
        input: Value,
        model: Option<&str>,
    ) -> Result<(), Error> {
        let current = &self.state.nodes[node];
        let revision = if current.revision == 0 || current.revision_done {
            current.revision + 1
        } else {
            current.revision
        };
        let unseen = self.unsettled(node);
        self.record(Record::NodeStarted { node: self.id(node), revision, at: self.env.now, input, unseen })?;
        let node_type = self.state.definition.node(node).node_type();
        let attempt = self.next_attempt(node);
        let data =
            json!({ "node_type": node_type, "revision": revision, "attempt": attempt, "model": model });
        self.event(EventType::AgentStarted, Some(node), data);
        Ok(())
    }

    /// On which terms an agent began: the model that is asked, which may be a cheaper one than the first, and most
    /// tokens of its answer, which may be fewer than it says. `told`: the event that says that it began.
    fn tell_terms(&mut self, node: NodeIx, told: usize) {
        let Some(attempt) = self.state.nodes[node].counted().first() else { return };
        let Some(event) = self.step.events.get_mut(told) else { return };
        if let Some(model) = &attempt.model {
            event.data["model"] = model.as_str().into();
        }
        if let Some(max_tokens) = attempt.max_tokens {
            event.data["max_tokens"] = max_tokens.into();
        }
    }

    /// What the node may read, by itself or through its tools, and what has not settled yet.
    fn unsettled(&self, node: NodeIx) -> Vec<NodeId> {
        let definition = &self.state.definition;
        let tools = definition.agent(node).map(|(_, agent)| agent.tools.as_slice()).unwrap_or_default();
        let through_tools = tools.iter().flat_map(|tool| &tool.reads);
        let mut unsettled: Vec<NodeIx> =
            definition.reads(node).iter().chain(through_tools).copied().collect();
        unsettled.retain(|ix| !self.state.nodes[*ix].status.is_settled());
        unsettled.sort_unstable();
        unsettled.dedup();
        unsettled.into_iter().map(|ix| self.id(ix)).collect()
    }

    /// A conditional or a template: computed here and now, one attempt, no cost.
    pub(crate) fn pure_result(&mut self, node: NodeIx, result: Result<Value, Failure>) -> Result<(), Error> {
        let result =
            result.and_then(|output| output::fits(&output, &self.state.definition.limits).map(|()| output));
        let attempt = self.next_attempt(node);
        let (id, at) = (self.id(node), self.env.now);
        self.record(Record::AttemptStarted {
            node: id.clone(),
            attempt,
            candidate: 0,
            model: None,
            at,
            first: CallKind::Pure,
            reserved: Money::ZERO,
            reask: None,
            max_tokens: None,
        })?;
        let outcome = match &result {
            Ok(_) => AttemptOutcome::Succeeded,
            Err(failure) => AttemptOutcome::Failed { failure: failure.clone() },
        };
        self.record(Record::AttemptFinished {
            node: id,
            revision: self.state.nodes[node].revision,
            attempt,
            at,
            outcome,
            tokens: Tokens::default(),
            cost: Money::ZERO,
            latency_ms: 0,
            provider: None,
            answer: None,
        })?;
        match result {
            Ok(output) => self.succeed(node, output),
            Err(failure) => self.give_node_up(node, failure),
        }
    }

    pub(crate) fn succeed(&mut self, node: NodeIx, output: Value) -> Result<(), Error> {
        let (shown, cut) = output::for_event(&output);
        self.node_finished(node, NodeStatus::Succeeded, Some(output), None, false)?;
        let mut data = self.node_totals(node);
        data["output"] = shown;
        data["output_truncated"] = cut.into();
        self.event(EventType::AgentCompleted, Some(node), data);
        Ok(())
    }

    pub(crate) fn fail_node(&mut self, node: NodeIx, failure: Failure) -> Result<(), Error> {
        let policy = &self.state.definition.node(node).policy;
        let (handled, output) = match policy.on_error {
            OnError::Fail => (false, None),
            OnError::Continue => (true, Some(Value::Null)),
            OnError::Default => (true, Some(policy.default_output.clone().unwrap_or_default())),
        };
        let on_error = policy.on_error;
        self.node_finished(node, NodeStatus::Failed, output, Some(failure.clone()), handled)?;
        let mut data = self.node_totals(node);
        data["error"] = json!(failure);
        data["on_error"] = json!(on_error);
        self.event(EventType::AgentFailed, Some(node), data);
        Ok(())
    }

    pub(crate) fn node_finished(
        &mut self,
        node: NodeIx,
        status: NodeStatus,
        output: Option<Value>,
        failure: Option<Failure>,
        handled: bool,
    ) -> Result<(), Error> {
        self.record(Record::NodeFinished {
            node: self.id(node),
            at: self.env.now,
            status,
            output,
            failure,
            handled,
        })
    }

    pub(crate) fn node_totals(&self, node: NodeIx) -> Value {
        let state = &self.state.nodes[node];
        json!({
            "node_type": self.state.definition.node(node).node_type(),
            "revision": state.revision,
            "attempt": state.attempts.last().map(|attempt| attempt.attempt),
            "model": state.attempts.last().and_then(|attempt| attempt.model.clone()),
            "tokens": state.tokens(),
            "cost_usd": state.cost(),
            "latency_ms": state.started_at.map(|start| millis(self.env.now.since(start))),
        })
    }
}

/// What memory held goes to the end of the system message.
fn append_memory(system: &mut Option<String>, entries: &Value) {
    let texts = entries.as_array().into_iter().flatten().filter_map(|entry| entry.get("text")?.as_str());
    let listed: Vec<String> = texts.map(|text| format!("- {text}")).collect();
    if listed.is_empty() {
        return;
    }
    let memory = format!("What you remember that may matter here:\n{}", listed.join("\n"));
    *system = Some(match system.take().filter(|system| !system.is_empty()) {
        Some(system) => format!("{system}\n\n{memory}"),
        None => memory,
    });
}

/// Why the former answer was rejected goes to the end of the user message.
fn append_feedback(prompt: &mut String, feedback: &Value) {
    let text = |value: &Value| match value.get("text").and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    };
    let member = |name: &str| feedback.get(name).filter(|value| !value.is_null());
    prompt.push_str(
        "\n\nYou have answered this before, and your answer was rejected. Answer again, and mend that.",
    );
    if let Some(rejected) = member("rejected_output") {
        prompt.push_str(&format!("\n\nYour former answer:\n{}", text(rejected)));
    }
    if let Some(message) = member("message").and_then(Value::as_str) {
        prompt.push_str(&format!("\n\nWhy it was rejected:\n{message}"));
    }
    if let Some(review) = member("from_output") {
        prompt.push_str(&format!("\n\nThe review:\n{}", text(review)));
    }
}

/// The first true case's handle, else `else`.
fn choose(
    config: &ConditionalConfig,
    conditions: &[nexus_expr::Result<Condition>],
    context: &Context<'_>,
) -> Result<Value, Failure> {
    for (case, condition) in config.cases.iter().zip(conditions) {
        match condition.as_ref().map_err(Clone::clone).and_then(|condition| condition.eval_bool(context)) {
            Ok(true) => return Ok(json!({ "handle": case.handle })),
            Ok(false) => {}
            Err(error) => {
                let message = format!("the condition `{}` cannot be judged: {error}", case.when);
                return Err(failure("condition_error", message));
            }
        }
    }
    Ok(json!({ "handle": config.r#else }))
}
