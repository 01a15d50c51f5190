//! The data an expression sees. Built of borrowed JSON: making one costs as much as it has roots and nodes,
//! whatever their size, and evaluating costs as much as the expression actually mentions.

use serde_json::{Map, Value};
use std::{borrow::Cow, collections::BTreeMap};

/// Roots by name; `nodes` may be put together node by node.
#[derive(Debug, Clone, Default)]
pub struct Context<'a> {
    pub(crate) roots: BTreeMap<Cow<'a, str>, Tree<'a>>,
}

/// A JSON value, or an object whose members are held apart.
#[derive(Debug, Clone)]
pub(crate) enum Tree<'a> {
    Json(Cow<'a, Value>),
    Members(BTreeMap<Cow<'a, str>, Tree<'a>>),
}

impl<'a> Context<'a> {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every member of an object is a root.
    pub fn from_object(object: &'a Map<String, Value>) -> Self {
        let roots =
            object.iter().map(|(name, value)| (name.as_str().into(), Tree::Json(Cow::Borrowed(value))));
        Self { roots: roots.collect() }
    }

    /// The same for a value; one that is no object has no roots.
    pub fn from_value(value: &'a Value) -> Self {
        value.as_object().map(Self::from_object).unwrap_or_default()
    }

    /// Sets a root.
    pub fn set(&mut self, root: &'a str, value: &'a Value) -> &mut Self {
        self.roots.insert(root.into(), Tree::Json(Cow::Borrowed(value)));
        self
    }

    /// Sets a root to a value made for the purpose.
    pub fn set_owned(&mut self, root: &'a str, value: Value) -> &mut Self {
        self.roots.insert(root.into(), Tree::Json(Cow::Owned(value)));
        self
    }

    /// Sets `nodes.<id>.output`; replaces a `nodes` that was set as a whole. For a skipped node, `Value::Null`.
    pub fn set_node(&mut self, id: &'a str, output: &'a Value) -> &mut Self {
        let node = BTreeMap::from([(Cow::Borrowed("output"), Tree::Json(Cow::Borrowed(output)))]);
        let nodes = self.roots.entry("nodes".into()).or_insert_with(|| Tree::Members(BTreeMap::new()));
        if !matches!(nodes, Tree::Members(_)) {
            *nodes = Tree::Members(BTreeMap::new());
        }
        if let Tree::Members(nodes) = nodes {
            nodes.insert(id.into(), Tree::Members(node));
        }
        self
    }

    /// With a root; see [`Context::set`].
    #[must_use]
    pub fn with(mut self, root: &'a str, value: &'a Value) -> Self {
        self.set(root, value);
        self
    }
}
