//! Prices of real models to the pico-dollar, worked out by hand, and the bound that reservations rest on.

use super::*;
use std::collections::BTreeSet;

fn usage(input: u64, cached_input: u64, cache_write: u64, cache_write_long: u64, output: u64) -> Usage {
    Usage { input, cached_input, cache_write, cache_write_long, output, reasoning: 0 }
}

#[test]
fn builtin_book_holds_every_model_with_a_price() {
    let text = include_str!("../../../../pricing/models.json");
    let book = PriceBook::parse(text).expect("pricing/models.json is valid");
    assert_eq!(book.models().len(), PriceBook::builtin().models().len());
    assert_eq!(
        book.models().iter().filter(|model| !["demo", "local"].contains(&model.provider.as_str())).count(),
        72
    );
    for model in book.models() {
        assert!(model.default_rate().is_some(), "{}", model.id());
        assert_eq!(book.get(&model.id()).map(Model::id), Some(model.id()));
    }
    assert_eq!(book.get("openai/o3-2025-04-16"), book.get("openai/o3"));
    assert!(book.get("openai/nothing").is_none());
}

#[test]
fn costs_are_exact_to_the_pico_dollar() {
    let table = [
        // 1000 × 0.15 + 500 × 0.60
        ("openai/gpt-4o-mini", "default", usage(1000, 0, 0, 0, 500), 450_000_000),
        // 976 × 0.15 + 1024 × 0.075 + 100 × 0.60
        ("openai/gpt-4o-mini", "default", usage(976, 1024, 0, 0, 100), 283_200_000),
        // batch has no cached price: 1000 × 0.075 + 10 × 0.30
        ("openai/gpt-4o-mini", "batch", usage(0, 1000, 0, 0, 10), 78_000_000),
        // exactly at the step is still below it: 272000 × 2.50 + 1000 × 15
        ("openai/gpt-5.4", "default", usage(272_000, 0, 0, 0, 1000), 695_000_000_000),
        // one more and all tokens cost more: 272001 × 5 + 1000 × 22.50
        ("openai/gpt-5.4", "default", usage(272_001, 0, 0, 0, 1000), 1_382_505_000_000),
        // cached tokens count for the step: 200000 × 5 + 72001 × 0.50 + 1 × 22.50
        ("openai/gpt-5.4-2026-03-05", "default", usage(200_000, 72_001, 0, 0, 1), 1_036_023_000_000),
        // 1000 × 0.13
        ("openai/gpt-5.4", "batch", usage(0, 1000, 0, 0, 0), 130_000_000),
        // priority has no long row: 300000 × 5 + 2 × 30
        ("openai/gpt-5.4", "priority", usage(300_000, 0, 0, 0, 2), 1_500_060_000_000),
        // 100000 × 0.10 + 10 × 0.50
        ("anthropic/claude-haiku-5-5", "default", usage(100_000, 0, 0, 0, 10), 10_005_000_000),
        // 100001 in all: 50000 × 0.50 + 30000 × 0.05 + 20000 × 0.625 + 1 × 1 + 4 × 2.50
        ("anthropic/claude-haiku-5-5", "default", usage(50_000, 30_000, 20_000, 1, 4), 39_011_000_000),
        // no long price: 1 × 0.05 + 8 × 0.0625 + 1 × 0.25
        ("anthropic/claude-haiku-5-5", "batch", usage(1, 0, 0, 8, 1), 800_000),
        // 10 × 3 + 2000 × 0.30 + 1000 × 3.75 + 100 × 15
        ("anthropic/claude-sonnet-4-5", "default", usage(10, 2000, 1000, 0, 100), 5_880_000_000),
        // 100 × 6
        ("anthropic/claude-sonnet-4-5", "default", usage(0, 0, 0, 100, 0), 600_000_000),
        // 7 × 1 (no cached price in batch)
        ("openai/o3", "batch", usage(0, 7, 0, 0, 0), 7_000_000),
        // no cache-write prices: 5 × 2 + 3 × 2
        ("openai/o3", "default", usage(0, 0, 5, 3, 0), 16_000_000),
        ("openai/text-embedding-3-small", "default", usage(1, 0, 0, 0, 0), 20_000),
        // 1 × 0.20 + 1 × 1.20
        ("openai/gpt-5.6-luna", "default", usage(1, 0, 0, 0, 1), 1_400_000),
        // 1 × 0.40 × 272001 + 3 × 1.80
        ("openai/gpt-5.6-luna", "default", usage(272_001, 0, 0, 0, 3), 108_805_800_000),
        // 12 × 0.10 + 30 × 0.40
        ("demo/small", "default", usage(12, 0, 0, 0, 30), 13_200_000),
        ("demo/small", "default", usage(0, 0, 0, 0, 0), 0),
    ];
    let book = PriceBook::builtin();
    for (id, tier, usage, picos) in table {
        let cost = book.get(id).unwrap().cost(tier, &usage);
        assert_eq!(cost, Some(Money::from_picos(picos)), "{id} {tier} {usage:?}");
    }
}

#[test]
fn reasoning_is_part_of_the_output_and_unknown_tiers_have_no_price() {
    let book = PriceBook::builtin();
    let model = book.get("openai/gpt-4o-mini").unwrap();
    let usage = Usage { output: 60, reasoning: 50, ..Usage::default() };
    assert_eq!(model.cost("default", &usage), Some(Money::from_picos(36_000_000)));
    assert_eq!(model.cost("flex", &usage), None);
}

#[test]
fn worst_case_takes_the_dearest_reachable_rates() {
    let book = PriceBook::builtin();
    // 1000 × 10 (long cache write) + 16 × 20
    assert_eq!(book.get("openai/gpt-5.6-sol").unwrap().worst_case(1000, 16).picos(), 10_320_000_000);
    // 100 × 0.15 + 16 × 0.60
    assert_eq!(book.get("openai/gpt-4o-mini").unwrap().worst_case(100, 16).picos(), 24_600_000);
    // past the step: 272001 × 5 + 1 × 22.50
    assert_eq!(book.get("openai/gpt-5.4").unwrap().worst_case(272_001, 1).picos(), 1_360_027_500_000);
}

/// Every model, prompts around every step, every way to divide them among the kinds of prompt tokens.
#[test]
fn no_usage_within_the_bounds_costs_more_than_the_worst_case() {
    for model in PriceBook::builtin().models() {
        let steps: BTreeSet<u64> = model
            .rates
            .iter()
            .filter(|rate| rate.tier == DEFAULT_TIER)
            .flat_map(|rate| [0, 1, 1000].map(|more| rate.above_input_tokens + more))
            .collect();
        for &bound in &steps {
            for &prompt in steps.range(..=bound) {
                for quarters in 0..256_u64 {
                    // Each quarter of the prompt is of one of four kinds.
                    let mut kinds = [prompt % 4, 0, 0, 0];
                    for quarter in 0..4 {
                        kinds[(quarters >> (2 * quarter) & 3) as usize] += prompt / 4;
                    }
                    let [input, cached, write, long] = kinds;
                    for output in [0, 16, 1000] {
                        let cost =
                            model.cost(DEFAULT_TIER, &usage(input, cached, write, long, output)).unwrap();
                        assert!(cost <= model.worst_case(bound, 1000), "{} {bound} {kinds:?}", model.id());
                    }
                }
            }
        }
    }
}

#[test]
fn nonsensical_counts_saturate() {
    let book = PriceBook::builtin();
    let usage = usage(u64::MAX, u64::MAX, 1, 1, u64::MAX);
    assert_eq!(
        book.get("openai/gpt-5.4").unwrap().cost("default", &usage),
        Some(Money::from_picos(i64::MAX))
    );
}

#[test]
fn mistakes_are_named_by_entry_and_field() {
    let entry = |edit: &str| {
        let whole = r#"{"id":"m","provider":"p","mode":"chat","rates":[{"tier":"default","input":1,"output":2}],"new":[1]}"#;
        let (from, to) = edit.split_once(" -> ").unwrap_or(("", ""));
        PriceBook::parse(&format!(r#"{{"models":[{}]}}"#, whole.replace(from, to)))
    };
    assert_eq!(entry("\"p\" -> \"p\"").unwrap().get("p/m").unwrap().name, "m");
    for (edit, entry_name, field, message) in [
        ("\"input\":1 -> \"input\":-1", "p/m", "rates[0].input", "-1"),
        ("\"input\":1 -> \"input\":0.0000001", "p/m", "rates[0].input", "six decimals"),
        ("\"input\":1 -> \"input\":\"1\"", "p/m", "rates[0].input", "string"),
        (",\"output\":2 -> ", "p/m", "rates[0].output", "missing"),
        ("\"default\" -> \"flex\"", "p/m", "rates", "default"),
        ("\"input\":1 -> \"input\":1,\"above_input_tokens\":5", "p/m", "rates", "above_input_tokens"),
        ("chat -> chatty", "p/m", "mode", "chatty"),
        ("\"id\":\"m\", -> ", "models[0]", ".", "id"),
        ("\"provider\":\"p\" -> \"provider\":\"p/q\"", "p/q/m", "provider", "slash"),
        ("\"new\":[1] -> \"aliases\":[\"m\"]", "p/m", "aliases", "twice"),
    ] {
        match entry(edit) {
            Err(Error::Entry { entry, field: place, message: text }) => {
                assert_eq!((entry.as_str(), place.as_str()), (entry_name, field), "{edit}: {text}");
                assert!(text.contains(message), "{edit}: {text}");
            }
            other => panic!("{edit}: {other:?}"),
        }
    }
    assert!(matches!(PriceBook::parse("{"), Err(Error::File(_))));
    assert!(matches!(PriceBook::parse(r#"{"schema_version":2,"models":[]}"#), Err(Error::File(_))));
    let twice = r#"{"id":"m","provider":"p","mode":"embedding","rates":[{"tier":"default","input":1}]}"#;
    let error = PriceBook::parse(&format!(r#"{{"models":[{twice},{twice}]}}"#)).unwrap_err();
    assert_eq!(error.to_string(), "the pricing file is not valid: model p/m, field id: p/m is listed twice");
}
