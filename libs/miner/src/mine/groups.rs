//! Sets of elements that may be the records of a page: children of one parent, elements with the same class or at
//! places of the same kind, and runs of siblings that begin alike. Cheap and generous: judging is done elsewhere
//! (`score`).

use super::{
    columns::{likeness, shape},
    sheet::{Sheet, mix},
};
use crate::dom::{Name, Node};
use std::collections::{BTreeMap, HashMap, HashSet};

/// How many groups are looked at closely.
const KEPT: usize = 70;
/// Groups larger than this are cut.
const MOST_RECORDS: usize = 5_000;

/// Elements that may be records.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The elements, or the first ones of each run, in document order.
    pub heads: Vec<Node>,
    /// How many siblings may follow each; 0 if records are single elements.
    pub siblings: usize,
    /// Rough worth, for choosing which to look at closely.
    pub promise: f32,
}

impl Group {
    /// The elements of the record that begins with `head`; `heads` are all of them.
    pub fn parts(&self, sheet: &Sheet<'_>, head: Node, heads: &HashSet<Node>) -> Vec<Node> {
        let following =
            sheet.dom.following(head).take(self.siblings).take_while(|node| !heads.contains(node));
        std::iter::once(head).chain(following).collect()
    }

    /// The elements of every record.
    pub fn records(&self, sheet: &Sheet<'_>) -> Vec<Vec<Node>> {
        if self.siblings == 0 {
            return self.heads.iter().map(|head| vec![*head]).collect();
        }
        let heads = self.heads.iter().copied().collect();
        self.heads.iter().map(|head| self.parts(sheet, *head, &heads)).collect()
    }
}

/// Tags that are never records by themselves.
fn is_possible(tag: &str) -> bool {
    !matches!(
        tag,
        "" | "html"
            | "body"
            | "head"
            | "br"
            | "hr"
            | "img"
            | "input"
            | "button"
            | "label"
            | "b"
            | "i"
            | "em"
            | "strong"
            | "sup"
            | "sub"
            | "font"
            | "path"
            | "picture"
            | "source"
            | "video"
            | "col"
            | "colgroup"
            | "thead"
            | "tfoot"
            | "caption"
            | "wbr"
            | "small"
            | "u"
            | "link"
            | "meta"
            | "th"
            | "area"
            | "time"
            | "code"
            | "center"
    )
}

/// The most promising groups of a page, best first.
pub fn find(sheet: &Sheet<'_>) -> Vec<Group> {
    let mut groups = all(sheet);
    groups.sort_by(|one, other| other.promise.total_cmp(&one.promise));
    groups.truncate(KEPT);
    groups
}

/// All groups of a page.
pub fn all(sheet: &Sheet<'_>) -> Vec<Group> {
    let mut collector = Collector { sheet, seen: HashSet::new(), groups: Vec::new() };
    collector.siblings();
    collector.same_class();
    collector.same_place();
    collector.microdata();
    collector.groups
}

struct Collector<'a> {
    sheet: &'a Sheet<'a>,
    seen: HashSet<u64>,
    groups: Vec<Group>,
}

impl Collector<'_> {
    fn add(&mut self, mut heads: Vec<Node>, siblings: usize) {
        let sheet = self.sheet;
        heads.retain(|node| !sheet.is_skipped(*node) && (siblings > 0 || is_something(sheet, *node)));
        // Of elements within each other the outer one counts.
        let mut until = 0;
        heads.retain(|node| {
            let outer = *node >= until;
            until = until.max(sheet.dom.end(*node));
            outer
        });
        heads.truncate(MOST_RECORDS);
        if heads.len() < 2 {
            return;
        }
        // Elements that only wrap others have the same content; the outer ones come first.
        let id = heads.iter().fold(siblings.min(1) as u64, |hash, node| mix(hash, sheet.content(*node)));
        if self.seen.insert(id) {
            let promise = promise(sheet, &heads, siblings);
            self.groups.push(Group { heads, siblings, promise });
        }
    }

    fn possible(&self, parent: Node) -> Vec<Node> {
        let dom = self.sheet.dom;
        dom.elements(parent).filter(|node| !self.sheet.is_skipped(*node)).collect()
    }

    /// Children of one parent: all of a tag, those with a class, and runs.
    fn siblings(&mut self) {
        let dom = self.sheet.dom;
        for parent in dom.subtree(0) {
            if !dom.is_element(parent) || self.sheet.is_skipped(parent) || self.sheet.chars(parent) < 10 {
                continue;
            }
            let children = self.possible(parent);
            if children.len() < 2 {
                continue;
            }
            let mut by_tag: BTreeMap<&str, Vec<Node>> = BTreeMap::new();
            for child in &children {
                by_tag.entry(dom.tag(*child)).or_default().push(*child);
            }
            for (tag, nodes) in by_tag.into_iter().filter(|(tag, nodes)| is_possible(tag) && nodes.len() > 1)
            {
                let mut by_class: BTreeMap<Name, Vec<Node>> = BTreeMap::new();
                for node in &nodes {
                    for class in dom.class_names(*node) {
                        by_class.entry(*class).or_default().push(*node);
                    }
                }
                let all = nodes.len();
                for (_, some) in by_class.into_iter().filter(|(_, some)| some.len() > 1 && some.len() < all) {
                    self.add(some, 0);
                }
                if tag == "tr" {
                    self.add(nodes.iter().copied().filter(|row| is_data_row(self.sheet, *row)).collect(), 0);
                    self.by_cells(&nodes);
                }
                self.add(nodes, 0);
            }
            self.runs(&children);
        }
    }

    /// Rows of a table that have the same number of cells.
    fn by_cells(&mut self, rows: &[Node]) {
        let dom = self.sheet.dom;
        let mut by_count: BTreeMap<usize, Vec<Node>> = BTreeMap::new();
        for row in rows {
            by_count.entry(dom.elements(*row).count()).or_default().push(*row);
        }
        if by_count.len() > 1 {
            for rows in by_count.into_values().filter(|rows| rows.len() > 1) {
                self.add(rows.into_iter().filter(|row| is_data_row(self.sheet, *row)).collect(), 0);
            }
        }
    }

    /// Runs of siblings that begin with the same kind of element: `dt dd dt dd`, `h3 p p h3 p`, rows in twos.
    fn runs(&mut self, children: &[Node]) {
        if children.len() < 4 || children.len() > 20_000 {
            return;
        }
        let dom = self.sheet.dom;
        let by_class = |node: &Node| {
            let tag = dom.entry(*node).tag.unwrap_or(0);
            mix(u64::from(tag), self.sheet.main_class[*node as usize].map_or(0, u64::from))
        };
        let by_shape = |node: &Node| {
            let tag = dom.entry(*node).tag.unwrap_or(0);
            let below = dom.elements(*node).fold(0, |hash, child| {
                let class = self.sheet.main_class[child as usize].map_or(0, u64::from);
                mix(mix(hash, u64::from(dom.entry(child).tag.unwrap_or(0))), class)
            });
            mix(u64::from(tag), below)
        };
        let first: Vec<u64> = children.iter().map(by_class).collect();
        self.runs_of(children, &first);
        let rows = children.iter().filter(|node| dom.tag(**node) == "tr").count();
        if rows * 2 > children.len() {
            let second: Vec<u64> = children.iter().map(by_shape).collect();
            self.runs_of(children, &second);
        }
    }

    fn runs_of(&mut self, children: &[Node], kinds: &[u64]) {
        let mut places: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (at, kind) in kinds.iter().enumerate() {
            places.entry(*kind).or_default().push(at);
        }
        if places.len() < 2 {
            return;
        }
        let mut ordered: Vec<Vec<usize>> = places.into_values().filter(|places| places.len() >= 3).collect();
        ordered.sort_by_key(|places| places[0]);
        for places in ordered.iter().take(6) {
            let lengths: Vec<usize> = places.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let longest = lengths.iter().copied().max().unwrap_or(1);
            let together: usize = lengths.iter().sum();
            // Runs of one are plain siblings, unless there is text beside them.
            let alone = longest < 2 || together * 10 < lengths.len() * 12;
            if alone && !self.has_text_beside(children, places) {
                continue;
            }
            let mut sorted = lengths.clone();
            sorted.sort_unstable();
            let usual = sorted[sorted.len() * 9 / 10].max(2);
            // Very long runs are sections, not records.
            if usual > 14 || self.is_alternating(children, places) {
                continue;
            }
            let heads = places.iter().map(|at| children[*at]).collect();
            self.add(heads, usual - 1);
        }
    }

    /// Whether most of the elements have text of their parent after them: lists in lines of old pages.
    fn has_text_beside(&self, children: &[Node], places: &[usize]) -> bool {
        let dom = self.sheet.dom;
        let beside = |at: &&usize| {
            let next = dom.end(children[**at]);
            let parent = dom.parent(children[**at]).unwrap_or(0);
            next < dom.end(parent) && !dom.is_element(next) && self.sheet.chars(next) > 5
        };
        places.iter().filter(beside).count() * 10 >= places.len() * 6
    }

    /// Whether what follows the first elements is like them: then these are records with alternating classes.
    fn is_alternating(&self, children: &[Node], places: &[usize]) -> bool {
        let dom = self.sheet.dom;
        let pairs = places.iter().take(12).filter_map(|at| Some((children[*at], *children.get(at + 1)?)));
        let (mut alike, mut all) = (0, 0);
        for (head, next) in
            pairs.filter(|(head, next)| !places_contain(children, places, *next) && head != next)
        {
            all += 1;
            let cells = |row: Node| dom.elements(row).count();
            let same = dom.tag(head) == dom.tag(next)
                && (dom.tag(head) != "tr" || cells(head) == cells(next))
                && cells(head) > 0
                && likeness(&shape(self.sheet, head), &shape(self.sheet, next)) > 0.7;
            alike += usize::from(same);
        }
        all > 0 && alike * 2 >= all
    }

    /// Elements of one tag with the same class, wherever they are.
    fn same_class(&mut self) {
        let dom = self.sheet.dom;
        let mut groups: HashMap<(Name, Name), Vec<Node>> = HashMap::new();
        for node in dom.subtree(0) {
            let Some(tag) = dom.entry(node).tag else { continue };
            if self.sheet.is_skipped(node) || !is_possible(dom.tag(node)) {
                continue;
            }
            for class in dom.class_names(node) {
                groups.entry((tag, *class)).or_default().push(node);
            }
        }
        let mut ordered: Vec<_> = groups.into_values().filter(|nodes| nodes.len() > 1).collect();
        ordered.sort_unstable();
        ordered.into_iter().for_each(|nodes| self.add(nodes, 0));
    }

    /// Elements at the same kind of place: the same tags above, and parents of the same classes.
    fn same_place(&mut self) {
        let dom = self.sheet.dom;
        let classes = |node: Option<Node>| {
            node.and_then(|node| self.sheet.main_class[node as usize]).map_or(0, u64::from)
        };
        let mut groups: HashMap<(bool, u64), Vec<Node>> = HashMap::new();
        for node in dom.subtree(0) {
            if !dom.is_element(node) || self.sheet.is_skipped(node) || !is_possible(dom.tag(node)) {
                continue;
            }
            if dom.tag(node) == "tr" && !is_data_row(self.sheet, node) {
                continue;
            }
            let parent = dom.parent(node);
            let above = parent.and_then(|parent| dom.parent(parent));
            let path = self.sheet.tag_path[node as usize];
            let place = [classes(parent), classes(above)].into_iter().fold(path, mix);
            groups.entry((false, place)).or_default().push(node);
            groups.entry((true, mix(place, classes(Some(node))))).or_default().push(node);
        }
        let mut ordered: Vec<_> = groups.into_values().filter(|nodes| nodes.len() > 1).collect();
        ordered.sort_unstable();
        ordered.into_iter().for_each(|nodes| self.add(nodes, 0));
    }

    /// Things that say themselves what they are.
    fn microdata(&mut self) {
        let dom = self.sheet.dom;
        let mut by_type: BTreeMap<&str, Vec<Node>> = BTreeMap::new();
        for node in dom.subtree(0) {
            if let Some(kind) = dom.attribute(node, "itemtype") {
                by_type.entry(kind).or_default().push(node);
            }
        }
        by_type.into_values().for_each(|nodes| self.add(nodes, 0));
    }
}

fn places_contain(children: &[Node], places: &[usize], node: Node) -> bool {
    places.iter().any(|at| children[*at] == node)
}

/// Whether there is text or a picture in it.
fn is_something(sheet: &Sheet<'_>, node: Node) -> bool {
    sheet.chars(node) > 0 || sheet.images(node) > 0
}

/// Whether a row has data: not only headings.
pub fn is_data_row(sheet: &Sheet<'_>, row: Node) -> bool {
    let dom = sheet.dom;
    let in_head = dom.parent(row).is_some_and(|parent| matches!(dom.tag(parent), "thead" | "tfoot"));
    !in_head && dom.elements(row).any(|cell| dom.tag(cell) == "td")
}

/// Rough worth of a group: text and pieces of every record, less where only menus are.
fn promise(sheet: &Sheet<'_>, heads: &[Node], siblings: usize) -> f32 {
    let mut sum = 0.0_f32;
    for head in heads {
        let parts = std::iter::once(*head).chain(sheet.dom.following(*head).take(siblings.min(8)));
        let (chars, leaves, pictures) = parts.fold((0, 0, 0), |(chars, leaves, pictures), part| {
            (chars + sheet.chars(part), leaves + sheet.leaves(part), pictures + sheet.images(part))
        });
        let pieces = (leaves + pictures).min(24) as f32;
        sum += (1.0 + (chars.min(400) as f32)).ln() * (0.5 + pieces).sqrt() * sheet.zone(*head);
    }
    let few = if heads.len() == 2 { 0.5 } else { 1.0 };
    sum * few
}
