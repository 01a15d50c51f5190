//! Enforces the deadline of `CallCtx` around any port, so that a call ends in time whatever the transport is:
//! gRPC's own timeout does not exist in process. Of a stream only the beginning is bound; how long a stream may
//! last is for whoever reads it. Not here: deadlines of single provider or store calls.

use crate::{
    BoxStream, CallCtx, Code, Error, Executor, Llm, Memory, Planner, Result, Scraper, Secrets,
    endpoint::{Health, PutSchedule, Schedule},
    executor::{ExecutionFilter, Resume, StartExecution, Started},
    llm::{CompleteRequest, Completion, EmbedRequest, Embedded, Message, ModelInfo, StreamItem},
    memory::{EmbeddingModel, Entry, RecallRequest, Recalled, Reembedded, Scope, StoreRequest, Stored},
    planner::{Estimate, PageRequest, Target},
    scraper::{CreateJob, EndpointData, EndpointQuery, Job, Regenerate, RunPython, TestResult},
    secrets::{Secret, SecretValue},
};
use async_trait::async_trait;
use nexus_model::{
    Event, Execution, ExecutionId, JobId, MemoryId, Money, WorkflowId,
    document::BudgetOverride,
    event::WatchItem,
    execution::ExecutionSummary,
    problem::Report,
    workflow::{Page, Plan, VersionInfo, Workflow},
};
use serde_json::Value;
use std::{future::Future, sync::Arc, time::Duration};

/// A port that answers `DeadlineExceeded` when the deadline of the call has come.
#[derive(Debug)]
pub struct Bounded<P: ?Sized>(Arc<P>);

impl<P: ?Sized> Bounded<P> {
    /// The port with its deadlines enforced.
    pub fn new(port: Arc<P>) -> Self {
        Self(port)
    }
}

impl<P: ?Sized> Clone for Bounded<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

async fn bound<T>(ctx: &CallCtx, work: impl Future<Output = Result<T>>) -> Result<T> {
    // Without this, work that never waits would run although nobody wants it any more.
    if ctx.remaining() == Some(Duration::ZERO) {
        return Err(Error::new(Code::DeadlineExceeded, "the call's deadline had passed before it began"));
    }
    ctx.bound(work).await
}

/// Forwards each method to the port inside, bound by the deadline.
macro_rules! bounded {
    ($port:ident { $(fn $method:ident($($arg:ident: $type:ty),* $(,)?) -> $answer:ty;)* }) => {
        #[async_trait]
        impl<P: $port + ?Sized> $port for Bounded<P> {
            $(async fn $method(&self, ctx: &CallCtx, $($arg: $type),*) -> Result<$answer> {
                bound(ctx, self.0.$method(ctx, $($arg),*)).await
            })*
        }
    };
}

bounded!(Planner {
    fn create_workflow(document: Value, draft: bool) -> Workflow;
    fn get_workflow(id: WorkflowId, version: Option<u32>) -> Workflow;
    fn update_workflow(id: WorkflowId, expected_version: u32, document: Value, draft: bool) -> Workflow;
    fn delete_workflow(id: WorkflowId) -> ();
    fn list_workflows(page: PageRequest, query: Option<String>) -> Page<Workflow>;
    fn list_versions(id: WorkflowId, page: PageRequest) -> Page<VersionInfo>;
    fn validate(document: Value) -> Report;
    fn plan(target: Target) -> Plan;
    fn estimate(target: Target, inputs: Value, budget: Option<BudgetOverride>) -> Estimate;
});

bounded!(Executor {
    fn start_execution(request: StartExecution) -> Started;
    fn get_execution(id: ExecutionId) -> Execution;
    fn list_executions(filter: ExecutionFilter, page: PageRequest) -> Page<ExecutionSummary>;
    fn cancel_execution(id: ExecutionId) -> ExecutionSummary;
    fn resume_execution(id: ExecutionId, resume: Resume) -> ExecutionSummary;
    fn delete_execution(id: ExecutionId) -> ();
    fn list_events(id: ExecutionId, after_seq: u64, limit: u32) -> Vec<Event>;
    fn watch_execution(id: ExecutionId, after_seq: u64) -> BoxStream<WatchItem>;
});

bounded!(Llm {
    fn complete(request: CompleteRequest) -> Completion;
    fn stream_complete(request: CompleteRequest) -> BoxStream<StreamItem>;
    fn embed(request: EmbedRequest) -> Embedded;
    fn count_tokens(model: String, messages: Vec<Message>) -> u64;
    fn list_models() -> Vec<ModelInfo>;
});

bounded!(Memory {
    fn store(request: StoreRequest) -> Stored;
    fn recall(request: RecallRequest) -> Recalled;
    fn list(scope: Scope, page: PageRequest) -> Page<Entry>;
    fn delete(id: MemoryId) -> ();
    fn delete_scope(scope: Scope) -> u64;
    fn embedding_model() -> EmbeddingModel;
    fn reembed(max_cost: Option<Money>) -> Reembedded;
});

bounded!(Scraper {
    fn create_job(request: CreateJob) -> Job;
    fn get_job(id: JobId) -> Job;
    fn list_jobs(page: PageRequest) -> Page<Job>;
    fn delete_job(id: JobId) -> ();
    fn watch_job(id: JobId) -> BoxStream<Job>;
    fn test_job(id: JobId) -> TestResult;
    fn regenerate_job(id: JobId, request: Regenerate) -> Job;
    fn run_endpoint(id: JobId, query: EndpointQuery) -> EndpointData;
    fn run_python(request: RunPython) -> Value;
    fn job_health(id: JobId) -> Health;
    fn put_schedule(id: JobId, schedule: PutSchedule) -> Schedule;
    fn get_schedule(id: JobId) -> Schedule;
    fn delete_schedule(id: JobId) -> ();
});

bounded!(Secrets {
    fn list_secrets(page: PageRequest) -> Page<Secret>;
    fn set_secret(name: String, value: SecretValue) -> Secret;
    fn delete_secret(name: String) -> ();
});
