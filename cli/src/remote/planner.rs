//! The planner port over REST.

use super::{Query, Remote};
use async_trait::async_trait;
use nexus_api::{
    CallCtx, Planner, Result,
    planner::{Estimate, PageRequest, Target},
};
use nexus_model::{
    WorkflowId,
    document::BudgetOverride,
    problem::Report,
    workflow::{Page, Plan, VersionInfo, Workflow},
};
use reqwest::{Method, header};
use serde_json::{Value, json};

#[async_trait]
impl Planner for Remote {
    async fn create_workflow(&self, ctx: &CallCtx, document: Value, draft: bool) -> Result<Workflow> {
        self.call(ctx, self.post(&format!("/workflows?draft={draft}"), &document)).await
    }

    async fn get_workflow(&self, ctx: &CallCtx, id: WorkflowId, version: Option<u32>) -> Result<Workflow> {
        let path = match version {
            Some(version) => format!("/workflows/{id}/versions/{version}"),
            None => format!("/workflows/{id}"),
        };
        self.call(ctx, self.get(&path)).await
    }

    async fn update_workflow(
        &self,
        ctx: &CallCtx,
        id: WorkflowId,
        expected_version: u32,
        document: Value,
        draft: bool,
    ) -> Result<Workflow> {
        let request = self
            .request(Method::PUT, &format!("/workflows/{id}?draft={draft}"))
            .header(header::IF_MATCH, format!("\"{expected_version}\""))
            .json(&document);
        self.call(ctx, request).await
    }

    async fn delete_workflow(&self, ctx: &CallCtx, id: WorkflowId) -> Result<()> {
        let work = self.send(self.request(Method::DELETE, &format!("/workflows/{id}")));
        ctx.bound(work).await.map(drop)
    }

    async fn list_workflows(
        &self,
        ctx: &CallCtx,
        page: PageRequest,
        query: Option<String>,
    ) -> Result<Page<Workflow>> {
        let path = Query::default().page(page).with("q", query).of("/workflows");
        self.call(ctx, self.get(&path)).await
    }

    async fn list_versions(
        &self,
        ctx: &CallCtx,
        id: WorkflowId,
        page: PageRequest,
    ) -> Result<Page<VersionInfo>> {
        let path = Query::default().page(page).of(&format!("/workflows/{id}/versions"));
        self.call(ctx, self.get(&path)).await
    }

    async fn validate(&self, ctx: &CallCtx, document: Value) -> Result<Report> {
        self.call(ctx, self.post("/workflows/validate", &document)).await
    }

    async fn plan(&self, ctx: &CallCtx, target: Target) -> Result<Plan> {
        let request = match target {
            Target::Document(document) => self.post("/workflows/plan", &document),
            Target::Workflow { id, .. } => self.post(&format!("/workflows/{id}/plan"), &json!({})),
        };
        self.call(ctx, request).await
    }

    async fn estimate(
        &self,
        ctx: &CallCtx,
        target: Target,
        inputs: Value,
        budget: Option<BudgetOverride>,
    ) -> Result<Estimate> {
        let mut body = json!({"inputs": inputs});
        if let Some(budget) = budget {
            body["budget"] = json!(budget);
        }
        let request = match target {
            Target::Document(document) => {
                body["document"] = document;
                self.post("/workflows/estimate", &body)
            }
            Target::Workflow { id, .. } => self.post(&format!("/workflows/{id}/estimate"), &body),
        };
        self.call(ctx, request).await
    }
}
