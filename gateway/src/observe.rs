//! A span, a log line and metrics for every request, and what happens to panics. Neither bodies nor query strings
//! are recorded: both can hold secrets.
//! Not here: where logs, traces and metrics go (`nexus-runtime`).

use crate::{context::RequestContext, error::Failure};
use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use nexus_api::Error;
use nexus_runtime::trace;
use std::{any::Any, time::Instant};
use tracing::{Instrument, field};

/// Requests, by route template, method and status.
const REQUESTS: &str = "nexus_http_requests_total";
/// Seconds until the answer begins, by route template and method.
const DURATION: &str = "nexus_http_request_duration_seconds";

/// Records a request.
pub(crate) async fn layer(mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    // The template, not the path: ids would make as many time series as there are executions.
    let route = request.extensions().get::<MatchedPath>().map_or("static", MatchedPath::as_str).to_owned();
    let method = method_name(request.method());
    let context = request.extensions().get::<RequestContext>().cloned();
    let span = tracing::info_span!(
        "http",
        otel.kind = "server",
        otel.name = format_args!("{method} {route}"),
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        request_id = context.as_ref().map(|context| context.request_id.as_str()),
        trace_id = field::Empty,
    );
    if let Some(mut context) = context {
        if let Some(traceparent) = &context.traceparent {
            trace::adopt(&span, traceparent);
        }
        // What the request causes belongs below our own span; without an exporter there is none, and the client's
        // context is passed on as it came.
        context.traceparent = trace::traceparent_of(&span).or(context.traceparent);
        request.extensions_mut().insert(context);
    }
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let elapsed = began.elapsed();
    span.record("http.response.status_code", status);
    span.in_scope(|| {
        let milliseconds = elapsed.as_secs_f64() * 1e3;
        if status >= 500 {
            tracing::warn!(status, milliseconds, "request failed");
        } else {
            tracing::debug!(status, milliseconds, "request answered");
        }
    });
    let labels = [("route", route.clone()), ("method", method.to_owned()), ("status", status.to_string())];
    metrics::counter!(REQUESTS, &labels).increment(1);
    metrics::histogram!(DURATION, "route" => route, "method" => method).record(elapsed);
    response
}

/// Methods are free text; unknown ones share a label.
fn method_name(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "OTHER",
    }
}

/// The answer in place of one that a panic prevented.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "of an unknown kind".to_owned());
    Failure::from(Error::internal(format!("panic: {text}"))).into_response()
}
