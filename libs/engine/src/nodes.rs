//! Single nodes: how each kind starts, and how a node settles. Not here: which nodes start (`step`), model calls
//! (`attempts`).

use crate::{
    AttemptOutcome, Record, context, output,
    step::{Error, Stepper, failure, millis},
};
use nexus_expr::{condition, template};
use nexus_model::{
    EventType, Money,
    document::{AgentConfig, ConditionalConfig, NodeKind, OnError, Tool, ToolConfig},
    execution::{Failure, NodeStatus, Tokens},
    graph::NodeIx,
};
use serde_json::{Value, json};

impl Stepper<'_> {
    pub(crate) fn start_node(&mut self, node: NodeIx) -> Result<(), Error> {
        let definition = self.state.definition.clone();
        let context = context::of_node(self.state, node);
        match &definition.node(node).kind {
            NodeKind::Agent(agent) => {
                let rendered = template::render(&agent.prompt, &context).and_then(|prompt| {
                    let system =
                        agent.system.as_ref().map(|system| template::render(system, &context)).transpose()?;
                    Ok((system, prompt))
                });
                match rendered {
                    Ok((system, prompt)) => {
                        self.node_started(
                            node,
                            json!({ "system": system, "prompt": prompt }),
                            Some(&agent.model),
                        )?;
                        match unavailable(agent, definition.graph.attached_tools(node)) {
                            Some(failure) => self.fail_node(node, failure),
                            None => self.start_attempt(node, 0, None),
                        }
                    }
                    Err(error) => {
                        self.node_started(node, Value::Null, Some(&agent.model))?;
                        self.fail_node(node, failure("template_error", error.to_string()))
                    }
                }
            }
            NodeKind::Conditional(config) => {
                self.node_started(node, Value::Null, None)?;
                let chosen = choose(config, &context);
                self.pure_result(node, chosen)
            }
            NodeKind::Tool(config) => {
                let ToolConfig { tool, .. } = config.as_ref();
                self.node_started(node, json!({ "tool": tool.name() }), None)?;
                let result = match tool {
                    Tool::Template { template } => template::render(template, &context)
                        .map(|text| json!({ "text": text }))
                        .map_err(|error| failure("template_error", error.to_string())),
                    other => Err(failure(
                        "not_available",
                        format!("the tool `{}` is not available in this version of Nexus", other.name()),
                    )),
                };
                self.pure_result(node, result)
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

/// The first true case's handle, else `else`.
fn choose(config: &ConditionalConfig, context: &nexus_expr::Context) -> Result<Value, Failure> {
    for case in &config.cases {
        match condition::eval_bool(&case.when, context) {
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
