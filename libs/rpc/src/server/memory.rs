//! The memory's methods.

use super::respond::unary;
use crate::{
    convert::{
        check_depth_of, id,
        memory::{max_cost, named_scope, scope},
        page, page_request,
    },
    proto::memory::{self as pb, memory_service_server::MemoryService},
};
use nexus_api::{
    Bounded, Memory,
    memory::{RecallRequest, StoreRequest},
};
use tonic::{Request, Response, Status};

pub(super) struct Handler(pub(super) Bounded<dyn Memory>);

#[tonic::async_trait]
impl MemoryService for Handler {
    async fn store(&self, request: Request<pb::StoreRequest>) -> Result<Response<pb::StoreResponse>, Status> {
        unary!(request, |ctx, message| {
            let request = StoreRequest::try_from(message)?;
            check_depth_of("/metadata", &request.metadata)?;
            Ok(self.0.store(ctx, request).await?.into())
        })
    }

    async fn recall(
        &self,
        request: Request<pb::RecallRequest>,
    ) -> Result<Response<pb::RecallResponse>, Status> {
        unary!(request, |ctx, message| {
            Ok(self.0.recall(ctx, RecallRequest::try_from(message)?).await?.into())
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

    async fn delete_scope(
        &self,
        request: Request<pb::DeleteScopeRequest>,
    ) -> Result<Response<pb::DeleteScopeResponse>, Status> {
        unary!(request, |ctx, message| {
            let deleted = self.0.delete_scope(ctx, named_scope(message)?).await?;
            Ok(pb::DeleteScopeResponse { deleted })
        })
    }

    async fn get_embedding_model(
        &self,
        request: Request<pb::GetEmbeddingModelRequest>,
    ) -> Result<Response<pb::GetEmbeddingModelResponse>, Status> {
        unary!(request, |ctx, _message| Ok(self.0.embedding_model(ctx).await?.into()))
    }

    async fn reembed(
        &self,
        request: Request<pb::ReembedRequest>,
    ) -> Result<Response<pb::ReembedResponse>, Status> {
        unary!(request, |ctx, message| {
            Ok(self.0.reembed(ctx, max_cost(message.max_cost_usd)?).await?.into())
        })
    }
}
