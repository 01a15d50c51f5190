//! The durable state: workflows with their versions, executions with their journal and events, leases and fences.
//! One set of traits, two backends that one contract suite keeps equal: [`sqlite::SqliteStore`] for a single
//! process, [`postgres::PostgresStore`] for many. Both gather the writes that arrive while the previous commit is
//! in flight and commit them together, because a disk's syncs per second are what limits a durable system.
//!
//! Not here: what the journal's records mean (`nexus-engine`), who claims what when (`nexus-executor`).

pub mod backup;
mod broken;
mod contract;
pub mod copy;
pub mod endpoints;
mod history;
mod job_rows;
mod memory;
mod memory_rows;
mod nearest;
pub mod postgres;
mod retention;
mod rows;
mod scraper_jobs;
mod secrets;
mod spending;
pub mod sqlite;

pub use contract::*;
pub use history::*;
pub use memory::*;
pub use retention::{Batch, Ended, RetentionStore};
pub use scraper_jobs::*;
pub use secrets::*;
pub use spending::*;
