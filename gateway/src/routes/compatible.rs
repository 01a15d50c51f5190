//! The addresses of OpenAI's API, for clients that know nothing else. Answered with 501 until they work: a client
//! shall see that the address is right and the version is not. Not here: our own list of models (`models`).

use crate::error::{Answer, Failure};
use nexus_api::Code;

/// Complete a chat, as OpenAI's API does
///
/// Not available in this version.
#[utoipa::path(
    post, path = "/v1/chat/completions", tag = "compatible", operation_id = "create_chat_completion",
    responses((status = 501, description = "Not available in this version"))
)]
pub(crate) async fn chat_completions() -> Answer<()> {
    Err(not_yet())
}

/// Make vectors of texts, as OpenAI's API does
///
/// Not available in this version.
#[utoipa::path(
    post, path = "/v1/embeddings", tag = "compatible", operation_id = "create_embedding",
    responses((status = 501, description = "Not available in this version"))
)]
pub(crate) async fn embeddings() -> Answer<()> {
    Err(not_yet())
}

/// List models, as OpenAI's API does
///
/// Not available in this version.
#[utoipa::path(
    get, path = "/v1/models", tag = "compatible", operation_id = "list_compatible_models",
    responses((status = 501, description = "Not available in this version"))
)]
pub(crate) async fn models() -> Answer<()> {
    Err(not_yet())
}

fn not_yet() -> Failure {
    Failure::new(Code::Unimplemented, "the OpenAI-compatible API is not available in this version")
        .suggest("use the API under /api/v1; /docs describes it")
}
