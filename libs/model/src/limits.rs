//! Sizes that Nexus accepts (contract, "Limits"). Not here: where each one is enforced.

use serde::{Deserialize, Serialize};

/// The configurable limits; the defaults are the documented ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest request body, bytes.
    pub body_bytes: usize,
    /// Most nodes in a workflow.
    pub nodes: usize,
    /// Most edges in a workflow.
    pub edges: usize,
    /// Deepest nesting of a JSON document.
    pub json_depth: usize,
    /// Longest template, bytes.
    pub template_bytes: usize,
    /// Longest CEL expression, bytes.
    pub expression_bytes: usize,
    /// Largest output of a node, bytes of JSON.
    pub output_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            nodes: 500,
            edges: 2_000,
            json_depth: 64,
            template_bytes: 64 << 10,
            expression_bytes: 8 << 10,
            output_bytes: 1 << 20,
        }
    }
}
