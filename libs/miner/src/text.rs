//! The text of elements, exactly as Beautiful Soup's `get_text(" ")` gives it with its white space collapsed: the
//! generated Python must read the same. Not here: what a text means (`value`).

use crate::dom::{Dom, Node};

/// Whether text directly in this element belongs to no text of its ancestors.
fn is_apart(tag: &str) -> bool {
    matches!(tag, "script" | "style" | "template" | "rt" | "rp")
}

/// What Python's `str.split()` splits at. Wider than ASCII, and not quite Unicode's white space.
pub fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

/// Appends `text`, its white space collapsed, with a space before it if something is there already.
pub fn append_words(out: &mut String, text: &str) {
    for word in text.split(is_space).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
}

/// White space collapsed to single spaces, none at the ends.
pub fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    append_words(&mut out, text);
    out
}

impl Dom {
    /// All text below the node, pieces of different elements set apart by a space, white space collapsed.
    pub fn text(&self, node: Node) -> String {
        let mut out = String::new();
        self.append_text(node, &mut out);
        out
    }

    /// Appends the node's text to `out`.
    pub fn append_text(&self, node: Node, out: &mut String) {
        let end = self.end(node);
        let mut at = node;
        while at < end {
            let apart = at != node && is_apart(self.tag(at));
            if apart {
                // Elements within (a template's content) have text of their own that does count.
                let children = self.children(at).filter(|child| self.is_element(*child));
                children.for_each(|child| self.append_text(child, out));
                at = self.end(at);
            } else {
                append_words(out, self.own_text(at));
                at += 1;
            }
        }
    }

    /// Text directly in the element, not in its children.
    pub fn direct_text(&self, node: Node) -> String {
        let mut out = String::new();
        for child in self.children(node) {
            append_words(&mut out, self.own_text(child));
        }
        out
    }

    /// The text that stands beside the elements of a run of siblings: after the first one, as far as the run goes.
    pub fn text_between(&self, parts: &[Node]) -> String {
        let mut out = String::new();
        let Some((head, parent)) = parts.first().and_then(|head| Some((*head, self.parent(*head)?))) else {
            return out;
        };
        for node in self.children(parent).skip_while(|node| *node <= head) {
            if !self.is_element(node) {
                append_words(&mut out, self.own_text(node));
            } else if !parts.contains(&node) {
                break;
            }
        }
        out
    }
}
