//! Documents made ready to run, kept while they are used: many executions share one version. Not here: documents.

use nexus_api::{Error, Result};
use nexus_engine::{Definition, State};
use nexus_model::{Document, WorkflowId, limits::Limits};
use nexus_store::{Loaded, Store};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Versions kept at a time; on overflow all are dropped, which costs one parse each.
const KEPT: usize = 256;

/// A cache of definitions over the store. Versions never change, so nothing goes stale.
pub(crate) struct Definitions {
    store: Arc<dyn Store>,
    limits: Limits,
    kept: Mutex<HashMap<(WorkflowId, u32), Arc<Definition>>>,
}

impl Definitions {
    pub(crate) fn new(store: Arc<dyn Store>, limits: Limits) -> Self {
        Self { store, limits, kept: Mutex::default() }
    }

    /// The definition of a stored version.
    pub(crate) async fn get(&self, id: WorkflowId, version: u32) -> Result<Arc<Definition>> {
        let key = (id, version);
        if let Some(found) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(found.clone());
        }
        let workflow = self.store.get_workflow(id, Some(version)).await?;
        let workflow =
            workflow.ok_or_else(|| Error::not_found(format!("version {version} of workflow {id}")))?;
        let document: Document = serde_json::from_value(Value::Object(workflow.document))
            .map_err(|error| Error::internal(format!("stored document {id} v{version}: {error}")))?;
        let definition = Arc::new(Definition::new(document, &self.limits));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, definition.clone());
        Ok(definition)
    }

    /// The state of an execution as its journal has it.
    pub(crate) async fn state(&self, loaded: &Loaded) -> Result<State> {
        let summary = &loaded.head.summary;
        let definition = self.get(summary.workflow_id, summary.workflow_version).await?;
        State::new(definition, summary.id, Arc::new(loaded.head.inputs.clone()), loaded.head.budget)
            .replay(&loaded.journal)
            .map_err(|error| Error::internal(format!("execution {}: {error}", summary.id)))
    }
}
