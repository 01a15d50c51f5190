//! How a model is held to a JSON Schema: which schemas a provider's constrained decoding takes, and the words used where
//! it cannot. Not here: checking an answer against the schema (whoever asked does).

use serde_json::{Map, Value, json};

/// What a provider's constrained decoding makes of schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenAI's strict mode: every property is required; most bounds are understood.
    OpenAi,
    /// Anthropic's output format: bounds are not understood, and left to the description.
    Anthropic,
}

/// Deeper schemas are not constrained.
const MAX_DEPTH: usize = 10;

/// The schema in a form that the provider can enforce, at most narrower than the given one where it says nothing of
/// further properties; `None` if it cannot be enforced. Where a bound has to be left out, its place's description names it.
pub(crate) fn enforceable(schema: &Value, dialect: Dialect) -> Option<Value> {
    // The root has to be an object for both.
    (schema["type"] == "object").then(|| narrowed(schema, dialect, MAX_DEPTH)).flatten()
}

fn narrowed(schema: &Value, dialect: Dialect, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    let Value::Object(given) = schema else { return None };
    let mut out = Map::new();
    let mut left_out = Map::new();
    for (key, value) in given {
        let kept = match (key.as_str(), dialect) {
            ("type" | "description" | "title" | "const", _) => value.clone(),
            ("enum", _) if value.as_array()?.iter().all(|one| !one.is_object() && !one.is_array()) => {
                value.clone()
            }
            ("properties" | "$defs" | "definitions", _) => {
                let members = value.as_object()?.iter();
                let members =
                    members.map(|(name, member)| Some((name.clone(), narrowed(member, dialect, depth)?)));
                Value::Object(members.collect::<Option<_>>()?)
            }
            ("items", _) => narrowed(value, dialect, depth)?,
            ("anyOf", _) if depth < MAX_DEPTH - 1 => {
                let members = value.as_array()?.iter();
                Value::Array(members.map(|member| narrowed(member, dialect, depth)).collect::<Option<_>>()?)
            }
            ("required", _) => value.clone(),
            ("additionalProperties", _) if value == &Value::Bool(false) => continue,
            // Recursion is OpenAI's only; what else a reference may point to is in `$defs`.
            ("$ref", Dialect::OpenAi) if value.as_str()?.starts_with('#') => value.clone(),
            ("$schema" | "$id" | "$comment" | "examples" | "default", _) => continue,
            (
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "minItems"
                | "maxItems" | "pattern" | "format",
                Dialect::OpenAi,
            ) => value.clone(),
            ("minItems", Dialect::Anthropic) if value.as_u64()? <= 1 => value.clone(),
            (
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "minItems"
                | "maxItems" | "pattern" | "format" | "minLength" | "maxLength" | "uniqueItems",
                _,
            ) => {
                left_out.insert(key.clone(), value.clone());
                continue;
            }
            _ => return None,
        };
        out.insert(key.clone(), kept);
    }
    if !left_out.is_empty() {
        let told = given.get("description").and_then(Value::as_str).unwrap_or_default();
        let told = format!("{told} {}", Value::Object(left_out));
        out.insert("description".to_owned(), Value::String(told.trim_start().to_owned()));
    }
    let kinds = given.get("type");
    let object = kinds.is_some_and(|kind| {
        kind == "object" || kind.as_array().is_some_and(|k| k.contains(&json!("object")))
    });
    if object {
        // An object of any properties cannot be enforced.
        let properties = given.get("properties")?.as_object()?;
        let required = given.get("required").and_then(Value::as_array).map_or(0, Vec::len);
        if dialect == Dialect::OpenAi && required < properties.len() {
            return None;
        }
        out.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    Some(Value::Object(out))
}

/// The schema in words, for models and schemas without constrained decoding.
pub(crate) fn in_words(schema: &Value) -> String {
    format!(
        "Answer with one JSON value and nothing else: no explanation, no code fences. It must satisfy this JSON Schema:\n{schema}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(schema: &Value) -> [Option<Value>; 2] {
        [Dialect::OpenAi, Dialect::Anthropic].map(|dialect| enforceable(schema, dialect))
    }

    #[test]
    fn objects_are_closed_and_bounds_kept_or_told() {
        let schema = json!({"$schema": "x", "type": "object", "required": ["score", "tags"], "properties": {
            "score": {"type": "integer", "minimum": 1, "maximum": 5, "description": "How good."},
            "tags": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 2}}}});
        let [openai, anthropic] = both(&schema).map(Option::unwrap);
        assert_eq!(
            openai,
            json!({"type": "object", "required": ["score", "tags"], "additionalProperties": false, "properties": {
                "score": {"type": "integer", "minimum": 1, "maximum": 5, "description": "How good."},
                "tags": {"type": "array", "minItems": 1,
                    "items": {"type": "string", "description": "{\"minLength\":2}"}}}})
        );
        let score = &anthropic["properties"]["score"];
        assert_eq!(score["description"], "How good. {\"maximum\":5,\"minimum\":1}");
        assert!(score.get("minimum").is_none() && anthropic["additionalProperties"] == false);
        assert_eq!(anthropic["properties"]["tags"]["minItems"], 1);
    }

    #[test]
    fn what_cannot_be_enforced_is_left_to_words() {
        let open = json!({"type": "object", "properties": {"a": {"type": "object"}}, "required": ["a"]});
        assert_eq!(both(&open), [None, None]);
        assert_eq!(both(&json!({"type": "array", "items": {"type": "string"}})), [None, None]);
        assert_eq!(both(&json!({"type": "object", "properties": {}, "not": {}})), [None, None]);
        let wide = json!({"type": "object", "properties": {}, "additionalProperties": true});
        assert_eq!(both(&wide), [None, None]);
        let optional = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        assert!(matches!(both(&optional), [None, Some(_)]));
        let recursive =
            json!({"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#"}}});
        assert!(matches!(both(&recursive), [Some(_), None]));
    }
}
