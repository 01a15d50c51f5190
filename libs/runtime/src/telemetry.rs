//! Logs to stderr, as text or JSON, and traces to an OTLP collector if one is set. Not here: metrics (`metrics`).

use crate::config::{Config, Error, LogFormat};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use std::{io::IsTerminal, time::Duration};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// Crates that tell at `info` what only their authors care about.
const QUIET: &str = "async_nats=warn,hyper_util=warn,h2=warn,tower=warn,opentelemetry=warn,opentelemetry_sdk=warn,\
                     opentelemetry-otlp=warn,sqlx=warn";

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
    let filter = EnvFilter::try_new(format!("{QUIET},{level}")).map_err(|_| {
        Error::new(format!("LOG_LEVEL is `{level}`; set it to off, error, warn, info, debug or trace"))
    })?;
    let terminal = std::io::stderr().is_terminal();
    let format = config.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let logs = match format {
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .with_ansi(terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
            .with_writer(std::io::stderr)
            .boxed(),
    };
    let traces = config.otlp_endpoint.as_deref().map(|endpoint| exporter(endpoint, role)).transpose()?;
    let spans =
        traces.as_ref().map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("nexus")));
    // Fails only if a subscriber is there already, which then goes on.
    let _ =
        tracing_subscriber::registry().with(logs.with_filter(filter)).with(spans_of_ours(spans)).try_init();
    Ok(Telemetry { traces })
}

/// Traces hold our own spans; those of libraries would drown them.
fn spans_of_ours<S, L>(layer: Option<L>) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    L: Layer<S>,
{
    layer.map(|layer| {
        layer.with_filter(tracing_subscriber::filter::filter_fn(|metadata| {
            metadata.target().starts_with("nexus") && *metadata.level() <= tracing::Level::INFO
        }))
    })
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
        .with_resource(
            Resource::builder()
                .with_service_name(if role.is_empty() { "nexus".to_owned() } else { format!("nexus-{role}") })
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
