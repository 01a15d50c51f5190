//! `POST /v1/embeddings`. Not here: making vectors.

use super::{COST, chat::read, dollars, model_id, patient, persistently};
use crate::{app::App, body::RawJson, context::Watch, error::Answer};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;
use nexus_api::{Code, Error, llm::EmbedRequest};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Texts to turn into vectors, as OpenAI's API takes them.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct EmbeddingsRequest {
    /// `provider/model`, or a bare name of OpenAI's.
    #[schema(example = "openai/text-embedding-3-small")]
    model: String,
    /// One text or several.
    #[schema(value_type = Object)]
    input: Input,
    /// Wanted length of the vectors, where the model can choose.
    dimensions: Option<u32>,
    /// `float` (default) or `base64`.
    encoding_format: Option<Format>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
    /// Numbers of tokens mean something to one tokenizer only.
    Other(Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    Float,
    Base64,
}

/// Make vectors of texts, as OpenAI's API does
///
/// Any configured embedding model, by `provider/model`; `local/hashed-ngrams-512` is built in. The cost stands in
/// `usage.cost_usd` and in the header `x-nexus-cost-usd`.
#[utoipa::path(
    post, path = "/v1/embeddings", tag = "compatible", operation_id = "create_embedding",
    request_body = EmbeddingsRequest,
    responses(
        (status = 200, description = "The vectors", body = Object),
        (status = 402, description = "The budget of the API key does not allow the call"),
        (status = 404, description = "There is no such model"),
    )
)]
pub(crate) async fn embeddings(
    State(app): State<App>,
    Watch(ctx): Watch,
    RawJson(body): RawJson,
) -> Answer<Response> {
    let request: EmbeddingsRequest = read(&body, app.options.limits.json_depth)?;
    let wrong = |what: &str| {
        Error::new(Code::Invalid, format!("`input` {what}"))
            .detail("input", what)
            .reason("invalid_request_error")
    };
    let texts = match request.input {
        Input::One(text) => vec![text],
        Input::Many(texts) if texts.is_empty() => return Err(wrong("is empty").into()),
        Input::Many(texts) => texts,
        Input::Other(Value::Array(_)) => {
            return Err(wrong("must be a text or a list of texts; tokens are not taken").into());
        }
        Input::Other(_) => return Err(wrong("must be a text or a list of texts").into()),
    };
    if texts.iter().any(String::is_empty) {
        return Err(wrong("holds an empty text").into());
    }
    let ctx = patient(ctx);
    let embed = EmbedRequest { model: model_id(&request.model), texts, dimensions: request.dimensions };
    let embedded = persistently(std::slice::from_ref(&embed.model), |_| {
        let (llm, ctx, embed) = (app.ports.llm.clone(), ctx.clone(), embed.clone());
        async move { ctx.bound(llm.embed(&ctx, embed)).await }
    })
    .await?;
    let data = embedded.vectors.iter().enumerate().map(|(index, vector)| {
        let embedding = if request.encoding_format == Some(Format::Base64) {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            json!(STANDARD.encode(bytes))
        } else {
            json!(vector)
        };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    });
    let tokens = embedded.usage.prompt();
    let mut response = Json(json!({
        "object": "list", "model": request.model, "data": data.collect::<Vec<_>>(),
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens, "cost_usd": embedded.cost},
    }))
    .into_response();
    if let Ok(cost) = HeaderValue::from_str(&dollars(embedded.cost)) {
        response.headers_mut().insert(COST, cost);
    }
    Ok(response)
}
