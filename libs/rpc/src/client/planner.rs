//! The planner's methods, called.

use super::{
    call,
    pool::{Pool, Repeat},
};
use crate::{
    convert::{
        answer,
        executor::to_inputs,
        from_page,
        planner::{to_document, to_target},
        required,
    },
    meta::Shape,
    proto::planner::{self as pb, planner_service_client::PlannerServiceClient},
};
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
use serde_json::Value;

pub(super) struct Client(pub(super) Pool);

fn workflow(wire: Option<pb::Workflow>) -> Result<Workflow> {
    answer(required("/workflow", wire).and_then(TryInto::try_into))
}

#[async_trait]
impl Planner for Client {
    async fn create_workflow(&self, ctx: &CallCtx, document: Value, draft: bool) -> Result<Workflow> {
        let message = pb::CreateWorkflowRequest { document: to_document(document)?, draft };
        let response = call!(
            self.0,
            ctx,
            Repeat::IfNotSent,
            Shape::Unary,
            PlannerServiceClient::create_workflow,
            message
        );
        workflow(response.await?.workflow)
    }

    async fn get_workflow(&self, ctx: &CallCtx, id: WorkflowId, version: Option<u32>) -> Result<Workflow> {
        let message = pb::GetWorkflowRequest { workflow_id: id.to_string(), version };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, PlannerServiceClient::get_workflow, message);
        workflow(response.await?.workflow)
    }

    async fn update_workflow(
        &self,
        ctx: &CallCtx,
        id: WorkflowId,
        expected_version: u32,
        document: Value,
        draft: bool,
    ) -> Result<Workflow> {
        let message = pb::UpdateWorkflowRequest {
            workflow_id: id.to_string(),
            expected_version: Some(expected_version),
            document: to_document(document)?,
            draft,
        };
        // Not repeated: the second time would find its own first one in the way.
        let response = call!(
            self.0,
            ctx,
            Repeat::IfNotSent,
            Shape::Unary,
            PlannerServiceClient::update_workflow,
            message
        );
        workflow(response.await?.workflow)
    }

    async fn delete_workflow(&self, ctx: &CallCtx, id: WorkflowId) -> Result<()> {
        let message = pb::DeleteWorkflowRequest { workflow_id: id.to_string() };
        let response = call!(
            self.0,
            ctx,
            Repeat::IfNotSent,
            Shape::Unary,
            PlannerServiceClient::delete_workflow,
            message
        );
        response.await.map(|_| ())
    }

    async fn list_workflows(
        &self,
        ctx: &CallCtx,
        page: PageRequest,
        query: Option<String>,
    ) -> Result<Page<Workflow>> {
        let message = pb::ListWorkflowsRequest { limit: page.limit, cursor: page.cursor, query };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, PlannerServiceClient::list_workflows, message);
        let response = response.await?;
        answer(from_page(response.items, response.next_cursor))
    }

    async fn list_versions(
        &self,
        ctx: &CallCtx,
        id: WorkflowId,
        page: PageRequest,
    ) -> Result<Page<VersionInfo>> {
        let message = pb::ListWorkflowVersionsRequest {
            workflow_id: id.to_string(),
            limit: page.limit,
            cursor: page.cursor,
        };
        let response = call!(
            self.0,
            ctx,
            Repeat::Safe,
            Shape::Unary,
            PlannerServiceClient::list_workflow_versions,
            message
        );
        let response = response.await?;
        answer(from_page(response.items, response.next_cursor))
    }

    async fn validate(&self, ctx: &CallCtx, document: Value) -> Result<Report> {
        let message = pb::ValidateRequest { document: to_document(document)? };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, PlannerServiceClient::validate, message);
        answer(response.await?.try_into())
    }

    async fn plan(&self, ctx: &CallCtx, target: Target) -> Result<Plan> {
        let (document, workflow_id, version) = to_target(target)?;
        let message = pb::PlanRequest { document, workflow_id, version };
        let response = call!(self.0, ctx, Repeat::Safe, Shape::Unary, PlannerServiceClient::plan, message);
        answer(response.await?.try_into())
    }

    async fn estimate(
        &self,
        ctx: &CallCtx,
        target: Target,
        inputs: Value,
        budget: Option<BudgetOverride>,
    ) -> Result<Estimate> {
        let (document, workflow_id, version) = to_target(target)?;
        let message = pb::EstimateRequest {
            document,
            workflow_id,
            version,
            inputs: to_inputs(inputs)?,
            budget: budget.map(Into::into),
        };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, PlannerServiceClient::estimate, message);
        answer(response.await?.try_into())
    }
}
