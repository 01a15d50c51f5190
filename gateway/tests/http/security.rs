//! Who may talk to the gateway at all, and what its answers forbid a browser. Not here: scopes (`authorisation`).

use crate::support::{World, keys, options, request};
use axum::body::Body;
use http::{Method, Request};
use nexus_gateway::Options;
use serde_json::json;

fn with_keys() -> Options {
    Options { access: keys(), ..options() }
}

#[tokio::test]
async fn unknown_api_addresses_need_a_key_too_but_pages_do_not() {
    let world = World::new(with_keys());
    for path in ["/api/v1/nothing", "/ws/nothing", "/api"] {
        world.get(path).await.failure(401, "UNAUTHENTICATED");
    }
    for path in ["/v1/chat/completions", "/v1/nothing", "/v1"] {
        let refused = world.get(path).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["error"]["code"]),
            (401, &json!("invalid_api_key"))
        );
    }
    for path in ["/", "/docs/docs.js", "/docs/docs.css"] {
        assert_eq!(world.get(path).await.status.as_u16(), 200, "{path}");
    }
    // Other spellings of a protected path lead nowhere.
    for path in ["//api/v1/workflows", "/api%2Fv1/workflows", "/API/v1/workflows", "/x/../api/v1/workflows"] {
        let answer = world.get(path).await;
        assert!(matches!(answer.status.as_u16(), 401 | 404), "{path}: {}", answer.text());
    }
    let page = request(Method::GET, "/docs").header("accept", "text/html").body(Body::empty()).unwrap();
    let page = world.send(page).await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (401, "text/html; charset=utf-8"));
    assert!(page.header("www-authenticate").starts_with("Bearer"));
}

#[tokio::test]
async fn hosts_and_origins_are_checked_on_loopback() {
    let world = World::new(options());
    for path in ["/api/v1/workflows", "/", "/healthz", "/openapi.json", "/nothing"] {
        let rebound = Request::get(path).header("host", "rebound.example").body(Body::empty()).unwrap();
        world.send(rebound).await.failure(403, "FORBIDDEN");
        let foreign =
            request(Method::GET, path).header("origin", "https://evil.example").body(Body::empty()).unwrap();
        world.send(foreign).await.failure(403, "FORBIDDEN");
    }
    let own = request(Method::GET, "/api/v1/workflows").header("origin", "http://localhost:8080");
    let own = world.send(own.body(Body::empty()).unwrap()).await;
    assert_eq!(own.status.as_u16(), 200);
    assert!(!own.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn allowed_origins_get_cors_and_nobody_else_does() {
    let origin = "http://localhost:3000";
    let world = World::new(Options { allowed_origins: vec![origin.to_owned()], ..with_keys() });
    let preflight = |origin: &str| {
        let ask = request(Method::OPTIONS, "/api/v1/workflows").header("origin", origin);
        ask.header("access-control-request-method", "PUT").body(Body::empty()).unwrap()
    };
    let answer = world.send(preflight(origin)).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (204, origin));
    assert!(answer.header("access-control-allow-methods").contains("PUT"));
    for header in ["authorization", "if-match", "idempotency-key"] {
        assert!(answer.header("access-control-allow-headers").contains(header));
    }
    assert!(answer.header("vary").contains("origin"));
    world.send(preflight("https://evil.example")).await.failure(403, "FORBIDDEN");
    // Failures are readable for an allowed page too.
    let refused =
        request(Method::GET, "/api/v1/workflows").header("origin", origin).body(Body::empty()).unwrap();
    let refused = world.send(refused).await;
    refused.failure(401, "UNAUTHENTICATED");
    assert_eq!(refused.header("access-control-allow-origin"), origin);
    assert!(refused.header("access-control-expose-headers").contains("etag"));
}

#[tokio::test]
async fn elsewhere_foreign_pages_may_not_change_anything() {
    let world = World::new(Options { loopback: false, ..options() });
    let ask = |method: Method, origin: &str| {
        let ask = Request::builder().method(method).uri("/api/v1/workflows").header("host", "nexus.example");
        ask.header("origin", origin).body(Body::from("{\"graph\": {}}")).unwrap()
    };
    let read = world.send(ask(Method::GET, "https://evil.example")).await;
    assert_eq!(read.status.as_u16(), 200);
    assert!(!read.headers.contains_key("access-control-allow-origin"));
    world.send(ask(Method::POST, "https://evil.example")).await.failure(403, "FORBIDDEN");
    assert_eq!(world.send(ask(Method::POST, "https://nexus.example")).await.status.as_u16(), 201);
}

#[tokio::test]
async fn every_answer_carries_security_headers() {
    let world = World::new(options());
    for path in ["/", "/docs", "/api/v1/workflows", "/api/v1/nothing", "/healthz"] {
        let answer = world.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-eval"));
        assert!(!policy.contains("script-src 'self' 'unsafe-inline'") && !policy.contains("http"));
        assert_eq!(policy.contains("script-src 'self'"), matches!(path, "/" | "/docs"), "{path}");
    }
}
