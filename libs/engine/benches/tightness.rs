//! How much of a budget the ledger's caution costs: random workflows under a limit of one and a half times what they
//! truly cost. Prints how many complete, how many calls were clamped, and what was held for each dollar spent.
//! Not here: that the limit holds (`tests/ledger`).
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops when something is wrong"
)]

use nexus_engine::{Answer, Call, CallResult, Definition, Effect, Env, Input, Outcome, State, step};
use nexus_model::{
    Document, ExecutionId, ExecutionStatus, Money, Timestamp,
    document::{Budget, OnExhausted},
    execution::Tokens,
    price::{PriceBook, Usage},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc, time::Duration};

const WORKFLOWS: usize = 500;
const MODELS: [&str; 4] =
    ["openai/gpt-5.6-luna", "openai/gpt-4.1-mini", "anthropic/claude-haiku-5-5", "anthropic/claude-sonnet-5"];

/// A workflow, and how long the answers of its nodes truly are.
struct Plot {
    definition: Arc<Definition>,
    answers: HashMap<String, u32>,
}

/// Kinds of workflows.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    /// Longest prompt, words of five characters.
    words: usize,
    /// Whether each agent has a model of its own, a dear one beside cheap ones.
    mixed: bool,
}

const KINDS: [Kind; 2] = [
    Kind { name: "one model, prompts of 100 to 1,500 characters", words: 300, mixed: false },
    Kind { name: "mixed models, prompts of 100 to 5,000 characters", words: 1_000, mixed: true },
];

/// 2 to 12 agents that answer with a tenth to nine tenths of `max_tokens`.
fn plot(random: &mut StdRng, kind: Kind, models: &[&str]) -> Plot {
    let count = random.random_range(2..=12);
    let one = models[random.random_range(0..models.len())];
    let (mut nodes, mut edges, mut answers) = (Vec::new(), Vec::new(), HashMap::new());
    for ix in 0..count {
        let max_tokens: u32 = *[256, 512, 1024, 2048].get(random.random_range(0..4)).unwrap();
        answers.insert(format!("n{ix}"), (f64::from(max_tokens) * random.random_range(0.1..0.9)) as u32);
        let prompt = "word ".repeat(random.random_range(20..kind.words));
        let model = if kind.mixed { models[random.random_range(0..models.len())] } else { one };
        nodes.push(json!({"id": format!("n{ix}"), "type": "agent",
            "config": {"model": model, "prompt": prompt, "max_tokens": max_tokens}}));
        for source in 0..ix {
            if random.random_bool(0.3) {
                edges.push(json!({"id": format!("e{source}_{ix}"), "source": format!("n{source}"), "target": format!("n{ix}")}));
            }
        }
    }
    let document: Value = json!({"name": "random", "graph": {"nodes": nodes, "edges": edges}});
    let document: Document = serde_json::from_value(document).unwrap();
    Plot { definition: Arc::new(Definition::new(document, &Default::default())), answers }
}

#[derive(Default)]
struct Run {
    completed: bool,
    spent: Money,
    held: Money,
    calls: u32,
    clamped: u32,
}

fn run(plot: &Plot, limit: Option<Money>) -> Run {
    let budget =
        limit.map(|limit| Budget { limit_usd: Some(limit), warn_at: 0.8, on_exhausted: OnExhausted::Stop });
    let mut state = State::new(plot.definition.clone(), ExecutionId::generate(), Arc::new(json!({})), budget);
    let (mut now, mut run, mut in_flight) = (Timestamp::from_micros(0), Run::default(), Vec::<Call>::new());
    let mut input = Input::Take;
    loop {
        now = now.plus(Duration::from_millis(1));
        let out = step(&mut state, input, Env { now, random: 0.5, hold: false }).unwrap();
        for effect in out.effects {
            let Effect::Call(call) = effect else { continue };
            run.calls += 1;
            run.held = run.held.plus(call.reserved);
            in_flight.push(*call);
        }
        if in_flight.is_empty() {
            break;
        }
        let Call { node, revision, attempt, call, work, .. } = in_flight.remove(0);
        let nexus_engine::Work::Model(model) = work else { unreachable!("there are agents only") };
        let ix = plot.definition.graph.index(node.as_str()).unwrap();
        let nexus_model::document::NodeKind::Agent(agent) = &plot.definition.node(ix).kind else {
            unreachable!("there are agents only")
        };
        run.clamped += u32::from(model.max_tokens < agent.max_tokens);
        let output = plot.answers[node.as_str()].min(model.max_tokens);
        // four characters a token, as is usual for English
        let usage =
            Usage { input: model.prompt.len() as u64 / 4, output: u64::from(output), ..Usage::default() };
        let cost = PriceBook::builtin().get(&model.model).unwrap().cost("default", &usage);
        let result = CallResult {
            outcome: Ok(Outcome::Answer(Answer { text: "answer".into(), ..Answer::default() })),
            tokens: Tokens { prompt: usage.input, completion: usage.output },
            cost,
            latency: Duration::from_millis(1),
            provider: None,
        };
        input = Input::CallFinished { node, revision, attempt, call, result };
    }
    run.completed = state.status == ExecutionStatus::Succeeded;
    run.spent = state.spent();
    run
}

fn ratio(a: Money, b: Money) -> f64 {
    a.picos() as f64 / b.picos().max(1) as f64
}

fn main() {
    let known: Vec<&str> =
        MODELS.into_iter().filter(|model| PriceBook::builtin().get(model).is_some()).collect();
    println!("{WORKFLOWS} random workflows of 2 to 12 agents each, models {}", known.join(", "));
    for kind in KINDS {
        println!("{}:", kind.name);
        for factor in [1.1, 1.25, 1.5, 2.0, 3.0] {
            report(kind, &known, factor);
        }
    }
}

fn report(kind: Kind, models: &[&str], factor: f64) {
    let mut random = StdRng::seed_from_u64(7);
    let (mut completed, mut calls, mut clamped) = (0, 0, 0);
    let (mut free_held, mut free_spent) = (Money::ZERO, Money::ZERO);
    let (mut held, mut spent) = (Money::ZERO, Money::ZERO);
    for _ in 0..WORKFLOWS {
        let plot = plot(&mut random, kind, models);
        let free = run(&plot, None);
        (free_held, free_spent) = (free_held.plus(free.held), free_spent.plus(free.spent));
        let limit = Money::from_picos((free.spent.picos() as f64 * factor) as i64);
        let tight = run(&plot, Some(limit));
        assert!(tight.spent <= limit, "{} spent of {limit}", tight.spent);
        completed += usize::from(tight.completed);
        (calls, clamped) = (calls + tight.calls, clamped + tight.clamped);
        (held, spent) = (held.plus(tight.held), spent.plus(tight.spent));
    }
    println!(
        "  limit {factor:<4} × true cost: {:5.1} % complete, {:4.1} % of calls clamped, held per dollar spent {:.2} without a limit, {:.2} with it",
        100.0 * completed as f64 / WORKFLOWS as f64,
        100.0 * f64::from(clamped) / f64::from(calls),
        ratio(free_held, free_spent),
        ratio(held, spent),
    );
}
