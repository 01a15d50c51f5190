//! A world for the engine to live in: random workflows, calls that fail as scripted, crashes that throw the state
//! away and leave only the journal. Not here: what must hold (the tests).
#![expect(clippy::unwrap_used, reason = "a test ends with a panic when something is not as it should be")]

use nexus_engine::{
    Answer, Call, CallFailure, CallResult, Definition, Effect, Env, Input, NewEvent, Outcome, Record, State,
    Step,
};
use nexus_model::{
    Document, EventType, ExecutionId, Money, NodeId, Timestamp,
    execution::{NodeStatus, Tokens},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// What calls of a node's models do: how often each candidate fails before it works.
#[derive(Debug, Clone)]
pub struct Script {
    pub transient: Vec<u32>,
    pub fatal: bool,
}

/// A node to generate.
#[derive(Debug, Clone)]
pub struct Spec {
    pub kind: u8,
    pub parents: Vec<prop::sample::Index>,
    pub handles: Vec<bool>,
    pub any: bool,
    pub on_error: u8,
    pub fallbacks: u8,
    pub takes: bool,
    pub script: Script,
}

pub fn spec() -> impl Strategy<Value = Spec> {
    (
        0..6u8,
        prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        prop::collection::vec(any::<bool>(), 4),
        prop::bool::weighted(0.2),
        0..4u8,
        0..3u8,
        any::<bool>(),
        (prop::collection::vec(0..5u32, 3), prop::bool::weighted(0.15)),
    )
        .prop_map(|(kind, parents, handles, any, on_error, fallbacks, takes, (transient, fatal))| Spec {
            kind,
            parents,
            handles,
            any,
            on_error,
            fallbacks,
            takes,
            script: Script { transient, fatal },
        })
}

/// A workflow and what its calls do.
#[derive(Debug, Clone)]
pub struct Plot {
    pub document: Value,
    pub scripts: BTreeMap<String, Script>,
}

pub fn plot() -> impl Strategy<Value = Plot> {
    prop::collection::vec(spec(), 1..14).prop_map(|specs| {
        let (mut nodes, mut edges, mut scripts) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (ix, spec) in specs.iter().enumerate() {
            let id = format!("n{ix}");
            let policy = json!({
                "join": if spec.any { "any" } else { "all" },
                "on_error": (["fail", "fail", "continue", "default"][spec.on_error as usize]),
                "default_output": {"text": "instead", "handle": "yes"},
                "retry": {"max_attempts": 3, "initial_interval_ms": 10},
            });
            let (kind, config) = match spec.kind {
                0 => ("conditional", json!({"cases": [{"handle": "yes", "when": if spec.takes {"true"} else {"false"}}], "else": "no"})),
                1 => ("tool", json!({"tool": "template", "template": if spec.takes {"fine"} else {"{{ nothing.here }}"}})),
                _ => {
                    let fallbacks: Vec<String> = (0..spec.fallbacks).map(|n| format!("fake/fallback{n}")).collect();
                    ("agent", json!({"model": "fake/first", "fallbacks": fallbacks, "prompt": "go"}))
                }
            };
            nodes.push(json!({"id": id, "type": kind, "config": config, "policy": policy}));
            scripts.insert(id.clone(), spec.script.clone());
            let mut sources: Vec<usize> = Vec::new();
            if ix > 0 {
                sources.extend(spec.parents.iter().map(|parent| parent.index(ix)));
                sources.sort_unstable();
                sources.dedup();
            }
            for (nth, source) in sources.into_iter().enumerate() {
                let mut edge = json!({"id": format!("e{}", edges.len()), "source": format!("n{source}"), "target": id});
                if specs[source].kind == 0 {
                    edge["source_handle"] = json!(if spec.handles[nth % 4] { "yes" } else { "no" });
                }
                edges.push(edge);
            }
        }
        Plot { document: json!({"name": "random", "graph": {"nodes": nodes, "edges": edges}}), scripts }
    })
}

/// An execution under test, with the journal as the only thing that survives a crash.
pub struct World {
    pub scripts: BTreeMap<String, Script>,
    pub definition: Arc<Definition>,
    pub state: State,
    pub journal: Vec<String>,
    pub events: Vec<NewEvent>,
    pub now: Timestamp,
    pub in_flight: Vec<Call>,
    pub timers: Vec<(NodeId, Timestamp)>,
    /// Calls made, by node.
    pub calls: BTreeMap<String, u32>,
    id: ExecutionId,
}

impl World {
    pub fn new(plot: &Plot) -> Self {
        let document: Document = serde_json::from_value(plot.document.clone()).unwrap();
        let definition = Arc::new(Definition::new(document, &Default::default()));
        let id = ExecutionId::generate();
        let state = State::new(definition.clone(), id, Arc::new(json!({})), None);
        Self {
            scripts: plot.scripts.clone(),
            definition,
            state,
            journal: Vec::new(),
            events: Vec::new(),
            now: Timestamp::from_micros(1_000_000),
            in_flight: Vec::new(),
            timers: Vec::new(),
            calls: BTreeMap::new(),
            id,
        }
    }

    pub fn feed(&mut self, input: Input) -> Result<Step, nexus_engine::Error> {
        self.now = self.now.plus(Duration::from_millis(1));
        let env = Env { now: self.now, random: 0.5, hold: false };
        let step = nexus_engine::step(&mut self.state, input, env)?;
        if !step.records.is_empty() {
            self.journal.push(serde_json::to_string(&step.records).unwrap());
        }
        self.events.extend(step.events.clone());
        for effect in step.effects.clone() {
            match effect {
                Effect::Call(call) => {
                    *self.calls.entry(call.node.to_string()).or_default() += 1;
                    self.in_flight.push(*call);
                }
                Effect::Wait { node, due } => self.timers.push((node, due)),
            }
        }
        if self.state.status.is_terminal() {
            self.in_flight.clear();
            self.timers.clear();
        }
        Ok(step)
    }

    /// What the journal alone says.
    pub fn replayed(&self) -> State {
        State::new(self.definition.clone(), self.id, Arc::new(json!({})), None).replay(&self.journal).unwrap()
    }

    /// The process dies; another takes over.
    pub fn crash(&mut self) {
        self.in_flight.clear();
        self.timers.clear();
        self.state = self.replayed();
        self.feed(Input::Take).unwrap();
    }

    /// Lets one thing happen: `pick` chooses among calls in flight and timers. `false` if nothing is left.
    pub fn happen(&mut self, pick: usize) -> bool {
        let choices = self.in_flight.len() + self.timers.len();
        if choices == 0 {
            return false;
        }
        let pick = pick % choices;
        if pick < self.in_flight.len() {
            let call = self.in_flight.swap_remove(pick);
            let result = self.result(&call);
            let input = Input::CallFinished {
                node: call.node,
                revision: call.revision,
                attempt: call.attempt,
                call: call.call,
                result,
            };
            self.feed(input).unwrap();
        } else {
            let (node, due) = self.timers.swap_remove(pick - self.in_flight.len());
            self.now = self.now.max(due);
            self.feed(Input::TimerFired { node, due }).unwrap();
        }
        true
    }

    fn result(&self, call: &Call) -> CallResult {
        let script = &self.scripts[call.node.as_str()];
        let candidate = candidate(&call.model().unwrap().model);
        let ix = self.definition.graph.index(call.node.as_str()).unwrap();
        let failed = self.state.nodes[ix]
            .counted()
            .iter()
            .filter(|attempt| {
                attempt.candidate == candidate
                    && matches!(attempt.outcome, Some(nexus_engine::AttemptOutcome::Failed { .. }))
            })
            .count() as u32;
        let outcome = if script.fatal || failed < script.transient[candidate] {
            Err(CallFailure {
                code: "scripted".into(),
                message: "as scripted".into(),
                retryable: !script.fatal,
                retry_after: None,
            })
        } else {
            Ok(Outcome::Answer(Answer { text: format!("answer of {}", call.node), ..Answer::default() }))
        };
        CallResult {
            outcome,
            tokens: Tokens { prompt: 1, completion: 1 },
            cost: Some(Money::from_picos(7)),
            latency: Duration::from_millis(1),
            provider: None,
        }
    }

    pub fn finish(&mut self) {
        let mut fuel = 10_000;
        while self.happen(0) {
            fuel -= 1;
            assert!(fuel > 0, "the execution does not end");
        }
        assert!(self.state.status.is_terminal(), "nothing left to happen, but not ended");
    }

    pub fn status(&self, id: &str) -> NodeStatus {
        self.state.nodes[self.definition.graph.index(id).unwrap()].status
    }
}

fn candidate(model: &str) -> usize {
    model.strip_prefix("fake/fallback").map_or(0, |n| n.parse::<usize>().unwrap() + 1)
}

/// How every node must end, worked out by a reading of the rules that shares nothing with the engine.
pub fn expected(plot: &Plot) -> BTreeMap<String, NodeStatus> {
    let nodes = plot.document["graph"]["nodes"].as_array().unwrap();
    let edges = plot.document["graph"]["edges"].as_array().unwrap();
    let mut ends: BTreeMap<String, (NodeStatus, bool, Option<&str>)> = BTreeMap::new();
    for node in nodes {
        let id = node["id"].as_str().unwrap();
        let incoming: Vec<_> = edges.iter().filter(|edge| edge["target"] == id).collect();
        let taken = |edge: &&Value| {
            let (_, passes, handle) = &ends[edge["source"].as_str().unwrap()];
            *passes && (handle.is_none() || edge["source_handle"].as_str() == *handle)
        };
        if !incoming.is_empty() && !incoming.iter().any(taken) {
            ends.insert(id.into(), (NodeStatus::Skipped, false, None));
            continue;
        }
        let config = &node["config"];
        let (works, handle) = match node["type"].as_str().unwrap() {
            "conditional" => (true, Some(if config["cases"][0]["when"] == "true" { "yes" } else { "no" })),
            "tool" => (config["template"] == "fine", None),
            _ => {
                let script = &plot.scripts[id];
                let candidates = 1 + config["fallbacks"].as_array().unwrap().len();
                (!script.fatal && script.transient[..candidates].iter().any(|failures| *failures < 3), None)
            }
        };
        let end = if works {
            (NodeStatus::Succeeded, true, handle)
        } else {
            (NodeStatus::Failed, node["policy"]["on_error"] != "fail", None)
        };
        ends.insert(id.into(), end);
    }
    ends.into_iter().map(|(id, (status, ..))| (id, status)).collect()
}

/// Node events must tell a story: started, then one end; nothing after the run's end.
pub fn check_story(events: &[NewEvent]) {
    let mut open: BTreeMap<String, bool> = BTreeMap::new();
    let mut running = false;
    for event in events {
        match event.kind {
            EventType::ExecutionStarted => {
                assert!(!running, "a run begins within a run");
                running = true;
                open.clear();
            }
            EventType::ExecutionCompleted => running = false,
            kind => {
                assert!(running, "{kind:?} outside a run");
                let node = event.node.as_ref().unwrap().to_string();
                match kind {
                    EventType::AgentStarted => assert!(open.insert(node, true).is_none(), "started twice"),
                    EventType::AgentRetrying => assert_eq!(open.get(&node), Some(&true)),
                    EventType::AgentSkipped => assert!(open.insert(node, false).is_none()),
                    _ => assert_eq!(open.insert(node, false), Some(true), "ended without having started"),
                }
            }
        }
    }
    assert!(!running, "the run did not end");
}

/// At most one success per node and revision.
pub fn check_single_success(journal: &[String]) {
    let mut seen = std::collections::HashSet::new();
    let mut revision: BTreeMap<NodeId, u32> = BTreeMap::new();
    for entry in journal {
        for record in serde_json::from_str::<Vec<Record>>(entry).unwrap() {
            match record {
                Record::NodeStarted { node, revision: new, .. } => {
                    revision.insert(node, new);
                }
                Record::NodeFinished { node, status: NodeStatus::Succeeded, .. } => {
                    assert!(
                        seen.insert((node.clone(), revision[&node])),
                        "{node} succeeded twice in one revision"
                    );
                }
                _ => {}
            }
        }
    }
}
