//! A body on its way through the proxy: counted, and cut when it stands still, takes too long or is too much.
//! Not here: tunnels, which have no bodies (`tunnel`).

use super::record::{Entry, Meter, Way};
use crate::{Error, Limits};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::{Instant, Sleep, sleep_until};

/// A body with its bounds.
pub(super) struct Paced<T> {
    body: Incoming,
    way: Way,
    entry: Arc<Entry>,
    meter: Arc<Meter>,
    limits: Limits,
    deadline: Instant,
    patience: Pin<Box<Sleep>>,
    /// Lives as long as the body.
    _held: T,
}

impl<T> Paced<T> {
    pub(super) fn new(
        body: Incoming,
        way: Way,
        (entry, meter): (&Arc<Entry>, &Arc<Meter>),
        limits: &Limits,
        deadline: Instant,
        held: T,
    ) -> Self {
        let patience = Box::pin(sleep_until(deadline.min(Instant::now() + limits.idle)));
        let (entry, meter, limits) = (entry.clone(), meter.clone(), limits.clone());
        if way == Way::In && body.is_end_stream() {
            entry.complete();
        }
        Self { body, way, entry, meter, limits, deadline, patience, _held: held }
    }

    fn late(&self) -> Error {
        let host = self.entry.host();
        if Instant::now() >= self.deadline {
            Error::TimedOut { host, after: self.limits.total }
        } else if self.way == Way::In {
            Error::BodyStalled { host, after: self.limits.idle }
        } else {
            Error::RequestInvalid { reason: "its body stopped in the middle. Send it at once".to_owned() }
        }
    }

    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if Instant::now() >= self.deadline {
            return Poll::Ready(Some(Err(self.late())));
        }
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.patience.as_mut().reset(self.deadline.min(Instant::now() + self.limits.idle));
                let count = frame.data_ref().map_or(0, Bytes::len);
                Poll::Ready(Some(self.meter.bytes(&self.entry, self.way, count).map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(match self.way {
                Way::In => crate::exchange::broken(&self.entry.host(), &error),
                Way::Out => {
                    Error::RequestInvalid { reason: "its body ended early. Send all of it".to_owned() }
                }
            }))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.patience.as_mut().poll(context).map(|()| Some(Err(self.late()))),
        }
    }
}

impl<T: Unpin> Body for Paced<T> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let next = self.next(context);
        match &next {
            Poll::Ready(Some(Err(error))) => self.entry.failed(error.clone()),
            Poll::Ready(_) if self.way == Way::In && self.body.is_end_stream() => self.entry.complete(),
            Poll::Ready(None) if self.way == Way::In => self.entry.complete(),
            _ => {}
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
