//! Lining records up: the pieces of all records at the same place in them make a column. Not here: which group is
//! best (`score`), what columns are called (`names`), how they are selected (`selector`).

use super::{
    groups::Group,
    sheet::{Sheet, mix},
};
use crate::dom::Node;
use std::collections::{BTreeMap, HashMap};

/// Records looked at to judge a group; the rest is like them.
const SAMPLE: usize = 48;
/// Records looked at to tell which of them are none.
const THOROUGH: usize = 400;
/// Nodes of one record that are looked at.
const MOST_NODES: usize = 1_500;
/// Pieces at one place of a record that become columns of their own.
const MOST_OCCURRENCES: usize = 8;

/// What of an element is the piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// All its text.
    Text,
    /// Text directly in it.
    Own,
    /// Text beside the elements of a run.
    Between,
    /// An attribute.
    Attribute(&'static str),
}

/// A piece of one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// The element.
    pub node: Node,
    /// Its value.
    pub value: String,
}

/// The pieces at one place of all records.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// What is taken.
    pub what: What,
    /// Where in the record: equal for pieces that repeat there.
    pub place: u64,
    /// Which of the pieces at that place, from 0.
    pub occurrence: usize,
    /// For each record looked at.
    pub pieces: Vec<Option<Piece>>,
    /// Share of the records that have it.
    pub fill: f32,
    /// Different values per value.
    pub distinct: f32,
    /// Mean length in characters.
    pub length: f32,
    /// Whether pieces repeat a varying number of times, and are best taken as a list.
    pub many: bool,
}

impl Column {
    /// Pieces that are there.
    pub fn found(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().flatten()
    }

    /// Whether it is text.
    pub fn is_text(&self) -> bool {
        !matches!(self.what, What::Attribute(_))
    }

    /// Whether it is a link's or an image's address.
    pub fn is_address(&self) -> bool {
        matches!(self.what, What::Attribute("href" | "src"))
    }
}

/// The columns of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The records looked at.
    pub records: Vec<Vec<Node>>,
    /// Columns in document order.
    pub columns: Vec<Column>,
    /// Share of the text that is not in columns, because it repeats within records.
    pub repeated: f32,
    /// Whether the records are only the rows of a grid, with several things alike in each.
    pub grid: bool,
}

/// Lines up the records of a group: a sample of them, or most if `all`.
pub fn line_up(sheet: &Sheet<'_>, group: &Group, thorough: bool) -> Table {
    let all = group.records(sheet);
    let step = all.len().div_ceil(if thorough { THOROUGH } else { SAMPLE }).max(1);
    let records: Vec<Vec<Node>> = all.into_iter().step_by(step).collect();
    let grid = is_grid(sheet, &records);
    let by_cell = !grid;
    let mut walker = Walker {
        sheet,
        by_cell,
        runs: group.siblings > 0,
        places: HashMap::new(),
        order: Vec::new(),
        repeated: 0,
        all: 0,
    };
    for (number, parts) in records.iter().enumerate() {
        walker.record(number, parts);
    }
    let (places, order) = (walker.places, walker.order);
    let repeated_chars = walker.repeated;
    let all_chars = walker.all.max(1);
    let mut columns = Vec::new();
    let mut uneven = 0_usize;
    for key in order {
        let Some(found) = places.get(&key) else { continue };
        uneven += of_place(key, found, records.len(), &mut columns);
    }
    let repeated = ((repeated_chars + uneven) as f32 / all_chars as f32).min(1.0);
    Table { records, columns, repeated, grid }
}

type Place = (u64, What);

/// All pieces at a place: record number and piece.
type Found = Vec<(usize, Piece)>;

/// Makes columns of a place; gives back how many characters repeat unevenly.
fn of_place((place, what): Place, found: &Found, records: usize, out: &mut Vec<Column>) -> usize {
    let mut by_record: BTreeMap<usize, Vec<&Piece>> = BTreeMap::new();
    for (record, piece) in found {
        by_record.entry(*record).or_default().push(piece);
    }
    let most = by_record.values().map(Vec::len).max().unwrap_or(0);
    let mut counts = BTreeMap::<usize, usize>::new();
    by_record.values().for_each(|pieces| *counts.entry(pieces.len()).or_default() += 1);
    let usual = counts.iter().max_by_key(|(_, times)| **times).map_or(1, |(count, _)| *count);
    let steady =
        counts.get(&usual).copied().unwrap_or(0) * 10 >= by_record.len() * 6 && usual <= MOST_OCCURRENCES;
    let wanted = if most == 1 || !steady { 1 } else { usual };
    for occurrence in 0..wanted {
        let mut pieces: Vec<Option<Piece>> = vec![None; records];
        for (record, own) in &by_record {
            pieces[*record] = own.get(occurrence).map(|piece| (*piece).clone());
        }
        let many = most > 1 && !steady;
        out.push(measured(Column {
            what,
            place,
            occurrence,
            pieces,
            fill: 0.0,
            distinct: 0.0,
            length: 0.0,
            many,
        }));
    }
    let text = !matches!(what, What::Attribute(_));
    let surplus = by_record.values().flat_map(|own| own.iter().skip(wanted));
    if text { surplus.map(|piece| piece.value.len()).sum() } else { 0 }
}

fn measured(mut column: Column) -> Column {
    let filled = column.found().count().max(1);
    let mut values: Vec<&str> = column.found().map(|piece| piece.value.as_str()).collect();
    values.sort_unstable();
    values.dedup();
    let different = values.len();
    let length: usize = column.found().map(|piece| piece.value.chars().count()).sum();
    column.fill = column.found().count() as f32 / column.pieces.len().max(1) as f32;
    column.length = length as f32 / filled as f32;
    column.distinct = if different == 1 && filled > 1 { 0.0 } else { different as f32 / filled as f32 };
    column
}

struct Walker<'a> {
    sheet: &'a Sheet<'a>,
    by_cell: bool,
    runs: bool,
    places: HashMap<Place, Found>,
    order: Vec<Place>,
    repeated: usize,
    all: usize,
}

/// Tags that are part of a line of text.
pub fn is_inline(tag: &str) -> bool {
    matches!(
        tag,
        "a" | "b"
            | "i"
            | "em"
            | "strong"
            | "span"
            | "br"
            | "sup"
            | "sub"
            | "small"
            | "u"
            | "font"
            | "abbr"
            | "code"
            | "mark"
            | "q"
            | "cite"
            | "wbr"
            | "s"
            | "del"
            | "ins"
            | "kbd"
            | "var"
            | "acronym"
            | "nobr"
            | "tt"
    )
}

impl Walker<'_> {
    fn record(&mut self, number: usize, parts: &[Node]) {
        let mut looked_at = 0;
        if self.runs {
            let between = self.sheet.dom.text_between(parts);
            self.all += between.len();
            if !is_only_signs(&between) {
                self.take(number, parts[0], 3, What::Between, between);
            }
        }
        for (at, part) in parts.iter().enumerate() {
            let place = if at == 0 { 1 } else { self.step(2, *part, None) };
            self.all += self.sheet.chars(*part) as usize;
            let mut stack = vec![(*part, place)];
            while let Some((node, place)) = stack.pop() {
                let root = node == *part;
                looked_at += 1;
                if looked_at > MOST_NODES {
                    break;
                }
                if self.element(number, node, place, root) {
                    continue;
                }
                let dom = self.sheet.dom;
                let first = stack.len();
                let row = dom.tag(node) == "tr";
                for (cell, child) in dom.elements(node).enumerate() {
                    if !self.sheet.is_skipped(child) || matches!(dom.tag(child), "meta" | "link") {
                        let cell = (row && self.by_cell).then_some(cell);
                        stack.push((child, self.step(place, child, cell)));
                    }
                }
                stack[first..].reverse();
            }
        }
    }

    fn step(&self, place: u64, node: Node, cell: Option<usize>) -> u64 {
        let dom = self.sheet.dom;
        if let Some(cell) = cell {
            return mix(place, 77 + cell as u64);
        }
        let tag = u64::from(dom.entry(node).tag.unwrap_or(0));
        mix(mix(place, tag), self.sheet.main_class[node as usize].map_or(0, |name| u64::from(name) + 1))
    }

    /// Takes what the element itself has; whether everything below it is taken too.
    fn element(&mut self, number: usize, node: Node, place: u64, root: bool) -> bool {
        let dom = self.sheet.dom;
        self.attributes(number, node, place);
        let all = self.sheet.chars(node);
        if all == 0 {
            return false;
        }
        let own: u32 = dom
            .children(node)
            .filter(|child| !dom.is_element(*child))
            .map(|text| self.sheet.chars(text))
            .sum();
        if is_text(self.sheet, node, own, all, root) {
            self.take(number, node, place, What::Text, dom.text(node));
            // Links in a line of text are looked at all the same; pieces of text are not.
            if own == all || all > 60 {
                let link = dom.below(node).find(|below| dom.tag(*below) == "a");
                if let Some(link) = link {
                    self.attributes(number, link, self.step(place, link, None));
                }
                return true;
            }
        }
        if own > 0 && own < all && all <= 5_000 && !is_only_signs(&dom.direct_text(node)) {
            self.take(number, node, place, What::Own, dom.direct_text(node));
        }
        false
    }

    fn take(&mut self, number: usize, node: Node, place: u64, what: What, value: String) {
        if value.is_empty() {
            return;
        }
        let found = self.places.entry((place, what)).or_insert_with(|| {
            self.order.push((place, what));
            Vec::new()
        });
        let repeats = found.iter().rev().take_while(|(record, _)| *record == number).count();
        if repeats >= 40 {
            self.repeated += value.len();
        } else {
            found.push((number, Piece { node, value }));
        }
    }

    fn attributes(&mut self, number: usize, node: Node, place: u64) {
        let dom = self.sheet.dom;
        let tag = dom.tag(node);
        let get = |name: &str| dom.attribute(node, name).map(str::trim).filter(|value| !value.is_empty());
        match tag {
            "a" => {
                let good = get("href").filter(|href| {
                    !href.starts_with('#')
                        && !href.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("javascript:"))
                });
                if let Some(href) = good {
                    self.take(number, node, place, What::Attribute("href"), href.to_owned());
                }
            }
            "img" => {
                let sources = ["data-src", "data-original", "data-lazy-src", "data-lazy", "src"];
                let source =
                    sources.iter().find_map(|name| get(name).filter(|value| !value.starts_with("data:")));
                if let Some(source) = source {
                    self.take(number, node, place, What::Attribute("src"), source.to_owned());
                }
                if let Some(alt) = get("alt") {
                    self.take(number, node, place, What::Attribute("alt"), alt.to_owned());
                }
            }
            _ => {}
        }
        let named: [&'static str; 8] = [
            "datetime",
            "content",
            "data-price",
            "data-date",
            "data-time",
            "data-rating",
            "data-score",
            "data-value",
        ];
        for name in named {
            if let Some(value) = get(name).filter(|value| value.len() < 300) {
                self.take(number, node, place, What::Attribute(name), value.to_owned());
            }
        }
        let silent = self.sheet.chars(node) == 0;
        if let Some(title) = get("title") {
            let text = dom.text(node);
            let cut = text.ends_with("...") || text.ends_with('…');
            if silent || cut || tag == "abbr" || tag == "time" {
                self.take(number, node, place, What::Attribute("title"), title.to_owned());
            }
        }
        if silent
            && tag != "a"
            && let Some(label) = get("aria-label").filter(|label| label.bytes().any(|b| b.is_ascii_digit()))
        {
            self.take(number, node, place, What::Attribute("aria-label"), label.to_owned());
        }
        if dom.has_class(node, "star-rating") || dom.classes(node).any(|class| class.contains("rating")) {
            let silent = self.sheet.chars(node) == 0;
            if silent && dom.class_names(node).len() > 1 {
                self.take(
                    number,
                    node,
                    place,
                    What::Attribute("class"),
                    dom.classes(node).collect::<Vec<_>>().join(" "),
                );
            }
        }
    }
}

/// Whether the element's text is one piece, with everything in it.
fn is_text(sheet: &Sheet<'_>, node: Node, own: u32, all: u32, root: bool) -> bool {
    let dom = sheet.dom;
    if own == all {
        return true;
    }
    let mut paragraphs = 0;
    let mut lines = true;
    let mut prose = true;
    for child in dom.elements(node) {
        let tag = dom.tag(child);
        lines &= is_inline(tag);
        paragraphs += u32::from(tag == "p");
        prose &= is_inline(tag) || matches!(tag, "p" | "ul" | "ol" | "blockquote" | "pre");
    }
    if lines && own > 0 {
        return own * 2 >= all && all > 60 || own * 10 >= all * 8;
    }
    !root && prose && paragraphs >= 2 && all > 200 && sheet.link_chars(node) * 4 < all
}

fn is_only_signs(text: &str) -> bool {
    !text.chars().any(char::is_alphanumeric)
}

/// Whether records are only the rows of a grid, with several things in each: their parts are rich, and alike.
fn is_grid(sheet: &Sheet<'_>, records: &[Vec<Node>]) -> bool {
    let dom = sheet.dom;
    let mut grids = 0;
    let mut looked_at = 0;
    for record in records.iter().take(8).filter(|parts| parts.len() == 1).map(|parts| parts[0]) {
        looked_at += 1;
        let mut row = record;
        // Down to where it branches.
        for _ in 0..4 {
            let mut children =
                dom.elements(row).filter(|child| sheet.chars(*child) > 0 || sheet.images(*child) > 0);
            match (children.next(), children.next()) {
                (Some(only), None) => row = only,
                _ => break,
            }
        }
        let rich = |part: &Node| {
            let leaves = sheet.leaves(*part) + sheet.images(*part);
            leaves >= 3 || leaves >= 2 && sheet.links(*part) > 0
        };
        let parts: Vec<Node> = dom.elements(row).filter(|part| sheet.chars(*part) > 0).collect();
        let shapes: Vec<(Node, Vec<u64>)> =
            parts.iter().copied().filter(rich).map(|part| (part, shape(sheet, part))).collect();
        let alike = shapes.windows(2).filter(|pair| {
            let same_class = sheet.main_class[pair[0].0 as usize] == sheet.main_class[pair[1].0 as usize];
            dom.tag(pair[0].0) == dom.tag(pair[1].0) && same_class && likeness(&pair[0].1, &pair[1].1) > 0.75
        });
        let alike = alike.count();
        grids +=
            usize::from(shapes.len() >= 2 && alike + 1 >= shapes.len() && shapes.len() * 2 >= parts.len());
    }
    looked_at > 0 && grids * 2 >= looked_at
}

/// The kinds of places below an element, sorted.
pub fn shape(sheet: &Sheet<'_>, node: Node) -> Vec<u64> {
    let dom = sheet.dom;
    let mut found = Vec::new();
    let mut stack = vec![(node, 0_u64, 0)];
    while let Some((node, place, depth)) = stack.pop() {
        if depth > 4 || found.len() > 120 {
            continue;
        }
        for child in dom.elements(node).filter(|child| !sheet.is_skipped(*child)) {
            let place = mix(place, u64::from(dom.entry(child).tag.unwrap_or(0)));
            found.push(place);
            stack.push((child, place, depth + 1));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// How much two shapes share, from 0 to 1.
pub fn likeness(one: &[u64], other: &[u64]) -> f32 {
    if one.is_empty() && other.is_empty() {
        return 1.0;
    }
    let (mut at, mut shared) = (0, 0);
    for value in one {
        while at < other.len() && other[at] < *value {
            at += 1;
        }
        if other.get(at) == Some(value) {
            shared += 1;
        }
    }
    2.0 * shared as f32 / (one.len() + other.len()) as f32
}
