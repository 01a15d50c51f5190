//! The executor's methods.

use super::respond::{OnStop, Responses, allowed, streaming, unary};
use crate::{
    convert::{
        each,
        executor::{inputs, status},
        id, optional_id, page, page_request,
    },
    proto::executor::{self as pb, executor_service_server::ExecutorService},
};
use nexus_api::{
    Bounded, Executor,
    executor::{ExecutionFilter, Resume, StartExecution},
};
use nexus_model::execution::ExecutionSummary;
use tonic::{Request, Response, Status};

/// Events of a listing without a limit.
const MOST_EVENTS: u32 = 1_000;

pub(super) struct Handler(pub(super) Bounded<dyn Executor>);

/// What the answers of several methods repeat: id and status.
fn head(summary: &ExecutionSummary) -> (String, String) {
    (summary.id.to_string(), summary.status.as_str().to_owned())
}

#[tonic::async_trait]
impl ExecutorService for Handler {
    async fn start_execution(
        &self,
        request: Request<pb::StartExecutionRequest>,
    ) -> Result<Response<pb::StartExecutionResponse>, Status> {
        let allowed = allowed(&request);
        unary!(request, |ctx, message| {
            let start = StartExecution {
                workflow_id: id("/workflow_id", &message.workflow_id)?,
                version: message.version,
                inputs: allowed.checked("/inputs", inputs(message.inputs)?)?,
                budget: message.budget.map(TryInto::try_into).transpose()?,
                idempotency_key: message.idempotency_key.filter(|key| !key.is_empty()),
            };
            let started = self.0.start_execution(ctx, start).await?;
            Ok(pb::StartExecutionResponse {
                execution_id: started.execution_id.to_string(),
                status: started.status.as_str().to_owned(),
            })
        })
    }

    async fn get_execution(
        &self,
        request: Request<pb::GetExecutionRequest>,
    ) -> Result<Response<pb::GetExecutionResponse>, Status> {
        unary!(request, |ctx, message| {
            let execution = self.0.get_execution(ctx, id("/execution_id", &message.execution_id)?).await?;
            let (execution_id, status) = head(&execution.summary);
            Ok(pb::GetExecutionResponse { execution_id, status, execution: Some(execution.into()) })
        })
    }

    async fn list_executions(
        &self,
        request: Request<pb::ListExecutionsRequest>,
    ) -> Result<Response<pb::ListExecutionsResponse>, Status> {
        unary!(request, |ctx, message| {
            let filter = ExecutionFilter {
                workflow_id: optional_id("/workflow_id", message.workflow_id)?,
                status: message.status.map(|text| status("/status", &text)).transpose()?,
            };
            let which = page_request(message.limit, message.cursor);
            let (items, next_cursor) = page(self.0.list_executions(ctx, filter, which).await?);
            Ok(pb::ListExecutionsResponse { items, next_cursor })
        })
    }

    async fn cancel_execution(
        &self,
        request: Request<pb::CancelExecutionRequest>,
    ) -> Result<Response<pb::CancelExecutionResponse>, Status> {
        unary!(request, |ctx, message| {
            let summary = self.0.cancel_execution(ctx, id("/execution_id", &message.execution_id)?).await?;
            let (execution_id, status) = head(&summary);
            Ok(pb::CancelExecutionResponse { execution_id, status, execution: Some(summary.into()) })
        })
    }

    async fn resume_execution(
        &self,
        request: Request<pb::ResumeExecutionRequest>,
    ) -> Result<Response<pb::ResumeExecutionResponse>, Status> {
        unary!(request, |ctx, message| {
            let execution_id = id("/execution_id", &message.execution_id)?;
            let resume = Resume {
                budget: message.budget.map(TryInto::try_into).transpose()?,
                from_node: optional_id("/from_node", message.from_node)?,
            };
            let summary = self.0.resume_execution(ctx, execution_id, resume).await?;
            let (execution_id, status) = head(&summary);
            Ok(pb::ResumeExecutionResponse { execution_id, status, execution: Some(summary.into()) })
        })
    }

    async fn delete_execution(
        &self,
        request: Request<pb::DeleteExecutionRequest>,
    ) -> Result<Response<pb::DeleteExecutionResponse>, Status> {
        unary!(request, |ctx, message| {
            self.0.delete_execution(ctx, id("/execution_id", &message.execution_id)?).await?;
            Ok(pb::DeleteExecutionResponse {})
        })
    }

    async fn list_events(
        &self,
        request: Request<pb::ListEventsRequest>,
    ) -> Result<Response<pb::ListEventsResponse>, Status> {
        unary!(request, |ctx, message| {
            let id = id("/execution_id", &message.execution_id)?;
            let limit = message.limit.unwrap_or(MOST_EVENTS);
            let events = self.0.list_events(ctx, id, message.after_seq, limit).await?;
            Ok(pb::ListEventsResponse { items: each(events) })
        })
    }

    type WatchExecutionStream = Responses<pb::WatchExecutionResponse>;

    async fn watch_execution(
        &self,
        request: Request<pb::WatchExecutionRequest>,
    ) -> Result<Response<Self::WatchExecutionStream>, Status> {
        streaming!(request, OnStop::End, |ctx, message| {
            self.0.watch_execution(ctx, id("/execution_id", &message.execution_id)?, message.after_seq).await
        })
    }
}
