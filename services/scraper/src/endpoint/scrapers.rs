//! What endpoints need of the rest of the service: jobs with their code, running code, fetching pages. Not here: how
//! that is done.

use async_trait::async_trait;
use nexus_api::{Result, Workspace};
use nexus_miner::{Analysis, Dom, Recipe, Record};
use nexus_model::JobId;
use serde_json::{Map, Value};
use std::time::Duration;

/// A job that has code.
#[derive(Debug, Clone)]
pub struct Scraper {
    /// The job.
    pub id: JobId,
    /// Whose it is.
    pub workspace: Workspace,
    /// The page.
    pub url: String,
    /// What is wanted from it.
    pub description: String,
    /// The code in use.
    pub code: String,
    /// Its version.
    pub version: u32,
    /// What the code was written from, if that is known.
    pub recipe: Option<Recipe>,
    /// Whether its page is fetched although its robots.txt says no.
    pub ignore_robots: bool,
}

/// What a run gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// The records.
    pub data: Vec<Record>,
    /// What the scraper says about them.
    pub metadata: Map<String, Value>,
    /// How long it took.
    pub duration: Duration,
}

/// A page as it is now.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Where it came from, after redirects.
    pub url: String,
    /// Its bytes.
    pub body: Vec<u8>,
    /// What the server calls them.
    pub content_type: Option<String>,
}

/// New code for a job, which was tried already.
#[derive(Debug, Clone)]
pub struct Mended {
    /// The code.
    pub code: String,
    /// What it was written from.
    pub recipe: Recipe,
    /// What it gave.
    pub ran: Ran,
    /// How it came about: `repair` or `model`.
    pub made_by: &'static str,
}

/// The rest of the service. Errors of running and fetching have the contract's codes as their `reason`
/// (`WebsiteAccessError`, `SandboxExecutionError`); any other error says nothing about the scraper.
#[async_trait]
pub trait Scrapers: Send + Sync + 'static {
    /// Whose the job is, whether or not it has code. `NotFound` if there is no such job.
    async fn workspace(&self, id: JobId) -> Result<Workspace>;
    /// The job with the code in use. `NotFound` if there is no such job, `Conflict` if it has no code yet.
    async fn find(&self, id: JobId) -> Result<Scraper>;
    /// Runs some code for the job's page in the sandbox.
    async fn run(&self, scraper: &Scraper, code: &str) -> Result<Ran>;
    /// Fetches the job's page.
    async fn page(&self, scraper: &Scraper) -> Result<Fetched>;
    /// A recipe that a model chooses for the page as it is now; `None` if there is no model or no money for it.
    async fn ask_model(&self, scraper: &Scraper, page: (&Analysis, &Dom)) -> Option<Recipe>;
    /// Puts new code in place of that of `scraper`; its version, or `None` if that is not in use any more.
    async fn adopt(&self, scraper: &Scraper, mended: &Mended) -> Result<Option<u32>>;
    /// Notes how the code in use did, for whoever writes the next version: why it failed, or that it did not.
    async fn note_run(&self, id: JobId, failure: Option<&str>);
}
