//! Choosing with a model that answers from a script: good answers, bad ones, none, and budgets. Not here: real
//! models.
#![expect(clippy::unwrap_used, reason = "that is how a test fails")]

use async_trait::async_trait;
use nexus_api::{
    BoxStream, CallCtx, Error, Llm, Result,
    llm::{
        CompleteRequest, Completion, EmbedRequest, Embedded, FinishReason, Message, ModelInfo, StreamItem,
    },
};
use nexus_miner::{Analysis, Dom, Page, analyse, extract};
use nexus_model::{Money, price::Mode};
use nexus_scraper::choose::{Ask, Budget, Choice, REFINEMENTS, choose};
use serde_json::json;
use std::sync::Mutex;

const PAGE: &str = "<h1>Shop</h1><div class=grid>\
    <div class=card><h2><a href=/1>Iron kettle</a></h2><span class=cost>$10.00</span><i>Forge</i></div>\
    <div class=card><h2><a href=/2>Jade mirror</a></h2><span class=cost>$12.50</span><i>Loom</i></div>\
    <div class=card><h2><a href=/3>Oak ladder</a></h2><span class=cost>$99.00</span><i>Forge</i></div>\
    <div class=card><h2><a href=/4>Tin saddle</a></h2><span class=cost>$7.20</span><i>Mill</i></div></div>";

/// Says its lines one after the other.
struct Scripted {
    lines: Mutex<Vec<String>>,
    asked: Mutex<Vec<CompleteRequest>>,
}

impl Scripted {
    fn new(lines: &[serde_json::Value]) -> Self {
        let lines = lines
            .iter()
            .rev()
            .map(|line| line.as_str().map_or_else(|| line.to_string(), str::to_owned))
            .collect();
        Self { lines: Mutex::new(lines), asked: Mutex::default() }
    }

    fn asked(&self) -> Vec<CompleteRequest> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Llm for Scripted {
    async fn complete(&self, _: &CallCtx, request: CompleteRequest) -> Result<Completion> {
        self.asked.lock().unwrap().push(request);
        let text = self.lines.lock().unwrap().pop().ok_or_else(|| Error::unimplemented("more lines"))?;
        Ok(Completion {
            model: "test/m".into(),
            provider: "test".into(),
            text,
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

    async fn count_tokens(&self, _: &CallCtx, _: String, messages: Vec<Message>) -> Result<u64> {
        Ok(messages.iter().map(|message| message.content.len() as u64 / 4).sum())
    }

    async fn list_models(&self, _: &CallCtx) -> Result<Vec<ModelInfo>> {
        let info = ModelInfo {
            id: "test/m".into(),
            provider: "test".into(),
            mode: Mode::Chat,
            configured: true,
            input_usd_per_mtok: Some(1.0),
            cached_input_usd_per_mtok: None,
            output_usd_per_mtok: Some(5.0),
            context_window: None,
            max_output_tokens: None,
            capabilities: Vec::new(),
            deprecation_date: None,
        };
        Ok(vec![info])
    }
}

fn page() -> (Analysis, Dom) {
    analyse(
        Page { url: "http://shop.test/", body: PAGE.as_bytes(), content_type: None },
        "what things cost and who makes them",
    )
}

fn dollars(usd: f64) -> Budget {
    Budget { limit: Money::from_usd(usd).unwrap(), spent: Money::default() }
}

async fn run(model: &Scripted, budget: &mut Budget) -> Choice {
    let (analysis, dom) = page();
    let description = "what things cost and who makes them";
    let ask = Ask { model: "test/m", description, fault: None, tries: 1 + REFINEMENTS };
    choose(model, &CallCtx::background(), budget, (&analysis, &dom), ask).await
}

fn field(name: &str, column: Option<&str>, node: Option<u32>) -> serde_json::Value {
    json!({"name": name, "column": column, "node": node, "attribute": null})
}

#[tokio::test]
async fn columns_are_chosen_and_named() {
    let (analysis, dom) = page();
    let price = analysis.regions[0].columns.iter().find(|column| column.samples[0].starts_with('$')).unwrap();
    // The maker is pointed at in the outline.
    let maker = dom.below(0).find(|node| dom.tag(*node) == "i").unwrap();
    let answer = json!({"region": 0, "record": null, "all_pages": true,
        "fields": [field("cost", Some(&price.field.name), None), field("Maker", None, Some(maker))]});
    let model = Scripted::new(&[answer]);
    let mut budget = dollars(1.0);
    let Choice::Recipe(recipe) = run(&model, &mut budget).await else { panic!("no recipe") };
    let records = extract(&dom, &recipe, "http://shop.test/").unwrap();
    assert_eq!(json!(records[2]), json!({"cost": "$99.00", "maker": "Forge"}));
    assert_eq!((records.len(), recipe.max_pages), (4, 1), "there are no further pages to ask for");
    assert_eq!(budget.spent, Money::from_usd(0.01).unwrap());
    let asked = &model.asked()[0];
    assert!(asked.output_schema.is_some() && asked.messages[1].content.contains("who makes them"));
}

#[tokio::test]
async fn a_record_can_be_pointed_at() {
    let (_, dom) = page();
    let card = dom.below(0).filter(|node| dom.has_class(*node, "card")).nth(1).unwrap();
    let maker = dom.below(0).find(|node| dom.tag(*node) == "i").unwrap();
    let model = Scripted::new(&[
        json!({"region": -1, "record": card, "all_pages": false, "fields": [field("maker", None, Some(maker))]}),
    ]);
    let Choice::Recipe(recipe) = run(&model, &mut dollars(1.0)).await else { panic!("no recipe") };
    assert_eq!(extract(&dom, &recipe, "http://shop.test/").unwrap().len(), 4);
}

#[tokio::test]
async fn a_bad_answer_is_told_to_the_model() {
    let good =
        json!({"region": 0, "record": null, "all_pages": false, "fields": [field("x", None, Some(0))]});
    let (analysis, _) = page();
    let name = &analysis.regions[0].columns[0].field.name;
    let right =
        json!({"region": 0, "record": null, "all_pages": false, "fields": [field("x", Some(name), None)]});
    let model = Scripted::new(&[
        json!("certainly! here it is"),
        good,
        json!({"region": 99, "record": null, "fields": [field("x", None, None)]}),
        right,
    ]);
    let mut budget = dollars(1.0);
    let Choice::Recipe(_) = run(&model, &mut budget).await else { panic!("no recipe") };
    let asked = model.asked();
    assert_eq!(asked.len(), 4);
    assert!(asked[1].messages[1].content.contains("not the JSON that was asked for"));
    assert!(asked[3].messages[1].content.contains("region 99"));
    assert_eq!(budget.spent, Money::from_usd(0.04).unwrap());
}

#[tokio::test]
async fn asking_ends() {
    let model = Scripted::new(&vec![json!("no"); 20]);
    let Choice::NoneWorks(fault) = run(&model, &mut dollars(1.0)).await else {
        panic!("a recipe of nothing")
    };
    assert!(fault.contains("JSON"));
    assert_eq!(model.asked().len(), 4);
}

#[tokio::test]
async fn nothing_is_asked_that_could_cost_too_much() {
    let model = Scripted::new(&[json!("unused")]);
    assert!(matches!(run(&model, &mut dollars(0.005)).await, Choice::NoBudget));
    assert_eq!(model.asked().len(), 0);
}

#[tokio::test]
async fn a_model_that_cannot_be_called_is_said_so() {
    let model = Scripted::new(&[]);
    assert!(matches!(run(&model, &mut dollars(1.0)).await, Choice::Failed(_)));
}
