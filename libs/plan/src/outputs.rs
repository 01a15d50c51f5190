//! What is known beforehand of a node's output and of the other things expressions may read.
//! Not here: who reads them (`expressions`).

use nexus_model::document::{Document, Node, NodeKind, OnError, Tool};
use serde_json::Value;

/// Members of `feedback`.
pub(crate) const FEEDBACK: &[&str] = &["message", "rejected_output", "from_node", "from_output"];
/// Members of `execution`.
pub(crate) const EXECUTION: &[&str] = &["id"];

/// The members of a node's output, if they are known and there are no others.
pub(crate) fn members(node: &Node) -> Option<Vec<&str>> {
    // `default_output` may be anything.
    if node.policy.on_error == OnError::Default {
        return None;
    }
    match &node.kind {
        NodeKind::Agent(agent) => match &agent.output_schema {
            None => Some(vec!["text"]),
            Some(schema) => closed_properties(schema),
        },
        NodeKind::Conditional(_) => Some(vec!["handle"]),
        NodeKind::Tool(tool) => Some(match &tool.tool {
            Tool::HttpRequest { .. } => vec!["status", "headers", "body"],
            Tool::Scraper { .. } => vec!["data"],
            Tool::MemoryStore { .. } => vec!["id"],
            Tool::MemoryRecall { .. } => vec!["entries"],
            Tool::Template { .. } => vec!["text"],
            Tool::Python { .. } => return None,
        }),
    }
}

/// The properties of an object schema that allows no others.
fn closed_properties(schema: &Value) -> Option<Vec<&str>> {
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false))
        && ["$ref", "allOf", "anyOf", "oneOf", "patternProperties"]
            .iter()
            .all(|keyword| schema.get(keyword).is_none());
    let properties = schema.get("properties")?.as_object()?;
    closed.then(|| properties.keys().map(String::as_str).collect())
}

/// How a schema of an object takes a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declared {
    /// It is declared, or the schema does not say which members there are.
    Yes,
    /// It is not declared, but allowed.
    No,
    /// It is not allowed.
    Never,
}

/// Whether the schema (of `inputs` or of a tool's arguments) knows the member.
pub(crate) fn declared(schema: Option<&Value>, member: &str) -> Declared {
    let Some(Value::Object(schema)) = schema else { return Declared::Yes };
    let properties = schema.get("properties").and_then(Value::as_object);
    if properties.is_some_and(|properties| properties.contains_key(member)) {
        return Declared::Yes;
    }
    // Anything may come from these.
    if ["$ref", "allOf", "anyOf", "oneOf", "patternProperties", "if"]
        .iter()
        .any(|keyword| schema.contains_key(*keyword))
    {
        return Declared::Yes;
    }
    match (schema.get("additionalProperties"), properties) {
        (Some(Value::Bool(false)), _) => Declared::Never,
        (_, Some(_)) => Declared::No,
        (_, None) => Declared::Yes,
    }
}

/// The declared inputs, for suggestions.
pub(crate) fn inputs(document: &Document) -> impl Iterator<Item = &str> {
    let properties =
        document.inputs.as_ref().and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str))
}
