//! What is to be expected of a node: prompts rendered with the inputs given and with stand-ins for what is not known,
//! counted by the model's own tokenizer; answers as long as they were in earlier runs.
//!
//! Without earlier runs an answer is taken to be half of `max_tokens` long, at most a thousand tokens; one with a
//! schema as long as a value of that shape with short texts, if that is less. An agent with tools is taken to use one of
//! them once. Nothing is taken to fail.
//! Not here: how likely the node runs (`flow`), bounds (`most`).

use super::{
    Question, Tools,
    count::{Counter, MESSAGE, Tokenizer},
    history::Typical,
    most::Rendered,
    standin::{Markers, structure},
};
use nexus_expr::{Condition, Context, Reference, Template};
use nexus_model::{
    Money,
    document::{AgentConfig, ConditionalConfig, NodeKind, Tool},
    graph::NodeIx,
    price::{DEFAULT_TIER, Model, bound::text_tokens},
};
use serde_json::{Value, json};

/// The longest answer that is assumed.
const LONGEST_ASSUMED: f64 = 1_000.0;
/// Tokens of a use of a tool, and of its result.
const TOOL_ROUND: (f64, f64) = (60.0, 250.0);
/// Bytes that one estimate renders at most.
const RENDERED_BYTES: usize = 4 << 20;
static NULL: Value = Value::Null;

/// What a node is expected to take if it runs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Expected {
    /// Tokens of all prompts.
    pub(super) prompt: f64,
    /// Tokens of all answers.
    pub(super) completion: f64,
    /// What they cost, in pico-dollars.
    pub(super) picos: f64,
    /// What the node costs at least, in pico-dollars.
    pub(super) least: f64,
    /// Whether it rests on earlier runs.
    pub(super) from_history: bool,
}

/// What a node's expressions surely come to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    /// What its templates print.
    pub(super) rendered: Rendered,
    /// The case that a conditional chooses, as a position among its handles.
    pub(super) choice: Option<usize>,
}

/// A template, rendered.
#[derive(Default)]
struct Text {
    /// Tokens in all.
    tokens: f64,
    /// Tokens of what does not depend on anything unknown.
    fixed: f64,
    /// Its exact length in tokens by the bound's measure, if nothing in it is unknown.
    exact: Option<u64>,
}

/// Works out expectations, node by node, each after those it depends on.
pub(super) struct Expectations<'q> {
    question: &'q Question<'q>,
    counter: Counter,
    markers: Markers,
    outputs: Vec<Value>,
    /// Tokens of each output.
    sizes: Vec<f64>,
    /// Whether an output is the real one.
    exact: Vec<bool>,
    left: usize,
}

impl<'q> Expectations<'q> {
    pub(super) fn new(question: &'q Question<'q>) -> Self {
        let nodes = question.document.graph.nodes.len();
        Self {
            question,
            counter: Counter::default(),
            markers: Markers::default(),
            outputs: vec![Value::Null; nodes],
            sizes: vec![0.0; nodes],
            exact: vec![false; nodes],
            left: RENDERED_BYTES,
        }
    }

    /// `surely`: whether the node runs in any case.
    pub(super) fn node(&mut self, ix: NodeIx, surely: bool, tools: &Tools<'_>) -> (Expected, Known) {
        let node = &self.question.document.graph.nodes[ix];
        match &node.kind {
            NodeKind::Agent(agent) => self.agent(ix, agent, tools),
            NodeKind::Conditional(config) => {
                let choice = self.choose(ix, config);
                let handle = choice.unwrap_or(&config.r#else).to_owned();
                self.put(ix, json!({ "handle": handle }), 4.0, choice.is_some() && surely);
                let position = choice.and_then(|chosen| {
                    self.question.flow.handles[ix].iter().position(|handle| handle == chosen)
                });
                (Expected::default(), Known { choice: position, ..Known::default() })
            }
            NodeKind::Tool(tool) => match &tool.tool {
                Tool::Template { template } => {
                    let (printed, text) = self.render(ix, template, Tokenizer::O200k, None);
                    let exact = text.exact.is_some();
                    let output = match printed {
                        Some(printed) => json!({ "text": printed }),
                        None => self.markers.answer(None, text.tokens),
                    };
                    self.put(ix, output, text.tokens, exact && surely);
                    let rendered = Rendered { system: None, prompt: text.exact };
                    (Expected::default(), Known { rendered, ..Known::default() })
                }
                other => {
                    let (text, embeds) = match other {
                        Tool::MemoryStore { text, .. } => (text.as_str(), true),
                        Tool::MemoryRecall { query, .. } => (query.as_str(), true),
                        _ => ("", false),
                    };
                    let picos = if embeds { self.embedded(ix, text) } else { 0.0 };
                    let output = self.markers.result(other);
                    let (_, tokens) = self.markers.split(&output.to_string());
                    let tokens = tokens + structure(&output);
                    self.put(ix, output, tokens, false);
                    (Expected { picos, ..Expected::default() }, Known::default())
                }
            },
        }
    }

    fn put(&mut self, ix: NodeIx, output: Value, tokens: f64, exact: bool) {
        self.outputs[ix] = output;
        self.sizes[ix] = tokens;
        self.exact[ix] = exact;
    }

    fn agent(&mut self, ix: NodeIx, agent: &AgentConfig, tools: &Tools<'_>) -> (Expected, Known) {
        let node = &self.question.document.graph.nodes[ix];
        let model = self.question.prices.get(&agent.model);
        let tokenizer = Tokenizer::of(model);
        let recall = agent.memory.as_ref().and_then(|memory| memory.recall.as_ref());
        let memory = recall.map(|recall| self.markers.entries(recall.top_k));
        let system =
            agent.system.as_ref().map(|system| self.render(ix, system, tokenizer, memory.as_ref()).1);
        let prompt = self.render(ix, &agent.prompt, tokenizer, memory.as_ref()).1;
        let rendered = Rendered { system: system.as_ref().and_then(|text| text.exact), prompt: prompt.exact };
        let mut call = prompt.tokens + MESSAGE;
        let mut fixed = prompt.fixed;
        if let Some(system) = &system {
            call += system.tokens + MESSAGE;
            fixed += system.fixed;
        }
        if let Some(memory) = memory.as_ref().filter(|_| !mentions_memory(agent)) {
            call += self.markers.split(&memory.to_string()).1;
        }
        let definitions = agent.output_schema.iter().map(Value::to_string);
        let tools = tools.of(ix);
        let definitions = definitions
            .chain(tools.iter().map(|tool| format!("{}{}{}", tool.name, tool.description, tool.parameters)));
        for definition in definitions {
            call += self.counter.count(tokenizer, &definition);
        }
        let typical = self.question.history.typical(&node.id, &agent.model);
        let (prompts, completion, calls, answer) = match typical {
            Some(Typical { prompt, completion, attempts }) => {
                // What tools and memory added to prompts cannot be told from the document.
                let prompts = if tools.is_empty() && recall.is_none() { call * attempts } else { prompt };
                (prompts, completion, attempts, completion / attempts)
            }
            None => {
                let answer = self.assumed(agent);
                let (used, gave) = TOOL_ROUND;
                match tools.is_empty() {
                    true => (call, answer, 1.0, answer),
                    false => (2.0 * call + used + gave, answer + used, 2.0, answer),
                }
            }
        };
        let answer = answer.min(f64::from(agent.max_tokens));
        let output = self.markers.answer(agent.output_schema.as_ref(), answer);
        self.put(ix, output, answer, false);
        let mut picos = cost(model, prompts / calls.max(1.0), prompts, completion);
        if let Some(recall) = recall {
            picos += self.embedded(ix, &recall.query);
        }
        if agent.memory.as_ref().is_some_and(|memory| memory.store) {
            picos += answer * self.per_embedded_token();
        }
        let names = std::iter::once(&agent.model).chain(&agent.fallbacks);
        let least = match agent.cache {
            // A kept answer costs nothing.
            Some(_) => 0.0,
            None => {
                names.map(|name| least(self.question.prices.get(name), fixed)).fold(f64::INFINITY, f64::min)
            }
        };
        let expected =
            Expected { prompt: prompts, completion, picos, least, from_history: typical.is_some() };
        (expected, Known { rendered, choice: None })
    }

    /// How long an answer is taken to be when no earlier one is known.
    fn assumed(&mut self, agent: &AgentConfig) -> f64 {
        let half = (f64::from(agent.max_tokens) / 2.0).clamp(1.0, LONGEST_ASSUMED);
        let Some(schema) = &agent.output_schema else { return half };
        let shape = Markers::default().shape(schema);
        half.min(shape)
    }

    /// The case that a conditional chooses, if that depends on nothing unknown.
    fn choose<'c>(&self, ix: NodeIx, config: &'c ConditionalConfig) -> Option<&'c str> {
        for case in &config.cases {
            let condition = Condition::compile(&case.when).ok()?;
            if !self.is_known(condition.references()) {
                return None;
            }
            let context = self.context(ix, condition.references(), None);
            if condition.eval_bool(&context).ok()? {
                return Some(&case.handle);
            }
        }
        Some(&config.r#else)
    }

    /// Renders a template; the text is not there if it cannot be.
    fn render(
        &mut self,
        ix: NodeIx,
        source: &str,
        tokenizer: Tokenizer,
        memory: Option<&Value>,
    ) -> (Option<String>, Text) {
        let template = match Template::compile(source) {
            Ok(template) => template,
            Err(_) => return (None, self.unrendered(source, &[], tokenizer)),
        };
        let references = template.references();
        let rendered = template.render_within(&self.context(ix, references, memory), self.left);
        let Ok(text) = rendered else { return (None, self.unrendered(source, references, tokenizer)) };
        self.left -= text.len();
        let exact = self.is_known(references).then(|| text_tokens(&text));
        let (pieces, unknown) = self.markers.split(&text);
        let mut known = 0.0;
        for piece in pieces {
            known += self.counter.count(tokenizer, piece);
        }
        let tokens = known + unknown;
        // A part that is there or not depending on what is unknown is not fixed.
        let fixed = if exact.is_some() || !source.contains("{%") { known } else { 0.0 };
        (Some(text), Text { tokens, fixed, exact })
    }

    /// A template that cannot be rendered with stand-ins: its own length, and that of what it mentions.
    fn unrendered(&mut self, source: &str, references: &[Reference], tokenizer: Tokenizer) -> Text {
        let mut tokens = self.counter.count(tokenizer, source);
        let mut seen = Vec::new();
        for reference in references {
            match (reference.root(), reference.members()) {
                ("nodes", [id, ..]) => {
                    let node = self.question.graph.index(id).filter(|ix| !seen.contains(ix));
                    seen.extend(node);
                    tokens += node.and_then(|ix| self.sizes.get(ix)).copied().unwrap_or(0.0);
                }
                ("inputs", path) => {
                    let value = path.iter().try_fold(self.question.inputs, |at, name| at.get(name));
                    tokens += value.map_or(0.0, |value| value.to_string().len() as f64 / 4.0);
                }
                _ => {}
            }
        }
        Text { tokens, fixed: 0.0, exact: None }
    }

    /// Whether what the expressions mention is known before the run.
    fn is_known(&self, references: &[Reference]) -> bool {
        references.iter().all(|reference| match (reference.root(), reference.members()) {
            ("inputs", _) => true,
            ("nodes", [id, ..]) => self.question.graph.index(id).is_some_and(|ix| self.exact[ix]),
            _ => false,
        })
    }

    fn context<'c>(
        &'c self,
        ix: NodeIx,
        references: &'c [Reference],
        memory: Option<&'c Value>,
    ) -> Context<'c> {
        let mut context = Context::new();
        context.set("inputs", self.question.inputs);
        context.set_owned("execution", json!({"id": "00000000-0000-7000-8000-000000000000"}));
        context.set("feedback", &NULL);
        if let Some(memory) = memory {
            context.set("memory", memory);
        }
        let nodes = &self.question.document.graph.nodes;
        for reference in references.iter().filter(|reference| reference.root() == "nodes") {
            match reference.members().first() {
                Some(id) => {
                    if let Some(other) = self.question.graph.index(id) {
                        context.set_node(id, &self.outputs[other]);
                    }
                }
                None => {
                    for other in self.question.graph.ancestors(ix) {
                        context.set_node(nodes[other].id.as_str(), &self.outputs[other]);
                    }
                }
            }
        }
        context
    }

    /// What it costs to embed a template's text, in pico-dollars.
    fn embedded(&mut self, ix: NodeIx, template: &str) -> f64 {
        let price = self.per_embedded_token();
        if price == 0.0 {
            return 0.0;
        }
        self.render(ix, template, Tokenizer::Cl100k, None).1.tokens * price
    }

    /// In pico-dollars.
    fn per_embedded_token(&self) -> f64 {
        let price = self.question.embedding.and_then(|model| model.per_token);
        price.map_or(0.0, |price| price.picos() as f64)
    }
}

fn mentions_memory(agent: &AgentConfig) -> bool {
    let templates = agent.system.iter().chain([&agent.prompt]);
    templates
        .filter_map(|template| Template::compile(template).ok())
        .any(|template| template.references().iter().any(|reference| reference.root() == "memory"))
}

/// In pico-dollars; `per_call` tokens of prompt decide the context tier.
fn cost(model: Option<&Model>, per_call: f64, prompt: f64, completion: f64) -> f64 {
    let Some(rate) = model.and_then(|model| model.rate(DEFAULT_TIER, per_call as u64)) else { return 0.0 };
    rate.input.picos() as f64 * prompt + rate.output.picos() as f64 * completion
}

/// One call with the shortest prompt and answer there can be, read from the provider's cache, in pico-dollars.
fn least(model: Option<&Model>, fixed: f64) -> f64 {
    let Some(rate) = model.and_then(|model| model.rate(DEFAULT_TIER, fixed as u64)) else { return 0.0 };
    let input = rate.cached_input.unwrap_or(rate.input).min(rate.input);
    input.picos() as f64 * fixed + rate.output.max(Money::ZERO).picos() as f64
}
