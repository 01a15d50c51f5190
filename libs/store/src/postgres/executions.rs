//! Executions in Postgres: accepting, claiming, reading. Not here: steps (`lanes`, `batch`), workflows.

use super::PostgresStore;
use crate::{
    Claimed, Committed, Created, ExecutionStore, Fence, Head, ListFilter, Loaded, NewExecution, Position,
    Result, Step,
    rows::{self, AFTER_EVERY_ID, Columns},
};
use async_trait::async_trait;
use nexus_api::Workspace;
use nexus_model::{Event, ExecutionId, execution::ExecutionSummary};
use sqlx::query;
use std::{collections::HashMap, time::Duration};

/// The database's clock in microseconds since 1970. In a subquery, so that it is read once per statement and can be
/// compared with an index.
macro_rules! now {
    () => {
        "(SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"
    };
}

const CREATE: &str = concat!(
    "WITH new AS (
         INSERT INTO executions (id, workflow_id, workflow_version, workflow_name, status, budget, created_at,
                                 owner, fence, lease_until, idempotency_key, idempotency_hash, workspace,
                                 principal)
         VALUES ($1, $2, $3, $4, 'queued', $5, $6,
                 $7, CASE WHEN $7::text IS NULL THEN 0 ELSE 1 END,
                 CASE WHEN $7::text IS NULL THEN 0 ELSE $8::bigint + ",
    now!(),
    "            END, $9, $10, $13, $14)
         ON CONFLICT DO NOTHING
         RETURNING id
     )
     INSERT INTO execution_inputs (execution_id, inputs, traceparent)
     SELECT id, $11, $12 FROM new RETURNING execution_id"
);

// Whoever else claims at this moment skips what is locked here. A row that another one has just taken is looked at
// again after locking and left out.
const CLAIM: &str = concat!(
    "WITH lost AS (
         SELECT id, owner IS NOT NULL AS recovered FROM executions
         WHERE status = 'running' AND lease_until <= ",
    now!(),
    "    ORDER BY lease_until, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
     ), waiting AS (
         SELECT id, owner IS NOT NULL AS recovered FROM executions
         WHERE status = 'queued' AND lease_until <= ",
    now!(),
    "    ORDER BY id LIMIT $2 - (SELECT count(*) FROM lost) FOR NO KEY UPDATE SKIP LOCKED
     ), chosen AS (
         SELECT * FROM lost UNION ALL SELECT * FROM waiting
     )
     UPDATE executions e SET
         owner = $1, fence = e.fence + 1, lease_until = $3 + ",
    now!(),
    ",   recoveries = CASE WHEN c.recovered THEN e.recoveries + 1 ELSE e.recoveries END
     FROM chosen c, execution_inputs i
     WHERE e.id = c.id AND i.execution_id = c.id
     RETURNING ",
    rows::head_columns!(),
    ", 1::bigint, CASE WHEN c.recovered THEN 1::bigint ELSE 0::bigint END"
);

// In the order of ids, like every statement that locks several executions.
const RENEW: &str = concat!(
    "WITH held AS (
         SELECT e.id FROM executions e JOIN unnest($1::text[], $2::bigint[]) AS h (id, fence) ON h.id = e.id
         WHERE e.fence = h.fence AND e.owner = $3
         ORDER BY e.id FOR NO KEY UPDATE OF e
     )
     UPDATE executions e SET lease_until = $4 + ",
    now!(),
    " FROM held WHERE e.id = held.id RETURNING e.id"
);

impl PostgresStore {
    /// The journals belonging to these heads. A journal only ever grows, so what its head counts is there unchanged,
    /// even if more has been written since.
    async fn journals<'a>(
        &self,
        heads: impl Iterator<Item = &'a Head>,
    ) -> Result<HashMap<String, Vec<String>>> {
        let (ids, lengths): (Vec<String>, Vec<i64>) =
            heads.map(|head| (head.summary.id.to_string(), rows::int(head.journal_len))).unzip();
        let found = self
            .rows(
                query(
                    "SELECT j.execution_id, j.record
                     FROM unnest($1::text[], $2::bigint[]) AS h (id, length)
                     JOIN journal j ON j.execution_id = h.id AND j.idx < h.length
                     ORDER BY j.execution_id, j.idx",
                )
                .bind(&ids)
                .bind(&lengths),
            )
            .await?;
        let mut journals: HashMap<String, Vec<String>> = ids.into_iter().map(|id| (id, Vec::new())).collect();
        for row in &found {
            journals.entry(row.text(0)?).or_default().push(row.text(1)?);
        }
        Ok(journals)
    }
}

#[async_trait]
impl ExecutionStore for PostgresStore {
    async fn create_execution(&self, new: NewExecution) -> Result<Created> {
        let (owner, lease) = match &new.claim_by {
            Some((worker, lease)) => (Some(rows::plain(worker)), rows::micros(*lease)),
            None => (None, 0),
        };
        let (key, hash) = match &new.idempotency {
            Some((key, hash)) => (Some(rows::key_digest(&new.workspace, key)), Some(rows::plain(hash))),
            None => (None, None),
        };
        let inserted = self
            .first(
                query(CREATE)
                    .bind(new.id.to_string())
                    .bind(new.workflow_id.to_string())
                    .bind(i64::from(new.workflow_version))
                    .bind(rows::plain(&new.workflow_name))
                    .bind(rows::maybe_json(new.budget.as_ref())?)
                    .bind(new.created_at.micros())
                    .bind(owner)
                    .bind(lease)
                    .bind(&key)
                    .bind(&hash)
                    .bind(rows::to_json(&new.inputs)?)
                    .bind(new.traceparent.as_deref().map(rows::plain))
                    .bind(new.workspace.as_str())
                    .bind(new.principal.as_deref().map(rows::plain)),
            )
            .await?;
        if inserted.is_some() {
            return Ok(Created::New);
        }
        let holder = self
            .first(query("SELECT id, idempotency_hash FROM executions WHERE idempotency_key = $1").bind(&key))
            .await?;
        match holder {
            Some(row) if row.maybe_text(1)?.as_deref() == hash.as_deref() => {
                Ok(Created::Existing(rows::parse(&row.text(0)?)?))
            }
            Some(_) => Ok(Created::KeyConflict),
            // The id itself is taken: the same request once more.
            None => Ok(Created::Existing(new.id)),
        }
    }

    async fn claim(&self, worker: &str, limit: u32, lease: Duration) -> Result<Vec<Claimed>> {
        let found = self
            .rows(query(CLAIM).bind(rows::plain(worker)).bind(i64::from(limit)).bind(rows::micros(lease)))
            .await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let mut heads = Vec::with_capacity(found.len());
        for row in &found {
            match rows::head(row) {
                Ok(head) => heads.push((head, row.int(24)? != 0)),
                // A damaged one must not keep the others from being worked on.
                Err(error) => tracing::error!(%error, "a claimed execution cannot be read"),
            }
        }
        let journals = self.journals(heads.iter().map(|(head, _)| head)).await;
        let mut journals = match journals {
            Ok(journals) => journals,
            Err(error) => {
                // Best effort; otherwise their leases run out.
                for (head, _) in heads {
                    let _ = self.release(head.summary.id, head.fence).await;
                }
                return Err(error);
            }
        };
        let mut claimed = Vec::with_capacity(heads.len());
        for (head, recovered) in heads {
            let id = head.summary.id;
            let journal = journals.remove(&id.to_string()).unwrap_or_default();
            match rows::loaded(head, journal) {
                Ok(loaded) => claimed.push(Claimed { loaded, recovered }),
                Err(error) => tracing::error!(execution = %id, %error, "a claimed execution cannot be read"),
            }
        }
        rows::by_urgency(&mut claimed);
        Ok(claimed)
    }

    async fn renew(
        &self,
        worker: &str,
        held: &[(ExecutionId, Fence)],
        lease: Duration,
    ) -> Result<Vec<ExecutionId>> {
        let (ids, fences): (Vec<String>, Vec<i64>) =
            held.iter().map(|(id, fence)| (id.to_string(), rows::int(*fence))).unzip();
        let renewed = self
            .rows(query(RENEW).bind(ids).bind(fences).bind(rows::plain(worker)).bind(rows::micros(lease)))
            .await?;
        renewed.iter().map(|row| rows::parse(&row.text(0)?)).collect()
    }

    async fn release(&self, id: ExecutionId, fence: Fence) -> Result<()> {
        self.rows(
            query("UPDATE executions SET owner = NULL, lease_until = 0 WHERE id = $1 AND fence = $2")
                .bind(id.to_string())
                .bind(rows::int(fence)),
        )
        .await?;
        Ok(())
    }

    async fn commit(&self, step: Step) -> Result<Committed> {
        self.0.lanes.commit(&step).await
    }

    async fn load(&self, id: ExecutionId) -> Result<Option<Loaded>> {
        let Some(head) = self.head(id).await? else { return Ok(None) };
        let mut journals = self.journals(std::iter::once(&head)).await?;
        let journal = journals.remove(&id.to_string()).unwrap_or_default();
        rows::loaded(head, journal).map(Some)
    }

    async fn head(&self, id: ExecutionId) -> Result<Option<Head>> {
        let select = concat!(
            "SELECT ",
            rows::head_columns!(),
            ", CASE WHEN e.owner IS NOT NULL AND e.lease_until > ",
            now!(),
            " THEN 1::bigint ELSE 0::bigint END
             FROM executions e JOIN execution_inputs i ON i.execution_id = e.id WHERE e.id = $1"
        );
        let found = self.first(query(select).bind(id.to_string())).await?;
        found.as_ref().map(|row| rows::head(row)).transpose()
    }

    async fn position_in(&self, workspace: &Workspace, id: ExecutionId) -> Result<Option<Position>> {
        let select = "SELECT status, next_seq FROM executions WHERE id = $1 AND workspace = $2";
        let found = self.first(query(select).bind(id.to_string()).bind(workspace.as_str())).await?;
        found.as_ref().map(|row| rows::position(row)).transpose()
    }

    async fn position(&self, id: ExecutionId) -> Result<Option<Position>> {
        let select = "SELECT status, next_seq FROM executions WHERE id = $1";
        let found = self.first(query(select).bind(id.to_string())).await?;
        found.as_ref().map(|row| rows::position(row)).transpose()
    }

    async fn list_executions(
        &self,
        filter: ListFilter,
        before: Option<ExecutionId>,
        limit: u32,
    ) -> Result<Vec<ExecutionSummary>> {
        /// The list's four shapes are four statements, so that each can use its index.
        macro_rules! select {
            ($condition:literal) => {
                concat!(
                    "SELECT ",
                    rows::summary_columns!(),
                    " FROM executions e WHERE e.workspace = $3 AND e.id < $1",
                    $condition,
                    " ORDER BY e.id DESC LIMIT $2"
                )
            };
        }
        let workflow = filter.workflow_id.map(|id| id.to_string());
        let status = filter.status.map(|status| status.as_str());
        let select = match (&workflow, status) {
            (None, None) => query(select!("")),
            (Some(_), None) => query(select!(" AND e.workflow_id = $4")),
            (None, Some(_)) => query(select!(" AND e.status = $4")),
            (Some(_), Some(_)) => query(select!(" AND e.workflow_id = $4 AND e.status = $5")),
        };
        let mut select = select
            .bind(before.map_or_else(|| AFTER_EVERY_ID.into(), |id| id.to_string()))
            .bind(i64::from(limit))
            .bind(filter.workspace.as_str());
        if let Some(workflow) = workflow {
            select = select.bind(workflow);
        }
        if let Some(status) = status {
            select = select.bind(status);
        }
        let found = self.rows(select).await?;
        found.iter().map(|row| rows::summary(row)).collect()
    }

    async fn events(&self, id: ExecutionId, after: u64, limit: u32) -> Result<Vec<Event>> {
        let select = concat!(
            "SELECT ",
            rows::event_columns!(),
            " FROM events WHERE execution_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"
        );
        let found = self
            .rows(query(select).bind(id.to_string()).bind(rows::int(after)).bind(i64::from(limit)))
            .await?;
        found.iter().map(|row| rows::event(id, row)).collect()
    }

    async fn queued(&self) -> Result<u64> {
        let found = self.first(query("SELECT count(*) FROM executions WHERE status = 'queued'")).await?;
        found.map_or(Ok(0), |row| rows::count(row.int(0)?))
    }

    async fn ping(&self) -> Result<()> {
        self.rows(query("SELECT 1")).await.map(|_| ())
    }
}
