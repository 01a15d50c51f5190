//! The store of the mesh: Postgres, shared by many processes. Here: connecting, timeouts, the schema's check.
//! Not here: what is written and read (`workflows`, `executions`), group commit (`lanes`).

mod about;
mod batch;
mod endpoints;
mod executions;
mod history;
pub(crate) mod import;
mod jobs;
mod lanes;
mod memory;
mod migrate;
mod retention;
mod rows;
mod secrets;
mod spending;
mod workflows;

use crate::{Error, Result};
use lanes::Lanes;
use rows::failed;
use sqlx::{
    ConnectOptions, PgConnection, PgPool, Postgres,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow},
    query::Query,
};
use std::{str::FromStr, sync::Arc, time::Duration};

/// Connections for everything but steps, which have their own.
const CONNECTIONS: u32 = 10;
/// How long to wait for a connection: a caller should learn quickly that the database is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// After this the server gives up on a statement.
const STATEMENT_TIMEOUT: &str = "5s";
/// After this we give up on the server: its host may have vanished without a word.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(6);

/// Nexus' state in Postgres. Cheap to clone. Finds its way back by itself after the server was away.
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    pool: PgPool,
    lanes: Lanes,
    options: PgConnectOptions,
}

impl PostgresStore {
    /// Connects to `postgres://…`; `Unavailable` after three seconds without an answer. Says nothing of the schema:
    /// [`Self::check_schema`].
    pub async fn connect(url: &str) -> Result<Self> {
        crate::broken::warn();
        let bare = PgConnectOptions::from_str(url)
            .map_err(|e| Error::Internal(format!("not a database URL: {e}")))?
            .application_name("nexus");
        let options = bare.clone().options([("statement_timeout", STATEMENT_TIMEOUT)]);
        // Statuses are skewed: the plan that finds succeeded executions fast reads the whole table for failed ones.
        // So every statement is planned for its values, but for the steps', whose plan never depends on them.
        let by_value = options.clone().options([("plan_cache_mode", "force_custom_plan")]);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_with(by_value)
            .await
            .map_err(failed)?;
        Ok(Self(Arc::new(Inner { pool, lanes: Lanes::start(&options), options: bare })))
    }

    /// Brings the database to this version's schema; does nothing if it is there already. May take long.
    pub async fn migrate(&self) -> Result<()> {
        // Without the statement timeout: a migration takes as long as it takes.
        let mut connection = connect_within(&self.0.options).await.map_err(failed)?;
        migrate::migrate(&mut connection).await
    }

    /// Refuses an older or newer schema with one sentence that says what to do.
    pub async fn check_schema(&self) -> Result<()> {
        let mut connection = self.0.pool.acquire().await.map_err(failed)?;
        migrate::check(&mut connection).await
    }

    /// Batches of steps committed since the start; with [`Self::transitions`] it tells how many steps share a commit.
    pub fn commits(&self) -> u64 {
        self.0.lanes.commits()
    }

    /// Steps of executions written since the start.
    pub fn transitions(&self) -> u64 {
        self.0.lanes.transitions()
    }

    /// One statement, which is its own transaction, and all its rows.
    async fn rows(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>> {
        let mut connection = self.0.pool.acquire().await.map_err(failed)?;
        match tokio::time::timeout(ANSWER_TIMEOUT, query.fetch_all(&mut *connection)).await {
            Ok(answer) => answer.map_err(failed),
            Err(_) => {
                // It may be in the middle of anything; nobody must get it next.
                connection.close_on_drop();
                Err(no_answer())
            }
        }
    }

    /// The first row, if there is one.
    async fn first(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Option<PgRow>> {
        Ok(self.rows(query).await?.into_iter().next())
    }
}

fn no_answer() -> Error {
    Error::Unavailable(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()))
}

async fn connect_within(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await.map_err(|_| sqlx::Error::PoolTimedOut)?
}
