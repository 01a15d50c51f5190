//! What this process owns: claiming, heartbeats, stopping what was lost, draining.
//! Not here: running one execution (`run`), the port (`service`).

use crate::{
    Deps, Options,
    definitions::Definitions,
    live::{self, Control, Live},
    observe, retention,
    run::{Left, Message, Run, Signals},
};
use futures::StreamExt;
use nexus_api::{Code, Error};
use nexus_bus::Topic;
use nexus_engine::Input;
use nexus_model::ExecutionId;
use nexus_runtime::trace;
use nexus_store::{Claimed, Fence, Head};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Executions claimed in one statement.
const CLAIM_BATCH: u32 = 64;

/// How long giving back may take at the end of draining.
const RELEASE: Duration = Duration::from_secs(1);

/// An execution that runs here.
struct Running {
    fence: Fence,
    outbox: mpsc::UnboundedSender<Message>,
    stop: CancellationToken,
}

/// Everything this process owns.
pub(crate) struct Owner {
    pub(crate) deps: Deps,
    pub(crate) options: Arc<Options>,
    pub(crate) definitions: Arc<Definitions>,
    running: Mutex<HashMap<ExecutionId, Running>>,
    work: Notify,
    drain: CancellationToken,
    /// Ends the background loops once nothing runs any more.
    finished: CancellationToken,
    runs: TaskTracker,
    loops: TaskTracker,
    claiming: TaskTracker,
}

impl Owner {
    pub(crate) fn start(deps: Deps, options: Options) -> Arc<Self> {
        let owner = Arc::new(Self {
            definitions: Arc::new(Definitions::new(&deps)),
            deps,
            options: Arc::new(options),
            running: Mutex::default(),
            work: Notify::new(),
            drain: CancellationToken::new(),
            finished: CancellationToken::new(),
            runs: TaskTracker::new(),
            loops: TaskTracker::new(),
            claiming: TaskTracker::new(),
        });
        owner.claiming.spawn(owner.clone().claim_loop());
        owner.loops.spawn(owner.clone().heartbeat_loop());
        owner.loops.spawn(owner.clone().control_loop());
        owner.loops.spawn(owner.clone().queue_loop());
        if let Some(keep) = owner.options.keep {
            owner.loops.spawn(retention::run(owner.deps.clone(), keep, owner.drain.clone()));
        }
        owner
    }

    fn running(&self) -> MutexGuard<'_, HashMap<ExecutionId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more execution would find room.
    pub(crate) fn has_room(&self) -> bool {
        !self.drain.is_cancelled() && self.running().len() < self.options.capacity
    }

    /// Looks for work now.
    pub(crate) fn wake(&self) {
        self.work.notify_one();
    }

    /// Runs an execution that the store has given to us.
    pub(crate) fn adopt(self: &Arc<Self>, claimed: Claimed) {
        let id = claimed.loaded.head.summary.id;
        let (outbox, inbox) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let running =
            Running { fence: claimed.loaded.head.fence, outbox: outbox.clone(), stop: stop.clone() };
        if let Some(former) = self.running().insert(id, running) {
            // It came back to us under a higher fence; the former run is locked out already.
            former.stop.cancel();
        }
        let fence = claimed.loaded.head.fence;
        let run = Run {
            deps: self.deps.clone(),
            definitions: self.definitions.clone(),
            signals: Signals { stop, drain: self.drain.clone() },
            outbox,
            inbox,
        };
        let owner = self.clone();
        metrics::gauge!("nexus_executions_running").increment(1.0);
        self.runs.spawn(async move {
            let left = run.run(claimed).await;
            let mut running = owner.running();
            if running.get(&id).is_some_and(|current| current.fence == fence) {
                running.remove(&id);
            }
            drop(running);
            metrics::gauge!("nexus_executions_running").decrement(1.0);
            if left != Left::Ended {
                tracing::info!(execution = %id, ?left, "no longer running here");
            }
            owner.deps.bus.publish(Topic::Execution(id), live::encode(&Live::Stopped));
            owner.work.notify_one();
        });
    }

    /// Puts a request to an execution that runs here and waits until it is durable. `None` if it does not run here.
    pub(crate) async fn request(&self, id: ExecutionId, input: Input) -> Option<Result<(), Error>> {
        let (answer, answered) = oneshot::channel();
        let outbox = self.running().get(&id).map(|running| running.outbox.clone())?;
        outbox.send(Message::Request(input, answer)).ok()?;
        // no answer: it left us meanwhile
        answered.await.ok()
    }

    async fn claim_loop(self: Arc<Self>) {
        let mut wake_ups = self.deps.bus.subscribe(Topic::Work).await;
        loop {
            let room = if self.options.take_up {
                self.options.capacity.saturating_sub(self.running().len())
            } else {
                0
            };
            let limit = CLAIM_BATCH.min(u32::try_from(room).unwrap_or(CLAIM_BATCH));
            let mut claimed = 0;
            if limit > 0 {
                match self.deps.store.claim(&self.options.worker, limit, self.options.lease).await {
                    Ok(found) => {
                        claimed = found.len();
                        for execution in found {
                            if execution.recovered {
                                let id = execution.loaded.head.summary.id;
                                tracing::warn!(execution = %id, "taking over: its executor stopped answering");
                                metrics::counter!("nexus_lease_takeovers_total").increment(1);
                            }
                            self.adopt(execution);
                        }
                    }
                    Err(error) => tracing::warn!(%error, "cannot look for work; trying again"),
                }
            }
            if claimed > 0 && claimed == limit as usize {
                continue;
            }
            tokio::select! {
                biased;
                () = self.drain.cancelled() => return,
                () = self.work.notified() => {}
                Some(_) = wake_ups.next() => {}
                () = tokio::time::sleep(self.options.jittered_poll()) => {}
            }
        }
    }

    async fn heartbeat_loop(self: Arc<Self>) {
        let mut last_success = Instant::now();
        loop {
            tokio::select! {
                () = self.finished.cancelled() => return,
                () = tokio::time::sleep(self.options.heartbeat) => {}
            }
            let held: Vec<_> = self.running().iter().map(|(id, running)| (*id, running.fence)).collect();
            if held.is_empty() {
                last_success = Instant::now();
                continue;
            }
            let asked = Instant::now();
            let left = self.options.stop_after.saturating_sub(last_success.elapsed());
            let renewal = self.deps.store.renew(&self.options.worker, &held, self.options.lease);
            match tokio::time::timeout(left.max(self.options.heartbeat / 2), renewal).await {
                Ok(Ok(still)) => {
                    last_success = asked;
                    let still: std::collections::HashSet<_> = still.into_iter().collect();
                    for (id, fence) in held.into_iter().filter(|(id, _)| !still.contains(id)) {
                        metrics::counter!("nexus_leases_lost_total").increment(1);
                        self.stop(id, fence);
                    }
                }
                Ok(Err(error)) => tracing::warn!(%error, "heartbeat failed"),
                Err(_) => tracing::warn!("heartbeat took too long"),
            }
            if last_success.elapsed() >= self.options.stop_after {
                tracing::error!("no heartbeat for too long: stopping everything, others may take over");
                for (id, fence) in
                    self.running().iter().map(|(id, running)| (*id, running.fence)).collect::<Vec<_>>()
                {
                    self.stop(id, fence);
                }
            }
        }
    }

    /// Shows how long the queue is, for those who decide how many executors there should be.
    async fn queue_loop(self: Arc<Self>) {
        metrics::gauge!("nexus_executions_capacity").set(self.options.capacity as f64);
        if !self.options.take_up {
            return;
        }
        loop {
            if let Ok(queued) = self.deps.store.queued().await {
                metrics::gauge!("nexus_executions_queued").set(queued as f64);
            }
            tokio::select! {
                () = self.finished.cancelled() => return,
                () = tokio::time::sleep(self.options.heartbeat) => {}
            }
        }
    }

    async fn control_loop(self: Arc<Self>) {
        let mut messages = self.deps.bus.subscribe(Topic::Control).await;
        loop {
            tokio::select! {
                () = self.finished.cancelled() => return,
                message = messages.next() => match message.as_deref().map(live::decode) {
                    None => return,
                    Some(None) => {}
                    Some(Some(Control::Stop { execution_id, worker, fence, traceparent })) if worker == self.options.worker => {
                        observe::stop(execution_id, traceparent.as_deref()).in_scope(|| {
                            let running = self.running().get(&execution_id).map(|running| running.fence);
                            match running {
                                // says so itself, once it has stopped
                                Some(ours) if ours <= fence => self.stop(execution_id, ours),
                                _ => self.deps.bus.publish(Topic::Execution(execution_id), live::encode(&Live::Stopped)),
                            }
                        });
                    }
                    Some(Some(Control::Stop { .. })) => {}
                }
            }
        }
    }

    /// Abandons a run, if it is still the one under this fence.
    fn stop(&self, id: ExecutionId, fence: Fence) {
        if let Some(running) = self.running().get(&id)
            && fence == running.fence
        {
            running.stop.cancel();
        }
    }

    /// Claims and begins nothing more.
    pub(crate) fn drain(&self) {
        self.drain.cancel();
    }

    /// Claims nothing more, lets calls in flight end, then gives back what is left.
    pub(crate) async fn shutdown(&self) {
        self.drain();
        let ended = async {
            // a claim under way may still bring executions
            self.claiming.close();
            self.claiming.wait().await;
            self.runs.close();
            self.runs.wait().await;
        };
        if tokio::time::timeout(self.options.drain, ended).await.is_err() {
            let left: Vec<_> = self.running().iter().map(|(id, running)| (*id, running.fence)).collect();
            tracing::warn!(
                count = left.len(),
                "calls still in flight at the end of draining; handing them on"
            );
            let releases = left.into_iter().map(|(id, fence)| {
                self.stop(id, fence);
                self.deps.store.release(id, fence)
            });
            // what cannot be given back in time is taken over when its lease runs out
            let _ = tokio::time::timeout(RELEASE, futures::future::join_all(releases)).await;
        }
        self.finished.cancel();
        self.loops.close();
        let _ = tokio::time::timeout(RELEASE, self.loops.wait()).await;
    }
}

/// Tells the former owner to stop, and waits a moment for the answer.
pub(crate) async fn stop_elsewhere(deps: &Deps, former: &Head) {
    let id = former.summary.id;
    let Some(worker) = former.owner.clone().filter(|_| former.leased) else { return };
    let mut answers = deps.bus.subscribe(Topic::Execution(id)).await;
    let traceparent = trace::traceparent_of(&tracing::Span::current());
    let stop = Control::Stop { execution_id: id, worker, fence: former.fence, traceparent };
    deps.bus.publish(Topic::Control, live::encode(&stop));
    let stopped = async {
        while let Some(message) = answers.next().await {
            if matches!(live::decode(&message), Some(Live::Stopped)) {
                return;
            }
        }
    };
    if tokio::time::timeout(RELEASE, stopped).await.is_err() {
        tracing::warn!(execution = %id, "its executor did not confirm that it stopped; it cannot write any more");
    }
}

/// The store's answer to a request that lost every race.
pub(crate) fn contended() -> Error {
    Error::new(Code::Unavailable, "the execution is changing too fast; try again")
}
