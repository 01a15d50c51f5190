//! Documents and inputs as people give them: files, and `--input name=value` read as the document's schema says.
//! Not here: whether they fit the schema (the executor and the planner say so).

use crate::{
    args::InputArgs,
    exit::{Failure, Result},
};
use nexus_model::duplicates::duplicate_member;
use serde_json::{Map, Value};
use std::{io::Read, path::Path};

/// Reads a JSON file; `-` is standard input.
pub(crate) fn read_json(path: &Path) -> Result<Value> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
    let value = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("{name} is not JSON: {error}"))
            .suggest("a workflow document is a JSON object; `examples/` has some")
    })?;
    match duplicate_member(text.as_bytes()) {
        None => Ok(value),
        Some(path) => Err(Failure::usage(format!("{name} has the member `{path}` twice"))
            .suggest("remove one of them; only the last would count")),
    }
}

/// The inputs for a run of `document`.
pub(crate) fn gather(arguments: &InputArgs, document: &Value) -> Result<Value> {
    let mut inputs = match &arguments.inputs {
        None => Map::new(),
        Some(path) => match read_json(path)? {
            Value::Object(inputs) => inputs,
            _ => return Err(Failure::usage(format!("{} is not a JSON object of inputs", path.display()))),
        },
    };
    for pair in &arguments.input {
        let Some((name, text)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Failure::usage(format!("`--input {pair}` has no name"))
                .suggest("write --input NAME=VALUE, e.g. --input topic=Rust"));
        };
        inputs.insert(name.to_owned(), value(name, text, schema_of(document, name))?);
    }
    Ok(Value::Object(inputs))
}

fn schema_of<'a>(document: &'a Value, name: &str) -> Option<&'a Value> {
    let root = document.get("inputs")?;
    let schema = root.get("properties")?.get(name)?;
    // One step of `$ref` within the document covers what people write by hand.
    match schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => root.pointer(pointer),
        None => Some(schema),
    }
}

/// The text as the schema's type says: a string stays what it is, everything else is JSON.
fn value(name: &str, text: &str, schema: Option<&Value>) -> Result<Value> {
    let types: Vec<&str> = match schema.and_then(|schema| schema.get("type")) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let parsed = serde_json::from_str::<Value>(text).ok();
    let fits = |value: &Value| {
        types.iter().any(|wanted| match *wanted {
            "integer" => value.is_number() && value.as_f64().is_some_and(|number| number.fract() == 0.0),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "object" => value.is_object(),
            "array" => value.is_array(),
            "null" => value.is_null(),
            _ => false,
        })
    };
    if let Some(value) = parsed.as_ref().filter(|value| fits(value)) {
        // `type: ["string", "number"]` takes 5 as a number; whoever means the text writes "5" with quotes into a file.
        return Ok(value.clone());
    }
    if types.contains(&"string") {
        return Ok(Value::from(text));
    }
    if types.is_empty() {
        // Without a type, only values that the schema names can be told from text.
        let named = schema.and_then(|schema| schema.get("enum")).and_then(Value::as_array);
        let constant = schema.and_then(|schema| schema.get("const"));
        let known =
            |value: &Value| named.is_some_and(|named| named.contains(value)) || constant == Some(value);
        return Ok(parsed.filter(known).unwrap_or_else(|| Value::from(text)));
    }
    let wanted = types.join(" or ");
    Err(Failure::usage(format!(
        "input `{name}` must be of type {wanted}, `{}` is not",
        crate::out::short(text, 60)
    ))
    .suggest(format!("give it as JSON, e.g. --input '{name}={}'", example(types[0]))))
}

fn example(wanted: &str) -> &'static str {
    match wanted {
        "integer" => "3",
        "number" => "0.5",
        "boolean" => "true",
        "array" => "[\"a\", \"b\"]",
        "object" => "{\"key\": \"value\"}",
        _ => "null",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str, schema: Value) -> std::result::Result<Value, String> {
        value("x", text, Some(&schema)).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn the_schema_decides_what_a_value_is() {
        assert_eq!(read("5", json!({"type": "string"})), Ok(json!("5")));
        assert_eq!(read("true", json!({"type": "string"})), Ok(json!("true")));
        assert_eq!(read("5", json!({"type": "integer"})), Ok(json!(5)));
        assert_eq!(read("5.5", json!({"type": "number"})), Ok(json!(5.5)));
        assert_eq!(read("[1]", json!({"type": ["array", "null"]})), Ok(json!([1])));
        assert_eq!(read("maybe", json!({"type": ["boolean", "string"]})), Ok(json!("maybe")));
        assert_eq!(read("{\"a\":1}", json!({"type": "object"})), Ok(json!({"a": 1})));
        assert_eq!(read("5", json!({})), Ok(json!("5")));
        assert_eq!(read("5", json!({"enum": [5, 6]})), Ok(json!(5)));
        assert_eq!(value("x", "5", None).ok(), Some(json!("5")));
        assert!(read("5.5", json!({"type": "integer"})).unwrap_err().contains("must be of type integer"));
        assert!(read("yes", json!({"type": "boolean"})).is_err());
    }

    #[test]
    fn flags_win_over_the_file_and_references_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("inputs.json");
        std::fs::write(&file, r#"{"a": 1, "b": 2}"#).unwrap();
        let document = json!({"inputs": {"properties": {"b": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}});
        let arguments = InputArgs { input: vec!["b=3".into(), "c=x=y".into()], inputs: Some(file) };
        assert_eq!(gather(&arguments, &document).unwrap(), json!({"a": 1, "b": 3, "c": "x=y"}));
        let nameless = InputArgs { input: vec!["=3".into()], inputs: None };
        assert!(gather(&nameless, &document).is_err());
    }
}
