//! The planner's methods.

use super::respond::{Allowed, allowed, unary};
use crate::{
    convert::{
        executor::inputs,
        id, page, page_request,
        planner::{document, target},
    },
    proto::planner::{self as pb, planner_service_server::PlannerService},
};
use nexus_api::{Bounded, Code, Error, Planner, planner::Target};
use tonic::{Request, Response, Status};

pub(super) struct Handler(pub(super) Bounded<dyn Planner>);

fn checked(allowed: Allowed, target: Target) -> nexus_api::Result<Target> {
    match target {
        Target::Document(document) => allowed.checked("/document", document).map(Target::Document),
        stored @ Target::Workflow { .. } => Ok(stored),
    }
}

#[tonic::async_trait]
impl PlannerService for Handler {
    async fn create_workflow(
        &self,
        request: Request<pb::CreateWorkflowRequest>,
    ) -> Result<Response<pb::CreateWorkflowResponse>, Status> {
        let allowed = allowed(&request);
        unary!(request, |ctx, message| {
            let document = allowed.checked("/document", document(message.document)?)?;
            let workflow = self.0.create_workflow(ctx, document, message.draft).await?;
            Ok(pb::CreateWorkflowResponse { workflow: Some(workflow.into()) })
        })
    }

    async fn get_workflow(
        &self,
        request: Request<pb::GetWorkflowRequest>,
    ) -> Result<Response<pb::GetWorkflowResponse>, Status> {
        unary!(request, |ctx, message| {
            let id = id("/workflow_id", &message.workflow_id)?;
            let workflow = self.0.get_workflow(ctx, id, message.version).await?;
            Ok(pb::GetWorkflowResponse { workflow: Some(workflow.into()) })
        })
    }

    async fn update_workflow(
        &self,
        request: Request<pb::UpdateWorkflowRequest>,
    ) -> Result<Response<pb::UpdateWorkflowResponse>, Status> {
        let allowed = allowed(&request);
        unary!(request, |ctx, message| {
            let id = id("/workflow_id", &message.workflow_id)?;
            let expected = message.expected_version.ok_or_else(|| {
                Error::new(Code::PreconditionRequired, "the version that the change is based on is missing")
                    .suggest("set `expected_version` to the `version` you have read")
                    .detail("/expected_version", "is missing")
            })?;
            let document = allowed.checked("/document", document(message.document)?)?;
            let workflow = self.0.update_workflow(ctx, id, expected, document, message.draft).await?;
            Ok(pb::UpdateWorkflowResponse { workflow: Some(workflow.into()) })
        })
    }

    async fn delete_workflow(
        &self,
        request: Request<pb::DeleteWorkflowRequest>,
    ) -> Result<Response<pb::DeleteWorkflowResponse>, Status> {
        unary!(request, |ctx, message| {
            self.0.delete_workflow(ctx, id("/workflow_id", &message.workflow_id)?).await?;
            Ok(pb::DeleteWorkflowResponse {})
        })
    }

    async fn list_workflows(
        &self,
        request: Request<pb::ListWorkflowsRequest>,
    ) -> Result<Response<pb::ListWorkflowsResponse>, Status> {
        unary!(request, |ctx, message| {
            let which = page_request(message.limit, message.cursor);
            let (items, next_cursor) = page(self.0.list_workflows(ctx, which, message.query).await?);
            Ok(pb::ListWorkflowsResponse { items, next_cursor })
        })
    }

    async fn list_workflow_versions(
        &self,
        request: Request<pb::ListWorkflowVersionsRequest>,
    ) -> Result<Response<pb::ListWorkflowVersionsResponse>, Status> {
        unary!(request, |ctx, message| {
            let id = id("/workflow_id", &message.workflow_id)?;
            let which = page_request(message.limit, message.cursor);
            let (items, next_cursor) = page(self.0.list_versions(ctx, id, which).await?);
            Ok(pb::ListWorkflowVersionsResponse { items, next_cursor })
        })
    }

    async fn validate(
        &self,
        request: Request<pb::ValidateRequest>,
    ) -> Result<Response<pb::ValidateResponse>, Status> {
        let allowed = allowed(&request);
        unary!(request, |ctx, message| {
            let document = allowed.checked("/document", document(message.document)?)?;
            Ok(self.0.validate(ctx, document).await?.into())
        })
    }

    async fn plan(&self, request: Request<pb::PlanRequest>) -> Result<Response<pb::PlanResponse>, Status> {
        let allowed = allowed(&request);
        unary!(request, |ctx, message| {
            let target = checked(allowed, target(message.document, message.workflow_id, message.version)?)?;
            Ok(self.0.plan(ctx, target).await?.into())
        })
    }

    async fn estimate(
        &self,
        request: Request<pb::EstimateRequest>,
    ) -> Result<Response<pb::EstimateResponse>, Status> {
        let allowed = allowed(&request);
        unary!(request, |ctx, message| {
            let target = checked(allowed, target(message.document, message.workflow_id, message.version)?)?;
            let budget = message.budget.map(TryInto::try_into).transpose()?;
            let inputs = allowed.checked("/inputs", inputs(message.inputs)?)?;
            Ok(self.0.estimate(ctx, target, inputs, budget).await?.into())
        })
    }
}
