//! The memory's methods, called.

use super::{
    call,
    pool::{Pool, Repeat},
};
use crate::{
    convert::{answer, from_page, memory::scope_to_proto},
    meta::Shape,
    proto::memory::{self as pb, memory_service_client::MemoryServiceClient},
};
use async_trait::async_trait;
use nexus_api::{
    CallCtx, Memory, Result,
    memory::{EmbeddingModel, Entry, RecallRequest, Recalled, Reembedded, Scope, StoreRequest, Stored},
    planner::PageRequest,
};
use nexus_model::{MemoryId, Money, workflow::Page};

pub(super) struct Client(pub(super) Pool);

#[async_trait]
impl Memory for Client {
    async fn store(&self, ctx: &CallCtx, request: StoreRequest) -> Result<Stored> {
        let message = pb::StoreRequest::from(request);
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, MemoryServiceClient::store, message);
        answer(response.await?.try_into())
    }

    async fn recall(&self, ctx: &CallCtx, request: RecallRequest) -> Result<Recalled> {
        let message = pb::RecallRequest::from(request);
        // Not repeated after it was sent: the query's embedding would be paid for twice.
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, MemoryServiceClient::recall, message);
        answer(response.await?.try_into())
    }

    async fn list(&self, ctx: &CallCtx, scope: Scope, page: PageRequest) -> Result<Page<Entry>> {
        let (scope, execution_id, workflow_id) = scope_to_proto(scope);
        let message =
            pb::ListRequest { scope, execution_id, workflow_id, limit: page.limit, cursor: page.cursor };
        let response = call!(self.0, ctx, Repeat::Safe, Shape::Unary, MemoryServiceClient::list, message);
        let response = response.await?;
        answer(from_page(response.items, response.next_cursor))
    }

    async fn delete(&self, ctx: &CallCtx, id: MemoryId) -> Result<()> {
        let message = pb::DeleteRequest { id: id.to_string() };
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, MemoryServiceClient::delete, message);
        response.await.map(|_| ())
    }

    async fn delete_scope(&self, ctx: &CallCtx, scope: Scope) -> Result<u64> {
        let (scope, execution_id, workflow_id) = scope_to_proto(scope);
        let message = pb::DeleteScopeRequest { scope, execution_id, workflow_id };
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, MemoryServiceClient::delete_scope, message);
        response.await.map(|response| response.deleted)
    }

    async fn embedding_model(&self, ctx: &CallCtx) -> Result<EmbeddingModel> {
        let message = pb::GetEmbeddingModelRequest {};
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, MemoryServiceClient::get_embedding_model, message);
        answer(response.await?.try_into())
    }

    async fn reembed(&self, ctx: &CallCtx, max_cost: Option<Money>) -> Result<Reembedded> {
        let message = pb::ReembedRequest { max_cost_usd: max_cost.map(Money::usd) };
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, MemoryServiceClient::reembed, message);
        response.await.map(Into::into)
    }
}
