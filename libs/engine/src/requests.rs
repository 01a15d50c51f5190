//! Steps that somebody asks for: begin or go on, cancel, resume, give up. Not here: what nodes do.

use crate::{
    AttemptOutcome, AttemptState, CallKind, Came, Effect, OpenCall, Record,
    calls::CallSum,
    step::{Error, Stepper, failure},
    tools,
};
use nexus_model::{
    EventType, ExecutionStatus, NodeId,
    document::{Budget, BudgetOverride},
    execution::{Failure, NodeStatus, Tokens},
    graph::NodeIx,
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
            self.recover(node)?;
        }
        self.fund()?;
        self.settle((0..self.state.nodes.len()).collect())
    }

    /// Goes on with a node whose owner died. Nobody knows what became of its calls: they are charged in full, and
    /// made again unless that could do harm.
    fn recover(&mut self, node: NodeIx) -> Result<(), Error> {
        let running = self.state.nodes[node].running_attempt().cloned();
        for unwanted in self.state.nodes[node].open_attempts().cloned().collect::<Vec<_>>() {
            if running.as_ref() != Some(&unwanted) {
                self.interrupt(node, &unwanted)?;
            }
        }
        if self.state.nodes[node].status != NodeStatus::Running {
            return Ok(());
        }
        if let Some(waiting) = &self.state.nodes[node].waiting {
            self.step.effects.push(Effect::Wait { node: self.id(node), due: waiting.due });
            return Ok(());
        }
        let Some(running) = running else { return Ok(()) };
        if running.open.is_empty()
            || running.open.iter().all(|open| matches!(open.kind, CallKind::Attached { .. }))
        {
            for open in running.open {
                self.recover_attached(node, open)?;
            }
            return self.advance(node);
        }
        self.interrupt(node, &running)?;
        let failure = failure("outcome_unknown", "the process that made the call died".into());
        if self.state.definition.tool(node).is_some_and(|(tool, _)| !tools::may_be_repeated(tool)) {
            let message = "the process that made the call died, and doing it twice could do harm; set `idempotent: true` if it cannot, or resume when you know what became of it";
            return self.fail_node(node, Failure { message: message.into(), ..failure });
        }
        let model = running.model.clone();
        self.retrying(node, "interrupted", running.attempt, model, &failure, Duration::ZERO);
        self.start_attempt(node, running.candidate, running.reask)
    }

    /// A use of an attached tool that nobody knows the end of: the model is told, or it is done again.
    fn recover_attached(&mut self, node: NodeIx, open: OpenCall) -> Result<(), Error> {
        let CallKind::Attached { id } = open.kind else { return Ok(()) };
        let attempt = self.state.nodes[node].running_attempt();
        let asked =
            attempt.and_then(|attempt| attempt.turns.last()?.uses.iter().find(|asked| asked.id == id));
        let tool = asked.and_then(|asked| self.state.definition.graph.index(&asked.tool));
        let repeat = tool
            .and_then(|tool| self.state.definition.tool(tool))
            .is_some_and(|(tool, _)| tools::may_be_repeated(tool));
        let came = if repeat {
            Came::Unknown
        } else {
            let error =
                "the outcome is unknown: the process that did it died; it may or may not have been done";
            Came::ToolUsed { id, output: None, error: Some(error.into()), latency_ms: 0 }
        };
        self.record(Record::CallFinished {
            node: self.id(node),
            call: open.call,
            at: self.env.now,
            tokens: Tokens::default(),
            cost: open.reserved,
            came,
        })?;
        self.warn_if_due()
    }

    fn interrupt(&mut self, node: NodeIx, attempt: &AttemptState) -> Result<(), Error> {
        let sum = CallSum { cost: attempt.reserved(), ..CallSum::default() };
        self.record_attempt_end(node, attempt, AttemptOutcome::Interrupted, None, sum)
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
    pub(crate) fn stop_nodes(&mut self) -> Result<(), Error> {
        let definition = self.state.definition.clone();
        for node in definition.graph.steps() {
            for attempt in self.state.nodes[node].open_attempts().cloned().collect::<Vec<_>>() {
                let sum = CallSum { cost: attempt.reserved(), ..CallSum::default() };
                self.record_attempt_end(node, &attempt, AttemptOutcome::Cancelled, None, sum)?;
            }
            if self.state.nodes[node].status.is_settled() {
                continue;
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
        let limit = budget.and_then(|budget| budget.limit_usd);
        if self.state.status == ExecutionStatus::BudgetExceeded
            && let Some(limit) = limit
            && limit <= self.state.spent()
        {
            return Err(Error::OverBudget { limit, spent: self.state.spent() });
        }
        let new_limit = budget != self.state.budget;
        let afresh = from_node.is_some();
        self.record(Record::Resumed { at: self.env.now, budget, reset, new_limit, afresh })
    }
}
