//! The scraper service: from a page and a sentence to code that is tried, versioned and served. Jobs are durable; who
//! works on one has its lease, and a fence locks out whoever lost it. Code runs only in the sandbox, whose only way out
//! is the egress proxy.
//!
//! Not here: what is on a page (`nexus-miner`), sandboxes (`nexus-sandbox`), who may be reached (`nexus-egress`), SQL
//! (`nexus-store`), providers of models (behind the llm port), transports.

pub mod choose;
pub mod endpoint;
pub mod failure;
mod fetch;
mod options;
mod owner;
mod page_cache;
mod purse;
mod requested;
pub mod runner;
mod sandboxes;
mod scrapers;
mod service;
mod trial;
mod view;
mod watch;
mod work;

pub use options::{Model, Options};
pub use requested::{Log, Requested};
pub use service::ScraperService;

use endpoint::Endpoints;
use fetch::Fetcher;
use nexus_api::Llm;
use nexus_bus::Bus;
use nexus_egress::Policy;
use nexus_store::{JobStore, StoredJob, endpoints::EndpointStore};
use runner::Runner;
use std::sync::{Arc, OnceLock};
use trial::Tried;

/// What the service needs from outside.
#[derive(Clone)]
pub struct Deps {
    /// Jobs.
    pub store: Arc<dyn JobStore>,
    /// What their endpoints gave.
    pub endpoints: Arc<dyn EndpointStore>,
    /// Wake-ups and live changes.
    pub bus: Arc<dyn Bus>,
    /// Where models are asked.
    pub llm: Arc<dyn Llm>,
    /// Who may be reached.
    pub policy: Policy,
    /// How Python is run; `None` where there is no Python for it.
    pub sandbox: Option<nexus_sandbox::Config>,
}

/// What all parts of the service share.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn JobStore>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) llm: Arc<dyn Llm>,
    pub(crate) policy: Policy,
    pub(crate) fetcher: Fetcher,
    pub(crate) runner: Runner,
    pub(crate) options: Options,
    /// Set right after everything else.
    pub(crate) endpoints: OnceLock<Endpoints>,
}

impl Parts {
    /// A version was made and is in use: what it gave is what its endpoint answers with, if it is all there is.
    pub(crate) async fn made(&self, job: &StoredJob, version: u32, tried: Tried) {
        let Some(endpoints) = self.endpoints.get().filter(|_| tried.is_all) else { return };
        let Tried { data, metadata, duration, .. } = tried;
        if let Err(error) = endpoints.made(job.id, version, data, metadata, duration).await {
            tracing::warn!(job = %job.id, %error, "a new version's first result could not be kept");
        }
    }
}

/// What is wanted of a page: the description, and what people said afterwards.
pub(crate) fn wish(description: &str, feedback: Option<&str>) -> String {
    match feedback {
        None => description.to_owned(),
        Some(feedback) => format!("{description}\n{feedback}"),
    }
}
