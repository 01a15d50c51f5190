//! Executions in SQLite: accepting, claiming, steps, reading. Not here: workflows, group commit (`writer`).

use super::{
    SqliteStore,
    workflows::{all, first, run},
};
use crate::{
    Claimed, Committed, Created, Error, ExecutionStore, Fence, Head, ListFilter, Loaded, NewExecution,
    Ownership, Position, Result, Step,
    rows::{self, AFTER_EVERY_ID, Columns},
};
use async_trait::async_trait;
use nexus_api::Workspace;
use nexus_model::{Event, ExecutionId, execution::ExecutionSummary};
use rusqlite::{Connection, params};
use std::{sync::atomic::Ordering, time::Duration};

/// The database's clock in microseconds since 1970; the same throughout a statement.
macro_rules! now {
    () => {
        "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
    };
}

fn head(connection: &Connection, id: &str) -> Result<Option<Head>> {
    first(
        connection,
        concat!(
            "SELECT ",
            rows::head_columns!(),
            ", e.owner IS NOT NULL AND e.lease_until > ",
            now!(),
            " FROM executions e JOIN execution_inputs i ON i.execution_id = e.id WHERE e.id = ?1"
        ),
        [id],
        rows::head,
    )
}

/// The journal belonging to a head. It only ever grows, so what the head counts is there unchanged, even if more
/// has been written since.
fn with_journal(connection: &Connection, head: Head) -> Result<Loaded> {
    let journal = all(
        connection,
        "SELECT record FROM journal WHERE execution_id = ?1 AND idx < ?2 ORDER BY idx",
        params![head.summary.id.to_string(), rows::int(head.journal_len)],
        |row| row.text(0),
    )?;
    rows::loaded(head, journal)
}

fn create(connection: &Connection, new: &NewExecution) -> Result<Created> {
    let id = new.id.to_string();
    let (owner, lease) = match &new.claim_by {
        Some((worker, lease)) => (Some(rows::plain(worker)), rows::micros(*lease)),
        None => (None, 0),
    };
    let (key, hash) = match &new.idempotency {
        Some((key, hash)) => (Some(rows::key_digest(&new.workspace, key)), Some(rows::plain(hash))),
        None => (None, None),
    };
    let inserted = run(
        connection,
        concat!(
            "INSERT INTO executions (id, workflow_id, workflow_version, workflow_name, status, budget, created_at,
                                     owner, fence, lease_until, idempotency_key, idempotency_hash, workspace,
                                     principal)
             VALUES (?1, ?2, ?3, ?4, 'queued', ?5, ?6,
                     ?7, ?7 IS NOT NULL, CASE WHEN ?7 IS NULL THEN 0 ELSE ?8 + ",
            now!(),
            " END, ?9, ?10, ?11, ?12)
             ON CONFLICT DO NOTHING"
        ),
        params![
            id,
            new.workflow_id.to_string(),
            new.workflow_version,
            rows::plain(&new.workflow_name),
            rows::maybe_json(new.budget.as_ref())?,
            new.created_at.micros(),
            owner,
            lease,
            key,
            hash,
            new.workspace.as_str(),
            new.principal.as_deref().map(rows::plain),
        ],
    )?;
    if inserted > 0 {
        run(
            connection,
            "INSERT INTO execution_inputs (execution_id, inputs, traceparent) VALUES (?1, ?2, ?3)",
            params![id, rows::to_json(&new.inputs)?, new.traceparent.as_deref().map(rows::plain)],
        )?;
        return Ok(Created::New);
    }
    let holder = first(
        connection,
        "SELECT id, idempotency_hash FROM executions WHERE idempotency_key = ?1",
        [&key],
        |row| Ok((row.text(0)?, row.maybe_text(1)?)),
    )?;
    match holder {
        Some((holder, theirs)) if theirs.as_deref() == hash.as_deref() => {
            Ok(Created::Existing(rows::parse(&holder)?))
        }
        Some(_) => Ok(Created::KeyConflict),
        // The id itself is taken: the same request once more.
        None => Ok(Created::Existing(new.id)),
    }
}

/// Chooses and takes executions; their journals are read afterwards, outside of the writer.
fn claim(connection: &Connection, worker: &str, limit: u32, lease: i64) -> Result<Vec<(Head, bool)>> {
    let candidate = |row: &dyn Columns| Ok((row.text(0)?, row.int(1)? != 0));
    let mut chosen = all(
        connection,
        concat!(
            "SELECT id, owner IS NOT NULL FROM executions WHERE status = 'running' AND lease_until <= ",
            now!(),
            " ORDER BY lease_until, id LIMIT ?1"
        ),
        [limit],
        candidate,
    )?;
    let left = rows::int(u64::from(limit)) - rows::length(chosen.len());
    chosen.extend(all(
        connection,
        concat!(
            "SELECT id, owner IS NOT NULL FROM executions WHERE status = 'queued' AND lease_until <= ",
            now!(),
            " ORDER BY id LIMIT ?1"
        ),
        [left],
        candidate,
    )?);
    let mut claimed = Vec::with_capacity(chosen.len());
    for (id, recovered) in chosen {
        run(
            connection,
            concat!(
                "UPDATE executions SET owner = ?2, fence = fence + 1, recoveries = recoveries + ?4, lease_until = ?3 + ",
                now!(),
                " WHERE id = ?1"
            ),
            params![id, worker, lease, recovered],
        )?;
        claimed.push((head(connection, &id)?.ok_or(Error::NotFound)?, recovered));
    }
    Ok(claimed)
}

fn commit(connection: &Connection, step: &Step) -> Result<Committed> {
    let id = step.id.to_string();
    let update = &step.update;
    let next_seq = first(
        connection,
        "UPDATE executions SET
             status = ?4, error = ?5, budget = ?6, spent = ?7, reserved = ?8,
             prompt_tokens = ?9, completion_tokens = ?10, started_at = ?11, finished_at = ?12,
             next_seq = next_seq + ?13, journal_len = journal_len + ?14,
             owner = CASE WHEN ?15 THEN NULL ELSE owner END,
             fence = fence + ?15,
             lease_until = CASE WHEN ?15 THEN 0 ELSE lease_until END,
             recoveries = CASE WHEN ?16 THEN 0 ELSE recoveries END
         WHERE id = ?1 AND fence = ?2 AND journal_len = ?3
         RETURNING next_seq",
        params![
            id,
            rows::int(step.fence),
            rows::int(step.journal_len),
            update.status.as_str(),
            rows::maybe_json(update.error.as_ref())?,
            rows::maybe_json(update.budget.as_ref())?,
            update.spent.picos(),
            update.reserved.picos(),
            rows::int(update.tokens.prompt),
            rows::int(update.tokens.completion),
            update.started_at.map(|at| at.micros()),
            update.finished_at.map(|at| at.micros()),
            rows::length(step.events.len()),
            rows::length(step.records.len()),
            step.ownership == Ownership::Nobody,
            step.progress,
        ],
        |row| row.int(0),
    )?
    .ok_or(Error::FenceLost)?;
    let first_seq = next_seq - rows::length(step.events.len());

    for (idx, record) in (rows::int(step.journal_len)..).zip(&step.records) {
        run(
            connection,
            "INSERT INTO journal (execution_id, idx, record) VALUES (?1, ?2, ?3)",
            params![id, idx, record],
        )?;
    }
    for (seq, event) in (first_seq..).zip(&step.events) {
        let (kind, agent, data, timestamp) = rows::event_texts(event)?;
        run(
            connection,
            "INSERT INTO events (execution_id, seq, kind, agent_id, data, timestamp) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![id, seq, kind, agent, data, timestamp],
        )?;
    }
    Ok(Committed { first_seq: rows::count(first_seq)? })
}

/// The list's four shapes are four statements, so that each can use its index.
fn list(
    connection: &Connection,
    filter: &ListFilter,
    before: &str,
    limit: u32,
) -> Result<Vec<ExecutionSummary>> {
    macro_rules! select {
        ($condition:literal) => {
            concat!(
                "SELECT ",
                rows::summary_columns!(),
                " FROM executions e WHERE e.workspace = ?3 AND e.id < ?1",
                $condition,
                " ORDER BY e.id DESC LIMIT ?2"
            )
        };
    }
    let workflow = filter.workflow_id.map(|id| id.to_string());
    let status = filter.status.map(|status| status.as_str());
    let workspace = filter.workspace.as_str();
    match (workflow, status) {
        (None, None) => all(connection, select!(""), params![before, limit, workspace], rows::summary),
        (Some(workflow), None) => all(
            connection,
            select!(" AND e.workflow_id = ?4"),
            params![before, limit, workspace, workflow],
            rows::summary,
        ),
        (None, Some(status)) => {
            let select = select!(" AND e.status = ?4");
            all(connection, select, params![before, limit, workspace, status], rows::summary)
        }
        (Some(workflow), Some(status)) => all(
            connection,
            select!(" AND e.workflow_id = ?4 AND e.status = ?5"),
            params![before, limit, workspace, workflow, status],
            rows::summary,
        ),
    }
}

#[async_trait]
impl ExecutionStore for SqliteStore {
    async fn create_execution(&self, execution: NewExecution) -> Result<Created> {
        self.write(move |connection| create(connection, &execution)).await
    }

    async fn claim(&self, worker: &str, limit: u32, lease: Duration) -> Result<Vec<Claimed>> {
        let worker = rows::plain(worker).into_owned();
        let lease = rows::micros(lease);
        let heads = self.write(move |connection| claim(connection, &worker, limit, lease)).await?;
        if heads.is_empty() {
            return Ok(Vec::new());
        }
        self.read(move |connection| {
            let mut claimed = Vec::with_capacity(heads.len());
            for (head, recovered) in heads {
                let id = head.summary.id;
                match with_journal(connection, head) {
                    Ok(loaded) => claimed.push(Claimed { loaded, recovered }),
                    // A damaged one must not keep the others from being worked on.
                    Err(Error::Internal(reason)) => {
                        tracing::error!(execution = %id, reason, "cannot be read")
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(claimed)
        })
        .await
    }

    async fn renew(
        &self,
        worker: &str,
        held: &[(ExecutionId, Fence)],
        lease: Duration,
    ) -> Result<Vec<ExecutionId>> {
        let worker = rows::plain(worker).into_owned();
        let held = held.to_vec();
        let lease = rows::micros(lease);
        self.write(move |connection| {
            let mut renewed = Vec::with_capacity(held.len());
            for (id, fence) in held {
                let changed = run(
                    connection,
                    concat!(
                        "UPDATE executions SET lease_until = ?4 + ",
                        now!(),
                        " WHERE id = ?1 AND fence = ?2 AND owner = ?3"
                    ),
                    params![id.to_string(), rows::int(fence), worker, lease],
                )?;
                if changed > 0 {
                    renewed.push(id);
                }
            }
            Ok(renewed)
        })
        .await
    }

    async fn release(&self, id: ExecutionId, fence: Fence) -> Result<()> {
        self.write(move |connection| {
            run(
                connection,
                "UPDATE executions SET owner = NULL, lease_until = 0 WHERE id = ?1 AND fence = ?2",
                params![id.to_string(), rows::int(fence)],
            )?;
            Ok(())
        })
        .await
    }

    async fn commit(&self, step: Step) -> Result<Committed> {
        let committed = self.write(move |connection| commit(connection, &step)).await?;
        self.0.transitions.fetch_add(1, Ordering::Relaxed);
        Ok(committed)
    }

    async fn load(&self, id: ExecutionId) -> Result<Option<Loaded>> {
        self.read(move |connection| {
            head(connection, &id.to_string())?.map(|head| with_journal(connection, head)).transpose()
        })
        .await
    }

    async fn head(&self, id: ExecutionId) -> Result<Option<Head>> {
        self.read(move |connection| head(connection, &id.to_string())).await
    }

    async fn position_in(&self, workspace: &Workspace, id: ExecutionId) -> Result<Option<Position>> {
        let workspace = workspace.clone();
        self.read(move |connection| {
            let select = "SELECT status, next_seq FROM executions WHERE id = ?1 AND workspace = ?2";
            first(connection, select, params![id.to_string(), workspace.as_str()], rows::position)
        })
        .await
    }

    async fn position(&self, id: ExecutionId) -> Result<Option<Position>> {
        self.read(move |connection| {
            let select = "SELECT status, next_seq FROM executions WHERE id = ?1";
            first(connection, select, params![id.to_string()], rows::position)
        })
        .await
    }

    async fn list_executions(
        &self,
        filter: ListFilter,
        before: Option<ExecutionId>,
        limit: u32,
    ) -> Result<Vec<ExecutionSummary>> {
        let before = before.map_or_else(|| AFTER_EVERY_ID.into(), |id| id.to_string());
        self.read(move |connection| list(connection, &filter, &before, limit)).await
    }

    async fn events(&self, id: ExecutionId, after: u64, limit: u32) -> Result<Vec<Event>> {
        self.read(move |connection| {
            all(
                connection,
                concat!(
                    "SELECT ",
                    rows::event_columns!(),
                    " FROM events WHERE execution_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
                ),
                params![id.to_string(), rows::int(after), limit],
                |row| rows::event(id, row),
            )
        })
        .await
    }

    async fn queued(&self) -> Result<u64> {
        self.read(|connection| {
            let count = "SELECT count(*) FROM executions WHERE status = 'queued'";
            first(connection, count, [], |row| rows::count(row.int(0)?)).map(Option::unwrap_or_default)
        })
        .await
    }

    async fn ping(&self) -> Result<()> {
        self.read(|connection| first(connection, "SELECT 1", [], |row| row.int(0)).map(|_| ())).await
    }
}
