//! Following a run to its end, over whatever port: events without gaps even if the connection breaks. Ctrl-C cancels the
//! run; SIGTERM leaves it, to go on elsewhere or later.
//! Not here: how it is shown (`progress`).

use crate::{
    exit::{Failure, Result},
    progress::View,
};
use futures::StreamExt;
use nexus_api::{CallCtx, Code, Error, Executor};
use nexus_model::{EventType, Execution, ExecutionId, event::WatchItem};
use std::time::Duration;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};

/// How long a server may be away before we give up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two attempts to reach it.
const PAUSE: Duration = Duration::from_millis(250);

/// Shows the events after `after` until the run ends; returns the execution as it then is, or `None` if a SIGTERM came
/// first.
pub(crate) async fn follow(
    executor: &dyn Executor,
    id: ExecutionId,
    after: u64,
    view: &mut View,
) -> Result<Option<Execution>> {
    let ctx = CallCtx::background();
    let mut seen = after;
    let mut signals = Signals::listen().map_err(anyhow::Error::new)?;
    loop {
        let ended = tokio::select! {
            ended = watch(executor, &ctx, id, &mut seen, view) => ended,
            heard = signals.next() => match heard {
                Heard::Interrupt => {
                    view.note("cancelling; once more to leave at once");
                    cancel(executor, id).await?;
                    continue;
                }
                Heard::Terminate => return Ok(None),
            }
        };
        if ended? {
            break;
        }
    }
    let execution = retry(|| executor.get_execution(&ctx, id)).await?;
    view.end(&execution);
    Ok(Some(execution))
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
pub(crate) async fn retry<T, F>(mut call: impl FnMut() -> F) -> Result<T>
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

/// What somebody wants of us.
pub(crate) enum Heard {
    /// Ctrl-C: end the run.
    Interrupt,
    /// SIGTERM: end this program, not the run.
    Terminate,
}

/// Ctrl-C and SIGTERM; the second Ctrl-C ends the program at once.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    interrupted: bool,
}

impl Signals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, interrupted: false })
    }

    pub(crate) async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.interrupt.recv() => {
                if self.interrupted {
                    // 128 + SIGINT, as a shell has it
                    std::process::exit(130);
                }
                self.interrupted = true;
                Heard::Interrupt
            }
            _ = self.terminate.recv() => Heard::Terminate,
        }
    }
}
