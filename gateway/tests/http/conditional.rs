//! Conditional requests: ETag, If-Match, If-None-Match.

use crate::support::{Answer, World, document, json_request, options, request};
use axum::body::Body;
use http::{Method, Request};
use serde_json::Value;

async fn workflow(world: &World) -> String {
    let created = world.post("/api/v1/workflows", &document("w")).await.json();
    format!("/api/v1/workflows/{}", created["id"].as_str().unwrap())
}

async fn put(world: &World, path: &str, tag: Option<&str>, body: &Value) -> Answer {
    let (mut parts, body) = json_request(Method::PUT, path, body).into_parts();
    if let Some(tag) = tag {
        parts.headers.insert("if-match", tag.parse().unwrap());
    }
    world.send(Request::from_parts(parts, body)).await
}

#[tokio::test]
async fn put_needs_the_version_it_is_based_on() {
    let world = World::new(options());
    let path = workflow(&world).await;
    let document = document("changed");
    put(&world, &path, None, &document).await.failure(428, "PRECONDITION_REQUIRED");
    for stale in ["\"7\"", "W/\"1\"", "\"x\"", "\"2\", \"3\""] {
        put(&world, &path, Some(stale), &document).await.failure(412, "PRECONDITION_FAILED");
    }
    for garbage in ["1", "\"1", "latest"] {
        put(&world, &path, Some(garbage), &document).await.failure(400, "MALFORMED");
    }
    assert_eq!(put(&world, &path, Some("\"1\""), &document).await.header("etag"), "\"2\"");
    put(&world, &path, Some("\"1\""), &document).await.failure(412, "PRECONDITION_FAILED");
    assert_eq!(put(&world, &path, Some("\"9\", \"2\""), &document).await.header("etag"), "\"3\"");
    assert_eq!(put(&world, &path, Some("*"), &document).await.header("etag"), "\"4\"");

    let nowhere = format!("/api/v1/workflows/{}", uuid::Uuid::now_v7());
    for tag in ["\"1\"", "*", "\"x\""] {
        put(&world, &nowhere, Some(tag), &document).await.failure(404, "NOT_FOUND");
    }
    put(&world, &path, Some("\"4\""), &serde_json::json!({})).await.failure(422, "INVALID");
}

#[tokio::test]
async fn delete_honours_if_match_but_does_not_need_it() {
    let world = World::new(options());
    let path = workflow(&world).await;
    let delete = |tag: &'static str| {
        request(Method::DELETE, &path).header("if-match", tag).body(Body::empty()).unwrap()
    };
    world.send(delete("\"2\"")).await.failure(412, "PRECONDITION_FAILED");
    assert_eq!(world.send(delete("\"1\"")).await.status.as_u16(), 204);
}

#[tokio::test]
async fn get_answers_304_to_those_who_have_it() {
    let world = World::new(options());
    let path = workflow(&world).await;
    for path in [path.clone(), format!("{path}/versions/1")] {
        let get = |tag: &'static str| {
            request(Method::GET, &path).header("if-none-match", tag).body(Body::empty()).unwrap()
        };
        for known in ["\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"] {
            let answer = world.send(get(known)).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("etag"), answer.bytes.len()),
                (304, "\"1\"", 0)
            );
        }
        assert_eq!(world.send(get("\"2\"")).await.status.as_u16(), 200);
    }
}
