//! What the tests share: a gateway over fake services, and a client for it. Not here: the fakes themselves.

mod executor;
mod keys;
mod others;
mod planner;

pub(crate) use executor::{Break, FakeExecutor, sample};
pub(crate) use keys::keys;
pub(crate) use others::{FakeLlm, FakeMemory, FakeScraper, FakeSecrets, job};
pub(crate) use planner::{FakePlanner, document};

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode, header};
use nexus_gateway::{Gateway, Options, Ports, Timing};
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use tower::ServiceExt;

/// A gateway and the fakes behind it.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) planner: Arc<FakePlanner>,
    pub(crate) executor: Arc<FakeExecutor>,
    pub(crate) scraper: Arc<FakeScraper>,
    pub(crate) gateway: Gateway,
}

/// What a server answers to a request that is written out, which must ask for the connection to be closed.
pub(crate) async fn raw(addr: SocketAddr, text: &str) -> String {
    let mut connection = TcpStream::connect(addr).await.unwrap();
    connection.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Options for tests: pauses short enough to wait for.
pub(crate) fn options() -> Options {
    let timing = Timing {
        ready_check: Duration::from_millis(200),
        resubscribe: Duration::from_secs(10),
        drain: Duration::from_secs(5),
        ..Timing::default()
    };
    Options { loopback: true, timing, ..Options::default() }
}

impl World {
    pub(crate) fn new(options: Options) -> Self {
        let (planner, executor) = (Arc::new(FakePlanner::default()), Arc::new(FakeExecutor::default()));
        let scraper = Arc::new(FakeScraper::default());
        let ports = Ports {
            planner: planner.clone(),
            executor: executor.clone(),
            llm: Arc::new(FakeLlm),
            memory: Arc::new(FakeMemory),
            scraper: scraper.clone(),
            secrets: Arc::new(FakeSecrets),
        };
        Self { gateway: nexus_gateway::router(ports, options), planner, executor, scraper }
    }

    pub(crate) fn router(&self) -> Router {
        self.gateway.clone().into_router()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, bytes: bytes.to_vec() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(json_request(Method::POST, path, body)).await
    }

    /// Serves the gateway on a free port.
    pub(crate) async fn serve(&self) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            // A dropped sender stops the server too: the test is over.
            let _ = stopped.await;
        };
        let task = tokio::spawn(nexus_gateway::serve(listener, self.gateway.clone(), shutdown));
        Server { addr, stop: Some(stop), task }
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body of a failure, checked for its shape.
    pub(crate) fn failure(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/json");
        let body = self.json();
        let members: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["details", "error", "message", "request_id", "suggestion"]);
        assert_eq!(body["error"], code, "{body}");
        assert_eq!(body["request_id"], self.header("x-request-id"));
        assert!(!body["message"].as_str().unwrap().is_empty());
        assert!(body["suggestion"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        for detail in body["details"].as_array().unwrap() {
            assert!(detail["path"].is_string() && detail["message"].is_string(), "{detail}");
        }
        assert_eq!(self.headers.contains_key(header::RETRY_AFTER), matches!(status, 429 | 503));
        body
    }
}

/// The beginning of a request to a loopback host.
pub(crate) fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header(header::HOST, "localhost:8080")
}

/// A request with a JSON body.
pub(crate) fn json_request(method: Method, path: &str, body: &Value) -> Request<Body> {
    let request = request(method, path).header(header::CONTENT_TYPE, "application/json");
    request.body(Body::from(body.to_string())).unwrap()
}
