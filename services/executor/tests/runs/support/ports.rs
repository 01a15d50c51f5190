//! Memory and scraper for executors under test: real in what they keep, simple in what they understand.

use async_trait::async_trait;
use nexus_api::{
    BoxStream, CallCtx, Code, Error, Memory, Result, Scraper,
    memory::{EmbeddingModel, Entry, RecallRequest, Recalled, Reembedded, Scope, StoreRequest, Stored},
    planner::PageRequest,
    scraper::{CreateJob, EndpointData, EndpointQuery, Job, Regenerate, RunPython, TestResult},
};
use nexus_model::{JobId, MemoryId, Money, Timestamp, price::Usage, workflow::Page};
use serde_json::{Value, json};
use std::sync::Mutex;

/// Finds every entry of the scope, newest first. A token costs a pico-dollar, and a text has as many as bytes.
#[derive(Default)]
pub struct FakeMemory {
    pub entries: Mutex<Vec<(Scope, Entry)>>,
    /// How often it does not say what it costs before it does.
    pub silent: Mutex<u32>,
    /// Told when it has said what it costs.
    pub spoke: tokio::sync::Notify,
}

#[async_trait]
impl Memory for FakeMemory {
    async fn store(&self, _: &CallCtx, request: StoreRequest) -> Result<Stored> {
        let id = request.id.unwrap_or_else(MemoryId::generate);
        let (usage, cost) = price(&request.text);
        let StoreRequest { scope, text, metadata, .. } = request;
        let entry = Entry { id, text, metadata, score: None, created_at: Timestamp::now() };
        let mut entries = self.entries.lock().unwrap();
        entries.retain(|(_, kept)| kept.id != id);
        entries.push((scope, entry));
        Ok(Stored { id, usage, cost })
    }

    async fn recall(&self, _: &CallCtx, request: RecallRequest) -> Result<Recalled> {
        let (usage, cost) = price(&request.query);
        let entries = self.entries.lock().unwrap();
        let found = entries.iter().rev().filter(|(scope, _)| *scope == request.scope);
        let found =
            found.take(request.top_k as usize).map(|(_, entry)| Entry { score: Some(1.0), ..entry.clone() });
        Ok(Recalled { entries: found.collect(), usage, cost })
    }

    async fn list(&self, _: &CallCtx, _: Scope, _: PageRequest) -> Result<Page<Entry>> {
        Err(Error::unimplemented("lists"))
    }

    async fn delete(&self, _: &CallCtx, _: MemoryId) -> Result<()> {
        Err(Error::unimplemented("deleting"))
    }

    async fn delete_scope(&self, _: &CallCtx, scope: Scope) -> Result<u64> {
        let mut entries = self.entries.lock().unwrap();
        let before = entries.len();
        entries.retain(|(kept, _)| *kept != scope);
        Ok((before - entries.len()) as u64)
    }

    async fn embedding_model(&self, _: &CallCtx) -> Result<EmbeddingModel> {
        let mut silent = self.silent.lock().unwrap();
        if *silent > 0 {
            *silent -= 1;
            return Err(Error::unavailable("memory is away"));
        }
        self.spoke.notify_waiters();
        let per_token = Some(Money::from_picos(1));
        Ok(EmbeddingModel { model: "fake/embedding".into(), per_token, piece_bytes: 8_000 })
    }

    async fn reembed(&self, _: &CallCtx, _: Option<Money>) -> Result<Reembedded> {
        Err(Error::unimplemented("reembedding"))
    }
}

fn price(text: &str) -> (Usage, Money) {
    let tokens = text.len() as u64;
    (Usage { input: tokens, ..Usage::default() }, Money::from_picos(1).times(tokens))
}

/// Its only Python program returns its inputs; any other fails.
pub struct FakeScraper;

#[async_trait]
impl Scraper for FakeScraper {
    async fn create_job(&self, _: &CallCtx, _: CreateJob) -> Result<Job> {
        Err(Error::unimplemented("jobs"))
    }

    async fn get_job(&self, _: &CallCtx, id: JobId) -> Result<Job> {
        Err(Error::not_found(format!("job {id}")))
    }

    async fn list_jobs(&self, _: &CallCtx, _: PageRequest) -> Result<Page<Job>> {
        Err(Error::unimplemented("jobs"))
    }

    async fn delete_job(&self, _: &CallCtx, id: JobId) -> Result<()> {
        Err(Error::not_found(format!("job {id}")))
    }

    async fn watch_job(&self, _: &CallCtx, id: JobId) -> Result<BoxStream<Job>> {
        Err(Error::not_found(format!("job {id}")))
    }

    async fn test_job(&self, _: &CallCtx, id: JobId) -> Result<TestResult> {
        Err(Error::not_found(format!("job {id}")))
    }

    async fn regenerate_job(&self, _: &CallCtx, id: JobId, _: Regenerate) -> Result<Job> {
        Err(Error::not_found(format!("job {id}")))
    }

    async fn run_endpoint(&self, _: &CallCtx, _: JobId, _: EndpointQuery) -> Result<EndpointData> {
        Ok(EndpointData {
            request_timestamp: Timestamp::now(),
            source_url: "https://example.com/".into(),
            data: vec![json!({"title": "one"}), json!({"title": "two"})],
            metadata: json!({}),
        })
    }

    async fn run_python(&self, _: &CallCtx, request: RunPython) -> Result<Value> {
        if request.code.contains("return inputs") {
            Ok(request.inputs)
        } else {
            Err(Error::new(Code::Invalid, "the program failed: NameError").reason("python_error"))
        }
    }
}
