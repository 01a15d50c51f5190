//! Tools as steps, and tools that models use. Not here: doing them (`nexus-executor`).

use crate::story::{Story, agent, edge};
use nexus_engine::{Exchange, ToolWork};
use nexus_model::{ExecutionStatus, execution::NodeStatus};
use serde_json::{Value, json};

fn attached(id: &str, config: Value) -> (Value, Value) {
    let mut edge = edge(id, "a");
    edge["target_handle"] = "tools".into();
    (json!({"id": id, "type": "tool", "config": config}), edge)
}

fn with_tools(tools: Vec<(Value, Value)>, extra: Value, policy: Value) -> Story {
    let (mut nodes, mut edges) = (vec![agent("a", extra, policy)], Vec::new());
    for (node, edge) in tools {
        nodes.push(node);
        edges.push(edge);
    }
    Story::new(json!(nodes), json!(edges))
}

fn weather() -> (Value, Value) {
    attached(
        "weather",
        json!({
            "tool": "http_request", "url": "https://weather.example/{{ args.city | urlencode }}",
            "description": "The weather in a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        }),
    )
}

#[test]
fn a_request_is_rendered_and_its_answer_is_the_output() {
    let nodes = json!([{"id": "t", "type": "tool", "config": {
        "tool": "http_request", "method": "POST", "url": "https://example.com/{{ inputs.name | urlencode }}",
        "headers": {"Authorization": "Bearer {{ inputs.key }}", "X-Name": "{{ inputs.name }}"},
        "body": {"name": "{{ inputs.name }}", "deep": [{"n": 1}]},
    }}]);
    let mut story = Story::with_inputs(nodes, json!([]), json!({"name": "a b", "key": "k1"}));
    let ToolWork::Http { method, url, headers, body, .. } = story.tool(0).clone() else { panic!() };
    assert_eq!((method.as_str(), url.as_str()), ("POST", "https://example.com/a%20b"));
    assert_eq!(headers["Authorization"], "Bearer k1");
    assert_eq!(body, Some(json!({"name": "a b", "deep": [{"n": 1}]})));
    let input = story.view("t").input.unwrap();
    assert_eq!(input["headers"], json!({"Authorization": "[hidden]", "X-Name": "a b"}));
    story.returns("t", Ok(json!({"status": 200, "headers": {}, "body": {"ok": true}})));
    assert_eq!(story.state.outputs()["t"]["body"]["ok"], true);
}

#[test]
fn a_tool_is_retried_as_its_policy_says() {
    let node = json!({"id": "t", "type": "tool", "config": {"tool": "http_request", "url": "https://example.com"},
        "policy": {"retry": {"max_attempts": 2}}});
    let mut story = Story::new(json!([node]), json!([]));
    story.returns("t", Err(("http_status", true)));
    story.returns("t", Err(("http_status", true)));
    assert_eq!(story.state.status, ExecutionStatus::Failed);
    assert_eq!(story.view("t").attempts.len(), 2);
}

#[test]
fn what_may_do_harm_twice_is_not_done_again_after_a_crash() {
    let node = |idempotent: bool| {
        json!([{"id": "t", "type": "tool", "config": {
        "tool": "http_request", "method": "POST", "url": "https://example.com", "idempotent": idempotent}}])
    };
    let mut story = Story::new(node(false), json!([]));
    story.crash();
    assert_eq!(story.state.failure.as_ref().unwrap().code, "outcome_unknown");
    let mut harmless = Story::new(node(true), json!([]));
    harmless.crash();
    assert_eq!(harmless.in_flight(), ["t"]);
}

#[test]
fn a_model_uses_its_tools_in_parallel_and_is_told_what_came() {
    let time = attached("clock", json!({"tool": "template", "template": "noon in {{ args.zone }}"}));
    let mut story = with_tools(vec![weather(), time], json!({}), json!({}));
    assert_eq!(story.model(0).tools.len(), 2);
    assert_eq!(story.state.agent_executions().len(), 1, "an attached tool has no entry of its own");
    story.want(
        "a",
        &[
            ("1", "weather", json!({"city": "São Paulo"})),
            ("2", "weather", json!({"city": "Oslo"})),
            ("3", "clock", json!({"zone": "UTC"})),
        ],
    );
    assert_eq!(story.in_flight(), ["a", "a"], "the clock needs no call");
    assert!(
        matches!(story.tool(0), ToolWork::Http { url, .. } if url == "https://weather.example/S%C3%A3o%20Paulo")
    );
    story.returns("a", Ok(json!({"status": 200, "headers": {}, "body": "rain"})));
    assert_eq!(story.in_flight(), ["a"], "the model waits for both");
    story.returns("a", Err(("dns_failed", true)));
    let Exchange::Tools(turn) = &story.model(0).said[0] else { panic!("{:?}", story.model(0).said) };
    let results: Vec<String> = turn.uses.iter().map(|asked| asked.result()).collect();
    assert!(results[0].contains("rain"));
    assert_eq!(results[1..], ["error: scripted", "noon in UTC"]);
    story.end_of("a", Ok("It rains."));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
    let attempts = story.view("a").attempts;
    assert_eq!(attempts.len(), 1);
    let calls = &attempts[0].tool_calls;
    assert_eq!(calls.len(), 3);
    assert_eq!((calls[0].tool.as_str(), &calls[0].args), ("weather", &json!({"city": "São Paulo"})));
    assert_eq!(calls[0].output.as_ref().unwrap()["body"], "rain");
    assert_eq!(calls[1].error.as_deref(), Some("scripted"));
    assert_eq!(attempts[0].tokens.prompt, 2 * 4, "every call counts");
}

#[test]
fn wrong_arguments_go_back_to_the_model() {
    let mut story = with_tools(vec![weather()], json!({}), json!({}));
    story.want(
        "a",
        &[
            ("", "weather", json!({"city": 5})),
            ("", "wether", json!({"city": "Oslo"})),
            ("x", "weather", json!("{\"city\": ")),
            ("x", "weather", json!("[]")),
        ],
    );
    let Exchange::Tools(turn) = &story.model(0).said[0] else { panic!() };
    let errors: Vec<&str> = turn.uses.iter().filter_map(|asked| asked.error.as_deref()).collect();
    assert!(errors[0].contains("/city"), "{errors:?}");
    assert!(errors[1].contains("there is no tool `wether`; there are: weather"), "{errors:?}");
    assert!(errors[2].contains("not JSON") && errors[3].contains("object"), "{errors:?}");
    let ids: std::collections::HashSet<_> = turn.uses.iter().map(|asked| &asked.id).collect();
    assert_eq!(ids.len(), 4, "uses can be told apart");
}

#[test]
fn rounds_are_limited_and_the_last_question_allows_no_tools() {
    let mut story = with_tools(vec![weather()], json!({"max_tool_rounds": 2}), json!({}));
    for round in 0..2 {
        assert!(story.model(0).tools_allowed, "{round}");
        story.want("a", &[("1", "weather", json!({"city": "Oslo"}))]);
        story.returns("a", Ok(json!("rain")));
    }
    assert!(!story.model(0).tools_allowed);
    story.want("a", &[("1", "weather", json!({"city": "Oslo"}))]);
    assert_eq!(story.state.failure.as_ref().unwrap().code, "tool_rounds_exhausted");
}

#[test]
fn a_retry_goes_on_with_what_was_said() {
    let mut story = with_tools(
        vec![weather()],
        json!({"fallbacks": ["fake/b"], "checks": ["output.text != 'bad'"]}),
        json!({"retry": {"max_attempts": 1}}),
    );
    story.want("a", &[("1", "weather", json!({"city": "Oslo"}))]);
    story.returns("a", Ok(json!("rain")));
    story.end_of("a", Err(("overloaded", true)));
    assert_eq!(story.model(0).model, "fake/b");
    assert_eq!(story.model(0).said.len(), 1, "the round is not paid again");
    story.end_of("a", Ok("bad"));
    assert_eq!(story.model(0).said.len(), 2);
    story.want("a", &[("1", "weather", json!({"city": "Rome"}))]);
    story.returns("a", Ok(json!("sun")));
    assert!(matches!(story.model(0).said[1], Exchange::Rejected(_)));
    assert!(matches!(story.model(0).said[2], Exchange::Tools(_)), "in the order it was said");
    story.end_of("a", Ok("good"));
    assert_eq!(story.state.status, ExecutionStatus::Succeeded);
}

#[test]
fn a_crash_in_a_round_keeps_the_rounds_before_it() {
    let order =
        attached("order", json!({"tool": "http_request", "method": "POST", "url": "https://shop.example/"}));
    let mut story = with_tools(vec![weather(), order], json!({}), json!({}));
    story.want("a", &[("1", "weather", json!({"city": "Oslo"}))]);
    story.returns("a", Ok(json!("rain")));
    story.want("a", &[("2", "weather", json!({"city": "Rome"})), ("3", "order", json!({}))]);
    story.crash();
    assert_eq!(story.in_flight(), ["a"], "only what is harmless is done again");
    assert!(matches!(story.tool(0), ToolWork::Http { url, .. } if url.ends_with("Rome")));
    story.returns("a", Ok(json!("sun")));
    assert_eq!(story.model(0).said.len(), 2);
    let Exchange::Tools(turn) = &story.model(0).said[1] else { panic!() };
    assert!(turn.uses[1].error.as_ref().unwrap().contains("outcome is unknown"));
    story.crash();
    assert_eq!(story.model(0).said.len(), 2, "the question is asked again with all that was said");
    story.end_of("a", Ok("done"));
    assert_eq!(story.status("a"), NodeStatus::Succeeded);
}

#[test]
fn an_attempt_that_took_too_long_is_not_gone_on_with() {
    let mut story =
        with_tools(vec![weather()], json!({}), json!({"timeout_seconds": 5, "retry": {"max_attempts": 1}}));
    story.want("a", &[("1", "weather", json!({"city": "Oslo"}))]);
    assert!(story.calls[0].timeout.as_secs() <= 5);
    story.now = story.now.plus(std::time::Duration::from_secs(6));
    story.returns("a", Ok(json!("rain")));
    assert_eq!(story.state.failure.as_ref().unwrap().code, "timeout");
}

/// Plans refuse computed references; whoever runs a document without asking a plan gets no more than an agent may see.
#[test]
fn a_tool_of_two_agents_reads_for_each_what_that_one_may_read() {
    let tool = json!({"id": "look", "type": "tool", "config": {"tool": "template",
        "template": "{{ nodes[args.which].output.text }}"}});
    let mut edges = vec![edge("x", "a")];
    for agent in ["a", "b"] {
        let mut attached = edge("look", agent);
        attached["target_handle"] = "tools".into();
        edges.push(attached);
    }
    let nodes = json!([
        agent("x", json!({}), json!({})),
        agent("a", json!({}), json!({})),
        agent("b", json!({}), json!({})),
        tool,
    ]);
    let mut story = Story::new(nodes, json!(edges));
    story.end_of("x", Ok("of x"));
    story.want("a", &[("1", "look", json!({"which": "x"}))]);
    story.want("b", &[("1", "look", json!({"which": "x"}))]);
    let found = |id: &str| story.view(id).attempts[0].tool_calls[0].clone();
    assert_eq!(found("a").output, Some(json!({"text": "of x"})));
    assert!(found("b").output.is_none() && found("b").error.is_some(), "{:?}", found("b"));
}
