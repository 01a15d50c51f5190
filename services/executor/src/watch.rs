//! Watching an execution: stored events first, then live ones, in order, none twice, none missing. The store is
//! the truth; the bus only makes it fast, and a poll makes up for a bus that is down.
//! Not here: how events reach the bus (`run`).

use crate::{
    Deps, Options,
    live::{self, Live},
};
use futures::StreamExt;
use nexus_api::{BoxStream, Error};
use nexus_bus::Topic;
use nexus_model::{Event, EventType, ExecutionId, NodeId, event::WatchItem};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;

const PAGE: u32 = 500;
/// How long a watcher outlasts an unreachable database.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts watching. The stream ends after the last event of an ended execution.
pub(crate) async fn watch(
    deps: Deps,
    options: Arc<Options>,
    id: ExecutionId,
    after_seq: u64,
) -> Result<BoxStream<WatchItem>, Error> {
    // Subscribed before the first look, so that nothing falls between the two.
    let live = deps.bus.subscribe(Topic::Execution(id)).await;
    if deps.store.position(id).await?.is_none() {
        return Err(Error::not_found(format!("execution {id}")));
    }
    let (sender, receiver) = mpsc::channel(64);
    let watcher = Watcher { deps, options, id, cursor: after_seq, finished: HashSet::new(), sender };
    tokio::spawn(watcher.run(live));
    Ok(ReceiverStream::new(receiver).boxed())
}

struct Watcher {
    deps: Deps,
    options: Arc<Options>,
    id: ExecutionId,
    cursor: u64,
    /// Agents that have finished, as far as this watcher was told: late deltas of theirs are dropped.
    finished: HashSet<NodeId>,
    sender: mpsc::Sender<Result<WatchItem, Error>>,
}

/// The watcher went away.
struct Gone;

impl Watcher {
    async fn run(mut self, mut live: futures::stream::BoxStream<'static, bytes::Bytes>) {
        let sender = self.sender.clone();
        tokio::select! {
            _ = self.follow(&mut live) => {}
            () = sender.closed() => {}
        }
    }

    async fn follow(
        &mut self,
        live: &mut futures::stream::BoxStream<'static, bytes::Bytes>,
    ) -> Result<(), Gone> {
        loop {
            if self.catch_up().await? {
                return Ok(());
            }
            self.relay(live).await?;
        }
    }

    /// Sends what is stored; says whether that was all there will be.
    async fn catch_up(&mut self) -> Result<bool, Gone> {
        let mut failing_since: Option<Instant> = None;
        loop {
            let found = match self.deps.store.position(self.id).await {
                Ok(Some(position)) if position.next_seq <= self.cursor + 1 => {
                    return Ok(position.status.is_terminal());
                }
                Ok(Some(_)) => self.deps.store.events(self.id, self.cursor, PAGE).await,
                Ok(None) => return Ok(true),
                Err(error) => Err(error),
            };
            match found {
                Ok(events) => {
                    failing_since = None;
                    for event in events {
                        self.send(event).await?;
                    }
                }
                Err(error) => {
                    let since = *failing_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > PATIENCE {
                        self.sender.send(Err(error.into())).await.map_err(|_| Gone)?;
                        return Err(Gone);
                    }
                    tokio::time::sleep(self.options.poll / 2).await;
                }
            }
        }
    }

    /// Passes live messages on until it is time to look into the store again.
    async fn relay(
        &mut self,
        live: &mut futures::stream::BoxStream<'static, bytes::Bytes>,
    ) -> Result<(), Gone> {
        let look_again = tokio::time::sleep(self.options.jittered_poll());
        tokio::pin!(look_again);
        loop {
            let message = tokio::select! {
                () = &mut look_again => return Ok(()),
                Some(message) = live.next() => message,
            };
            match live::decode(&message) {
                Some(Live::Committed { events }) => {
                    for event in events {
                        if event.seq == self.cursor + 1 {
                            let ended = event.kind == EventType::ExecutionCompleted;
                            self.send(event).await?;
                            if ended {
                                return Ok(());
                            }
                        } else if event.seq > self.cursor {
                            // a message was lost
                            return Ok(());
                        }
                    }
                }
                Some(Live::CommittedUpTo { seq }) if seq > self.cursor => return Ok(()),
                Some(Live::Delta { delta }) if !self.finished.contains(&delta.agent_id) => {
                    self.sender.send(Ok(WatchItem::Delta(delta))).await.map_err(|_| Gone)?;
                }
                _ => {}
            }
        }
    }

    async fn send(&mut self, event: Event) -> Result<(), Gone> {
        self.cursor = event.seq;
        match (&event.kind, &event.agent_id) {
            (EventType::AgentStarted, Some(agent)) => {
                self.finished.remove(agent);
            }
            (EventType::AgentCompleted | EventType::AgentFailed, Some(agent)) => {
                self.finished.insert(agent.clone());
            }
            _ => {}
        }
        self.sender.send(Ok(WatchItem::Event(event))).await.map_err(|_| Gone)
    }
}
