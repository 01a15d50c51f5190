//! The memory port: texts kept and found again by meaning. Not here: how (`services/memory`).

use crate::{CallCtx, Result, planner::PageRequest};
use async_trait::async_trait;
use nexus_model::{ExecutionId, MemoryId, Timestamp, WorkflowId, document::MemoryScope, workflow::Page};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Whose memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// An execution's.
    Execution(ExecutionId),
    /// A workflow's.
    Workflow(WorkflowId),
    /// Everybody's.
    Global,
}

impl Scope {
    /// The kind of scope.
    pub fn kind(&self) -> MemoryScope {
        match self {
            Scope::Execution(_) => MemoryScope::Execution,
            Scope::Workflow(_) => MemoryScope::Workflow,
            Scope::Global => MemoryScope::Global,
        }
    }
}

/// A kept text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub id: MemoryId,
    /// The text.
    pub text: String,
    /// What was kept beside it.
    pub metadata: Map<String, Value>,
    /// Likeness to the query, 0 to 1; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// When it was kept.
    pub created_at: Timestamp,
}

/// The memory.
#[async_trait]
pub trait Memory: Send + Sync + 'static {
    /// Keeps a text.
    async fn store(
        &self,
        ctx: &CallCtx,
        scope: Scope,
        text: String,
        metadata: Map<String, Value>,
    ) -> Result<MemoryId>;
    /// The `top_k` entries closest to the query.
    async fn recall(&self, ctx: &CallCtx, scope: Scope, query: String, top_k: u32) -> Result<Vec<Entry>>;
    /// Entries, newest first.
    async fn list(&self, ctx: &CallCtx, scope: Scope, page: PageRequest) -> Result<Page<Entry>>;
    /// Forgets an entry.
    async fn delete(&self, ctx: &CallCtx, id: MemoryId) -> Result<()>;
}
