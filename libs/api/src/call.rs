//! What every call across a port carries besides its arguments. In-process calls know no `grpc-timeout`, so the
//! deadline lives here. Not here: how it travels (`nexus-rpc` puts it into gRPC metadata).

use crate::{Code, Error, Result, Workspace};
use std::{future::Future, time::Duration};
use tokio::time::Instant;

/// Deadline, caller and trace of a call. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CallCtx {
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// Who calls: the name of the API key, if keys are in use.
    pub principal: Option<String>,
    /// Whose things the call is about: nothing of other workspaces is seen or touched.
    pub workspace: Workspace,
    /// W3C `traceparent`.
    pub traceparent: Option<String>,
    /// Names the request in logs and error answers.
    pub request_id: Option<String>,
}

impl CallCtx {
    /// A call without deadline, caller or trace: for work that Nexus starts by itself.
    pub fn background() -> Self {
        Self::default()
    }

    /// The same on behalf of somebody in a workspace.
    #[must_use]
    pub fn on_behalf(self, principal: Option<String>, workspace: Workspace) -> Self {
        Self { principal, workspace, ..self }
    }

    /// The same with a deadline `timeout` from now, unless an earlier one is set.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        let new = Instant::now() + timeout;
        self.deadline = Some(self.deadline.map_or(new, |old| old.min(new)));
        self
    }

    /// Time left; `None` without a deadline.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Runs `work` until the deadline at most.
    pub async fn bound<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match self.deadline {
            None => work.await,
            Some(deadline) => tokio::time::timeout_at(deadline, work).await.unwrap_or_else(|_| {
                Err(Error::new(Code::DeadlineExceeded, "the call took longer than its deadline"))
            }),
        }
    }
}
