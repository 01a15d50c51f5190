//! Deleting ended executions in SQLite. Not here: which, and when (`crate::retention`).

use super::{
    SqliteStore,
    workflows::{all, run},
};
use crate::{
    Result,
    retention::{Batch, Ended, RetentionStore, ended, fitting, oldest_id},
};
use async_trait::async_trait;
use nexus_model::{ExecutionId, Timestamp};
use rusqlite::{Connection, params};

fn delete(connection: &Connection, id: ExecutionId, before: Option<Timestamp>) -> Result<bool> {
    let text = id.to_string();
    let deleted = run(
        connection,
        "DELETE FROM executions WHERE id = ?1 AND status NOT IN ('queued', 'running')
             AND (?2 IS NULL OR finished_at < ?2)",
        params![text, before.map(Timestamp::micros)],
    )?;
    if deleted == 0 {
        return Ok(false);
    }
    for belongings in [
        "DELETE FROM execution_inputs WHERE execution_id = ?1",
        "DELETE FROM journal WHERE execution_id = ?1",
        "DELETE FROM events WHERE execution_id = ?1",
    ] {
        run(connection, belongings, [&text])?;
    }
    Ok(true)
}

#[async_trait]
impl RetentionStore for SqliteStore {
    async fn ended_before(&self, before: Timestamp, batch: Batch) -> Result<Vec<Ended>> {
        let found = self.read(move |connection| {
            all(
                connection,
                "SELECT id, workspace, journal_len + next_seq FROM executions
                 WHERE id < ?1 AND status NOT IN ('queued', 'running') AND finished_at < ?2
                 ORDER BY id LIMIT ?3",
                params![oldest_id(before), before.micros(), batch.executions],
                ended,
            )
        });
        Ok(fitting(found.await?, batch))
    }

    async fn delete_ended(&self, ids: &[ExecutionId], before: Option<Timestamp>) -> Result<Vec<ExecutionId>> {
        let ids = ids.to_vec();
        self.write(move |connection| {
            let mut deleted = Vec::with_capacity(ids.len());
            for id in ids {
                if delete(connection, id, before)? {
                    deleted.push(id);
                }
            }
            Ok(deleted)
        })
        .await
    }
}
