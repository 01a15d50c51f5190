//! A service of a test's own, and short ways to say what most tests need.

use async_trait::async_trait;
use futures::StreamExt;
use nexus_api::{
    BoxStream, CallCtx, Error, Llm, Result, Scraper,
    llm::{CompleteRequest, Completion, EmbedRequest, Embedded, Message, ModelInfo, StreamItem},
    scraper::{CreateJob, Job, JobStatus},
};
use nexus_bus::InProcessBus;
use nexus_egress::Policy;
use nexus_model::JobId;
use nexus_sandbox::{Config, Tier};
use nexus_scraper::{Deps, Model, Options, ScraperService};
use nexus_store::sqlite::SqliteStore;
use std::{net::Ipv4Addr, sync::Arc, time::Duration};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct World {
    pub(crate) service: ScraperService,
    _folder: tempfile::TempDir,
}

/// No model at all.
pub(crate) struct NoModels;

#[async_trait]
impl Llm for NoModels {
    async fn complete(&self, _: &CallCtx, _: CompleteRequest) -> Result<Completion> {
        Err(Error::unimplemented("completing"))
    }

    async fn stream_complete(&self, _: &CallCtx, _: CompleteRequest) -> Result<BoxStream<StreamItem>> {
        Err(Error::unimplemented("streams"))
    }

    async fn embed(&self, _: &CallCtx, _: EmbedRequest) -> Result<Embedded> {
        Err(Error::unimplemented("vectors"))
    }

    async fn count_tokens(&self, _: &CallCtx, _: String, _: Vec<Message>) -> Result<u64> {
        Err(Error::unimplemented("counting"))
    }

    async fn list_models(&self, _: &CallCtx) -> Result<Vec<ModelInfo>> {
        Ok(Vec::new())
    }
}

/// Sandboxes of whatever strength this machine has.
fn sandbox() -> Config {
    let folder = std::env::var_os("NEXUS_SANDBOX_PYTHON")
        .map_or_else(nexus_sandbox::find_python, |it| Some(it.into()))
        .expect("run scripts/sandbox_python.sh first");
    let helper = Some(env!("CARGO_BIN_EXE_nexus-scraper-sandbox").into());
    Config { helper, min_tier: Tier::C, warm: 1, ..Config::new(folder) }
}

pub(crate) fn options() -> Options {
    Options { model: Model::Off, ..Options::default() }
}

impl World {
    /// This machine may be reached.
    pub(crate) async fn new() -> Self {
        let here = Policy::public().allow_network(Ipv4Addr::LOCALHOST.into(), 8);
        Self::with(Arc::new(NoModels), options(), here)
    }

    pub(crate) fn with(llm: Arc<dyn Llm>, options: Options, policy: Policy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("nexus.db")).unwrap());
        let deps = Deps {
            store: store.clone(),
            endpoints: store,
            bus: Arc::new(InProcessBus::new()),
            llm,
            policy,
            sandbox: Some(sandbox()),
        };
        let service = ScraperService::start(deps, options);
        Self { service, _folder: folder }
    }

    pub(crate) async fn create(&self, url: &str, description: &str) -> Job {
        self.service.create_job(&ctx(), request(url, description)).await.unwrap()
    }

    /// Everything that is told of a job until it ends.
    pub(crate) async fn watched(&self, id: JobId) -> Vec<Job> {
        let told = self.service.watch_job(&ctx(), id).await.unwrap();
        within(told.map(std::result::Result::unwrap).collect()).await
    }

    /// Makes a scraper, and waits for its end.
    pub(crate) async fn made(&self, url: &str, description: &str) -> Job {
        let job = self.create(url, description).await;
        self.watched(job.id).await.pop().unwrap()
    }

    pub(crate) async fn get(&self, id: JobId) -> Job {
        self.service.get_job(&ctx(), id).await.unwrap()
    }
}

pub(crate) fn ctx() -> CallCtx {
    CallCtx::background()
}

pub(crate) fn request(url: &str, description: &str) -> CreateJob {
    CreateJob {
        url: url.into(),
        description: description.into(),
        user_id: Some("me".into()),
        ignore_robots: false,
    }
}

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("waited too long")
}

/// Asserts that a job has ended well.
pub(crate) fn assert_ready(job: &Job) {
    assert_eq!(job.status, JobStatus::Ready, "{}\n{:#?}", job.message, job.attempts);
}

/// A list of books as a page.
pub(crate) fn books(count: usize) -> String {
    let book = |n: usize| {
        format!(
            "<li class=book><h3><a href=\"/book/{n}\">The {} of number {n}</a></h3><p class=price>£{}.{:02}</p>\
             <p class=rating>{} stars</p></li>",
            ["House", "River", "Garden", "Winter", "Letter"][n % 5],
            10 + n % 37,
            (n * 17) % 100,
            1 + n % 5
        )
    };
    let items: String = (1..=count).map(book).collect();
    format!(
        "<!DOCTYPE html><html><head><title>Books</title></head><body><h1>Books</h1><ul class=books>{items}</ul></body></html>"
    )
}
