//! Steps that somebody asks for: begin or go on, cancel, resume, give up. Not here: what nodes do.

use crate::{
    AttemptOutcome, Effect, Record,
    step::{Error, Stepper, millis},
};
use nexus_model::{
    EventType, ExecutionStatus, NodeId,
    document::{Budget, BudgetOverride},
    execution::{Failure, NodeStatus, Tokens},
};
use serde_json::json;
use std::time::Duration;

impl Stepper<'_> {
    /// Begins a queued run, or goes on with a running one after its owner died.
    pub(crate) fn take(&mut self) -> Result<(), Error> {
        if self.state.status.is_terminal() {
            return Ok(());
        }
        if self.state.status == ExecutionStatus::Queued {
            let run = self.state.run + 1;
            self.record(Record::RunStarted { run, at: self.env.now })?;
            let steps = self.state.definition.graph.steps().count();
            self.event(EventType::ExecutionStarted, None, json!({ "run": run, "nodes": steps }));
            return self.settle((0..self.state.nodes.len()).collect());
        }
        for node in 0..self.state.nodes.len() {
            if self.state.nodes[node].status != NodeStatus::Running {
                continue;
            }
            if let Some(waiting) = &self.state.nodes[node].waiting {
                self.step.effects.push(Effect::Wait { node: self.id(node), due: waiting.due });
            } else if let Some(running) = self.state.nodes[node].running_attempt().cloned() {
                // Nobody knows what became of the call: it is charged in full and made again.
                self.record(Record::AttemptFinished {
                    node: self.id(node),
                    attempt: running.attempt,
                    at: self.env.now,
                    outcome: AttemptOutcome::Interrupted,
                    tokens: Tokens::default(),
                    cost: running.reserved,
                    latency_ms: millis(self.env.now.since(running.started_at)),
                    provider: None,
                })?;
                let failure = Failure {
                    code: "outcome_unknown".into(),
                    message: "the process that made the call died; the call is made again".into(),
                    node_id: None,
                };
                self.retrying(
                    node,
                    "interrupted",
                    running.attempt,
                    running.model.clone(),
                    &failure,
                    Duration::ZERO,
                );
                self.start_attempt(node, running.candidate, running.reask)?;
            }
        }
        self.settle((0..self.state.nodes.len()).collect())
    }

    pub(crate) fn cancel(&mut self) -> Result<(), Error> {
        if self.state.status.is_terminal() {
            return Err(Error::Refused(format!(
                "the execution has already ended: {}",
                self.state.status.as_str()
            )));
        }
        self.stop_nodes()?;
        self.finish_run(ExecutionStatus::Cancelled, None)
    }

    pub(crate) fn give_up(&mut self, failure: Failure) -> Result<(), Error> {
        if self.state.status.is_terminal() {
            return Ok(());
        }
        self.stop_nodes()?;
        self.finish_run(ExecutionStatus::Failed, Some(failure))
    }

    /// Nothing goes on: calls end as cancelled, and so do the nodes that wait.
    fn stop_nodes(&mut self) -> Result<(), Error> {
        let definition = self.state.definition.clone();
        for node in definition.graph.steps() {
            if self.state.nodes[node].status.is_settled() {
                continue;
            }
            if let Some(running) = self.state.nodes[node].running_attempt().cloned() {
                self.record(Record::AttemptFinished {
                    node: self.id(node),
                    attempt: running.attempt,
                    at: self.env.now,
                    outcome: AttemptOutcome::Cancelled,
                    tokens: Tokens::default(),
                    cost: running.reserved,
                    latency_ms: millis(self.env.now.since(running.started_at)),
                    provider: None,
                })?;
            }
            self.node_finished(node, NodeStatus::Cancelled, None, None, false)?;
        }
        Ok(())
    }

    pub(crate) fn resume(
        &mut self,
        budget: Option<BudgetOverride>,
        from_node: Option<NodeId>,
    ) -> Result<(), Error> {
        if !self.state.status.is_terminal() {
            return Err(Error::Refused("the execution is still running".into()));
        }
        if self.state.status == ExecutionStatus::Succeeded && from_node.is_none() {
            return Err(Error::Refused("the execution succeeded; name the node to run again from".into()));
        }
        let graph = &self.state.definition.graph;
        let mut again = vec![false; self.state.nodes.len()];
        for ix in graph.steps() {
            let node = &self.state.nodes[ix];
            again[ix] = match node.status {
                NodeStatus::Succeeded | NodeStatus::Skipped => false,
                NodeStatus::Failed => !node.handled,
                NodeStatus::Pending | NodeStatus::Running | NodeStatus::Cancelled => true,
            };
        }
        if let Some(from) = &from_node {
            let from = graph
                .index(from.as_str())
                .filter(|ix| !graph.is_attached(*ix))
                .ok_or_else(|| Error::UnknownNode(from.clone()))?;
            again[from] = true;
            graph.descendants(from).into_iter().for_each(|ix| again[ix] = true);
        }
        // What was skipped because of a node that runs again is decided anew.
        for ix in graph.steps().filter(|ix| again[*ix]).collect::<Vec<_>>() {
            for below in graph.descendants(ix) {
                again[below] |= self.state.nodes[below].status == NodeStatus::Skipped;
            }
        }
        let reset = (0..again.len()).filter(|ix| again[*ix]).map(|ix| self.id(ix)).collect();
        let budget = Budget::merged(self.state.budget, budget);
        self.record(Record::Resumed { at: self.env.now, budget, reset })
    }
}
