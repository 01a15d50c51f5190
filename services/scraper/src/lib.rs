//! The scraper service. In this version its jobs are not built yet: every method of the port answers that it is not
//! available. What jobs will need to choose with a model what they take is there.
//!
//! Not here: fetching pages, running generated code.

pub mod choose;

use async_trait::async_trait;
use nexus_api::{
    BoxStream, CallCtx, Error, Result, Scraper,
    planner::PageRequest,
    scraper::{CreateJob, EndpointData, EndpointQuery, Job, RunPython, TestResult},
};
use nexus_model::{JobId, workflow::Page};
use serde_json::Value;

/// Answers `Unimplemented` to everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScraperService;

fn missing<T>() -> Result<T> {
    Err(Error::unimplemented("scraping"))
}

#[async_trait]
impl Scraper for ScraperService {
    async fn create_job(&self, _: &CallCtx, _: CreateJob) -> Result<Job> {
        missing()
    }

    async fn get_job(&self, _: &CallCtx, _: JobId) -> Result<Job> {
        missing()
    }

    async fn list_jobs(&self, _: &CallCtx, _: PageRequest) -> Result<Page<Job>> {
        missing()
    }

    async fn delete_job(&self, _: &CallCtx, _: JobId) -> Result<()> {
        missing()
    }

    async fn watch_job(&self, _: &CallCtx, _: JobId) -> Result<BoxStream<Job>> {
        missing()
    }

    async fn test_job(&self, _: &CallCtx, _: JobId) -> Result<TestResult> {
        missing()
    }

    async fn regenerate_job(&self, _: &CallCtx, _: JobId) -> Result<Job> {
        missing()
    }

    async fn run_endpoint(&self, _: &CallCtx, _: JobId, _: EndpointQuery) -> Result<EndpointData> {
        missing()
    }

    async fn run_python(&self, _: &CallCtx, _: RunPython) -> Result<Value> {
        missing()
    }
}
