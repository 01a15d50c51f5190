//! What earlier runs teach an estimate: read from the store, kept for some seconds, so that a builder that asks with
//! every keystroke costs the database little. Not here: SQL, what is made of it (`nexus-plan`).

use nexus_api::{Result, Workspace};
use nexus_model::{ExecutionId, NodeId, WorkflowId, workflow::Workflow};
use nexus_plan::estimate::{History, Sample};
use nexus_store::{HistoryStore, NodeResult, WorkflowStore};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Latest executions that are learned from.
const EXECUTIONS: u32 = 200;
/// Results of nodes that are read for it: of large workflows, fewer executions.
const RESULTS: u32 = 4_000;
/// How long a history is taken for the latest.
const FRESH: Duration = Duration::from_secs(5);
/// Histories that are kept.
const KEPT: usize = 64;
/// Workflows of the same name that are compared with a document.
const NAMESAKES: u32 = 50;

/// The histories asked for lately.
#[derive(Default)]
pub(crate) struct Histories {
    kept: Mutex<HashMap<WorkflowId, (Instant, Arc<History>)>>,
}

impl Histories {
    /// What the runs of a workflow teach.
    pub(crate) async fn of(&self, store: &dyn HistoryStore, workflow: WorkflowId) -> Result<Arc<History>> {
        let known = self.kept().get(&workflow).filter(|(read, _)| read.elapsed() < FRESH).cloned();
        if let Some((_, history)) = known {
            return Ok(history);
        }
        let history = Arc::new(learn(store.node_results(workflow, EXECUTIONS, RESULTS).await?));
        let mut kept = self.kept();
        if kept.len() >= KEPT {
            kept.retain(|_, (read, _)| read.elapsed() < FRESH);
        }
        if kept.len() < KEPT {
            kept.insert(workflow, (Instant::now(), history.clone()));
        }
        Ok(history)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<WorkflowId, (Instant, Arc<History>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stored workflow whose runs say most about a document that comes by itself: one with the same content, else the
/// newest of the same name, of which it may be an edited copy.
pub(crate) async fn namesake(
    store: &dyn WorkflowStore,
    workspace: &Workspace,
    document: &Value,
) -> Result<Option<WorkflowId>> {
    let name = document.get("name").and_then(Value::as_str).unwrap_or_default();
    let query = (!name.is_empty()).then_some(name);
    let stored = store.list_workflows(workspace, None, NAMESAKES, query).await?;
    let same = |workflow: &&Workflow| Some(&workflow.document) == document.as_object();
    let alike = |workflow: &&Workflow| !name.is_empty() && workflow.name() == name;
    Ok(stored.iter().find(same).or_else(|| stored.iter().find(alike)).map(|workflow| workflow.id))
}

fn learn(results: Vec<NodeResult>) -> History {
    let executions: HashSet<ExecutionId> = results.iter().map(|result| result.execution_id).collect();
    let mut history = History::of_runs(u32::try_from(executions.len()).unwrap_or(u32::MAX));
    // A node's tokens add up over its revisions, so its last result in an execution says all.
    let mut last: HashMap<(ExecutionId, NodeId), NodeResult> = HashMap::new();
    for result in results {
        last.insert((result.execution_id, result.node_id.clone()), result);
    }
    for ((_, node), result) in last {
        if let Some(handle) = result.handle {
            history.add_branch(node, handle);
        } else if let Some(model) = result.model {
            let attempts = result.attempt.saturating_add(result.revision.saturating_sub(1));
            let sample =
                Sample { prompt: result.tokens.prompt, completion: result.tokens.completion, attempts };
            history.add_sample(node, model, sample);
        }
    }
    history
}
