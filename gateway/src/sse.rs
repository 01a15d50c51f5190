//! Server-sent events: the same feed as over WebSocket for clients that prefer plain HTTP.
//! Not here: which feed (`routes::executions`), surviving a broken source (`feed`).

use crate::{Timing, feed::Feed, live::Live};
use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use futures::{StreamExt, future, stream};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::{convert::Infallible, time::Duration};

/// What a client that comes back has seen last.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Pause after which a browser comes back.
const COME_BACK: Duration = Duration::from_secs(1);

/// Whether the client asks for an event stream.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        range.split(';').next().is_some_and(|t| t.trim().eq_ignore_ascii_case("text/event-stream"))
    })
}

/// The feed as an event stream. It ends with the feed, when the feed fails, or when the server goes down; a client
/// then comes back with the id of the last event.
pub(crate) fn stream(feed: Feed, live: &Live, timing: Timing) -> Response {
    let first = stream::once(future::ready(Event::default().retry(COME_BACK)));
    let events = feed.take_while(|item| future::ready(item.is_ok())).filter_map(|item| {
        future::ready(item.ok().map(|frame| {
            let event = Event::default().event(frame.kind).data(frame.json);
            // Only stored events have a place to come back to.
            match frame.seq {
                Some(seq) => event.id(seq.to_string()),
                None => event,
            }
        }))
    });
    let events = first.chain(events).take_until(live.token().cancelled_owned()).map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(timing.ping)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would otherwise hold events back until its buffer is full.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
