//! The memory's methods.

use super::respond::unary;
use crate::{
    convert::{check_depth_of, each, id, memory::scope, object_or_empty, page, page_request},
    proto::memory::{self as pb, memory_service_server::MemoryService},
};
use nexus_api::{Bounded, Memory};
use tonic::{Request, Response, Status};

/// Entries of a recall that does not say how many.
const TOP_K: u32 = 5;

pub(super) struct Handler(pub(super) Bounded<dyn Memory>);

#[tonic::async_trait]
impl MemoryService for Handler {
    async fn store(&self, request: Request<pb::StoreRequest>) -> Result<Response<pb::StoreResponse>, Status> {
        unary!(request, |ctx, message| {
            let scope = scope(&message.scope, message.execution_id, message.workflow_id)?;
            let metadata = object_or_empty("/metadata", message.metadata)?;
            check_depth_of("/metadata", &metadata)?;
            let id = self.0.store(ctx, scope, message.text, metadata).await?;
            Ok(pb::StoreResponse { id: id.to_string() })
        })
    }

    async fn recall(
        &self,
        request: Request<pb::RecallRequest>,
    ) -> Result<Response<pb::RecallResponse>, Status> {
        unary!(request, |ctx, message| {
            let scope = scope(&message.scope, message.execution_id, message.workflow_id)?;
            let top_k = message.top_k.unwrap_or(TOP_K);
            let entries = self.0.recall(ctx, scope, message.query, top_k).await?;
            Ok(pb::RecallResponse { entries: each(entries) })
        })
    }

    async fn list(&self, request: Request<pb::ListRequest>) -> Result<Response<pb::ListResponse>, Status> {
        unary!(request, |ctx, message| {
            let scope = scope(&message.scope, message.execution_id, message.workflow_id)?;
            let which = page_request(message.limit, message.cursor);
            let (items, next_cursor) = page(self.0.list(ctx, scope, which).await?);
            Ok(pb::ListResponse { items, next_cursor })
        })
    }

    async fn delete(
        &self,
        request: Request<pb::DeleteRequest>,
    ) -> Result<Response<pb::DeleteResponse>, Status> {
        unary!(request, |ctx, message| {
            self.0.delete(ctx, id("/id", &message.id)?).await?;
            Ok(pb::DeleteResponse {})
        })
    }
}
