//! Moving an embedded database into Postgres: every table there is, row by row the same, or nothing at all. Not here:
//! the command line and what runs afterwards (`cli/tests/e2e`). And that a backup forgets no table either.
#![expect(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

use nexus_store::{
    Error, backup,
    copy::{CopiedTable, copy},
    postgres::PostgresStore,
    sqlite::SqliteStore,
};
use nexus_testkit::postgres::Server;
use rusqlite::Connection;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row, raw_sql};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::OnceLock,
};

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start_without_fsync().unwrap())
}

/// An embedded database that nobody uses, and an empty one to move it to.
struct Place {
    folder: tempfile::TempDir,
    url: String,
    store: PostgresStore,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        drop(SqliteStore::open(folder.path().join("nexus.db")).unwrap());
        let url = server().create_database().unwrap();
        let store = PostgresStore::connect(&url).await.unwrap();
        store.migrate().await.unwrap();
        Self { folder, url, store }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("nexus.db")
    }

    fn sqlite(&self) -> Connection {
        let connection = Connection::open(self.file()).unwrap();
        // Rows are made up: they need not make sense together.
        connection.pragma_update(None, "foreign_keys", "OFF").unwrap();
        connection
    }

    async fn copy(&self) -> Result<Vec<CopiedTable>, Error> {
        copy(&self.file(), &self.store, |_| {}).await
    }

    async fn postgres(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// Rows of each table in Postgres.
    async fn there(&self) -> BTreeMap<String, u64> {
        let mut connection = self.postgres().await;
        let mut counted = BTreeMap::new();
        for table in counts(&self.sqlite()).into_keys() {
            let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
            let rows: i64 = sqlx::query(sql).fetch_one(&mut connection).await.unwrap().get(0);
            counted.insert(table, rows as u64);
        }
        counted
    }

    async fn assert_nothing_was_kept(&self) {
        assert!(self.there().await.values().all(|rows| *rows == 0));
    }
}

/// Every table that the file has, with its rows; the list is SQLite's own.
fn counts(connection: &Connection) -> BTreeMap<String, u64> {
    let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let count = |name: String| {
        let rows: i64 =
            connection.query_row(&format!("SELECT COUNT(*) FROM {name}"), [], |row| row.get(0)).unwrap();
        (name, rows as u64)
    };
    names.into_iter().map(count).collect()
}

/// Two rows in every table, whatever tables there are: one with strange values, one with as many nulls as it may have.
fn fill(connection: &Connection) {
    for table in counts(connection).into_keys() {
        let mut statement =
            connection.prepare("SELECT name, type, \"notnull\" FROM pragma_table_info(?1)").unwrap();
        let columns: Vec<(String, String, bool)> = statement
            .query_map([&table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for strange in [true, false] {
            let value = |(_, kind, needed): &(String, String, bool)| match (kind.as_str(), strange, needed) {
                (_, false, false) => "NULL".to_owned(),
                ("TEXT", true, _) => "'\u{e9}\u{1F980} ''\\ \n\t x'".to_owned(),
                ("TEXT", false, _) => "'x'".to_owned(),
                ("BIGINT", true, _) => i64::MIN.to_string(),
                ("BIGINT", false, _) => i64::MAX.to_string(),
                ("BLOB", true, _) => "x'00ff00'".to_owned(),
                ("BLOB", false, _) => "x''".to_owned(),
                (other, ..) => panic!("{table} has a {other}, which Postgres may call otherwise"),
            };
            let values: Vec<String> = columns.iter().map(value).collect();
            connection.execute(&format!("INSERT INTO {table} VALUES ({})", values.join(", ")), []).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_there_is_arrives_row_by_row() {
    let place = Place::new().await;
    let source = place.sqlite();
    fill(&source);
    let expected = counts(&source);
    assert!(expected.len() >= 15 && expected.values().all(|rows| *rows == 2), "{expected:?}");
    drop(source);
    let before = std::fs::read(place.file()).unwrap();

    let mut told = Vec::new();
    let copied = copy(&place.file(), &place.store, |table| told.push(table.clone())).await.unwrap();
    assert_eq!(told, copied);
    let copied: BTreeMap<String, u64> = copied.into_iter().map(|table| (table.table, table.rows)).collect();
    assert_eq!(copied, expected);
    assert_eq!(place.there().await, expected);
    let mut connection = place.postgres().await;
    let row = sqlx::query("SELECT text, created_at, vector FROM memories ORDER BY created_at LIMIT 1");
    let row = row.fetch_one(&mut connection).await.unwrap();
    assert_eq!(row.get::<String, _>(0), "\u{e9}\u{1F980} '\\ \n\t x");
    assert_eq!((row.get::<i64, _>(1), row.get::<Vec<u8>, _>(2)), (i64::MIN, vec![0, 255, 0]));
    assert_eq!(std::fs::read(place.file()).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_holds_every_table_there_is() {
    let place = Place::new().await;
    let source = place.sqlite();
    fill(&source);
    let (file, target) = (place.folder.path().join("b"), place.folder.path().join("restored.db"));
    let manifest = backup::create(&place.file(), &file, false).unwrap();
    assert_eq!(manifest.tables, counts(&source));
    backup::restore(&file, &target).unwrap();
    assert_eq!(counts(&Connection::open(target).unwrap()), counts(&source));
}

fn insert_events(connection: &Connection, rows: u32, length: u32) {
    connection
        .execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO events SELECT 'e', i, 'k', NULL, hex(randomblob(?2)), i FROM n",
            [rows, length],
        )
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_and_large_rows_arrive() {
    let place = Place::new().await;
    let source = place.sqlite();
    insert_events(&source, 20_000, 40);
    source.execute("INSERT INTO journal SELECT 'e', 0, hex(randomblob(2000000))", []).unwrap();
    drop(source);
    place.copy().await.unwrap();
    let there = place.there().await;
    assert_eq!((there["events"], there["journal"]), (20_000, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_rows_is_not_written_to() {
    let place = Place::new().await;
    insert_events(&place.sqlite(), 3, 3);
    place.copy().await.unwrap();
    let Err(Error::Schema(sentence)) = place.copy().await else { panic!("it was written over") };
    assert!(sentence.contains("not empty") && sentence.contains("events"), "{sentence}");
    assert_eq!(place.there().await["events"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_copied_exactly_is_not_copied_at_all() {
    let place = Place::new().await;
    let source = place.sqlite();
    insert_events(&source, 100, 10);
    for (odd, said) in [
        ("UPDATE events SET seq = 'ten' WHERE seq = 10", "events.seq holds"),
        ("UPDATE events SET seq = 10, data = 'a' || char(0) WHERE seq = 'ten'", ""),
    ] {
        source.execute(odd, []).unwrap();
        let Err(Error::Internal(reason)) = place.copy().await else { panic!("{odd}: it was copied") };
        assert!(reason.contains(said), "{reason}");
        place.assert_nothing_was_kept().await;
    }
    source.execute("UPDATE events SET data = 'a' WHERE seq = 10", []).unwrap();
    place.copy().await.unwrap();
    assert_eq!(place.there().await["events"], 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_arrive_otherwise_than_they_left_are_noticed() {
    let place = Place::new().await;
    insert_events(&place.sqlite(), 100, 10);
    let mut connection = place.postgres().await;
    let mut change = async |sql: &'static str| raw_sql(sql).execute(&mut connection).await.unwrap();
    change(
        "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.seq = 50 THEN NEW.kind = 'other'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER change BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION change()",
    )
    .await;
    for said in ["100 rows (sum", "99 rows (sum"] {
        let Err(Error::Internal(reason)) = place.copy().await else { panic!("it was not noticed") };
        assert!(reason.contains("table events arrived with") && reason.contains(said), "{reason}");
        place.assert_nothing_was_kept().await;
        change(
            "CREATE OR REPLACE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN IF NEW.seq = 50 THEN RETURN NULL; END IF; RETURN NEW; END $$",
        )
        .await;
    }
    change("DROP TRIGGER change ON events").await;
    place.copy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_move_leaves_nothing_and_can_be_begun_again() {
    let place = Place::new().await;
    fill(&place.sqlite());
    let (arrived, mut first) = tokio::sync::mpsc::unbounded_channel();
    let (file, store) = (place.file(), place.store.clone());
    let moving = tokio::spawn(async move {
        let told = move |table: &CopiedTable| {
            let _ = arrived.send(table.table.clone());
        };
        copy(&file, &store, told).await
    });
    first.recv().await.unwrap();
    moving.abort();
    assert!(moving.await.is_err_and(|error| error.is_cancelled()));
    place.assert_nothing_was_kept().await;
    place.copy().await.unwrap();
    assert!(place.there().await.values().all(|rows| *rows == 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_source_of_this_schema_is_moved() {
    let place = Place::new().await;
    let refused = async |schema: i64| {
        place.sqlite().pragma_update(None, "user_version", schema).unwrap();
        match place.copy().await {
            Err(Error::Schema(sentence)) => sentence,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(1).await.contains("nexus migrate"));
    assert!(refused(1_000).await.contains("newer version"));
    assert!(copy(Path::new("/no/such/file"), &place.store, |_| {}).await.is_err());
    place.assert_nothing_was_kept().await;
}
