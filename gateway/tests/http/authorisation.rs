//! Every route of the description against every kind of key: none, wrong ones, and one for each scope.

use crate::support::{World, keys, options, request};
use axum::body::Body;
use http::{Method, header};
use nexus_gateway::{Options, Rates};
use nexus_runtime::config::Rate;
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// What needs more than reading, written down a second time, on purpose.
const BEYOND_READING: [(&str, &str); 24] = [
    ("post /api/v1/workflows", "edit"),
    ("put /api/v1/workflows/{id}", "edit"),
    ("delete /api/v1/workflows/{id}", "edit"),
    ("post /api/v1/workflows/{id}/execute", "run"),
    ("post /api/v1/executions/{id}/cancel", "run"),
    ("post /api/v1/executions/{id}/resume", "run"),
    ("post /api/v1/memory", "edit"),
    ("delete /api/v1/memory", "edit"),
    ("delete /api/v1/memory/{id}", "edit"),
    ("post /api/v1/memory/recall", "run"),
    ("post /api/v1/memory/reembed", "admin"),
    ("post /v1/chat/completions", "run"),
    ("post /v1/embeddings", "run"),
    ("post /api/v1/scraping/requests", "edit"),
    ("delete /api/v1/scraping/jobs/{id}", "edit"),
    ("post /api/v1/scraping/jobs/{id}/test", "run"),
    ("post /api/v1/scraping/jobs/{id}/regenerate", "edit"),
    ("get /api/v1/generated/{job_id}", "run"),
    ("put /api/v1/scraping/jobs/{id}/schedule", "edit"),
    ("delete /api/v1/scraping/jobs/{id}/schedule", "edit"),
    ("delete /api/v1/executions/{id}", "edit"),
    ("get /api/v1/secrets", "admin"),
    ("put /api/v1/secrets/{name}", "admin"),
    ("delete /api/v1/secrets/{name}", "admin"),
];

/// Which keys may use what needs a scope.
fn enough(needed: &str) -> &'static [&'static str] {
    match needed {
        "read" => &["read", "run", "edit", "admin"],
        "run" => &["run", "admin"],
        "edit" => &["edit", "admin"],
        _ => &["admin"],
    }
}

fn keyed() -> World {
    World::new(Options { access: keys(), ..options() })
}

async fn ask(world: &World, operation: &str, authorization: Option<&str>) -> crate::support::Answer {
    let (method, path) = operation.split_once(' ').unwrap();
    let id = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
    let path =
        path.replace("{id}", id).replace("{job_id}", id).replace("{version}", "1").replace("{name}", "token");
    assert!(!path.contains('{'), "what stands for the parameter in {path}?");
    let method: Method = method.to_uppercase().parse().unwrap();
    let mut ask = request(method, &path);
    if let Some(authorization) = authorization {
        ask = ask.header(header::AUTHORIZATION, authorization);
    }
    world.send(ask.body(Body::empty()).unwrap()).await
}

/// Every operation of the description, and whether it says that it needs no key.
async fn operations(world: &World) -> BTreeMap<String, bool> {
    let document = ask(world, "get /openapi.json", Some("Bearer secret")).await.json();
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, operations)| {
        let open = |operation: &Value| operation.get("security").is_some();
        let operations = operations.as_object().unwrap().iter();
        operations
            .map(move |(method, operation)| (format!("{method} {path}"), open(operation)))
            .collect::<Vec<_>>()
    });
    operations.collect()
}

#[tokio::test]
async fn every_route_is_refused_without_a_key_and_with_a_weaker_one() {
    let world = keyed();
    let operations = operations(&world).await;
    assert!(operations.len() > 40, "{}", operations.len());
    for (operation, open) in &operations {
        let needed =
            BEYOND_READING.iter().find(|(name, _)| name == operation).map_or("read", |(_, scope)| scope);
        let judges = ["validate", "plan", "estimate"].iter().any(|end| operation.ends_with(end));
        assert!(
            operation.starts_with("get ") || judges || needed != "read",
            "{operation} changes or spends: say which scope it needs"
        );
        for wrong in
            ["", "Bearer wrong", "Basic secret", "secret", "Bearer", "Bearer mesh", "Bearer read run"]
        {
            let answer = ask(&world, operation, Some(wrong).filter(|wrong| !wrong.is_empty())).await;
            if *open {
                assert_eq!(answer.status.as_u16(), 200, "{operation}");
                continue;
            }
            assert_eq!(answer.status.as_u16(), 401, "{operation} {wrong:?}: {}", answer.text());
            if operation.contains(" /v1/") {
                assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
            } else {
                answer.failure(401, "UNAUTHENTICATED");
            }
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{operation}");
        }
        for key in ["nothing", "read", "run", "edit", "admin"] {
            let answer = ask(&world, operation, Some(&format!("Bearer {key}"))).await;
            let allowed = *open || enough(needed).contains(&key);
            let refused = answer.status.as_u16() == 403;
            assert_eq!(refused, !allowed, "{operation} with {key}: {} {}", answer.status, answer.text());
            assert_ne!(answer.status.as_u16(), 401, "{operation} with {key}");
            if refused {
                assert!(answer.text().contains(&format!("`{needed}`")), "{}", answer.text());
                let challenge = answer.header("www-authenticate");
                assert!(
                    challenge.contains("insufficient_scope") && challenge.contains(needed),
                    "{challenge}"
                );
            }
        }
    }
    // Nothing of what was refused has been done.
    assert!(BEYOND_READING.iter().filter(|(name, _)| operations.contains_key(*name)).count() > 15);
}

#[tokio::test]
async fn what_cannot_be_judged_at_the_moment_is_not_let_in() {
    let world = keyed();
    let answer = ask(&world, "get /api/v1/workflows", Some("Bearer unsure")).await;
    answer.failure(503, "UNAVAILABLE");
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn other_methods_of_a_route_need_a_key_and_are_not_there() {
    let world = keyed();
    ask(&world, "patch /api/v1/workflows", None).await.failure(401, "UNAUTHENTICATED");
    let answer = ask(&world, "patch /api/v1/workflows", Some("Bearer secret")).await;
    answer.failure(405, "METHOD_NOT_ALLOWED");
    assert_eq!(answer.header("allow"), "GET,HEAD,POST");
    assert_eq!(ask(&world, "head /api/v1/workflows", Some("Bearer read")).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_key_that_calls_too_often_is_told_when_to_come_again() {
    let rate = Some(Rate { calls: 3, per: Duration::from_secs(3_600) });
    let rates = Rates { per_key: rate, ..Rates::default() };
    let world = World::new(Options { access: keys(), rates, ..options() });
    for _ in 0..3 {
        assert_eq!(ask(&world, "get /api/v1/workflows", Some("Bearer read")).await.status.as_u16(), 200);
    }
    let answer = ask(&world, "get /api/v1/workflows", Some("Bearer read")).await;
    answer.failure(429, "RATE_LIMITED");
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=1_200).contains(&seconds), "{seconds}");
    // What needs no key is not counted, and others are not concerned.
    assert_eq!(ask(&world, "get /healthz", Some("Bearer read")).await.status.as_u16(), 200);
    assert_eq!(ask(&world, "get /api/v1/workflows", Some("Bearer admin")).await.status.as_u16(), 200);
}

#[tokio::test]
async fn guessing_keys_is_bounded_by_the_address() {
    let rate = Some(Rate { calls: 5, per: Duration::from_secs(3_600) });
    let rates = Rates { per_address: rate, ..Rates::default() };
    let world = World::new(Options { access: keys(), rates, ..options() });
    let server = world.serve().await;
    let mut statuses = Vec::new();
    for guess in 0..7 {
        let text = format!(
            "GET /api/v1/models HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer guess{guess}\r\n\
             x-forwarded-for: 203.0.113.{guess}\r\nconnection: close\r\n\r\n",
            server.addr
        );
        statuses.push(crate::support::raw(server.addr, &text).await[9..12].to_owned());
    }
    assert_eq!(statuses, ["401", "401", "401", "401", "401", "429", "429"]);
}
