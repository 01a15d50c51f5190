//! The memory port over REST. Not here: what commands do with it.

use super::{Query, Remote};
use async_trait::async_trait;
use nexus_api::{
    CallCtx, Error, Memory, Result,
    memory::{EmbeddingModel, Entry, RecallRequest, Recalled, Reembedded, Scope, StoreRequest, Stored},
    planner::PageRequest,
};
use nexus_model::{MemoryId, Money, price::Usage, workflow::Page};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What an answer cost.
#[derive(Deserialize)]
struct Paid<T> {
    #[serde(flatten)]
    answer: T,
    tokens: u64,
    cost_usd: Money,
}

impl<T> Paid<T> {
    fn usage(&self) -> Usage {
        Usage { input: self.tokens, ..Usage::default() }
    }
}

#[derive(Deserialize)]
struct Id {
    id: MemoryId,
}

#[derive(Deserialize)]
struct Entries {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Counts {
    entries: u64,
    remaining: u64,
}

#[derive(Deserialize)]
struct Deleted {
    deleted: u64,
}

/// The members that name a scope.
fn members(scope: Scope) -> Map<String, Value> {
    let id = match scope {
        Scope::Execution(id) => Some(("execution_id", id.to_string())),
        Scope::Workflow(id) => Some(("workflow_id", id.to_string())),
        Scope::Global => None,
    };
    let kind = ("scope", json!(scope.kind()));
    let id = id.map(|(name, id)| (name, Value::String(id)));
    [Some(kind), id].into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The same as parameters of an address.
fn parameters(scope: Scope) -> Query {
    let (kind, execution, workflow) = match scope {
        Scope::Execution(id) => ("execution", Some(id), None),
        Scope::Workflow(id) => ("workflow", None, Some(id)),
        Scope::Global => ("global", None, None),
    };
    Query::default().with("scope", Some(kind)).with("execution_id", execution).with("workflow_id", workflow)
}

#[async_trait]
impl Memory for Remote {
    async fn store(&self, ctx: &CallCtx, request: StoreRequest) -> Result<Stored> {
        let mut body = members(request.scope);
        body.insert("text".to_owned(), request.text.into());
        body.insert("metadata".to_owned(), request.metadata.into());
        body.insert("id".to_owned(), json!(request.id));
        body.insert("max_cost_usd".to_owned(), json!(request.max_cost));
        let stored: Paid<Id> = self.call(ctx, self.post("/memory", &body.into())).await?;
        Ok(Stored { id: stored.answer.id, usage: stored.usage(), cost: stored.cost_usd })
    }

    async fn recall(&self, ctx: &CallCtx, request: RecallRequest) -> Result<Recalled> {
        let mut body = members(request.scope);
        body.insert("query".to_owned(), request.query.into());
        body.insert("top_k".to_owned(), request.top_k.into());
        body.insert("max_cost_usd".to_owned(), json!(request.max_cost));
        let found: Paid<Entries> = self.call(ctx, self.post("/memory/recall", &body.into())).await?;
        let usage = found.usage();
        Ok(Recalled { entries: found.answer.entries, usage, cost: found.cost_usd })
    }

    async fn list(&self, ctx: &CallCtx, scope: Scope, page: PageRequest) -> Result<Page<Entry>> {
        self.call(ctx, self.get(&parameters(scope).page(page).of("/memory"))).await
    }

    async fn delete(&self, _: &CallCtx, id: MemoryId) -> Result<()> {
        self.send(self.request(Method::DELETE, &format!("/memory/{id}"))).await.map(drop)
    }

    async fn delete_scope(&self, ctx: &CallCtx, scope: Scope) -> Result<u64> {
        let request = self.request(Method::DELETE, &parameters(scope).of("/memory"));
        let deleted: Deleted = self.call(ctx, request).await?;
        Ok(deleted.deleted)
    }

    async fn embedding_model(&self, _: &CallCtx) -> Result<EmbeddingModel> {
        Err(Error::unimplemented("asking for the embedding model from the command line"))
    }

    async fn reembed(&self, ctx: &CallCtx, max_cost: Option<Money>) -> Result<Reembedded> {
        let body = json!({"max_cost_usd": max_cost});
        let done: Paid<Counts> = self.call(ctx, self.post("/memory/reembed", &body)).await?;
        let usage = done.usage();
        let Counts { entries, remaining } = done.answer;
        Ok(Reembedded { entries, remaining, usage, cost: done.cost_usd })
    }
}
