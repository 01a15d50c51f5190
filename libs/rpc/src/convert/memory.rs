//! Memory entries and scopes.

use super::{id, invalid, moment, object_or_empty, timestamp};
use crate::{json::Struct, proto::memory as pb};
use nexus_api::{
    Error, Result,
    memory::{Entry, Scope},
};

/// Whose memory a request means.
pub(crate) fn scope(kind: &str, execution_id: Option<String>, workflow_id: Option<String>) -> Result<Scope> {
    let kind = match (kind, &execution_id, &workflow_id) {
        ("", Some(_), None) => "execution",
        ("", None, Some(_)) => "workflow",
        ("", None, None) => "global",
        ("", Some(_), Some(_)) => return Err(invalid("/scope", "is needed, because two ids are given")),
        (kind, ..) => kind,
    };
    match kind {
        "execution" => id("/execution_id", &execution_id.unwrap_or_default()).map(Scope::Execution),
        "workflow" => id("/workflow_id", &workflow_id.unwrap_or_default()).map(Scope::Workflow),
        "global" => Ok(Scope::Global),
        other => Err(invalid("/scope", format!("`{other}` is none of execution, workflow, global"))),
    }
}

/// The same for a request: scope, execution id, workflow id.
pub(crate) fn scope_to_proto(scope: Scope) -> (String, Option<String>, Option<String>) {
    match scope {
        Scope::Execution(id) => ("execution".to_owned(), Some(id.to_string()), None),
        Scope::Workflow(id) => ("workflow".to_owned(), None, Some(id.to_string())),
        Scope::Global => ("global".to_owned(), None, None),
    }
}

impl From<Entry> for pb::Entry {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id.to_string(),
            text: entry.text,
            metadata: Some(Struct::new(entry.metadata)),
            score: entry.score,
            created_at: moment(entry.created_at),
        }
    }
}

impl TryFrom<pb::Entry> for Entry {
    type Error = Error;
    fn try_from(entry: pb::Entry) -> Result<Self> {
        Ok(Self {
            id: id("/id", &entry.id)?,
            text: entry.text,
            metadata: object_or_empty("/metadata", entry.metadata)?,
            score: entry.score,
            created_at: timestamp("/created_at", entry.created_at)?,
        })
    }
}
