//! Rows about what a well-shaped document says: expressions, models, policies, and what only earns a warning.

use super::{REMOVE, at, check, many, one};
use nexus_model::price::PriceBook;
use serde_json::json;

#[test]
fn expressions() {
    let prompt = "/graph/nodes/4/config/prompt";
    let text = "/graph/nodes/6/config/text";
    let when = "/graph/nodes/1/config/cases/0/when";
    let check_ = "/graph/nodes/4/config/checks/0";
    check(
        vec![
            at(prompt, json!("{{ inputs.topic"), "template_syntax"),
            at(prompt, json!("{% if x %}"), "template_syntax"),
            at(prompt, json!("{{ inputs.topic | shout }}"), "template_syntax"),
            at(prompt, json!("{% include 'x' %}"), "template_syntax"),
            at(prompt, json!(format!("{{{{ {} }}}}", "(".repeat(900))), "expression_too_complex"),
            at(prompt, json!("{{ topic }}"), "reference_unknown_root"),
            at(prompt, json!("{{ draft.output }}"), "reference_unknown_root"),
            at(prompt, json!("{{ nodes.darft.output }}"), "reference_unknown_node"),
            at(prompt, json!("{{ nodes.fetch.output }}"), "reference_not_ancestor"),
            at(prompt, json!("{{ nodes.review.output }}"), "reference_not_ancestor"),
            at(prompt, json!("{{ nodes.search.output }}"), "reference_not_ancestor"),
            at(prompt, json!("{{ nodes['count'].output }}"), "reference_not_ancestor"),
            at(prompt, json!("{% set n = nodes %}{{ n.review.output }}"), "reference_computed"),
            at(prompt, json!("{{ nodes[inputs.topic].output }}"), "reference_computed"),
            at(prompt, json!("{{ (nodes|attr('review')).output }}"), "reference_computed"),
            at(prompt, json!("{{ nodes.draft.text }}"), "reference_unknown_property"),
            at(prompt, json!("{{ execution.name }}"), "reference_unknown_property"),
            at(prompt, json!("{{ feedback.reason }}"), "reference_unknown_property"),
            at(prompt, json!("{{ inputs.subject }}"), "input_undeclared"),
            at(prompt, json!("{{ output.text }}"), "reference_not_allowed"),
            at(prompt, json!("{{ memory }}"), "reference_not_allowed"),
            at(prompt, json!("{{ args.q }}"), "reference_not_allowed"),
            at("/graph/nodes/4/config/system", json!("{{ nodes.keep.output }}"), "reference_not_ancestor"),
            at("/graph/nodes/0/config/memory/recall/query", json!("{{ memory }}"), "reference_not_allowed"),
            at("/graph/nodes/3/config/url", json!("https://x.org/{{ args.other }}"), "argument_undeclared"),
            at(
                "/graph/nodes/3/config/url",
                json!("https://x.org/{{ nodes.draft.output }}"),
                "reference_not_ancestor",
            ),
            at("/graph/nodes/2/config/url", json!("https://x.org/{{ args.q }}"), "reference_not_allowed"),
            at("/graph/nodes/2/config/headers/x-run", json!("{{ nope }}"), "reference_unknown_root"),
            one(
                "/graph/nodes/2/config/body",
                json!({"a/b": ["x", "{{ nope }}"]}),
                "reference_unknown_root /graph/nodes/2/config/body/a~1b/1",
            ),
            one(
                "/graph/nodes/5/config/inputs/a",
                json!({"deep": "{{ nope }}"}),
                "reference_unknown_root /graph/nodes/5/config/inputs/a/deep",
            ),
            at("/graph/nodes/6/config/metadata/k", json!("{{ nope }}"), "reference_unknown_root"),
            at(text, json!("{{ nodes.fetch.output }}"), "reference_not_ancestor"),
            at(when, json!("nodes.draft.output.text ="), "expression_syntax"),
            at(when, json!(""), "expression_syntax"),
            at(when, json!("nope(1)"), "expression_syntax"),
            at(when, json!("(".repeat(600)), "expression_too_complex"),
            at(when, json!("nodes.review.output.ok"), "reference_not_ancestor"),
            at(when, json!("nodes[inputs.topic].output.ok"), "reference_computed"),
            at(when, json!("[nodes][0].review.output.ok"), "reference_computed"),
            at(when, json!("output.text == ''"), "reference_not_allowed"),
            at(when, json!("topic == ''"), "reference_unknown_root"),
            at(check_, json!("outptu.ok"), "reference_unknown_root"),
            at(check_, json!("output.ok &&"), "expression_syntax"),
        ],
        |report| &report.errors,
    );
}

#[test]
fn models_and_policies() {
    let model = "/graph/nodes/4/config/model";
    let embedding = PriceBook::builtin()
        .models()
        .iter()
        .find(|m| m.mode == nexus_model::price::Mode::Embedding)
        .unwrap()
        .id();
    let responses = PriceBook::builtin()
        .models()
        .iter()
        .find(|m| m.mode == nexus_model::price::Mode::Responses)
        .map(|m| m.id());
    let mut rows = vec![
        at(model, json!("small"), "model_malformed"),
        at(model, json!("demo/"), "model_malformed"),
        at(model, json!("demo/the small"), "model_malformed"),
        at(model, json!("opnai/gpt"), "provider_unknown"),
        at(model, json!("openai/gpt-99"), "model_unpriced"),
        at(model, json!(embedding), "model_unsupported"),
        at("/graph/nodes/0/config/fallbacks/0", json!("demo/small"), "duplicate_model"),
        at("/graph/nodes/0/config/fallbacks/0", json!("openai/x"), "model_unpriced"),
        many(
            vec![
                ("/budget", json!(null)),
                ("/graph/nodes/0/config/model", json!("openai/x")),
                (model, json!("openai/x")),
            ],
            vec!["model_unpriced /graph/nodes/0/config/model"],
        ),
        at("/graph/nodes/0/policy", json!(null), "wrong_type"),
        at("/graph/nodes/0/policy/retries", json!(1), "unknown_field"),
        at("/graph/nodes/0/policy/timeout_seconds", json!(0), "out_of_range"),
        at("/graph/nodes/0/policy/budget_usd", json!(0), "out_of_range"),
        at("/graph/nodes/0/policy/join", json!("some"), "unknown_value"),
        at("/graph/nodes/0/policy/on_error", json!("ignore"), "unknown_value"),
        at("/graph/nodes/0/policy/retry", json!(3), "wrong_type"),
        at("/graph/nodes/0/policy/retry/max_attempts", json!(0), "out_of_range"),
        at("/graph/nodes/0/policy/retry/factor", json!(0.5), "out_of_range"),
        at("/graph/nodes/0/policy/retry/initial_interval_ms", json!(-1), "out_of_range"),
        at("/graph/nodes/0/policy/retry/jitter", json!("yes"), "wrong_type"),
        at("/graph/nodes/4/policy/backtrack/to", json!(REMOVE), "missing_field"),
        at("/graph/nodes/4/policy/backtrack/max", json!(0), "out_of_range"),
        at("/graph/nodes/4/policy/backtrack/to", json!("drat"), "backtrack_unknown_node"),
        at("/graph/nodes/4/policy/backtrack/to", json!("review"), "backtrack_to_itself"),
        at("/graph/nodes/4/policy/backtrack/to", json!("fetch"), "backtrack_not_ancestor"),
        one(
            "/graph/nodes/3/policy",
            json!({"backtrack": {"to": "draft"}}),
            "backtrack_not_ancestor /graph/nodes/3/policy/backtrack/to",
        ),
        one(
            "/graph/nodes/2/policy",
            json!({"backtrack": {"to": "good"}}),
            "backtrack_to_conditional /graph/nodes/2/policy/backtrack/to",
        ),
        one(
            "/graph/nodes/2/config/method",
            json!("POST"),
            "backtrack_side_effect /graph/nodes/2/config/idempotent",
        ),
        many(
            vec![
                ("/graph/nodes/6/policy", json!({"join": "any"})),
                ("/graph/edges/-", json!({"source": "draft", "target": "keep"})),
            ],
            vec!["backtrack_side_effect /graph/nodes/6/config/idempotent"],
        ),
        many(
            vec![("/graph/nodes/6/policy", json!({"backtrack": {"to": "count"}}))],
            vec!["backtrack_side_effect /graph/nodes/6/config/idempotent"],
        ),
        many(
            vec![
                ("/graph/nodes/2/config/method", json!("POST")),
                ("/graph/nodes/2/config/idempotent", json!(true)),
            ],
            vec![],
        ),
    ];
    if let Some(responses) = responses {
        rows.push(at(model, json!(responses), "model_unsupported"));
    }
    check(rows, |report| &report.errors);
}

#[test]
fn warnings() {
    check(
        vec![
            many(
                vec![("/budget", json!(null)), ("/graph/nodes/4/config/model", json!("openai/gpt-99"))],
                vec!["model_unknown /graph/nodes/4/config/model"],
            ),
            at("/graph/nodes/4/config/max_tokens", json!(1_000_000), "max_tokens_too_high"),
            one(
                "/graph/nodes/1/config/cases/-",
                json!({"handle": "maybe", "when": "true"}),
                "case_without_edge /graph/nodes/1/config/cases/1",
            ),
            at(
                "/graph/nodes/4/config/prompt",
                json!("{{ nodes.draft.output.txt }}"),
                "output_unknown_property",
            ),
            at("/graph/nodes/0/config/checks/0", json!("output.score > 1"), "output_unknown_property"),
            at("/graph/nodes/0/policy/default_output", json!("x"), "default_output_unused"),
            at("/graph/nodes/0/policy/retry/max_interval_ms", json!(1), "retry_intervals_crossed"),
            one(
                "/graph/nodes/3/config/method",
                json!("POST"),
                "backtrack_side_effect /graph/nodes/3/config/idempotent",
            ),
            many(
                vec![
                    ("/inputs/additionalProperties", json!(true)),
                    ("/graph/nodes/4/config/prompt", json!("{{ inputs.other }}")),
                ],
                vec!["input_undeclared /graph/nodes/4/config/prompt"],
            ),
            many(
                vec![
                    ("/graph/nodes/4/config/checks", json!([])),
                    ("/graph/nodes/4/config/output_schema", json!(null)),
                ],
                vec![
                    "backtrack_without_checks /graph/nodes/4/policy/backtrack",
                    "output_unknown_property /graph/nodes/5/config/inputs/a",
                ],
            ),
        ],
        |report| &report.warnings,
    );
}

#[test]
fn secrets_are_for_requests_and_programs() {
    let prompt = "/graph/nodes/4/config/prompt";
    let url = "/graph/nodes/2/config/url";
    check(
        vec![
            at(prompt, json!("{{ secrets.token }}"), "secret_in_prompt"),
            at("/graph/nodes/4/config/system", json!("{{ secrets['token'] }}"), "secret_in_prompt"),
            at("/graph/nodes/4/config/checks/0", json!("output.text != secrets.token"), "secret_in_prompt"),
            at("/graph/nodes/0/config/memory/recall/query", json!("{{ secrets.token }}"), "secret_in_prompt"),
            at("/graph/nodes/1/config/cases/0/when", json!("secrets.token == 'x'"), "secret_not_allowed"),
            at("/graph/nodes/6/config/text", json!("{{ secrets.token }}"), "secret_not_allowed"),
            at(url, json!("https://x.org/{{ secrets }}"), "reference_computed"),
            at(url, json!("https://x.org/{{ secrets[inputs.topic] }}"), "reference_computed"),
            at(url, json!("https://x.org/{{ secrets['a b'] }}"), "secret_name_invalid"),
            at(url, json!("https://x.org/{{ secrets.a.b }}"), "reference_unknown_property"),
        ],
        |report| &report.errors,
    );
}

#[test]
fn the_secrets_that_a_document_names_are_found_where_they_stand() {
    let mut document = super::base();
    super::change(&mut document, "/graph/nodes/2/config/url", json!("https://x.org/{{ secrets.one }}"));
    super::change(
        &mut document,
        "/graph/nodes/2/config/body",
        json!({"a": ["{{ secrets.two ~ secrets.one | urlencode }}"]}),
    );
    super::change(
        &mut document,
        "/graph/nodes/3/config/url",
        json!("https://x.org/{{ args.q }}?{{ secrets.one }}"),
    );
    super::change(&mut document, "/graph/nodes/5/config/inputs/a", json!("{{ secrets.three | tojson }}"));
    assert_eq!(super::validate(&document).errors, []);
    let found: Vec<String> = nexus_plan::secrets(&document)
        .into_iter()
        .map(|place| format!("{} {}", place.name, place.path))
        .collect();
    assert_eq!(
        found,
        [
            "one /graph/nodes/2/config/url",
            "two /graph/nodes/2/config/body/a/0",
            "one /graph/nodes/2/config/body/a/0",
            "one /graph/nodes/3/config/url",
            "three /graph/nodes/5/config/inputs/a",
        ]
    );
}
