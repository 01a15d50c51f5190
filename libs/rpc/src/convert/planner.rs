//! Workflows, verdicts, plans and estimates.

use super::{
    all, check_depth, each, id, invalid, malformed, moment, money, object, optional_id, timestamp, to_object,
};
use crate::{json::Struct, proto::planner as pb};
use nexus_api::{
    Error, Result,
    planner::{Basis, Estimate, NodeEstimate, Target},
};
use nexus_model::{
    Money, NodeId, Problem,
    problem::Report,
    workflow::{Plan, VersionInfo, Workflow},
};
use serde_json::Value as Json;

impl From<Workflow> for pb::Workflow {
    fn from(workflow: Workflow) -> Self {
        Self {
            id: workflow.id.to_string(),
            version: workflow.version,
            created_at: moment(workflow.created_at),
            updated_at: moment(workflow.updated_at),
            valid: workflow.valid,
            problems: each(workflow.problems),
            document: Some(Struct::new(workflow.document)),
        }
    }
}

impl TryFrom<pb::Workflow> for Workflow {
    type Error = Error;
    fn try_from(workflow: pb::Workflow) -> Result<Self> {
        Ok(Self {
            id: id("/id", &workflow.id)?,
            version: workflow.version,
            created_at: timestamp("/created_at", workflow.created_at)?,
            updated_at: timestamp("/updated_at", workflow.updated_at)?,
            valid: workflow.valid,
            problems: all(workflow.problems)?,
            document: object("/document", workflow.document)?,
        })
    }
}

impl From<VersionInfo> for pb::WorkflowVersion {
    fn from(info: VersionInfo) -> Self {
        Self {
            version: info.version,
            created_at: moment(info.created_at),
            name: info.name,
            valid: info.valid,
        }
    }
}

impl TryFrom<pb::WorkflowVersion> for VersionInfo {
    type Error = Error;
    fn try_from(info: pb::WorkflowVersion) -> Result<Self> {
        Ok(Self {
            version: info.version,
            created_at: timestamp("/created_at", info.created_at)?,
            name: info.name,
            valid: info.valid,
        })
    }
}

impl From<Problem> for pb::Problem {
    fn from(problem: Problem) -> Self {
        Self {
            code: problem.code,
            path: problem.path,
            node_id: problem.node_id.map(|id| id.to_string()),
            message: problem.message,
            suggestion: problem.suggestion,
        }
    }
}

impl TryFrom<pb::Problem> for Problem {
    type Error = Error;
    fn try_from(problem: pb::Problem) -> Result<Self> {
        Ok(Self {
            code: problem.code,
            path: problem.path,
            node_id: optional_id("/node_id", problem.node_id)?,
            message: problem.message,
            suggestion: problem.suggestion,
        })
    }
}

impl From<Report> for pb::ValidateResponse {
    fn from(report: Report) -> Self {
        Self { valid: report.valid, errors: each(report.errors), warnings: each(report.warnings) }
    }
}

impl TryFrom<pb::ValidateResponse> for Report {
    type Error = Error;
    fn try_from(report: pb::ValidateResponse) -> Result<Self> {
        Ok(Self { valid: report.valid, errors: all(report.errors)?, warnings: all(report.warnings)? })
    }
}

impl From<Plan> for pb::PlanResponse {
    fn from(plan: Plan) -> Self {
        let text = |ids: Vec<NodeId>| ids.into_iter().map(|id| id.to_string()).collect();
        Self {
            groups: plan.groups.into_iter().map(|ids| pb::NodeGroup { node_ids: text(ids) }).collect(),
            critical_path: text(plan.critical_path),
            max_parallelism: u32::try_from(plan.max_parallelism).unwrap_or(u32::MAX),
            node_count: u32::try_from(plan.node_count).unwrap_or(u32::MAX),
        }
    }
}

impl TryFrom<pb::PlanResponse> for Plan {
    type Error = Error;
    fn try_from(plan: pb::PlanResponse) -> Result<Self> {
        let ids = |path: &str, texts: Vec<String>| {
            texts.iter().map(|text| id(path, text)).collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            groups: plan
                .groups
                .into_iter()
                .map(|group| ids("/groups", group.node_ids))
                .collect::<Result<_>>()?,
            critical_path: ids("/critical_path", plan.critical_path)?,
            max_parallelism: plan.max_parallelism as usize,
            node_count: plan.node_count as usize,
        })
    }
}

impl From<Estimate> for pb::EstimateResponse {
    fn from(estimate: Estimate) -> Self {
        Self {
            min_usd: estimate.min_usd.usd(),
            expected_usd: estimate.expected_usd.usd(),
            max_usd: estimate.max_usd.usd(),
            tokens: Some(estimate.tokens.into()),
            nodes: each(estimate.nodes),
            fits_budget: estimate.fits_budget,
            likely_fits: estimate.likely_fits,
            limit_usd: estimate.limit_usd.map(Money::usd),
            history_runs: estimate.history_runs,
        }
    }
}

impl TryFrom<pb::EstimateResponse> for Estimate {
    type Error = Error;
    fn try_from(estimate: pb::EstimateResponse) -> Result<Self> {
        Ok(Self {
            min_usd: money("/min_usd", estimate.min_usd)?,
            expected_usd: money("/expected_usd", estimate.expected_usd)?,
            max_usd: money("/max_usd", estimate.max_usd)?,
            tokens: estimate.tokens.unwrap_or_default().into(),
            nodes: all(estimate.nodes)?,
            fits_budget: estimate.fits_budget,
            likely_fits: estimate.likely_fits,
            limit_usd: estimate.limit_usd.map(|limit| money("/limit_usd", limit)).transpose()?,
            history_runs: estimate.history_runs,
        })
    }
}

impl From<NodeEstimate> for pb::NodeEstimate {
    fn from(node: NodeEstimate) -> Self {
        Self {
            node_id: node.node_id.to_string(),
            min_usd: node.min_usd.usd(),
            expected_usd: node.expected_usd.usd(),
            max_usd: node.max_usd.usd(),
            tokens: Some(node.tokens.into()),
            probability: node.probability,
            basis: node.basis.as_str().to_owned(),
            priced: node.priced,
        }
    }
}

impl TryFrom<pb::NodeEstimate> for NodeEstimate {
    type Error = Error;
    fn try_from(node: pb::NodeEstimate) -> Result<Self> {
        Ok(Self {
            node_id: id("/nodes/node_id", &node.node_id)?,
            min_usd: money("/nodes/min_usd", node.min_usd)?,
            expected_usd: money("/nodes/expected_usd", node.expected_usd)?,
            max_usd: money("/nodes/max_usd", node.max_usd)?,
            tokens: node.tokens.unwrap_or_default().into(),
            probability: node.probability,
            // A newer planner may know more kinds.
            basis: Basis::parse(&node.basis).unwrap_or_default(),
            priced: node.priced,
        })
    }
}

/// A document of a request.
pub(crate) fn document(wire: Option<Struct>) -> Result<Json> {
    let document = Json::Object(object("/document", wire)?);
    check_depth("/document", &document)?;
    Ok(document)
}

/// A document for a request.
pub(crate) fn to_document(document: Json) -> Result<Option<Struct>> {
    to_object("/document", document).map(Some)
}

/// Which document a request means.
pub(crate) fn target(
    wire: Option<Struct>,
    workflow_id: Option<String>,
    version: Option<u32>,
) -> Result<Target> {
    match (wire, workflow_id) {
        (Some(_), None) if version.is_some() => {
            Err(invalid("/version", "goes with `workflow_id`, not with `document`"))
        }
        (Some(wire), None) => Ok(Target::Document(document(Some(wire))?)),
        (None, Some(text)) => Ok(Target::Workflow { id: id("/workflow_id", &text)?, version }),
        (Some(_), Some(_)) => Err(invalid("/workflow_id", "either `document` or `workflow_id`, not both")),
        (None, None) => Err(malformed("/document", "`document` or `workflow_id` is missing")),
    }
}

/// The same for a request: document, workflow id and version.
pub(crate) fn to_target(target: Target) -> Result<(Option<Struct>, Option<String>, Option<u32>)> {
    Ok(match target {
        Target::Document(document) => (to_document(document)?, None, None),
        Target::Workflow { id, version } => (None, Some(id.to_string()), version),
    })
}
