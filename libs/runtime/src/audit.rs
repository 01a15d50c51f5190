//! The audit log: one line for every call that changes or spends something: who, where, what, which object, under
//! which request, and how it ended. It goes where logs go, under the target `audit`, whatever the level of the others
//! (only `off` silences it), so that whoever collects logs can route and keep it by that name.
//! Not here: which calls those are (the gateway's and `nexus-rpc`'s tables of scopes).

use nexus_api::{Workspace, access::Scope};

/// The target of its lines.
pub const TARGET: &str = "audit";

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct What {
    /// Method and route template, or the gRPC method.
    pub action: String,
    /// The scope it needs.
    pub scope: Scope,
    /// The path with the ids of what it is about, where the action does not say it.
    pub object: Option<String>,
    /// Names the request in other logs and in the answer.
    pub request_id: String,
}

/// A call that is under way.
#[derive(Debug)]
pub struct Entry {
    principal: Option<String>,
    workspace: Workspace,
    what: What,
    done: bool,
}

impl Entry {
    /// A call by somebody; `None` where nobody is asked who they are.
    pub fn new(principal: Option<String>, workspace: Workspace, what: What) -> Self {
        Self { principal, workspace, what, done: false }
    }

    /// Names what the call is about, once that is known: what it has made.
    pub fn about(&mut self, object: &str) {
        self.what.object = Some(object.to_owned());
    }

    /// Writes the line, with the status that was answered.
    pub fn ended(mut self, status: &str) {
        self.write(status);
    }

    fn write(&mut self, status: &str) {
        self.done = true;
        tracing::info!(
            target: TARGET,
            principal = self.principal.as_deref().unwrap_or("-"),
            workspace = self.workspace.as_str(),
            action = self.what.action,
            scope = self.what.scope.as_str(),
            object = self.what.object.as_deref().unwrap_or("-"),
            request_id = self.what.request_id,
            status,
            "call"
        );
    }
}

/// A caller that went away before the answer may have changed something all the same.
impl Drop for Entry {
    fn drop(&mut self) {
        if !self.done {
            self.write("abandoned");
        }
    }
}
