//! What follows a failed attempt, and the scheduling of nodes. Not here: budgets, rejections, tools.

use crate::story::{Story, agent};
use nexus_engine::{Answer, CallFailure, CallResult, Env, Input, Outcome, step};
use nexus_model::{
    ExecutionStatus, Money,
    execution::{NodeStatus, Tokens},
};
use serde_json::json;
use std::time::Duration;

#[test]
fn the_same_model_is_retried_then_the_fallbacks_get_attempts_of_their_own() {
    let node = agent("a", json!({"fallbacks": ["fake/b"]}), json!({"retry": {"max_attempts": 2}}));
    let mut story = Story::new(json!([node]), json!([]));
    story.end(Err(("overloaded", true)));
    story.end(Err(("overloaded", true)));
    story.end(Err(("overloaded", true)));
    story.end(Ok("at last"));
    assert_eq!(story.models("a"), ["fake/a", "fake/a", "fake/b", "fake/b"]);
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
    let reasons: Vec<_> = story.events.iter().filter_map(|(_, data)| data["reason"].as_str()).collect();
    assert_eq!(reasons, ["retry", "fallback", "retry"]);
}

#[test]
fn an_error_that_will_not_go_away_moves_on_to_the_fallback_at_once() {
    let mut story = Story::new(json!([agent("a", json!({"fallbacks": ["fake/b"]}), json!({}))]), json!([]));
    story.end(Err(("provider_auth", false)));
    story.end(Ok("fine"));
    assert_eq!(story.models("a"), ["fake/a", "fake/b"]);
}

#[test]
fn a_pause_longer_than_a_minute_is_not_waited_for() {
    let node = agent("a", json!({"fallbacks": ["fake/b"]}), json!({}));
    let mut story = Story::new(json!([node]), json!([]));
    let call = story.calls.remove(0);
    let failure = CallFailure {
        code: "provider_rate_limited".into(),
        message: "slow down".into(),
        retryable: true,
        retry_after: Some(Duration::from_secs(61)),
    };
    let result = CallResult {
        outcome: Err(failure),
        tokens: Tokens::default(),
        cost: Some(Money::ZERO),
        latency: Duration::ZERO,
        provider: None,
    };
    story.feed(Input::CallFinished { node: call.node, revision: 1, attempt: 1, call: 0, result });
    assert_eq!(story.models("a"), ["fake/a", "fake/b"]);
}

#[test]
fn an_answer_that_breaks_the_schema_is_asked_for_once_more_with_the_reason() {
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]});
    let node = agent("a", json!({ "output_schema": schema }), json!({}));
    let mut story = Story::new(json!([node]), json!([]));
    story.end(Ok("{\"ok\": \"maybe\"}"));
    let reask = story.reask(0).unwrap();
    assert_eq!(reask.answer, "{\"ok\": \"maybe\"}");
    assert!(reask.reason.contains("/ok"), "{}", reask.reason);
    story.end(Ok("{\"ok\": true}"));
    assert_eq!(story.state.outputs()["a"], json!({"ok": true}));

    let mut stubborn = Story::new(json!([node]), json!([]));
    stubborn.end(Ok("no"));
    stubborn.end(Ok("no"));
    assert_eq!(stubborn.state.status, ExecutionStatus::Failed);
    assert_eq!(stubborn.state.failure.as_ref().unwrap().code, "schema_violation");
}

#[test]
fn checks_judge_the_output() {
    let node = agent("a", json!({"checks": ["size(output.text) > 3"]}), json!({}));
    let mut story = Story::new(json!([node]), json!([]));
    story.end(Ok("ab"));
    assert!(story.reask(0).unwrap().reason.contains("size(output.text) > 3"));
    story.end(Ok("abcd"));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
}

#[test]
fn on_error_decides_what_dependents_get() {
    for (on_error, dependent, run) in [
        ("fail", NodeStatus::Skipped, ExecutionStatus::Failed),
        ("continue", NodeStatus::Succeeded, ExecutionStatus::Succeeded),
        ("default", NodeStatus::Succeeded, ExecutionStatus::Succeeded),
    ] {
        let policy = json!({"on_error": on_error, "default_output": {"text": "instead"}});
        let template = json!({"id": "b", "type": "tool", "config": {"tool": "template",
            "template": "{% if nodes.a.output %}{{ nodes.a.output.text }}{% else %}nothing{% endif %}"}});
        let edges = json!([{"id": "e", "source": "a", "target": "b"}]);
        let mut story = Story::new(json!([agent("a", json!({}), policy), template]), edges);
        story.end(Err(("broken", false)));
        assert_eq!(story.status("a"), NodeStatus::Failed, "{on_error}");
        assert_eq!(story.status("b"), dependent, "{on_error}");
        assert_eq!(story.state.status, run, "{on_error}");
        if on_error == "continue" {
            assert_eq!(story.state.outputs()["b"]["text"], "nothing");
        }
        if on_error == "default" {
            assert_eq!(story.state.outputs()["b"]["text"], "instead");
        }
    }
}

#[test]
fn a_branch_not_taken_is_skipped_down_to_where_a_taken_one_joins() {
    let nodes = json!([
        {"id": "c", "type": "conditional", "config": {"cases": [{"handle": "yes", "when": "inputs.n > 3"}], "else": "no"}},
        {"id": "left", "type": "tool", "config": {"tool": "template", "template": "left"}},
        {"id": "right", "type": "tool", "config": {"tool": "template", "template": "right"}},
        {"id": "below", "type": "tool", "config": {"tool": "template", "template": "below right"}},
        {"id": "join", "type": "tool", "config": {"tool": "template", "template": "joined"}},
    ]);
    let edges = json!([
        {"id": "1", "source": "c", "target": "left", "source_handle": "yes"},
        {"id": "2", "source": "c", "target": "right", "source_handle": "no"},
        {"id": "3", "source": "right", "target": "below"},
        {"id": "4", "source": "left", "target": "join"},
        {"id": "5", "source": "below", "target": "join"},
    ]);
    let story = Story::with_inputs(nodes, edges, json!({"n": 4}));
    let statuses: Vec<_> = ["left", "right", "below", "join"].iter().map(|id| story.status(id)).collect();
    use NodeStatus::*;
    assert_eq!(statuses, [Succeeded, Skipped, Skipped, Succeeded]);
    assert_eq!(story.state.outputs().len(), 1);
}

#[test]
fn a_node_starts_as_soon_as_its_own_dependencies_are_there() {
    let nodes = json!([
        agent("slow", json!({}), json!({})),
        agent("fast", json!({}), json!({})),
        agent("next", json!({}), json!({})),
        agent("any", json!({}), json!({"join": "any"})),
    ]);
    let edges = json!([
        {"id": "1", "source": "fast", "target": "next"},
        {"id": "2", "source": "fast", "target": "any"},
        {"id": "3", "source": "slow", "target": "any"},
    ]);
    let mut story = Story::new(nodes, edges);
    story.calls.swap(0, 1);
    story.end(Ok("fast"));
    let begun: Vec<_> = story.calls.iter().map(|call| call.node.as_str()).collect();
    assert_eq!(begun, ["slow", "next", "any"]);
}

#[test]
fn an_expression_that_fails_fails_its_node_and_no_other() {
    let nodes = json!([
        {"id": "bad", "type": "tool", "config": {"tool": "template", "template": "{{ inputs.missing }}"}},
        {"id": "worse", "type": "conditional", "config": {"cases": [{"handle": "x", "when": "inputs.missing > 1"}]}},
        {"id": "good", "type": "tool", "config": {"tool": "template", "template": "fine"}},
    ]);
    let story = Story::new(nodes, json!([]));
    assert_eq!(story.state.status, ExecutionStatus::Failed);
    assert_eq!(story.status("good"), NodeStatus::Succeeded);
    let code = |ix: usize| story.state.nodes[ix].failure.as_ref().unwrap().code.clone();
    assert_eq!([code(0), code(1)], ["template_error", "condition_error"]);
}

#[test]
fn while_the_owner_hands_on_nothing_new_begins() {
    let nodes = json!([agent("a", json!({}), json!({})), agent("b", json!({}), json!({}))]);
    let mut story = Story::new(nodes, json!([{"id": "e", "source": "a", "target": "b"}]));
    let call = story.calls.remove(0);
    let result = CallResult {
        outcome: Ok(Outcome::Answer(Answer { text: "done".into(), ..Answer::default() })),
        tokens: Tokens::default(),
        cost: Some(Money::ZERO),
        latency: Duration::ZERO,
        provider: None,
    };
    let input = Input::CallFinished { node: call.node, revision: 1, attempt: 1, call: 0, result };
    let out = step(&mut story.state, input, Env { now: story.now, random: 0.0, hold: true }).unwrap();
    assert!(out.effects.is_empty());
    assert_eq!(story.status("b"), NodeStatus::Pending);
    story.feed(Input::Take);
    assert_eq!(story.calls[0].node.as_str(), "b");
}

#[test]
fn an_answer_that_could_not_be_read_back_fails_the_node() {
    let node = agent("a", json!({"output_schema": {}}), json!({}));
    let mut story = Story::new(json!([node]), json!([]));
    story.end(Ok(&format!("{}1{}", "[".repeat(100), "]".repeat(100))));
    assert_eq!(story.state.failure.as_ref().unwrap().code, "output_too_deep");
}

#[test]
fn a_fallback_waits_for_the_next_owner_too() {
    let node = agent("a", json!({"fallbacks": ["fake/b"]}), json!({}));
    let mut story = Story::new(json!([node]), json!([]));
    let call = story.calls.remove(0);
    let failure = CallFailure { code: "x".into(), message: "x".into(), retryable: false, retry_after: None };
    let result = CallResult {
        outcome: Err(failure),
        tokens: Tokens::default(),
        cost: Some(Money::ZERO),
        latency: Duration::ZERO,
        provider: None,
    };
    let input = Input::CallFinished { node: call.node, revision: 1, attempt: 1, call: 0, result };
    let out = step(&mut story.state, input, Env { now: story.now, random: 0.0, hold: true }).unwrap();
    assert!(out.effects.is_empty());
    story.feed(Input::Take);
    assert_eq!(story.model(0).model, "fake/b");
}

#[test]
fn a_retry_of_a_repeated_question_still_carries_the_reason() {
    let node = agent("a", json!({"checks": ["size(output.text) > 3"]}), json!({}));
    let mut story = Story::new(json!([node]), json!([]));
    story.end(Ok("ab"));
    story.end(Err(("overloaded", true)));
    assert!(story.reask(0).is_some());
    story.end(Ok("abcd"));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
}
