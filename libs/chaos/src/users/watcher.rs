//! A client that watches an execution over WebSockets: it loses its connection, comes back anywhere with the number
//! of the last event it has, and writes down what it gets. Not here: what it should have got (`judge`).

use super::Api;
use crate::dice::Dice;
use futures::StreamExt;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// How long a client waits for a handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a client listens to silence before it looks for another gateway.
const SILENCE: (u64, u64) = (4_000, 7_000);

/// An event as a client saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its number.
    pub seq: i64,
    /// Its type.
    pub kind: String,
    /// Its node.
    pub node: Option<String>,
}

/// What a client has seen of its execution.
#[derive(Debug, Clone, Default)]
pub struct Watcher {
    /// Events in the order they came.
    pub seen: Vec<Seen>,
    /// Connections made.
    pub connections: u64,
    /// Connections that the client itself cut.
    pub cuts: u64,
    /// Pieces of text that came without a number.
    pub deltas: u64,
    /// The data of the last event that ended a run.
    pub end: Option<Value>,
    /// What was not as it must be.
    pub complaints: Vec<String>,
}

impl Watcher {
    /// Watches until the server says that there is nothing more.
    pub(super) async fn watch(&mut self, api: &Api, id: &str, dice: &mut Dice) {
        self.end = None;
        loop {
            // Half of all connections are lost by the client.
            let lasts = if dice.percent(50) { dice.between(1, 12) } else { u64::MAX };
            if self.connection(api, id, lasts, dice.millis(SILENCE.0, SILENCE.1)).await {
                return;
            }
            tokio::time::sleep(dice.millis(10, 400)).await;
        }
    }

    /// One connection; whether it was closed because there is nothing more.
    async fn connection(&mut self, api: &Api, id: &str, lasts: u64, silence: Duration) -> bool {
        let after = self.seen.last().map_or(0, |seen| seen.seq);
        let gateway = api.any_gateway().replacen("http", "ws", 1);
        let url = format!("{gateway}/ws/executions/{id}?after={after}");
        let Ok(Ok((mut socket, _))) = timeout(HANDSHAKE, connect_async(url)).await else { return false };
        self.connections += 1;
        let mut received = 0;
        while received < lasts {
            let Ok(Some(Ok(message))) = timeout(silence, socket.next()).await else { return false };
            match message {
                Message::Text(text) => received += u64::from(self.take(&text)),
                Message::Close(frame) => {
                    let code = frame.map_or(0, |frame| u16::from(frame.code));
                    return self.closed(code);
                }
                // Pings are answered by the library.
                _ => {}
            }
        }
        self.cuts += 1;
        false
    }

    /// Whether it was a stored event.
    fn take(&mut self, text: &str) -> bool {
        let event: Value = serde_json::from_str(text).unwrap_or_default();
        let Some(seq) = event["seq"].as_i64() else {
            self.deltas += 1;
            if event["type"] != "agent_output_delta" {
                self.complaints.push(format!("an event without a number: {text}"));
            }
            return false;
        };
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        let node = event["agent_id"].as_str().map(str::to_owned);
        self.end = (kind == "execution_completed").then(|| event["data"].clone());
        self.seen.push(Seen { seq, kind, node });
        true
    }

    fn closed(&mut self, code: u16) -> bool {
        match code {
            1000 if self.end.is_some() => true,
            1000 => {
                self.complaints.push(format!("closed with 1000 after {:?}", self.seen.last()));
                // Nothing would come any more; the judge sees what is missing.
                false
            }
            // Going down, or something behind the gateway is: come again.
            1001 | 1013 | 0 | 1006 => false,
            other => {
                self.complaints.push(format!("closed with {other}"));
                false
            }
        }
    }
}
