//! The executor port: executions, from start to end. Not here: how (`services/executor`).

use crate::{BoxStream, CallCtx, Result, planner::PageRequest};
use async_trait::async_trait;
use nexus_model::{
    Event, Execution, ExecutionId, ExecutionStatus, NodeId, WorkflowId, document::BudgetOverride,
    event::WatchItem, execution::ExecutionSummary, workflow::Page,
};
use serde_json::Value;

/// What to run.
#[derive(Debug, Clone, PartialEq)]
pub struct StartExecution {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Its version; the latest if absent.
    pub version: Option<u32>,
    /// Its inputs, checked against the document's `inputs` schema.
    pub inputs: Value,
    /// Fields that replace those of the document's budget.
    pub budget: Option<BudgetOverride>,
    /// The same key with the same content gives the same execution; with other content `Conflict`.
    pub idempotency_key: Option<String>,
}

/// What was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// The execution.
    pub execution_id: ExecutionId,
    /// Where it stands; `queued` when it is new.
    pub status: ExecutionStatus,
}

/// Which executions to list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExecutionFilter {
    /// Only those of this workflow.
    pub workflow_id: Option<WorkflowId>,
    /// Only those with this status.
    pub status: Option<ExecutionStatus>,
}

/// How to go on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resume {
    /// Fields that replace those of the execution's budget; `limit_usd` is the new total.
    pub budget: Option<BudgetOverride>,
    /// Run this node and everything downstream of it again.
    pub from_node: Option<NodeId>,
}

/// The executor.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// Accepts an execution; durable when this returns.
    async fn start_execution(&self, ctx: &CallCtx, request: StartExecution) -> Result<Started>;
    /// An execution, whole.
    async fn get_execution(&self, ctx: &CallCtx, id: ExecutionId) -> Result<Execution>;
    /// Executions, newest first.
    async fn list_executions(
        &self,
        ctx: &CallCtx,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>>;
    /// Stops an execution; no call starts after this returns. `Conflict` if it has already ended.
    async fn cancel_execution(&self, ctx: &CallCtx, id: ExecutionId) -> Result<ExecutionSummary>;
    /// Goes on after an end, keeping what succeeded. `Conflict` while it is running, or if it succeeded and no
    /// node is named.
    async fn resume_execution(
        &self,
        ctx: &CallCtx,
        id: ExecutionId,
        resume: Resume,
    ) -> Result<ExecutionSummary>;
    /// Deletes an execution that has ended, with its events and its memory. `Conflict` while it is queued or running.
    async fn delete_execution(&self, ctx: &CallCtx, id: ExecutionId) -> Result<()>;
    /// Stored events after `after_seq`, at most `limit` (1 to 1,000).
    async fn list_events(
        &self,
        ctx: &CallCtx,
        id: ExecutionId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Vec<Event>>;
    /// Stored events after `after_seq`, then live ones and deltas; ends after the run's last event.
    async fn watch_execution(
        &self,
        ctx: &CallCtx,
        id: ExecutionId,
        after_seq: u64,
    ) -> Result<BoxStream<WatchItem>>;
}
