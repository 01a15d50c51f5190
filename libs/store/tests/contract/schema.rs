//! What is promised about schemas: migrating twice is harmless, a foreign version is refused in one sentence. And
//! what only one of the backends offers.

use crate::harness::{Db, LONG, load, owned, step};
use nexus_store::{Error, ExecutionStore, postgres::PostgresStore, sqlite::SqliteStore};
use nexus_testkit::postgres::Server;
use sqlx::Connection;

fn sentence(refused: Result<impl Sized, Error>) -> String {
    match refused {
        Err(Error::Schema(sentence)) => sentence,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("accepted"),
    }
}

#[tokio::test]
async fn a_newer_sqlite_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nexus.db");
    drop(SqliteStore::open(&path).unwrap());
    drop(SqliteStore::open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 1_000).unwrap();
    let sentence = sentence(SqliteStore::open(&path));
    assert!(sentence.contains("newer version") && sentence.contains("1000"), "{sentence}");
}

#[tokio::test]
async fn a_missing_folder_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let opened = SqliteStore::open(folder.path().join("missing").join("nexus.db"));
    assert!(matches!(opened, Err(Error::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_open_a_new_sqlite_file_at_once_both_succeed() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let opened = (0..4).map(|_| {
            let path = folder.path().join("nexus.db");
            tokio::task::spawn_blocking(move || SqliteStore::open(path))
        });
        for store in futures::future::join_all(opened).await {
            assert_eq!(store.unwrap().unwrap().ping().await, Ok(()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_postgres_schema_is_refused() {
    let server = Server::start_without_fsync().unwrap();
    let url = server.create_database().unwrap();
    let store = PostgresStore::connect(&url).await.unwrap();
    let older = sentence(store.check_schema().await);
    assert!(older.contains("run `nexus migrate`"), "{older}");

    let racing = (0..4).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.migrate().await })
    });
    for migrated in futures::future::join_all(racing).await {
        assert_eq!(migrated.unwrap(), Ok(()));
    }
    assert_eq!(store.check_schema().await, Ok(()));

    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let mut change = async |sql: &'static str| sqlx::query(sql).execute(&mut connection).await.unwrap();
    change("UPDATE _sqlx_migrations SET success = false").await;
    let interrupted = sentence(store.check_schema().await);
    assert!(interrupted.contains("interrupted"), "{interrupted}");
    change("UPDATE _sqlx_migrations SET success = true, checksum = 'x'").await;
    sentence(store.check_schema().await);
    change("INSERT INTO _sqlx_migrations VALUES (1000, 'later', now(), true, 'x', 0)").await;
    change("CREATE OR REPLACE VIEW nexus_oldest_program AS SELECT 1000::bigint AS schema").await;
    for newer in [sentence(store.check_schema().await), sentence(store.migrate().await)] {
        assert!(newer.contains("newer version") && newer.contains("1000"), "{newer}");
    }
}

#[tokio::test]
async fn a_wrong_url_is_no_outage() {
    assert!(matches!(PostgresStore::connect("nonsense").await, Err(Error::Internal(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_takes_over_everything_at_once() {
    let db = Db::sqlite().await;
    let store = db.store();
    let running = owned(&*store, "dead", LONG).await;
    store.commit(step(running, 1, 0, 1, 1)).await.unwrap();
    let accepted = owned(&*store, "dead", LONG).await;
    assert!(store.claim("w1", 10, LONG).await.unwrap().is_empty());

    let path = db.address.strip_prefix("sqlite://").unwrap();
    assert_eq!(SqliteStore::open(path).unwrap().expire_all_leases().await, Ok(2));
    let claimed = store.claim("w1", 10, LONG).await.unwrap();
    assert_eq!(claimed.iter().map(|c| c.loaded.head.summary.id).collect::<Vec<_>>(), [running, accepted]);
    assert!(claimed.iter().all(|c| c.recovered && c.loaded.head.recoveries == 1));
    assert_eq!(load(&*store, running).await.head.owner.as_deref(), Some("w1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_steps_share_commits() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(folder.path().join("nexus.db")).unwrap();
    let db = Db::postgres().await;
    let postgres = PostgresStore::connect(&db.address).await.unwrap();
    for n in 0..2 {
        let store: &dyn nexus_store::Store = if n == 0 { &sqlite } else { &postgres };
        let mut ids = Vec::new();
        for _ in 0..50 {
            ids.push(owned(store, "w1", LONG).await);
        }
        let commits = [sqlite.commits(), postgres.commits()][n];
        for round in 0..4 {
            let steps = ids.iter().map(|id| store.commit(step(*id, 1, round, 1, 1)));
            assert!(futures::future::join_all(steps).await.iter().all(Result::is_ok));
        }
        let (commits, transitions) = match n {
            0 => (sqlite.commits() - commits, sqlite.transitions()),
            _ => (postgres.commits() - commits, postgres.transitions()),
        };
        assert_eq!(transitions, 200);
        assert!(commits <= 100, "{commits} commits for 200 steps");
    }
}
