//! Workflows and their versions in Postgres. Not here: executions.

use super::PostgresStore;
use crate::{
    Error, NewVersion, Result, WorkflowStore,
    rows::{self, AFTER_EVERY_ID, Columns},
};
use async_trait::async_trait;
use nexus_api::Workspace;
use nexus_model::{
    Timestamp, WorkflowId,
    workflow::{VersionInfo, Workflow},
};
use sqlx::query;

impl PostgresStore {
    /// The latest version's number; `NotFound` if there is no such workflow any more.
    async fn latest(&self, workspace: &Workspace, id: &str) -> Result<u32> {
        let row = self
            .first(
                query(
                    "SELECT version FROM workflows WHERE id = $1 AND workspace = $2 AND deleted_at IS NULL",
                )
                .bind(id)
                .bind(workspace.as_str()),
            )
            .await?
            .ok_or(Error::NotFound)?;
        rows::small(row.int(0)?)
    }
}

#[async_trait]
impl WorkflowStore for PostgresStore {
    async fn create_workflow(&self, workspace: &Workspace, new: NewVersion) -> Result<Workflow> {
        let now = Timestamp::now();
        let workflow = Workflow {
            id: WorkflowId::generate(),
            version: 1,
            created_at: now,
            updated_at: now,
            valid: new.valid,
            problems: new.problems,
            document: new.document,
        };
        self.rows(
            query(
                "WITH w AS (
                     INSERT INTO workflows (id, version, name_folded, created_at, workspace)
                     VALUES ($1, 1, $2, $3, $8)
                 )
                 INSERT INTO workflow_versions (workflow_id, version, name, document, valid, problems, created_at)
                 VALUES ($1, 1, $4, $5, $6, $7, $3)",
            )
            .bind(workflow.id.to_string())
            .bind(rows::folded(workflow.name()))
            .bind(now.micros())
            .bind(rows::plain(workflow.name()))
            .bind(rows::to_json(&workflow.document)?)
            .bind(i64::from(workflow.valid))
            .bind(rows::to_json(&workflow.problems)?)
            .bind(workspace.as_str()),
        )
        .await?;
        Ok(workflow)
    }

    async fn update_workflow(
        &self,
        workspace: &Workspace,
        id: WorkflowId,
        expected: u32,
        new: NewVersion,
    ) -> Result<Workflow> {
        let mut workflow = Workflow {
            id,
            version: expected.saturating_add(1),
            created_at: Timestamp::from_micros(0),
            updated_at: Timestamp::now(),
            valid: new.valid,
            problems: new.problems,
            document: new.document,
        };
        let id = id.to_string();
        let written = self
            .first(
                query(
                    "WITH w AS (
                         UPDATE workflows SET version = $2, name_folded = $3
                         WHERE id = $1 AND version = $4 AND workspace = $10 AND deleted_at IS NULL
                         RETURNING id, created_at
                     ), v AS (
                         INSERT INTO workflow_versions
                             (workflow_id, version, name, document, valid, problems, created_at)
                         SELECT w.id, $2, $5, $6, $7, $8, $9 FROM w
                     )
                     SELECT created_at FROM w",
                )
                .bind(&id)
                .bind(i64::from(workflow.version))
                .bind(rows::folded(workflow.name()))
                .bind(i64::from(expected))
                .bind(rows::plain(workflow.name()))
                .bind(rows::to_json(&workflow.document)?)
                .bind(i64::from(workflow.valid))
                .bind(rows::to_json(&workflow.problems)?)
                .bind(workflow.updated_at.micros())
                .bind(workspace.as_str()),
            )
            .await?;
        match written {
            Some(row) => {
                workflow.created_at = Timestamp::from_micros(row.int(0)?);
                Ok(workflow)
            }
            None => Err(Error::VersionMismatch { current: self.latest(workspace, &id).await?, expected }),
        }
    }

    async fn get_workflow(
        &self,
        workspace: &Workspace,
        id: WorkflowId,
        version: Option<u32>,
    ) -> Result<Option<Workflow>> {
        let id = id.to_string();
        let found = match version {
            Some(version) => {
                let select = concat!(
                    "SELECT ",
                    rows::workflow_columns!(),
                    " FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id
                      WHERE w.id = $1 AND v.version = $2 AND w.workspace = $3"
                );
                self.first(query(select).bind(id).bind(i64::from(version)).bind(workspace.as_str())).await?
            }
            None => {
                let select = concat!(
                    "SELECT ",
                    rows::workflow_columns!(),
                    " FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = w.version
                      WHERE w.id = $1 AND w.workspace = $2 AND w.deleted_at IS NULL"
                );
                self.first(query(select).bind(id).bind(workspace.as_str())).await?
            }
        };
        found.as_ref().map(|row| rows::workflow(row)).transpose()
    }

    async fn delete_workflow(&self, workspace: &Workspace, id: WorkflowId) -> Result<bool> {
        let deleted = self
            .first(
                query(
                    "UPDATE workflows SET deleted_at = $2
                     WHERE id = $1 AND workspace = $3 AND deleted_at IS NULL RETURNING id",
                )
                .bind(id.to_string())
                .bind(Timestamp::now().micros())
                .bind(workspace.as_str()),
            )
            .await?;
        Ok(deleted.is_some())
    }

    async fn list_workflows(
        &self,
        workspace: &Workspace,
        before: Option<WorkflowId>,
        limit: u32,
        part: Option<&str>,
    ) -> Result<Vec<Workflow>> {
        let select = concat!(
            "SELECT ",
            rows::workflow_columns!(),
            " FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = w.version
              WHERE w.workspace = $4 AND w.id < $1 AND w.deleted_at IS NULL AND strpos(w.name_folded, $2) > 0
              ORDER BY w.id DESC LIMIT $3"
        );
        let found = self
            .rows(
                query(select)
                    .bind(before.map_or_else(|| AFTER_EVERY_ID.into(), |id| id.to_string()))
                    // Every text contains the empty one.
                    .bind(part.map(rows::folded).unwrap_or_default())
                    .bind(i64::from(limit))
                    .bind(workspace.as_str()),
            )
            .await?;
        found.iter().map(|row| rows::workflow(row)).collect()
    }

    async fn list_versions(
        &self,
        workspace: &Workspace,
        id: WorkflowId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionInfo>> {
        let id = id.to_string();
        self.latest(workspace, &id).await?;
        let select = concat!(
            "SELECT ",
            rows::version_columns!(),
            " FROM workflow_versions v WHERE v.workflow_id = $1 AND v.version < $2 ORDER BY v.version DESC LIMIT $3"
        );
        let before = before.map_or(i64::MAX, i64::from);
        let found = self.rows(query(select).bind(id).bind(before).bind(i64::from(limit))).await?;
        found.iter().map(|row| rows::version_info(row)).collect()
    }
}
