//! What an expression refers to, found without evaluating it.

use std::fmt;

/// Every name that some expression may see. Which one sees which is `nexus-plan`'s business.
pub const ROOTS: [&str; 8] =
    ["inputs", "nodes", "execution", "feedback", "output", "memory", "args", "secrets"];

/// A path into the context, as far as it can be told from the text: `nodes.draft.output.text`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The root and the members below it; at least the root.
    pub path: Vec<String>,
    /// Line of its first mention, from 1.
    pub line: usize,
}

impl Reference {
    /// The first name.
    pub fn root(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    /// The names below the root.
    pub fn members(&self) -> &[String] {
        self.path.get(1..).unwrap_or_default()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path.join("."))
    }
}

/// Collects references, each path once, in order of first mention.
#[derive(Debug, Default)]
pub(crate) struct References {
    found: Vec<Reference>,
    seen: std::collections::HashSet<Vec<String>>,
}

impl References {
    pub(crate) fn add(&mut self, path: Vec<String>, line: usize) {
        if self.seen.insert(path.clone()) {
            self.found.push(Reference { path, line });
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Reference> {
        self.found
    }
}
