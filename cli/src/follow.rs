//! Following a run to its end, over whatever port: events without gaps even if the connection breaks, Ctrl-C cancels.
//! Not here: how it is shown (`progress`).

use crate::{
    exit::{Failure, Result},
    progress::View,
};
use futures::StreamExt;
use nexus_api::{CallCtx, Code, Error, Executor};
use nexus_model::{EventType, Execution, ExecutionId, event::WatchItem};
use std::time::Duration;
use tokio::time::Instant;

/// How long a server may be away before we give up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two attempts to reach it.
const PAUSE: Duration = Duration::from_millis(250);

/// Shows the events after `after` until the run ends; returns the execution as it then is.
pub(crate) async fn follow(
    executor: &dyn Executor,
    id: ExecutionId,
    after: u64,
    view: &mut View,
) -> Result<Execution> {
    let ctx = CallCtx::background();
    let mut seen = after;
    let mut interrupted = Interrupt::default();
    loop {
        let ended = tokio::select! {
            ended = watch(executor, &ctx, id, &mut seen, view) => ended,
            () = interrupted.wait() => {
                view.note("cancelling; once more to leave at once");
                cancel(executor, id).await?;
                continue;
            }
        };
        if ended? {
            break;
        }
    }
    let execution = retry(|| executor.get_execution(&ctx, id)).await?;
    view.end(&execution);
    Ok(execution)
}

/// Watches until the run ends (true) or the stream does (false).
async fn watch(
    executor: &dyn Executor,
    ctx: &CallCtx,
    id: ExecutionId,
    seen: &mut u64,
    view: &mut View,
) -> Result<bool> {
    let mut stream = retry(|| executor.watch_execution(ctx, id, *seen)).await?;
    while let Some(item) = stream.next().await {
        match item {
            Ok(WatchItem::Delta(delta)) => view.delta(&delta),
            Ok(WatchItem::Event(event)) => {
                // A stream may repeat itself after it broke; it never leaves anything out.
                if event.seq <= *seen {
                    continue;
                }
                *seen = event.seq;
                view.event(&event);
                if event.kind == EventType::ExecutionCompleted {
                    return Ok(true);
                }
            }
            Err(error) if error.retryable => break,
            Err(error) => return Err(error.into()),
        }
    }
    // Nothing more comes: either the connection broke, or all of it was seen before.
    let execution = retry(|| executor.get_execution(ctx, id)).await?;
    if execution.summary.status.is_terminal() {
        let rest = retry(|| executor.list_events(ctx, id, *seen, 1)).await?;
        return Ok(rest.is_empty());
    }
    tokio::time::sleep(PAUSE).await;
    Ok(false)
}

/// Cancels, unless it has just ended by itself.
async fn cancel(executor: &dyn Executor, id: ExecutionId) -> Result<()> {
    let ctx = CallCtx::background().with_timeout(Duration::from_secs(30));
    match executor.cancel_execution(&ctx, id).await {
        Ok(_) => Ok(()),
        Err(error) if error.code == Code::Conflict => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Tries again while the other side is away, for a while.
async fn retry<T, F>(mut call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = nexus_api::Result<T>>,
{
    let start = Instant::now();
    loop {
        match call().await {
            Ok(value) => return Ok(value),
            Err(error) if is_away(&error) && start.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(Failure::from(error)),
        }
    }
}

fn is_away(error: &Error) -> bool {
    matches!(error.code, Code::Unavailable | Code::RateLimited | Code::DeadlineExceeded)
}

/// The first Ctrl-C or SIGTERM; the second one ends the program.
#[derive(Default)]
struct Interrupt {
    token: Option<tokio_util::sync::CancellationToken>,
    over: bool,
}

impl Interrupt {
    async fn wait(&mut self) {
        if self.over {
            return std::future::pending().await;
        }
        if self.token.is_none() {
            self.token = nexus_runtime::shutdown::on_signal().ok();
        }
        match &self.token {
            Some(token) => token.cancelled().await,
            None => std::future::pending().await,
        }
        self.over = true;
    }
}
