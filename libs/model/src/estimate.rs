//! What a run may cost, said before it (contract section 4). Not here: how it is worked out (`nexus-plan`).

use crate::{Money, NodeId, execution::Tokens};
use serde::{Deserialize, Serialize};

/// What a run may cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Least, if everything succeeds at once: only the nodes that run in any case, with the shortest of answers.
    pub min_usd: Money,
    /// To be expected.
    pub expected_usd: Money,
    /// Upper bound: retries, fallbacks, rounds of tools, repeated questions and backtracks included. The budget is not
    /// taken into account. At most nine million dollars, which stand for more.
    pub max_usd: Money,
    /// Tokens to be expected.
    pub tokens: Tokens,
    /// The same per step of the workflow, in document order.
    pub nodes: Vec<NodeEstimate>,
    /// Whether even the upper bounds are within the budgets, of the run and of single nodes; true without any. If not,
    /// the run may still fit: see `likely_fits`.
    pub fits_budget: bool,
    /// Whether what is to be expected is within the budgets; true without any.
    #[serde(default)]
    pub likely_fits: bool,
    /// The limit that was compared with, if there is one.
    #[serde(default)]
    pub limit_usd: Option<Money>,
    /// Ended runs of the workflow that were learned from.
    #[serde(default)]
    pub history_runs: u32,
}

/// What a node may cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeEstimate {
    /// The node.
    pub node_id: NodeId,
    /// Least; zero if the node may be skipped.
    pub min_usd: Money,
    /// To be expected, weighted with `probability`.
    pub expected_usd: Money,
    /// Upper bound.
    pub max_usd: Money,
    /// Tokens to be expected, weighted with `probability`.
    #[serde(default)]
    pub tokens: Tokens,
    /// How likely the node runs, 0 to 1.
    #[serde(default)]
    pub probability: f64,
    /// What the expectation rests on.
    #[serde(default)]
    pub basis: Basis,
    /// Whether all of its models have a price; the others count as free.
    #[serde(default)]
    pub priced: bool,
}

/// What an expectation rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Assumptions: no run of this node with this model is known.
    #[default]
    Assumed,
    /// Earlier runs of this node with this model.
    History,
    /// Nothing to pay for.
    Free,
}

impl Basis {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assumed => "assumed",
            Self::History => "history",
            Self::Free => "free",
        }
    }

    /// The basis with this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Assumed, Self::History, Self::Free].into_iter().find(|basis| basis.as_str() == name)
    }
}
