//! Our own pages with what is on them, and how much of it the miner finds. Not here: judging that (`pages`, the
//! bench `eval`).
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "that is how a test fails")]
#![allow(dead_code, clippy::allow_attributes, reason = "each of its users needs only some of it")]

use nexus_miner::{Analysis, Dom, Page, Record, analyse, extract};
use serde::Deserialize;
use serde_json::Value;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// What is known of a page.
#[derive(Debug, Clone, Deserialize)]
pub struct Truth {
    pub page: String,
    pub kind: String,
    pub description: String,
    pub url: String,
    /// Values that the record must have, whatever they are called.
    pub records: Vec<Vec<Value>>,
    pub content_type: Option<String>,
    /// Link to the next page, as it stands on the page.
    pub next: Option<String>,
    /// The page after a redesign.
    pub pair: Option<String>,
}

/// What the miner made of a page.
pub struct Outcome {
    pub analysis: Analysis,
    pub dom: Dom,
    pub records: Vec<Record>,
    pub took: Duration,
    pub f1: f64,
}

pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pages"))
}

pub fn all() -> Vec<Truth> {
    let text = std::fs::read_to_string(folder().join("truth.json")).expect("the pages' truth is there");
    serde_json::from_str(&text).expect("the pages' truth can be read")
}

pub fn body(page: &str) -> Vec<u8> {
    std::fs::read(folder().join(format!("{page}.html"))).expect("the page is there")
}

pub fn mine(truth: &Truth, description: &str) -> Outcome {
    let body = body(&truth.page);
    let start = Instant::now();
    let page = Page { url: &truth.url, body: &body, content_type: truth.content_type.as_deref() };
    let (analysis, dom) = analyse(page, description);
    let took = start.elapsed();
    let records =
        analysis.recipe.as_ref().map(|recipe| extract(&dom, recipe, &truth.url).unwrap()).unwrap_or_default();
    let f1 = f1(&truth.records, &records);
    Outcome { analysis, dom, records, took, f1 }
}

/// A record is right if every value that it must have is one of its values; no record counts twice.
pub fn f1(truth: &[Vec<Value>], records: &[Record]) -> f64 {
    let mut free: Vec<&Record> = records.iter().collect();
    let mut right = 0;
    for wanted in truth {
        let good = |record: &&Record| wanted.iter().all(|value| record.values().any(|own| same(own, value)));
        if let Some(at) = free.iter().position(good) {
            free.swap_remove(at);
            right += 1;
        }
    }
    if truth.is_empty() && records.is_empty() {
        return 1.0;
    }
    2.0 * f64::from(right) / (truth.len() + records.len()).max(1) as f64
}

fn same(own: &Value, wanted: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    own == wanted || (!own.is_null() && text(own) == text(wanted))
}
