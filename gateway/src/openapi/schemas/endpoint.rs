//! Shapes of what is known of a generated endpoint beside its data. Not here: jobs and data (`scraping`).

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// Why a scraper ran.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trigger {
    Made,
    Endpoint,
    Test,
    Schedule,
}

/// One run of a scraper.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScraperRun {
    /// When it began.
    #[schema(format = DateTime)]
    at: String,
    /// Whether it gave records that can be used.
    ok: bool,
    /// Why it ran.
    trigger: Trigger,
    /// How many records it gave.
    records: u64,
    /// How long it took, milliseconds.
    duration_ms: u64,
    /// Version of the code.
    code_version: u32,
    /// `{code, message, suggestion}` if it failed.
    #[schema(required)]
    error: Option<Value>,
    /// How its result differs from what the scraper used to give.
    drift: Vec<String>,
    /// What else happened, e.g. a repair.
    #[schema(required)]
    note: Option<String>,
}

/// How an endpoint does, in a word.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HealthStatus {
    Unknown,
    Healthy,
    Degraded,
    Failing,
}

/// How an endpoint does.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointHealth {
    /// The job.
    job_id: Uuid,
    /// In a word.
    status: HealthStatus,
    /// In a sentence.
    message: String,
    /// How the last result differs from what the scraper used to give.
    drift: Vec<String>,
    /// When the last good run began.
    #[schema(required, format = DateTime)]
    last_ok_at: Option<String>,
    /// The last runs, newest first.
    runs: Vec<ScraperRun>,
    /// When the scraper runs by itself, if it does.
    #[schema(required)]
    schedule: Option<Schedule>,
}

/// When a scraper shall run by itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct PutSchedule {
    /// The time between two runs: `90s`, `15m`, `1h`, `1d`, or a number of seconds; at least a minute.
    #[schema(example = "15m")]
    every: String,
    /// Where changes are reported, if anywhere.
    webhook_url: Option<String>,
    /// What reports are signed with: the header `X-Nexus-Signature` is then `sha256=` and the HMAC-SHA-256, in
    /// hexadecimal, of `X-Nexus-Timestamp`, a dot, and the body.
    webhook_secret: Option<String>,
}

/// How many records differ between two runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangeCounts {
    /// New ones.
    added: u64,
    /// Those that are gone.
    removed: u64,
    /// The same ones with other values.
    changed: u64,
}

/// How far a report has come.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryStatus {
    Pending,
    Delivered,
    Failed,
}

/// A report to a webhook.
#[derive(Serialize, ToSchema)]
pub(crate) struct Delivery {
    /// Its id, also in the header `X-Nexus-Delivery`.
    id: Uuid,
    /// `scraper.changed`, `scraper.failing` or `scraper.recovered`.
    event: String,
    /// How far it has come.
    status: DeliveryStatus,
    /// How often it was tried.
    attempts: u32,
    /// When there was something to tell.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was tried last.
    #[schema(required, format = DateTime)]
    last_attempt_at: Option<String>,
    /// What the receiver answered last.
    #[schema(required)]
    http_status: Option<u16>,
    /// Why the last try failed.
    #[schema(required)]
    error: Option<String>,
}

/// When a scraper runs by itself, and what came of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Schedule {
    /// The job.
    job_id: Uuid,
    /// The time between two runs.
    every: String,
    /// The same in seconds.
    every_seconds: u64,
    /// Where changes are reported.
    #[schema(required)]
    webhook_url: Option<String>,
    /// Whether reports are signed. The secret itself is never shown.
    webhook_signed: bool,
    /// When the next run begins.
    #[schema(format = DateTime)]
    next_run_at: String,
    /// When the last one ended.
    #[schema(required, format = DateTime)]
    last_run_at: Option<String>,
    /// Whether it was good.
    #[schema(required)]
    last_ok: Option<bool>,
    /// `{code, message, suggestion}` if it was not.
    #[schema(required)]
    last_error: Option<Value>,
    /// When records last differed from those before.
    #[schema(required, format = DateTime)]
    last_change_at: Option<String>,
    /// How much they differed in the last run.
    #[schema(required)]
    last_changes: Option<ChangeCounts>,
    /// The last reports, newest first.
    deliveries: Vec<Delivery>,
}
