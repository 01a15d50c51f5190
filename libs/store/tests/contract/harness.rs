//! Databases for the cases, and short ways to say what most of them need. Not here: cases.

use nexus_api::Workspace;
use nexus_model::{
    EventType, ExecutionId, ExecutionStatus, Money, NodeId, Timestamp, WorkflowId, document::Budget,
    execution::Tokens,
};
use nexus_store::{
    Created, Fence, HeadUpdate, Loaded, NewEvent, NewExecution, NewVersion, Ownership, Step, Store,
    postgres::PostgresStore, sqlite::SqliteStore,
};
use nexus_testkit::postgres::Server;
use serde_json::{Value, json};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// Long enough that no test sees it run out.
pub(crate) const LONG: Duration = Duration::from_secs(3600);
/// So short that a test can wait for its end.
pub(crate) const SHORT: Duration = Duration::from_millis(1);

/// The server that all tests of this process share. It ends with the process.
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start_without_fsync().unwrap())
}

/// A database of a test's own.
pub(crate) struct Db {
    /// How another process reaches it.
    pub(crate) address: String,
    store: Option<Arc<dyn Store>>,
    _folder: Option<tempfile::TempDir>,
}

impl Db {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}", folder.path().join("nexus.db").display());
        Self { store: Some(open(&address).await), address, _folder: Some(folder) }
    }

    pub(crate) async fn postgres() -> Self {
        let address = server().create_database().unwrap();
        PostgresStore::connect(&address).await.unwrap().migrate().await.unwrap();
        Self { store: Some(open(&address).await), address, _folder: None }
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        self.store.clone().unwrap()
    }

    /// A store of its own on the same database, as another process would have.
    pub(crate) async fn another(&self) -> Arc<dyn Store> {
        open(&self.address).await
    }
}

pub(crate) async fn open(address: &str) -> Arc<dyn Store> {
    match address.strip_prefix("sqlite://") {
        Some(path) => Arc::new(SqliteStore::open(path).unwrap()),
        None => Arc::new(PostgresStore::connect(address).await.unwrap()),
    }
}

/// A valid document with this name.
pub(crate) fn version(name: &str) -> NewVersion {
    let Value::Object(document) =
        json!({"schema_version": 1, "name": name, "graph": {"nodes": [], "edges": []}})
    else {
        unreachable!()
    };
    NewVersion { document, valid: true, problems: Vec::new() }
}

/// The workspace of those who are in no other.
pub(crate) fn home() -> Workspace {
    Workspace::default()
}

pub(crate) fn execution() -> NewExecution {
    NewExecution {
        id: ExecutionId::generate(),
        workspace: home(),
        principal: None,
        workflow_id: WorkflowId::generate(),
        workflow_version: 3,
        workflow_name: "Research".into(),
        inputs: json!({"topic": "tides"}),
        budget: None,
        created_at: Timestamp::now(),
        idempotency: None,
        claim_by: None,
        traceparent: None,
    }
}

pub(crate) fn budget(limit_picos: i64) -> Budget {
    Budget { limit_usd: Some(Money::from_picos(limit_picos)), warn_at: 0.8, on_exhausted: Default::default() }
}

/// Creates an execution that `worker` owns; its fence is 1.
pub(crate) async fn owned(store: &dyn Store, worker: &str, lease: Duration) -> ExecutionId {
    let new = NewExecution { claim_by: Some((worker.into(), lease)), ..execution() };
    let id = new.id;
    assert_eq!(store.create_execution(new).await, Ok(Created::New));
    id
}

pub(crate) async fn load(store: &dyn Store, id: ExecutionId) -> Loaded {
    store.load(id).await.unwrap().unwrap()
}

/// A running execution's step with so many records and events.
pub(crate) fn step(id: ExecutionId, fence: Fence, journal_len: u64, records: u64, events: u64) -> Step {
    Step {
        id,
        fence,
        journal_len,
        records: (0..records).map(|n| format!("{{\"n\":{}}}", journal_len + n)).collect(),
        events: (0..events).map(|n| event(json!({"n": n}))).collect(),
        update: update(ExecutionStatus::Running),
        ownership: Ownership::Keep,
        progress: true,
    }
}

pub(crate) fn update(status: ExecutionStatus) -> HeadUpdate {
    HeadUpdate {
        status,
        error: None,
        budget: None,
        spent: Money::ZERO,
        reserved: Money::ZERO,
        tokens: Tokens::default(),
        started_at: Some(Timestamp::from_micros(1_800_000_000_000_001)),
        finished_at: None,
    }
}

pub(crate) fn event(data: Value) -> NewEvent {
    NewEvent {
        kind: EventType::AgentCompleted,
        agent_id: Some(NodeId::new("draft").unwrap()),
        data,
        timestamp: Timestamp::now(),
    }
}

/// Checks what must hold of every execution at every moment: journal and events are as long as the row says, in
/// order and without gaps.
pub(crate) async fn assert_whole(store: &dyn Store, id: ExecutionId) -> Loaded {
    let loaded = load(store, id).await;
    assert_eq!(loaded.journal.len() as u64, loaded.head.journal_len);
    for (idx, record) in loaded.journal.iter().enumerate() {
        assert_eq!(*record, format!("{{\"n\":{idx}}}"));
    }
    let events = store.events(id, 0, u32::MAX).await.unwrap();
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..loaded.head.next_seq).collect::<Vec<_>>());
    loaded
}
