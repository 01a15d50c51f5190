//! What can be wrong with a document, said so that a person or a builder can mend it.
//! Not here: how problems are found (`nexus-plan`).

use crate::NodeId;
use serde::{Deserialize, Serialize};

/// One error or warning about a workflow document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable code, `snake_case`, e.g. `cycle`.
    pub code: String,
    /// JSON Pointer into the document, e.g. `/graph/nodes/0/config/prompt`; empty for the whole document.
    pub path: String,
    /// The node concerned, if it is about one.
    pub node_id: Option<NodeId>,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do about it, in a sentence.
    pub suggestion: Option<String>,
}

/// The verdict on a document: valid exactly when there are no errors. Warnings do not stop a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether the document may be saved and run.
    pub valid: bool,
    /// Everything that must be mended.
    pub errors: Vec<Problem>,
    /// Everything worth knowing.
    pub warnings: Vec<Problem>,
}
