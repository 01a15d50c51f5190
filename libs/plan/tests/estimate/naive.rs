//! A run as the contract tells it, without anything that makes it fast or durable: nodes one after the other, outcomes
//! by luck, every call charged at what the ledger would hold back for it. What it spends is what an estimate must cover.
//! Not here: the real engine, whose runs are compared in the end-to-end tests.

use nexus_expr::{Condition, Context, Template};
use nexus_model::{
    Document, Money,
    document::{AgentConfig, Join, NodeKind, OnError, Tool},
    graph::{Graph, NodeIx},
    price::{PriceBook, PromptBound},
};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

#[derive(Clone, PartialEq)]
enum End {
    Done(Value),
    Skipped,
    Failed(Option<Value>),
}

struct Run<'a> {
    document: &'a Document,
    inputs: &'a Value,
    graph: Graph,
    prices: Arc<PriceBook>,
    /// `None`: whatever can go wrong does, as dearly as it can.
    luck: Option<std::iter::Cycle<std::slice::Iter<'a, u64>>>,
    ends: HashMap<NodeIx, End>,
    feedback: HashMap<NodeIx, Value>,
    rejections: HashMap<NodeIx, u32>,
    spent: Money,
}

/// Without luck, everything goes as dearly wrong as it can.
pub fn run(document: &Document, inputs: &Value, luck: Option<&[u64]>) -> Money {
    let mut run = Run {
        document,
        inputs,
        graph: Graph::new(document),
        prices: PriceBook::builtin(),
        luck: luck.map(|luck| luck.iter().cycle()),
        ends: HashMap::new(),
        feedback: HashMap::new(),
        rejections: HashMap::new(),
        spent: Money::ZERO,
    };
    // The documents list each node after those it depends on.
    let mut at = 0;
    while at < document.graph.nodes.len() {
        at = run.node(at);
    }
    run.spent
}

impl Run<'_> {
    /// The worst is the largest.
    fn chance(&mut self, of: u64) -> u64 {
        match &mut self.luck {
            Some(luck) => luck.next().map_or(0, |number| number % of),
            None => of - 1,
        }
    }

    fn may_send_back(&self, ix: NodeIx) -> bool {
        let total: u32 = self.rejections.values().sum();
        let own = self.rejections.get(&ix).copied().unwrap_or_default();
        let back = self.document.graph.nodes[ix].policy.backtrack.as_ref();
        back.is_some_and(|back| own < back.max && total < 5)
    }

    /// Runs the node, unless it has a result that holds; returns which comes next.
    fn node(&mut self, ix: NodeIx) -> NodeIx {
        if self.ends.contains_key(&ix) {
            return ix + 1;
        }
        let node = &self.document.graph.nodes[ix];
        let edges = self.graph.incoming(ix).to_vec();
        let taken: Vec<bool> = edges.iter().map(|edge| self.is_taken(*edge)).collect();
        let starts = match node.policy.join {
            _ if edges.is_empty() => true,
            Join::All | Join::Any => taken.contains(&true),
        };
        let end = if !starts {
            End::Skipped
        } else {
            match &node.kind {
                NodeKind::Conditional(config) => {
                    let case = config.cases.iter().find(|case| {
                        Condition::compile(&case.when).unwrap().eval_bool(&self.context(ix)) == Ok(true)
                    });
                    End::Done(json!({"handle": case.map_or(&config.r#else, |case| &case.handle)}))
                }
                NodeKind::Tool(tool) => match &tool.tool {
                    Tool::Template { template } => {
                        match Template::compile(template).unwrap().render(&self.context(ix)) {
                            Ok(text) => End::Done(json!({ "text": text })),
                            Err(_) => End::Failed(None),
                        }
                    }
                    _ => unreachable!("not among the documents"),
                },
                NodeKind::Agent(agent) => match self.agent(ix, agent) {
                    Ok(output) => End::Done(output),
                    Err(rejected) => {
                        if let (Some(output), Some(back)) = (rejected, &node.policy.backtrack)
                            && self.may_send_back(ix)
                        {
                            *self.rejections.entry(ix).or_default() += 1;
                            let to = self.graph.index(back.to.as_str()).unwrap();
                            let former = self.ends.get(&to).map_or(Value::Null, |end| match end {
                                End::Done(output) => output.clone(),
                                _ => Value::Null,
                            });
                            let told = json!({"message": "no", "rejected_output": former, "from_node": node.id, "from_output": output});
                            self.feedback.insert(to, told);
                            for stale in self.graph.descendants(to).into_iter().chain([to]) {
                                self.ends.remove(&stale);
                            }
                            return to;
                        }
                        End::Failed(match node.policy.on_error {
                            OnError::Fail => None,
                            OnError::Continue => Some(Value::Null),
                            OnError::Default => node.policy.default_output.clone(),
                        })
                    }
                },
            }
        };
        self.ends.insert(ix, end);
        ix + 1
    }

    fn is_taken(&self, edge: usize) -> bool {
        let Some((source, _)) = self.graph.ends(edge) else { return false };
        match self.ends.get(&source) {
            Some(End::Done(output)) => match &self.document.graph.nodes[source].kind {
                NodeKind::Conditional(_) => {
                    output["handle"].as_str() == self.document.graph.edges[edge].source_handle.as_deref()
                }
                _ => true,
            },
            Some(End::Failed(output)) => output.is_some(),
            Some(End::Skipped) | None => false,
        }
    }

    fn context(&self, ix: NodeIx) -> Context<'_> {
        let mut context = Context::new();
        context.set("inputs", self.inputs);
        static NULL: Value = Value::Null;
        for (other, node) in self.document.graph.nodes.iter().enumerate() {
            let output = match self.ends.get(&other) {
                Some(End::Done(output) | End::Failed(Some(output))) => output,
                _ => &NULL,
            };
            context.set_node(node.id.as_str(), output);
        }
        context.set("feedback", self.feedback.get(&ix).unwrap_or(&NULL));
        context
    }

    /// The output; or, if it was given up, the last answer.
    fn agent(&mut self, ix: NodeIx, agent: &AgentConfig) -> Result<Value, Option<Value>> {
        let node = &self.document.graph.nodes[ix];
        let render = |source: &str| Template::compile(source).unwrap().render(&self.context(ix));
        let Ok(prompt) = render(&agent.prompt) else { return Err(None) };
        let system = agent.system.as_deref().map(render).transpose().map_err(|_| None)?;
        let memory = agent.memory.as_ref().and_then(|memory| memory.recall.as_ref());
        let query = memory.and_then(|recall| render(&recall.query).ok());
        self.embed(query.as_deref());
        let entries = memory.map(|_| "an entry ".repeat(self.chance(3_000) as usize));
        let mut said: Vec<String> = Vec::new();
        let mut asked_again = false;
        for name in std::iter::once(&agent.model).chain(&agent.fallbacks) {
            let mut errors = 0;
            while errors < node.policy.retry.max_attempts {
                let mut bound = PromptBound::new();
                for text in system.iter().chain([&prompt]).chain(&entries).chain(&said) {
                    bound = bound.message(text);
                }
                if let Some(schema) = &agent.output_schema {
                    bound = bound.definition(schema);
                }
                let model = self.prices.get(name).unwrap();
                self.spent = self.spent.plus(model.reservation(bound.tokens(), agent.max_tokens));
                let bytes = if model.provider == "demo" { 4 } else { 128 };
                let long = self.chance(u64::from(agent.max_tokens) * bytes + 1) as usize;
                let filler = ["x", " ", "\u{1}", "ﷺ"][self.chance(4) as usize];
                let text = filler.repeat(long / filler.len().max(if filler == "ﷺ" { 33 } else { 1 }));
                let output = match agent.output_schema {
                    None => json!({ "text": text }),
                    Some(_) => json!({ "a": text.chars().take(long / 8).collect::<String>() }),
                };
                let can_reject = agent.output_schema.is_some()
                    || (!agent.checks.is_empty() && node.policy.backtrack.is_none());
                let is_last = agent.fallbacks.last().unwrap_or(&agent.model) == name
                    && errors + 1 == node.policy.retry.max_attempts;
                let outcome = match self.luck {
                    Some(_) => self.chance(4),
                    None if can_reject && !asked_again => 1,
                    None if is_last && !self.may_send_back(ix) => 0,
                    None => 2,
                };
                match outcome {
                    0 => {
                        self.embed(agent.memory.is_some().then_some(text.as_str()));
                        return Ok(output);
                    }
                    1 if agent.output_schema.is_some() || !agent.checks.is_empty() => {
                        if node.policy.backtrack.is_some() && agent.output_schema.is_none() {
                            return Err(Some(output));
                        }
                        if asked_again {
                            return Err(Some(output));
                        }
                        asked_again = true;
                        said = vec![
                            text.clone(),
                            format!("This answer was not accepted: {text}. Answer again, and mend that."),
                        ];
                    }
                    _ => errors += 1,
                }
            }
        }
        Err(Some(Value::Null))
    }

    fn embed(&mut self, text: Option<&str>) {
        if let (Some(text), Some(model)) = (text, self.prices.get("openai/text-embedding-3-small")) {
            self.spent = self.spent.plus(model.embedding().worst_case(text).unwrap());
        }
    }
}
