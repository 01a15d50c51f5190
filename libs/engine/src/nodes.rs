//! Single nodes: how each kind starts, and how a node settles. Not here: which nodes start (`step`), model calls
//! (`attempts`).

use crate::{
    AttemptOutcome, Record, context,
    definition::{AgentExpressions, Expressions},
    output,
    step::{Error, Stepper, failure, millis},
};
use nexus_expr::{Condition, Context, Template};
use nexus_model::{
    EventType, Money,
    document::{AgentConfig, ConditionalConfig, NodeKind, OnError},
    execution::{Failure, NodeStatus, Tokens},
    graph::NodeIx,
};
use serde_json::{Value, json};

impl Stepper<'_> {
    pub(crate) fn start_node(&mut self, node: NodeIx) -> Result<(), Error> {
        let definition = self.state.definition.clone();
        match (&definition.node(node).kind, definition.expressions(node)) {
            (NodeKind::Agent(agent), Expressions::Agent(expressions)) => {
                let rendered = prompts(expressions, &context::of_node(self.state, node));
                let model = Some(agent.model.as_str());
                let input = rendered.as_ref().map_or(Value::Null, Value::clone);
                self.node_started(node, input, model)?;
                match (rendered, unavailable(agent, definition.graph.attached_tools(node))) {
                    (Err(error), _) => self.fail_node(node, failure("template_error", error.to_string())),
                    (Ok(_), Some(failure)) => self.fail_node(node, failure),
                    (Ok(_), None) => self.start_attempt(node, 0, None),
                }
            }
            (NodeKind::Conditional(config), Expressions::Conditional(conditions)) => {
                let chosen = choose(config, conditions, &context::of_node(self.state, node));
                self.node_started(node, Value::Null, None)?;
                self.pure_result(node, chosen)
            }
            (NodeKind::Tool(tool), Expressions::Template(template)) => {
                let context = context::of_node(self.state, node);
                let rendered =
                    template.as_ref().as_ref().map_err(Clone::clone).and_then(|t| t.render(&context));
                let result = rendered
                    .map(|text| json!({ "text": text }))
                    .map_err(|error| failure("template_error", error.to_string()));
                self.node_started(node, json!({ "tool": tool.tool.name() }), None)?;
                self.pure_result(node, result)
            }
            (kind, _) => {
                let what = match kind {
                    NodeKind::Tool(tool) => tool.tool.name(),
                    _ => "this node",
                };
                let message = format!("`{what}` is not available in this version of Nexus");
                self.node_started(node, json!({ "tool": what }), None)?;
                self.pure_result(node, Err(failure("not_available", message)))
            }
        }
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
        self.record(Record::NodeStarted { node: self.id(node), revision, at: self.env.now, input })?;
        let node_type = self.state.definition.node(node).node_type();
        let attempt = self.next_attempt(node);
        let data =
            json!({ "node_type": node_type, "revision": revision, "attempt": attempt, "model": model });
        self.event(EventType::AgentStarted, Some(node), data);
        Ok(())
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
            reserved: Money::ZERO,
            reask: None,
        })?;
        let outcome = match &result {
            Ok(_) => AttemptOutcome::Succeeded,
            Err(failure) => AttemptOutcome::Failed { failure: failure.clone() },
        };
        self.record(Record::AttemptFinished {
            node: id,
            attempt,
            at,
            outcome,
            tokens: Tokens::default(),
            cost: Money::ZERO,
            latency_ms: 0,
            provider: None,
        })?;
        match result {
            Ok(output) => self.succeed(node, output),
            Err(failure) => self.fail_node(node, failure),
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

/// An agent's messages, rendered: the node's input.
fn prompts(expressions: &AgentExpressions, context: &Context<'_>) -> nexus_expr::Result<Value> {
    let render =
        |template: &nexus_expr::Result<Template>| template.as_ref().map_err(Clone::clone)?.render(context);
    let system = expressions.system.as_ref().map(render).transpose()?;
    let prompt = render(&expressions.prompt)?;
    Ok(json!({ "system": system, "prompt": prompt }))
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

/// Abilities that a document may ask for and this version does not have: said, never silently left out.
fn unavailable(agent: &AgentConfig, tools: &[NodeIx]) -> Option<Failure> {
    let what = if !tools.is_empty() {
        "calling attached tools"
    } else if agent.memory.as_ref().is_some_and(|memory| memory.store || memory.recall.is_some()) {
        "memory"
    } else {
        return None;
    };
    Some(failure("not_available", format!("{what} is not available in this version of Nexus")))
}
