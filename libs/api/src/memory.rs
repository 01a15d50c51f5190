//! The memory port: texts kept and found again by meaning, and what that costs. Not here: how (`services/memory`).

use crate::{CallCtx, Result, planner::PageRequest};
use async_trait::async_trait;
use nexus_model::{
    ExecutionId, MemoryId, Money, NodeId, Timestamp, WorkflowId, document::MemoryScope, price::Usage,
    workflow::Page,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

pub use nexus_model::price::EmbeddingModel;

/// Longest text that is kept or looked for, bytes.
pub const MAX_TEXT_BYTES: usize = 64 << 10;
/// Most metadata of an entry, bytes of JSON.
pub const MAX_METADATA_BYTES: usize = 16 << 10;
/// Most entries of a recall.
pub const MAX_TOP_K: u32 = 100;
/// Entries of a recall that does not say how many.
pub const DEFAULT_TOP_K: u32 = 5;

/// Whose memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// An execution's.
    Execution(ExecutionId),
    /// A workflow's.
    Workflow(WorkflowId),
    /// Everybody's.
    Global,
}

impl Scope {
    /// The kind of scope.
    pub fn kind(&self) -> MemoryScope {
        match self {
            Scope::Execution(_) => MemoryScope::Execution,
            Scope::Workflow(_) => MemoryScope::Workflow,
            Scope::Global => MemoryScope::Global,
        }
    }
}

/// A kept text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub id: MemoryId,
    /// The text.
    pub text: String,
    /// What was kept beside it.
    pub metadata: Map<String, Value>,
    /// Likeness to the query: the cosine of the angle between the two vectors, below 0 taken for 0. Hence 0 (nothing
    /// in common) to 1 (the same direction). Absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// When it was kept.
    pub created_at: Timestamp,
}

/// A text to keep.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreRequest {
    /// Where.
    pub scope: Scope,
    /// The text; not blank, at most [`MAX_TEXT_BYTES`].
    pub text: String,
    /// What to keep beside it, at most [`MAX_METADATA_BYTES`].
    pub metadata: Map<String, Value>,
    /// The entry's id, so that storing may be repeated: an entry of this id in the same scope is replaced, and if it
    /// holds the same already nothing is done or paid. In another scope it is a `Conflict`. Made up if absent. See
    /// [`node_entry_id`].
    pub id: Option<MemoryId>,
    /// Most that may be spent: if the worst case is more, nobody is called and the answer is `BudgetExceeded`.
    pub max_cost: Option<Money>,
}

impl StoreRequest {
    /// A text without metadata, id and limit.
    pub fn new(scope: Scope, text: impl Into<String>) -> Self {
        Self { scope, text: text.into(), metadata: Map::new(), id: None, max_cost: None }
    }
}

/// The text is kept, durably.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The entry's id.
    pub id: MemoryId,
    /// Tokens of the embedding.
    pub usage: Usage,
    /// Their price.
    pub cost: Money,
}

/// What to look for.
#[derive(Debug, Clone, PartialEq)]
pub struct RecallRequest {
    /// Where.
    pub scope: Scope,
    /// Like what; not blank, at most [`MAX_TEXT_BYTES`].
    pub query: String,
    /// Most entries, 1 to [`MAX_TOP_K`].
    pub top_k: u32,
    /// Most that may be spent: if the worst case is more, nobody is called and the answer is `BudgetExceeded`.
    pub max_cost: Option<Money>,
}

impl RecallRequest {
    /// The usual number of entries, without a limit.
    pub fn new(scope: Scope, query: impl Into<String>) -> Self {
        Self { scope, query: query.into(), top_k: DEFAULT_TOP_K, max_cost: None }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// The entries, the closest first; those equally close, the newest first.
    pub entries: Vec<Entry>,
    /// Tokens of the query's embedding.
    pub usage: Usage,
    /// Their price.
    pub cost: Money,
}

/// What became of a reembedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Reembedded {
    /// Entries that have a vector of the present model now and had not before.
    pub entries: u64,
    /// Entries that still have none, because `max_cost` did not allow more or the call was near its deadline.
    pub remaining: u64,
    /// Tokens of the embeddings.
    pub usage: Usage,
    /// Their price.
    pub cost: Money,
}

/// The id of what a node's revision keeps: the same at each repetition, another one for each `slot` (such as the
/// number of a tool call). A UUIDv7 of the execution's time, so that it sorts among the others.
pub fn node_entry_id(execution: ExecutionId, node: &NodeId, revision: u32, slot: &str) -> MemoryId {
    // Node ids hold no slash, so that no two names are the same.
    let digest = Uuid::new_v5(&execution.uuid(), format!("{node}/{revision}/{slot}").as_bytes());
    let mut bytes = *digest.as_bytes();
    bytes[..6].copy_from_slice(&execution.uuid().as_bytes()[..6]);
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    MemoryId::from(Uuid::from_bytes(bytes))
}

/// The memory.
#[async_trait]
pub trait Memory: Send + Sync + 'static {
    /// Keeps a text; when it answers, the entry is durable.
    async fn store(&self, ctx: &CallCtx, request: StoreRequest) -> Result<Stored>;
    /// The entries closest to the query, of those whose vectors were made by the present embedding model.
    async fn recall(&self, ctx: &CallCtx, request: RecallRequest) -> Result<Recalled>;
    /// Entries, newest first, whatever model made their vectors.
    async fn list(&self, ctx: &CallCtx, scope: Scope, page: PageRequest) -> Result<Page<Entry>>;
    /// Forgets an entry; `NotFound` if there is none.
    async fn delete(&self, ctx: &CallCtx, id: MemoryId) -> Result<()>;
    /// Forgets all entries of a scope; returns how many there were.
    async fn delete_scope(&self, ctx: &CallCtx, scope: Scope) -> Result<u64>;
    /// Which model makes the vectors, and what it can cost.
    async fn embedding_model(&self, ctx: &CallCtx) -> Result<EmbeddingModel>;
    /// Makes vectors of the present embedding model for entries that have those of another one, oldest first. What is
    /// done stays done if it fails in the middle.
    async fn reembed(&self, ctx: &CallCtx, max_cost: Option<Money>) -> Result<Reembedded>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_entry_has_the_same_id_each_time_and_no_other_has_it() {
        let (execution, other) = (ExecutionId::generate(), ExecutionId::generate());
        let node = |name: &str| NodeId::new(name).unwrap();
        let id = node_entry_id(execution, &node("a"), 1, "store");
        assert_eq!(id, node_entry_id(execution, &node("a"), 1, "store"));
        assert_eq!(id.uuid().get_version_num(), 7);
        assert_eq!(id.uuid().as_bytes()[..6], execution.uuid().as_bytes()[..6]);
        let others = [
            node_entry_id(other, &node("a"), 1, "store"),
            node_entry_id(execution, &node("b"), 1, "store"),
            node_entry_id(execution, &node("a"), 2, "store"),
            node_entry_id(execution, &node("a"), 1, "call 1"),
        ];
        assert!(!others.contains(&id));
    }

    #[test]
    fn pieces_are_short_and_whole_and_the_worst_case_covers_their_bytes() {
        let model =
            EmbeddingModel { model: "m".to_owned(), per_token: Some(Money::from_picos(1)), piece_bytes: 10 };
        let text = "aé日🦀".repeat(20);
        let pieces = model.pieces(&text);
        assert_eq!(pieces.concat(), text);
        assert!(pieces.iter().all(|piece| !piece.is_empty() && piece.len() <= 10), "{pieces:?}");
        assert!(model.worst_case(&text).unwrap().picos() >= text.len() as i64);
        assert_eq!(model.pieces(""), [""]);
        assert_eq!(EmbeddingModel { per_token: None, ..model }.worst_case("x"), None);
    }
}
