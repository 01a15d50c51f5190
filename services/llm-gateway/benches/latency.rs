//! What the gateway adds to a call: the same call of a provider that answers at once, through the gateway and straight
//! over HTTP, by turns in one run. Prints medians. `cargo bench -p nexus-llm-gateway`

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use futures::StreamExt;
use nexus_api::{
    CallCtx, Llm,
    llm::{CompleteRequest, Message, Role},
};
use nexus_llm_gateway::{Config, DemoPace, Endpoint, LlmGateway};
use nexus_testkit::provider::{FakeProvider, Matcher, Reply};
use std::{
    error::Error,
    time::{Duration, Instant},
};

const WARM_UP: usize = 200;
const ROUNDS: usize = 2000;

fn main() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let provider = FakeProvider::start().await?;
    provider.always(Matcher::any(), Reply::text("word ".repeat(200)).chunks(20));
    let endpoint = |url| Some(Endpoint { base_url: Some(url), api_key: "key".into() });
    let gateway = LlmGateway::new(Config {
        openai: endpoint(provider.openai_url()),
        anthropic: endpoint(provider.anthropic_url()),
        demo: DemoPace::NONE,
        ..Config::default()
    })?;
    let ctx = CallCtx::background();
    let direct = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;

    for (model, path) in
        [("openai/gpt-4o-mini", "/v1/chat/completions"), ("anthropic/claude-haiku-4-5", "/v1/messages")]
    {
        let url = format!("{}{path}", provider.anthropic_url());
        let request = CompleteRequest::new(model, vec![Message::new(Role::User, "prompt ".repeat(300))]);
        let name = model.split_once('/').map(|(_, name)| name);
        let body = |stream: bool| {
            serde_json::json!({"model": name, "max_tokens": 1024, "max_completion_tokens": 1024, "stream": stream,
                "stream_options": {"include_usage": true},
                "messages": [{"role": "user", "content": "prompt ".repeat(300)}]})
            .to_string()
        };
        for streamed in [false, true] {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            let body = body(streamed);
            for round in 0..WARM_UP + ROUNDS {
                let start = Instant::now();
                let response =
                    direct.post(&url).header("content-type", "application/json").body(body.clone()).send();
                response.await?.error_for_status()?.bytes().await?;
                let straight = start.elapsed();

                let start = Instant::now();
                if streamed {
                    let mut items = gateway.stream_complete(&ctx, request.clone()).await?;
                    while let Some(item) = items.next().await {
                        item?;
                    }
                } else {
                    gateway.complete(&ctx, request.clone()).await?;
                }
                if round >= WARM_UP {
                    theirs.push(straight);
                    ours.push(start.elapsed());
                }
            }
            let what = if streamed { "stream" } else { "whole" };
            report(&format!("{model} {what}"), &mut theirs, &mut ours);
        }
    }

    let request = CompleteRequest::new("demo/small", vec![Message::new(Role::User, "prompt ".repeat(300))]);
    let mut demo = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        gateway.complete(&ctx, request.clone()).await?;
        demo.push(start.elapsed());
    }
    demo.sort_unstable();
    println!("{:42} {:>8.1} µs", "demo/small whole, no pauses", micros(at(&demo, 50)));
    Ok(())
}

fn report(name: &str, direct: &mut [Duration], gateway: &mut [Duration]) {
    direct.sort_unstable();
    gateway.sort_unstable();
    println!(
        "{name:42} p50 direct {:>7.1} µs, gateway {:>7.1} µs, added {:>6.1} µs; p99 {:>7.1} and {:>7.1} µs",
        micros(at(direct, 50)),
        micros(at(gateway, 50)),
        micros(at(gateway, 50)) - micros(at(direct, 50)),
        micros(at(direct, 99)),
        micros(at(gateway, 99)),
    );
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
