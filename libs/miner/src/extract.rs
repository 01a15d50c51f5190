//! Carrying out a recipe on one page. The generated Python does exactly the same (`python`). Not here: fetching,
//! following pages.

use crate::{
    dom::{Dom, Node},
    json,
    recipe::{Field, Kind, Pagination, Recipe, Source, Take},
    select::{self, Selector},
    text::collapse,
    url,
};
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A record.
pub type Record = Map<String, Value>;

/// Why a recipe cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A selector is not one.
    #[error(transparent)]
    Selector(#[from] select::Error),
    /// A pattern is not one.
    #[error("`{0}` is not a regular expression that can be used here")]
    Pattern(String),
}

/// A field with its selector and pattern read.
pub(crate) struct Reader<'a> {
    field: &'a Field,
    selector: Option<Selector>,
    pattern: Option<Regex>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(field: &'a Field) -> Result<Self, Error> {
        let selector = if field.select.is_empty() { None } else { Some(Selector::new(&field.select)?) };
        let pattern = match &field.pattern {
            Some(pattern) => Some(Regex::new(pattern).map_err(|_| Error::Pattern(pattern.clone()))?),
            None => None,
        };
        Ok(Self { field, selector, pattern })
    }

    pub(crate) fn read(&self, dom: &Dom, parts: &[Node], base: &str) -> Value {
        if self.field.take == Take::Between {
            let text = dom.text_between(parts);
            return clean(text, self.field.kind, self.pattern.as_ref(), base).unwrap_or(Value::Null);
        }
        let mut found = parts.iter().flat_map(|part| self.nodes(dom, *part));
        if !self.field.many {
            return found.find_map(|node| self.value(dom, node, base)).unwrap_or(Value::Null);
        }
        let values: Vec<Value> = found.filter_map(|node| self.value(dom, node, base)).collect();
        if values.is_empty() { Value::Null } else { Value::Array(values) }
    }

    /// The first element that is selected, whether or not it has a value.
    pub(crate) fn nodes<'b>(&'b self, dom: &'b Dom, part: Node) -> impl Iterator<Item = Node> + 'b {
        let own = self.selector.as_ref().is_none_or(|selector| selector.matches(dom, part, part));
        let below = self
            .selector
            .iter()
            .flat_map(move |selector| dom.below(part).filter(move |node| selector.matches(dom, *node, part)));
        own.then_some(part).into_iter().chain(below)
    }

    fn value(&self, dom: &Dom, node: Node, base: &str) -> Option<Value> {
        let raw = match &self.field.take {
            Take::Text => dom.text(node),
            Take::OwnText | Take::Between => dom.direct_text(node),
            Take::Attribute(names) => {
                let values = names.iter().filter_map(|name| dom.attribute(node, name)).map(collapse);
                values.into_iter().find(|value| !value.is_empty() && !value.starts_with("data:"))?
            }
        };
        clean(raw, self.field.kind, self.pattern.as_ref(), base)
    }
}

/// What becomes of a raw text; `None` if nothing is left of it.
pub(crate) fn clean(raw: String, kind: Kind, pattern: Option<&Regex>, base: &str) -> Option<Value> {
    let text = match pattern {
        Some(pattern) => {
            let groups = pattern.captures(&raw)?;
            collapse(groups.get(1).or_else(|| groups.get(0))?.as_str())
        }
        None => raw,
    };
    if text.is_empty() {
        return None;
    }
    Some(match kind {
        Kind::Url | Kind::Image => Value::String(url::join(base, &text)),
        Kind::Number => number(&text).unwrap_or(Value::String(text)),
        _ => Value::String(text),
    })
}

/// A plain number as JSON; nothing else, so that `007` and `1.2.3` stay texts.
pub(crate) fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = all_digits(whole) && (whole == "0" || !whole.starts_with('0')) && digits.len() <= 15;
    match fraction {
        _ if !plain => None,
        None => text.parse::<i64>().ok().map(Value::from),
        Some(fraction) if all_digits(fraction) => text.parse::<f64>().ok().map(Value::from),
        Some(_) => None,
    }
}

/// What links on the page are relative to.
pub fn base_url(dom: &Dom, url: &str) -> String {
    let base = dom.first("base").and_then(|base| dom.attribute(base, "href"));
    base.map_or_else(|| url.to_owned(), |base| url::join(url, base.trim()))
}

/// The elements that make up each record: one, or one and siblings that follow it.
pub(crate) fn records(dom: &Dom, select: &str, siblings: usize) -> Result<Vec<Vec<Node>>, Error> {
    let heads = Selector::new(select)?.all(dom, 0);
    if siblings == 0 {
        return Ok(heads.into_iter().map(|head| vec![head]).collect());
    }
    let known: BTreeSet<Node> = heads.iter().copied().collect();
    let with_siblings = |head: Node| {
        let following = dom.following(head).take(siblings).take_while(|node| !known.contains(node));
        std::iter::once(head).chain(following).collect()
    };
    Ok(heads.into_iter().map(with_siblings).collect())
}

/// The records of a page. Records in which nothing is found are left out.
///
/// # Errors
/// The recipe has a selector or pattern that cannot be read.
pub fn extract(dom: &Dom, recipe: &Recipe, url: &str) -> Result<Vec<Record>, Error> {
    let base = base_url(dom, url);
    let found: Vec<Record> = match &recipe.source {
        Source::Elements { select, siblings } => {
            let readers: Vec<_> = recipe.fields.iter().map(Reader::new).collect::<Result<_, _>>()?;
            let read = |parts: Vec<Node>| of_parts(dom, &readers, &parts, &base);
            records(dom, select, *siblings)?.into_iter().map(read).collect()
        }
        Source::Page => {
            let readers: Vec<_> = recipe.fields.iter().map(Reader::new).collect::<Result<_, _>>()?;
            vec![of_parts(dom, &readers, &[0], &base)]
        }
        Source::JsonLd { types } => {
            let objects = json::of_types(dom, types);
            objects.iter().map(|object| json::record(object, &recipe.fields, &base)).collect()
        }
        Source::Json { script, path } => {
            let objects = json::at_path(dom, script, path)?;
            objects.iter().map(|object| json::record(object, &recipe.fields, &base)).collect()
        }
    };
    Ok(found.into_iter().filter(|record| record.values().any(|value| !value.is_null())).collect())
}

fn of_parts(dom: &Dom, readers: &[Reader<'_>], parts: &[Node], base: &str) -> Record {
    readers.iter().map(|reader| (reader.field.name.clone(), reader.read(dom, parts, base))).collect()
}

/// The address of the page after `page` (counted from 1), if the page has a link to it.
///
/// # Errors
/// A selector cannot be read.
pub fn next_page(dom: &Dom, pagination: &Pagination, url: &str, page: u32) -> Result<Option<String>, Error> {
    let base = base_url(dom, url);
    let link = |node: Node| {
        let href = dom.attribute(node, "href").map(str::trim);
        let href = href.filter(|href| !href.is_empty() && !href.starts_with(['#']) && !is_script(href))?;
        Some(url::join(&base, href))
    };
    if let Some(next) = &pagination.next {
        let selector = Selector::new(next)?;
        if let Some(found) = selector.first(dom, 0).and_then(link) {
            return Ok(Some(found));
        }
    }
    if let Some(numbered) = &pagination.numbered {
        let wanted = (page + 1).to_string();
        let links = Selector::new(numbered)?.all(dom, 0);
        return Ok(links.into_iter().filter(|node| dom.text(*node) == wanted).find_map(link));
    }
    Ok(None)
}

fn is_script(href: &str) -> bool {
    href.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("javascript:"))
}
