//! Backtracking: a node that rejects sends an upstream node back to work, with the reason in hand. What depends on
//! that node is decided anew; what turns out to have the same input as before keeps its result.
//! Not here: when a node rejects (`attempts`).

use crate::{
    AttemptOutcome, Record,
    calls::CallSum,
    definition::ToolExpressions,
    output,
    step::{Error, Stepper},
    tools::is_secret,
};
use nexus_model::{
    EventType,
    execution::{Failure, NodeStatus},
    graph::NodeIx,
};
use serde_json::{Value, json};

/// Most rejections of an execution within one run, whatever its nodes allow.
pub const MAX_BACKTRACKS: u32 = 5;

impl Stepper<'_> {
    /// Sends the node that `from` names back to work. `false` if it names none, may not any more, or the other has
    /// nothing to do again.
    pub(crate) fn send_back(
        &mut self,
        from: NodeIx,
        failure: &Failure,
        answer: Option<Value>,
    ) -> Result<bool, Error> {
        let definition = self.state.definition.clone();
        let Some(backtrack) = &definition.node(from).policy.backtrack else { return Ok(false) };
        let Some(to) = definition.graph.index(backtrack.to.as_str()) else { return Ok(false) };
        let (reviewer, author) = (&self.state.nodes[from], &self.state.nodes[to]);
        let has_worked = author.status == NodeStatus::Succeeded || author.handled;
        if !has_worked || reviewer.rejections >= backtrack.max || self.state.backtracks >= MAX_BACKTRACKS {
            return Ok(false);
        }
        let downstream = definition.graph.descendants(to);
        if !downstream.contains(&from) {
            return Ok(false);
        }
        let feedback = json!({
            "message": failure.message,
            "rejected_output": author.output,
            "from_node": self.id(from),
            "from_output": answer,
        });
        let stale: Vec<NodeIx> = downstream
            .into_iter()
            .filter(|ix| {
                self.state.nodes[*ix].status != NodeStatus::Pending || self.state.nodes[*ix].stale.is_some()
            })
            .collect();
        for node in &stale {
            // An attempt that waits for its next call has nothing to wait for any more.
            let idle =
                self.state.nodes[*node].running_attempt().filter(|attempt| attempt.open.is_empty()).cloned();
            if let Some(attempt) = idle {
                self.record_attempt_end(
                    *node,
                    &attempt,
                    AttemptOutcome::Cancelled,
                    None,
                    CallSum::default(),
                )?;
            }
        }
        let ids: Vec<_> = stale.iter().map(|ix| self.id(*ix)).collect();
        let (nth, revision) = (self.state.nodes[from].rejections + 1, self.state.nodes[to].revision + 1);
        let data = json!({
            "from": self.id(from), "to": self.id(to), "message": failure.message, "error": failure,
            "backtrack": nth, "max": backtrack.max, "revision": revision, "stale": ids,
            "node_type": definition.node(from).node_type(),
        });
        self.record(Record::Backtracked {
            at: self.env.now,
            from: self.id(from),
            to: self.id(to),
            feedback,
            stale: ids,
        })?;
        self.event(EventType::AgentBacktracked, Some(from), data);
        self.settle(vec![to])?;
        Ok(true)
    }

    /// Takes a node's former result back in if its input is what it was. `output`: what it comes to now, where that
    /// is known without a call.
    pub(crate) fn keep(
        &mut self,
        node: NodeIx,
        input: &Value,
        output: Option<&Value>,
    ) -> Result<bool, Error> {
        let Some(stale) = self.state.nodes[node].stale.as_deref() else { return Ok(false) };
        let same = match output {
            Some(output) => stale.output.as_ref() == Some(output),
            None => stale.input.as_ref() == Some(input),
        };
        let settled = matches!(stale.status, NodeStatus::Succeeded | NodeStatus::Failed);
        let rejected = stale.failure.as_ref().is_some_and(|failure| output::is_rejection(&failure.code));
        if !stale.keep || !settled || !same || rejected || self.reads_unseen(node) {
            return Ok(false);
        }
        if stale.status == NodeStatus::Succeeded
            && let Some(output) = &stale.output
            && output::rejected_by_checks(self.state, node, output).is_some()
        {
            return Ok(false);
        }
        self.record(Record::NodeKept { node: self.id(node) })?;
        Ok(true)
    }

    /// Whether the node may learn of other nodes' outputs otherwise than by the input that is shown: by attached
    /// tools, by memory, in headers that are hidden.
    fn reads_unseen(&self, node: NodeIx) -> bool {
        let definition = &self.state.definition;
        let agent = definition.agent(node).map(|(_, agent)| agent);
        let through_tools =
            || agent.is_some_and(|agent| agent.tools.iter().any(|tool| !tool.reads.is_empty()));
        let recalls = || agent.is_some_and(|agent| agent.recall.is_some());
        let hidden = || match definition.tool(node) {
            Some((_, ToolExpressions::MemoryRecall { .. })) => true,
            Some((_, ToolExpressions::Http { headers, .. })) => headers.iter().any(|(name, value)| {
                is_secret(name) && value.as_ref().is_ok_and(|value| !value.references().is_empty())
            }),
            _ => false,
        };
        through_tools() || recalls() || hidden()
    }
}
