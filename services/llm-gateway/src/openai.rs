//! OpenAI's chat completions and embeddings, and every server that speaks them. Not here: the bodies (`request`,
//! `answer`).

mod answer;
mod embeddings;
mod request;

use crate::{
    config::{Endpoint, Error as ConfigError},
    failure::{OPENAI_URL, Whom},
    http::{Http, pieces},
    provider::{Answer, Call, Piece, Provider, Vectors},
};
use answer::Builder;
use async_trait::async_trait;
use nexus_api::{BoxStream, Result, llm::EmbedRequest};
use nexus_model::price::Usage;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderValue};
use secrecy::ExposeSecret;
use tokio::time::Instant;

/// The adapter.
pub(crate) struct OpenAi {
    http: Http,
    whom: Whom,
    completions: String,
    embeddings: String,
    /// `Bearer …`, marked sensitive: it shows in no debug output. Absent for servers that want no key.
    authorization: Option<HeaderValue>,
    /// The base URL is OpenAI's own.
    original: bool,
}

impl OpenAi {
    pub(crate) fn new(http: Http, whom: Whom, endpoint: &Endpoint) -> Result<Self, ConfigError> {
        let base = crate::http::base_url(endpoint.base_url.as_deref(), &whom)?;
        let key = endpoint.api_key.expose_secret().trim();
        let authorization = match key {
            "" => None,
            key => {
                let bearer = HeaderValue::from_str(&format!("Bearer {key}"));
                let mut bearer =
                    bearer.map_err(|_| ConfigError::ApiKey { variable: whom.key_variable.clone() })?;
                bearer.set_sensitive(true);
                Some(bearer)
            }
        };
        Ok(Self {
            http,
            whom,
            completions: format!("{base}/chat/completions"),
            embeddings: format!("{base}/embeddings"),
            authorization,
            original: base == OPENAI_URL,
        })
    }

    fn post(&self, url: &str) -> reqwest::RequestBuilder {
        let request = self.http.client().post(url);
        match &self.authorization {
            Some(bearer) => request.header(AUTHORIZATION, bearer.clone()),
            None => request,
        }
    }
}

#[async_trait]
impl Provider for OpenAi {
    async fn complete(&self, call: Call) -> Result<Answer> {
        let request = self.post(&self.completions).json(&request::body(&call, false, self.original));
        let incoming = self.http.send(&self.whom, request, call.deadline, &call.sent()).await?;
        answer::whole(&self.whom, &incoming.all().await?)
    }

    async fn stream(&self, call: Call) -> Result<BoxStream<Piece>> {
        let request = self
            .post(&self.completions)
            .header(ACCEPT, "text/event-stream")
            // Compressed streams come in lumps.
            .header(ACCEPT_ENCODING, "identity")
            .json(&request::body(&call, true, self.original));
        let incoming = self.http.send(&self.whom, request, call.deadline, &call.sent()).await?;
        Ok(pieces(incoming, Builder::new(self.whom.clone()), answer::whole))
    }

    async fn embed(&self, name: &str, embed: EmbedRequest, deadline: Option<Instant>) -> Result<Vectors> {
        let mut all = Vectors { vectors: Vec::with_capacity(embed.texts.len()), usage: Usage::default() };
        for texts in embeddings::batches(&embed.texts) {
            let body = embeddings::body(name, texts, embed.dimensions, self.original);
            let sent: Vec<&str> = texts.iter().map(String::as_str).collect();
            let request = self.post(&self.embeddings).json(&body);
            let answered = async {
                let body = self.http.send(&self.whom, request, deadline, &sent).await?.all().await?;
                embeddings::read(&self.whom, &body, texts, embed.dimensions)
            };
            match answered.await {
                Ok(batch) => {
                    all.vectors.extend(batch.vectors);
                    all.usage.input = all.usage.input.saturating_add(batch.usage.input);
                }
                Err(error) => return Err(embeddings::after(all.usage, error)),
            }
        }
        if all.vectors.windows(2).any(|pair| matches!(pair, [one, other] if one.len() != other.len())) {
            return Err(embeddings::after(
                all.usage,
                self.whom.bad_answer("its vectors differ in length").unspent(),
            ));
        }
        Ok(all)
    }
}
