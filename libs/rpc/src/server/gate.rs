//! What happens around every call, whatever the method: who calls, a span in the caller's trace, a limit on calls
//! at work, panics. What it finds out it leaves in the request for `respond`. Not here: deadlines (`Bounded`).

use crate::{
    meta::{self, Call, REQUEST_ID},
    status::to_status,
};
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use nexus_api::{Code, Error, Result};
use nexus_runtime::{keys, trace};
use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::{Semaphore, watch};
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::{Instrument, Span, field::Empty, info_span};

/// Turns a bearer key into the name of its owner; `None` refuses it.
///
/// Whoever owns the name [`keys::MESH`] is another process of the same mesh and may say on whose behalf it calls.
pub type Authenticate = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

type Request = http::Request<Body>;
type Response = http::Response<Body>;

/// What the gate leaves in a request.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    pub(super) call: Call,
    /// Becomes true when the server is about to stop.
    pub(super) stopping: watch::Receiver<bool>,
    /// Largest JSON document or inputs, unless another process of the mesh vouches for them.
    pub(super) body_bytes: Option<usize>,
}

#[derive(Clone)]
pub(super) struct Gate {
    authenticate: Option<Authenticate>,
    slots: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
    body_bytes: usize,
}

/// Who calls.
struct Caller {
    principal: Option<String>,
    /// It is another process of the mesh.
    mesh: bool,
}

impl Gate {
    pub(super) fn new(options: &super::ServerOptions, stopping: watch::Receiver<bool>) -> Self {
        Self {
            authenticate: options.authenticate.clone(),
            slots: Arc::new(Semaphore::new(options.max_concurrent_calls.min(Semaphore::MAX_PERMITS))),
            stopping,
            body_bytes: options.body_bytes,
        }
    }

    /// Who calls: the owner of the key, if keys are in use.
    fn principal(&self, headers: &HeaderMap, claimed: Option<String>) -> Result<Caller> {
        let Some(authenticate) = &self.authenticate else {
            return Ok(Caller { principal: claimed, mesh: false });
        };
        let refused = || {
            Error::new(Code::Unauthenticated, "a valid API key is needed")
                .suggest("send it as metadata: `authorization: Bearer KEY`")
        };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(refused)?;
        let (scheme, key) = given.split_once(' ').ok_or_else(refused)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused());
        }
        match authenticate(key.trim()).ok_or_else(refused)? {
            name if name == keys::MESH => Ok(Caller { principal: claimed.or(Some(name)), mesh: true }),
            name => Ok(Caller { principal: Some(name), mesh: false }),
        }
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;
    fn layer(&self, inner: S) -> Gated<S> {
        Gated { gate: self.clone(), inner }
    }
}

#[derive(Clone)]
pub(super) struct Gated<S> {
    gate: Gate,
    inner: S,
}

impl<S> Service<Request> for Gated<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let path = request.uri().path().trim_start_matches('/').to_owned();
        // Probes have neither keys nor patience.
        if path.starts_with("grpc.health.v1.Health/") {
            return self.inner.call(request).boxed();
        }

        let mut call = meta::read(request.headers());
        let request_id = call.ctx.request_id.get_or_insert_with(|| uuid::Uuid::now_v7().to_string()).clone();
        let span = span(&path, &request_id);
        if let Some(traceparent) = &call.ctx.traceparent {
            trace::adopt(&span, traceparent);
        }

        let room = call.error_room;
        let mut mesh = false;
        let admitted = self.gate.principal(request.headers(), call.ctx.principal.take()).and_then(|caller| {
            span.record("principal", caller.principal.as_deref());
            call.ctx.principal = caller.principal;
            mesh = caller.mesh;
            self.gate.slots.clone().try_acquire_owned().map_err(|_| {
                Error::new(Code::RateLimited, "the service is working on as many calls as it can")
                    .reason("too_many_calls")
                    .retry_after(Duration::from_secs(1))
            })
        });
        let slot = match admitted {
            Ok(slot) => slot,
            Err(error) => {
                let refusal = refuse(error.unspent(), &request_id, room);
                tracing::debug!(parent: &span, "refused");
                return std::future::ready(Ok(refusal)).boxed();
            }
        };
        let (stopping, body_bytes) = (self.gate.stopping.clone(), (!mesh).then_some(self.gate.body_bytes));
        request.extensions_mut().insert(Admitted { call, stopping, body_bytes });

        let work = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        let noted = span.clone();
        async move {
            let mut response = work.await.unwrap_or_else(|panic| {
                let error = Error::internal(format_args!("a handler panicked: {}", said(&*panic)));
                Ok(refuse(error, &request_id, room))
            })?;
            drop(slot);
            // A status in the head means that there is no answer; streams and answers have theirs in the trailers.
            let status = response.headers().get("grpc-status").and_then(|value| value.to_str().ok());
            noted.record("rpc.grpc.status_code", status.unwrap_or("0"));
            if let Ok(id) = HeaderValue::from_str(&request_id) {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            Ok(response)
        }
        .instrument(span)
        .boxed()
    }
}

fn span(path: &str, request_id: &str) -> Span {
    let (service, method) = path.split_once('/').unwrap_or((path, ""));
    info_span!(
        "grpc",
        otel.name = path,
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = Empty,
        principal = Empty,
        request_id,
    )
}

fn refuse(error: Error, request_id: &str, room: usize) -> Response {
    to_status(error, Some(request_id), room).into_http()
}

/// What a panic said.
pub(super) fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("nothing readable")
}
