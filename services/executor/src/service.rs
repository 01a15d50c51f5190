//! The executor port: accepting, showing, cancelling, resuming, watching. Not here: running (`run`, `owner`).

use crate::{
    Deps, Options,
    observe::{self, Follower},
    owner::{self, Owner},
    retention, run, step, watch,
};
use async_trait::async_trait;
use nexus_api::{
    BoxStream, CallCtx, Code, Error, Executor, Result,
    executor::{ExecutionFilter, Resume, StartExecution, Started},
    planner::PageRequest,
};
use nexus_bus::Topic;
use nexus_engine::{Env, Input};
use nexus_expr::schema;
use nexus_model::{
    Event, Execution, ExecutionId, ExecutionStatus, Timestamp,
    document::{Budget, BudgetOverride},
    event::WatchItem,
    execution::{ExecutionSummary, Spending, Tokens},
    workflow::{Page, Workflow},
};
use nexus_runtime::trace;
use nexus_store::{Claimed, Created, Ended, Head, ListFilter, Loaded, NewExecution, Ownership};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tracing::Span;

/// How often a request to an execution that runs elsewhere races its owner before it gives up.
const RACES: usize = 100;

/// The executor service of this process.
#[derive(Clone)]
pub struct ExecutorService {
    deps: Deps,
    owner: Arc<Owner>,
}

impl ExecutorService {
    /// Starts claiming executions and answering requests.
    pub fn start(deps: Deps, options: Options) -> Self {
        if let Some(fault) = nexus_engine::BROKEN {
            tracing::error!("BROKEN ON PURPOSE: {fault}");
        }
        Self { owner: Owner::start(deps.clone(), options), deps }
    }

    /// Claims and begins nothing more; `shutdown` then waits for what is in flight.
    pub fn drain(&self) {
        self.owner.drain();
    }

    /// Claims nothing more, lets calls in flight end (up to `Options::drain`), gives back the rest.
    pub async fn shutdown(&self) {
        self.owner.shutdown().await;
    }

    /// The budget that an execution starts with, judged together with the document.
    fn budget(&self, workflow: &Workflow, overrides: Option<BudgetOverride>) -> Result<Option<Budget>> {
        let own = workflow.document.get("budget").cloned().unwrap_or_default();
        let own: Option<Budget> = serde_json::from_value(own)
            .map_err(|error| Error::internal(format!("stored budget: {error}")))?;
        let merged = Budget::merged(own, overrides);
        if overrides.is_some() {
            let mut document = workflow.document.clone();
            document.insert("budget".into(), json!(merged));
            let report = nexus_plan::validate(&Value::Object(document), &self.deps.limits, &self.deps.prices);
            if let Some(first) = report.errors.first() {
                let mut error = Error::new(
                    Code::Invalid,
                    format!("the workflow cannot run under this budget: {}", first.message),
                );
                error.suggestion.clone_from(&first.suggestion);
                for problem in report.errors {
                    error = error.detail(problem.path, problem.message);
                }
                return Err(error);
            }
        }
        Ok(merged)
    }

    /// Puts a request to an execution, wherever it runs.
    async fn request(&self, id: ExecutionId, input: Input) -> Result<()> {
        for _ in 0..RACES {
            if let Some(answer) = self.owner.request(id, input.clone()).await {
                return answer;
            }
            let loaded = self.load(id).await?;
            let mut state = self.owner.definitions.state(&loaded).await?;
            let env = Env { now: Timestamp::now(), random: 0.0, hold: false };
            let mut follower = Follower::of_request(&loaded, &state);
            let step = nexus_engine::step(&mut state, input.clone(), env).map_err(refused)?;
            let seen = follower.step(&state, &step.records);
            let mut step = step::store_step(&state, loaded.head.fence, loaded.head.journal_len, step);
            step.ownership = Ownership::Nobody;
            let events = step.events.clone();
            match self.deps.store.commit(step).await {
                Ok(committed) => {
                    seen.tell();
                    observe::refer(&loaded.head);
                    run::publish_events(&self.deps, id, committed, events);
                    owner::stop_elsewhere(&self.deps, &loaded.head).await;
                    if state.status == ExecutionStatus::Queued {
                        self.deps.bus.publish(Topic::Work, bytes::Bytes::from_static(b"queued"));
                        self.owner.wake();
                    }
                    return Ok(());
                }
                Err(nexus_store::Error::FenceLost) => tokio::task::yield_now().await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(owner::contended())
    }

    async fn load(&self, id: ExecutionId) -> Result<Loaded> {
        let loaded = self.deps.store.load(id).await?;
        loaded.ok_or_else(|| Error::not_found(format!("execution {id}")))
    }

    /// Whatever is done for somebody begins here: an execution of another workspace is not there for them.
    async fn check(&self, ctx: &CallCtx, id: ExecutionId) -> Result<()> {
        match self.deps.store.position_in(&ctx.workspace, id).await? {
            Some(_) => Ok(()),
            None => Err(Error::not_found(format!("execution {id}"))),
        }
    }

    async fn summary(&self, id: ExecutionId) -> Result<ExecutionSummary> {
        let head = self.deps.store.head(id).await?;
        Ok(head.ok_or_else(|| Error::not_found(format!("execution {id}")))?.summary)
    }
}

#[async_trait]
impl Executor for ExecutorService {
    async fn start_execution(&self, ctx: &CallCtx, request: StartExecution) -> Result<Started> {
        let workflow = self.workflow(ctx, &request).await?;
        check_inputs(&workflow, &request.inputs)?;
        let budget = self.budget(&workflow, request.budget)?;
        let idempotency = request.idempotency_key.as_ref().map(|key| (key.clone(), fingerprint(&request)));
        let claim_by =
            self.owner.has_room().then(|| (self.owner.options.worker.clone(), self.owner.options.lease));
        let execution = NewExecution {
            id: ExecutionId::generate(),
            workspace: ctx.workspace.clone(),
            principal: ctx.principal.clone(),
            workflow_id: workflow.id,
            workflow_version: workflow.version,
            workflow_name: workflow.name().to_owned(),
            inputs: request.inputs,
            budget,
            created_at: Timestamp::now(),
            idempotency,
            claim_by,
            // Here, since what runs later runs in no request.
            traceparent: trace::traceparent_of(&Span::current()).or_else(|| ctx.traceparent.clone()),
        };
        // In a task of its own: a caller that goes away must not leave an execution that is ours but does not run.
        let accepting = tokio::spawn(accept(self.clone(), execution));
        accepting.await.unwrap_or_else(|error| Err(Error::internal(error)))
    }

    async fn get_execution(&self, ctx: &CallCtx, id: ExecutionId) -> Result<Execution> {
        self.check(ctx, id).await?;
        let loaded = self.load(id).await?;
        let (outputs, agent_executions) = match self.owner.definitions.state(&loaded).await {
            Ok(state) => (state.outputs(), state.agent_executions()),
            // ended because its journal cannot be read: what its row says is better than nothing
            Err(error) if error.code == Code::Internal && loaded.head.summary.status.is_terminal() => {
                Default::default()
            }
            Err(error) => return Err(error),
        };
        Ok(Execution { summary: loaded.head.summary, inputs: loaded.head.inputs, outputs, agent_executions })
    }

    async fn list_executions(
        &self,
        ctx: &CallCtx,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>> {
        let limit = page.checked_limit()?;
        let before = page.cursor.map(|cursor| cursor.parse()).transpose().map_err(|_| {
            Error::new(Code::Malformed, "the cursor is not one of ours")
                .suggest("take `next_cursor` of the page before, unchanged")
        })?;
        let workspace = ctx.workspace.clone();
        let filter = ListFilter { workspace, workflow_id: filter.workflow_id, status: filter.status };
        let mut items = self.deps.store.list_executions(filter, before, limit + 1).await?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = items.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(Page { items, next_cursor })
    }

    async fn cancel_execution(&self, ctx: &CallCtx, id: ExecutionId) -> Result<ExecutionSummary> {
        self.check(ctx, id).await?;
        self.request(id, Input::Cancel).await?;
        self.summary(id).await
    }

    async fn resume_execution(
        &self,
        ctx: &CallCtx,
        id: ExecutionId,
        resume: Resume,
    ) -> Result<ExecutionSummary> {
        self.check(ctx, id).await?;
        if let Some(overrides) = resume.budget {
            let summary = self.summary(id).await?;
            let workflow = self
                .deps
                .store
                .get_workflow(&ctx.workspace, summary.workflow_id, Some(summary.workflow_version))
                .await?
                .ok_or_else(|| Error::not_found(format!("workflow {}", summary.workflow_id)))?;
            self.budget(&workflow, Some(overrides))?;
        }
        self.request(id, Input::Resume { budget: resume.budget, from_node: resume.from_node }).await?;
        self.summary(id).await
    }

    async fn delete_execution(&self, ctx: &CallCtx, id: ExecutionId) -> Result<()> {
        self.check(ctx, id).await?;
        // Before anything is deleted: memory of what still runs must stay.
        let status = self.summary(id).await?.status;
        let ended = vec![Ended { id, workspace: ctx.workspace.clone() }];
        if status.is_terminal() && !retention::delete(&self.deps, ctx, ended, None).await?.is_empty() {
            return Ok(());
        }
        // Somebody else may have resumed or deleted it meanwhile.
        let status = self.summary(id).await?.status.as_str();
        Err(Error::new(
            Code::Conflict,
            format!("the execution is {status}; only what has ended can be deleted"),
        )
        .suggest("cancel it first"))
    }

    async fn list_events(
        &self,
        ctx: &CallCtx,
        id: ExecutionId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Vec<Event>> {
        self.check(ctx, id).await?;
        Ok(self.deps.store.events(id, after_seq, limit.clamp(1, 1_000)).await?)
    }

    async fn watch_execution(
        &self,
        ctx: &CallCtx,
        id: ExecutionId,
        after_seq: u64,
    ) -> Result<BoxStream<WatchItem>> {
        self.check(ctx, id).await?;
        watch::watch(self.deps.clone(), self.owner.options.clone(), id, after_seq).await
    }
}

impl ExecutorService {
    async fn workflow(&self, ctx: &CallCtx, request: &StartExecution) -> Result<Workflow> {
        let id = request.workflow_id;
        // A named version is found even of a deleted workflow: existing executions need it, new ones must not.
        let latest = self.deps.store.get_workflow(&ctx.workspace, id, None).await?;
        let latest = latest.ok_or_else(|| Error::not_found(format!("workflow {id}")))?;
        let workflow = match request.version {
            None => latest,
            Some(version) if version == latest.version => latest,
            Some(version) => self
                .deps
                .store
                .get_workflow(&ctx.workspace, id, Some(version))
                .await?
                .ok_or_else(|| Error::not_found(format!("version {version} of workflow {id}")))?,
        };
        if workflow.valid {
            return Ok(workflow);
        }
        let mut error =
            Error::new(Code::Invalid, "this workflow is a draft with problems and cannot be executed")
                .suggest("mend the problems listed in `details` and save it again");
        for problem in workflow.problems {
            error = error.detail(problem.path, problem.message);
        }
        Err(error)
    }
}

/// Makes an execution durable and begins it.
async fn accept(service: ExecutorService, execution: NewExecution) -> Result<Started> {
    let ExecutorService { deps, owner } = service;
    let id = execution.id;
    match deps.store.create_execution(execution.clone()).await? {
        Created::New => metrics::counter!("nexus_executions_accepted_total").increment(1),
        // the same answer to the same request, however far the execution has come since
        Created::Existing(execution_id) => {
            return Ok(Started { execution_id, status: ExecutionStatus::Queued });
        }
        Created::KeyConflict => {
            return Err(Error::new(
                Code::Conflict,
                "this idempotency key was already used for another request",
            )
            .suggest("use a new key for a new request, or repeat the first request unchanged"));
        }
    }
    if execution.claim_by.is_some() {
        owner.adopt(Claimed {
            loaded: Loaded { head: first_head(execution), journal: Vec::new() },
            recovered: false,
        });
    } else {
        deps.bus.publish(Topic::Work, bytes::Bytes::from_static(b"queued"));
        owner.wake();
    }
    Ok(Started { execution_id: id, status: ExecutionStatus::Queued })
}

/// The row of an execution that was created for us a moment ago: the first owner has fence 1.
fn first_head(execution: NewExecution) -> Head {
    Head {
        summary: ExecutionSummary {
            id: execution.id,
            workflow_id: execution.workflow_id,
            workflow_version: execution.workflow_version,
            workflow_name: execution.workflow_name,
            status: ExecutionStatus::Queued,
            error: None,
            budget: Spending {
                limit_usd: execution.budget.and_then(|budget| budget.limit_usd),
                ..Spending::default()
            },
            tokens: Tokens::default(),
            created_at: execution.created_at,
            started_at: None,
            finished_at: None,
        },
        workspace: execution.workspace,
        principal: execution.principal,
        inputs: execution.inputs,
        budget: execution.budget,
        fence: 1,
        owner: execution.claim_by.map(|(worker, _)| worker),
        leased: true,
        next_seq: 1,
        journal_len: 0,
        recoveries: 0,
        traceparent: execution.traceparent,
    }
}

/// Checks inputs against the document's schema.
fn check_inputs(workflow: &Workflow, inputs: &Value) -> Result<()> {
    if !inputs.is_object() {
        return Err(
            Error::new(Code::Invalid, "`inputs` must be a JSON object").detail("/inputs", "not an object")
        );
    }
    let Some(schema) = workflow.document.get("inputs").filter(|schema| !schema.is_null()) else {
        return Ok(());
    };
    schema::validate(schema, inputs).map_err(|violations| {
        let mut error = Error::new(Code::Invalid, "the inputs do not satisfy the workflow's schema")
            .suggest("see `details`, and the workflow's `inputs`");
        for (path, message) in violations {
            error = error.detail(format!("/inputs{path}"), message);
        }
        error
    })
}

/// Identifies a request's content, for idempotency.
fn fingerprint(request: &StartExecution) -> String {
    let content = json!({
        "workflow_id": request.workflow_id, "version": request.version,
        "inputs": request.inputs, "budget": request.budget,
    });
    Sha256::digest(content.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The engine's refusal of a request, as callers see it.
pub(crate) fn refused(error: nexus_engine::Error) -> Error {
    match error {
        nexus_engine::Error::Refused(message) => Error::new(Code::Conflict, message),
        nexus_engine::Error::OverBudget { .. } => Error::new(Code::BudgetExceeded, error.to_string())
            .suggest("set `budget.limit_usd` to a new total above what is spent"),
        nexus_engine::Error::UnknownNode(_) => {
            Error::new(Code::Invalid, error.to_string()).detail("/from_node", "no such step")
        }
        other => Error::internal(other),
    }
}
