//! The statements of the version before, on its schema and on this one's: the same answers, and nothing lost on the
//! way. And which programs may start on a schema that they do not know.

use crate::{PREVIOUS, migrations};
use futures::TryStreamExt;
use nexus_store::{Error, postgres::PostgresStore, sqlite::SqliteStore};
use nexus_testkit::postgres::Server;
use rusqlite::{Connection, types::Value as Sqlite};
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, Column, Connection as _, Either, Executor, PgConnection, Postgres, Row, TypeInfo,
    postgres::{PgArguments, PgRow},
    query::Query,
    raw_sql,
};
use std::path::Path;

/// What a statement did: how many rows, and which.
type Answer = (u64, Vec<Vec<String>>);

fn story(text: &str) -> Vec<Value> {
    let story: Vec<Value> = serde_json::from_str(text).unwrap();
    assert!(story.len() > 40);
    story
}

fn old_schema(database: &str) -> impl Iterator<Item = String> {
    migrations(database).into_iter().filter(|file| file.number <= PREVIOUS).map(|file| file.sql)
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap()).collect()
}

fn old_sqlite(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    let applied = old_schema("sqlite").map(|sql| connection.execute_batch(&sql).unwrap()).count();
    connection.pragma_update(None, "user_version", applied as i64).unwrap();
    connection
}

fn play_sqlite(connection: &Connection) -> Vec<Answer> {
    let play = |one: &Value| {
        let sql = one["sql"].as_str().unwrap();
        let mut statement = connection.prepare(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        let values = one["params"].as_array().unwrap().iter().map(|param| match param {
            Value::String(text) => Sqlite::Text(text.clone()),
            Value::Number(number) => Sqlite::Integer(number.as_i64().unwrap()),
            Value::Object(fields) if fields.contains_key("bytes") => {
                Sqlite::Blob(hex(fields["bytes"].as_str().unwrap()))
            }
            _ => Sqlite::Null,
        });
        let values = rusqlite::params_from_iter(values);
        let columns = statement.column_count();
        let answer: Answer = if columns == 0 {
            (statement.execute(values).unwrap_or_else(|error| panic!("{error}: {sql}")) as u64, Vec::new())
        } else {
            let rows = statement.query_map(values, |row| {
                (0..columns)
                    .map(|n| Ok(format!("{:?}", row.get::<_, Sqlite>(n)?)))
                    .collect::<rusqlite::Result<Vec<_>>>()
            });
            let rows = rows
                .unwrap()
                .collect::<rusqlite::Result<Vec<_>>>()
                .unwrap_or_else(|error| panic!("{error}: {sql}"));
            (rows.len() as u64, rows)
        };
        if let Some(expected) = one["rows"].as_u64() {
            assert_eq!(answer.0, expected, "{sql}");
        }
        answer
    };
    story(include_str!("../previous/sqlite.json")).iter().map(play).collect()
}

#[test]
fn the_version_before_works_on_this_schema_of_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    let before = old_sqlite(&old);
    let expected = play_sqlite(&before);
    let counts = |connection: &Connection| {
        let mut statement =
            connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
        let names: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let count = |name: String| {
            let rows = connection.query_row(&format!("SELECT COUNT(*) FROM {name}"), [], |row| row.get(0));
            (name, rows.unwrap())
        };
        names.into_iter().map(count).collect::<Vec<(String, i64)>>()
    };
    let was = counts(&before);
    assert!(was.iter().filter(|(_, rows)| *rows > 0).count() >= 5, "{was:?}");
    drop(before);
    drop(SqliteStore::open(&old).unwrap());
    let is = counts(&Connection::open(&old).unwrap());
    assert!(was.iter().all(|table| is.contains(table)), "{was:?} {is:?}");

    drop(old_sqlite(&new));
    drop(SqliteStore::open(&new).unwrap());
    assert_eq!(play_sqlite(&Connection::open(&new).unwrap()), expected);
}

fn bound<'q>(query: Query<'q, Postgres, PgArguments>, param: &'q Value) -> Query<'q, Postgres, PgArguments> {
    let texts = |list: &Value| -> Vec<Option<String>> {
        list.as_array().unwrap().iter().map(|one| one.as_str().map(str::to_owned)).collect()
    };
    match param {
        Value::String(text) => query.bind(text.as_str()),
        Value::Number(number) => query.bind(number.as_i64()),
        Value::Object(fields) => {
            match fields.iter().next().map(|(kind, value)| (kind.as_str(), value)).unwrap() {
                ("null", kind) if kind == "bigint" => query.bind(None::<i64>),
                ("null", _) => query.bind(None::<String>),
                ("bytes", text) => query.bind(hex(text.as_str().unwrap())),
                ("text[]", list) => query.bind(texts(list)),
                ("bigint[]", list) => {
                    query.bind(list.as_array().unwrap().iter().map(Value::as_i64).collect::<Vec<_>>())
                }
                ("bool[]", list) => {
                    query.bind(list.as_array().unwrap().iter().map(Value::as_bool).collect::<Vec<_>>())
                }
                (other, _) => panic!("{other}"),
            }
        }
        other => panic!("{other}"),
    }
}

fn cells(row: &PgRow) -> Vec<String> {
    let cell = |(n, column): (usize, &sqlx::postgres::PgColumn)| match column.type_info().name() {
        "TEXT" => format!("{:?}", row.get::<Option<String>, _>(n)),
        "INT8" => format!("{:?}", row.get::<Option<i64>, _>(n)),
        "INT4" => format!("{:?}", row.get::<Option<i32>, _>(n)),
        "BOOL" => format!("{:?}", row.get::<Option<bool>, _>(n)),
        "BYTEA" => format!("{:?}", row.get::<Option<Vec<u8>>, _>(n)),
        other => panic!("{other}"),
    };
    row.columns().iter().enumerate().map(cell).collect()
}

async fn play_postgres(connection: &mut PgConnection) -> Vec<Answer> {
    let mut answers = Vec::new();
    for one in story(include_str!("../previous/postgres.json")) {
        let sql = one["sql"].as_str().unwrap();
        let query = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(false);
        let query = one["params"].as_array().unwrap().iter().fold(query, bound);
        let told: Vec<_> =
            connection.fetch_many(query).try_collect().await.unwrap_or_else(|error| panic!("{error}: {sql}"));
        let mut answer: Answer = (0, Vec::new());
        for part in told {
            match part {
                Either::Left(done) => answer.0 += done.rows_affected(),
                Either::Right(row) => answer.1.push(cells(&row)),
            }
        }
        if let Some(expected) = one["rows"].as_u64() {
            assert_eq!(answer.0, expected, "{sql}");
        }
        answers.push(answer);
    }
    answers
}

/// A database at the former schema, as the former program's migrations left it.
async fn old_postgres(server: &Server) -> (String, PgConnection) {
    let url = server.create_database().unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for sql in old_schema("postgres") {
        raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }
    // What is noted of a migration is the same in every database.
    let model = server.create_database().unwrap();
    PostgresStore::connect(&model).await.unwrap().migrate().await.unwrap();
    let mut model = PgConnection::connect(&model).await.unwrap();
    let noted =
        sqlx::query("SELECT version, description, checksum FROM _sqlx_migrations WHERE version <= $1")
            .bind(i64::from(PREVIOUS))
            .fetch_all(&mut model)
            .await
            .unwrap();
    raw_sql(
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
             installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, checksum BYTEA NOT NULL,
             execution_time BIGINT NOT NULL)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    for row in noted {
        sqlx::query("INSERT INTO _sqlx_migrations VALUES ($1, $2, now(), true, $3, 0)")
            .bind(row.get::<i64, _>(0))
            .bind(row.get::<String, _>(1))
            .bind(row.get::<Vec<u8>, _>(2))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    (url, connection)
}

const COUNTS: &str = "SELECT COUNT(*) FROM workflows UNION ALL SELECT COUNT(*) FROM workflow_versions
    UNION ALL SELECT COUNT(*) FROM executions UNION ALL SELECT COUNT(*) FROM journal
    UNION ALL SELECT COUNT(*) FROM events UNION ALL SELECT COUNT(*) FROM llm_answers";

async fn counts(connection: &mut PgConnection) -> Vec<i64> {
    let rows = sqlx::query(COUNTS).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_before_works_on_this_schema_of_postgres() {
    let server = Server::start_without_fsync().unwrap();
    let (url, mut before) = old_postgres(&server).await;
    let expected = play_postgres(&mut before).await;
    let was = counts(&mut before).await;
    assert!(was.iter().all(|rows| *rows > 0), "{was:?}");
    PostgresStore::connect(&url).await.unwrap().migrate().await.unwrap();
    // On a connection from before the migration, as a running program has it.
    assert_eq!(counts(&mut before).await, was);

    let (url, mut connection) = old_postgres(&server).await;
    let store = PostgresStore::connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(store.check_schema().await, Ok(()));
    assert_eq!(play_postgres(&mut connection).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_says_which_programs_may_work_on_it() {
    let server = Server::start_without_fsync().unwrap();
    let url = server.create_database().unwrap();
    let store = PostgresStore::connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let mut change = async |sql: &'static str| raw_sql(sql).execute(&mut connection).await.unwrap();
    // It only adds: this program starts on it, and has nothing to migrate.
    change("INSERT INTO _sqlx_migrations VALUES (1000, 'later', now(), true, 'x', 0)").await;
    assert_eq!(store.check_schema().await, Ok(()));
    assert_eq!(store.migrate().await, Ok(()));
    // It takes away what this program needs.
    change("CREATE OR REPLACE VIEW nexus_oldest_program AS SELECT 1000::bigint AS schema").await;
    for refused in [store.check_schema().await, store.migrate().await] {
        let Err(Error::Schema(sentence)) = refused else { panic!("{refused:?}") };
        assert!(sentence.contains("newer version") && sentence.contains("1000"), "{sentence}");
    }
}
