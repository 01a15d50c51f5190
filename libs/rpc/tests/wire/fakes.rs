//! One fake for all ports: it notes what it is asked, gives the samples, and fails, hangs or panics when told to.
//! Not here: what it gives (`samples`).

use crate::{endpoint_samples, samples};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use nexus_api::{
    BoxStream, CallCtx, Code, Error, Executor, Llm, Memory, Planner, Result, Scraper,
    endpoint::{Health, PutSchedule, Schedule},
    executor::{ExecutionFilter, Resume, StartExecution, Started},
    llm::{CompleteRequest, Completion, EmbedRequest, Embedded, Message, ModelInfo, StreamItem},
    memory::{EmbeddingModel, Entry, RecallRequest, Recalled, Reembedded, Scope, StoreRequest, Stored},
    planner::{Estimate, PageRequest, Target},
    scraper::{CreateJob, EndpointData, EndpointQuery, Job, Regenerate, RunPython, TestResult},
};
use nexus_model::{
    Event, Execution, ExecutionId, ExecutionStatus, JobId, MemoryId, Money, WorkflowId,
    document::BudgetOverride,
    event::WatchItem,
    execution::ExecutionSummary,
    problem::Report,
    workflow::{Page, Plan, VersionInfo, Workflow},
};
use serde_json::Value;
use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// What a fake does when it is asked.
#[derive(Debug, Clone, Default)]
pub(crate) enum Mood {
    /// Answers.
    #[default]
    Good,
    /// Refuses.
    Failing(Error),
    /// Never answers.
    Hanging,
    /// Answers, but for what cannot be cancelled because it has ended.
    Ended,
    /// Panics before it answers.
    Panicking,
    /// Answers; its streams give their first item and then nothing more, ever.
    Stuck,
    /// Answers; its streams give their first item and then this error.
    Breaking(Error),
    /// Answers; its streams give their first item and then panic.
    PanickingLater,
}

#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) mood: Mutex<Mood>,
    asked: Mutex<Vec<String>>,
    contexts: Mutex<Vec<CallCtx>>,
    /// How many calls and streams are alive.
    alive: watch::Sender<usize>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            mood: Mutex::default(),
            asked: Mutex::default(),
            contexts: Mutex::default(),
            alive: watch::Sender::new(0),
        }
    }
}

/// Counts as alive until dropped.
struct Alive(watch::Sender<usize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.send_modify(|alive| *alive -= 1);
    }
}

impl Fake {
    pub(crate) fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self { mood: Mutex::new(mood), ..Self::default() })
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn mood(&self) -> Mood {
        self.mood.lock().unwrap().clone()
    }

    /// Everything asked so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The context of the latest call.
    pub(crate) fn context(&self) -> CallCtx {
        self.contexts.lock().unwrap().last().cloned().unwrap()
    }

    /// Waits until so many calls and streams are alive.
    pub(crate) async fn alive(&self, count: usize) {
        self.alive.subscribe().wait_for(|alive| *alive == count).await.unwrap();
    }

    fn live(&self) -> Alive {
        self.alive.send_modify(|alive| *alive += 1);
        Alive(self.alive.clone())
    }

    async fn enter(&self, ctx: &CallCtx, what: &str, args: impl Debug) -> Result<()> {
        self.asked.lock().unwrap().push(format!("{what} {args:?}"));
        self.contexts.lock().unwrap().push(ctx.clone());
        let _alive = self.live();
        match self.mood() {
            Mood::Failing(error) => Err(error),
            Mood::Hanging => std::future::pending().await,
            Mood::Panicking => panic!("as told"),
            Mood::Ended if what == "cancel_execution" => Err(Error::new(Code::Conflict, "it has ended")),
            Mood::Ended | Mood::Good | Mood::Stuck | Mood::Breaking(_) | Mood::PanickingLater => Ok(()),
        }
    }

    fn stream<T: Send + 'static>(&self, items: Vec<T>) -> BoxStream<T> {
        let alive = self.live();
        let items = stream::iter(items.into_iter().map(Ok));
        let items: BoxStream<T> = match self.mood() {
            Mood::Stuck => items.take(1).chain(stream::pending()).boxed(),
            Mood::Breaking(error) => items.take(1).chain(stream::iter([Err(error)])).boxed(),
            Mood::PanickingLater => items.take(1).chain(stream::once(async { panic!("as told") })).boxed(),
            _ => items.boxed(),
        };
        items
            .inspect(move |_| {
                let _counted = &alive;
            })
            .boxed()
    }
}

/// Methods that note their arguments and give a sample, or a stream of them.
macro_rules! fake {
    ($port:ident {
        $(fn $method:ident($($arg:ident: $type:ty),*) -> $answer:ty = $sample:expr;)*
        $(stream $stream:ident($($sarg:ident: $stype:ty),*) -> $item:ty = $items:expr;)*
    }) => {
        #[async_trait]
        impl $port for Fake {
            $(async fn $method(&self, ctx: &CallCtx, $($arg: $type),*) -> Result<$answer> {
                self.enter(ctx, stringify!($method), ($(&$arg,)*)).await?;
                Ok($sample)
            })*
            $(async fn $stream(&self, ctx: &CallCtx, $($sarg: $stype),*) -> Result<BoxStream<$item>> {
                self.enter(ctx, stringify!($stream), ($(&$sarg,)*)).await?;
                Ok(self.stream($items))
            })*
        }
    };
}

fake!(Planner {
    fn create_workflow(document: Value, draft: bool) -> Workflow = samples::workflow();
    fn get_workflow(id: WorkflowId, version: Option<u32>) -> Workflow = samples::workflow();
    fn update_workflow(id: WorkflowId, seen: u32, document: Value, draft: bool) -> Workflow = samples::workflow();
    fn delete_workflow(id: WorkflowId) -> () = ();
    fn list_workflows(page: PageRequest, query: Option<String>) -> Page<Workflow> = samples::workflows();
    fn list_versions(id: WorkflowId, page: PageRequest) -> Page<VersionInfo> = samples::versions();
    fn validate(document: Value) -> Report = samples::report();
    fn plan(target: Target) -> Plan = samples::plan();
    fn estimate(target: Target, inputs: Value, budget: Option<BudgetOverride>) -> Estimate = samples::estimate();
});

fake!(Executor {
    fn start_execution(request: StartExecution) -> Started =
        Started { execution_id: samples::execution_id(), status: ExecutionStatus::Queued };
    fn get_execution(id: ExecutionId) -> Execution = samples::execution();
    fn list_executions(filter: ExecutionFilter, page: PageRequest) -> Page<ExecutionSummary> = samples::summaries();
    fn cancel_execution(id: ExecutionId) -> ExecutionSummary = samples::summary();
    fn resume_execution(id: ExecutionId, resume: Resume) -> ExecutionSummary = samples::summary();
    fn delete_execution(id: ExecutionId) -> () = ();
    fn list_events(id: ExecutionId, after_seq: u64, limit: u32) -> Vec<Event> = vec![samples::event(1)];
    stream watch_execution(id: ExecutionId, after_seq: u64) -> WatchItem = samples::watched();
});

fake!(Llm {
    fn complete(request: CompleteRequest) -> Completion = samples::completion();
    fn embed(request: EmbedRequest) -> Embedded = samples::embedded();
    fn count_tokens(model: String, messages: Vec<Message>) -> u64 = u64::MAX;
    fn list_models() -> Vec<ModelInfo> = samples::models();
    stream stream_complete(request: CompleteRequest) -> StreamItem = samples::streamed();
});

fake!(Memory {
    fn store(request: StoreRequest) -> Stored = samples::stored();
    fn recall(request: RecallRequest) -> Recalled = samples::recalled();
    fn list(scope: Scope, page: PageRequest) -> Page<Entry> = Page { items: samples::entries(), next_cursor: None };
    fn delete(id: MemoryId) -> () = ();
    fn delete_scope(scope: Scope) -> u64 = u64::MAX;
    fn embedding_model() -> EmbeddingModel = samples::embedding_model();
    fn reembed(max_cost: Option<Money>) -> Reembedded = samples::reembedded();
});

fake!(Scraper {
    fn create_job(request: CreateJob) -> Job = samples::job();
    fn get_job(id: JobId) -> Job = samples::job();
    fn list_jobs(page: PageRequest) -> Page<Job> = Page { items: samples::jobs(), next_cursor: Some("n".into()) };
    fn delete_job(id: JobId) -> () = ();
    fn test_job(id: JobId) -> TestResult = samples::test_result();
    fn regenerate_job(id: JobId, request: Regenerate) -> Job = samples::job();
    fn run_endpoint(id: JobId, query: EndpointQuery) -> EndpointData = samples::endpoint_data();
    fn run_python(request: RunPython) -> Value = samples::document();
    fn job_health(id: JobId) -> Health = endpoint_samples::health();
    fn put_schedule(id: JobId, schedule: PutSchedule) -> Schedule = endpoint_samples::schedule();
    fn get_schedule(id: JobId) -> Schedule = endpoint_samples::schedule();
    fn delete_schedule(id: JobId) -> () = ();
    stream watch_job(id: JobId) -> Job = samples::jobs();
});
