//! W3C trace context in and out of spans. Without an exporter all of this does nothing. Not here: how it travels
//! (headers in the gateway, metadata in `nexus-rpc`).

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::collections::HashMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header's name.
pub const TRACEPARENT: &str = "traceparent";

/// Makes the span part of the caller's trace. Something that is no `traceparent` is ignored.
pub fn adopt(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let parent = TraceContextPropagator::new().extract(&carrier);
    // Fails when no exporter is set up: there is no trace to be part of.
    let _ = span.set_parent(parent);
}

/// The `traceparent` for calls made within the span; `None` without an exporter.
pub fn traceparent_of(span: &Span) -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    carrier.remove(TRACEPARENT)
}
