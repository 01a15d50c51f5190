//! Scraper jobs and what endpoints answer.

use super::{id, moment, money, name, named, optional_value, required, timestamp, value, values};
use crate::{json::Value, proto::scraper as pb};
use nexus_api::{
    Error, Result,
    scraper::{CreateJob, EndpointData, Job, TestResult},
};

impl From<CreateJob> for pb::CreateJobRequest {
    fn from(request: CreateJob) -> Self {
        Self {
            url: request.url,
            description: request.description,
            user_id: request.user_id,
            ignore_robots: request.ignore_robots,
        }
    }
}

impl From<pb::CreateJobRequest> for CreateJob {
    fn from(request: pb::CreateJobRequest) -> Self {
        Self {
            url: request.url,
            description: request.description,
            user_id: request.user_id,
            ignore_robots: request.ignore_robots,
        }
    }
}

impl From<Job> for pb::Job {
    fn from(job: Job) -> Self {
        Self {
            id: job.id.to_string(),
            url: job.url,
            description: job.description,
            status: name(job.status),
            progress: job.progress,
            message: job.message,
            created_at: moment(job.created_at),
            updated_at: moment(job.updated_at),
            api_endpoint: job.api_endpoint,
            sample_data: job.sample_data.map(Value::new),
            error: job.error.map(Value::new),
            scraper_code: job.scraper_code,
            code_version: job.code_version,
            analysis: job.analysis.map(Value::new),
            cost_usd: job.cost_usd.usd(),
            attempts: job.attempts.into_iter().map(Value::new).collect(),
            user_id: job.user_id,
            ignore_robots: job.ignore_robots,
            feedback: job.feedback,
        }
    }
}

impl TryFrom<pb::Job> for Job {
    type Error = Error;
    fn try_from(job: pb::Job) -> Result<Self> {
        Ok(Self {
            id: id("/id", &job.id)?,
            url: job.url,
            description: job.description,
            user_id: job.user_id,
            ignore_robots: job.ignore_robots,
            feedback: job.feedback,
            status: named("/status", job.status)?,
            progress: job.progress,
            message: job.message,
            created_at: timestamp("/created_at", job.created_at)?,
            updated_at: timestamp("/updated_at", job.updated_at)?,
            api_endpoint: job.api_endpoint,
            sample_data: optional_value("/sample_data", job.sample_data)?,
            error: optional_value("/error", job.error)?,
            scraper_code: job.scraper_code,
            code_version: job.code_version,
            analysis: optional_value("/analysis", job.analysis)?,
            cost_usd: money("/cost_usd", job.cost_usd)?,
            attempts: values("/attempts", job.attempts)?,
        })
    }
}

impl From<TestResult> for pb::TestJobResponse {
    fn from(result: TestResult) -> Self {
        Self {
            ok: result.ok,
            data: Some(Value::new(result.data)),
            error: result.error.map(Value::new),
            duration_ms: result.duration_ms,
        }
    }
}

impl TryFrom<pb::TestJobResponse> for TestResult {
    type Error = Error;
    fn try_from(result: pb::TestJobResponse) -> Result<Self> {
        Ok(Self {
            ok: result.ok,
            data: value("/data", required("/data", result.data)?)?,
            error: optional_value("/error", result.error)?,
            duration_ms: result.duration_ms,
        })
    }
}

impl From<EndpointData> for pb::RunEndpointResponse {
    fn from(answer: EndpointData) -> Self {
        Self {
            request_timestamp: moment(answer.request_timestamp),
            source_url: answer.source_url,
            data: answer.data.into_iter().map(Value::new).collect(),
            metadata: Some(Value::new(answer.metadata)),
        }
    }
}

impl TryFrom<pb::RunEndpointResponse> for EndpointData {
    type Error = Error;
    fn try_from(answer: pb::RunEndpointResponse) -> Result<Self> {
        Ok(Self {
            request_timestamp: timestamp("/request_timestamp", answer.request_timestamp)?,
            source_url: answer.source_url,
            data: values("/data", answer.data)?,
            metadata: value("/metadata", required("/metadata", answer.metadata)?)?,
        })
    }
}

/// Something that outsiders see as JSON, as that JSON.
pub(crate) fn shown(what: &impl serde::Serialize) -> Value {
    Value::new(serde_json::to_value(what).unwrap_or_default())
}

/// The same from the wire.
pub(crate) fn from_shown<T: serde::de::DeserializeOwned>(path: &str, wire: Option<Value>) -> Result<T> {
    let json = value(path, required(path, wire)?)?;
    serde_json::from_value(json).map_err(|error| super::malformed(path, error.to_string()))
}
