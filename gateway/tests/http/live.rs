//! Live streams over TCP: WebSockets and server-sent events, with executors that break.

use crate::support::{Break, Server, World, keys, options};
use axum::body::Body;
use futures::{SinkExt, StreamExt};
use http::{HeaderValue, Request};
use nexus_gateway::Options;
use nexus_model::{EventType, ExecutionId};
use serde_json::{Value, json};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

type Socket = WebSocketStream<TcpStream>;

async fn connect(server: &Server, path: &str) -> Socket {
    connect_offering(server, path, &[]).await.unwrap().0
}

async fn connect_offering(
    server: &Server,
    path: &str,
    protocols: &[&str],
) -> Result<(Socket, tungstenite::handshake::client::Response), tungstenite::Error> {
    let mut request = format!("ws://{}{path}", server.addr).into_client_request().unwrap();
    if !protocols.is_empty() {
        let value = HeaderValue::from_str(&protocols.join(", ")).unwrap();
        request.headers_mut().insert("sec-websocket-protocol", value);
    }
    tokio_tungstenite::client_async(request, TcpStream::connect(server.addr).await.unwrap()).await
}

async fn next(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn next_seq(socket: &mut Socket) -> u64 {
    let event = next(socket).await;
    event["seq"].as_u64().unwrap_or_else(|| panic!("{event}"))
}

/// The messages up to the close, and its code and reason.
async fn rest(socket: &mut Socket) -> (Vec<Value>, u16, String) {
    let mut messages = Vec::new();
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => messages.push(serde_json::from_str(&text).unwrap()),
            Message::Close(frame) => {
                let frame = frame.unwrap();
                return (messages, frame.code.into(), frame.reason.to_string());
            }
            _ => {}
        }
    }
}

async fn until_closed(socket: &mut Socket) -> (Vec<u64>, u16) {
    let (messages, code, _) = rest(socket).await;
    (messages.iter().map(|event| event["seq"].as_u64().unwrap()).collect(), code)
}

fn path(id: ExecutionId, after: u64) -> String {
    format!("/ws/executions/{id}?after={after}")
}

#[tokio::test]
async fn stored_events_come_first_then_live_ones_then_1000() {
    let world = World::new(options());
    let server = world.serve().await;
    let id = world.executor.run();
    world.executor.event(id, EventType::ExecutionStarted);
    world.executor.delta(id, "said before anybody listened");
    let mut socket = connect(&server, &format!("/ws/executions/{id}")).await;
    let first = next(&mut socket).await;
    let timestamp = first["timestamp"].clone();
    assert_eq!(
        first,
        json!({"seq": 1, "execution_id": id, "type": "execution_started", "agent_id": null,
            "data": {"line": "a\nb\rc"}, "timestamp": timestamp})
    );
    world.executor.delta(id, "Hel");
    world.executor.event(id, EventType::AgentStarted);
    let delta = next(&mut socket).await;
    assert_eq!(
        (&delta["type"], &delta["data"]["text"], delta.get("seq")),
        (&json!("agent_output_delta"), &json!("Hel"), None)
    );
    assert_eq!(next_seq(&mut socket).await, 2);
    world.executor.event(id, EventType::ExecutionCompleted);
    assert_eq!(until_closed(&mut socket).await, (vec![3], 1000));
    world.executor.until_open(0).await;
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed() {
    let world = World::new(options());
    let server = world.serve().await;
    let id = world.executor.finished_run(5);
    for (after, seqs) in
        [(0, vec![1, 2, 3, 4, 5]), (3, vec![4, 5]), (5, vec![]), (99, vec![]), (u64::MAX, vec![])]
    {
        let mut socket = connect(&server, &path(id, after)).await;
        assert_eq!(until_closed(&mut socket).await, (seqs, 1000), "after {after}");
    }
    let running = world.executor.run();
    let mut socket = connect(&server, &path(running, 2)).await;
    world.executor.until_open(1).await;
    for kind in [EventType::ExecutionStarted, EventType::AgentStarted, EventType::ExecutionCompleted] {
        world.executor.event(running, kind);
    }
    assert_eq!(until_closed(&mut socket).await, (vec![3], 1000));
}

#[tokio::test]
async fn a_resumed_execution_goes_on_in_the_same_sequence() {
    let world = World::new(options());
    let server = world.serve().await;
    let id = world.executor.finished_run(3);
    world.executor.event(id, EventType::ExecutionStarted);
    let mut socket = connect(&server, &path(id, 0)).await;
    for seq in 1..=4 {
        assert_eq!(next_seq(&mut socket).await, seq);
    }
    world.executor.event(id, EventType::ExecutionCompleted);
    assert_eq!(until_closed(&mut socket).await, (vec![5], 1000));
}

#[tokio::test]
async fn an_unknown_id_is_accepted_and_closed_with_4404() {
    let world = World::new(options());
    let server = world.serve().await;
    let mut socket = connect(&server, &path(ExecutionId::generate(), 0)).await;
    let (messages, code, reason) = rest(&mut socket).await;
    assert_eq!((messages.len(), code), (0, 4404));
    assert!(reason.contains("does not exist"));
    let error = connect_offering(&server, "/ws/executions/nonsense", &[]).await.unwrap_err();
    assert!(matches!(error, tungstenite::Error::Http(response) if response.status().as_u16() == 400));
}

#[tokio::test]
async fn who_says_too_much_is_told_so() {
    let world = World::new(options());
    let server = world.serve().await;
    let id = world.executor.run();
    for size in [(16 << 10) + 1, 900 << 10, (1 << 20) + 1] {
        for message in [Message::text("x".repeat(size)), Message::binary(vec![0; size])] {
            let mut socket = connect(&server, &path(id, 0)).await;
            socket.send(message).await.unwrap();
            assert_eq!(until_closed(&mut socket).await, (vec![], 1009), "{size}");
        }
    }
    // Anything smaller is ignored.
    let mut socket = connect(&server, &path(id, 0)).await;
    socket.send(Message::text("x".repeat(16 << 10))).await.unwrap();
    world.executor.event(id, EventType::ExecutionCompleted);
    assert_eq!(until_closed(&mut socket).await, (vec![1], 1000));
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_the_executor_breaks() {
    for how in [Break::Unavailable, Break::Politely] {
        let world = World::new(options());
        let server = world.serve().await;
        let id = world.executor.run();
        world.executor.event(id, EventType::ExecutionStarted);
        let mut socket = connect(&server, &path(id, 0)).await;
        assert_eq!(next_seq(&mut socket).await, 1);
        world.executor.set_down(true);
        world.executor.break_streams(how);
        world.executor.event(id, EventType::AgentStarted);
        world.executor.until_open(0).await;
        world.executor.set_down(false);
        assert_eq!(next_seq(&mut socket).await, 2);
        world.executor.break_streams(how);
        world.executor.event(id, EventType::ExecutionCompleted);
        assert_eq!(until_closed(&mut socket).await, (vec![3], 1000), "{how:?}");
        let watches = world.executor.watches();
        assert_eq!((watches[0], watches[1]), (0, 1), "{how:?}");
    }
}

#[tokio::test]
async fn a_client_is_sent_away_when_the_executor_stays_down() {
    let mut options = options();
    options.timing.resubscribe = Duration::from_millis(50);
    let world = World::new(options);
    let server = world.serve().await;
    let id = world.executor.run();
    world.executor.set_down(true);
    let mut socket = connect(&server, &path(id, 0)).await;
    assert_eq!(until_closed(&mut socket).await, (vec![], 1013));
}

#[tokio::test]
async fn clients_are_told_when_the_server_goes_down() {
    let world = World::new(options());
    let mut server = world.serve().await;
    let id = world.executor.run();
    world.executor.event(id, EventType::ExecutionStarted);
    let mut socket = connect(&server, &path(id, 0)).await;
    assert_eq!(next_seq(&mut socket).await, 1);
    let mut idle = connect(&server, &path(id, 1)).await;
    let stream = sse(&world, &format!("/api/v1/executions/{id}/events"), None).await;
    server.stop();
    assert_eq!(until_closed(&mut socket).await, (vec![], 1001));
    assert_eq!(until_closed(&mut idle).await, (vec![], 1001));
    assert!(stream.into_body().into_data_stream().count().await <= 2);
    drop((socket, idle));
    server.task.await.unwrap().unwrap();
    world.executor.until_open(0).await;
}

#[tokio::test]
async fn a_client_that_vanishes_is_noticed() {
    let mut options = options();
    options.timing.ping = Duration::from_millis(20);
    let world = World::new(options);
    let server = world.serve().await;
    let id = world.executor.run();
    let gone = connect(&server, &path(id, 0)).await;
    world.executor.until_open(1).await;
    drop(gone);
    world.executor.until_open(0).await;
    // This one keeps its connection but never answers a ping, because nobody reads from it.
    let silent = connect(&server, &path(id, 0)).await;
    world.executor.until_open(1).await;
    world.executor.until_open(0).await;
    drop(silent);
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let mut options = options();
    options.timing.ping = Duration::from_millis(250);
    let world = World::new(options);
    let server = world.serve().await;
    let id = world.executor.run();
    let mut socket = connect(&server, &path(id, 0)).await;
    for _ in 0..4 {
        assert!(matches!(socket.next().await.unwrap().unwrap(), Message::Ping(_)));
    }
    world.executor.event(id, EventType::ExecutionStarted);
    assert_eq!(next_seq(&mut socket).await, 1);
}

#[tokio::test]
async fn a_client_may_close_first_and_talk_in_vain() {
    let world = World::new(options());
    let server = world.serve().await;
    let id = world.executor.run();
    world.executor.event(id, EventType::ExecutionStarted);
    let mut socket = connect(&server, &path(id, 0)).await;
    futures::SinkExt::send(&mut socket, Message::text("hello?")).await.unwrap();
    assert_eq!(next_seq(&mut socket).await, 1);
    socket.close(None).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        assert!(
            matches!(&message, Message::Close(Some(f)) if f.code == CloseCode::Normal) || message.is_close()
        );
    }
    world.executor.until_open(0).await;
}

#[tokio::test]
async fn a_slow_client_gets_everything_in_order() {
    let world = World::new(options());
    let server = world.serve().await;
    let id = world.executor.finished_run(20_000);
    let mut socket = connect(&server, &path(id, 0)).await;
    assert_eq!(until_closed(&mut socket).await, ((1..=20_000).collect(), 1000));
}

#[tokio::test]
async fn keys_travel_as_header_or_subprotocol() {
    let world = World::new(Options { access: keys(), ..options() });
    let server = world.serve().await;
    let id = world.executor.finished_run(2);
    let path = path(id, 0);
    for offer in [&[][..], &["nexus"], &["nexus", "bearer.wrong"]] {
        let error = connect_offering(&server, &path, offer).await.unwrap_err();
        assert!(matches!(error, tungstenite::Error::Http(response) if response.status().as_u16() == 401));
    }
    let (mut socket, response) = connect_offering(&server, &path, &["nexus", "bearer.secret"]).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "nexus");
    assert_eq!(until_closed(&mut socket).await, (vec![1, 2], 1000));
}

#[tokio::test]
async fn foreign_pages_cannot_open_a_websocket() {
    let world = World::new(options());
    let server = world.serve().await;
    let id = world.executor.finished_run(2);
    for (origin, host, allowed) in [
        (Some(format!("http://{}", server.addr)), None, true),
        (Some("https://evil.example".to_owned()), None, false),
        (Some("null".to_owned()), None, false),
        (None, Some("rebound.example"), false),
    ] {
        let mut request = format!("ws://{}{}", server.addr, path(id, 0)).into_client_request().unwrap();
        if let Some(origin) = &origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        if let Some(host) = host {
            request.headers_mut().insert("host", host.parse().unwrap());
        }
        let stream = TcpStream::connect(server.addr).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok(_) => assert!(allowed, "{origin:?} {host:?}"),
            Err(tungstenite::Error::Http(response)) => {
                assert!(!allowed && response.status().as_u16() == 403, "{origin:?} {host:?}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn scraper_jobs_are_followed_to_their_end() {
    let world = World::new(options());
    let server = world.serve().await;
    let path = format!("/ws/scraping/jobs/{}", uuid::Uuid::now_v7());
    let (messages, code, reason) = rest(&mut connect(&server, &path).await).await;
    assert_eq!((messages.len(), code), (0, 1011));
    assert!(reason.contains("not available"), "{reason}");
    world.scraper.works.store(true, Ordering::SeqCst);
    let (messages, code, _) = rest(&mut connect(&server, &path).await).await;
    let steps: Vec<_> = messages
        .iter()
        .map(|job| (job["status"].as_str().unwrap(), job["progress"].as_u64().unwrap()))
        .collect();
    assert_eq!((steps, code), (vec![("pending", 0), ("testing", 80), ("ready", 100)], 1000));
}

#[tokio::test]
async fn scraper_jobs_are_followed_over_server_sent_events_too() {
    let world = World::new(options());
    world.scraper.works.store(true, Ordering::SeqCst);
    let path = format!("/api/v1/scraping/jobs/{}", uuid::Uuid::now_v7());
    let events = events(sse(&world, &path, None).await).await;
    let steps: Vec<_> = events
        .iter()
        .filter_map(|fields| fields.iter().find(|(name, _)| name == "data"))
        .map(|(_, data)| serde_json::from_str::<Value>(data).unwrap())
        .map(|job| (job["status"].as_str().unwrap().to_owned(), job["url"].is_string()))
        .collect();
    assert_eq!(steps, ["pending", "testing", "ready"].map(|status| (status.to_owned(), true)));
    world.scraper.works.store(false, Ordering::SeqCst);
    assert_eq!(sse(&world, &path, None).await.status(), 501);
}

async fn sse(world: &World, path: &str, last_event_id: Option<&str>) -> axum::response::Response {
    let mut request = Request::get(path).header("host", "localhost").header("accept", "text/event-stream");
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    request = request.header("accept-encoding", "gzip");
    tower::ServiceExt::oneshot(world.router(), request.body(Body::empty()).unwrap()).await.unwrap()
}

/// Fields of each event of a finished stream.
async fn events(response: axum::response::Response) -> Vec<Vec<(String, String)>> {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(!response.headers().contains_key("content-encoding"));
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let fields = |event: &str| {
        event
            .lines()
            .map(|line| line.split_once(": ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap())
            .collect()
    };
    text.split("\n\n").filter(|event| !event.is_empty()).map(fields).collect()
}

#[tokio::test]
async fn event_streams_say_the_same_as_websockets() {
    let world = World::new(options());
    let id = world.executor.run();
    world.executor.event(id, EventType::ExecutionStarted);
    let path = format!("/api/v1/executions/{id}/events");
    let stream = sse(&world, &path, None).await;
    world.executor.until_open(1).await;
    world.executor.delta(id, "Hel");
    world.executor.event(id, EventType::ExecutionCompleted);
    let events = events(stream).await;
    assert_eq!(events[0], [("retry".to_owned(), "1000".to_owned())]);
    let field = |index: usize, name: &str| {
        events[index].iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
    };
    assert_eq!(
        (field(1, "id").as_deref(), field(1, "event").as_deref()),
        (Some("1"), Some("execution_started"))
    );
    assert_eq!((field(2, "id"), field(2, "event").as_deref()), (None, Some("agent_output_delta")));
    assert_eq!(
        (field(3, "id").as_deref(), field(3, "event").as_deref()),
        (Some("2"), Some("execution_completed"))
    );
    assert_eq!(events.len(), 4);
    let stored = world.get(&path).await.json();
    assert_eq!(serde_json::from_str::<Value>(&field(1, "data").unwrap()).unwrap(), stored["items"][0]);
}

#[tokio::test]
async fn event_streams_go_on_where_the_browser_left_off() {
    let world = World::new(options());
    let id = world.executor.finished_run(4);
    let path = format!("/api/v1/executions/{id}/events");
    let ids = |events: Vec<Vec<(String, String)>>| -> Vec<String> {
        events.into_iter().flatten().filter(|(name, _)| name == "id").map(|(_, value)| value).collect()
    };
    assert_eq!(ids(events(sse(&world, &format!("{path}?after=2"), None).await).await), ["3", "4"]);
    assert_eq!(ids(events(sse(&world, &format!("{path}?after=1"), Some("3")).await).await), ["4"]);
    // A browser that has everything would come back for ever; 204 tells it not to.
    assert_eq!(sse(&world, &path, Some("4")).await.status().as_u16(), 204);
    assert_eq!(sse(&world, &path, Some("x")).await.status().as_u16(), 400);
    let unknown = format!("/api/v1/executions/{}/events", ExecutionId::generate());
    assert_eq!(sse(&world, &unknown, None).await.status().as_u16(), 404);
    world.executor.set_down(true);
    assert_eq!(sse(&world, &path, None).await.status().as_u16(), 503);
}
