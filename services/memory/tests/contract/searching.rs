//! Recall: order, scores, limits.

use crate::harness::{World, code, ctx, execution, keep, recall};
use nexus_api::{
    Code,
    memory::{MAX_METADATA_BYTES, MAX_TEXT_BYTES, RecallRequest, Scope, StoreRequest},
};
use nexus_model::{ExecutionId, Money};
use serde_json::{Map, json};
use std::sync::atomic::Ordering;

const FACTS: [&str; 6] = [
    "The Eiffel Tower stands in Paris and was finished in 1889.",
    "Sourdough bread needs flour, water, salt and patience.",
    "The borrow checker refuses two mutable references.",
    "Tides follow the moon and, less, the sun.",
    "A violin has four strings, tuned in fifths.",
    "Penguins live in the southern hemisphere.",
];

pub(crate) async fn the_closest_come_first_with_scores(world: World) {
    world.llm.dimensions.store(512, Ordering::SeqCst);
    let memory = world.memory(None).await;
    let scope = execution();
    for fact in FACTS {
        keep(&*memory, scope, fact).await;
    }
    for (query, best) in
        [("Eiffel tower", 0), ("sourdough loaf", 1), ("mutable reference", 2), ("the moon", 3)]
    {
        let request = RecallRequest { top_k: 4, ..RecallRequest::new(scope, query) };
        let found = memory.recall(&ctx(), request).await.unwrap().entries;
        assert_eq!(found.len(), 4);
        assert_eq!(found[0].text, FACTS[best], "{query}");
        let scores: Vec<f32> = found.iter().map(|entry| entry.score.unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "{scores:?}");
        assert!(scores[0] > 0.1, "{query}: {scores:?}");
    }
    // The same score to three digits as two vectors of the same texts have.
    let cosine: f32 =
        nexus_embed::embed("Eiffel tower").iter().zip(nexus_embed::embed(FACTS[0])).map(|(a, b)| a * b).sum();
    let found = memory.recall(&ctx(), RecallRequest::new(scope, "Eiffel tower")).await.unwrap().entries;
    assert!((found[0].score.unwrap() - cosine).abs() < 1e-3, "{:?} {cosine}", found[0].score);
    // Of equals the newest first.
    let scope = execution();
    for nr in 0..3 {
        let metadata = Map::from_iter([("nr".to_owned(), json!(nr))]);
        let request = StoreRequest { metadata, ..StoreRequest::new(scope, "all the same") };
        memory.store(&ctx(), request).await.unwrap();
    }
    let found = memory.recall(&ctx(), RecallRequest::new(scope, "same")).await.unwrap().entries;
    let order: Vec<_> = found.iter().map(|entry| entry.metadata["nr"].as_i64().unwrap()).collect();
    assert_eq!(order, [2, 1, 0]);
}

pub(crate) async fn an_empty_scope_has_nothing(world: World) {
    let memory = world.memory(None).await;
    assert!(recall(&*memory, execution(), "anything").await.is_empty());
    keep(&*memory, execution(), "something").await;
    assert!(recall(&*memory, execution(), "anything").await.is_empty());
}

pub(crate) async fn what_cannot_be_kept_or_looked_for_is_refused(world: World) {
    let memory = world.memory(None).await;
    let scope = execution();
    let long = "x".repeat(MAX_TEXT_BYTES + 1);
    let huge = Map::from_iter([("a".to_owned(), json!("x".repeat(MAX_METADATA_BYTES)))]);
    let store = |text: &str| StoreRequest::new(scope, text);
    for (request, expected, path) in [
        (store(""), Code::Invalid, "/text"),
        (store(" \n\u{a0}"), Code::Invalid, "/text"),
        (store(&long), Code::TooLarge, "/text"),
        (StoreRequest { metadata: huge, ..store("x") }, Code::TooLarge, "/metadata"),
    ] {
        let refused = memory.store(&ctx(), request).await.unwrap_err();
        assert_eq!((refused.code, refused.details[0].path.as_str()), (expected, path));
        assert_eq!(refused.spent.map(|spent| spent.cost), Some(Money::ZERO), "{path}");
    }
    let query = |query: &str, top_k| RecallRequest { top_k, ..RecallRequest::new(scope, query) };
    for (request, expected, path) in [
        (query(" ", 5), Code::Invalid, "/query"),
        (query(&long, 5), Code::TooLarge, "/query"),
        (query("x", 0), Code::Invalid, "/top_k"),
        (query("x", 101), Code::Invalid, "/top_k"),
    ] {
        let refused = memory.recall(&ctx(), request).await.unwrap_err();
        assert_eq!((refused.code, refused.details[0].path.as_str()), (expected, path));
    }
    assert_eq!(world.llm.calls(), 0);
    memory.store(&ctx(), store(&long[1..])).await.unwrap();
    memory.recall(&ctx(), query("x", 100)).await.unwrap();
    let malformed = Scope::Execution(ExecutionId::generate());
    assert_eq!(code(memory.recall(&ctx(), RecallRequest::new(malformed, "")).await), Code::Invalid);
}

pub(crate) async fn long_texts_are_embedded_in_pieces(world: World) {
    let memory = world.memory(None).await;
    let scope = execution();
    let text = "日本語のテキスト ".repeat(900);
    let kept = memory.store(&ctx(), StoreRequest::new(scope, text.clone())).await.unwrap();
    assert_eq!(kept.usage.prompt(), text.len() as u64);
    assert_eq!(world.llm.calls(), 1);
    let pieces = world.llm.asked.lock().unwrap().last().cloned().unwrap();
    assert!(pieces.len() > 2 && pieces.iter().all(|piece| piece.len() <= 8_191), "{}", pieces.len());
    assert_eq!(pieces.concat(), text);
    let found = memory.recall(&ctx(), RecallRequest::new(scope, text.clone())).await.unwrap().entries;
    assert!(found[0].score.unwrap() > 0.999);
    assert_eq!(found[0].text, text);
}

pub(crate) async fn other_scripts_are_found(world: World) {
    let memory = world.memory(Some(nexus_embed::MODEL)).await;
    let scope = execution();
    let texts =
        ["富士山は日本で一番高い山です。", "Москва стоит на реке Москве", "Αθήνα, πρωτεύουσα της Ελλάδας"];
    for text in texts {
        keep(&*memory, scope, text).await;
    }
    for (query, best) in [("日本の山", 0), ("москва", 1), ("ΑΘΗΝΑ", 2), ("αθηνα", 2)] {
        assert_eq!(recall(&*memory, scope, query).await[0], texts[best], "{query}");
    }
}
