//! Very many who wait for funds, and what a start sees of those who are not done. Not here: when a call fits (`budget`).

use crate::story::{Story, agent, edge};
use nexus_engine::{Input, ToolWork};
use nexus_model::{ExecutionStatus, Money, document::BudgetOverride};
use serde_json::{Value, json};

const MODEL: &str = "openai/gpt-5.6-luna";

fn crowd(count: usize, limit: Option<Money>) -> Value {
    let nodes: Vec<Value> = (0..count)
        .map(|n| agent(&format!("n{n:05}"), json!({"model": MODEL, "max_tokens": 100}), json!({})))
        .collect();
    let mut document = json!({"graph": {"nodes": nodes, "edges": []}});
    if let Some(limit) = limit {
        document["budget"] = json!({ "limit_usd": limit });
    }
    document
}

/// Quadratic work would not end within the patience of whoever runs this.
#[test]
fn ten_thousand_who_wait_get_their_turn_longest_first() {
    let one = Story::of(crowd(1, None), json!({})).calls[0].reserved;
    let limit = one.times(3).plus(Money::from_picos(10_000));
    let mut story = Story::of(crowd(10_000, Some(limit)), json!({}));
    assert_eq!(story.in_flight(), ["n00000", "n00001", "n00002"]);
    assert_eq!(story.state.unfunded.nodes().count(), 9_997);
    for turn in 0..10_000 {
        assert_eq!(story.calls[0].node.as_str(), format!("n{turn:05}"));
        let node = story.calls[0].node.to_string();
        story.end_costing(&node, "done", Some(Money::from_picos(1)));
    }
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
    assert_eq!(story.state.spent(), Money::from_picos(10_000));
}

#[test]
fn a_small_call_goes_ahead_of_a_large_one_that_does_not_fit() {
    let sized =
        |id: &str, max_tokens: u32| agent(id, json!({"model": MODEL, "max_tokens": max_tokens}), json!({}));
    let need = |max_tokens: u32| Story::new(json!([sized("x", max_tokens)]), json!([])).calls[0].reserved;
    let limit = need(1_000).plus(need(20)).plus(need(20)).plus(Money::from_picos(5));
    let nodes = json!([sized("a", 1_000), sized("b", 20), sized("c", 1_000), sized("d", 20), sized("e", 20)]);
    let document = json!({"budget": {"limit_usd": limit}, "graph": {"nodes": nodes, "edges": []}});
    let mut story = Story::of(document, json!({}));
    assert_eq!(story.in_flight(), ["a", "b", "d"], "c and e wait");
    story.end_costing("b", "done", Some(Money::from_picos(1)));
    assert_eq!(story.in_flight(), ["a", "d", "e"], "c does not fit yet, e does");
    story.end_costing("a", "done", Some(Money::from_picos(1)));
    assert_eq!(story.in_flight(), ["d", "e", "c"]);
    assert_eq!(story.state.unfunded.nodes().count(), 0);
}

/// `t` starts at the first of its sources; what it has not seen then it does not see at a later attempt either.
fn at_the_first(order: Value) -> Story {
    Story::new(
        json!([
            agent("a", json!({}), json!({})),
            agent("b", json!({}), json!({})),
            {"id": "t", "type": "tool", "policy": {"join": "any", "retry": {"max_attempts": 3}}, "config": order},
        ]),
        json!([edge("a", "t"), edge("b", "t")]),
    )
}

#[test]
fn a_request_that_is_made_again_is_the_same_request() {
    let mut story = at_the_first(json!({
        "tool": "http_request", "method": "POST", "idempotent": true, "url": "https://shop.example/order",
        "body": {"a": "{{ nodes.a.output.text }}", "b": "{{ nodes.b.output }}"},
    }));
    story.end_of("a", Ok("first"));
    let body = |story: &Story| {
        let nth = story.calls.iter().position(|call| call.node.as_str() == "t").unwrap();
        let ToolWork::Http { body, .. } = story.tool(nth).clone() else { panic!() };
        body.unwrap()
    };
    let first = json!({"a": "first", "b": "null"});
    assert_eq!(body(&story), first);
    story.end_of("b", Ok("late"));
    story.returns("t", Err(("http_status", true)));
    assert_eq!(body(&story), first, "a retry");
    story.crash();
    assert_eq!(body(&story), first, "a takeover");
    assert_eq!(story.view("t").input.unwrap()["body"], first);
    story.returns("t", Ok(json!({"status": 200})));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
    // a new start sees what there is by then
    let from_node = Some("t".parse().unwrap());
    story.feed(Input::Resume { budget: None, from_node });
    story.feed(Input::Take);
    assert_eq!(body(&story)["b"], json!({"text": "late"}).to_string());
}

#[test]
fn a_node_is_granted_its_budget_once_more_only_if_a_resume_runs_it_again() {
    let tight = |id: &str, units: i64, extra: Value| {
        let mut policy = json!({"budget_usd": Money::from_picos(units)});
        policy.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        agent(id, json!({"model": MODEL, "max_tokens": 100}), policy)
    };
    let need = Story::new(json!([tight("x", i64::MAX / 4, json!({}))]), json!([])).calls[0].reserved;
    let nodes = json!([tight("a", need.picos() + 10, json!({})), agent("b", json!({}), json!({}))]);
    let mut story = Story::new(nodes, json!([edge("a", "b")]));
    story.end_costing("a", "done", Some(Money::from_picos(7)));
    story.end_of("b", Err(("broken", false)));
    assert_eq!(story.state.status, ExecutionStatus::Failed);
    let drawn = |story: &Story| story.state.nodes[0].drawn();
    story.feed(Input::Resume { budget: None, from_node: None });
    assert_eq!(drawn(&story), Money::from_picos(7), "a keeps its result, so it keeps what it drew");
    story.feed(Input::Take);
    story.end_of("b", Ok("well"));
    let again = Some("a".parse().unwrap());
    story.feed(Input::Resume { budget: Some(BudgetOverride::default()), from_node: again });
    assert_eq!(drawn(&story), Money::ZERO, "a runs again");
    assert_eq!(story.state.spent(), Money::from_picos(17));
}
