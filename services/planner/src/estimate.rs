//! Estimates: the document and the inputs judged as for a run, what earlier runs teach, and then `nexus-plan`.
//! Not here: how an estimate is worked out.

use crate::{
    PlannerService, history,
    service::{invalid, object},
};
use nexus_api::{
    Code, Error, Result, Workspace,
    planner::{Estimate, Target},
};
use nexus_model::{
    Document, WorkflowId,
    document::{Budget, BudgetOverride},
};
use nexus_plan::estimate::{Basics, History};
use serde_json::{Value, json};
use std::sync::Arc;

impl PlannerService {
    pub(crate) async fn estimated(
        &self,
        workspace: &Workspace,
        target: Target,
        inputs: Value,
        overrides: Option<BudgetOverride>,
    ) -> Result<Estimate> {
        let (value, stored) = match target {
            Target::Document(document) => (document, None),
            Target::Workflow { id, version } => {
                (self.existing(workspace, id, version).await?.document_value(), Some(id))
            }
        };
        let mut document = object(value.clone())?;
        let own = document.get("budget").cloned().unwrap_or_default();
        let budget = match serde_json::from_value::<Option<Budget>>(own) {
            Ok(own) => Budget::merged(own, overrides),
            Err(_) => None, // one of the document's problems
        };
        if let (Some(_), Some(budget)) = (overrides, budget) {
            // As for a run: a model without a price is refused under a budget.
            document.insert("budget".into(), json!(budget));
        }
        let judged = Value::Object(document);
        let report = nexus_plan::validate(&judged, &self.limits, &self.prices);
        if !report.valid {
            return Err(invalid(report));
        }
        check_inputs(judged.get("inputs"), &inputs)?;
        let document: Document = serde_json::from_value(judged)
            .map_err(|error| Error::internal(format!("a valid document that cannot be read: {error}")))?;
        let history = self.history_of(workspace, stored, &value).await?;
        let planner = self.clone();
        // Up to some tens of milliseconds of counting: not on a thread that others wait for.
        let counting = tokio::task::spawn_blocking(move || {
            let basics = Basics {
                prices: &planner.prices,
                limits: &planner.limits,
                embedding: planner.embedding.as_ref(),
                history: &history,
            };
            nexus_plan::estimate(&document, &inputs, budget, basics)
        });
        counting.await.map_err(Error::internal)
    }

    async fn history_of(
        &self,
        workspace: &Workspace,
        stored: Option<WorkflowId>,
        document: &Value,
    ) -> Result<Arc<History>> {
        let Some(store) = &self.history else { return Ok(Arc::default()) };
        let workflow = match stored {
            Some(id) => Some(id),
            None => history::namesake(self.store.as_ref(), workspace, document).await?,
        };
        match workflow {
            Some(id) => self.histories.of(store.as_ref(), id).await,
            None => Ok(Arc::default()),
        }
    }
}

/// Inputs are refused here as they would be at the start of a run.
fn check_inputs(schema: Option<&Value>, inputs: &Value) -> Result<()> {
    if !inputs.is_object() {
        return Err(
            Error::new(Code::Invalid, "`inputs` must be a JSON object").detail("/inputs", "not an object")
        );
    }
    let Some(schema) = schema.filter(|schema| !schema.is_null()) else { return Ok(()) };
    nexus_expr::schema::validate(schema, inputs).map_err(|violations| {
        let error = Error::new(Code::Invalid, "the inputs do not satisfy the workflow's schema")
            .suggest("see `details`, and the workflow's `inputs`");
        violations
            .into_iter()
            .fold(error, |error, (path, message)| error.detail(format!("/inputs{path}"), message))
    })
}
