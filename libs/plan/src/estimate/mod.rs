//! What a run of a document may cost, before it: least, expected, most. A pure function of the document, its inputs,
//! the prices and what earlier runs teach; bounded work, whatever the document.
//!
//! * **most** (`most`) is a true upper bound of what the ledger could hold back: see there for the rules it rests on.
//! * **expected** (`expect`) weighs each node with how likely it runs (`flow`).
//! * **least**: only nodes that run in any case, one call each with the shortest of prompts and answers.
//!
//! Not here: the bound of a single call (`nexus_model::price::bound`), reading history (`services/planner`).

mod count;
mod expect;
mod flow;
mod history;
mod most;
mod standin;

pub use history::{History, Sample};

use expect::{Expectations, Expected};
use flow::{Choice, Flow};
use most::Bounds;
use nexus_model::{
    Document, Money,
    document::{Budget, NodeKind, Tool},
    estimate::{Basis, Estimate, NodeEstimate},
    execution::Tokens,
    graph::{Graph, NodeIx},
    limits::Limits,
    price::{EmbeddingModel, PriceBook},
};
use serde_json::Value;
use std::{borrow::Cow, sync::LazyLock};

/// Rejections that one execution takes, however many its nodes allow.
const BACKTRACKS: u64 = 5;
/// The largest amount an estimate names; it stands for more.
const MOST: Money = Money::from_picos(9_000_000_000_000_000_000);

/// What an estimate rests on.
#[derive(Debug, Clone, Copy)]
pub struct Basics<'a> {
    /// What models cost.
    pub prices: &'a PriceBook,
    /// Sizes that outputs are held to.
    pub limits: &'a Limits,
    /// The model that makes memory's vectors; `None` if that costs nothing.
    pub embedding: Option<&'a EmbeddingModel>,
    /// What earlier runs teach.
    pub history: &'a History,
}

/// What is asked, and what its answer's parts have in common.
struct Question<'a> {
    document: &'a Document,
    inputs: &'a Value,
    prices: &'a PriceBook,
    limits: &'a Limits,
    embedding: Option<&'a EmbeddingModel>,
    history: &'a History,
    graph: &'a Graph,
    flow: &'a Flow,
    /// Per node, those that can send it back to work.
    rejected_by: Vec<Vec<NodeIx>>,
}

/// What a run of a valid document may cost with these inputs, under this budget.
pub fn estimate(document: &Document, inputs: &Value, budget: Option<Budget>, basics: Basics<'_>) -> Estimate {
    let graph = Graph::new(document);
    let flow = Flow::new(document, &graph);
    let rejections = rejections(document, &graph);
    let mut rejected_by = vec![Vec::new(); document.graph.nodes.len()];
    for rejection in &rejections {
        for node in &rejection.again {
            rejected_by[*node].push(rejection.by);
        }
    }
    let Basics { prices, limits, embedding, history } = basics;
    let question = Question {
        document,
        inputs,
        prices,
        limits,
        embedding,
        history,
        graph: &graph,
        flow: &flow,
        rejected_by,
    };
    question.answer(budget, &rejections)
}

impl Question<'_> {
    fn answer(&self, budget: Option<Budget>, rejections: &[Rejection]) -> Estimate {
        let nodes = &self.document.graph.nodes;
        let tools = Tools::new(self.document, self.graph);
        let mut bounds = Bounds::new(self);
        let mut expectations = Expectations::new(self);
        let (mut surely, mut never) = (vec![false; nodes.len()], vec![false; nodes.len()]);
        let mut choices: Vec<Option<Choice>> = vec![None; nodes.len()];
        let mut expected = vec![Expected::default(); nodes.len()];
        // What one start of the node costs at most.
        let mut starts = vec![Money::ZERO; nodes.len()];
        for ix in &self.flow.order {
            let ix = *ix;
            surely[ix] = self.flow.surely(ix, &surely, &choices);
            never[ix] = self.flow.never(ix, &never, &choices);
            let (takes, known) = expectations.node(ix, surely[ix], &tools);
            if let NodeKind::Conditional(_) = &nodes[ix].kind {
                let handles: Vec<&str> = self.flow.handles[ix].iter().map(String::as_str).collect();
                choices[ix] = Some(match known.choice {
                    Some(handle) => Choice::Fixed(handle),
                    None => Choice::Open(self.history.likelihoods(&nodes[ix].id, &handles)),
                });
            }
            expected[ix] = takes;
            let most = bounds.start(ix, &tools, &known.rendered);
            starts[ix] = if never[ix] { Money::ZERO } else { most };
        }
        let likely = self.flow.probabilities(&choices);
        let parts: Vec<NodeEstimate> = self
            .graph
            .steps()
            .map(|ix| {
                let times = 1 + rejections_of(ix, rejections);
                let most = starts[ix].times(times).min(MOST);
                let probability = if never[ix] { 0.0 } else { likely[ix] };
                let least = if surely[ix] { money(expected[ix].least).min(most) } else { Money::ZERO };
                NodeEstimate {
                    node_id: nodes[ix].id.clone(),
                    min_usd: least,
                    expected_usd: money(expected[ix].picos * probability).min(most).max(least),
                    max_usd: most,
                    tokens: tokens(&expected[ix], probability),
                    probability,
                    basis: self.basis(ix, &expected[ix], most),
                    priced: self.is_priced(ix),
                }
            })
            .collect();
        let max_usd = total(&starts, rejections).min(MOST);
        let min_usd: Money = parts.iter().map(|part| part.min_usd).sum();
        let expected_usd: Money = parts.iter().map(|part| part.expected_usd).sum();
        let limit_usd = budget.and_then(|budget| budget.limit_usd);
        let own = || self.graph.steps().map(|ix| nodes[ix].policy.budget_usd);
        let within = |total: Money, of: fn(&NodeEstimate) -> Money| {
            limit_usd.is_none_or(|limit| total <= limit)
                && parts.iter().zip(own()).all(|(part, own)| own.is_none_or(|own| of(part) <= own))
        };
        let (min_usd, expected_usd) = (min_usd.min(max_usd), expected_usd.min(max_usd));
        Estimate {
            min_usd,
            expected_usd,
            max_usd,
            tokens: parts.iter().fold(Tokens::default(), |sum, part| sum.plus(part.tokens)),
            fits_budget: within(max_usd, |part| part.max_usd),
            likely_fits: within(expected_usd, |part| part.expected_usd),
            limit_usd,
            history_runs: self.history.runs(),
            nodes: parts,
        }
    }

    fn basis(&self, ix: NodeIx, expected: &Expected, most: Money) -> Basis {
        match &self.document.graph.nodes[ix].kind {
            NodeKind::Agent(_) if expected.from_history => Basis::History,
            NodeKind::Agent(_) => Basis::Assumed,
            _ if most == Money::ZERO => Basis::Free,
            _ => Basis::Assumed,
        }
    }

    fn is_priced(&self, ix: NodeIx) -> bool {
        match &self.document.graph.nodes[ix].kind {
            NodeKind::Agent(agent) => std::iter::once(&agent.model)
                .chain(&agent.fallbacks)
                .all(|name| self.prices.get(name).is_some()),
            _ => true,
        }
    }
}

/// What a node's rejection can bring about.
struct Rejection {
    by: NodeIx,
    /// How often.
    most: u64,
    /// The nodes that may then run again.
    again: Vec<NodeIx>,
}

fn rejections(document: &Document, graph: &Graph) -> Vec<Rejection> {
    let found = graph.steps().filter_map(|by| {
        let backtrack = document.graph.nodes[by].policy.backtrack.as_ref()?;
        let to = graph.index(backtrack.to.as_str())?;
        let mut again = graph.descendants(to);
        again.push(to);
        Some(Rejection { by, most: u64::from(backtrack.max).min(BACKTRACKS), again })
    });
    found.collect()
}

/// How often a node may be started once more.
fn rejections_of(node: NodeIx, rejections: &[Rejection]) -> u64 {
    let theirs = rejections.iter().filter(|rejection| rejection.again.contains(&node));
    theirs.map(|rejection| rejection.most).sum::<u64>().min(BACKTRACKS)
}

/// Every node once, and then the dearest rejections that an execution takes.
fn total(starts: &[Money], rejections: &[Rejection]) -> Money {
    let mut dearest: Vec<(Money, u64)> = rejections
        .iter()
        .map(|rejection| (rejection.again.iter().map(|node| starts[*node]).sum(), rejection.most))
        .collect();
    dearest.sort_unstable_by(|one, other| other.cmp(one));
    let mut left = BACKTRACKS;
    let mut sum: Money = starts.iter().copied().sum();
    for (cost, most) in dearest {
        let times = most.min(left);
        left -= times;
        sum = sum.plus(cost.times(times));
    }
    sum
}

/// The tools attached to agents, as models are shown them.
struct Tools<'d> {
    attached: Vec<Vec<AttachedTool<'d>>>,
}

/// A tool as a model is shown it.
struct AttachedTool<'d> {
    name: &'d str,
    description: Cow<'d, str>,
    parameters: &'d Value,
    node: NodeIx,
    /// The template of the text that is embedded when it is used.
    embeds: Option<&'d str>,
}

static ANY_OBJECT: LazyLock<Value> =
    LazyLock::new(|| serde_json::json!({"type": "object", "properties": {}}));

impl<'d> Tools<'d> {
    fn new(document: &'d Document, graph: &Graph) -> Self {
        let nodes = &document.graph.nodes;
        let shown = |ix: &NodeIx| match &nodes[*ix].kind {
            NodeKind::Tool(tool) => Some(AttachedTool {
                name: nodes[*ix].id.as_str(),
                description: match (&tool.description, nodes[*ix].name.as_str()) {
                    (Some(description), _) => Cow::Borrowed(description.as_str()),
                    (None, "") => Cow::Owned(format!("Runs the tool {}.", tool.tool.name())),
                    (None, name) => Cow::Borrowed(name),
                },
                parameters: tool.parameters.as_ref().unwrap_or(&ANY_OBJECT),
                node: *ix,
                embeds: match &tool.tool {
                    Tool::MemoryStore { text, .. } => Some(text),
                    Tool::MemoryRecall { query, .. } => Some(query),
                    _ => None,
                },
            }),
            _ => None,
        };
        let attached = |ix| graph.attached_tools(ix).iter().filter_map(shown).collect();
        Self { attached: (0..nodes.len()).map(attached).collect() }
    }

    fn of(&self, node: NodeIx) -> &[AttachedTool<'d>] {
        &self.attached[node]
    }
}

fn money(picos: f64) -> Money {
    // Conversion from floating point saturates.
    Money::from_picos(picos.round() as i64).min(MOST)
}

fn tokens(expected: &Expected, probability: f64) -> Tokens {
    let weighed = |tokens: f64| (tokens * probability).round() as u64;
    Tokens { prompt: weighed(expected.prompt), completion: weighed(expected.completion) }
}
