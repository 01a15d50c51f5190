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
