//! Following a job: its present state, then each change, until it has ended. The store is the truth; the bus only makes
//! it fast, and a poll makes up for a bus that is down. Not here: who changes jobs (`work`).

use crate::{Parts, view};
use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream as Messages},
};
use nexus_api::{BoxStream, Error, Result, scraper::Job};
use nexus_bus::Topic;
use nexus_model::JobId;
use nexus_store::StoredJob;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How long a watcher outlasts an unreachable database.
const PATIENCE: Duration = Duration::from_secs(30);

/// The job at each change. `found` was read after `live` had been subscribed to, so that nothing falls between the two.
pub(crate) fn follow(parts: Arc<Parts>, found: StoredJob, live: Messages<'static, Bytes>) -> BoxStream<Job> {
    let watcher = Watcher { parts, id: found.id, last: found.change, first: Some(found), live, done: false };
    stream::unfold(watcher, |mut watcher| async move { Some((watcher.next().await?, watcher)) }).boxed()
}

/// Messages about a job from now on.
pub(crate) async fn subscribe(parts: &Parts, id: JobId) -> Messages<'static, Bytes> {
    parts.bus.subscribe(Topic::Job(id)).await
}

struct Watcher {
    parts: Arc<Parts>,
    id: JobId,
    /// The number of the change that was told last.
    last: u64,
    first: Option<StoredJob>,
    live: Messages<'static, Bytes>,
    done: bool,
}

impl Watcher {
    async fn next(&mut self) -> Option<Result<Job>> {
        if self.done {
            return None;
        }
        let next = match self.first.take() {
            Some(first) => Ok(view::job(first)),
            None => self.change().await,
        };
        self.done = next.as_ref().map_or(true, |job| view::has_ended(job.status));
        Some(next)
    }

    /// Waits for the next change.
    async fn change(&mut self) -> Result<Job> {
        let mut failing: Option<Instant> = None;
        loop {
            let pause = tokio::time::sleep(self.parts.options.jittered_poll());
            let heard = tokio::select! {
                Some(message) = self.live.next() => view::heard(&message),
                () = pause => None,
            };
            match heard {
                Some(told) if told.deleted => return Err(self.gone()),
                Some(told) if told.change <= self.last => continue,
                // Told as it was, though the job may be further by now: whoever watches sees each state.
                Some(view::Told { change, job: Some(job), .. }) => {
                    self.last = change;
                    return Ok(*job);
                }
                // It was too large for a message, or it is time to look.
                _ => {}
            }
            match self.look().await {
                Ok(Some(job)) => return Ok(job),
                Ok(None) => failing = None,
                Err(error) if error.retryable => {
                    if failing.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The job, if it has changed.
    async fn look(&mut self) -> Result<Option<Job>> {
        let change = self.parts.store.job_change(self.id).await?.ok_or_else(|| self.gone())?;
        if change <= self.last {
            return Ok(None);
        }
        let job = self.parts.store.job(self.id).await?.ok_or_else(|| self.gone())?;
        self.last = job.change;
        Ok(Some(view::job(job)))
    }

    fn gone(&self) -> Error {
        Error::not_found(format!("scraper job {}", self.id))
    }
}
