//! The provider's HTTP side: takes requests, throws the dice, sends what comes of it. Not here: what it says
//! (`answer`).

use super::{
    Fate, Shared,
    answer::{Answer, Mark, prompt_usage, wire_usage},
};
use crate::dice::Dice;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{Response, StatusCode, header::CONTENT_TYPE},
    routing::{any, post},
    serve::ListenerExt,
};
use futures::stream;
use nexus_model::price::Usage;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};
use tokio::net::TcpListener;

/// Where a call hangs, it does so for this long at most: networks end such connections, too.
const HANG: Duration = Duration::from_secs(12);

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/embeddings", post(embed))
        .route("/tool", any(tool))
        .with_state(shared);
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let _ = axum::serve(listener, router).await;
}

/// Counts an answer as under way until it is dropped.
struct InFlight(Arc<Shared>);

impl InFlight {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.in_flight.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.idle.send_modify(|()| {});
    }
}

/// A call that has come in: whose it is, and how it goes.
struct Arrived {
    mark: Mark,
    fate: Fate,
    dice: Dice,
}

fn arrive(shared: &Shared, text: &str) -> Option<Arrived> {
    let Some(mark) = Mark::find(text) else {
        shared.book().unknown += 1;
        return None;
    };
    let mut book = shared.book();
    let nth = book.nth.entry((mark.execution.clone(), mark.node.clone())).or_default();
    *nth += 1;
    let mut dice = Dice::new(shared.seed, &[&"call", &mark.job, &mark.node, &*nth]);
    let fate = Fate::of(&mut dice, shared.trouble);
    *book.fates.entry(fate.name()).or_default() += 1;
    let bill = book.bills.entry(mark.execution.clone()).or_default();
    bill.calls.push((SystemTime::now(), mark.node.clone()));
    Some(Arrived { mark, fate, dice })
}

fn charge(shared: &Shared, mark: &Mark, model: &Value, usage: &Usage) {
    let cost = shared.price(model.as_str().unwrap_or_default(), usage);
    let mut book = shared.book();
    let bill = book.bills.entry(mark.execution.clone()).or_default();
    bill.spent = bill.spent.plus(cost);
}

async fn complete(State(shared): State<Arc<Shared>>, body: Bytes) -> Response<Body> {
    let guard = InFlight::begin(&shared);
    let text = String::from_utf8_lossy(&body);
    let Ok(body) = serde_json::from_str::<Value>(&text) else { return plain(400, &refusal("not JSON")) };
    let Some(Arrived { mark, fate, mut dice }) = arrive(&shared, &text) else {
        return plain(400, &refusal("the prompt has no mark"));
    };
    let answer = Answer::of(&body, &mark, &mut dice);
    if fate.is_billed() {
        charge(&shared, &mark, &body["model"], &answer.usage);
    }
    let slow = fate == Fate::Slow;
    tokio::time::sleep(if slow { dice.millis(300, 1_500) } else { dice.millis(5, 250) }).await;
    match fate {
        Fate::Refused(status) => return plain(status, &refusal("scripted")),
        Fate::Throttled(pause) => {
            let mut response = plain(429, &refusal("scripted"));
            if let Ok(pause) = pause.to_string().parse() {
                response.headers_mut().insert("retry-after-ms", pause);
            }
            return response;
        }
        Fate::Silent => {
            tokio::time::sleep(HANG).await;
            return plain(504, &refusal("scripted"));
        }
        _ => {}
    }
    let pause = if slow { dice.millis(100, 500) } else { dice.millis(0, 40) };
    let acts = acts(&body, &answer, fate, &mut dice, pause);
    let body = Body::from_stream(stream::unfold((acts, guard), play));
    Response::builder().header(CONTENT_TYPE, "text/event-stream").body(body).unwrap_or_default()
}

/// Vectors without any meaning.
async fn embed(State(shared): State<Arc<Shared>>, body: Bytes) -> Response<Body> {
    let _guard = InFlight::begin(&shared);
    let text = String::from_utf8_lossy(&body);
    let Ok(body) = serde_json::from_str::<Value>(&text) else { return plain(400, &refusal("not JSON")) };
    let texts = body["input"].as_array().map_or(1, Vec::len);
    let usage = prompt_usage(&body, &mut Dice::new(texts as u64, &[]));
    let usage = Usage { input: usage.prompt(), ..Usage::default() };
    // The text that tells how long vectors are has no mark, and is nobody's.
    if text.contains("<<") {
        let Some(Arrived { mark, fate, .. }) = arrive(&shared, &text) else {
            return plain(400, &refusal("the text has no mark"));
        };
        if let Some(bill) = shared.book().bills.get_mut(&mark.execution) {
            bill.embeddings += 1;
        }
        match fate {
            Fate::Refused(status) => return plain(status, &refusal("scripted")),
            Fate::Throttled(_) => return plain(429, &refusal("scripted")),
            _ => charge(&shared, &mark, &body["model"], &usage),
        }
    }
    let dimensions = usize::try_from(body["dimensions"].as_u64().unwrap_or(1536)).unwrap_or(1536);
    let mut vector = vec![0.0; dimensions];
    if let Some(first) = vector.first_mut() {
        *first = 1.0;
    }
    let data: Vec<Value> =
        (0..texts).map(|index| json!({"object": "embedding", "index": index, "embedding": vector})).collect();
    plain(
        200,
        &json!({"object": "list", "model": body["model"], "data": data,
        "usage": {"prompt_tokens": usage.input, "total_tokens": usage.input}}),
    )
}

/// What tool nodes ask.
async fn tool(uri: axum::http::Uri) -> Response<Body> {
    let mut dice = Dice::new(0, &[&uri.to_string()]);
    tokio::time::sleep(dice.millis(1, 150)).await;
    let status = dice.weighted(&[(88, 200), (6, 503), (3, 429), (3, 404)]).unwrap_or(200);
    plain(status, &json!({"asked": uri.to_string()}))
}

enum Act {
    Send(Bytes),
    Wait(Duration),
    Break,
}

fn acts(body: &Value, answer: &Answer, fate: Fate, dice: &mut Dice, pause: Duration) -> VecDeque<Act> {
    let chunk = |delta: Value, finish: Option<&str>, usage: Option<&Usage>| {
        let usage = usage.map_or(Value::Null, wire_usage);
        json!({"id": "c", "object": "chat.completion.chunk", "created": 0, "model": body["model"],
            "service_tier": "default", "usage": usage,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let counting = fate == Fate::CutCounting;
    let parts = answer.parts(usize::try_from(dice.between(2, 8)).unwrap_or(2));
    let count = parts.len().max(1) as u64;
    let mut chunks = vec![chunk(json!({"role": "assistant", "content": ""}), None, None)];
    for (nth, part) in (1..).zip(parts) {
        let so_far = Usage { output: answer.usage.output * nth / count, ..answer.usage };
        chunks.push(chunk(json!({"content": part}), None, counting.then_some(&so_far)));
    }
    if !answer.calls.is_empty() {
        chunks.push(chunk(json!({"tool_calls": answer.calls}), None, None));
    }
    let whole = matches!(fate, Fate::Good | Fate::Slow | Fate::NoUsage);
    let sent = if whole { chunks.len() } else { dice.below(chunks.len()) };
    let mut acts: VecDeque<Act> = chunks
        .into_iter()
        .take(sent)
        .flat_map(|chunk| [Act::Wait(pause), Act::Send(event(&chunk))])
        .collect();
    match fate {
        Fate::Hang => acts.extend([Act::Wait(HANG), Act::Break]),
        Fate::Cut | Fate::CutCounting => acts.push_back(Act::Break),
        Fate::ErrorEvent => acts.push_back(Act::Send(event(&refusal("scripted")))),
        Fate::Short => {}
        _ => {
            acts.push_back(Act::Send(event(&chunk(json!({}), Some(answer.finish), None))));
            if fate != Fate::NoUsage {
                let mut last = chunk(json!({}), None, Some(&answer.usage));
                last["choices"] = json!([]);
                acts.push_back(Act::Send(event(&last)));
            }
            acts.push_back(Act::Send(Bytes::from_static(b"data: [DONE]\n\n")));
        }
    }
    acts
}

type Playing = (VecDeque<Act>, InFlight);

async fn play((mut acts, guard): Playing) -> Option<(io::Result<Bytes>, Playing)> {
    loop {
        match acts.pop_front()? {
            Act::Wait(pause) => tokio::time::sleep(pause).await,
            Act::Send(bytes) => return Some((Ok(bytes), (acts, guard))),
            Act::Break => {
                // What was sent before is flushed while this waits; the error would discard it.
                tokio::task::yield_now().await;
                return Some((Err(io::Error::other("scripted cut")), (acts, guard)));
            }
        }
    }
}

fn event(data: &Value) -> Bytes {
    format!("data: {data}\n\n").into()
}

fn refusal(message: &str) -> Value {
    json!({"error": {"type": "server_error", "code": "scripted", "message": message}})
}

fn plain(status: u16, body: &Value) -> Response<Body> {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap_or_default()
}
