//! What is kept of scrapers' endpoints: their results, how their runs went, when they run by themselves, and reports
//! to webhooks. Not here: SQL, what a run or a report is (`nexus-scraper`), jobs and their code.

use crate::{
    Error, Result,
    rows::{self, Columns},
};
use async_trait::async_trait;
use nexus_api::endpoint::{ChangeCounts, Delivery, DeliveryStatus, Run};
use nexus_model::{DeliveryId, JobId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

/// Runs that are kept of a job.
pub const KEPT_RUNS: u32 = 50;
/// Reports that are kept of a job once nothing more happens to them.
pub const KEPT_DELIVERIES: u32 = 20;

/// A record as scrapers give it.
pub type Record = Map<String, Value>;

/// What a run gave.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointResult {
    /// Version of the code.
    pub code_version: u32,
    /// When the run began.
    pub fetched_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// The records.
    pub data: Vec<Record>,
    /// What the scraper says about them.
    pub metadata: Map<String, Value>,
}

/// Which of a job's results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// What the endpoint answers with.
    Latest,
    /// The last one without a fault, which later ones are compared with.
    Baseline,
    /// What the last scheduled run gave: changes are told against that, whatever the endpoint answered in between.
    Reported,
}

impl Which {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Which::Latest => "latest",
            Which::Baseline => "baseline",
            Which::Reported => "reported",
        }
    }
}

/// A run's end.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// How it went.
    pub run: Run,
    /// What it gave, if the endpoint shall answer with that from now on.
    pub result: Option<EndpointResult>,
    /// Whether later results shall be compared with that.
    pub is_baseline: bool,
}

/// When a scraper shall run by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchedule {
    /// The time between two runs.
    pub every: Duration,
    /// When the next one begins.
    pub next_at: Timestamp,
    /// Where changes are reported.
    pub webhook_url: Option<String>,
    /// What reports are signed with.
    pub webhook_secret: Option<String>,
}

/// How a scheduled run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastRun {
    /// Whether it was good.
    pub ok: bool,
    /// Why not.
    pub error: Option<Value>,
    /// How its records differ from those before; `None` if there were none to compare with.
    pub changes: Option<ChangeCounts>,
}

/// A schedule as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptSchedule {
    /// The job.
    pub job_id: JobId,
    /// What was asked for; `next_at` moves on.
    pub schedule: NewSchedule,
    /// When the last run ended.
    pub last_at: Option<Timestamp>,
    /// When records last differed.
    pub last_change_at: Option<Timestamp>,
    /// How the last run ended.
    pub last: Option<LastRun>,
    /// Who may write its end: the one who claimed it last.
    pub fence: u64,
}

/// The end of a scheduled run.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleEnd {
    /// When it ended.
    pub at: Timestamp,
    /// When the next one begins.
    pub next_at: Timestamp,
    /// How it ended.
    pub last: LastRun,
    /// What it gave, if it was good: the next run's records are compared with that.
    pub result: Option<EndpointResult>,
    /// Whether records differed from those before.
    pub changed: bool,
    /// What is told to the webhook.
    pub report: Option<NewDelivery>,
}

/// A report that shall be delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// What it tells.
    pub event: String,
    /// To whom.
    pub url: String,
    /// What it is signed with.
    pub secret: Option<String>,
    /// What is sent.
    pub body: String,
}

/// A report whose turn it is.
#[derive(Debug, Clone, PartialEq)]
pub struct DueDelivery {
    /// The job.
    pub job_id: JobId,
    /// What is sent to whom.
    pub delivery: NewDelivery,
    /// How often it was tried before.
    pub attempts: u32,
}

/// How a try to deliver ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// What becomes of the report.
    pub status: DeliveryStatus,
    /// When it is tried again, if it is pending.
    pub next_at: Timestamp,
    /// What the receiver answered.
    pub http_status: Option<u16>,
    /// Why it failed.
    pub error: Option<String>,
}

/// Results, runs, schedules and reports. Times come from the caller; whoever claims something has it until the time
/// it says, unless it renews that.
#[async_trait]
pub trait EndpointStore: Send + Sync + 'static {
    /// One of the job's results.
    async fn endpoint_result(&self, job: JobId, which: Which) -> Result<Option<EndpointResult>>;
    /// Writes a run's end, all or nothing, and forgets all but the last [`KEPT_RUNS`].
    async fn end_run(&self, job: JobId, ended: Ended) -> Result<()>;
    /// The job's last runs, newest first.
    async fn runs(&self, job: JobId, limit: u32) -> Result<Vec<Run>>;

    /// Sets or replaces a schedule. Whoever has it claimed loses it; what happened before stays known. The first time,
    /// the latest result becomes the one that changes are told against.
    async fn put_schedule(&self, job: JobId, schedule: NewSchedule) -> Result<()>;
    /// A schedule.
    async fn schedule(&self, job: JobId) -> Result<Option<KeptSchedule>>;
    /// Ends a schedule; `false` if there was none. Reports that are pending still go out.
    async fn delete_schedule(&self, job: JobId) -> Result<bool>;
    /// Schedules whose time has come, the longest overdue first; nobody else gets them before `until`.
    async fn claim_schedules(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<KeptSchedule>>;
    /// Keeps a claimed schedule until then; `false` if somebody else has it by now, or it is gone.
    async fn renew_schedule(&self, job: JobId, fence: u64, until: Timestamp) -> Result<bool>;
    /// Writes the end of a scheduled run and what is to be reported, all or nothing; `false` if somebody else has it.
    async fn end_scheduled(&self, job: JobId, fence: u64, end: ScheduleEnd) -> Result<bool>;

    /// Reports whose turn it is; nobody else gets them before `until`.
    async fn claim_deliveries(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueDelivery>>;
    /// Writes how a try ended, and forgets old reports of the job.
    async fn end_attempt(&self, id: DeliveryId, attempt: Attempt) -> Result<()>;
    /// The job's last reports, newest first.
    async fn deliveries(&self, job: JobId, limit: u32) -> Result<Vec<Delivery>>;

    /// Forgets everything of a job.
    async fn forget_endpoint(&self, job: JobId) -> Result<()>;
    /// Ends every claim at once. For the start of a process that has the database to itself.
    async fn release_endpoint_claims(&self) -> Result<()>;
}

/// Reads `how`.
pub(crate) fn run(row: &dyn Columns) -> Result<Run> {
    rows::from_json(&row.text(0)?)
}

/// What [`result`] reads.
macro_rules! result_columns {
    () => {
        "code_version, fetched_at, duration_ms, data, metadata"
    };
}

/// What [`schedule`] reads.
macro_rules! schedule_columns {
    () => {
        "job_id, every_seconds, webhook_url, webhook_secret, next_at, fence, last_at, last_change_at, last"
    };
}

/// What [`due`] reads.
macro_rules! due_columns {
    () => {
        "job_id, id, event, url, secret, body, attempts"
    };
}

/// What [`delivery`] reads.
macro_rules! delivery_columns {
    () => {
        "id, event, status, attempts, created_at, last_attempt_at, http_status, error"
    };
}

pub(crate) use {delivery_columns, due_columns, result_columns, schedule_columns};

pub(crate) fn result(row: &dyn Columns) -> Result<EndpointResult> {
    Ok(EndpointResult {
        code_version: rows::small(row.int(0)?)?,
        fetched_at: Timestamp::from_micros(row.int(1)?),
        duration: Duration::from_millis(rows::count(row.int(2)?)?),
        data: rows::from_json(&row.text(3)?)?,
        metadata: rows::from_json(&row.text(4)?)?,
    })
}

/// Milliseconds, data, metadata of a result.
pub(crate) fn result_texts(result: &EndpointResult) -> Result<(i64, String, String)> {
    let millis = i64::try_from(result.duration.as_millis()).unwrap_or(i64::MAX);
    Ok((millis, rows::to_json(&result.data)?, rows::to_json(&result.metadata)?))
}

pub(crate) fn schedule(row: &dyn Columns) -> Result<KeptSchedule> {
    let moment = |column: usize| Ok::<_, Error>(row.maybe_int(column)?.map(Timestamp::from_micros));
    Ok(KeptSchedule {
        job_id: rows::parse(&row.text(0)?)?,
        schedule: NewSchedule {
            every: Duration::from_secs(rows::count(row.int(1)?)?),
            webhook_url: row.maybe_text(2)?,
            webhook_secret: row.maybe_text(3)?,
            next_at: Timestamp::from_micros(row.int(4)?),
        },
        fence: rows::count(row.int(5)?)?,
        last_at: moment(6)?,
        last_change_at: moment(7)?,
        last: row.maybe_text(8)?.map(|text| rows::from_json(&text)).transpose()?,
    })
}

pub(crate) fn due(row: &dyn Columns) -> Result<DueDelivery> {
    Ok(DueDelivery {
        job_id: rows::parse(&row.text(0)?)?,
        delivery: NewDelivery {
            id: rows::parse(&row.text(1)?)?,
            event: row.text(2)?,
            url: row.text(3)?,
            secret: row.maybe_text(4)?,
            body: row.text(5)?,
        },
        attempts: rows::small(row.int(6)?)?,
    })
}

pub(crate) fn delivery(row: &dyn Columns) -> Result<Delivery> {
    let status = row.text(2)?;
    Ok(Delivery {
        id: rows::parse(&row.text(0)?)?,
        event: row.text(1)?,
        status: rows::from_json(&format!("\"{status}\""))?,
        attempts: rows::small(row.int(3)?)?,
        created_at: Timestamp::from_micros(row.int(4)?),
        last_attempt_at: row.maybe_int(5)?.map(Timestamp::from_micros),
        http_status: row.maybe_int(6)?.and_then(|status| status.try_into().ok()),
        error: row.maybe_text(7)?,
    })
}

pub(crate) fn status_name(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Pending => "pending",
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Failed => "failed",
    }
}
