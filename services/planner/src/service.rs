//! The planner port over the store. Not here: the rules (`nexus-plan`).

use crate::{cursor, history::Histories};
use async_trait::async_trait;
use nexus_api::{
    CallCtx, Code, Error, Planner, Result, Workspace,
    planner::{Estimate, PageRequest, Target},
};
use nexus_model::{
    Document, Problem, WorkflowId,
    document::BudgetOverride,
    limits::Limits,
    price::{EmbeddingModel, PriceBook},
    problem::Report,
    workflow::{Page, Plan, VersionInfo, Workflow},
};
use nexus_plan::SecretUse;
use nexus_store::{HistoryStore, NewVersion, SecretStore, WorkflowStore};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The planner service.
#[derive(Clone)]
pub struct PlannerService {
    pub(crate) store: Arc<dyn WorkflowStore>,
    pub(crate) prices: Arc<PriceBook>,
    pub(crate) limits: Limits,
    /// Earlier runs, if they are to be learned from.
    pub(crate) history: Option<Arc<dyn HistoryStore>>,
    pub(crate) histories: Arc<Histories>,
    /// The model that makes memory's vectors.
    pub(crate) embedding: Option<EmbeddingModel>,
    /// Where secrets are, to say which a document names and nobody has set.
    secrets: Option<Arc<dyn SecretStore>>,
}

impl PlannerService {
    /// A planner over this store, judging models by these prices.
    pub fn new(store: Arc<dyn WorkflowStore>, prices: Arc<PriceBook>, limits: Limits) -> Self {
        Self {
            store,
            prices,
            limits,
            history: None,
            histories: Arc::default(),
            embedding: None,
            secrets: None,
        }
    }

    /// Whose estimates learn from these earlier runs.
    #[must_use]
    pub fn with_history(self, history: Arc<dyn HistoryStore>) -> Self {
        Self { history: Some(history), ..self }
    }

    /// Whose estimates count what memory costs with this embedding model.
    #[must_use]
    pub fn with_embedding(self, model: Option<EmbeddingModel>) -> Self {
        Self { embedding: model, ..self }
    }

    /// Who says which secrets a document names that nobody has set.
    #[must_use]
    pub fn with_secrets(self, secrets: Arc<dyn SecretStore>) -> Self {
        Self { secrets: Some(secrets), ..self }
    }

    /// A warning for each place that needs a secret which nobody has set. It may be set later: no reason to refuse.
    async fn missing_secrets(&self, ctx: &CallCtx, document: &Value) -> Result<Vec<Problem>> {
        let Some(secrets) = &self.secrets else { return Ok(Vec::new()) };
        let mut needed = nexus_plan::secrets(document);
        if needed.is_empty() {
            return Ok(Vec::new());
        }
        let mut names: Vec<String> = needed.iter().map(|place| place.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        let set =
            ctx.bound(async { Ok(secrets.sealed_secrets(ctx.workspace.as_str(), &names).await?) }).await?;
        needed.retain(|place| !set.iter().any(|secret| secret.name == place.name));
        let warning = |SecretUse { name, node_id, path }| Problem {
            code: "secret_unknown".into(),
            path,
            node_id: Some(node_id),
            message: format!("there is no secret `{name}` yet; a run that needs it fails"),
            suggestion: Some(format!("set it with `nexus secrets set {name}`")),
        };
        Ok(needed.into_iter().map(warning).collect())
    }

    /// A document ready to be saved, or the reasons why not.
    fn admit(&self, document: Value, draft: bool) -> Result<NewVersion> {
        let document = object(document)?;
        let value = Value::Object(document);
        let report = nexus_plan::validate(&value, &self.limits, &self.prices);
        if !report.valid && !draft {
            return Err(invalid(report));
        }
        nexus_plan::well_formed(&value, &self.limits).map_err(|problem| {
            invalid(Report { valid: false, errors: vec![problem], warnings: Vec::new() })
        })?;
        let Value::Object(document) = value else { return Err(not_an_object()) };
        Ok(NewVersion { document, valid: report.valid, problems: report.errors })
    }

    pub(crate) async fn existing(
        &self,
        workspace: &Workspace,
        id: WorkflowId,
        version: Option<u32>,
    ) -> Result<Workflow> {
        // A version is found even of a deleted workflow, for the sake of its executions; not through this port.
        let latest = self.store.get_workflow(workspace, id, None).await?;
        let latest = latest.ok_or_else(|| Error::not_found(format!("workflow {id}")))?;
        match version {
            None => Ok(latest),
            Some(version) if version == latest.version => Ok(latest),
            Some(version) => {
                let found = self.store.get_workflow(workspace, id, Some(version)).await?;
                found.ok_or_else(|| Error::not_found(format!("version {version} of workflow {id}")))
            }
        }
    }
}

#[async_trait]
impl Planner for PlannerService {
    async fn create_workflow(&self, ctx: &CallCtx, document: Value, draft: bool) -> Result<Workflow> {
        let version = self.admit(document, draft)?;
        ctx.bound(async { Ok(self.store.create_workflow(&ctx.workspace, version).await?) }).await
    }

    async fn get_workflow(&self, ctx: &CallCtx, id: WorkflowId, version: Option<u32>) -> Result<Workflow> {
        ctx.bound(self.existing(&ctx.workspace, id, version)).await
    }

    async fn update_workflow(
        &self,
        ctx: &CallCtx,
        id: WorkflowId,
        expected_version: u32,
        document: Value,
        draft: bool,
    ) -> Result<Workflow> {
        ctx.bound(async {
            // Whether it is there comes before whether the document is good.
            self.existing(&ctx.workspace, id, None).await?;
            let version = self.admit(document, draft)?;
            Ok(self.store.update_workflow(&ctx.workspace, id, expected_version, version).await?)
        })
        .await
    }

    async fn delete_workflow(&self, ctx: &CallCtx, id: WorkflowId) -> Result<()> {
        ctx.bound(async {
            match self.store.delete_workflow(&ctx.workspace, id).await? {
                true => Ok(()),
                false => Err(Error::not_found(format!("workflow {id}"))),
            }
        })
        .await
    }

    async fn list_workflows(
        &self,
        ctx: &CallCtx,
        page: PageRequest,
        query: Option<String>,
    ) -> Result<Page<Workflow>> {
        let limit = page.checked_limit()?;
        let before = cursor::read(page.cursor.as_deref())?;
        ctx.bound(async {
            let items =
                self.store.list_workflows(&ctx.workspace, before, limit + 1, query.as_deref()).await?;
            Ok(cursor::page(items, limit, |workflow| workflow.id))
        })
        .await
    }

    async fn list_versions(
        &self,
        ctx: &CallCtx,
        id: WorkflowId,
        page: PageRequest,
    ) -> Result<Page<VersionInfo>> {
        let limit = page.checked_limit()?;
        let before = cursor::read(page.cursor.as_deref())?;
        ctx.bound(async {
            let items =
                self.store.list_versions(&ctx.workspace, id, before, limit + 1).await.map_err(|error| {
                    match error {
                        nexus_store::Error::NotFound => Error::not_found(format!("workflow {id}")),
                        other => other.into(),
                    }
                })?;
            Ok(cursor::page(items, limit, |version| version.version))
        })
        .await
    }

    async fn validate(&self, ctx: &CallCtx, document: Value) -> Result<Report> {
        let document = Value::Object(object(document)?);
        let mut report = nexus_plan::validate(&document, &self.limits, &self.prices);
        match self.missing_secrets(ctx, &document).await {
            Ok(missing) => report.warnings.extend(missing),
            // A document can be judged without a database.
            Err(error) => tracing::warn!(%error, "nobody knows which secrets there are"),
        }
        Ok(report)
    }

    async fn plan(&self, ctx: &CallCtx, target: Target) -> Result<Plan> {
        let document = match target {
            Target::Document(document) => document,
            Target::Workflow { id, version } => {
                ctx.bound(self.existing(&ctx.workspace, id, version)).await?.document_value()
            }
        };
        let document = Value::Object(object(document)?);
        let report = nexus_plan::validate(&document, &self.limits, &self.prices);
        if !report.valid {
            return Err(invalid(report));
        }
        let document: Document = serde_json::from_value(document)
            .map_err(|error| Error::internal(format!("a valid document that cannot be read: {error}")))?;
        Ok(nexus_plan::plan(&document))
    }

    async fn estimate(
        &self,
        ctx: &CallCtx,
        target: Target,
        inputs: Value,
        budget: Option<BudgetOverride>,
    ) -> Result<Estimate> {
        ctx.bound(self.estimated(&ctx.workspace, target, inputs, budget)).await
    }
}

pub(crate) fn object(document: Value) -> Result<Map<String, Value>> {
    match document {
        Value::Object(document) => Ok(document),
        _ => Err(not_an_object()),
    }
}

fn not_an_object() -> Error {
    Error::new(Code::Malformed, "a workflow document is a JSON object")
        .suggest("see `examples/` for documents that run")
}

/// All problems at once: the first in the message, every one in the details.
pub(crate) fn invalid(report: Report) -> Error {
    let count = report.errors.len();
    let message = match report.errors.first() {
        Some(first) if count == 1 => format!("the document is not valid: {}", first.message),
        Some(first) => format!("the document has {count} problems; the first: {}", first.message),
        None => "the document is not valid".to_owned(),
    };
    let mut error = Error::new(Code::Invalid, message);
    error.suggestion = report.errors.first().and_then(|first| first.suggestion.clone());
    report.errors.into_iter().fold(error, |error, problem| error.detail(problem.path, problem.message))
}
