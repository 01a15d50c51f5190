//! Which web pages may talk to the gateway: the `Host` and `Origin` rules, and CORS for the origins allowed.
//!
//! On a loopback address there is usually no key, so any web page open on the machine could otherwise use the API
//! (by rebinding its own name to 127.0.0.1, or over a WebSocket, which knows no CORS): requests for a host that is
//! no loopback name, and requests of a foreign origin, are refused. Elsewhere a foreign page may not change
//! anything nor open a WebSocket; what it reads without CORS headers its browser keeps from it.
//! Not here: keys (`auth`).

use crate::{app::App, error::Failure};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, uri::Authority};
use nexus_api::Code;
use std::net::{Ipv4Addr, Ipv6Addr};

const METHODS: &str = "GET, HEAD, POST, PUT, DELETE";
const REQUEST_HEADERS: &str = "authorization, content-type, if-match, if-none-match, idempotency-key, last-event-id, traceparent, x-request-id";
const ANSWER_HEADERS: &str = "etag, location, retry-after, x-request-id";

/// The rules, read once.
#[derive(Debug)]
pub(crate) struct Rules {
    loopback: bool,
    allowed: Vec<Origin>,
}

/// Scheme, host and port of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// `None` for what names no host, `null` above all.
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.trim().parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let default_port = default_port(&scheme)?;
        let authority = uri.authority()?;
        let port = authority.port_u16().unwrap_or(default_port);
        Some(Self { scheme, host: authority.host().to_ascii_lowercase(), port })
    }

    /// Whether a page of this origin came from the server that `host` names. Which of the two schemes the server
    /// is reached by is not known behind a proxy that ends TLS.
    fn is_same_host(&self, host: &Authority) -> bool {
        let port = host.port_u16().or_else(|| default_port(&self.scheme));
        host.host().eq_ignore_ascii_case(&self.host) && port == Some(self.port)
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn is_loopback_name(host: &str) -> bool {
    let v6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || v6.is_some_and(|v6| v6.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()))
}

/// Where the requesting page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// No browser, or one that sees no reason to name an origin.
    Unnamed,
    /// Our own pages.
    Own,
    /// Pages that the operator allows.
    Allowed,
    /// Any other page.
    Foreign,
}

impl Rules {
    pub(crate) fn new(loopback: bool, allowed: &[String]) -> Self {
        Self { loopback, allowed: allowed.iter().filter_map(|origin| Origin::parse(origin)).collect() }
    }

    fn judge(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Caller, Failure> {
        let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let named: Option<Authority> = named.and_then(|host| host.parse().ok());
        // HTTP/2, and an absolute request target, name the host in the target.
        let host = uri.authority().or(named.as_ref());
        if self.loopback {
            let all_loopback = [uri.authority(), named.as_ref()]
                .into_iter()
                .flatten()
                .all(|host| !host.as_str().contains('@') && is_loopback_name(host.host()));
            if host.is_none() || !all_loopback {
                return Err(Failure::new(Code::Forbidden, "the `Host` header does not name this machine")
                    .suggest("use http://localhost or http://127.0.0.1 with the server's port"));
            }
        }
        let caller = match headers.get(header::ORIGIN) {
            // Images, scripts and the like name no origin, but browsers say that another site wants them.
            None if is_embedded_elsewhere(headers) => Caller::Foreign,
            None => Caller::Unnamed,
            Some(text) => match text.to_str().ok().and_then(Origin::parse) {
                Some(origin) if self.allowed.contains(&origin) => Caller::Allowed,
                Some(origin) if host.is_some_and(|host| origin.is_same_host(host)) => Caller::Own,
                _ => Caller::Foreign,
            },
        };
        let harmless =
            matches!(*method, Method::GET | Method::HEAD) && !headers.contains_key(header::UPGRADE);
        if caller == Caller::Foreign && (self.loopback || !harmless) {
            return Err(Failure::new(Code::Forbidden, "pages of this origin may not use the server")
                .suggest("add the origin to FRONTEND_URL if it is yours"));
        }
        Ok(caller)
    }
}

fn is_embedded_elsewhere(headers: &HeaderMap) -> bool {
    let is = |name, value| headers.get(name).is_some_and(|given| given == value);
    is("sec-fetch-site", "cross-site") && !is("sec-fetch-mode", "navigate")
}

/// Refuses foreign pages, answers preflights, and tells browsers what allowed pages may read.
pub(crate) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let rules = &app.origins;
    let caller = match rules.judge(request.method(), request.uri(), request.headers()) {
        Ok(caller) => caller,
        Err(refusal) => return refusal.into_response(),
    };
    let allowed = request.headers().get(header::ORIGIN).filter(|_| caller == Caller::Allowed).cloned();
    let preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &allowed {
        Some(_) if preflight => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
            response
        }
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(ANSWER_HEADERS));
    }
    if !rules.allowed.is_empty() {
        // Caches must not hand one origin's answer to another.
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn judge(rules: &Rules, method: Method, host: &str, origin: Option<&str>) -> Option<Caller> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        rules.judge(&method, &Uri::from_static("/api/v1/workflows"), &headers).ok()
    }

    #[test]
    fn on_loopback_only_loopback_names_are_hosts() {
        let rules = Rules::new(true, &[]);
        for good in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.9.9.9", "[::1]:8080", "[::1]"] {
            assert_eq!(judge(&rules, Method::GET, good, None), Some(Caller::Unnamed), "{good}");
        }
        for bad in [
            "example.com",
            "localhost.example.com",
            "127.0.0.1.nip.io",
            "10.0.0.1:8080",
            "[::2]",
            "2130706433",
            "x@localhost",
            "localhost@evil.com",
            "0.0.0.0",
        ] {
            assert_eq!(judge(&rules, Method::GET, bad, None), None, "{bad}");
        }
        assert!(rules.judge(&Method::GET, &Uri::from_static("/"), &HeaderMap::new()).is_err());
        let evil = Uri::from_static("http://evil.example/");
        assert!(rules.judge(&Method::GET, &evil, &HeaderMap::new()).is_err());
    }

    #[test]
    fn on_loopback_foreign_origins_are_refused_for_every_method() {
        let rules = Rules::new(true, &["http://localhost:3000/".to_owned()]);
        let get = |origin| judge(&rules, Method::GET, "localhost:8080", Some(origin));
        assert_eq!(get("http://localhost:8080"), Some(Caller::Own));
        assert_eq!(get("http://localhost:3000"), Some(Caller::Allowed));
        for foreign in [
            "null",
            "http://localhost:3001",
            "https://evil.example",
            "http://127.0.0.1:8080",
            "file://",
            "garbage",
        ] {
            assert_eq!(get(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn links_from_other_sites_work_but_embedding_does_not() {
        let rules = Rules::new(true, &[]);
        let judge = |site, mode| {
            let pairs = [("host", "localhost"), ("sec-fetch-site", site), ("sec-fetch-mode", mode)];
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
                .collect();
            rules.judge(&Method::GET, &Uri::from_static("/"), &headers).is_ok()
        };
        assert!(judge("cross-site", "navigate") && judge("same-origin", "cors") && judge("none", "navigate"));
        assert!(!judge("cross-site", "no-cors"));
    }

    #[test]
    fn elsewhere_foreign_origins_may_only_read() {
        let rules = Rules::new(false, &["https://ui.example".to_owned()]);
        let foreign = Some("https://evil.example");
        assert_eq!(judge(&rules, Method::GET, "nexus.example", foreign), Some(Caller::Foreign));
        assert_eq!(judge(&rules, Method::POST, "nexus.example", foreign), None);
        assert_eq!(
            judge(&rules, Method::POST, "nexus.example", Some("https://nexus.example")),
            Some(Caller::Own)
        );
        assert_eq!(
            judge(&rules, Method::POST, "nexus.example", Some("https://ui.example:443")),
            Some(Caller::Allowed)
        );
        assert_eq!(judge(&rules, Method::POST, "nexus.example", None), Some(Caller::Unnamed));
    }
}
