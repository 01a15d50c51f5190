//! Places in traces: W3C trace context in and out of spans, spans whose ids can be known without having seen them, and
//! spans of what is past already. Without an exporter nothing is recorded, but places are still passed on and named in
//! logs. Not here: how contexts travel (headers in the gateway, metadata in `nexus-rpc`), where spans go (`telemetry`).

use nexus_model::{ExecutionId, Timestamp};
use opentelemetry::{
    Context, KeyValue,
    propagation::TextMapPropagator,
    trace::{
        Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
        Tracer,
    },
};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{IdGenerator, RandomIdGenerator, SdkTracer},
};
use sha2::{Digest, Sha256};
use std::{
    cell::Cell,
    collections::HashMap,
    fmt,
    future::Future,
    sync::OnceLock,
    time::{Duration, SystemTime},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header's name.
pub const TRACEPARENT: &str = "traceparent";
/// The header that carries the execution a call is made for, as W3C baggage.
pub const BAGGAGE: &str = "baggage";
/// The member of the baggage that is ours.
const EXECUTION: &str = "nexus.execution_id";
/// The target of spans that are there for the log lines in them alone, and not for traces.
pub const LOGS_ONLY: &str = "nexus_log";
/// The field of a span that names its trace in logs where no exporter does.
const TRACE_ID: &str = "trace_id";

/// A place in a trace: a span, or the trace as a whole before it has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    trace: u128,
    span: u64,
    sampled: bool,
}

impl Place {
    /// A trace of its own, which has no span yet.
    pub fn root(trace: u128) -> Self {
        Self { trace, span: 0, sampled: true }
    }

    /// What a `traceparent` says; `None` if it is none.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let context = context_of(traceparent);
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| Self {
            trace: u128::from_be_bytes(span.trace_id().to_bytes()),
            span: u64::from_be_bytes(span.span_id().to_bytes()),
            sampled: span.is_sampled(),
        })
    }

    /// Another span of the same trace.
    #[must_use]
    pub fn at(self, span: u64) -> Self {
        Self { span, ..self }
    }

    /// The `traceparent` that makes something a child of this span.
    pub fn traceparent(self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }

    fn context(self) -> Context {
        // What has no span yet is no parent.
        if self.span == 0 {
            Context::new()
        } else {
            Context::new().with_remote_span_context(self.span_context())
        }
    }

    fn span_context(self) -> SpanContext {
        SpanContext::new(
            TraceId::from(self.trace),
            SpanId::from(self.span),
            if self.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() },
            true,
            TraceState::default(),
        )
    }
}

/// A span's id made from what the span stands for: whoever knows the same parts knows the id, in any process. Never 0.
pub fn span_id(parts: &[&dyn fmt::Display]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.to_string());
        hash.update([0]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let (first, _) = digest.split_at(8);
    first.iter().fold(0, |id, byte| id << 8 | u64::from(*byte)).max(1)
}

/// Makes the span part of the caller's trace. Something that is no `traceparent` is ignored.
pub fn adopt(span: &Span, traceparent: &str) {
    // Fails when no exporter is set up: there is no trace to be part of.
    if span.set_parent(context_of(traceparent)).is_err()
        && let Some(place) = Place::parse(traceparent)
    {
        name_in_logs(span, place);
    }
}

/// Begins a span at a place of its own below a parent. To be called before anything else is done with the span; it
/// should have a field `trace_id`.
pub fn begin(span: &Span, at: Place, parent: Place) {
    if exporting().is_none() {
        return name_in_logs(span, at);
    }
    let _ = span.set_parent(parent.context());
    let _next = Next::set(at);
    // The span is built here, with the ids that wait for it.
    let _ = span.context();
}

/// Lets log lines in the span name the trace; the span should have a field `trace_id`.
pub fn name_in_logs(span: &Span, place: Place) {
    span.record(TRACE_ID, format_args!("{:032x}", place.trace).to_string());
}

/// The `traceparent` for calls made within the span; `None` without an exporter.
pub fn traceparent_of(span: &Span) -> Option<String> {
    exporting()?;
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Connects the span with another place that has to do with it, in whatever trace.
pub fn link(span: &Span, place: Place) {
    span.add_link(place.span_context());
}

fn context_of(traceparent: &str) -> Context {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
}

/// A span of something that is over: known from a journal rather than lived through.
#[derive(Debug, Clone)]
pub struct Past {
    /// What it is called.
    pub name: String,
    /// Where it stands.
    pub at: Place,
    /// Below what.
    pub parent: Place,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Fact)>,
    /// The code of the error it ended with.
    pub error: Option<String>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Fact {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Fact {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<i64> for Fact {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Fact {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// Whether spans of the past are recorded at all; if not, they need not be made.
pub fn is_exporting() -> bool {
    exporting().is_some()
}

/// Records a span of the past.
pub fn record(past: Past) {
    let Some(tracer) = exporting() else { return };
    if !past.at.sampled {
        return;
    }
    let mut attributes: Vec<KeyValue> = past
        .attributes
        .into_iter()
        .map(|(name, fact)| match fact {
            Fact::Text(text) => KeyValue::new(name, text),
            Fact::Number(number) => KeyValue::new(name, number),
            Fact::Flag(flag) => KeyValue::new(name, flag),
        })
        .collect();
    attributes.extend(past.error.clone().map(|error| KeyValue::new("error.type", error)));
    let builder = tracer
        .span_builder(past.name)
        .with_kind(SpanKind::Internal)
        .with_start_time(moment(past.started))
        .with_attributes(attributes);
    let next = Next::set(past.at);
    let mut span = tracer.build_with_context(builder, &past.parent.context());
    drop(next);
    if let Some(error) = past.error {
        span.set_status(Status::error(error));
    }
    span.end_with_timestamp(moment(past.ended));
}

fn moment(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.micros()).unwrap_or_default())
}

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Where spans of the past go, if anywhere.
fn exporting() -> Option<&'static SdkTracer> {
    TRACER.get()
}

/// From now on spans are exported.
pub(crate) fn export_with(tracer: SdkTracer) {
    // The first one stays; telemetry begins once in a process.
    let _ = TRACER.set(tracer);
}

thread_local! {
    static NEXT: Cell<Option<(u128, u64)>> = const { Cell::new(None) };
}

/// The ids of the span that is built next on this thread, until dropped.
struct Next;

impl Next {
    fn set(place: Place) -> Self {
        NEXT.set(Some((place.trace, place.span)));
        Self
    }
}

impl Drop for Next {
    fn drop(&mut self) {
        NEXT.set(None);
    }
}

/// Random ids, unless the place of the next span is set.
#[derive(Debug, Default)]
pub(crate) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        NEXT.get().map_or_else(|| self.0.new_trace_id(), |(trace, _)| TraceId::from(trace))
    }

    fn new_span_id(&self) -> SpanId {
        NEXT.get().map_or_else(|| self.0.new_span_id(), |(_, span)| SpanId::from(span))
    }
}

tokio::task_local! {
    static ON_BEHALF: Option<ExecutionId>;
}

/// Runs work on behalf of an execution, which calls to other processes then name.
pub async fn on_behalf_of<T>(execution: Option<ExecutionId>, work: impl Future<Output = T>) -> T {
    ON_BEHALF.scope(execution, work).await
}

/// The baggage for calls made now: the execution they are made for, if any.
pub fn baggage() -> Option<String> {
    let execution = ON_BEHALF.try_with(|execution| *execution).ok().flatten()?;
    Some(format!("{EXECUTION}={execution}"))
}

/// The execution that a caller's baggage names; everything else in it is nothing to us.
pub fn execution_in(baggage: &str) -> Option<ExecutionId> {
    let members = baggage.split(',').map(|member| member.split(';').next().unwrap_or_default());
    members
        .filter_map(|member| member.split_once('='))
        .find_map(|(name, value)| (name.trim() == EXECUTION).then(|| value.trim().parse().ok()).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_as_traceparent() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let place = Place::parse(text).unwrap();
        assert_eq!(place.traceparent(), text);
        assert_eq!(place.at(5).traceparent(), "00-0af7651916cd43dd8448eb211c80319c-0000000000000005-01");
        for bad in ["", "00-0-0-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn ids_follow_from_what_the_span_stands_for() {
        let id = span_id(&[&"node", &"draft", &1]);
        assert_eq!(id, span_id(&[&"node", &"draft", &1]));
        assert_ne!(id, span_id(&[&"node", &"draft", &2]));
        // Where one part ends matters.
        assert_ne!(span_id(&[&"ab", &"c"]), span_id(&[&"a", &"bc"]));
    }

    #[tokio::test]
    async fn the_execution_travels_as_baggage_and_nothing_else_does() {
        assert_eq!(baggage(), None);
        let id = ExecutionId::generate();
        let carried = on_behalf_of(Some(id), async { baggage() }).await.unwrap();
        assert_eq!(execution_in(&carried), Some(id));
        assert_eq!(execution_in(&format!("user=x;ttl=3 , {carried};p=1")), Some(id));
        for other in ["", "nexus.execution_id=none", "a=b", "nexus.execution_id"] {
            assert_eq!(execution_in(other), None, "{other}");
        }
    }
}
