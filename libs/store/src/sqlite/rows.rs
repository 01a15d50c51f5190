//! rusqlite's rows and errors as the store's. Not here: what the columns mean (`crate::rows`).

use crate::{Error, Result, rows::Columns};
use rusqlite::{ErrorCode, Row};

impl Columns for Row<'_> {
    fn text(&self, column: usize) -> Result<String> {
        self.get(column).map_err(failed)
    }
    fn maybe_text(&self, column: usize) -> Result<Option<String>> {
        self.get(column).map_err(failed)
    }
    fn int(&self, column: usize) -> Result<i64> {
        self.get(column).map_err(failed)
    }
    fn maybe_int(&self, column: usize) -> Result<Option<i64>> {
        self.get(column).map_err(failed)
    }
}

/// What an error of SQLite means to the caller: a full or failing disk and a locked file may be better later.
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err passes")]
pub(super) fn failed(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory,
        ) => Error::Unavailable(error.to_string()),
        _ => Error::Internal(error.to_string()),
    }
}
