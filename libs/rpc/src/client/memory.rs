//! The memory's methods, called.

use super::{
    call,
    pool::{Pool, Repeat},
};
use crate::{
    convert::{all, answer, from_page, id as parse_id, memory::scope_to_proto},
    json::Struct,
    meta::Shape,
    proto::memory::{self as pb, memory_service_client::MemoryServiceClient},
};
use async_trait::async_trait;
use nexus_api::{
    CallCtx, Memory, Result,
    memory::{Entry, Scope},
    planner::PageRequest,
};
use nexus_model::{MemoryId, workflow::Page};
use serde_json::{Map, Value};

pub(super) struct Client(pub(super) Pool);

#[async_trait]
impl Memory for Client {
    async fn store(
        &self,
        ctx: &CallCtx,
        scope: Scope,
        text: String,
        metadata: Map<String, Value>,
    ) -> Result<MemoryId> {
        let (scope, execution_id, workflow_id) = scope_to_proto(scope);
        let metadata = Some(Struct::new(metadata));
        let message = pb::StoreRequest { scope, execution_id, workflow_id, text, metadata };
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, MemoryServiceClient::store, message);
        answer(parse_id("/id", &response.await?.id))
    }

    async fn recall(&self, ctx: &CallCtx, scope: Scope, query: String, top_k: u32) -> Result<Vec<Entry>> {
        let (scope, execution_id, workflow_id) = scope_to_proto(scope);
        let message = pb::RecallRequest { scope, execution_id, workflow_id, query, top_k: Some(top_k) };
        let response = call!(self.0, ctx, Repeat::Safe, Shape::Unary, MemoryServiceClient::recall, message);
        answer(all(response.await?.entries))
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
}
