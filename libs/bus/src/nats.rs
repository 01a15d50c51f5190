//! The bus of a mesh: core NATS, no JetStream. Connects in the background and for ever; while it is down, messages
//! are dropped. Not here: anything about delivery guarantees, there are none.

use crate::{Bus, MAX_MESSAGE_BYTES, READER_BACKLOG, Topic, fits};
use async_nats::{Client, ConnectOptions, Event, connection::State};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// Messages that wait to be handed to the connection. More than this at once, and the rest is dropped.
const PUBLISH_BACKLOG: usize = 4096;

/// Longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long `subscribe` waits for the server's word that it has the subscription.
const CONFIRM_WITHIN: Duration = Duration::from_secs(2);

/// A subject nobody listens to: the server answers at once that there is no one, and by then it has worked off
/// everything sent before.
const NOBODY: &str = "nexus.nobody";

/// The address is no NATS address.
#[derive(Debug, thiserror::Error)]
#[error("`{url}` is not a NATS address: {reason}")]
pub struct Error {
    /// What was given, without credentials.
    url: String,
    /// Why it is none.
    reason: String,
}

/// A bus over a NATS server. Clones share the connection. A message published just before a subscription may still
/// reach it.
#[derive(Debug, Clone)]
pub struct NatsBus {
    client: Client,
    queue: mpsc::Sender<(Topic, Bytes)>,
    warned: Arc<AtomicBool>,
}

impl NatsBus {
    /// Starts connecting to `url` (`nats://[user:password@]host:port`, several separated by commas) and returns at
    /// once. Fails only if that is no address. Needs a tokio runtime.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let invalid =
            |reason: String| Error { url: url.rsplit('@').next().unwrap_or_default().to_owned(), reason };
        let mut servers = Vec::new();
        for part in url.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            servers.push(part.parse::<async_nats::ServerAddr>().map_err(|error| invalid(error.to_string()))?);
        }
        if servers.is_empty() {
            return Err(invalid("it is empty".to_owned()));
        }
        let warned = Arc::new(AtomicBool::new(false));
        let reconnected = warned.clone();
        let client = ConnectOptions::new()
            .name("nexus")
            .retry_on_initial_connect()
            .max_reconnects(None)
            .connection_timeout(Duration::from_secs(2))
            .ping_interval(Duration::from_secs(5))
            .reconnect_delay_callback(|attempts| {
                let doubled = 50_u64.saturating_mul(1 << attempts.min(10));
                Duration::from_millis(doubled).min(LONGEST_PAUSE)
            })
            .subscription_capacity(READER_BACKLOG)
            // While the server is away, subscriptions wait here; it has to hold all of a busy gateway's.
            .client_capacity(65_536)
            .request_timeout(Some(CONFIRM_WITHIN))
            .event_callback(move |event| {
                match event {
                    Event::Connected => {
                        reconnected.store(false, Ordering::Relaxed);
                        tracing::info!("connected to NATS");
                    }
                    Event::Disconnected => {
                        tracing::warn!("lost NATS; live events and wake-ups are slower until it is back");
                    }
                    Event::SlowConsumer(_) => {
                        tracing::debug!("a reader of the bus is too slow and loses messages")
                    }
                    other => tracing::debug!(event = %other, "NATS"),
                }
                std::future::ready(())
            })
            .connect(servers)
            .await
            .map_err(|error| invalid(error.to_string()))?;
        let (queue, messages) = mpsc::channel(PUBLISH_BACKLOG);
        tokio::spawn(send_all(client.clone(), messages, warned.clone()));
        Ok(Self { client, queue, warned })
    }
}

#[async_trait]
impl Bus for NatsBus {
    fn publish(&self, topic: Topic, message: Bytes) {
        if !fits(topic, &message) {
            return;
        }
        if !is_up(&self.client) || self.queue.try_send((topic, message)).is_err() {
            warn_once(&self.warned);
        }
    }

    async fn subscribe(&self, topic: Topic) -> BoxStream<'static, Bytes> {
        let subscriber = match self.client.subscribe(topic.subject()).await {
            Ok(subscriber) => subscriber,
            Err(error) => {
                // Only a closed client refuses, and nothing closes it.
                tracing::error!(%error, "the bus refuses a subscription; its reader falls back to polling");
                return stream::pending().boxed();
            }
        };
        if is_up(&self.client) {
            // The answer is always "nobody listens there"; what counts is that it comes after the subscription.
            let _ = self.client.request(NOBODY, Bytes::new()).await;
        }
        subscriber.map(|message| message.payload).boxed()
    }

    fn is_connected(&self) -> bool {
        is_up(&self.client)
    }
}

/// Hands messages to the connection in order. Ends with the last bus.
async fn send_all(client: Client, mut messages: mpsc::Receiver<(Topic, Bytes)>, warned: Arc<AtomicBool>) {
    while let Some((topic, message)) = messages.recv().await {
        // A message kept for later would be stale by then: the reader has polled the store meanwhile.
        if !is_up(&client) || client.publish(topic.subject(), message).await.is_err() {
            warn_once(&warned);
        }
    }
}

fn is_up(client: &Client) -> bool {
    client.connection_state() == State::Connected
}

fn warn_once(warned: &AtomicBool) {
    if !warned.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "NATS is not reachable or too slow: messages are dropped, waiters poll the database instead"
        );
    }
}

// A server's own limit is 1 MiB unless configured otherwise; ours has to stay below it.
const _: () = assert!(MAX_MESSAGE_BYTES < 1 << 20);
