//! Counts and times calls, whatever becomes of them: the code a call ends with stands in the trailers, after the last
//! message, or nowhere, if its caller goes away. Not here: spans (`gate`), other metrics.

use crate::{meta::VERSION, proto::DESCRIPTORS};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::HeaderValue;
use http_body::{Frame, SizeHint};
use metrics::{counter, histogram};
use prost::Message;
use std::{
    collections::HashMap,
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll, ready},
    time::Instant,
};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

type Request = http::Request<Body>;
type Response = http::Response<Body>;

/// Services and methods there are, by path. Others share a label: paths are the caller's to choose.
static METHODS: LazyLock<HashMap<String, (String, String)>> = LazyLock::new(|| {
    let files = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap_or_default().file;
    let services =
        files.iter().flat_map(|file| file.service.iter().map(move |service| (file.package(), service)));
    let methods = services.flat_map(|(package, service)| {
        let name = format!("{package}.{}", service.name());
        service.method.iter().map(move |method| (name.clone(), method.name().to_owned()))
    });
    methods.map(|(service, method)| (format!("/{service}/{method}"), (service, method))).collect()
});

/// Measures what is below it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure;

impl<S> Layer<S> for Measure {
    type Service = Measured<S>;
    fn layer(&self, inner: S) -> Measured<S> {
        Measured(inner)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Measured<S>(S);

impl<S> Service<Request> for Measured<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let path = request.uri().path();
        // Probes and those who look around are not what people want to know about.
        if path.starts_with("/grpc.") {
            let work = self.0.call(request);
            return Box::pin(async move { work.await.map(signed) });
        }
        let mut ending = Ending::of(path);
        let began = Instant::now();
        let work = self.0.call(request);
        Box::pin(async move {
            let response = work.await.map(signed)?;
            ending.begun(began);
            // An error without an answer stands in the head.
            if let Some(status) = Status::from_header_map(response.headers()) {
                ending.end(status.code());
                return Ok(response);
            }
            Ok(response.map(|body| Body::new(Watched { body, ending })))
        })
    }
}

/// Says which version answers, for those who look for what does not fit together.
fn signed(mut response: Response) -> Response {
    response.headers_mut().insert(VERSION, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    response
}

/// A call that ends once.
#[derive(Debug)]
struct Ending {
    service: &'static str,
    method: &'static str,
    ended: bool,
}

impl Ending {
    fn of(path: &str) -> Self {
        let (service, method) = METHODS
            .get(path)
            .map_or(("other", "other"), |(service, method)| (service.as_str(), method.as_str()));
        Self { service, method, ended: false }
    }

    fn begun(&self, began: Instant) {
        histogram!("nexus_grpc_request_duration_seconds", "service" => self.service, "method" => self.method)
            .record(began.elapsed());
    }

    fn end(&mut self, code: Code) {
        if !std::mem::replace(&mut self.ended, true) {
            counter!("nexus_grpc_requests_total", "service" => self.service, "method" => self.method, "code" => name(code))
                .increment(1);
        }
    }
}

impl Drop for Ending {
    /// Whoever does not wait for the end has given the call up.
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// A code as gRPC writes it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// A body whose trailers are looked at.
struct Watched {
    body: Body,
    ending: Ending,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    let status = Status::from_header_map(trailers);
                    self.ending.end(status.map_or(Code::Ok, |status| status.code()));
                }
            }
            Some(Err(status)) => {
                let code = status.code();
                self.ending.end(code);
            }
            None => self.ending.end(Code::Ok),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
