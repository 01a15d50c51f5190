//! The bus of a single process: one broadcast channel per topic that somebody listens to. Not here: anything that
//! leaves the process (`nats`).

use crate::{Bus, READER_BACKLOG, Topic, fits};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt};
use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

/// Topics with at least one reader.
type Topics = Arc<Mutex<HashMap<Topic, broadcast::Sender<Bytes>>>>;

/// A bus within this process. Clones are the same bus.
#[derive(Debug, Clone, Default)]
pub struct InProcessBus {
    topics: Topics,
}

impl InProcessBus {
    /// A bus without readers.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many topics have readers.
    pub fn topics(&self) -> usize {
        lock(&self.topics).len()
    }
}

#[async_trait]
impl Bus for InProcessBus {
    fn publish(&self, topic: Topic, message: Bytes) {
        if !fits(topic, &message) {
            return;
        }
        // Sending under the lock keeps it in order with subscribing; it only stores the message and wakes readers.
        if let Some(sender) = lock(&self.topics).get(&topic) {
            let _ = sender.send(message);
        }
    }

    async fn subscribe(&self, topic: Topic) -> BoxStream<'static, Bytes> {
        let receiver = lock(&self.topics)
            .entry(topic)
            .or_insert_with(|| broadcast::Sender::new(READER_BACKLOG))
            .subscribe();
        Subscription { topic, topics: self.topics.clone(), stream: Some(BroadcastStream::new(receiver)) }
            .boxed()
    }

    fn is_connected(&self) -> bool {
        true
    }
}

/// A reader; the last one of a topic takes the topic with it, or topics of ended executions would pile up.
struct Subscription {
    topic: Topic,
    topics: Topics,
    /// Always there until it is dropped.
    stream: Option<BroadcastStream<Bytes>>,
}

impl Stream for Subscription {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        loop {
            match std::task::ready!(stream.poll_next_unpin(cx)) {
                Some(Ok(message)) => return Poll::Ready(Some(message)),
                // Lagged: the reader was too slow and goes on with what is still there.
                Some(Err(_)) => continue,
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = lock(&self.topics);
        // Under the lock, so that nobody subscribes between the count and the removal.
        self.stream = None;
        if topics.get(&self.topic).is_some_and(|sender| sender.receiver_count() == 0) {
            topics.remove(&self.topic);
        }
    }
}

/// A panic elsewhere cannot leave the map half-changed, so a poisoned lock is as good as any.
fn lock(topics: &Topics) -> MutexGuard<'_, HashMap<Topic, broadcast::Sender<Bytes>>> {
    topics.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_model::ExecutionId;

    #[tokio::test]
    async fn a_topic_lives_as_long_as_its_readers() {
        let bus = InProcessBus::new();
        let topic = Topic::Execution(ExecutionId::generate());
        bus.publish(topic, Bytes::from_static(b"nobody"));
        assert_eq!(bus.topics(), 0);
        let first = bus.subscribe(topic).await;
        let second = bus.subscribe(topic).await;
        assert_eq!(bus.topics(), 1);
        drop(first);
        assert_eq!(bus.topics(), 1);
        drop(second);
        assert_eq!(bus.topics(), 0);
    }
}
