//! The executor service: claims executions, runs the engine over them, makes every step durable before its effects
//! start, and tells watchers. Many executors may share one database; a lease says whose an execution is, and a
//! fence locks out whoever lost it.
//!
//! Not here: what happens next in an execution (`nexus-engine`), SQL (`nexus-store`), providers (behind the llm
//! port), transports.

mod call;
mod definitions;
mod live;
mod observe;
mod owner;
mod resolve;
mod retention;
mod run;
mod service;
mod step;
mod tool;
mod vault;
mod watch;

use nexus_api::{Llm, Memory, Scraper};
use nexus_bus::Bus;
use nexus_model::{limits::Limits, price::PriceBook};
use nexus_store::Store;
use std::{sync::Arc, time::Duration};

pub use service::ExecutorService;
pub use vault::{KeyBytes, Vault};

/// What an executor needs from outside.
#[derive(Clone)]
pub struct Deps {
    /// The state.
    pub store: Arc<dyn Store>,
    /// Wake-ups and live events.
    pub bus: Arc<dyn Bus>,
    /// Where model calls go.
    pub llm: Arc<dyn Llm>,
    /// Where texts are kept and looked up.
    pub memory: Arc<dyn Memory>,
    /// Where scrapers and Python run.
    pub scraper: Arc<dyn Scraper>,
    /// The client of `http_request`.
    pub http: nexus_egress::Client,
    /// Secrets for tools.
    pub vault: Vault,
    /// What models cost, to judge budgets that come with an execution.
    pub prices: Arc<PriceBook>,
    /// Sizes accepted.
    pub limits: Limits,
}

/// How an executor behaves; the defaults are the documented ones.
#[derive(Debug, Clone)]
pub struct Options {
    /// This process among all executors; unique per start.
    pub worker: String,
    /// Most executions at a time in this process.
    pub capacity: usize,
    /// Whether to take up what is queued or was left behind by others; otherwise only what is started here runs here.
    pub take_up: bool,
    /// How long an execution stays ours without a heartbeat.
    pub lease: Duration,
    /// How often leases are prolonged, all in one statement.
    pub heartbeat: Duration,
    /// After this long without a successful heartbeat we stop what we run: somebody else may have it soon.
    pub stop_after: Duration,
    /// How often to look for work and new events when no wake-up comes; jittered by up to a quarter.
    pub poll: Duration,
    /// How long calls in flight may take to end when the process shuts down.
    pub drain: Duration,
    /// How long executions are kept after they have ended; for ever if absent.
    pub keep: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            worker: nexus_model::ExecutionId::generate().to_string(),
            capacity: 512,
            take_up: true,
            lease: Duration::from_secs(15),
            heartbeat: Duration::from_secs(5),
            stop_after: Duration::from_secs(10),
            poll: Duration::from_secs(1),
            drain: Duration::from_secs(25),
            keep: None,
        }
    }
}

impl Options {
    /// The poll interval with jitter, so that many waiters do not ask at once.
    fn jittered_poll(&self) -> Duration {
        self.poll.mul_f64(0.75 + 0.5 * rand::random::<f64>())
    }
}
