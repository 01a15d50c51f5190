//! Per-host limits: how often and how many at once. Requests wait for their turn in order. Not here: what the limits
//! are (`limits`), how long a request may take altogether (`client`).

use crate::limits::HostLimits;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

/// Above this many hosts, those that nobody waits for and whose pause is over are forgotten.
const REMEMBERED: usize = 1024;

/// The turns of hosts. Clones share them.
#[derive(Debug, Clone)]
pub struct Hosts {
    limits: HostLimits,
    hosts: Arc<Mutex<HashMap<String, Host>>>,
}

#[derive(Debug)]
struct Host {
    /// When the next request could start if there were no burst (generic cell rate algorithm).
    next: Instant,
    places: Arc<Semaphore>,
}

/// A request's turn: its place among those under way is free again when this is dropped.
#[derive(Debug)]
pub struct Turn {
    _place: Option<OwnedSemaphorePermit>,
}

impl Hosts {
    /// Turns by these limits.
    pub fn new(limits: HostLimits) -> Self {
        Self { limits, hosts: Arc::default() }
    }

    /// Waits for the host's turn. Nothing is taken when it could not come before `deadline`.
    ///
    /// # Errors
    /// How long it would have taken at least.
    pub async fn turn(&self, host: &str, deadline: Instant) -> Result<Turn, Duration> {
        let places = self.entry(host);
        let Ok(place) = tokio::time::timeout_at(deadline, places.acquire_owned()).await else {
            return Err(deadline.saturating_duration_since(Instant::now()).max(self.limits.every));
        };
        let start = self.reserve(host, deadline)?;
        sleep_until(start).await;
        // The semaphore is never closed; if it were, there would be no bound to keep.
        Ok(Turn { _place: place.ok() })
    }

    fn entry(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.lock();
        if let Some(known) = hosts.get(host) {
            return known.places.clone();
        }
        let now = Instant::now();
        if hosts.len() >= REMEMBERED {
            hosts.retain(|_, host| host.next > now || Arc::strong_count(&host.places) > 1);
        }
        let places = Arc::new(Semaphore::new(self.limits.concurrent.clamp(1, Semaphore::MAX_PERMITS)));
        hosts.insert(host.to_owned(), Host { next: now, places: places.clone() });
        places
    }

    /// When the request may start; taken, so that others start later.
    fn reserve(&self, host: &str, deadline: Instant) -> Result<Instant, Duration> {
        let now = Instant::now();
        let every = self.limits.every;
        if every.is_zero() {
            return Ok(now);
        }
        let burst = every.saturating_mul(self.limits.burst.max(1) - 1);
        let mut hosts = self.lock();
        // The permit that the caller holds keeps the entry from being forgotten.
        let Some(known) = hosts.get_mut(host) else { return Ok(now) };
        let start = known.next.checked_sub(burst).map_or(now, |start| start.max(now));
        if start > deadline {
            return Err(start - now);
        }
        known.next = known.next.max(now) + every;
        Ok(start)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        // Nothing that could panic happens under the lock.
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
