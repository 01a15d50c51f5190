//! WebSockets: sends a feed to a client, notices when the client is gone, and says how it ended by the close code.
//! Not here: which feed (`routes::live`), surviving a broken source (`feed`).

use crate::{
    Timing,
    app::App,
    error::{Answer, Failure},
    feed::{Feed, Frame},
    live::Live,
};
use axum::{
    extract::ws::{
        CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code, rejection::WebSocketUpgradeRejection,
    },
    response::Response,
};
use futures::{FutureExt, SinkExt, StreamExt};
use http::{HeaderValue, StatusCode, header};
use nexus_api::{Code, Error};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::Error as WsError;

/// Nothing has this id.
const NOT_FOUND: u16 = 4404;
/// The client may come again later.
const TRY_AGAIN: u16 = 1013;
/// Longest wait for the client's half of the closing handshake.
const FAREWELL: Duration = Duration::from_secs(2);
/// A close frame holds no more.
const LONGEST_REASON: usize = 123;

/// Most messages between two looks at what the client says.
const BATCH: usize = 64;
/// A message that waits longer than this waits for the client, not for the system.
const BLOCKED: Duration = Duration::from_millis(100);

/// Largest message a client may send; it has nothing to say.
const LARGEST_REQUEST: usize = 16 << 10;
/// Largest that is read at all: up to here a client is told by a close frame that it said too much, because a
/// connection that is closed with unread input is reset.
const LARGEST_READ: usize = 1 << 20;

/// The subprotocol that we answer; `bearer.KEY` may be offered beside it.
const PROTOCOL: &str = "nexus";

/// Why a socket is closed.
struct Ending {
    code: u16,
    reason: String,
}

impl Ending {
    fn new(code: u16, reason: &str) -> Self {
        Self { code, reason: reason.to_owned() }
    }

    fn of(error: &Error) -> Self {
        let code = match error.code {
            Code::NotFound => NOT_FOUND,
            Code::Unauthenticated | Code::Forbidden => close_code::POLICY,
            Code::Unavailable | Code::RateLimited | Code::DeadlineExceeded | Code::Cancelled => TRY_AGAIN,
            _ => close_code::ERROR,
        };
        let mut reason = error.message.clone();
        while reason.len() > LONGEST_REASON {
            reason.pop();
        }
        Self { code, reason }
    }
}

/// Sends the whole feed. Items are taken only as fast as the client takes them.
async fn send_all(mut socket: WebSocket, mut feed: Feed, live: Live, timing: Timing) {
    let gauge = metrics::gauge!("nexus_ws_connections");
    gauge.increment(1.0);
    if let Some(ending) = run(&mut socket, &mut feed, &live, timing).await {
        // Free what stands behind the feed before waiting for the client.
        drop(feed);
        close(socket, ending).await;
    }
    gauge.decrement(1.0);
}

/// Runs until there is a reason to close; `None` if the client is gone.
async fn run(socket: &mut WebSocket, feed: &mut Feed, live: &Live, timing: Timing) -> Option<Ending> {
    let mut ping = interval_at(Instant::now() + timing.ping, timing.ping);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let silence = timing.ping.mul_f64(2.5);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            // In this order, so that an answer to a ping counts before its absence does.
            biased;
            () = live.going_away() => return Some(going_away()),
            incoming = socket.recv() => match incoming {
                Some(Ok(Message::Close(_))) | None => return None,
                Some(Err(error)) => return is_too_large(error).then(too_large),
                Some(Ok(Message::Text(text))) if text.len() > LARGEST_REQUEST => return Some(too_large()),
                Some(Ok(Message::Binary(bytes))) if bytes.len() > LARGEST_REQUEST => return Some(too_large()),
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
            },
            _ = ping.tick() => {
                if heard.elapsed() > silence {
                    return None;
                }
                Message::Ping(bytes::Bytes::new())
            }
            item = feed.next() => match outgoing(item) {
                Ok(message) => message,
                Err(ending) => return Some(ending),
            },
        };
        let began = Instant::now();
        tokio::select! {
            sent = timeout(timing.send, send(socket, message, feed)) => match sent {
                Ok(Ok(None)) => {}
                Ok(Ok(ending)) => return ending,
                Ok(Err(_)) | Err(_) => return None,
            },
            () = live.going_away() => return Some(going_away()),
        }
        if began.elapsed() > BLOCKED {
            // It took what it had kept waiting, so it is alive; we could not hear it meanwhile.
            heard = Instant::now();
        }
    }
}

/// Sends a message and those that are there already; why to close, if the feed has ended meanwhile.
async fn send(
    socket: &mut WebSocket,
    first: Message,
    feed: &mut Feed,
) -> Result<Option<Ending>, axum::Error> {
    socket.feed(first).await?;
    let mut ending = None;
    // Stored events come in heaps; a system call for each would take longer than making them.
    for _ in 1..BATCH {
        match feed.next().now_or_never().map(outgoing) {
            Some(Ok(message)) => socket.feed(message).await?,
            Some(Err(reason)) => {
                ending = Some(reason);
                break;
            }
            None => break,
        }
    }
    socket.flush().await?;
    Ok(ending)
}

fn too_large() -> Ending {
    Ending::new(close_code::SIZE, "the message is larger than 16 KiB")
}

/// Whether reading failed because of the client's message and not of the connection.
fn is_too_large(error: axum::Error) -> bool {
    error.into_inner().downcast_ref::<WsError>().is_some_and(|error| matches!(error, WsError::Capacity(_)))
}

fn going_away() -> Ending {
    Ending::new(close_code::AWAY, "the server is going down; come again")
}

fn outgoing(item: Option<Result<Frame, Error>>) -> Result<Message, Ending> {
    match item {
        Some(Ok(frame)) => Ok(Message::text(frame.json)),
        Some(Err(error)) => Err(Ending::of(&error)),
        None => Err(Ending::new(close_code::NORMAL, "")),
    }
}

/// Closes and waits for the client to do the same: dropping a connection with unread input would make the system
/// reset it, and the client could lose the last messages.
async fn close(mut socket: WebSocket, ending: Ending) {
    let frame = CloseFrame { code: ending.code, reason: ending.reason.into() };
    let farewell = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    // Whoever does not answer in time is disconnected.
    let _ = timeout(FAREWELL, farewell).await;
}

/// Answers the handshake and sends the feed; refuses what is no handshake.
pub(crate) fn answer(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    feed: Feed,
    app: &App,
) -> Answer<Response> {
    let Ok(upgrade) = upgrade else {
        return Err(Failure::bare(StatusCode::UPGRADE_REQUIRED)
            .header(header::UPGRADE, HeaderValue::from_static("websocket")));
    };
    let (live, timing) = (app.live.clone(), app.options.timing);
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(LARGEST_READ).max_frame_size(LARGEST_READ);
    Ok(upgrade.on_upgrade(move |socket| {
        let tracked = live.clone();
        async move { tracked.track(send_all(socket, feed, live, timing)).await }
    }))
}
