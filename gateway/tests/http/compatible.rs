//! OpenAI's addresses: the shapes of answers and failures. The official client's own view of them is among the end-to-end
//! tests. Not here: calling models.

use crate::support::{
    Answer, FakeExecutor, FakeLlm, FakeMemory, FakePlanner, FakeScraper, FakeSecrets, json_request, options,
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use http::Method;
use nexus_api::{
    BoxStream, CallCtx, Code, Error, Llm, Result,
    llm::{
        CompleteRequest, Completion, EmbedRequest, Embedded, FinishReason, Message, ModelInfo, StreamItem,
        ToolCall,
    },
};
use nexus_gateway::Ports;
use nexus_model::{Money, price::Usage};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

/// Answers by the words of the prompt, and remembers what it was asked.
#[derive(Default)]
struct Scripted {
    asked: Mutex<Vec<CompleteRequest>>,
}

impl Scripted {
    fn answer(&self, request: CompleteRequest) -> Result<Completion> {
        let prompt = request.messages.last().unwrap().content.clone();
        let first = self.asked.lock().unwrap().iter().all(|asked| asked.model != request.model);
        self.asked.lock().unwrap().push(request.clone());
        let call = || ToolCall { id: "c1".into(), name: "look".into(), arguments: "{\"a\":1}".into() };
        match prompt.as_str() {
            "broke" => return Err(Error::new(Code::BudgetExceeded, "no money").reason("key_budget_exceeded")),
            "unknown" => return Err(Error::new(Code::NotFound, "no such model").reason("unknown_model")),
            "no key" => {
                return Err(Error::new(Code::Unavailable, "no key")
                    .reason("provider_not_configured")
                    .retryable(false));
            }
            "later" if first => {
                let pause = std::time::Duration::from_millis(1);
                return Err(Error::new(Code::RateLimited, "later").retry_after(pause));
            }
            "down" if request.model.starts_with("openai/") => {
                return Err(Error::new(Code::Unavailable, "down").retryable(false));
            }
            _ => {}
        }
        let calls = prompt == "tools";
        Ok(Completion {
            model: request.model,
            provider: "x".into(),
            text: if calls { String::new() } else { "héllo".into() },
            tool_calls: if calls { vec![call()] } else { Vec::new() },
            finish_reason: if calls { FinishReason::ToolCalls } else { FinishReason::Stop },
            usage: Some(Usage { input: 7, cached_input: 2, output: 3, reasoning: 1, ..Usage::default() }),
            cost: Money::from_picos(1_234_567),
            cached: prompt == "again",
        })
    }
}

#[async_trait]
impl Llm for Scripted {
    async fn complete(&self, _: &CallCtx, request: CompleteRequest) -> Result<Completion> {
        self.answer(request)
    }
    async fn stream_complete(&self, _: &CallCtx, request: CompleteRequest) -> Result<BoxStream<StreamItem>> {
        let breaks = request.messages.last().unwrap().content == "breaks";
        let done = self.answer(request)?;
        let halves = done.text.clone();
        let (one, two) = halves.split_at(halves.len() / 2);
        let pieces = [one, two].map(str::to_owned).into_iter().filter(|piece| !piece.is_empty());
        let mut items: Vec<_> = pieces.map(|piece| Ok(StreamItem::Delta(piece))).collect();
        items.push(if breaks {
            Err(Error::new(Code::Unavailable, "it broke").reason("provider_bad_answer"))
        } else {
            Ok(StreamItem::Done(Box::new(done)))
        });
        Ok(stream::iter(items).boxed())
    }
    async fn embed(&self, _: &CallCtx, request: EmbedRequest) -> Result<Embedded> {
        let vectors = request.texts.iter().map(|text| vec![text.len() as f32, 0.5]).collect();
        let usage = Usage { input: 4, ..Usage::default() };
        Ok(Embedded { vectors, usage, cost: Money::from_picos(80_000) })
    }
    async fn count_tokens(&self, _: &CallCtx, _: String, _: Vec<Message>) -> Result<u64> {
        Ok(0)
    }
    async fn list_models(&self, ctx: &CallCtx) -> Result<Vec<ModelInfo>> {
        FakeLlm.list_models(ctx).await
    }
}

async fn send(llm: &Arc<Scripted>, method: Method, path: &str, body: &Value) -> Answer {
    let ports = Ports {
        planner: Arc::new(FakePlanner::default()),
        executor: Arc::new(FakeExecutor::default()),
        llm: llm.clone(),
        memory: Arc::new(FakeMemory),
        scraper: Arc::new(FakeScraper::default()),
        secrets: Arc::new(FakeSecrets),
    };
    let router = nexus_gateway::router(ports, options()).into_router();
    let response = router.oneshot(json_request(method, path, body)).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, bytes: bytes.to_vec() }
}

async fn chat(llm: &Arc<Scripted>, prompt: &str, more: Value) -> Answer {
    let mut body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    send(llm, Method::POST, "/v1/chat/completions", &body).await
}

fn pieces(answer: &Answer) -> Vec<Value> {
    let lines: Vec<&str> = answer.text().lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let (last, rest) = lines.split_last().unwrap();
    assert_eq!(*last, "[DONE]");
    rest.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn whole_answers() {
    let llm = Arc::new(Scripted::default());
    let answer = chat(&llm, "hi", json!({"n": 2})).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    assert_eq!(answer.header("x-nexus-cost-usd"), "0.000002469134");
    let body = answer.json();
    assert_eq!((&body["object"], &body["model"]), (&json!("chat.completion"), &json!("gpt-4o-mini")));
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-") && body["created"].as_i64().unwrap() > 0);
    assert_eq!(body["choices"][1]["message"]["content"], "héllo");
    assert_eq!(
        (&body["choices"][1]["index"], &body["choices"][1]["finish_reason"]),
        (&json!(1), &json!("stop"))
    );
    let usage = &body["usage"];
    assert_eq!(
        (&usage["prompt_tokens"], &usage["completion_tokens"], &usage["total_tokens"]),
        (&json!(18), &json!(6), &json!(24))
    );
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 4);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 2);
    assert_eq!(usage["cost_usd"], 0.000002469134);
    let asked = llm.asked.lock().unwrap()[0].clone();
    assert_eq!((asked.model.as_str(), asked.max_tokens), ("openai/gpt-4o-mini", Some(4096)));
    let tools = chat(&llm, "tools", json!({})).await.json();
    let message = &tools["choices"][0]["message"];
    assert_eq!(
        (&message["content"], &message["tool_calls"][0]["function"]["name"]),
        (&Value::Null, &json!("look"))
    );
    assert_eq!(tools["choices"][0]["finish_reason"], "tool_calls");
    let kept = chat(&llm, "again", json!({})).await;
    assert_eq!(kept.header("x-nexus-cached"), "true");
}

#[tokio::test]
async fn answers_in_pieces() {
    let llm = Arc::new(Scripted::default());
    let stream = json!({"stream": true, "n": 2, "stream_options": {"include_usage": true}});
    let answer = chat(&llm, "hi", stream.clone()).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let all = pieces(&answer);
    for index in 0..2 {
        let of: Vec<&Value> = all
            .iter()
            .filter_map(|piece| piece["choices"].get(0))
            .filter(|choice| choice["index"] == index)
            .collect();
        assert_eq!(of[0]["delta"]["role"], "assistant");
        let text: String = of.iter().filter_map(|choice| choice["delta"]["content"].as_str()).collect();
        assert_eq!((text.as_str(), &of.last().unwrap()["finish_reason"]), ("héllo", &json!("stop")));
    }
    let last = all.last().unwrap();
    assert_eq!((&last["choices"], &last["usage"]["completion_tokens"]), (&json!([]), &json!(6)));
    assert_eq!(last["usage"]["cost_usd"], 0.000002469134);
    let all = pieces(&chat(&llm, "tools", json!({"stream": true})).await);
    let calls: Vec<&Value> =
        all.iter().filter_map(|piece| piece["choices"][0]["delta"].get("tool_calls")).collect();
    assert_eq!(calls[0][0]["index"], 0);
    assert_eq!(calls[0][0]["function"]["arguments"], "{\"a\":1}");
    assert!(all.iter().all(|piece| piece.get("usage").is_none()));
    // One that breaks has no end that could be taken for one.
    let broken = chat(&llm, "breaks", json!({"stream": true})).await;
    assert!(!broken.text().contains("[DONE]"));
    let last =
        broken.text().lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap().to_owned();
    let error: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(error["error"]["code"], "provider_bad_answer");
}

#[tokio::test]
async fn failures_in_openais_words() {
    let llm = Arc::new(Scripted::default());
    for (prompt, more, status, kind, code) in [
        ("broke", json!({}), 402, "insufficient_quota", "key_budget_exceeded"),
        ("broke", json!({"stream": true}), 402, "insufficient_quota", "key_budget_exceeded"),
        ("unknown", json!({}), 404, "not_found_error", "model_not_found"),
        ("no key", json!({"stream": true}), 503, "server_error", "provider_not_configured"),
        ("hi", json!({"logprobs": true}), 400, "invalid_request_error", "unsupported_parameter"),
        ("hi", json!({"messages": 7}), 400, "invalid_request_error", "malformed"),
        ("hi", json!({"n": 0}), 400, "invalid_request_error", "invalid_request_error"),
    ] {
        let answer = chat(&llm, prompt, more).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        let error = answer.json()["error"].clone();
        assert_eq!((&error["type"], &error["code"]), (&json!(kind), &json!(code)), "{error}");
        assert!(!error["message"].as_str().unwrap().is_empty() && error.get("param").is_some());
        assert_eq!(answer.header("x-should-retry"), if status == 503 { "false" } else { "" });
    }
    let nothing = send(&llm, Method::GET, "/v1/nothing", &json!({})).await;
    assert_eq!((nothing.status.as_u16(), nothing.json()["error"]["code"].clone()), (404, json!("not_found")));
    let wrong = chat(&llm, "hi", json!({"n": 99})).await.json();
    assert_eq!(wrong["error"]["param"], "n");
}

#[tokio::test]
async fn failures_that_may_pass_are_tried_again_and_then_elsewhere() {
    let llm = Arc::new(Scripted::default());
    for more in [json!({}), json!({"stream": true, "model": "demo/x"})] {
        assert_eq!(chat(&llm, "later", more).await.status.as_u16(), 200);
    }
    assert_eq!(llm.asked.lock().unwrap().len(), 4);
    let fallbacks = json!({"fallbacks": ["claude-haiku-4-5"]});
    assert_eq!(chat(&llm, "down", fallbacks).await.status.as_u16(), 200);
    assert_eq!(llm.asked.lock().unwrap().last().unwrap().model, "anthropic/claude-haiku-4-5");
    assert_eq!(chat(&llm, "down", json!({})).await.status.as_u16(), 503);
}

#[tokio::test]
async fn vectors_and_models() {
    let llm = Arc::new(Scripted::default());
    let embed = |body: Value| {
        let llm = llm.clone();
        async move { send(&llm, Method::POST, "/v1/embeddings", &body).await }
    };
    let answer = embed(json!({"model": "text-embedding-3-small", "input": ["a", "bcd"]})).await;
    let body = answer.json();
    assert_eq!(body["data"][1], json!({"object": "embedding", "index": 1, "embedding": [3.0, 0.5]}));
    assert_eq!(body["usage"], json!({"prompt_tokens": 4, "total_tokens": 4, "cost_usd": 0.00000008}));
    assert_eq!(answer.header("x-nexus-cost-usd"), "0.00000008");
    let coded = embed(json!({"model": "m", "input": "a", "encoding_format": "base64"})).await.json();
    assert_eq!(coded["data"][0]["embedding"], "AACAPwAAAD8=");
    for input in [json!([]), json!([1, 2]), json!([[1], [2]]), json!(7), json!(["a", ""])] {
        let refused = embed(json!({"model": "m", "input": input})).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["error"]["param"]),
            (400, &json!("input")),
            "{input}"
        );
    }
    let models = send(&llm, Method::GET, "/v1/models", &json!({})).await.json();
    assert_eq!(
        models["data"][0],
        json!({"id": "demo/small", "object": "model", "created": 0, "owned_by": "demo"})
    );
}
