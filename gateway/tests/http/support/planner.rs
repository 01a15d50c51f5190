//! A planner that keeps workflows in memory and fails on request: by the `name` of the document.

use async_trait::async_trait;
use nexus_api::{
    CallCtx, Code, Error, Planner, Result,
    planner::{Basis, Estimate, NodeEstimate, PageRequest, Target},
};
use nexus_model::{
    Money, NodeId, Problem, Timestamp, WorkflowId,
    document::BudgetOverride,
    execution::Tokens,
    problem::Report,
    workflow::{Page, Plan, VersionInfo, Workflow},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A valid document.
pub(crate) fn document(name: &str) -> Value {
    json!({"schema_version": 1, "name": name, "graph": {"nodes": [
        {"id": "a", "type": "tool", "config": {"tool": "template", "template": "hi"}},
    ], "edges": []}})
}

#[derive(Default)]
pub(crate) struct FakePlanner {
    workflows: Mutex<BTreeMap<WorkflowId, Vec<Workflow>>>,
    pub(crate) estimates: AtomicBool,
    pub(crate) calls: Mutex<Vec<CallCtx>>,
    pub(crate) pages: Mutex<Vec<(PageRequest, Option<String>)>>,
}

impl FakePlanner {
    fn versions(&self, id: WorkflowId) -> Result<Vec<Workflow>> {
        self.workflows
            .lock()
            .unwrap()
            .get(&id)
            .cloned()
            .ok_or_else(|| Error::not_found(format!("workflow {id}")))
    }

    fn save(&self, id: WorkflowId, version: u32, document: Value, draft: bool) -> Result<Workflow> {
        let problems = problems(&document)?;
        if !problems.is_empty() && !draft {
            let error = Error::new(Code::Invalid, "the document is not valid").suggest("mend it");
            return Err(problems.iter().fold(error, |error, p| error.detail(&p.path, &p.message)));
        }
        let Value::Object(document) = document else { unreachable!("problems refuses others") };
        let (created_at, updated_at) = (Timestamp::from_micros(1_800_000_000_000_000), Timestamp::now());
        let workflow =
            Workflow { id, version, created_at, updated_at, valid: problems.is_empty(), problems, document };
        self.workflows.lock().unwrap().entry(id).or_default().push(workflow.clone());
        Ok(workflow)
    }
}

fn problems(document: &Value) -> Result<Vec<Problem>> {
    let Some(members) = document.as_object() else {
        return Err(Error::new(Code::Malformed, "a workflow document must be a JSON object"));
    };
    match document["name"].as_str() {
        Some("panic") => panic!("a bug with a secret: hunter2"),
        Some("internal") => return Err(Error::new(Code::Internal, "SELECT hunter2")),
        Some("unavailable") => return Err(Error::unavailable("the database cannot be reached")),
        Some("busy") => {
            let pause = Duration::from_millis(1_500);
            return Err(Error::new(Code::RateLimited, "too many requests").retry_after(pause));
        }
        Some("late") => return Err(Error::new(Code::DeadlineExceeded, "too late")),
        _ => {}
    }
    let missing = Problem {
        code: "missing".to_owned(),
        path: "/graph".to_owned(),
        node_id: None,
        message: "`graph` is missing".to_owned(),
        suggestion: Some("add it".to_owned()),
    };
    Ok(if members.contains_key("graph") { Vec::new() } else { vec![missing] })
}

#[async_trait]
impl Planner for FakePlanner {
    async fn create_workflow(&self, ctx: &CallCtx, document: Value, draft: bool) -> Result<Workflow> {
        self.calls.lock().unwrap().push(ctx.clone());
        self.save(WorkflowId::generate(), 1, document, draft)
    }

    async fn get_workflow(&self, _: &CallCtx, id: WorkflowId, version: Option<u32>) -> Result<Workflow> {
        let versions = self.versions(id)?;
        match version {
            None => versions.last().cloned(),
            Some(version) => versions.into_iter().find(|workflow| workflow.version == version),
        }
        .ok_or_else(|| Error::not_found("this version"))
    }

    async fn update_workflow(
        &self,
        _: &CallCtx,
        id: WorkflowId,
        expected_version: u32,
        document: Value,
        draft: bool,
    ) -> Result<Workflow> {
        let latest = self.versions(id)?.len() as u32;
        if latest != expected_version {
            return Err(Error::new(Code::PreconditionFailed, format!("the workflow is at version {latest}")));
        }
        self.save(id, latest + 1, document, draft)
    }

    async fn delete_workflow(&self, _: &CallCtx, id: WorkflowId) -> Result<()> {
        self.versions(id)?;
        self.workflows.lock().unwrap().remove(&id);
        Ok(())
    }

    async fn list_workflows(
        &self,
        _: &CallCtx,
        page: PageRequest,
        query: Option<String>,
    ) -> Result<Page<Workflow>> {
        self.pages.lock().unwrap().push((page, query));
        let workflows = self.workflows.lock().unwrap();
        let items = workflows.values().rev().filter_map(|versions| versions.last().cloned()).collect();
        Ok(Page { items, next_cursor: Some("more".to_owned()) })
    }

    async fn list_versions(&self, _: &CallCtx, id: WorkflowId, _: PageRequest) -> Result<Page<VersionInfo>> {
        let info = |workflow: Workflow| VersionInfo {
            version: workflow.version,
            created_at: workflow.updated_at,
            name: workflow.name().to_owned(),
            valid: workflow.valid,
        };
        Ok(Page { items: self.versions(id)?.into_iter().rev().map(info).collect(), next_cursor: None })
    }

    async fn validate(&self, _: &CallCtx, document: Value) -> Result<Report> {
        let errors = problems(&document)?;
        Ok(Report { valid: errors.is_empty(), errors, warnings: Vec::new() })
    }

    async fn plan(&self, _: &CallCtx, target: Target) -> Result<Plan> {
        match target {
            Target::Document(document) if !problems(&document)?.is_empty() => {
                return Err(
                    Error::new(Code::Invalid, "the document is not valid").detail("/graph", "missing")
                );
            }
            Target::Document(_) => {}
            Target::Workflow { id, .. } => drop(self.versions(id)?),
        }
        let a = NodeId::new("a").unwrap();
        Ok(Plan { groups: vec![vec![a.clone()]], critical_path: vec![a], max_parallelism: 1, node_count: 1 })
    }

    async fn estimate(
        &self,
        _: &CallCtx,
        _: Target,
        inputs: Value,
        _: Option<BudgetOverride>,
    ) -> Result<Estimate> {
        // What the gateway says of a planner that is of an older version.
        if !self.estimates.load(Ordering::SeqCst) {
            return Err(Error::unimplemented("an estimate"));
        }
        assert!(inputs.is_object());
        let (min_usd, expected_usd, max_usd) = (Money::ZERO, Money::from_picos(1), Money::from_picos(2));
        let tokens = Tokens { prompt: 1, completion: 2 };
        let node = NodeEstimate {
            node_id: NodeId::new("a").unwrap(),
            min_usd,
            expected_usd,
            max_usd,
            tokens,
            probability: 1.0,
            basis: Basis::Assumed,
            priced: true,
        };
        Ok(Estimate {
            min_usd,
            expected_usd,
            max_usd,
            tokens,
            nodes: vec![node],
            fits_budget: true,
            likely_fits: true,
            limit_usd: None,
            history_runs: 0,
        })
    }
}
