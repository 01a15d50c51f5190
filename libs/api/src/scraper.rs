//! The scraper port: from a URL and a sentence to a running endpoint. Not here: how (`services/scraper`).

use crate::{
    BoxStream, CallCtx, Error, Result,
    endpoint::{Health, PutSchedule, Schedule},
    planner::PageRequest,
};
use async_trait::async_trait;
use nexus_model::{JobId, Money, Timestamp, workflow::Page};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What to scrape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateJob {
    /// The page.
    pub url: String,
    /// What is wanted from it.
    pub description: String,
    /// Who wants it.
    #[serde(default)]
    pub user_id: Option<String>,
    /// Whether the page is fetched although its site's robots.txt says no: for whoever may.
    #[serde(default)]
    pub ignore_robots: bool,
}

/// How a new version shall be written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regenerate {
    /// What should be different, in a sentence; the last failure is taken into account anyway.
    #[serde(default)]
    pub feedback: Option<String>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Accepted.
    Pending,
    /// Studying the page.
    Analyzing,
    /// Writing the code.
    Generating,
    /// Trying the code.
    Testing,
    /// Its endpoint works.
    Ready,
    /// It could not be done.
    Failed,
}

/// A scraper job (contract section 6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The page.
    pub url: String,
    /// What is wanted.
    pub description: String,
    /// Who wants it.
    pub user_id: Option<String>,
    /// Whether its page is fetched although its site's robots.txt says no.
    pub ignore_robots: bool,
    /// What people said afterwards about what it should do, one line each.
    pub feedback: Option<String>,
    /// Where it stands.
    pub status: JobStatus,
    /// 0 to 100.
    pub progress: u32,
    /// What is happening, in a sentence.
    pub message: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Path of the endpoint.
    pub api_endpoint: Option<String>,
    /// The first three records.
    pub sample_data: Option<Value>,
    /// Why it failed.
    pub error: Option<Value>,
    /// The code.
    pub scraper_code: Option<String>,
    /// Its version, from 1.
    pub code_version: Option<u32>,
    /// What was learned of the page.
    pub analysis: Option<Value>,
    /// What it cost.
    pub cost_usd: Money,
    /// Each try.
    pub attempts: Vec<Value>,
}

/// Result of running a scraper now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestResult {
    /// Whether it worked.
    pub ok: bool,
    /// The records.
    pub data: Value,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
}

/// Which part of an endpoint's data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointQuery {
    /// Whether to bypass the cache.
    pub fresh: bool,
    /// Most records.
    pub limit: Option<u32>,
    /// Records to skip.
    pub offset: u32,
}

/// A program to run in the sandbox.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPython {
    /// The program; it defines `def run(inputs)`.
    pub code: String,
    /// What is passed to `run`.
    pub inputs: Value,
}

/// What an endpoint answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointData {
    /// When it was asked.
    pub request_timestamp: Timestamp,
    /// The page.
    pub source_url: String,
    /// The records.
    pub data: Vec<Value>,
    /// About them.
    pub metadata: Value,
}

/// The scraper.
#[async_trait]
pub trait Scraper: Send + Sync + 'static {
    /// Accepts a job.
    async fn create_job(&self, ctx: &CallCtx, request: CreateJob) -> Result<Job>;
    /// A job.
    async fn get_job(&self, ctx: &CallCtx, id: JobId) -> Result<Job>;
    /// Jobs, newest first; without what is large.
    async fn list_jobs(&self, ctx: &CallCtx, page: PageRequest) -> Result<Page<Job>>;
    /// Deletes a job and its endpoint.
    async fn delete_job(&self, ctx: &CallCtx, id: JobId) -> Result<()>;
    /// The job at each change; ends when it is ready or failed.
    async fn watch_job(&self, ctx: &CallCtx, id: JobId) -> Result<BoxStream<Job>>;
    /// Runs the scraper now.
    async fn test_job(&self, ctx: &CallCtx, id: JobId) -> Result<TestResult>;
    /// Writes a new version of the code, with the last failure as feedback. The version in use stays in use until there
    /// is one that is no worse.
    async fn regenerate_job(&self, ctx: &CallCtx, id: JobId, request: Regenerate) -> Result<Job>;
    /// Runs the endpoint.
    async fn run_endpoint(&self, ctx: &CallCtx, id: JobId, query: EndpointQuery) -> Result<EndpointData>;
    /// Runs a program in the sandbox and returns what its `run` returned. `Invalid` when the program fails, with its
    /// traceback.
    async fn run_python(&self, ctx: &CallCtx, request: RunPython) -> Result<Value>;
    /// How the job's endpoint does, with its last runs.
    async fn job_health(&self, _: &CallCtx, _: JobId) -> Result<Health> {
        Err(Error::unimplemented("the health of endpoints"))
    }
    /// Lets the job's scraper run by itself from now on; the first run begins at once. Replaces what was said before.
    async fn put_schedule(&self, _: &CallCtx, _: JobId, _: PutSchedule) -> Result<Schedule> {
        Err(Error::unimplemented("scheduling of scrapers"))
    }
    /// When the job's scraper runs by itself. `NotFound` if it does not.
    async fn get_schedule(&self, _: &CallCtx, _: JobId) -> Result<Schedule> {
        Err(Error::unimplemented("scheduling of scrapers"))
    }
    /// The job's scraper no longer runs by itself. `NotFound` if it did not.
    async fn delete_schedule(&self, _: &CallCtx, _: JobId) -> Result<()> {
        Err(Error::unimplemented("scheduling of scrapers"))
    }
}
