//! The llm gateway's methods, called. Calls that cost money are never repeated once they may have arrived.

use super::{
    call,
    pool::{Pool, Repeat},
};
use crate::{
    convert::{all, answer, each},
    meta::Shape,
    proto::llm::{self as pb, llm_service_client::LlmServiceClient},
    status::from_status,
};
use async_trait::async_trait;
use futures::StreamExt;
use nexus_api::{
    BoxStream, CallCtx, Llm, Result,
    llm::{CompleteRequest, Completion, EmbedRequest, Embedded, Message, ModelInfo, StreamItem},
};

pub(super) struct Client(pub(super) Pool);

#[async_trait]
impl Llm for Client {
    async fn complete(&self, ctx: &CallCtx, request: CompleteRequest) -> Result<Completion> {
        let message = pb::CompleteRequest::from(request);
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, LlmServiceClient::complete, message);
        answer(response.await?.try_into())
    }

    async fn stream_complete(
        &self,
        ctx: &CallCtx,
        request: CompleteRequest,
    ) -> Result<BoxStream<StreamItem>> {
        let message = pb::StreamCompleteRequest::from(pb::CompleteRequest::from(request));
        let items =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Stream, LlmServiceClient::stream_complete, message);
        let item = |item: Result<pb::StreamCompleteResponse, _>| {
            item.map_err(|status| from_status(&status)).and_then(|item| answer(item.try_into()))
        };
        Ok(items.await?.map(item).boxed())
    }

    async fn embed(&self, ctx: &CallCtx, request: EmbedRequest) -> Result<Embedded> {
        let message = pb::EmbedRequest::from(request);
        let response = call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, LlmServiceClient::embed, message);
        answer(response.await?.try_into())
    }

    async fn count_tokens(&self, ctx: &CallCtx, model: String, messages: Vec<Message>) -> Result<u64> {
        let message = pb::CountTokensRequest { model, messages: each(messages) };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, LlmServiceClient::count_tokens, message);
        Ok(response.await?.tokens)
    }

    async fn list_models(&self, ctx: &CallCtx) -> Result<Vec<ModelInfo>> {
        let message = pb::ListModelsRequest {};
        let response = call!(self.0, ctx, Repeat::Safe, Shape::Unary, LlmServiceClient::list_models, message);
        answer(all(response.await?.items))
    }
}
