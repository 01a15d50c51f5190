//! How long an event takes from the commit that makes it durable to a WebSocket client, through the real program on
//! SQLite: 20 runs at a time, each with a client of its own. An event's timestamp is taken right before its commit,
//! so the commit itself is part of what is measured.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints what it finds, and ends with a panic when it finds nothing"
)]

use futures::StreamExt;
use nexus_model::Timestamp;
use nexus_testkit::process::Process;
use serde_json::{Value, json};
use std::path::Path;
use tokio_tungstenite::tungstenite::Message;

const AT_A_TIME: usize = 20;
const ROUNDS: usize = 5;

/// The research brief's shape: three beside each other, then four in a row.
fn document() -> Value {
    let agent =
        |id: &str| json!({"id": id, "type": "agent", "config": {"model": "demo/small", "prompt": id}});
    let edge = |from: &str, to: &str| json!({"id": format!("{from}_{to}"), "source": from, "target": to});
    let nodes = ["a", "b", "c", "d", "e", "f", "g"].map(agent);
    let edges =
        [("a", "d"), ("b", "d"), ("c", "d"), ("d", "e"), ("e", "f"), ("f", "g")].map(|(a, b)| edge(a, b));
    json!({"name": "bench", "graph": {"nodes": nodes, "edges": edges}})
}

/// Starts a run, watches it to its end, gives the delay of every stored event in milliseconds.
async fn watch(http: &reqwest::Client, base: &str, workflow: &str) -> Vec<f64> {
    let url = format!("{base}/api/v1/workflows/{workflow}/execute");
    let answer = http.post(url).json(&json!({})).send().await.unwrap();
    let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let url =
        format!("{}/ws/executions/{}", base.replace("http:", "ws:"), body["execution_id"].as_str().unwrap());
    let connecting = Timestamp::now();
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let mut delays = Vec::new();
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        let arrived = Timestamp::now();
        let event: Value = serde_json::from_str(&text).unwrap();
        let happened = Timestamp::parse(event["timestamp"].as_str().unwrap()).unwrap();
        // what happened before the client was there was replayed, not live
        if event.get("seq").is_some() && happened > connecting {
            delays.push(arrived.since(happened).as_secs_f64() * 1_000.0);
        }
    }
    delays
}

#[tokio::main]
async fn main() {
    nexus_runtime::tls::install();
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("NEXUS_DATA_DIR", folder.path().to_str().unwrap()),
        ("NEXUS_HTTP_ADDR", "127.0.0.1:0"),
        ("NEXUS_GRPC_ADDR", "127.0.0.1:0"),
        ("LOG_LEVEL", "warn"),
    ];
    let program = Process::start(Path::new(env!("CARGO_BIN_EXE_nexus")), ["up"], environment).unwrap();
    let line = program.wait_for_line("listening ").unwrap();
    let base = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.post(format!("{base}/api/v1/workflows")).json(&document()).send().await.unwrap();
    let workflow: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let workflow = workflow["id"].as_str().unwrap();
    let mut delays = Vec::new();
    for _ in 0..ROUNDS {
        let runs = (0..AT_A_TIME).map(|_| watch(&http, &base, workflow));
        delays.extend(futures::future::join_all(runs).await.into_iter().flatten());
    }
    delays.sort_by(f64::total_cmp);
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize];
    println!(
        "event from commit to WebSocket client, {} events of {AT_A_TIME} runs at a time: p50 {:.1} ms, p99 {:.1} ms (aim 20)",
        delays.len(),
        at(0.5),
        at(0.99)
    );
}
