//! The OpenAPI document: its frame, and what holds for every route and is therefore added here once: errors,
//! request ids, keys. Routes describe themselves (`routes`), shapes are in `schemas`.
//! Not here: the page that shows it (`docs`).

pub(crate) mod endpoint;
pub(crate) mod schemas;

use crate::{
    Options,
    error::{CompatibleErrorBody, ErrorBody},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use utoipa::{
    OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// Everything but the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Nexus",
        description = "Save, run and watch AI workflows.\n\nAll JSON is snake_case; times are RFC 3339 UTC; money is US dollars. Unknown members of a body are refused. Every failure has the same shape (`ErrorBody`). If the server has API keys, every call needs one (`Authorization: Bearer KEY`), except `/healthz`, `/readyz` and the files of the web application.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(ErrorBody, CompatibleErrorBody)),
    tags(
        (name = "workflows", description = "Stored workflows and their versions"),
        (name = "documents", description = "What can be said about a document without running it"),
        (name = "executions", description = "Running workflows"),
        (name = "live", description = "WebSockets"),
        (name = "memory", description = "Texts kept, and found again by likeness"),
        (name = "models", description = "Models and their prices"),
        (name = "compatible", description = "OpenAI's API"),
        (name = "scraping", description = "Scrapers made from a sentence, and their endpoints"),
        (name = "secrets", description = "Named values that tools use and nobody reads"),
        (name = "system", description = "The server itself"),
    ),
    security(("api_key" = [])),
)]
struct Frame;

/// The document without routes.
pub(crate) fn frame() -> utoipa::openapi::OpenApi {
    let mut document = Frame::openapi();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("Only if the server has API keys (`NEXUS_API_KEYS`)"));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("api_key", SecurityScheme::Http(scheme.build()));
    document
}

/// Description of the bodies that may be left out.
const EMPTY_BODY: &str = "An empty body is `{}`";

/// Failures that any route may answer with.
const EVERYWHERE: [(&str, &str); 7] = [
    ("400", "Something in the address, the headers or the body is not well-formed"),
    ("401", "An API key is needed, or the one given is not accepted"),
    ("403", "The `Host` or the `Origin` is not allowed"),
    ("429", "Too many requests; come again after `Retry-After`"),
    ("500", "A bug of ours; the log says more under the request's id"),
    ("503", "A dependency is down; come again after `Retry-After`"),
    ("504", "It took too long"),
];

/// Failures of routes that take a body.
const WITH_BODY: [(&str, &str); 4] = [
    ("408", "The body took too long to arrive"),
    ("413", "The body is too large; the message names the limit"),
    ("415", "The body is not JSON"),
    ("422", "The body is not acceptable; `details` says where"),
];

/// The finished document as JSON.
pub(crate) fn write(document: &utoipa::openapi::OpenApi, options: &Options) -> Bytes {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    complete(&mut document, options);
    serde_json::to_vec(&document).unwrap_or_default().into()
}

fn complete(document: &mut Value, options: &Options) {
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document["components"]["headers"] = headers();
    document["components"]["parameters"] = json!({
        "RequestId": {
            "name": "X-Request-Id", "in": "header", "schema": {"type": "string", "maxLength": 128},
            "description": "Names the request in logs and in the answer; made up if absent",
        },
        "TraceParent": {
            "name": "traceparent", "in": "header", "schema": {"type": "string"},
            "description": "W3C trace context, passed on to whatever the request causes",
        },
    });
    refer_to_items(&mut document["components"]["schemas"]);
    allow_drafts(&mut document["components"]["schemas"]);
    document["info"]["x-limits"] = json!(options.limits);
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for operations in paths.values_mut().filter_map(Value::as_object_mut) {
        for operation in operations.values_mut().filter_map(Value::as_object_mut) {
            complete_operation(operation);
        }
    }
}

/// utoipa writes the type of a page's entries out where it is used; programs made from the description would get
/// two types for one thing.
fn refer_to_items(schemas: &mut Value) {
    let Some(schemas) = schemas.as_object_mut() else { return };
    let known: Vec<String> = schemas.keys().cloned().collect();
    for (name, schema) in schemas.iter_mut() {
        let Some(of) = name.strip_prefix("Page_").filter(|of| known.iter().any(|name| name == of)) else {
            continue;
        };
        schema["properties"]["items"]["items"] = json!({"$ref": format!("#/components/schemas/{of}")});
    }
}

/// What is stored is a document, or a draft of which nothing is known but that it is not one yet.
fn allow_drafts(schemas: &mut Value) {
    let document = json!({"$ref": "#/components/schemas/Document"});
    let Some(parts) = schemas["Workflow"]["allOf"].as_array_mut() else { return };
    for part in parts.iter_mut().filter(|part| part["$ref"] == document["$ref"]) {
        *part = json!({"anyOf": [document, {"$ref": "#/components/schemas/Draft"}]});
    }
    schemas["Draft"] = json!({
        "type": "object", "required": ["valid"],
        "description": "A document that is not valid yet: whatever of it was saved.",
        "properties": {"valid": {"const": false, "description": "Its `problems` say why."}},
    });
}

/// A parameter is absent or has a value; the `null` of an optional Rust value cannot be written in an address.
fn never_null(schema: &mut Value) {
    if let Some(types) = schema.get_mut("type")
        && let Some(only) =
            types.as_array().and_then(|types| types.iter().find(|one| **one != "null")).cloned()
    {
        *types = only;
    }
    if let Some(options) = schema.get("oneOf").and_then(Value::as_array)
        && let [only] =
            options.iter().filter(|one| one["type"] != "null").cloned().collect::<Vec<_>>().as_slice()
    {
        *schema = only.clone();
    }
}

fn headers() -> Value {
    json!({
        "RequestId": {"description": "Names the request in the server's log", "schema": {"type": "string"}},
        "RetryAfter": {
            "description": "Seconds after which to come again", "schema": {"type": "integer", "minimum": 1},
        },
        "WwwAuthenticate": {"description": "`Bearer`", "schema": {"type": "string"}},
    })
}

fn complete_operation(operation: &mut Map<String, Value>) {
    let open = operation.get("security").is_some_and(|security| *security == json!([{}]));
    let takes_body = operation.contains_key("requestBody");
    // OpenAI knows no 422.
    let compatible = operation.get("tags").is_some_and(|tags| *tags == json!(["compatible"]));
    if operation.get("requestBody").is_some_and(|body| body["description"] == EMPTY_BODY) {
        operation["requestBody"]["required"] = false.into();
    }
    if let Some(parameters) = operation.entry("parameters").or_insert_with(|| json!([])).as_array_mut() {
        parameters.iter_mut().for_each(|parameter| never_null(&mut parameter["schema"]));
        for name in ["RequestId", "TraceParent"] {
            parameters.push(json!({"$ref": format!("#/components/parameters/{name}")}));
        }
    }
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    let common = EVERYWHERE.iter().filter(|(status, _)| !(open && matches!(*status, "401" | "429" | "504")));
    for (status, description) in
        common.chain(WITH_BODY.iter().filter(|(status, _)| takes_body && !(compatible && *status == "422")))
    {
        responses.entry(*status).or_insert_with(|| json!({"description": description}));
    }
    for (status, response) in responses.iter_mut() {
        let Some(response) = response.as_object_mut() else { continue };
        if status.starts_with(['4', '5']) {
            let shape = if compatible { "CompatibleErrorBody" } else { "ErrorBody" };
            let body =
                json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{shape}")}}});
            response.entry("content").or_insert(body);
        }
        let Some(headers) = response.entry("headers").or_insert_with(|| json!({})).as_object_mut() else {
            continue;
        };
        headers.insert("X-Request-Id".to_owned(), reference("RequestId"));
        if matches!(status.as_str(), "429" | "503") {
            headers.insert("Retry-After".to_owned(), reference("RetryAfter"));
        }
        if status == "401" {
            headers.insert("WWW-Authenticate".to_owned(), reference("WwwAuthenticate"));
        }
    }
}

fn reference(header: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{header}")})
}
