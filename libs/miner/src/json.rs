//! Data that pages carry for machines: JSON-LD, and the state of web applications in script elements. Not here:
//! microdata, which is mined like other elements (`mine`).

use crate::{
    dom::{Dom, Node},
    extract::{Error, Record},
    recipe::{Field, Kind, Source, Take},
    select::Selector,
    text::collapse,
    url,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// How deep JSON of a page is looked into.
const DEEPEST: usize = 24;
/// Most fields taken from objects.
const MOST_FIELDS: usize = 30;

/// Types that say what the page is, not what is on it.
const ABOUT_THE_PAGE: [&str; 25] = [
    "GeoCoordinates",
    "OpeningHoursSpecification",
    "QuantitativeValue",
    "WebSite",
    "WebPage",
    "Organization",
    "BreadcrumbList",
    "SearchAction",
    "ImageObject",
    "CollectionPage",
    "ListItem",
    "ItemList",
    "Corporation",
    "NewsMediaOrganization",
    "SiteNavigationElement",
    "ReadAction",
    "EntryPoint",
    "PostalAddress",
    "ContactPoint",
    "AggregateRating",
    "Offer",
    "Rating",
    "WPHeader",
    "WPFooter",
    "SearchResultsPage",
];

/// Records found in JSON.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub source: Source,
    pub objects: Vec<Value>,
    pub fields: Vec<Field>,
}

fn script_text(dom: &Dom, script: Node) -> &str {
    dom.children(script).next().map_or("", |text| dom.own_text(text))
}

/// The JSON in a script: all of it, or what is first assigned to a variable.
fn script_json(text: &str) -> Option<Value> {
    let text = text.trim_start();
    let start = if text.starts_with(['{', '[']) {
        0
    } else {
        let assigned = text.match_indices('=').map(|(at, _)| at + 1);
        let begin = assigned.map(|at| at + (text[at..].len() - text[at..].trim_start().len()));
        begin.into_iter().find(|at| text[*at..].starts_with(['{', '[']))?
    };
    serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>().next()?.ok()
}

fn scripts(dom: &Dom) -> impl Iterator<Item = Node> + '_ {
    dom.below(0).filter(|node| dom.tag(*node) == "script")
}

fn json_ld(dom: &Dom) -> Vec<Value> {
    let marked = scripts(dom).filter(|script| dom.attribute(*script, "type") == Some("application/ld+json"));
    marked.filter_map(|script| script_json(script_text(dom, script))).collect()
}

fn is_of(object: &Map<String, Value>, types: &[String]) -> bool {
    match object.get("@type") {
        Some(Value::String(own)) => types.contains(own),
        Some(Value::Array(many)) => {
            many.iter().any(|own| own.as_str().is_some_and(|own| types.iter().any(|wanted| wanted == own)))
        }
        _ => false,
    }
}

fn collect(value: &Value, types: &[String], depth: usize, out: &mut Vec<Value>) {
    match value {
        Value::Object(object) if is_of(object, types) => out.push(value.clone()),
        Value::Object(object) if depth < DEEPEST => {
            object.values().for_each(|value| collect(value, types, depth + 1, out));
        }
        Value::Array(items) if depth < DEEPEST => {
            items.iter().for_each(|value| collect(value, types, depth + 1, out));
        }
        _ => {}
    }
}

/// All JSON-LD objects of these types that are not within another one.
pub(crate) fn of_types(dom: &Dom, types: &[String]) -> Vec<Value> {
    let mut out = Vec::new();
    json_ld(dom).iter().for_each(|value| collect(value, types, 0, &mut out));
    out
}

/// The list at a path in the JSON of a script.
pub(crate) fn at_path(dom: &Dom, script: &str, path: &[String]) -> Result<Vec<Value>, Error> {
    let scripts = Selector::new(script)?.all(dom, 0);
    for script in scripts {
        let value = script_json(script_text(dom, script));
        let found =
            value.as_ref().and_then(|value| path.iter().try_fold(value, |value, key| step(value, key)));
        if let Some(Value::Array(items)) = found {
            return Ok(items.iter().filter(|item| item.is_object()).cloned().collect());
        }
    }
    Ok(Vec::new())
}

fn step<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => value.get(key),
    }
}

/// One record of an object.
pub(crate) fn record(object: &Value, fields: &[Field], base: &str) -> Record {
    let read = |field: &Field| {
        let found = follow(object, &field.select).and_then(|value| plain(&value, 0));
        let value = match (found, field.kind) {
            (Some(Value::String(link)), Kind::Url | Kind::Image) => Value::String(url::join(base, &link)),
            (found, _) => found.unwrap_or(Value::Null),
        };
        (field.name.clone(), value)
    };
    fields.iter().map(read).collect()
}

fn follow(value: &Value, path: &str) -> Option<Value> {
    let mut at = value.clone();
    for key in path.split('.') {
        at = match at {
            Value::Object(mut object) => object.remove(key)?,
            Value::Array(items) => {
                let found: Vec<Value> = items.iter().filter_map(|item| item.get(key)).cloned().collect();
                Some(Value::Array(found))
                    .filter(|found| found.as_array().is_some_and(|found| !found.is_empty()))?
            }
            _ => return None,
        };
    }
    Some(at)
}

/// A value as records have it: scalars, or lists of them; an object is what names it.
fn plain(value: &Value, depth: usize) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(collapse(text)).filter(|text| !text.is_empty()).map(Value::String),
        Value::Object(object) if depth < 4 => {
            let keys = ["name", "text", "title", "value", "url", "@value", "@id"];
            keys.iter().filter_map(|key| object.get(*key)).find_map(|value| plain(value, depth + 1))
        }
        Value::Array(items) if depth < 4 => {
            let mut values: Vec<Value> = items.iter().filter_map(|item| plain(item, depth + 1)).collect();
            if values.len() > 1 { Some(Value::Array(values)) } else { values.pop() }
        }
        Value::Object(_) | Value::Array(_) => None,
        scalar => Some(scalar.clone()),
    }
}

/// All sets of records in the page's JSON, JSON-LD first.
pub(crate) fn find(dom: &Dom) -> Vec<Found> {
    let mut found = Vec::new();
    let mut by_type: BTreeMap<String, usize> = BTreeMap::new();
    for value in &json_ld(dom) {
        count_types(value, 0, &mut by_type);
    }
    for type_name in by_type.keys().filter(|name| !ABOUT_THE_PAGE.contains(&name.as_str())) {
        let types = vec![type_name.clone()];
        let objects = of_types(dom, &types);
        let fields = fields_of(&objects);
        if fields.len() > 1 {
            found.push(Found { source: Source::JsonLd { types }, objects, fields });
        }
    }
    for script in scripts(dom) {
        let kind = dom.attribute(script, "type").unwrap_or_default();
        if kind != "application/ld+json" {
            found.extend(in_script(dom, script, kind == "application/json"));
        }
    }
    found
}

fn count_types(value: &Value, depth: usize, out: &mut BTreeMap<String, usize>) {
    match value {
        Value::Object(object) => {
            let own = object.get("@type").and_then(|own| own.as_str().or_else(|| own.get(0)?.as_str()));
            if let Some(own) = own {
                *out.entry(own.to_owned()).or_default() += 1;
            }
            // What is within a thing describes it.
            let on = own.is_none_or(|own| ABOUT_THE_PAGE.contains(&own));
            if on && depth < DEEPEST {
                object.values().for_each(|value| count_types(value, depth + 1, out));
            }
        }
        Value::Array(items) if depth < DEEPEST => {
            items.iter().for_each(|value| count_types(value, depth + 1, out));
        }
        _ => {}
    }
}

fn in_script(dom: &Dom, script: Node, is_data: bool) -> Option<Found> {
    let text = script_text(dom, script);
    let id = dom.attribute(script, "id").filter(|id| crate::select::is_plain(id));
    let selector = if is_data {
        id.map_or_else(|| "script[type=\"application/json\"]".to_owned(), |id| format!("script#{id}"))
    } else {
        // `window.__NAME__ = {…}`
        let name = text.trim_start().split('=').next()?.trim().rsplit(['.', ' ']).next()?;
        if text.len() < 500 || !name.starts_with("__") || !crate::select::is_plain(name) {
            return None;
        }
        format!("script:-soup-contains(\"{name}\")")
    };
    let value = script_json(text)?;
    let mut lists = Vec::new();
    lists_of(&value, &mut Vec::new(), &mut lists);
    let (_, path) = lists.into_iter().max_by_key(|(worth, _)| *worth)?;
    let source = Source::Json { script: selector.clone(), path: path.clone() };
    let objects = at_path(dom, &selector, &path).ok()?;
    let fields = fields_of(&objects);
    (objects.len() > 1 && fields.len() > 1).then_some(Found { source, objects, fields })
}

/// Lists of objects, with what they are worth: objects times texts in them.
fn lists_of(value: &Value, path: &mut Vec<String>, out: &mut Vec<(usize, Vec<String>)>) {
    if path.len() > DEEPEST {
        return;
    }
    let children: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => {
            let objects: Vec<_> = items.iter().filter_map(Value::as_object).collect();
            if objects.len() >= 3 && objects.len() * 10 >= items.len() * 9 {
                let keys: BTreeSet<&String> = objects[0].keys().collect();
                let alike = objects
                    .iter()
                    .filter(|object| object.keys().filter(|key| keys.contains(key)).count() * 2 > keys.len());
                let texts = |object: &&Map<String, Value>| {
                    object.values().filter(|value| value.is_string() || value.is_number()).count().min(12)
                };
                let worth: usize = alike.map(texts).sum();
                out.push((worth, path.clone()));
            }
            items.iter().take(50).enumerate().map(|(at, value)| (at.to_string(), value)).collect()
        }
        _ => return,
    };
    for (key, child) in children {
        path.push(key);
        lists_of(child, path, out);
        path.pop();
    }
}

/// Fields that most of the objects have.
fn fields_of(objects: &[Value]) -> Vec<Field> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for object in objects.iter().take(50) {
        let mut paths = Vec::new();
        paths_of(object, "", 0, &mut paths);
        for path in paths {
            match counts.iter_mut().find(|(known, _)| *known == path) {
                Some((_, count)) => *count += 1,
                None => counts.push((path, 1)),
            }
        }
    }
    let enough = objects.len().min(50).div_ceil(2);
    let mut names = BTreeSet::new();
    let common = counts.into_iter().filter(|(_, count)| *count >= enough).take(MOST_FIELDS);
    let field = |(select, _): (String, usize)| {
        let mut name = crate::mine::names::slug(select.rsplit('.').next().unwrap_or_default());
        if !names.insert(name.clone()) || name == "name" && select.contains('.') {
            name = crate::mine::names::slug(&select.replace('.', " "));
            names.insert(name.clone());
        }
        let sample =
            objects.iter().find_map(|object| follow(object, &select).and_then(|value| plain(&value, 0)));
        let kind = match &sample {
            Some(Value::Number(_)) => Kind::Number,
            Some(Value::String(text)) if text.starts_with("http") || text.starts_with('/') => {
                if name.contains("image") || name.contains("photo") || name.contains("thumb") {
                    Kind::Image
                } else {
                    Kind::Url
                }
            }
            Some(Value::String(text)) => crate::value::kind_of(text).unwrap_or(Kind::Text),
            _ => Kind::Text,
        };
        Field { name, select, take: Take::Text, kind, many: false, pattern: None }
    };
    common.map(field).collect()
}

fn paths_of(value: &Value, prefix: &str, depth: usize, out: &mut Vec<String>) {
    let Some(object) = value.as_object() else { return };
    for (key, value) in object {
        if key.contains('.') || key == "@type" || key == "@context" || key.starts_with("__") {
            continue;
        }
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(_) if depth < 2 => {
                let before = out.len();
                paths_of(value, &path, depth + 1, out);
                if out.len() == before && plain(value, 0).is_some() {
                    out.push(path);
                }
            }
            _ if plain(value, 0).is_some() => out.push(path),
            _ => {}
        }
    }
}
