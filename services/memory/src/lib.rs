//! The memory service. In this version it is not built yet: every method answers that it is not available, so that a
//! workflow which needs memory fails with that sentence instead of something obscure.
//!
//! Not here: embedding models (`nexus-llm-gateway`).

use async_trait::async_trait;
use nexus_api::{CallCtx, Error, Memory, Result, memory::Entry, memory::Scope, planner::PageRequest};
use nexus_model::{MemoryId, workflow::Page};
use serde_json::{Map, Value};

/// Answers `Unimplemented` to everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryService;

fn missing<T>() -> Result<T> {
    Err(Error::unimplemented("memory"))
}

#[async_trait]
impl Memory for MemoryService {
    async fn store(&self, _: &CallCtx, _: Scope, _: String, _: Map<String, Value>) -> Result<MemoryId> {
        missing()
    }

    async fn recall(&self, _: &CallCtx, _: Scope, _: String, _: u32) -> Result<Vec<Entry>> {
        missing()
    }

    async fn list(&self, _: &CallCtx, _: Scope, _: PageRequest) -> Result<Page<Entry>> {
        missing()
    }

    async fn delete(&self, _: &CallCtx, _: MemoryId) -> Result<()> {
        missing()
    }
}
