//! Fills an empty Postgres with whole tables, in one transaction that nobody else can write beside. Not here: where
//! they come from (`crate::copy`).

use super::{PostgresStore, connect_within, rows::failed};
use crate::{
    Error, Result,
    copy::{Kind, Sum},
    sqlite::tables::{Table, quoted},
};
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, query};
use std::collections::HashMap;
use tokio::sync::mpsc;

/// What a binary COPY begins with: signature, flags, no further header.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with, in the place of a row's number of columns.
const END: i16 = -1;

/// A transaction that fills the database; dropped before [`Import::commit`], it leaves nothing.
pub(crate) struct Import {
    connection: PgConnection,
    /// All tables, by name.
    pub(crate) tables: Vec<String>,
    /// The type of each column, by table and column.
    types: HashMap<(String, String), String>,
}

impl Import {
    /// Begins, if the database is empty; nobody else can write to it until the end.
    pub(crate) async fn begin(store: &PostgresStore) -> Result<Self> {
        let mut connection = connect_within(&store.0.options).await.map_err(failed)?;
        query("BEGIN").execute(&mut connection).await.map_err(failed)?;
        let found = query(
            "SELECT c.table_name::text, c.column_name::text, c.data_type::text
             FROM information_schema.columns c
             JOIN information_schema.tables t USING (table_schema, table_name)
             WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
                 AND c.table_name <> '_sqlx_migrations'
             ORDER BY c.table_name COLLATE \"C\"",
        );
        let found = found.fetch_all(&mut connection).await.map_err(failed)?;
        let mut import = Self { connection, tables: Vec::new(), types: HashMap::new() };
        for row in &found {
            let column = |n: usize| row.try_get::<String, _>(n).map_err(failed);
            let table = column(0)?;
            if import.tables.last() != Some(&table) {
                import.tables.push(table.clone());
            }
            import.types.insert((table, column(1)?), column(2)?);
        }
        import.lock().await?;
        Ok(import)
    }

    async fn lock(&mut self) -> Result<()> {
        let names: Vec<String> = self.tables.iter().map(|table| quoted(table)).collect();
        self.execute(format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", names.join(", "))).await?;
        let mut full = Vec::new();
        for (table, name) in self.tables.iter().zip(names) {
            let any = query(AssertSqlSafe(format!("SELECT EXISTS (SELECT 1 FROM {name})")));
            let any = any.fetch_one(&mut self.connection).await.map_err(failed)?;
            if any.try_get::<bool, _>(0).map_err(failed)? {
                full.push(table.as_str());
            }
        }
        if full.is_empty() {
            return Ok(());
        }
        Err(Error::Schema(format!(
            "the Postgres database is not empty (rows in {}): name an empty one, e.g. made with `createdb`",
            full.join(", ")
        )))
    }

    /// What the columns of a table hold, which must be the same ones here.
    pub(crate) fn kinds(&self, table: &Table) -> Result<Vec<Kind>> {
        let here = self.types.keys().filter(|(of, _)| *of == table.name).count();
        let kind =
            |column: &String| match self.types.get(&(table.name.clone(), column.clone())).map(String::as_str)
            {
                Some("text") => Some(Kind::Text),
                Some("bigint") => Some(Kind::Integer),
                Some("bytea") => Some(Kind::Bytes),
                _ => None,
            };
        let kinds: Option<Vec<Kind>> = table.columns.iter().map(kind).collect();
        kinds.filter(|kinds| kinds.len() == here).ok_or_else(|| {
            Error::Schema(format!("table {} does not have the same columns in both databases", table.name))
        })
    }

    /// Writes the rows that arrive, to the last.
    pub(crate) async fn write(&mut self, table: &Table, mut rows: mpsc::Receiver<Vec<u8>>) -> Result<()> {
        let sql = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", quoted(&table.name), columns(table));
        let mut into = self.connection.copy_in_raw(&sql).await.map_err(failed)?;
        into.send(HEADER).await.map_err(failed)?;
        while let Some(piece) = rows.recv().await {
            into.send(piece).await.map_err(failed)?;
        }
        into.send(&END.to_be_bytes()[..]).await.map_err(failed)?;
        into.finish().await.map_err(failed)?;
        Ok(())
    }

    /// The sum of what a table holds now.
    pub(crate) async fn sum(&mut self, table: &Table) -> Result<Sum> {
        let sql = format!(
            "COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)",
            columns(table),
            quoted(&table.name)
        );
        let mut stream = self.connection.copy_out_raw(&sql).await.map_err(failed)?;
        let mut sum = Sum::default();
        let mut pending: Vec<u8> = Vec::new();
        let mut begun = false;
        while let Some(piece) = stream.try_next().await.map_err(failed)? {
            pending.extend_from_slice(&piece);
            let mut rest = pending.as_slice();
            if !begun {
                let Some(after) = rest.strip_prefix(HEADER) else { continue };
                rest = after;
                begun = true;
            }
            while let Some((row, after)) = first_row(rest) {
                sum.add(row);
                rest = after;
            }
            let left = rest.len();
            pending.drain(..pending.len() - left);
        }
        Ok(sum)
    }

    /// Makes everything durable at once.
    pub(crate) async fn commit(mut self) -> Result<()> {
        query("COMMIT").execute(&mut self.connection).await.map_err(failed)?;
        // It is all there; without statistics the first queries would only be slow.
        if let Err(error) = query("ANALYZE").execute(&mut self.connection).await {
            tracing::warn!(%error, "no statistics yet");
        }
        self.connection.close().await.map_err(failed)
    }

    async fn execute(&mut self, sql: String) -> Result<()> {
        query(AssertSqlSafe(sql)).execute(&mut self.connection).await.map_err(failed)?;
        Ok(())
    }
}

fn columns(table: &Table) -> String {
    table.columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ")
}

/// The first whole row of a binary COPY, and what follows; `None` at its end, or if some of it has not come yet.
fn first_row(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (count, mut rest) = bytes.split_first_chunk()?;
    let count = i16::from_be_bytes(*count);
    if count == END {
        return None;
    }
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk()?;
        // Null has no bytes.
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        rest = after.get(length..)?;
    }
    bytes.split_at_checked(bytes.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_apart_and_half_ones_wait() {
        let row = [&[0, 2][..], &[0, 0, 0, 1, b'x'], &[255, 255, 255, 255]].concat();
        let both = [row.clone(), row.clone(), vec![255, 255]].concat();
        let (first, rest) = first_row(&both).unwrap();
        assert_eq!(first, row);
        let (second, rest) = first_row(rest).unwrap();
        assert_eq!((second, first_row(rest)), (row.as_slice(), None));
        for cut in 0..row.len() {
            assert_eq!(first_row(&row[..cut]), None);
        }
    }
}
