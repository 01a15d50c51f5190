//! Which model makes the vectors, and what happens when it changes.

use crate::harness::{PRICED, RATE, World, code, ctx, execution, keep, list, recall};
use nexus_api::{
    Code, Error, Memory,
    memory::{RecallRequest, Reembedded, StoreRequest},
};
use nexus_model::Money;
use std::sync::atomic::Ordering;

async fn reembed(memory: &dyn Memory, most: Option<Money>) -> Reembedded {
    memory.reembed(&ctx(), most).await.unwrap()
}

pub(crate) async fn a_changed_model_finds_its_entries_after_a_reembedding(world: World) {
    let former = world.memory(Some("openai/former")).await;
    let (scope, other) = (execution(), execution());
    for nr in 0..70 {
        keep(&*former, scope, &format!("tide {nr}")).await;
    }
    let moon = keep(&*former, other, "the moon").await;
    let memory = world.memory(None).await;
    assert!(recall(&*memory, scope, "tide 3").await.is_empty());
    keep(&*memory, scope, "a new tide").await;
    assert_eq!(recall(&*memory, scope, "tide 3").await, ["a new tide"]);
    // Lists and deletions know no models.
    assert_eq!(list(&*memory, scope).await.len(), 71);
    memory.delete(&ctx(), moon).await.unwrap();
    keep(&*former, other, "the sun").await;

    let before = memory.list(&ctx(), other, Default::default()).await.unwrap().items;
    let done = reembed(&*memory, None).await;
    assert_eq!((done.entries, done.remaining), (71, 0));
    assert_eq!(done.cost, RATE.times(done.usage.prompt()));
    assert!(done.cost > Money::ZERO);
    assert_eq!(recall(&*memory, scope, "tide 3").await[0], "tide 3");
    assert_eq!(memory.list(&ctx(), other, Default::default()).await.unwrap().items, before);
    assert_eq!(list(&*memory, scope).await.len(), 71);
    assert!(recall(&*former, scope, "tide 3").await.is_empty());
    let again = reembed(&*memory, None).await;
    assert_eq!((again.entries, again.remaining), (0, 0));
    // All in one place again.
    let spaces = world.store.spaces().await.unwrap();
    assert_eq!(spaces.len(), 1, "{spaces:?}");
    assert_eq!((spaces[0].0.model.as_str(), spaces[0].1), (PRICED, 72));
}

pub(crate) async fn a_reembedding_stops_at_its_limit(world: World) {
    let former = world.memory(Some("openai/former")).await;
    let scope = execution();
    for nr in 0..140 {
        keep(&*former, scope, &format!("tide {nr:04}")).await;
    }
    let memory = world.memory(None).await;
    let refused = memory.reembed(&ctx(), Some(Money::ZERO)).await.unwrap_err();
    assert_eq!(refused.code, Code::BudgetExceeded);
    let model = memory.embedding_model(&ctx()).await.unwrap();
    let each = model.worst_case("tide 0000").unwrap();
    // Enough for what a batch of 64 may cost and for the token that tells the length. It costs less, but what is left
    // is not enough for what another one may cost.
    let limit = each.times(64).plus(RATE);
    let done = reembed(&*memory, Some(limit)).await;
    assert_eq!((done.entries, done.remaining), (64, 76));
    assert!(done.cost <= limit);
    assert_eq!(recall(&*memory, scope, "tide 0003").await[0], "tide 0003");
    let done = reembed(&*memory, None).await;
    assert_eq!((done.entries, done.remaining), (76, 0));
}

pub(crate) async fn a_changed_length_is_refused_until_a_reembedding(world: World) {
    let memory = world.memory(None).await;
    let scope = execution();
    keep(&*memory, scope, "the tide comes in").await;
    world.llm.dimensions.store(100, Ordering::SeqCst);
    // The process that knew the length, and one that starts now.
    for memory in [memory.clone(), world.memory(None).await] {
        let refused = memory.store(&ctx(), StoreRequest::new(scope, "new")).await.unwrap_err();
        assert_eq!((refused.code, refused.reason.as_deref()), (Code::Conflict, Some("dimension_mismatch")));
        assert!(refused.message.contains("100") && refused.message.contains("64"), "{refused}");
        assert!(refused.suggestion.unwrap().contains("nexus memory reembed"));
        let refused = memory.recall(&ctx(), RecallRequest::new(scope, "tide")).await.unwrap_err();
        assert_eq!(refused.reason.as_deref(), Some("dimension_mismatch"));
    }
    assert_eq!(list(&*memory, scope).await, ["the tide comes in"]);
    let done = reembed(&*memory, None).await;
    assert_eq!((done.entries, done.remaining), (1, 0));
    keep(&*memory, scope, "new").await;
    assert_eq!(recall(&*memory, scope, "tide").await[0], "the tide comes in");
}

pub(crate) async fn the_best_configured_model_is_taken(world: World) {
    let model = async |memory: &dyn Memory| memory.embedding_model(&ctx()).await.map(|model| model.model);
    // While nobody can say what is configured, nothing is decided.
    *world.llm.failing.lock().unwrap() = Some(Error::unavailable("away"));
    let memory = world.memory(None).await;
    let away = model(&*memory).await.unwrap_err();
    assert_eq!((away.code, away.retryable), (Code::Unavailable, true));
    *world.llm.failing.lock().unwrap() = None;
    assert_eq!(model(&*memory).await.unwrap(), PRICED);
    world.llm.configured.store(false, Ordering::SeqCst);
    assert_eq!(model(&*memory).await.unwrap(), PRICED);
    assert_eq!(model(&*world.memory(None).await).await.unwrap(), nexus_embed::MODEL);
}

pub(crate) async fn a_model_without_a_key_is_refused(world: World) {
    world.llm.configured.store(false, Ordering::SeqCst);
    let memory = world.memory(Some(PRICED)).await;
    let refused = memory.embedding_model(&ctx()).await.unwrap_err();
    assert_eq!(refused.reason.as_deref(), Some("provider_not_configured"));
    assert!(refused.message.contains("OPENAI_API_KEY"), "{refused}");
    let memory = world.memory(Some("gpt")).await;
    assert_eq!(code(memory.embedding_model(&ctx()).await), Code::Invalid);
    assert!(!world.service(Some("gpt")).ready().await.unwrap_err().retryable);
    world.llm.configured.store(true, Ordering::SeqCst);
    world.service(Some(PRICED)).ready().await.unwrap();
}

pub(crate) async fn the_built_in_model_calls_nobody(world: World) {
    *world.llm.failing.lock().unwrap() = Some(Error::internal("nobody is to be called"));
    let memory = world.memory(Some(nexus_embed::MODEL)).await;
    let scope = execution();
    let request =
        StoreRequest { max_cost: Some(Money::ZERO), ..StoreRequest::new(scope, "the tide comes in") };
    assert_eq!(memory.store(&ctx(), request).await.unwrap().cost, Money::ZERO);
    let request = RecallRequest { max_cost: Some(Money::ZERO), ..RecallRequest::new(scope, "Tides") };
    let found = memory.recall(&ctx(), request).await.unwrap();
    assert_eq!((found.entries[0].text.as_str(), found.cost), ("the tide comes in", Money::ZERO));
    assert_eq!(world.llm.calls(), 0);
}

pub(crate) async fn nonsense_of_a_provider_is_not_kept(world: World) {
    world.llm.dimensions.store(0, Ordering::SeqCst);
    let memory = world.memory(None).await;
    let scope = execution();
    let refused = memory.store(&ctx(), StoreRequest::new(scope, "tide")).await;
    assert!(refused.is_err());
    world.llm.dimensions.store(64, Ordering::SeqCst);
    assert!(list(&*memory, scope).await.is_empty());
}
