//! The port through which ended executions are deleted for good: one by one when somebody asks, in batches when they
//! are old enough. Not here: SQL, when to delete (`nexus-executor`), their memory, which may live in another store.

use crate::{
    Result,
    rows::{self, Columns},
};
use async_trait::async_trait;
use nexus_api::Workspace;
use nexus_model::{ExecutionId, Timestamp};

/// How much may be deleted in one transaction: what runs meanwhile must not wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Most executions.
    pub executions: u32,
    /// Most records and events of theirs, all in all; a single execution may have more.
    pub rows: u64,
}

/// An execution that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its id.
    pub id: ExecutionId,
    /// Whose it is, and so its memory.
    pub workspace: Workspace,
}

/// Deletes executions.
#[async_trait]
pub trait RetentionStore: Send + Sync + 'static {
    /// Executions of all workspaces that ended before that moment, oldest first, as many as fit into a batch.
    async fn ended_before(&self, before: Timestamp, batch: Batch) -> Result<Vec<Ended>>;
    /// Deletes those of these executions that have ended (before that moment, if there is one), each with its inputs,
    /// journal, events and idempotency key; returns which they were. What is queued or running is left alone, even
    /// if it had ended a moment ago.
    async fn delete_ended(&self, ids: &[ExecutionId], before: Option<Timestamp>) -> Result<Vec<ExecutionId>>;
}

/// What `ended_before` selects: id, workspace, and how many rows go with it.
pub(crate) fn ended(row: &dyn Columns) -> Result<(Ended, u64)> {
    let ended = Ended { id: rows::parse(&row.text(0)?)?, workspace: rows::parse(&row.text(1)?)? };
    Ok((ended, rows::count(row.int(2)?)?))
}

/// Sorts before every id that was made at that moment or later, and after all older ones.
pub(crate) fn oldest_id(at: Timestamp) -> String {
    // The first 48 bits of a UUIDv7 are milliseconds.
    let hex = format!("{:012x}", (at.micros() / 1_000).max(0));
    let (high, low) = hex.split_at(hex.len() - 4);
    format!("{high}-{low}")
}

/// The first executions that fit into a batch, the very first whatever its size.
pub(crate) fn fitting<T>(found: Vec<(T, u64)>, batch: Batch) -> Vec<T> {
    let mut left = batch.rows;
    let mut fitting = Vec::new();
    for (one, rows) in found {
        if rows > left && !fitting.is_empty() {
            break;
        }
        left = left.saturating_sub(rows);
        fitting.push(one);
    }
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_cut_at_their_moment() {
        let before = Timestamp::now();
        let id = ExecutionId::generate().to_string();
        let after = Timestamp::from_micros(Timestamp::now().micros() + 2_000);
        assert!(oldest_id(before) <= id && id < oldest_id(after));
        assert!(oldest_id(Timestamp::from_micros(0)) < id);
    }

    #[test]
    fn a_batch_is_never_empty_and_never_too_large() {
        let ids: Vec<_> = (0..4).map(|_| ExecutionId::generate()).collect();
        let found = |rows: [u64; 4]| ids.iter().copied().zip(rows).collect::<Vec<_>>();
        let batch = Batch { executions: 4, rows: 10 };
        assert_eq!(fitting(found([3, 3, 4, 1]), batch), ids[..3]);
        assert_eq!(fitting(found([50, 1, 1, 1]), batch), ids[..1]);
        assert_eq!(fitting(found([1, 50, 1, 1]), batch), ids[..1]);
        assert!(fitting(Vec::<(u8, u64)>::new(), batch).is_empty());
    }
}
