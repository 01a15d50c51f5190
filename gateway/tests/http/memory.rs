//! Memory over REST: what reaches the port, what comes back, what is refused before.

use crate::support::{World, options, request};
use axum::body::Body;
use http::{Method, StatusCode};
use nexus_model::{ExecutionId, MemoryId, WorkflowId};
use serde_json::json;

const MEMORY: &str = "/api/v1/memory";

#[tokio::test]
async fn texts_are_kept_found_listed_and_forgotten() {
    let world = World::new(options());
    let (id, execution) = (MemoryId::generate(), ExecutionId::generate());
    let body =
        json!({"execution_id": execution, "text": "t", "metadata": {"a": 1}, "id": id, "max_cost_usd": 0.1});
    let stored = world.post(MEMORY, &body).await;
    assert_eq!(stored.status, StatusCode::CREATED);
    assert_eq!(stored.json(), json!({"id": id, "tokens": 0, "cost_usd": 7e-12}));
    assert_eq!(world.post(MEMORY, &json!({"text": "t"})).await.status, StatusCode::CREATED);
    let workflow =
        json!({"scope": "workflow", "workflow_id": WorkflowId::generate(), "query": "q", "top_k": 2});
    let found = world.post("/api/v1/memory/recall", &workflow).await.json();
    assert_eq!(found["entries"].as_array().unwrap().len(), 2);
    assert_eq!((&found["entries"][0]["text"], &found["entries"][0]["score"]), (&json!("q"), &json!(0.5)));
    assert_eq!(found["cost_usd"], 0.0);
    let found = world.post("/api/v1/memory/recall", &json!({"query": "q"})).await.json();
    assert_eq!(found["entries"].as_array().unwrap().len(), 5);
    let listed = world.get(&format!("{MEMORY}?execution_id={execution}&limit=1")).await.json();
    assert_eq!(listed["items"][0]["text"], "kept");
    let delete =
        async |path: &str| world.send(request(Method::DELETE, path).body(Body::empty()).unwrap()).await;
    assert_eq!(delete(&format!("{MEMORY}/{id}")).await.status, StatusCode::NO_CONTENT);
    let forgotten = delete(&format!("{MEMORY}?scope=execution&execution_id={execution}")).await;
    assert_eq!(forgotten.json(), json!({"deleted": 3}));
    assert_eq!(delete(&format!("{MEMORY}?scope=global")).await.json(), json!({"deleted": 3}));
    // By mistake nothing is forgotten.
    delete(MEMORY).await.failure(422, "INVALID");
    delete(&format!("{MEMORY}?execution_id={execution}")).await.failure(422, "INVALID");
}

#[tokio::test]
async fn the_model_is_told_and_vectors_are_made_anew() {
    let world = World::new(options());
    let model = world.get("/api/v1/memory/model").await.json();
    assert_eq!(model, json!({"model": "local/m", "usd_per_mtok": 0.0}));
    let done = world.post("/api/v1/memory/reembed", &json!({"max_cost_usd": 1})).await.json();
    assert_eq!(done, json!({"entries": 2, "remaining": 1, "tokens": 0, "cost_usd": 0.0}));
    let done = world.send(request(Method::POST, "/api/v1/memory/reembed").body(Body::empty()).unwrap()).await;
    assert_eq!(done.status, StatusCode::OK);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::new(options());
    let (execution, workflow) = (ExecutionId::generate(), WorkflowId::generate());
    for (body, status, code) in [
        (json!({}), 422, "INVALID"),
        (json!({"text": "t", "more": 1}), 422, "INVALID"),
        (json!({"text": "t", "scope": "galaxy"}), 422, "INVALID"),
        (json!({"text": "t", "scope": "execution"}), 422, "INVALID"),
        (json!({"text": "t", "scope": "workflow", "execution_id": execution}), 422, "INVALID"),
        (json!({"text": "t", "scope": "global", "execution_id": execution}), 422, "INVALID"),
        (json!({"text": "t", "execution_id": execution, "workflow_id": workflow}), 422, "INVALID"),
        (json!({"text": "t", "max_cost_usd": -1}), 422, "INVALID"),
        (json!({"text": "t", "execution_id": "x"}), 400, "MALFORMED"),
        (json!({"text": "t", "id": "x"}), 400, "MALFORMED"),
    ] {
        let failure = world.post(MEMORY, &body).await.failure(status, code);
        assert!(!failure["details"].as_array().unwrap().is_empty(), "{body}: {failure}");
    }
    world.get("/api/v1/memory?limit=0").await.failure(400, "MALFORMED");
    world.get("/api/v1/memory?scope=execution").await.failure(422, "INVALID");
}
