//! Reading documents: defaults, strictness, round trips.

use nexus_model::document::*;
use serde_json::json;

#[test]
fn the_smallest_document_gets_the_documented_defaults() {
    let document: Document = serde_json::from_value(json!({"graph": {"nodes": [
        {"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "hi"}},
        {"id": "t", "type": "tool", "config": {"tool": "http_request", "url": "https://example.com", "idempotent": true}},
        {"id": "c", "type": "conditional", "config": {"cases": []}},
    ]}}))
    .unwrap();
    let NodeKind::Agent(agent) = &document.graph.nodes[0].kind else { panic!("an agent") };
    assert_eq!((agent.max_tokens, agent.max_tool_rounds), (1024, 8));
    let NodeKind::Tool(tool) = &document.graph.nodes[1].kind else { panic!("a tool") };
    assert!(tool.idempotent);
    assert!(matches!(&tool.tool, Tool::HttpRequest { method, .. } if method == "GET"));
    let policy = &document.graph.nodes[0].policy;
    assert_eq!((policy.timeout_seconds, policy.retry.max_attempts), (60.0, 3));
}

#[test]
fn unknown_members_are_refused_at_every_level() {
    for document in [
        json!({"graph": {"nodes": []}, "extra": 1}),
        json!({"graph": {"nodes": [], "extra": 1}}),
        json!({"graph": {"nodes": [{"id": "a", "type": "tool", "config": {"tool": "template", "template": "", "extra": 1}}]}}),
        json!({"graph": {"nodes": [{"id": "a", "type": "agent", "config": {"model": "m/m", "prompt": "", "extra": 1}}]}}),
    ] {
        assert!(serde_json::from_value::<Document>(document.clone()).is_err(), "{document}");
    }
}

#[test]
fn a_document_survives_being_written_and_read() {
    let document: Document = serde_json::from_value(json!({
        "schema_version": 1, "name": "n", "description": "", "budget": {"limit_usd": 0.5},
        "graph": {"nodes": [{"id": "t", "type": "tool", "config": {"tool": "template", "template": "x", "description": "d"}}],
                  "edges": []}}))
    .unwrap();
    let again: Document = serde_json::from_value(serde_json::to_value(&document).unwrap()).unwrap();
    assert_eq!(document, again);
}
