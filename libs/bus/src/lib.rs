//! Wake-ups and live events between processes, over NATS or within one process. Best effort by design: everything
//! that must not be lost is in the store, and every waiter also polls it. A lost message costs latency, never work.
//!
//! Not here: what the messages mean (`nexus-executor`), durable delivery (nowhere: the database is the queue).

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use nexus_model::{ExecutionId, JobId};

mod in_process;
mod nats;

pub use in_process::InProcessBus;
pub use nats::{Error, NatsBus};

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// There may be something to claim.
    Work,
    /// Something happened to this execution: committed events, deltas.
    Execution(ExecutionId),
    /// Requests to whoever runs executions, e.g. to stop one.
    Control,
    /// There may be a scraper job to work on.
    Jobs,
    /// Something happened to this scraper job.
    Job(JobId),
}

impl Topic {
    /// The NATS subject.
    pub fn subject(&self) -> String {
        match self {
            Topic::Work => "nexus.work".to_owned(),
            Topic::Execution(id) => format!("nexus.execution.{id}"),
            Topic::Control => "nexus.control".to_owned(),
            Topic::Jobs => "nexus.scraper.jobs".to_owned(),
            Topic::Job(id) => format!("nexus.scraper.job.{id}"),
        }
    }
}

/// Largest message a bus carries; a larger one is dropped by `publish` with a warning.
pub const MAX_MESSAGE_BYTES: usize = 512 * 1024;

/// Messages that wait for one reader; when it lags further behind, it loses messages.
pub const READER_BACKLOG: usize = 512;

/// Publish and subscribe, at most once.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Sends to whoever listens now. Never blocks and never fails: a bus that is down drops the message.
    /// Messages of one publisher on one topic arrive in order.
    fn publish(&self, topic: Topic, message: Bytes);
    /// Messages from now on (the subscription is in effect when this returns, if the bus is up). Goes on after the
    /// bus was down. A slow reader loses messages instead of holding up the publisher.
    async fn subscribe(&self, topic: Topic) -> BoxStream<'static, Bytes>;
    /// Whether messages get through at the moment.
    fn is_connected(&self) -> bool;
}

/// Whether the message is small enough to be carried; says so in the log if not.
fn fits(topic: Topic, message: &Bytes) -> bool {
    let fits = message.len() <= MAX_MESSAGE_BYTES;
    if !fits {
        tracing::warn!(
            subject = topic.subject(),
            bytes = message.len(),
            limit = MAX_MESSAGE_BYTES,
            "a message is too large for the bus and was dropped; readers get its content from the store"
        );
    }
    fits
}
