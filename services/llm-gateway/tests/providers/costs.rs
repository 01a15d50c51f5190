//! From what providers say they counted to the pico-dollar: the counts as each of them writes them, the tier it names,
//! the price worked out by hand (tokens × dollars per million; one dollar per million is 1,000,000 pico-dollars a token).

use crate::*;
use nexus_model::Money;
use nexus_testkit::provider::{Matcher, Reply};
use serde_json::{Value, json};

/// Model, tier, counts (input, cached, cache written for 5 m, for 1 h, output, of it reasoning), pico-dollars.
const TABLE: [(&str, &str, [u64; 6], i64); 44] = [
    // 1000 × 0.15 + 500 × 0.6
    ("openai/gpt-4o-mini", "default", [1000, 0, 0, 0, 500, 0], 450_000_000),
    // 976 × 0.15 + 1024 × 0.075 + 100 × 0.6
    ("openai/gpt-4o-mini", "default", [976, 1024, 0, 0, 100, 0], 283_200_000),
    // 2048 × 0.075 + 1 × 0.6
    ("openai/gpt-4o-mini", "default", [0, 2048, 0, 0, 1, 0], 154_200_000),
    // 1000 × 0.075 + 10 × 0.3
    ("openai/gpt-4o-mini", "batch", [1000, 0, 0, 0, 10, 0], 78_000_000),
    // 1000 × 0.075 + 10 × 0.3
    ("openai/gpt-4o-mini", "batch", [0, 1000, 0, 0, 10, 0], 78_000_000),
    // nothing
    ("openai/gpt-4o-mini", "default", [0, 0, 0, 0, 0, 0], 0),
    // 123 × 2.5 + 128 × 1.25 + 77 × 10
    ("openai/gpt-4o", "default", [123, 128, 0, 0, 77, 0], 1_237_500_000),
    // 50 × 2 + 1000 × 8
    ("openai/o3", "default", [50, 0, 0, 0, 1000, 900], 8_100_000_000),
    // 50 × 1 + 100 × 0.25 + 1000 × 4
    ("openai/o3", "flex", [50, 100, 0, 0, 1000, 900], 4_075_000_000),
    // 50 × 3.5 + 3 × 14
    ("openai/o3", "priority", [50, 0, 0, 0, 3, 0], 217_000_000),
    // 7 × 1 + 2 × 4
    ("openai/o3", "batch", [7, 0, 0, 0, 2, 0], 15_000_000),
    // 272000 × 2.5 + 1000 × 15
    ("openai/gpt-5.4", "default", [272000, 0, 0, 0, 1000, 0], 695_000_000_000),
    // 272001 × 5 + 1000 × 22.5
    ("openai/gpt-5.4", "default", [272001, 0, 0, 0, 1000, 0], 1_382_505_000_000),
    // 200000 × 5 + 72001 × 0.5 + 1 × 22.5
    ("openai/gpt-5.4", "default", [200000, 72001, 0, 0, 1, 0], 1_036_023_000_000),
    // 200000 × 2.5 + 72000 × 0.25 + 1 × 15
    ("openai/gpt-5.4", "default", [200000, 72000, 0, 0, 1, 0], 518_015_000_000),
    // 300000 × 5 + 2 × 30
    ("openai/gpt-5.4", "priority", [300000, 0, 0, 0, 2, 0], 1_500_060_000_000),
    // 1000 × 1.25 + 5 × 0.13 + 2 × 7.5
    ("openai/gpt-5.4", "flex", [1000, 5, 0, 0, 2, 0], 1_265_650_000),
    // 272001 × 2.5 + 2 × 11.25
    ("openai/gpt-5.4", "batch", [272001, 0, 0, 0, 2, 0], 680_025_000_000),
    // 1 × 0.2 + 1 × 1.2
    ("openai/gpt-5.6-luna", "default", [1, 0, 0, 0, 1, 0], 1_400_000),
    // 272001 × 0.4 + 3 × 1.8
    ("openai/gpt-5.6-luna", "default", [272001, 0, 0, 0, 3, 0], 108_805_800_000),
    // 100 × 0.2 + 200 × 0.02 + 300 × 0.25 + 40 × 1.2
    ("openai/gpt-5.6-luna", "default", [100, 200, 300, 0, 40, 30], 147_000_000),
    // 100 × 4 + 200 × 0.4 + 300 × 5 + 40 × 20
    ("openai/gpt-5.6-sol", "default", [100, 200, 300, 0, 40, 0], 2_780_000_000),
    // 271701 × 8 + 200 × 0.8 + 300 × 10 + 40 × 30
    ("openai/gpt-5.6-sol", "default", [271701, 200, 300, 0, 40, 0], 2_177_968_000_000),
    // 100 × 2 + 300 × 2.5 + 40 × 10
    ("openai/gpt-5.6-sol", "flex", [100, 0, 300, 0, 40, 0], 1_350_000_000),
    // 1000 × 1.25 + 1 × 0.125 + 400 × 10
    ("openai/gpt-5", "default", [1000, 1, 0, 0, 400, 384], 5_250_125_000),
    // 1000 × 1 + 500 × 5
    ("anthropic/claude-haiku-4-5", "default", [1000, 0, 0, 0, 500, 0], 3_500_000_000),
    // 3 × 1 + 2000 × 0.1 + 1 × 5
    ("anthropic/claude-haiku-4-5", "default", [3, 2000, 0, 0, 1, 0], 208_000_000),
    // 3 × 1 + 2000 × 1.25 + 1 × 5
    ("anthropic/claude-haiku-4-5", "default", [3, 0, 2000, 0, 1, 0], 2_508_000_000),
    // 3 × 1 + 2000 × 2 + 1 × 5
    ("anthropic/claude-haiku-4-5", "default", [3, 0, 0, 2000, 1, 0], 4_008_000_000),
    // 3 × 1 + 10 × 0.1 + 20 × 1.25 + 30 × 2 + 40 × 5
    ("anthropic/claude-haiku-4-5", "default", [3, 10, 20, 30, 40, 0], 289_000_000),
    // 1000 × 0.5 + 500 × 2.5
    ("anthropic/claude-haiku-4-5", "batch", [1000, 0, 0, 0, 500, 0], 1_750_000_000),
    // 1 × 0.5 + 8 × 0.625 + 1 × 2.5
    ("anthropic/claude-haiku-4-5", "batch", [1, 0, 8, 0, 1, 0], 8_000_000),
    // 10 × 3 + 2000 × 0.3 + 1000 × 3.75 + 100 × 15
    ("anthropic/claude-sonnet-4-5", "default", [10, 2000, 1000, 0, 100, 0], 5_880_000_000),
    // 100 × 6
    ("anthropic/claude-sonnet-4-5", "default", [0, 0, 0, 100, 0, 0], 600_000_000),
    // 200000 × 3 + 10 × 15
    ("anthropic/claude-sonnet-4-5", "default", [200000, 0, 0, 0, 10, 0], 600_150_000_000),
    // 200001 × 3 + 10 × 15
    ("anthropic/claude-sonnet-4-5", "default", [200001, 0, 0, 0, 10, 0], 600_153_000_000),
    // 100000 × 3 + 50000 × 0.3 + 50001 × 3.75 + 10 × 15
    ("anthropic/claude-sonnet-4-5", "default", [100000, 50000, 50001, 0, 10, 0], 502_653_750_000),
    // 100000 × 0.1 + 10 × 0.5
    ("anthropic/claude-haiku-5-5", "default", [100000, 0, 0, 0, 10, 0], 10_005_000_000),
    // 50000 × 0.5 + 30000 × 0.05 + 20000 × 0.625 + 1 × 1 + 4 × 2.5
    ("anthropic/claude-haiku-5-5", "default", [50000, 30000, 20000, 1, 4, 0], 39_011_000_000),
    // 1 × 0.05 + 8 × 0.0625 + 1 × 0.25
    ("anthropic/claude-haiku-5-5", "batch", [1, 0, 0, 8, 1, 0], 800_000),
    // 1000 × 2 + 4000 × 0.1 + 100 × 10
    ("anthropic/claude-sonnet-5-5", "default", [1000, 4000, 0, 0, 100, 60], 3_400_000_000),
    // 12 × 5 + 5 × 6.25 + 3 × 25
    ("anthropic/claude-opus-4-5", "default", [12, 0, 5, 0, 3, 0], 166_250_000),
    // 12 × 1 + 3 × 5
    ("anthropic/claude-haiku-4-5", "priority", [12, 0, 0, 0, 3, 0], 27_000_000),
    // 7 × 10 + 3 × 1 + 11 × 20 + 13 × 50
    ("anthropic/claude-fable-5", "default", [7, 3, 0, 11, 13, 0], 943_000_000),
];

/// The answer of a provider that counted so.
fn body(provider: &str, tier: &str, counts: [u64; 6]) -> Value {
    let [input, cached, short, long, output, reasoning] = counts;
    if provider == "anthropic" {
        // Both cache counts stand beside the input.
        let tier = if tier == "default" { "standard" } else { tier };
        return json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": input, "cache_read_input_tokens": cached,
                "cache_creation_input_tokens": short + long,
                "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
                "output_tokens": output, "output_tokens_details": {"thinking_tokens": reasoning},
                "service_tier": tier, "server_tool_use": null}});
    }
    assert_eq!(long, 0, "OpenAI counts no second kind of cache");
    // Both cache counts are parts of the prompt, reasoning one of the completion, which is that of all `n` answers.
    let prompt = input + cached + short;
    json!({"id": "c", "object": "chat.completion", "created": 0, "model": "m", "service_tier": tier,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output,
            "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": short, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": reasoning, "accepted_prediction_tokens": 0}}})
}

#[tokio::test]
async fn every_count_is_priced_to_the_pico_dollar() {
    let (provider, gateway) = fixture().await;
    for (model, tier, counts, picos) in TABLE {
        let (name, _) = model.split_once('/').unwrap();
        provider.script(Matcher::any(), Reply::raw(200, body(name, tier, counts).to_string()));
        let answer = call(&gateway, false, ask(model, "hello")).await.unwrap();
        let usage = answer.usage.unwrap();
        assert_eq!(
            [
                usage.input,
                usage.cached_input,
                usage.cache_write,
                usage.cache_write_long,
                usage.output,
                usage.reasoning
            ],
            counts,
            "{model} {tier}"
        );
        assert_eq!(answer.cost, Money::from_picos(picos), "{model} {tier} {counts:?}");
    }
}

#[tokio::test]
async fn odd_counts_are_taken_as_they_are_meant() {
    let (provider, gateway) = fixture().await;
    let openai = |usage: Value| {
        let mut body = body("openai", "default", [0; 6]);
        body["usage"] = usage;
        body.to_string()
    };
    for (usage, picos) in [
        // More cached than there was: no count below zero.
        (
            json!({"prompt_tokens": 10, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 99}}),
            750_000,
        ),
        (json!({"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": null}), 2_700_000),
        (
            json!({"prompt_tokens": 10, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": null}}),
            2_700_000,
        ),
        (json!({"prompt_tokens": 0, "completion_tokens": 0}), 0),
    ] {
        provider.script(Matcher::any(), Reply::raw(200, openai(usage.clone())));
        let answer = call(&gateway, false, ask(OPENAI, "hello")).await.unwrap();
        assert_eq!(answer.cost.picos(), picos, "{usage}");
    }
    // A count that is missing is not zero: nobody knows it.
    for (model, silent) in [
        (OPENAI, openai(Value::Null)),
        (ANTHROPIC, {
            let mut body = body("anthropic", "default", [0; 6]);
            body["usage"] = json!({"input_tokens": 5});
            body.to_string()
        }),
    ] {
        provider.script(Matcher::any(), Reply::raw(200, silent));
        let answer = call(&gateway, false, ask(model, "hello")).await.unwrap();
        assert_eq!((answer.usage, answer.cost), (None, Money::ZERO), "{model}");
    }
}

#[tokio::test]
async fn ugly_answers_are_answers_or_failures_that_say_so() {
    let (provider, gateway) = fixture().await;
    let long = "0123456789abcdef".repeat((9 << 20) / 16);
    for (model, streamed) in ways() {
        // Nine megabytes are an answer, eleven are not; a compressed one whose end is missing is none.
        let large = matches!((model, streamed), (OPENAI, false) | (ANTHROPIC, true));
        let long = if large { long.clone() } else { "short".to_owned() };
        provider.script(Matcher::any(), Reply::text(long.clone()).ignoring_cap().chunks(64));
        let answer = call(&gateway, streamed, ask(model, "hello")).await.unwrap();
        assert_eq!(answer.text.len(), long.len(), "{model} {streamed}");
        let mut bad = vec![(Reply::raw(200, "{\"choices\": \"none\"}"), "proper answer")];
        if large {
            let more = Reply::text(format!("{long}{long}")).ignoring_cap().chunks(64);
            bad.push((more, "larger than 10 MB"));
        }
        for (reply, part) in bad {
            provider.script(Matcher::any(), reply);
            let error = call(&gateway, streamed, ask(model, "hello")).await.unwrap_err();
            assert!(error.message.contains(part), "{model} {streamed} {error}");
            assert_eq!((error.reason.as_deref(), error.spent), (Some("provider_bad_answer"), None));
        }
        if !streamed {
            provider.script(Matcher::any(), Reply::text("some text").truncated_gzip());
            let error = call(&gateway, streamed, ask(model, "hello")).await.unwrap_err();
            assert_eq!(
                (error.reason.as_deref(), error.spent),
                (Some("provider_bad_answer"), None),
                "{model}"
            );
        }
        for reply in [
            Reply::text("some text").crlf().noise().empty_deltas().single_bytes(),
            Reply::text("some text").usage(Default::default()),
            Reply::text("some text").usage_at(nexus_testkit::provider::UsageAt::Never),
        ] {
            provider.script(Matcher::any(), reply);
            assert_eq!(call(&gateway, streamed, ask(model, "hello")).await.unwrap().text, "some text");
        }
    }
}
