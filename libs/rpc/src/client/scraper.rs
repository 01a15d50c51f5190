//! The scraper's methods, called.

use super::{
    call,
    pool::{Pool, Repeat},
    resume::{Follow, resuming},
};
use crate::{
    convert::{answer, from_page, required, scraper::from_shown, value},
    meta::Shape,
    proto::scraper::{self as pb, scraper_service_client::ScraperServiceClient},
    status::from_status,
};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt, future::BoxFuture};
use nexus_api::{
    BoxStream, CallCtx, Result, Scraper,
    endpoint::{Health, PutSchedule, Schedule},
    planner::PageRequest,
    scraper::{CreateJob, EndpointData, EndpointQuery, Job, Regenerate, RunPython, TestResult},
};
use nexus_model::{JobId, workflow::Page};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

pub(super) struct Client(pub(super) Arc<Pool>);

fn job(wire: Option<pb::Job>) -> Result<Job> {
    answer(required("/job", wire).and_then(TryInto::try_into))
}

#[async_trait]
impl Scraper for Client {
    async fn create_job(&self, ctx: &CallCtx, request: CreateJob) -> Result<Job> {
        let message = pb::CreateJobRequest::from(request);
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, ScraperServiceClient::create_job, message);
        job(response.await?.job)
    }

    async fn get_job(&self, ctx: &CallCtx, id: JobId) -> Result<Job> {
        let message = pb::GetJobRequest { job_id: id.to_string() };
        let response = call!(self.0, ctx, Repeat::Safe, Shape::Unary, ScraperServiceClient::get_job, message);
        job(response.await?.job)
    }

    async fn list_jobs(&self, ctx: &CallCtx, page: PageRequest) -> Result<Page<Job>> {
        let message = pb::ListJobsRequest { limit: page.limit, cursor: page.cursor };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, ScraperServiceClient::list_jobs, message);
        let response = response.await?;
        answer(from_page(response.items, response.next_cursor))
    }

    async fn delete_job(&self, ctx: &CallCtx, id: JobId) -> Result<()> {
        let message = pb::DeleteJobRequest { job_id: id.to_string() };
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, ScraperServiceClient::delete_job, message);
        response.await.map(|_| ())
    }

    async fn watch_job(&self, ctx: &CallCtx, id: JobId) -> Result<BoxStream<Job>> {
        let first = open(&self.0, ctx, id).await?;
        // The deadline is for the beginning, which lies behind us.
        let ctx = CallCtx { deadline: None, ..ctx.clone() };
        Ok(resuming(Watch { pool: self.0.clone(), ctx, id, last: None }, first))
    }

    async fn test_job(&self, ctx: &CallCtx, id: JobId) -> Result<TestResult> {
        let message = pb::TestJobRequest { job_id: id.to_string() };
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, ScraperServiceClient::test_job, message);
        answer(response.await?.try_into())
    }

    async fn regenerate_job(&self, ctx: &CallCtx, id: JobId, request: Regenerate) -> Result<Job> {
        let message = pb::RegenerateJobRequest { job_id: id.to_string(), feedback: request.feedback };
        let response = call!(
            self.0,
            ctx,
            Repeat::IfNotSent,
            Shape::Unary,
            ScraperServiceClient::regenerate_job,
            message
        );
        job(response.await?.job)
    }

    async fn run_endpoint(&self, ctx: &CallCtx, id: JobId, query: EndpointQuery) -> Result<EndpointData> {
        let message = pb::RunEndpointRequest {
            job_id: id.to_string(),
            fresh: query.fresh,
            limit: query.limit,
            offset: query.offset,
        };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, ScraperServiceClient::run_endpoint, message);
        answer(response.await?.try_into())
    }

    async fn run_python(&self, ctx: &CallCtx, request: RunPython) -> Result<Value> {
        let message = pb::RunPythonRequest {
            code: request.code,
            inputs: Some(crate::json::Value::new(request.inputs)),
        };
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, ScraperServiceClient::run_python, message);
        answer(required("/output", response.await?.output).and_then(|output| value("/output", output)))
    }

    async fn job_health(&self, ctx: &CallCtx, id: JobId) -> Result<Health> {
        let message = pb::GetHealthRequest { job_id: id.to_string() };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, ScraperServiceClient::get_health, message);
        answer(from_shown("/health", response.await?.health))
    }

    async fn put_schedule(&self, ctx: &CallCtx, id: JobId, schedule: PutSchedule) -> Result<Schedule> {
        let PutSchedule { every, webhook_url, webhook_secret } = schedule;
        let message = pb::PutScheduleRequest { job_id: id.to_string(), every, webhook_url, webhook_secret };
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, ScraperServiceClient::put_schedule, message);
        answer(from_shown("/schedule", response.await?.schedule))
    }

    async fn get_schedule(&self, ctx: &CallCtx, id: JobId) -> Result<Schedule> {
        let message = pb::GetScheduleRequest { job_id: id.to_string() };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, ScraperServiceClient::get_schedule, message);
        answer(from_shown("/schedule", response.await?.schedule))
    }

    async fn delete_schedule(&self, ctx: &CallCtx, id: JobId) -> Result<()> {
        let message = pb::DeleteScheduleRequest { job_id: id.to_string() };
        let response = call!(
            self.0,
            ctx,
            Repeat::IfNotSent,
            Shape::Unary,
            ScraperServiceClient::delete_schedule,
            message
        );
        response.await.map(|_| ())
    }
}

async fn open(pool: &Pool, ctx: &CallCtx, id: JobId) -> Result<BoxStream<Job>> {
    let message = pb::WatchJobRequest { job_id: id.to_string() };
    let items = call!(pool, ctx, Repeat::Safe, Shape::Stream, ScraperServiceClient::watch_job, message);
    let item = |item: Result<pb::WatchJobResponse, _>| {
        item.map_err(|status| from_status(&status)).and_then(|item| job(item.job))
    };
    Ok(items.await?.map(item).boxed())
}

struct Watch {
    pool: Arc<Pool>,
    ctx: CallCtx,
    id: JobId,
    last: Option<Job>,
}

impl Follow for Watch {
    type Item = Job;

    /// A server tells the present state first, which after a break may be the one told last.
    fn accept(&mut self, item: &Job) -> bool {
        let new = self.last.as_ref() != Some(item);
        if new {
            self.last = Some(item.clone());
        }
        new
    }

    fn reopen(&self) -> BoxFuture<'static, Result<BoxStream<Job>>> {
        let (pool, ctx, id) = (self.pool.clone(), self.ctx.clone(), self.id);
        async move { open(&pool, &ctx, id).await }.boxed()
    }

    fn patience(&self) -> Duration {
        self.pool.resume_for
    }
}
