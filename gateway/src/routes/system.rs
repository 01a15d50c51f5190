//! Routes about the server itself: health, metrics, its own description. Not here: what is healthy (the checks in
//! `Options`), what the description says (`openapi`).

use crate::{
    app::App,
    docs,
    error::{Answer, Failure},
    openapi::schemas,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use futures::future::join_all;
use http::header;
use nexus_api::Error;
use serde_json::{Map, Value, json};

/// Say that the process lives
#[utoipa::path(
    get, path = "/healthz", tag = "system", operation_id = "healthz", security(()),
    responses((status = 200, description = "It lives", body = schemas::Health))
)]
pub(crate) async fn healthz() -> Json<Value> {
    Json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

/// Say whether requests can be served
///
/// Asks every dependency. 503 names what is down.
#[utoipa::path(
    get, path = "/readyz", tag = "system", operation_id = "readyz", security(()),
    responses(
        (status = 200, description = "Ready", body = schemas::Readiness),
        (status = 503, description = "Going down, or a dependency is down; `details` says which"),
    )
)]
pub(crate) async fn readyz(State(app): State<App>) -> Answer<Json<Value>> {
    if app.live.is_going_away() {
        return Err(Error::unavailable("the server is going down").into());
    }
    let patience = app.options.timing.ready_check;
    let checks = app.options.ready.iter().map(|(name, check)| async move {
        let answer = tokio::time::timeout(patience, check()).await;
        (*name, answer.unwrap_or_else(|_| Err("no answer in time".to_owned())))
    });
    let mut down = Vec::new();
    let mut up = Map::new();
    for (name, answer) in join_all(checks).await {
        match answer {
            Ok(()) => {
                up.insert(name.to_owned(), "ok".into());
            }
            Err(reason) => {
                // The reason may hold addresses, and this route needs no key.
                tracing::warn!(dependency = name, %reason, "not ready");
                down.push(name);
            }
        }
    }
    if down.is_empty() {
        return Ok(Json(json!({"status": "ready", "version": env!("CARGO_PKG_VERSION"), "checks": up})));
    }
    let error = Error::unavailable(format!("not ready: {} cannot be used", down.join(", ")));
    let error = down.iter().fold(error, |error, name| error.detail(*name, "cannot be used"));
    Err(Failure::from(error).suggest("check that it runs and can be reached; the log says more"))
}

/// Show metrics
///
/// In Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics", tag = "system", operation_id = "metrics",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let text = app.options.metrics.as_ref().map(|render| render()).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Describe the API
///
/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "system", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", body = schemas::AnyObject))
)]
pub(crate) async fn openapi(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], app.openapi.clone()).into_response()
}

/// Read the description of the API
///
/// A page for people, made from `/openapi.json`. Without a key where one is needed, the page comes with status 401
/// and asks for it.
#[utoipa::path(
    get, path = "/docs", tag = "system", operation_id = "docs",
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
pub(crate) async fn docs() -> Response {
    docs::page()
}
