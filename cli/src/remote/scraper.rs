//! The scraper port over REST. A job is followed by asking for it: its states are few, and each lasts a while.

use super::{Query, Remote};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use nexus_api::{
    BoxStream, CallCtx, Error, Result, Scraper,
    planner::PageRequest,
    scraper::{CreateJob, EndpointData, EndpointQuery, Job, JobStatus, Regenerate, RunPython, TestResult},
};
use nexus_model::{JobId, workflow::Page};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Pause between two questions for a job's state.
const ASK_AGAIN: Duration = Duration::from_millis(150);

#[async_trait]
impl Scraper for Remote {
    async fn create_job(&self, ctx: &CallCtx, request: CreateJob) -> Result<Job> {
        self.call(ctx, self.post("/scraping/requests", &json!(request))).await
    }

    async fn get_job(&self, ctx: &CallCtx, id: JobId) -> Result<Job> {
        self.call(ctx, self.get(&format!("/scraping/jobs/{id}"))).await
    }

    async fn list_jobs(&self, ctx: &CallCtx, page: PageRequest) -> Result<Page<Job>> {
        self.call(ctx, self.get(&Query::default().page(page).of("/scraping/jobs"))).await
    }

    async fn delete_job(&self, _: &CallCtx, id: JobId) -> Result<()> {
        self.send(self.request(Method::DELETE, &format!("/scraping/jobs/{id}"))).await.map(drop)
    }

    async fn watch_job(&self, ctx: &CallCtx, id: JobId) -> Result<BoxStream<Job>> {
        let first = self.get_job(ctx, id).await?;
        let rest = stream::unfold((self.clone(), Some(first.clone())), move |(remote, last)| async move {
            let last = last.filter(|job| !matches!(job.status, JobStatus::Ready | JobStatus::Failed))?;
            loop {
                tokio::time::sleep(ASK_AGAIN).await;
                match remote.get_job(&CallCtx::background(), id).await {
                    Ok(job) if job == last => {}
                    Ok(job) => return Some((Ok(job.clone()), (remote, Some(job)))),
                    Err(error) => return Some((Err(error), (remote, None))),
                }
            }
        });
        Ok(stream::iter([Ok(first)]).chain(rest).boxed())
    }

    async fn test_job(&self, ctx: &CallCtx, id: JobId) -> Result<TestResult> {
        self.call(ctx, self.post(&format!("/scraping/jobs/{id}/test"), &json!({}))).await
    }

    async fn regenerate_job(&self, ctx: &CallCtx, id: JobId, request: Regenerate) -> Result<Job> {
        self.call(ctx, self.post(&format!("/scraping/jobs/{id}/regenerate"), &json!(request))).await
    }

    async fn run_endpoint(&self, ctx: &CallCtx, id: JobId, query: EndpointQuery) -> Result<EndpointData> {
        let path = Query::default()
            .with("fresh", query.fresh.then_some("true"))
            .with("limit", query.limit)
            .with("offset", Some(query.offset))
            .of(&format!("/generated/{id}"));
        self.call(ctx, self.get(&path)).await
    }

    async fn run_python(&self, _: &CallCtx, _: RunPython) -> Result<Value> {
        Err(Error::unimplemented("running Python on a server from the command line"))
    }
}
