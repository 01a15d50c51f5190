//! The end of a process: the first SIGTERM or SIGINT asks for it, the second one does not wait. Not here: what has to
//! be finished before (each service drains itself).

use std::{io, time::Duration};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long draining may take: an orchestrator kills after 30 s, and 28 s are promised.
pub const DRAIN: Duration = Duration::from_secs(25);

/// A token that is cancelled by the first SIGTERM or SIGINT. The second one ends the process at once, with the status
/// that shells expect.
pub fn on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        let mut first = true;
        loop {
            let number = tokio::select! {
                Some(()) = terminate.recv() => 15,
                Some(()) = interrupt.recv() => 2,
                else => return,
            };
            if !first {
                tracing::warn!("a second signal: ending without waiting for work in flight");
                std::process::exit(128 + number);
            }
            first = false;
            tracing::info!("ending: finishing what is in flight");
            cancel.cancel();
        }
    });
    Ok(token)
}
