//! A collector for traces, as much of one as tests need: it speaks OTLP over gRPC like a real one, keeps every span,
//! and shows what hangs together as trees. It runs on threads of its own. Not here: metrics and logs over OTLP.

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::status::StatusCode,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

/// How long a test waits for spans. Generous: machines are busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A span as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The trace it belongs to, hexadecimal.
    pub trace: String,
    /// Its id, hexadecimal.
    pub id: String,
    /// The span above it; empty if there is none.
    pub parent: String,
    /// What it is called.
    pub name: String,
    /// The `service.name` of who sent it.
    pub service: String,
    /// What is known of it, as text.
    pub attributes: BTreeMap<String, String>,
    /// When it began, nanoseconds since 1970.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
    /// Whether it says that it failed.
    pub failed: bool,
    /// Traces that it refers to.
    pub links: Vec<String>,
    /// All of it, for those who look for what must not be there.
    pub raw: String,
}

impl Span {
    /// An attribute; empty if it is not there.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map(String::as_str).unwrap_or_default()
    }
}

#[derive(Default)]
struct Arrived {
    spans: Mutex<Vec<Span>>,
    more: Condvar,
}

/// The collector. Ends when dropped.
pub struct Collector {
    addr: SocketAddr,
    arrived: Arc<Arrived>,
    running: Option<Runtime>,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Collector {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = {
            let _within = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let arrived = Arc::new(Arrived::default());
        let service = TraceServiceServer::new(Service(arrived.clone()));
        runtime.spawn(
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpIncoming::from(listener)),
        );
        Ok(Self { addr, arrived, running: Some(runtime) })
    }

    /// Its address, for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Everything that has arrived.
    pub fn spans(&self) -> Vec<Span> {
        self.locked().clone()
    }

    /// Waits until `found` sees in all that has arrived what it looks for; `None` if it never does. Blocks.
    pub fn wait<T>(&self, found: impl Fn(&[Span]) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut spans = self.locked();
        loop {
            if let Some(value) = found(&spans) {
                return Some(value);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            spans = self.arrived.more.wait_timeout(spans, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Span>> {
        self.arrived.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if let Some(runtime) = self.running.take() {
            runtime.shutdown_background();
        }
    }
}

struct Service(Arc<Arrived>);

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = self.0.spans.lock().unwrap_or_else(PoisonError::into_inner);
        for of_resource in request.into_inner().resource_spans {
            let resource =
                of_resource.resource.map(|resource| texts(resource.attributes)).unwrap_or_default();
            let service = resource.get("service.name").cloned().unwrap_or_default();
            for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let raw = format!("{resource:?} {span:?}");
                spans.push(Span {
                    trace: hexadecimal(&span.trace_id),
                    id: hexadecimal(&span.span_id),
                    parent: hexadecimal(&span.parent_span_id),
                    name: span.name,
                    service: service.clone(),
                    attributes: texts(span.attributes),
                    began: span.start_time_unix_nano,
                    ended: span.end_time_unix_nano,
                    failed: span.status.is_some_and(|status| status.code() == StatusCode::Error),
                    links: span.links.iter().map(|link| hexadecimal(&link.trace_id)).collect(),
                    raw,
                });
            }
        }
        drop(spans);
        self.0.more.notify_all();
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => text,
        Value::BoolValue(flag) => flag.to_string(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.into_iter().filter_map(|pair| Some((pair.key, text(pair.value?.value?)))).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Spans of one trace whose parent has not arrived, the roots among them included.
pub fn tops(spans: &[Span]) -> Vec<&Span> {
    let known: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
    spans.iter().filter(|span| !known.contains(span.parent.as_str())).collect()
}

/// The spans as trees, one line each, children below their parents in the order in which they began; times in
/// milliseconds since the first.
pub fn drawn(spans: &[Span]) -> String {
    let mut text = String::new();
    let first = spans.iter().map(|span| span.began).min().unwrap_or_default();
    let mut tops = tops(spans);
    tops.sort_by_key(|span| span.began);
    for top in tops {
        draw(&mut text, spans, top, first, "", "");
    }
    text
}

fn draw(text: &mut String, spans: &[Span], span: &Span, first: u64, lead: &str, below: &str) {
    let milliseconds = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e6;
    let _ = writeln!(
        text,
        "{:<96}{:<20}{:>9.1} +{:.1} ms{}",
        format!("{lead}{}", span.name),
        span.service,
        milliseconds(first, span.began),
        milliseconds(span.began, span.ended),
        if span.failed { format!("  failed: {}", span.attribute("error.type")) } else { String::new() },
    );
    let mut children: Vec<&Span> = spans.iter().filter(|child| child.parent == span.id).collect();
    children.sort_by_key(|child| (child.began, child.name.clone()));
    for (index, child) in children.iter().enumerate() {
        let last = index + 1 == children.len();
        let (branch, rest) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        draw(text, spans, child, first, &format!("{below}{branch}"), &format!("{below}{rest}"));
    }
}
