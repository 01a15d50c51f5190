//! The port: accepting jobs, telling of them, and handing on what concerns endpoints and Python. Not here: making
//! scrapers (`work`), endpoints (`endpoint`).

use crate::{
    Deps, Parts,
    endpoint::{self, Endpoints},
    fetch::{CacheLimits, Fetcher},
    options::Options,
    owner::Owner,
    runner::Runner,
    sandboxes::Sandboxes,
    scrapers::Jobs,
    view, watch,
};
use async_trait::async_trait;
use nexus_api::{
    BoxStream, CallCtx, Code, Error, Result, Scraper,
    endpoint::{Health, PutSchedule, Schedule},
    planner::PageRequest,
    scraper::{CreateJob, EndpointData, EndpointQuery, Job, JobStatus, Regenerate, RunPython, TestResult},
};
use nexus_egress::{Client, HostLimits, Hosts, Limits, Robots, Target};
use nexus_model::{JobId, Timestamp, workflow::Page};
use nexus_runtime::metrics::{Service, operation};
use nexus_store::{JobFilter, NewJob, StoredJob};
use serde_json::Value;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, OnceLock},
};

/// Longest description, in characters.
const DESCRIPTION: usize = 2_000;

/// What is said of a job that nobody works on yet.
const WAITING: &str = "Waiting to begin";

/// The scraper service. Clones are the same service.
#[derive(Clone)]
pub struct ScraperService {
    parts: Arc<Parts>,
    owner: Arc<Owner>,
    endpoints: Endpoints,
}

impl std::fmt::Debug for ScraperService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScraperService").field("options", &self.parts.options).finish_non_exhaustive()
    }
}

impl ScraperService {
    /// Starts to work on jobs. Must be called within a runtime.
    pub fn start(deps: Deps, options: Options) -> Self {
        let Deps { store, endpoints: results, bus, llm, policy, sandbox } = deps;
        // All requests to a host take turns, whoever makes them; asking for robots.txt costs no turn.
        let hosts = Hosts::new(HostLimits::polite());
        let robots = Robots::new(Client::new(policy.clone(), Limits::default()));
        let cache = CacheLimits { bytes: options.page_cache_bytes, age: options.page_cache_age };
        let fetcher = Fetcher::new(policy.clone(), hosts.clone(), robots.clone(), cache);
        let runner = Runner::new(Sandboxes::new(sandbox), policy.clone(), hosts, robots);
        let webhooks = Client::new(policy.clone(), Limits::default());
        let of_endpoints = options.endpoints;
        let parts =
            Arc::new(Parts { store, bus, llm, policy, fetcher, runner, options, endpoints: OnceLock::new() });
        let scrapers = Arc::new(Jobs(parts.clone()));
        let deps = endpoint::Deps { store: results, scrapers, http: webhooks };
        let endpoints = Endpoints::start(deps, of_endpoints);
        // Set once, here.
        let _ = parts.endpoints.set(endpoints.clone());
        let owner = Owner::start(parts.clone());
        Self { parts, owner, endpoints }
    }

    /// Makes sandboxes ready before the first job needs one.
    pub async fn warm_up(&self) {
        self.parts.runner.warm_up().await;
    }

    /// What runs code.
    pub fn runner(&self) -> &Runner {
        &self.parts.runner
    }

    /// Gives back what is being worked on, and waits until every sandbox is gone.
    pub async fn shutdown(&self) {
        // Sandboxes end at once, and with them everything that waits for one.
        tokio::join!(self.owner.shutdown(), self.endpoints.shutdown(), self.parts.runner.close());
    }

    /// A job of the caller's workspace.
    async fn find(&self, ctx: &CallCtx, id: JobId) -> Result<StoredJob> {
        let found = self.parts.store.job(id).await?;
        found
            .filter(|job| job.workspace == ctx.workspace.as_str())
            .ok_or_else(|| Error::not_found(format!("scraper job {id}")))
    }

    /// What can be said against a job before anything is done for it.
    fn check(&self, request: &CreateJob) -> Result<()> {
        let invalid = |path: &str, message: String, suggestion: &str| {
            Err(Error::new(Code::Invalid, message.clone()).suggest(suggestion).detail(path, message))
        };
        let url = request.url.trim();
        if url.is_empty() {
            return invalid("/url", "the address is missing".to_owned(), "give the address of a web page");
        }
        let refused = |error: &nexus_egress::Error| {
            let failure = crate::failure::Failure::from(error);
            Error::new(Code::Invalid, failure.message.clone())
                .reason(failure.reason)
                .suggest(failure.suggestion)
                .detail("/url", failure.message)
        };
        let target = Target::parse(url).map_err(|error| refused(&error))?;
        // Names are resolved when the page is fetched, addresses are known now.
        let known = target.literal().or_else(|| {
            let name = target.host_name();
            let local = name == "localhost" || name.ends_with(".localhost");
            local.then_some(IpAddr::V4(Ipv4Addr::LOCALHOST))
        });
        if let Some(address) = known {
            self.parts.policy.admit(&target, &[address]).map_err(|error| refused(&error))?;
        }
        if request.description.trim().is_empty() {
            return invalid(
                "/description",
                "the description is empty".to_owned(),
                "say in a sentence what you want from the page, e.g. `title, price and rating of every book`",
            );
        }
        too_long("/description", &request.description)?;
        match &request.user_id {
            Some(user) if user.chars().count() > 200 => invalid(
                "/user_id",
                "the user id is longer than 200 characters".to_owned(),
                "use a shorter one",
            ),
            _ => Ok(()),
        }
    }
}

fn too_long(path: &str, text: &str) -> Result<()> {
    if text.chars().count() <= DESCRIPTION {
        return Ok(());
    }
    let message = format!("the text is longer than {DESCRIPTION} characters");
    Err(Error::new(Code::Invalid, message.clone())
        .suggest("name what you want, and leave out the rest")
        .detail(path, message))
}

#[async_trait]
impl Scraper for ScraperService {
    async fn create_job(&self, ctx: &CallCtx, request: CreateJob) -> Result<Job> {
        self.check(&request)?;
        let id = JobId::generate();
        let job = NewJob {
            id,
            workspace: ctx.workspace.as_str().to_owned(),
            url: request.url.trim().to_owned(),
            description: request.description.trim().to_owned(),
            user_id: request.user_id,
            ignore_robots: request.ignore_robots,
            message: WAITING.to_owned(),
            created_at: Timestamp::now(),
        };
        let most = self.parts.options.most_jobs;
        if !self.parts.store.create_job(job, most).await? {
            return Err(Error::new(Code::Conflict, format!("there are {most} scrapers, which is the limit"))
                .reason("too_many_jobs")
                .suggest("delete some that are not needed, or raise NEXUS_SCRAPER_MAX_JOBS"));
        }
        let stored = self.find(ctx, id).await?;
        self.owner.created(id);
        // As it was accepted, even if somebody is at work on it by now.
        let status = JobStatus::Pending;
        Ok(Job { status, progress: view::progress(status), message: WAITING.to_owned(), ..view::job(stored) })
    }

    async fn get_job(&self, ctx: &CallCtx, id: JobId) -> Result<Job> {
        Ok(view::job(self.find(ctx, id).await?))
    }

    async fn list_jobs(&self, ctx: &CallCtx, page: PageRequest) -> Result<Page<Job>> {
        let limit = page.checked_limit()?;
        let before = page.cursor.as_deref().map(str::parse).transpose().map_err(|_| {
            Error::new(Code::Malformed, "the cursor is not one of ours")
                .suggest("take `next_cursor` of the page before, unchanged")
                .detail("cursor", "unknown")
        })?;
        let filter = JobFilter { workspace: Some(ctx.workspace.as_str().to_owned()), ..JobFilter::default() };
        let mut found = self.parts.store.jobs(&filter, before, limit + 1).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next_cursor = found.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(Page { items: found.into_iter().map(view::listed).collect(), next_cursor })
    }

    async fn delete_job(&self, ctx: &CallCtx, id: JobId) -> Result<()> {
        self.find(ctx, id).await?;
        self.parts.store.delete_job(id).await?;
        self.owner.deleted(id);
        view::tell_deleted(&*self.parts.bus, id);
        self.endpoints.forget(id).await
    }

    async fn watch_job(&self, ctx: &CallCtx, id: JobId) -> Result<BoxStream<Job>> {
        // Subscribed before the first look, so that nothing falls between the two.
        let live = watch::subscribe(&self.parts, id).await;
        let found = self.find(ctx, id).await?;
        Ok(watch::follow(self.parts.clone(), found, live))
    }

    async fn test_job(&self, ctx: &CallCtx, id: JobId) -> Result<TestResult> {
        operation(Service::Scraper, "test", self.endpoints.test(ctx, id)).await
    }

    async fn regenerate_job(&self, ctx: &CallCtx, id: JobId, request: Regenerate) -> Result<Job> {
        let job = self.find(ctx, id).await?;
        let feedback = request.feedback.as_deref().map(str::trim).filter(|feedback| !feedback.is_empty());
        if let Some(feedback) = feedback {
            // All of it together is what a model is asked.
            let before = job.feedback.as_deref().unwrap_or_default();
            too_long("/feedback", &format!("{before}\n{feedback}"))?;
        }
        let restarted =
            self.parts.store.restart_job(id, feedback, "Waiting to begin anew", Timestamp::now()).await?;
        if !restarted {
            return Err(Error::new(Code::Conflict, "the job is being worked on")
                .suggest("wait until it is ready or has failed"));
        }
        let stored = self.find(ctx, id).await?;
        view::tell(&*self.parts.bus, stored.clone());
        self.owner.created(id);
        Ok(view::job(stored))
    }

    async fn run_endpoint(&self, ctx: &CallCtx, id: JobId, query: EndpointQuery) -> Result<EndpointData> {
        operation(Service::Scraper, "endpoint", self.endpoints.data(ctx, id, &query)).await
    }

    async fn run_python(&self, _: &CallCtx, request: RunPython) -> Result<Value> {
        operation(Service::Scraper, "python", self.parts.runner.python(request)).await
    }

    async fn job_health(&self, ctx: &CallCtx, id: JobId) -> Result<Health> {
        self.endpoints.health(ctx, id).await
    }

    async fn put_schedule(&self, ctx: &CallCtx, id: JobId, schedule: PutSchedule) -> Result<Schedule> {
        self.endpoints.put_schedule(ctx, id, schedule).await
    }

    async fn get_schedule(&self, ctx: &CallCtx, id: JobId) -> Result<Schedule> {
        self.endpoints.get_schedule(ctx, id).await
    }

    async fn delete_schedule(&self, ctx: &CallCtx, id: JobId) -> Result<()> {
        self.endpoints.delete_schedule(ctx, id).await
    }
}
