//! The memory port over a place for entries and an embedder. Not here: either of them.

use crate::{
    cursor,
    embedder::{Embedder, Embedding},
    limits,
};
use async_trait::async_trait;
use nexus_api::{
    CallCtx, Code, Error, Llm, Memory, Result,
    memory::{EmbeddingModel, Entry, RecallRequest, Recalled, Reembedded, Scope, StoreRequest, Stored},
    planner::PageRequest,
};
use nexus_model::{
    MemoryId, Money, Timestamp,
    price::{PriceBook, Usage},
    workflow::Page,
};
use nexus_runtime::metrics::{Service, operation};
use nexus_store::{Kept, MemoryStore, Shelf, Space};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// What memory is built on.
#[derive(Clone)]
pub struct Deps {
    /// Where entries are kept.
    pub store: Arc<dyn MemoryStore>,
    /// What makes vectors, unless they are made here.
    pub llm: Arc<dyn Llm>,
    /// What that costs.
    pub prices: Arc<PriceBook>,
    /// The embedding model, `provider/model`; without it OpenAI's small one if that is configured, else the built-in.
    pub model: Option<String>,
}

impl std::fmt::Debug for Deps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deps").field("model", &self.model).finish_non_exhaustive()
    }
}

/// The memory. Cheap to clone.
#[derive(Clone)]
pub struct MemoryService(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn MemoryStore>,
    pub(crate) embedder: Embedder,
    /// Length of the model's vectors, once it is known to fit what is kept; 0 before.
    pub(crate) dimensions: AtomicU32,
    /// Only one reembedding at a time: two would pay twice.
    pub(crate) reembedding: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for MemoryService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryService")
    }
}

impl MemoryService {
    /// Memory over these. Calls nobody yet.
    pub fn new(deps: Deps) -> Self {
        Self(Arc::new(Inner {
            store: deps.store,
            embedder: Embedder::new(deps.llm, deps.prices, deps.model),
            dimensions: AtomicU32::new(0),
            reembedding: tokio::sync::Mutex::default(),
        }))
    }

    /// Answers once everything that memory needs has answered; says in the log which model makes vectors, and whether
    /// entries wait for a reembedding.
    ///
    /// # Errors
    /// `Invalid` if the configuration is wrong: waiting will not help. Others may pass.
    pub async fn ready(&self) -> Result<()> {
        let model = self.0.embedder.model(&CallCtx::background()).await?;
        self.0.store.check().await?;
        let spaces = self.0.store.spaces().await?;
        let former: u64 =
            spaces.iter().filter(|(space, _)| space.model != model.model).map(|(_, count)| count).sum();
        tracing::info!(model = %model.model, "memory is ready");
        if former > 0 {
            tracing::warn!(
                entries = former,
                model = %model.model,
                "entries of memory were made by another embedding model and are not found until `nexus memory reembed` has run"
            );
        }
        Ok(())
    }

    /// The space of these vectors, if they fit what is kept already.
    pub(crate) async fn space(&self, model: &EmbeddingModel, embedding: &Embedding) -> Result<Space> {
        let length = embedding.vectors.first().map_or(0, Vec::len);
        let dimensions = u32::try_from(length).map_err(Error::internal)?;
        let space = Space { model: model.model.clone(), dimensions };
        if self.0.dimensions.load(Ordering::Relaxed) == dimensions {
            return Ok(space);
        }
        let spaces = self.0.store.spaces().await?;
        let mut same = spaces.iter().map(|(space, _)| space).filter(|known| known.model == space.model);
        let first = same.next();
        match first {
            Some(known) if *known != space && !same.any(|known| *known == space) => {
                Err(mismatch(known, dimensions))
            }
            _ => {
                self.0.dimensions.store(dimensions, Ordering::Relaxed);
                Ok(space)
            }
        }
    }

    async fn keep(&self, ctx: &CallCtx, mut request: StoreRequest) -> Result<Stored> {
        limits::check_store(&request).map_err(Error::unspent)?;
        if request.text.contains('\0') {
            // Which not every place can keep.
            request.text = request.text.replace('\0', "\u{fffd}");
        }
        let shelf = shelf_of(ctx, request.scope);
        let model = self.0.embedder.model(ctx).await?;
        let mut created_at = Timestamp::now();
        if let Some(id) = request.id
            && let Some(found) = self.0.store.find(id).await.map_err(Error::unspent)?
        {
            if found.shelf != shelf {
                return Err(Error::new(Code::Conflict, format!("the id {id} is taken in another scope"))
                    .suggest("use another id, or none")
                    .unspent());
            }
            let same = found.entry.text == request.text && found.entry.metadata == request.metadata;
            if same && found.space.model == model.model {
                return Ok(Stored { id, usage: Usage::default(), cost: Money::ZERO });
            }
            created_at = found.entry.created_at;
        }
        let embedding = self.0.embedder.embed(ctx, &[&request.text], request.max_cost).await?;
        let id = request.id.unwrap_or_else(MemoryId::generate);
        let put = async {
            let space = self.space(model, &embedding).await?;
            let vector = embedding.vectors.first().cloned().unwrap_or_default();
            let entry = Entry { id, text: request.text, metadata: request.metadata, score: None, created_at };
            self.0.store.put(&space, Kept { shelf, entry, vector }).await
        };
        put.await.map_err(|error| embedding.paid(error))?;
        Ok(Stored { id, usage: embedding.usage, cost: embedding.cost })
    }

    async fn find(&self, ctx: &CallCtx, request: RecallRequest) -> Result<Recalled> {
        limits::check_recall(&request).map_err(Error::unspent)?;
        let model = self.0.embedder.model(ctx).await?;
        let embedding = self.0.embedder.embed(ctx, &[&request.query], request.max_cost).await?;
        let search = async {
            let space = self.space(model, &embedding).await?;
            let vector = embedding.vectors.first().map(Vec::as_slice).unwrap_or_default();
            self.0.store.nearest(&space, &shelf_of(ctx, request.scope), vector, request.top_k).await
        };
        let entries = search.await.map_err(|error| embedding.paid(error))?;
        Ok(Recalled { entries, usage: embedding.usage, cost: embedding.cost })
    }
}

/// The caller's memory of this scope.
fn shelf_of(ctx: &CallCtx, scope: Scope) -> Shelf {
    Shelf { workspace: ctx.workspace.clone(), scope }
}

fn mismatch(known: &Space, now: u32) -> Error {
    Error::new(
        Code::Conflict,
        format!(
            "the embedding model `{}` makes vectors of {now} numbers, but memory holds vectors of {} numbers made by it",
            known.model, known.dimensions
        ),
    )
    .reason("dimension_mismatch")
    .suggest("if the model was changed on purpose, run `nexus memory reembed`; else set EMBEDDING_MODEL back")
}

#[async_trait]
impl Memory for MemoryService {
    async fn store(&self, ctx: &CallCtx, request: StoreRequest) -> Result<Stored> {
        operation(Service::Memory, "store", self.keep(ctx, request)).await
    }

    async fn recall(&self, ctx: &CallCtx, request: RecallRequest) -> Result<Recalled> {
        operation(Service::Memory, "recall", self.find(ctx, request)).await
    }

    async fn list(&self, ctx: &CallCtx, scope: Scope, page: PageRequest) -> Result<Page<Entry>> {
        let limit = page.checked_limit()?;
        let after = cursor::read(page.cursor.as_deref())?;
        Ok(cursor::page(self.0.store.list(&shelf_of(ctx, scope), after, limit + 1).await?, limit))
    }

    async fn delete(&self, ctx: &CallCtx, id: MemoryId) -> Result<()> {
        let found = self.0.store.find(id).await?;
        // An entry never changes its workspace, so that nothing can come in between.
        let is_theirs = found.is_some_and(|found| found.shelf.workspace == ctx.workspace);
        if is_theirs && self.0.store.delete(id).await? {
            Ok(())
        } else {
            Err(Error::not_found(format_args!("memory entry {id}")))
        }
    }

    async fn delete_scope(&self, ctx: &CallCtx, scope: Scope) -> Result<u64> {
        self.0.store.delete_shelf(&shelf_of(ctx, scope)).await
    }

    async fn embedding_model(&self, ctx: &CallCtx) -> Result<EmbeddingModel> {
        self.0.embedder.model(ctx).await.cloned()
    }

    async fn reembed(&self, ctx: &CallCtx, max_cost: Option<Money>) -> Result<Reembedded> {
        operation(Service::Memory, "reembed", self.make_anew(ctx, max_cost)).await
    }
}
