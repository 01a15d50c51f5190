//! Walks a JSON value along the shape a document must have and reports every deviation with its place. On the way
//! it makes a mended copy, in which misshapen parts are left out or stand empty, so that the rest of the document
//! can be checked for its contents in the same go.
//! Not here: the shape itself (`spec`), what the parts mean (the other modules).

pub(crate) mod spec;

use crate::{
    problems::{Problems, With, child, problem},
    similar,
};
use nexus_model::{Document, JobId, NodeId, Problem, limits::Limits};
use serde_json::{Map, Value, json};
use spec::{Field, Kind, Shape};

/// A document as far as it can be read.
#[derive(Debug)]
pub(crate) struct Shaped {
    /// Misshapen parts are missing or empty.
    pub(crate) document: Document,
    /// Where the nodes stand in the document as given.
    pub(crate) nodes: Vec<Place>,
    /// Where the edges stand in the document as given.
    pub(crate) edges: Vec<usize>,
}

/// A node as given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Its index.
    pub(crate) index: usize,
    /// Whether it has an id of its own; else it got one that nobody knows.
    pub(crate) named: bool,
    /// Whether its type and (a tool's) kind are known; else it stands in as an empty template.
    pub(crate) known: bool,
}

/// Reads as much as can be read; `None` if there is no graph to speak of.
pub(crate) fn read(value: &Value, limits: &Limits, problems: &mut Problems) -> Option<Shaped> {
    if let Some(path) = too_deep(value, limits.json_depth) {
        let message = format!("the document nests deeper than {} levels", limits.json_depth);
        problems.shape(problem("too_deep", path, message));
        return None;
    }
    let mut walk = Walk { limits, problems, nodes: Vec::new(), edges: Vec::new(), node: None };
    let mended = walk.object(&spec::DOCUMENT, value, "")?;
    let (nodes, edges) = (walk.nodes, walk.edges);
    if ["/graph", "/graph/nodes", "/graph/edges"].iter().any(|part| problems.is_misshapen(part)) {
        return None;
    }
    match serde_json::from_value(mended) {
        Ok(document) => Some(Shaped { document, nodes, edges }),
        // Only if this shape and the types behind it disagree.
        Err(error) => {
            problems.shape(problem("unreadable", "", format!("the document cannot be read: {error}")));
            None
        }
    }
}

/// The place of something that nests too deeply. Looks at the value without recursion.
pub(crate) fn too_deep(value: &Value, most: usize) -> Option<String> {
    let mut todo = vec![(value, 1, String::new())];
    while let Some((value, depth, path)) = todo.pop() {
        let nested: Vec<(String, &Value)> = match value {
            Value::Array(items) => {
                items.iter().enumerate().map(|(ix, item)| (ix.to_string(), item)).collect()
            }
            Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), member)).collect(),
            _ => continue,
        };
        if depth > most {
            return Some(path);
        }
        let nested = nested.into_iter().filter(|(_, value)| value.is_array() || value.is_object());
        todo.extend(nested.map(|(name, value)| (value, depth + 1, child(&path, &name))));
    }
    None
}

struct Walk<'a> {
    limits: &'a Limits,
    problems: &'a mut Problems,
    nodes: Vec<Place>,
    edges: Vec<usize>,
    /// The node the walk is in.
    node: Option<NodeId>,
}

impl Walk<'_> {
    fn report(&mut self, found: Problem) {
        let found = found.node(self.node.as_ref());
        self.problems.shape(found);
    }

    fn wrong_type(&mut self, path: &str, expected: &str, value: &Value) {
        let message = format!("this must be {expected}, not {}", name_of(value));
        self.report(problem("wrong_type", path, message));
    }

    /// The value if it is of the kind; mended inside.
    fn value(&mut self, kind: Kind, value: &Value, path: &str) -> Option<Value> {
        match kind {
            Kind::Any => Some(value.clone()),
            Kind::Text | Kind::Filled | Kind::Template { .. } | Kind::Condition => {
                let Some(text) = value.as_str() else {
                    self.wrong_type(path, "a text", value);
                    return None;
                };
                self.text(kind, text, path).then(|| value.clone())
            }
            Kind::Bool => {
                if !value.is_boolean() {
                    self.wrong_type(path, "true or false", value);
                    return None;
                }
                Some(value.clone())
            }
            Kind::Number { min, max, above } => {
                let Some(number) = value.as_f64() else {
                    self.wrong_type(path, "a number", value);
                    return None;
                };
                if number > max || number < min || (above && number <= min) {
                    let lower = if above { format!("more than {min}") } else { format!("at least {min}") };
                    let message = format!("{value} is out of range: it must be {lower} and at most {max}");
                    self.report(problem("out_of_range", path, message));
                    return None;
                }
                Some(value.clone())
            }
            Kind::Whole { min, max } => {
                if !value.is_number() {
                    self.wrong_type(path, "a whole number", value);
                    return None;
                }
                match value.as_u64() {
                    Some(number) if (min..=max).contains(&number) => Some(value.clone()),
                    _ => {
                        let message =
                            format!("{value} is out of range: it must be a whole number from {min} to {max}");
                        self.report(problem("out_of_range", path, message));
                        None
                    }
                }
            }
            Kind::Version => {
                if value.as_u64() == Some(u64::from(nexus_model::document::SCHEMA_VERSION)) {
                    return Some(value.clone());
                }
                let message =
                    format!("schema version {} is not known; there is only version 1", shown(value));
                self.report(problem("schema_version_unsupported", path, message));
                None
            }
            Kind::Word(words) => {
                let Some(word) = value.as_str() else {
                    self.wrong_type(path, &format!("one of {}", list(words)), value);
                    return None;
                };
                if !words.contains(&word) {
                    let message = format!("`{}` is not one of {}", shorten(word), list(words));
                    let suggestion = similar::did_you_mean(word, words.iter().copied());
                    self.report(problem("unknown_value", path, message).suggest(suggestion));
                    return None;
                }
                Some(value.clone())
            }
            Kind::NodeId => {
                let Some(id) = value.as_str() else {
                    self.wrong_type(path, "a text", value);
                    return None;
                };
                if NodeId::new(id).is_err() {
                    let message = format!("`{}` cannot be the id of a node", shorten(id));
                    let advice =
                        "use letters, digits and _, not starting with a digit, at most 63".to_owned();
                    self.report(problem("invalid_id", path, message).suggest(advice));
                    return None;
                }
                Some(value.clone())
            }
            Kind::Uuid => {
                if value.as_str().is_some_and(|text| text.parse::<JobId>().is_ok()) {
                    return Some(value.clone());
                }
                self.report(problem(
                    "invalid_id",
                    path,
                    format!("{} is not the id of a job (a UUID)", shown(value)),
                ));
                None
            }
            Kind::Schema => {
                if !(value.is_object() || value.is_boolean()) {
                    self.wrong_type(path, "a JSON Schema (an object)", value);
                    return None;
                }
                Some(value.clone())
            }
            Kind::Object(shape) => self.object(shape, value, path),
            Kind::List(kind) => self.list(*kind, value, path),
            Kind::Texts => {
                let members = self.members(value, path)?;
                let mut mended = Map::new();
                for (name, member) in members {
                    if let Some(text) =
                        self.value(Kind::Template { filled: false }, member, &child(path, name))
                    {
                        mended.insert(name.clone(), text);
                    }
                }
                Some(Value::Object(mended))
            }
            Kind::Members => self.members(value, path).map(|members| Value::Object(members.clone())),
            Kind::Node => self.node(value, path),
            Kind::Edge => self.object(&spec::EDGE, value, path),
        }
    }

    fn text(&mut self, kind: Kind, text: &str, path: &str) -> bool {
        let (most, code) = match kind {
            Kind::Template { .. } => (self.limits.template_bytes, "template_too_long"),
            Kind::Condition => (self.limits.expression_bytes, "expression_too_long"),
            _ => (usize::MAX, ""),
        };
        if text.len() > most {
            let message = format!("this has {} bytes; at most {most} are allowed", text.len());
            self.report(problem(code, path, message));
            return false;
        }
        if matches!(kind, Kind::Filled | Kind::Template { filled: true }) && text.trim().is_empty() {
            self.report(problem("empty_value", path, "this must not be empty"));
            return false;
        }
        true
    }

    fn members<'v>(&mut self, value: &'v Value, path: &str) -> Option<&'v Map<String, Value>> {
        if !value.is_object() {
            self.wrong_type(path, "an object", value);
        }
        value.as_object()
    }

    fn object(&mut self, shape: &Shape, value: &Value, path: &str) -> Option<Value> {
        let Some(members) = value.as_object() else {
            self.wrong_type(path, &format!("{} (an object)", shape.what), value);
            return None;
        };
        let mut mended = Map::new();
        let mut nameless = false;
        for Field { name, kind, required, nullable } in shape.fields {
            let path = child(path, name);
            let read = match members.get(*name) {
                Some(Value::Null) if *nullable => continue,
                Some(member) => self.value(*kind, member, &path),
                None if *required => {
                    let message = format!("{} needs `{name}`", shape.what);
                    let near = members
                        .keys()
                        .map(String::as_str)
                        .filter(|key| shape.fields.iter().all(|f| f.name != *key));
                    let suggestion = match similar::nearest(name, near) {
                        Some(typed) => format!("did you mean `{name}` where it says `{typed}`?"),
                        None => format!("add `{name}`"),
                    };
                    self.report(problem("missing_field", &path, message).suggest(suggestion));
                    None
                }
                None => continue,
            };
            nameless |= *required && read.is_none() && matches!(kind, Kind::NodeId);
            match read {
                Some(read) => mended.insert((*name).to_owned(), read),
                None if *required => mended.insert((*name).to_owned(), empty(*kind)),
                None => None,
            };
        }
        for name in members.keys() {
            if shape.fields.iter().all(|field| field.name != name) {
                let message = format!("{} has no field `{}`", shape.what, shorten(name));
                let known = shape.fields.iter().map(|field| field.name);
                let suggestion = similar::did_you_mean(name, known).or_else(|| Some("remove it".into()));
                self.report(problem("unknown_field", child(path, name), message).suggest(suggestion));
            }
        }
        // What refers to nothing (an edge without ends) is left out; a node gets a name from `node`.
        (!nameless || std::ptr::eq(shape, &spec::NODE)).then_some(Value::Object(mended))
    }

    fn list(&mut self, kind: Kind, value: &Value, path: &str) -> Option<Value> {
        let Some(items) = value.as_array() else {
            self.wrong_type(path, "a list", value);
            return None;
        };
        let (most, what) = match kind {
            Kind::Node => (self.limits.nodes, "nodes"),
            Kind::Edge => (self.limits.edges, "edges"),
            _ => (usize::MAX, ""),
        };
        if items.len() > most {
            let message = format!("there are {} {what}; at most {most} are allowed", items.len());
            self.report(problem(&format!("too_many_{what}"), path, message));
            return None;
        }
        let mut mended = Vec::with_capacity(items.len());
        for (ix, item) in items.iter().enumerate() {
            let Some(read) = self.value(kind, item, &format!("{path}/{ix}")) else { continue };
            match kind {
                Kind::Node => {
                    if let Some(place) = self.nodes.last_mut() {
                        place.index = ix;
                    }
                }
                Kind::Edge => self.edges.push(ix),
                _ => {}
            }
            mended.push(read);
        }
        Some(Value::Array(mended))
    }

    fn node(&mut self, value: &Value, path: &str) -> Option<Value> {
        let id = value.get("id").and_then(Value::as_str).and_then(|id| NodeId::new(id).ok());
        let named = id.is_some();
        self.node = id;
        let mended = self.object(&spec::NODE, value, path);
        let config_path = child(path, "config");
        let config = value.get("config");
        let shape = match (value.get("type").and_then(Value::as_str), config) {
            (Some("agent"), Some(_)) => Some(&spec::AGENT),
            (Some("conditional"), Some(_)) => Some(&spec::CONDITIONAL),
            (Some("tool"), Some(Value::Object(config))) => match config.get("tool") {
                Some(Value::String(tool)) if spec::tool(tool).is_some() => spec::tool(tool),
                Some(other) => {
                    self.value(Kind::Word(spec::TOOLS), other, &child(&config_path, "tool"));
                    None
                }
                None => {
                    let message = format!("a tool's config needs `tool`: one of {}", list(spec::TOOLS));
                    self.report(problem("missing_field", child(&config_path, "tool"), message));
                    None
                }
            },
            (Some("tool"), Some(other)) => {
                self.wrong_type(&config_path, "a tool's config (an object)", other);
                None
            }
            _ => None,
        };
        let config = match (shape, config) {
            (Some(shape), Some(config)) => self.object(shape, config, &config_path),
            _ => None,
        };
        self.node = None;
        let mut mended = mended?;
        if !named {
            mended["id"] = format!("_unnamed_{}", self.nodes.len()).into();
        }
        let known = config.is_some();
        match config {
            Some(config) => mended["config"] = config,
            None => {
                mended["type"] = "tool".into();
                mended["config"] = json!({"tool": "template", "template": ""});
            }
        }
        self.nodes.push(Place { index: 0, named, known });
        Some(mended)
    }
}

/// What stands in for a required field that cannot be read.
fn empty(kind: Kind) -> Value {
    match kind {
        Kind::List(_) => json!([]),
        Kind::Object(shape) => {
            let required = shape.fields.iter().filter(|field| field.required);
            Value::Object(required.map(|field| (field.name.to_owned(), empty(field.kind))).collect())
        }
        Kind::Number { .. } => json!(0.0),
        Kind::NodeId | Kind::Text | Kind::Filled | Kind::Template { .. } | Kind::Condition | Kind::Uuid => {
            json!("")
        }
        Kind::Word(words) => json!(words.first()),
        _ => Value::Null,
    }
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value in a message: small ones as they are.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => name_of(value).into(),
        other => shorten(&other.to_string()),
    }
}

pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(80) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
