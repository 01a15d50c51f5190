//! Tools from the request to the calls, in both formats, however the provider cuts its answer into pieces.

use crate::*;
use nexus_api::llm::{FinishReason, ToolCall, ToolChoice, ToolDefinition};
use nexus_testkit::provider::{Matcher, Reply};
use serde_json::{Value, json};

fn tool(name: &str) -> ToolDefinition {
    let parameters = json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]});
    ToolDefinition { name: name.to_owned(), description: format!("Does {name}."), parameters }
}

fn asking(model: &str) -> CompleteRequest {
    CompleteRequest { tools: vec![tool("look"), tool("count")], ..ask(model, "find it") }
}

fn arguments(call: &ToolCall) -> Value {
    serde_json::from_str(&call.arguments).unwrap()
}

#[tokio::test]
async fn parallel_calls_survive_any_cut() {
    let (provider, gateway) = fixture().await;
    let (one, two) =
        (json!({"q": "é \"quoted\" \\ 😀𝄞\n{}"}), json!({"q": [], "deep": {"a": [1, null, "x"]}}));
    for (model, streamed) in ways() {
        let both = || Reply::tool_call("look", one.clone()).and_tool_call("count", two.clone());
        for reply in [
            both(),
            both().single_bytes(),
            both().crlf().noise(),
            both().argument_pieces(1000),
            both().argument_pieces(1000).split_characters(),
            both().argument_pieces(7).split_characters().single_bytes(),
            both().empty_deltas(),
        ] {
            let shown = format!("{model} {streamed} {reply:?}");
            provider.script(Matcher::any(), reply);
            let answer = call(&gateway, streamed, asking(model)).await.unwrap();
            assert_eq!(answer.finish_reason, FinishReason::ToolCalls, "{shown}");
            assert_eq!(answer.text, "");
            let names: Vec<&str> = answer.tool_calls.iter().map(|call| call.name.as_str()).collect();
            assert_eq!(names, ["look", "count"], "{shown}");
            assert_eq!(
                answer.tool_calls.iter().map(arguments).collect::<Vec<_>>(),
                [one.clone(), two.clone()]
            );
            assert_ne!(answer.tool_calls[0].id, answer.tool_calls[1].id);
        }
    }
}

#[tokio::test]
async fn a_text_may_stand_before_calls_and_characters_may_be_cut() {
    let (provider, gateway) = fixture().await;
    for (model, streamed) in ways() {
        let reply =
            Reply::text("I look 😀𝄞é").and_tool_call("look", json!({})).chunks(100).split_characters();
        provider.script(Matcher::any(), reply);
        let answer = call(&gateway, streamed, asking(model)).await.unwrap();
        assert_eq!((answer.text.as_str(), answer.tool_calls.len()), ("I look 😀𝄞é", 1), "{model} {streamed}");
        assert_eq!(answer.tool_calls[0].arguments, "{}");
    }
}

#[tokio::test]
async fn results_go_back_as_each_provider_wants_them() {
    let (provider, gateway) = fixture().await;
    for model in [OPENAI, ANTHROPIC] {
        provider.script(
            Matcher::any(),
            Reply::tool_call("look", json!({"q": 1})).and_tool_call("count", json!({})),
        );
        let mut request = asking(model);
        let answer = call(&gateway, true, request.clone()).await.unwrap();
        request.messages.push(Message {
            tool_calls: answer.tool_calls.clone(),
            ..Message::new(Role::Assistant, answer.text)
        });
        for (call, said) in answer.tool_calls.iter().zip(["found", "3"]) {
            request
                .messages
                .push(Message { tool_call_id: Some(call.id.clone()), ..Message::new(Role::Tool, said) });
        }
        provider.script(Matcher::any(), Reply::text("There are 3."));
        let end = call(&gateway, true, request).await.unwrap();
        assert_eq!((end.text.as_str(), end.finish_reason), ("There are 3.", FinishReason::Stop));
        let body = provider.requests().pop().unwrap().body;
        let turns = body["messages"].as_array().unwrap();
        if model == OPENAI {
            assert_eq!(turns.len(), 4);
            assert_eq!(turns[2]["role"], "tool");
            assert_eq!(turns[1]["tool_calls"][1]["function"], json!({"name": "count", "arguments": "{}"}));
            assert_eq!(turns[3]["tool_call_id"], turns[1]["tool_calls"][1]["id"]);
        } else {
            // The results of parallel calls are one turn of the user's.
            assert_eq!(turns.len(), 3);
            let results = turns[2]["content"].as_array().unwrap();
            assert_eq!(results.len(), 2);
            assert!(results.iter().all(|result| result["type"] == "tool_result"));
            assert_eq!(results[1]["tool_use_id"], turns[1]["content"][1]["id"]);
        }
    }
}

#[tokio::test]
async fn a_choice_is_said_in_each_format_and_in_words_where_it_cannot_be_forced() {
    let (provider, gateway) = fixture().await;
    let named = || ToolChoice::Tool("look".to_owned());
    for (model, choice, wire) in [
        (OPENAI, ToolChoice::Auto, Value::Null),
        (OPENAI, ToolChoice::None, json!("none")),
        (OPENAI, ToolChoice::Required, json!("required")),
        (OPENAI, named(), json!({"type": "function", "function": {"name": "look"}})),
        (ANTHROPIC, ToolChoice::None, json!({"type": "none"})),
        (ANTHROPIC, ToolChoice::Required, json!({"type": "any", "disable_parallel_tool_use": true})),
        (ANTHROPIC, named(), json!({"type": "tool", "name": "look", "disable_parallel_tool_use": true})),
        ("anthropic/claude-sonnet-5-5", named(), json!({"type": "auto", "disable_parallel_tool_use": true})),
    ] {
        let parallel = (model != OPENAI).then_some(false);
        provider.script(Matcher::any(), Reply::text("x"));
        let request = CompleteRequest { tool_choice: choice, parallel_tool_calls: parallel, ..asking(model) };
        call(&gateway, false, request).await.unwrap();
        let body = provider.requests().pop().unwrap().body;
        assert_eq!(body["tool_choice"], wire, "{model}");
        assert_eq!(body["system"] == "Call the tool look.", model.ends_with("sonnet-5-5"));
    }
    let wrong = CompleteRequest { tool_choice: ToolChoice::Tool("jump".into()), ..asking(OPENAI) };
    assert_eq!(
        call(&gateway, false, wrong).await.unwrap_err().reason.as_deref(),
        Some("provider_bad_request")
    );
}

#[tokio::test]
async fn the_demo_model_calls_tools_and_then_answers() {
    let (_, gateway) = fixture().await;
    let mut request = CompleteRequest {
        tools: vec![tool("look_up"), tool("weather_report")],
        ..ask("demo/small", "What is the weather?")
    };
    for round in 0..2 {
        let answer = call(&gateway, true, request.clone()).await.unwrap();
        assert_eq!(answer.finish_reason, FinishReason::ToolCalls, "{round}");
        assert_eq!(answer.tool_calls.len(), 1);
        assert_eq!(answer.tool_calls[0].name, "weather_report");
        assert!(arguments(&answer.tool_calls[0])["q"].is_string());
        let id = answer.tool_calls[0].id.clone();
        request.messages.push(Message { tool_calls: answer.tool_calls, ..Message::new(Role::Assistant, "") });
        request
            .messages
            .push(Message { tool_call_id: Some(id), ..Message::new(Role::Tool, "sunny, 21 degrees") });
        let end = call(&gateway, false, request.clone()).await.unwrap();
        assert_eq!(end.finish_reason, FinishReason::Stop);
        assert!(end.text.contains("sunny, 21 degrees"), "{}", end.text);
        request.messages.push(Message::new(Role::Assistant, end.text));
        request.messages.push(Message::new(Role::User, "And the weather tomorrow?"));
    }
    let never = CompleteRequest { tool_choice: ToolChoice::None, ..request };
    assert!(call(&gateway, false, never).await.unwrap().tool_calls.is_empty());
}
