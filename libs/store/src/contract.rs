//! The traits that both backends implement, and what goes through them. Times in leases are always the
//! database's clock. Not here: SQL.

use async_trait::async_trait;
use nexus_api::Workspace;
use nexus_model::{
    Event, EventType, ExecutionId, ExecutionStatus, Money, NodeId, Problem, Timestamp, WorkflowId,
    document::Budget,
    execution::{ExecutionSummary, Failure, Tokens},
    workflow::{VersionInfo, Workflow},
};
use serde_json::{Map, Value};
use std::time::Duration;

/// Why the store could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another owner has a higher fence, or the execution has moved on: stop at once, nothing was written.
    #[error("the execution belongs to another owner now")]
    FenceLost,
    /// The latest version is another one.
    #[error("the workflow is at version {current}, not {expected}")]
    VersionMismatch {
        /// The latest version.
        current: u32,
        /// The one the writer knew.
        expected: u32,
    },
    /// No such workflow or execution.
    #[error("not found")]
    NotFound,
    /// The database cannot be reached or is shutting down; nothing is known of the last write.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database's schema is not this version's.
    #[error("{0}")]
    Schema(String),
    /// Anything else: a bug or a damaged database.
    #[error("the database failed: {0}")]
    Internal(String),
}

impl From<Error> for nexus_api::Error {
    fn from(error: Error) -> Self {
        use nexus_api::Code;
        match error {
            Error::VersionMismatch { current, expected } => nexus_api::Error::new(
                Code::PreconditionFailed,
                format!("the workflow is at version {current}, not {expected}"),
            )
            .suggest("read the latest version, apply your change to it, and save that"),
            Error::NotFound => nexus_api::Error::new(Code::NotFound, "no such thing"),
            Error::FenceLost => nexus_api::Error::new(Code::Conflict, "the execution has moved on meanwhile"),
            // What exactly cannot be reached is the operator's business, not the caller's.
            Error::Unavailable(context) => {
                tracing::warn!(%context, "database unavailable");
                nexus_api::Error::unavailable("the database is not available at the moment")
            }
            Error::Schema(context) => {
                tracing::error!(%context, "database schema");
                nexus_api::Error::unavailable("the database is not ready for this version")
            }
            Error::Internal(context) => nexus_api::Error::internal(context),
        }
    }
}

/// Result of a store's method.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Rises with every change of owner; a write under an old fence changes nothing.
pub type Fence = u64;

/// Workflows and their versions. Each belongs to a workspace; to every other one it is as if it were not there.
#[async_trait]
pub trait WorkflowStore: Send + Sync + 'static {
    /// Saves version 1 of a new workflow.
    async fn create_workflow(&self, workspace: &Workspace, workflow: NewVersion) -> Result<Workflow>;
    /// Saves the next version if the latest is `expected`, else `VersionMismatch`; `NotFound` if deleted.
    async fn update_workflow(
        &self,
        workspace: &Workspace,
        id: WorkflowId,
        expected: u32,
        workflow: NewVersion,
    ) -> Result<Workflow>;
    /// A version (the latest if `None`). A deleted workflow is found only if a version is named: its executions
    /// still need it.
    async fn get_workflow(
        &self,
        workspace: &Workspace,
        id: WorkflowId,
        version: Option<u32>,
    ) -> Result<Option<Workflow>>;
    /// Marks it deleted. `false` if there was none.
    async fn delete_workflow(&self, workspace: &Workspace, id: WorkflowId) -> Result<bool>;
    /// Latest versions, newest workflow first, those before `before`; `query` is a case-insensitive part of the name.
    async fn list_workflows(
        &self,
        workspace: &Workspace,
        before: Option<WorkflowId>,
        limit: u32,
        query: Option<&str>,
    ) -> Result<Vec<Workflow>>;
    /// Versions below `before`, newest first; `NotFound` for an unknown or deleted workflow.
    async fn list_versions(
        &self,
        workspace: &Workspace,
        id: WorkflowId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionInfo>>;
}

/// A document to save.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    /// The document as given.
    pub document: Map<String, Value>,
    /// Whether it can be executed.
    pub valid: bool,
    /// Why not.
    pub problems: Vec<Problem>,
}

/// Executions: the queue, the journal, the events.
#[async_trait]
pub trait ExecutionStore: Send + Sync + 'static {
    /// Accepts an execution. With `claim_by` the creator owns it at once (fence 1), as if it had claimed it.
    /// With an idempotency key that is taken, nothing is created; nor with an id that is taken, which is then
    /// `Existing`: so a creation with unknown outcome can simply be repeated.
    async fn create_execution(&self, execution: NewExecution) -> Result<Created>;
    /// Takes up to `limit` executions that nobody works on: first running ones that were released or whose lease has
    /// run out, then queued ones, oldest first. Raises the fence; counts a recovery for those whose lease had run
    /// out under another owner. The status stays what it was: the first step says `running`.
    async fn claim(&self, worker: &str, limit: u32, lease: Duration) -> Result<Vec<Claimed>>;
    /// Prolongs the leases that are still held under these fences; returns those ids. The others are lost. A lease
    /// that has run out, but that nobody has claimed since, is held still.
    async fn renew(
        &self,
        worker: &str,
        held: &[(ExecutionId, Fence)],
        lease: Duration,
    ) -> Result<Vec<ExecutionId>>;
    /// Gives an execution back, to be claimed at once. No recovery is counted. Ignores a lost fence.
    async fn release(&self, id: ExecutionId, fence: Fence) -> Result<()>;
    /// Writes one step, durably, all or nothing; returns the `seq` of its first event. `FenceLost` if the fence or
    /// the journal's length is not as expected, or there is no such execution.
    ///
    /// After `Unavailable` the step may be written or not. To find out, read the head: with `journal_len` and fence
    /// as the step expected them it is not written (yet: a statement that is stuck may still get through), with both
    /// as the step leaves them it is. Repeating the step is safe either way, since only one of the two can find the
    /// journal at the expected length; hence every step that must not be doubled has at least one record.
    async fn commit(&self, step: Step) -> Result<Committed>;
    /// The head and the whole journal.
    async fn load(&self, id: ExecutionId) -> Result<Option<Loaded>>;
    /// The head alone.
    async fn head(&self, id: ExecutionId) -> Result<Option<Head>>;
    /// Where an execution of this workspace stands; to every other workspace it is as if it were not there. Whoever
    /// acts for somebody asks this first; an execution never changes its workspace.
    async fn position_in(&self, workspace: &Workspace, id: ExecutionId) -> Result<Option<Position>>;
    /// Where it stands and how far its events go: cheap enough to be asked every second.
    async fn position(&self, id: ExecutionId) -> Result<Option<Position>>;
    /// Newest first, those before `before`.
    async fn list_executions(
        &self,
        filter: ListFilter,
        before: Option<ExecutionId>,
        limit: u32,
    ) -> Result<Vec<ExecutionSummary>>;
    /// Events with `seq > after`, in order.
    async fn events(&self, id: ExecutionId, after: u64, limit: u32) -> Result<Vec<Event>>;
    /// How many wait for somebody to claim them.
    async fn queued(&self) -> Result<u64>;
    /// Answers if the database does.
    async fn ping(&self) -> Result<()>;
}

/// An execution to accept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewExecution {
    /// Its id.
    pub id: ExecutionId,
    /// Whose it is. Idempotency keys count within a workspace.
    pub workspace: Workspace,
    /// Who starts it, if that is known.
    pub principal: Option<String>,
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// The version it runs on.
    pub workflow_version: u32,
    /// The workflow's name now.
    pub workflow_name: String,
    /// Its inputs.
    pub inputs: Value,
    /// Its budget, overrides applied.
    pub budget: Option<Budget>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Key and hash of the request's content.
    pub idempotency: Option<(String, String)>,
    /// The worker that wants it, and for how long.
    pub claim_by: Option<(String, Duration)>,
    /// The W3C `traceparent` of the request that starts it.
    pub traceparent: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It is accepted.
    New,
    /// The key was used for this execution, with the same content.
    Existing(ExecutionId),
    /// The key was used with other content.
    KeyConflict,
}

/// An execution's row: what is known of it without its journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// What lists show.
    pub summary: ExecutionSummary,
    /// Whose it is.
    pub workspace: Workspace,
    /// Who started it, if that is known.
    pub principal: Option<String>,
    /// Its inputs.
    pub inputs: Value,
    /// Its budget as of the last commit.
    pub budget: Option<Budget>,
    /// Its fence.
    pub fence: Fence,
    /// Who works on it.
    pub owner: Option<String>,
    /// Whether the owner's lease is still running, by the database's clock.
    pub leased: bool,
    /// The next event's `seq`.
    pub next_seq: u64,
    /// Records in the journal.
    pub journal_len: u64,
    /// Recoveries in a row without progress.
    pub recoveries: u32,
    /// The W3C `traceparent` of the request that started it.
    pub traceparent: Option<String>,
}

/// Where an execution stands and how far its events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Where it stands.
    pub status: ExecutionStatus,
    /// The next event's `seq`.
    pub next_seq: u64,
}

/// An execution with its journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// Its row.
    pub head: Head,
    /// Its records, JSON, in order.
    pub journal: Vec<String>,
}

/// A claimed execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The execution, under the new fence.
    pub loaded: Loaded,
    /// Whether another owner had it before and its lease ran out.
    pub recovered: bool,
}

/// One step of an execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The execution.
    pub id: ExecutionId,
    /// The writer's fence.
    pub fence: Fence,
    /// The journal's length as the writer knows it; the new records follow.
    pub journal_len: u64,
    /// Records to append, JSON.
    pub records: Vec<String>,
    /// Events to append; the store numbers them.
    pub events: Vec<NewEvent>,
    /// The row's new contents.
    pub update: HeadUpdate,
    /// Who has it afterwards.
    pub ownership: Ownership,
    /// Whether this counts as progress (resets the recoveries).
    pub progress: bool,
}

/// Who has an execution after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// The writer keeps it.
    Keep,
    /// Nobody: it has ended, or waits to be claimed. The fence rises, so that whoever had it is locked out.
    Nobody,
}

/// The part of an execution's row that steps change.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadUpdate {
    /// Where it stands.
    pub status: ExecutionStatus,
    /// Why it failed.
    pub error: Option<Failure>,
    /// Its budget.
    pub budget: Option<Budget>,
    /// Settled so far.
    pub spent: Money,
    /// Held for calls in flight.
    pub reserved: Money,
    /// Tokens so far.
    pub tokens: Tokens,
    /// When its first run began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// An event without its number.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What happened.
    pub kind: EventType,
    /// The node concerned.
    pub agent_id: Option<NodeId>,
    /// Details.
    pub data: Value,
    /// When.
    pub timestamp: Timestamp,
}

/// A step that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// `seq` of the step's first event (of the next one, if it had none).
    pub first_seq: u64,
}

/// Which executions to list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListFilter {
    /// Only those of this workspace.
    pub workspace: Workspace,
    /// Only those of this workflow.
    pub workflow_id: Option<WorkflowId>,
    /// Only those with this status.
    pub status: Option<ExecutionStatus>,
}

/// Everything the services need of a database.
pub trait Store: WorkflowStore + ExecutionStore + crate::HistoryStore + crate::RetentionStore {}
impl<T: WorkflowStore + ExecutionStore + crate::HistoryStore + crate::RetentionStore> Store for T {}
