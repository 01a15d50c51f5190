//! Scraper jobs and the endpoints they make. Not here: how a scraper is made and run (`services/scraper`).

use crate::{
    app::App,
    body::Strict,
    context::{Call, Watch},
    csv,
    error::{Answer, Failure},
    feed::{self, JobChanges, Source},
    openapi::schemas,
    params::{Id, Query},
    sse, ws,
};
use axum::{
    Json,
    extract::{State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use nexus_api::scraper::{CreateJob, EndpointQuery, Job, JobStatus, Regenerate, TestResult};
use nexus_model::{JobId, Timestamp, workflow::Page};
use serde::Serialize;
use serde_json::Value;

/// How many records there are beside those in a CSV answer, which has no place for metadata.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// Most records of one answer of an endpoint.
const MOST_RECORDS: u32 = 10_000;

/// Where a job stands: what `…/status` and the WebSocket send.
#[derive(Debug, Serialize)]
pub(crate) struct JobState<'a> {
    id: JobId,
    status: JobStatus,
    progress: u32,
    message: &'a str,
    updated_at: Timestamp,
    api_endpoint: Option<&'a str>,
    sample_data: Option<&'a Value>,
    error: Option<&'a Value>,
    code_version: Option<u32>,
}

impl<'a> From<&'a Job> for JobState<'a> {
    fn from(job: &'a Job) -> Self {
        Self {
            id: job.id,
            status: job.status,
            progress: job.progress,
            message: &job.message,
            updated_at: job.updated_at,
            api_endpoint: job.api_endpoint.as_deref(),
            sample_data: job.sample_data.as_ref(),
            error: job.error.as_ref(),
            code_version: job.code_version,
        }
    }
}

/// Ask for a scraper
///
/// From an address and a sentence that says what is wanted from it.
#[utoipa::path(
    post, path = "/api/v1/scraping/requests", tag = "scraping", operation_id = "create_scraping_job",
    request_body = schemas::CreateJob,
    responses(
        (status = 202, description = "Accepted", body = schemas::Job,
            headers(("Location" = String, description = "Where the job can be looked at"))),
        (status = 422, description = "The address or the description is not acceptable"),
        (status = 501, description = "Not available in this version"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    Call(ctx): Call,
    Strict(request): Strict<CreateJob>,
) -> Answer<Response> {
    let job = ctx.bound(app.ports.scraper.create_job(&ctx, request)).await?;
    let location = HeaderValue::try_from(format!("/api/v1/scraping/jobs/{}", job.id));
    let mut response = (StatusCode::ACCEPTED, Json(job)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// List scraper jobs
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/scraping/jobs", tag = "scraping", operation_id = "list_scraping_jobs",
    params(schemas::Paging),
    responses(
        (status = 200, description = "A page of jobs", body = schemas::Page<schemas::Job>),
        (status = 501, description = "Not available in this version"),
    )
)]
pub(crate) async fn list(State(app): State<App>, Call(ctx): Call, query: Query) -> Answer<Json<Page<Job>>> {
    Ok(Json(ctx.bound(app.ports.scraper.list_jobs(&ctx, query.page()?)).await?))
}

/// Get a scraper job
///
/// With `Accept: text/event-stream` the job at each change, until it has ended.
#[utoipa::path(
    get, path = "/api/v1/scraping/jobs/{id}", tag = "scraping", operation_id = "get_scraping_job",
    params(schemas::JobIdParam),
    responses(
        (status = 200, description = "The job", content(
            (schemas::Job = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 404, description = "There is no such job"),
        (status = 501, description = "Not available in this version"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<JobId>,
    headers: HeaderMap,
) -> Answer<Response> {
    if !sse::is_wanted(&headers) {
        return Ok(Json(ctx.bound(app.ports.scraper.get_job(&ctx, id)).await?).into_response());
    }
    let timing = app.options.timing;
    let view = |job: &Job| serde_json::to_string(job).unwrap_or_default();
    let source =
        JobChanges { scraper: app.ports.scraper.clone(), ctx: ctx.clone(), id, view, timeout: timing.call };
    // Opened before the answer begins, so that an unknown id is still a 404.
    let opened = ctx.clone().with_timeout(timing.call).bound(source.open(0)).await?;
    Ok(sse::stream(feed::follow(source, 0, Some(opened), timing.resubscribe), &app.live, timing))
}

/// Delete a scraper job and its endpoint
#[utoipa::path(
    delete, path = "/api/v1/scraping/jobs/{id}", tag = "scraping", operation_id = "delete_scraping_job",
    params(schemas::JobIdParam),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such job"),
        (status = 501, description = "Not available in this version"),
    )
)]
pub(crate) async fn delete(State(app): State<App>, Call(ctx): Call, Id(id): Id<JobId>) -> Answer<StatusCode> {
    ctx.bound(app.ports.scraper.delete_job(&ctx, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get where a scraper job stands
#[utoipa::path(
    get, path = "/api/v1/scraping/jobs/{id}/status", tag = "scraping", operation_id = "get_scraping_job_status",
    params(schemas::JobIdParam),
    responses(
        (status = 200, description = "Where it stands", body = schemas::JobState),
        (status = 404, description = "There is no such job"),
        (status = 501, description = "Not available in this version"),
    )
)]
pub(crate) async fn status(State(app): State<App>, Call(ctx): Call, Id(id): Id<JobId>) -> Answer<Response> {
    let job = ctx.bound(app.ports.scraper.get_job(&ctx, id)).await?;
    Ok(Json(JobState::from(&job)).into_response())
}

/// Run a scraper now
#[utoipa::path(
    post, path = "/api/v1/scraping/jobs/{id}/test", tag = "scraping", operation_id = "test_scraping_job",
    params(schemas::JobIdParam),
    responses(
        (status = 200, description = "What it found, or why it found nothing", body = schemas::TestResult),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "The job has no scraper yet"),
        (status = 501, description = "Not available in this version"),
    )
)]
pub(crate) async fn test(
    State(app): State<App>,
    Watch(ctx): Watch,
    Id(id): Id<JobId>,
) -> Answer<Json<TestResult>> {
    let ctx = ctx.with_timeout(app.options.timing.scraper_call);
    Ok(Json(ctx.bound(app.ports.scraper.test_job(&ctx, id)).await?))
}

/// Write a new version of a scraper
///
/// With its last failure as feedback, and with what is said in the body, if anything is. The version in use stays in use
/// until there is one that is no worse.
#[utoipa::path(
    post, path = "/api/v1/scraping/jobs/{id}/regenerate", tag = "scraping", operation_id = "regenerate_scraping_job",
    params(schemas::JobIdParam),
    request_body = Option<schemas::Regenerate>,
    responses(
        (status = 202, description = "Accepted", body = schemas::Job),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "The job is being worked on"),
        (status = 501, description = "Not available in this version"),
    )
)]
pub(crate) async fn regenerate(
    State(app): State<App>,
    Watch(ctx): Watch,
    Id(id): Id<JobId>,
    Strict(request): Strict<Regenerate>,
) -> Answer<(StatusCode, Json<Job>)> {
    let ctx = ctx.with_timeout(app.options.timing.scraper_call);
    let job = ctx.bound(app.ports.scraper.regenerate_job(&ctx, id, request)).await?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// Follow a scraper job over WebSocket
///
/// Sends where the job stands, at each change; closes with 1000 after the last one, 4404 if there is no such job.
#[utoipa::path(
    get, path = "/ws/scraping/jobs/{id}", tag = "live", operation_id = "watch_scraping_job",
    params(schemas::JobIdParam, schemas::Subprotocol),
    responses(
        (status = 101, description = "The connection is a WebSocket now; each message is the job's state", body = schemas::JobState),
        (status = 426, description = "The request is no WebSocket handshake"),
    )
)]
pub(crate) async fn watch(
    State(app): State<App>,
    Watch(ctx): Watch,
    Id(id): Id<JobId>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let timing = app.options.timing;
    let view = |job: &Job| serde_json::to_string(&JobState::from(job)).unwrap_or_default();
    let source = JobChanges { scraper: app.ports.scraper.clone(), ctx, id, view, timeout: timing.call };
    ws::answer(upgrade, feed::follow(source, 0, None, timing.resubscribe), &app)
}

/// Get the data of a generated endpoint
///
/// From a recent run of the scraper, else from a new one. If that fails, the last good data is given, marked as `stale` in
/// `metadata`, unless fresh data was asked for. `/api/v1/generated/{job_id}/openapi.json` describes the records.
#[utoipa::path(
    get, path = "/api/v1/generated/{job_id}", tag = "scraping", operation_id = "get_generated_data",
    params(
        ("job_id" = uuid::Uuid, Path, description = "Id of the scraper job"),
        ("fresh" = Option<bool>, Query, description = "Scrape now instead of answering from the cache"),
        ("limit" = Option<u32>, Query, description = "Most records", minimum = 1, maximum = 10000),
        ("offset" = Option<u32>, Query, description = "Records to leave out at the beginning"),
        ("format" = inline(Option<schemas::DataFormat>), Query, description = "`json` if absent"),
    ),
    responses(
        (status = 200, description = "The data", content(
            (schemas::EndpointData = "application/json"),
            (String = "text/csv"),
        )),
        (status = 404, description = "There is no such endpoint"),
        (status = 409, description = "The scraper is not ready"),
        (status = 422, description = "The scraper ran and failed; `error` is `SandboxExecutionError`"),
        (status = 503, description = "The page cannot be read; `error` is `WebsiteAccessError`"),
    )
)]
pub(crate) async fn generated(
    State(app): State<App>,
    Watch(ctx): Watch,
    Id(id): Id<JobId>,
    query: Query,
) -> Answer<Response> {
    let as_csv = match query.text("format") {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(Failure::malformed("format", "must be one of json, csv")),
    };
    let request = EndpointQuery {
        fresh: query.flag("fresh")?,
        limit: query.number("limit", 1, MOST_RECORDS)?,
        offset: query.number("offset", 0, u32::MAX)?.unwrap_or(0),
    };
    let ctx = ctx.with_timeout(app.options.timing.scraper_call);
    let answer = ctx.bound(app.ports.scraper.run_endpoint(&ctx, id, request)).await?;
    let links = [(header::LINK, format!("</api/v1/generated/{id}/openapi.json>; rel=\"service-desc\""))];
    if as_csv {
        let fields = answer.metadata["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
        let fields: Vec<&str> = fields.iter().filter_map(Value::as_str).collect();
        let total = answer.metadata["total"].as_u64().unwrap_or(answer.data.len() as u64);
        let head = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"scraper-{id}.csv\"")),
            (TOTAL_COUNT, total.to_string()),
        ];
        return Ok((links, head, csv::write(&answer.data, &fields)).into_response());
    }
    Ok((links, Json(answer)).into_response())
}
