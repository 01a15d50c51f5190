//! Jobs with a model that answers from a script: what it chose is used, what it costs is kept, nothing is asked beyond
//! the budget, and without a good answer the job goes on as if there were no model.

use crate::support::{World, assert_ready, books, options};
use async_trait::async_trait;
use nexus_api::{
    BoxStream, CallCtx, Error, Llm, Result,
    llm::{
        CompleteRequest, Completion, EmbedRequest, Embedded, FinishReason, Message, ModelInfo, StreamItem,
    },
};
use nexus_egress::Policy;
use nexus_model::{Money, price::Mode};
use nexus_scraper::{Model, Options};
use nexus_testkit::held::{Held, HeldPages};
use serde_json::{Value, json};
use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

/// Says its lines one after the other; each costs a cent.
struct Scripted(Mutex<Vec<Value>>);

#[async_trait]
impl Llm for Scripted {
    async fn complete(&self, _: &CallCtx, _: CompleteRequest) -> Result<Completion> {
        let mut lines = self.0.lock().unwrap();
        if lines.is_empty() {
            return Err(Error::unavailable("no more lines"));
        }
        Ok(Completion {
            model: "test/m".into(),
            provider: "test".into(),
            text: lines.remove(0).to_string(),
            tool_calls: Vec::new(),
            finish_reason: FinishReason::Stop,
            usage: None,
            cost: Money::from_usd(0.01).unwrap(),
            cached: false,
        })
    }

    async fn stream_complete(&self, _: &CallCtx, _: CompleteRequest) -> Result<BoxStream<StreamItem>> {
        Err(Error::unimplemented("streams"))
    }

    async fn embed(&self, _: &CallCtx, _: EmbedRequest) -> Result<Embedded> {
        Err(Error::unimplemented("vectors"))
    }

    async fn count_tokens(&self, _: &CallCtx, _: String, _: Vec<Message>) -> Result<u64> {
        Ok(1_000)
    }

    async fn list_models(&self, _: &CallCtx) -> Result<Vec<ModelInfo>> {
        let model = |id: &str, configured: bool, price: f64| ModelInfo {
            id: id.into(),
            provider: id.split('/').next().unwrap_or_default().into(),
            mode: Mode::Chat,
            configured,
            input_usd_per_mtok: Some(price),
            cached_input_usd_per_mtok: None,
            output_usd_per_mtok: Some(price * 5.0),
            context_window: Some(128_000),
            max_output_tokens: None,
            capabilities: vec!["structured_output".into()],
            deprecation_date: None,
        };
        Ok(vec![
            model("other/cheap", false, 0.1),
            model("demo/m", true, 0.1),
            model("test/dear", true, 9.0),
            model("test/m", true, 1.0),
        ])
    }
}

async fn made(lines: &[Value], changed: Options) -> nexus_api::scraper::Job {
    let pages = HeldPages::start().await.unwrap();
    pages.put("/list", Held::page(books(8)));
    let here = Policy::public().allow_network(Ipv4Addr::LOCALHOST.into(), 8);
    let world = World::with(Arc::new(Scripted(Mutex::new(lines.to_vec()))), changed, here);
    let job = world.made(&format!("{}/list", pages.url), "what each costs").await;
    world.service.shutdown().await;
    job
}

fn good() -> Value {
    json!({"region": 0, "record": null, "all_pages": false,
           "fields": [{"name": "cost", "column": "price", "node": null, "attribute": null}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_chose_is_used_and_its_cost_is_kept() {
    let job = made(&[good()], Options { model: Model::Cheapest, ..options() }).await;
    assert_ready(&job);
    assert_eq!(job.attempts[0]["source"], "model", "{:#?}", job.analysis);
    assert_eq!(job.analysis.as_ref().unwrap()["model"], "test/m", "the cheapest that can be called");
    assert_eq!(job.cost_usd, Money::from_usd(0.01).unwrap());
    assert!(job.sample_data.as_ref().unwrap()[0]["cost"].as_str().unwrap().contains('£'));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_answer_it_goes_on_without_a_model() {
    for (lines, budget, cost) in
        [(vec![json!("nonsense"); 9], 1.0, 0.04), (vec![good()], 0.001, 0.0), (Vec::new(), 1.0, 0.012_2)]
    {
        let budget = Money::from_usd(budget).unwrap();
        let job = made(&lines, Options { model: Model::Named("test/m".into()), budget, ..options() }).await;
        assert_ready(&job);
        assert_eq!(job.attempts[0]["source"], "miner");
        assert!(job.analysis.as_ref().unwrap()["model_note"].is_string());
        // A call of which nobody knows what it cost counts at what it could have cost.
        assert!((job.cost_usd.usd() - cost).abs() < 0.002, "{} {cost}", job.cost_usd);
    }
}
