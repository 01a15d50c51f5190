//! Choosing selectors: for the elements of all records, and for a column within its record. Stable classes and
//! attributes are preferred to places among siblings. Nothing here depends on `tbody` being there: browsers add it,
//! Python's parser does not. Not here: matching selectors (`select`).

use super::{
    columns::{Column, What},
    sheet::{Sheet, is_state, is_utility, looks_generated},
};
use crate::{
    dom::{Dom, Name, Node},
    select::{Selector, is_plain},
    text::collapse,
};
use std::collections::{BTreeMap, BTreeSet};

/// Records that a column's selector is tried on.
const TRIED: usize = 16;

/// A class's fitness for a selector; higher is better.
fn fitness(class: &str) -> i32 {
    if !is_plain(class) || is_state(class) {
        return -100;
    }
    i32::from(!is_utility(class)) * 4 + i32::from(!looks_generated(class)) * 4 + i32::from(class.len() > 3)
}

/// Classes that all of the elements have, best first.
fn shared_classes(dom: &Dom, nodes: &[Node]) -> Vec<String> {
    let mut counts: BTreeMap<Name, usize> = BTreeMap::new();
    for node in nodes {
        let own: BTreeSet<Name> = dom.class_names(*node).iter().copied().collect();
        own.into_iter().for_each(|class| *counts.entry(class).or_default() += 1);
    }
    let all = counts.into_iter().filter(|(_, count)| *count == nodes.len()).map(|(class, _)| dom.name(class));
    let mut classes: Vec<String> = all.filter(|class| fitness(class) > 0).map(str::to_owned).collect();
    classes.sort_by_key(|class| -fitness(class));
    classes
}

/// Ways to write one kind of element, best first; the plain tag is last.
fn compounds(dom: &Dom, nodes: &[Node]) -> Vec<String> {
    let Some(first) = nodes.first() else { return Vec::new() };
    let tag = dom.tag(*first);
    if nodes.iter().any(|node| dom.tag(*node) != tag) {
        // Different tags: only classes can hold them together.
        return shared_classes(dom, nodes).into_iter().map(|class| format!(".{class}")).collect();
    }
    let mut found = Vec::new();
    for name in [
        "itemprop",
        "itemtype",
        "data-testid",
        "data-test",
        "data-qa",
        "role",
        "rel",
        "property",
        "data-type",
        "data-component",
    ] {
        if let Some(value) = dom.attribute(*first, name)
            && !value.is_empty()
            && value.len() < 60
            && !value.contains(['"', '\\', '\n'])
            && nodes.iter().all(|node| dom.attribute(*node, name) == Some(value))
        {
            found.push(format!("{tag}[{name}=\"{value}\"]"));
        }
    }
    let classes = shared_classes(dom, nodes);
    let singles = classes.iter().map(|class| format!("{tag}.{class}"));
    if found.first().is_some_and(|first| first.contains("[role=") || first.contains("[rel=")) {
        let attributes = std::mem::take(&mut found);
        found.extend(singles);
        found.extend(attributes);
    } else {
        found.extend(singles);
    }
    found.truncate(5);
    if let [one, two, ..] = classes.as_slice() {
        found.push(format!("{tag}.{one}.{two}"));
    }
    let datum = dom.attributes(*first).map(|(name, _)| name).find(|name| {
        name.starts_with("data-")
            && is_plain(name)
            && nodes.iter().all(|node| dom.attribute(*node, name).is_some())
    });
    if let Some(datum) = datum {
        found.push(format!("{tag}[{datum}]"));
    }
    found.push(tag.to_owned());
    found
}

/// Ways to name the surroundings of elements: a common ancestor's id or class, nearest first.
fn contexts(dom: &Dom, heads: &[Node]) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut level: Vec<Node> = heads.to_vec();
    for depth in 1..=8 {
        level = level.iter().filter_map(|node| dom.parent(*node)).collect();
        level.sort_unstable();
        level.dedup();
        if level.is_empty() || level.iter().any(|node| matches!(dom.tag(*node), "body" | "html" | "")) {
            break;
        }
        let implied = matches!(dom.tag(level[0]), "tbody");
        if let [only] = level.as_slice()
            && let Some(id) = dom.attribute(*only, "id").filter(|id| is_plain(id) && !looks_generated(id))
            && !implied
        {
            found.push((format!("#{id}"), depth == 1));
        }
        for compound in compounds(dom, &level).into_iter().take(3) {
            let plain = !compound.contains(['.', '[']);
            let says_nothing =
                plain && depth > 1 && matches!(compound.as_str(), "div" | "span" | "tr" | "td" | "table");
            if !implied && !says_nothing {
                found.push((compound, depth == 1));
            }
        }
    }
    found
}

/// How good a selector is: right elements, wrong ones, missing ones.
fn agreement(selected: &[Node], wanted: &BTreeSet<Node>) -> f64 {
    let right = selected.iter().filter(|node| wanted.contains(node)).count() as f64;
    if right == 0.0 { 0.0 } else { 2.0 * right / (selected.len() + wanted.len()) as f64 }
}

/// A selector for exactly these elements of the page, or the best that can be had, with its F1.
pub fn of_records(sheet: &Sheet<'_>, heads: &[Node], filters: &[String]) -> Option<(String, f64)> {
    let dom = sheet.dom;
    let wanted: BTreeSet<Node> = heads.iter().copied().collect();
    let mut best: Option<(String, f64)> = None;
    let mut try_one = |text: String| -> bool {
        let Ok(selector) = Selector::new(&text) else { return false };
        let good = agreement(&selector.all(dom, 0), &wanted);
        if best.as_ref().is_none_or(|(_, known)| good > *known + 0.004) {
            best = Some((text, good));
        }
        good >= 1.0
    };
    let own = compounds(dom, heads);
    let around = contexts(dom, heads);
    let with_class = own.iter().filter(|compound| compound.contains(['.', '[']));
    let mut plain: Vec<String> = with_class.cloned().collect();
    for compound in &own {
        for (context, direct) in &around {
            let sign = if *direct && !compound.starts_with("tr") { " > " } else { " " };
            plain.push(format!("{context}{sign}{compound}"));
        }
    }
    // Two levels of surroundings.
    if let Some(compound) = own.last() {
        for (number, (near, direct)) in around.iter().enumerate() {
            for (far, _) in around.iter().skip(number + 1).take(4) {
                let sign = if *direct && compound != "tr" { " > " } else { " " };
                plain.push(format!("{far} {near}{sign}{compound}"));
            }
        }
    }
    plain.extend(own.last().cloned());
    plain.truncate(70);
    for text in &plain {
        if try_one(text.clone()) {
            return best;
        }
    }
    for base in plain.iter().take(24) {
        for filter in filters {
            if try_one(format!("{base}{filter}")) {
                return best;
            }
        }
    }
    // By place: the parent's path from the nearest thing with a name.
    if let Some(parent) = heads.first().and_then(|head| dom.parent(*head)) {
        let path = path_to(dom, parent);
        for compound in own.iter().rev().take(3) {
            for filter in std::iter::once("").chain(filters.iter().map(String::as_str)) {
                let sign = if compound.starts_with("tr") { " " } else { " > " };
                if try_one(format!("{path}{sign}{compound}{filter}")) {
                    return best;
                }
            }
        }
    }
    best.filter(|(_, good)| *good > 0.3)
}

/// A path of places from the nearest ancestor with an id, or the body. `tbody` is left out.
fn path_to(dom: &Dom, node: Node) -> String {
    let mut steps = Vec::new();
    for at in std::iter::once(node).chain(dom.ancestors(node)) {
        let tag = dom.tag(at);
        if matches!(tag, "" | "html") {
            break;
        }
        if let Some(id) = dom.attribute(at, "id").filter(|id| is_plain(id) && !looks_generated(id)) {
            steps.push(format!("#{id}"));
            break;
        }
        if tag == "body" {
            steps.push("body".to_owned());
            break;
        }
        if tag == "tbody" {
            continue;
        }
        let parent = dom.parent(at).unwrap_or(0);
        let same: Vec<Node> = dom.elements(parent).filter(|other| dom.tag(*other) == tag).collect();
        let place = same.iter().position(|other| *other == at).unwrap_or(0) + 1;
        steps.push(if same.len() == 1 { tag.to_owned() } else { format!("{tag}:nth-of-type({place})") });
    }
    steps.reverse();
    let mut path = String::new();
    for step in steps {
        let loose = step.starts_with("tr");
        if !path.is_empty() {
            path.push_str(if loose { " " } else { " > " });
        }
        path.push_str(&step);
    }
    path
}

/// The value that a column has in an element.
pub fn value(dom: &Dom, node: Node, what: What) -> Option<String> {
    let value = match what {
        What::Text => dom.text(node),
        What::Own | What::Between => dom.direct_text(node),
        What::Attribute("src") => attributes(what)
            .iter()
            .filter_map(|name| dom.attribute(node, name))
            .map(collapse)
            .find(|value| !value.is_empty() && !value.starts_with("data:"))?,
        What::Attribute(name) => collapse(dom.attribute(node, name)?),
    };
    (!value.is_empty()).then_some(value)
}

/// The attributes a column is read from, in order.
pub fn attributes(what: What) -> Vec<&'static str> {
    match what {
        What::Attribute("src") => vec!["data-src", "data-original", "data-lazy-src", "data-lazy", "src"],
        What::Attribute(name) => vec![name],
        What::Text | What::Own | What::Between => Vec::new(),
    }
}

/// A selector for a column within its records, with the share of records in which it finds what it should.
pub fn of_column(sheet: &Sheet<'_>, column: &Column, records: &[Vec<Node>]) -> (String, f64) {
    let dom = sheet.dom;
    let step = records.len().div_ceil(TRIED).max(1);
    let tried: Vec<(&Vec<Node>, Option<&super::columns::Piece>)> =
        records.iter().zip(column.pieces.iter().map(Option::as_ref)).step_by(step).collect();
    let pieces: Vec<Node> = column.found().map(|piece| piece.node).take(TRIED).collect();
    let own_element = column
        .pieces
        .iter()
        .zip(records)
        .all(|(piece, parts)| piece.as_ref().is_none_or(|piece| parts.first() == Some(&piece.node)));
    if own_element {
        return (String::new(), 1.0);
    }
    let mut best = (String::new(), -1.0);
    for text in candidates(dom, column, records, &pieces) {
        let Ok(selector) = Selector::new(&text) else { continue };
        let good = |(parts, piece): &(&Vec<Node>, Option<&super::columns::Piece>)| {
            let mut found = parts.iter().flat_map(|part| {
                let own = Some(*part).filter(|part| selector.matches(dom, *part, *part));
                own.into_iter().chain(dom.below(*part).filter(|node| selector.matches(dom, *node, *part)))
            });
            let value = found.find_map(|node| value(dom, node, column.what));
            value.as_deref() == piece.map(|piece| collapse(&piece.value)).as_deref()
        };
        let right = tried.iter().filter(|one| good(one)).count() as f64 / tried.len().max(1) as f64;
        if right > best.1 + 0.001 {
            best = (text, right);
        }
        if right >= 1.0 {
            break;
        }
    }
    best
}

fn candidates(dom: &Dom, column: &Column, records: &[Vec<Node>], pieces: &[Node]) -> Vec<String> {
    let own = compounds(dom, pieces);
    let mut found: Vec<String> = Vec::new();
    let named = |text: &String| text.contains(['.', '[']);
    if column.occurrence == 0 {
        found.extend(own.iter().filter(|text| named(text)).cloned());
    }
    // With the nearest parents that have a name of their own.
    let mut level: Vec<Node> = pieces.to_vec();
    let inside = |node: Node| records.iter().any(|parts| parts.iter().any(|part| dom.is_within(node, *part)));
    let is_root = |node: Node| records.iter().any(|parts| parts.first() == Some(&node));
    for depth in 1..=3 {
        level = level.iter().filter_map(|node| dom.parent(*node)).collect();
        level.sort_unstable();
        level.dedup();
        if column.occurrence > 0
            || level.iter().any(|node| is_root(*node) || !inside(*node))
            || level.is_empty()
        {
            break;
        }
        let sign = if depth == 1 { " > " } else { " " };
        for above in compounds(dom, &level).into_iter().take(3) {
            let heading = matches!(
                above.as_str(),
                "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "li" | "dt" | "dd" | "p" | "strong" | "time"
            );
            if named(&above) || heading {
                found.extend(own.iter().map(|text| format!("{above}{sign}{text}")));
            }
        }
    }
    if column.occurrence == 0
        && let Some(plain) = own.last()
    {
        found.push(plain.clone());
        // What tells it from others of its tag may be that it has no class.
        if pieces.iter().all(|node| dom.class_names(*node).is_empty()) {
            found.push(format!("{plain}:not([class])"));
        }
    }
    if let (Some(first), Some(parts)) = (
        column.found().next(),
        column.pieces.iter().zip(records).find(|(piece, _)| piece.is_some()).map(|(_, parts)| parts),
    ) {
        found.extend(by_place(dom, first.node, parts));
    }
    // Another piece may be typical where the first one is not.
    if let Some((piece, parts)) =
        column.pieces.iter().zip(records).filter(|(piece, _)| piece.is_some()).nth(2)
        && let Some(piece) = piece
    {
        found.extend(by_place(dom, piece.node, parts));
    }
    if column.occurrence > 0 {
        found.extend(own);
    }
    found.truncate(40);
    found
}

/// Paths of places from the record to the element, the more tolerant one first.
fn by_place(dom: &Dom, node: Node, parts: &[Node]) -> Vec<String> {
    let Some(part) = parts.iter().find(|part| dom.is_within(node, **part)).copied() else {
        return Vec::new();
    };
    let mut steps: Vec<String> = Vec::new();
    for at in std::iter::once(node).chain(dom.ancestors(node)).take_while(|at| *at != part) {
        let tag = dom.tag(at);
        if tag == "tbody" {
            continue;
        }
        let parent = dom.parent(at).unwrap_or(0);
        let place = dom.elements(parent).filter(|other| dom.tag(*other) == tag).position(|other| other == at);
        let cell = matches!(tag, "td" | "th");
        let alone = dom.elements(parent).filter(|other| dom.tag(*other) == tag).count() == 1;
        steps.push(match place {
            _ if cell => {
                let place = dom.elements(parent).position(|other| other == at).unwrap_or(0) + 1;
                format!("{tag}:nth-child({place})")
            }
            Some(place) if !alone => format!("{tag}:nth-of-type({})", place + 1),
            _ => tag.to_owned(),
        });
    }
    steps.reverse();
    let first = parts.first() == Some(&part);
    if first {
        let path = steps.iter().fold(":scope".to_owned(), |path, step| {
            path + if step.starts_with("tr") { " " } else { " > " } + step
        });
        return vec![path];
    }
    // In a sibling: it is known by what it is, since `:scope` would be any part.
    let mut out = Vec::new();
    for compound in compounds(dom, &[part]) {
        let path = steps.iter().fold(format!("{compound}:scope"), |path, step| path + " > " + step);
        out.push(path);
    }
    out
}
