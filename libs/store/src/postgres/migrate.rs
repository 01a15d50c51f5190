//! Brings a Postgres database to this version's schema, and refuses others. Not here: the schema itself
//! (`migrations/postgres`).

use super::rows::failed;
use crate::{Error, Result};
use sqlx::{
    PgConnection, Row, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

/// Every migration, in order.
fn migrations() -> Vec<Migration> {
    let init = include_str!("../../../../migrations/postgres/0001_init.sql").into_sql_str();
    let llm = include_str!("../../../../migrations/postgres/0004_llm.sql").into_sql_str();
    let memory = include_str!("../../../../migrations/postgres/0005_memory.sql").into_sql_str();
    let jobs = include_str!("../../../../migrations/postgres/0006_scraper_jobs.sql").into_sql_str();
    let endpoints = include_str!("../../../../migrations/postgres/0007_scraper_endpoints.sql").into_sql_str();
    let secrets = include_str!("../../../../migrations/postgres/0008_secrets.sql").into_sql_str();
    let oldest = include_str!("../../../../migrations/postgres/0009_oldest_program.sql").into_sql_str();
    let traces = include_str!("../../../../migrations/postgres/0011_traces.sql").into_sql_str();
    let workspaces = include_str!("../../../../migrations/postgres/0010_workspaces.sql").into_sql_str();
    vec![
        Migration::new(1, "init".into(), MigrationType::Simple, init, false),
        Migration::new(4, "llm".into(), MigrationType::Simple, llm, false),
        Migration::new(5, "memory".into(), MigrationType::Simple, memory, false),
        Migration::new(6, "scraper jobs".into(), MigrationType::Simple, jobs, false),
        Migration::new(7, "scraper endpoints".into(), MigrationType::Simple, endpoints, false),
        Migration::new(8, "secrets".into(), MigrationType::Simple, secrets, false),
        Migration::new(9, "oldest program".into(), MigrationType::Simple, oldest, false),
        Migration::new(10, "workspaces".into(), MigrationType::Simple, workspaces, false),
        Migration::new(11, "traces".into(), MigrationType::Simple, traces, false),
    ]
}

/// A migration that the database has seen.
struct Applied {
    version: i64,
    checksum: Vec<u8>,
    complete: bool,
}

async fn applied(connection: &mut PgConnection) -> Result<Vec<Applied>> {
    let found = sqlx::query("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version")
        .fetch_all(connection)
        .await;
    let rows = match found {
        Ok(rows) => rows,
        // No such table: nobody has ever migrated this database.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Vec::new(),
        Err(error) => return Err(failed(error)),
    };
    let read = |row: &sqlx::postgres::PgRow| {
        Ok(Applied { version: row.try_get(0)?, checksum: row.try_get(1)?, complete: row.try_get(2)? })
    };
    rows.iter().map(read).collect::<Result<_, sqlx::Error>>().map_err(failed)
}

/// How a schema and this program stand to each other.
#[derive(PartialEq, Eq)]
enum Age {
    /// There is nothing in it that this program does not know.
    Known,
    /// A newer program has migrated it, and says that this one can still work on it.
    NewerButFit,
}

/// The newest migration that a program must know to work on the schema; none was needed before this was written down.
async fn oldest_program(connection: &mut PgConnection) -> Result<Option<i64>> {
    match sqlx::query("SELECT schema FROM nexus_oldest_program").fetch_optional(connection).await {
        Ok(row) => row.map(|row| row.try_get(0)).transpose().map_err(failed),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

async fn age(connection: &mut PgConnection, applied: &[Applied]) -> Result<Age> {
    let known = migrations().last().map_or(0, |migration| migration.version);
    let Some(last) = applied.last().filter(|last| last.version > known) else { return Ok(Age::Known) };
    if oldest_program(connection).await?.is_some_and(|oldest| oldest <= known) {
        return Ok(Age::NewerButFit);
    }
    Err(Error::Schema(format!(
        "the database was migrated by a newer version of nexus (schema {}, this one knows {known}), and this one cannot work on it any more: use that version",
        last.version
    )))
}

/// Says in one sentence why the schema is not this version's, if it is not.
pub(super) async fn check(connection: &mut PgConnection) -> Result<()> {
    let applied = applied(connection).await?;
    if age(connection, &applied).await? == Age::NewerButFit {
        tracing::info!(
            "the database was migrated by a newer version of nexus, beside which this one can work"
        );
    }
    for migration in migrations() {
        match applied.iter().find(|applied| applied.version == migration.version) {
            Some(applied) if !applied.complete => {
                return Err(Error::Schema(format!(
                    "migration {} of the database was interrupted: repair it and run `nexus migrate`",
                    migration.version
                )));
            }
            Some(applied) if applied.checksum != *migration.checksum => {
                return Err(Error::Schema(format!(
                    "the database's schema {} is not the one of this version of nexus: use the version that made it",
                    migration.version
                )));
            }
            Some(_) => {}
            None => {
                return Err(Error::Schema(format!(
                    "the database's schema is older than this version of nexus (schema {}, needed {}): run `nexus migrate`",
                    applied.last().map_or(0, |last| last.version),
                    migrations().last().map_or(0, |last| last.version),
                )));
            }
        }
    }
    Ok(())
}

/// Applies what is missing. Several processes may do so at once: sqlx takes an advisory lock.
pub(super) async fn migrate(connection: &mut PgConnection) -> Result<()> {
    let applied = applied(connection).await?;
    if age(connection, &applied).await? == Age::NewerButFit {
        // Nothing is missing, and what is there beyond is not ours to judge.
        return Ok(());
    }
    Migrator::with_migrations(migrations()).run_direct(None, connection, false).await.map_err(|error| {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => failed(error),
            other => Error::Schema(format!("the database cannot be migrated: {other}")),
        }
    })
}
