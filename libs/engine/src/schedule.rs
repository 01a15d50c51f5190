//! Which nodes are ready, which will never be: edge states and what follows from them (contract, "Scheduling").
//! Not here: starting nodes (`step`).

use crate::State;
use nexus_model::{
    document::{Join, NodeKind},
    execution::NodeStatus,
    graph::{EdgeIx, NodeIx},
};
use serde_json::Value;

/// Where an edge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EdgeState {
    /// The source is not settled.
    Undecided,
    /// The target may count on it.
    Taken,
    /// The target will get nothing from it.
    Dead,
}

/// What is to become of a pending node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Its dependencies are not settled.
    Wait,
    /// It starts now.
    Start,
    /// Nothing leads to it.
    Skip,
}

/// Where an edge from `source` stands.
pub(crate) fn edge_state(state: &State, source: NodeIx, edge: EdgeIx) -> EdgeState {
    let node = &state.nodes[source];
    match node.status {
        NodeStatus::Pending | NodeStatus::Running | NodeStatus::Cancelled => EdgeState::Undecided,
        NodeStatus::Skipped => EdgeState::Dead,
        NodeStatus::Failed if !node.handled => EdgeState::Dead,
        NodeStatus::Failed | NodeStatus::Succeeded => {
            let chosen = node.output.as_ref().and_then(|output| output.get("handle")).and_then(Value::as_str);
            let kind = &state.definition.document.graph.nodes[source].kind;
            match (kind, chosen) {
                (NodeKind::Conditional(_), Some(chosen)) => {
                    let handle = state.definition.document.graph.edges[edge].source_handle.as_deref();
                    if handle == Some(chosen) { EdgeState::Taken } else { EdgeState::Dead }
                }
                // also a failed conditional that continues with null: all its edges are taken
                _ => EdgeState::Taken,
            }
        }
    }
}

/// What is to become of a pending node.
pub(crate) fn readiness(state: &State, node: NodeIx) -> Readiness {
    let incoming = state.definition.graph.incoming(node);
    if incoming.is_empty() {
        return Readiness::Start;
    }
    let (mut taken, mut undecided) = (false, false);
    for edge in incoming {
        match state.edge(*edge) {
            EdgeState::Taken => taken = true,
            EdgeState::Undecided => undecided = true,
            EdgeState::Dead => {}
        }
    }
    let join = state.definition.document.graph.nodes[node].policy.join;
    // What had a result before something upstream was done again: whether that holds can be told only when
    // everything it may read is decided.
    let is_stale = state.nodes[node].stale.as_ref().is_some_and(|stale| stale.upstream);
    let join = if is_stale { Join::All } else { join };
    match (join, taken, undecided) {
        (Join::Any, true, _) | (Join::All, true, false) => Readiness::Start,
        (_, false, false) => Readiness::Skip,
        _ => Readiness::Wait,
    }
}
