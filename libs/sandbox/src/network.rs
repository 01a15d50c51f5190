//! Whom a job may talk to: nobody, or whoever serves the one listener that it can reach.
//! Not here: the proxy itself (`nexus-egress`).

use crate::wire;
use rustix::net::RecvFlags;
use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    pin::Pin,
    sync::Arc,
};
use tokio::{
    io::{Interest, copy_bidirectional, unix::AsyncFd},
    net::{TcpListener, TcpStream, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

/// Serves the only address that a sandbox can reach.
pub trait Serve: Send + Sync + 'static {
    /// Serves until dropped, which happens when the job has ended. The listener is the job's `HTTP_PROXY` and
    /// `HTTPS_PROXY`. In tiers A and B it listens within the sandbox's network namespace, where nobody else is; in
    /// tier C on a loopback port of this machine.
    fn serve(&self, listener: TcpListener) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Whom a job may talk to.
#[derive(Clone, Default)]
pub enum Network {
    /// Nobody.
    #[default]
    None,
    /// Whoever this serves, and nobody else.
    Via(Arc<dyn Serve>),
}

impl fmt::Debug for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Network::None => "None",
            Network::Via(_) => "Via",
        })
    }
}

/// Connections that a sandbox without sockets may hold at a time.
const CONNECTIONS: usize = 16;

/// Tier C: hands a connection to `address` in whenever the sandbox asks for one. The sandbox holds one end of a
/// plain pair, which cannot be turned into a connection to anybody else; bytes are carried over here.
pub(crate) async fn hand_out(asked: AsyncFd<OwnedFd>, address: SocketAddr) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    let mut carried = JoinSet::new();
    let mut word = [0; 16];
    loop {
        let heard = asked
            .async_io(Interest::READABLE, |socket: &OwnedFd| {
                rustix::net::recv(socket, &mut word[..], RecvFlags::empty()).map_err(io::Error::from)
            })
            .await;
        match heard {
            Ok((1.., _)) => {}
            // It has ended.
            _ => break,
        }
        while carried.try_join_next().is_some() {}
        let connection = Arc::clone(&free).try_acquire_owned().ok().zip(UnixStream::pair().ok());
        let Some((permit, (ours, theirs))) = connection else {
            answer(&asked, &[]);
            continue;
        };
        let Ok(theirs) = theirs.into_std().and_then(|theirs| theirs.set_nonblocking(false).map(|()| theirs))
        else {
            continue;
        };
        answer(&asked, &[theirs.as_fd()]);
        carried.spawn(carry(ours, address, permit));
    }
}

/// An answer that does not fit into the socket is lost: the sandbox asks faster than it takes.
fn answer(asked: &AsyncFd<OwnedFd>, descriptors: &[BorrowedFd<'_>]) {
    drop(wire::send(asked.get_ref(), &(), descriptors));
}

async fn carry(mut inner: UnixStream, address: SocketAddr, _permit: OwnedSemaphorePermit) {
    if let Ok(mut outer) = TcpStream::connect(address).await {
        drop(copy_bidirectional(&mut inner, &mut outer).await);
    }
}
