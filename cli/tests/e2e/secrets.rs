//! Secrets for tools: a canary goes to the server that a workflow calls, which answers with all it was told, and
//! appears nowhere else. Not here: what is sealed how (`nexus-executor`).

use crate::{Place, blocking, http::Api, nexus, one_json};
use base64::{Engine, engine::general_purpose::STANDARD};
use nexus_testkit::{
    otlp::Collector,
    process::{Mesh, Settings, Up, settings},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// What must appear nowhere, in whatever case.
const NEEDLE: &str = "zq9xcanaryw7";
/// A value that has to be escaped wherever it goes.
const CANARY: &str = "Zq9XcanaryW7/+\"&=%end of it";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A server that answers with everything it was told, as it is and in base64. `/fail` is answered with 500.
struct Echo {
    port: u16,
    told: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = told.clone();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let kept = kept.clone();
                tokio::spawn(async move {
                    let (mut request, mut buffer) = (String::new(), [0; 16 << 10]);
                    while !complete(&request) {
                        match socket.read(&mut buffer).await {
                            Ok(0) | Err(_) => break,
                            Ok(read) => request.push_str(&String::from_utf8_lossy(&buffer[..read])),
                        }
                    }
                    let status = if request.contains(" /fail") { "500 no" } else { "200 ok" };
                    let answer = json!({
                        "told": request, "base64": STANDARD.encode(&request), "alone": STANDARD.encode(CANARY),
                    });
                    kept.lock().unwrap().push(request.clone());
                    let header =
                        request.lines().find_map(|line| line.strip_prefix("x-token: ")).unwrap_or_default();
                    let answer = answer.to_string();
                    let head = format!(
                        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-echo: {header}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        answer.len()
                    );
                    let _ = socket.write_all(format!("{head}{answer}").as_bytes()).await;
                });
            }
        });
        Self { port, told }
    }

    fn settings(&self, more: Settings) -> Settings {
        let allow = format!("127.0.0.1:{}", self.port);
        let mut all = settings([
            ("NEXUS_SECRETS_KEY", KEY),
            ("NEXUS_EGRESS_ALLOW", &allow),
            ("LOG_LEVEL", "trace"),
            ("LOG_FORMAT", "json"),
        ]);
        all.extend(more);
        all
    }
}

fn complete(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length:").map(str::trim).map(str::to_owned)
    });
    length.and_then(|length| length.parse().ok()).is_none_or(|length: usize| body.len() >= length)
}

/// Runs the program with a text on its standard input.
fn piped(arguments: &[&str], environment: Settings, input: &str) -> Output {
    let mut child = Command::new(nexus())
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Every spelling of the canary that could be found in a text.
fn assert_clean(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    if let Some(at) = text.find(NEEDLE) {
        let from = text.floor_char_boundary(at.saturating_sub(300));
        panic!("{what} holds the canary: {}", &text[from..text.ceil_char_boundary(at + 60)]);
    }
    let text = String::from_utf8_lossy(bytes);
    for offset in 0..3_usize {
        let padded = format!("{}{CANARY}", "x".repeat(offset));
        let encoded = STANDARD.encode(padded);
        // the digits that the canary alone decides
        let piece = &encoded[(offset * 8).div_ceil(6)..][..14];
        assert!(!text.contains(piece), "{what} holds the canary in base64, as {piece}");
    }
}

fn assert_clean_folder(folder: &Path) {
    let mut files = 0;
    let mut todo = vec![folder.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                files += 1;
                assert_clean(&path.display().to_string(), &bytes);
            }
        }
    }
    assert!(files > 0);
}

fn document(port: u16) -> Value {
    let site = format!("http://127.0.0.1:{port}");
    let tool = |id: &str, config: Value| {
        json!({"id": id, "type": "tool", "config": config,
            "policy": {"on_error": "continue", "retry": {"max_attempts": 2, "initial_interval_ms": 1}}})
    };
    json!({"name": "Canary", "graph": {
        "nodes": [
            tool("echo", json!({
                "tool": "http_request", "method": "POST", "url": format!("{site}/echo?key={{{{ secrets.canary | urlencode }}}}"),
                "headers": {"X-Token": "Bearer {{ secrets.canary }}"},
                "body": {"value": "{{ secrets.canary }}", "text": "{{ secrets.canary | tojson }}"},
            })),
            tool("failing", json!({"tool": "http_request", "url": format!("{site}/fail?key={{{{ secrets.canary | urlencode }}}}"),
                "headers": {"X-Token": "{{ secrets.canary }}"}})),
            tool("nowhere", json!({"tool": "http_request", "url": "http://{{ secrets.host }}.invalid/"})),
            tool("refused", json!({"tool": "http_request", "url": "{{ secrets.canary }}"})),
            tool("changed", json!({"tool": "http_request", "url": format!("{site}/{{{{ secrets.canary | upper }}}}")})),
            tool("unknown", json!({"tool": "http_request", "url": format!("{site}/{{{{ secrets.nobody_set_it }}}}")})),
            {"id": "told", "type": "agent", "config": {"model": "demo/small", "prompt": "Please use lookup now."}},
            {"id": "lookup", "type": "tool", "config": {"tool": "http_request", "url": format!("{site}/lookup"),
                "headers": {"X-Token": "{{ secrets.canary }}"}, "description": "Looks it up"}},
            {"id": "after", "type": "tool", "config": {"tool": "template", "template": "{{ nodes.echo.output | tojson }}"}},
        ],
        "edges": [
            {"id": "t", "source": "lookup", "target": "told", "target_handle": "tools"},
            {"id": "e", "source": "echo", "target": "after"},
        ],
    }})
}

/// Runs the workflow and looks at everything that can be asked about it.
async fn run_and_look(api: &Api, echo: &Echo) -> Value {
    let id = api.start(document(echo.port), json!({})).await;
    let execution = api.ended(&id).await;
    assert_eq!(execution["status"], "succeeded", "{execution}");
    assert_clean("the execution", execution.to_string().as_bytes());
    let events = api.events(&id).await;
    assert_clean("the events", json!(events).to_string().as_bytes());
    let mut watched = Vec::new();
    api.watch(&id, &mut watched, |_| false).await;
    assert_clean("the WebSocket", json!(watched).to_string().as_bytes());
    for path in ["/api/v1/workflows", "/api/v1/executions", "/api/v1/secrets", "/metrics"] {
        assert_clean(path, api.get(path).await.to_string().as_bytes());
    }

    let told = echo.told.lock().unwrap().join("\n---\n");
    let escaped = "Zq9XcanaryW7/%2B%22%26%3D%25end%20of%20it";
    assert!(told.contains(&format!("POST /echo?key={escaped} ")), "{told}");
    assert!(told.contains(&format!("x-token: Bearer {CANARY}")), "{told}");
    assert!(
        told.contains(&json!({"value": CANARY, "text": json!(CANARY).to_string()}).to_string()[1..40]),
        "{told}"
    );
    assert!(told.contains("GET /lookup"), "the model has used its tool: {told}");
    let entry = |id: &str| {
        let entries = execution["agent_executions"].as_array().unwrap();
        entries.iter().find(|entry| entry["node_id"] == id).unwrap().clone()
    };
    assert_eq!(entry("echo")["output"]["headers"]["x-echo"], "Bearer [secret canary]");
    assert_eq!(
        entry("echo")["input"]["url"],
        format!("http://127.0.0.1:{}/echo?key=[secret canary]", echo.port)
    );
    assert_eq!(entry("failing")["error"]["code"], "http_status");
    assert_eq!(entry("changed")["error"]["code"], "secret_changed");
    let unknown = &entry("unknown")["error"];
    assert_eq!(unknown["code"], "secret_unknown");
    assert!(unknown["message"].as_str().unwrap().contains("nexus secrets set nobody_set_it"), "{unknown}");
    assert!(entry("after")["output"]["text"].as_str().unwrap().contains("[secret canary]"));
    execution
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_reaches_the_server_that_is_called_and_nothing_else() {
    let echo = Echo::start().await;
    let collector = Collector::start().unwrap();
    let traces = settings([("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())]);
    let place = Place { settings: echo.settings(traces), ..Place::new() };
    let mut server = Up::start(nexus(), &place.data(), place.settings.clone()).unwrap();
    for (name, value) in [("canary", CANARY), ("host", &CANARY[..12])] {
        let set = piped(&["secrets", "set", name], place.environment(), &format!("{value}\n"));
        assert!(set.status.success(), "{set:?}");
        assert_clean("the command", &[set.stdout, set.stderr].concat());
    }
    let api = Api::new(&server.http);
    let listed = api.get("/api/v1/secrets").await;
    assert_eq!(listed["items"][0]["name"], "canary");
    assert_eq!(listed["items"][0].as_object().unwrap().len(), 3, "{listed}");

    run_and_look(&api, &echo).await;

    // What is wrong with a request does not repeat what it brought.
    for (path, body) in [
        ("/api/v1/secrets/not%20a%20name", json!({ "value": CANARY })),
        ("/api/v1/secrets/x", json!({ "value": [CANARY] })),
        ("/api/v1/secrets/x", json!({ "value": CANARY, "more": CANARY })),
        ("/api/v1/secrets/x", json!({ "value": CANARY.repeat(4_000) })),
    ] {
        let answer = api.try_call(Method::PUT, path, Some(body)).await.unwrap();
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
        assert_clean("a refusal", answer.body.to_string().as_bytes());
    }
    let answer = api.try_call(Method::DELETE, "/api/v1/secrets/canary", None).await.unwrap();
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let answer = api.try_call(Method::DELETE, "/api/v1/secrets/canary", None).await.unwrap();
    assert_eq!(answer.status, StatusCode::NOT_FOUND);

    assert_clean_folder(&place.data());
    server.process.terminate().unwrap();
    let done = blocking(move || server.process.wait().unwrap()).await;
    assert!(done.stderr.contains("TRACE"), "the log is not at trace");
    assert_clean("the log", done.stderr.as_bytes());
    assert_clean("the output", done.stdout.as_bytes());
    let spans = collector.spans();
    assert!(spans.iter().any(|span| span.raw.contains("/api/v1/secrets")), "what concerns secrets is traced");
    spans.iter().for_each(|span| assert_clean("a trace", span.raw.as_bytes()));
    assert_clean_folder(&place.data());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_mesh_only_executors_need_the_key() {
    let echo = Echo::start().await;
    let more = echo.settings(Settings::new());
    let mesh = blocking(move || Mesh::start(nexus(), 1, 1, more).unwrap()).await;
    let api = Api::new(mesh.http());
    for (name, value) in [("canary", CANARY), ("host", &CANARY[..12])] {
        let path = format!("/api/v1/secrets/{name}");
        let answer = api.try_call(Method::PUT, &path, Some(json!({ "value": value }))).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_clean("the answer", answer.body.to_string().as_bytes());
    }
    run_and_look(&api, &echo).await;
    let warnings = api.post("/api/v1/workflows/validate", document(echo.port)).await;
    let codes: Vec<_> =
        warnings["warnings"].as_array().unwrap().iter().map(|warning| &warning["code"]).collect();
    assert_eq!(codes, ["secret_unknown"], "{warnings}");
    for role in mesh.others.iter().chain(&mesh.executors).chain(&mesh.gateways) {
        assert_clean(&role.url, role.process.stderr().as_bytes());
    }
}

#[test]
fn without_a_key_secrets_say_what_to_set() {
    let place = Place::new();
    let set = piped(&["secrets", "set", "token"], place.environment(), "some value");
    let stderr = String::from_utf8_lossy(&set.stderr);
    assert!(!set.status.success() && stderr.contains("NEXUS_SECRETS_KEY"), "{stderr}");
    assert_eq!(one_json(&place.nexus(&["secrets", "list", "--json"]).stdout), json!({"items": []}));
    let document = json!({"name": "d", "graph": {"nodes": [
        {"id": "t", "type": "tool", "config": {"tool": "http_request", "url": "https://example.com/{{ secrets.token }}"}}]}});
    let run = place.nexus(&["run", &place.write("d.json", &document)]);
    assert_eq!(run.code(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("NEXUS_SECRETS_KEY"), "{}", run.stderr);
    let told = json!({"name": "d", "graph": {"nodes": [
        {"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "Say {{ secrets.token }}"}}]}});
    let refused = place.nexus(&["validate", &place.write("told.json", &told)]);
    assert_eq!(refused.code(), 2);
    assert!(
        format!("{}{}", refused.stdout, refused.stderr).contains("secret_in_prompt"),
        "{}",
        refused.stdout
    );
}
