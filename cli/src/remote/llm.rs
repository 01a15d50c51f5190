//! The llm port over REST: only the list of models, commands need nothing else.

use super::Remote;
use async_trait::async_trait;
use nexus_api::{
    BoxStream, CallCtx, Error, Llm, Result,
    llm::{CompleteRequest, Completion, EmbedRequest, Embedded, Message, ModelInfo, StreamItem},
};
use nexus_model::workflow::Page;

#[async_trait]
impl Llm for Remote {
    async fn complete(&self, _: &CallCtx, _: CompleteRequest) -> Result<Completion> {
        Err(Error::unimplemented("calling a model from the command line"))
    }

    async fn stream_complete(&self, _: &CallCtx, _: CompleteRequest) -> Result<BoxStream<StreamItem>> {
        Err(Error::unimplemented("calling a model from the command line"))
    }

    async fn embed(&self, _: &CallCtx, _: EmbedRequest) -> Result<Embedded> {
        Err(Error::unimplemented("calling a model from the command line"))
    }

    async fn count_tokens(&self, _: &CallCtx, _: String, _: Vec<Message>) -> Result<u64> {
        Err(Error::unimplemented("counting tokens from the command line"))
    }

    async fn list_models(&self, ctx: &CallCtx) -> Result<Vec<ModelInfo>> {
        let page: Page<ModelInfo> = self.call(ctx, self.get("/models")).await?;
        Ok(page.items)
    }
}
