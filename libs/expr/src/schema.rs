//! JSON Schema, draft 2020-12, offline: a schema that points outside itself is refused, so nothing here ever
//! touches network or disk; patterns run in linear time. `$schema` is taken as a remark, `format` as an annotation
//! (as the draft says).
//!
//! Why validating ends: a schema that applies itself to the same value again is refused, and so is one whose
//! parts would be applied to one value more than `MAX_APPLICATIONS` times.
//! Not here: what schemas a document may have where (`nexus-plan`).

use crate::{Error, Result};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Deepest nesting of a schema.
const MAX_DEPTH: usize = 64;
/// Most subschemas of a schema that apply to one and the same value.
const MAX_APPLICATIONS: u64 = 10_000;
/// Most problems reported of one value.
const MAX_PROBLEMS: usize = 50;
/// Compiled size of a pattern, bytes.
const PATTERN_BYTES: usize = 1 << 20;

/// Checks that it is a schema, and one that is taken here.
pub fn check(schema: &Value) -> Result<()> {
    Schema::compile(schema).map(drop)
}

/// Validates a value; each problem is a JSON Pointer into the value and what is wrong there. An invalid schema is
/// one problem at the root.
pub fn validate(schema: &Value, value: &Value) -> Result<(), Vec<(String, String)>> {
    Schema::compile(schema).map_err(|error| vec![(String::new(), error.to_string())])?.validate(value)
}

/// A compiled schema. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Schema {
    validator: Arc<Validator>,
}

impl Schema {
    /// Compiles.
    pub fn compile(schema: &Value) -> Result<Self> {
        if !(schema.is_object() || schema.is_boolean()) {
            return Err(Error::syntax("a JSON Schema is an object, or true or false"));
        }
        let mut schema = schema.clone();
        if let Some(members) = schema.as_object_mut() {
            members.remove("$schema");
        }
        check_depth(&schema, 0)?;
        jsonschema::draft202012::meta::validate(&schema).map_err(|error| {
            let at = error.instance_path().to_string();
            let at = if at.is_empty() { "the schema".to_owned() } else { format!("`{at}`") };
            Error::syntax(format!("not a valid JSON Schema: at {at}, {}", shorten(&error.to_string())))
        })?;
        check_references(&schema)?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline()
            .with_pattern_options(
                PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES),
            )
            .build(&schema)
            .map_err(|error| {
                Error::syntax(format!("not a usable JSON Schema: {}", shorten(&error.to_string())))
            })?;
        Ok(Self { validator: Arc::new(validator) })
    }

    /// Validates a value; each problem is a JSON Pointer into the value and what is wrong there.
    pub fn validate(&self, value: &Value) -> Result<(), Vec<(String, String)>> {
        let problems: Vec<_> = self
            .validator
            .iter_errors(value)
            .take(MAX_PROBLEMS)
            .map(|error| (error.instance_path().to_string(), shorten(&error.to_string())))
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Whether a value is valid; cheaper than asking why not.
    pub fn is_valid(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }
}

/// Messages quote the value, which may be large.
fn shorten(message: &str) -> String {
    const CHARS: usize = 300;
    match message.char_indices().nth(CHARS) {
        None => message.to_owned(),
        Some((end, _)) => format!("{}…", &message[..end]),
    }
}

fn check_depth(value: &Value, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::limit(format!("a JSON Schema may nest at most {MAX_DEPTH} levels deep")));
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| check_depth(item, depth + 1)),
        Value::Object(members) => members.values().try_for_each(|member| check_depth(member, depth + 1)),
        _ => Ok(()),
    }
}

/// Keywords whose subschemas apply to the same value as the schema itself.
const IN_PLACE: [&str; 9] =
    ["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "$ref"];

/// Refuses references outside the schema and circles that never reach a part of the value.
fn check_references(root: &Value) -> Result<()> {
    let mut todo = vec![(root, true)];
    let mut applications = HashMap::new();
    while let Some((value, is_schema)) = todo.pop() {
        match value {
            Value::Array(items) => todo.extend(items.iter().map(|item| (item, is_schema))),
            Value::Object(members) => {
                if is_schema {
                    for keyword in
                        ["$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$anchor", "$vocabulary"]
                    {
                        if members.contains_key(keyword) {
                            return Err(Error::syntax(format!("`{keyword}` is not supported in schemas")));
                        }
                    }
                    if members.contains_key("$id") && !std::ptr::eq(value, root) {
                        return Err(Error::syntax("`$id` is supported only at the top of a schema"));
                    }
                    let mut open = HashSet::new();
                    if count(root, value, &mut open, &mut applications)? > MAX_APPLICATIONS {
                        return Err(Error::limit("the schema applies too many parts to one value"));
                    }
                }
                for (keyword, member) in members {
                    // Values, not schemas, whatever they look like.
                    if !matches!(keyword.as_str(), "const" | "enum" | "default" | "examples") || !is_schema {
                        // Below these stand schemas under names that are no keywords.
                        let named = matches!(
                            keyword.as_str(),
                            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas"
                        );
                        match member {
                            Value::Object(inner) if named && is_schema => {
                                todo.extend(inner.values().map(|schema| (schema, true)));
                            }
                            other => todo.push((other, is_schema)),
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// How many subschemas apply to the value that this schema applies to. Each is counted once (`known`); one that is
/// met again while it is being counted (`open`) would never end.
fn count<'a>(
    root: &'a Value,
    schema: &'a Value,
    open: &mut HashSet<*const Value>,
    known: &mut HashMap<*const Value, u64>,
) -> Result<u64> {
    let Value::Object(members) = schema else { return Ok(1) };
    let key = std::ptr::from_ref(schema);
    if let Some(count) = known.get(&key) {
        return Ok(*count);
    }
    if !open.insert(key) {
        return Err(Error::syntax("a `$ref` leads back to where it came from without entering the value"));
    }
    if open.len() > 4 * MAX_DEPTH {
        return Err(Error::limit("the schema's `$ref`s lead through too many others"));
    }
    let mut total: u64 = 1;
    for keyword in IN_PLACE {
        let Some(member) = members.get(keyword) else { continue };
        let parts: Vec<&Value> = match member {
            Value::String(reference) if keyword == "$ref" => vec![resolve(root, reference)?],
            Value::Array(items) => items.iter().collect(),
            Value::Object(named) if keyword == "dependentSchemas" => named.values().collect(),
            other => vec![other],
        };
        for part in parts {
            total = total.saturating_add(count(root, part, open, known)?);
        }
    }
    open.remove(&key);
    known.insert(key, total);
    Ok(total)
}

fn resolve<'a>(root: &'a Value, reference: &str) -> Result<&'a Value> {
    let own = root.get("$id").and_then(Value::as_str).unwrap_or_default();
    let pointer = match reference.strip_prefix('#') {
        Some(pointer) => pointer,
        None if !own.is_empty()
            && reference.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('#')) =>
        {
            reference[own.len()..].trim_start_matches('#')
        }
        None => {
            return Err(Error::syntax(format!(
                "`$ref` may only point into the schema itself, like `#/$defs/item`, not to `{}`",
                shorten(reference)
            )));
        }
    };
    let decoded = pointer.replace("%25", "%").replace("%24", "$").replace("%20", " ");
    root.pointer(&decoded).ok_or_else(|| {
        Error::syntax(format!("`$ref` points to `{}`, which is not there", shorten(reference)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn problems_carry_pointers() {
        let schema = json!({"type": "object", "properties": {"items": {"type": "array", "items": {"type": "integer"}}},
            "required": ["name"], "additionalProperties": false});
        let problems = validate(&schema, &json!({"items": [1, "x"], "extra": 1})).unwrap_err();
        let paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
        assert!(paths.contains(&"/items/1") && paths.contains(&""), "{problems:?}");
        assert!(problems.iter().any(|(_, message)| message.contains("name")));
        assert_eq!(validate(&json!({"required": ["name"]}), &json!({"name": 1})), Ok(()));
        assert!(Schema::compile(&json!(true)).unwrap().is_valid(&json!(1)));
    }

    #[test]
    fn schemas_that_are_none_or_reach_out_are_refused() {
        for schema in [
            json!("string"),
            json!({"type": "nonsense"}),
            json!({"minimum": "1"}),
            json!({"properties": []}),
            json!({"pattern": "("}),
            json!({"pattern": "(?=x)"}),
            json!({"$ref": "https://example.com/schema.json"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"$ref": "other.json"}),
            json!({"$ref": "#/$defs/missing"}),
            json!({"properties": {"a": {"$ref": "https://example.com/x"}}}),
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}}),
            json!({"$dynamicRef": "#x"}),
            json!({"items": {"$id": "https://example.com/x"}}),
            json!({"items": [{"type": "string"}]}),
        ] {
            assert!(check(&schema).is_err(), "{schema}");
        }
        let mut deep = json!({});
        for _ in 0..200 {
            deep = json!({"items": deep});
        }
        assert!(check(&deep).is_err());
        let mut wide = json!({"l0": {"type": "string"}});
        for level in 1..40 {
            let below = json!({"$ref": format!("#/$defs/l{}", level - 1)});
            wide[format!("l{level}")] = json!({"anyOf": [below, below]});
        }
        assert!(check(&json!({"$ref": "#/$defs/l39", "$defs": wide})).is_err());
    }

    #[test]
    fn recursive_schemas_and_names_like_keywords_work() {
        let tree = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/tree",
            "type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}, "$ref": {"type": "string"},
            "$id": {"const": {"$ref": "https://elsewhere"}}}});
        let schema = Schema::compile(&tree).unwrap();
        assert!(schema.is_valid(&json!({"children": [{"children": []}]})));
        assert!(schema.validate(&json!({"children": [{"children": 3}]})).is_err());
        let generated = json!({"$defs": {"Item": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
            "type": "array", "items": {"$ref": "#/$defs/Item"}});
        assert_eq!(validate(&generated, &json!([{"n": 1}])), Ok(()));
    }

    #[test]
    fn patterns_take_linear_time() {
        let schema = Schema::compile(&json!({"pattern": "^(a+)+$"})).unwrap();
        assert!(!schema.is_valid(&json!(format!("{}!", "a".repeat(100_000)))));
    }
}
