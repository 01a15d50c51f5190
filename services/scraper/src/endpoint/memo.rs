//! What this process remembers for a while: runs that failed just now, mending that was in vain. Losing it costs a run,
//! nothing else. Not here: what has to last (`nexus_store::endpoints`).

use nexus_api::Error;
use nexus_model::JobId;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Beyond this many jobs what is over is thrown out.
const MANY: usize = 1_000;

struct Memo<T> {
    all: Mutex<HashMap<JobId, (Instant, T)>>,
    lasts: Duration,
}

impl<T: Clone> Memo<T> {
    fn new(lasts: Duration) -> Self {
        Self { all: Mutex::default(), lasts }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, (Instant, T)>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, id: JobId) -> Option<T> {
        let all = self.lock();
        all.get(&id).filter(|(since, _)| since.elapsed() < self.lasts).map(|(_, what)| what.clone())
    }

    fn put(&self, id: JobId, what: T) {
        let mut all = self.lock();
        if all.len() >= MANY {
            all.retain(|_, (since, _)| since.elapsed() < self.lasts);
        }
        all.insert(id, (Instant::now(), what));
    }

    fn forget(&self, id: JobId) {
        self.lock().remove(&id);
    }
}

/// Failures of a moment ago: whoever asks next need not wait for the same one again.
pub(super) struct Failures(Memo<Error>);

impl Failures {
    pub(super) fn new(lasts: Duration) -> Self {
        Self(Memo::new(lasts))
    }

    pub(super) fn recent(&self, id: JobId) -> Option<Error> {
        self.0.get(id)
    }

    pub(super) fn remember(&self, id: JobId, error: &Error) {
        self.0.put(id, error.clone());
    }

    pub(super) fn forget(&self, id: JobId) {
        self.0.forget(id);
    }
}

/// When which version of a scraper was tried to be mended.
pub(super) struct Mendings(Memo<u32>);

impl Mendings {
    pub(super) fn new(pause: Duration) -> Self {
        Self(Memo::new(pause))
    }

    /// Whether this version may be mended now; counts as tried from then on.
    pub(super) fn may_begin(&self, id: JobId, version: u32) -> bool {
        if self.0.get(id) == Some(version) {
            return false;
        }
        self.0.put(id, version);
        true
    }

    pub(super) fn forget(&self, id: JobId) {
        self.0.forget(id);
    }
}
