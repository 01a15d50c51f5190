//! `GET /v1/models`. Not here: our own list, with prices (`routes::models`).

use crate::{app::App, context::Call, error::Answer};
use axum::{Json, extract::State};
use nexus_model::price::Mode;
use serde_json::{Value, json};

/// List models, as OpenAI's API does
///
/// Those that can be called now; `/api/v1/models` has all, with their prices.
#[utoipa::path(
    get, path = "/v1/models", tag = "compatible", operation_id = "list_compatible_models",
    responses((status = 200, description = "The models", body = Object))
)]
pub(crate) async fn models(State(app): State<App>, Call(ctx): Call) -> Answer<Json<Value>> {
    let models = ctx.bound(app.ports.llm.list_models(&ctx)).await?;
    let offered = models.into_iter().filter(|model| model.configured && model.mode != Mode::Responses);
    // When a model was made is not known here; clients only want the member to be there.
    let data = offered
        .map(|model| json!({"id": model.id, "object": "model", "created": 0, "owned_by": model.provider}));
    Ok(Json(json!({"object": "list", "data": data.collect::<Vec<_>>()})))
}
