//! The HTTP side of the scripted provider: takes requests, finds their reply, plays it. Not here: what replies say.

use super::{
    Format, Reply, Request, Shared, judge,
    reply::Ending,
    wire::{self, Answer},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header::CONTENT_TYPE},
    routing::{get, post},
    serve::ListenerExt,
};
use base64::Engine;
use futures::stream;
use nexus_model::price::Usage;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::TcpListener;

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let handler = |format: Format| {
        post(move |State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes| {
            answer(shared, format, headers, body)
        })
    };
    let router = Router::new()
        .route("/v1/chat/completions", handler(Format::OpenAi))
        .route("/v1/messages", handler(Format::Anthropic))
        .route("/v1/embeddings", handler(Format::Embeddings))
        .route("/stats", get(stats))
        .layer(axum::extract::DefaultBodyLimit::max(64 << 20))
        .with_state(Arc::clone(&shared));
    let listener = listener.tap_io(move |connection| {
        shared.change(|state| state.connections += 1);
        // Without it small answers wait for acknowledgements.
        let _ = connection.set_nodelay(true);
    });
    let _ = axum::serve(listener, router).await;
}

/// For tests that run the provider as a process of its own.
async fn stats(State(shared): State<Arc<Shared>>) -> String {
    shared.look(|state| {
        json!({"requests": state.requests.len(), "in_flight": state.in_flight, "most_in_flight": state.most_in_flight,
            "abandoned": state.abandoned, "spent_picodollars": state.spent.picos()})
        .to_string()
    })
}

/// Counts an answer as under way until it is dropped.
struct InFlight {
    shared: Arc<Shared>,
    completed: bool,
}

impl InFlight {
    fn begin(shared: Arc<Shared>, request: Request) -> Self {
        shared.change(|state| {
            state.requests.push(request);
            state.in_flight += 1;
            state.most_in_flight = state.most_in_flight.max(state.in_flight);
        });
        Self { shared, completed: false }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let completed = self.completed;
        self.shared.change(|state| {
            state.in_flight -= 1;
            if completed {
                state.completed += 1;
            } else {
                state.abandoned += 1;
            }
        });
    }
}

async fn answer(shared: Arc<Shared>, format: Format, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let text = String::from_utf8_lossy(&body).into_owned();
    let Ok(body) = serde_json::from_str::<Value>(&text) else {
        return plain(&Reply::error(400, "invalid_request_error", "the body is not JSON"), Vec::new());
    };
    let request = Request {
        format,
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        stream: body["stream"] == true,
        body,
        text,
        headers,
        at: Instant::now(),
    };
    let mut guard = InFlight::begin(Arc::clone(&shared), request.clone());
    if let Some(complaint) = judge::complaint(&request) {
        guard.completed = true;
        shared.change(|state| state.complaints.push(complaint.clone()));
        return plain(&Reply::error(400, "invalid_request_error", &complaint), Vec::new());
    }
    let reply = find(&shared, &request);
    let gate = shared
        .look(|state| state.gates.keys().find(|marker| request.text.contains(marker.as_str())).cloned());
    if let Some(gate) = gate {
        shared.pass(&gate).await;
    }
    wait(reply.delay).await;
    if reply.status.is_some() {
        guard.completed = true;
        return plain(&reply, Vec::new());
    }
    if format == Format::Embeddings {
        guard.completed = true;
        return plain(&reply, embeddings(&shared, &request).to_string().into_bytes());
    }
    let answer = Answer::of(&reply, &request);
    let provider = if format == Format::Anthropic { "anthropic" } else { "openai" };
    shared.bill(provider, &request.model, &answer.usage);
    if reply.ending == Ending::Hang(0) {
        std::future::pending::<()>().await;
    }
    let pieces: Vec<Vec<u8>> = if request.stream {
        answer.events(&reply, &request).into_iter().map(|(name, data)| event(&reply, name, &data)).collect()
    } else {
        let body = answer.whole(&reply, &request).to_string().into_bytes();
        if reply.truncated_gzip {
            guard.completed = true;
            let body = Body::from(wire::truncated_gzip(&body));
            let mut response = head(&reply, StatusCode::OK, "application/json", body);
            response.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
            return response;
        }
        if reply.ending == Ending::Complete && reply.gate.is_none() {
            guard.completed = true;
            return plain(&reply, body);
        }
        let (first, second) = body.split_at(body.len() / 2);
        vec![first.to_vec(), second.to_vec()]
    };
    let acts = acts(&reply, pieces, request.stream);
    let body = Body::from_stream(stream::unfold((acts, guard), play));
    let kind = if request.stream { "text/event-stream" } else { "application/json" };
    head(&reply, StatusCode::OK, kind, body)
}

/// The first single reply for this request, else the newest standing one, else an echo.
fn find(shared: &Shared, request: &Request) -> Reply {
    shared.change(|state| {
        if let Some(key) = &state.key {
            let bearer = request.headers.get("authorization").and_then(|value| value.to_str().ok());
            let given = bearer.and_then(|value| value.strip_prefix("Bearer "));
            let given = given.or(request.headers.get("x-api-key").and_then(|value| value.to_str().ok()));
            if given != Some(key) {
                return Reply::error(401, "authentication_error", "wrong key");
            }
        }
        if let Some(place) = state.once.iter().position(|(matcher, _)| (matcher.0)(request)) {
            return state.once.remove(place).1;
        }
        let standing = state.always.iter().rev().find(|(matcher, _)| (matcher.0)(request));
        standing.map(|(_, reply)| reply.clone()).unwrap_or_default()
    })
}

/// One step of a body.
enum Act {
    Wait(Duration),
    Gate(String),
    Send(Bytes),
    Hang,
    Cut,
}

fn acts(reply: &Reply, pieces: Vec<Vec<u8>>, stream: bool) -> VecDeque<Act> {
    let mut acts = VecDeque::new();
    let (end, last) = match &reply.ending {
        Ending::Complete => (usize::MAX, None),
        Ending::Hang(after) => (*after, Some(Act::Hang)),
        Ending::Cut(after) => (*after, Some(Act::Cut)),
        Ending::Stop(after) => (*after, None),
        Ending::Error(after, kind) => {
            let data = json!({"type": "error", "error": {"type": kind, "code": kind, "message": "scripted"}});
            (*after, Some(Act::Send(event(reply, Some("error"), &data.to_string()).into())))
        }
        Ending::Garbage(after) => (*after, Some(Act::Send(event(reply, None, "{\"choices\": [").into()))),
    };
    for (index, piece) in pieces.into_iter().enumerate() {
        if let Some((_, marker)) = reply.gate.as_ref().filter(|(after, _)| *after == index) {
            acts.push_back(Act::Gate(marker.clone()));
        }
        if index >= end {
            break;
        }
        if !reply.between.is_zero() {
            acts.push_back(Act::Wait(reply.between));
        }
        if reply.noise && stream {
            acts.push_back(Act::Send(Bytes::from_static(b": comment\n\n")));
        }
        if reply.single_bytes {
            acts.extend(piece.iter().map(|byte| Act::Send(Bytes::copy_from_slice(&[*byte]))));
        } else {
            acts.push_back(Act::Send(piece.into()));
        }
    }
    acts.extend(last);
    acts
}

type Playing = (VecDeque<Act>, InFlight);

async fn play((mut acts, mut guard): Playing) -> Option<(io::Result<Bytes>, Playing)> {
    loop {
        match acts.pop_front() {
            Some(Act::Wait(pause)) => wait(pause).await,
            Some(Act::Gate(marker)) => guard.shared.pass(&marker).await,
            Some(Act::Hang) => std::future::pending().await,
            Some(Act::Send(bytes)) => {
                // Nothing that follows the last piece may be waited for, so it counts as the end.
                guard.completed |= acts.is_empty();
                return Some((Ok(bytes), (acts, guard)));
            }
            Some(Act::Cut) => {
                guard.completed = true;
                // What was sent before is flushed while this waits; the error would discard it.
                tokio::task::yield_now().await;
                return Some((Err(io::Error::other("scripted cut")), (acts, guard)));
            }
            None => {
                guard.completed = true;
                return None;
            }
        }
    }
}

fn event(reply: &Reply, name: Option<&str>, data: &str) -> Vec<u8> {
    let end = if reply.crlf { "\r\n" } else { "\n" };
    let name = name.map(|name| format!("event: {name}{end}")).unwrap_or_default();
    let data = wire::with_halves(data);
    format!("{name}data: {data}{end}{end}").into_bytes()
}

fn plain(reply: &Reply, body: Vec<u8>) -> Response<Body> {
    let status = reply.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    let body = reply.body.clone().map(String::into_bytes).unwrap_or(body);
    head(reply, status, "application/json", Body::from(body))
}

fn head(reply: &Reply, status: StatusCode, kind: &str, body: Body) -> Response<Body> {
    let mut response = Response::builder().status(status).header(CONTENT_TYPE, kind);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    // A header that cannot be sent is a mistake in a test: it shows as a status that no test expects.
    response.body(body).unwrap_or_else(|_| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    })
}

async fn wait(pause: Duration) {
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
}

/// Vectors that are close for texts that share words.
fn embeddings(shared: &Shared, request: &Request) -> Value {
    let texts: Vec<&str> = match &request.body["input"] {
        Value::String(text) => vec![text],
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let usual = if request.model.ends_with("large") { 3072 } else { 1536 };
    let dimensions = request.body["dimensions"].as_u64().unwrap_or(usual).max(1);
    let usage = Usage { input: texts.iter().map(|text| wire::tokens(text)).sum(), ..Usage::default() };
    shared.bill("openai", &request.model, &usage);
    // The last first, as no client may rely on the order.
    let data = texts.iter().enumerate().rev().map(|(index, text)| {
        let mut vector = vec![0.0_f64; usize::try_from(dimensions).unwrap_or(1)];
        for word in text.split_whitespace() {
            let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x100_0000_01b3)
            });
            if let Some(place) = vector.get_mut(usize::try_from(hash % dimensions).unwrap_or_default()) {
                *place += 1.0;
            }
        }
        let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        let vector: Vec<f32> = vector.iter().map(|value| (value / length) as f32).collect();
        let embedding = if request.body["encoding_format"] == "base64" {
            let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
            json!(base64::engine::general_purpose::STANDARD.encode(bytes))
        } else {
            json!(vector)
        };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    });
    json!({"object": "list", "model": request.model, "data": data.collect::<Vec<_>>(),
        "usage": {"prompt_tokens": usage.input, "total_tokens": usage.input}})
}
