//! How long to wait before the next attempt. Not here: whether there is one (`step`).

use nexus_model::document::Retry;
use std::time::Duration;

/// Longer pauses asked for by a provider are not waited for; the next model is tried instead.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The pause after the `failed`-th failed attempt (from 1) with one model: exponential up to the maximum, with
/// jitter a random part between half and all of it, and never less than the provider asked for.
pub(crate) fn pause(policy: &Retry, failed: u32, retry_after: Option<Duration>, random: f64) -> Duration {
    let exponent = i32::try_from(failed.saturating_sub(1)).unwrap_or(i32::MAX);
    let grown = policy.initial_interval_ms as f64 * policy.factor.powi(exponent);
    let capped = grown.min(policy.max_interval_ms as f64).max(0.0);
    let jittered = if policy.jitter { capped * (0.5 + 0.5 * random) } else { capped };
    let own = Duration::from_millis(jittered.round() as u64);
    own.max(retry_after.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_maximum_and_respect_the_provider() {
        let policy = Retry { jitter: false, max_interval_ms: 1_500, ..Retry::default() };
        let millis = |failed| pause(&policy, failed, None, 0.0).as_millis();
        assert_eq!([millis(1), millis(2), millis(3), millis(99)], [500, 1_000, 1_500, 1_500]);
        assert_eq!(pause(&policy, 1, Some(Duration::from_secs(7)), 0.0), Duration::from_secs(7));
    }

    #[test]
    fn jitter_takes_between_half_and_all() {
        let policy = Retry::default();
        assert_eq!(pause(&policy, 1, None, 0.0).as_millis(), 250);
        assert_eq!(pause(&policy, 1, None, 0.999_999).as_millis(), 500);
    }
}
