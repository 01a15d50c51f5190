//! Documents made ready to run, kept while they are used: many executions share one version. Not here: documents.

use crate::Deps;
use nexus_api::{CallCtx, Error, Memory, Result, Workspace};
use nexus_engine::{Definition, Mark, State};
use nexus_model::{
    Document, WorkflowId,
    document::{NodeKind, Tool},
    limits::Limits,
    price::{EmbeddingModel, PriceBook},
};
use nexus_store::{Loaded, Store};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Versions kept at a time; on overflow all are dropped, which costs one parse each.
const KEPT: usize = 256;

/// How long memory may take to say which model it uses.
const MEMORY_ANSWERS: Duration = Duration::from_secs(5);

/// How long to wait before memory is asked once more.
const ASK_AGAIN: Duration = Duration::from_millis(250);

async fn ask(memory: &dyn Memory) -> Result<EmbeddingModel> {
    let ctx = CallCtx::background().with_timeout(MEMORY_ANSWERS);
    ctx.bound(memory.embedding_model(&ctx)).await
}

fn uses_memory(document: &Document) -> bool {
    document.graph.nodes.iter().any(|node| match &node.kind {
        NodeKind::Agent(agent) => agent.memory.is_some(),
        NodeKind::Tool(tool) => matches!(tool.tool, Tool::MemoryStore { .. } | Tool::MemoryRecall { .. }),
        NodeKind::Conditional(_) => false,
    })
}

/// A cache of definitions over the store. Versions never change, so nothing goes stale.
pub(crate) struct Definitions {
    store: Arc<dyn Store>,
    memory: Arc<dyn Memory>,
    prices: Arc<PriceBook>,
    limits: Limits,
    mark: Mark,
    kept: Mutex<HashMap<(WorkflowId, u32), Arc<Definition>>>,
}

impl Definitions {
    pub(crate) fn new(deps: &Deps) -> Self {
        Self {
            store: deps.store.clone(),
            memory: deps.memory.clone(),
            prices: deps.prices.clone(),
            limits: deps.limits,
            mark: deps.vault.mark().clone(),
            kept: Mutex::default(),
        }
    }

    /// The definition of a stored version. `priced`: to run it; what memory costs is of no interest to those who only
    /// look, and memory may be slow to say.
    async fn get(
        &self,
        workspace: &Workspace,
        id: WorkflowId,
        version: u32,
        priced: bool,
    ) -> Result<Arc<Definition>> {
        let key = (id, version);
        if let Some(found) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(found.clone());
        }
        let workflow = self.store.get_workflow(workspace, id, Some(version)).await?;
        let workflow =
            workflow.ok_or_else(|| Error::not_found(format!("version {version} of workflow {id}")))?;
        let document: Document = serde_json::from_value(Value::Object(workflow.document))
            .map_err(|error| Error::internal(format!("stored document {id} v{version}: {error}")))?;
        let (embedding, certain) = self.embedding(&document, priced).await;
        let definition = Definition::priced(document, &self.limits, self.prices.clone(), embedding);
        let definition = Arc::new(definition.with_mark(self.mark.clone()));
        if !certain {
            return Ok(definition);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, definition.clone());
        Ok(definition)
    }

    /// What memory's vectors cost, if the document uses memory, and whether that is certain: while memory is away
    /// nobody can say, and nothing is embedded either.
    async fn embedding(&self, document: &Document, priced: bool) -> (Option<EmbeddingModel>, bool) {
        let uses_memory = uses_memory(document);
        if !uses_memory || !priced {
            return (None, !uses_memory);
        }
        match ask(&*self.memory).await {
            Ok(model) => (Some(model), true),
            Err(error) => {
                tracing::warn!(%error, "memory does not say what its embeddings cost; it is asked again");
                (None, false)
            }
        }
    }

    /// What memory's vectors cost, as soon as memory says so. `None` if the state knows, or does not need to.
    pub(crate) fn missing_price(
        &self,
        state: &State,
    ) -> Option<impl Future<Output = EmbeddingModel> + use<>> {
        let needed = state.embedding.is_none() && uses_memory(&state.definition.document);
        let memory = self.memory.clone();
        needed.then_some(async move {
            loop {
                match ask(&*memory).await {
                    Ok(model) => return model,
                    Err(_) => tokio::time::sleep(ASK_AGAIN).await,
                }
            }
        })
    }

    /// The state of an execution as its journal has it, to look at it or to end it.
    pub(crate) async fn state(&self, loaded: &Loaded) -> Result<State> {
        self.load(loaded, false).await
    }

    /// The state of an execution as its journal has it, to run it.
    pub(crate) async fn state_to_run(&self, loaded: &Loaded) -> Result<State> {
        self.load(loaded, true).await
    }

    async fn load(&self, loaded: &Loaded, priced: bool) -> Result<State> {
        let summary = &loaded.head.summary;
        let definition =
            self.get(&loaded.head.workspace, summary.workflow_id, summary.workflow_version, priced).await?;
        State::new(definition, summary.id, Arc::new(loaded.head.inputs.clone()), loaded.head.budget)
            .replay(&loaded.journal)
            .map_err(|error| Error::internal(format!("execution {}: {error}", summary.id)))
    }
}
