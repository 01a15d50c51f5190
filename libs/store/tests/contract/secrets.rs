//! What is promised of sealed secrets: by workspace and name, replaced in place, in the order of their names.

use crate::harness::Db;
use nexus_model::Timestamp;
use nexus_store::{SealedSecret, SecretStore, postgres::PostgresStore, sqlite::SqliteStore};
use std::sync::Arc;

async fn open(db: &Db) -> Arc<dyn SecretStore> {
    match db.address.strip_prefix("sqlite://") {
        Some(path) => Arc::new(SqliteStore::open(path).unwrap()),
        None => Arc::new(PostgresStore::connect(&db.address).await.unwrap()),
    }
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

pub(crate) async fn a_secret_is_replaced_in_place(db: &Db) {
    let store = open(db).await;
    let first = store.put_secret("default", "token", "v1.one", at(1)).await.unwrap();
    assert_eq!((first.name.as_str(), first.created_at, first.updated_at), ("token", at(1), at(1)));
    let again = store.put_secret("default", "token", "v1.two", at(2)).await.unwrap();
    assert_eq!((again.created_at, again.updated_at), (at(1), at(2)));
    let names = ["token".to_owned(), "other".to_owned()];
    let sealed = SealedSecret { name: "token".into(), sealed: "v1.two".into() };
    assert_eq!(store.sealed_secrets("default", &names).await, Ok(vec![sealed]));
    assert_eq!(store.delete_secret("default", "token").await, Ok(true));
    assert_eq!(store.delete_secret("default", "token").await, Ok(false));
    assert_eq!(store.sealed_secrets("default", &names).await, Ok(Vec::new()));
}

pub(crate) async fn secrets_are_listed_by_name_and_workspace(db: &Db) {
    let store = open(db).await;
    // in the order of bytes, whatever the database's language is
    for name in ["b", "_a", "B", "a1", "a"] {
        store.put_secret("default", name, "x", at(1)).await.unwrap();
    }
    store.put_secret("other", "c", "x", at(1)).await.unwrap();
    let names = async |workspace: &str, after: Option<&str>, limit| {
        let rows = store.list_secrets(workspace, after, limit).await.unwrap();
        rows.into_iter().map(|row| row.name).collect::<Vec<_>>()
    };
    assert_eq!(names("default", None, 9).await, ["B", "_a", "a", "a1", "b"]);
    assert_eq!(names("default", Some("_a"), 2).await, ["a", "a1"]);
    assert_eq!(names("other", None, 9).await, ["c"]);
    assert_eq!(store.delete_secret("other", "a").await, Ok(false));
    assert_eq!(store.sealed_secrets("other", &["a".to_owned()]).await, Ok(Vec::new()));
}
