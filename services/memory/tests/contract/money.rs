//! What things cost, and how much they may.

use crate::harness::{PRICED, RATE, World, ctx, execution, keep};
use nexus_api::{
    Code, Error,
    memory::{RecallRequest, StoreRequest},
};
use nexus_model::Money;
use std::sync::atomic::Ordering;

pub(crate) async fn answers_tell_what_they_cost(world: World) {
    let memory = world.memory(None).await;
    let scope = execution();
    let kept = memory.store(&ctx(), StoreRequest::new(scope, "twelve bytes")).await.unwrap();
    assert_eq!((kept.usage.prompt(), kept.cost), (12, RATE.times(12)));
    let found = memory.recall(&ctx(), RecallRequest::new(scope, "four")).await.unwrap();
    assert_eq!((found.usage.prompt(), found.cost), (4, RATE.times(4)));
    let model = memory.embedding_model(&ctx()).await.unwrap();
    assert_eq!((model.model.as_str(), model.per_token), (PRICED, Some(RATE)));
    assert_eq!(model.piece_bytes, 8_191);
}

pub(crate) async fn nobody_is_called_beyond_the_limit(world: World) {
    let memory = world.memory(None).await;
    let scope = execution();
    let model = memory.embedding_model(&ctx()).await.unwrap();
    let text = "the tide comes in ".repeat(600);
    let worst = model.worst_case(&text).unwrap();
    assert!(worst >= RATE.times(text.len() as u64));
    let store =
        |max_cost| StoreRequest { max_cost: Some(max_cost), ..StoreRequest::new(scope, text.clone()) };
    let recall =
        |max_cost| RecallRequest { max_cost: Some(max_cost), ..RecallRequest::new(scope, text.clone()) };
    for short in [Money::ZERO, worst.minus(Money::from_picos(1))] {
        for refused in [
            memory.store(&ctx(), store(short)).await.unwrap_err(),
            memory.recall(&ctx(), recall(short)).await.unwrap_err(),
        ] {
            assert_eq!((refused.code, refused.retryable), (Code::BudgetExceeded, false));
            assert_eq!(refused.spent.as_ref().map(|spent| spent.cost), Some(Money::ZERO));
            assert!(refused.message.contains(&worst.to_string()), "{refused}");
        }
    }
    assert_eq!(world.llm.calls(), 0);
    assert!(memory.store(&ctx(), store(worst)).await.unwrap().cost <= worst);
    assert!(memory.recall(&ctx(), recall(worst)).await.unwrap().cost <= worst);
}

pub(crate) async fn without_a_price_no_limit_is_kept(world: World) {
    let memory = world.memory(Some("ollama/nomic-embed-text:v1.5")).await;
    let scope = execution();
    assert_eq!(memory.embedding_model(&ctx()).await.unwrap().per_token, None);
    let limited = StoreRequest { max_cost: Money::from_usd(1_000.0), ..StoreRequest::new(scope, "tide") };
    let refused = memory.store(&ctx(), limited).await.unwrap_err();
    assert_eq!(refused.code, Code::BudgetExceeded);
    assert_eq!(refused.reason.as_deref(), Some("model_without_price"));
    assert_eq!(world.llm.calls(), 0);
    keep(&*memory, scope, "tide").await;
}

pub(crate) async fn failures_tell_what_was_spent(world: World) {
    let memory = world.memory(None).await;
    let scope = execution();
    keep(&*memory, scope, "the tide comes in").await;
    // Paid for and then of no use.
    world.llm.dimensions.store(65, Ordering::SeqCst);
    let refused = memory.recall(&ctx(), RecallRequest::new(scope, "four")).await.unwrap_err();
    let spent = refused.spent.unwrap();
    assert_eq!((spent.cost, spent.usage.map(|usage| usage.prompt())), (RATE.times(4), Some(4)));
    // What the llm gateway does not know is not known here.
    let down = Error::unavailable("the provider is away").reason("provider_unavailable");
    *world.llm.failing.lock().unwrap() = Some(down);
    let failed = memory.store(&ctx(), StoreRequest::new(scope, "x")).await.unwrap_err();
    assert_eq!((failed.code, failed.reason.as_deref()), (Code::Unavailable, Some("provider_unavailable")));
    assert_eq!(failed.spent, None);
    *world.llm.failing.lock().unwrap() = Some(Error::unavailable("the provider is away").unspent());
    let failed = memory.store(&ctx(), StoreRequest::new(scope, "x")).await.unwrap_err();
    assert_eq!(failed.spent.map(|spent| spent.cost), Some(Money::ZERO));
}
