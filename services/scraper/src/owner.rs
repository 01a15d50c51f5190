//! Which jobs this process works on: claiming, heartbeats, cancelling what was deleted, giving back. Not here: the work
//! itself (`work`), SQL (`nexus-store`).

use crate::{
    Parts, view,
    work::{Stop, work},
};
use futures::StreamExt;
use nexus_bus::Topic;
use nexus_model::JobId;
use nexus_store::{ClaimedJob, Fence};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long giving back may take.
const RELEASE: Duration = Duration::from_secs(2);

/// Everything this process works on.
pub(crate) struct Owner {
    parts: Arc<Parts>,
    running: Mutex<HashMap<JobId, (Fence, CancellationToken)>>,
    /// Jobs that were created here, for a process that takes up no others.
    own: Mutex<VecDeque<JobId>>,
    work: Notify,
    drain: CancellationToken,
    tasks: TaskTracker,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Owner {
    /// Starts to look for work.
    pub(crate) fn start(parts: Arc<Parts>) -> Arc<Self> {
        let owner = Arc::new(Self {
            parts,
            running: Mutex::default(),
            own: Mutex::default(),
            work: Notify::new(),
            drain: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        owner.tasks.spawn(Arc::clone(&owner).claim_loop());
        owner.tasks.spawn(Arc::clone(&owner).heartbeat_loop());
        owner
    }

    /// There is a job to work on.
    pub(crate) fn created(&self, id: JobId) {
        if !self.parts.options.take_up {
            lock(&self.own).push_back(id);
        }
        self.work.notify_one();
        self.parts.bus.publish(Topic::Jobs, bytes::Bytes::new());
    }

    /// Stops working on a job that is gone.
    pub(crate) fn deleted(&self, id: JobId) {
        if let Some((_, stop)) = lock(&self.running).get(&id) {
            stop.cancel();
        }
    }

    /// Claims nothing more, and gives back what is being worked on: jobs begin anew, here or elsewhere.
    pub(crate) async fn shutdown(&self) {
        self.drain.cancel();
        self.tasks.close();
        let _ = tokio::time::timeout(RELEASE * 2, self.tasks.wait()).await;
    }

    async fn claim_loop(self: Arc<Self>) {
        let mut wake_ups = self.parts.bus.subscribe(Topic::Jobs).await;
        loop {
            if self.drain.is_cancelled() {
                return;
            }
            if let Some(claimed) = self.claim().await {
                self.adopt(claimed);
                continue;
            }
            tokio::select! {
                biased;
                () = self.drain.cancelled() => return,
                () = self.work.notified() => {}
                Some(_) = wake_ups.next() => {}
                () = tokio::time::sleep(self.parts.options.jittered_poll()) => {}
            }
        }
    }

    /// A job, if there is one and room for it.
    async fn claim(&self) -> Option<ClaimedJob> {
        if lock(&self.running).len() >= self.parts.options.parallel {
            return None;
        }
        let only = if self.parts.options.take_up { None } else { Some(*lock(&self.own).front()?) };
        let options = &self.parts.options;
        match self.parts.store.claim_job(&options.worker, options.lease, only).await {
            Ok(claimed) => {
                if only.is_some() {
                    lock(&self.own).pop_front();
                }
                claimed
            }
            Err(error) => {
                tracing::warn!(%error, "cannot look for scraper jobs; trying again");
                None
            }
        }
    }

    fn adopt(self: &Arc<Self>, claimed: ClaimedJob) {
        let (id, fence) = (claimed.job.id, claimed.fence);
        if claimed.job.recoveries > 0 {
            tracing::warn!(job = %id, "taking over: whoever worked on it stopped answering");
        }
        let stop = CancellationToken::new();
        lock(&self.running).insert(id, (fence, stop.clone()));
        let owner = Arc::clone(self);
        self.tasks.spawn(async move {
            owner.run(claimed, stop).await;
            let mut running = lock(&owner.running);
            if running.get(&id).is_some_and(|(ours, _)| *ours == fence) {
                running.remove(&id);
            }
            drop(running);
            owner.work.notify_one();
        });
    }

    async fn run(&self, claimed: ClaimedJob, stop: CancellationToken) {
        let (id, fence) = (claimed.job.id, claimed.fence);
        let mut told = self.parts.bus.subscribe(Topic::Job(id)).await;
        let deleted = async {
            while let Some(message) = told.next().await {
                if view::heard(&message).is_some_and(|told| told.deleted) {
                    return;
                }
            }
            std::future::pending().await
        };
        let give_back = tokio::select! {
            worked = work(Arc::clone(&self.parts), claimed) => matches!(worked, Err(Stop::GiveBack)),
            // Nothing is left to be given back.
            () = deleted => false,
            () = stop.cancelled() => false,
            () = self.drain.cancelled() => true,
        };
        if give_back {
            let released = self.parts.store.release_job(id, fence);
            // What cannot be given back in time is taken over when its lease runs out.
            match tokio::time::timeout(RELEASE, released).await {
                Ok(Err(error)) => tracing::warn!(job = %id, %error, "a job could not be given back"),
                Ok(Ok(())) => self.parts.bus.publish(Topic::Jobs, bytes::Bytes::new()),
                Err(_) => {}
            }
        }
    }

    async fn heartbeat_loop(self: Arc<Self>) {
        let (heartbeat, lease) = (self.parts.options.heartbeat, self.parts.options.lease);
        let mut last = Instant::now();
        loop {
            tokio::select! {
                () = self.drain.cancelled() => return,
                () = tokio::time::sleep(heartbeat) => {}
            }
            let held: Vec<_> = lock(&self.running).iter().map(|(id, (fence, _))| (*id, *fence)).collect();
            let asked = Instant::now();
            if held.is_empty() {
                last = asked;
                continue;
            }
            let renewed = tokio::time::timeout(heartbeat, self.parts.store.renew_jobs(&held, lease)).await;
            let lost: Vec<_> = match renewed {
                Ok(Ok(still)) => {
                    last = asked;
                    held.into_iter().filter(|(id, _)| !still.contains(id)).collect()
                }
                // Somebody else may have them soon.
                _ if last.elapsed() + heartbeat >= lease => held,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "heartbeat failed");
                    continue;
                }
                Err(_) => continue,
            };
            for (id, fence) in lost {
                if let Some((ours, stop)) = lock(&self.running).get(&id)
                    && *ours == fence
                {
                    stop.cancel();
                }
            }
        }
    }
}
