//! The listener for those who watch the process: metrics, and whether it lives and is ready, over plain HTTP and
//! without keys, on an address of its own. Not here: what is measured, the gateway's own `/metrics`.

use super::Metrics;
use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Map, Value, json};
use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinSet};

/// Asks one dependency whether it can be used. The reason is logged, never shown.
pub type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// How long a dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// A client that takes longer to send the head of a request only holds a connection.
const HEAD: Duration = Duration::from_secs(10);
/// Pause after the system could not accept a connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers until `shutdown` completes. `checks` are what `/readyz` asks, by the names it shows.
pub async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    checks: Vec<(&'static str, Check)>,
    shutdown: impl Future<Output = ()>,
) {
    let checks = Arc::new(checks);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = connections.join_next(), if !connections.is_empty() => continue,
            () = &mut shutdown => return,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (metrics, checks) = (metrics.clone(), checks.clone());
        let service = service_fn(move |request| {
            let (metrics, checks) = (metrics.clone(), checks.clone());
            async move { Ok::<_, Infallible>(answer(&request, &metrics, &checks).await) }
        });
        connections.spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection for metrics ended");
            }
        });
    }
}

async fn answer(
    request: &Request<Incoming>,
    metrics: &Metrics,
    checks: &[(&'static str, Check)],
) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return json_with(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "METHOD_NOT_ALLOWED"}));
    }
    match request.uri().path() {
        "/metrics" => {
            let mut response = Response::new(Full::from(metrics.render()));
            let kind = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        "/healthz" => {
            json_with(StatusCode::OK, &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
        }
        "/readyz" => ready(checks).await,
        _ => json_with(
            StatusCode::NOT_FOUND,
            &json!({"error": "NOT_FOUND", "message": "here are /metrics, /healthz and /readyz"}),
        ),
    }
}

async fn ready(checks: &[(&'static str, Check)]) -> Response<Full<Bytes>> {
    let answers = join_all(checks.iter().map(|(name, check)| async move {
        let answer = tokio::time::timeout(PATIENCE, check()).await;
        (*name, answer.unwrap_or_else(|_| Err("no answer in time".to_owned())))
    }));
    let mut down = Vec::new();
    let mut shown = Map::new();
    for (name, answer) in answers.await {
        if let Err(reason) = &answer {
            tracing::warn!(dependency = name, reason, "not ready");
            down.push(name);
        }
        shown.insert(name.to_owned(), if answer.is_ok() { "ok" } else { "down" }.into());
    }
    if down.is_empty() {
        return json_with(StatusCode::OK, &json!({"status": "ready", "checks": shown}));
    }
    let message = format!("not ready: {} cannot be used", down.join(", "));
    json_with(
        StatusCode::SERVICE_UNAVAILABLE,
        &json!({"status": "not_ready", "message": message, "checks": shown}),
    )
}

fn json_with(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
