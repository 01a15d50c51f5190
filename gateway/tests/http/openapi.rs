//! The description holds every route of the contract, and describes each of them fully.

use crate::support::{World, options};
use serde_json::Value;
use std::collections::BTreeSet;

/// Section 4 of the contract.
const CONTRACT: [&str; 37] = [
    "get /api/v1/workflows",
    "post /api/v1/workflows",
    "get /api/v1/workflows/{id}",
    "put /api/v1/workflows/{id}",
    "delete /api/v1/workflows/{id}",
    "get /api/v1/workflows/{id}/versions",
    "get /api/v1/workflows/{id}/versions/{version}",
    "post /api/v1/workflows/validate",
    "post /api/v1/workflows/plan",
    "post /api/v1/workflows/{id}/plan",
    "post /api/v1/workflows/estimate",
    "post /api/v1/workflows/{id}/estimate",
    "post /api/v1/workflows/{id}/execute",
    "get /api/v1/workflows/{id}/executions",
    "get /api/v1/executions",
    "get /api/v1/executions/{id}",
    "post /api/v1/executions/{id}/cancel",
    "post /api/v1/executions/{id}/resume",
    "get /api/v1/executions/{id}/events",
    "get /api/v1/executions/{id}/memory",
    "get /api/v1/models",
    "post /v1/chat/completions",
    "post /v1/embeddings",
    "get /v1/models",
    "post /api/v1/scraping/requests",
    "get /api/v1/scraping/jobs",
    "get /api/v1/scraping/jobs/{id}",
    "delete /api/v1/scraping/jobs/{id}",
    "get /api/v1/scraping/jobs/{id}/status",
    "post /api/v1/scraping/jobs/{id}/test",
    "post /api/v1/scraping/jobs/{id}/regenerate",
    "get /api/v1/generated/{job_id}",
    "get /healthz",
    "get /readyz",
    "get /metrics",
    "get /openapi.json",
    "get /docs",
];

/// Beyond it.
const BEYOND: [&str; 16] = [
    "get /api/v1/memory",
    "post /api/v1/memory",
    "delete /api/v1/memory",
    "post /api/v1/memory/recall",
    "post /api/v1/memory/reembed",
    "get /api/v1/memory/model",
    "delete /api/v1/memory/{id}",
    "delete /api/v1/executions/{id}",
    "delete /api/v1/scraping/jobs/{id}/schedule",
    "delete /api/v1/secrets/{name}",
    "get /api/v1/generated/{job_id}/openapi.json",
    "get /api/v1/scraping/jobs/{id}/health",
    "get /api/v1/scraping/jobs/{id}/schedule",
    "get /api/v1/secrets",
    "put /api/v1/scraping/jobs/{id}/schedule",
    "put /api/v1/secrets/{name}",
];

const LIVE: [&str; 2] = ["get /ws/executions/{id}", "get /ws/scraping/jobs/{id}"];

async fn document() -> Value {
    World::new(options()).get("/openapi.json").await.json()
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

#[tokio::test]
async fn the_description_holds_exactly_the_routes_there_are() {
    let document = document().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let described: BTreeSet<String> = operations(&document).into_iter().map(|(name, _)| name).collect();
    let expected: BTreeSet<String> =
        CONTRACT.into_iter().chain(BEYOND).chain(LIVE).map(str::to_owned).collect();
    assert_eq!(described, expected);
}

#[tokio::test]
async fn every_operation_is_described_fully() {
    let document = document().await;
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{name}");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{name}");
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{name}");
        let responses = operation["responses"].as_object().unwrap();
        let open = ["get /healthz", "get /readyz"].contains(&name.as_str());
        assert_eq!(responses.contains_key("401"), !open, "{name}");
        assert_eq!(operation.get("security").is_some(), open, "{name}");
        assert_eq!(responses.contains_key("413"), operation.get("requestBody").is_some(), "{name}");
        for (status, response) in responses {
            assert!(!response["description"].as_str().unwrap().is_empty(), "{name} {status}");
            assert!(response["headers"]["X-Request-Id"].is_object(), "{name} {status}");
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/json"]["schema"]["$ref"];
                let shape = if name.contains(" /v1/") { "CompatibleErrorBody" } else { "ErrorBody" };
                assert_eq!(schema, &format!("#/components/schemas/{shape}"), "{name} {status}");
            }
        }
        let parameters = operation["parameters"].as_array().unwrap();
        for placeholder in name.split(['{', '}']).skip(1).step_by(2) {
            let described = parameters
                .iter()
                .any(|p| p["name"] == placeholder && p["in"] == "path" && p["required"] == true);
            assert!(described, "{name} {placeholder}");
        }
        let optional = [
            "execute_workflow",
            "resume_execution",
            "estimate_workflow",
            "cancel_execution",
            "plan_workflow",
            "reembed_memory",
            "regenerate_scraping_job",
        ];
        if let Some(body) = operation.get("requestBody") {
            let id = operation["operationId"].as_str().unwrap();
            assert_eq!(body["required"] == true, !optional.contains(&id), "{name}");
        }
        for parameter in parameters.iter().filter(|parameter| parameter.get("$ref").is_none()) {
            assert!(!parameter["description"].as_str().unwrap_or_default().is_empty(), "{name} {parameter}");
            assert!(!parameter.to_string().contains("null"), "{name} {parameter}");
        }
    }
}

#[tokio::test]
async fn lists_refer_to_what_they_list() {
    let document = document().await;
    for name in ["Workflow", "VersionInfo", "ExecutionSummary", "Event", "ModelInfo", "MemoryEntry", "Job"] {
        let items =
            &document["components"]["schemas"][format!("Page_{name}")]["properties"]["items"]["items"];
        assert_eq!(items, &serde_json::json!({"$ref": format!("#/components/schemas/{name}")}));
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let document = document().await;
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 100);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                references.push(reference);
            }
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}
