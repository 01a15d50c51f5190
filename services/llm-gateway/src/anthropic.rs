//! Anthropic's messages API, and every server that speaks it. Not here: the bodies (`request`, `answer`).

mod answer;
mod request;

use crate::{
    config::{Endpoint, Error as ConfigError},
    failure::Whom,
    http::{Http, pieces},
    provider::{Answer, Call, Piece, Provider, Vectors},
};
use answer::Builder;
use async_trait::async_trait;
use nexus_api::{BoxStream, Result, llm::EmbedRequest};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue};
use secrecy::ExposeSecret;
use tokio::time::Instant;

/// The version of the API that is spoken here. The next one, 2026-10-21, takes no temperature of any model, and is not
/// known to the servers that only speak alike; within a version nothing is taken away.
const VERSION: &str = "2023-06-01";

/// The tool that stands for a structured answer where the model has no other way.
const ANSWER_TOOL: &str = "give_answer";

/// The adapter.
pub(crate) struct Anthropic {
    http: Http,
    whom: Whom,
    messages: String,
    /// Marked sensitive: it shows in no debug output.
    key: HeaderValue,
}

impl Anthropic {
    pub(crate) fn new(http: Http, whom: Whom, endpoint: &Endpoint) -> Result<Self, ConfigError> {
        let base = crate::http::base_url(endpoint.base_url.as_deref(), &whom)?;
        let mut key = HeaderValue::from_str(endpoint.api_key.expose_secret().trim())
            .map_err(|_| ConfigError::ApiKey { variable: whom.key_variable.clone() })?;
        key.set_sensitive(true);
        Ok(Self { http, whom, messages: format!("{base}/v1/messages"), key })
    }

    fn post(&self) -> reqwest::RequestBuilder {
        self.http
            .client()
            .post(&self.messages)
            .header("x-api-key", self.key.clone())
            .header("anthropic-version", VERSION)
    }
}

#[async_trait]
impl Provider for Anthropic {
    async fn complete(&self, call: Call) -> Result<Answer> {
        let request = self.post().json(&request::body(&call, false));
        let incoming = self.http.send(&self.whom, request, call.deadline, &call.sent()).await?;
        answer::whole(&self.whom, &incoming.all().await?)
    }

    async fn stream(&self, call: Call) -> Result<BoxStream<Piece>> {
        let request = self
            .post()
            .header(ACCEPT, "text/event-stream")
            // Compressed streams come in lumps.
            .header(ACCEPT_ENCODING, "identity")
            .json(&request::body(&call, true));
        let incoming = self.http.send(&self.whom, request, call.deadline, &call.sent()).await?;
        Ok(pieces(incoming, Builder::new(self.whom.clone()), answer::whole))
    }

    async fn embed(&self, _: &str, _: EmbedRequest, _: Option<Instant>) -> Result<Vectors> {
        Err(self
            .whom
            .bad_request("it makes no vectors")
            .unspent()
            .suggest("use an embedding model of another provider"))
    }
}
