//! Metrics of the process, for Prometheus. Not here: who counts what (each crate, with the `metrics` macros), the
//! route that shows them (`nexus-gateway`).

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{sync::OnceLock, time::Duration};

/// Upper bounds of durations in seconds: from an in-process call to a long answer of a model.
const SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

/// The process's metrics. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Starts recording; from the second call on, hands out the same metrics.
    pub fn install() -> Self {
        static METRICS: OnceLock<Metrics> = OnceLock::new();
        METRICS
            .get_or_init(|| {
                let builder = PrometheusBuilder::new();
                // Fails only for an empty list.
                let builder = builder.set_buckets(&SECONDS).unwrap_or_else(|_| PrometheusBuilder::new());
                let recorder = builder.build_recorder();
                let handle = recorder.handle();
                // Another recorder is there only if a test has put it there; these metrics stay empty then.
                let _ = metrics::set_global_recorder(recorder);
                metrics::gauge!("nexus_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
                Metrics { handle }
            })
            .clone()
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Tidies up histograms now and then, for as long as the process lives.
    pub async fn upkeep(self) {
        let mut clock = tokio::time::interval(Duration::from_secs(5));
        loop {
            clock.tick().await;
            self.handle.run_upkeep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown() {
        let metrics = Metrics::install();
        metrics::counter!("nexus_test_total", "kind" => "a").increment(3);
        metrics::histogram!("nexus_test_seconds").record(0.002);
        let text = Metrics::install().render();
        assert!(text.contains("nexus_test_total{kind=\"a\"} 3"), "{text}");
        assert!(text.contains("nexus_test_seconds_bucket{le=\"0.0025\"} 1"), "{text}");
        assert!(metrics.render().contains("nexus_build_info"));
    }
}
