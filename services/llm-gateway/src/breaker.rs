//! Circuit breakers, one for each provider and model: after many failures in a row nobody is asked for a while, and
//! then one call tries whether it works again. Not here: how many calls there may be (`limiter`).

use crate::config::BreakerSettings;
use metrics::gauge;
use nexus_api::Error;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Names of models are the callers': so many are watched at most.
const MOST_MODELS: usize = 1000;

/// The breakers of one provider. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Breakers {
    provider: Arc<str>,
    settings: BreakerSettings,
    models: Arc<Mutex<HashMap<String, State>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Calls go through; so many have failed in a row.
    Closed { failures: u32 },
    /// Nobody is asked until then.
    Open { until: Instant },
    /// One call is trying since then.
    Trying { since: Instant },
}

impl Breakers {
    pub(crate) fn new(provider: Arc<str>, settings: BreakerSettings) -> Self {
        Self { provider, settings, models: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, State>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call may be made; if not, how long there will be none.
    pub(crate) fn ask(&self, model: &str) -> Result<(), Duration> {
        let now = Instant::now();
        let mut models = self.lock();
        let Some(state) = models.get_mut(model) else { return Ok(()) };
        match *state {
            State::Closed { .. } => Ok(()),
            State::Open { until } if now < until => Err(until - now),
            // A call that tries and never tells how it went must not keep it shut.
            State::Trying { since } if now < since + self.settings.pause => {
                Err(since + self.settings.pause - now)
            }
            State::Open { .. } | State::Trying { .. } => {
                *state = State::Trying { since: now };
                Ok(())
            }
        }
    }

    /// Tells how a call went. Failures that say nothing of the provider's health count for nothing.
    pub(crate) fn tell(&self, model: &str, outcome: Result<(), &Error>) {
        let failed = match outcome {
            Ok(()) => false,
            Err(error) => match error.reason.as_deref() {
                Some(
                    "provider_unavailable"
                    | "provider_overloaded"
                    | "provider_timeout"
                    | "provider_bad_answer",
                ) => true,
                // It is there, and it answers.
                Some("provider_rate_limited" | "provider_bad_request") => false,
                _ => return,
            },
        };
        let mut models = self.lock();
        if !failed {
            if models.remove(model).is_some_and(|state| !matches!(state, State::Closed { .. })) {
                self.show(model, false);
                tracing::info!(provider = &*self.provider, model, "calls go through again");
            }
            return;
        }
        if !models.contains_key(model) && models.len() >= MOST_MODELS {
            return;
        }
        let state = models.entry(model.to_owned()).or_insert(State::Closed { failures: 0 });
        let failures = match *state {
            State::Closed { failures } => failures + 1,
            State::Open { .. } | State::Trying { .. } => self.settings.failures,
        };
        if failures < self.settings.failures {
            *state = State::Closed { failures };
            return;
        }
        if !matches!(*state, State::Open { .. }) {
            *state = State::Open { until: Instant::now() + self.settings.pause };
            self.show(model, true);
            tracing::warn!(
                provider = &*self.provider,
                model,
                failures,
                "too many failures in a row: no calls for a while"
            );
        }
    }

    fn show(&self, model: &str, open: bool) {
        gauge!("nexus_llm_breaker_open", "provider" => Arc::clone(&self.provider), "model" => model.to_owned())
            .set(if open { 1.0 } else { 0.0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_api::Code;

    fn failure(reason: &str) -> Error {
        Error::new(Code::Unavailable, "x").reason(reason)
    }

    #[tokio::test(start_paused = true)]
    async fn many_failures_in_a_row_stop_calls_of_that_model_alone() {
        let pause = Duration::from_secs(5);
        let breakers = Breakers::new("p".into(), BreakerSettings { failures: 3, pause });
        let down = failure("provider_overloaded");
        for reason in ["provider_rate_limited", "provider_auth", "budget"] {
            (0..10).for_each(|_| breakers.tell("m", Err(&failure(reason))));
        }
        breakers.tell("m", Err(&down));
        breakers.tell("m", Err(&down));
        breakers.tell("m", Ok(()));
        breakers.tell("m", Err(&down));
        breakers.tell("m", Err(&down));
        assert_eq!(breakers.ask("m"), Ok(()));
        breakers.tell("m", Err(&down));
        assert_eq!(breakers.ask("m"), Err(pause));
        assert_eq!(breakers.ask("other"), Ok(()));
        // Failures of calls that were under way change nothing.
        tokio::time::advance(Duration::from_secs(2)).await;
        breakers.tell("m", Err(&down));
        assert_eq!(breakers.ask("m"), Err(Duration::from_secs(3)));
        // One tries, the others wait for it.
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(breakers.ask("m"), Ok(()));
        assert_eq!(breakers.ask("m"), Err(pause));
        breakers.tell("m", Err(&down));
        assert_eq!(breakers.ask("m"), Err(pause));
        tokio::time::advance(pause).await;
        assert_eq!(breakers.ask("m"), Ok(()));
        breakers.tell("m", Ok(()));
        assert_eq!((breakers.ask("m"), breakers.ask("m")), (Ok(()), Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_never_ends_does_not_keep_it_shut() {
        let pause = Duration::from_secs(5);
        let breakers = Breakers::new("p".into(), BreakerSettings { failures: 1, pause });
        breakers.tell("m", Err(&failure("provider_timeout")));
        tokio::time::advance(pause).await;
        assert_eq!(breakers.ask("m"), Ok(()));
        tokio::time::advance(pause).await;
        assert_eq!(breakers.ask("m"), Ok(()));
    }
}
