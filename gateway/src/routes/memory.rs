//! Memory: keeping texts, finding them again, forgetting them. Not here: an execution's own list (`executions`).

use crate::{
    app::App,
    body::Strict,
    context::Call,
    error::{Answer, Failure},
    openapi::schemas,
    params::{Id, Query},
};
use axum::{Json, extract::State};
use http::StatusCode;
use nexus_api::{
    Code,
    memory::{DEFAULT_TOP_K, Entry, RecallRequest, Scope, StoreRequest},
};
use nexus_model::{MemoryId, Money, id::InvalidId, price::Usage, workflow::Page};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::str::FromStr;

/// Whose memory a request means, as its body says it.
#[derive(Debug, Default)]
struct Which<'a> {
    scope: Option<&'a str>,
    execution_id: Option<&'a str>,
    workflow_id: Option<&'a str>,
}

impl Which<'_> {
    /// Without `scope` the id that is given decides; without any of the three it is everybody's.
    fn scope(&self) -> Answer<Scope> {
        match (self.scope, self.execution_id, self.workflow_id) {
            (Some("execution") | None, Some(id), None) => parse("execution_id", id).map(Scope::Execution),
            (Some("workflow") | None, None, Some(id)) => parse("workflow_id", id).map(Scope::Workflow),
            (Some("global") | None, None, None) => Ok(Scope::Global),
            (Some("execution"), None, None) => Err(missing("execution_id")),
            (Some("workflow"), None, None) => Err(missing("workflow_id")),
            (Some("execution" | "workflow" | "global") | None, ..) => {
                Err(wrong("scope", "give the id that goes with the scope, and no other"))
            }
            (Some(_), ..) => Err(wrong("scope", "must be execution, workflow or global")),
        }
    }
}

fn parse<T: FromStr<Err = InvalidId>>(name: &str, text: &str) -> Answer<T> {
    text.parse().map_err(|error: InvalidId| Failure::malformed(name, error.to_string()))
}

fn missing(name: &str) -> Failure {
    wrong(name, "is missing; the scope needs it")
}

fn wrong(name: &str, what: &str) -> Failure {
    let error = nexus_api::Error::new(Code::Invalid, format!("`{name}` {what}"));
    error
        .suggest("name one scope: execution with execution_id, workflow with workflow_id, or global")
        .detail(name, what)
        .into()
}

fn max_cost(usd: Option<Money>) -> Answer<Option<Money>> {
    match usd {
        Some(most) if most < Money::ZERO => Err(wrong("max_cost_usd", "must not be negative")),
        most => Ok(most),
    }
}

/// A text to keep.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreBody {
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    execution_id: Option<String>,
    #[serde(default)]
    workflow_id: Option<String>,
    text: String,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    max_cost_usd: Option<Money>,
}

/// What to look for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecallBody {
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    execution_id: Option<String>,
    #[serde(default)]
    workflow_id: Option<String>,
    query: String,
    #[serde(default)]
    top_k: Option<u32>,
    #[serde(default)]
    max_cost_usd: Option<Money>,
}

/// What a reembedding may cost.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReembedBody {
    #[serde(default)]
    max_cost_usd: Option<Money>,
}

/// What it cost, beside the answer itself.
#[derive(Debug, Serialize)]
pub(crate) struct Paid<T> {
    #[serde(flatten)]
    answer: T,
    tokens: u64,
    cost_usd: Money,
}

impl<T> Paid<T> {
    fn new(answer: T, usage: Usage, cost_usd: Money) -> Json<Self> {
        Json(Self { answer, tokens: usage.prompt(), cost_usd })
    }
}

/// A kept text's id.
#[derive(Debug, Serialize)]
pub(crate) struct StoredId {
    id: MemoryId,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    entries: Vec<Entry>,
}

/// What became of a reembedding.
#[derive(Debug, Serialize)]
pub(crate) struct Reembedded {
    entries: u64,
    remaining: u64,
}

/// The embedding model.
#[derive(Debug, Serialize)]
pub(crate) struct Model {
    model: String,
    usd_per_mtok: Option<Money>,
}

/// How many entries a scope had.
#[derive(Debug, Serialize)]
pub(crate) struct Deleted {
    deleted: u64,
}

/// Keep a text
///
/// When it answers, the entry is durable. With an `id` it may be repeated: an entry of this id in the same scope is
/// replaced, and if it holds the same already nothing is done or paid.
#[utoipa::path(
    post, path = "/api/v1/memory", tag = "memory", operation_id = "store_memory",
    request_body = schemas::StoreMemory,
    responses(
        (status = 201, description = "It is kept", body = schemas::StoredMemory),
        (status = 402, description = "It may cost more than `max_cost_usd`; nobody was called"),
        (status = 409, description = "The id is taken in another scope, or the vectors do not fit those kept"),
    )
)]
pub(crate) async fn store(
    State(app): State<App>,
    Call(ctx): Call,
    Strict(body): Strict<StoreBody>,
) -> Answer<(StatusCode, Json<Paid<StoredId>>)> {
    let which = Which {
        scope: body.scope.as_deref(),
        execution_id: body.execution_id.as_deref(),
        workflow_id: body.workflow_id.as_deref(),
    };
    let request = StoreRequest {
        scope: which.scope()?,
        text: body.text,
        metadata: body.metadata.unwrap_or_default(),
        id: body.id.as_deref().map(|id| parse("id", id)).transpose()?,
        max_cost: max_cost(body.max_cost_usd)?,
    };
    let stored = ctx.bound(app.ports.memory.store(&ctx, request)).await?;
    Ok((StatusCode::CREATED, Paid::new(StoredId { id: stored.id }, stored.usage, stored.cost)))
}

/// Find texts
///
/// The entries of one scope closest to the query, the closest first. `score` is the cosine of the angle between the two
/// vectors, below 0 taken for 0. Entries whose vectors another embedding model has made are not found.
#[utoipa::path(
    post, path = "/api/v1/memory/recall", tag = "memory", operation_id = "recall_memory",
    request_body = schemas::RecallMemory,
    responses(
        (status = 200, description = "What was found", body = schemas::RecalledMemory),
        (status = 402, description = "It may cost more than `max_cost_usd`; nobody was called"),
    )
)]
pub(crate) async fn recall(
    State(app): State<App>,
    Call(ctx): Call,
    Strict(body): Strict<RecallBody>,
) -> Answer<Json<Paid<Found>>> {
    let which = Which {
        scope: body.scope.as_deref(),
        execution_id: body.execution_id.as_deref(),
        workflow_id: body.workflow_id.as_deref(),
    };
    let request = RecallRequest {
        scope: which.scope()?,
        query: body.query,
        top_k: body.top_k.unwrap_or(DEFAULT_TOP_K),
        max_cost: max_cost(body.max_cost_usd)?,
    };
    let found = ctx.bound(app.ports.memory.recall(&ctx, request)).await?;
    Ok(Paid::new(Found { entries: found.entries }, found.usage, found.cost))
}

fn named(query: &Query) -> Which<'_> {
    Which {
        scope: query.text("scope"),
        execution_id: query.text("execution_id"),
        workflow_id: query.text("workflow_id"),
    }
}

/// List texts
///
/// Those of one scope, newest first.
#[utoipa::path(
    get, path = "/api/v1/memory", tag = "memory", operation_id = "list_memory",
    params(schemas::MemoryScopeFilter, schemas::Paging),
    responses(
        (status = 200, description = "A page of memory entries", body = schemas::Page<schemas::MemoryEntry>),
        (status = 422, description = "The scope is not one, or lacks its id"),
    )
)]
pub(crate) async fn list(State(app): State<App>, Call(ctx): Call, query: Query) -> Answer<Json<Page<Entry>>> {
    let scope = named(&query).scope()?;
    Ok(Json(ctx.bound(app.ports.memory.list(&ctx, scope, query.page()?)).await?))
}

/// Forget all texts of a scope
///
/// `scope` must be given here, so that nothing is forgotten by mistake.
#[utoipa::path(
    delete, path = "/api/v1/memory", tag = "memory", operation_id = "delete_memory_scope",
    params(schemas::MemoryScopeFilter),
    responses(
        (status = 200, description = "How many there were", body = schemas::DeletedMemory),
        (status = 422, description = "The scope is missing, not one, or lacks its id"),
    )
)]
pub(crate) async fn delete_scope(
    State(app): State<App>,
    Call(ctx): Call,
    query: Query,
) -> Answer<Json<Deleted>> {
    if query.text("scope").is_none() {
        return Err(missing("scope"));
    }
    let scope = named(&query).scope()?;
    let deleted = ctx.bound(app.ports.memory.delete_scope(&ctx, scope)).await?;
    Ok(Json(Deleted { deleted }))
}

/// Forget a text
#[utoipa::path(
    delete, path = "/api/v1/memory/{id}", tag = "memory", operation_id = "delete_memory",
    params(schemas::MemoryIdParam),
    responses(
        (status = 204, description = "It is forgotten"),
        (status = 404, description = "There is no such entry"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Call(ctx): Call,
    Id(id): Id<MemoryId>,
) -> Answer<StatusCode> {
    ctx.bound(app.ports.memory.delete(&ctx, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get the embedding model
///
/// The one that makes the vectors of texts and queries, and what it costs.
#[utoipa::path(
    get, path = "/api/v1/memory/model", tag = "memory", operation_id = "get_memory_model",
    responses((status = 200, description = "The model", body = schemas::MemoryModel))
)]
pub(crate) async fn model(State(app): State<App>, Call(ctx): Call) -> Answer<Json<Model>> {
    let model = ctx.bound(app.ports.memory.embedding_model(&ctx)).await?;
    let usd_per_mtok = model.per_token.map(|rate| rate.times(1_000_000));
    Ok(Json(Model { model: model.model, usd_per_mtok }))
}

/// Make vectors anew
///
/// With the present embedding model, for entries that have those of another one; needed after the model was changed.
/// Done in parts: repeat it until `remaining` is 0.
#[utoipa::path(
    post, path = "/api/v1/memory/reembed", tag = "memory", operation_id = "reembed_memory",
    request_body(content = schemas::ReembedMemory, description = "An empty body is `{}`"),
    responses(
        (status = 200, description = "What was done", body = schemas::ReembeddedMemory),
        (status = 402, description = "It may cost more than `max_cost_usd`"),
        (status = 409, description = "Another reembedding is under way"),
    )
)]
pub(crate) async fn reembed(
    State(app): State<App>,
    Call(ctx): Call,
    Strict(body): Strict<ReembedBody>,
) -> Answer<Json<Paid<Reembedded>>> {
    let done = ctx.bound(app.ports.memory.reembed(&ctx, max_cost(body.max_cost_usd)?)).await?;
    let answer = Reembedded { entries: done.entries, remaining: done.remaining };
    Ok(Paid::new(answer, done.usage, done.cost))
}
