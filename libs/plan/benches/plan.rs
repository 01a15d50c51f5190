//! How long planning and validating take: `cargo bench -p nexus-plan`. Wanted: 20 nodes planned within 100 µs,
//! 100,000 nodes and 300,000 edges within 300 ms.

use nexus_model::{Document, limits::Limits, price::PriceBook};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

/// Layers of nodes, each node with edges to nodes of later layers, spread without randomness.
fn layered(nodes: usize, edges: usize) -> Value {
    let width = (nodes as f64).sqrt() as usize;
    let listed = (0..nodes).map(
        |n| json!({"id": format!("n{n}"), "type": "tool", "config": {"tool": "template", "template": "x"}}),
    );
    let mut drawn = Vec::with_capacity(edges);
    let mut step = 0;
    while drawn.len() < edges {
        let source = step % (nodes - 1);
        let target = (source + 1 + (step / (nodes - 1)) * width + (step * 7) % width).min(nodes - 1);
        if source < target {
            drawn.push(json!({"source": format!("n{source}"), "target": format!("n{target}")}));
        }
        step += 1;
    }
    json!({"graph": {"nodes": listed.collect::<Vec<_>>(), "edges": drawn}})
}

#[expect(clippy::expect_used, reason = "a bench is no place to recover")]
fn read(value: Value) -> Document {
    serde_json::from_value(value).expect("a document")
}

#[divan::bench]
fn plan_20_nodes(bencher: divan::Bencher<'_, '_>) {
    let document = read(layered(20, 40));
    bencher.bench(|| nexus_plan::plan(divan::black_box(&document)));
}

#[divan::bench(sample_count = 20)]
fn plan_100_000_nodes_300_000_edges(bencher: divan::Bencher<'_, '_>) {
    let document = read(layered(100_000, 300_000));
    bencher.bench(|| nexus_plan::plan(divan::black_box(&document)));
}

#[divan::bench]
fn validate_20_nodes(bencher: divan::Bencher<'_, '_>) {
    let (value, prices) = (layered(20, 40), PriceBook::builtin());
    bencher.bench(|| nexus_plan::validate(divan::black_box(&value), &Limits::default(), &prices));
}

#[divan::bench(sample_count = 20)]
fn validate_500_nodes_2_000_edges(bencher: divan::Bencher<'_, '_>) {
    let (mut value, prices) = (layered(500, 1_990), PriceBook::builtin());
    for n in 1..500 {
        value["graph"]["nodes"][n]["config"]["template"] =
            json!(format!("{{{{ nodes.n{}.output }}}}", n - 1));
    }
    bencher.bench(|| nexus_plan::validate(divan::black_box(&value), &Limits::default(), &prices));
}

/// An estimate of 500 agents that read each other and an input; half of them behind branches.
#[divan::bench(sample_count = 20)]
fn estimate_500_nodes_2_000_edges(bencher: divan::Bencher<'_, '_>) {
    use nexus_plan::estimate::{Basics, History};
    let mut value = layered(500, 1_990);
    for n in 0..500 {
        let before = if n == 0 { String::new() } else { format!("{{{{ nodes.n{}.output }}}}", n - 1) };
        let agent = json!({"id": format!("n{n}"), "type": "agent", "config": {"model": "openai/gpt-4.1-mini",
            "prompt": format!("Part {n}. Write about {{{{ inputs.topic }}}}, with an eye on what was said before: {before}")}});
        let branch = json!({"id": format!("n{n}"), "type": "conditional", "config": {"cases": [
            {"handle": "yes", "when": format!("size(string(nodes.n{}.output)) > 9", n - 1)}]}});
        value["graph"]["nodes"][n as usize] = if n % 5 == 4 { branch } else { agent };
    }
    for edge in 0..1_990 {
        let source: i32 =
            value["graph"]["edges"][edge]["source"].as_str().map_or(0, |id| id[1..].parse().unwrap_or(0));
        if source % 5 == 4 {
            value["graph"]["edges"][edge]["source_handle"] =
                json!(if edge % 2 == 0 { "yes" } else { "else" });
        }
    }
    let (document, prices) = (read(value), PriceBook::builtin());
    let (inputs, history, limits) = (json!({"topic": "tides"}), History::default(), Limits::default());
    let basics = Basics { prices: &prices, limits: &limits, embedding: None, history: &history };
    bencher.bench(|| nexus_plan::estimate(divan::black_box(&document), &inputs, None, basics));
}

/// What estimating costs beside its parts.
#[divan::bench]
fn estimate_1_node(bencher: divan::Bencher<'_, '_>) {
    use nexus_plan::estimate::{Basics, History};
    let agent =
        json!({"id": "a", "type": "agent", "config": {"model": "openai/gpt-4.1-mini", "prompt": "hello"}});
    let (document, prices) = (read(json!({"graph": {"nodes": [agent]}})), PriceBook::builtin());
    let (history, limits) = (History::default(), Limits::default());
    let basics = Basics { prices: &prices, limits: &limits, embedding: None, history: &history };
    let inputs = json!({});
    bencher.bench(|| nexus_plan::estimate(divan::black_box(&document), &inputs, None, basics));
}
