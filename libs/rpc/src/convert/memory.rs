//! Memory entries and scopes, and what memory costs.

use super::{all, each, id, invalid, malformed, moment, money, object_or_empty, optional_id, timestamp};
use crate::{json::Struct, proto::memory as pb};
use nexus_api::{
    Error, Result,
    memory::{
        DEFAULT_TOP_K, EmbeddingModel, Entry, RecallRequest, Recalled, Reembedded, Scope, StoreRequest,
        Stored,
    },
};
use nexus_model::Money;

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

/// The same where a wrong guess would do harm.
pub(crate) fn named_scope(message: pb::DeleteScopeRequest) -> Result<Scope> {
    if message.scope.is_empty() {
        return Err(malformed("/scope", "is missing"));
    }
    scope(&message.scope, message.execution_id, message.workflow_id)
}

/// The same for a request: scope, execution id, workflow id.
pub(crate) fn scope_to_proto(scope: Scope) -> (String, Option<String>, Option<String>) {
    match scope {
        Scope::Execution(id) => ("execution".to_owned(), Some(id.to_string()), None),
        Scope::Workflow(id) => ("workflow".to_owned(), None, Some(id.to_string())),
        Scope::Global => ("global".to_owned(), None, None),
    }
}

/// The most that may be spent.
pub(crate) fn max_cost(usd: Option<f64>) -> Result<Option<Money>> {
    let limit = usd.map(|usd| money("/max_cost_usd", usd)).transpose()?;
    if limit.is_some_and(|limit| limit < Money::ZERO) {
        return Err(invalid("/max_cost_usd", "is negative"));
    }
    Ok(limit)
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

impl From<StoreRequest> for pb::StoreRequest {
    fn from(request: StoreRequest) -> Self {
        let (scope, execution_id, workflow_id) = scope_to_proto(request.scope);
        Self {
            scope,
            execution_id,
            workflow_id,
            text: request.text,
            metadata: Some(Struct::new(request.metadata)),
            id: request.id.map(|id| id.to_string()),
            max_cost_usd: request.max_cost.map(Money::usd),
        }
    }
}

impl TryFrom<pb::StoreRequest> for StoreRequest {
    type Error = Error;
    fn try_from(request: pb::StoreRequest) -> Result<Self> {
        Ok(Self {
            scope: scope(&request.scope, request.execution_id, request.workflow_id)?,
            text: request.text,
            metadata: object_or_empty("/metadata", request.metadata)?,
            id: optional_id("/id", request.id)?,
            max_cost: max_cost(request.max_cost_usd)?,
        })
    }
}

impl From<Stored> for pb::StoreResponse {
    fn from(stored: Stored) -> Self {
        Self {
            id: stored.id.to_string(),
            usage: Some(stored.usage.into()),
            cost_usd: stored.cost.usd(),
            cost_picos: stored.cost.picos(),
        }
    }
}

impl TryFrom<pb::StoreResponse> for Stored {
    type Error = Error;
    fn try_from(response: pb::StoreResponse) -> Result<Self> {
        Ok(Self {
            id: id("/id", &response.id)?,
            usage: response.usage.unwrap_or_default().into(),
            cost: Money::from_picos(response.cost_picos),
        })
    }
}

impl From<RecallRequest> for pb::RecallRequest {
    fn from(request: RecallRequest) -> Self {
        let (scope, execution_id, workflow_id) = scope_to_proto(request.scope);
        Self {
            scope,
            execution_id,
            workflow_id,
            query: request.query,
            top_k: Some(request.top_k),
            max_cost_usd: request.max_cost.map(Money::usd),
        }
    }
}

impl TryFrom<pb::RecallRequest> for RecallRequest {
    type Error = Error;
    fn try_from(request: pb::RecallRequest) -> Result<Self> {
        Ok(Self {
            scope: scope(&request.scope, request.execution_id, request.workflow_id)?,
            query: request.query,
            top_k: request.top_k.unwrap_or(DEFAULT_TOP_K),
            max_cost: max_cost(request.max_cost_usd)?,
        })
    }
}

impl From<Recalled> for pb::RecallResponse {
    fn from(recalled: Recalled) -> Self {
        Self {
            entries: each(recalled.entries),
            usage: Some(recalled.usage.into()),
            cost_usd: recalled.cost.usd(),
            cost_picos: recalled.cost.picos(),
        }
    }
}

impl TryFrom<pb::RecallResponse> for Recalled {
    type Error = Error;
    fn try_from(response: pb::RecallResponse) -> Result<Self> {
        Ok(Self {
            entries: all(response.entries)?,
            usage: response.usage.unwrap_or_default().into(),
            cost: Money::from_picos(response.cost_picos),
        })
    }
}

impl From<EmbeddingModel> for pb::GetEmbeddingModelResponse {
    fn from(model: EmbeddingModel) -> Self {
        Self {
            model: model.model,
            per_token_picos: model.per_token.map(Money::picos),
            piece_bytes: model.piece_bytes as u64,
        }
    }
}

impl TryFrom<pb::GetEmbeddingModelResponse> for EmbeddingModel {
    type Error = Error;
    fn try_from(response: pb::GetEmbeddingModelResponse) -> Result<Self> {
        Ok(Self {
            model: response.model,
            per_token: response.per_token_picos.map(Money::from_picos),
            piece_bytes: usize::try_from(response.piece_bytes)
                .map_err(|_| invalid("/piece_bytes", "is out of range"))?,
        })
    }
}

impl From<Reembedded> for pb::ReembedResponse {
    fn from(done: Reembedded) -> Self {
        Self {
            entries: done.entries,
            remaining: done.remaining,
            usage: Some(done.usage.into()),
            cost_usd: done.cost.usd(),
            cost_picos: done.cost.picos(),
        }
    }
}

impl From<pb::ReembedResponse> for Reembedded {
    fn from(response: pb::ReembedResponse) -> Self {
        Self {
            entries: response.entries,
            remaining: response.remaining,
            usage: response.usage.unwrap_or_default().into(),
            cost: Money::from_picos(response.cost_picos),
        }
    }
}
