//! Sandboxes in stock: some are always ready, each runs one job and is thrown away, only so many run at a time.
//! Not here: a single one (`cell`).

use crate::{
    Config, Error, Job, Outcome, Reason, Report,
    cell::Cell,
    report::{Plan, explore},
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How often a job is given another sandbox because the one that was ready had died waiting.
const ATTEMPTS: usize = 3;

/// Runs jobs in sandboxes. Clones share the stock.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    plan: Arc<Plan>,
    report: Report,
    ready: Mutex<VecDeque<Cell>>,
    /// Sandboxes being made ready.
    coming: AtomicUsize,
    running: Arc<Semaphore>,
    background: TaskTracker,
    closed: CancellationToken,
}

impl Pool {
    /// Finds out what this machine can do and fills the stock. Fails if that is less than `config.min_tier`, with
    /// the reasons. Must be called within a runtime with IO and time.
    pub async fn open(config: Config) -> Result<Self, Error> {
        let (report, found) = explore(&config).await;
        let Some((plan, cell)) = found else {
            return Err(Reason::Refused(report.to_string()).into());
        };
        if plan.tier < config.min_tier {
            cell.discard().clean_up().await;
            let wanted = config.min_tier;
            return Err(Reason::Refused(format!("tier {wanted} is asked for, but: {report}")).into());
        }
        tracing::info!(tier = %plan.tier, cgroups = report.cgroups, "{report}");
        let shared = Arc::new(Shared {
            plan,
            report,
            ready: Mutex::new(VecDeque::from([cell])),
            coming: AtomicUsize::new(0),
            running: Arc::new(Semaphore::new(config.parallel.max(1))),
            background: TaskTracker::new(),
            closed: CancellationToken::new(),
        });
        shared.refill();
        Ok(Self { shared })
    }

    /// What this machine can do.
    pub fn report(&self) -> &Report {
        &self.shared.report
    }

    /// Sandboxes that are ready now.
    pub fn ready(&self) -> usize {
        self.shared.stock().len()
    }

    /// Runs a job. Waits while as many jobs as allowed are running. Dropping the future ends the job.
    pub async fn run(&self, job: Job) -> Result<Outcome, Error> {
        let shared = &self.shared;
        let permit = tokio::select! {
            () = shared.closed.cancelled() => return Err(Reason::Closed.into()),
            permit = Arc::clone(&shared.running).acquire_owned() => permit.map_err(|_| Reason::Closed)?,
        };
        let cell = shared.take().await?;
        shared.refill();
        let stop = shared.closed.child_token();
        let _stop_when_dropped = stop.clone().drop_guard();
        let (tell, told) = oneshot::channel();
        // On its own, so that cleaning up does not depend on somebody waiting for the outcome.
        shared.background.spawn(async move {
            let (outcome, remains) = cell.run(job, &stop).await;
            // Nobody may be listening any more.
            drop(tell.send(outcome));
            remains.clean_up().await;
            // Only now another job may take its place, so that memory stays bounded.
            drop(permit);
        });
        told.await.unwrap_or_else(|_| Err(Reason::Closed.into()))
    }

    /// Stops taking jobs, ends those that run, and waits until all sandboxes are gone.
    pub async fn close(&self) {
        let shared = &self.shared;
        shared.closed.cancel();
        let stock: Vec<Cell> = shared.stock().drain(..).collect();
        for cell in stock {
            cell.discard().clean_up().await;
        }
        shared.background.close();
        shared.background.wait().await;
    }
}

impl Shared {
    fn stock(&self) -> MutexGuard<'_, VecDeque<Cell>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sandbox from the stock, or a new one if there is none.
    async fn take(self: &Arc<Self>) -> Result<Cell, Error> {
        for _ in 0..ATTEMPTS {
            let Some(cell) = self.stock().pop_front() else { break };
            if cell.is_alive() {
                return Ok(cell);
            }
            tracing::warn!("a sandbox ended while it was waiting for a job");
            self.background.spawn(cell.discard().clean_up());
        }
        Ok(Cell::start(&self.plan).await?)
    }

    /// Starts as many sandboxes as the stock lacks, in the background.
    fn refill(self: &Arc<Self>) {
        let wanted = self.plan.config.warm;
        while !self.closed.is_cancelled() && self.stock().len() + self.coming.load(Ordering::Relaxed) < wanted
        {
            self.coming.fetch_add(1, Ordering::Relaxed);
            let shared = Arc::clone(self);
            self.background.spawn(async move {
                let cell = Cell::start(&shared.plan).await;
                shared.coming.fetch_sub(1, Ordering::Relaxed);
                match cell {
                    Ok(cell) if shared.closed.is_cancelled() => cell.discard().clean_up().await,
                    Ok(cell) => shared.stock().push_back(cell),
                    // The next job will see for itself.
                    Err(reason) => tracing::warn!("{reason}"),
                }
            });
        }
    }
}
