//! Pages, compression, metrics. The web application may or may not have been exported when this runs; its files
//! are tested beside the code that serves them.

use crate::support::{World, options, request};
use axum::body::Body;
use http::Method;
use nexus_gateway::Options;
use std::sync::Arc;

#[tokio::test]
async fn there_is_always_a_page_at_the_root() {
    let world = World::new(options());
    let page = world.get("/").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), "no-cache");
    let head = world.send(request(Method::HEAD, "/").body(Body::empty()).unwrap()).await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));
}

#[tokio::test]
async fn the_docs_page_needs_nothing_from_elsewhere() {
    let world = World::new(options());
    let mut text = world.get("/docs").await.text().to_owned();
    for (path, kind) in
        [("/docs/docs.js", "text/javascript; charset=utf-8"), ("/docs/docs.css", "text/css; charset=utf-8")]
    {
        let asset = world.get(path).await;
        assert_eq!((asset.status.as_u16(), asset.header("content-type")), (200, kind));
        assert!(text.contains(path));
        text.push_str(asset.text());
    }
    assert!(!text.contains("http://") && !text.contains("https://"));
    assert!(!text.contains("innerHTML") && !text.contains(" onclick"));
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_take_it() {
    let world = World::new(options());
    let ask = |kind: &'static str| {
        request(Method::GET, "/openapi.json").header("accept-encoding", kind).body(Body::empty())
    };
    let packed = world.send(ask("gzip").unwrap()).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.header("vary").to_lowercase().contains("accept-encoding"));
    let plain = world.send(ask("identity").unwrap()).await;
    assert!(!plain.headers.contains_key("content-encoding") && packed.bytes.len() < plain.bytes.len() / 3);
}

#[tokio::test]
async fn metrics_are_whatever_the_process_renders() {
    let render: nexus_gateway::Metrics = Arc::new(|| "up 1\n".to_owned());
    let world = World::new(Options { metrics: Some(render), ..options() });
    let metrics = world.get("/metrics").await;
    assert_eq!(
        (metrics.text(), metrics.header("content-type")),
        ("up 1\n", "text/plain; version=0.0.4; charset=utf-8")
    );
}
