//! Counting and timing what a service does, whichever way it was asked: over gRPC or within the process. Not here:
//! calls of gRPC as such (`nexus-rpc`).

use nexus_api::Result;
use std::{future::Future, time::Instant};

/// Whose operations they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Memory.
    Memory,
    /// Scrapers.
    Scraper,
}

/// Does it, and counts and times it; whoever gives up waiting is not counted.
///
/// # Errors
/// Those of `work`.
pub async fn operation<T>(
    service: Service,
    operation: &'static str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let (counted, timed) = match service {
        Service::Memory => ("nexus_memory_operations_total", "nexus_memory_operation_duration_seconds"),
        Service::Scraper => ("nexus_scraper_operations_total", "nexus_scraper_operation_duration_seconds"),
    };
    let began = Instant::now();
    let done = work.await;
    metrics::histogram!(timed, "operation" => operation).record(began.elapsed());
    let outcome = done.as_ref().map_or_else(|error| error.code.as_str(), |_| "ok");
    metrics::counter!(counted, "operation" => operation, "outcome" => outcome).increment(1);
    done
}
