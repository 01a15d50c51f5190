//! What tables a SQLite file has, read from the file itself: whoever copies whole databases must not depend on a list
//! that the next migration makes wrong. Not here: what the tables mean.

use super::rows::failed;
use crate::Result;
use rusqlite::Connection;

/// A table as the file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: String,
    /// Its columns, by name.
    pub(crate) columns: Vec<String>,
    /// Tables that its rows refer to.
    pub(crate) parents: Vec<String>,
}

/// Every table of ours, by name. SQLite's own are left out.
pub(crate) fn tables(connection: &Connection) -> Result<Vec<Table>> {
    let names = column(
        connection,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        [],
    )?;
    let table = |name: String| {
        let columns =
            column(connection, "SELECT name FROM pragma_table_info(?1) ORDER BY name", [name.as_str()])?;
        let parents = column(
            connection,
            "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list(?1)",
            [name.as_str()],
        )?;
        Ok(Table { name, columns, parents })
    };
    names.into_iter().map(table).collect()
}

/// A name as it stands in a statement.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// How many rows a table has.
pub(crate) fn rows(connection: &Connection, table: &str) -> Result<u64> {
    let sql = format!("SELECT COUNT(*) FROM {}", quoted(table));
    crate::rows::count(connection.query_row(&sql, [], |row| row.get(0)).map_err(failed)?)
}

fn column(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Vec<String>> {
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let found = statement.query_map(params, |row| row.get(0)).map_err(failed)?;
    found.collect::<Result<_, _>>().map_err(failed)
}
