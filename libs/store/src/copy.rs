//! Moves an embedded database into an empty Postgres: all of it or nothing, and compared row by row before it counts.
//! Which tables there are is read from the databases, so that a new one cannot be forgotten.
//!
//! Rows travel as Postgres' binary COPY writes them, which both sides can make exactly; what is compared are sums over
//! the same bytes. Not here: SQL (`sqlite::export`, `postgres::import`), who may use the source.

use crate::{
    Error, Result,
    postgres::{PostgresStore, import::Import},
    sqlite::{export::Export, snapshot, tables::Table},
};
use sha2::{Digest, Sha256};
use std::path::Path;
use tokio::sync::mpsc;

/// Pieces on their way at a time.
const PIECES: usize = 4;

/// A table that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// The sum over all of them, the same on both sides: 64 hex digits.
    pub sum: String,
}

/// A number of rows, and a sum over them that does not depend on their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) rows: u64,
    words: [u64; 4],
}

impl Sum {
    /// Counts one more row.
    pub(crate) fn add(&mut self, row: &[u8]) {
        self.rows += 1;
        let digest = Sha256::digest(row);
        for (word, bytes) in self.words.iter_mut().zip(digest.chunks_exact(8)) {
            *word = word.wrapping_add(bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn hex(&self) -> String {
        self.words.iter().map(|word| format!("{word:016x}")).collect()
    }
}

/// What a column may hold; both databases know these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Bytes,
}

/// Copies the embedded database at `source`, which nobody may be using, into `target`, which must have the same schema
/// and no rows. `told` hears of each table as it arrives. If it fails or is interrupted, `target` stays empty.
pub async fn copy(
    source: &Path,
    target: &PostgresStore,
    mut told: impl FnMut(&CopiedTable),
) -> Result<Vec<CopiedTable>> {
    let path = source.to_owned();
    let mut export = blocking(move || Export::open(&path)).await?;
    let mut import = Import::begin(target).await?;
    same_tables(&export.tables, &import.tables)?;
    let mut copied = Vec::new();
    for table in export.tables.clone() {
        let kinds = import.kinds(&table)?;
        let (pieces, arriving) = mpsc::channel(PIECES);
        let reading = {
            let table = table.clone();
            blocking(move || {
                // Nobody listens any more if writing has failed, and then that is what is told.
                let sum = export.read(&table, &kinds, |piece| pieces.blocking_send(piece).is_ok());
                Ok((export, sum?))
            })
        };
        // A write that fails drops the receiver, which ends the reading.
        let (written, read) = futures::future::join(import.write(&table, arriving), reading).await;
        written?;
        let sent;
        (export, sent) = read?;
        let there = import.sum(&table).await?;
        if there != sent {
            return Err(Error::Internal(format!(
                "table {} arrived with {} rows (sum {}) instead of {} (sum {}); nothing was kept",
                table.name,
                there.rows,
                there.hex(),
                sent.rows,
                sent.hex()
            )));
        }
        let arrived = CopiedTable { table: table.name, rows: sent.rows, sum: sent.hex() };
        told(&arrived);
        copied.push(arrived);
    }
    import.commit().await?;
    Ok(copied)
}

/// Refuses a source that is not at this version's schema: copying into a newer one would leave out what its migration
/// does to rows that are there.
pub(crate) fn check_source(schema: u32) -> Result<()> {
    let known = snapshot::known_schema();
    match schema.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => Err(Error::Schema(format!(
            "the embedded database is older than this version of nexus (schema {schema}, needed {known}): bring it up with `DATABASE_URL=sqlite://… nexus migrate` first"
        ))),
        std::cmp::Ordering::Greater => Err(Error::Schema(format!(
            "the embedded database was made by a newer version of nexus (schema {schema}, this one knows {known}): use that version"
        ))),
    }
}

fn same_tables(source: &[Table], target: &[String]) -> Result<()> {
    let mut names: Vec<&String> = source.iter().map(|table| &table.name).collect();
    names.sort();
    if names.iter().copied().eq(target) {
        return Ok(());
    }
    Err(Error::Schema(format!(
        "the databases do not have the same tables: {names:?} in SQLite, {target:?} in Postgres; use the versions of nexus that made them"
    )))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_tell_any_difference_but_order() {
        let sum = |rows: &[&[u8]]| {
            let mut sum = Sum::default();
            rows.iter().for_each(|row| sum.add(row));
            sum
        };
        assert_eq!(sum(&[b"a", b"b"]), sum(&[b"b", b"a"]));
        for other in [&[&b"a"[..]][..], &[b"a", b"c"], &[b"ab"], &[b"a", b"b", b"b"], &[]] {
            assert_ne!(sum(&[b"a", b"b"]), sum(other));
        }
        // Doubled rows do not cancel each other out.
        assert_ne!(sum(&[b"a", b"a"]).hex(), Sum::default().hex());
    }
}
