//! `POST /v1/chat/completions`: one answer or several, whole or as they are written. Not here: the shapes (`request`,
//! `answer`).

use super::{
    CACHED, COST,
    answer::{self, Frame},
    dollars, patient, persistently,
    request::{ChatRequest, Meaning},
};
use crate::{
    app::App,
    body::{RawJson, nesting, too_deep},
    context::Watch,
    error::{self, Answer, Failure},
};
use axum::{
    Json,
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{StreamExt, future, stream};
use http::{HeaderName, HeaderValue, header};
use nexus_api::{
    BoxStream, CallCtx, Code, Error, Llm, Result,
    llm::{CompleteRequest, Completion, StreamItem},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{convert::Infallible, sync::Arc};

/// Complete a chat, as OpenAI's API does
///
/// Any configured model, by `provider/model`. Whole answers carry their cost in the header `x-nexus-cost-usd`; it
/// stands in `usage.cost_usd`, too, also of a stream with `stream_options.include_usage`. Failures are in OpenAI's
/// shape.
#[utoipa::path(
    post, path = "/v1/chat/completions", tag = "compatible", operation_id = "create_chat_completion",
    request_body = ChatRequest,
    responses(
        (status = 200, description = "The answer; with `stream`, its pieces as server-sent events", body = Object),
        (status = 402, description = "The budget of the API key does not allow the call"),
        (status = 404, description = "There is no such model"),
    )
)]
pub(crate) async fn chat_completions(
    State(app): State<App>,
    Watch(ctx): Watch,
    RawJson(body): RawJson,
) -> Answer<Response> {
    let request: ChatRequest = read(&body, app.options.limits.json_depth)?;
    let streamed = request.stream == Some(true);
    let options = request.stream_options.as_ref();
    let include_usage = options.and_then(|options| options.include_usage) == Some(true);
    let meaning = request.meaning()?;
    let ctx = patient(ctx);
    let frame = Frame::new(ctx.request_id.as_deref(), &meaning.name);
    if streamed {
        let answers = open(&app, &ctx, &meaning).await?;
        return Ok(events(&app, frame, answers, include_usage));
    }
    let calls = (0..meaning.choices).map(|_| {
        persistently(&meaning.models, |model| {
            let call = CompleteRequest { model, ..meaning.call.clone() };
            let (llm, ctx) = (app.ports.llm.clone(), ctx.clone());
            async move { ctx.bound(llm.complete(&ctx, call)).await }
        })
    });
    let completions = future::try_join_all(calls).await?;
    let mut response = Json(frame.whole(&completions)).into_response();
    let headers = response.headers_mut();
    if let Ok(cost) = HeaderValue::from_str(&dollars(answer::cost(&completions))) {
        headers.insert(COST, cost);
    }
    if completions.iter().all(|completion| completion.cached) {
        headers.insert(CACHED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// A body of this type; members that it does not name are its own affair.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], depth: usize) -> Result<T> {
    if nesting(body) > depth {
        return Err(Error::new(Code::Malformed, too_deep(depth)));
    }
    serde_json::from_slice(body).map_err(|error| {
        Error::new(Code::Malformed, format!("the body is not a request of this address: {error}"))
    })
}

type Open = Vec<BoxStream<StreamItem>>;

/// Opens all answers: what fails before its first token is tried again, or elsewhere.
async fn open(app: &App, ctx: &CallCtx, meaning: &Meaning) -> Result<Open> {
    let opened = (0..meaning.choices).map(|_| {
        persistently(&meaning.models, |model| {
            let call = CompleteRequest { model, ..meaning.call.clone() };
            begun(app.ports.llm.clone(), ctx.clone(), call)
        })
    });
    future::try_join_all(opened).await
}

/// A stream whose first item is there.
async fn begun(llm: Arc<dyn Llm>, ctx: CallCtx, call: CompleteRequest) -> Result<BoxStream<StreamItem>> {
    let mut items = ctx.bound(llm.stream_complete(&ctx, call)).await?;
    match ctx.bound(async { items.next().await.transpose() }).await? {
        Some(first) => Ok(stream::iter([Ok(first)]).chain(items).boxed()),
        None => Err(Error::unavailable("the answer ended before it began")),
    }
}

enum Piece {
    Of(u32, StreamItem),
    Broken(Error),
}

fn events(app: &App, frame: Frame, answers: Open, include_usage: bool) -> Response {
    let roles: Vec<Value> = (0..)
        .zip(&answers)
        .map(|(index, _)| {
            frame.piece(index, &json!({"role": "assistant", "content": "", "refusal": null}), None)
        })
        .collect();
    let numbered = (0..).zip(answers).map(|(index, items)| {
        items
            .map(move |item| match item {
                Ok(item) => Piece::Of(index, item),
                Err(error) => Piece::Broken(error),
            })
            .boxed()
    });
    let pieces = stream::select_all(numbered);
    let written = stream::unfold(Some((pieces, frame, Vec::<Completion>::new())), move |open| async move {
        let (mut pieces, frame, mut done) = open?;
        match pieces.next().await {
            Some(Piece::Of(index, StreamItem::Delta(text))) => {
                let piece = frame.piece(index, &json!({"content": text}), None);
                Some((vec![piece.to_string()], Some((pieces, frame, done))))
            }
            Some(Piece::Of(index, StreamItem::Done(completion))) => {
                let last = frame.last(index, &completion).iter().map(Value::to_string).collect();
                done.push(*completion);
                Some((last, Some((pieces, frame, done))))
            }
            Some(Piece::Broken(error)) => {
                // Nothing after it, not even an end: a client must not take this for an answer.
                Some((vec![error::compatible(&Failure::from(error)).to_string()], None))
            }
            None => {
                let usage = include_usage.then(|| frame.usage(&done).to_string());
                Some((usage.into_iter().chain(["[DONE]".to_owned()]).collect(), None))
            }
        }
    });
    let first = stream::iter(roles.into_iter().map(|piece| piece.to_string()));
    let lines = first.chain(written.flat_map(stream::iter));
    let events = lines
        .map(|line| Ok::<_, Infallible>(Event::default().data(line)))
        .take_until(app.live.token().cancelled_owned());
    let keep_alive = KeepAlive::new().interval(app.options.timing.ping);
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would otherwise hold pieces back until its buffer is full.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
