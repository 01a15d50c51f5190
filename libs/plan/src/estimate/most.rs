//! The upper bound: what the ledger could ever hold back for a node, whatever fails and however long answers are.
//!
//! Every call of a model is charged at most its reservation (`nexus_model::price::bound`), so the bound adds up the
//! reservations of all calls that the rules of a run allow. Per start of a node:
//!
//! * every model of it may fail `max_attempts` times;
//! * every round of tools is one more call, and one more answers when no rounds are left; rounds that are done are not
//!   done again, whoever goes on with them;
//! * an answer that breaks its contract is asked for again once.
//!
//! Each of these calls is taken at the longest prompt that it can have. Not counted: calls that are made again since a
//! process died in the middle of them (each is charged once more), and runs that somebody resumes.
//! Not here: how often a node is started (`mod`), how long a template's text can become (`nexus_expr::template`).

use super::{Question, Tools};
use nexus_expr::template::{Size, most_printed};
use nexus_model::{
    Money,
    document::{AgentConfig, Node, NodeKind, OnError, Tool},
    graph::NodeIx,
    price::{
        Model,
        bound::{NFKC_EXPANSION, PromptBound, text_tokens},
    },
};
use serde_json::Value;
use std::{cell::RefCell, collections::HashMap};

/// No token of a model stands for more bytes, plain or normalised. The longest of OpenAI's public tokenizers are a
/// hundred and twenty-eight blanks.
pub(super) const TOKEN_BYTES: u64 = 128;
/// Bytes of a token of the demo provider.
const DEMO_TOKEN_BYTES: u64 = 4;
/// How much longer a text is at most as JSON, with its quotes and names around it.
const AS_JSON: u64 = 6;
const AROUND_JSON: u64 = 16;
/// What is said to a model about an answer that is not accepted, but for what it quotes.
const REASON: u64 = 8 << 10;
/// How often a reason quotes the answer: up to five problems, each with its place, escaped.
const QUOTED: u64 = 10;
/// A length that no arguments of a tool have.
const LONG: u64 = 1 << 40;

/// How long a node's output can be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Output {
    /// `{"text": …}` with a text of at most so many tokens.
    Text(u64),
    /// Any value; its JSON, and so each text in it, has at most so many.
    Value(u64),
}

/// Works out bounds, node by node, each after those it depends on.
pub(super) struct Bounds<'q> {
    question: &'q Question<'q>,
    outputs: Vec<Output>,
    /// Lengths of inputs by path: they may be large, and many nodes may print them.
    inputs: RefCell<HashMap<Vec<String>, Size>>,
}

impl<'q> Bounds<'q> {
    pub(super) fn new(question: &'q Question<'q>) -> Self {
        let mut bounds = Self { question, outputs: Vec::new(), inputs: RefCell::default() };
        // What an agent answers does not depend on its prompt; so feedback of later nodes is bounded from the start.
        let nodes = &question.document.graph.nodes;
        bounds.outputs = nodes
            .iter()
            .map(|node| match &node.kind {
                NodeKind::Agent(agent) => bounds.with_stand_in(node, bounds.answered(agent)),
                _ => Output::Value(bounds.longest()),
            })
            .collect();
        bounds
    }

    /// Nothing that is rendered or put out is longer.
    fn longest(&self) -> u64 {
        (self.question.limits.output_bytes as u64).saturating_mul(NFKC_EXPANSION)
    }

    /// What one start of the node costs at most, and how long its output then is. `rendered`: what its templates print,
    /// where that is known for sure.
    pub(super) fn start(&mut self, ix: NodeIx, tools: &Tools<'_>, rendered: &Rendered) -> Money {
        let node = &self.question.document.graph.nodes[ix];
        let (cost, output) = match &node.kind {
            NodeKind::Agent(agent) => self.agent(ix, agent, node, tools, rendered),
            NodeKind::Conditional(config) => {
                let handles = config.cases.iter().map(|case| &case.handle).chain([&config.r#else]);
                let longest = handles.map(|handle| text_tokens(handle)).max().unwrap_or(0);
                (Money::ZERO, Output::Value(longest + 2 * AROUND_JSON))
            }
            NodeKind::Tool(tool) => match &tool.tool {
                Tool::Template { template } => {
                    let text = self.printed(ix, template, rendered.prompt);
                    (Money::ZERO, Output::Text(text))
                }
                Tool::MemoryStore { text, .. } => {
                    let text = self.printed(ix, text, None);
                    (self.embedded(text, self.attempts(node)), Output::Value(80))
                }
                Tool::MemoryRecall { query, .. } => {
                    let text = self.printed(ix, query, None);
                    (self.embedded(text, self.attempts(node)), Output::Value(self.longest()))
                }
                _ => (Money::ZERO, Output::Value(self.longest())),
            },
        };
        self.outputs[ix] = self.with_stand_in(node, output);
        cost
    }

    fn agent(
        &self,
        ix: NodeIx,
        agent: &AgentConfig,
        node: &Node,
        tools: &Tools<'_>,
        rendered: &Rendered,
    ) -> (Money, Output) {
        let models = self.models(agent);
        let answer = self.answer(agent);
        let mut prompt = PromptBound::new();
        if let Some(system) = &agent.system {
            prompt = prompt.message_up_to(self.printed(ix, system, rendered.system));
        }
        prompt = prompt.message_up_to(self.printed(ix, &agent.prompt, rendered.prompt));
        if let Some(schema) = &agent.output_schema {
            prompt = prompt.definition(schema);
        }
        for tool in tools.of(ix) {
            prompt = prompt.tool(tool.name, &tool.description, tool.parameters);
        }
        let recall = agent.memory.as_ref().and_then(|memory| memory.recall.as_ref());
        if recall.is_some() {
            // What memory holds may fill any prompt.
            prompt = prompt.message_up_to(self.longest().saturating_mul(NFKC_EXPANSION));
        }
        let can_reject =
            agent.output_schema.is_some() || (!agent.checks.is_empty() && node.policy.backtrack.is_none());
        if can_reject {
            // The answer, and a reason that quotes it.
            let checks = agent.checks.iter().map(|check| text_tokens(check)).max().unwrap_or(0);
            let reason = answer.saturating_mul(QUOTED).saturating_add(checks).saturating_add(REASON);
            prompt = prompt.message_up_to(answer).message_up_to(reason);
        }
        let has_tools = !tools.of(ix).is_empty();
        // Results of tools may fill any prompt.
        let longest = if has_tools { u64::MAX } else { prompt.tokens() };
        let rounds = if has_tools { u64::from(agent.max_tool_rounds) } else { 0 };
        let price = |model: &Option<&Model>, prompt: u64| {
            model.map_or(Money::ZERO, |model| model.reservation(prompt, agent.max_tokens))
        };
        let failing: Money =
            models.iter().map(|model| price(model, longest).times(self.attempts(node))).sum();
        let more = rounds.saturating_add(u64::from(can_reject));
        let further: Money = models.iter().map(|model| price(model, longest)).max().unwrap_or(Money::ZERO);
        let mut cost = failing.plus(further.times(more));
        let starts = models.len() as u64 * self.attempts(node) + more;
        if let Some(recall) = recall {
            cost = cost.plus(self.embedded(self.printed(ix, &recall.query, None), starts));
        }
        if agent.memory.as_ref().is_some_and(|memory| memory.store) {
            cost = cost.plus(self.embedded(answer, starts));
        }
        let used =
            tools.of(ix).iter().filter_map(|tool| Some(self.used(tool.node, tool.embeds?, agent, answer)));
        cost = cost.plus(used.max().unwrap_or(Money::ZERO).times(rounds));
        (cost, self.answered(agent))
    }

    /// What it costs to embed texts in one round of tools. The model may ask as often as its answer has tokens; all that
    /// it asks for together is no longer than its answer.
    fn used(&self, tool: NodeIx, template: &str, agent: &AgentConfig, answer: u64) -> Money {
        let with = |args: u64| {
            let size = |path: &[String]| match path.first().map(String::as_str) {
                Some("args") => Some(Size::value(args)),
                _ => self.size(tool, path),
            };
            most_printed(template, &size).ok().flatten()
        };
        let times = u64::from(agent.max_tokens);
        // Texts grow with their arguments, never slower the longer those are (see `most_printed`).
        match (with(0), with(LONG)) {
            (Some(fixed), Some(long)) => {
                let slope = long.saturating_sub(fixed).div_ceil(LONG);
                let texts = self.embedded(fixed, times);
                texts.plus(self.embedded(answer.saturating_mul(AS_JSON).saturating_mul(slope), 1))
            }
            _ => self.embedded(self.longest(), times),
        }
    }

    /// The longest answer of any of the agent's models.
    fn answer(&self, agent: &AgentConfig) -> u64 {
        let models = self.models(agent).into_iter();
        let longest =
            models.map(|model| u64::from(agent.max_tokens).saturating_mul(token_bytes(model))).max();
        longest.unwrap_or(0).min(self.longest())
    }

    fn answered(&self, agent: &AgentConfig) -> Output {
        let answer = self.answer(agent);
        match agent.output_schema {
            None => Output::Text(answer),
            Some(_) => Output::Value(as_json(answer)),
        }
    }

    /// The node's models, `None` for those without a price.
    fn models(&self, agent: &AgentConfig) -> Vec<Option<&'q Model>> {
        let names = std::iter::once(&agent.model).chain(&agent.fallbacks);
        names.map(|name| self.question.prices.get(name)).collect()
    }

    fn attempts(&self, node: &Node) -> u64 {
        u64::from(node.policy.retry.max_attempts.max(1))
    }

    /// What it costs to embed a text so often.
    fn embedded(&self, text: u64, times: u64) -> Money {
        let most = self.question.embedding.and_then(|model| model.worst_case_up_to(text.min(self.longest())));
        most.unwrap_or(Money::ZERO).times(times)
    }

    /// The most that a template of this node prints.
    fn printed(&self, ix: NodeIx, template: &str, rendered: Option<u64>) -> u64 {
        if let Some(known) = rendered {
            return known;
        }
        let size = |path: &[String]| self.size(ix, path);
        let printed = most_printed(template, &size).ok().flatten();
        printed.unwrap_or(u64::MAX).min(self.longest())
    }

    /// How long the value at a path is that the node's expressions see.
    fn size(&self, ix: NodeIx, path: &[String]) -> Option<Size> {
        let (root, rest) = path.split_first()?;
        match root.as_str() {
            "inputs" => Some(self.input(rest)),
            "execution" if rest.is_empty() => Some(Size::value(64)),
            "execution" => Some(Size::text(36)),
            "nodes" => {
                let (id, rest) = rest.split_first()?;
                let output = *self.outputs.get(self.question.graph.index(id)?)?;
                Some(match (rest.first().map(String::as_str), rest.get(1).map(String::as_str), output) {
                    (Some("output"), Some("text"), Output::Text(most)) if rest.len() == 2 => Size::text(most),
                    (Some("output"), _, output) => Size::value(whole(output)),
                    (_, _, output) => Size::value(whole(output).saturating_add(AROUND_JSON)),
                })
            }
            "feedback" => Some(Size::value(self.feedback(ix))),
            _ => None,
        }
    }

    fn input(&self, path: &[String]) -> Size {
        if let Some(known) = self.inputs.borrow().get(path) {
            return *known;
        }
        let value = path.iter().try_fold(self.question.inputs, |at, name| at.get(name));
        let size = match value {
            None => Size::value(0),
            Some(Value::String(text)) => Size::text(text_tokens(text)),
            Some(other) => Size::value(text_tokens(&other.to_string())),
        };
        self.inputs.borrow_mut().insert(path.to_vec(), size);
        size
    }

    /// What a node is told when it is sent back to work: its own output, that of whoever rejected it, and why.
    fn feedback(&self, ix: NodeIx) -> u64 {
        let output = |ix: NodeIx| self.outputs.get(ix).map_or(0, |output| whole(*output));
        let Some(theirs) = self.question.rejected_by[ix].iter().map(|by| output(*by)).max() else { return 4 };
        // The reason quotes what was answered.
        let reason = as_json(theirs.saturating_mul(QUOTED).saturating_add(REASON));
        output(ix).saturating_add(theirs).saturating_add(reason)
    }

    /// With what dependents see instead when the node fails.
    fn with_stand_in(&self, node: &Node, output: Output) -> Output {
        match node.policy.on_error {
            OnError::Default => {
                let default =
                    node.policy.default_output.as_ref().map_or(4, |value| text_tokens(&value.to_string()));
                Output::Value(whole(output).max(default))
            }
            OnError::Continue | OnError::Fail => output,
        }
    }
}

/// What a node's templates surely print, in tokens.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rendered {
    pub(super) system: Option<u64>,
    /// An agent's prompt, or a template's text.
    pub(super) prompt: Option<u64>,
}

fn whole(output: Output) -> u64 {
    match output {
        Output::Text(most) => as_json(most),
        Output::Value(most) => most.max(4),
    }
}

fn as_json(text: u64) -> u64 {
    text.saturating_mul(AS_JSON).saturating_add(AROUND_JSON)
}

fn token_bytes(model: Option<&Model>) -> u64 {
    match model {
        Some(model) if model.provider == "demo" => DEMO_TOKEN_BYTES,
        _ => TOKEN_BYTES,
    }
}
