//! Tunnels: TLS between the program and the host that the tunnel was asked for. Nothing is decrypted; the first message
//! must ask for that host and no other. What is asked for inside cannot be seen, but it goes to a judged address.
//! Not here: reading that message (`hello`).

use super::{
    ProxyLimits,
    hello::{self, First},
    record::{Entry, Meter, Way},
};
use crate::{Error, Target, Turn};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    net::TcpStream,
    time::{Instant, sleep_until, timeout_at},
};

/// A fatal TLS alert: unrecognized_name.
const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// A tunnel whose both ends are there.
#[derive(Debug)]
pub(super) struct Tunnel {
    pub(super) client: OnUpgrade,
    pub(super) upstream: TcpStream,
    pub(super) target: Target,
    pub(super) entry: Arc<Entry>,
    pub(super) deadline: Instant,
    pub(super) _turn: Turn,
}

impl Tunnel {
    /// Moves bytes until one end is gone or a bound is reached.
    pub(super) async fn run(self, limits: &ProxyLimits, meter: &Meter) {
        let entry = self.entry.clone();
        match self.try_run(limits, meter).await {
            Ok(()) => entry.complete(),
            Err(error) => entry.failed(error),
        }
    }

    async fn try_run(self, limits: &ProxyLimits, meter: &Meter) -> Result<(), Error> {
        let host = self.target.host_name();
        let late = || Error::TimedOut { host: host.clone(), after: limits.request.total };
        let Ok(client) = timeout_at(self.deadline, self.client).await.map_err(|_| late())? else {
            // The program went away before it was told that the tunnel is there.
            return Ok(());
        };
        let mut client = TokioIo::new(client);
        let begin = self.deadline.min(Instant::now() + limits.request.first_byte);
        let hello = match timeout_at(begin, first_message(&mut client, &self.target)).await {
            Err(_) => return Err(Error::TlsRequired { host }),
            Ok(Ok(hello)) => hello,
            Ok(Err(error)) => {
                // So that the program's TLS library says what is wrong; it may be gone, though.
                drop(timeout_at(begin, client.write_all(&ALERT)).await);
                drop(timeout_at(begin, client.shutdown()).await);
                return Err(error);
            }
        };
        if hello.is_empty() {
            return Ok(());
        }
        let pace = Pace::new(limits.request.idle, self.deadline);
        let (from_client, to_client) = split(client);
        let (from_server, mut to_server) = self.upstream.into_split();
        let (entry, pace) = (&*self.entry, &pace);
        let out = async {
            meter.bytes(entry, Way::Out, hello.len())?;
            if to_server.write_all(&hello).await.is_err() {
                return Ok(());
            }
            pump(from_client, to_server, |count| meter.bytes(entry, Way::Out, count), pace).await
        };
        let back = pump(from_server, to_client, |count| meter.bytes(entry, Way::In, count), pace);
        tokio::select! {
            moved = async { tokio::try_join!(out, back) } => moved.map(|_| ()),
            stalled = pace.lost() => Err(if stalled {
                Error::BodyStalled { host, after: limits.request.idle }
            } else {
                late()
            }),
        }
    }
}

/// Reads the first message and judges it; nothing if the program says nothing and leaves.
async fn first_message(client: &mut (impl AsyncRead + Unpin), target: &Target) -> Result<Vec<u8>, Error> {
    let host = target.host_name();
    let mut read = Vec::new();
    loop {
        match hello::read(&read) {
            First::Partial if read.len() < hello::LONGEST => {}
            First::Partial | First::Other => return Err(Error::TlsRequired { host }),
            First::Hello { hidden: true, .. } => {
                return Err(Error::SniMismatch { host, asked: "something encrypted".to_owned() });
            }
            First::Hello { server_name, .. } => {
                let agrees = match &server_name {
                    Some(name) => name.eq_ignore_ascii_case(&host),
                    // There are no names for addresses (RFC 6066, 3).
                    None => target.literal().is_some(),
                };
                let asked = || server_name.unwrap_or_else(|| "no host at all".to_owned());
                return if agrees { Ok(read) } else { Err(Error::SniMismatch { host, asked: asked() }) };
            }
        }
        let before = read.len();
        read.reserve(2048);
        match client.read_buf(&mut read).await {
            Ok(count) if count > 0 => {}
            _ if before == 0 => return Ok(read),
            _ => return Err(Error::TlsRequired { host }),
        }
    }
}

/// Moves bytes one way; its end is told to the other side, which may go on.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    count: impl Fn(usize) -> Result<(), Error>,
    pace: &Pace,
) -> Result<(), Error> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        // A connection that breaks is one that ends: both sides of TLS notice themselves.
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            drop(to.shutdown().await);
            return Ok(());
        }
        count(read)?;
        if to.write_all(&buffer[..read]).await.is_err() {
            return Ok(());
        }
        pace.moved();
    }
}

/// When bytes moved last, either way.
struct Pace {
    started: Instant,
    idle: Duration,
    deadline: Instant,
    /// Milliseconds after the start.
    last: AtomicU64,
}

impl Pace {
    fn new(idle: Duration, deadline: Instant) -> Self {
        Self { started: Instant::now(), idle, deadline, last: AtomicU64::new(0) }
    }

    fn moved(&self) {
        let since = self.started.elapsed().as_millis();
        self.last.store(u64::try_from(since).unwrap_or(u64::MAX), Relaxed);
    }

    /// Waits until nothing has moved for too long (true), or the time is over (false).
    async fn lost(&self) -> bool {
        loop {
            let until = self.started + Duration::from_millis(self.last.load(Relaxed)) + self.idle;
            sleep_until(until.min(self.deadline)).await;
            if Instant::now() >= self.deadline {
                return false;
            }
            if self.started + Duration::from_millis(self.last.load(Relaxed)) + self.idle <= Instant::now() {
                return true;
            }
        }
    }
}
