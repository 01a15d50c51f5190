//! `migrate --from … --to …`: from embedded mode to a mesh. Not here: the copying (`nexus_store::copy`), bringing a
//! database to this version's schema (`wiring`).

use crate::{
    exit::{Exit, Failure, Result},
    out::{self, Table},
    wiring,
};
use nexus_runtime::{
    Config,
    config::{Database, Flags},
    lock::DataDir,
};
use nexus_store::{copy, postgres::PostgresStore};
use secrecy::{ExposeSecret, SecretString};
use std::path::{Path, PathBuf};

/// `nexus migrate --from sqlite://… [--to postgres://…]`.
pub(crate) async fn migrate(config: &Config, flags: &Flags, from: &str, to: Option<&str>) -> Result {
    let source = source(flags, from)?;
    let target = target(config, flags, to)?;
    if !source.is_file() {
        return Err(Failure::usage(format!(
            "there is no database at {}; name the file in the data folder, e.g. sqlite://./.nexus/nexus.db",
            source.display()
        )));
    }
    let folder = source.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Whoever has the folder would go on writing what is being copied.
    let _held = DataDir::take(folder)?;
    let store = PostgresStore::connect(target.expose_secret()).await.map_err(wiring::database)?;
    store.migrate().await.map_err(wiring::database)?;
    let copied = copy::copy(&source, &store, |table| {
        out::note(&format!("{}: {} rows, the same on both sides", table.table, table.rows));
    });
    let copied = copied.await.map_err(|error| {
        let failure = wiring::database(error);
        failure.suggest("nothing was kept in Postgres: run the same command again once this is settled")
    })?;

    let mut table = Table::new(&["table", "rows", "sum"], &[1]);
    for copied in &copied {
        table.row(vec![
            copied.table.clone(),
            copied.rows.to_string(),
            copied.sum.chars().take(16).collect::<String>(),
        ]);
    }
    table.print("no tables");
    out::note(&format!(
        "all of {} is in Postgres now and was compared row by row. The file is unchanged: do not run `nexus up` on it \
         again, or what was unfinished runs twice",
        source.display()
    ));
    if config.qdrant.is_some() {
        out::note(
            "QDRANT_URL is set: a mesh that has it does not look for memory in Postgres, where the entries are now",
        );
    }
    Ok(Exit::Success)
}

fn source(flags: &Flags, from: &str) -> Result<PathBuf> {
    match named(flags, from)? {
        Database::Sqlite(path) => Ok(path),
        Database::Postgres(_) => Err(Failure::usage(
            "--from is the embedded database that is moved; set it to sqlite:// and its file, e.g. sqlite://./.nexus/nexus.db",
        )),
    }
}

fn target(config: &Config, flags: &Flags, to: Option<&str>) -> Result<SecretString> {
    let database = match to {
        Some(to) => named(flags, to)?,
        None => config.database.clone(),
    };
    match database {
        Database::Postgres(url) => Ok(url),
        Database::Sqlite(_) => Err(Failure::usage(
            "it is not said where to move the database; set --to or DATABASE_URL to postgres://user@host/database",
        )),
    }
}

/// An address as the configuration would understand it.
fn named(flags: &Flags, address: &str) -> Result<Database> {
    let mut flags = flags.clone();
    flags.insert("DATABASE_URL", address.to_owned());
    Ok(Config::load(&flags)?.database)
}
