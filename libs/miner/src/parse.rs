//! From HTML to the arena, by the rules browsers follow. Not here: which bytes are which characters (`decode`).

use crate::dom::{Attribute, Dom, Entry, NONE, Node};
use html5ever::{
    Attribute as RawAttribute, LocalName, Namespace, ParseOpts, QualName,
    interface::{ElemName, ElementFlags, NodeOrText, QuirksMode, TreeSink},
    parse_document,
    tendril::{StrTendril, TendrilSink},
    tree_builder::TreeBuilderOpts,
};
use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
};

/// Beyond this many nodes the rest of a page is not read: hostile nesting makes many nodes of few bytes.
const MOST_NODES: usize = 1_000_000;

/// Elements within elements; browsers stop at 512. The parser looks at all open elements again and again, so that
/// nesting without end would take time without end.
const DEEPEST: u32 = 1_500;

/// How much is handed to the parser before the limits are looked at.
const PIECE: usize = 4 * 1024;

/// Parses a page. Never fails: whatever it is, browsers make a document of it.
pub fn parse(html: &str) -> Dom {
    let options = ParseOpts {
        tree_builder: TreeBuilderOpts { scripting_enabled: false, drop_doctype: true, ..Default::default() },
        ..Default::default()
    };
    let mut parser = parse_document(Sink::default(), options);
    let mut rest = html;
    while !rest.is_empty() && !parser.tokenizer.sink.sink.is_full() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE.min(rest.len())));
        parser.process(StrTendril::from_slice(piece));
        rest = after;
    }
    parser.finish()
}

#[derive(Debug)]
enum Kind {
    Document,
    Element {
        name: QualName,
        attributes: Vec<RawAttribute>,
    },
    Text(StrTendril),
    /// Comments and processing instructions.
    Nothing,
}

#[derive(Debug)]
struct Raw {
    kind: Kind,
    parent: Option<usize>,
    children: Vec<usize>,
    depth: u32,
}

#[derive(Debug)]
struct Sink {
    nodes: RefCell<Vec<Raw>>,
    deepest: Cell<u32>,
}

impl Default for Sink {
    fn default() -> Self {
        let document = Raw { kind: Kind::Document, parent: None, children: Vec::new(), depth: 0 };
        Self { nodes: RefCell::new(vec![document]), deepest: Cell::new(0) }
    }
}

/// An element's name, owned, because the nodes are behind a `RefCell`.
#[derive(Debug)]
struct OwnedName(QualName);

impl ElemName for OwnedName {
    fn ns(&self) -> &Namespace {
        &self.0.ns
    }

    fn local_name(&self) -> &LocalName {
        &self.0.local
    }
}

impl Sink {
    fn is_full(&self) -> bool {
        self.nodes.borrow().len() >= MOST_NODES || self.deepest.get() > DEEPEST
    }

    fn add(&self, kind: Kind) -> usize {
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Raw { kind, parent: None, children: Vec::new(), depth: 0 });
        nodes.len() - 1
    }

    /// Puts a node or text among the children of `parent`, at `at` or at the end.
    fn put(&self, parent: usize, at: Option<usize>, child: NodeOrText<usize>) {
        let id = match child {
            NodeOrText::AppendNode(id) => id,
            NodeOrText::AppendText(text) => {
                let mut nodes = self.nodes.borrow_mut();
                let before = match at {
                    Some(at) => at.checked_sub(1).and_then(|at| nodes[parent].children.get(at)).copied(),
                    None => nodes[parent].children.last().copied(),
                };
                if let Some(before) = before
                    && let Kind::Text(own) = &mut nodes[before].kind
                {
                    own.push_tendril(&text);
                    return;
                }
                drop(nodes);
                self.add(Kind::Text(text))
            }
        };
        let mut nodes = self.nodes.borrow_mut();
        nodes[id].parent = Some(parent);
        nodes[id].depth = nodes[parent].depth + 1;
        self.deepest.set(self.deepest.get().max(nodes[id].depth));
        let children = &mut nodes[parent].children;
        children.insert(at.unwrap_or(children.len()).min(children.len()), id);
    }

    fn detach(&self, id: usize) {
        let mut nodes = self.nodes.borrow_mut();
        if let Some(parent) = nodes[id].parent.take() {
            let children = &mut nodes[parent].children;
            if let Some(at) = children.iter().rposition(|child| *child == id) {
                children.remove(at);
            }
        }
    }
}

impl TreeSink for Sink {
    type Handle = usize;
    type Output = Dom;
    type ElemName<'a> = OwnedName;

    fn finish(self) -> Dom {
        flatten(self.nodes.into_inner())
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> usize {
        0
    }

    fn elem_name<'a>(&'a self, target: &'a usize) -> OwnedName {
        match &self.nodes.borrow()[*target].kind {
            Kind::Element { name, .. } => OwnedName(name.clone()),
            _ => OwnedName(QualName::new(None, Namespace::default(), LocalName::default())),
        }
    }

    fn create_element(&self, name: QualName, attributes: Vec<RawAttribute>, _: ElementFlags) -> usize {
        self.add(Kind::Element { name, attributes })
    }

    fn create_comment(&self, _: StrTendril) -> usize {
        self.add(Kind::Nothing)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> usize {
        self.add(Kind::Nothing)
    }

    fn append(&self, parent: &usize, child: NodeOrText<usize>) {
        self.put(*parent, None, child);
    }

    fn append_based_on_parent_node(&self, element: &usize, previous: &usize, child: NodeOrText<usize>) {
        let has_parent = self.nodes.borrow()[*element].parent.is_some();
        if has_parent {
            self.append_before_sibling(element, child);
        } else {
            self.append(previous, child);
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn get_template_contents(&self, target: &usize) -> usize {
        *target
    }

    fn same_node(&self, one: &usize, other: &usize) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &usize, child: NodeOrText<usize>) {
        if let NodeOrText::AppendNode(id) = &child {
            self.detach(*id);
        }
        let place = {
            let nodes = self.nodes.borrow();
            nodes[*sibling]
                .parent
                .map(|parent| (parent, nodes[parent].children.iter().rposition(|child| child == sibling)))
        };
        if let Some((parent, at)) = place {
            self.put(parent, at, child);
        }
    }

    fn add_attrs_if_missing(&self, target: &usize, more: Vec<RawAttribute>) {
        if let Kind::Element { attributes, .. } = &mut self.nodes.borrow_mut()[*target].kind {
            for attribute in more {
                if !attributes.iter().any(|own| own.name == attribute.name) {
                    attributes.push(attribute);
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &usize) {
        self.detach(*target);
    }

    fn reparent_children(&self, node: &usize, new_parent: &usize) {
        let mut nodes = self.nodes.borrow_mut();
        let children = std::mem::take(&mut nodes[*node].children);
        for child in &children {
            nodes[*child].parent = Some(*new_parent);
        }
        nodes[*new_parent].children.extend(children);
    }
}

/// Lays the tree out in document order, without comments.
fn flatten(raw: Vec<Raw>) -> Dom {
    let mut dom = Dom { entries: Vec::with_capacity(raw.len()), ..Default::default() };
    // (raw node, flat parent); a node that has been entered is closed when the stack comes back to its mark
    enum Step {
        Enter(usize, Node),
        Leave(Node),
    }
    let mut stack = vec![Step::Enter(0, NONE)];
    while let Some(step) = stack.pop() {
        match step {
            Step::Leave(node) => {
                let end = Node::try_from(dom.entries.len()).unwrap_or(NONE);
                dom.entries[node as usize].end = end;
            }
            Step::Enter(id, parent) => {
                let node = Node::try_from(dom.entries.len()).unwrap_or(NONE);
                if matches!(raw[id].kind, Kind::Nothing) {
                    continue;
                }
                let entry = entry(&mut dom, &raw[id].kind, parent);
                dom.entries.push(entry);
                stack.push(Step::Leave(node));
                stack.extend(raw[id].children.iter().rev().map(|child| Step::Enter(*child, node)));
            }
        }
    }
    dom
}

fn entry(dom: &mut Dom, kind: &Kind, parent: Node) -> Entry {
    let mut entry = Entry { parent, end: 0, tag: None, text: 0..0, attributes: 0..0, classes: 0..0 };
    match kind {
        Kind::Document | Kind::Nothing => {}
        Kind::Text(text) => entry.text = push(&mut dom.chars, text),
        Kind::Element { name, attributes } => {
            entry.tag = Some(dom.names.intern(&name.local));
            let first = count(dom.attributes.len());
            let first_class = count(dom.class_list.len());
            for attribute in attributes {
                let name = dom.names.intern(&attribute.name.local);
                if &*attribute.name.local == "class" {
                    for class in attribute.value.split_ascii_whitespace() {
                        let class = dom.names.intern(class);
                        dom.class_list.push(class);
                    }
                }
                let value = push(&mut dom.chars, &attribute.value);
                dom.attributes.push(Attribute { name, value });
            }
            entry.attributes = first..count(dom.attributes.len());
            entry.classes = first_class..count(dom.class_list.len());
        }
    }
    entry
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn push(chars: &mut String, text: &str) -> std::ops::Range<u32> {
    let start = count(chars.len());
    chars.push_str(text);
    start..count(chars.len())
}
