//! The description of one generated endpoint, with the schema of its records, for tools that import OpenAPI. Not here: the
//! API as a whole (`super`).

use nexus_api::scraper::Job;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The endpoint of a job that has one.
pub(crate) fn describe(job: &Job) -> Value {
    let record = record(job);
    let path = format!("/api/v1/generated/{}", job.id);
    let error = |description: &str| {
        json!({"description": description, "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}})
    };
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": job.description,
            "version": job.code_version.unwrap_or(1).to_string(),
            "description": format!("Records of {}, read from the page by a scraper.", job.url),
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"api_key": []}],
        "paths": {path: {"get": {
            "operationId": operation(&job.description),
            "summary": job.description,
            "parameters": [
                {"name": "fresh", "in": "query", "schema": {"type": "boolean", "default": false},
                 "description": "Read the page now instead of answering from the cache"},
                {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 10_000},
                 "description": "Most records"},
                {"name": "offset", "in": "query", "schema": {"type": "integer", "minimum": 0, "default": 0},
                 "description": "Records to leave out at the beginning"},
                {"name": "format", "in": "query", "schema": {"enum": ["json", "csv"], "default": "json"},
                 "description": "How the records are written"},
            ],
            "responses": {
                "200": {"description": "The records", "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Answer"}},
                    "text/csv": {"schema": {"type": "string"}},
                }},
                "404": error("The scraper was deleted"),
                "409": error("The scraper is not ready"),
                "422": error("The scraper ran and failed"),
                "503": error("The page cannot be read at the moment"),
            },
        }}},
        "components": {
            "securitySchemes": {"api_key": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Record": record,
                "Answer": {
                    "type": "object",
                    "required": ["request_timestamp", "source_url", "data", "metadata"],
                    "properties": {
                        "request_timestamp": {"type": "string", "format": "date-time"},
                        "source_url": {"type": "string", "format": "uri"},
                        "data": {"type": "array", "items": {"$ref": "#/components/schemas/Record"}},
                        "metadata": {
                            "type": "object",
                            "description": "How many records there are, how old they are, what is wrong with them",
                            "properties": {
                                "total": {"type": "integer"}, "count": {"type": "integer"},
                                "cached": {"type": "boolean"}, "stale": {"type": "boolean"},
                                "age_seconds": {"type": "integer"},
                                "fetched_at": {"type": "string", "format": "date-time"},
                                "duration_ms": {"type": "integer"}, "code_version": {"type": "integer"},
                                "fields": {"type": "array", "items": {"type": "string"}},
                                "warnings": {"type": "array", "items": {"type": "string"}},
                            },
                        },
                    },
                },
                "Error": {
                    "type": "object",
                    "required": ["error", "message", "suggestion"],
                    "properties": {
                        "error": {"type": "string"}, "message": {"type": "string"},
                        "suggestion": {"type": ["string", "null"]}, "request_id": {"type": "string"},
                    },
                },
            },
        },
    })
}

/// The schema of a record: as the page was understood, else as the samples look.
fn record(job: &Job) -> Value {
    let schema = job.analysis.as_ref().and_then(|analysis| analysis.pointer("/schema/items"));
    if let Some(schema) = schema.filter(|schema| schema.is_object()) {
        return schema.clone();
    }
    let samples = job.sample_data.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let names: BTreeSet<&String> = samples.iter().filter_map(Value::as_object).flat_map(Map::keys).collect();
    let of = |name: &str| {
        let kinds: BTreeSet<&str> = samples.iter().filter_map(|sample| sample.get(name)).map(kind).collect();
        // What is missing in one record may be missing in any.
        json!({"type": kinds.into_iter().chain(["null"]).collect::<BTreeSet<_>>()})
    };
    let properties: Map<String, Value> = names.into_iter().map(|name| (name.clone(), of(name))).collect();
    json!({"type": "object", "properties": properties})
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A name for functions made from the description.
fn operation(description: &str) -> String {
    let letters =
        description.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' });
    let words: String = letters.collect();
    let words: Vec<&str> = words.split_whitespace().take(8).collect();
    if words.is_empty() { "get_records".to_owned() } else { format!("get_{}", words.join("_")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_after_what_is_wanted() {
        assert_eq!(operation("Title, price & rating of every book!"), "get_title_price_rating_of_every_book");
        assert_eq!(operation("全部"), "get_records");
    }
}
