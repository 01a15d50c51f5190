//! Failures: their reasons, whether and when to try again, and that nothing waits longer than it may.

use crate::*;
use nexus_api::{Code, Error};
use nexus_testkit::provider::{Matcher, Reply};
use std::time::Duration;

type Fixture = (FakeProvider, LlmGateway);

async fn failure((provider, gateway): &Fixture, reply: Reply, model: &str, streamed: bool) -> Error {
    provider.script(Matcher::any(), reply);
    call(gateway, streamed, ask(model, "hello")).await.unwrap_err()
}

async fn check(fixture: &Fixture, reply: Reply, reason: &str, retryable: bool) {
    for (model, streamed) in ways() {
        let error = failure(fixture, reply.clone(), model, streamed).await;
        assert_eq!(
            (error.reason.as_deref(), error.retryable),
            (Some(reason), retryable),
            "{model} {streamed} {error}"
        );
    }
}

#[tokio::test]
async fn statuses_are_mapped() {
    let fixture = &fixture().await;
    check(fixture, Reply::error(401, "authentication_error", "no"), "provider_auth", false).await;
    check(fixture, Reply::error(403, "permission_error", "no"), "provider_auth", false).await;
    check(fixture, Reply::error(400, "invalid_request_error", "no"), "provider_bad_request", false).await;
    check(fixture, Reply::error(404, "not_found_error", "no"), "unknown_model", false).await;
    check(fixture, Reply::error(429, "rate_limit_error", "no"), "provider_rate_limited", true).await;
    check(fixture, Reply::error(429, "insufficient_quota", "no"), "provider_quota", false).await;
    check(fixture, Reply::error(500, "api_error", "no"), "provider_unavailable", true).await;
    check(fixture, Reply::raw(502, "<html>"), "provider_unavailable", true).await;
    check(fixture, Reply::error(503, "x", "no"), "provider_overloaded", true).await;
    check(fixture, Reply::error(529, "overloaded_error", "no"), "provider_overloaded", true).await;
    check(fixture, Reply::error(408, "x", "no"), "provider_timeout", true).await;
    check(fixture, Reply::raw(302, "").header("location", "/v1/elsewhere"), "provider_bad_request", false)
        .await;
    check(
        fixture,
        Reply::error(500, "x", "no").header("x-should-retry", "false"),
        "provider_unavailable",
        false,
    )
    .await;
}

#[tokio::test]
async fn pauses_are_handed_on() {
    let fixture = &fixture().await;
    let limited = || Reply::error(429, "rate_limit_error", "no");
    for (model, streamed) in ways() {
        let error = failure(fixture, limited().header("retry-after", "7"), model, streamed).await;
        assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
        let error = failure(fixture, limited().header("retry-after-ms", "250"), model, streamed).await;
        assert_eq!((error.retry_after, error.code), (Some(Duration::from_millis(250)), Code::RateLimited));
    }
}

#[tokio::test]
async fn a_good_status_does_not_make_a_good_answer() {
    let fixture = &fixture().await;
    check(
        fixture,
        Reply::raw(200, r#"{"type":"error","error":{"type":"api_error","message":"x"}}"#),
        "provider_bad_answer",
        true,
    )
    .await;
    check(fixture, Reply::raw(200, "<html>"), "provider_bad_answer", true).await;
    check(fixture, Reply::raw(200, "{}"), "provider_bad_answer", true).await;
    check(fixture, Reply::raw(200, ""), "provider_bad_answer", true).await;
    for pieces in 1..3 {
        check(fixture, Reply::text("some text").cut_after(pieces), "provider_bad_answer", true).await;
    }
    check(fixture, Reply::text("some text").stop_after(1), "provider_bad_answer", true).await;
    for model in [OPENAI, ANTHROPIC] {
        for (reply, reason) in [
            (Reply::text("some text").garbage_after(3), "provider_bad_answer"),
            (Reply::text("some text").error_after(3, "overloaded_error"), "provider_overloaded"),
            (Reply::text("some text").error_after(0, "api_error"), "provider_unavailable"),
            (Reply::text("some text").error_after(3, "new_kind"), "provider_bad_answer"),
        ] {
            let error = failure(fixture, reply, model, true).await;
            assert_eq!((error.reason.as_deref(), error.retryable), (Some(reason), true), "{model}");
        }
    }
}

#[tokio::test]
async fn answers_have_a_largest_size() {
    let fixture = &fixture().await;
    let long_line = "x".repeat(11 << 20);
    check(fixture, Reply::raw(200, long_line), "provider_bad_answer", true).await;
    let many_lines = ": only comments, and no end of them\n".repeat((11 << 20) / 36);
    check(fixture, Reply::raw(200, many_lines), "provider_bad_answer", true).await;
}

#[tokio::test]
async fn nothing_waits_longer_than_it_may() {
    let short = Duration::from_millis(60);
    let first = &fixture_with(Timeouts { first_byte: Some(short), ..Timeouts::default() }).await;
    let idle = &fixture_with(Timeouts { idle: short, ..Timeouts::default() }).await;
    let (provider, gateway) = &fixture().await;
    for (model, streamed) in ways() {
        let error = failure(first, Reply::hang(), model, streamed).await;
        assert_eq!((error.reason.as_deref(), error.retryable), (Some("provider_timeout"), true));
        let error = failure(idle, Reply::text("some text").hang_after(1), model, streamed).await;
        assert_eq!((error.reason.as_deref(), error.retryable), (Some("provider_timeout"), true));
        // The deadline of the call bounds everything.
        for reply in [Reply::hang(), Reply::text("some text").hang_after(1)] {
            provider.script(Matcher::any(), reply);
            let ctx = CallCtx::background().with_timeout(short);
            let error = if streamed {
                stream(gateway, &ctx, ask(model, "hello")).await
            } else {
                gateway.complete(&ctx, ask(model, "hello")).await
            }
            .unwrap_err();
            assert_eq!(
                (error.code, error.reason.as_deref()),
                (Code::DeadlineExceeded, Some("provider_timeout"))
            );
        }
    }
}

#[tokio::test]
async fn nobody_there_is_worth_another_try() {
    let (provider, gateway) = fixture().await;
    // A port that was free a moment ago.
    drop(provider);
    for (model, streamed) in ways() {
        let error = call(&gateway, streamed, ask(model, "hello")).await.unwrap_err();
        assert_eq!((error.reason.as_deref(), error.retryable), (Some("provider_unavailable"), true));
    }
}
