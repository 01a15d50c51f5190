//! Good answers: the same over both formats, whole or streamed, priced exactly, however the bytes come.

use crate::*;
use nexus_api::llm::{FinishReason, ToolDefinition};
use nexus_model::{
    Money,
    price::{PriceBook, Usage},
};
use nexus_testkit::provider::{Matcher, Reply, UsageAt};
use serde_json::json;

/// What has to be equal whatever was spoken on the wire.
fn essence(completion: &Completion) -> (String, Vec<(String, String)>, FinishReason, Option<Usage>) {
    let calls = completion.tool_calls.iter().map(|call| (call.name.clone(), call.arguments.clone()));
    (completion.text.clone(), calls.collect(), completion.finish_reason, completion.usage)
}

#[tokio::test]
async fn every_way_gives_the_same_completion() {
    let usage = Usage { input: 100, cached_input: 30, cache_write: 7, output: 40, ..Usage::default() };
    let finish = |model: &str, openai: &'static str, anthropic: &'static str| {
        if model == OPENAI { openai } else { anthropic }
    };
    let (provider, gateway) = fixture().await;
    for (scenario, reason) in [
        ("text", FinishReason::Stop),
        ("empty", FinishReason::Stop),
        ("one tool", FinishReason::ToolCalls),
        ("text and tools", FinishReason::ToolCalls),
        ("tool without arguments", FinishReason::ToolCalls),
        ("length", FinishReason::Length),
        ("refusal", FinishReason::ContentFilter),
        ("stop sequence", FinishReason::Stop),
    ] {
        let mut seen = Vec::new();
        for (model, streamed) in ways() {
            let before = provider.spent();
            let weather = json!({"city": "Oslo", "note": "æ→𝄞"});
            let reply = match scenario {
                "text" => Reply::text("Grüße aus dem Netz 𝄞, and more words to cut"),
                "empty" => Reply::text(""),
                "one tool" => Reply::tool_call("weather", weather),
                "text and tools" => Reply::text("Let me look.")
                    .and_tool_call("weather", weather)
                    .and_tool_call("time", json!({"zone": 1})),
                "tool without arguments" => Reply::tool_call("time", json!({})),
                "length" => Reply::text("half").finish(finish(model, "length", "max_tokens")),
                "refusal" => Reply::text("no").finish(finish(model, "content_filter", "refusal")),
                _ => Reply::text("until").finish(finish(model, "stop", "stop_sequence")),
            };
            provider.script(Matcher::any(), reply.usage(usage));
            let completion = call(&gateway, streamed, ask(model, "hello")).await.unwrap();
            assert_eq!((completion.model.as_str(), completion.finish_reason), (model, reason), "{scenario}");
            assert_eq!(completion.provider, model.split_once('/').unwrap().0);
            assert_eq!(completion.usage, Some(usage));
            assert_eq!(completion.cost, provider.spent().minus(before));
            let ids: std::collections::HashSet<_> =
                completion.tool_calls.iter().map(|call| &call.id).collect();
            assert_eq!(ids.len(), completion.tool_calls.len());
            seen.push(essence(&completion));
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{scenario}: {seen:#?}");
    }
}

#[tokio::test]
async fn the_bytes_may_come_as_they_like() {
    let (provider, gateway) = fixture().await;
    for model in [OPENAI, ANTHROPIC] {
        for reply in [
            Reply::text("Grüße 𝄞 und so weiter").crlf(),
            Reply::text("Grüße 𝄞 und so weiter").noise(),
            Reply::text("Grüße 𝄞 und so weiter").single_bytes(),
            Reply::text("Grüße 𝄞 und so weiter").crlf().noise().single_bytes().chunks(20),
        ] {
            provider.script(Matcher::any(), reply);
            let completion = call(&gateway, true, ask(model, "hello")).await.unwrap();
            assert_eq!(completion.text, "Grüße 𝄞 und so weiter");
            assert!(completion.usage.is_some());
        }
    }
}

#[tokio::test]
async fn usage_is_found_on_any_piece_and_missed_honestly() {
    let (provider, gateway) = fixture().await;
    for (model, streamed) in ways() {
        for at in [UsageAt::Usual, UsageAt::Early, UsageAt::Every, UsageAt::Never] {
            let before = provider.spent();
            provider.script(Matcher::any(), Reply::text("one two three four five").usage_at(at));
            let completion = call(&gateway, streamed, ask(model, "hello")).await.unwrap();
            assert_eq!(completion.usage.is_some(), at != UsageAt::Never, "{model} {at:?}");
            let expected = if at == UsageAt::Never { Money::ZERO } else { provider.spent().minus(before) };
            assert_eq!(completion.cost, expected, "{model} {at:?}");
        }
    }
}

#[tokio::test]
async fn costs_follow_the_tier_that_is_reported_and_the_long_cache() {
    let (provider, gateway) = fixture().await;
    let usage = Usage { input: 1000, output: 500, ..Usage::default() };
    for (tier, picos) in [("default", 450_000_000), ("priority", 750_000_000), ("scale", 450_000_000)] {
        for streamed in [false, true] {
            provider.script(Matcher::any(), Reply::text("x").usage(usage).tier(tier));
            let completion = call(&gateway, streamed, ask(OPENAI, "hello")).await.unwrap();
            assert_eq!(completion.cost.picos(), picos, "{tier}");
        }
    }
    let usage = Usage { input: 10, cache_write: 100, cache_write_long: 1000, output: 1, ..Usage::default() };
    for streamed in [false, true] {
        provider.script(Matcher::any(), Reply::text("x").usage(usage));
        let completion = call(&gateway, streamed, ask(ANTHROPIC, "hello")).await.unwrap();
        assert_eq!(completion.usage, Some(usage));
        // 10 × 1 + 100 × 1.25 + 1000 × 2 + 1 × 5
        assert_eq!(completion.cost.picos(), 2_140_000_000);
    }
}

#[tokio::test]
async fn structured_answers_are_text_whatever_carries_them() {
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]});
    // The last has no structured output and is made to call a tool.
    let prices = r#"{"models": [{"id": "old", "provider": "anthropic", "mode": "chat", "capabilities": ["tools"],
        "rates": [{"tier": "default", "input": 1, "output": 1}]}]}"#;
    for model in [OPENAI, ANTHROPIC, "anthropic/old"] {
        for streamed in [false, true] {
            let provider = FakeProvider::start().await.unwrap();
            let mut config = config(&provider, Timeouts::default());
            if model == "anthropic/old" {
                config.prices = PriceBook::parse(prices).unwrap().into();
            }
            let gateway = LlmGateway::new(config).unwrap();
            let mut request = ask(model, "hello");
            request.output_schema = Some(schema.clone());
            let completion = call(&gateway, streamed, request).await.unwrap();
            assert_eq!(completion.text, r#"{"ok":true}"#, "{model}");
            assert_eq!((completion.finish_reason, completion.tool_calls.len()), (FinishReason::Stop, 0));
            let forced = provider.requests()[0].body["tool_choice"]["name"].is_string();
            assert_eq!(forced, model == "anthropic/old");
        }
    }
}

#[tokio::test]
async fn a_loop_of_tool_calls_goes_round_over_both_formats() {
    let (provider, gateway) = fixture().await;
    for (model, streamed) in ways() {
        provider.script(Matcher::any(), Reply::tool_call("weather", json!({"city": "Oslo"})));
        provider.script(Matcher::text("7 degrees"), Reply::text("It is cold."));
        let mut request = ask(model, "How is Oslo?");
        request.tools = vec![ToolDefinition {
            name: "weather".to_owned(),
            description: "Weather of a city".to_owned(),
            parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}}),
        }];
        let first = call(&gateway, streamed, request.clone()).await.unwrap();
        let mut said = Message::new(Role::Assistant, first.text);
        said.tool_calls = first.tool_calls;
        let mut result = Message::new(Role::Tool, "7 degrees");
        result.tool_call_id = Some(said.tool_calls[0].id.clone());
        request.messages.extend([said, result]);
        let second = call(&gateway, streamed, request).await.unwrap();
        assert_eq!((second.text.as_str(), second.finish_reason), ("It is cold.", FinishReason::Stop));
    }
}

#[tokio::test]
async fn connections_are_used_again() {
    for (model, streamed) in ways() {
        let (provider, gateway) = fixture().await;
        for _ in 0..20 {
            call(&gateway, streamed, ask(model, "hello")).await.unwrap();
        }
        // One may open while the last one is on its way back.
        assert!(provider.connections() < 10, "{model} {streamed}: {}", provider.connections());
    }
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let (provider, gateway) = fixture().await;
    let openai = json!({
        "choices": [{"message": {"content": "all at once"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    });
    let anthropic = json!({
        "content": [{"type": "text", "text": "all at once"}], "stop_reason": "max_tokens",
        "usage": {"input_tokens": 7, "output_tokens": 3},
    });
    let usage = Usage { input: 7, output: 3, ..Usage::default() };
    for (model, body) in [(OPENAI, openai), (ANTHROPIC, anthropic)] {
        provider.script(Matcher::any(), Reply::raw(200, body.to_string()));
        let completion = call(&gateway, true, ask(model, "hello")).await.unwrap();
        let expected = ("all at once".to_owned(), vec![], FinishReason::Length, Some(usage));
        assert_eq!(essence(&completion), expected, "{model}");
    }
}
