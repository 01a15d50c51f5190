//! OpenAI's chat completions and embeddings, and every server that speaks them. Not here: the bodies (`request`,
//! `answer`).

mod answer;
mod request;

use crate::{
    config::{Endpoint, Error as ConfigError},
    failure::OPENAI,
    http::{Http, pieces},
    provider::{Answer, Call, Piece, Provider, Vectors},
};
use answer::Builder;
use async_trait::async_trait;
use nexus_api::{BoxStream, Result, llm::EmbedRequest};
use nexus_model::price::Usage;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderValue};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

/// The adapter.
pub(crate) struct OpenAi {
    http: Http,
    completions: String,
    embeddings: String,
    /// `Bearer …`, marked sensitive: it shows in no debug output.
    authorization: HeaderValue,
    /// The base URL is OpenAI's own.
    original: bool,
}

impl OpenAi {
    pub(crate) fn new(http: Http, endpoint: Endpoint) -> Result<Self, ConfigError> {
        let base = crate::http::base_url(endpoint.base_url.as_deref(), OPENAI)?;
        let bearer = format!("Bearer {}", endpoint.api_key.expose_secret().trim());
        let mut authorization = HeaderValue::from_str(&bearer)
            .map_err(|_| ConfigError::ApiKey { variable: OPENAI.key_variable })?;
        authorization.set_sensitive(true);
        Ok(Self {
            http,
            completions: format!("{base}/chat/completions"),
            embeddings: format!("{base}/embeddings"),
            authorization,
            original: base == OPENAI.url_example,
        })
    }

    fn post(&self, url: &str) -> reqwest::RequestBuilder {
        self.http.client().post(url).header(AUTHORIZATION, self.authorization.clone())
    }
}

#[async_trait]
impl Provider for OpenAi {
    async fn complete(&self, call: Call) -> Result<Answer> {
        let request = self.post(&self.completions).json(&request::body(&call, false, self.original));
        let incoming = self.http.send(OPENAI, request, call.deadline, &call.sent()).await?;
        answer::whole(&incoming.all().await?)
    }

    async fn stream(&self, call: Call) -> Result<BoxStream<Piece>> {
        let request = self
            .post(&self.completions)
            .header(ACCEPT, "text/event-stream")
            // Compressed streams come in lumps.
            .header(ACCEPT_ENCODING, "identity")
            .json(&request::body(&call, true, self.original));
        let incoming = self.http.send(OPENAI, request, call.deadline, &call.sent()).await?;
        Ok(pieces(incoming, Builder::default(), answer::whole))
    }

    async fn embed(&self, name: &str, embed: EmbedRequest, deadline: Option<Instant>) -> Result<Vectors> {
        let mut body = json!({"model": name, "input": embed.texts, "encoding_format": "float"});
        if let Some(dimensions) = embed.dimensions {
            body["dimensions"] = json!(dimensions);
        }
        let sent: Vec<&str> = embed.texts.iter().map(String::as_str).collect();
        let request = self.post(&self.embeddings).json(&body);
        let body = self.http.send(OPENAI, request, deadline, &sent).await?.all().await?;
        vectors(&body, embed.texts.len())
    }
}

#[derive(Deserialize)]
struct Embeddings {
    data: Vec<Embedding>,
    usage: Option<answer::WireUsage>,
}

#[derive(Deserialize)]
struct Embedding {
    index: usize,
    embedding: Vec<f32>,
}

fn vectors(body: &[u8], texts: usize) -> Result<Vectors> {
    let parsed: Embeddings =
        serde_json::from_slice(body).map_err(|_| OPENAI.bad_answer("it holds no vectors"))?;
    let mut vectors = vec![Vec::new(); texts];
    for Embedding { index, embedding } in parsed.data {
        match vectors.get_mut(index) {
            Some(place) if place.is_empty() => *place = embedding,
            _ => return Err(OPENAI.bad_answer("it holds vectors that nobody asked for")),
        }
    }
    if vectors.iter().any(Vec::is_empty) {
        return Err(OPENAI.bad_answer("vectors are missing"));
    }
    Ok(Vectors { vectors, usage: parsed.usage.map_or(Usage::default(), Usage::from) })
}
