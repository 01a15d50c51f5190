//! Metrics of the process, for Prometheus. Not here: who counts what (each crate, with the `metrics` macros), the
//! gateway's route that shows them (`nexus-gateway`).

mod families;
mod listener;
mod operation;
mod process;

pub use families::{FAMILIES, Family, Kind, family};
pub use listener::{Check, serve};
pub use operation::{Service, operation};

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
    /// Starts recording in a process of this role; `up` has all roles in one. From the second call on, hands out the
    /// same metrics.
    pub fn install(role: &str) -> Self {
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
                describe(role);
                let version = env!("CARGO_PKG_VERSION");
                metrics::gauge!("nexus_build_info", "version" => version, "role" => role.to_owned()).set(1.0);
                Metrics { handle }
            })
            .clone()
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        process::render(&mut text);
        text
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

/// Tells what the metrics mean; those without labels begin at zero, so that their first change is seen as one.
fn describe(role: &str) {
    for family in FAMILIES {
        let ours = role == "up" || family.roles.contains(&role);
        let begins =
            ours && family.from_start && family.labels.is_empty() && family.name.starts_with("nexus_");
        match family.kind {
            Kind::Counter => {
                metrics::describe_counter!(family.name, family.help);
                if begins {
                    metrics::counter!(family.name).increment(0);
                }
            }
            Kind::Gauge => {
                metrics::describe_gauge!(family.name, family.help);
                if begins {
                    metrics::gauge!(family.name).set(0.0);
                }
            }
            Kind::Histogram => metrics::describe_histogram!(family.name, family.help),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown() {
        let metrics = Metrics::install("up");
        metrics::counter!("nexus_test_total", "kind" => "a").increment(3);
        metrics::histogram!("nexus_test_seconds").record(0.002);
        let text = Metrics::install("up").render();
        assert!(text.contains("nexus_test_total{kind=\"a\"} 3"), "{text}");
        assert!(text.contains("nexus_test_seconds_bucket{le=\"0.0025\"} 1"), "{text}");
        assert!(metrics.render().contains("nexus_build_info"));
        // There before anything has happened.
        assert!(
            text.contains("# TYPE nexus_lease_takeovers_total counter\nnexus_lease_takeovers_total 0"),
            "{text}"
        );
    }

    #[test]
    fn names_follow_prometheus_conventions() {
        let mut seen = std::collections::BTreeSet::new();
        for family in FAMILIES {
            let name = family.name;
            assert!(seen.insert(name), "{name} is there twice");
            assert!(name.starts_with("nexus_") || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
            let is_time = name.ends_with("_seconds") && !name.starts_with("process_");
            assert_eq!(is_time, family.kind == Kind::Histogram, "{name}");
            assert!(!family.help.is_empty() && !family.roles.is_empty(), "{name}");
            for label in family.labels {
                // Ids would make as many series as there are things.
                assert!(!label.ends_with("_id") && *label != "id" && *label != "path", "{name}: {label}");
            }
        }
    }
}
