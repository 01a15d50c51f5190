//! What happens around every call, whatever the method: who calls and whether they may, a span in the caller's trace,
//! a limit on calls at work, panics, the audit log. What it finds out it leaves in the request for `respond`.
//! Not here: deadlines (`Bounded`), which scope a method needs (`access`).

use super::access;
use crate::{
    meta::{self, Call, REQUEST_ID},
    status::to_status,
};
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use nexus_api::{
    Code, Error, Result, Workspace,
    access::{Authenticator, Identity, Scope},
};
use nexus_runtime::{audit, keys, trace};
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

/// Who may call. Whoever is said to be of the mesh is another process of it, and says on whose behalf it calls.
pub type Authenticate = Arc<dyn Authenticator>;

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
    workspace: Workspace,
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

    /// Who calls, if they may: the owner of the key, if keys are in use.
    async fn admit(&self, path: &str, headers: &HeaderMap, claimed: Caller) -> Result<Caller> {
        let needed = access::needed(path)
            .ok_or_else(|| Error::unimplemented(format_args!("the method `{}`", printable(path))));
        let Some(authenticate) = &self.authenticate else { return needed.map(|_| claimed) };
        let identity = authenticate.identify(bearer(headers)?).await?;
        if identity.mesh {
            let principal = claimed.principal.or_else(|| Some(keys::MESH.to_owned()));
            return needed.map(|_| Caller { principal, workspace: claimed.workspace, mesh: true });
        }
        let needed = needed?;
        if !identity.scopes.allow(needed) {
            return Err(refused(&identity, needed));
        }
        Ok(Caller { principal: Some(identity.name), workspace: identity.workspace, mesh: false })
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match given.and_then(|given| given.split_once(' ')) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Ok(key.trim()),
        _ => Err(Error::new(Code::Unauthenticated, "a valid API key is needed")
            .suggest("send it as metadata: `authorization: Bearer KEY`")),
    }
}

fn refused(identity: &Identity, needed: Scope) -> Error {
    let (name, scope) = (&identity.name, needed.as_str());
    Error::new(Code::Forbidden, format!("`{name}` may not do this: it needs the scope `{scope}`"))
        .reason("insufficient_scope")
        .suggest(format!("call with a key that has the scope `{scope}`"))
}

/// tonic answers what it cannot decode with INTERNAL, as if it were our fault; whatever is our fault has details.
fn is_unreadable(headers: &HeaderMap) -> bool {
    headers.get("grpc-status").is_some_and(|status| status == "13")
        && !headers.contains_key("grpc-status-details-bin")
}

/// A path as it may stand in a message.
fn printable(path: &str) -> String {
    path.chars().filter(|c| c.is_ascii_graphic()).take(200).collect()
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
        let baggage = request.headers().get(trace::BAGGAGE).and_then(|value| value.to_str().ok());
        let execution = baggage.and_then(trace::execution_in);
        if let Some(execution) = execution {
            span.record("nexus.execution_id", tracing::field::display(execution));
        }

        let room = call.error_room;
        let gate = self.gate.clone();
        // The one that is ready takes the call, its copy the next one.
        let copy = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, copy);
        let noted = span.clone();
        let work = async move {
            let ctx = &mut call.ctx;
            let claimed = Caller {
                principal: ctx.principal.take(),
                workspace: std::mem::take(&mut ctx.workspace),
                mesh: false,
            };
            let admitted = gate.admit(&path, request.headers(), claimed).await.and_then(|caller| {
                noted.record("principal", caller.principal.as_deref());
                let slot = gate.slots.clone().try_acquire_owned().map_err(|_| {
                    Error::new(Code::RateLimited, "the service is working on as many calls as it can")
                        .reason("too_many_calls")
                        .retry_after(Duration::from_secs(1))
                })?;
                Ok((caller, slot))
            });
            let (caller, slot) = match admitted {
                Ok(admitted) => admitted,
                Err(error) => {
                    tracing::debug!(code = error.code.as_str(), "refused");
                    return Ok(refuse(error.unspent(), &request_id, room));
                }
            };
            // What another process of the mesh passes on is in that one's audit log.
            let entry =
                access::needed(&path).filter(|needed| !caller.mesh && *needed != Scope::Read).map(|scope| {
                    let what = audit::What {
                        action: path.clone(),
                        scope,
                        object: None,
                        request_id: request_id.clone(),
                    };
                    audit::Entry::new(caller.principal.clone(), caller.workspace.clone(), what)
                });
            ctx.principal = caller.principal;
            ctx.workspace = caller.workspace;
            let (stopping, body_bytes) = (gate.stopping.clone(), (!caller.mesh).then_some(gate.body_bytes));
            request.extensions_mut().insert(Admitted { call, stopping, body_bytes });

            let work = AssertUnwindSafe(async { inner.call(request).await }).catch_unwind();
            let mut response = work.await.unwrap_or_else(|panic| {
                let error = Error::internal(format_args!("a handler panicked: {}", said(&*panic)));
                Ok(refuse(error, &request_id, room))
            })?;
            drop(slot);
            if is_unreadable(response.headers()) {
                let error =
                    Error::new(Code::Malformed, "the message cannot be read as what this method takes")
                        .suggest("make it with the definitions in proto/ of this version");
                response = refuse(error.unspent(), &request_id, room);
            }
            // A status in the head means that there is no answer; streams and answers have theirs in the trailers.
            let status = response.headers().get("grpc-status").and_then(|value| value.to_str().ok());
            let status = status.unwrap_or("0");
            noted.record("rpc.grpc.status_code", status);
            if let Some(entry) = entry {
                entry.ended(status);
            }
            if let Ok(id) = HeaderValue::from_str(&request_id) {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            Ok(response)
        }
        .instrument(span);
        trace::on_behalf_of(execution, work).boxed()
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
        nexus.execution_id = Empty,
        trace_id = Empty,
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
