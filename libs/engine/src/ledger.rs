//! The budget: whether the next paid call fits, and what to do when it does not. In this order: wait while other
//! calls are in flight, clamp `max_tokens`, degrade to a cheaper model, stop (contract, "Budget").
//!
//! What holds at every moment, whatever happens: spent + reserved ≤ limit. Every call is reserved with its worst
//! case in the transaction that begins it and settled in the one that takes its result; a call whose cost nobody
//! knows is settled at its reservation. It is assumed that prices are right and providers honour the cap on answers.
//! Not here: the bound on a prompt (`nexus_model::price::bound`), keeping the sums (`state`).

use crate::{
    CallKind, Record, State,
    step::{Error, Stepper, failure},
};
use nexus_model::{
    EventType, ExecutionStatus, Money,
    document::{AgentConfig, OnExhausted},
    graph::NodeIx,
    price::Model,
};
use serde_json::json;

/// Answers are not clamped below so many tokens.
pub const LEAST_CLAMPED_TOKENS: u32 = 16;

/// Whether a call may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Funds {
    /// Yes, like this.
    Granted(Grant),
    /// Not before other calls have ended: it may cost so much.
    Wait(Money),
    /// No.
    Exhausted(Shortage),
    /// Never: nobody knows what it may cost.
    Unpriced(String),
    /// Not now: memory has not said yet which model it uses.
    Unknown,
}

/// The terms of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Which of the node's models.
    pub(crate) candidate: usize,
    /// Most tokens of the answer.
    pub(crate) max_tokens: u32,
    /// Money held.
    pub(crate) reserved: Money,
}

impl Grant {
    /// Most tokens of the answer, if a call of this kind has one.
    pub(crate) fn max_tokens_of(&self, kind: &CallKind) -> Option<u32> {
        (*kind == CallKind::Model).then_some(self.max_tokens)
    }
}

/// Why a call does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shortage {
    /// What it may cost.
    pub(crate) needed: Money,
    /// What is left.
    pub(crate) left: Money,
    /// Whether it is the node's own budget that is used up.
    pub(crate) of_node: bool,
}

/// What is left of the tighter budget.
#[derive(Debug, Clone, Copy)]
struct Room {
    left: Money,
    of_node: bool,
}

impl State {
    /// What is left of the execution's budget; `None` without a limit.
    fn left(&self) -> Option<Money> {
        let limit = self.budget.and_then(|budget| budget.limit_usd)?;
        Some(limit.minus(self.spent()).minus(self.held()))
    }

    /// What is left for a node; `None` without any limit.
    fn room(&self, node: NodeIx) -> Option<Room> {
        let execution = self.left().map(|left| Room { left, of_node: false });
        let own = self.definition.node(node).policy.budget_usd;
        let own = own.map(|limit| Room { left: limit.minus(self.nodes[node].drawn()), of_node: true });
        execution.into_iter().chain(own).min_by_key(|room| room.left)
    }

    /// Whether and how an agent's model may be asked. `prompt`: the bound on its tokens.
    pub(crate) fn funds_for_model(
        &self,
        node: NodeIx,
        agent: &AgentConfig,
        candidate: usize,
        prompt: u64,
    ) -> Funds {
        let price = |candidate: usize| self.definition.prices.get(model_of(agent, candidate));
        let full = agent.max_tokens;
        let Some(room) = self.room(node) else {
            let reserved = price(candidate).map_or(Money::ZERO, |model| model.reservation(prompt, full));
            return Funds::Granted(Grant { candidate, max_tokens: full, reserved });
        };
        let Some(model) = price(candidate) else {
            return Funds::Unpriced(model_of(agent, candidate).to_owned());
        };
        let needed = model.reservation(prompt, full);
        if needed <= room.left {
            return Funds::Granted(Grant { candidate, max_tokens: full, reserved: needed });
        }
        if self.in_flight() > 0 {
            return Funds::Wait(needed);
        }
        let clamped = |candidate: usize, model: &Model| {
            let max_tokens = largest_answer(model, prompt, full, room.left)?;
            Some(Grant { candidate, max_tokens, reserved: model.reservation(prompt, max_tokens) })
        };
        if let Some(grant) = clamped(candidate, model) {
            return Funds::Granted(grant);
        }
        if self.budget.is_some_and(|budget| budget.on_exhausted == OnExhausted::Degrade) {
            // never back to a model that has had its chance: it would be asked for ever
            let tried = self.nodes[node].counted().iter().map(|attempt| attempt.candidate).max();
            let next = tried.map_or(candidate, |tried| tried.max(candidate)) + 1;
            let others = next..=agent.fallbacks.len();
            let grants = others.filter_map(|other| clamped(other, price(other)?));
            // the cheapest whose answer need not be cut, else the cheapest
            if let Some(grant) = grants.min_by_key(|grant| (grant.max_tokens < full, grant.reserved)) {
                return Funds::Granted(grant);
            }
        }
        Funds::Exhausted(Shortage { needed, left: room.left, of_node: room.of_node })
    }

    /// Whether a text may be turned into a vector.
    pub(crate) fn funds_for_embedding(&self, node: NodeIx, text: &str) -> Funds {
        let Some(model) = &self.embedding else {
            let unlimited = Grant { candidate: 0, max_tokens: 0, reserved: Money::ZERO };
            return self.room(node).map_or(Funds::Granted(unlimited), |_| Funds::Unknown);
        };
        let price = model.worst_case(text);
        let reserved = price.unwrap_or(Money::ZERO);
        match self.room(node) {
            Some(_) if price.is_none() => Funds::Unpriced(model.model.clone()),
            Some(room) if reserved > room.left && self.in_flight() > 0 => Funds::Wait(reserved),
            Some(room) if reserved > room.left => {
                Funds::Exhausted(Shortage { needed: reserved, left: room.left, of_node: room.of_node })
            }
            _ => Funds::Granted(Grant { candidate: 0, max_tokens: 0, reserved }),
        }
    }
}

/// The most tokens of an answer, up to `full`, that fit into `left`; `None` if it would be cut too short.
fn largest_answer(model: &Model, prompt: u64, full: u32, left: Money) -> Option<u32> {
    let (mut fits, mut too_many) = (LEAST_CLAMPED_TOKENS.min(full), full.saturating_add(1));
    if model.reservation(prompt, fits) > left {
        return None;
    }
    while too_many - fits > 1 {
        let middle = fits + (too_many - fits) / 2;
        if model.reservation(prompt, middle) <= left { fits = middle } else { too_many = middle }
    }
    Some(fits)
}

impl Stepper<'_> {
    /// Tells watchers, once, that spending has reached the mark.
    pub(crate) fn warn_if_due(&mut self) -> Result<(), Error> {
        let Some((limit, warn_at)) =
            self.state.budget.and_then(|budget| Some((budget.limit_usd?, budget.warn_at)))
        else {
            return Ok(());
        };
        let spent = self.state.spent();
        if self.state.warned || (spent.picos() as f64) < limit.picos() as f64 * warn_at {
            return Ok(());
        }
        self.record(Record::BudgetWarned { at: self.env.now })?;
        let data = json!({ "limit_usd": limit, "spent_usd": spent, "reserved_usd": self.state.reserved(), "warn_at": warn_at });
        self.event(EventType::BudgetWarning, None, data);
        Ok(())
    }

    /// Goes on with nodes that wait for funds, longest first, as far as funds go; returns those that settled by it,
    /// because their time was over.
    pub(crate) fn fund(&mut self) -> Result<Vec<NodeIx>, Error> {
        let mut settled = Vec::new();
        if self.env.hold {
            return Ok(settled);
        }
        for node in self.state.unfunded.too_late(self.env.now) {
            self.ask_again(node, &mut settled)?;
        }
        let mut after = None;
        while self.state.status == ExecutionStatus::Running {
            let waiting = &self.state.unfunded;
            let alone = self.state.in_flight() == 0;
            // What does not fit is not even rendered as long as there is something to wait for.
            let next = match self.state.left().filter(|_| !alone) {
                Some(left) => waiting.next_within(after, left),
                None => waiting.next(after),
            };
            let Some((place, node)) = next else { break };
            after = Some(place);
            let fits = |room: Room| waiting.need(node).is_none_or(|needed| needed <= room.left);
            if alone || self.state.room(node).is_none_or(fits) {
                self.ask_again(node, &mut settled)?;
            }
        }
        Ok(settled)
    }

    /// Asks once more for what a node waits for.
    fn ask_again(&mut self, node: NodeIx, settled: &mut Vec<NodeIx>) -> Result<(), Error> {
        let Some(next) = self.state.nodes[node].unfunded.clone() else { return Ok(()) };
        if self.state.status != ExecutionStatus::Running {
            return Ok(());
        }
        if self.state.nodes[node].running_attempt().is_some() {
            self.advance(node)?;
        } else {
            self.start_attempt(node, next.candidate, next.reask)?;
        }
        if self.state.nodes[node].status.is_settled() {
            settled.push(node);
        }
        Ok(())
    }

    /// The budget is used up: the execution ends, and can be resumed with a higher limit.
    pub(crate) fn stop_for_budget(&mut self, node: NodeIx, shortage: Shortage) -> Result<(), Error> {
        let Shortage { needed, left, of_node } = shortage;
        let limit = self.state.budget.and_then(|budget| budget.limit_usd);
        let (whose, limit) = match of_node {
            true => ("the node's budget", self.state.definition.node(node).policy.budget_usd),
            false => ("the execution's budget", limit),
        };
        let advice = match of_node {
            true => "raise its `budget_usd`, or resume to grant it once more",
            false => "resume with a higher limit",
        };
        let message = format!(
            "the next call of `{}` may cost {needed}, and of {whose} of {} only {left} is left; {advice}",
            self.id(node),
            limit.unwrap_or_default(),
        );
        let data = json!({
            "limit_usd": limit, "spent_usd": self.state.spent(), "reserved_usd": self.state.reserved(),
            "needed_usd": needed, "left_usd": left, "scope": if of_node { "node" } else { "execution" },
            "message": message,
        });
        self.event(EventType::BudgetExceeded, Some(node), data);
        self.stop_nodes()?;
        let failure = nexus_model::execution::Failure {
            node_id: Some(self.id(node)),
            ..failure("budget_exceeded", message)
        };
        self.finish_run(ExecutionStatus::BudgetExceeded, Some(failure))
    }
}

/// The agent's model, or one of its fallbacks.
pub(crate) fn model_of(agent: &AgentConfig, candidate: usize) -> &str {
    match candidate.checked_sub(1) {
        None => &agent.model,
        Some(fallback) => agent.fallbacks.get(fallback).unwrap_or(&agent.model),
    }
}
