//! The document as the miner sees it: a flat arena in document order, so that a subtree is a range of numbers, and
//! everything that is summed over subtrees is a difference of two entries. Not here: building it (`parse`),
//! selectors (`select`).

use std::{collections::HashMap, ops::Range};

/// A node: its place in document order.
pub type Node = u32;

/// The number of an interned name (tag or class).
pub type Name = u32;

/// No node.
pub(crate) const NONE: Node = Node::MAX;

/// One node of the arena.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub parent: Node,
    /// One past the last node of the subtree.
    pub end: Node,
    /// The tag; `None` for text.
    pub tag: Option<Name>,
    /// Text of a text node, as a range of `Dom::chars`.
    pub text: Range<u32>,
    /// Range of `Dom::attributes`.
    pub attributes: Range<u32>,
    /// Range of `Dom::class_list`.
    pub classes: Range<u32>,
}

#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    pub name: Name,
    pub value: Range<u32>,
}

/// A parsed page. Node 0 is the document itself.
#[derive(Debug, Default)]
pub struct Dom {
    pub(crate) entries: Vec<Entry>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) class_list: Vec<Name>,
    pub(crate) chars: String,
    pub(crate) names: Names,
}

/// Strings as numbers.
#[derive(Debug, Default)]
pub(crate) struct Names {
    numbers: HashMap<Box<str>, Name>,
    strings: Vec<Box<str>>,
}

impl Names {
    pub fn intern(&mut self, text: &str) -> Name {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = Name::try_from(self.strings.len()).unwrap_or(Name::MAX);
        self.strings.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }

    pub fn find(&self, text: &str) -> Option<Name> {
        self.numbers.get(text).copied()
    }

    pub fn get(&self, number: Name) -> &str {
        self.strings.get(number as usize).map_or("", |text| text)
    }
}

impl Dom {
    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.entries.len() <= 1
    }

    pub(crate) fn entry(&self, node: Node) -> &Entry {
        &self.entries[node as usize]
    }

    /// One past the last node of the subtree.
    pub fn end(&self, node: Node) -> Node {
        self.entry(node).end
    }

    /// The node and everything below it, in document order.
    pub fn subtree(&self, node: Node) -> Range<Node> {
        node..self.end(node)
    }

    /// Everything below the node.
    pub fn below(&self, node: Node) -> Range<Node> {
        node + 1..self.end(node)
    }

    /// The parent; `None` for the document.
    pub fn parent(&self, node: Node) -> Option<Node> {
        Some(self.entry(node).parent).filter(|parent| *parent != NONE)
    }

    /// Parents from the nearest up to the document.
    pub fn ancestors(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        std::iter::successors(self.parent(node), |node| self.parent(*node))
    }

    /// Children of every kind.
    pub fn children(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        let end = self.end(node);
        let first = Some(node + 1).filter(|child| *child < end);
        std::iter::successors(first, move |child| Some(self.end(*child)).filter(|next| *next < end))
    }

    /// Children that are elements.
    pub fn elements(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        self.children(node).filter(|child| self.is_element(*child))
    }

    /// Element siblings after the node.
    pub fn following(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        let end = self.parent(node).map_or(0, |parent| self.end(parent));
        let next = move |node: Node| Some(self.end(node)).filter(|next| *next < end);
        std::iter::successors(next(node), move |node| next(*node)).filter(|node| self.is_element(*node))
    }

    /// Whether `node` is `ancestor` or below it.
    pub fn is_within(&self, node: Node, ancestor: Node) -> bool {
        ancestor <= node && node < self.end(ancestor)
    }

    /// Whether it is an element.
    pub fn is_element(&self, node: Node) -> bool {
        self.entry(node).tag.is_some()
    }

    /// Its tag in lower case; empty for text.
    pub fn tag(&self, node: Node) -> &str {
        self.entry(node).tag.map_or("", |tag| self.names.get(tag))
    }

    /// The text of a text node; empty for elements.
    pub fn own_text(&self, node: Node) -> &str {
        self.slice(&self.entry(node).text)
    }

    pub(crate) fn slice(&self, range: &Range<u32>) -> &str {
        self.chars.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// Numbers of its classes.
    pub fn class_names(&self, node: Node) -> &[Name] {
        let range = &self.entry(node).classes;
        self.class_list.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// Its classes.
    pub fn classes(&self, node: Node) -> impl Iterator<Item = &str> + '_ {
        self.class_names(node).iter().map(|name| self.names.get(*name))
    }

    /// Whether it has the class.
    pub fn has_class(&self, node: Node, class: &str) -> bool {
        self.classes(node).any(|own| own == class)
    }

    /// The string of an interned name.
    pub fn name(&self, name: Name) -> &str {
        self.names.get(name)
    }

    /// An attribute's value as written.
    pub fn attribute(&self, node: Node, name: &str) -> Option<&str> {
        self.attributes(node).find_map(|(own, value)| (own == name).then_some(value))
    }

    /// All attributes, in the order of the page.
    pub fn attributes(&self, node: Node) -> impl Iterator<Item = (&str, &str)> + '_ {
        let range = &self.entry(node).attributes;
        let attributes = self.attributes.get(range.start as usize..range.end as usize).unwrap_or_default();
        attributes.iter().map(|attribute| (self.names.get(attribute.name), self.slice(&attribute.value)))
    }

    /// The first element with this tag.
    pub fn first(&self, tag: &str) -> Option<Node> {
        let tag = self.names.find(tag)?;
        let found = self.entries.iter().position(|entry| entry.tag == Some(tag))?;
        Node::try_from(found).ok()
    }

    /// The `body`, or else the document.
    pub fn body(&self) -> Node {
        self.first("body").unwrap_or(0)
    }
}
