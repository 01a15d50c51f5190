//! CSS selectors: the part of the language that recipes use, with the meaning it has in browsers and in Python's
//! soupsieve. Not here: reading them (`parse`), choosing them (`mine::selector`).

mod parse;

use crate::dom::{Dom, Node};
use std::fmt;

/// Why a text is not a selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a selector that can be used here: {why}")]
pub struct Error {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A selector: any of several paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    text: String,
    paths: Vec<Path>,
}

/// Compounds from right to left, each with what connects it to the next one on the left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Path {
    parts: Vec<(Compound, Connector)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connector {
    /// The leftmost compound.
    Start,
    Descendant,
    Child,
    Next,
    Later,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Compound {
    tag: Option<String>,
    tests: Vec<Test>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    Id(String),
    Class(String),
    Attribute {
        name: String,
        relation: Relation,
        value: String,
    },
    NthChild(usize),
    NthOfType(usize),
    LastChild,
    Scope,
    Not(Compound),
    /// Something in or after the element.
    Has(Connector, Compound),
    Contains(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Present,
    Equal,
    Prefix,
    Suffix,
    Within,
    Word,
}

impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// It is not one, or uses something this implementation does not know.
    pub fn new(text: &str) -> Result<Self, Error> {
        parse::parse(text)
    }

    /// Everything below `scope` that matches, in document order.
    pub fn all(&self, dom: &Dom, scope: Node) -> Vec<Node> {
        dom.below(scope).filter(|node| self.matches(dom, *node, scope)).collect()
    }

    /// The first below `scope` that matches.
    pub fn first(&self, dom: &Dom, scope: Node) -> Option<Node> {
        dom.below(scope).find(|node| self.matches(dom, *node, scope))
    }

    /// Whether the element itself matches; `:scope` is `scope`.
    pub fn matches(&self, dom: &Dom, node: Node, scope: Node) -> bool {
        dom.is_element(node) && self.paths.iter().any(|path| path_matches(dom, node, scope, &path.parts))
    }
}

fn path_matches(dom: &Dom, node: Node, scope: Node, parts: &[(Compound, Connector)]) -> bool {
    let Some(((compound, connector), rest)) = parts.split_first() else { return true };
    if !compound.matches(dom, node, scope) {
        return false;
    }
    let on = |node: Node| path_matches(dom, node, scope, rest);
    match connector {
        Connector::Start => true,
        Connector::Descendant => dom.ancestors(node).filter(|node| dom.is_element(*node)).any(on),
        Connector::Child => dom.parent(node).filter(|node| dom.is_element(*node)).is_some_and(on),
        Connector::Next => previous(dom, node).last().is_some_and(on),
        Connector::Later => previous(dom, node).any(on),
    }
}

/// Element siblings before the node, first one first.
fn previous(dom: &Dom, node: Node) -> impl Iterator<Item = Node> + '_ {
    let parent = dom.parent(node);
    parent.into_iter().flat_map(|parent| dom.elements(parent)).take_while(move |sibling| *sibling != node)
}

impl Compound {
    fn matches(&self, dom: &Dom, node: Node, scope: Node) -> bool {
        self.tag.as_deref().is_none_or(|tag| dom.tag(node) == tag)
            && self.tests.iter().all(|test| test.matches(dom, node, scope))
    }
}

impl Test {
    fn matches(&self, dom: &Dom, node: Node, scope: Node) -> bool {
        match self {
            Self::Id(id) => dom.attribute(node, "id") == Some(id),
            Self::Class(class) => dom.has_class(node, class),
            Self::Attribute { name, relation, value } => {
                dom.attribute(node, name).is_some_and(|own| relation.holds(own, value))
            }
            Self::NthChild(number) => previous(dom, node).count() + 1 == *number,
            Self::NthOfType(number) => {
                previous(dom, node).filter(|other| dom.tag(*other) == dom.tag(node)).count() + 1 == *number
            }
            Self::LastChild => dom.following(node).next().is_none(),
            Self::Scope => node == scope,
            Self::Not(compound) => !compound.matches(dom, node, scope),
            Self::Has(connector, compound) => has(dom, node, scope, *connector, compound),
            Self::Contains(text) => {
                let mut all = String::new();
                dom.below(node).for_each(|below| all.push_str(dom.own_text(below)));
                all.contains(text.as_str())
            }
        }
    }
}

fn has(dom: &Dom, node: Node, scope: Node, connector: Connector, compound: &Compound) -> bool {
    let good = |found: Node| compound.matches(dom, found, scope);
    match connector {
        Connector::Child => dom.elements(node).any(good),
        Connector::Next => dom.following(node).take(1).any(good),
        Connector::Later => dom.following(node).any(good),
        Connector::Start | Connector::Descendant => {
            dom.below(node).any(|below| dom.is_element(below) && good(below))
        }
    }
}

impl Relation {
    fn holds(self, own: &str, value: &str) -> bool {
        match self {
            Self::Present => true,
            Self::Equal => own == value,
            Self::Prefix => !value.is_empty() && own.starts_with(value),
            Self::Suffix => !value.is_empty() && own.ends_with(value),
            Self::Within => !value.is_empty() && own.contains(value),
            Self::Word => own.split_ascii_whitespace().any(|word| word == value),
        }
    }
}

/// Whether a word can stand in a selector as it is, without escapes.
pub(crate) fn is_plain(word: &str) -> bool {
    let mut letters = word.chars();
    let first = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    let dashed =
        word.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
    (first || dashed)
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-')
}
