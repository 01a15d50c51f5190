//! Scraper jobs between their columns and the types of `crate::scraper_jobs`. Not here: statements.

use crate::{
    ClaimedJob, Error, JobFilter, KEPT_ATTEMPTS, NewJob, Result, StoredJob, Version,
    rows::{self, Columns},
};
use nexus_api::scraper::JobStatus;
use nexus_model::{JobId, Money, Timestamp};
use serde_json::Value;

/// What [`job`] reads; `j` is `scraper_jobs`, `v` is `scraper_versions`.
macro_rules! job_columns {
    () => {
        "j.id, j.workspace, j.url, j.description, j.user_id, j.ignore_robots, j.status, j.message, j.error, j.analysis, \
         j.sample_data, j.attempts, j.cost, j.round_cost, j.round, j.feedback, j.last_failure, j.change, \
         j.recoveries, j.created_at, j.updated_at, v.version, v.code, v.recipe, v.schema, v.sample, v.records, \
         v.made_by, v.created_at"
    };
}

/// Where [`job_columns`] come from.
macro_rules! job_tables {
    () => {
        " FROM scraper_jobs j LEFT JOIN scraper_versions v ON v.job_id = j.id AND v.version = j.code_version "
    };
}

/// What [`version`] reads.
macro_rules! code_columns {
    () => {
        "v.version, v.code, v.recipe, v.schema, v.sample, v.records, v.made_by, v.created_at"
    };
}

pub(crate) use {code_columns, job_columns, job_tables};

/// How many columns [`job_columns`] has before those of the version.
const BEFORE_VERSION: usize = 21;

pub(crate) fn job(row: &dyn Columns) -> Result<StoredJob> {
    let json = |column| -> Result<Option<Value>> {
        row.maybe_text(column)?.as_deref().map(rows::from_json).transpose()
    };
    Ok(StoredJob {
        id: rows::parse::<JobId>(&row.text(0)?)?,
        workspace: row.text(1)?,
        url: row.text(2)?,
        description: row.text(3)?,
        user_id: row.maybe_text(4)?,
        ignore_robots: row.int(5)? != 0,
        status: status(&row.text(6)?)?,
        message: row.text(7)?,
        error: json(8)?,
        analysis: json(9)?,
        sample_data: json(10)?,
        attempts: rows::from_json(&row.text(11)?)?,
        cost: Money::from_picos(row.int(12)?),
        round_cost: Money::from_picos(row.int(13)?),
        round: rows::small(row.int(14)?)?,
        feedback: row.maybe_text(15)?,
        last_failure: row.maybe_text(16)?,
        change: rows::count(row.int(17)?)?,
        recoveries: rows::small(row.int(18)?)?,
        created_at: Timestamp::from_micros(row.int(19)?),
        updated_at: Timestamp::from_micros(row.int(20)?),
        current: match row.maybe_int(BEFORE_VERSION)? {
            Some(_) => Some(version_at(row, BEFORE_VERSION)?),
            None => None,
        },
    })
}

/// A job and, behind its columns, its fence.
pub(crate) fn claimed(row: &dyn Columns) -> Result<ClaimedJob> {
    Ok(ClaimedJob { job: job(row)?, fence: rows::count(row.int(BEFORE_VERSION + 8)?)? })
}

pub(crate) fn version(row: &dyn Columns) -> Result<Version> {
    version_at(row, 0)
}

fn version_at(row: &dyn Columns, first: usize) -> Result<Version> {
    let json = |column| -> Result<Option<Value>> {
        row.maybe_text(first + column)?.as_deref().map(rows::from_json).transpose()
    };
    Ok(Version {
        number: rows::small(row.int(first)?)?,
        code: row.text(first + 1)?,
        recipe: json(2)?,
        schema: json(3)?,
        sample: rows::from_json(&row.text(first + 4)?)?,
        records: rows::count(row.int(first + 5)?)?,
        made_by: row.text(first + 6)?,
        created_at: Timestamp::from_micros(row.int(first + 7)?),
    })
}

/// The name of a status, as JSON has it.
pub(crate) fn status_name(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Pending => "pending",
        JobStatus::Analyzing => "analyzing",
        JobStatus::Generating => "generating",
        JobStatus::Testing => "testing",
        JobStatus::Ready => "ready",
        JobStatus::Failed => "failed",
    }
}

fn status(name: &str) -> Result<JobStatus> {
    const ALL: [JobStatus; 6] = [
        JobStatus::Pending,
        JobStatus::Analyzing,
        JobStatus::Generating,
        JobStatus::Testing,
        JobStatus::Ready,
        JobStatus::Failed,
    ];
    let found = ALL.into_iter().find(|status| status_name(*status) == name);
    found.ok_or_else(|| Error::Internal(format!("a stored row makes no sense: unknown status `{name}`")))
}

/// Whether nobody is to work on a job of this status.
pub(crate) fn has_ended(status: JobStatus) -> bool {
    matches!(status, JobStatus::Ready | JobStatus::Failed)
}

/// The attempts that are kept, as JSON.
pub(crate) fn attempts(attempts: &[Value]) -> Result<String> {
    rows::to_json(&&attempts[attempts.len().saturating_sub(KEPT_ATTEMPTS)..])
}

/// Workspace, status and part of the text of a filter, as columns have them; what is not asked for is null or empty.
pub(crate) fn filter(filter: &JobFilter) -> (Option<String>, Option<&'static str>, String) {
    let workspace = filter.workspace.as_deref().map(|name| rows::plain(name).into_owned());
    let part = filter.query.as_deref().map(rows::folded).unwrap_or_default();
    (workspace, filter.status.map(status_name), part)
}

/// What is searched of a job.
pub(crate) fn folded(job: &NewJob) -> String {
    rows::folded(&format!("{}\n{}", job.url, job.description))
}
