//! Each port gives the same answers, asked the same questions, whether it is called directly, over gRPC in process,
//! or over TCP: every field survives in both directions.

use crate::{
    fakes::{Fake, Mood},
    samples::{self, node},
    serving::{Served, all},
};
use futures::StreamExt;
use nexus_api::{
    CallCtx, Executor, Llm, Memory, Planner, Scraper,
    endpoint::PutSchedule,
    executor::{ExecutionFilter, Resume, StartExecution},
    memory::{RecallRequest, Scope, StoreRequest},
    planner::{PageRequest, Target},
    scraper::{CreateJob, EndpointQuery, Regenerate},
};
use nexus_model::{ExecutionStatus, Money, document::BudgetOverride};
use nexus_rpc::{client, in_process, server::ServerOptions};
use serde_json::json;
use std::{fmt::Debug, sync::Arc};

/// Answers as text, one after the other.
#[derive(Debug, Default, PartialEq)]
struct Answers(Vec<String>);

impl Answers {
    fn note(&mut self, answer: nexus_api::Result<impl Debug>) {
        self.0.push(format!("{:#?}", answer.unwrap()));
    }

    async fn note_all<T: Debug>(&mut self, stream: nexus_api::Result<nexus_api::BoxStream<T>>) {
        let items: Vec<_> = stream.unwrap().collect().await;
        self.0.push(format!("{items:#?}"));
    }
}

/// Runs a scenario against the three forms of a port and compares what came out and what went in.
macro_rules! same {
    ($port:ident, $area:ident, $scenario:ident) => {
        #[tokio::test]
        async fn $area() {
            let direct = Fake::new(Mood::Good);
            let expected = $scenario(&*direct).await;
            assert!(!expected.0.is_empty());

            let fake = Fake::new(Mood::Good);
            let port: Arc<dyn $port> = fake.clone();
            let port = in_process::$area(port).unwrap();
            assert_eq!($scenario(&*port).await, expected);
            assert_eq!(fake.asked(), direct.asked());

            let fake = Fake::new(Mood::Good);
            let server = Served::new(all(&fake), ServerOptions::default()).await;
            let port = client::$area(&server.url, &Default::default()).unwrap();
            assert_eq!($scenario(&*port).await, expected);
            assert_eq!(fake.asked(), direct.asked());
        }
    };
}

fn pages() -> [PageRequest; 2] {
    [PageRequest::default(), PageRequest { limit: Some(0), cursor: Some("c".into()) }]
}

same!(Planner, planner, use_planner);
async fn use_planner(planner: &dyn Planner) -> Answers {
    let (ctx, id) = (&CallCtx::background(), samples::workflow_id());
    let mut answers = Answers::default();
    answers.note(planner.create_workflow(ctx, samples::document(), true).await);
    for version in [None, Some(0), Some(7)] {
        answers.note(planner.get_workflow(ctx, id, version).await);
    }
    answers.note(planner.update_workflow(ctx, id, 0, samples::document(), false).await);
    answers.note(planner.delete_workflow(ctx, id).await);
    for page in pages() {
        answers.note(planner.list_workflows(ctx, page.clone(), Some(String::new())).await);
        answers.note(planner.list_versions(ctx, id, page).await);
    }
    answers.note(planner.list_workflows(ctx, PageRequest::default(), None).await);
    answers.note(planner.validate(ctx, json!({})).await);
    let targets = [
        Target::Document(samples::document()),
        Target::Workflow { id, version: None },
        Target::Workflow { id, version: Some(2) },
    ];
    let budgets = [None, Some(BudgetOverride::default()), Some(samples::budget())];
    for (target, budget) in targets.into_iter().zip(budgets) {
        answers.note(planner.plan(ctx, target.clone()).await);
        answers.note(planner.estimate(ctx, target, samples::document(), budget).await);
    }
    answers
}

same!(Executor, executor, use_executor);
async fn use_executor(executor: &dyn Executor) -> Answers {
    let (ctx, id) = (&CallCtx::background(), samples::execution_id());
    let mut answers = Answers::default();
    let start = StartExecution {
        workflow_id: samples::workflow_id(),
        version: Some(2),
        inputs: samples::document(),
        budget: Some(samples::budget()),
        idempotency_key: Some("key".into()),
    };
    answers.note(executor.start_execution(ctx, start.clone()).await);
    answers.note(
        executor
            .start_execution(ctx, StartExecution { version: None, budget: None, inputs: json!({}), ..start })
            .await,
    );
    answers.note(executor.get_execution(ctx, id).await);
    let filter = ExecutionFilter {
        workflow_id: Some(samples::workflow_id()),
        status: Some(ExecutionStatus::BudgetExceeded),
    };
    for (filter, page) in [ExecutionFilter::default(), filter].into_iter().zip(pages()) {
        answers.note(executor.list_executions(ctx, filter, page).await);
    }
    answers.note(executor.cancel_execution(ctx, id).await);
    let resume = Resume { budget: Some(samples::budget()), from_node: Some(node("a")) };
    for resume in [Resume::default(), resume] {
        answers.note(executor.resume_execution(ctx, id, resume).await);
    }
    answers.note(executor.delete_execution(ctx, id).await);
    answers.note(executor.list_events(ctx, id, u64::MAX, 0).await);
    answers.note_all(executor.watch_execution(ctx, id, 0).await).await;
    answers
}

same!(Llm, llm, use_llm);
async fn use_llm(llm: &dyn Llm) -> Answers {
    let ctx = &CallCtx::background();
    let mut answers = Answers::default();
    let bare = nexus_api::llm::CompleteRequest::new("demo/small", samples::messages());
    for request in [samples::complete_request(), bare] {
        answers.note(llm.complete(ctx, request.clone()).await);
        answers.note_all(llm.stream_complete(ctx, request).await).await;
    }
    answers.note(llm.embed(ctx, samples::embed_request()).await);
    answers.note(llm.count_tokens(ctx, "demo/small".into(), samples::messages()).await);
    answers.note(llm.list_models(ctx).await);
    answers
}

same!(Memory, memory, use_memory);
async fn use_memory(memory: &dyn Memory) -> Answers {
    let ctx = &CallCtx::background();
    let mut answers = Answers::default();
    let scopes =
        [Scope::Execution(samples::execution_id()), Scope::Workflow(samples::workflow_id()), Scope::Global];
    for scope in scopes {
        let full = StoreRequest {
            metadata: samples::object(),
            id: Some(samples::memory_id()),
            max_cost: Some(Money::from_picos(1)),
            ..StoreRequest::new(scope, "text")
        };
        answers.note(memory.store(ctx, full).await);
        answers.note(memory.store(ctx, StoreRequest::new(scope, "")).await);
        answers.note(memory.recall(ctx, RecallRequest::new(scope, "")).await);
        let max_cost = Some(Money::ZERO);
        answers.note(
            memory.recall(ctx, RecallRequest { top_k: 0, max_cost, ..RecallRequest::new(scope, "q") }).await,
        );
        for page in pages() {
            answers.note(memory.list(ctx, scope, page).await);
        }
    }
    answers.note(memory.delete(ctx, samples::memory_id()).await);
    for scope in scopes {
        answers.note(memory.delete_scope(ctx, scope).await);
    }
    answers.note(memory.embedding_model(ctx).await);
    for max_cost in [None, Some(Money::from_picos(3_999_999_999_999_999))] {
        answers.note(memory.reembed(ctx, max_cost).await);
    }
    answers
}

same!(Scraper, scraper, use_scraper);
async fn use_scraper(scraper: &dyn Scraper) -> Answers {
    let (ctx, id) = (&CallCtx::background(), samples::job_id());
    let mut answers = Answers::default();
    let request = CreateJob {
        url: "u".into(),
        description: "d".into(),
        user_id: Some("me".into()),
        ignore_robots: true,
    };
    answers.note(scraper.create_job(ctx, request.clone()).await);
    answers.note(scraper.create_job(ctx, CreateJob { user_id: None, ignore_robots: false, ..request }).await);
    answers.note(scraper.get_job(ctx, id).await);
    for page in pages() {
        answers.note(scraper.list_jobs(ctx, page).await);
    }
    answers.note(scraper.delete_job(ctx, id).await);
    answers.note_all(scraper.watch_job(ctx, id).await).await;
    answers.note(scraper.test_job(ctx, id).await);
    for feedback in [None, Some("also the rating".to_owned())] {
        answers.note(scraper.regenerate_job(ctx, id, Regenerate { feedback }).await);
    }
    for query in [EndpointQuery::default(), EndpointQuery { fresh: true, limit: Some(0), offset: 3 }] {
        answers.note(scraper.run_endpoint(ctx, id, query).await);
        let program = nexus_api::scraper::RunPython {
            code: "def run(inputs): ...".into(),
            inputs: samples::document(),
        };
        answers.note(scraper.run_python(ctx, program).await);
    }
    answers.note(scraper.job_health(ctx, id).await);
    let secret = Some("s3cret".to_owned());
    let webhook_url = Some("https://example.com/".to_owned());
    for schedule in [
        PutSchedule { every: "15m".into(), webhook_url, webhook_secret: secret },
        PutSchedule { every: String::new(), webhook_url: None, webhook_secret: None },
    ] {
        answers.note(scraper.put_schedule(ctx, id, schedule).await);
    }
    answers.note(scraper.get_schedule(ctx, id).await);
    answers.note(scraper.delete_schedule(ctx, id).await);
    answers
}
