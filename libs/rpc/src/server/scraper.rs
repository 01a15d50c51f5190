//! The scraper's methods.

use super::respond::{OnStop, Responses, streaming, unary};
use crate::{
    convert::{id, page, page_request, scraper::shown, value},
    json::Value,
    proto::scraper::{self as pb, scraper_service_server::ScraperService},
};
use nexus_api::{
    Bounded, Scraper,
    endpoint::PutSchedule,
    scraper::{EndpointQuery, Job, Regenerate, RunPython},
};
use tonic::{Request, Response, Status};

pub(super) struct Handler(pub(super) Bounded<dyn Scraper>);

impl From<Job> for pb::WatchJobResponse {
    fn from(job: Job) -> Self {
        Self { job: Some(job.into()) }
    }
}

#[tonic::async_trait]
impl ScraperService for Handler {
    async fn create_job(
        &self,
        request: Request<pb::CreateJobRequest>,
    ) -> Result<Response<pb::CreateJobResponse>, Status> {
        unary!(request, |ctx, message| {
            let job = self.0.create_job(ctx, message.into()).await?;
            Ok(pb::CreateJobResponse { job: Some(job.into()) })
        })
    }

    async fn get_job(
        &self,
        request: Request<pb::GetJobRequest>,
    ) -> Result<Response<pb::GetJobResponse>, Status> {
        unary!(request, |ctx, message| {
            let job = self.0.get_job(ctx, id("/job_id", &message.job_id)?).await?;
            Ok(pb::GetJobResponse { job: Some(job.into()) })
        })
    }

    async fn list_jobs(
        &self,
        request: Request<pb::ListJobsRequest>,
    ) -> Result<Response<pb::ListJobsResponse>, Status> {
        unary!(request, |ctx, message| {
            let which = page_request(message.limit, message.cursor);
            let (items, next_cursor) = page(self.0.list_jobs(ctx, which).await?);
            Ok(pb::ListJobsResponse { items, next_cursor })
        })
    }

    async fn delete_job(
        &self,
        request: Request<pb::DeleteJobRequest>,
    ) -> Result<Response<pb::DeleteJobResponse>, Status> {
        unary!(request, |ctx, message| {
            self.0.delete_job(ctx, id("/job_id", &message.job_id)?).await?;
            Ok(pb::DeleteJobResponse {})
        })
    }

    type WatchJobStream = Responses<pb::WatchJobResponse>;

    async fn watch_job(
        &self,
        request: Request<pb::WatchJobRequest>,
    ) -> Result<Response<Self::WatchJobStream>, Status> {
        streaming!(request, OnStop::End, |ctx, message| {
            self.0.watch_job(ctx, id("/job_id", &message.job_id)?).await
        })
    }

    async fn test_job(
        &self,
        request: Request<pb::TestJobRequest>,
    ) -> Result<Response<pb::TestJobResponse>, Status> {
        unary!(request, |ctx, message| Ok(self
            .0
            .test_job(ctx, id("/job_id", &message.job_id)?)
            .await?
            .into()))
    }

    async fn regenerate_job(
        &self,
        request: Request<pb::RegenerateJobRequest>,
    ) -> Result<Response<pb::RegenerateJobResponse>, Status> {
        unary!(request, |ctx, message| {
            let request = Regenerate { feedback: message.feedback };
            let job = self.0.regenerate_job(ctx, id("/job_id", &message.job_id)?, request).await?;
            Ok(pb::RegenerateJobResponse { job: Some(job.into()) })
        })
    }

    async fn run_endpoint(
        &self,
        request: Request<pb::RunEndpointRequest>,
    ) -> Result<Response<pb::RunEndpointResponse>, Status> {
        unary!(request, |ctx, message| {
            let query = EndpointQuery { fresh: message.fresh, limit: message.limit, offset: message.offset };
            Ok(self.0.run_endpoint(ctx, id("/job_id", &message.job_id)?, query).await?.into())
        })
    }

    async fn run_python(
        &self,
        request: Request<pb::RunPythonRequest>,
    ) -> Result<Response<pb::RunPythonResponse>, Status> {
        unary!(request, |ctx, message| {
            let inputs =
                message.inputs.map(|inputs| value("/inputs", inputs)).transpose()?.unwrap_or_default();
            let output = self.0.run_python(ctx, RunPython { code: message.code, inputs }).await?;
            Ok(pb::RunPythonResponse { output: Some(Value::new(output)) })
        })
    }

    async fn get_health(
        &self,
        request: Request<pb::GetHealthRequest>,
    ) -> Result<Response<pb::GetHealthResponse>, Status> {
        unary!(request, |ctx, message| {
            let health = self.0.job_health(ctx, id("/job_id", &message.job_id)?).await?;
            Ok(pb::GetHealthResponse { health: Some(shown(&health)) })
        })
    }

    async fn put_schedule(
        &self,
        request: Request<pb::PutScheduleRequest>,
    ) -> Result<Response<pb::PutScheduleResponse>, Status> {
        unary!(request, |ctx, message| {
            let job = id("/job_id", &message.job_id)?;
            let pb::PutScheduleRequest { every, webhook_url, webhook_secret, .. } = message;
            let schedule =
                self.0.put_schedule(ctx, job, PutSchedule { every, webhook_url, webhook_secret }).await?;
            Ok(pb::PutScheduleResponse { schedule: Some(shown(&schedule)) })
        })
    }

    async fn get_schedule(
        &self,
        request: Request<pb::GetScheduleRequest>,
    ) -> Result<Response<pb::GetScheduleResponse>, Status> {
        unary!(request, |ctx, message| {
            let schedule = self.0.get_schedule(ctx, id("/job_id", &message.job_id)?).await?;
            Ok(pb::GetScheduleResponse { schedule: Some(shown(&schedule)) })
        })
    }

    async fn delete_schedule(
        &self,
        request: Request<pb::DeleteScheduleRequest>,
    ) -> Result<Response<pb::DeleteScheduleResponse>, Status> {
        unary!(request, |ctx, message| {
            self.0.delete_schedule(ctx, id("/job_id", &message.job_id)?).await?;
            Ok(pb::DeleteScheduleResponse {})
        })
    }
}
