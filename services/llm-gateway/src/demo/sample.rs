//! A value that satisfies a JSON Schema, made deterministically from a prompt: types, enum, const, bounds, references,
//! combinations; patterns best effort. Not here: which of several good values (`choose`), validation.

use super::{choose, pattern, prose};
use serde_json::{Map, Number, Value, json};

/// Optional members are left out below this depth, everything else below twice of it: recursive schemas end.
const MAX_DEPTH: usize = 6;

/// A value for the schema.
pub(super) fn value(schema: &Value, prompt: &str) -> Value {
    Sampler { root: schema, prompt }.value(schema, "", 0)
}

struct Sampler<'a> {
    root: &'a Value,
    prompt: &'a str,
}

impl Sampler<'_> {
    fn value(&self, schema: &Value, name: &str, depth: usize) -> Value {
        let Value::Object(fields) = schema else { return json!({}) };
        if depth > 2 * MAX_DEPTH {
            return Value::Null;
        }
        if let Some(value) = fields.get("const") {
            return value.clone();
        }
        if let Some(values) = fields.get("enum").and_then(Value::as_array) {
            return choose::one_of(values, self.prompt);
        }
        if let Some(merged) = self.merged(fields, depth) {
            return self.value(&merged, name, depth + 1);
        }
        match kind(fields) {
            "object" => self.object(fields, depth),
            "array" => self.array(fields, name, depth),
            "string" => Value::String(self.string(fields, name)),
            "integer" => number(fields, choose::number(name), true),
            "number" => number(fields, choose::number(name), false),
            "boolean" => Value::Bool(choose::boolean(name)),
            _ => Value::Null,
        }
    }

    /// The schema with its reference, its first alternative or all its parts put into it, if it has any of these.
    fn merged(&self, fields: &Map<String, Value>, depth: usize) -> Option<Value> {
        let mut rest = fields.clone();
        let mut parts: Vec<Value> = Vec::new();
        if let Some(reference) = rest.remove("$ref") {
            parts.push(self.root.pointer(reference.as_str()?.strip_prefix('#')?)?.clone());
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(Value::Array(alternatives)) = rest.remove(key) {
                // Where recursion has gone deep enough, the simplest alternative ends it.
                let simple = |schema: &&Value| !matches!(kind_of(schema), "object" | "array");
                let chosen = if depth > MAX_DEPTH { alternatives.iter().find(simple) } else { None };
                parts.extend(chosen.or(alternatives.first()).cloned());
            }
        }
        if let Some(Value::Array(all)) = rest.remove("allOf") {
            parts.extend(all);
        }
        if parts.is_empty() {
            return None;
        }
        for part in parts {
            let Value::Object(part) = part else { continue };
            for (key, value) in part {
                match (rest.get_mut(&key), value) {
                    (Some(Value::Object(old)), Value::Object(new)) if key == "properties" => old.extend(new),
                    (Some(Value::Array(old)), Value::Array(new)) if key == "required" => old.extend(new),
                    // What stands beside a reference is the narrower.
                    (Some(_), _) => {}
                    (None, value) => {
                        rest.insert(key, value);
                    }
                }
            }
        }
        Some(Value::Object(rest))
    }

    fn object(&self, fields: &Map<String, Value>, depth: usize) -> Value {
        let empty = Map::new();
        let properties = fields.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let required: Vec<&str> = fields
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let mut out = Map::new();
        for (name, schema) in properties {
            let wanted = required.contains(&name.as_str()) || depth < MAX_DEPTH;
            if wanted && schema != &Value::Bool(false) {
                out.insert(name.clone(), self.value(schema, name, depth + 1));
            }
        }
        let more = fields.get("additionalProperties").cloned().unwrap_or(Value::Bool(true));
        let anything =
            |name: &str| if more.is_object() { self.value(&more, name, depth + 1) } else { json!("demo") };
        for name in required {
            if !out.contains_key(name) {
                out.insert(name.to_owned(), anything(name));
            }
        }
        let least = fields.get("minProperties").and_then(Value::as_u64).unwrap_or_default().min(1000);
        let most = fields.get("maxProperties").and_then(Value::as_u64).unwrap_or(u64::MAX);
        for index in 1.. {
            if out.len() as u64 >= least {
                break;
            }
            let name = format!("key_{index}");
            out.insert(name.clone(), anything(&name));
        }
        let optional: Vec<String> = out.keys().filter(|name| !requires(fields, name)).cloned().collect();
        for name in optional.iter().rev() {
            if out.len() as u64 <= most {
                break;
            }
            out.remove(name);
        }
        Value::Object(out)
    }

    fn array(&self, fields: &Map<String, Value>, name: &str, depth: usize) -> Value {
        let least = fields.get("minItems").and_then(Value::as_u64).unwrap_or_default().min(1000);
        let most = fields.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let usual = if depth > MAX_DEPTH { 0 } else { 3 };
        let unique = fields.get("uniqueItems") == Some(&Value::Bool(true));
        let items = fields.get("items").cloned().unwrap_or_else(|| json!({"type": "string"}));
        let first = fields.get("prefixItems").and_then(Value::as_array).cloned().unwrap_or_default();
        // An `enum` of strings: different members, as long as there are any.
        let choices = items.get("enum").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut out: Vec<Value> = Vec::new();
        let mut wanted = usual.max(least).min(most).max(first.len() as u64);
        if items == Value::Bool(false) {
            wanted = wanted.min(first.len() as u64);
        }
        let singular = name.strip_suffix('s').unwrap_or(name);
        for index in 0..wanted {
            let place = usize::try_from(index).unwrap_or_default();
            let mut item = match (first.get(place), choices.get(place)) {
                (Some(schema), _) => self.value(schema, name, depth + 1),
                (None, Some(choice)) => choice.clone(),
                (None, None) => self.value(&items, singular, depth + 1),
            };
            if first.get(place).is_none() && choices.is_empty() {
                vary(&mut item, &items, index);
            }
            if unique && out.contains(&item) {
                break;
            }
            out.push(item);
        }
        Value::Array(out)
    }

    fn string(&self, fields: &Map<String, Value>, name: &str) -> String {
        if let Some(pattern) = fields.get("pattern").and_then(Value::as_str) {
            return pattern::text(pattern);
        }
        let formatted = match fields.get("format").and_then(Value::as_str).unwrap_or_default() {
            "date-time" => "2026-01-01T12:00:00Z",
            "date" => "2026-01-01",
            "time" => "12:00:00Z",
            "duration" => "PT1H",
            "email" | "idn-email" => "demo@example.com",
            "hostname" | "idn-hostname" => "example.com",
            "uri" | "iri" | "uri-reference" | "iri-reference" => "https://example.com/",
            "uuid" => "01890a5d-ac96-774b-bcce-b302099a8057",
            "ipv4" => "192.0.2.1",
            "ipv6" => "2001:db8::1",
            _ => "",
        };
        if !formatted.is_empty() {
            return formatted.to_owned();
        }
        let about = prose::excerpt(self.prompt, 80);
        let text = match name {
            "" => format!("Demo text about “{about}”"),
            "url" | "link" | "href" => "https://example.com/".to_owned(),
            "query" | "topic" | "subject" | "question" | "q" | "search" => about,
            _ => format!("Demo {} about “{about}”", name.replace('_', " ")),
        };
        let least = fields.get("minLength").and_then(Value::as_u64).unwrap_or_default().min(100_000);
        let most = fields.get("maxLength").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let filler = " More demo text.".chars().cycle();
        let length = (text.chars().count() as u64).clamp(least.min(most), most);
        text.chars().chain(filler).take(usize::try_from(length).unwrap_or(usize::MAX)).collect()
    }
}

/// Makes the items of a list differ where nothing forbids it.
fn vary(item: &mut Value, schema: &Value, index: u64) {
    let free = |key: &str| schema.get(key).is_none();
    match item {
        Value::String(text) if free("pattern") && free("format") && free("maxLength") && free("const") => {
            text.push_str(&format!(" ({})", index + 1));
        }
        Value::Number(old) if free("const") => {
            if let Value::Object(fields) = schema
                && let Some(start) = old.as_f64()
            {
                let next = number(fields, start + index as f64, kind(fields) == "integer");
                *item = next;
            }
        }
        _ => {}
    }
}

fn requires(fields: &Map<String, Value>, name: &str) -> bool {
    fields.get("required").and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == name))
}

fn kind_of(schema: &Value) -> &str {
    schema.as_object().map_or("object", kind)
}

/// The type to make: the first that is not null; guessed from the other keywords if none is given.
fn kind(fields: &Map<String, Value>) -> &str {
    match fields.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
        }
        _ => {
            let has = |keys: &[&str]| keys.iter().any(|key| fields.contains_key(*key));
            if has(&["items", "prefixItems", "minItems", "maxItems"]) {
                "array"
            } else if has(&["minLength", "maxLength", "pattern", "format"]) {
                "string"
            } else if has(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) {
                "number"
            } else {
                "object"
            }
        }
    }
}

/// A number within the bounds, near `usual`; four fifths up a scale with two ends.
fn number(fields: &Map<String, Value>, usual: f64, whole: bool) -> Value {
    let bound = |key: &str| fields.get(key).and_then(Value::as_f64);
    let step = bound("multipleOf").filter(|step| *step > 0.0);
    let unit = step.unwrap_or(if whole { 1.0 } else { 0.0 });
    // An excluded end is left by a step, or by a little.
    let away = |end: f64, sign: f64| end + sign * if unit > 0.0 { unit } else { end.abs().max(1.0) / 1e6 };
    let least = [bound("minimum"), bound("exclusiveMinimum").map(|end| away(end, 1.0))];
    let most = [bound("maximum"), bound("exclusiveMaximum").map(|end| away(end, -1.0))];
    let least = least.into_iter().flatten().reduce(f64::max);
    let most = most.into_iter().flatten().reduce(f64::min);
    let wanted = match (least, most) {
        (Some(least), Some(most)) if usual < least || usual > most || most - least <= 100.0 => {
            least + 0.8 * (most - least)
        }
        (Some(least), _) => usual.max(least),
        (_, Some(most)) => usual.min(most),
        _ => usual,
    };
    let mut value = if unit > 0.0 { (wanted / unit).round() * unit } else { wanted };
    if unit > 0.0 && least.is_some_and(|least| value < least) {
        value += unit;
    }
    if unit > 0.0 && most.is_some_and(|most| value > most) {
        value -= unit;
    }
    if whole || (value.fract() == 0.0 && value.abs() < 1e15) {
        return json!(value as i64);
    }
    // Shown with few digits where that changes nothing.
    let short = (value * 100.0).round() / 100.0;
    let fits =
        least.is_none_or(|least| short >= least) && most.is_none_or(|most| short <= most) && step.is_none();
    Number::from_f64(if fits { short } else { value }).map_or(Value::Null, Value::Number)
}
