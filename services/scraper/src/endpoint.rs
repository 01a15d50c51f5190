//! Generated endpoints: answering with a scraper's records, trying it, how it does, running it by itself.
//! Not here: making scrapers (jobs), running code and fetching pages (behind [`Scrapers`]), routes (`nexus-gateway`).

mod answer;
mod changes;
mod drift;
mod flights;
mod memo;
mod mend;
mod refresh;
mod schedule;
mod scrapers;
mod webhook;

pub use scrapers::{Fetched, Mended, Ran, Scraper, Scrapers};

use flights::Flights;
use memo::{Failures, Mendings};
use nexus_api::{
    CallCtx, Error, Result,
    endpoint::{Health, HealthStatus, PutSchedule, Run, Schedule, Trigger},
    scraper::{EndpointData, EndpointQuery, TestResult},
};
use nexus_miner::Record;
use nexus_model::{JobId, Timestamp};
use nexus_store::endpoints::{Ended, EndpointResult, EndpointStore, Which};
use refresh::Fresh;
use serde_json::{Map, Value};
use std::{fmt, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Runs that are shown.
const SHOWN_RUNS: u32 = 20;

/// What endpoints are built on.
#[derive(Clone)]
pub struct Deps {
    /// Where results, runs and schedules are kept.
    pub store: Arc<dyn EndpointStore>,
    /// Jobs, and what runs them.
    pub scrapers: Arc<dyn Scrapers>,
    /// What webhooks are called through.
    pub http: nexus_egress::Client,
}

/// How endpoints behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How old a result may be that an endpoint answers with.
    pub cache: Duration,
    /// After a failed run, how long nobody waits for the next one (but who asks for fresh data).
    pub pause_after_failure: Duration,
    /// After mending in vain, how long until it is tried again.
    pub pause_after_mending: Duration,
    /// Whether this process runs what is scheduled and calls webhooks.
    pub schedules: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache: Duration::from_secs(300),
            pause_after_failure: Duration::from_secs(30),
            pause_after_mending: Duration::from_secs(600),
            schedules: true,
        }
    }
}

/// All endpoints. Clones share everything.
#[derive(Clone)]
pub struct Endpoints {
    store: Arc<dyn EndpointStore>,
    scrapers: Arc<dyn Scrapers>,
    http: nexus_egress::Client,
    options: Options,
    flights: Flights<Arc<Fresh>>,
    failures: Arc<Failures>,
    mendings: Arc<Mendings>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Endpoints {
    /// Starts to serve, and to run what is scheduled. Must be called within a runtime.
    pub fn start(deps: Deps, options: Options) -> Self {
        let Deps { store, scrapers, http } = deps;
        let endpoints = Self {
            store,
            scrapers,
            http,
            options,
            flights: Flights::new(),
            failures: Arc::new(Failures::new(options.pause_after_failure)),
            mendings: Arc::new(Mendings::new(options.pause_after_mending)),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        if options.schedules {
            endpoints.tasks.spawn(schedule::run_when_due(endpoints.clone()));
            endpoints.tasks.spawn(webhook::deliver_when_due(endpoints.clone()));
        }
        endpoints
    }

    /// Begins nothing more and waits for what goes on; the sandbox decides how long that may take.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The job, if the caller may know of it.
    async fn scraper(&self, ctx: &CallCtx, id: JobId) -> Result<Scraper> {
        match self.scrapers.find(id).await {
            Ok(scraper) if scraper.workspace == ctx.workspace => Ok(scraper),
            Ok(_) => Err(Error::not_found(format!("scraper job {id}"))),
            Err(error) => {
                // That it is there is nobody else's business either.
                self.visible(ctx, id).await?;
                Err(error)
            }
        }
    }

    /// Whether the caller may know of the job; it need not have code.
    async fn visible(&self, ctx: &CallCtx, id: JobId) -> Result<()> {
        let workspace = self.scrapers.workspace(id).await?;
        if workspace == ctx.workspace { Ok(()) } else { Err(Error::not_found(format!("scraper job {id}"))) }
    }

    /// The job's schedule for outsiders.
    async fn shown_schedule(&self, id: JobId) -> Result<Option<Schedule>> {
        let Some(kept) = self.store.schedule(id).await? else { return Ok(None) };
        let deliveries = self.store.deliveries(id, nexus_store::endpoints::KEPT_DELIVERIES).await?;
        Ok(Some(schedule::show(kept, deliveries)))
    }

    /// A run, or the one that goes on already.
    async fn run(&self, id: JobId, trigger: Trigger) -> Result<Arc<Fresh>> {
        let endpoints = self.clone();
        self.flights.join(id, || async move { endpoints.refresh(id, trigger).await }).await
    }

    /// The data: of a recent run, else of a new one, else, if that fails, of the last good one.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` if the job has no code yet; `WebsiteAccessError` and `SandboxExecutionError` as `reason`
    /// if the run fails and there is nothing older, or fresh data was asked for.
    pub async fn data(&self, ctx: &CallCtx, id: JobId, query: &EndpointQuery) -> Result<EndpointData> {
        let asked = Timestamp::now();
        let scraper = self.scraper(ctx, id).await?;
        let answer = answer::Answer { asked, scraper: &scraper, query };
        if query.fresh {
            let fresh = self.run(id, Trigger::Endpoint).await?;
            return Ok(answer.fresh(&fresh));
        }
        let latest = self.store.endpoint_result(id, Which::Latest).await?;
        let usable = latest.as_ref().filter(|latest| {
            latest.code_version == scraper.version && asked.since(latest.fetched_at) < self.options.cache
        });
        if let Some(latest) = usable {
            return Ok(answer.cached(latest));
        }
        let failed = match self.failures.recent(id) {
            Some(error) => error,
            None => match self.run(id, Trigger::Endpoint).await {
                Ok(fresh) => return Ok(answer.fresh(&fresh)),
                Err(error) => error,
            },
        };
        match latest.filter(|_| failed.reason.is_some()) {
            Some(latest) => Ok(answer.stale(&latest, &failed)),
            None => Err(failed),
        }
    }

    /// Runs the scraper now. One that fails is an answer.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` if the job has no code yet; what is no fault of the scraper.
    pub async fn test(&self, ctx: &CallCtx, id: JobId) -> Result<TestResult> {
        self.scraper(ctx, id).await?;
        let started = std::time::Instant::now();
        let outcome = self.run(id, Trigger::Test).await;
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match outcome {
            Ok(fresh) => Ok(TestResult {
                ok: true,
                data: fresh.result.data.iter().cloned().map(Value::Object).collect(),
                error: None,
                duration_ms,
            }),
            Err(error) if refresh::is_about_the_scraper(&error) => Ok(TestResult {
                ok: false,
                data: Value::Array(Vec::new()),
                error: Some(refresh::to_json(&error)),
                duration_ms,
            }),
            Err(error) => Err(error),
        }
    }

    /// How the endpoint does.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn health(&self, ctx: &CallCtx, id: JobId) -> Result<Health> {
        self.visible(ctx, id).await?;
        let runs = self.store.runs(id, SHOWN_RUNS).await?;
        let latest = self.store.endpoint_result(id, Which::Latest).await?;
        let (status, message) = judge(runs.first());
        Ok(Health {
            job_id: id,
            status,
            message,
            drift: runs.first().map(|run| run.drift.clone()).unwrap_or_default(),
            last_ok_at: latest.map(|latest| latest.fetched_at),
            runs,
            schedule: self.shown_schedule(id).await?,
        })
    }

    /// Lets the scraper run by itself; the first run begins at once.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`; `Invalid` if the time or the address is not acceptable.
    pub async fn put_schedule(&self, ctx: &CallCtx, id: JobId, wanted: PutSchedule) -> Result<Schedule> {
        self.scraper(ctx, id).await?;
        self.store.put_schedule(id, schedule::read(wanted)?).await?;
        self.get_schedule(ctx, id).await
    }

    /// When the scraper runs by itself.
    ///
    /// # Errors
    /// `NotFound` if there is no such job, or it has no schedule.
    pub async fn get_schedule(&self, ctx: &CallCtx, id: JobId) -> Result<Schedule> {
        self.visible(ctx, id).await?;
        self.shown_schedule(id).await?.ok_or_else(|| schedule::none(id))
    }

    /// The scraper no longer runs by itself.
    ///
    /// # Errors
    /// `NotFound` if there is no such job, or it has no schedule.
    pub async fn delete_schedule(&self, ctx: &CallCtx, id: JobId) -> Result<()> {
        self.visible(ctx, id).await?;
        if self.store.delete_schedule(id).await? { Ok(()) } else { Err(schedule::none(id)) }
    }

    /// A new version was made, and gave this: what later runs are compared with.
    ///
    /// # Errors
    /// If the store is away.
    pub async fn made(
        &self,
        id: JobId,
        code_version: u32,
        data: Vec<Record>,
        metadata: Map<String, Value>,
        duration: Duration,
    ) -> Result<()> {
        self.failures.forget(id);
        self.mendings.forget(id);
        let at = Timestamp::now();
        let run = Run {
            at,
            ok: true,
            trigger: Trigger::Made,
            records: data.len() as u64,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            code_version,
            error: None,
            drift: Vec::new(),
            note: Some(format!("Version {code_version} was made.")),
        };
        let result = EndpointResult { code_version, fetched_at: at, duration, data, metadata };
        Ok(self.store.end_run(id, Ended { run, result: Some(result), is_baseline: true }).await?)
    }

    /// Forgets everything of a job.
    ///
    /// # Errors
    /// If the store is away.
    pub async fn forget(&self, id: JobId) -> Result<()> {
        self.failures.forget(id);
        self.mendings.forget(id);
        Ok(self.store.forget_endpoint(id).await?)
    }
}

/// What the last run says.
fn judge(last: Option<&Run>) -> (HealthStatus, String) {
    let Some(run) = last else {
        return (HealthStatus::Unknown, "It has not run yet.".to_owned());
    };
    if !run.ok {
        let why =
            run.error.as_ref().and_then(|error| error["message"].as_str()).unwrap_or("no reason is known");
        return (HealthStatus::Failing, format!("The last run failed: {why}"));
    }
    match run.drift.first() {
        Some(sign) => (HealthStatus::Degraded, sign.clone()),
        None => (HealthStatus::Healthy, format!("The last run gave {} records.", run.records)),
    }
}
