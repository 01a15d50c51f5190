//! Stored workflows: a document with an id and versions. Not here: the document itself (`document`).

use crate::{Problem, Timestamp, WorkflowId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A workflow at one version, the document exactly as it was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// Version, from 1.
    pub version: u32,
    /// When the workflow was first saved.
    pub created_at: Timestamp,
    /// When this version was saved.
    pub updated_at: Timestamp,
    /// Whether it can be executed; `false` only for drafts.
    pub valid: bool,
    /// What stands in the way of executing a draft.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// The document (contract section 3), a JSON object; its members stand beside the fields above.
    #[serde(flatten)]
    pub document: serde_json::Map<String, Value>,
}

impl Workflow {
    /// The document's `name`, or an empty text.
    pub fn name(&self) -> &str {
        self.document.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    /// The document as a JSON value.
    pub fn document_value(&self) -> Value {
        Value::Object(self.document.clone())
    }
}

/// One entry of a workflow's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionInfo {
    /// Version, from 1.
    pub version: u32,
    /// When it was saved.
    pub created_at: Timestamp,
    /// The document's name at that version.
    pub name: String,
    /// Whether it can be executed.
    pub valid: bool,
}

/// How a workflow's nodes can run: for display and for judging width.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Nodes by depth: every node of a group depends only on earlier groups. For display; there are no barriers.
    pub groups: Vec<Vec<crate::NodeId>>,
    /// A longest chain of dependent nodes, in order.
    pub critical_path: Vec<crate::NodeId>,
    /// The most nodes that one group holds.
    pub max_parallelism: usize,
    /// Steps in the plan (attached tools are no steps).
    pub node_count: usize,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Give it as `cursor` to get the next page; absent on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The same page of other things.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next_cursor: self.next_cursor }
    }
}
