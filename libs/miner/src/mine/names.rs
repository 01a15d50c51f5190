//! What columns are called: by what the page calls them (itemprop, headings of tables, labels, classes), or else by
//! what they are. Not here: words of a description (`wanted`).

use super::{
    columns::{Column, What},
    sheet::{Sheet, is_state, is_utility, looks_generated, split_words},
};
use crate::{
    dom::{Dom, Node},
    recipe::Kind,
};
use std::collections::BTreeMap;

/// Words of class names that say nothing about what is in the element.
const EMPTY_WORDS: [&str; 71] = [
    "item",
    "card",
    "list",
    "wrapper",
    "wrap",
    "container",
    "content",
    "inner",
    "outer",
    "box",
    "block",
    "row",
    "col",
    "column",
    "cell",
    "text",
    "txt",
    "field",
    "value",
    "val",
    "element",
    "section",
    "area",
    "info",
    "data",
    "body",
    "view",
    "views",
    "node",
    "entry",
    "post",
    "product",
    "result",
    "module",
    "component",
    "main",
    "left",
    "right",
    "top",
    "bottom",
    "span",
    "div",
    "td",
    "li",
    "link",
    "a",
    "p",
    "small",
    "large",
    "medium",
    "big",
    "bold",
    "clearfix",
    "grid",
    "flex",
    "group",
    "holder",
    "line",
    "default",
    "primary",
    "secondary",
    "label",
    "ui",
    "js",
    "is",
    "has",
    "wp",
    "elementor",
    "widget",
    "style",
    "root",
];

/// A name of lower-case letters, digits and underscores, at most four words; empty if nothing is left.
pub fn slug(text: &str) -> String {
    let mut words = Vec::new();
    split_words(text, &mut words);
    let kept: Vec<String> = words.into_iter().take(4).collect();
    let name = kept.join("_");
    let name: String = name.chars().take(40).collect();
    let name = name.trim_matches('_').to_owned();
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("n_{name}") } else { name }
}

/// What a class says its element is.
fn of_class(class: &str, of_record: &[String]) -> Option<String> {
    if class.len() > 50 || is_state(class) || is_utility(class) || looks_generated(class) {
        return None;
    }
    let mut words = Vec::new();
    split_words(class, &mut words);
    words.retain(|word| {
        word.len() > 1
            && !EMPTY_WORDS.contains(&word.as_str())
            && !of_record.contains(word)
            && !word.bytes().any(|byte| byte.is_ascii_digit())
    });
    let kept = words.len().min(2);
    let name = words[words.len() - kept..].join("_");
    (!name.is_empty() && name.is_ascii()).then_some(name)
}

/// The classes' words that all records share: they name the record, not its columns.
pub fn words_of_records(dom: &Dom, records: &[Vec<Node>]) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(first) = records.first().and_then(|parts| parts.first()) {
        dom.classes(*first).for_each(|class| split_words(class, &mut words));
    }
    words
}

/// The most frequent of some names.
fn most_frequent(names: impl Iterator<Item = String>, least: usize) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    counts
        .into_iter()
        .filter(|(_, count)| *count >= least)
        .max_by_key(|(_, count)| *count)
        .map(|(name, _)| name)
}

/// A column's own name, if the page gives it one; `headers` are those of its table.
pub fn given(
    sheet: &Sheet<'_>,
    column: &Column,
    records: &[Vec<Node>],
    headers: &[String],
) -> Option<String> {
    let dom = sheet.dom;
    let pieces: Vec<(usize, Node)> = column
        .pieces
        .iter()
        .enumerate()
        .filter_map(|(number, piece)| piece.as_ref().map(|piece| (number, piece.node)))
        .take(12)
        .collect();
    let least = pieces.len().div_ceil(2).max(1);
    let suffix = |name: String| match column.what {
        What::Attribute("href") if !name.ends_with("url") && !name.ends_with("link") => format!("{name}_url"),
        What::Attribute("src")
            if !name.contains("image") && !name.contains("img") && !name.contains("photo") =>
        {
            "image".to_owned()
        }
        _ => name,
    };
    let property = |(_, node): &(usize, Node)| dom.attribute(*node, "itemprop").map(slug);
    if let Some(name) =
        most_frequent(pieces.iter().filter_map(property).filter(|name| !name.is_empty()), least)
    {
        return Some(suffix(name));
    }
    if !headers.is_empty() {
        let of_cell = |(number, node): &(usize, Node)| {
            header_of(dom, *node, records.get(*number)?.first().copied()?, headers)
        };
        if let Some(name) = most_frequent(pieces.iter().filter_map(of_cell), least) {
            return Some(suffix(name));
        }
    }
    let words = words_of_records(dom, records);
    let mut level: Vec<(usize, Node)> = pieces.clone();
    for up in 0..4 {
        let names = level.iter().filter_map(|(_, node)| {
            let classes = dom.classes(*node).filter_map(|class| of_class(class, &words));
            classes.into_iter().max_by_key(String::len)
        });
        if let Some(name) = most_frequent(names, least) {
            return Some(suffix(name));
        }
        if up == 0 {
            let label = |(_, node): &(usize, Node)| label_before(sheet, *node);
            if let Some(name) = most_frequent(pieces.iter().filter_map(label), least.max(2)) {
                return Some(suffix(name));
            }
        }
        level = level
            .into_iter()
            .filter_map(|(number, node)| {
                let parent = dom.parent(node)?;
                let own = records.get(number)?;
                let within = own.iter().any(|part| dom.is_within(parent, *part) && parent != *part);
                // A parent with much more in it says what all of that is, not this.
                let only = sheet.leaves(parent) <= sheet.leaves(node).max(1) + 1;
                (within && only).then_some((number, parent))
            })
            .collect();
    }
    None
}

/// The heading of the column that the cell around a node is in.
fn header_of(dom: &Dom, node: Node, row: Node, headers: &[String]) -> Option<String> {
    let cell =
        std::iter::once(node).chain(dom.ancestors(node)).find(|above| dom.parent(*above) == Some(row))?;
    let mut at = 0;
    for other in dom.elements(row) {
        if other == cell {
            return headers.get(at).filter(|name| !name.is_empty()).cloned();
        }
        at += dom
            .attribute(other, "colspan")
            .and_then(|span| span.parse::<usize>().ok())
            .unwrap_or(1)
            .clamp(1, 50);
    }
    None
}

/// A label such as `Price:` right before the element, or a `dt` before its `dd`.
fn label_before(sheet: &Sheet<'_>, node: Node) -> Option<String> {
    let dom = sheet.dom;
    let parent = dom.parent(node)?;
    let mut before = None;
    for child in dom.children(parent).filter(|child| sheet.chars(*child) > 0) {
        if child == node {
            break;
        }
        before = Some(child);
    }
    // `<li><b>Price:</b> 5</li>`: the label is within the element whose own text is the value
    let within = || {
        dom.elements(node)
            .find(|child| matches!(dom.tag(*child), "b" | "strong" | "span" | "label" | "em" | "dt"))
    };
    let label = before.or_else(within)?;
    let text = dom.text(label);
    let is_term = dom.tag(label) == "dt" && dom.tag(node) == "dd";
    let named = text.trim_end().strip_suffix([':', '：']);
    let text = named.or(is_term.then_some(text.as_str()))?;
    let name = slug(text);
    (text.chars().count() <= 30 && !name.is_empty() && name.is_ascii()).then_some(name)
}

/// Names of a table's columns, from the row of headings before the records; cells that span several repeat.
pub fn headers(sheet: &Sheet<'_>, first_row: Node) -> Vec<String> {
    let dom = sheet.dom;
    if dom.tag(first_row) != "tr" {
        return Vec::new();
    }
    let Some(table) = dom.ancestors(first_row).find(|above| dom.tag(*above) == "table") else {
        return Vec::new();
    };
    let rows = dom.below(table).filter(|node| dom.tag(*node) == "tr").take_while(|row| *row < first_row);
    let wanted = dom.elements(first_row).count();
    let is_heading = |row: &Node| {
        let cells: Vec<Node> = dom.elements(*row).collect();
        let in_head = dom.parent(*row).is_some_and(|parent| dom.tag(parent) == "thead");
        let named = cells.iter().filter(|cell| dom.tag(**cell) == "th").count();
        cells.len() > 1 && (in_head || named * 2 > cells.len() || cells.len() == wanted)
    };
    let Some(row) = rows.filter(is_heading).last() else { return Vec::new() };
    let mut names = Vec::new();
    for cell in dom.elements(row) {
        let text = dom.text(cell);
        let name = if text.chars().count() > 60 { String::new() } else { slug(&text) };
        let span = dom.attribute(cell, "colspan").and_then(|span| span.parse::<usize>().ok()).unwrap_or(1);
        names.extend(std::iter::repeat_n(name, span.clamp(1, 50)));
    }
    names
}

/// A name for a column that has none of its own: what it is.
pub fn fallback(sheet: &Sheet<'_>, column: &Column, kind: Kind, has_title: bool) -> &'static str {
    let dom = sheet.dom;
    let within = |tags: &[&str]| {
        let near = |node: Node| {
            std::iter::once(node).chain(dom.ancestors(node).take(2)).any(|node| tags.contains(&dom.tag(node)))
        };
        column.found().take(8).filter(|piece| near(piece.node)).count() * 2 > column.found().take(8).count()
    };
    match (column.what, kind) {
        (What::Attribute("href"), _) => "url",
        (What::Attribute("src"), _) => "image",
        (_, Kind::Price) => "price",
        (_, Kind::Date) => "date",
        (_, Kind::Rating) => "rating",
        (_, Kind::Number) => "number",
        _ if !has_title && within(&["h1", "h2", "h3", "h4", "h5", "h6", "a", "strong", "b", "dt", "th"]) => {
            "title"
        }
        _ if column.length > 90.0 => "description",
        _ => "text",
    }
}
