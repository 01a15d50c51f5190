//! What every Nexus process needs around its work: configuration, logs and traces, metrics, an orderly end, the lock
//! on a data folder, and TLS.
//!
//! Not here: which services a process runs (`cli/wiring.rs`), any service's own options.

pub mod audit;
pub mod config;
pub mod disk;
pub mod keys;
pub mod lock;
pub mod metrics;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
pub mod trace;

pub use config::Config;
pub use keys::ApiKeys;
