//! A client of the REST API and the WebSocket for tests. Not here: what is asserted about them.

use crate::within;
use futures::{SinkExt, StreamExt};
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

pub(crate) struct Api {
    base: String,
    http: reqwest::Client,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Api {
    pub(crate) fn new(base: &str) -> Self {
        nexus_runtime::tls::install();
        Self { base: base.to_owned(), http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Result<Answer> {
        let mut request =
            self.http.request(method, format!("{}{path}", self.base)).timeout(Duration::from_secs(30));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
        Ok(Answer { status, headers, body })
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.try_call(Method::GET, path, None).await.unwrap();
        assert!(answer.status.is_success(), "GET {path}: {} {}", answer.status, answer.body);
        answer.body
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.try_call(Method::POST, path, Some(body)).await.unwrap();
        assert!(answer.status.is_success(), "POST {path}: {} {}", answer.status, answer.body);
        answer.body
    }

    /// Posts as a client that has a trace of its own.
    pub(crate) async fn traced(&self, path: &str, body: Value, traceparent: &str) -> Value {
        let request = self.http.post(format!("{}{path}", self.base)).timeout(Duration::from_secs(30));
        let answer = request.json(&body).header("traceparent", traceparent).send().await.unwrap();
        let status = answer.status();
        let body = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
        assert!(status.is_success(), "POST {path}: {status} {body}");
        body
    }

    /// Saves the document and starts it; gives the execution's id.
    pub(crate) async fn start(&self, document: Value, inputs: Value) -> String {
        let workflow = self.post("/api/v1/workflows", document).await;
        let path = format!("/api/v1/workflows/{}/execute", workflow["id"].as_str().unwrap());
        self.post(&path, json!({ "inputs": inputs })).await["execution_id"].as_str().unwrap().to_owned()
    }

    /// The execution once it has ended.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        let path = format!("/api/v1/executions/{id}");
        within("the end of the execution", async {
            loop {
                // A dependency may be away for a moment: then this is a 503.
                if let Ok(answer) = self.try_call(Method::GET, &path, None).await
                    && answer.status.is_success()
                    && !matches!(answer.body["status"].as_str(), Some("queued" | "running"))
                {
                    return answer.body;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }

    pub(crate) async fn events(&self, id: &str) -> Vec<Value> {
        self.get(&format!("/api/v1/executions/{id}/events?after=0")).await["items"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Reads stored events from the WebSocket until `enough`, the normal end, or the death of the server.
    pub(crate) async fn watch(&self, id: &str, seen: &mut Vec<Value>, enough: impl Fn(&[Value]) -> bool) {
        let after = seen.last().map_or(0, |event| event["seq"].as_u64().unwrap());
        let url = format!("{}/ws/executions/{id}?after={after}", self.base.replacen("http", "ws", 1));
        let (mut socket, _) = within("the WebSocket", tokio_tungstenite::connect_async(url)).await.unwrap();
        while !enough(seen) {
            match within("an event", socket.next()).await {
                Some(Ok(Message::Text(text))) => {
                    let event: Value = serde_json::from_str(&text).unwrap();
                    if event.get("seq").is_some_and(|seq| !seq.is_null()) {
                        seen.push(event);
                    }
                }
                Some(Ok(Message::Ping(ping))) => {
                    let _ = socket.send(Message::Pong(ping)).await;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            }
        }
    }
}

/// `seq` is 1, 2, 3 … without gap, doubling or disorder, and the run's end is the last event.
pub(crate) fn assert_whole(events: &[Value]) {
    let seqs: Vec<_> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    let expected: Vec<_> = (1..=events.len() as u64).collect();
    assert_eq!(seqs, expected);
    assert_eq!(events.last().unwrap()["type"], "execution_completed");
}
