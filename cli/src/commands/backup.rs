//! `backup` and `restore`: an embedded database as one file. Not here: the file (`nexus_store::backup`), how the data
//! folder is locked (`nexus_runtime::lock`).

use crate::{
    exit::{Exit, Failure, Result},
    out, wiring,
};
use nexus_runtime::{Config, config::Database, lock::DataDir};
use nexus_store::backup::{self, Error, Manifest};
use std::path::Path;

/// `nexus backup FILE`. Works beside a `nexus up` that has the data folder.
pub(crate) async fn backup(config: &Config, server: Option<&str>, file: &Path, force: bool) -> Result {
    let database = embedded(config, server, "pg_dump")?.to_owned();
    let target = file.to_owned();
    let manifest = blocking(move || Ok(backup::create(&database, &target, force)?)).await?;
    out::line(&format!("{}: {}", file.display(), told(&manifest)));
    if config.qdrant.is_some() {
        out::note("memory is in Qdrant (QDRANT_URL) and not in this backup; take a snapshot there");
    }
    Ok(Exit::Success)
}

/// `nexus restore FILE`.
pub(crate) async fn restore(config: &Config, server: Option<&str>, file: &Path, force: bool) -> Result {
    let database = embedded(config, server, "pg_restore")?.to_owned();
    let source = file.to_owned();
    // What is no backup at all is no reason to make a folder.
    blocking(move || Ok(backup::manifest(&source)?)).await?;
    let _held = DataDir::take(&config.data_dir)?;
    let _folder = wiring::hold(config, &database)?;
    if !force && (database.exists() || !is_empty(&config.data_dir)) {
        return Err(Failure::usage(format!(
            "{} holds data already; set NEXUS_DATA_DIR to another folder, or replace the database with --force",
            if database.exists() { database.display() } else { config.data_dir.display() }
        )));
    }
    let (source, target) = (file.to_owned(), database.clone());
    let manifest = blocking(move || Ok(backup::restore(&source, &target)?)).await?;
    out::line(&format!("{}: {}", database.display(), told(&manifest)));
    out::note("the next `nexus up` goes on with what was unfinished");
    Ok(Exit::Success)
}

/// The database's file; a refusal if it is no file, or not of this machine.
fn embedded<'a>(config: &'a Config, server: Option<&str>, instead: &str) -> Result<&'a Path> {
    if server.is_some_and(|server| !server.trim().is_empty()) {
        return Err(Failure::usage(
            "backups are made and restored where the data folder is, not over the network",
        )
        .suggest("run this on the server's machine, without --server and NEXUS_SERVER"));
    }
    match &config.database {
        Database::Sqlite(path) => Ok(path),
        Database::Postgres(_) => Err(Failure::usage(format!(
            "DATABASE_URL is a Postgres database, which has its own tool for this: {instead}"
        ))
        .suggest("docs/backup.md says how")),
    }
}

/// Whether a folder that we hold has nothing but the lock in it.
fn is_empty(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.filter_map(std::result::Result::ok).all(|entry| entry.file_name() == "lock")
}

fn told(manifest: &Manifest) -> String {
    let count = |table: &str| manifest.tables.get(table).copied().unwrap_or(0);
    format!(
        "{} workflows, {} executions, {} memory entries, as of {} (schema {}, {} bytes, SHA-256 {})",
        count("workflows"),
        count("executions"),
        count("memories"),
        manifest.made_at,
        manifest.schema,
        manifest.bytes,
        manifest.sha256
    )
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(anyhow::Error::new)?
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NoDatabase(_) | Error::Exists(_) | Error::Foreign(_) => Failure::usage(error.to_string()),
            Error::Store(error) => wiring::database(error),
            other => Failure::new(Exit::Failed, other.to_string()),
        }
    }
}
