//! Jobs as outsiders see them, and what is told of them while they change. Not here: how they are kept (`nexus-store`).

use bytes::Bytes;
use nexus_api::scraper::{Job, JobStatus};
use nexus_bus::{Bus, MAX_MESSAGE_BYTES, Topic};
use nexus_model::JobId;
use nexus_store::StoredJob;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What of an analysis stands in lists.
const IN_LISTS: [&str; 4] = ["page_type", "title", "encoding", "records"];

/// Whether nobody is to work on a job of this status.
pub(crate) fn has_ended(status: JobStatus) -> bool {
    matches!(status, JobStatus::Ready | JobStatus::Failed)
}

/// How far a job is, in percent.
pub(crate) fn progress(status: JobStatus) -> u32 {
    match status {
        JobStatus::Pending => 0,
        JobStatus::Analyzing => 20,
        JobStatus::Generating => 50,
        JobStatus::Testing => 80,
        JobStatus::Ready | JobStatus::Failed => 100,
    }
}

/// Path of a job's endpoint.
pub(crate) fn endpoint(id: JobId) -> String {
    format!("/api/v1/generated/{id}")
}

/// A job with everything.
pub(crate) fn job(stored: StoredJob) -> Job {
    let api_endpoint = stored.current.is_some().then(|| endpoint(stored.id));
    let (code, version) = stored.current.map(|current| (current.code, current.number)).unzip();
    Job {
        id: stored.id,
        url: stored.url,
        description: stored.description,
        user_id: stored.user_id,
        ignore_robots: stored.ignore_robots,
        feedback: stored.feedback,
        status: stored.status,
        progress: progress(stored.status),
        message: stored.message,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
        api_endpoint,
        sample_data: stored.sample_data,
        error: stored.error,
        scraper_code: code,
        code_version: version,
        analysis: stored.analysis,
        cost_usd: stored.cost,
        attempts: stored.attempts,
    }
}

/// A job in a list: without what is large and only looked at one by one.
pub(crate) fn listed(stored: StoredJob) -> Job {
    let mut job = job(stored);
    if let Some(Value::Object(analysis)) = &mut job.analysis {
        let kept = |name: &&str| analysis.get(*name).map(|value| ((*name).to_owned(), value.clone()));
        *analysis = IN_LISTS.iter().filter_map(kept).collect::<Map<_, _>>();
    }
    for attempt in job.attempts.iter_mut().filter_map(Value::as_object_mut) {
        attempt.remove("code");
        attempt.remove("requests");
    }
    job
}

/// What watchers are told over the bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The number of the change.
    pub(crate) change: u64,
    /// The job after it; absent where it is too large or gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<Box<Job>>,
    /// Whether the job is gone.
    #[serde(default)]
    pub(crate) deleted: bool,
}

/// Tells watchers of a change.
pub(crate) fn tell(bus: &dyn Bus, stored: StoredJob) {
    let (id, change) = (stored.id, stored.change);
    let told = Told { change, job: Some(Box::new(job(stored))), deleted: false };
    let message = serde_json::to_vec(&told).unwrap_or_default();
    let message = if message.len() <= MAX_MESSAGE_BYTES {
        message
    } else {
        serde_json::to_vec(&Told { job: None, ..told }).unwrap_or_default()
    };
    bus.publish(Topic::Job(id), Bytes::from(message));
}

/// Tells watchers, and whoever works on it, that a job is gone.
pub(crate) fn tell_deleted(bus: &dyn Bus, id: JobId) {
    let told = Told { change: u64::MAX, job: None, deleted: true };
    bus.publish(Topic::Job(id), Bytes::from(serde_json::to_vec(&told).unwrap_or_default()));
}

/// What was told, if it can be read.
pub(crate) fn heard(message: &[u8]) -> Option<Told> {
    serde_json::from_slice(message).ok()
}
