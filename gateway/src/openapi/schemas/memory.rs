//! Shapes of memory. Not here: entries, which executions list, too.

use super::MemoryEntry;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A text to keep.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreMemory {
    /// `execution`, `workflow` or `global`; if absent, the id that is given decides.
    scope: Option<String>,
    /// The execution, with scope `execution`.
    execution_id: Option<Uuid>,
    /// The workflow, with scope `workflow`.
    workflow_id: Option<Uuid>,
    /// The text, at most 64 KiB.
    #[schema(min_length = 1)]
    text: String,
    /// What to keep beside it, at most 16 KiB of JSON.
    metadata: Option<BTreeMap<String, Value>>,
    /// The entry's id, so that storing may be repeated; made up if absent.
    id: Option<Uuid>,
    /// Most that may be spent on its embedding, in dollars.
    #[schema(minimum = 0)]
    max_cost_usd: Option<f64>,
}

/// The text is kept.
#[derive(Serialize, ToSchema)]
pub(crate) struct StoredMemory {
    /// The entry's id.
    id: Uuid,
    /// Tokens of the embedding.
    tokens: u64,
    /// Their price in dollars.
    cost_usd: f64,
}

/// What to look for.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecallMemory {
    /// `execution`, `workflow` or `global`; if absent, the id that is given decides.
    scope: Option<String>,
    /// The execution, with scope `execution`.
    execution_id: Option<Uuid>,
    /// The workflow, with scope `workflow`.
    workflow_id: Option<Uuid>,
    /// Like what, at most 64 KiB.
    #[schema(min_length = 1)]
    query: String,
    /// Most entries; 5 if absent.
    #[schema(minimum = 1, maximum = 100)]
    top_k: Option<u32>,
    /// Most that may be spent on the query's embedding, in dollars.
    #[schema(minimum = 0)]
    max_cost_usd: Option<f64>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecalledMemory {
    /// The entries, the closest first.
    entries: Vec<MemoryEntry>,
    /// Tokens of the query's embedding.
    tokens: u64,
    /// Their price in dollars.
    cost_usd: f64,
}

/// What a reembedding may cost.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReembedMemory {
    /// Most that may be spent, in dollars.
    #[schema(minimum = 0)]
    max_cost_usd: Option<f64>,
}

/// What became of a reembedding.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReembeddedMemory {
    /// Entries that have a vector of the present model now and had not before.
    entries: u64,
    /// Entries that still have none.
    remaining: u64,
    /// Tokens of the embeddings.
    tokens: u64,
    /// Their price in dollars.
    cost_usd: f64,
}

/// The embedding model.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemoryModel {
    /// `provider/model`.
    model: String,
    /// Dollars per million tokens; null if it has no price.
    #[schema(required)]
    usd_per_mtok: Option<f64>,
}

/// How many entries a scope had.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeletedMemory {
    /// So many.
    deleted: u64,
}

/// Whose memory.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MemoryScopeFilter {
    /// `execution`, `workflow` or `global`; if absent, the id that is given decides.
    scope: Option<String>,
    /// The execution, with scope `execution`.
    execution_id: Option<Uuid>,
    /// The workflow, with scope `workflow`.
    workflow_id: Option<Uuid>,
}

/// An entry's id in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct MemoryIdParam {
    /// Id of the entry.
    id: Uuid,
}
