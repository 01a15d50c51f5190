//! What belongs to a generated endpoint beside its data: its description, how it does, when it runs by itself. Not here:
//! the data and jobs (`scraping`).

use crate::{
    app::App,
    body::Strict,
    context::Call,
    error::{Answer, Failure},
    openapi::{endpoint, schemas},
    params::Id,
};
use axum::{Json, extract::State};
use http::StatusCode;
use nexus_api::{
    Code,
    endpoint::{Health, PutSchedule, Schedule},
    scraper::JobStatus,
};
use nexus_model::JobId;
use serde_json::Value;

/// Tell how a generated endpoint does
///
/// With its last runs, newest first, and how the last result differs from what the scraper used to give.
#[utoipa::path(
    get, path = "/api/v1/scraping/jobs/{id}/health", tag = "scraping", operation_id = "get_scraping_job_health",
    params(schemas::JobIdParam),
    responses(
        (status = 200, description = "How it does; `unknown` if it has not run yet", body = schemas::EndpointHealth),
        (status = 404, description = "There is no such job"),
    )
)]
pub(crate) async fn health(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<JobId>,
) -> Answer<Json<Health>> {
    Ok(Json(ctx.bound(app.ports.scraper.job_health(&ctx, id)).await?))
}

/// Get when a scraper runs by itself
#[utoipa::path(
    get, path = "/api/v1/scraping/jobs/{id}/schedule", tag = "scraping", operation_id = "get_scraping_schedule",
    params(schemas::JobIdParam),
    responses(
        (status = 200, description = "The schedule", body = schemas::Schedule),
        (status = 404, description = "There is no such job, or it has no schedule"),
    )
)]
pub(crate) async fn schedule(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<JobId>,
) -> Answer<Json<Schedule>> {
    Ok(Json(ctx.bound(app.ports.scraper.get_schedule(&ctx, id)).await?))
}

/// Let a scraper run by itself
///
/// The first run begins at once. Replaces an earlier schedule, its webhook and secret included. The webhook gets a POST
/// when records are new, gone or changed, when the scraper begins to fail, and when it works again.
#[utoipa::path(
    put, path = "/api/v1/scraping/jobs/{id}/schedule", tag = "scraping", operation_id = "put_scraping_schedule",
    params(schemas::JobIdParam), request_body = schemas::PutSchedule,
    responses(
        (status = 200, description = "The schedule", body = schemas::Schedule),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "The job has no scraper yet"),
        (status = 422, description = "The time or the address is not acceptable"),
    )
)]
pub(crate) async fn put_schedule(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<JobId>,
    Strict(schedule): Strict<PutSchedule>,
) -> Answer<Json<Schedule>> {
    Ok(Json(ctx.bound(app.ports.scraper.put_schedule(&ctx, id, schedule)).await?))
}

/// Let a scraper no longer run by itself
#[utoipa::path(
    delete, path = "/api/v1/scraping/jobs/{id}/schedule", tag = "scraping",
    operation_id = "delete_scraping_schedule",
    params(schemas::JobIdParam),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such job, or it has no schedule"),
    )
)]
pub(crate) async fn delete_schedule(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<JobId>,
) -> Answer<StatusCode> {
    ctx.bound(app.ports.scraper.delete_schedule(&ctx, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Describe a generated endpoint
///
/// An OpenAPI document of this endpoint alone, with the schema of its records.
#[utoipa::path(
    get, path = "/api/v1/generated/{job_id}/openapi.json", tag = "scraping",
    operation_id = "describe_generated_endpoint",
    params(("job_id" = uuid::Uuid, Path, description = "Id of the scraper job")),
    responses(
        (status = 200, description = "OpenAPI 3.1", body = schemas::AnyObject),
        (status = 404, description = "There is no such endpoint"),
        (status = 409, description = "The scraper is not ready"),
    )
)]
pub(crate) async fn describe(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<JobId>,
) -> Answer<Json<Value>> {
    let job = ctx.bound(app.ports.scraper.get_job(&ctx, id)).await?;
    if job.code_version.is_none() {
        let advice = match job.status {
            JobStatus::Failed => "look at the job's `error`, and let it be written anew (regenerate)",
            _ => "wait until the job is ready; its WebSocket tells when",
        };
        return Err(Failure::new(Code::Conflict, "the scraper is not ready").suggest(advice));
    }
    Ok(Json(endpoint::describe(&job)))
}
