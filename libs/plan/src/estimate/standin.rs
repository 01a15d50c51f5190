//! Stand-ins for what is not known before a run: outputs of nodes, entries of memory. A text that is not known is one
//! character of Unicode's private use, a marker, which stands for so many tokens: templates are rendered with it like
//! with any text, and rendering stays cheap however long the texts will be.
//! Not here: how many tokens an answer is expected to have (`expect`).

use nexus_model::document::Tool;
use serde_json::{Map, Value, json};

/// The first marker; there are 65,534.
const FIRST: u32 = 0xf_0000;
const LAST: u32 = 0xf_fffd;
/// Values that a stand-in is made of at most, whatever the schema.
const VALUES: usize = 200;
/// Items of a list whose length is not known.
const ITEMS: u64 = 3;
/// Tokens of an answer's text within a JSON value, when nothing is known of it.
pub(super) const TEXT_TOKENS: f64 = 24.0;
/// Tokens of what a page, a scraper or a program gives back.
const TOOL_TOKENS: f64 = 400.0;
/// Tokens of a memory entry.
const ENTRY_TOKENS: f64 = 120.0;

/// The markers given out so far, and what each stands for.
#[derive(Debug, Default)]
pub(super) struct Markers {
    tokens: Vec<f64>,
}

impl Markers {
    /// A text of so many tokens.
    fn text(&mut self, tokens: f64) -> Value {
        let next = u32::try_from(self.tokens.len()).ok().and_then(|nth| FIRST.checked_add(nth));
        match next.filter(|next| *next <= LAST).and_then(char::from_u32) {
            Some(marker) => {
                self.tokens.push(tokens);
                Value::String(marker.to_string())
            }
            None => Value::String("unknown".into()),
        }
    }

    /// The text without its markers, in pieces, and the tokens that the markers stand for.
    pub(super) fn split<'t>(&self, text: &'t str) -> (Vec<&'t str>, f64) {
        let is_marker = |character: char| (FIRST..=LAST).contains(&u32::from(character));
        let marked = text.chars().filter(|character| is_marker(*character));
        let tokens = marked.filter_map(|marker| self.tokens.get((u32::from(marker) - FIRST) as usize)).sum();
        (text.split(is_marker).filter(|piece| !piece.is_empty()).collect(), tokens)
    }

    /// An agent's output of so many tokens.
    pub(super) fn answer(&mut self, schema: Option<&Value>, tokens: f64) -> Value {
        let Some(schema) = schema else { return json!({ "text": self.text(tokens) }) };
        let first = self.tokens.len();
        let value = self.shaped(schema, schema, &mut { VALUES }, 0);
        // What is not structure is shared among the texts.
        let texts = self.tokens.len() - first;
        let share = (tokens - structure(&value)).max(0.0) / texts.max(1) as f64;
        self.tokens.iter_mut().skip(first).for_each(|tokens| *tokens = share);
        value
    }

    /// Tokens of a value of the schema's shape with short texts.
    pub(super) fn shape(&mut self, schema: &Value) -> f64 {
        let value = self.shaped(schema, schema, &mut { VALUES }, 0);
        structure(&value) + self.split(&value.to_string()).1
    }

    /// A tool's output.
    pub(super) fn result(&mut self, tool: &Tool) -> Value {
        match tool {
            Tool::HttpRequest { .. } => json!({"status": 200, "headers": {}, "body": self.text(TOOL_TOKENS)}),
            Tool::Scraper { .. } => json!({ "data": [self.text(TOOL_TOKENS)] }),
            Tool::MemoryStore { .. } => json!({"id": "00000000-0000-7000-8000-000000000000"}),
            Tool::MemoryRecall { top_k, .. } => json!({ "entries": self.entries(*top_k) }),
            Tool::Python { .. } => self.text(TOOL_TOKENS),
            Tool::Template { .. } => json!({ "text": self.text(TOOL_TOKENS) }),
        }
    }

    /// Entries of memory; a few, since most memories are young.
    pub(super) fn entries(&mut self, top_k: u32) -> Value {
        let entry = |_| json!({"id": "0", "text": self.text(ENTRY_TOKENS), "score": 0.5, "metadata": {}});
        (0..u64::from(top_k).min(ITEMS)).map(entry).collect()
    }

    /// A value of the schema's shape.
    fn shaped(&mut self, root: &Value, schema: &Value, left: &mut usize, depth: usize) -> Value {
        if *left == 0 || depth > 16 {
            return Value::Null;
        }
        *left -= 1;
        if let Some(fixed) = schema.get("const").or_else(|| schema.get("enum")?.get(0)) {
            return fixed.clone();
        }
        let pointed = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
        if let Some(other) = pointed.and_then(|path| root.pointer(path)) {
            return self.shaped(root, other, left, depth + 1);
        }
        if let Some(other) = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| schema.get(*key)?.get(0)) {
            return self.shaped(root, other, left, depth + 1);
        }
        let kind = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
            kind => kind.and_then(Value::as_str),
        };
        match kind {
            Some("object") => {
                let mut members = Map::new();
                let properties = schema.get("properties").and_then(Value::as_object);
                for (name, schema) in properties.into_iter().flatten() {
                    let member = self.shaped(root, schema, left, depth + 1);
                    members.insert(name.clone(), member);
                }
                Value::Object(members)
            }
            Some("array") => {
                let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
                let items = bound("minItems").unwrap_or(ITEMS).min(bound("maxItems").unwrap_or(u64::MAX));
                let inner = schema.get("items").unwrap_or(&Value::Bool(true));
                (0..items.min(20)).map(|_| self.shaped(root, inner, left, depth + 1)).collect()
            }
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
            Some("boolean") => json!(true),
            Some("null") => Value::Null,
            _ => self.text(TEXT_TOKENS),
        }
    }
}

/// Tokens of a JSON value without its texts of unknown length.
pub(super) fn structure(value: &Value) -> f64 {
    let text = value.to_string();
    let markers = text.chars().filter(|character| u32::from(*character) >= FIRST).count();
    // Punctuation and short names: fewer bytes a token than prose.
    (text.len().saturating_sub(4 * markers)) as f64 / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_stand_for_their_tokens_wherever_they_are_printed() {
        let mut markers = Markers::default();
        let (one, two) = (markers.answer(None, 100.0), markers.answer(None, 7.5));
        let text = format!("a {} b {}{}", one["text"].as_str().unwrap(), two["text"].as_str().unwrap(), one);
        let (pieces, tokens) = markers.split(&text);
        assert_eq!((pieces, tokens), (vec!["a ", " b ", "{\"text\":\"", "\"}"], 207.5));
    }

    #[test]
    fn answers_have_the_shape_of_their_schema() {
        let mut markers = Markers::default();
        let schema = json!({"type": "object", "properties": {"tone": {"enum": ["warm", "cold"]}, "score": {"type": "integer", "minimum": 3},
            "quotes": {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/quote"}}, "ok": {"type": ["boolean", "null"]}},
            "$defs": {"quote": {"type": "object", "properties": {"text": {"type": "string"}, "of": {"$ref": "#/$defs/quote"}}}}});
        let value = markers.answer(Some(&schema), 300.0);
        assert_eq!(
            (&value["tone"], &value["score"], &value["ok"]),
            (&json!("warm"), &json!(3), &json!(true))
        );
        assert_eq!(value["quotes"].as_array().map(Vec::len), Some(2));
        let (_, tokens) = markers.split(&value.to_string());
        assert!((tokens + structure(&value) - 300.0).abs() < 1.0, "{tokens}");
        assert_eq!(
            markers.answer(Some(&json!(true)), 9.0).as_str().map(|text| text.chars().count()),
            Some(1)
        );
    }
}
