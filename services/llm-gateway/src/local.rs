//! The built-in embedding model as a provider: words and parts of words, hashed; no network, no cost. Not here: the
//! model itself (`nexus-embed`).

use crate::{
    failure::Whom,
    provider::{Answer, Call, Piece, Provider, Vectors},
};
use async_trait::async_trait;
use nexus_api::{BoxStream, Result, llm::EmbedRequest};
use nexus_model::price::Usage;
use tokio::time::Instant;

/// The provider.
pub(crate) struct Local(pub(crate) Whom);

#[async_trait]
impl Provider for Local {
    async fn complete(&self, _: Call) -> Result<Answer> {
        Err(self.0.bad_request("it answers no messages").unspent())
    }

    async fn stream(&self, _: Call) -> Result<BoxStream<Piece>> {
        Err(self.0.bad_request("it answers no messages").unspent())
    }

    async fn embed(&self, name: &str, request: EmbedRequest, _: Option<Instant>) -> Result<Vectors> {
        if nexus_embed::MODEL.split_once('/').is_none_or(|(_, known)| known != name) {
            let what = format!("its only model is {}", nexus_embed::MODEL);
            return Err(self.0.bad_request(&what).unspent());
        }
        let wanted = request.dimensions.and_then(|length| usize::try_from(length).ok());
        if wanted.is_some_and(|wanted| wanted != nexus_embed::DIMENSIONS) {
            let what = format!("its vectors have {} dimensions, no others", nexus_embed::DIMENSIONS);
            return Err(self.0.bad_request(&what).unspent());
        }
        let input = request.texts.iter().map(|text| (text.len() as u64).div_ceil(4)).sum();
        let vectors = request.texts.iter().map(|text| nexus_embed::embed(text)).collect();
        Ok(Vectors { vectors, usage: Usage { input, ..Usage::default() } })
    }
}
