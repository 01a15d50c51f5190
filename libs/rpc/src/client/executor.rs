//! The executor's methods, called.

use super::{
    call,
    pool::{Pool, Repeat},
    resume::{Follow, resuming},
};
use crate::{
    convert::{
        all, answer,
        executor::{status, to_inputs, watch_item},
        from_page, id as parse_id, required,
    },
    meta::Shape,
    proto::executor::{self as pb, executor_service_client::ExecutorServiceClient},
    status::from_status,
};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt, future::BoxFuture};
use nexus_api::{
    BoxStream, CallCtx, Code, Executor, Result,
    executor::{ExecutionFilter, Resume, StartExecution, Started},
    planner::PageRequest,
};
use nexus_model::{
    Event, Execution, ExecutionId, ExecutionStatus, event::WatchItem, execution::ExecutionSummary,
    workflow::Page,
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

pub(super) struct Client(pub(super) Arc<Pool>);

fn summary(wire: Option<pb::ExecutionSummary>) -> Result<ExecutionSummary> {
    answer(required("/execution", wire).and_then(TryInto::try_into))
}

#[async_trait]
impl Executor for Client {
    async fn start_execution(&self, ctx: &CallCtx, request: StartExecution) -> Result<Started> {
        let message = pb::StartExecutionRequest {
            workflow_id: request.workflow_id.to_string(),
            version: request.version,
            inputs: to_inputs(request.inputs)?,
            budget: request.budget.map(Into::into),
            // With a key it can be repeated, so it always has one.
            idempotency_key: Some(request.idempotency_key.unwrap_or_else(|| Uuid::now_v7().to_string())),
        };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, ExecutorServiceClient::start_execution, message);
        let response = response.await?;
        answer((|| {
            Ok(Started {
                execution_id: parse_id("/execution_id", &response.execution_id)?,
                status: status("/status", &response.status)?,
            })
        })())
    }

    async fn get_execution(&self, ctx: &CallCtx, id: ExecutionId) -> Result<Execution> {
        let message = pb::GetExecutionRequest { execution_id: id.to_string() };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, ExecutorServiceClient::get_execution, message);
        answer(required("/execution", response.await?.execution).and_then(TryInto::try_into))
    }

    async fn list_executions(
        &self,
        ctx: &CallCtx,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>> {
        let message = pb::ListExecutionsRequest {
            workflow_id: filter.workflow_id.map(|id| id.to_string()),
            status: filter.status.map(|status| status.as_str().to_owned()),
            limit: page.limit,
            cursor: page.cursor,
        };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, ExecutorServiceClient::list_executions, message);
        let response = response.await?;
        answer(from_page(response.items, response.next_cursor))
    }

    async fn cancel_execution(&self, ctx: &CallCtx, id: ExecutionId) -> Result<ExecutionSummary> {
        let message = pb::CancelExecutionRequest { execution_id: id.to_string() };
        let once = call!(
            self.0,
            ctx,
            Repeat::IfNotSent,
            Shape::Unary,
            ExecutorServiceClient::cancel_execution,
            message.clone()
        );
        match once.await {
            Err(error) if error.code == Code::Unavailable => {}
            response => return summary(response?.execution),
        }
        // The first try may have counted: then the second finds it cancelled, which is what was wanted.
        let again =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, ExecutorServiceClient::cancel_execution, message);
        match again.await {
            Err(error) if error.code == Code::Conflict => {
                let found = self.get_execution(ctx, id).await?.summary;
                if found.status == ExecutionStatus::Cancelled { Ok(found) } else { Err(error) }
            }
            response => summary(response?.execution),
        }
    }

    async fn resume_execution(
        &self,
        ctx: &CallCtx,
        id: ExecutionId,
        resume: Resume,
    ) -> Result<ExecutionSummary> {
        let message = pb::ResumeExecutionRequest {
            execution_id: id.to_string(),
            budget: resume.budget.map(Into::into),
            from_node: resume.from_node.map(|node| node.to_string()),
        };
        let response = call!(
            self.0,
            ctx,
            Repeat::IfNotSent,
            Shape::Unary,
            ExecutorServiceClient::resume_execution,
            message
        );
        summary(response.await?.execution)
    }

    async fn delete_execution(&self, ctx: &CallCtx, id: ExecutionId) -> Result<()> {
        let message = pb::DeleteExecutionRequest { execution_id: id.to_string() };
        let response = call!(
            self.0,
            ctx,
            Repeat::IfNotSent,
            Shape::Unary,
            ExecutorServiceClient::delete_execution,
            message
        );
        response.await.map(|_| ())
    }

    async fn list_events(
        &self,
        ctx: &CallCtx,
        id: ExecutionId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Vec<Event>> {
        let message = pb::ListEventsRequest { execution_id: id.to_string(), after_seq, limit: Some(limit) };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, ExecutorServiceClient::list_events, message);
        answer(all(response.await?.items))
    }

    async fn watch_execution(
        &self,
        ctx: &CallCtx,
        id: ExecutionId,
        after_seq: u64,
    ) -> Result<BoxStream<WatchItem>> {
        let first = open(&self.0, ctx, id, after_seq).await?;
        // The deadline is for the beginning, which lies behind us.
        let ctx = CallCtx { deadline: None, ..ctx.clone() };
        Ok(resuming(Watch { pool: self.0.clone(), ctx, id, last_seq: after_seq }, first))
    }
}

async fn open(pool: &Pool, ctx: &CallCtx, id: ExecutionId, after_seq: u64) -> Result<BoxStream<WatchItem>> {
    let message = pb::WatchExecutionRequest { execution_id: id.to_string(), after_seq };
    let items =
        call!(pool, ctx, Repeat::Safe, Shape::Stream, ExecutorServiceClient::watch_execution, message);
    let item = |item: Result<_, _>| {
        item.map_err(|status| from_status(&status)).and_then(|item| answer(watch_item(item)))
    };
    Ok(items.await?.map(item).boxed())
}

struct Watch {
    pool: Arc<Pool>,
    ctx: CallCtx,
    id: ExecutionId,
    last_seq: u64,
}

impl Follow for Watch {
    type Item = WatchItem;

    fn accept(&mut self, item: &WatchItem) -> bool {
        match item {
            WatchItem::Delta(_) => true,
            WatchItem::Event(event) => {
                let new = event.seq > self.last_seq;
                self.last_seq = self.last_seq.max(event.seq);
                new
            }
        }
    }

    fn reopen(&self) -> BoxFuture<'static, Result<BoxStream<WatchItem>>> {
        let (pool, ctx, id, last_seq) = (self.pool.clone(), self.ctx.clone(), self.id, self.last_seq);
        async move { open(&pool, &ctx, id, last_seq).await }.boxed()
    }

    fn patience(&self) -> Duration {
        self.pool.resume_for
    }
}
