//! Shapes of scraper jobs and their endpoints. Not here: which route takes what (`routes::scraping`).

use super::AnyObject;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// What to scrape.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreateJob {
    /// The page.
    url: String,
    /// What is wanted from it.
    description: String,
    /// Who wants it.
    user_id: Option<String>,
    /// Whether the page is fetched although its site's robots.txt says no: for whoever may.
    #[schema(default = false)]
    ignore_robots: Option<bool>,
}

/// How a new version shall be written.
#[derive(Serialize, ToSchema)]
pub(crate) struct Regenerate {
    /// What should be different, in a sentence; the last failure is taken into account anyway.
    feedback: Option<String>,
}

/// Where a job stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobStatus {
    Pending,
    Analyzing,
    Generating,
    Testing,
    Ready,
    Failed,
}

/// A scraper job.
#[derive(Serialize, ToSchema)]
pub(crate) struct Job {
    /// Its id.
    id: Uuid,
    /// The page.
    url: String,
    /// What is wanted.
    description: String,
    /// Who wants it.
    #[schema(required)]
    user_id: Option<String>,
    /// Whether its page is fetched although its site's robots.txt says no.
    ignore_robots: bool,
    /// What people said afterwards about what it should do, one line each.
    #[schema(required)]
    feedback: Option<String>,
    /// Where it stands.
    status: JobStatus,
    /// 0 to 100.
    #[schema(maximum = 100)]
    progress: u32,
    /// What is happening, in a sentence.
    message: String,
    /// When it was accepted.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Path of the endpoint.
    #[schema(required)]
    api_endpoint: Option<String>,
    /// The first three records.
    #[schema(required)]
    sample_data: Option<Value>,
    /// Why it failed.
    #[schema(required)]
    error: Option<Value>,
    /// The code.
    #[schema(required)]
    scraper_code: Option<String>,
    /// Its version, from 1.
    #[schema(required)]
    code_version: Option<u32>,
    /// What was learned of the page.
    #[schema(required)]
    analysis: Option<Value>,
    /// What it cost.
    cost_usd: f64,
    /// Each try.
    attempts: Vec<Value>,
}

/// Where a job stands, without its code.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobState {
    /// The job.
    id: Uuid,
    /// Where it stands.
    status: JobStatus,
    /// 0 to 100.
    #[schema(maximum = 100)]
    progress: u32,
    /// What is happening, in a sentence.
    message: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Path of the endpoint.
    #[schema(required)]
    api_endpoint: Option<String>,
    /// The first three records.
    #[schema(required)]
    sample_data: Option<Value>,
    /// Why it failed.
    #[schema(required)]
    error: Option<Value>,
    /// Version of the code, from 1.
    #[schema(required)]
    code_version: Option<u32>,
}

/// Result of running a scraper now.
#[derive(Serialize, ToSchema)]
pub(crate) struct TestResult {
    /// Whether it worked.
    ok: bool,
    /// The records.
    data: Value,
    /// Why not; absent if it worked.
    error: Option<Value>,
    /// How long it took, milliseconds.
    duration_ms: u64,
}

/// How an endpoint answers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DataFormat {
    Json,
    Csv,
}

/// What an endpoint answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointData {
    /// When it was asked.
    #[schema(format = DateTime)]
    request_timestamp: String,
    /// The page.
    source_url: String,
    /// The records.
    data: Vec<Value>,
    /// About them.
    #[schema(value_type = AnyObject)]
    metadata: Value,
}
