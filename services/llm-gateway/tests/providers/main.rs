//! The gateway against the scripted provider over real HTTP, in both wire formats. Not here: unit tests, timing.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod answers;
mod costs;
mod failures;
mod port;
mod requests;
mod resilience;
mod secrecy;
mod spent;
mod tools;

use futures::StreamExt;
use nexus_api::{
    CallCtx, Llm, Result,
    llm::{CompleteRequest, Completion, Message, Role, StreamItem},
};
use nexus_llm_gateway::{Config, DemoPace, Endpoint, LlmGateway, Timeouts};
use nexus_testkit::provider::FakeProvider;

const OPENAI: &str = "openai/gpt-4o-mini";
const ANTHROPIC: &str = "anthropic/claude-haiku-4-5";
const KEY: &str = "sk-canary-key-8d1f";

async fn fixture() -> (FakeProvider, LlmGateway) {
    fixture_with(Timeouts::default()).await
}

async fn fixture_with(timeouts: Timeouts) -> (FakeProvider, LlmGateway) {
    let provider = FakeProvider::start().await.unwrap();
    let gateway = LlmGateway::new(config(&provider, timeouts)).unwrap();
    (provider, gateway)
}

fn config(provider: &FakeProvider, timeouts: Timeouts) -> Config {
    let endpoint = |url: String| Some(Endpoint { base_url: Some(url), api_key: KEY.into() });
    Config {
        openai: endpoint(provider.openai_url()),
        anthropic: endpoint(provider.anthropic_url()),
        demo: DemoPace::NONE,
        timeouts,
        ..Config::default()
    }
}

fn ask(model: &str, prompt: &str) -> CompleteRequest {
    CompleteRequest::new(model, vec![Message::new(Role::User, prompt)])
}

/// Calls as a stream and checks that the pieces add up to the answer.
async fn stream(gateway: &LlmGateway, ctx: &CallCtx, request: CompleteRequest) -> Result<Completion> {
    let mut items = gateway.stream_complete(ctx, request).await?;
    let mut text = String::new();
    let mut done = None;
    while let Some(item) = items.next().await {
        assert!(done.is_none(), "nothing follows the end");
        match item? {
            StreamItem::Delta(delta) => {
                assert!(!delta.is_empty());
                text.push_str(&delta);
            }
            StreamItem::Done(completion) => done = Some(*completion),
        }
    }
    let done = done.expect("a stream without an error ends with Done");
    assert_eq!(done.text, text);
    Ok(done)
}

/// Calls plainly or as a stream.
async fn call(gateway: &LlmGateway, streamed: bool, request: CompleteRequest) -> Result<Completion> {
    let ctx = CallCtx::background();
    if streamed { stream(gateway, &ctx, request).await } else { gateway.complete(&ctx, request).await }
}

/// Both formats, plain and as a stream.
fn ways() -> impl Iterator<Item = (&'static str, bool)> {
    [(OPENAI, false), (OPENAI, true), (ANTHROPIC, false), (ANTHROPIC, true)].into_iter()
}
