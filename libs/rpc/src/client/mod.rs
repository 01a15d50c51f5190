//! Ports that are somewhere else. Each function takes one URL or several, separated by commas: calls go round among
//! them, and what may be repeated is, on the next one, when one cannot be reached. Nothing is connected before the
//! first call, so that processes may start in any order.
//!
//! Which calls are repeated after the connection broke in the middle: those that only read, starting an execution
//! (with an idempotency key, made up if the caller gave none) and cancelling one. All others are repeated only if
//! no connection came about, so that nothing is ever done, or paid for, twice.
//!
//! Not here: the single calls (`planner`, `executor`, …), who is asked next (`pool`), streams that survive a server
//! (`resume`).

mod about;
mod executor;
mod health;
mod llm;
mod memory;
mod planner;
mod pool;
mod resume;
mod scraper;
mod secrets;

pub use about::{About, about};
pub use health::serving;
pub(crate) use pool::Pool;

use nexus_api::{Bounded, Executor, Llm, Memory, Planner, Result, Scraper, Secrets};
use nexus_runtime::tls::Credentials;
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};

/// Largest answer that is read: an execution can hold 500 outputs of 1 MiB, though hardly any does.
const MAX_ANSWER: usize = 512 << 20;

/// How to reach a service.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The key to send, for servers that want one.
    pub api_key: Option<SecretString>,
    /// What to show to servers at `https://`, and which authority must have signed what they show; without it, those
    /// that the system knows.
    pub tls: Option<Credentials>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How often a connection is probed, and how long the probe's answer may take.
    pub keepalive: Duration,
    /// How long a watcher keeps trying to find a server again before it fails.
    pub resume_for: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            api_key: None,
            tls: None,
            connect_timeout: Duration::from_secs(2),
            keepalive: Duration::from_secs(10),
            resume_for: Duration::from_secs(30),
        }
    }
}

/// The planner at these URLs. To be called within a tokio runtime, as all of these.
pub fn planner(urls: &str, options: &ClientOptions) -> Result<Arc<dyn Planner>> {
    Pool::connect("planner", urls, options).map(over::planner)
}

/// The executor at these URLs. Watchers survive the death of a server: they go on at the next one.
pub fn executor(urls: &str, options: &ClientOptions) -> Result<Arc<dyn Executor>> {
    Pool::connect("executor", urls, options).map(over::executor)
}

/// The llm gateway at these URLs.
pub fn llm(urls: &str, options: &ClientOptions) -> Result<Arc<dyn Llm>> {
    Pool::connect("llm-gateway", urls, options).map(over::llm)
}

/// The memory at these URLs.
pub fn memory(urls: &str, options: &ClientOptions) -> Result<Arc<dyn Memory>> {
    Pool::connect("memory", urls, options).map(over::memory)
}

/// The scraper at these URLs. Watchers survive the death of a server: they go on at the next one.
pub fn scraper(urls: &str, options: &ClientOptions) -> Result<Arc<dyn Scraper>> {
    Pool::connect("scraper", urls, options).map(over::scraper)
}

/// The secrets at these URLs, which are those of executors.
pub fn secrets(urls: &str, options: &ClientOptions) -> Result<Arc<dyn Secrets>> {
    Pool::connect("executor", urls, options).map(over::secrets)
}

/// Ports over a pool, with their deadlines enforced.
pub(crate) mod over {
    use super::*;

    pub(crate) fn planner(pool: Pool) -> Arc<dyn Planner> {
        Arc::new(Bounded::new(Arc::new(planner::Client(pool))))
    }

    pub(crate) fn executor(pool: Pool) -> Arc<dyn Executor> {
        Arc::new(Bounded::new(Arc::new(executor::Client(Arc::new(pool)))))
    }

    pub(crate) fn llm(pool: Pool) -> Arc<dyn Llm> {
        Arc::new(Bounded::new(Arc::new(llm::Client(pool))))
    }

    pub(crate) fn memory(pool: Pool) -> Arc<dyn Memory> {
        Arc::new(Bounded::new(Arc::new(memory::Client(pool))))
    }

    pub(crate) fn secrets(pool: Pool) -> Arc<dyn Secrets> {
        Arc::new(Bounded::new(Arc::new(secrets::Client(pool))))
    }

    pub(crate) fn scraper(pool: Pool) -> Arc<dyn Scraper> {
        Arc::new(Bounded::new(Arc::new(scraper::Client(Arc::new(pool)))))
    }
}

/// A call through a pool: `call!(pool, ctx, Repeat, Shape, ServiceClient::method, message)`.
macro_rules! call {
    ($pool:expr, $ctx:expr, $repeat:expr, $shape:expr, $client:ident :: $method:ident, $message:expr) => {
        $pool.call($ctx, $repeat, $shape, $message, |transport, request| async move {
            let mut client = $client::new(transport).max_decoding_message_size($crate::client::MAX_ANSWER);
            client.$method(request).await
        })
    };
}

use call;
