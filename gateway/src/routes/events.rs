//! Events of an execution: stored ones as JSON, live ones as an event stream or over a WebSocket.
//! Not here: how a feed survives its source (`feed`) and reaches a client (`ws`, `sse`).

use crate::{
    app::App,
    context::Watch,
    error::{Answer, Failure},
    feed::{self, Events, Source},
    openapi::schemas,
    params::{Id, Query},
    sse, ws,
};
use axum::{
    Json,
    extract::{State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use nexus_api::CallCtx;
use nexus_model::{Event, ExecutionId, workflow::Page};

/// Most events of one call of the port.
const BATCH: u32 = 1_000;

/// List or follow an execution's events
///
/// As JSON, the events stored so far: all of them, or with `limit` a part whose `next_cursor` is the `after` of the
/// next one. With `Accept: text/event-stream`, those and the live ones as server-sent events: `id` is the sequence
/// number, `event` the type, `data` the same JSON as over WebSocket; `Last-Event-ID` goes before `after`; the stream
/// ends after the run's last event, and a browser that comes back then gets 204, so that it stops.
#[utoipa::path(
    get, path = "/api/v1/executions/{id}/events", tag = "executions", operation_id = "list_execution_events",
    params(
        schemas::ExecutionIdParam,
        schemas::After,
        ("limit" = Option<u32>, Query, description = "Most events of the JSON answer", minimum = 1, maximum = 1000),
        ("Last-Event-ID" = Option<u64>, Header, description = "Sequence number of the last event that an event-stream client has"),
    ),
    responses(
        (status = 200, description = "The events", content(
            (schemas::Page<schemas::Event> = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 204, description = "An event-stream client that comes back has seen everything"),
        (status = 404, description = "There is no such execution"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Watch(ctx): Watch,
    Id(id): Id<ExecutionId>,
    query: Query,
    headers: HeaderMap,
) -> Answer<Response> {
    let after = query.after()?;
    if sse::is_wanted(&headers) {
        return stream(&app, ctx, id, after, &headers).await;
    }
    let limit = query.number("limit", 1, BATCH)?;
    let ctx = ctx.with_timeout(app.options.timing.call);
    Ok(Json(stored(&app, &ctx, id, after, limit).await?).into_response())
}

async fn stored(
    app: &App,
    ctx: &CallCtx,
    id: ExecutionId,
    after: u64,
    limit: Option<u32>,
) -> Answer<Page<Event>> {
    let mut items: Vec<Event> = Vec::new();
    loop {
        let last = items.last().map_or(after, |event| event.seq);
        let batch = limit.unwrap_or(BATCH);
        let mut events = ctx.bound(app.ports.executor.list_events(ctx, id, last, batch)).await?;
        let full = events.len() >= batch as usize;
        items.append(&mut events);
        if full && limit.is_none() {
            continue;
        }
        let next_cursor = items.last().filter(|_| full).map(|event| event.seq.to_string());
        return Ok(Page { items, next_cursor });
    }
}

async fn stream(
    app: &App,
    ctx: CallCtx,
    id: ExecutionId,
    after: u64,
    headers: &HeaderMap,
) -> Answer<Response> {
    let timing = app.options.timing;
    let seen = headers.get(sse::LAST_EVENT_ID).map(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    let after = match seen {
        None => after,
        Some(Some(seq)) => seq.min(i64::MAX.unsigned_abs()),
        Some(None) => return Err(Failure::malformed("Last-Event-ID", "must be the `id` of an event")),
    };
    let source = Events { executor: app.ports.executor.clone(), ctx: ctx.clone(), id, timeout: timing.call };
    if seen.is_some() && source.is_over(after).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    // Opened before the answer begins, so that an unknown id is still a 404.
    let opened = ctx.clone().with_timeout(timing.call).bound(source.open(after)).await?;
    Ok(sse::stream(feed::follow(source, after, Some(opened), timing.resubscribe), &app.live, timing))
}

/// Follow an execution's events over WebSocket
///
/// Sends the events after `after`, then live ones and, live only and without `seq`, `agent_output_delta`. Closes with
/// 1000 after the run's last event, 4404 if there is no such execution, 1001 when the server goes down (come again
/// with the last `seq`), 1013 when the execution cannot be reached for long. With API keys, browsers offer the
/// subprotocols `nexus` and `bearer.KEY`; the answer is `nexus`.
#[utoipa::path(
    get, path = "/ws/executions/{id}", tag = "live", operation_id = "watch_execution",
    params(schemas::ExecutionIdParam, schemas::After, schemas::Subprotocol),
    responses(
        (status = 101, description = "The connection is a WebSocket now; each message is an event", body = schemas::LiveEvent),
        (status = 426, description = "The request is no WebSocket handshake"),
    )
)]
pub(crate) async fn watch(
    State(app): State<App>,
    Watch(ctx): Watch,
    Id(id): Id<ExecutionId>,
    query: Query,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let after = query.after()?;
    let timing = app.options.timing;
    let source = Events { executor: app.ports.executor.clone(), ctx, id, timeout: timing.call };
    ws::answer(upgrade, feed::follow(source, after, None, timing.resubscribe), &app)
}
