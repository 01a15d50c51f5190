//! What stands in migrations: nothing that a program of the version before could stumble over, unless the file says
//! `-- contract:` and why, and locks those programs out. And that each migration is there for both databases.

use crate::{File, migrations};
use nexus_store::{postgres::PostgresStore, sqlite::SqliteStore};
use nexus_testkit::postgres::Server;
use sqlx::{Connection, Row};
use std::collections::BTreeSet;

/// The statements of a file, in upper case and with single spaces.
fn statements(sql: &str) -> Vec<String> {
    let bare: Vec<&str> = sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let words = bare.join(" ").to_uppercase();
    words
        .split(';')
        .map(|one| one.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|one| !one.is_empty())
        .collect()
}

/// Why a statement is no mere addition. `new` are tables that no former program knows.
fn objection(statement: &str, new: &BTreeSet<String>) -> Option<&'static str> {
    let word = |n: usize| statement.split([' ', '(']).nth(n).unwrap_or_default();
    let altered = if statement.starts_with("ALTER TABLE ") { word(2) } else { "" };
    let padded = format!(" {statement} ");
    let has = |text: &str| padded.contains(text);
    if new.contains(altered) {
        return None;
    }
    if has(" DROP ") || has(" RENAME ") {
        return Some("takes something away");
    }
    if has(" SET NOT NULL")
        || has(" SET DATA TYPE ")
        || has(" ADD CONSTRAINT ")
        || (has(" ALTER COLUMN ") && has(" TYPE "))
    {
        return Some("makes a column stricter");
    }
    if statement.starts_with("ALTER TABLE ") && has(" ADD ") && has(" NOT NULL") && !has(" DEFAULT ") {
        return Some("wants a value that former programs do not write");
    }
    if statement.starts_with("CREATE UNIQUE INDEX ") && !new.contains(word_after(statement, "ON")) {
        return Some("refuses rows that former programs may write");
    }
    if ["UPDATE ", "DELETE ", "TRUNCATE ", "CREATE TRIGGER ", "CREATE OR REPLACE "]
        .iter()
        .any(|start| statement.starts_with(start))
    {
        return Some("changes what is there");
    }
    None
}

fn word_after<'a>(statement: &'a str, word: &str) -> &'a str {
    let mut words = statement.split([' ', '(']);
    words.by_ref().find(|one| *one == word);
    words.next().unwrap_or_default()
}

/// What is wrong with a migration.
fn findings(file: &File, postgres: bool) -> Vec<String> {
    let statements = statements(&file.sql);
    let marked =
        file.sql.lines().any(|line| line.strip_prefix("-- contract: ").is_some_and(|why| why.len() > 10));
    if marked {
        // Former programs would start on it otherwise.
        let raises =
            statements.iter().any(|one| one.starts_with("CREATE OR REPLACE VIEW NEXUS_OLDEST_PROGRAM"));
        let missing = postgres && !raises;
        return if missing {
            vec![format!("{}: does not raise nexus_oldest_program", file.name)]
        } else {
            Vec::new()
        };
    }
    let new = statements
        .iter()
        .filter(|one| one.starts_with("CREATE TABLE "))
        .map(|one| word_after(one, "TABLE").to_owned());
    let new: BTreeSet<String> = new.collect();
    let wrong = statements.iter().filter_map(|one| objection(one, &new).map(|why| (one, why)));
    wrong.map(|(one, why)| format!("{}: {why}: {one}", file.name)).collect()
}

#[test]
fn migrations_only_add_or_say_that_they_do_not() {
    for database in ["sqlite", "postgres"] {
        let files = migrations(database);
        let all: Vec<String> = files
            .iter()
            .filter(|file| file.number > 1)
            .flat_map(|file| findings(file, database == "postgres"))
            .collect();
        assert!(all.is_empty(), "{all:#?}\nsee docs/upgrades.md");
    }
}

#[test]
fn what_former_programs_would_stumble_over_is_found() {
    let judged = |sql: &str, postgres: bool| {
        findings(&File { name: "9999_x.sql".into(), number: 9_999, sql: sql.into() }, postgres)
    };
    for bad in [
        "DROP TABLE events;",
        "CREATE TABLE t (a TEXT); DROP INDEX i;",
        "ALTER TABLE events DROP COLUMN kind;",
        "alter table events\n  rename column kind to type;",
        "ALTER TABLE events RENAME TO facts;",
        "ALTER TABLE events ADD COLUMN a TEXT NOT NULL;",
        "ALTER TABLE events ADD a BIGINT NOT NULL; -- DEFAULT 0",
        "ALTER TABLE events ALTER COLUMN agent_id SET NOT NULL;",
        "ALTER TABLE events ALTER COLUMN seq TYPE NUMERIC;",
        "ALTER TABLE events ADD CONSTRAINT c CHECK (seq > 0);",
        "CREATE UNIQUE INDEX i ON events (kind);",
        "UPDATE events SET kind = 'x';",
        "DELETE FROM events;",
        "-- contract:\nDROP TABLE events;",
    ] {
        assert_eq!(judged(bad, true).len(), 1, "{bad}");
    }
    for good in [
        "CREATE TABLE t (a TEXT NOT NULL PRIMARY KEY); CREATE UNIQUE INDEX i ON t (a); ALTER TABLE t ADD b TEXT NOT NULL;",
        "ALTER TABLE events ADD COLUMN a TEXT; CREATE INDEX i ON events (a); -- nothing to DROP",
        "ALTER TABLE events ADD COLUMN a TEXT COLLATE \"C\" NOT NULL DEFAULT 'x';",
        "ALTER TABLE memories ALTER COLUMN vector SET STORAGE EXTERNAL;",
    ] {
        assert_eq!(judged(good, true), Vec::<String>::new(), "{good}");
    }
    let marked = "-- contract: nobody reads it since 0.3\nALTER TABLE events DROP COLUMN kind;";
    assert_eq!(judged(marked, false), Vec::<String>::new());
    assert_eq!(judged(marked, true).len(), 1);
    let raised =
        format!("{marked}\nCREATE OR REPLACE VIEW nexus_oldest_program AS SELECT 12::bigint AS schema;");
    assert_eq!(judged(&raised, true), Vec::<String>::new());
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names =
        |database: &str| migrations(database).into_iter().map(|file| file.name).collect::<BTreeSet<_>>();
    let (sqlite, mut postgres) = (names("sqlite"), names("postgres"));
    // It says why it has no twin.
    assert!(postgres.remove("0009_oldest_program.sql"));
    assert_eq!(sqlite, postgres);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_migration_in_the_repository_is_applied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nexus.db");
    drop(SqliteStore::open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    let applied: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(applied as usize, migrations("sqlite").len());

    let server = Server::start_without_fsync().unwrap();
    let url = server.create_database().unwrap();
    PostgresStore::connect(&url).await.unwrap().migrate().await.unwrap();
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let rows = sqlx::query("SELECT version FROM _sqlx_migrations ORDER BY version")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let applied: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(applied, migrations("postgres").iter().map(|file| i64::from(file.number)).collect::<Vec<_>>());
}
