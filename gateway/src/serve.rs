//! Accepting connections, and ending them in good order. Not here: when to end (`nexus-runtime` hears the signal).

use crate::{Gateway, rate::Peer};
use axum::Router;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use std::{io, net::IpAddr, pin::pin, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A client that takes longer to send the head of a request only holds a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after the system could not accept a connection: it is out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the gateway until `shutdown` completes. Then nothing more is accepted, live streams end (WebSockets with
/// 1001, so that their clients come again), requests in flight finish, and whatever has not ended within
/// [`Timing::drain`](crate::Timing::drain) is cut off.
pub async fn serve(
    listener: TcpListener,
    gateway: Gateway,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let Gateway { router, live, drain, tls } = gateway;
    let graceful = GracefulShutdown::new();
    let cut = CancellationToken::new();
    let connections = Connections { router, tls, cut: cut.clone() };
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer)) => connections.spawn(stream, peer.ip(), graceful.watcher()),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    live.go_away();
    let (sockets, requests) =
        tokio::join!(live.drained(drain), tokio::time::timeout(drain, graceful.shutdown()));
    if !sockets || requests.is_err() {
        tracing::warn!(
            seconds = drain.as_secs_f64(),
            "some connections did not end in time and were cut off"
        );
        cut.cancel();
    }
    Ok(())
}

/// Everything that a connection needs.
#[derive(Clone)]
struct Connections {
    router: Router,
    tls: Option<TlsAcceptor>,
    cut: CancellationToken,
}

impl Connections {
    fn spawn(&self, stream: TcpStream, peer: IpAddr, watcher: Watcher) {
        // Small answers and events must not wait for acknowledgements of earlier ones.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let Self { router, tls, cut } = self.clone();
        tokio::spawn(async move {
            let served = async {
                let Some(tls) = tls else { return talk(stream, peer, router, watcher).await };
                // Whoever does not finish the handshake only holds a connection, as with the head of a request.
                match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                    Ok(Ok(stream)) => talk(stream, peer, router, watcher).await,
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS connection came about"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                }
            };
            tokio::select! {
                () = served => {}
                () = cut.cancelled() => {}
            }
        });
    }
}

async fn talk<S>(stream: S, peer: IpAddr, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(HEAD_TIMEOUT));
    let router = router.map_request(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request
    });
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
