//! What failed calls say they cost: nothing where nothing was done, the provider's own final count where it came, and
//! else that it is not known.

use crate::*;
use nexus_api::{Error, Spend};
use nexus_model::{Money, price::Usage};
use nexus_testkit::provider::{Matcher, Reply, UsageAt};

const USED: Usage =
    Usage { input: 1000, cached_input: 0, cache_write: 0, cache_write_long: 0, output: 500, reasoning: 0 };

async fn fails(provider: &FakeProvider, gateway: &LlmGateway, way: (&str, bool), reply: Reply) -> Error {
    provider.script(Matcher::any(), reply);
    call(gateway, way.1, ask(way.0, "hello")).await.unwrap_err()
}

#[tokio::test]
async fn refusals_cost_nothing() {
    let (provider, gateway) = fixture().await;
    for way in ways() {
        for status in [400, 401, 404, 408, 409, 429, 500, 503, 529] {
            let error = fails(&provider, &gateway, way, Reply::error(status, "x", "no")).await;
            assert_eq!(error.spent.as_deref(), Some(&Spend::NOTHING), "{way:?} {status}");
        }
    }
    assert_eq!(provider.spent(), Money::ZERO);
    for unknown in ["openai", "nobody/here", "openai/text-embedding-3-small"] {
        let error = call(&gateway, false, ask(unknown, "hello")).await.unwrap_err();
        assert_eq!(error.spent.as_deref(), Some(&Spend::NOTHING), "{unknown}");
    }
    let nobody = LlmGateway::new(Config::default()).unwrap();
    let error = call(&nobody, true, ask(ANTHROPIC, "hello")).await.unwrap_err();
    assert_eq!(error.spent.as_deref(), Some(&Spend::NOTHING));
    // A port that was free a moment ago: no connection, nothing sent.
    let lonely = LlmGateway::new(config(&provider, Timeouts::default())).unwrap();
    drop(provider);
    for way in ways() {
        let error = call(&lonely, way.1, ask(way.0, "hello")).await.unwrap_err();
        assert_eq!(error.spent.as_deref(), Some(&Spend::NOTHING), "{way:?}");
    }
}

#[tokio::test]
async fn an_answer_that_began_may_have_cost_anything() {
    let (provider, gateway) = fixture().await;
    for way in ways() {
        for reply in [
            Reply::text("some text").cut_after(0),
            Reply::text("some text").cut_after(1),
            Reply::text("some text").stop_after(1),
            Reply::raw(200, r#"{"error":{"type":"server_error","message":"x"}}"#),
            Reply::raw(200, "<html>"),
            Reply::raw(504, ""),
        ] {
            let shown = format!("{way:?} {reply:?}");
            assert_eq!(fails(&provider, &gateway, way, reply).await.spent, None, "{shown}");
        }
    }
    for model in [OPENAI, ANTHROPIC] {
        // Counts that still grow are no answer to what it cost.
        let growing = Reply::text("some text").usage(USED).usage_at(UsageAt::Every).cut_after(3);
        assert_eq!(fails(&provider, &gateway, (model, true), growing).await.spent, None);
        let told = Reply::text("some text").error_after(2, "overloaded_error");
        assert_eq!(fails(&provider, &gateway, (model, true), told).await.spent, None);
    }
}

#[tokio::test]
async fn a_final_count_before_the_failure_is_the_price() {
    let (provider, gateway) = fixture().await;
    // The events up to and with the one that holds the final count, in each format: a role, four pieces, a finish and
    // the usage; and a start, a block, a ping, four pieces, a stop and the delta of the message.
    for (model, pieces, picos) in [(OPENAI, 7, 450_000_000), (ANTHROPIC, 9, 3_500_000_000)] {
        for reply in [
            Reply::text("sometext").error_after(pieces, "api_error"),
            Reply::text("sometext").garbage_after(pieces),
        ] {
            let error = fails(&provider, &gateway, (model, true), reply.usage(USED)).await;
            let spend = Spend { usage: Some(USED), cost: Money::from_picos(picos) };
            assert_eq!(error.spent.as_deref(), Some(&spend), "{model} {error}");
        }
    }
}
