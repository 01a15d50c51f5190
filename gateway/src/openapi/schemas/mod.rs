//! The shapes of requests and answers, for the OpenAPI document only: they are never filled. The types that are
//! (`nexus_model`, `nexus_api`) know nothing of OpenAPI; a test compares the two, member by member.
//! Not here: the shape of failures (`error`), which route takes what (`routes`).

#![expect(dead_code, reason = "only their description is used")]

mod document;
mod endpoint;
mod execution;
mod memory;
mod scraping;
mod secrets;

pub(crate) use document::*;
pub(crate) use endpoint::*;
pub(crate) use execution::*;
pub(crate) use memory::*;
pub(crate) use scraping::*;
pub(crate) use secrets::*;

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The entries.
    items: Vec<T>,
    /// Give it as `cursor` to get the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A JSON object with any members.
#[derive(Serialize, ToSchema)]
pub(crate) struct AnyObject(BTreeMap<String, Value>);

/// Which part of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// Most entries; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which executions.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatusFilter {
    /// Only those with this status.
    #[param(inline)]
    status: Option<ExecutionStatus>,
}

/// Which events.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct After {
    /// Only events after this sequence number; 0 if absent.
    after: Option<u64>,
}

/// A workflow's id in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct WorkflowIdParam {
    /// Id of the workflow.
    id: Uuid,
}

/// An execution's id in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ExecutionIdParam {
    /// Id of the execution.
    id: Uuid,
}

/// A job's id in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct JobIdParam {
    /// Id of the scraper job.
    id: Uuid,
}

/// What the client has already.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IfNoneMatch {
    /// `ETag` of the version that the client has.
    #[param(rename = "If-None-Match")]
    if_none_match: Option<String>,
}

/// How a browser sends its key with a WebSocket.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Subprotocol {
    /// `nexus, bearer.KEY` where headers cannot be set; the answer is `nexus`.
    #[param(rename = "Sec-WebSocket-Protocol")]
    protocol: Option<String>,
}

/// The process lives.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    status: String,
    /// Version of the server.
    version: String,
}

/// The server can be used.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Always `ready`.
    status: String,
    /// Version of the server.
    version: String,
    /// Each dependency, always `ok`.
    checks: BTreeMap<String, String>,
}

/// What a model is for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    Chat,
    Responses,
    Embedding,
}

/// A model and its prices.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelInfo {
    /// `provider/model`.
    #[schema(example = "openai/gpt-5.6-luna")]
    id: String,
    /// The provider.
    provider: String,
    /// What it is for.
    mode: Mode,
    /// Whether it can be called: the provider has a key.
    configured: bool,
    /// Dollars per million prompt tokens, lowest context tier.
    #[schema(required)]
    input_usd_per_mtok: Option<f64>,
    /// Dollars per million cached prompt tokens.
    #[schema(required)]
    cached_input_usd_per_mtok: Option<f64>,
    /// Dollars per million tokens of the answer.
    #[schema(required)]
    output_usd_per_mtok: Option<f64>,
    /// Tokens that fit.
    #[schema(required)]
    context_window: Option<u64>,
    /// Most tokens of an answer.
    #[schema(required)]
    max_output_tokens: Option<u64>,
    /// E.g. `tools`, `structured_output`.
    capabilities: Vec<String>,
    /// Day it is switched off.
    #[schema(required)]
    deprecation_date: Option<String>,
}

/// A kept text.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemoryEntry {
    /// Its id.
    id: Uuid,
    /// The text.
    text: String,
    /// What was kept beside it.
    metadata: BTreeMap<String, Value>,
    /// Likeness to the query: the cosine of the angle between the two vectors, below 0 taken for 0; absent in lists.
    #[schema(nullable = false)]
    score: Option<f32>,
    /// When it was kept.
    #[schema(format = DateTime)]
    created_at: String,
}
