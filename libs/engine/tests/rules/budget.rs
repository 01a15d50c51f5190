//! Budgets: what is held before a call, what happens when the next one does not fit. Not here: the bound on a prompt
//! (`nexus_model::price::bound`).

use crate::story::{Story, agent, edge};
use nexus_engine::{Input, Record};
use nexus_model::{
    ExecutionStatus, Money, document::BudgetOverride, execution::NodeStatus, price::PriceBook,
};
use serde_json::{Value, json};

const MODEL: &str = "openai/gpt-5.6-luna";
const CHEAPER: &str = "demo/small";

fn reservation(prompt: u64, max_tokens: u32) -> Money {
    PriceBook::builtin().get(MODEL).unwrap().reservation(prompt, max_tokens)
}

/// What a call of `priced` reserves: measured, not computed, so that the tests do not repeat the formula.
fn need(max_tokens: u32) -> Money {
    let story = Story::new(json!([priced("a", max_tokens, json!({}))]), json!([]));
    story.calls[0].reserved
}

fn priced(id: &str, max_tokens: u32, extra: Value) -> Value {
    let mut config = json!({"model": MODEL, "max_tokens": max_tokens});
    config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    agent(id, config, json!({}))
}

fn budgeted(nodes: Value, edges: Value, limit: Money, on_exhausted: &str) -> Story {
    let budget = json!({"limit_usd": limit, "on_exhausted": on_exhausted});
    Story::of(json!({"budget": budget, "graph": {"nodes": nodes, "edges": edges}}), json!({}))
}

#[test]
fn a_call_is_held_with_its_worst_case_and_settled_with_what_it_cost() {
    let mut story = Story::new(json!([priced("a", 100, json!({}))]), json!([]));
    let held = story.state.reserved();
    assert!(held >= reservation(4, 100) && held == story.calls[0].reserved, "{held}");
    story.end_costing("a", "done", Some(Money::from_picos(12_345)));
    assert_eq!((story.state.reserved(), story.state.spent()), (Money::ZERO, Money::from_picos(12_345)));
}

#[test]
fn a_call_whose_cost_nobody_knows_is_settled_at_what_was_held() {
    let mut story = Story::new(json!([priced("a", 100, json!({}))]), json!([]));
    let held = story.state.reserved();
    story.end_costing("a", "done", None);
    assert_eq!(story.state.spent(), held);

    let mut crashed = Story::new(json!([priced("a", 100, json!({}))]), json!([]));
    crashed.crash();
    assert_eq!((crashed.state.spent(), crashed.state.reserved()), (held, held), "charged, and made again");

    let mut cancelled = Story::new(json!([priced("a", 100, json!({}))]), json!([]));
    cancelled.feed(Input::Cancel);
    assert_eq!((cancelled.state.spent(), cancelled.state.reserved()), (held, Money::ZERO));
}

#[test]
fn what_does_not_fit_waits_while_others_are_in_flight() {
    let limit = need(100).plus(need(100)).minus(Money::from_picos(1));
    let nodes = json!([priced("a", 100, json!({})), priced("b", 100, json!({}))]);
    let mut story = budgeted(nodes, json!([]), limit, "stop");
    assert_eq!(story.in_flight(), ["a"], "b waits");
    assert_eq!(story.status("b"), NodeStatus::Running);
    story.end_costing("a", "cheap", Some(Money::from_picos(1)));
    assert_eq!(story.in_flight(), ["b"]);
    assert_eq!(story.model(0).max_tokens, 100, "there is room for all of it now");
    story.end_costing("b", "cheap", Some(Money::from_picos(1)));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
}

#[test]
fn those_who_wait_survive_a_crash() {
    let limit = need(100).plus(need(100)).minus(Money::from_picos(1));
    let nodes = json!([priced("a", 100, json!({})), priced("b", 100, json!({}))]);
    let mut story = budgeted(nodes, json!([]), limit, "stop");
    story.crash();
    // a's first call is charged in full, so its second one waits too: what is left goes to who waits longer
    assert_eq!(story.in_flight().len(), 1);
    while let Some(node) = story.in_flight().first().map(|node| (*node).to_owned()) {
        story.end_costing(&node, "cheap", Some(Money::from_picos(1)));
    }
    assert!(story.state.status.is_terminal());
}

#[test]
fn who_waits_for_funds_longer_than_an_attempt_may_take_fails_and_its_dependents_know() {
    let clock = json!({"id": "clock", "type": "tool", "config": {"tool": "template", "template": "noon"}});
    let mut attach = edge("clock", "a");
    attach["target_handle"] = "tools".into();
    let mut a = priced("a", 100, json!({}));
    a["policy"] = json!({"timeout_seconds": 5, "retry": {"max_attempts": 1}});
    let nodes = json!([a, priced("b", 3_000, json!({})), agent("c", json!({}), json!({})), clock]);
    let edges = json!([edge("a", "c"), attach]);
    let free = Story::new(nodes.clone(), edges.clone());
    let held = free.calls[0].reserved;
    let mut story = budgeted(nodes, edges, held.plus(free.calls[1].reserved), "stop");
    assert_eq!(story.in_flight(), ["a", "b"]);
    story.want_costing("a", &[("1", "clock", json!({}))], held);
    assert_eq!(story.in_flight(), ["b"], "a waits in the middle of its attempt");
    story.now = story.now.plus(std::time::Duration::from_secs(6));
    story.end_costing("b", "done", Some(Money::from_picos(1)));
    assert_eq!(story.status("a"), NodeStatus::Failed);
    assert_eq!(story.status("c"), NodeStatus::Skipped);
    assert_eq!(story.state.status, ExecutionStatus::Failed);
}

#[test]
fn when_nothing_is_in_flight_the_answer_is_clamped_to_what_fits() {
    let limit = need(50);
    let mut story = budgeted(json!([priced("a", 100, json!({}))]), json!([]), limit, "stop");
    assert_eq!(story.model(0).max_tokens, 50);
    assert!(story.state.reserved() <= limit);
    story.end_costing("a", "short", Some(Money::from_picos(1)));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
}

#[test]
fn an_answer_is_never_clamped_below_sixteen_tokens() {
    let story = budgeted(json!([priced("a", 100, json!({}))]), json!([]), need(16), "stop");
    assert_eq!(story.model(0).max_tokens, 16);
    let short = budgeted(json!([priced("a", 100, json!({}))]), json!([]), need(15), "stop");
    assert_eq!(short.state.status, ExecutionStatus::BudgetExceeded);
    // unless that is all that is asked for
    let tiny = budgeted(json!([priced("a", 10, json!({}))]), json!([]), need(10), "stop");
    assert_eq!(tiny.model(0).max_tokens, 10);
}

#[test]
fn stopping_says_why_and_can_be_resumed_with_more() {
    let nodes = json!([priced("a", 100, json!({})), priced("b", 100, json!({}))]);
    let limit = need(100);
    let mut story = budgeted(nodes, json!([edge("a", "b")]), limit, "stop");
    story.end_costing("a", "done", Some(limit));
    assert_eq!(story.state.status, ExecutionStatus::BudgetExceeded);
    assert_eq!(story.state.failure.as_ref().unwrap().code, "budget_exceeded");
    assert_eq!(story.status("b"), NodeStatus::Cancelled);
    let told = story.told();
    assert_eq!(told[told.len() - 2..], ["budget_exceeded b", "execution_completed"]);
    assert_eq!(story.last("budget_exceeded b")["scope"], "execution");
    assert_eq!(story.last("execution_completed")["status"], "budget_exceeded");

    let more = |usd: Money| Some(BudgetOverride { limit_usd: Some(usd), ..BudgetOverride::default() });
    let refused = story.try_feed(Input::Resume { budget: None, from_node: None });
    assert!(matches!(refused, Err(nexus_engine::Error::OverBudget { .. })), "{refused:?}");
    story.feed(Input::Resume { budget: more(limit.plus(need(100))), from_node: None });
    story.feed(Input::Take);
    assert_eq!(story.in_flight(), ["b"], "a is not paid again");
    story.end_costing("b", "done", Some(Money::from_picos(1)));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
}

#[test]
fn a_cheaper_fallback_is_taken_only_if_that_is_wanted() {
    let node = || json!([priced("a", 100, json!({"fallbacks": ["anthropic/claude-opus-5-5", CHEAPER]}))]);
    let limit = need(16).minus(Money::from_picos(1));
    let stopped = budgeted(node(), json!([]), limit, "stop");
    assert_eq!(stopped.state.status, ExecutionStatus::BudgetExceeded);
    let mut degraded = budgeted(node(), json!([]), limit, "degrade");
    assert_eq!(degraded.model(0).model, CHEAPER);
    degraded.end_costing("a", "done", Some(Money::from_picos(1)));
    assert_eq!(degraded.models("a"), [CHEAPER]);
    assert_eq!(degraded.state.status, ExecutionStatus::Succeeded);
}

#[test]
fn a_node_has_a_budget_of_its_own() {
    let mut node = priced("a", 100, json!({"checks": ["size(output.text) > 100"]}));
    node["policy"] = json!({"budget_usd": need(100)});
    let mut story = Story::new(json!([node]), json!([]));
    story.end_costing("a", "short", Some(need(100)));
    assert_eq!(story.state.status, ExecutionStatus::BudgetExceeded, "the second question does not fit");
    assert_eq!(story.last("budget_exceeded a")["scope"], "node");
    // granted once more
    story.feed(Input::Resume { budget: None, from_node: None });
    story.feed(Input::Take);
    assert_eq!(story.in_flight(), ["a"]);
}

#[test]
fn a_model_without_a_price_is_refused_under_a_budget() {
    let nodes = json!([agent("a", json!({}), json!({}))]);
    let story = budgeted(nodes, json!([]), Money::from_usd(1.0).unwrap(), "stop");
    assert_eq!(story.state.failure.as_ref().unwrap().code, "model_unpriced");
}

#[test]
fn a_warning_is_given_once() {
    let nodes =
        json!([priced("a", 100, json!({})), priced("b", 100, json!({})), priced("c", 100, json!({}))]);
    let edges = json!([edge("a", "b"), edge("b", "c")]);
    let limit = need(100).times(10);
    let mut story = budgeted(nodes, edges, limit, "stop");
    story.end_costing("a", "x", Some(need(100).times(7)));
    assert!(!story.told().contains(&"budget_warning"));
    story.end_costing("b", "x", Some(need(100)));
    story.end_costing("c", "x", Some(need(100)));
    assert_eq!(story.told().iter().filter(|told| **told == "budget_warning").count(), 1);
    assert_eq!(story.facts().iter().filter(|fact| matches!(fact, Record::BudgetWarned { .. })).count(), 1);
    assert_eq!(story.last("budget_warning")["warn_at"], 0.8);
}

#[test]
fn a_fan_out_never_holds_more_than_there_is_and_completes() {
    let nodes: Vec<Value> = (0..40).map(|n| priced(&format!("n{n}"), 100, json!({}))).collect();
    let limit = need(100).times(5);
    let mut story = budgeted(json!(nodes), json!([]), limit, "stop");
    let mut widest = 0;
    while !story.calls.is_empty() {
        widest = widest.max(story.calls.len());
        let node = story.in_flight()[0].to_owned();
        story.end_costing(&node, "x", Some(Money::from_picos(need(100).picos() / 50)));
    }
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
    assert!((2..=5).contains(&widest), "{widest} at a time");
}

#[test]
fn an_attempt_shows_on_which_terms_it_began() {
    let full = Story::new(json!([priced("a", 100, json!({}))]), json!([]));
    assert_eq!(full.view("a").attempts[0].max_tokens, Some(100));
    let started = full.last("agent_started a");
    assert_eq!((&started["model"], &started["max_tokens"]), (&json!(MODEL), &json!(100)));

    let clamped = budgeted(json!([priced("a", 100, json!({}))]), json!([]), need(40), "stop");
    assert_eq!(clamped.view("a").attempts[0].max_tokens, Some(40));
    assert_eq!(clamped.last("agent_started a")["max_tokens"], 40);

    let cheaper = json!({ "fallbacks": [CHEAPER] });
    let limit = Money::from_picos(need(16).picos() - 1);
    let degraded = budgeted(json!([priced("a", 100, cheaper)]), json!([]), limit, "degrade");
    assert_eq!(degraded.last("agent_started a")["model"], CHEAPER);
    assert_eq!(degraded.models("a"), [CHEAPER]);
}
