//! The store of a single process: one SQLite file, one writing thread, a few readers (embedded mode).
//! Here: opening and closing. Not here: what is written and read (`workflows`, `executions`).

mod endpoints;
mod executions;
pub(crate) mod export;
mod history;
mod jobs;
mod memory;
mod migrate;
mod readers;
mod retention;
mod rows;
mod secrets;
pub(crate) mod snapshot;
mod spending;
pub(crate) mod tables;
mod workflows;
mod writer;

use crate::Result;
use readers::Readers;
use rows::failed;
use rusqlite::Connection;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use writer::Writer;

/// Connections that read at the same time.
const READERS: usize = 4;
/// How long to wait for another process that has the file locked, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Nexus' state in a SQLite file. Cheap to clone; the last clone dropped waits for the writes under way and closes
/// the file.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    // Dropped in this order, so that the last connection to close finds nobody else and tidies up the WAL.
    writer: Writer,
    readers: Readers,
    transitions: AtomicU64,
}

impl SqliteStore {
    /// Opens the file, makes it if there is none, and brings it to this version's schema. Blocks for some
    /// milliseconds. Refuses a file that a newer version has made.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut connection = connect(path)?;
        migrate::migrate(&mut connection)?;
        let readers = (0..READERS).map(|_| reader(path)).collect::<Result<_>>()?;
        Ok(Self(Arc::new(Inner {
            writer: Writer::start(connection)?,
            readers: Readers::new(readers),
            transitions: AtomicU64::new(0),
        })))
    }

    /// Ends every lease at once, so that all executions under way can be claimed; returns how many there were. For
    /// the start of a process that has the data folder to itself: whoever held those leases is dead. Counts as a
    /// recovery when they are claimed, like any lease that ran out.
    pub async fn expire_all_leases(&self) -> Result<u64> {
        self.write(|connection| {
            let mut statement = connection
                .prepare_cached(
                    "UPDATE executions SET lease_until = 0 WHERE status IN ('queued', 'running') AND lease_until > 0",
                )
                .map_err(failed)?;
            Ok(statement.execute([]).map_err(failed)? as u64)
        })
        .await
    }

    /// Transactions that changed something since it was opened; with [`Self::transitions`] it tells how many writes
    /// share a commit.
    pub fn commits(&self) -> u64 {
        self.0.writer.commits()
    }

    /// Steps of executions written since it was opened.
    pub fn transitions(&self) -> u64 {
        self.0.transitions.load(Ordering::Relaxed)
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.0.writer.write(work).await
    }

    async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.0.readers.read(work).await
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    for (pragma, value) in [
        ("journal_mode", "WAL"),
        // WAL's default would acknowledge commits that a power cut can still undo.
        ("synchronous", "FULL"),
        ("foreign_keys", "ON"),
        // Fewer checkpoints: each one costs a sync of the database file in the middle of somebody's commit.
        ("wal_autocheckpoint", "4000"),
        ("journal_size_limit", "67108864"),
    ] {
        connection.pragma_update(None, pragma, value).map_err(failed)?;
    }
    Ok(connection)
}

fn reader(path: &Path) -> Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", "ON").map_err(failed)?;
    Ok(connection)
}
