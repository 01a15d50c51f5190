//! Backups of an embedded database: consistent while it is written, refused when anything is wrong with them, brought
//! up to date when they are older. Not here: the data folder's lock and the command line (`cli/tests/e2e`).
#![expect(clippy::unwrap_used, reason = "that is how a test fails")]

use nexus_model::{ExecutionId, ExecutionStatus, Money, Timestamp, WorkflowId, execution::Tokens};
use nexus_store::{
    Created, ExecutionStore, HeadUpdate, NewEvent, NewExecution, Ownership, Step, backup, sqlite::SqliteStore,
};
use serde_json::json;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Names of what is there.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

async fn execution(store: &SqliteStore) -> ExecutionId {
    let id = ExecutionId::generate();
    let new = NewExecution {
        id,
        workflow_id: WorkflowId::generate(),
        workspace: nexus_api::Workspace::default(),
        principal: None,
        workflow_version: 1,
        workflow_name: "Storm".into(),
        inputs: json!({}),
        budget: None,
        created_at: Timestamp::now(),
        idempotency: None,
        traceparent: None,
        claim_by: Some(("w".into(), Duration::from_secs(3600))),
    };
    assert_eq!(store.create_execution(new).await, Ok(Created::New));
    id
}

/// One record and two events.
fn step(id: ExecutionId, journal_len: u64) -> Step {
    let event = || NewEvent {
        kind: nexus_model::EventType::AgentStarted,
        agent_id: None,
        data: json!({"filler": "x".repeat(300)}),
        timestamp: Timestamp::now(),
    };
    Step {
        id,
        fence: 1,
        journal_len,
        records: vec![format!("{{\"n\":{journal_len}}}")],
        events: vec![event(), event()],
        update: HeadUpdate {
            status: ExecutionStatus::Running,
            error: None,
            budget: None,
            spent: Money::ZERO,
            reserved: Money::ZERO,
            tokens: Tokens::default(),
            started_at: None,
            finished_at: None,
        },
        ownership: Ownership::Keep,
        progress: true,
    }
}

async fn whole(store: &SqliteStore, id: ExecutionId) -> u64 {
    let loaded = store.load(id).await.unwrap().unwrap();
    let events = store.events(id, 0, u32::MAX).await.unwrap();
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..loaded.head.next_seq).collect::<Vec<_>>());
    assert_eq!(loaded.journal.len() as u64 * 2, events.len() as u64);
    loaded.head.journal_len
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_executions_write_holds_each_of_them_whole() {
    let place = Place::new();
    let database = place.path("nexus.db");
    let store = SqliteStore::open(&database).unwrap();
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(execution(&store).await);
    }
    let stop = AtomicBool::new(false);
    let writing = ids.iter().map(|id| async {
        let mut length = 0;
        while !stop.load(Ordering::Relaxed) {
            store.commit(step(*id, length)).await.unwrap();
            length += 1;
        }
        length
    });
    let saving = async {
        let mut made = Vec::new();
        for n in 0..5 {
            let (database, file) = (database.clone(), place.path(&format!("{n}.backup")));
            let target = file.clone();
            let manifest =
                tokio::task::spawn_blocking(move || backup::create(&database, &target, false).unwrap());
            made.push((file, manifest.await.unwrap()));
        }
        stop.store(true, Ordering::Relaxed);
        made
    };
    let (lengths, made) = futures::future::join(futures::future::join_all(writing), saving).await;
    assert!(lengths.iter().all(|length| *length > 0));
    let mut before = 0;
    for (file, manifest) in made {
        let elsewhere = Place::new();
        let target = elsewhere.path("nexus.db");
        assert_eq!(backup::restore(&file, &target).unwrap(), manifest);
        let restored = SqliteStore::open(&target).unwrap();
        let mut records = 0;
        for (id, last) in ids.iter().zip(&lengths) {
            let length = whole(&restored, *id).await;
            assert!(length <= *last);
            records += length;
        }
        assert_eq!(manifest.tables["journal"], records);
        assert!(records >= before, "a later backup holds less");
        before = records;
    }
    assert!(before > 0, "nothing was written while it was saved");
    // Nothing but what was asked for is left.
    drop(store);
    let mut expected: Vec<_> = (0..5).map(|n| format!("{n}.backup")).collect();
    expected.push("nexus.db".into());
    assert_eq!(place.names(), expected);
}

async fn saved(place: &Place) -> (ExecutionId, PathBuf) {
    let database = place.path("nexus.db");
    let store = SqliteStore::open(&database).unwrap();
    let id = execution(&store).await;
    store.commit(step(id, 0)).await.unwrap();
    let file = place.path("a.backup");
    backup::create(&database, &file, false).unwrap();
    (id, file)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_private_and_replaced_only_when_asked_and_readable_without_nexus() {
    let place = Place::new();
    let (_, file) = saved(&place).await;
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let refused = backup::create(&place.path("nexus.db"), &file, false).unwrap_err().to_string();
    assert!(refused.contains("exists already") && refused.contains("--force"), "{refused}");
    let again = backup::create(&place.path("nexus.db"), &file, true).unwrap();
    assert_eq!(backup::manifest(&file).unwrap(), again);
    assert_eq!((again.tables["executions"], again.tables["events"]), (1, 2));

    let bytes = fs::read(&file).unwrap();
    let content = bytes.splitn(3, |byte| *byte == b'\n').nth(2).unwrap();
    assert_eq!(content.len() as u64, again.bytes);
    let plain = place.path("plain.db");
    fs::write(&plain, content).unwrap();
    let rows: i64 = rusqlite::Connection::open(&plain)
        .unwrap()
        .query_row("SELECT COUNT(*) FROM events", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 2);
}

fn refusal(file: &Path, target: &Path) -> String {
    backup::restore(file, target).unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_backup_is_refused_and_what_was_there_stays() {
    let place = Place::new();
    let (_, file) = saved(&place).await;
    let good = fs::read(&file).unwrap();
    let target = Place::new();
    let there = target.path("nexus.db");
    let old = execution(&SqliteStore::open(&there).unwrap()).await;
    let bad = place.path("bad.backup");
    let manifest_end = good.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0;

    for at in [manifest_end + 1, manifest_end + 5_000, good.len() / 2, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        fs::write(&bad, bytes).unwrap();
        let refused = refusal(&bad, &there);
        assert!(refused.contains("damaged") && refused.contains("checksum"), "{at}: {refused}");
    }
    for length in [good.len() - 1, good.len() / 2, manifest_end + 1, manifest_end / 2] {
        fs::write(&bad, &good[..length]).unwrap();
        let refused = refusal(&bad, &there);
        assert!(refused.contains("damaged"), "{length}: {refused}");
    }
    fs::write(&bad, [good.as_slice(), b"more"].concat()).unwrap();
    assert!(refusal(&bad, &there).contains("damaged"));
    // A manifest that was tampered with.
    let text = String::from_utf8_lossy(&good[..=manifest_end]).replace("\"events\":2", "\"events\":3");
    fs::write(&bad, [text.as_bytes(), &good[manifest_end + 1..]].concat()).unwrap();
    assert!(refusal(&bad, &there).contains("damaged"));
    for foreign in [&b""[..], b"PK\x03\x04 something else", &good[manifest_end + 1..]] {
        fs::write(&bad, foreign).unwrap();
        assert!(refusal(&bad, &there).contains("no backup made by `nexus backup`"));
    }
    assert!(refusal(&place.path("missing"), &there).contains("cannot read"));

    assert!(SqliteStore::open(&there).unwrap().head(old).await.unwrap().is_some());
    assert_eq!(target.names(), ["nexus.db"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused_with_the_version_that_made_it() {
    let place = Place::new();
    let (_, file) = saved(&place).await;
    let connection = rusqlite::Connection::open(place.path("nexus.db")).unwrap();
    connection.pragma_update(None, "user_version", 1_000).unwrap();
    drop(connection);
    backup::create(&place.path("nexus.db"), &file, true).unwrap();
    let refused = refusal(&file, &place.path("other.db"));
    assert!(refused.contains("newer version") && refused.contains("1000"), "{refused}");
    assert!(!place.path("other.db").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_schema_is_migrated_on_restore_and_the_old_log_is_not_played_into_it() {
    let place = Place::new();
    let old = place.path("old.db");
    let connection = rusqlite::Connection::open(&old).unwrap();
    connection.execute_batch(include_str!("../../../migrations/sqlite/0001_init.sql")).unwrap();
    let id = ExecutionId::generate().to_string();
    connection
        .execute_batch(&format!(
            "INSERT INTO executions (id, workflow_id, workflow_version, workflow_name, status, created_at, fence, lease_until)
             VALUES ('{id}', '{}', 1, 'Old', 'queued', 1, 0, 0);
             INSERT INTO execution_inputs VALUES ('{id}', '{{}}'); PRAGMA user_version = 1;",
            WorkflowId::generate()
        ))
        .unwrap();
    drop(connection);
    let file = place.path("old.backup");
    assert_eq!(backup::create(&old, &file, false).unwrap().schema, 1);

    // What is replaced was killed in the middle of its work: its log is still there.
    let target = Place::new();
    let there = target.path("nexus.db");
    let victim = SqliteStore::open(&there).unwrap();
    let gone = execution(&victim).await;
    for suffix in ["", "-wal", "-shm"] {
        fs::copy(target.path(&format!("nexus.db{suffix}")), place.path(&format!("killed.db{suffix}")))
            .unwrap();
    }
    drop(victim);
    let killed = place.path("killed.db");
    backup::restore(&file, &killed).unwrap();
    let store = SqliteStore::open(&killed).unwrap();
    assert!(store.head(id.parse().unwrap()).await.unwrap().is_some());
    assert!(store.head(gone).await.unwrap().is_none());
}

#[test]
fn what_is_no_database_of_nexus_is_not_saved() {
    let place = Place::new();
    let file = place.path("a.backup");
    let missing = backup::create(&place.path("nexus.db"), &file, false).unwrap_err().to_string();
    assert!(missing.contains("NEXUS_DATA_DIR"), "{missing}");
    let other = place.path("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(backup::create(&other, &file, false).is_err());
    fs::write(&other, "no database at all, just text that is long enough to be read as one").unwrap();
    assert!(backup::create(&other, &file, false).is_err());
    assert!(backup::create(&other, &place.path("no/such/folder/a.backup"), false).is_err());
    assert_eq!(place.names(), ["other.db"]);
}
