//! The planner port: workflow definitions, their versions, and what can be said about a document without
//! running it. Not here: how (`services/planner`).

use crate::{CallCtx, Result};
use async_trait::async_trait;
pub use nexus_model::estimate::{Basis, Estimate, NodeEstimate};
use nexus_model::{
    WorkflowId,
    document::BudgetOverride,
    problem::Report,
    workflow::{Page, Plan, VersionInfo, Workflow},
};
use serde_json::Value;

/// Which document is meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// This one.
    Document(Value),
    /// A stored one; the latest version if none is named.
    Workflow {
        /// The workflow.
        id: WorkflowId,
        /// Its version.
        version: Option<u32>,
    },
}

/// Which part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Most entries, 1 to 200; 50 if absent.
    pub limit: Option<u32>,
    /// Where to go on, as given by the page before.
    pub cursor: Option<String>,
}

impl PageRequest {
    /// The limit asked for, or the default.
    ///
    /// # Errors
    /// `Malformed` if it is not between 1 and 200.
    pub fn checked_limit(&self) -> Result<u32> {
        match self.limit.unwrap_or(50) {
            limit @ 1..=200 => Ok(limit),
            other => Err(crate::Error::new(crate::Code::Malformed, format!("`limit` is {other}"))
                .suggest("ask for 1 to 200 entries; `next_cursor` leads to the rest")
                .detail("limit", "must be between 1 and 200")),
        }
    }
}

/// The planner.
#[async_trait]
pub trait Planner: Send + Sync + 'static {
    /// Saves a new workflow. Invalid documents are refused with `Invalid` and one detail per problem, unless
    /// `draft` and well-formed.
    async fn create_workflow(&self, ctx: &CallCtx, document: Value, draft: bool) -> Result<Workflow>;
    /// A workflow; the latest version if none is named.
    async fn get_workflow(&self, ctx: &CallCtx, id: WorkflowId, version: Option<u32>) -> Result<Workflow>;
    /// Saves a new version if the latest one is `expected_version`, else `PreconditionFailed`.
    async fn update_workflow(
        &self,
        ctx: &CallCtx,
        id: WorkflowId,
        expected_version: u32,
        document: Value,
        draft: bool,
    ) -> Result<Workflow>;
    /// Deletes a workflow; its executions stay readable.
    async fn delete_workflow(&self, ctx: &CallCtx, id: WorkflowId) -> Result<()>;
    /// Workflows, newest first; `query` filters by name (substring, case-insensitive).
    async fn list_workflows(
        &self,
        ctx: &CallCtx,
        page: PageRequest,
        query: Option<String>,
    ) -> Result<Page<Workflow>>;
    /// A workflow's versions, newest first.
    async fn list_versions(
        &self,
        ctx: &CallCtx,
        id: WorkflowId,
        page: PageRequest,
    ) -> Result<Page<VersionInfo>>;
    /// Everything wrong with a document. Fails only if it is no JSON object.
    async fn validate(&self, ctx: &CallCtx, document: Value) -> Result<Report>;
    /// How a document's nodes can run; `Invalid` if it is not valid.
    async fn plan(&self, ctx: &CallCtx, target: Target) -> Result<Plan>;
    /// What a run with these inputs may cost; calls nobody. `Invalid` if the document is not valid, with the budget if
    /// one is given, or if the inputs do not satisfy its schema.
    async fn estimate(
        &self,
        ctx: &CallCtx,
        target: Target,
        inputs: Value,
        budget: Option<BudgetOverride>,
    ) -> Result<Estimate>;
}
