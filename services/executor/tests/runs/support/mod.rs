//! An executor on a private SQLite store with a language model that the test controls.
pub mod ports;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use nexus_api::{
    BoxStream, CallCtx, Code, Error, Executor, Llm, Result,
    executor::StartExecution,
    llm::{
        CompleteRequest, Completion, EmbedRequest, Embedded, FinishReason, Message, ModelInfo, Role,
        StreamItem, ToolCall,
    },
};
use nexus_bus::InProcessBus;
use nexus_executor::{Deps, ExecutorService, Options, Vault};
use nexus_model::{
    Event, ExecutionId, Money, WorkflowId,
    event::WatchItem,
    limits::Limits,
    price::{PriceBook, Usage},
};
use nexus_store::{NewVersion, WorkflowStore, sqlite::SqliteStore};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Answers every prompt with `answer to <prompt>`, unless told otherwise. A prompt containing `hold` waits until
/// the test lets it go.
#[derive(Default)]
pub struct ScriptedLlm {
    pub calls: Mutex<Vec<String>>,
    failures: Mutex<HashMap<String, u32>>,
    endless: Mutex<Vec<String>>,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    unknown: Mutex<Vec<String>>,
    pub started: tokio::sync::Notify,
}

impl ScriptedLlm {
    /// The next `times` calls with this prompt fail, retryably.
    pub fn fail(&self, prompt: &str, times: u32) {
        self.failures.lock().unwrap().insert(prompt.into(), times);
    }

    /// Calls with this prompt wait until their deadline, and then the provider's adapter says so first.
    pub fn never_end(&self, prompt: &str) {
        self.endless.lock().unwrap().push(prompt.into());
    }

    /// Calls with this prompt do not say what they used.
    pub fn cost_everything_held(&self, prompt: &str) {
        self.unknown.lock().unwrap().push(prompt.into());
    }

    fn gate(&self, prompt: &str) -> Arc<Semaphore> {
        self.gates.lock().unwrap().entry(prompt.into()).or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
    }

    /// Lets one held call with this prompt go on.
    pub fn let_go(&self, prompt: &str) {
        self.gate(prompt).add_permits(1);
    }

    pub fn count(&self, prompt: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| *call == prompt).count()
    }

    /// Waits until a call with this prompt has begun `times` times.
    pub async fn begun(&self, prompt: &str, times: usize) {
        loop {
            let notified = self.started.notified();
            if self.count(prompt) >= times {
                return;
            }
            notified.await;
        }
    }
}

#[async_trait]
impl Llm for ScriptedLlm {
    async fn complete(&self, ctx: &CallCtx, request: CompleteRequest) -> Result<Completion> {
        let mut items = self.stream_complete(ctx, request).await?;
        while let Some(item) = items.next().await {
            if let StreamItem::Done(completion) = item? {
                return Ok(*completion);
            }
        }
        Err(Error::unavailable("no answer"))
    }

    async fn stream_complete(
        &self,
        ctx: &CallCtx,
        request: CompleteRequest,
    ) -> Result<BoxStream<StreamItem>> {
        let prompt = request.messages.last().map(|message| message.content.clone()).unwrap_or_default();
        self.calls.lock().unwrap().push(prompt.clone());
        self.started.notify_waiters();
        if let Some(left) = self.failures.lock().unwrap().get_mut(&prompt)
            && *left > 0
        {
            *left -= 1;
            return Err(Error::new(Code::Unavailable, "scripted failure").reason("provider_overloaded"));
        }
        if self.endless.lock().unwrap().contains(&prompt) {
            let deadline = ctx.deadline.unwrap();
            // a sleep ends a moment late: it is as if the adapter had looked at its own clock
            let late = Err(Error::new(Code::DeadlineExceeded, "no answer").reason("provider_timeout"));
            return Ok(stream::once(async move {
                tokio::time::sleep_until(deadline).await;
                late
            })
            .boxed());
        }
        if prompt.contains("hold") {
            let gate = self.gate(&prompt);
            gate.acquire().await.unwrap().forget();
        }
        let used = request.messages.iter().any(|message| message.role == Role::Tool);
        let tool_calls = match request.tools.first() {
            Some(tool) if !used => {
                vec![ToolCall {
                    id: "call_1".into(),
                    name: tool.name.clone(),
                    arguments: r#"{"q": "x"}"#.into(),
                }]
            }
            _ => Vec::new(),
        };
        let text = format!("answer to {prompt}");
        let completion = Completion {
            model: request.model,
            provider: "scripted".into(),
            text: text.clone(),
            finish_reason: if tool_calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls },
            tool_calls,
            usage: (!self.unknown.lock().unwrap().contains(&prompt)).then_some(Usage {
                input: 10,
                output: 5,
                ..Usage::default()
            }),
            cost: Money::from_picos(1_000),
            cached: false,
        };
        let mut items: Vec<Result<StreamItem>> =
            text.split_inclusive(' ').map(|word| Ok(StreamItem::Delta(word.to_owned()))).collect();
        items.push(Ok(StreamItem::Done(Box::new(completion))));
        Ok(stream::iter(items).boxed())
    }

    async fn embed(&self, _ctx: &CallCtx, _request: EmbedRequest) -> Result<Embedded> {
        Err(Error::unimplemented("embedding"))
    }

    async fn count_tokens(&self, _ctx: &CallCtx, _model: String, _messages: Vec<Message>) -> Result<u64> {
        Ok(0)
    }

    async fn list_models(&self, _ctx: &CallCtx) -> Result<Vec<ModelInfo>> {
        Ok(Vec::new())
    }
}

/// A store, a bus and a model; executors come and go.
pub struct World {
    pub store: Arc<SqliteStore>,
    pub llm: Arc<ScriptedLlm>,
    pub memory: Arc<ports::FakeMemory>,
    pub egress: nexus_egress::Policy,
    pub bus: Arc<InProcessBus>,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("nexus.db")).unwrap());
        Self {
            store,
            llm: Arc::default(),
            memory: Arc::default(),
            egress: nexus_egress::Policy::public(),
            bus: Arc::new(InProcessBus::new()),
            _folder: folder,
        }
    }

    pub fn deps(&self) -> Deps {
        Deps {
            store: self.store.clone(),
            bus: self.bus.clone(),
            llm: self.llm.clone(),
            memory: self.memory.clone(),
            scraper: Arc::new(ports::FakeScraper),
            http: nexus_egress::Client::new(self.egress.clone(), nexus_egress::Limits::default()),
            vault: Vault::new(self.store.clone(), Some(&[7; 32])),
            prices: PriceBook::builtin(),
            limits: Limits::default(),
        }
    }

    /// An executor with short leases, so that taking over does not take long.
    pub fn executor(&self) -> ExecutorService {
        ExecutorService::start(self.deps(), quick())
    }

    pub async fn workflow(&self, document: Value) -> WorkflowId {
        let Value::Object(document) = document else { panic!("a document is an object") };
        let version = NewVersion { document, valid: true, problems: Vec::new() };
        self.store.create_workflow(&nexus_api::Workspace::default(), version).await.unwrap().id
    }
}

pub fn quick() -> Options {
    Options {
        lease: Duration::from_millis(600),
        heartbeat: Duration::from_millis(150),
        stop_after: Duration::from_millis(400),
        poll: Duration::from_millis(50),
        drain: Duration::from_secs(5),
        ..Options::default()
    }
}

/// A chain of agents, one per prompt.
pub fn chain(prompts: &[&str]) -> Value {
    let nodes: Vec<Value> = prompts
        .iter()
        .enumerate()
        .map(|(ix, prompt)| {
            json!({"id": format!("n{ix}"), "type": "agent", "config": {"model": "demo/small", "prompt": prompt},
                   "policy": {"retry": {"initial_interval_ms": 1, "max_attempts": 2}}})
        })
        .collect();
    let edges: Vec<Value> = (1..prompts.len())
        .map(|ix| json!({"id": format!("e{ix}"), "source": format!("n{}", ix - 1), "target": format!("n{ix}")}))
        .collect();
    json!({"name": "chain", "graph": {"nodes": nodes, "edges": edges}})
}

pub fn start(workflow_id: WorkflowId) -> StartExecution {
    StartExecution { workflow_id, version: None, inputs: json!({}), budget: None, idempotency_key: None }
}

pub async fn run(executor: &ExecutorService, workflow: WorkflowId) -> ExecutionId {
    executor.start_execution(&CallCtx::background(), start(workflow)).await.unwrap().execution_id
}

/// Watches to the end and checks that `seq` follows `after` without a gap.
pub async fn watch(executor: &dyn Executor, id: ExecutionId, after: u64) -> Vec<WatchItem> {
    let items = executor.watch_execution(&CallCtx::background(), id, after).await.unwrap();
    let items: Vec<WatchItem> = items.map(|item| item.unwrap()).collect().await;
    let seqs: Vec<u64> = events(&items).iter().map(|event| event.seq).collect();
    let expected: Vec<u64> = (after + 1..).take(seqs.len()).collect();
    assert_eq!(seqs, expected);
    items
}

pub fn events(items: &[WatchItem]) -> Vec<&Event> {
    items
        .iter()
        .filter_map(|item| if let WatchItem::Event(event) = item { Some(event) } else { None })
        .collect()
}

/// Types and nodes of the events, for comparison.
pub fn story(items: &[WatchItem]) -> Vec<String> {
    events(items)
        .iter()
        .map(|event| match &event.agent_id {
            Some(node) => format!("{} {node}", event.kind.as_str()),
            None => event.kind.as_str().to_owned(),
        })
        .collect()
}
