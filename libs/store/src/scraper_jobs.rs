//! What the scraper service keeps: jobs, the versions of their code, and who works on which job. Leases and fences work
//! as those of executions do. Not here: SQL, what a job goes through (`nexus-scraper`).

use crate::{Fence, Result};
use async_trait::async_trait;
use nexus_api::scraper::JobStatus;
use nexus_model::{JobId, Money, Timestamp};
use serde_json::Value;
use std::time::Duration;

/// Versions of a job's code that are kept; older ones are forgotten.
pub const KEPT_VERSIONS: u32 = 20;

/// Attempts of a job that are kept; older ones are forgotten.
pub const KEPT_ATTEMPTS: usize = 20;

/// A job to accept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// The workspace that it belongs to.
    pub workspace: String,
    /// The page.
    pub url: String,
    /// What is wanted.
    pub description: String,
    /// Who wants it.
    pub user_id: Option<String>,
    /// Whether its page is fetched although its robots.txt says no.
    pub ignore_robots: bool,
    /// What is told of it first.
    pub message: String,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// A job as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredJob {
    /// Its id.
    pub id: JobId,
    /// The workspace that it belongs to.
    pub workspace: String,
    /// The page.
    pub url: String,
    /// What is wanted.
    pub description: String,
    /// Who wants it.
    pub user_id: Option<String>,
    /// Whether its page is fetched although its robots.txt says no.
    pub ignore_robots: bool,
    /// Where it stands. `Ready` and `Failed`: nobody works on it.
    pub status: JobStatus,
    /// What is happening, in a sentence.
    pub message: String,
    /// Why it failed: `{code, message, suggestion}`.
    pub error: Option<Value>,
    /// What was learned of the page.
    pub analysis: Option<Value>,
    /// The first records.
    pub sample_data: Option<Value>,
    /// Each try, oldest first.
    pub attempts: Vec<Value>,
    /// The version in use, if any works. It stays in use while another one is being written.
    pub current: Option<Version>,
    /// What it has cost altogether; what is held back for a call under way counts.
    pub cost: Money,
    /// What the present round (from being accepted or restarted to its end) has cost, in the same way.
    pub round_cost: Money,
    /// Which round it is, from 1.
    pub round: u32,
    /// What people said about what it should do besides the description, one line each.
    pub feedback: Option<String>,
    /// Why its code failed when it was last run, if it did.
    pub last_failure: Option<String>,
    /// Rises with every change that is told to watchers.
    pub change: u64,
    /// How often in a row its worker was lost without saying how it ended.
    pub recoveries: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A version of a job's code.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Its number, from 1.
    pub number: u32,
    /// Python that defines `scrape_data(url)`.
    pub code: String,
    /// The recipe (`nexus_miner::Recipe`) that the code was written from, as JSON.
    pub recipe: Option<Value>,
    /// The JSON Schema of its records.
    pub schema: Option<Value>,
    /// Records found when it was made, which later runs and repairs are compared with; the first ones.
    pub sample: Vec<Value>,
    /// How many records there were.
    pub records: u64,
    /// How it came about: `miner`, `model`, `repair` or another word.
    pub made_by: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A version to add; its number is given by the store.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCode {
    /// Python that defines `scrape_data(url)`.
    pub code: String,
    /// The recipe that the code was written from, as JSON.
    pub recipe: Option<Value>,
    /// The JSON Schema of its records.
    pub schema: Option<Value>,
    /// The first records that it found.
    pub sample: Vec<Value>,
    /// How many it found.
    pub records: u64,
    /// How it came about.
    pub made_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only those of this workspace.
    pub workspace: Option<String>,
    /// Only those with this status.
    pub status: Option<JobStatus>,
    /// Only those with this in their address or description, whatever its case.
    pub query: Option<String>,
}

/// A job that a worker has now.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    /// The job.
    pub job: StoredJob,
    /// Under which every write of the worker is made.
    pub fence: Fence,
}

/// Everything that a worker's write changes. All of it replaces what was there, but for `cost`, which is added.
#[derive(Debug, Clone, PartialEq)]
pub struct JobUpdate {
    /// Where it stands. `Ready` and `Failed` end the worker's hold on it.
    pub status: JobStatus,
    /// What is happening.
    pub message: String,
    /// Why it failed.
    pub error: Option<Value>,
    /// What was learned of the page.
    pub analysis: Option<Value>,
    /// The first records.
    pub sample_data: Option<Value>,
    /// Each try; the last [`KEPT_ATTEMPTS`] are kept.
    pub attempts: Vec<Value>,
    /// What is to be added to the cost; negative to give back what was held back.
    pub cost: Money,
    /// A version to add and use from now on.
    pub code: Option<NewCode>,
    /// When.
    pub at: Timestamp,
}

/// The scraper service's jobs.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Accepts a job. Where there are `most` already, failed ones make room, the oldest first; `false`, and nothing is
    /// accepted, if none of them can.
    async fn create_job(&self, job: NewJob, most: u64) -> Result<bool>;
    /// A job with the version in use.
    async fn job(&self, id: JobId) -> Result<Option<StoredJob>>;
    /// The number of a job's last change: cheap enough to be asked every second.
    async fn job_change(&self, id: JobId) -> Result<Option<u64>>;
    /// Newest first, those before `before`.
    async fn jobs(&self, filter: &JobFilter, before: Option<JobId>, limit: u32) -> Result<Vec<StoredJob>>;
    /// All kept versions of a job's code, newest first.
    async fn job_versions(&self, id: JobId) -> Result<Vec<Version>>;
    /// Deletes a job and everything of it; whoever works on it finds its fence lost. `false` if there was none.
    async fn delete_job(&self, id: JobId) -> Result<bool>;

    /// Takes the oldest job that is to be worked on and that nobody has, or none but `only`. Raises its fence; counts a
    /// recovery if another worker's lease on it had run out.
    async fn claim_job(
        &self,
        worker: &str,
        lease: Duration,
        only: Option<JobId>,
    ) -> Result<Option<ClaimedJob>>;
    /// Prolongs the leases still held under these fences; returns those ids. The others are lost.
    async fn renew_jobs(&self, held: &[(JobId, Fence)], lease: Duration) -> Result<Vec<JobId>>;
    /// Gives a job back, to be claimed at once. No recovery is counted. Ignores a lost fence.
    async fn release_job(&self, id: JobId, fence: Fence) -> Result<()>;
    /// Writes what a worker says, all or nothing; returns the number of the change. `FenceLost` if somebody else has
    /// the job now, or it is gone.
    async fn update_job(&self, id: JobId, fence: Fence, update: JobUpdate) -> Result<u64>;

    /// Lets a job that has ended begin anew (its version in use stays in use): `Pending`, with `feedback` as one more
    /// line. `false` if it is being worked on; `NotFound`.
    async fn restart_job(
        &self,
        id: JobId,
        feedback: Option<&str>,
        message: &str,
        at: Timestamp,
    ) -> Result<bool>;
    /// Adds a version to a job that is not being worked on and uses it from now on, if version `instead_of` is still
    /// the one in use; the job is `Ready` then. Returns its number, `None` if that does not hold any more.
    async fn replace_code(&self, id: JobId, instead_of: u32, code: NewCode) -> Result<Option<u32>>;
    /// Notes how the last run of a job's code ended (`None`: well). No change for watchers.
    async fn note_run(&self, id: JobId, failure: Option<&str>) -> Result<()>;
    /// Adds to what a job has cost. No change for watchers.
    async fn add_job_cost(&self, id: JobId, cost: Money) -> Result<()>;
}
