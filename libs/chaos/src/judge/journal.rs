//! Adding up a journal from nothing: who has settled, what was spent and held, which calls were made. A second,
//! independent account of what the engine keeps. Not here: comparing it with others (`judge`).

use crate::{
    database::Stored,
    users::Account,
    verdict::{Invariant, Verdicts},
};
use nexus_model::Money;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What the journal comes to.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) spent: Money,
    pub(super) reserved: Money,
    /// Calls that nobody has settled.
    pub(super) open_calls: usize,
    /// How often the execution was resumed.
    pub(super) resumed: u64,
    /// How often it ended.
    pub(super) ended: u64,
    /// Calls of each node that may have reached the provider.
    pub(super) calls: BTreeMap<String, u64>,
}

/// An attempt under way: its node, revision and number.
type Attempt = (String, u64, u64);

struct Fold<'a> {
    id: &'a str,
    verdicts: &'a mut Verdicts,
    folded: Folded,
    document: Document,
    limit: Option<Money>,
    is_over: bool,
    settled: BTreeSet<String>,
    revisions: BTreeMap<String, u64>,
    /// Each node's latest attempt.
    latest: BTreeMap<String, Attempt>,
    /// What each call under way holds.
    open: BTreeMap<(Attempt, u64), Money>,
    successes: BTreeMap<(String, u64, &'static str), u32>,
    /// Spent by each node since it was last granted its budget.
    by_node: BTreeMap<String, Money>,
}

/// What the judge needs of a document.
#[derive(Debug, Default)]
struct Document {
    /// What each step waits for.
    sources: BTreeMap<String, Vec<String>>,
    /// Steps that wait for one of them only.
    any: BTreeSet<String>,
    budgets: BTreeMap<String, Money>,
}

impl Document {
    fn of(document: &Value) -> Self {
        let mut read = Self::default();
        let graph = &document["graph"];
        for node in graph["nodes"].as_array().into_iter().flatten() {
            let id = text(&node["id"]);
            if node["policy"]["join"] == "any" {
                read.any.insert(id.clone());
            }
            if let Some(budget) = money(&node["policy"]["budget_usd"]) {
                read.budgets.insert(id.clone(), budget);
            }
            read.sources.insert(id, Vec::new());
        }
        for edge in graph["edges"].as_array().into_iter().flatten() {
            if edge["target_handle"] != "tools" {
                read.sources.entry(text(&edge["target"])).or_default().push(text(&edge["source"]));
            }
        }
        read
    }
}

pub(super) fn fold(verdicts: &mut Verdicts, account: &Account, stored: &Stored) -> Folded {
    let mut fold = Fold {
        id: &stored.row.id,
        verdicts,
        folded: Folded::default(),
        document: Document::of(&account.job.document),
        limit: account.job.limit,
        is_over: false,
        settled: BTreeSet::new(),
        revisions: BTreeMap::new(),
        latest: BTreeMap::new(),
        open: BTreeMap::new(),
        successes: BTreeMap::new(),
        by_node: BTreeMap::new(),
    };
    for (index, fact) in &stored.facts {
        fold.take(*index, fact);
    }
    fold.folded.open_calls = fold.open.len();
    fold.folded
}

impl Fold<'_> {
    fn take(&mut self, index: i64, fact: &Value) {
        let kind = fact["fact"].as_str().unwrap_or_default();
        let (id, over) = (self.id, self.is_over);
        self.verdicts.check(Invariant::NothingAfterTheEnd, !over || kind == "resumed", || {
            format!("{id}: fact {index} ({kind}) comes after the end")
        });
        let node = text(&fact["node"]);
        match kind {
            "resumed" => {
                self.folded.resumed += 1;
                self.is_over = false;
                self.limit = money(&fact["budget"]["limit_usd"]);
                for node in texts(&fact["reset"]) {
                    self.settled.remove(&node);
                    self.by_node.remove(&node);
                }
            }
            "run_finished" => {
                self.folded.ended += 1;
                self.is_over = true;
            }
            "node_started" => {
                self.in_order(&node, index);
                self.revisions.insert(node, fact["revision"].as_u64().unwrap_or_default());
            }
            "node_kept" => {
                self.in_order(&node, index);
                self.settled.insert(node);
            }
            "node_finished" => {
                if fact["status"] == "succeeded" {
                    let revision = self.revisions.get(&node).copied().unwrap_or_default();
                    self.success(&node, revision, "node", index);
                }
                self.settled.insert(node);
            }
            "backtracked" => {
                for node in texts(&fact["stale"]).into_iter().chain([text(&fact["to"])]) {
                    self.settled.remove(&node);
                }
            }
            "attempt_started" => {
                let revision = self.revisions.get(&node).copied().unwrap_or_default();
                let attempt = (node.clone(), revision, fact["attempt"].as_u64().unwrap_or_default());
                self.latest.insert(node.clone(), attempt);
                self.begin(&node, 0, &fact["first"], &fact["reserved"]);
            }
            "call_started" => {
                let call = fact["call"].as_u64().unwrap_or_default();
                self.begin(&node, call, &fact["kind"], &fact["reserved"]);
            }
            "call_finished" => self.call_finished(&node, fact),
            "attempt_finished" => self.attempt_finished(&node, fact, index),
            _ => {}
        }
        self.within_limits(index);
    }

    fn begin(&mut self, node: &str, call: u64, kind: &Value, reserved: &Value) {
        if matches!(kind["call"].as_str(), Some("model" | "recall" | "keep" | "tool" | "attached") | None) {
            *self.folded.calls.entry(node.to_owned()).or_default() += 1;
        }
        let held = money(reserved).unwrap_or_default();
        if let Some(attempt) = self.latest.get(node) {
            self.open.insert((attempt.clone(), call), held);
        }
        self.folded.reserved = self.folded.reserved.plus(held);
    }

    fn call_finished(&mut self, node: &str, fact: &Value) {
        let call = fact["call"].as_u64().unwrap_or_default();
        let held = self.latest.get(node).and_then(|attempt| self.open.remove(&(attempt.clone(), call)));
        self.settle(node, held.unwrap_or_default(), fact);
    }

    fn attempt_finished(&mut self, node: &str, fact: &Value, index: i64) {
        let revision = fact["revision"].as_u64().unwrap_or_default();
        let attempt = (node.to_owned(), revision, fact["attempt"].as_u64().unwrap_or_default());
        let calls: Vec<_> = self.open.keys().filter(|(of, _)| *of == attempt).cloned().collect();
        let held = calls.iter().filter_map(|call| self.open.remove(call)).sum();
        self.settle(node, held, fact);
        if fact["outcome"]["status"] == "succeeded" {
            self.success(node, revision, "attempt", index);
        }
    }

    fn settle(&mut self, node: &str, held: Money, fact: &Value) {
        let cost = money(&fact["cost"]).unwrap_or_default();
        self.folded.reserved = self.folded.reserved.minus(held);
        self.folded.spent = self.folded.spent.plus(cost);
        let drawn = self.by_node.entry(node.to_owned()).or_default();
        *drawn = drawn.plus(cost);
    }

    fn success(&mut self, node: &str, revision: u64, what: &'static str, index: i64) {
        let count = self.successes.entry((node.to_owned(), revision, what)).or_default();
        *count += 1;
        let (count, id) = (*count, self.id);
        self.verdicts.check(Invariant::OneSuccess, count == 1, || {
            format!("{id}: success no. {count} of {what} {node}, revision {revision}, in fact {index}")
        });
    }

    fn in_order(&mut self, node: &str, index: i64) {
        let sources = self.document.sources.get(node).cloned().unwrap_or_default();
        let settled = sources.iter().filter(|source| self.settled.contains(*source)).count();
        let wanted = match self.document.any.contains(node) {
            true => sources.len().min(1),
            false => sources.len(),
        };
        let id = self.id;
        self.verdicts.check(Invariant::Order, settled >= wanted, || {
            format!("{id}: {node} starts in fact {index} when {settled} of {sources:?} have settled")
        });
    }

    fn within_limits(&mut self, index: i64) {
        let (id, spent, reserved) = (self.id, self.folded.spent, self.folded.reserved);
        if let Some(limit) = self.limit {
            self.verdicts.check(Invariant::WithinLimit, spent.plus(reserved) <= limit, || {
                format!("{id}: after fact {index} {spent} are spent and {reserved} held of {limit}")
            });
        }
        for (node, budget) in &self.document.budgets {
            let held: Money =
                self.open.iter().filter(|((attempt, _), _)| attempt.0 == *node).map(|(_, held)| *held).sum();
            let drawn = self.by_node.get(node).copied().unwrap_or_default().plus(held);
            self.verdicts.check(Invariant::WithinLimit, drawn <= *budget, || {
                format!("{id}: after fact {index} {drawn} are drawn by {node}, which may have {budget}")
            });
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

fn money(value: &Value) -> Option<Money> {
    Money::from_usd(value.as_f64()?)
}
