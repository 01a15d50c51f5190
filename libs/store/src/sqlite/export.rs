//! Reads whole tables out of a SQLite file, as Postgres' binary COPY wants them. Not here: where they go
//! (`crate::copy`).

use super::{rows::failed, snapshot, tables, tables::Table};
use crate::{
    Error, Result,
    copy::{Kind, Sum, check_source},
};
use rusqlite::{Connection, Row, types::ValueRef};
use std::path::Path;

/// A piece is sent once it is as long as this.
const PIECE: usize = 256 << 10;

/// A database as it was at one moment.
pub(crate) struct Export {
    connection: Connection,
    /// All tables, each after those that it refers to.
    pub(crate) tables: Vec<Table>,
}

impl Export {
    /// Opens a file that must be there and have this version's schema.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let connection = snapshot::open_existing(path)?;
        // Everything is read within one transaction.
        connection.execute_batch("BEGIN").map_err(failed)?;
        check_source(connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?)?;
        let tables = parents_first(tables::tables(&connection)?)?;
        Ok(Self { connection, tables })
    }

    /// Hands over a table's rows in pieces, until `send` wants no more; the sum of those handed over.
    pub(crate) fn read(
        &self,
        table: &Table,
        kinds: &[Kind],
        mut send: impl FnMut(Vec<u8>) -> bool,
    ) -> Result<Sum> {
        let columns: Vec<String> = table.columns.iter().map(|column| tables::quoted(column)).collect();
        let sql = format!("SELECT {} FROM {}", columns.join(", "), tables::quoted(&table.name));
        let mut statement = self.connection.prepare(&sql).map_err(failed)?;
        let mut found = statement.query([]).map_err(failed)?;
        let mut sum = Sum::default();
        let mut piece = Vec::with_capacity(PIECE * 2);
        while let Some(row) = found.next().map_err(failed)? {
            let start = piece.len();
            encode(row, table, kinds, &mut piece)?;
            sum.add(piece.get(start..).unwrap_or_default());
            if piece.len() >= PIECE && !send(std::mem::replace(&mut piece, Vec::with_capacity(PIECE * 2))) {
                return Ok(sum);
            }
        }
        if !piece.is_empty() {
            send(piece);
        }
        Ok(sum)
    }
}

/// A row: how many columns, and each as its length and its bytes; -1 for null.
fn encode(row: &Row<'_>, table: &Table, kinds: &[Kind], into: &mut Vec<u8>) -> Result<()> {
    let odd = |column: usize, what: &str| {
        let name = table.columns.get(column).map(String::as_str).unwrap_or_default();
        Error::Internal(format!("{}.{name} holds {what}, which Postgres has no place for", table.name))
    };
    let count = i16::try_from(kinds.len()).map_err(|_| odd(0, "too many columns"))?;
    into.extend(count.to_be_bytes());
    for (column, kind) in kinds.iter().enumerate() {
        let number;
        let bytes = match (row.get_ref(column).map_err(failed)?, kind) {
            (ValueRef::Null, _) => {
                into.extend((-1_i32).to_be_bytes());
                continue;
            }
            (ValueRef::Integer(value), Kind::Integer) => {
                number = value.to_be_bytes();
                &number[..]
            }
            (ValueRef::Text(bytes), Kind::Text) | (ValueRef::Blob(bytes), Kind::Bytes) => bytes,
            (value, kind) => return Err(odd(column, &format!("{} instead of {kind:?}", value.data_type()))),
        };
        let length = i32::try_from(bytes.len()).map_err(|_| odd(column, "more than 2 GiB"))?;
        into.extend(length.to_be_bytes());
        into.extend(bytes);
    }
    Ok(())
}

/// Tables in an order in which they can be filled.
fn parents_first(mut left: Vec<Table>) -> Result<Vec<Table>> {
    let mut ordered: Vec<Table> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let ready = left.iter().position(|table| {
            table
                .parents
                .iter()
                .all(|parent| *parent == table.name || ordered.iter().any(|done| done.name == *parent))
        });
        match ready {
            Some(ready) => ordered.push(left.remove(ready)),
            None => return Err(Error::Internal("tables refer to each other in a circle".into())),
        }
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_after_those_they_refer_to() {
        let table = |name: &str, parents: &[&str]| Table {
            name: name.into(),
            columns: Vec::new(),
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
        };
        let names = |tables: Vec<Table>| tables.into_iter().map(|table| table.name).collect::<Vec<_>>();
        let ordered = parents_first(vec![table("a", &["c"]), table("b", &["b"]), table("c", &["b"])]);
        assert_eq!(names(ordered.unwrap()), ["b", "c", "a"]);
        assert!(parents_first(vec![table("a", &["b"]), table("b", &["a"])]).is_err());
    }
}
