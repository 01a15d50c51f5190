//! Secrets for tools: names and dates out, values in. Not here: how they are kept (`nexus-executor`).

use crate::{
    app::App,
    body::Strict,
    context::Call,
    error::{Answer, Failure},
    openapi::schemas,
    params::Query,
};
use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use http::StatusCode;
use nexus_api::{
    Code, Error,
    secrets::{Secret, SecretValue},
};
use nexus_model::workflow::Page;
use serde::Deserialize;
use serde_json::Value;

/// A value to keep. Of any type at first: what serde says of a wrong one repeats it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetBody {
    value: Value,
}

fn text(name: Result<Path<String>, PathRejection>) -> Answer<String> {
    let Path(name) =
        name.map_err(|_| Failure::new(Code::Malformed, "the address is not valid UTF-8 text"))?;
    Ok(name)
}

/// List secrets
///
/// Names and dates, by name. Values are never answered.
#[utoipa::path(
    get, path = "/api/v1/secrets", tag = "secrets", operation_id = "list_secrets",
    params(schemas::Paging),
    responses((status = 200, description = "A page of names", body = schemas::Page<schemas::Secret>))
)]
pub(crate) async fn list(
    State(app): State<App>,
    Call(ctx): Call,
    query: Query,
) -> Answer<Json<Page<Secret>>> {
    Ok(Json(ctx.bound(app.ports.secrets.list_secrets(&ctx, query.page()?)).await?))
}

/// Set a secret
///
/// Whether there is one of this name or not. Tools name it as `{{ secrets.NAME }}`; the next call uses the new value.
#[utoipa::path(
    put, path = "/api/v1/secrets/{name}", tag = "secrets", operation_id = "set_secret",
    params(schemas::SecretNameParam), request_body = schemas::SetSecret,
    responses((status = 200, description = "It is set", body = schemas::Secret))
)]
pub(crate) async fn set(
    State(app): State<App>,
    Call(ctx): Call,
    name: Result<Path<String>, PathRejection>,
    Strict(body): Strict<SetBody>,
) -> Answer<Json<Secret>> {
    let Value::String(value) = body.value else {
        let error = Error::new(Code::Invalid, "`value` must be a text").detail("/value", "must be a text");
        return Err(error.into());
    };
    Ok(Json(ctx.bound(app.ports.secrets.set_secret(&ctx, text(name)?, SecretValue::new(value))).await?))
}

/// Forget a secret
#[utoipa::path(
    delete, path = "/api/v1/secrets/{name}", tag = "secrets", operation_id = "delete_secret",
    params(schemas::SecretNameParam),
    responses(
        (status = 204, description = "It is forgotten"),
        (status = 404, description = "There is no such secret"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Call(ctx): Call,
    name: Result<Path<String>, PathRejection>,
) -> Answer<StatusCode> {
    ctx.bound(app.ports.secrets.delete_secret(&ctx, text(name)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}
