//! Whether services are ready, as `grpc.health.v1` says it. Not here: what makes a service ready.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

/// A handle on what health checks answer, per service and, under the empty name, for the process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health {
    reporter: HealthReporter,
    known: Arc<Mutex<HashSet<String>>>,
}

impl Health {
    /// Everything is well until said otherwise.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whether a service is ready; the empty name is the process as a whole.
    pub async fn set(&self, service: &str, ready: bool) {
        self.remember(service);
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.reporter.set_service_status(service, status).await;
    }

    /// Whether the service was new.
    fn remember(&self, service: &str) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(service.to_owned())
    }

    /// Makes services known, as ready unless somebody has said otherwise already.
    pub(super) async fn begin(&self, services: &[&'static str]) {
        for service in services {
            if self.remember(service) {
                self.set(service, true).await;
            }
        }
    }

    /// Says that nothing is ready any more and ends the streams of those who watch, which would hold up the end.
    pub(super) async fn end(&self) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut reporter = self.reporter.clone();
        for service in known.iter().map(String::as_str).chain([""]) {
            reporter.set_service_status(service, ServingStatus::NotServing).await;
            reporter.clear_service_status(service).await;
        }
    }

    pub(super) fn server(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }
}
