//! From a request to what a port takes, and from what a port gives to a response: the context in, errors and streams
//! out. Not here: the fields of messages (`convert`).

use super::gate::{Admitted, said};
use crate::{meta, status::to_status};
use futures::{FutureExt, StreamExt, stream};
use nexus_api::{BoxStream, CallCtx, Code, Error, Result};
use serde_json::Value as Json;
use std::{future::Future, io, panic::AssertUnwindSafe, pin::Pin};
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use tracing::{Instrument, Span};

/// Answers a call with one answer: `unary!(request, |ctx, message| …)`, where the last part gives a `Result`.
macro_rules! unary {
    ($request:ident, |$ctx:ident, $message:pat_param| $work:expr) => {{
        let (call, $message) = $crate::server::respond::open($request);
        let $ctx = &call.ctx;
        let answer: nexus_api::Result<_> = async { $work }.await;
        call.unary(answer)
    }};
}

/// Answers a call with a stream of answers: as `unary!`, with what to do when the server stops.
macro_rules! streaming {
    ($request:ident, $on_stop:expr, |$ctx:ident, $message:pat_param| $work:expr) => {{
        let (call, $message) = $crate::server::respond::open($request);
        let $ctx = &call.ctx;
        let answer: nexus_api::Result<_> = async { $work }.await;
        call.stream(answer, $on_stop)
    }};
}

pub(super) use {streaming, unary};

/// A stream of responses, as the generated servers want it.
pub(super) type Responses<P> = futures::stream::BoxStream<'static, Result<P, Status>>;

/// What a stream does when the server is about to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnStop {
    /// It ends at once; the client can go on elsewhere.
    End,
    /// It goes on to its own end.
    Finish,
}

/// How large the JSON in a request may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed(Option<usize>);

/// How large the JSON in this request may be: other processes of the mesh pass on what they have measured.
pub(super) fn allowed<M>(request: &Request<M>) -> Allowed {
    Allowed(request.extensions().get::<Admitted>().and_then(|admitted| admitted.body_bytes))
}

impl Allowed {
    /// Hands the JSON at `path` on if it is not too large. Measured as JSON, as the HTTP gateway measures it, because
    /// the same document takes several times as much or less on this wire.
    pub(super) fn checked(self, path: &str, json: Json) -> Result<Json> {
        let Some(limit) = self.0 else { return Ok(json) };
        if serde_json::to_writer(Room(limit), &json).is_ok() {
            return Ok(json);
        }
        let message = format!("`{path}` is larger than {limit} bytes of JSON (limit `body_bytes`)");
        Err(Error::new(Code::TooLarge, message)
            .suggest("send less at once, or have the limit raised (NEXUS_LIMIT_BODY_BYTES)")
            .detail(path, format!("limit: {limit} bytes")))
    }
}

/// Takes so many bytes, keeps none and refuses more.
struct Room(usize);

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => self.0 = left,
            None => return Err(io::ErrorKind::FileTooLarge.into()),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The call that a request makes, without its message.
pub(super) struct Incoming {
    pub(super) ctx: CallCtx,
    end: Option<tokio::time::Instant>,
    error_room: usize,
    stopping: Option<watch::Receiver<bool>>,
}

/// Takes a request apart.
pub(super) fn open<M>(request: Request<M>) -> (Incoming, M) {
    let (metadata, mut extensions, message) = request.into_parts();
    let (call, stopping) = match extensions.remove::<Admitted>() {
        Some(admitted) => (admitted.call, Some(admitted.stopping)),
        None => (meta::read(&metadata.into_headers()), None),
    };
    (Incoming { ctx: call.ctx, end: call.end, error_room: call.error_room, stopping }, message)
}

impl Incoming {
    fn status(&self, error: Error) -> Status {
        to_status(error, self.ctx.request_id.as_deref(), self.error_room)
    }

    /// The response to a call with one answer.
    pub(super) fn unary<P>(self, answer: Result<P>) -> Result<Response<P>, Status> {
        answer.map(Response::new).map_err(|error| self.status(error))
    }

    /// The response to a call with a stream of answers. Dropping it drops the port's stream.
    pub(super) fn stream<T, P>(
        self,
        answer: Result<BoxStream<T>>,
        on_stop: OnStop,
    ) -> Result<Response<Responses<P>>, Status>
    where
        T: Into<P> + Send + 'static,
        P: Send + 'static,
    {
        let items = answer.map_err(|error| self.status(error))?;
        let interrupted = self.interruption(on_stop);
        let span = Span::current();
        let items = stream::unfold(Some((items, interrupted)), move |open| {
            let step = async {
                let (mut items, mut interrupted) = open?;
                let item = tokio::select! {
                    biased;
                    error = &mut interrupted => Some(Err(error)),
                    // A panic here would take the whole connection with it, and the calls of others.
                    item = AssertUnwindSafe(items.next()).catch_unwind() => item.unwrap_or_else(|panic| {
                        Some(Err(Error::internal(format_args!("a stream panicked: {}", said(&*panic)))))
                    }),
                };
                let item = item?;
                let open = item.is_ok().then_some((items, interrupted));
                Some((item, open))
            };
            step.instrument(span.clone())
        });
        Ok(Response::new(
            items.map(move |item| item.map(Into::into).map_err(|error| self.status(error))).boxed(),
        ))
    }

    /// Comes true, with the reason, when the stream must end before its own end.
    fn interruption(&self, on_stop: OnStop) -> Pin<Box<dyn Future<Output = Error> + Send>> {
        let end = self.end;
        let deadline = async move {
            match end {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        let stopping = self.stopping.clone().filter(|_| on_stop == OnStop::End);
        let stop = async move {
            let Some(mut stopping) = stopping else { return std::future::pending().await };
            if stopping.wait_for(|stop| *stop).await.is_err() {
                std::future::pending().await
            }
        };
        Box::pin(async move {
            tokio::select! {
                () = deadline => Error::new(Code::DeadlineExceeded, "the stream took longer than its deadline"),
                () = stop => Error::unavailable("the server is stopping; follow again, from the last item seen")
                    .reason("stopping"),
            }
        })
    }
}
