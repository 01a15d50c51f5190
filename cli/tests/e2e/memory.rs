//! Memory with real processes: what was acknowledged is there after a kill, workflows remember, a Qdrant server is used
//! and its troubles are told.

use crate::{Place, blocking, http::Api, nexus, one_json, within};
use nexus_testkit::{
    process::{Mesh, Up, settings},
    provider::{FakeProvider, Matcher, Reply},
    qdrant,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

fn up(place: &Place) -> Up {
    Up::start(nexus(), &place.data(), place.settings.clone()).unwrap()
}

/// Every entry of a scope, by id.
async fn all(api: &Api, scope: &str) -> BTreeMap<String, String> {
    let (mut found, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = api.get(&format!("/api/v1/memory?{scope}&limit=200&cursor={cursor}")).await;
        for entry in page["items"].as_array().unwrap() {
            let text = entry["text"].as_str().unwrap().to_owned();
            found.insert(entry["id"].as_str().unwrap().to_owned(), text);
        }
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return found,
        }
    }
}

/// Keeps entries with several writers until the server is gone; notes what was acknowledged.
async fn write_until_killed(http: &str, acknowledged: Arc<Mutex<BTreeMap<String, String>>>) {
    let writers = (0..8).map(|writer| {
        let (http, acknowledged) = (http.to_owned(), acknowledged.clone());
        tokio::spawn(async move {
            let api = Api::new(&http);
            for nr in 0.. {
                let text = format!("writer {writer} keeps {nr}");
                let body = json!({"scope": "global", "text": text});
                match api.try_call(Method::POST, "/api/v1/memory", Some(body)).await {
                    Ok(answer) if answer.status == StatusCode::CREATED => {
                        let id = answer.body["id"].as_str().unwrap().to_owned();
                        acknowledged.lock().unwrap().insert(id, text);
                    }
                    _ => return,
                }
            }
        })
    });
    futures::future::join_all(writers.collect::<Vec<_>>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let place = Place::new();
    let acknowledged: Arc<Mutex<BTreeMap<String, String>>> = Arc::default();
    let mut known = 0;
    for _ in 0..3 {
        let mut server = up(&place);
        let writing = tokio::spawn({
            let (http, acknowledged) = (server.http.clone(), acknowledged.clone());
            async move { write_until_killed(&http, acknowledged).await }
        });
        within("entries", async {
            while acknowledged.lock().unwrap().len() < known + 150 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        server.process.kill9();
        within("the writers", writing).await.unwrap();
        known = acknowledged.lock().unwrap().len();
    }
    let server = up(&place);
    let found = all(&Api::new(&server.http), "scope=global").await;
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() >= 450);
    for (id, text) in &acknowledged {
        assert_eq!(found.get(id), Some(text), "{id} was acknowledged");
    }
}

/// Remembers a fact, and answers out of it in another node and in a second run.
fn remembering() -> Value {
    json!({"schema_version": 1, "name": "Remembering", "graph": {
    "nodes": [
        {"id": "learn", "type": "tool", "config": {"tool": "memory_store", "scope": "workflow",
            "text": "The Eiffel Tower was finished in 1889.", "metadata": {"source": "a book"}}},
        {"id": "other", "type": "tool", "config": {"tool": "memory_store", "text": "Bread needs flour and salt."}},
        {"id": "find", "type": "tool", "config": {"tool": "memory_recall", "scope": "workflow", "top_k": 1,
            "query": "When was the Eiffel Tower finished?"}},
        {"id": "answer", "type": "agent", "config": {"model": "openai/gpt-5.6-luna", "prompt": "<answer> what about the bread?",
            "memory": {"recall": {"query": "bread", "top_k": 1}, "store": true}}},
    ],
    "edges": [
        {"id": "e1", "source": "learn", "target": "other"},
        {"id": "e2", "source": "other", "target": "find"},
        {"id": "e3", "source": "find", "target": "answer"},
    ]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_remember_without_any_other_server() {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("Flour and salt it is."));
    let place = Place {
        settings: {
            let mut settings = Place::with_provider(&provider).settings;
            settings.push(("EMBEDDING_MODEL".to_owned(), "local/hashed-ngrams-512".to_owned()));
            settings
        },
        ..Place::new()
    };
    let server = up(&place);
    let api = Api::new(&server.http);
    let id = api.start(remembering(), json!({})).await;
    let execution = api.ended(&id).await;
    assert_eq!(execution["status"], "succeeded", "{execution}");
    let output = |node: &str| {
        let nodes = execution["agent_executions"].as_array().unwrap();
        nodes.iter().find(|entry| entry["node_id"] == node).unwrap()["output"].clone()
    };
    assert!(output("learn")["id"].is_string());
    let found = output("find");
    assert_eq!(found["entries"][0]["id"], output("learn")["id"]);
    assert_eq!(found["entries"][0]["metadata"]["source"], "a book");
    assert!(found["entries"][0]["score"].as_f64().unwrap() > 0.5);
    let requests: Vec<String> = provider.requests().into_iter().map(|request| request.text).collect();
    assert!(requests.iter().any(|text| text.contains("Bread needs flour and salt.")), "{requests:?}");
    // Newest first: what the agent said, then what the tool kept; the fact is the workflow's.
    let memory = api.get(&format!("/api/v1/executions/{id}/memory")).await;
    let texts: Vec<_> = memory["items"].as_array().unwrap().iter().map(|entry| &entry["text"]).collect();
    assert_eq!(texts, ["Flour and salt it is.", "Bread needs flour and salt."]);

    let recalled = place.nexus_async(&["memory", "recall", "bread", "--execution", &id, "--json"]).await;
    assert_eq!(recalled.code(), 0, "{}", recalled.stderr);
    assert_eq!(one_json(&recalled.stdout)["items"][0]["text"], "Bread needs flour and salt.");
    let forgotten = place.nexus_async(&["memory", "forget", "--all", "--execution", &id]).await;
    assert_eq!(forgotten.code(), 0, "{}", forgotten.stderr);
    assert!(all(&api, &format!("execution_id={id}")).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mesh_keeps_its_memory_in_qdrant_and_says_when_it_is_away() {
    let mut server = qdrant::Server::start_with_key("qdrant-canary").unwrap();
    let extra = settings([("QDRANT_URL", &server.url()), ("QDRANT_API_KEY", "qdrant-canary")]);
    let mesh = blocking(move || Mesh::start(nexus(), 1, 1, extra).unwrap()).await;
    let api = Api::new(mesh.http());
    for text in ["The tide comes in.", "Bread needs flour."] {
        api.post("/api/v1/memory", json!({"scope": "global", "text": text})).await;
    }
    let recall = json!({"scope": "global", "query": "tides", "top_k": 1});
    let found = api.post("/api/v1/memory/recall", recall.clone()).await;
    assert_eq!(found["entries"][0]["text"], "The tide comes in.");
    assert_eq!(server.collections(), [("nexus-memory.local~hashed-ngrams-512.512".to_owned(), 2)]);

    server.stop();
    let away = api.try_call(Method::POST, "/api/v1/memory/recall", Some(recall.clone())).await.unwrap();
    assert_eq!(away.status, StatusCode::SERVICE_UNAVAILABLE, "{}", away.body);
    assert!(away.headers.contains_key("retry-after"));
    assert!(away.body["message"].as_str().unwrap().contains("Qdrant"), "{}", away.body);
    server.restart().unwrap();
    let found = api.post("/api/v1/memory/recall", recall).await;
    assert_eq!(found["entries"][0]["text"], "The tide comes in.");

    for role in &mesh.others {
        assert!(!role.process.stderr().contains("qdrant-canary"), "{}", role.process.stderr());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_stop_the_start_with_one_sentence() {
    let server = qdrant::Server::start_with_key("right").unwrap();
    let url = server.url();
    for (wrong, sentence) in [
        (settings([("EMBEDDING_MODEL", "openai/gpt-5.6-luna")]), "answers messages"),
        (settings([("EMBEDDING_MODEL", "small")]), "provider/model"),
        (settings([("EMBEDDING_MODEL", "openai/text-embedding-3-small")]), "OPENAI_API_KEY"),
        (settings([("QDRANT_URL", &url)]), "QDRANT_API_KEY"),
        (settings([("QDRANT_URL", &url), ("QDRANT_API_KEY", "wrong")]), "QDRANT_API_KEY"),
    ] {
        let place = Place { settings: wrong, ..Place::new() };
        let started =
            place.nexus_async(&["up", "--http-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"]).await;
        assert_eq!(started.code(), 2, "{}", started.stderr);
        let last = started.stderr.lines().last().unwrap_or_default();
        assert!(last.contains(sentence), "{sentence}: {}", started.stderr);
    }
}
