//! Looking into the database from outside, with statements of its own: the judge must not trust the store it judges.
//! Read only. Not here: what is expected of the rows (`judge`).

use nexus_model::Money;
use rusqlite::OpenFlags;
use serde_json::Value;
use sqlx::{Connection, PgConnection, Row};
use std::{path::PathBuf, time::Duration};

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres.
    #[error("postgres: {0}")]
    Postgres(#[from] sqlx::Error),
    /// SQLite.
    #[error("sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// What is stored is not what it should be.
    #[error("stored data: {0}")]
    Data(String),
}

/// An execution's row.
#[derive(Debug, Clone)]
pub struct Execution {
    /// Its id.
    pub id: String,
    /// Its status.
    pub status: String,
    /// The worker that has it.
    pub owner: Option<String>,
    /// Its limit now.
    pub limit: Option<Money>,
    /// Spent so far.
    pub spent: Money,
    /// Held now.
    pub reserved: Money,
    /// The next event's number.
    pub next_seq: i64,
}

/// A stored event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number.
    pub seq: i64,
    /// Its type.
    pub kind: String,
    /// Its node.
    pub node: Option<String>,
    /// The rest.
    pub data: Value,
}

/// Everything stored of one execution.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its row.
    pub row: Execution,
    /// Facts, each with the index of its journal entry.
    pub facts: Vec<(i64, Value)>,
    /// Its events.
    pub events: Vec<Event>,
}

/// Where the data is.
#[derive(Debug, Clone)]
pub enum Place {
    /// A URL.
    Postgres(String),
    /// A file.
    Sqlite(PathBuf),
}

/// A connection.
pub enum Database {
    /// To Postgres.
    Postgres(Box<PgConnection>),
    /// To a file.
    Sqlite(rusqlite::Connection),
}

type Result<T> = std::result::Result<T, Error>;

macro_rules! columns {
    () => {
        "SELECT id, status, owner, budget, spent, reserved, next_seq FROM executions"
    };
}

const LIVE: &str = concat!(columns!(), " WHERE status IN ('queued', 'running')");
const ALL: &str = concat!(columns!(), " ORDER BY id");
const JOURNAL: &str = "SELECT idx, record FROM journal WHERE execution_id = $1 ORDER BY idx";
const EVENTS: &str = "SELECT seq, kind, agent_id, data FROM events WHERE execution_id = $1 ORDER BY seq";

type Columns = (String, String, Option<String>, Option<String>, i64, i64, i64);

fn row((id, status, owner, budget, spent, reserved, next_seq): Columns) -> Result<Execution> {
    let budget: Option<Value> = budget.as_deref().map(json).transpose()?;
    let limit = budget.and_then(|budget| Money::from_usd(budget["limit_usd"].as_f64()?));
    let (spent, reserved) = (Money::from_picos(spent), Money::from_picos(reserved));
    Ok(Execution { id, status, owner, limit, spent, reserved, next_seq })
}

fn json(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| Error::Data(format!("{error} in {text}")))
}

impl Database {
    /// Connects.
    pub async fn connect(place: &Place) -> Result<Self> {
        match place {
            Place::Postgres(url) => Ok(Self::Postgres(Box::new(PgConnection::connect(url).await?))),
            Place::Sqlite(path) => {
                let connection =
                    rusqlite::Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
                connection.busy_timeout(Duration::from_secs(5))?;
                connection.pragma_update(None, "query_only", "ON")?;
                Ok(Self::Sqlite(connection))
            }
        }
    }

    /// Executions that have not ended.
    pub async fn live(&mut self) -> Result<Vec<Execution>> {
        self.rows(LIVE).await
    }

    /// All executions.
    pub async fn all(&mut self) -> Result<Vec<Execution>> {
        self.rows(ALL).await
    }

    async fn rows(&mut self, query: &'static str) -> Result<Vec<Execution>> {
        match self {
            Self::Postgres(connection) => {
                let rows: Vec<Columns> = sqlx::query_as(query).fetch_all(&mut **connection).await?;
                rows.into_iter().map(row).collect()
            }
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(query)?;
                let rows = statement.query_map([], |found| {
                    Ok((
                        found.get(0)?,
                        found.get(1)?,
                        found.get(2)?,
                        found.get(3)?,
                        found.get(4)?,
                        found.get(5)?,
                        found.get(6)?,
                    ))
                })?;
                rows.map(|found| row(found?)).collect()
            }
        }
    }

    /// Everything of this execution.
    pub async fn stored(&mut self, execution: Execution) -> Result<Stored> {
        let (records, events) = match self {
            Self::Postgres(connection) => {
                let records =
                    sqlx::query_as(JOURNAL).bind(&execution.id).fetch_all(&mut **connection).await?;
                let events = sqlx::query(EVENTS).bind(&execution.id).fetch_all(&mut **connection).await?;
                let events = events
                    .iter()
                    .map(|event| {
                        Ok((event.try_get(0)?, event.try_get(1)?, event.try_get(2)?, event.try_get(3)?))
                    })
                    .collect::<std::result::Result<Vec<(i64, String, Option<String>, String)>, sqlx::Error>>(
                    )?;
                (records, events)
            }
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(JOURNAL)?;
                let records = statement.query_map([&execution.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
                let records: Vec<(i64, String)> = records.collect::<rusqlite::Result<_>>()?;
                let mut statement = connection.prepare_cached(EVENTS)?;
                let events = statement.query_map([&execution.id], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?;
                (records, events.collect::<rusqlite::Result<_>>()?)
            }
        };
        let mut facts = Vec::new();
        for (index, record) in records {
            match json(&record)? {
                Value::Array(entry) => facts.extend(entry.into_iter().map(|fact| (index, fact))),
                other => facts.push((index, other)),
            }
        }
        let events = events
            .into_iter()
            .map(|(seq, kind, node, data)| Ok(Event { seq, kind, node, data: json(&data)? }))
            .collect::<Result<_>>()?;
        Ok(Stored { row: execution, facts, events })
    }
}
