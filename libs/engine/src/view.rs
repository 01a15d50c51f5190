//! The execution as outsiders see it, made from the state. Not here: the state.

use crate::{AttemptOutcome, NodeState, State, ToolUse};
use nexus_model::{
    execution::{AgentExecution, Attempt, Failure, NodeStatus, Revision},
    graph::NodeIx,
};
use serde_json::{Map, Value};

impl State {
    /// Outputs of the steps without outgoing edges that succeeded, by node.
    pub fn outputs(&self) -> Map<String, Value> {
        let graph = &self.definition.graph;
        graph
            .steps()
            .filter(|ix| graph.outgoing(*ix).is_empty() && self.nodes[*ix].status == NodeStatus::Succeeded)
            .map(|ix| (self.node_id(ix).to_string(), self.nodes[ix].output.clone().unwrap_or_default()))
            .collect()
    }

    /// One entry per step, in document order.
    pub fn agent_executions(&self) -> Vec<AgentExecution> {
        self.definition.graph.steps().map(|ix| self.agent_execution(ix)).collect()
    }

    fn agent_execution(&self, ix: NodeIx) -> AgentExecution {
        let node = &self.nodes[ix];
        AgentExecution {
            node_id: self.node_id(ix).clone(),
            node_type: self.definition.node(ix).node_type(),
            status: node.status,
            revision: node.revision.max(1),
            attempts: node.attempts.iter().map(attempt).collect(),
            revisions: revisions(node),
            feedback: node.feedback.clone(),
            input: node.input.clone(),
            output: node.output.clone(),
            model: node.attempts.last().and_then(|attempt| attempt.model.clone()),
            tokens: node.tokens(),
            cost_usd: node.cost(),
            latency_ms: latency(node),
            error: node.failure.clone(),
            started_at: node.started_at,
            finished_at: node.finished_at,
        }
    }
}

/// What is shown beside the latest revision; also a result that was put aside and nothing has replaced yet.
fn revisions(node: &NodeState) -> Vec<Revision> {
    let aside = node.stale.iter().filter(|_| node.revision > 0).map(|stale| stale.revision(node.revision));
    node.revisions.iter().cloned().chain(aside).collect()
}

fn latency(node: &NodeState) -> Option<u64> {
    let took = node.finished_at?.since(node.started_at?);
    u64::try_from(took.as_millis()).ok()
}

fn attempt(attempt: &crate::AttemptState) -> Attempt {
    let (status, error) = match &attempt.outcome {
        None => (NodeStatus::Running, None),
        Some(AttemptOutcome::Succeeded) => (NodeStatus::Succeeded, None),
        Some(AttemptOutcome::Failed { failure }) => (NodeStatus::Failed, Some(failure.clone())),
        Some(AttemptOutcome::Cancelled) => (NodeStatus::Cancelled, None),
        Some(AttemptOutcome::Interrupted) => {
            let message = "the process that made the call died; what became of the call is unknown".into();
            (NodeStatus::Failed, Some(Failure { code: "outcome_unknown".into(), message, node_id: None }))
        }
    };
    Attempt {
        attempt: attempt.attempt,
        revision: attempt.revision,
        model: attempt.model.clone(),
        provider: attempt.provider.clone(),
        max_tokens: attempt.max_tokens,
        status,
        error,
        output: attempt.answer.clone(),
        tool_calls: attempt.turns.iter().flat_map(|turn| &turn.uses).map(ToolUse::view).collect(),
        tokens: attempt.tokens,
        cost_usd: attempt.cost,
        latency_ms: attempt.latency_ms,
        started_at: attempt.started_at,
        finished_at: attempt.finished_at,
    }
}
