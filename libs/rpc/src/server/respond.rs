//! From a request to what a port takes, and from what a port gives to a response: the context in, errors and streams
//! out. Not here: the fields of messages (`convert`).

use super::gate::{Admitted, said};
use crate::{meta, status::to_status};
use futures::{FutureExt, StreamExt, stream};
use nexus_api::{BoxStream, CallCtx, Code, Error, Result};
use std::{future::Future, panic::AssertUnwindSafe, pin::Pin};
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
