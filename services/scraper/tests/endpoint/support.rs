//! A fake of the rest of the service, and short ways to say what most tests need. Not here: tests.

use async_trait::async_trait;
use nexus_api::{CallCtx, Code, Error, Result, Workspace};
use nexus_egress::{Client, Limits, Policy};
use nexus_miner::{Analysis, Dom, Recipe, Record};
use nexus_model::JobId;
use nexus_scraper::endpoint::{Deps, Endpoints, Fetched, Mended, Options, Ran, Scraper, Scrapers};
use nexus_store::sqlite::SqliteStore;
use serde_json::{Map, Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

/// What the code in use is called.
pub(crate) const CODE: &str = "version 1";

pub(crate) fn records(values: &[Value]) -> Vec<Record> {
    values.iter().map(|value| value.as_object().cloned().unwrap()).collect()
}

/// Books `first` to `last` with prices.
pub(crate) fn books(first: usize, last: usize) -> Vec<Record> {
    let book = |n: usize| json!({"title": format!("Book {n}"), "price": format!("£{n}.00")});
    records(&(first..=last).map(book).collect::<Vec<_>>())
}

pub(crate) fn access_error() -> Error {
    Error::new(Code::Unavailable, "the page answers 503")
        .reason("WebsiteAccessError")
        .suggest("try again later")
}

pub(crate) fn code_error() -> Error {
    Error::new(Code::Invalid, "the code raised KeyError").reason("SandboxExecutionError").retryable(false)
}

/// One job, whose runs give what the test says.
pub(crate) struct Fake {
    pub(crate) id: JobId,
    pub(crate) scraper: Mutex<Option<Scraper>>,
    /// By code; any other code gives what stands under `*`.
    pub(crate) gives: Mutex<HashMap<String, Result<Vec<Record>>>>,
    pub(crate) html: Mutex<String>,
    pub(crate) runs: AtomicUsize,
    pub(crate) asked_model: AtomicUsize,
    pub(crate) replaced_meanwhile: AtomicBool,
    pub(crate) deleted: AtomicBool,
    pub(crate) notes: Mutex<Vec<Option<String>>>,
    /// Runs wait for one of these.
    pub(crate) gate: Semaphore,
}

impl Fake {
    pub(crate) fn new(gives: Result<Vec<Record>>) -> Arc<Self> {
        let id = JobId::generate();
        let scraper = Scraper {
            id,
            workspace: Workspace::default(),
            url: "http://shop.test/books".into(),
            description: "title and price of every book".into(),
            code: CODE.into(),
            version: 1,
            recipe: None,
            ignore_robots: false,
        };
        Arc::new(Self {
            id,
            scraper: Mutex::new(Some(scraper)),
            gives: Mutex::new(HashMap::from([(CODE.to_owned(), gives)])),
            html: Mutex::default(),
            runs: AtomicUsize::new(0),
            asked_model: AtomicUsize::new(0),
            replaced_meanwhile: AtomicBool::new(false),
            deleted: AtomicBool::new(false),
            notes: Mutex::default(),
            gate: Semaphore::new(1_000_000),
        })
    }

    /// What runs of the code in use give from now on.
    pub(crate) fn give(&self, gives: Result<Vec<Record>>) {
        self.give_for(CODE, gives);
    }

    pub(crate) fn give_for(&self, code: &str, gives: Result<Vec<Record>>) {
        self.gives.lock().unwrap().insert(code.to_owned(), gives);
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub(crate) fn version(&self) -> u32 {
        self.scraper.lock().unwrap().as_ref().unwrap().version
    }
}

#[async_trait]
impl Scrapers for Fake {
    async fn workspace(&self, id: JobId) -> Result<Workspace> {
        let there = id == self.id && !self.deleted.load(Ordering::SeqCst);
        if there { Ok(Workspace::default()) } else { Err(Error::not_found("the job")) }
    }

    async fn find(&self, id: JobId) -> Result<Scraper> {
        self.workspace(id).await?;
        let found = self.scraper.lock().unwrap().clone();
        found.ok_or_else(|| Error::new(Code::Conflict, "the scraper is not ready"))
    }

    async fn run(&self, _: &Scraper, code: &str) -> Result<Ran> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        let gives = {
            let all = self.gives.lock().unwrap();
            all.get(code).or_else(|| all.get("*")).cloned()
        };
        let data = gives.unwrap_or_else(|| Err(code_error()))?;
        let metadata: Map<String, Value> = json!({"pages": 2, "problems": []}).as_object().cloned().unwrap();
        Ok(Ran { data, metadata, duration: Duration::from_millis(7) })
    }

    async fn page(&self, scraper: &Scraper) -> Result<Fetched> {
        let html = self.html.lock().unwrap().clone();
        if html.is_empty() {
            return Err(access_error());
        }
        let content_type = Some("text/html; charset=utf-8".to_owned());
        Ok(Fetched { url: scraper.url.clone(), body: html.into_bytes(), content_type })
    }

    async fn ask_model(&self, _: &Scraper, _: (&Analysis, &Dom)) -> Option<Recipe> {
        self.asked_model.fetch_add(1, Ordering::SeqCst);
        None
    }

    async fn adopt(&self, scraper: &Scraper, mended: &Mended) -> Result<Option<u32>> {
        if self.replaced_meanwhile.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let version = scraper.version + 1;
        let new = Scraper {
            code: mended.code.clone(),
            version,
            recipe: Some(mended.recipe.clone()),
            ..scraper.clone()
        };
        *self.scraper.lock().unwrap() = Some(new);
        Ok(Some(version))
    }

    async fn note_run(&self, _: JobId, failure: Option<&str>) {
        self.notes.lock().unwrap().push(failure.map(str::to_owned));
    }
}

/// Endpoints over a file.
pub(crate) struct Place {
    pub(crate) fake: Arc<Fake>,
    pub(crate) endpoints: Endpoints,
    pub(crate) store: Arc<SqliteStore>,
    _folder: tempfile::TempDir,
}

/// Nothing is scheduled, nothing waits for a pause.
pub(crate) fn quiet() -> Options {
    Options {
        cache: Duration::from_secs(3_600),
        pause_after_failure: Duration::ZERO,
        schedules: false,
        ..Options::default()
    }
}

impl Place {
    pub(crate) fn new(gives: Result<Vec<Record>>, options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("nexus.db")).unwrap());
        let fake = Fake::new(gives);
        let endpoints = start(&store, &fake, options);
        Self { fake, endpoints, store, _folder: folder }
    }

    /// Another process's endpoints over the same store.
    pub(crate) fn another(&self, options: Options) -> Endpoints {
        start(&self.store, &self.fake, options)
    }

    /// What the job gave when it was made.
    pub(crate) async fn made(&self, data: Vec<Record>) {
        self.endpoints.made(self.fake.id, 1, data, Map::new(), Duration::from_millis(3)).await.unwrap();
    }
}

fn start(store: &Arc<SqliteStore>, fake: &Arc<Fake>, options: Options) -> Endpoints {
    let policy = Policy::public().allow_network([127, 0, 0, 0].into(), 8);
    let deps =
        Deps { store: store.clone(), scrapers: fake.clone(), http: Client::new(policy, Limits::default()) };
    Endpoints::start(deps, options)
}

pub(crate) fn ctx() -> CallCtx {
    CallCtx::background()
}
