//! The pool of sandboxes, opened when it is first needed, so that a process which runs no Python pays nothing, and one
//! on a machine that cannot hold untrusted code still does everything else. Not here: sandboxes (`nexus-sandbox`).

use nexus_sandbox::{Config, Error, Job, Outcome, Pool, Reason};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// After a failure the machine is tried again no sooner than this.
const AGAIN: Duration = Duration::from_secs(30);

/// A pool to be.
pub(crate) struct Sandboxes {
    config: Option<Config>,
    state: Mutex<State>,
    closed: AtomicBool,
}

enum State {
    Unopened,
    Open(Pool),
    Failed(Error, Instant),
}

impl Sandboxes {
    /// `None`: there is no Python for sandboxes.
    pub(crate) fn new(config: Option<Config>) -> Self {
        Self { config, state: Mutex::new(State::Unopened), closed: AtomicBool::new(false) }
    }

    /// Opens the pool, if that has not been done.
    pub(crate) async fn open(&self) -> Result<Pool, Error> {
        let mut state = self.state.lock().await;
        match &*state {
            State::Open(pool) => return Ok(pool.clone()),
            State::Failed(error, at) if at.elapsed() < AGAIN => return Err(error.clone()),
            State::Unopened | State::Failed(..) => {}
        }
        if self.closed.load(Ordering::Relaxed) {
            return Err(Reason::Closed.into());
        }
        let opened = match &self.config {
            Some(config) => Pool::open(config.clone()).await,
            None => Err(Reason::Refused(
                "its Python is missing; run scripts/sandbox_python.sh or set NEXUS_SANDBOX_PYTHON".to_owned(),
            )
            .into()),
        };
        match opened {
            Ok(pool) => {
                *state = State::Open(pool.clone());
                Ok(pool)
            }
            Err(error) => {
                tracing::warn!(%error, "Python cannot be run");
                *state = State::Failed(error.clone(), Instant::now());
                Err(error)
            }
        }
    }

    /// Runs a job.
    pub(crate) async fn run(&self, job: Job) -> Result<Outcome, Error> {
        let pool = self.open().await?;
        metrics::gauge!("nexus_sandbox_ready").set(pool.ready() as f64);
        metrics::gauge!("nexus_sandbox_running").increment(1.0);
        // Whoever gives up waiting is no reason to count on.
        let _running = Running;
        pool.run(job).await
    }

    /// Ends what runs, and waits until every sandbox is gone.
    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let state = std::mem::replace(&mut *self.state.lock().await, State::Unopened);
        if let State::Open(pool) = state {
            pool.close().await;
        }
    }
}

/// A job under way, until dropped.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        metrics::gauge!("nexus_sandbox_running").decrement(1.0);
    }
}
