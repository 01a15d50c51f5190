//! Stored workflows and their versions. Not here: what can be said about a document (`documents`), running it
//! (`executions`).

use crate::{
    app::App,
    body::Document,
    context::Call,
    error::Answer,
    etag::{self, IfMatch},
    openapi::schemas,
    params::{Id, IdAndVersion, Query},
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use nexus_api::{CallCtx, Code, Error};
use nexus_model::{
    WorkflowId,
    workflow::{Page, VersionInfo, Workflow},
};

/// A save races with others at most this often before the client is told so.
const MOST_TRIES: usize = 3;

/// List workflows
///
/// Newest first, each at its latest version.
#[utoipa::path(
    get, path = "/api/v1/workflows", tag = "workflows", operation_id = "list_workflows",
    params(schemas::Paging, ("q" = Option<String>, Query, description = "Only workflows whose name contains this, in any case")),
    responses((status = 200, description = "A page of workflows", body = schemas::Page<schemas::Workflow>))
)]
pub(crate) async fn list(
    State(app): State<App>,
    Call(ctx): Call,
    query: Query,
) -> Answer<Json<Page<Workflow>>> {
    let text = query.text("q").map(str::to_owned);
    Ok(Json(ctx.bound(app.ports.planner.list_workflows(&ctx, query.page()?, text)).await?))
}

/// Save a new workflow
///
/// An invalid document is refused with one detail per problem; with `draft=true` it is saved as it is, as long as
/// it is well-formed, with `"valid": false` and its `problems`.
#[utoipa::path(
    post, path = "/api/v1/workflows", tag = "workflows", operation_id = "create_workflow",
    params(("draft" = Option<bool>, Query, description = "Save even if the document is not valid yet")),
    request_body = schemas::Document,
    responses(
        (status = 201, description = "Saved as version 1", body = schemas::Workflow, headers(
            ("ETag" = String, description = "The version in double quotes"),
            ("Location" = String, description = "Where the workflow lives"),
        )),
        (status = 422, description = "The document is not valid; `details` says where"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    Call(ctx): Call,
    query: Query,
    Document(document): Document,
) -> Answer<Response> {
    let draft = query.flag("draft")?;
    let workflow = ctx.bound(app.ports.planner.create_workflow(&ctx, document, draft)).await?;
    let location = HeaderValue::try_from(format!("/api/v1/workflows/{}", workflow.id));
    let mut response = (StatusCode::CREATED, tagged(workflow)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Get a workflow
///
/// At its latest version. With `If-None-Match`, 304 if the client has it already.
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}", tag = "workflows", operation_id = "get_workflow",
    params(schemas::WorkflowIdParam, schemas::IfNoneMatch),
    responses(
        (status = 200, description = "The workflow", body = schemas::Workflow,
            headers(("ETag" = String, description = "The version in double quotes"))),
        (status = 304, description = "The client has this version already"),
        (status = 404, description = "There is no such workflow"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<WorkflowId>,
    headers: HeaderMap,
) -> Answer<Response> {
    let workflow = ctx.bound(app.ports.planner.get_workflow(&ctx, id, None)).await?;
    Ok(unless_known(&headers, workflow))
}

/// Save a new version
///
/// Needs the `ETag` of the version it is based on as `If-Match`, so that nobody's work is overwritten. `*` replaces
/// whatever is there.
#[utoipa::path(
    put, path = "/api/v1/workflows/{id}", tag = "workflows", operation_id = "update_workflow",
    params(
        schemas::WorkflowIdParam,
        ("If-Match" = String, Header, description = "`ETag` of the version that was changed, or `*`"),
        ("draft" = Option<bool>, Query, description = "Save even if the document is not valid yet"),
    ),
    request_body = schemas::Document,
    responses(
        (status = 200, description = "Saved as the next version", body = schemas::Workflow,
            headers(("ETag" = String, description = "The new version in double quotes"))),
        (status = 404, description = "There is no such workflow"),
        (status = 412, description = "There is a newer version"),
        (status = 422, description = "The document is not valid; `details` says where"),
        (status = 428, description = "`If-Match` is missing"),
    )
)]
pub(crate) async fn update(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<WorkflowId>,
    headers: HeaderMap,
    query: Query,
    Document(document): Document,
) -> Answer<Response> {
    let draft = query.flag("draft")?;
    let demanded = etag::if_match(&headers)?.ok_or_else(etag::missing_if_match)?;
    let mut tries = 0;
    let saved = loop {
        tries += 1;
        let expected = match &demanded {
            IfMatch::Versions(versions) if versions.len() == 1 => {
                versions.first().copied().unwrap_or_default()
            }
            other => current_version(&app, &ctx, id, other).await?,
        };
        let save = app.ports.planner.update_workflow(&ctx, id, expected, document.clone(), draft);
        match ctx.bound(save).await {
            // `*` cannot be stale: somebody else was faster, and we come after them.
            Err(Error { code: Code::PreconditionFailed, .. })
                if demanded == IfMatch::Any && tries < MOST_TRIES => {}
            saved => break saved?,
        }
    };
    Ok(tagged(saved).into_response())
}

/// Delete a workflow
///
/// Its executions stay readable. With `If-Match`, only if that is still its version.
#[utoipa::path(
    delete, path = "/api/v1/workflows/{id}", tag = "workflows", operation_id = "delete_workflow",
    params(
        schemas::WorkflowIdParam,
        ("If-Match" = Option<String>, Header, description = "Delete only this version"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such workflow"),
        (status = 412, description = "There is a newer version"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<WorkflowId>,
    headers: HeaderMap,
) -> Answer<StatusCode> {
    if let Some(demanded) = etag::if_match(&headers)? {
        current_version(&app, &ctx, id, &demanded).await?;
    }
    ctx.bound(app.ports.planner.delete_workflow(&ctx, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List a workflow's versions
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/versions", tag = "workflows", operation_id = "list_workflow_versions",
    params(schemas::WorkflowIdParam, schemas::Paging),
    responses(
        (status = 200, description = "A page of versions", body = schemas::Page<schemas::VersionInfo>),
        (status = 404, description = "There is no such workflow"),
    )
)]
pub(crate) async fn versions(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<WorkflowId>,
    query: Query,
) -> Answer<Json<Page<VersionInfo>>> {
    Ok(Json(ctx.bound(app.ports.planner.list_versions(&ctx, id, query.page()?)).await?))
}

/// Get a version of a workflow
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/versions/{version}", tag = "workflows", operation_id = "get_workflow_version",
    params(
        schemas::WorkflowIdParam,
        ("version" = u32, Path, description = "Version, from 1", minimum = 1),
        schemas::IfNoneMatch,
    ),
    responses(
        (status = 200, description = "The workflow as it was", body = schemas::Workflow,
            headers(("ETag" = String, description = "The version in double quotes"))),
        (status = 304, description = "The client has this version already"),
        (status = 404, description = "There is no such workflow or version"),
    )
)]
pub(crate) async fn version(
    State(app): State<App>,
    Call(ctx): Call,
    IdAndVersion(id, version): IdAndVersion<WorkflowId>,
    headers: HeaderMap,
) -> Answer<Response> {
    let workflow = ctx.bound(app.ports.planner.get_workflow(&ctx, id, Some(version))).await?;
    Ok(unless_known(&headers, workflow))
}

/// The latest version, if it is among those demanded.
async fn current_version(app: &App, ctx: &CallCtx, id: WorkflowId, demanded: &IfMatch) -> Answer<u32> {
    let current = ctx.bound(app.ports.planner.get_workflow(ctx, id, None)).await?.version;
    match demanded {
        IfMatch::Versions(versions) if !versions.contains(&current) => {
            Err(Error::new(Code::PreconditionFailed, format!("the workflow is at version {current} by now"))
                .suggest("get the workflow again, make the change there, and send its `ETag` as `If-Match`")
                .into())
        }
        _ => Ok(current),
    }
}

fn tagged(workflow: Workflow) -> impl IntoResponse {
    ([(header::ETAG, etag::of(workflow.version))], Json(workflow))
}

fn unless_known(headers: &HeaderMap, workflow: Workflow) -> Response {
    let tag = etag::of(workflow.version);
    if etag::client_has(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    tagged(workflow).into_response()
}
