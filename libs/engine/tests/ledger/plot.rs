//! Random workflows with prices: agents with tools and memory, reviewers, conditionals, tools. Not here: what
//! happens to them (`world`).

use nexus_model::price::PriceBook;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A workflow, its budget, and the size of its calls.
#[derive(Debug, Clone)]
pub struct Plot {
    pub document: Value,
    /// About what a small call may cost, pico-dollars.
    pub unit: i64,
    /// What is known of the model that memory uses.
    pub embedding: Embedding,
    /// A model that never answers.
    pub broken: Option<&'static str>,
}

/// What is known of the price of memory's vectors.
#[derive(Debug, Clone, Copy)]
pub enum Embedding {
    Priced,
    /// Nobody knows what it costs.
    Unpriced,
    /// Memory has not said which it is.
    Unknown,
}

#[derive(Debug, Clone)]
struct Spec {
    kind: u8,
    parents: Vec<prop::sample::Index>,
    model: prop::sample::Index,
    fallbacks: u8,
    max_tokens: u32,
    tools: u8,
    memory: bool,
    backtrack: Option<(prop::sample::Index, u32)>,
    node_budget: Option<u32>,
    on_error: u8,
    any: bool,
}

const MODELS: [&str; 4] = ["openai/gpt-5.6-luna", "anthropic/claude-haiku-5-5", "demo/small", "demo/large"];

fn spec() -> impl Strategy<Value = Spec> {
    (
        (
            0..10u8,
            prop::collection::vec(any::<prop::sample::Index>(), 0..3),
            any::<prop::sample::Index>(),
            0..3u8,
        ),
        (1..400u32, 0..3u8, prop::bool::weighted(0.15)),
        (
            prop::option::weighted(0.3, (any::<prop::sample::Index>(), 1..4u32)),
            prop::option::weighted(0.15, 1..40u32),
            0..4u8,
            prop::bool::weighted(0.2),
        ),
    )
        .prop_map(
            |(
                (kind, parents, model, fallbacks),
                (max_tokens, tools, memory),
                (backtrack, node_budget, on_error, any),
            )| Spec {
                kind,
                parents,
                model,
                fallbacks,
                max_tokens,
                tools,
                memory,
                backtrack,
                node_budget,
                on_error,
                any,
            },
        )
}

pub fn plot() -> impl Strategy<Value = Plot> {
    let budget = (prop::option::weighted(0.85, 1..400u32), any::<bool>());
    let embedding = prop_oneof![8 => Just(Embedding::Priced), 1 => Just(Embedding::Unpriced), 1 => Just(Embedding::Unknown)];
    let others = (embedding, prop::option::weighted(0.2, prop::sample::select(&MODELS)));
    (prop::collection::vec(spec(), 1..9), budget, others).prop_map(|(specs, (limit, degrade), (embedding, broken))| {
        let unit = PriceBook::builtin().get(MODELS[0]).unwrap().reservation(500, 100).picos() / 10;
        let money = |units: u32| json!(nexus_model::Money::from_picos(unit * i64::from(units)));
        let (mut nodes, mut edges) = (Vec::new(), Vec::new());
        for (ix, spec) in specs.iter().enumerate() {
            let id = format!("n{ix}");
            let mut sources: Vec<usize> = Vec::new();
            if ix > 0 {
                sources.extend(spec.parents.iter().map(|parent| parent.index(ix)));
                sources.sort_unstable();
                sources.dedup();
            }
            let reads: String = sources.iter().map(|source| format!(" {{{{ nodes.n{source}.output }}}}")).collect();
            let mut policy = json!({
                "join": if spec.any { "any" } else { "all" },
                "on_error": (["fail", "fail", "continue", "default"][spec.on_error as usize]),
                "default_output": {"text": "instead", "handle": "yes"},
                "retry": {"max_attempts": 2, "initial_interval_ms": 10},
            });
            if let Some(units) = spec.node_budget {
                policy["budget_usd"] = money(units);
            }
            let (kind, config) = match spec.kind {
                0 => ("conditional", json!({"cases": [{"handle": "yes", "when": format!("size(execution.id) > {ix}")}], "else": "no"})),
                1 => ("tool", json!({"tool": "template", "template": format!("fine{reads}")})),
                2 => ("tool", json!({"tool": "http_request", "url": "https://example.com/"})),
                3 => ("tool", json!({"tool": "memory_recall", "query": format!("something{reads}")})),
                _ => {
                    let fallbacks: Vec<&str> =
                        (0..spec.fallbacks).map(|n| MODELS[(spec.model.index(4) + 1 + n as usize) % 4]).collect();
                    let mut config = json!({
                        "model": MODELS[spec.model.index(4)], "fallbacks": fallbacks, "max_tokens": spec.max_tokens,
                        "prompt": format!("go{reads}"), "max_tool_rounds": 2,
                    });
                    if spec.memory {
                        config["memory"] = json!({"recall": {"query": "what was"}, "store": true});
                    }
                    let earlier: Vec<usize> = ancestors(ix, &edges);
                    let agents = earlier.into_iter().filter(|n| specs[*n].kind > 0);
                    let agents: Vec<usize> = agents.collect();
                    if let (Some((to, max)), false) = (&spec.backtrack, agents.is_empty() && sources.is_empty()) {
                        // ancestors through the edges of this node are known only below
                        let direct: Vec<usize> = sources.iter().copied().filter(|n| specs[*n].kind > 0).collect();
                        if !direct.is_empty() {
                            policy["backtrack"] = json!({"to": format!("n{}", direct[to.index(direct.len())]), "max": max});
                            config["checks"] = json!(["output.text != 'rejected'"]);
                        }
                    }
                    ("agent", config)
                }
            };
            nodes.push(json!({"id": id, "type": kind, "config": config, "policy": policy}));
            for source in sources {
                let mut edge = json!({"id": format!("e{}", edges.len()), "source": format!("n{source}"), "target": id});
                if specs[source].kind == 0 {
                    edge["source_handle"] = json!(if ix % 2 == 0 { "yes" } else { "no" });
                }
                edges.push(edge);
            }
        }
        for (ix, spec) in specs.iter().enumerate().filter(|(_, spec)| spec.kind > 3) {
            for tool in 0..spec.tools {
                let config = if tool == 0 {
                    json!({"tool": "memory_store", "text": "{{ args.text }}",
                        "parameters": {"type": "object", "required": ["text"]}})
                } else {
                    json!({"tool": "http_request", "method": "POST", "url": "https://example.com/"})
                };
                let id = format!("n{ix}_tool{tool}");
                nodes.push(json!({"id": id, "type": "tool", "config": config}));
                edges.push(json!({"id": format!("t{ix}{tool}"), "source": id, "target": format!("n{ix}"), "target_handle": "tools"}));
            }
        }
        let mut document = json!({"name": "random", "graph": {"nodes": nodes, "edges": edges}});
        if let Some(units) = limit {
            document["budget"] =
                json!({"limit_usd": money(units), "on_exhausted": if degrade { "degrade" } else { "stop" }});
        }
        Plot { document, unit, embedding, broken }
    })
}

fn ancestors(ix: usize, edges: &[Value]) -> Vec<usize> {
    let (mut found, mut todo) = (Vec::new(), vec![format!("n{ix}")]);
    while let Some(node) = todo.pop() {
        for edge in edges.iter().filter(|edge| edge["target"] == *node) {
            let source = edge["source"].as_str().unwrap();
            let number: usize = source[1..].parse().unwrap();
            if !found.contains(&number) {
                found.push(number);
                todo.push(source.to_owned());
            }
        }
    }
    found
}
