//! The only way out of a sandbox: a proxy on a listener that is already there, for plain requests and for tunnels, with
//! the client's policy, pinned addresses and bounds, and a record of every request. One request per connection.
//!
//! A request for `https://…` may be sent whole as well; the proxy then speaks TLS itself, and its path is checked and
//! recorded, which a tunnel's cannot be. Not here: making the listener (`nexus-sandbox`), writing the log.

mod forward;
mod hello;
mod paced;
mod record;
mod tunnel;

pub use record::{Failure, Record};

use crate::{
    Error, HostLimits, Hosts, Limits, Policy, Resolver, Robots, Target, dial::Dialer, limits::HEADER_BYTES,
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, ext::ReasonPhrase, server::conn::http1::Builder, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use record::{Entry, Log, Meter};
use std::{
    convert::Infallible,
    fmt, io,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tunnel::Tunnel;

/// In the proxy's own answers: the code of what went wrong.
pub const CODE_HEADER: &str = "x-nexus-egress";

/// What a program asks for has to be asked for in this time, in seconds.
const HEAD: Duration = Duration::from_secs(10);

type Answer = Response<UnsyncBoxBody<Bytes, Error>>;

/// Bounds on everything that goes through a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyLimits {
    /// Times and headers of one request; its bytes are bounded by those of all of them.
    pub request: Limits,
    /// How many requests, tunnels included.
    pub requests: u64,
    /// How many of them at once; others wait.
    pub connections: usize,
    /// Bytes of bodies and tunnels that go out, of all requests.
    pub sent_bytes: u64,
    /// Bytes of bodies and tunnels that come in, of all requests.
    pub received_bytes: u64,
}

impl Default for ProxyLimits {
    /// What a scraper of many pages needs.
    fn default() -> Self {
        Self {
            request: Limits::default(),
            requests: 500,
            connections: 16,
            sent_bytes: 10 << 20,
            received_bytes: 100 << 20,
        }
    }
}

/// A proxy for one job.
pub struct Proxy {
    dialer: Dialer,
    hosts: Hosts,
    robots: Option<Robots>,
    user_agent: Option<HeaderValue>,
    limits: ProxyLimits,
    meter: Arc<Meter>,
    log: Log,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Proxy {
    /// A proxy to public addresses, ports 80 and 443, and whatever else the policy allows explicitly, with a scraper's
    /// manners: one request a second and host. `log` gets a record of each request when it has ended; it must not block.
    pub fn new(policy: Policy, limits: ProxyLimits, log: impl Fn(Record) + Send + Sync + 'static) -> Self {
        Self {
            dialer: Dialer::new(policy.web_ports_only()),
            hosts: Hosts::new(HostLimits::polite()),
            robots: None,
            user_agent: None,
            meter: Arc::new(Meter::new(&limits)),
            limits,
            log: Arc::new(log),
        }
    }

    /// Shares the turns of hosts with other proxies, so that jobs together keep to them.
    #[must_use]
    pub fn with_hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = hosts;
        self
    }

    /// Honours robots.txt: of the path where the proxy knows it, of whole origins for tunnels.
    #[must_use]
    pub fn with_robots(mut self, robots: Robots) -> Self {
        self.robots = Some(robots);
        self
    }

    /// Says who it is in every request that it can see, whatever the program says.
    #[must_use]
    pub fn with_user_agent(mut self, name: &'static str) -> Self {
        self.user_agent = Some(HeaderValue::from_static(name));
        self
    }

    /// Another resolver.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.dialer.resolver = resolver;
        self
    }

    /// Other roots of trust for requests that are not tunnels, see [`crate::trusting`].
    #[must_use]
    pub fn with_tls(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.dialer.set_tls(config);
        self
    }

    /// Serves what comes in until the future is dropped, which closes every connection.
    pub async fn serve(self, listener: TcpListener) {
        let proxy = Arc::new(self);
        let places = Arc::new(Semaphore::new(proxy.limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
        let mut connections = JoinSet::new();
        loop {
            // Never closed, so there always is a place some time.
            let Ok(place) = places.clone().acquire_owned().await else { return };
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, _)) => {
                    let proxy = proxy.clone();
                    connections.spawn(async move {
                        proxy.connection(stream).await;
                        drop(place);
                    });
                }
                // Out of file descriptors, most likely: some will be free again.
                Err(error) => {
                    tracing::warn!(%error, "a sandbox's connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn connection(&self, stream: TcpStream) {
        let handed_over = Mutex::new(None);
        let head = HEAD.min(self.limits.request.total);
        let deadline = Instant::now() + head + self.limits.request.total;
        {
            let service = service_fn(|request| self.answer(request, &handed_over));
            let connection = Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(head)
                .keep_alive(false)
                .max_headers(self.limits.request.headers)
                .max_buf_size(HEADER_BYTES)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            // Whatever goes wrong with it is recorded where it goes wrong.
            drop(timeout_at(deadline, connection).await);
        }
        let tunnel = handed_over.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(tunnel) = tunnel {
            tunnel.run(&self.limits, &self.meter).await;
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        handed_over: &Mutex<Option<Tunnel>>,
    ) -> Result<Answer, Infallible> {
        let entry = Entry::new(request.method().to_string(), self.log.clone());
        let deadline = Instant::now() + self.limits.request.total;
        let answered = timeout_at(deadline, self.try_answer(request, &entry, handed_over, deadline)).await;
        let late = |_| Err(Error::TimedOut { host: entry.host(), after: self.limits.request.total });
        Ok(match answered.unwrap_or_else(late) {
            Ok(answer) => answer,
            Err(error) => {
                let answer = refusal(&error);
                entry.failed(error);
                entry.answered(answer.status());
                answer
            }
        })
    }

    async fn try_answer(
        &self,
        request: Request<Incoming>,
        entry: &Arc<Entry>,
        handed_over: &Mutex<Option<Tunnel>>,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let tunnel = request.method() == Method::CONNECT;
        let text = request.uri().to_string();
        let target = if tunnel { Target::parse_authority(&text) } else { Target::parse(&text) };
        let target = target.inspect_err(|_| entry.is_for_text(&text))?;
        entry.is_for(&target, tunnel);
        if !self.meter.request() {
            return Err(Error::RequestsExhausted { limit: self.limits.requests });
        }
        if let Some(robots) = &self.robots {
            if tunnel { robots.check_origin(&target).await? } else { robots.check(&target).await? }
        }
        let host = target.host_name();
        let turn =
            self.hosts.turn(&host, deadline).await.map_err(|wait| Error::RateLimited { host, wait })?;
        if !tunnel {
            return self.forward(request, &target, entry, turn, deadline).await;
        }
        let upstream = self.dialer.connect(&target, self.limits.request.connect).await?;
        let client = hyper::upgrade::on(request);
        let tunnel = Tunnel { client, upstream, target, entry: entry.clone(), deadline, _turn: turn };
        *handed_over.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
        entry.answered(StatusCode::OK);
        Ok(Response::new(Full::default().map_err(|never| match never {}).boxed_unsync()))
    }
}

/// What the program gets when its request is not forwarded: the code in the status line, where even clients that hide
/// the answers of proxies show it, and the sentence in the body.
fn refusal(error: &Error) -> Answer {
    let body = Full::from(format!("{error}\n")).map_err(|never| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = match error {
        Error::UrlInvalid { .. } | Error::RequestInvalid { .. } => StatusCode::BAD_REQUEST,
        Error::RateLimited { .. } | Error::BytesExhausted { .. } | Error::RequestsExhausted { .. } => {
            StatusCode::TOO_MANY_REQUESTS
        }
        Error::ConnectTimeout { .. }
        | Error::ResponseTimeout { .. }
        | Error::BodyStalled { .. }
        | Error::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
        Error::SchemeRefused { .. }
        | Error::UserinfoRefused
        | Error::AddressRefused { .. }
        | Error::PortRefused { .. }
        | Error::RobotsForbidden { .. }
        | Error::RobotsUnknown { .. } => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_GATEWAY,
    };
    let headers = answer.headers_mut();
    headers.insert(CODE_HEADER, HeaderValue::from_static(error.code()));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if let Ok(reason) = ReasonPhrase::try_from(error.code().as_bytes()) {
        answer.extensions_mut().insert(reason);
    }
    answer
}

/// Takes over a listening socket that was made elsewhere, such as in a sandbox's network.
///
/// # Errors
/// If it is no listening TCP socket.
pub fn adopt(socket: OwnedFd) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
