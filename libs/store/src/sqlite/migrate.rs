//! Brings a SQLite file to this version's schema. Not here: the schema itself (`migrations/sqlite`).

use super::rows::failed;
use crate::{Error, Result, rows};
use rusqlite::{Connection, TransactionBehavior};

/// Every migration, in order; the number of those applied is kept in the file's `user_version`.
pub(super) const MIGRATIONS: [&str; 8] = [
    include_str!("../../../../migrations/sqlite/0001_init.sql"),
    include_str!("../../../../migrations/sqlite/0004_llm.sql"),
    include_str!("../../../../migrations/sqlite/0005_memory.sql"),
    include_str!("../../../../migrations/sqlite/0006_scraper_jobs.sql"),
    include_str!("../../../../migrations/sqlite/0007_scraper_endpoints.sql"),
    include_str!("../../../../migrations/sqlite/0008_secrets.sql"),
    include_str!("../../../../migrations/sqlite/0010_workspaces.sql"),
    include_str!("../../../../migrations/sqlite/0011_traces.sql"),
];

/// Applies what is missing, all or nothing. A file from a newer version is left alone.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    // Immediate, so that of two processes that open a new file at once the second waits and finds it done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let version: u32 =
        transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let known = MIGRATIONS.len();
    let Some(missing) = usize::try_from(version).ok().and_then(|done| MIGRATIONS.get(done..)) else {
        return Err(Error::Schema(format!(
            "the database was made by a newer version of nexus (schema {version}, this one knows {known}): use that version"
        )));
    };
    for sql in missing {
        transaction.execute_batch(sql).map_err(failed)?;
    }
    transaction.pragma_update(None, "user_version", rows::length(known)).map_err(failed)?;
    transaction.commit().map_err(failed)
}
