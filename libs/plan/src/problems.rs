//! Gathers problems while a document is looked through. Not here: finding them.

use nexus_model::{NodeId, Problem, problem::Report};
use std::collections::HashSet;

/// Most errors, and most warnings, that are reported; a document with more is broken as a whole.
const MOST: usize = 1_000;

/// A place in the document: a JSON Pointer that grows and shrinks with the walk.
pub(crate) fn child(path: &str, name: &str) -> String {
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Everything found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    /// Places where the shape is wrong already: nothing more is said of them.
    misshapen: HashSet<String>,
}

impl Problems {
    /// A place that does not have the shape it must have.
    pub(crate) fn shape(&mut self, problem: Problem) {
        self.misshapen.insert(problem.path.clone());
        self.push(problem);
    }

    /// An error about the contents; dropped where the shape is wrong already.
    pub(crate) fn error(&mut self, problem: Problem) {
        if !self.misshapen.contains(&problem.path) {
            self.push(problem);
        }
    }

    fn push(&mut self, problem: Problem) {
        if self.errors.len() < MOST {
            self.errors.push(problem);
        }
    }

    /// Worth knowing, but no reason to refuse.
    pub(crate) fn warning(&mut self, problem: Problem) {
        if self.warnings.len() < MOST && !self.misshapen.contains(&problem.path) {
            self.warnings.push(problem);
        }
    }

    /// Whether the shape is wrong at this very place.
    pub(crate) fn is_misshapen(&self, path: &str) -> bool {
        self.misshapen.contains(path)
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.errors.is_empty()
    }

    pub(crate) fn into_errors(self) -> Vec<Problem> {
        self.errors
    }

    pub(crate) fn into_report(self) -> Report {
        Report { valid: self.errors.is_empty(), errors: self.errors, warnings: self.warnings }
    }
}

/// A problem in the making.
pub(crate) fn problem(code: &str, path: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem { code: code.into(), path: path.into(), node_id: None, message: message.into(), suggestion: None }
}

/// What a problem may have besides.
pub(crate) trait With {
    fn node(self, id: Option<&NodeId>) -> Self;
    fn suggest(self, suggestion: impl Into<Option<String>>) -> Self;
}

impl With for Problem {
    fn node(mut self, id: Option<&NodeId>) -> Self {
        self.node_id = id.cloned();
        self
    }

    fn suggest(mut self, suggestion: impl Into<Option<String>>) -> Self {
        self.suggestion = suggestion.into();
        self
    }
}
