//! The books of an execution, kept from its journal alone by somebody who knows nothing of the engine's state.
//! Not here: the engine.

use crate::plot::Plot;
use nexus_engine::{AttemptOutcome, Came, Record};
use nexus_model::{Money, execution::NodeStatus};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Most rejections within one run.
const REJECTIONS: u32 = 5;

/// What a journal says.
pub struct Books {
    pub spent: Money,
    pub reserved: Money,
    pub has_any_limit: bool,
    records: Vec<Record>,
    edges: Vec<(String, String)>,
}

impl Books {
    pub fn read(journal: &[String], plot: &Plot) -> Self {
        let records: Vec<Record> =
            journal.iter().flat_map(|entry| serde_json::from_str::<Vec<Record>>(entry).unwrap()).collect();
        let graph = &plot.document["graph"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let edges = graph["edges"].as_array().unwrap().iter().filter(|edge| edge["target_handle"].is_null());
        let edges = edges.map(|edge| (text(&edge["source"]), text(&edge["target"]))).collect();
        let nodes = graph["nodes"].as_array().unwrap();
        let mut books = Self {
            spent: Money::ZERO,
            reserved: Money::ZERO,
            has_any_limit: plot.document.get("budget").is_some()
                || nodes.iter().any(|node| node["policy"]["budget_usd"].is_number())
                || records.iter().any(|record| matches!(record, Record::Resumed { .. })),
            records,
            edges,
        };
        books.add_up();
        books
    }

    /// Every call is opened once, closed once, and costs what its end says.
    fn add_up(&mut self) {
        // (node, attempt ordinal) -> call -> held
        let mut open: BTreeMap<(String, u32, u32), BTreeMap<u32, Money>> = BTreeMap::new();
        let mut revision: BTreeMap<String, u32> = BTreeMap::new();
        let mut latest: BTreeMap<String, (u32, u32)> = BTreeMap::new();
        for record in &self.records {
            match record {
                Record::NodeStarted { node, revision: new, .. } => {
                    revision.insert(node.to_string(), *new);
                }
                Record::AttemptStarted { node, attempt, reserved, .. } => {
                    let node = node.to_string();
                    let key = (revision[&node], *attempt);
                    latest.insert(node.clone(), key);
                    let calls = BTreeMap::from([(0, *reserved)]);
                    assert!(open.insert((node, key.0, key.1), calls).is_none(), "an attempt began twice");
                    self.reserved = self.reserved.plus(*reserved);
                }
                Record::CallStarted { node, call, reserved, .. } => {
                    let (revision, attempt) = latest[node.as_str()];
                    let calls = open.get_mut(&(node.to_string(), revision, attempt)).unwrap();
                    assert!(calls.insert(*call, *reserved).is_none(), "a call began twice");
                    self.reserved = self.reserved.plus(*reserved);
                }
                Record::CallFinished { node, call, cost, .. } => {
                    let (revision, attempt) = latest[node.as_str()];
                    let calls = open.get_mut(&(node.to_string(), revision, attempt)).unwrap();
                    let held = calls.remove(call).unwrap();
                    assert!(*cost <= held, "{node}: a call cost {cost}, held were {held}");
                    self.reserved = self.reserved.minus(held);
                    self.spent = self.spent.plus(*cost);
                }
                Record::AttemptFinished { node, revision, attempt, cost, outcome, .. } => {
                    let calls = open.remove(&(node.to_string(), *revision, *attempt)).unwrap();
                    let held: Money = calls.values().copied().sum();
                    assert!(*cost <= held, "{node}: {outcome:?} cost {cost}, held were {held}");
                    if *outcome == AttemptOutcome::Interrupted {
                        assert_eq!(*cost, held, "what nobody knows costs all that was held");
                    }
                    self.reserved = self.reserved.minus(held);
                    self.spent = self.spent.plus(*cost);
                }
                Record::RunFinished { .. } => assert!(open.is_empty(), "calls outlive the run: {open:?}"),
                _ => {}
            }
        }
    }

    /// Nodes begin after what they depend on, succeed once a revision, and are sent back as often as is allowed.
    pub fn check_story(&self) {
        let mut settled: BTreeMap<String, NodeStatus> = BTreeMap::new();
        let mut revision: BTreeMap<String, u32> = BTreeMap::new();
        let (mut succeeded, mut former) = (BTreeSet::new(), BTreeMap::new());
        let mut rejections = 0;
        let mut running = false;
        for record in &self.records {
            match record {
                Record::RunStarted { .. } => {
                    assert!(!running);
                    (running, rejections) = (true, 0);
                }
                Record::RunFinished { .. } => running = false,
                Record::Resumed { reset, .. } => {
                    for node in reset {
                        settled.remove(node.as_str());
                    }
                }
                Record::Backtracked { to, stale, .. } => {
                    rejections += 1;
                    assert!(rejections <= REJECTIONS, "sent back too often");
                    for node in stale.iter().chain([to]) {
                        if let Some(status) = settled.remove(node.as_str()) {
                            former.insert(node.to_string(), status);
                        }
                    }
                }
                Record::NodeKept { node } => {
                    let status = former[node.as_str()];
                    settled.insert(node.to_string(), status);
                }
                Record::NodeStarted { node, revision: new, .. } => {
                    assert!(running, "{node} begins outside a run");
                    let sources: Vec<_> =
                        self.edges.iter().filter(|(_, target)| target == node.as_str()).collect();
                    let known = sources.iter().filter(|(source, _)| settled.contains_key(source)).count();
                    assert!(sources.is_empty() || known > 0, "{node} begins before what it depends on");
                    let before = revision.insert(node.to_string(), *new).unwrap_or(0);
                    assert!(*new == before || *new == before + 1, "{node}: revision {new} after {before}");
                }
                Record::NodeFinished { node, status, .. } => {
                    assert!(running, "{node} ends outside a run");
                    settled.insert(node.to_string(), *status);
                    if *status == NodeStatus::Succeeded {
                        let once = succeeded.insert((node.to_string(), revision[node.as_str()]));
                        assert!(once, "{node} succeeded twice in one revision");
                    }
                }
                Record::CallFinished { came: Came::ToolsWanted { uses, .. }, .. } => {
                    assert!(!uses.is_empty());
                }
                _ => {}
            }
        }
        assert!(!running);
    }
}
