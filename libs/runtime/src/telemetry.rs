//! Logs to stderr, as text or JSON, and traces to an OTLP collector if one is set. Not here: what a JSON line holds
//! (`lines`), places in traces (`trace`), metrics (`metrics`).

mod lines;

use crate::{
    config::{Config, Error, LogFormat},
    trace,
};
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use std::{io::IsTerminal, time::Duration};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    fmt::format::JsonFields,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Crates that tell at `info` what only their authors care about, or at `trace` whatever passes through them.
const QUIET: &str = "async_nats=warn,hyper_util=warn,h2=warn,tower=warn,opentelemetry=warn,opentelemetry_sdk=warn,\
                     opentelemetry-otlp=warn,sqlx=warn,tungstenite=warn,tokio_tungstenite=warn,html5ever=warn,selectors=warn";

/// Logging and tracing, for as long as this lives. `shutdown` sends what is still waiting.
#[derive(Debug)]
#[must_use]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Starts logging and tracing. `role` names the process in traces. `level` counts when none is set. Needs a tokio
/// runtime if traces are on. Called again in one process, it changes nothing.
pub fn init(config: &Config, role: &str, level: &str) -> Result<Telemetry, Error> {
    let level = config.log_level.as_deref().unwrap_or(level);
    // Who changed what is told at any level: it is no matter of how much one wants to read.
    let audit = if level == "off" { "" } else { ",audit=info" };
    let filter = EnvFilter::try_new(format!("{QUIET},{level}{audit}")).map_err(|_| {
        Error::new(format!("LOG_LEVEL is `{level}`; set it to off, error, warn, info, debug or trace"))
    })?;
    let terminal = std::io::stderr().is_terminal();
    let format = config.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let logs = match format {
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(lines::Lines)
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .with_ansi(terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
            .with_writer(std::io::stderr)
            .boxed(),
    };
    let traces = config.otlp_endpoint.as_deref().map(|endpoint| exporter(endpoint, role)).transpose()?;
    let spans = traces.as_ref().map(|provider| {
        let tracer = provider.tracer("nexus");
        trace::export_with(tracer.clone());
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata| of_ours(metadata) && metadata.target() != trace::LOGS_ONLY))
    });
    // However little is logged: a warning says on whose behalf it is only if the spans around it are there.
    let filter = filter.or(filter_fn(|metadata| metadata.is_span() && of_ours(metadata)));
    // Fails only if a subscriber is there already, which then goes on.
    let _ = tracing_subscriber::registry()
        .with(lines::Origins)
        .with(logs.with_filter(filter))
        .with(spans)
        .try_init();
    Ok(Telemetry { traces })
}

/// Our own spans and what is said in them; those of libraries would drown them.
fn of_ours(metadata: &tracing::Metadata<'_>) -> bool {
    metadata.target().starts_with("nexus") && *metadata.level() <= tracing::Level::INFO
}

fn exporter(endpoint: &str, role: &str) -> Result<SdkTracerProvider, Error> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(Duration::from_secs(5))
        .build()
        .map_err(|error| {
            Error::new(format!("OTEL_EXPORTER_OTLP_ENDPOINT is `{endpoint}`, which cannot be used: {error}"))
        })?;
    opentelemetry::global::set_text_map_propagator(
        opentelemetry_sdk::propagation::TraceContextPropagator::new(),
    );
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_id_generator(trace::Ids::default())
        .with_resource(
            Resource::builder()
                .with_service_name(if role.is_empty() { "nexus".to_owned() } else { format!("nexus-{role}") })
                .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
                .build(),
        )
        .build())
}

impl Telemetry {
    /// Sends what is still waiting, for two seconds at most.
    pub async fn shutdown(self) {
        let Some(traces) = self.traces else { return };
        // It waits for its own thread, so it must not hold up the runtime that sends.
        let sent = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(Duration::from_secs(2)));
        if let Ok(Err(error)) = sent.await {
            tracing::warn!(%error, "some traces could not be sent");
        }
    }
}
