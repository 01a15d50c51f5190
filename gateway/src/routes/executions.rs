//! Executions: starting, looking at, cancelling, resuming them. Not here: their events (`events`).

use crate::{
    app::App,
    body::{Nothing, Strict},
    context::Call,
    error::{Answer, Failure},
    openapi::schemas,
    params::{Id, Query},
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use nexus_api::{
    executor::{ExecutionFilter, Resume, StartExecution},
    memory::{Entry, Scope},
};
use nexus_model::{
    Execution, ExecutionId, ExecutionStatus, NodeId, WorkflowId, document::BudgetOverride,
    execution::ExecutionSummary, workflow::Page,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const LONGEST_IDEMPOTENCY_KEY: usize = 255;

/// What to run a workflow with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecuteBody {
    #[serde(default)]
    inputs: Option<Map<String, Value>>,
    #[serde(default)]
    budget: Option<BudgetOverride>,
}

/// How to go on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResumeBody {
    #[serde(default)]
    budget: Option<BudgetOverride>,
    #[serde(default)]
    from_node: Option<NodeId>,
}

/// Run a workflow
///
/// Durable once accepted. The same `Idempotency-Key` with the same body gives the same execution.
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/execute", tag = "executions", operation_id = "execute_workflow",
    params(
        schemas::WorkflowIdParam,
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters; a repetition with the same key and body starts nothing new", min_length = 1, max_length = 255),
    ),
    request_body(content = schemas::ExecuteBody, description = "An empty body is `{}`"),
    responses(
        (status = 202, description = "Accepted", body = schemas::Started,
            headers(("Location" = String, description = "Where the execution can be looked at"))),
        (status = 402, description = "The budget does not allow it"),
        (status = 404, description = "There is no such workflow"),
        (status = 409, description = "The `Idempotency-Key` was used with another body"),
        (status = 422, description = "The inputs do not fit the workflow, or it is a draft that is not valid yet"),
    )
)]
pub(crate) async fn execute(
    State(app): State<App>,
    Call(ctx): Call,
    Id(workflow_id): Id<WorkflowId>,
    headers: HeaderMap,
    Strict(body): Strict<ExecuteBody>,
) -> Answer<Response> {
    let request = StartExecution {
        workflow_id,
        version: None,
        inputs: Value::Object(body.inputs.unwrap_or_default()),
        budget: body.budget,
        idempotency_key: idempotency_key(&headers)?,
    };
    let started = ctx.bound(app.ports.executor.start_execution(&ctx, request)).await?;
    let body = json!({"execution_id": started.execution_id, "status": started.status});
    let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
    if let Ok(location) = HeaderValue::try_from(format!("/api/v1/executions/{}", started.execution_id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

fn idempotency_key(headers: &HeaderMap) -> Answer<Option<String>> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=LONGEST_IDEMPOTENCY_KEY).contains(&text.len()));
    match (text, values.next()) {
        (Some(text), None) => Ok(Some(text.to_owned())),
        _ => Err(Failure::malformed(
            "Idempotency-Key",
            "must be one text of 1 to 255 visible ASCII characters",
        )),
    }
}

/// List a workflow's executions
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/executions", tag = "executions", operation_id = "list_workflow_executions",
    params(schemas::WorkflowIdParam, schemas::Paging, schemas::StatusFilter),
    responses((status = 200, description = "A page of executions", body = schemas::Page<schemas::ExecutionSummary>))
)]
pub(crate) async fn list_of_workflow(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<WorkflowId>,
    query: Query,
) -> Answer<Json<Page<ExecutionSummary>>> {
    let filter = ExecutionFilter { workflow_id: Some(id), status: status(&query)? };
    Ok(Json(ctx.bound(app.ports.executor.list_executions(&ctx, filter, query.page()?)).await?))
}

/// List executions
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/executions", tag = "executions", operation_id = "list_executions",
    params(schemas::Paging, schemas::StatusFilter),
    responses((status = 200, description = "A page of executions", body = schemas::Page<schemas::ExecutionSummary>))
)]
pub(crate) async fn list(
    State(app): State<App>,
    Call(ctx): Call,
    query: Query,
) -> Answer<Json<Page<ExecutionSummary>>> {
    let filter = ExecutionFilter { workflow_id: None, status: status(&query)? };
    Ok(Json(ctx.bound(app.ports.executor.list_executions(&ctx, filter, query.page()?)).await?))
}

fn status(query: &Query) -> Answer<Option<ExecutionStatus>> {
    let Some(text) = query.text("status") else { return Ok(None) };
    match ExecutionStatus::parse(text) {
        Some(status) => Ok(Some(status)),
        None => {
            let known: Vec<&str> = ExecutionStatus::ALL.into_iter().map(ExecutionStatus::as_str).collect();
            Err(Failure::malformed("status", format!("must be one of {}", known.join(", "))))
        }
    }
}

/// Get an execution
///
/// With one entry per node, all attempts included.
#[utoipa::path(
    get, path = "/api/v1/executions/{id}", tag = "executions", operation_id = "get_execution",
    params(schemas::ExecutionIdParam),
    responses(
        (status = 200, description = "The execution", body = schemas::Execution),
        (status = 404, description = "There is no such execution"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<ExecutionId>,
) -> Answer<Json<Execution>> {
    Ok(Json(ctx.bound(app.ports.executor.get_execution(&ctx, id)).await?))
}

/// Delete an execution
///
/// With its events and its memory. One that has not ended must be cancelled first.
#[utoipa::path(
    delete, path = "/api/v1/executions/{id}", tag = "executions", operation_id = "delete_execution",
    params(schemas::ExecutionIdParam),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such execution"),
        (status = 409, description = "It is queued or running"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<ExecutionId>,
) -> Answer<StatusCode> {
    ctx.bound(app.ports.executor.delete_execution(&ctx, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Cancel an execution
///
/// No call to a model or tool starts after the answer; the execution ends as `cancelled` within 2 seconds.
#[utoipa::path(
    post, path = "/api/v1/executions/{id}/cancel", tag = "executions", operation_id = "cancel_execution",
    params(schemas::ExecutionIdParam),
    request_body(content = schemas::NoMembers, description = "An empty body is `{}`"),
    responses(
        (status = 202, description = "It is being cancelled", body = schemas::ExecutionSummary),
        (status = 404, description = "There is no such execution"),
        (status = 409, description = "It has already ended"),
    )
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<ExecutionId>,
    Strict(Nothing {}): Strict<Nothing>,
) -> Answer<(StatusCode, Json<ExecutionSummary>)> {
    let summary = ctx.bound(app.ports.executor.cancel_execution(&ctx, id)).await?;
    Ok((StatusCode::ACCEPTED, Json(summary)))
}

/// Resume an execution
///
/// Goes on after it failed, was cancelled or ran out of budget, keeping what succeeded; with `from_node`, all but
/// that node and what is downstream of it. `budget.limit_usd` is the new total.
#[utoipa::path(
    post, path = "/api/v1/executions/{id}/resume", tag = "executions", operation_id = "resume_execution",
    params(schemas::ExecutionIdParam),
    request_body(content = schemas::ResumeBody, description = "An empty body is `{}`"),
    responses(
        (status = 202, description = "It goes on", body = schemas::ExecutionSummary),
        (status = 402, description = "The budget does not allow it"),
        (status = 404, description = "There is no such execution"),
        (status = 409, description = "It is running, or it succeeded and no `from_node` is given"),
        (status = 422, description = "There is no such node, or the budget is not acceptable"),
    )
)]
pub(crate) async fn resume(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<ExecutionId>,
    Strict(body): Strict<ResumeBody>,
) -> Answer<(StatusCode, Json<ExecutionSummary>)> {
    let resume = Resume { budget: body.budget, from_node: body.from_node };
    let summary = ctx.bound(app.ports.executor.resume_execution(&ctx, id, resume)).await?;
    Ok((StatusCode::ACCEPTED, Json(summary)))
}

/// List an execution's memory
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/executions/{id}/memory", tag = "executions", operation_id = "list_execution_memory",
    params(schemas::ExecutionIdParam, schemas::Paging),
    responses(
        (status = 200, description = "A page of memory entries", body = schemas::Page<schemas::MemoryEntry>),
        (status = 404, description = "There is no such execution"),
    )
)]
pub(crate) async fn memory(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<ExecutionId>,
    query: Query,
) -> Answer<Json<Page<Entry>>> {
    let page = query.page()?;
    // The memory knows entries, not executions: it would show an empty list for one that does not exist.
    ctx.bound(app.ports.executor.get_execution(&ctx, id)).await?;
    Ok(Json(ctx.bound(app.ports.memory.list(&ctx, Scope::Execution(id), page)).await?))
}
