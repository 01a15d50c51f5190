//! What durability costs: commits per node of a chain, and steps per second of many graphs at once, on SQLite
//! (`synchronous=FULL`) and on a private Postgres, beside the disk's own fsync rate in the same run. The model
//! answers in no time, so everything measured is ours.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints what it finds, and ends with a panic when it finds nothing"
)]

#[path = "../tests/runs/support/ports.rs"]
mod ports;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use nexus_api::{
    BoxStream, CallCtx, Error, Executor, Llm, Result,
    executor::StartExecution,
    llm::{
        CompleteRequest, Completion, EmbedRequest, Embedded, FinishReason, Message, ModelInfo, StreamItem,
    },
};
use nexus_bus::InProcessBus;
use nexus_executor::{Deps, ExecutorService, Options, Vault};
use nexus_model::{
    Money, WorkflowId,
    event::WatchItem,
    limits::Limits,
    price::{PriceBook, Usage},
};
use nexus_store::{NewVersion, Store, postgres::PostgresStore, sqlite::SqliteStore};
use serde_json::{Value, json};
use std::{
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

struct Instantly;

#[async_trait]
impl Llm for Instantly {
    async fn complete(&self, _: &CallCtx, _: CompleteRequest) -> Result<Completion> {
        Err(Error::unimplemented("not measured"))
    }
    /// Takes as many milliseconds as the prompt says.
    async fn stream_complete(&self, _: &CallCtx, request: CompleteRequest) -> Result<BoxStream<StreamItem>> {
        let millis = request.messages.last().and_then(|message| message.content.parse().ok());
        if let Some(millis) = millis {
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
        let done = Completion {
            model: request.model,
            provider: "bench".into(),
            text: "done".into(),
            tool_calls: Vec::new(),
            finish_reason: FinishReason::Stop,
            usage: Some(Usage { input: 1, output: 1, ..Usage::default() }),
            cost: Money::from_picos(1),
            cached: false,
        };
        Ok(stream::iter([Ok(StreamItem::Done(Box::new(done)))]).boxed())
    }
    async fn embed(&self, _: &CallCtx, _: EmbedRequest) -> Result<Embedded> {
        Err(Error::unimplemented("not measured"))
    }
    async fn count_tokens(&self, _: &CallCtx, _: String, _: Vec<Message>) -> Result<u64> {
        Ok(0)
    }
    async fn list_models(&self, _: &CallCtx) -> Result<Vec<ModelInfo>> {
        Ok(Vec::new())
    }
}

fn agent(ix: usize) -> Value {
    json!({"id": format!("n{ix}"), "type": "agent", "config": {"model": "demo/small", "prompt": "go"}})
}

fn edge(from: usize, to: usize) -> Value {
    json!({"id": format!("e{from}_{to}"), "source": format!("n{from}"), "target": format!("n{to}")})
}

/// 20 agents in a row.
fn chain() -> Value {
    let edges: Vec<Value> = (1..20).map(|ix| edge(ix - 1, ix)).collect();
    json!({"name": "chain", "graph": {"nodes": (0..20).map(agent).collect::<Vec<_>>(), "edges": edges}})
}

/// 20 agents: one, six, six, six, one.
fn layers() -> Value {
    let mut edges = Vec::new();
    for column in 0..6 {
        edges.extend([
            edge(0, 1 + column),
            edge(1 + column, 7 + column),
            edge(7 + column, 13 + column),
            edge(13 + column, 19),
        ]);
    }
    json!({"name": "layers", "graph": {"nodes": (0..20).map(agent).collect::<Vec<_>>(), "edges": edges}})
}

/// An agent whose model takes so many milliseconds.
fn taking(ix: usize, millis: u64) -> Value {
    json!({"id": format!("n{ix}"), "type": "agent", "config": {"model": "demo/small", "prompt": millis.to_string()}})
}

/// Two branches: 100 ms then 500 ms, and 500 ms then 100 ms.
fn crossed() -> Value {
    let nodes = [taking(0, 100), taking(1, 500), taking(2, 500), taking(3, 100)];
    json!({"name": "crossed", "graph": {"nodes": nodes, "edges": [edge(0, 1), edge(2, 3)]}})
}

/// One agent, then 200 at a time, then one; 50 ms each.
fn fan() -> Value {
    let nodes: Vec<Value> = (0..202).map(|ix| taking(ix, 50)).collect();
    let edges: Vec<Value> = (1..201).flat_map(|ix| [edge(0, ix), edge(ix, 201)]).collect();
    json!({"name": "fan", "graph": {"nodes": nodes, "edges": edges}})
}

struct Bench {
    store: Arc<dyn Store>,
    executor: ExecutorService,
}

impl Bench {
    fn new(store: Arc<dyn Store>) -> Self {
        let vault = Vault::new(Arc::new(SqliteStore::open(":memory:").unwrap()), None);
        let deps = Deps {
            store: store.clone(),
            bus: Arc::new(InProcessBus::new()),
            llm: Arc::new(Instantly),
            memory: Arc::new(ports::FakeMemory::default()),
            scraper: Arc::new(ports::FakeScraper),
            http: nexus_egress::Client::new(nexus_egress::Policy::public(), nexus_egress::Limits::default()),
            vault,
            prices: PriceBook::builtin(),
            limits: Limits::default(),
        };
        Self { store, executor: ExecutorService::start(deps, Options::default()) }
    }

    async fn workflow(&self, document: Value) -> WorkflowId {
        let Value::Object(document) = document else { unreachable!() };
        let version = NewVersion { document, valid: true, problems: Vec::new() };
        self.store.create_workflow(&nexus_api::Workspace::default(), version).await.unwrap().id
    }

    async fn run(&self, workflow_id: WorkflowId) {
        let ctx = CallCtx::background();
        let request = StartExecution {
            workflow_id,
            version: None,
            inputs: json!({}),
            budget: None,
            idempotency_key: None,
        };
        let id = self.executor.start_execution(&ctx, request).await.unwrap().execution_id;
        let mut items = self.executor.watch_execution(&ctx, id, 0).await.unwrap();
        while let Some(item) = items.next().await {
            if let WatchItem::Event(event) = item.unwrap()
                && event.kind == nexus_model::EventType::ExecutionCompleted
            {
                assert_eq!(event.data["status"], "succeeded");
            }
        }
    }

    /// Nodes finished per second with 50 executions at a time; the median of five rounds.
    async fn steps_per_second(&self, workflow: WorkflowId) -> f64 {
        let mut rates = Vec::new();
        for _ in 0..5 {
            let begun = Instant::now();
            futures::future::join_all((0..50).map(|_| self.run(workflow))).await;
            rates.push(50.0 * 20.0 / begun.elapsed().as_secs_f64());
        }
        rates.sort_by(f64::total_cmp);
        rates[2]
    }
}

/// Appends and syncs for half a second.
fn fsyncs_per_second(folder: &Path) -> f64 {
    let mut file = std::fs::File::create(folder.join("fsync")).unwrap();
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < Duration::from_millis(500) {
        file.write_all(&[0; 512]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

async fn report(name: &str, bench: &Bench, commits: impl Fn() -> u64, folder: &Path) {
    let (chain, layers) = (bench.workflow(chain()).await, bench.workflow(layers()).await);
    bench.run(chain).await;
    let before = commits();
    bench.run(chain).await;
    let per_node = (commits() - before) as f64 / 20.0;
    println!("{name:<9} chain of 20 agents: {per_node:.2} commits per node (aim 1.5 at most)");
    let before = commits();
    let rate = bench.steps_per_second(layers).await;
    let commits = commits() - before;
    println!(
        "{name:<9} 50 graphs of 20 at once: {rate:.0} steps/s (aim 3000), {:.1} steps per commit",
        5_000.0 / commits as f64
    );
    println!("{name:<9} the disk beside it: {:.0} fsyncs/s", fsyncs_per_second(folder));
    for (what, document, ideal) in [
        ("two branches, 100 ms → 500 ms and 500 ms → 100 ms", crossed(), 600),
        ("1 → 200 → 1, 50 ms a call", fan(), 150),
    ] {
        let workflow = bench.workflow(document).await;
        let mut took = Vec::new();
        for _ in 0..5 {
            let begun = Instant::now();
            bench.run(workflow).await;
            took.push(begun.elapsed().as_millis());
        }
        took.sort_unstable();
        println!("{name:<9} {what}: {} ms (the calls alone take {ideal} ms)", took[2]);
    }
    bench.executor.shutdown().await;
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Arc::new(SqliteStore::open(folder.path().join("bench.db")).unwrap());
    let counting = sqlite.clone();
    report("sqlite", &Bench::new(sqlite), move || counting.commits(), folder.path()).await;

    let server = nexus_testkit::postgres::Server::start().unwrap();
    let url = server.create_database().unwrap();
    let postgres = PostgresStore::connect(&url).await.unwrap();
    postgres.migrate().await.unwrap();
    let postgres = Arc::new(postgres);
    let counting = postgres.clone();
    report("postgres", &Bench::new(postgres), move || counting.commits(), folder.path()).await;
}
