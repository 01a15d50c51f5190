//! The JSON Schema of a recipe's records. Not here: checking records (`check`).

use crate::recipe::{Field, Kind, Recipe, Source};
use serde_json::{Map, Value, json};

/// The schema of one field.
fn of_field(field: &Field, from_json: bool) -> Value {
    let text = |format: Option<&str>| match format {
        Some(format) => json!({"type": ["string", "null"], "format": format}),
        None => json!({"type": ["string", "null"]}),
    };
    // What stands in JSON keeps the type it has there.
    let own = match field.kind {
        _ if from_json => json!({}),
        // A page may well show something else in one record; then it stays a text.
        Kind::Number => json!({"type": ["number", "string", "null"]}),
        Kind::Url | Kind::Image => text(Some("uri-reference")),
        Kind::Text | Kind::Price | Kind::Date | Kind::Rating => text(None),
    };
    let mut schema = if field.many {
        json!({"type": ["array", "null"], "items": {"type": ["string", "number"]}})
    } else {
        own
    };
    if let Some(object) = schema.as_object_mut() {
        let about = match field.kind {
            Kind::Price => "An amount with its currency, as shown",
            Kind::Date => "A day or time, as shown",
            Kind::Rating => "A rating, as shown",
            Kind::Image => "Address of an image",
            Kind::Url => "A link",
            Kind::Number => "A number",
            Kind::Text => "A text",
        };
        object.insert("description".to_owned(), about.into());
    }
    schema
}

/// The schema of a recipe's records: an array of objects.
pub fn of(recipe: &Recipe) -> Value {
    let from_json = matches!(recipe.source, Source::Json { .. } | Source::JsonLd { .. });
    let properties: Map<String, Value> =
        recipe.fields.iter().map(|field| (field.name.clone(), of_field(field, from_json))).collect();
    let required: Vec<&str> = recipe.fields.iter().map(|field| field.name.as_str()).collect();
    json!({"type": "array", "items": {"type": "object", "properties": properties, "required": required, "additionalProperties": false}})
}
