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
    vec![
        Migration::new(1, "init".into(), MigrationType::Simple, init, false),
        Migration::new(4, "llm".into(), MigrationType::Simple, llm, false),
        Migration::new(5, "memory".into(), MigrationType::Simple, memory, false),
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

fn refuse_newer(applied: &[Applied]) -> Result<()> {
    let known = migrations().last().map_or(0, |migration| migration.version);
    match applied.last() {
        Some(last) if last.version > known => Err(Error::Schema(format!(
            "the database was migrated by a newer version of nexus (schema {}, this one knows {known}): use that version",
            last.version
        ))),
        _ => Ok(()),
    }
}

/// Says in one sentence why the schema is not this version's, if it is not.
pub(super) async fn check(connection: &mut PgConnection) -> Result<()> {
    let applied = applied(connection).await?;
    refuse_newer(&applied)?;
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
    refuse_newer(&applied(connection).await?)?;
    Migrator::with_migrations(migrations()).run_direct(None, connection, false).await.map_err(|error| {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => failed(error),
            other => Error::Schema(format!("the database cannot be migrated: {other}")),
        }
    })
}
