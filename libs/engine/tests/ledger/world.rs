//! An execution under test: calls that cost something between nothing and what was held, or nobody knows what; with
//! the journal as the only thing that survives a crash. Not here: what must hold (`main`, `naive`).

use crate::plot::{Embedding, Plot};
use nexus_engine::{
    Answer, Call, CallFailure, CallResult, Definition, Effect, Env, Input, NodeState, Outcome, Record, State,
    Step, ToolRequest, Work,
};
use nexus_model::{
    Document, ExecutionId, Money, NodeId, Timestamp,
    document::Budget,
    execution::{NodeStatus, Tokens},
    price::{EmbeddingModel, PriceBook},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub struct World {
    pub state: State,
    pub journal: Vec<String>,
    /// What providers would put on their bills.
    pub truly_spent: Money,
    definition: Arc<Definition>,
    budget: Option<Budget>,
    id: ExecutionId,
    now: Timestamp,
    in_flight: Vec<Call>,
    timers: Vec<(NodeId, Timestamp)>,
    /// The process is about to hand the execution on.
    draining: bool,
    /// A model that never answers, and asks nothing for it.
    broken: Option<&'static str>,
    /// Outputs that nodes succeeded with, by revision.
    outputs: BTreeMap<(NodeId, u32), Option<Value>>,
    revisions: BTreeMap<NodeId, u32>,
}

impl World {
    pub fn new(plot: &Plot) -> Self {
        let document: Document = serde_json::from_value(plot.document.clone()).unwrap();
        let budget = document.budget;
        let embedding =
            |per_token| EmbeddingModel { model: "fake/embedding".into(), per_token, piece_bytes: 8_000 };
        let embedding = match plot.embedding {
            Embedding::Priced => Some(embedding(Some(Money::from_picos(plot.unit / 2_000)))),
            Embedding::Unpriced => Some(embedding(None)),
            Embedding::Unknown => None,
        };
        let prices = PriceBook::builtin();
        let definition = Arc::new(Definition::priced(document, &Default::default(), prices, embedding));
        let id = ExecutionId::generate();
        let mut world = Self {
            state: State::new(definition.clone(), id, Arc::new(json!({})), budget),
            journal: Vec::new(),
            truly_spent: Money::ZERO,
            definition,
            budget,
            id,
            now: Timestamp::from_micros(1_000_000_000),
            draining: false,
            broken: plot.broken,
            outputs: BTreeMap::new(),
            revisions: BTreeMap::new(),
            in_flight: Vec::new(),
            timers: Vec::new(),
        };
        world.feed(Input::Take).unwrap();
        world
    }

    pub fn feed(&mut self, input: Input) -> Result<Step, nexus_engine::Error> {
        self.now = self.now.plus(Duration::from_millis(1));
        let ended = self.state.status.is_terminal();
        let env = Env { now: self.now, random: 0.5, hold: self.draining };
        let step = nexus_engine::step(&mut self.state, input, env)?;
        if self.draining {
            let begun = step.effects.iter().any(|effect| matches!(effect, Effect::Call(_)));
            assert!(!begun, "a call begins while draining");
        }
        self.note_outputs(&step);
        if !step.records.is_empty() {
            self.journal.push(serde_json::to_string(&step.records).unwrap());
        }
        self.check_limits();
        let running = !self.state.status.is_terminal();
        for effect in &step.effects {
            assert!(running && !ended, "something starts after the end");
            match effect {
                Effect::Call(call) => self.in_flight.push(call.as_ref().clone()),
                Effect::Wait { node, due } => self.timers.push((node.clone(), *due)),
            }
        }
        if !running {
            self.abandon();
        }
        Ok(step)
    }

    /// The theorem: what is spent and held never exceeds the limit, whatever happens.
    fn check_limits(&self) {
        if let Some(limit) = self.state.budget.and_then(|budget| budget.limit_usd) {
            let (spent, reserved) = (self.state.spent(), self.state.reserved());
            assert!(spent.plus(reserved) <= limit, "{spent} and {reserved} of {limit}");
        }
        for (node, state) in self.definition.document.graph.nodes.iter().zip(&self.state.nodes) {
            if let Some(limit) = node.policy.budget_usd {
                assert!(state.drawn() <= limit, "{}: {} of {limit}", node.id, state.drawn());
            }
        }
    }

    /// Calls in flight go on at the provider although nobody listens: they may cost all that was held.
    fn abandon(&mut self) {
        self.truly_spent = self.in_flight.iter().fold(self.truly_spent, |sum, call| sum.plus(call.reserved));
        self.in_flight.clear();
        self.timers.clear();
    }

    /// The process dies, or is done with draining; another takes over.
    pub fn crash(&mut self) {
        self.abandon();
        self.draining = false;
        let fresh = State::new(self.definition.clone(), self.id, Arc::new(json!({})), self.budget);
        let replayed = fresh.replay(&self.journal).unwrap();
        assert_eq!(replayed.nodes, self.state.nodes, "memory and journal disagree");
        assert_eq!(
            (
                replayed.spent(),
                replayed.reserved(),
                replayed.tokens(),
                replayed.in_flight(),
                &replayed.unfunded
            ),
            (
                self.state.spent(),
                self.state.reserved(),
                self.state.tokens(),
                self.state.in_flight(),
                &self.state.unfunded
            )
        );
        self.state = replayed;
        self.feed(Input::Take).unwrap();
    }

    /// Plays a script, then lets everything end well.
    pub fn play(&mut self, script: &[(u16, u16)]) {
        for (pick, turn) in script {
            if !self.happen(*pick, *turn) {
                break;
            }
        }
        let mut fuel = 3_000;
        while self.happen(0, 0) {
            fuel -= 1;
            assert!(fuel > 0, "the execution does not end");
        }
        assert!(self.state.status.is_terminal(), "nothing left to happen, but not ended");
    }

    /// Lets one thing happen: `pick` chooses among calls in flight and timers, `turn` how it turns out. `false` if
    /// nothing is left.
    pub fn happen(&mut self, pick: u16, turn: u16) -> bool {
        let choices = self.in_flight.len() + self.timers.len();
        if self.draining && self.in_flight.is_empty() && !self.state.status.is_terminal() {
            self.crash();
            return true;
        }
        if choices == 0 {
            return false;
        }
        self.disturb(turn);
        let pick = usize::from(pick) % choices;
        if pick >= self.in_flight.len() {
            let (node, due) = self.timers.swap_remove(pick - self.in_flight.len());
            self.now = self.now.max(due);
            self.feed(Input::TimerFired { node, due }).unwrap();
            return true;
        }
        let call = self.in_flight.swap_remove(pick);
        // what it truly cost: some share of what was held
        let is_broken = call.model().is_some_and(|model| Some(model.model.as_str()) == self.broken);
        let share = if is_broken { 0 } else { i64::from(turn % 5) };
        let true_cost = Money::from_picos(call.reserved.picos() / 4 * share).min(call.reserved);
        self.truly_spent = self.truly_spent.plus(true_cost);
        let known = is_broken || turn % 7 != 6;
        let result = CallResult {
            outcome: if is_broken { Err(failure(true)) } else { outcome(&call, turn) },
            tokens: Tokens { prompt: 1, completion: 1 },
            cost: known.then_some(true_cost),
            latency: Duration::from_millis(1),
            provider: None,
        };
        let Call { node, revision, attempt, call, .. } = call;
        self.feed(Input::CallFinished { node, revision, attempt, call, result }).unwrap();
        true
    }

    /// Somebody sets the clock, or the process is told to end.
    fn disturb(&mut self, turn: u16) {
        match turn / 256 {
            0..=9 if turn > 0 => self.now = self.now.plus(Duration::from_secs(u64::from(turn % 90))),
            10..=14 => {
                let back = i64::from(turn % 90) * 1_000_000;
                self.now = Timestamp::from_micros(self.now.micros() - back);
            }
            15..=19 => self.draining = true,
            _ => {}
        }
    }

    fn note_outputs(&mut self, step: &Step) {
        for record in &step.records {
            match record {
                Record::NodeStarted { node, revision, .. } => {
                    self.revisions.insert(node.clone(), *revision);
                }
                Record::NodeFinished { node, status: NodeStatus::Succeeded, output, .. } => {
                    let output = output.clone().filter(|output| !output.is_null());
                    self.outputs.insert((node.clone(), self.revisions[node]), output);
                }
                _ => {}
            }
        }
    }

    /// Nothing that succeeded is ever lost from sight.
    pub fn check_view(&self) {
        let entries = self.state.agent_executions();
        for ((node, revision), output) in &self.outputs {
            let entry = entries.iter().find(|entry| entry.node_id == *node).unwrap();
            let now = entry.revision == *revision
                && entry.status == NodeStatus::Succeeded
                && entry.output == *output;
            let before = entry.revisions.iter().any(|kept| {
                kept.revision == *revision && kept.status == NodeStatus::Succeeded && kept.output == *output
            });
            assert!(now || before, "{node}: the output of revision {revision} is not to be seen: {entry:?}");
        }
    }

    /// A node of the workflow, by number.
    pub fn any_step(&self, pick: u16) -> NodeId {
        let steps: Vec<_> = self.definition.graph.steps().collect();
        self.definition.node(steps[usize::from(pick) % steps.len()]).id.clone()
    }

    /// Whether a node is done again when everything from another one on is.
    pub fn is_from(&self, node: &NodeId, from: &NodeId) -> bool {
        let ix = |id: &NodeId| self.definition.graph.index(id.as_str()).unwrap();
        node == from || self.definition.graph.descendants(ix(from)).contains(&ix(node))
    }

    /// Nodes that have succeeded, with their revisions.
    pub fn succeeded(&self) -> Vec<(NodeId, u32)> {
        self.nodes()
            .filter(|(_, state)| state.status == NodeStatus::Succeeded)
            .map(|(id, state)| (id, state.revision))
            .collect()
    }

    pub fn revision(&self, id: &NodeId) -> u32 {
        self.nodes().find(|(node, _)| node == id).unwrap().1.revision
    }

    fn nodes(&self) -> impl Iterator<Item = (NodeId, &NodeState)> {
        let ids = self.definition.document.graph.nodes.iter().map(|node| node.id.clone());
        ids.zip(&self.state.nodes)
    }
}

fn failure(retryable: bool) -> CallFailure {
    CallFailure { code: "scripted".into(), message: "as scripted".into(), retryable, retry_after: None }
}

fn outcome(call: &Call, turn: u16) -> Result<Outcome, CallFailure> {
    match (turn / 7 % 12, &call.work) {
        (9, _) => Err(failure(true)),
        (10, _) => Err(failure(false)),
        (_, Work::Tool(_)) => Ok(Outcome::Value(json!({"entries": []}))),
        (6 | 7, Work::Model(model)) if !model.tools.is_empty() => {
            let tool_calls = model.tools.iter().enumerate().map(|(nth, tool)| ToolRequest {
                id: nth.to_string(),
                name: tool.name.clone(),
                arguments: r#"{"text": "keep this"}"#.into(),
            });
            Ok(Outcome::Answer(Answer { tool_calls: tool_calls.collect(), ..Answer::default() }))
        }
        (8, Work::Model(_)) => Ok(Outcome::Answer(Answer { text: "rejected".into(), ..Answer::default() })),
        (variant, Work::Model(_)) => {
            Ok(Outcome::Answer(Answer { text: format!("answer {}", variant % 3), ..Answer::default() }))
        }
    }
}
