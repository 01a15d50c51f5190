//! Deletes ended executions with all that belongs to them: one when somebody asks, old ones by themselves. Every
//! executor does so; two that find the same executions do no harm. Not here: SQL (`nexus-store`), where memory is.

use crate::Deps;
use nexus_api::{CallCtx, Result, memory::Scope};
use nexus_model::{ExecutionId, Timestamp};
use nexus_store::{Batch, Ended};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What one transaction may delete.
const BATCH: Batch = Batch { executions: 50, rows: 5_000 };
/// Batches in a row; the rest waits for the next round, a minute later.
const MOST_BATCHES: usize = 200;
/// Between two batches, so that those who work get through.
const PAUSE: Duration = Duration::from_millis(50);
const AGAIN_SOON: Duration = Duration::from_secs(60);

/// Deletes what ended longer ago than `keep`, until told to stop.
pub(crate) async fn run(deps: Deps, keep: Duration, stop: CancellationToken) {
    let usual = (keep / 24).clamp(Duration::from_secs(1), Duration::from_secs(3_600));
    // Processes that were started together need not look at the same time.
    let mut wait = usual.min(AGAIN_SOON).mul_f64(rand::random::<f64>());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        let round = tokio::select! {
            () = stop.cancelled() => return,
            round = round(&deps, keep) => round,
        };
        wait = match round {
            Ok(Round { deleted, more }) => {
                if deleted > 0 {
                    tracing::info!(deleted, "old executions deleted");
                }
                let next = if more { usual.min(AGAIN_SOON) } else { usual };
                next.mul_f64(0.75 + 0.5 * rand::random::<f64>())
            }
            Err(error) => {
                tracing::warn!(%error, "cannot delete old executions; trying again");
                usual.min(AGAIN_SOON)
            }
        };
    }
}

/// What a round has done.
struct Round {
    deleted: usize,
    /// Whether it stopped before the end.
    more: bool,
}

async fn round(deps: &Deps, keep: Duration) -> Result<Round> {
    let keep = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    let before = Timestamp::from_micros(Timestamp::now().micros().saturating_sub(keep));
    let mut deleted = 0;
    for _ in 0..MOST_BATCHES {
        let old = deps.store.ended_before(before, BATCH).await?;
        if old.is_empty() {
            return Ok(Round { deleted, more: false });
        }
        deleted += delete(deps, &CallCtx::background(), old, Some(before)).await?.len();
        tokio::time::sleep(PAUSE).await;
    }
    Ok(Round { deleted, more: true })
}

/// Deletes those of these executions that have ended; returns which they were. Their memory goes first: if the end
/// comes in between, they are still there to be deleted again, whereas memory of nobody would stay for ever.
pub(crate) async fn delete(
    deps: &Deps,
    ctx: &CallCtx,
    ended: Vec<Ended>,
    before: Option<Timestamp>,
) -> Result<Vec<ExecutionId>> {
    let mut ids = Vec::with_capacity(ended.len());
    for Ended { id, workspace } in ended {
        let ctx = ctx.clone().on_behalf(ctx.principal.clone(), workspace);
        deps.memory.delete_scope(&ctx, Scope::Execution(id)).await?;
        ids.push(id);
    }
    Ok(deps.store.delete_ended(&ids, before).await?)
}
