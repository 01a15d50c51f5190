//! Models, memory and scrapers: as little as the routes need.

use async_trait::async_trait;
use futures::{StreamExt, stream};
use nexus_api::{
    BoxStream, CallCtx, Error, Llm, Memory, Result, Scraper, Secrets,
    llm::{CompleteRequest, Completion, EmbedRequest, Embedded, Message, ModelInfo, StreamItem},
    memory::{EmbeddingModel, Entry, RecallRequest, Recalled, Reembedded, Scope, StoreRequest, Stored},
    planner::PageRequest,
    scraper::{CreateJob, EndpointData, EndpointQuery, Job, JobStatus, Regenerate, RunPython, TestResult},
    secrets::{Secret, SecretValue},
};
use nexus_model::{
    JobId, MemoryId, Money, Timestamp,
    price::{Mode, Usage},
    workflow::Page,
};
use serde_json::{Map, Value, json};
use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

pub(crate) struct FakeLlm;

#[async_trait]
impl Llm for FakeLlm {
    async fn complete(&self, _: &CallCtx, _: CompleteRequest) -> Result<Completion> {
        Err(Error::unimplemented("completion"))
    }
    async fn stream_complete(&self, _: &CallCtx, _: CompleteRequest) -> Result<BoxStream<StreamItem>> {
        Err(Error::unimplemented("completion"))
    }
    async fn embed(&self, _: &CallCtx, _: EmbedRequest) -> Result<Embedded> {
        Err(Error::unimplemented("embedding"))
    }
    async fn count_tokens(&self, _: &CallCtx, _: String, _: Vec<Message>) -> Result<u64> {
        Err(Error::unimplemented("counting"))
    }
    async fn list_models(&self, _: &CallCtx) -> Result<Vec<ModelInfo>> {
        Ok(vec![ModelInfo {
            id: "demo/small".to_owned(),
            provider: "demo".to_owned(),
            mode: Mode::Chat,
            configured: true,
            input_usd_per_mtok: Some(0.1),
            cached_input_usd_per_mtok: None,
            output_usd_per_mtok: Some(0.2),
            context_window: Some(8_192),
            max_output_tokens: Some(1_024),
            capabilities: vec!["tools".to_owned()],
            deprecation_date: None,
        }])
    }
}

pub(crate) struct FakeMemory;

#[async_trait]
impl Memory for FakeMemory {
    async fn store(&self, _: &CallCtx, request: StoreRequest) -> Result<Stored> {
        let id = request.id.unwrap_or_else(MemoryId::generate);
        Ok(Stored { id, usage: Usage::default(), cost: Money::from_picos(7) })
    }
    async fn recall(&self, _: &CallCtx, request: RecallRequest) -> Result<Recalled> {
        let (id, created_at) = (MemoryId::generate(), Timestamp::now());
        let entry = Entry { id, text: request.query, metadata: Map::new(), score: Some(0.5), created_at };
        let entries = vec![entry; request.top_k as usize];
        Ok(Recalled { entries, usage: Usage::default(), cost: Money::ZERO })
    }
    async fn list(&self, _: &CallCtx, scope: Scope, _: PageRequest) -> Result<Page<Entry>> {
        assert!(matches!(scope, Scope::Execution(_)));
        let (id, created_at) = (MemoryId::generate(), Timestamp::now());
        let entry = Entry { id, text: "kept".to_owned(), metadata: Map::new(), score: None, created_at };
        Ok(Page { items: vec![entry], next_cursor: None })
    }
    async fn delete(&self, _: &CallCtx, _: MemoryId) -> Result<()> {
        Ok(())
    }
    async fn delete_scope(&self, _: &CallCtx, _: Scope) -> Result<u64> {
        Ok(3)
    }
    async fn embedding_model(&self, _: &CallCtx) -> Result<EmbeddingModel> {
        Ok(EmbeddingModel { model: "local/m".to_owned(), per_token: Some(Money::ZERO), piece_bytes: 100 })
    }
    async fn reembed(&self, _: &CallCtx, _: Option<Money>) -> Result<Reembedded> {
        Ok(Reembedded { entries: 2, remaining: 1, usage: Usage::default(), cost: Money::ZERO })
    }
}

/// A job in this state.
pub(crate) fn job(id: JobId, status: JobStatus, progress: u32) -> Job {
    Job {
        id,
        url: "https://example.com".to_owned(),
        description: "all titles".to_owned(),
        user_id: None,
        ignore_robots: false,
        feedback: None,
        status,
        progress,
        message: "working".to_owned(),
        created_at: Timestamp::now(),
        updated_at: Timestamp::now(),
        api_endpoint: Some(format!("/api/v1/generated/{id}")),
        sample_data: Some(json!([{"title": "t"}])),
        error: None,
        scraper_code: Some("def scrape_data(url): …".to_owned()),
        code_version: Some(1),
        analysis: None,
        cost_usd: Money::ZERO,
        attempts: Vec::new(),
    }
}

/// Answers `Unimplemented` until it is told that it works.
#[derive(Default)]
pub(crate) struct FakeScraper {
    pub(crate) works: AtomicBool,
    pub(crate) queries: Mutex<Vec<EndpointQuery>>,
}

impl FakeScraper {
    fn check(&self) -> Result<()> {
        if self.works.load(Ordering::SeqCst) { Ok(()) } else { Err(Error::unimplemented("scraping")) }
    }
}

#[async_trait]
impl Scraper for FakeScraper {
    async fn create_job(&self, _: &CallCtx, _: CreateJob) -> Result<Job> {
        self.check()?;
        Ok(job(JobId::generate(), JobStatus::Pending, 0))
    }
    async fn get_job(&self, _: &CallCtx, id: JobId) -> Result<Job> {
        self.check()?;
        Ok(job(id, JobStatus::Ready, 100))
    }
    async fn list_jobs(&self, _: &CallCtx, _: PageRequest) -> Result<Page<Job>> {
        self.check()?;
        Ok(Page { items: vec![job(JobId::generate(), JobStatus::Ready, 100)], next_cursor: None })
    }
    async fn delete_job(&self, _: &CallCtx, _: JobId) -> Result<()> {
        self.check()
    }
    async fn watch_job(&self, _: &CallCtx, id: JobId) -> Result<BoxStream<Job>> {
        self.check()?;
        let steps = [(JobStatus::Pending, 0), (JobStatus::Testing, 80), (JobStatus::Ready, 100)];
        Ok(stream::iter(steps).map(move |(status, progress)| Ok(job(id, status, progress))).boxed())
    }
    async fn test_job(&self, _: &CallCtx, _: JobId) -> Result<TestResult> {
        self.check()?;
        Ok(TestResult { ok: true, data: json!([]), error: None, duration_ms: 1 })
    }
    async fn regenerate_job(&self, _: &CallCtx, id: JobId, _: Regenerate) -> Result<Job> {
        self.check()?;
        Ok(job(id, JobStatus::Pending, 0))
    }
    async fn run_python(&self, _: &CallCtx, _: RunPython) -> Result<Value> {
        Err(Error::unimplemented("python"))
    }

    async fn run_endpoint(&self, _: &CallCtx, _: JobId, query: EndpointQuery) -> Result<EndpointData> {
        self.check()?;
        self.queries.lock().unwrap().push(query);
        Ok(EndpointData {
            request_timestamp: Timestamp::now(),
            source_url: "https://example.com".to_owned(),
            data: vec![json!({"title": "a, b", "price": 1}), json!({"title": "c"})],
            metadata: json!({"total": 2}),
        })
    }
}

/// Knows one secret, `known`, and takes any other.
pub(crate) struct FakeSecrets;

fn secret(name: &str) -> Secret {
    let at = Timestamp::from_micros(1);
    Secret { name: name.to_owned(), created_at: at, updated_at: at }
}

#[async_trait]
impl Secrets for FakeSecrets {
    async fn list_secrets(&self, _: &CallCtx, _: PageRequest) -> Result<Page<Secret>> {
        Ok(Page { items: vec![secret("known")], next_cursor: None })
    }
    async fn set_secret(&self, _: &CallCtx, name: String, _: SecretValue) -> Result<Secret> {
        Ok(secret(&name))
    }
    async fn delete_secret(&self, _: &CallCtx, name: String) -> Result<()> {
        if name == "known" { Ok(()) } else { Err(Error::not_found("the secret")) }
    }
}
