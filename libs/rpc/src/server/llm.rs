//! The llm gateway's methods.

use super::respond::{OnStop, Responses, streaming, unary};
use crate::{
    convert::{
        each,
        llm::{messages, model},
    },
    proto::llm::{self as pb, llm_service_server::LlmService},
};
use nexus_api::{Bounded, Error, Llm, Result as ApiResult};
use tonic::{Request, Response, Status};

pub(super) struct Handler(pub(super) Bounded<dyn Llm>);

/// A request that cannot be read was not carried out.
fn read<M, T: TryFrom<M, Error = Error>>(message: M) -> ApiResult<T> {
    message.try_into().map_err(Error::unspent)
}

#[tonic::async_trait]
impl LlmService for Handler {
    async fn complete(
        &self,
        request: Request<pb::CompleteRequest>,
    ) -> Result<Response<pb::CompleteResponse>, Status> {
        unary!(request, |ctx, message| Ok(self.0.complete(ctx, read(message)?).await?.into()))
    }

    type StreamCompleteStream = Responses<pb::StreamCompleteResponse>;

    async fn stream_complete(
        &self,
        request: Request<pb::StreamCompleteRequest>,
    ) -> Result<Response<Self::StreamCompleteStream>, Status> {
        // A paid answer is worth waiting for, even if the server is about to stop.
        streaming!(request, OnStop::Finish, |ctx, message| {
            self.0.stream_complete(ctx, read(pb::CompleteRequest::from(message))?).await
        })
    }

    async fn embed(&self, request: Request<pb::EmbedRequest>) -> Result<Response<pb::EmbedResponse>, Status> {
        unary!(request, |ctx, message| Ok(self.0.embed(ctx, read(message)?).await?.into()))
    }

    async fn count_tokens(
        &self,
        request: Request<pb::CountTokensRequest>,
    ) -> Result<Response<pb::CountTokensResponse>, Status> {
        unary!(request, |ctx, message| {
            let tokens = self.0.count_tokens(ctx, model(message.model)?, messages(message.messages)?).await?;
            Ok(pb::CountTokensResponse { tokens })
        })
    }

    async fn list_models(
        &self,
        request: Request<pb::ListModelsRequest>,
    ) -> Result<Response<pb::ListModelsResponse>, Status> {
        unary!(request, |ctx, _message| Ok(pb::ListModelsResponse {
            items: each(self.0.list_models(ctx).await?)
        }))
    }
}
