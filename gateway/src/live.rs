//! What outlives a request: the signal that the server is going down, and the count of open WebSockets.
//! Not here: who sends the signal (`serve`), what a WebSocket does about it (`ws`).

use std::time::Duration;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Shared by the router and whoever serves it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    going_away: CancellationToken,
    sockets: TaskTracker,
}

impl Live {
    /// Completes when the server is going down.
    pub(crate) async fn going_away(&self) {
        self.going_away.cancelled().await;
    }

    /// Whether the server is going down.
    pub(crate) fn is_going_away(&self) -> bool {
        self.going_away.is_cancelled()
    }

    /// The same as something that a stream can own.
    pub(crate) fn token(&self) -> CancellationToken {
        self.going_away.clone()
    }

    /// Counts `socket` as open until it completes.
    pub(crate) fn track<F: Future>(&self, socket: F) -> impl Future<Output = F::Output> + use<F> {
        self.sockets.track_future(socket)
    }

    /// Tells all live streams to end.
    pub(crate) fn go_away(&self) {
        self.going_away.cancel();
        self.sockets.close();
    }

    /// Waits until all WebSockets have ended, `patience` at most; whether they did.
    pub(crate) async fn drained(&self, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.sockets.wait()).await.is_ok()
    }
}
