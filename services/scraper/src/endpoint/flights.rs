//! One run at a time per job: whoever asks while it goes on gets what it gives. Not here: what a run is (`refresh`).

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use nexus_api::{Error, Result};
use nexus_model::JobId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

type Flight<T> = Shared<BoxFuture<'static, Result<T>>>;

/// Runs under way.
pub(super) struct Flights<T>(Arc<Mutex<HashMap<JobId, Flight<T>>>>);

impl<T> Clone for Flights<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    fn all(&self) -> MutexGuard<'_, HashMap<JobId, Flight<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the run under way gives, or, if there is none, `start`'s. It goes on even if nobody waits for it any more.
    pub(super) async fn join<F>(&self, id: JobId, start: impl FnOnce() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let flight = {
            let mut all = self.all();
            match all.get(&id) {
                Some(flight) => flight.clone(),
                None => {
                    let (flights, work) = (self.clone(), start());
                    let task = tokio::spawn(async move {
                        // Taken off however it ends, a panic included.
                        let _landing = Landing { flights, id };
                        work.await
                    });
                    let flight = async move {
                        task.await
                            .unwrap_or_else(|failed| Err(Error::internal(format!("a run ended: {failed}"))))
                    };
                    let flight = flight.boxed().shared();
                    all.insert(id, flight.clone());
                    flight
                }
            }
        };
        flight.await
    }
}

struct Landing<T: Clone + Send + Sync + 'static> {
    flights: Flights<T>,
    id: JobId,
}

impl<T: Clone + Send + Sync + 'static> Drop for Landing<T> {
    fn drop(&mut self) {
        self.flights.all().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    #[tokio::test]
    async fn a_hundred_who_ask_at_once_cause_one_run_and_the_next_one_another() {
        let (flights, runs, go) = (Flights::new(), Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let id = JobId::generate();
        let ask = || {
            let (flights, runs, go) = (flights.clone(), runs.clone(), go.clone());
            async move {
                let run = || async move {
                    let number = runs.fetch_add(1, Ordering::SeqCst);
                    go.notified().await;
                    Ok(number)
                };
                flights.join(id, run).await
            }
        };
        let asked: Vec<_> = (0..100).map(|_| tokio::spawn(ask())).collect();
        while flights.all().get(&id).is_none_or(|flight| flight.strong_count() != Some(101)) {
            tokio::task::yield_now().await;
        }
        go.notify_one();
        for answer in asked {
            assert_eq!(answer.await.unwrap(), Ok(0));
        }
        go.notify_one();
        assert_eq!(ask().await, Ok(1));
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_run_that_panics_or_whose_asker_leaves_stands_in_nobodys_way() {
        let (flights, id) = (Flights::<u8>::new(), JobId::generate());
        let failed = flights.join(id, || async { panic!("as told") }).await;
        assert_eq!(failed.unwrap_err().code, nexus_api::Code::Internal);
        let go = Arc::new(Notify::new());
        let waiting = {
            let (flights, go) = (flights.clone(), go.clone());
            tokio::spawn(async move {
                flights
                    .join(id, || async move {
                        go.notified().await;
                        Ok(7)
                    })
                    .await
            })
        };
        while flights.all().is_empty() {
            tokio::task::yield_now().await;
        }
        waiting.abort();
        go.notify_one();
        assert_eq!(flights.join(id, || async { Ok(8) }).await, Ok(7));
    }
}
