//! What earlier runs of a workflow took, for estimates: read from the events that executions have stored anyway.
//! Not here: SQL, what is made of it (`nexus-planner`).

use crate::{Result, rows::Columns};
use async_trait::async_trait;
use nexus_model::{ExecutionId, NodeId, WorkflowId, execution::Tokens};

/// How a node succeeded in an execution that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeResult {
    /// The execution.
    pub execution_id: ExecutionId,
    /// The node.
    pub node_id: NodeId,
    /// The model that answered, if it is an agent.
    pub model: Option<String>,
    /// Tokens of all attempts of all revisions so far.
    pub tokens: Tokens,
    /// The attempt that succeeded, from 1 within the revision.
    pub attempt: u32,
    /// The revision, from 1.
    pub revision: u32,
    /// What a conditional chose.
    pub handle: Option<String>,
}

/// Reading what earlier runs took.
#[async_trait]
pub trait HistoryStore: Send + Sync + 'static {
    /// How nodes succeeded in the workflow's latest executions that have ended, whatever its version then: at most
    /// `executions` of them and at most `results` in all, latest execution first, within one in order of time. A node
    /// that succeeded more than once in an execution (it was sent back to work, or the execution was resumed) comes
    /// more than once.
    async fn node_results(
        &self,
        workflow: WorkflowId,
        executions: u32,
        results: u32,
    ) -> Result<Vec<NodeResult>>;
}

/// Reads execution, node, model, prompt and completion tokens, attempt, revision, handle.
pub(crate) fn node_result(row: &dyn Columns) -> Result<NodeResult> {
    // Events are JSON without a schema; what an older version left out counts as little.
    let count = |column: usize| {
        Ok::<u64, crate::Error>(row.maybe_int(column)?.and_then(|n| n.try_into().ok()).unwrap_or(0))
    };
    let small = |column: usize| Ok::<u32, crate::Error>(count(column)?.clamp(1, u64::from(u32::MAX)) as u32);
    Ok(NodeResult {
        execution_id: crate::rows::parse(&row.text(0)?)?,
        node_id: crate::rows::parse(&row.text(1)?)?,
        model: row.maybe_text(2)?,
        tokens: Tokens { prompt: count(3)?, completion: count(4)? },
        attempt: small(5)?,
        revision: small(6)?,
        handle: row.maybe_text(7)?,
    })
}
