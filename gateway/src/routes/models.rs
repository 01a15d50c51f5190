//! Models and their prices. Not here: where prices come from (the llm gateway).

use crate::{app::App, context::Call, error::Answer, openapi::schemas};
use axum::{Json, extract::State};
use nexus_api::llm::ModelInfo;
use nexus_model::workflow::Page;

/// List models
///
/// All that have a price; `configured` says whether their provider can be called.
#[utoipa::path(
    get, path = "/api/v1/models", tag = "models", operation_id = "list_models",
    responses((status = 200, description = "All models", body = schemas::Page<schemas::ModelInfo>))
)]
pub(crate) async fn list(State(app): State<App>, Call(ctx): Call) -> Answer<Json<Page<ModelInfo>>> {
    let items = ctx.bound(app.ports.llm.list_models(&ctx)).await?;
    Ok(Json(Page { items, next_cursor: None }))
}
