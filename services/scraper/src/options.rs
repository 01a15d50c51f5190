//! How the service behaves. Not here: where settings come from (`nexus-runtime`).

use nexus_model::Money;
use rand::Rng;
use std::time::Duration;

/// Which model chooses what scrapers take.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Model {
    /// The cheapest that is configured, if there is one.
    #[default]
    Cheapest,
    /// This one.
    Named(String),
    /// None.
    Off,
}

/// How the service behaves; the defaults are the documented ones.
#[derive(Debug, Clone)]
pub struct Options {
    /// This process among all scraper services; unique per start.
    pub worker: String,
    /// Jobs that are worked on at a time.
    pub parallel: usize,
    /// Whether to take up what is queued or was left behind by others; otherwise only what is created here is done here.
    pub take_up: bool,
    /// Which model chooses what scrapers take.
    pub model: Model,
    /// What a job may spend on models from being asked for (or asked for anew) to its end.
    pub budget: Money,
    /// Jobs that are kept at most.
    pub most_jobs: u64,
    /// Bytes of fetched pages that are kept in memory.
    pub page_cache_bytes: usize,
    /// How long a fetched page is kept.
    pub page_cache_age: Duration,
    /// How long a job stays ours without a heartbeat.
    pub lease: Duration,
    /// How often leases are prolonged.
    pub heartbeat: Duration,
    /// How often to look for work and changes, whatever the bus says.
    pub poll: Duration,
    /// How endpoints behave.
    pub endpoints: crate::endpoint::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            worker: nexus_model::JobId::generate().to_string(),
            parallel: 5,
            take_up: true,
            model: Model::default(),
            budget: Money::from_picos(100_000_000_000),
            most_jobs: 1_000,
            page_cache_bytes: 64 << 20,
            page_cache_age: Duration::from_secs(300),
            lease: Duration::from_secs(15),
            heartbeat: Duration::from_secs(5),
            poll: Duration::from_secs(1),
            endpoints: crate::endpoint::Options::default(),
        }
    }
}

impl Options {
    /// The time between two polls, a little different each time, so that processes do not ask all at once.
    pub(crate) fn jittered_poll(&self) -> Duration {
        self.poll.mul_f64(rand::rng().random_range(0.75..=1.25))
    }
}
