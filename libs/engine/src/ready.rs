//! Making calls ready: rendering them, judging what a model asks of its tools, asking the ledger. Not here: beginning
//! and ending them (`calls`).

use crate::{
    CallFailure, Mark, ModelCall, ToolWork, Work, context, conversation,
    conversation::{Exchange, Reask, ToolSpec, ToolUse},
    definition::ToolExpressions,
    input::ToolRequest,
    ledger::{Funds, Grant, Shortage, model_of},
    output,
    record::CallKind,
    step::{Stepper, failure},
    tools::{self, Rendered},
};
use nexus_model::{
    Money,
    document::{AgentConfig, MemoryScope},
    execution::Failure,
    graph::NodeIx,
};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// A call made ready.
pub(crate) enum Ready {
    /// It may begin.
    Go(Grant, Work),
    /// It has to wait for funds, for so much.
    Wait(Money),
    /// The budget is used up.
    Stop(Shortage),
    /// It cannot be made.
    Fail(Failure),
    /// It cannot be made now.
    Later(CallFailure),
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
                cache_ttl_seconds: agent.cache.map(|cache| cache.ttl_seconds),
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
                let text = if text.trim().is_empty() { "(an empty answer)".to_owned() } else { cut(text) };
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
        let mark = &self.state.definition.mark;
        let context = context::with_secrets(context::of_node(self.state, node), mark, expressions);
        let rendered = tools::render(tool, expressions, &context, "tool".into());
        Some(
            rendered
                .map_err(|error| hidden(mark, error))
                .and_then(|rendered| own(mark, expressions, rendered)),
        )
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
        let mark = &self.state.definition.mark;
        let context = context::of_attached(self.state, agent, tool, &args);
        let context = context::with_secrets(context, mark, expressions);
        let round = conversation::rounds(&self.state.nodes[agent]);
        let slot = format!("call {round} {}", asked.id);
        let rendered = tools::render(config, expressions, &context, slot);
        let rendered = rendered.map_err(|error| hidden(mark, error));
        Ok(rendered.and_then(|rendered| own(mark, expressions, rendered)).map_err(|error| error.to_string()))
    }

    /// A use of a tool, with its result if that needs no call.
    pub(crate) fn tool_use(&self, agent: NodeIx, asked: ToolRequest) -> ToolUse {
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
}

/// What was rendered, if it asks for no secrets but those that the tool's own templates name: whatever a model, a page
/// or an input says, it says it in vain, even if it has got hold of what marks placeholders.
fn own(mark: &Mark, tool: &ToolExpressions, rendered: Rendered) -> nexus_expr::Result<Rendered> {
    match &rendered {
        Rendered::Work(work) if mark.is_forged(&work.input(), &tool.secrets()) => Err(nexus_expr::Error {
            kind: nexus_expr::Kind::Evaluation,
            message: "a text asks for a secret that this tool's templates do not name".to_owned(),
            line: None,
        }),
        _ => Ok(rendered),
    }
}

/// An expression's failure may quote what it failed on.
fn hidden(mark: &Mark, error: nexus_expr::Error) -> nexus_expr::Error {
    nexus_expr::Error { message: mark.shown(&error.message), ..error }
}

/// Longest text that memory keeps, bytes.
const KEPT_BYTES: usize = 64 << 10;

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(KEPT_BYTES));
    text
}

fn ready(funds: Funds, work: impl FnOnce(Grant) -> Work) -> Ready {
    match funds {
        Funds::Granted(grant) => Ready::Go(grant, work(grant)),
        Funds::Wait(needed) => Ready::Wait(needed),
        Funds::Exhausted(shortage) => Ready::Stop(shortage),
        Funds::Unknown => Ready::Later(CallFailure {
            code: "memory_unavailable".into(),
            message: "memory does not answer, so nobody knows what the call may cost".into(),
            retryable: true,
            retry_after: None,
        }),
        Funds::Unpriced(model) => Ready::Fail(failure(
            "model_unpriced",
            format!("there is a budget, and no price of `{model}` is known; add one to the pricing file"),
        )),
    }
}

/// Requests for tools with ids that tell them apart from each other and from those of earlier rounds, made of
/// characters that every provider takes: the conversation may go on with another one.
pub(crate) fn told_apart(said: &[Exchange], asked: Vec<ToolRequest>) -> Vec<ToolRequest> {
    let turns = said.iter().filter_map(|said| match said {
        Exchange::Tools(turn) => Some(turn),
        Exchange::Rejected(_) => None,
    });
    let (mut seen, mut rounds) = (HashSet::new(), 0);
    for turn in turns {
        rounds += 1;
        seen.extend(turn.uses.iter().map(|earlier| earlier.id.clone()));
    }
    let mut asked = asked;
    for (nth, request) in asked.iter_mut().enumerate() {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
        request.id = request.id.chars().map(plain).take(64).collect();
        if request.id.is_empty() || seen.contains(&request.id) {
            request.id = format!("call_{rounds}_{nth}");
        }
        while !seen.insert(request.id.clone()) {
            request.id.push('_');
        }
    }
    asked
}
