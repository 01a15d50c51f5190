//! Callers that go away, limits, breakers: what one call or provider does must not harm the others, nor the accounts.

use crate::*;
use nexus_api::{Code, Spend};
use nexus_llm_gateway::{BreakerSettings, KeyBudget, Limits, Period};
use nexus_model::{ExecutionId, Money};
use nexus_store::{LlmStore, sqlite::SqliteStore};
use nexus_testkit::provider::{Matcher, Reply};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

fn as_caller(name: &str) -> CallCtx {
    CallCtx { principal: Some(name.to_owned()), ..CallCtx::background() }
}

/// A gateway with a store whose key `ci` may spend so much a day.
async fn budgeted(picos: i64) -> (FakeProvider, LlmGateway, Arc<SqliteStore>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path().join("nexus.db")).unwrap());
    let provider = FakeProvider::start().await.unwrap();
    let limit = |period| KeyBudget { period, limit: Money::from_picos(picos) };
    let config = Config {
        budgets: BTreeMap::from([("ci".to_owned(), vec![limit(Period::Day), limit(Period::Total)])]),
        ..config(&provider, Timeouts::default())
    };
    let gateway = LlmGateway::with_store(config, store.clone()).unwrap();
    (provider, gateway, store, folder)
}

/// Of a call with this prompt: more than it will cost.
fn small(prompt: &str) -> CompleteRequest {
    CompleteRequest { max_tokens: Some(16), ..ask(OPENAI, prompt) }
}

#[tokio::test]
async fn a_call_whose_caller_goes_away_is_read_to_its_end_and_settled() {
    let (provider, gateway, store, _folder) = budgeted(1_000_000_000_000).await;
    provider.hold("the end");
    for (n, model) in [OPENAI, ANTHROPIC].into_iter().enumerate() {
        provider.always(Matcher::any(), Reply::text("some text").gate_after(4, "the end"));
        let mut items = gateway.stream_complete(&as_caller("ci"), ask(model, "hello")).await.unwrap();
        assert!(matches!(items.next().await, Some(Ok(StreamItem::Delta(_)))));
        drop(items);
        let ctx = as_caller("ci");
        let whole = gateway.complete(&ctx, ask(model, "hello again"));
        tokio::select! {
            _ = whole => unreachable!("the gate is closed"),
            () = provider.arrived(2 * n + 2) => {}
        }
    }
    assert!(store.spending("ci", "total").await.unwrap().reserved > Money::ZERO);
    provider.release("the end");
    provider.completed(4).await;
    assert_eq!(provider.in_flight(), 0);
    loop {
        let spending = store.spending("ci", "total").await.unwrap();
        if spending.reserved == Money::ZERO {
            assert_eq!(spending.spent, provider.spent());
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_calls_at_once_a_budget_of_10_lets_10_through() {
    // The worst case of this call, measured by a budget that is one pico-dollar short of it.
    let (provider, gateway, ..) = budgeted(1).await;
    let error = gateway.complete(&as_caller("ci"), small("hello")).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::BudgetExceeded, false));
    assert_eq!(error.spent.as_deref(), Some(&Spend::NOTHING));
    assert_eq!(provider.count(), 0);
    // 150,000 a token of the prompt, 600,000 a token of the answer: (64 + 16 + 5) and 16.
    let worst = 85 * 150_000 + 16 * 600_000;
    assert!(error.message.contains("it may cost $0.00002235"), "{error}");

    let (provider, gateway, store, _folder) = budgeted(10 * worst).await;
    provider.hold("hello");
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let gateway = gateway.clone();
            tokio::spawn(async move { gateway.complete(&as_caller("ci"), small("hello")).await })
        })
        .collect();
    provider.held("hello", 10).await;
    // All others have been refused before any of the ten is settled.
    let (mut done, mut refused) = (0, 0);
    let mut calls = futures::stream::FuturesUnordered::from_iter(calls);
    while let Some(call) = calls.next().await {
        match call.unwrap() {
            Ok(_) => done += 1,
            Err(error) => {
                assert_eq!(
                    (error.code, error.reason.as_deref()),
                    (Code::BudgetExceeded, Some("key_budget_exceeded"))
                );
                assert!(error.message.contains("`ci`") && error.suggestion.is_some());
                refused += 1;
                if refused == 54 {
                    assert_eq!(store.spending("ci", "total").await.unwrap().reserved.picos(), 10 * worst);
                    provider.release("hello");
                }
            }
        }
    }
    assert_eq!((done, refused, provider.count()), (10, 54, 10));
    let spending = store.spending("ci", "total").await.unwrap();
    assert_eq!((spending.spent, spending.reserved), (provider.spent(), Money::ZERO));
    // Others have no budget, and those without a price cannot have one.
    gateway.complete(&as_caller("someone"), small("bye")).await.unwrap();
    gateway.complete(&CallCtx::background(), small("bye")).await.unwrap();
    let unpriced = gateway.complete(&as_caller("ci"), ask("openai/unheard-of", "bye")).await.unwrap_err();
    assert_eq!(unpriced.reason.as_deref(), Some("model_unpriced"));
    let vectors = nexus_api::llm::EmbedRequest {
        model: "openai/text-embedding-3-small".into(),
        texts: vec!["x".repeat(2_000_000)],
        dimensions: None,
    };
    let before = provider.count();
    let held = gateway.embed(&as_caller("ci"), vectors).await.unwrap_err();
    assert_eq!((held.code, provider.count()), (Code::BudgetExceeded, before));
}

#[tokio::test]
async fn failures_are_settled_at_what_they_cost() {
    let (provider, gateway, store, _folder) = budgeted(1_000_000_000_000).await;
    for refused in [Reply::error(429, "rate_limit_error", "no"), Reply::error(500, "api_error", "no")] {
        provider.script(Matcher::any(), refused);
        gateway.complete(&as_caller("ci"), small("hello")).await.unwrap_err();
    }
    let spending = || async { store.spending("ci", "total").await.unwrap() };
    assert_eq!(spending().await, Default::default());
    // Nobody knows what this one cost, so all of it is spent.
    provider.script(Matcher::any(), Reply::text("some text").cut_after(1));
    gateway.complete(&as_caller("ci"), small("hello")).await.unwrap_err();
    assert_eq!(spending().await.spent.picos(), 85 * 150_000 + 16 * 600_000);
    assert!(spending().await.spent >= provider.spent());
    // Nor this one, which succeeds without a count.
    let silent = Reply::text("x").usage_at(nexus_testkit::provider::UsageAt::Never);
    provider.script(Matcher::any(), silent);
    gateway.complete(&as_caller("ci"), small("hello")).await.unwrap();
    assert_eq!(spending().await.spent.picos(), 2 * (85 * 150_000 + 16 * 600_000));
}

#[tokio::test]
async fn a_storm_on_one_provider_leaves_the_others_alone() {
    let provider = FakeProvider::start().await.unwrap();
    let pause = Duration::from_secs(3600);
    let config =
        Config { breaker: BreakerSettings { failures: 3, pause }, ..config(&provider, Timeouts::default()) };
    let gateway = LlmGateway::new(config).unwrap();
    provider.always(Matcher::model("gpt-4o-mini"), Reply::error(500, "server_error", "no"));
    for _ in 0..3 {
        let error = call(&gateway, true, ask(OPENAI, "hello")).await.unwrap_err();
        assert_eq!(error.retry_after, None);
    }
    for streamed in [false, true] {
        let error = call(&gateway, streamed, ask(OPENAI, "hello")).await.unwrap_err();
        assert_eq!((error.reason.as_deref(), error.retryable), (Some("provider_unavailable"), true));
        assert!(error.retry_after.is_some_and(|left| left <= pause));
        assert_eq!(error.spent.as_deref(), Some(&Spend::NOTHING));
    }
    assert_eq!(provider.count(), 3);
    // Another model of the same provider, and another provider.
    call(&gateway, false, ask("openai/gpt-4o", "hello")).await.unwrap();
    call(&gateway, true, ask(ANTHROPIC, "hello")).await.unwrap();
    // Limits of rate say nothing of health.
    provider.always(Matcher::any(), Reply::error(429, "rate_limit_error", "no").header("retry-after", "7"));
    for _ in 0..5 {
        let error = call(&gateway, false, ask(ANTHROPIC, "hello")).await.unwrap_err();
        assert_eq!((error.code, error.retry_after), (Code::RateLimited, Some(Duration::from_secs(7))));
    }
}

#[tokio::test]
async fn a_provider_gets_no_more_calls_at_once_than_it_may_and_executions_take_turns() {
    let provider = FakeProvider::start().await.unwrap();
    let limits = Limits { max_concurrent: 2, ..Limits::default() };
    let config = Config {
        limits: BTreeMap::from([("openai".to_owned(), limits)]),
        ..config(&provider, Timeouts::default())
    };
    let gateway = LlmGateway::new(config).unwrap();
    provider.hold("greedy");
    let call_for = |execution: ExecutionId, prompt: &str| {
        let (gateway, request) =
            (gateway.clone(), CompleteRequest { execution_id: Some(execution), ..ask(OPENAI, prompt) });
        tokio::spawn(async move { gateway.complete(&CallCtx::background(), request).await.map(drop) })
    };
    let greedy = ExecutionId::generate();
    let mut calls: Vec<_> = (0..20).map(|_| call_for(greedy, "greedy")).collect();
    provider.held("greedy", 2).await;
    // A storm there does not hold up another provider.
    call(&gateway, false, ask(ANTHROPIC, "hello")).await.unwrap();
    // Everybody waits for its turn now; without one nothing is sent, and the caller hears so.
    let ctx = CallCtx::background().with_timeout(Duration::from_millis(150));
    let error = gateway.complete(&ctx, ask(OPENAI, "hello")).await.unwrap_err();
    assert_eq!((error.code, error.spent.as_deref()), (Code::RateLimited, Some(&Spend::NOTHING)));
    assert_eq!(provider.count_of("gpt-4o-mini"), 2);
    calls.push(call_for(ExecutionId::generate(), "modest"));
    tokio::task::yield_now().await;
    provider.release("greedy");
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert!(provider.most_in_flight() <= 3, "{}", provider.most_in_flight());
    let order: Vec<bool> =
        provider.requests().iter().map(|request| request.text.contains("modest")).collect();
    let turn = order.iter().position(|modest| *modest).unwrap();
    assert!(turn <= 5, "the one call of the other execution came as number {turn} of {}", order.len());
}

#[tokio::test]
async fn an_answer_is_given_again_for_nothing_where_that_is_asked_for() {
    let (provider, gateway, store, _folder) = budgeted(1_000_000_000_000).await;
    let kept = |prompt: &str| CompleteRequest { cache_ttl_seconds: Some(60), ..small(prompt) };
    let ctx = as_caller("ci");
    let first = gateway.complete(&ctx, kept("hello")).await.unwrap();
    assert!(!first.cached && first.cost > Money::ZERO);
    let spent = store.spending("ci", "total").await.unwrap();
    for streamed in [false, true] {
        let again = if streamed {
            stream(&gateway, &ctx, kept("hello")).await.unwrap()
        } else {
            gateway.complete(&ctx, kept("hello")).await.unwrap()
        };
        assert!(again.cached && again.cost == Money::ZERO);
        assert_eq!((&again.text, again.usage), (&first.text, first.usage));
    }
    assert_eq!(provider.count(), 1);
    assert_eq!(store.spending("ci", "total").await.unwrap(), spent);
    // Anything that matters makes it another request; so does another caller, and who did not ask for it.
    let hello = || kept("hello");
    for other in [
        kept("hello!"),
        CompleteRequest { temperature: Some(0.5), ..hello() },
        CompleteRequest { max_tokens: Some(17), ..hello() },
        CompleteRequest { seed: Some(1), ..hello() },
        CompleteRequest { stop: vec!["x".into()], ..hello() },
        CompleteRequest { output_schema: Some(serde_json::json!({"type": "object"})), ..hello() },
        CompleteRequest { cache_ttl_seconds: None, ..hello() },
        CompleteRequest { cache_ttl_seconds: Some(0), ..hello() },
    ] {
        let before = provider.count();
        assert!(!gateway.complete(&ctx, other).await.unwrap().cached);
        assert_eq!(provider.count(), before + 1);
    }
    assert!(!gateway.complete(&CallCtx::background(), hello()).await.unwrap().cached);
    // Whose behalf it is on does not matter.
    let elsewhere = CompleteRequest { execution_id: Some(ExecutionId::generate()), ..hello() };
    assert!(gateway.complete(&ctx, elsewhere).await.unwrap().cached);
    // What is not complete is not kept.
    let cut = || CompleteRequest { max_tokens: Some(1), ..kept("a long prompt that is echoed") };
    assert!(!gateway.complete(&ctx, cut()).await.unwrap().cached);
    assert!(!gateway.complete(&ctx, cut()).await.unwrap().cached);
}
