//! The memory service. In this version it is not built yet: every method answers that it is not available, so that a
//! workflow which needs memory fails with that sentence instead of something obscure.
//!
//! Not here: embedding models (`nexus-llm-gateway`).

use async_trait::async_trait;
use nexus_api::{
    CallCtx, Error, Memory, Result,
    memory::{EmbeddingModel, Entry, RecallRequest, Recalled, Reembedded, Scope, StoreRequest, Stored},
    planner::PageRequest,
};
use nexus_model::{MemoryId, Money, workflow::Page};

/// Answers `Unimplemented` to everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryService;

fn missing<T>() -> Result<T> {
    Err(Error::unimplemented("memory"))
}

#[async_trait]
impl Memory for MemoryService {
    async fn store(&self, _: &CallCtx, _: StoreRequest) -> Result<Stored> {
        missing()
    }

    async fn recall(&self, _: &CallCtx, _: RecallRequest) -> Result<Recalled> {
        missing()
    }

    async fn list(&self, _: &CallCtx, _: Scope, _: PageRequest) -> Result<Page<Entry>> {
        missing()
    }

    async fn delete(&self, _: &CallCtx, _: MemoryId) -> Result<()> {
        missing()
    }

    async fn delete_scope(&self, _: &CallCtx, _: Scope) -> Result<u64> {
        missing()
    }

    async fn embedding_model(&self, _: &CallCtx) -> Result<EmbeddingModel> {
        missing()
    }

    async fn reembed(&self, _: &CallCtx, _: Option<Money>) -> Result<Reembedded> {
        missing()
    }
}
