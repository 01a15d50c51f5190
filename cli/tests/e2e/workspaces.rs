//! Two workspaces on one server: every route that names a thing, asked with the key of the other one. Not here: scopes
//! (`gateway/tests/http/authorisation.rs`), the stores' own promises.

use crate::{Place, chain, nexus, within};
use nexus_testkit::{
    process::{Mesh, Settings, Up},
    provider::{FakeProvider, Matcher, Reply},
};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, time::Duration};

/// A key of each workspace that may do everything there.
const OURS: &str = "key-of-ours";
const THEIRS: &str = "key-of-theirs";

fn hash(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn keys(place: &Place) -> Settings {
    let entry = |name: &str, workspace: &str, key: &str| {
        format!(
            "[[keys]]\nname = \"{name}\"\nsha256 = \"{}\"\nscopes = [\"admin\"]\nworkspace = \"{workspace}\"\n",
            hash(key)
        )
    };
    let file = place.folder.path().join("keys.toml");
    std::fs::write(&file, entry("ours", "team-a", OURS) + &entry("theirs", "team-b", THEIRS)).unwrap();
    vec![
        ("NEXUS_API_KEYS_FILE".to_owned(), file.display().to_string()),
        ("NEXUS_MESH_KEY".to_owned(), "m".repeat(40)),
        ("LOG_FORMAT".to_owned(), "json".to_owned()),
    ]
}

struct Caller<'a> {
    http: Client,
    base: &'a str,
    key: &'static str,
}

impl Caller<'_> {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(self.key);
        request = request.header("if-match", "\"1\"").timeout(Duration::from_secs(30));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn done(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, Some(body)).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    async fn ids(&self, path: &str) -> Vec<String> {
        let (status, answer) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        let items = answer["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().or(item["name"].as_str()).unwrap().to_owned()).collect()
    }

    async fn ended(&self, id: &str) {
        within("the end of the execution", async {
            loop {
                let (_, answer) = self.call(Method::GET, &format!("/api/v1/executions/{id}"), None).await;
                if answer["status"] == "succeeded" {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

/// What a route's parameters stand for: the things of one workspace.
type Things = BTreeMap<&'static str, String>;

async fn things(caller: &Caller<'_>) -> Things {
    let workflow = caller.done(Method::POST, "/api/v1/workflows", chain(&["a"])).await;
    let workflow = workflow["id"].as_str().unwrap().to_owned();
    let started =
        caller.done(Method::POST, &format!("/api/v1/workflows/{workflow}/execute"), json!({})).await;
    let execution = started["execution_id"].as_str().unwrap().to_owned();
    caller.ended(&execution).await;
    let kept = json!({"text": "the tide comes in", "scope": "global"});
    let memory = caller.done(Method::POST, "/api/v1/memory", kept).await["id"].as_str().unwrap().to_owned();
    let asked = json!({"url": "https://example.com/", "description": "everything"});
    let job = caller.done(Method::POST, "/api/v1/scraping/requests", asked).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    [("workflows", workflow), ("executions", execution), ("memory", memory), ("scraping", job)].into()
}

/// A body that the route would accept.
fn body(operation: &str) -> Option<Value> {
    Some(match operation {
        "put /api/v1/workflows/{id}" => chain(&["x"]),
        "put /api/v1/scraping/jobs/{id}/schedule" => json!({"every": "1h"}),
        "put /api/v1/secrets/{name}" => return None,
        other if other.starts_with("post ") => json!({}),
        _ => return None,
    })
}

async fn nothing_of_another_workspace_is_there(base: &str) {
    nexus_runtime::tls::install();
    let http = Client::builder().no_proxy().build().unwrap();
    let caller = |key| Caller { http: http.clone(), base, key };
    let (ours, theirs) = (caller(OURS), caller(THEIRS));
    let things = things(&ours).await;

    let (_, document) = theirs.call(Method::GET, "/openapi.json", None).await;
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let named = path.contains("{id}") || path.contains("{job_id}");
        for method in operations.as_object().unwrap().keys().filter(|_| named) {
            let operation = format!("{method} {path}");
            let kind = if path.contains("/generated/") || path.contains("/scraping/") {
                "scraping"
            } else {
                things.keys().copied().find(|kind| path.contains(&format!("/{kind}/"))).unwrap()
            };
            let path = path
                .replace("{id}", &things[kind])
                .replace("{job_id}", &things[kind])
                .replace("{version}", "1");
            assert!(!path.contains('{'), "what stands for the parameter in {operation}?");
            // Watching is refused before there is a WebSocket, or by its closing; that is told in `live`.
            if path.starts_with("/ws/") {
                continue;
            }
            let method: Method = method.to_uppercase().parse().unwrap();
            let (status, answer) = theirs.call(method, &path, body(&operation)).await;
            // A list within something that is not there may be empty instead.
            let empty = status == 200 && answer["items"] == json!([]);
            assert!(status == 404 || empty, "{operation}: {status} {answer}");
            asked += 1;
        }
    }
    assert!(asked >= 20, "{asked}");

    for list in
        ["/api/v1/workflows", "/api/v1/executions", "/api/v1/memory?scope=global", "/api/v1/scraping/jobs"]
    {
        assert_eq!(theirs.ids(list).await, Vec::<String>::new(), "{list}");
        assert_eq!(ours.ids(list).await.len(), 1, "{list}: something was done to it from elsewhere");
    }
    let query = json!({"query": "the tide", "scope": "global"});
    let found = theirs.done(Method::POST, "/api/v1/memory/recall", query.clone()).await;
    assert_eq!(found["entries"], json!([]), "{found}");
    let scope = json!({"scope": "execution", "execution_id": things["executions"]});
    let stray = [scope.as_object().unwrap().clone(), json!({"text": "x"}).as_object().unwrap().clone()];
    let stray: serde_json::Map<_, _> = stray.into_iter().flatten().collect();
    theirs.done(Method::POST, "/api/v1/memory", Value::Object(stray)).await;
    let ours_there = ours.ids(&format!("/api/v1/executions/{}/memory", things["executions"])).await;
    assert_eq!(ours_there, Vec::<String>::new(), "what was kept elsewhere under our execution's id");
    let found = ours.done(Method::POST, "/api/v1/memory/recall", query).await;
    assert_eq!(found["entries"].as_array().unwrap().len(), 1);

    // The same idempotency key is another one elsewhere.
    let copy = theirs.done(Method::POST, "/api/v1/workflows", chain(&["a"])).await;
    let path = |id: &str| format!("/api/v1/workflows/{id}/execute");
    let start = |caller: &Caller<'_>, id: &str| {
        let request = caller.http.post(format!("{}{}", caller.base, path(id))).bearer_auth(caller.key);
        request.header("idempotency-key", "once").json(&json!({})).send()
    };
    let (one, other) = (
        start(&ours, &things["workflows"]).await.unwrap(),
        start(&theirs, copy["id"].as_str().unwrap()).await.unwrap(),
    );
    assert_eq!((one.status().as_u16(), other.status().as_u16()), (202, 202));
    assert_ne!(one.text().await.unwrap(), other.text().await.unwrap());
}

async fn provider() -> FakeProvider {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("hello"));
    provider
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_another_workspace_is_there_in_one_process() {
    let provider = provider().await;
    let place = Place::with_provider(&provider);
    let mut settings = place.settings.clone();
    settings.extend(keys(&place));
    let server = Up::start(nexus(), &place.data(), settings).unwrap();
    nothing_of_another_workspace_is_there(&server.http).await;
    // What was changed, by whom, is in the audit log; what was only looked at is not.
    let log = server.process.stderr();
    let lines: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["target"] == "audit")
        .collect();
    let started = lines.iter().find(|line| line["action"] == "POST /api/v1/workflows/{id}/execute").unwrap();
    assert_eq!((&started["principal"], &started["workspace"]), (&json!("ours"), &json!("team-a")));
    assert_eq!((&started["scope"], &started["status"]), (&json!("run"), &json!("202")));
    assert!(started["object"].as_str().unwrap().starts_with("/api/v1/executions/"), "{started}");
    assert!(started["request_id"].as_str().is_some_and(|id| !id.is_empty()));
    let refused = lines.iter().find(|line| line["action"] == "DELETE /api/v1/workflows/{id}").unwrap();
    assert_eq!((&refused["principal"], &refused["status"]), (&json!("theirs"), &json!("404")));
    assert!(lines.iter().all(|line| !line["action"].as_str().unwrap().starts_with("GET /api/v1/workflows")));
    assert!(!log.contains(OURS) && !log.contains(THEIRS), "a key is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_another_workspace_is_there_in_the_mesh() {
    let provider = provider().await;
    let place = Place::with_provider(&provider);
    let mut settings = place.settings.clone();
    settings.extend(keys(&place));
    let mesh = crate::blocking(|| Mesh::start(nexus(), 1, 1, settings).unwrap()).await;
    nothing_of_another_workspace_is_there(mesh.http()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keys_scopes_and_budget_hold_for_what_it_starts() {
    let provider = provider().await;
    let place = Place::with_provider(&provider);
    let mut settings = place.settings.clone();
    settings.extend(keys(&place));
    let entry = |name: &str, scopes: &str, more: &str| {
        let hash = hash(name);
        format!("[[keys]]\nname = \"{name}\"\nsha256 = \"{hash}\"\nscopes = [{scopes}]\n{more}\n")
    };
    let text = entry("writer", "\"edit\"", "") + &entry("poor", "\"run\"", "budget = [\"0/total\"]");
    std::fs::write(place.folder.path().join("keys.toml"), text).unwrap();
    let server = Up::start(nexus(), &place.data(), settings).unwrap();
    nexus_runtime::tls::install();
    let http = Client::builder().no_proxy().build().unwrap();
    let caller = |key| Caller { http: http.clone(), base: &server.http, key };
    let (writer, poor) = (caller("writer"), caller("poor"));

    let workflow = writer.done(Method::POST, "/api/v1/workflows", chain(&["a"])).await;
    let execute = format!("/api/v1/workflows/{}/execute", workflow["id"].as_str().unwrap());
    assert_eq!(writer.call(Method::POST, &execute, Some(json!({}))).await.0, 403);
    assert_eq!(poor.call(Method::POST, "/api/v1/workflows", Some(chain(&["b"]))).await.0, 403);
    let started = poor.done(Method::POST, &execute, json!({})).await;
    let path = format!("/api/v1/executions/{}", started["execution_id"].as_str().unwrap());
    let ended = within("the end of the execution", async {
        loop {
            let (_, answer) = poor.call(Method::GET, &path, None).await;
            if !matches!(answer["status"].as_str(), Some("queued" | "running")) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(ended["status"], "failed", "{ended}");
    assert_eq!(ended["agent_executions"][0]["error"]["code"], "key_budget_exceeded", "{ended}");
    assert_eq!(ended["budget"]["spent_usd"].as_f64(), Some(0.0), "{ended}");
}
