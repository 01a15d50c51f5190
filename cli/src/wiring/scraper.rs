//! The scraper service over a database: where its Python is, how strong its sandboxes must be, how it behaves. Not here:
//! which role has one (`embedded`, `mesh`).

use super::parts;
use nexus_api::Llm;
use nexus_bus::Bus;
use nexus_runtime::Config;
use nexus_sandbox::Tier;
use nexus_scraper::{Deps, Model, Options, ScraperService};
use nexus_store::{JobStore, endpoints::EndpointStore};
use std::{sync::Arc, time::Duration};

/// Sandboxes for endpoints and `python` tools besides those of jobs that are being made.
const FURTHER_SANDBOXES: usize = 3;

/// Which jobs a process works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Works {
    /// Whatever is to be done, and what is scheduled.
    OnAll,
    /// What this process was asked for itself.
    OnItsOwn,
}

/// Starts the service.
pub(super) fn scraper<S: JobStore + EndpointStore>(
    config: &Config,
    store: Arc<S>,
    bus: Arc<dyn Bus>,
    llm: Arc<dyn Llm>,
    works: Works,
) -> ScraperService {
    let all = works == Works::OnAll;
    let set = &config.scraper;
    let endpoints = nexus_scraper::endpoint::Options {
        cache: Duration::from_secs(set.cache_seconds as u64),
        schedules: all,
        ..nexus_scraper::endpoint::Options::default()
    };
    let options = Options {
        parallel: set.parallel,
        take_up: all,
        model: match set.model.as_deref() {
            None => Model::Cheapest,
            Some("off") => Model::Off,
            Some(model) => Model::Named(model.to_owned()),
        },
        budget: set.budget,
        most_jobs: set.most_jobs as u64,
        endpoints,
        ..Options::default()
    };
    let deps = Deps {
        store: store.clone(),
        endpoints: store,
        bus,
        llm,
        policy: parts::egress_policy(config),
        sandbox: sandbox(config, all),
    };
    let service = ScraperService::start(deps, options);
    if all {
        let warming = service.clone();
        tokio::spawn(async move { warming.warm_up().await });
    }
    service
}

/// How sandboxes are made; `None` if there is no Python for them.
fn sandbox(config: &Config, ready_at_once: bool) -> Option<nexus_sandbox::Config> {
    let python = config.sandbox.python.clone().or_else(nexus_sandbox::find_python)?;
    let usual = nexus_sandbox::Config::new(python);
    Some(nexus_sandbox::Config {
        min_tier: match config.sandbox.min_tier {
            'A' => Tier::A,
            'C' => Tier::C,
            _ => Tier::B,
        },
        warm: if ready_at_once { usual.warm } else { 0 },
        parallel: usual.parallel.max(config.scraper.parallel + FURTHER_SANDBOXES),
        ..usual
    })
}
