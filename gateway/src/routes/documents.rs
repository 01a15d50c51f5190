//! What can be said about a document without running it: whether it is valid, how its nodes can run, what a run
//! may cost. Nothing here calls a model. Not here: how that is found out (the planner).

use crate::{
    app::App,
    body::{self, Document, Nothing, RawJson, Strict},
    context::Call,
    error::Answer,
    openapi::schemas,
    params::Id,
};
use axum::{Json, extract::State};
use nexus_api::planner::{Estimate, Target};
use nexus_model::{
    Problem, WorkflowId, document::BudgetOverride, duplicates::duplicate_member, problem::Report,
    workflow::Plan,
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

/// What to estimate, with the document itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EstimateDocument {
    document: Value,
    #[serde(default)]
    inputs: Option<Map<String, Value>>,
    #[serde(default)]
    budget: Option<BudgetOverride>,
}

/// What to estimate of a stored workflow.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EstimateStored {
    #[serde(default)]
    inputs: Option<Map<String, Value>>,
    #[serde(default)]
    budget: Option<BudgetOverride>,
}

/// Check a document
///
/// Finds everything that is wrong with it, and what is worth knowing. 200 for any JSON object.
#[utoipa::path(
    post, path = "/api/v1/workflows/validate", tag = "documents", operation_id = "validate_document",
    request_body = schemas::AnyObject,
    responses((status = 200, description = "The verdict", body = schemas::Report))
)]
pub(crate) async fn validate(
    State(app): State<App>,
    Call(ctx): Call,
    RawJson(bytes): RawJson,
) -> Answer<Json<Report>> {
    let depth = app.options.limits.json_depth;
    if body::nesting(&bytes) > depth && bytes.trim_ascii_start().starts_with(b"{") {
        // Still an object, so a verdict: but one that nothing has to walk through it for.
        return Ok(Json(too_deep(depth)));
    }
    if bytes.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<IgnoredAny>(&bytes).is_ok()
        && let Some(path) = duplicate_member(&bytes)
    {
        return Ok(Json(twice(path)));
    }
    let document = body::parse(&bytes, depth)?;
    Ok(Json(ctx.bound(app.ports.planner.validate(&ctx, document)).await?))
}

/// The verdict on a document with a member that is there twice.
fn twice(path: String) -> Report {
    let problem = Problem {
        code: "duplicate_member".into(),
        message: "this member is there twice; only one of the two would count".into(),
        path,
        node_id: None,
        suggestion: Some("remove one of them".into()),
    };
    Report { valid: false, errors: vec![problem], warnings: Vec::new() }
}

fn too_deep(depth: usize) -> Report {
    let problem = Problem {
        code: "too_deep".to_owned(),
        path: String::new(),
        node_id: None,
        message: body::too_deep(depth),
        suggestion: Some("flatten the document".to_owned()),
    };
    Report { valid: false, errors: vec![problem], warnings: Vec::new() }
}

/// Plan a document
///
/// Which nodes can run side by side, and the longest chain. Groups are for display; there are no barriers.
#[utoipa::path(
    post, path = "/api/v1/workflows/plan", tag = "documents", operation_id = "plan_document",
    request_body = schemas::Document,
    responses(
        (status = 200, description = "The plan", body = schemas::Plan),
        (status = 422, description = "The document is not valid; `details` says where"),
    )
)]
pub(crate) async fn plan(
    State(app): State<App>,
    Call(ctx): Call,
    Document(document): Document,
) -> Answer<Json<Plan>> {
    Ok(Json(ctx.bound(app.ports.planner.plan(&ctx, Target::Document(document))).await?))
}

/// Plan a stored workflow
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/plan", tag = "documents", operation_id = "plan_workflow",
    params(schemas::WorkflowIdParam),
    request_body(content = schemas::NoMembers, description = "An empty body is `{}`"),
    responses(
        (status = 200, description = "The plan", body = schemas::Plan),
        (status = 404, description = "There is no such workflow"),
        (status = 422, description = "The workflow is a draft that is not valid yet"),
    )
)]
pub(crate) async fn plan_stored(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<WorkflowId>,
    Strict(Nothing {}): Strict<Nothing>,
) -> Answer<Json<Plan>> {
    Ok(Json(ctx.bound(app.ports.planner.plan(&ctx, Target::Workflow { id, version: None })).await?))
}

/// Estimate what a run of a document costs
///
/// Nobody is called and nothing is spent. `max_usd` is a true upper bound: retries, fallbacks and backtracks are
/// included. What is expected rests on earlier runs of the same workflow, if there are any. The fields of `budget` replace
/// those of the document.
#[utoipa::path(
    post, path = "/api/v1/workflows/estimate", tag = "documents", operation_id = "estimate_document",
    request_body = schemas::EstimateDocument,
    responses(
        (status = 200, description = "The estimate", body = schemas::Estimate),
        (status = 422, description = "The document or its inputs are not valid; `details` says where"),
    )
)]
pub(crate) async fn estimate(
    State(app): State<App>,
    Call(ctx): Call,
    Strict(request): Strict<EstimateDocument>,
) -> Answer<Json<Estimate>> {
    let inputs = Value::Object(request.inputs.unwrap_or_default());
    let target = Target::Document(request.document);
    Ok(Json(ctx.bound(app.ports.planner.estimate(&ctx, target, inputs, request.budget)).await?))
}

/// Estimate what a run of a stored workflow costs
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/estimate", tag = "documents", operation_id = "estimate_workflow",
    params(schemas::WorkflowIdParam),
    request_body(content = schemas::EstimateStored, description = "An empty body is `{}`"),
    responses(
        (status = 200, description = "The estimate", body = schemas::Estimate),
        (status = 404, description = "There is no such workflow"),
        (status = 422, description = "The workflow or its inputs are not valid; `details` says where"),
    )
)]
pub(crate) async fn estimate_stored(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<WorkflowId>,
    Strict(request): Strict<EstimateStored>,
) -> Answer<Json<Estimate>> {
    let inputs = Value::Object(request.inputs.unwrap_or_default());
    let target = Target::Workflow { id, version: None };
    Ok(Json(ctx.bound(app.ports.planner.estimate(&ctx, target, inputs, request.budget)).await?))
}
