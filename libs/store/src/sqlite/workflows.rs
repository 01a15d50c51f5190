//! Workflows and their versions in SQLite. Not here: executions.

use super::{SqliteStore, rows::failed};
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
use rusqlite::{Connection, OptionalExtension, Params, params};

/// All rows of a query, each through `decode`.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    decode: impl Fn(&dyn Columns) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut found = statement.query(params).map_err(failed)?;
    let mut decoded = Vec::new();
    while let Some(row) = found.next().map_err(failed)? {
        decoded.push(decode(row)?);
    }
    Ok(decoded)
}

/// The first row of a query, if there is one.
pub(super) fn first<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    decode: impl Fn(&dyn Columns) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    statement.query_row(params, |row| Ok(decode(row))).optional().map_err(failed)?.transpose()
}

/// Runs a statement; returns how many rows it changed.
pub(super) fn run(connection: &Connection, sql: &str, params: impl Params) -> Result<usize> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(params)).map_err(failed)
}

fn insert_version(connection: &Connection, workflow: &Workflow) -> Result<()> {
    run(
        connection,
        "INSERT INTO workflow_versions (workflow_id, version, name, document, valid, problems, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            workflow.id.to_string(),
            workflow.version,
            rows::plain(workflow.name()),
            rows::to_json(&workflow.document)?,
            workflow.valid,
            rows::to_json(&workflow.problems)?,
            workflow.updated_at.micros(),
        ],
    )?;
    Ok(())
}

/// The latest version's number and when the workflow was made; `None` if there is no such workflow any more.
fn latest(connection: &Connection, workspace: &Workspace, id: &str) -> Result<Option<(u32, i64)>> {
    first(
        connection,
        "SELECT version, created_at FROM workflows WHERE id = ?1 AND workspace = ?2 AND deleted_at IS NULL",
        [id, workspace.as_str()],
        |row| Ok((rows::small(row.int(0)?)?, row.int(1)?)),
    )
}

#[async_trait]
impl WorkflowStore for SqliteStore {
    async fn create_workflow(&self, workspace: &Workspace, new: NewVersion) -> Result<Workflow> {
        let workspace = workspace.clone();
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
        self.write(move |connection| {
            run(
                connection,
                "INSERT INTO workflows (id, version, name_folded, created_at, workspace) VALUES (?1, 1, ?2, ?3, ?4)",
                params![
                    workflow.id.to_string(),
                    rows::folded(workflow.name()),
                    now.micros(),
                    workspace.as_str()
                ],
            )?;
            insert_version(connection, &workflow)?;
            Ok(workflow)
        })
        .await
    }

    async fn update_workflow(
        &self,
        workspace: &Workspace,
        id: WorkflowId,
        expected: u32,
        new: NewVersion,
    ) -> Result<Workflow> {
        let workspace = workspace.clone();
        self.write(move |connection| {
            let (current, created_at) =
                latest(connection, &workspace, &id.to_string())?.ok_or(Error::NotFound)?;
            if current != expected {
                return Err(Error::VersionMismatch { current, expected });
            }
            let workflow = Workflow {
                id,
                version: current + 1,
                created_at: Timestamp::from_micros(created_at),
                updated_at: Timestamp::now(),
                valid: new.valid,
                problems: new.problems,
                document: new.document,
            };
            run(
                connection,
                "UPDATE workflows SET version = ?2, name_folded = ?3 WHERE id = ?1 AND workspace = ?4",
                params![id.to_string(), workflow.version, rows::folded(workflow.name()), workspace.as_str()],
            )?;
            insert_version(connection, &workflow)?;
            Ok(workflow)
        })
        .await
    }

    async fn get_workflow(
        &self,
        workspace: &Workspace,
        id: WorkflowId,
        version: Option<u32>,
    ) -> Result<Option<Workflow>> {
        let workspace = workspace.clone();
        self.read(move |connection| match version {
            Some(version) => first(
                connection,
                concat!(
                    "SELECT ",
                    rows::workflow_columns!(),
                    " FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id
                      WHERE w.id = ?1 AND v.version = ?2 AND w.workspace = ?3"
                ),
                params![id.to_string(), version, workspace.as_str()],
                rows::workflow,
            ),
            None => first(
                connection,
                concat!(
                    "SELECT ",
                    rows::workflow_columns!(),
                    " FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = w.version
                      WHERE w.id = ?1 AND w.workspace = ?2 AND w.deleted_at IS NULL"
                ),
                params![id.to_string(), workspace.as_str()],
                rows::workflow,
            ),
        })
        .await
    }

    async fn delete_workflow(&self, workspace: &Workspace, id: WorkflowId) -> Result<bool> {
        let workspace = workspace.clone();
        self.write(move |connection| {
            let changed = run(
                connection,
                "UPDATE workflows SET deleted_at = ?2 WHERE id = ?1 AND workspace = ?3 AND deleted_at IS NULL",
                params![id.to_string(), Timestamp::now().micros(), workspace.as_str()],
            )?;
            Ok(changed > 0)
        })
        .await
    }

    async fn list_workflows(
        &self,
        workspace: &Workspace,
        before: Option<WorkflowId>,
        limit: u32,
        query: Option<&str>,
    ) -> Result<Vec<Workflow>> {
        let before = before.map_or_else(|| AFTER_EVERY_ID.into(), |id| id.to_string());
        let workspace = workspace.clone();
        // Every text contains the empty one.
        let part = query.map(rows::folded).unwrap_or_default();
        self.read(move |connection| {
            all(
                connection,
                concat!(
                    "SELECT ",
                    rows::workflow_columns!(),
                    " FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = w.version
                      WHERE w.workspace = ?4 AND w.id < ?1 AND w.deleted_at IS NULL AND instr(w.name_folded, ?2) > 0
                      ORDER BY w.id DESC LIMIT ?3"
                ),
                params![before, part, limit, workspace.as_str()],
                rows::workflow,
            )
        })
        .await
    }

    async fn list_versions(
        &self,
        workspace: &Workspace,
        id: WorkflowId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionInfo>> {
        let before = before.map_or(i64::MAX, i64::from);
        let workspace = workspace.clone();
        self.read(move |connection| {
            let id = id.to_string();
            latest(connection, &workspace, &id)?.ok_or(Error::NotFound)?;
            all(
                connection,
                concat!(
                    "SELECT ",
                    rows::version_columns!(),
                    " FROM workflow_versions v WHERE v.workflow_id = ?1 AND v.version < ?2
                      ORDER BY v.version DESC LIMIT ?3"
                ),
                params![id, before, limit],
                rows::version_info,
            )
        })
        .await
    }
}
