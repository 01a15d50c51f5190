//! Whole copies of an embedded database: taken while a process uses it, judged, brought to this version's schema, put
//! in the place of another. Not here: the file that a copy travels in (`crate::backup`).

use super::{BUSY_TIMEOUT, connect, migrate, rows::failed, tables};
use crate::{Error, Result};
use rusqlite::{Connection, OpenFlags};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// What a database file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Migrations that were applied to it.
    pub(crate) schema: u32,
    /// Its tables and how many rows each has.
    pub(crate) tables: BTreeMap<String, u64>,
}

/// Migrations that this version knows.
pub(crate) fn known_schema() -> u32 {
    u32::try_from(migrate::MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Opens a file that must be there, as one more user among others.
pub(crate) fn open_existing(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    Ok(connection)
}

/// Writes the database as it is at one moment into another file, which must be empty or missing. Whoever uses the
/// database goes on reading and writing meanwhile; its write-ahead log can only shrink again afterwards.
pub(crate) fn copy(database: &Path, into: &Path) -> Result<()> {
    let connection = open_existing(database)?;
    let into = into.to_str().ok_or_else(|| Error::Internal("a file name is not valid UTF-8".into()))?;
    connection.execute("VACUUM INTO ?1", [into]).map_err(failed)?;
    Ok(())
}

/// Reads the whole file and says what it holds; an error if it is damaged.
pub(crate) fn contents(path: &Path) -> Result<Contents> {
    let connection = open_existing(path)?;
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if verdict != "ok" {
        return Err(Error::Internal(verdict));
    }
    let schema = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let mut counted = BTreeMap::new();
    for table in tables::tables(&connection)? {
        let rows = tables::rows(&connection, &table.name)?;
        counted.insert(table.name, rows);
    }
    Ok(Contents { schema, tables: counted })
}

/// Brings a file that nobody uses to this version's schema and leaves it in one piece, without a write-ahead log.
pub(crate) fn bring_up(path: &Path) -> Result<()> {
    let mut connection = connect(path)?;
    migrate::migrate(&mut connection)?;
    fold(&connection)
}

/// Puts a file in one piece in the place of a database that nobody uses.
pub(crate) fn put_in_place(prepared: &Path, database: &Path) -> io::Result<()> {
    if database.exists() {
        // If the end comes in between, the old database is whole. A damaged one cannot be folded, and need not.
        let folded = open_existing(database).and_then(|connection| fold(&connection));
        if let Err(error) = folded {
            tracing::warn!(%error, "the database that is replaced cannot be read");
        }
        // A log of the old database would be played into the new one.
        for suffix in ["-wal", "-shm"] {
            match fs::remove_file(beside(database, suffix)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    fs::File::open(prepared)?.sync_all()?;
    fs::rename(prepared, database)?;
    crate::backup::sync_folder(database)
}

/// Everything from the write-ahead log into the database.
fn fold(connection: &Connection) -> Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)
}

/// The name of a file that SQLite keeps beside a database.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
