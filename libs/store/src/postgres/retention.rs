//! Deleting ended executions in Postgres. Not here: which, and when (`crate::retention`).

use super::PostgresStore;
use crate::{
    Result,
    retention::{Batch, Ended, RetentionStore, ended, fitting, oldest_id},
    rows::{self, Columns},
};
use async_trait::async_trait;
use nexus_model::{ExecutionId, Timestamp};
use sqlx::query;

// Locks in the order of ids, like every statement on several executions. Whoever else deletes the same ones at this
// moment waits and then finds them gone.
const DELETE: &str = "
WITH chosen AS (
    SELECT id FROM executions
    WHERE id = ANY ($1) AND status NOT IN ('queued', 'running') AND ($2::bigint IS NULL OR finished_at < $2)
    ORDER BY id FOR UPDATE
), gone AS (
    DELETE FROM executions e USING chosen c WHERE e.id = c.id RETURNING e.id
), inputs AS (
    DELETE FROM execution_inputs i USING gone WHERE i.execution_id = gone.id
), records AS (
    DELETE FROM journal j USING gone WHERE j.execution_id = gone.id
), told AS (
    DELETE FROM events v USING gone WHERE v.execution_id = gone.id
)
SELECT id FROM gone";

#[async_trait]
impl RetentionStore for PostgresStore {
    async fn ended_before(&self, before: Timestamp, batch: Batch) -> Result<Vec<Ended>> {
        let select = query(
            "SELECT id, workspace, journal_len + next_seq FROM executions
             WHERE id < $1 AND status NOT IN ('queued', 'running') AND finished_at < $2
             ORDER BY id LIMIT $3",
        );
        let select = select.bind(oldest_id(before)).bind(before.micros()).bind(i64::from(batch.executions));
        let found = self.rows(select).await?;
        let found = found.iter().map(|row| ended(row)).collect::<Result<_>>()?;
        Ok(fitting(found, batch))
    }

    async fn delete_ended(&self, ids: &[ExecutionId], before: Option<Timestamp>) -> Result<Vec<ExecutionId>> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let deleted = self.rows(query(DELETE).bind(ids).bind(before.map(Timestamp::micros))).await?;
        deleted.iter().map(|row| rows::parse(&row.text(0)?)).collect()
    }
}
