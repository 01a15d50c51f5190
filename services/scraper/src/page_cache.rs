//! Pages fetched a moment ago, so that a job that begins anew does not ask the site again. In memory, bounded in bytes
//! and age. Not here: fetching, results of endpoints.

use crate::fetch::Fetched;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// What is kept for an entry besides its bytes, roughly.
const OVERHEAD: usize = 512;

/// The kept pages.
#[derive(Debug)]
pub(crate) struct PageCache {
    most_bytes: usize,
    oldest: Duration,
    pages: Mutex<HashMap<String, (Instant, Arc<Fetched>)>>,
}

impl PageCache {
    /// Keeps pages of this many bytes altogether, each for so long.
    pub(crate) fn new(most_bytes: usize, oldest: Duration) -> Self {
        Self { most_bytes, oldest, pages: Mutex::default() }
    }

    /// The page that was fetched from this address, if it is not too old.
    pub(crate) fn get(&self, url: &str) -> Option<Arc<Fetched>> {
        let pages = self.pages();
        let (at, page) = pages.get(url)?;
        (at.elapsed() < self.oldest).then(|| Arc::clone(page))
    }

    /// Keeps a page; older ones go, the oldest first, if there is no room.
    pub(crate) fn put(&self, url: &str, page: Arc<Fetched>) {
        let mut pages = self.pages();
        pages.retain(|_, (at, _)| at.elapsed() < self.oldest);
        pages.insert(url.to_owned(), (Instant::now(), page));
        let size = |pages: &HashMap<String, (Instant, Arc<Fetched>)>| {
            pages.iter().map(|(url, (_, page))| url.len() + page.body.len() + OVERHEAD).sum::<usize>()
        };
        while size(&pages) > self.most_bytes {
            let oldest = pages.iter().min_by_key(|(_, (at, _))| *at).map(|(url, _)| url.clone());
            let Some(oldest) = oldest else { return };
            pages.remove(&oldest);
        }
    }

    fn pages(&self) -> MutexGuard<'_, HashMap<String, (Instant, Arc<Fetched>)>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(bytes: usize) -> Arc<Fetched> {
        Arc::new(Fetched { url: String::new(), body: vec![0; bytes].into(), content_type: None })
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_old_or_does_not_fit_is_gone() {
        let cache = PageCache::new(10_000, Duration::from_secs(60));
        cache.put("a", page(4_000));
        tokio::time::advance(Duration::from_secs(1)).await;
        cache.put("b", page(4_000));
        assert!(cache.get("a").is_some() && cache.get("b").is_some() && cache.get("c").is_none());
        tokio::time::advance(Duration::from_secs(1)).await;
        cache.put("c", page(4_000));
        assert!(cache.get("a").is_none(), "the oldest makes room");
        assert!(cache.get("b").is_some());
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(cache.get("b").is_none() && cache.get("c").is_some());
        cache.put("huge", page(20_000));
        assert!(cache.get("huge").is_none());
    }
}
