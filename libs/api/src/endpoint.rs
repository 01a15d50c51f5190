//! What is known of a generated endpoint beside its data: how its last runs went, and when it runs by itself.
//! Not here: the data (`scraper::EndpointData`), how any of it comes about (`services/scraper`).

use nexus_model::{DeliveryId, JobId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

/// Why a scraper ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// It was made or written anew.
    Made,
    /// Somebody asked the endpoint.
    Endpoint,
    /// Somebody tried it.
    Test,
    /// Its schedule.
    Schedule,
}

/// One run of a scraper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// When it began.
    pub at: Timestamp,
    /// Whether it gave records that can be used.
    pub ok: bool,
    /// Why it ran.
    pub trigger: Trigger,
    /// How many records it gave.
    pub records: u64,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
    /// Version of the code.
    pub code_version: u32,
    /// `{code, message, suggestion}` if it failed.
    pub error: Option<Value>,
    /// How its result differs from what the scraper used to give.
    #[serde(default)]
    pub drift: Vec<String>,
    /// What else happened, e.g. a repair.
    pub note: Option<String>,
}

/// How an endpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// It has not run yet.
    Unknown,
    /// The last run was good.
    Healthy,
    /// The last run gave records that differ from what they used to be.
    Degraded,
    /// The last run failed.
    Failing,
}

/// How an endpoint does, and how its last runs went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// The job.
    pub job_id: JobId,
    /// In a word.
    pub status: HealthStatus,
    /// In a sentence.
    pub message: String,
    /// How the last result differs from what the scraper used to give.
    pub drift: Vec<String>,
    /// When the last good run began.
    pub last_ok_at: Option<Timestamp>,
    /// The last runs, newest first.
    pub runs: Vec<Run>,
    /// When the scraper runs by itself, if it does.
    pub schedule: Option<Schedule>,
}

/// When a scraper shall run by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutSchedule {
    /// The time between two runs: `90s`, `15m`, `1h`, `1d`, at least a minute. A bare number counts seconds.
    #[serde(deserialize_with = "text_or_seconds")]
    pub every: String,
    /// Where to report changes, if anywhere.
    #[serde(default)]
    pub webhook_url: Option<String>,
    /// What reports are signed with.
    #[serde(default)]
    pub webhook_secret: Option<String>,
}

fn text_or_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(seconds) => Ok(seconds.to_string()),
        _ => Err(D::Error::custom("must be a time such as \"15m\", or a number of seconds")),
    }
}

/// How many records differ between two runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeCounts {
    /// New ones.
    pub added: u64,
    /// Those that are gone.
    pub removed: u64,
    /// The same ones with other values.
    pub changed: u64,
}

/// How far a report to a webhook has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It will be tried (again).
    Pending,
    /// The receiver has it.
    Delivered,
    /// It was tried often enough.
    Failed,
}

/// A report to a webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id, which the receiver sees, too.
    pub id: DeliveryId,
    /// What it tells: `scraper.changed`, `scraper.failing` or `scraper.recovered`.
    pub event: String,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// When there was something to tell.
    pub created_at: Timestamp,
    /// When it was tried last.
    pub last_attempt_at: Option<Timestamp>,
    /// What the receiver answered last.
    pub http_status: Option<u16>,
    /// Why the last try failed.
    pub error: Option<String>,
}

/// When a scraper runs by itself, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The job.
    pub job_id: JobId,
    /// The time between two runs, as people write it.
    pub every: String,
    /// The same in seconds.
    pub every_seconds: u64,
    /// Where changes are reported, if anywhere.
    pub webhook_url: Option<String>,
    /// Whether reports are signed. The secret itself is never shown.
    pub webhook_signed: bool,
    /// When the next run begins.
    pub next_run_at: Timestamp,
    /// When the last one ended.
    pub last_run_at: Option<Timestamp>,
    /// Whether it was good.
    pub last_ok: Option<bool>,
    /// `{code, message, suggestion}` if it was not.
    pub last_error: Option<Value>,
    /// When records last differed from those before.
    pub last_change_at: Option<Timestamp>,
    /// How much they differed in the last run.
    pub last_changes: Option<ChangeCounts>,
    /// The last reports, newest first.
    pub deliveries: Vec<Delivery>,
}
