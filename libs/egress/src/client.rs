//! The client: a request, its redirects, each judged anew, and the answer. Keeps no cookies, no connections, knows no
//! proxies of its environment. Not here: one exchange (`exchange`), who may be reached (`policy`).

use crate::{
    Error, HostLimits, Hosts, Limits, Policy, Resolver, Target,
    decode::ACCEPTED,
    dial::Dialer,
    exchange::{self, Answer},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::Full;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

/// A request to an untrusted target.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to do. CONNECT and TRACE are refused.
    pub method: Method,
    /// Where, absolute, http or https.
    pub url: String,
    /// Headers. Those that frame the message (Host, Content-Length, Connection …) are refused; Accept-Encoding is ours.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// Instead of the client's own limits.
    pub limits: Option<Limits>,
    /// Whether redirects are followed, else they are answers like any other.
    pub follow_redirects: bool,
}

impl Request {
    /// A request without headers and body that follows redirects.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        Self { method, url: url.into(), headers, body, limits: None, follow_redirects: true }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url)
    }
}

/// The whole answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Its status, whatever it is.
    pub status: StatusCode,
    /// Its headers; without Content-Encoding and Content-Length where the body was decompressed.
    pub headers: HeaderMap,
    /// Its body, decompressed, whole: one that is too large is an error.
    pub body: Bytes,
    /// Where it came from, after redirects.
    pub final_url: Url,
    /// How many redirects there were.
    pub redirects: usize,
    /// Bytes of the body as they came over the wire.
    pub wire_bytes: u64,
}

/// The client. Clones share what they know about hosts.
#[derive(Debug, Clone)]
pub struct Client {
    dialer: Dialer,
    hosts: Hosts,
    limits: Limits,
    user_agent: HeaderValue,
}

impl Client {
    /// A client with usual limits per host, the system's resolver and certificates.
    pub fn new(policy: Policy, limits: Limits) -> Self {
        let user_agent = HeaderValue::from_static(concat!("nexus/", env!("CARGO_PKG_VERSION")));
        Self { dialer: Dialer::new(policy), hosts: Hosts::new(HostLimits::default()), limits, user_agent }
    }

    /// Other limits per host.
    #[must_use]
    pub fn with_host_limits(self, limits: HostLimits) -> Self {
        self.with_hosts(Hosts::new(limits))
    }

    /// Shares the turns of hosts with others.
    #[must_use]
    pub fn with_hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = hosts;
        self
    }

    /// Another resolver.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.dialer.resolver = resolver;
        self
    }

    /// Other roots of trust, see [`crate::trusting`].
    #[must_use]
    pub fn with_tls(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.dialer.set_tls(config);
        self
    }

    /// What the client calls itself where the request does not say.
    #[must_use]
    pub fn with_user_agent(mut self, name: &'static str) -> Self {
        self.user_agent = HeaderValue::from_static(name);
        self
    }

    /// The limits of requests that bring none.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sends the request, follows redirects, reads the whole answer. Any status is an answer.
    ///
    /// # Errors
    /// Every one of [`Error`]. Dropping the future closes the connection.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let limits = request.limits.clone().unwrap_or_else(|| self.limits.clone());
        let target = Target::parse(&request.url)?;
        check(&request, &limits)?;
        let host = target.host_name();
        let deadline = Instant::now() + limits.total;
        match timeout_at(deadline, self.follow(request, target, &limits, deadline)).await {
            Ok(result) => result,
            Err(_) => Err(Error::TimedOut { host, after: limits.total }),
        }
    }

    async fn follow(
        &self,
        mut request: Request,
        mut target: Target,
        limits: &Limits,
        deadline: Instant,
    ) -> Result<Response, Error> {
        let mut visited = Vec::new();
        loop {
            let host = target.host_name();
            let _turn = self
                .hosts
                .turn(&host, deadline)
                .await
                .map_err(|wait| Error::RateLimited { host: host.clone(), wait })?;
            let answer =
                exchange::open(&self.dialer, &target, self.prepare(&request, &target)?, limits).await?;
            let Some(location) = location(&answer, &target).filter(|_| request.follow_redirects) else {
                let (head, body, wire_bytes) = answer.read(limits).await?;
                return Ok(Response {
                    status: head.status,
                    headers: head.headers,
                    body,
                    final_url: target.url,
                    redirects: visited.len(),
                    wire_bytes,
                });
            };
            let status = answer.head.status;
            drop(answer);
            let next = location?;
            if target.tls && !next.tls {
                return Err(Error::RedirectDowngrade { host });
            }
            visited.push((request.method.clone(), target.url.clone()));
            redirect(&mut request, status, target.same_origin(&next));
            if visited.iter().any(|(method, url)| *method == request.method && *url == next.url) {
                return Err(Error::RedirectLoop { host });
            }
            if visited.len() > limits.redirects {
                return Err(Error::TooManyRedirects { host, limit: limits.redirects });
            }
            target = next;
        }
    }

    fn prepare(&self, request: &Request, target: &Target) -> Result<http::Request<Full<Bytes>>, Error> {
        let uri = &target.url[Position::BeforePath..Position::AfterQuery];
        let host = &target.url[Position::BeforeHost..Position::AfterPort];
        let mut message = http::Request::builder()
            .method(request.method.clone())
            .uri(uri)
            .header(header::HOST, host)
            .body(Full::new(request.body.clone()))
            .map_err(|error| Error::url(error.to_string()))?;
        let headers = message.headers_mut();
        for (name, value) in &request.headers {
            headers.append(name, value.clone());
        }
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        headers.entry(header::USER_AGENT).or_insert_with(|| self.user_agent.clone());
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        Ok(message)
    }
}

/// Whether the request can be sent as it is.
fn check(request: &Request, limits: &Limits) -> Result<(), Error> {
    let invalid = |reason: String| Err(Error::RequestInvalid { reason });
    if matches!(request.method, Method::CONNECT | Method::TRACE) {
        return invalid(format!(
            "the method {} is not for web pages. Use GET, POST or the like",
            request.method
        ));
    }
    if request.body.len() > limits.request_bytes {
        let limit = limits.request_bytes;
        return invalid(format!("its body is larger than {limit} bytes. Send less"));
    }
    match request.headers.keys().find(|name| frames(name)) {
        Some(name) => invalid(format!("the header `{name}` is set while sending. Leave it out")),
        None => Ok(()),
    }
}

/// Headers that say where a message goes or where it ends: whoever sets them could make two servers read two messages.
fn frames(name: &HeaderName) -> bool {
    const FRAMING: [HeaderName; 9] = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::EXPECT,
        HeaderName::from_static("keep-alive"),
    ];
    FRAMING.contains(name) || name.as_str().starts_with("proxy-")
}

/// Where the answer sends the client, if it does.
fn location(answer: &Answer, target: &Target) -> Option<Result<Target, Error>> {
    if !matches!(answer.head.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = answer.head.headers.get(header::LOCATION)?;
    let invalid = |reason: String| Error::RedirectInvalid { host: target.host_name(), reason };
    let text = match std::str::from_utf8(location.as_bytes()) {
        Ok(text) => text,
        Err(_) => return Some(Err(invalid("it is not text".to_owned()))),
    };
    Some(target.join(text).map_err(|error| match error {
        Error::UrlInvalid { reason } => invalid(reason),
        other => other,
    }))
}

/// The request as it goes on after a redirect (RFC 9110, 15.4).
fn redirect(request: &mut Request, status: StatusCode, same_origin: bool) {
    let becomes_get = match status.as_u16() {
        301 | 302 => request.method == Method::POST,
        303 => request.method != Method::GET && request.method != Method::HEAD,
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.body = Bytes::new();
        for name in [
            header::CONTENT_TYPE,
            header::CONTENT_ENCODING,
            header::CONTENT_LANGUAGE,
            header::CONTENT_LOCATION,
        ] {
            request.headers.remove(name);
        }
    }
    if !same_origin {
        // Any header may be a key, not only Authorization: what is known to be harmless goes on.
        let kept = [header::ACCEPT, header::ACCEPT_LANGUAGE, header::CONTENT_TYPE, header::USER_AGENT];
        let headers = std::mem::take(&mut request.headers);
        for name in kept {
            for value in headers.get_all(&name) {
                request.headers.append(name.clone(), value.clone());
            }
        }
    }
}
