//! Estimates: hand-checked figures, order and monotony over random documents, and bounds that no run of a naive
//! interpreter exceeds. The interpreter is in `estimate/naive`.
#![expect(clippy::unwrap_used, reason = "a test ends with a panic when something is not as it should be")]

#[path = "estimate/naive.rs"]
mod naive;

use nexus_model::{
    Document, Money, NodeId,
    document::Budget,
    estimate::{Basis, Estimate, NodeEstimate},
    limits::Limits,
    price::{Model, PriceBook, PromptBound},
};
use nexus_plan::estimate::{Basics, History, Sample};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use std::fs;

fn read(document: &Value) -> Document {
    let report = nexus_plan::validate(document, &Limits::default(), &PriceBook::builtin());
    assert!(report.valid, "{:#?}\n{document:#}", report.errors);
    serde_json::from_value(document.clone()).unwrap()
}

fn learned(document: &Value, inputs: &Value, history: &History) -> Estimate {
    let document = read(document);
    let prices = PriceBook::builtin();
    let embedding = prices.get("openai/text-embedding-3-small").map(Model::embedding);
    let basics =
        Basics { prices: &prices, limits: &Limits::default(), embedding: embedding.as_ref(), history };
    nexus_plan::estimate(&document, inputs, document.budget, basics)
}

fn estimated(document: &Value, inputs: &Value) -> Estimate {
    learned(document, inputs, &History::default())
}

fn node<'e>(estimate: &'e Estimate, id: &str) -> &'e NodeEstimate {
    estimate.nodes.iter().find(|node| node.node_id.as_str() == id).unwrap()
}

fn agent(id: &str, prompt: &str, max_tokens: u32) -> Value {
    json!({"id": id, "type": "agent", "config": {"model": "openai/gpt-4.1-mini", "prompt": prompt, "max_tokens": max_tokens},
        "policy": {"retry": {"max_attempts": 1}}})
}

fn workflow(nodes: Value, edges: &[(&str, &str, Option<&str>)]) -> Value {
    let edges: Vec<Value> = edges
        .iter()
        .enumerate()
        .map(|(nth, (source, target, handle))| {
            let mut edge = json!({"id": format!("e{nth}"), "source": source, "target": target});
            if let Some(handle) = handle {
                edge["source_handle"] = json!(handle);
            }
            edge
        })
        .collect();
    json!({"name": "w", "graph": {"nodes": nodes, "edges": edges}})
}

#[test]
fn one_call_costs_what_its_tokens_cost() {
    let text = "The quick brown fox jumps over the lazy dog.";
    let estimate = estimated(&workflow(json!([agent("a", text, 100)]), &[]), &json!({}));
    let model = PriceBook::builtin().get("openai/gpt-4.1-mini").unwrap().clone();
    let rate = model.default_rate().unwrap();
    // ten tokens, four around the message, and half of max_tokens
    assert_eq!(estimate.expected_usd, rate.input.times(14).plus(rate.output.times(50)));
    assert_eq!((estimate.tokens.prompt, estimate.tokens.completion), (14, 50));
    // what the ledger holds back for this call, once
    assert_eq!(estimate.max_usd, model.reservation(PromptBound::new().message(text).tokens(), 100));
    assert!(Money::ZERO < estimate.min_usd && estimate.min_usd < estimate.expected_usd);
    let part = node(&estimate, "a");
    assert_eq!((part.probability, part.basis, part.priced), (1.0, Basis::Assumed, true));
    assert!(estimate.fits_budget && estimate.likely_fits && estimate.limit_usd.is_none());
}

#[test]
fn what_is_known_of_the_inputs_decides_branches_and_lengths() {
    let nodes = json!([
        {"id": "big", "type": "conditional", "config": {"cases": [{"handle": "yes", "when": "inputs.n > 3"}], "else": "no"}},
        agent("a", "{{ inputs.text }}", 100), agent("b", "x", 100),
        {"id": "t", "type": "tool", "config": {"tool": "template", "template": "{{ inputs.text }}!"}},
        {"id": "long", "type": "conditional", "config": {"cases": [{"handle": "yes", "when": "size(nodes.t.output.text) > 5"}]}},
        agent("c", "x", 100),
    ]);
    let document = workflow(
        nodes,
        &[
            ("big", "a", Some("yes")),
            ("big", "b", Some("no")),
            ("t", "long", None),
            ("long", "c", Some("yes")),
        ],
    );
    let short = estimated(&document, &json!({"n": 5, "text": "hi"}));
    assert_eq!(node(&short, "b").max_usd, Money::ZERO);
    assert_eq!(node(&short, "c").max_usd, Money::ZERO);
    assert_eq!((node(&short, "a").probability, node(&short, "b").probability), (1.0, 0.0));
    assert!(node(&short, "a").min_usd > Money::ZERO);
    assert_eq!(short.max_usd, node(&short, "a").max_usd);
    let long = estimated(&document, &json!({"n": 5, "text": "hi ".repeat(1_000)}));
    assert!(long.expected_usd > short.expected_usd && long.max_usd > short.max_usd);
    assert_eq!(node(&long, "c").probability, 1.0);
    let other = estimated(&document, &json!({"n": 1, "text": "hi"}));
    assert_eq!((node(&other, "a").max_usd, node(&other, "b").probability), (Money::ZERO, 1.0));
}

#[test]
fn branches_are_even_until_runs_say_otherwise_and_meet_again() {
    let nodes = json!([
        agent("start", "x", 100),
        {"id": "which", "type": "conditional", "config": {"cases": [{"handle": "a", "when": "nodes.start.output.text == 'a'"}], "else": "b"}},
        agent("a", "x", 100), agent("b", "x", 100),
        {"id": "meet", "type": "agent", "config": {"model": "openai/gpt-4.1-mini", "prompt": "x"}, "policy": {"join": "any"}},
        agent("both", "x", 100),
    ]);
    let document = workflow(
        nodes,
        &[
            ("start", "which", None),
            ("which", "a", Some("a")),
            ("which", "b", Some("b")),
            ("a", "meet", None),
            ("b", "meet", None),
            ("which", "both", Some("a")),
            ("which", "both", Some("b")),
        ],
    );
    let even = estimated(&document, &json!({}));
    let likely = |estimate: &Estimate, id: &str| node(estimate, id).probability;
    assert_eq!((likely(&even, "a"), likely(&even, "b"), likely(&even, "meet")), (0.5, 0.5, 1.0));
    // It may be skipped, as far as can be told from the graph; this one cannot.
    assert_eq!(node(&even, "a").min_usd, Money::ZERO);
    assert!(node(&even, "both").min_usd > Money::ZERO);
    let mut history = History::of_runs(9);
    for _ in 0..9 {
        history.add_branch(NodeId::new("which").unwrap(), "a".into());
    }
    let learned = learned(&document, &json!({}), &history);
    assert_eq!((likely(&learned, "a"), likely(&learned, "b"), learned.history_runs), (0.95, 0.05, 9));
}

#[test]
fn answers_are_expected_to_be_as_long_as_they_were() {
    let document = workflow(
        json!([agent("a", "x", 1_000), agent("b", "{{ nodes.a.output.text }}", 1_000)]),
        &[("a", "b", None)],
    );
    let mut history = History::of_runs(3);
    for completion in [90, 100, 110] {
        history.add_sample(
            NodeId::new("a").unwrap(),
            "openai/gpt-4.1-mini".into(),
            Sample { prompt: 5, completion, attempts: 1 },
        );
    }
    let estimate = learned(&document, &json!({}), &history);
    assert_eq!((node(&estimate, "a").basis, node(&estimate, "b").basis), (Basis::History, Basis::Assumed));
    assert_eq!(node(&estimate, "a").tokens.completion, 100);
    // the other one reads it
    assert_eq!(node(&estimate, "b").tokens.prompt, 104);
}

#[test]
fn budgets_are_compared_with_what_is_most_and_what_is_likely() {
    let mut document = workflow(json!([agent("a", "x", 100)]), &[]);
    let without = estimated(&document, &json!({}));
    let between = without.expected_usd.plus(Money::from_picos(1));
    for (limit, fits, likely) in
        [(without.max_usd, true, true), (between, false, true), (Money::from_picos(1), false, false)]
    {
        document["budget"] = json!({ "limit_usd": limit });
        let estimate = estimated(&document, &json!({}));
        assert_eq!(
            (estimate.fits_budget, estimate.likely_fits, estimate.limit_usd),
            (fits, likely, Some(limit))
        );
        assert_eq!(estimate.max_usd, without.max_usd, "the budget does not change the bound");
    }
    document["budget"] = json!({ "limit_usd": 100 });
    document["graph"]["nodes"][0]["policy"] = json!({"budget_usd": 1e-12, "retry": {"max_attempts": 1}});
    assert!(!estimated(&document, &json!({})).fits_budget, "a node's own budget counts");
    // a model without a price counts as free, and that is said
    let mut unpriced = workflow(json!([agent("a", "x", 100)]), &[]);
    unpriced["graph"]["nodes"][0]["config"]["model"] = json!("openai/own-model");
    let estimate = estimated(&unpriced, &json!({}));
    assert_eq!((estimate.max_usd, node(&estimate, "a").priced), (Money::ZERO, false));
}

/// Where nothing is unknown but what goes wrong, the worst run costs exactly the most.
#[test]
fn the_bound_is_tight_where_lengths_are_known() {
    let mut author = agent("author", "Write.", 100);
    author["config"]["fallbacks"] = json!(["openai/gpt-4.1", "demo/large"]);
    author["policy"]["retry"]["max_attempts"] = json!(3);
    let mut reviewer = agent("reviewer", "Judge.", 50);
    reviewer["config"]["checks"] = json!(["output.text != ''"]);
    reviewer["policy"]["backtrack"] = json!({"to": "author", "max": 2});
    let other = agent("other", "Something else.", 70);
    let document = workflow(json!([author, reviewer, other]), &[("author", "reviewer", None)]);
    let most = estimated(&document, &json!({})).max_usd;
    assert_eq!(naive::run(&read(&document), &json!({}), None), most);
}

/// The second question costs as much as the first: the bound holds both.
#[test]
fn asking_again_counts() {
    let mut document = workflow(json!([agent("a", &"long ".repeat(12_000), 10)]), &[]);
    document["graph"]["nodes"][0]["config"]["output_schema"] = json!({"type": "object"});
    let most = estimated(&document, &json!({})).max_usd;
    let spent = naive::run(&read(&document), &json!({}), None);
    assert!(spent <= most && most.usd() < spent.usd() * 1.5, "{spent} {most}");
}

#[test]
fn every_example_has_an_estimate() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().extension().is_none_or(|kind| kind != "json") {
            continue;
        }
        let document: Value = serde_json::from_str(&fs::read_to_string(entry.path()).unwrap()).unwrap();
        let properties = document["inputs"]["properties"].as_object().cloned().unwrap_or_default();
        let inputs = properties.into_iter().map(|(name, schema)| {
            let example = schema["examples"][0].clone();
            (name, if example.is_null() { schema["default"].clone() } else { example })
        });
        let inputs: serde_json::Map<String, Value> = inputs.filter(|(_, value)| !value.is_null()).collect();
        let estimate = estimated(&document, &Value::Object(inputs));
        let steps = document["graph"]["nodes"].as_array().unwrap().len();
        assert!(!estimate.nodes.is_empty() && estimate.nodes.len() <= steps);
        let Estimate { min_usd, expected_usd, max_usd, .. } = estimate;
        assert!(
            Money::ZERO < min_usd && min_usd < expected_usd && expected_usd < max_usd,
            "{:?}",
            entry.path()
        );
        assert!(max_usd < Money::from_usd(50.0).unwrap(), "{:?}: {max_usd}", entry.path());
        seen += 1;
    }
    assert!(seen >= 5);
}

/// A random document of agents, templates and conditionals, layer by layer; and what may be changed about it.
fn documents() -> impl Strategy<Value = Value> {
    let policy = (1..4_u32, select(vec![None, Some("any")])).prop_map(|(attempts, join)| {
        let mut policy = json!({"retry": {"max_attempts": attempts}});
        if let Some(join) = join {
            policy["join"] = json!(join);
        }
        policy
    });
    let config = (
        0..4_u8,
        1..600_u32,
        vec(select(vec!["openai/gpt-4.1", "anthropic/claude-haiku-4-5", "demo/large"]), 0..3),
        any::<[bool; 4]>(),
        vec(0..6_usize, 0..3),
    );
    vec((config, policy), 1..9).prop_map(|nodes| {
        let (mut listed, mut edges) = (Vec::new(), Vec::new());
        for (nth, ((kind, max_tokens, mut fallbacks, [schema, checks, memory, feedback], before), policy)) in
            nodes.into_iter().enumerate()
        {
            let id = format!("n{nth}");
            let mut before: Vec<usize> = before.into_iter().filter(|other| *other < nth).collect();
            before.sort_unstable();
            before.dedup();
            let outputs: String = before.iter().map(|other| format!("<{{{{ nodes.n{other}.output }}}}>")).collect();
            let mut node = match kind {
                0 => json!({"type": "conditional", "config": {"cases": [
                    {"handle": "yes", "when": format!("size('{id}') > {}", max_tokens % 5)}], "else": "no"}}),
                1 => json!({"type": "tool", "config": {"tool": "template", "template": format!("{{{{ inputs.text }}}}{outputs}")}}),
                _ => {
                    fallbacks.sort_unstable();
                    fallbacks.dedup();
                    let told = if feedback { "{{ feedback }}" } else { "" };
                    let mut config = json!({"model": "openai/gpt-4.1-mini", "fallbacks": fallbacks, "max_tokens": max_tokens,
                        "prompt": format!("Say: {{{{ inputs.text }}}}{outputs}{told}")});
                    if schema {
                        config["output_schema"] = json!({"type": "object", "properties": {"a": {"type": "string"}}});
                    }
                    if checks {
                        config["checks"] = json!(["output != null"]);
                    }
                    if memory {
                        config["memory"] = json!({"recall": {"query": "{{ inputs.text }}"}, "store": true});
                    }
                    json!({"type": "agent", "config": config})
                }
            };
            node["id"] = json!(id);
            node["policy"] = policy;
            if let (Some(to), true, true) = (before.first(), kind > 1, feedback)
                && listed.get(*to).is_some_and(|to: &Value| to["type"] != "conditional")
            {
                node["policy"]["backtrack"] = json!({"to": format!("n{to}"), "max": max_tokens % 4 + 1});
            }
            for other in before {
                let conditional = listed.get(other).is_some_and(|other: &Value| other["type"] == "conditional");
                let mut edge = json!({"id": format!("e{other}_{nth}"), "source": format!("n{other}"), "target": id});
                if conditional {
                    edge["source_handle"] = json!(if max_tokens % 2 == 0 { "yes" } else { "no" });
                }
                edges.push(edge);
            }
            listed.push(node);
        }
        json!({"name": "random", "inputs": {"type": "object", "properties": {"text": {"type": "string"}}},
            "graph": {"nodes": listed, "edges": edges}})
    })
}

fn histories() -> impl Strategy<Value = History> {
    vec((0..8_usize, 0..5_000_u64, 0..5_000_u64, 1..9_u32), 0..12).prop_map(|samples| {
        let mut history = History::of_runs(samples.len() as u32);
        for (node, prompt, completion, attempts) in samples {
            let id = NodeId::new(&format!("n{node}")).unwrap();
            let sample = Sample { prompt, completion, attempts };
            history.add_sample(id.clone(), "openai/gpt-4.1-mini".into(), sample);
            history.add_branch(id, if prompt % 3 == 0 { "yes" } else { "no" }.into());
        }
        history
    })
}

fn in_order(least: Money, expected: Money, most: Money) -> bool {
    Money::ZERO <= least && least <= expected && expected <= most
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn least_is_not_more_than_expected_and_that_not_more_than_most(
        document in documents(), text in ".{0,60}", history in histories(), limit in proptest::option::of(1..9_000_000_000_i64),
    ) {
        let mut document = document;
        if let Some(limit) = limit {
            document["budget"] = json!(Budget { limit_usd: Some(Money::from_picos(limit)), warn_at: 0.8, on_exhausted: Default::default() });
        }
        let inputs = json!({ "text": text });
        let estimate = learned(&document, &inputs, &history);
        prop_assert!(in_order(estimate.min_usd, estimate.expected_usd, estimate.max_usd), "{estimate:#?}");
        for node in &estimate.nodes {
            prop_assert!(in_order(node.min_usd, node.expected_usd, node.max_usd) && node.max_usd <= estimate.max_usd, "{node:?}");
            prop_assert!((0.0..=1.0).contains(&node.probability));
        }
        prop_assert!(!estimate.fits_budget || estimate.likely_fits);
        prop_assert_eq!(&estimate, &learned(&document, &inputs, &history), "the same every time");
    }

    #[test]
    fn more_of_anything_never_costs_less_at_most(
        document in documents(), text in ".{0,60}", which in any::<prop::sample::Index>(), what in 0..6_u8, more in 1..500_u32,
    ) {
        let (mut document, inputs) = (document, json!({ "text": text }));
        let before = estimated(&document, &inputs);
        let agents: Vec<usize> = (0..before.nodes.len()).filter(|ix| document["graph"]["nodes"][*ix]["type"] == "agent").collect();
        prop_assume!(!agents.is_empty());
        let node = &mut document["graph"]["nodes"][*which.get(&agents)];
        let add = |value: &mut Value| *value = json!(value.as_u64().unwrap_or_default() + u64::from(more));
        let mut inputs = inputs;
        match what {
            0 => add(&mut node["config"]["max_tokens"]),
            1 => add(&mut node["policy"]["retry"]["max_attempts"]),
            2 => node["config"]["fallbacks"].as_array_mut().unwrap().push(json!("openai/gpt-4o")),
            3 => inputs = json!({ "text": format!("{text}{}", "more".repeat(more as usize)) }),
            4 => node["config"]["system"] = json!("x".repeat(more as usize)),
            _ => node["config"]["checks"] = json!(["output != null", "size(string(output)) > 3"]),
        }
        if what == 1 {
            node["policy"]["retry"]["max_attempts"] = json!((more % 6) + 4);
        }
        let after = estimated(&document, &inputs);
        prop_assert!(before.max_usd <= after.max_usd, "{} > {}", before.max_usd, after.max_usd);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn no_run_of_a_naive_interpreter_costs_more_than_most(
        document in documents(), text in "[a-zé ﷺ]{0,60}", luck in vec(any::<u64>(), 400),
    ) {
        let inputs = json!({ "text": text });
        let estimate = estimated(&document, &inputs);
        for luck in [Some(luck.as_slice()), None] {
            let spent = naive::run(&read(&document), &inputs, luck);
            prop_assert!(spent <= estimate.max_usd, "spent {spent} of at most {}", estimate.max_usd);
        }
    }
}
