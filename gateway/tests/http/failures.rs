//! Every way to fail, and that all of them look alike.

use crate::support::{World, options, request};
use axum::body::Body;
use futures::stream;
use http::Method;
use nexus_gateway::ReadyCheck;
use serde_json::json;
use std::{convert::Infallible, sync::Arc};

const ID: &str = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

/// Method, path, content type, body, and what comes of it.
type Case<'a> = (&'a str, &'a str, &'a str, &'a str, u16, &'a str);

#[tokio::test]
async fn mistakes_in_requests() {
    let world = World::new(options());
    let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
    let very_deep = "[".repeat(200_000);
    let json = "application/json";
    let execute = format!("/api/v1/workflows/{ID}/execute");
    let resume = format!("/api/v1/executions/{ID}/resume");
    let cancel = format!("/api/v1/executions/{ID}/cancel");
    let plan = format!("/api/v1/workflows/{ID}/plan");
    let estimate = format!("/api/v1/workflows/{ID}/estimate");
    let generated = format!("/api/v1/generated/{ID}");
    let at = |suffix: &str| format!("{generated}{suffix}");
    let events = format!("/api/v1/executions/{ID}/events");
    let cases: &[Case<'_>] = &[
        // Addresses
        ("GET", "/api/v1/nothing", "", "", 404, "NOT_FOUND"),
        ("GET", "/api", "", "", 404, "NOT_FOUND"),
        ("GET", "/ws/nothing", "", "", 404, "NOT_FOUND"),
        ("POST", "/nothing", "", "", 404, "NOT_FOUND"),
        ("GET", "/nothing.js", "", "", 404, "NOT_FOUND"),
        ("DELETE", "/api/v1/workflows", "", "", 405, "METHOD_NOT_ALLOWED"),
        ("PATCH", "/api/v1/workflows/x", "", "", 405, "METHOD_NOT_ALLOWED"),
        ("GET", &execute, "", "", 405, "METHOD_NOT_ALLOWED"),
        ("OPTIONS", "/api/v1/models", "", "", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/v1/workflows/nonsense", "", "", 400, "MALFORMED"),
        ("GET", "/api/v1/workflows/0190a1b2c3d47e5f8a9b0c1d2e3f4a5b", "", "", 400, "MALFORMED"),
        ("GET", "/api/v1/workflows/%ff", "", "", 400, "MALFORMED"),
        ("GET", "/api/v1/executions/nonsense", "", "", 400, "MALFORMED"),
        ("GET", "/api/v1/executions/nonsense/events", "", "", 400, "MALFORMED"),
        ("GET", "/api/v1/scraping/jobs/nonsense", "", "", 400, "MALFORMED"),
        ("GET", "/api/v1/generated/nonsense", "", "", 400, "MALFORMED"),
        ("GET", "/ws/executions/nonsense", "", "", 400, "MALFORMED"),
        ("GET", "/ws/scraping/jobs/nonsense", "", "", 400, "MALFORMED"),
        ("GET", &format!("/ws/executions/{ID}"), "", "", 426, "UPGRADE_REQUIRED"),
        ("GET", &format!("/api/v1/workflows/{ID}/versions/0"), "", "", 400, "MALFORMED"),
        ("GET", &format!("/api/v1/workflows/{ID}/versions/x"), "", "", 400, "MALFORMED"),
        ("GET", &format!("/api/v1/workflows/{ID}"), "", "", 404, "NOT_FOUND"),
        ("GET", &format!("/api/v1/executions/{ID}"), "", "", 404, "NOT_FOUND"),
        ("GET", &events, "", "", 404, "NOT_FOUND"),
        ("GET", &format!("/api/v1/executions/{ID}/memory"), "", "", 404, "NOT_FOUND"),
        ("POST", &format!("/api/v1/executions/{ID}/cancel"), "", "", 404, "NOT_FOUND"),
        // Parameters
        ("GET", "/api/v1/workflows?limit=0", "", "", 400, "MALFORMED"),
        ("GET", "/api/v1/workflows?limit=201", "", "", 400, "MALFORMED"),
        ("GET", "/api/v1/executions?limit=many", "", "", 400, "MALFORMED"),
        ("GET", "/api/v1/executions?status=done", "", "", 400, "MALFORMED"),
        ("GET", &format!("{events}?after=-1"), "", "", 400, "MALFORMED"),
        ("GET", &format!("{events}?limit=1001"), "", "", 400, "MALFORMED"),
        ("GET", &format!("/ws/executions/{ID}?after=x"), "", "", 400, "MALFORMED"),
        ("POST", "/api/v1/workflows?draft=maybe", json, "{}", 400, "MALFORMED"),
        ("GET", &at("?format=xml"), "", "", 400, "MALFORMED"),
        ("GET", &at("?fresh=perhaps"), "", "", 400, "MALFORMED"),
        ("GET", &at("?limit=0"), "", "", 400, "MALFORMED"),
        ("GET", &at("?offset=-1"), "", "", 400, "MALFORMED"),
        // Bodies
        ("POST", "/api/v1/workflows", json, "{", 400, "MALFORMED"),
        ("POST", "/api/v1/workflows", json, "", 400, "MALFORMED"),
        ("POST", "/api/v1/workflows", json, "[]", 400, "MALFORMED"),
        ("POST", "/api/v1/workflows/validate", json, "[]", 400, "MALFORMED"),
        ("POST", "/api/v1/workflows/validate", json, &deep, 422, "INVALID"),
        ("POST", "/api/v1/workflows", json, "{\"name\": \"\u{1}\"}", 400, "MALFORMED"),
        ("POST", "/api/v1/workflows", "text/plain", "{}", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            "POST",
            "/api/v1/workflows",
            "application/x-www-form-urlencoded",
            "a=b",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        ("POST", &execute, "text/plain", "{}", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("POST", "/api/v1/workflows", json, &deep, 422, "INVALID"),
        ("POST", "/api/v1/workflows", json, &very_deep, 422, "INVALID"),
        ("POST", &execute, json, &very_deep, 422, "INVALID"),
        ("POST", "/api/v1/workflows", json, "{\"name\": \"no graph\"}", 422, "INVALID"),
        ("POST", "/api/v1/workflows/plan", json, "{}", 422, "INVALID"),
        ("POST", &execute, json, "{\"input\": {}}", 422, "INVALID"),
        ("POST", &execute, json, "{\"inputs\": []}", 422, "INVALID"),
        ("POST", &execute, json, "[]", 422, "INVALID"),
        ("POST", &execute, json, "7", 422, "INVALID"),
        ("POST", &execute, json, "{\"budget\": [1]}", 422, "INVALID"),
        ("POST", &execute, json, "{\"budget\": {\"limit\": 1}}", 422, "INVALID"),
        ("POST", &execute, json, "{\"budget\": {\"limit_usd\": 0}}", 402, "BUDGET_EXCEEDED"),
        ("POST", &execute, json, "{\"inputs\": {\"conflict\": 1}}", 409, "CONFLICT"),
        ("POST", &resume, json, "{\"from\": \"a\"}", 422, "INVALID"),
        ("POST", &cancel, json, "{\"reason\": \"a\"}", 422, "INVALID"),
        ("POST", &cancel, json, "[]", 422, "INVALID"),
        ("POST", &cancel, json, "{}", 404, "NOT_FOUND"),
        ("POST", &plan, json, "{\"version\": 1}", 422, "INVALID"),
        ("POST", &plan, json, "{}", 404, "NOT_FOUND"),
        ("POST", &resume, json, "{\"from_node\": \"not a node\"}", 422, "INVALID"),
        ("POST", &estimate, json, "{\"document\": {}}", 422, "INVALID"),
        ("POST", "/api/v1/workflows/estimate", json, "{\"inputs\": {}}", 422, "INVALID"),
        ("POST", "/api/v1/scraping/requests", json, "{\"url\": \"x\"}", 422, "INVALID"),
        (
            "POST",
            "/api/v1/scraping/requests",
            json,
            "{\"url\": \"x\", \"description\": \"y\", \"z\": 1}",
            422,
            "INVALID",
        ),
        // Failures of ports
        ("POST", "/api/v1/workflows", json, "{\"name\": \"internal\"}", 500, "INTERNAL"),
        ("POST", "/api/v1/workflows", json, "{\"name\": \"panic\"}", 500, "INTERNAL"),
        ("POST", "/api/v1/workflows", json, "{\"name\": \"unavailable\"}", 503, "UNAVAILABLE"),
        ("POST", "/api/v1/workflows", json, "{\"name\": \"busy\"}", 429, "RATE_LIMITED"),
        ("POST", "/api/v1/workflows", json, "{\"name\": \"late\"}", 504, "DEADLINE_EXCEEDED"),
        ("GET", "/api/v1/scraping/jobs", "", "", 501, "UNIMPLEMENTED"),
        ("GET", &generated, "", "", 501, "UNIMPLEMENTED"),
    ];
    for (method, path, kind, body, status, code) in cases {
        let mut builder = request(method.parse().unwrap(), path);
        if !kind.is_empty() {
            builder = builder.header("content-type", *kind);
        }
        let answer = world.send(builder.body(Body::from((*body).to_owned())).unwrap()).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(answer.status.as_u16(), *status, "{method} {path} {shown}: {}", answer.text());
        let body = answer.failure(*status, code);
        assert!(!answer.text().contains("hunter2"), "{body}");
    }
}

#[tokio::test]
async fn failures_say_where_and_what_to_do() {
    let world = World::new(options());
    let execute = format!("/api/v1/workflows/{ID}/execute");
    let large = json!({"inputs": {"a": [9_007_199_254_740_992_i64, 9_007_199_254_740_993_i64]}});
    for path in [&execute, "/api/v1/workflows", "/api/v1/workflows/validate", "/api/v1/workflows/plan"] {
        let failure = world.post(path, &large).await.failure(422, "INVALID");
        assert_eq!(failure["details"][0]["path"], "/inputs/a/1", "{path}");
        assert_eq!(failure["suggestion"], "send it as a string");
    }
    let failure = world.post(&execute, &json!({"budget": {"limit": 1}})).await.failure(422, "INVALID");
    assert_eq!(failure["details"][0]["path"], "/budget/limit");
    let failure = world.post(&execute, &json!({"inputz": {}})).await.failure(422, "INVALID");
    assert_eq!(failure["details"][0]["path"], "/inputz");
    let failure = world.get("/api/v1/executions?status=done").await.failure(400, "MALFORMED");
    assert!(
        failure["message"]
            .as_str()
            .unwrap()
            .contains("queued, running, succeeded, failed, cancelled, budget_exceeded")
    );
    assert_eq!(failure["details"][0]["path"], "status");
    let failure = world.post("/api/v1/workflows", &json!({"name": "x"})).await.failure(422, "INVALID");
    assert_eq!(failure["details"], json!([{"path": "/graph", "message": "`graph` is missing"}]));
    assert_eq!(failure["suggestion"], "mend it");
    let busy = world.post("/api/v1/workflows", &json!({"name": "busy"})).await;
    assert_eq!(busy.header("retry-after"), "2");
    assert!(busy.json()["suggestion"].as_str().unwrap().contains("Retry-After"));
    assert_eq!(busy.json()["details"], json!([]));
    let refused = world.send(request(Method::DELETE, "/api/v1/workflows").body(Body::empty()).unwrap()).await;
    let allowed: std::collections::BTreeSet<&str> =
        refused.header("allow").split(',').map(str::trim).collect();
    assert_eq!(allowed, ["GET", "HEAD", "POST"].into());
}

#[tokio::test]
async fn the_size_of_a_body_is_limited_announced_or_not() {
    let world = World::new(options());
    let limit = 1 << 20;
    let document = |size: usize| format!("{{\"graph\": {{}}, \"name\": \"{}\"}}", "x".repeat(size - 25));
    assert_eq!(document(limit).len(), limit);
    let post = |body: Body| request(Method::POST, "/api/v1/workflows").body(body).unwrap();
    assert_eq!(world.send(post(document(limit).into())).await.status.as_u16(), 201);
    let failure = world.send(post(document(limit + 1).into())).await.failure(413, "TOO_LARGE");
    assert!(failure["message"].as_str().unwrap().contains("1048576"), "{failure}");
    let chunks = stream::iter(vec![Ok::<_, Infallible>("x".repeat(600_000)); 2]);
    world.send(post(Body::from_stream(chunks))).await.failure(413, "TOO_LARGE");
    let announced = request(Method::POST, "/api/v1/workflows").header("content-length", "99999999");
    world.send(announced.body(Body::empty()).unwrap()).await.failure(413, "TOO_LARGE");
}

#[tokio::test]
async fn idempotency_keys_have_a_length() {
    let world = World::new(options());
    let path = format!("/api/v1/workflows/{ID}/execute");
    for (key, status) in
        [("k".repeat(255), 202), ("k".repeat(256), 400), (String::new(), 400), ("é".to_owned(), 400)]
    {
        let value = http::HeaderValue::from_bytes(key.as_bytes()).unwrap();
        let ask = request(Method::POST, &path).header("idempotency-key", value).body(Body::empty()).unwrap();
        assert_eq!(world.send(ask).await.status.as_u16(), status, "{key}");
    }
}

#[tokio::test]
async fn request_ids_are_taken_over_only_if_sane() {
    let world = World::new(options());
    for (given, taken) in [
        ("a-1", true),
        ("", false),
        ("a b", false),
        ("é", false),
        (&"x".repeat(128), true),
        (&"x".repeat(129), false),
    ] {
        let value = http::HeaderValue::from_bytes(given.as_bytes()).unwrap();
        let ask = request(Method::GET, "/api/v1/nothing")
            .header("x-request-id", value)
            .body(Body::empty())
            .unwrap();
        let answer = world.send(ask).await;
        answer.failure(404, "NOT_FOUND");
        assert_eq!(answer.header("x-request-id") == given, taken, "{given}");
        assert!(taken || uuid::Uuid::try_parse(answer.header("x-request-id")).is_ok());
    }
}

#[tokio::test]
async fn readiness_names_what_is_down_and_nothing_more() {
    let up: ReadyCheck = Arc::new(|| Box::pin(async { Ok(()) }));
    let down: ReadyCheck = Arc::new(|| Box::pin(async { Err("10.1.2.3 refused".to_owned()) }));
    let stuck: ReadyCheck = Arc::new(|| Box::pin(std::future::pending()));
    let world = World::new(nexus_gateway::Options { ready: vec![("planner", up.clone())], ..options() });
    assert_eq!(world.get("/readyz").await.json()["checks"], json!({"planner": "ok"}));
    assert_eq!(world.get("/healthz").await.json()["status"], "ok");
    let ready = vec![("planner", up), ("executor", down), ("memory", stuck)];
    let world = World::new(nexus_gateway::Options { ready, ..options() });
    let answer = world.get("/readyz").await;
    let failure = answer.failure(503, "UNAVAILABLE");
    let names: Vec<&str> =
        failure["details"].as_array().unwrap().iter().map(|d| d["path"].as_str().unwrap()).collect();
    assert_eq!(names, ["executor", "memory"]);
    assert!(!answer.text().contains("10.1.2.3"));
    assert_eq!(world.get("/healthz").await.status.as_u16(), 200);
}
