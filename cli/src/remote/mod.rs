//! A Nexus server over REST, as ports: what the commands need of it. Not here: which server (`backend`), the other
//! ports' methods that no command uses.

mod executor;
mod llm;
mod memory;
mod planner;
mod scraper;
mod secrets;
mod sse;

use nexus_api::{CallCtx, Code, Detail, Error, Result};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(60);

/// A server. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Remote(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    base: String,
    key: Option<SecretString>,
}

impl Remote {
    /// The server at this address; nothing is sent yet.
    pub(crate) fn new(address: &str, key: Option<SecretString>) -> Result<Self> {
        let address = address.trim().trim_end_matches('/');
        let base = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let wrong = || {
            Error::new(Code::Malformed, format!("`{address}` is not the address of a server"))
                .suggest("give it as http://host:port or https://host, with --server or NEXUS_SERVER")
        };
        let url = reqwest::Url::parse(&base).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong());
        }
        nexus_runtime::tls::install();
        let mut client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .user_agent(concat!("nexus/", env!("CARGO_PKG_VERSION")));
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()) {
            // A proxy would look for the server on its own machine.
            client = client.no_proxy();
        }
        let http = client.build().map_err(|error| Error::internal(format!("HTTP client: {error}")))?;
        Ok(Self(Arc::new(Inner { http, base, key })))
    }

    /// The server's address.
    pub(crate) fn address(&self) -> &str {
        &self.0.base
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.0.http.request(method, format!("{}/api/v1{path}", self.0.base));
        match &self.0.key {
            Some(key) => request.bearer_auth(key.expose_secret()),
            None => request,
        }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    /// Sends it and reads the answer.
    async fn call<T: DeserializeOwned>(&self, ctx: &CallCtx, request: RequestBuilder) -> Result<T> {
        let timeout = ctx.remaining().unwrap_or(ANSWER);
        let answer = self.send(request.timeout(timeout)).await?;
        answer.json().await.map_err(|error| {
            if error.is_decode() {
                self.strange("it does not answer like a Nexus server")
            } else {
                self.lost(&error)
            }
        })
    }

    /// Sends it; a failed answer becomes the error it describes.
    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let answer = request.send().await.map_err(|error| self.lost(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let retry_after = answer
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let told = answer.json::<Told>().await.ok();
        Err(self.failure(status, told, retry_after))
    }

    fn failure(&self, status: StatusCode, told: Option<Told>, retry_after: Option<Duration>) -> Error {
        let by_status = || match status.as_u16() {
            502 | 504 => Code::Unavailable,
            status => {
                Code::ALL.into_iter().find(|code| code.http_status() == status).unwrap_or(Code::Internal)
            }
        };
        let mut error = match told {
            Some(told) => {
                let code = Code::parse(&told.error);
                let mut error = Error::new(code.unwrap_or_else(by_status), told.message);
                error.reason = code.is_none().then_some(told.error);
                error.suggestion = told.suggestion;
                error.details = told.details;
                error
            }
            None => Error::new(by_status(), format!("{} answers with {status}", self.0.base)),
        };
        if error.code == Code::Unauthenticated {
            error.suggestion = Some("set NEXUS_API_KEY to a key that the server knows".to_owned());
        }
        error.retry_after = retry_after;
        error
    }

    fn lost(&self, error: &reqwest::Error) -> Error {
        let how = if error.is_timeout() {
            "does not answer in time"
        } else if error.is_connect() {
            "cannot be reached"
        } else {
            "broke off the connection"
        };
        Error::new(Code::Unavailable, format!("the server at {} {how}", self.0.base))
            .suggest("start it with `nexus up`, or give another address with --server or NEXUS_SERVER")
    }

    fn strange(&self, how: &str) -> Error {
        Error::new(Code::Unavailable, format!("the server at {} is no Nexus server: {how}", self.0.base))
            .suggest("check the address given with --server or NEXUS_SERVER")
    }
}

/// The body of a failed answer.
#[derive(Debug, Deserialize)]
struct Told {
    error: String,
    message: String,
    #[serde(default)]
    suggestion: Option<String>,
    #[serde(default)]
    details: Vec<Detail>,
}

/// Parameters of an address.
#[derive(Debug, Default)]
struct Query(Vec<(&'static str, String)>);

impl Query {
    fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.0.extend(value.map(|value| (name, value.to_string())));
        self
    }

    fn page(self, page: nexus_api::planner::PageRequest) -> Self {
        self.with("limit", page.limit).with("cursor", page.cursor)
    }

    /// `path` and the parameters, escaped.
    fn of(&self, path: &str) -> String {
        if self.0.is_empty() {
            return path.to_owned();
        }
        let mut escaped = reqwest::Url::parse("http://x").ok();
        if let Some(url) = &mut escaped {
            url.query_pairs_mut().extend_pairs(&self.0);
        }
        format!("{path}?{}", escaped.as_ref().and_then(reqwest::Url::query).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_with_and_without_scheme() {
        assert_eq!(Remote::new("127.0.0.1:8080/", None).unwrap().address(), "http://127.0.0.1:8080");
        assert_eq!(Remote::new("https://nexus.example", None).unwrap().address(), "https://nexus.example");
        assert!(Remote::new("ftp://x", None).is_err() && Remote::new("", None).is_err());
    }

    #[test]
    fn failures_keep_their_code_and_others_get_one() {
        let remote = Remote::new("h:1", None).unwrap();
        let told =
            Told { error: "BUDGET_EXCEEDED".into(), message: "no".into(), suggestion: None, details: vec![] };
        assert_eq!(remote.failure(StatusCode::PAYMENT_REQUIRED, Some(told), None).code, Code::BudgetExceeded);
        assert_eq!(remote.failure(StatusCode::BAD_GATEWAY, None, None).code, Code::Unavailable);
        assert_eq!(remote.failure(StatusCode::NOT_FOUND, None, None).code, Code::NotFound);
        let denied = remote.failure(StatusCode::UNAUTHORIZED, None, None);
        assert!(denied.suggestion.unwrap().contains("NEXUS_API_KEY"));
    }

    #[test]
    fn parameters_are_escaped() {
        let query = Query::default().with("q", Some("a&b ")).with("limit", None::<u32>);
        assert_eq!(query.of("/x"), "/x?q=a%26b+");
    }
}
