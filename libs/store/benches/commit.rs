//! How many steps per second become durable, alone and with many executions at once, on both backends, beside what
//! the disk can sync: `cargo bench -p nexus-store`. Not here: how much a whole run costs.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints its result and may fail loudly"
)]

use nexus_model::{
    EventType, ExecutionId, ExecutionStatus, Money, NodeId, Timestamp, WorkflowId, execution::Tokens,
};
use nexus_store::{
    HeadUpdate, NewEvent, NewExecution, Ownership, Step, Store, postgres::PostgresStore, sqlite::SqliteStore,
};
use nexus_testkit::postgres::Server;
use serde_json::json;
use std::{
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const FOR: Duration = Duration::from_secs(3);
const LEASE: Duration = Duration::from_secs(3600);

/// Syncs per second of one small append after the other: what a store without group commit could reach at most.
fn syncs_per_second(folder: &Path) -> f64 {
    let mut file = std::fs::File::create(folder.join("sync-probe")).unwrap();
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < Duration::from_secs(1) {
        file.write_all(&[7; 512]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

/// A step as a paid node makes it: one record, two events, about a kilobyte.
fn step(id: ExecutionId, journal_len: u64) -> Step {
    let event = |kind| NewEvent {
        kind,
        agent_id: Some(NodeId::new("draft").unwrap()),
        data: json!({"output": {"text": "x".repeat(300)}, "tokens": {"prompt": 120, "completion": 80}}),
        timestamp: Timestamp::now(),
    };
    Step {
        id,
        fence: 1,
        journal_len,
        records: vec![json!({"record": "settled", "text": "y".repeat(300)}).to_string()],
        events: vec![event(EventType::AgentCompleted), event(EventType::AgentStarted)],
        update: HeadUpdate {
            status: ExecutionStatus::Running,
            error: None,
            budget: None,
            spent: Money::from_picos(1_000),
            reserved: Money::from_picos(500),
            tokens: Tokens { prompt: 120, completion: 80 },
            started_at: Some(Timestamp::now()),
            finished_at: None,
        },
        ownership: Ownership::Keep,
        progress: true,
    }
}

/// Latencies of all steps that so many executions make side by side in the given time, sorted.
async fn run(store: &Arc<dyn Store>, executions: usize) -> Vec<Duration> {
    let mut tasks = Vec::new();
    for _ in 0..executions {
        let new = NewExecution {
            id: ExecutionId::generate(),
            workflow_id: WorkflowId::generate(),
            workspace: nexus_api::Workspace::default(),
            principal: None,
            workflow_version: 1,
            workflow_name: "Bench".into(),
            inputs: json!({"topic": "tides"}),
            budget: None,
            created_at: Timestamp::now(),
            idempotency: None,
            claim_by: Some(("bench".into(), LEASE)),
            traceparent: None,
        };
        let id = new.id;
        store.create_execution(new).await.unwrap();
        let store = Arc::clone(store);
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            let end = Instant::now() + FOR;
            while Instant::now() < end {
                let start = Instant::now();
                store.commit(step(id, latencies.len() as u64)).await.unwrap();
                latencies.push(start.elapsed());
            }
            latencies
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all.sort_unstable();
    all
}

async fn measure(name: &str, store: Arc<dyn Store>, commits: impl Fn() -> u64, syncs: f64) {
    for executions in [1, 50] {
        let before = commits();
        let start = Instant::now();
        let latencies = run(&store, executions).await;
        let seconds = start.elapsed().as_secs_f64();
        let share = latencies.len() as f64 / (commits() - before).max(1) as f64;
        let at = |part: usize| latencies[(latencies.len() - 1) * part / 100].as_secs_f64() * 1_000.0;
        println!(
            "{name:9} {executions:>10} {:>9.0} {share:>12.1} {:>8.2} {:>8.2} {syncs:>9.0}",
            latencies.len() as f64 / seconds,
            at(50),
            at(99),
        );
    }
}

#[tokio::main]
async fn main() {
    // `cargo test --benches` only wants to know that it runs.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    println!("backend   executions   steps/s steps/commit   p50 ms   p99 ms   syncs/s");
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(folder.path().join("nexus.db")).unwrap();
    let syncs = syncs_per_second(folder.path());
    measure("sqlite", Arc::new(sqlite.clone()), || sqlite.commits(), syncs).await;

    let server = Server::start().unwrap();
    let postgres = PostgresStore::connect(&server.create_database().unwrap()).await.unwrap();
    postgres.migrate().await.unwrap();
    let syncs = syncs_per_second(folder.path());
    measure("postgres", Arc::new(postgres.clone()), || postgres.commits(), syncs).await;
}
