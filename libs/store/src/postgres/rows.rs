//! sqlx's rows and errors as the store's. Not here: what the columns mean (`crate::rows`).

use crate::{Error, Result, rows::Columns};
use sqlx::{Row, postgres::PgRow};

impl Columns for PgRow {
    fn text(&self, column: usize) -> Result<String> {
        self.try_get(column).map_err(failed)
    }
    fn maybe_text(&self, column: usize) -> Result<Option<String>> {
        self.try_get(column).map_err(failed)
    }
    fn int(&self, column: usize) -> Result<i64> {
        self.try_get(column).map_err(failed)
    }
    fn maybe_int(&self, column: usize) -> Result<Option<i64>> {
        self.try_get(column).map_err(failed)
    }
}

/// What an error of sqlx means to the caller.
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err passes")]
pub(super) fn failed(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Error::Unavailable(error.to_string()),
        sqlx::Error::Database(refusal) => match refusal.code().as_deref() {
            Some(code) if may_pass(code) => Error::Unavailable(refusal.to_string()),
            _ => Error::Internal(refusal.to_string()),
        },
        _ => Error::Internal(error.to_string()),
    }
}

/// Whether a statement failed for a reason of the server's that may be gone in a moment.
fn may_pass(code: &str) -> bool {
    match code {
        // Deadlocks and the like; a standby that is about to be promoted; a lock or a statement that took too long.
        "40001" | "40P01" | "25006" | "55P03" | "57014" => true,
        // Connection trouble, no resources (disk, memory, connections), shutting down or starting up, disk errors.
        _ => ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class)),
    }
}

/// Whether it was the statement that failed and not the connection: then nothing of it was written, and the
/// connection is as good as before.
pub(super) fn only_the_statement(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(refusal) => refusal
            .code()
            .is_some_and(|code| !["08", "57P", "58"].iter().any(|class| code.starts_with(class))),
        sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => true,
        _ => false,
    }
}
