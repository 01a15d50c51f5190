//! The scraper port over REST and server-sent events.

use super::{Query, Remote, sse};
use async_trait::async_trait;
use futures::{StreamExt, future};
use nexus_api::{
    BoxStream, CallCtx, Error, Result, Scraper,
    planner::PageRequest,
    scraper::{CreateJob, EndpointData, EndpointQuery, Job, Regenerate, RunPython, TestResult},
};
use nexus_model::{JobId, workflow::Page};
use reqwest::{Method, header};
use serde_json::{Value, json};

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
        let request = self.get(&format!("/scraping/jobs/{id}")).header(header::ACCEPT, "text/event-stream");
        let answer = ctx.bound(self.send(request)).await?;
        let remote = self.clone();
        let changes = sse::data(answer.bytes_stream()).filter_map(move |data| {
            future::ready(match data {
                Ok(text) => serde_json::from_str(&text).ok().map(Ok),
                Err(error) => Some(Err(remote.lost(&error))),
            })
        });
        Ok(changes.boxed())
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
