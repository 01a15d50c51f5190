//! What a job's log says about a request, gathered while it goes on and told when its last part is gone, however it
//! ended; and what all requests of a job have used. Not here: where the log is kept.

use crate::{Error, ProxyLimits, Target};
use http::StatusCode;
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Longest path in a record, in characters.
const PATH: usize = 500;

/// One request or tunnel, when it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The method; `CONNECT` for tunnels.
    pub method: String,
    /// The host; what the program wrote if it was no address.
    pub host: String,
    /// The port; 0 if the program wrote no address.
    pub port: u16,
    /// The path without its query, which may hold secrets; none for tunnels.
    pub path: Option<String>,
    /// The answer's status; the proxy's own where it refused.
    pub status: Option<u16>,
    /// What went wrong, if anything.
    pub failure: Option<Failure>,
    /// Bytes of the request's body, or that went into the tunnel.
    pub sent_bytes: u64,
    /// Bytes of the answer's body as they came, or that came out of the tunnel.
    pub received_bytes: u64,
    /// From its beginning to its end, waiting for the host's turn included.
    pub duration: Duration,
}

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The stable name: that of an [`Error`], or `client_gone`.
    pub code: &'static str,
    /// A sentence for a person.
    pub message: String,
}

pub(super) type Log = Arc<dyn Fn(Record) + Send + Sync>;

/// A record in the making.
pub(super) struct Entry {
    started: Instant,
    log: Log,
    sent: AtomicU64,
    received: AtomicU64,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    method: String,
    host: String,
    port: u16,
    path: Option<String>,
    status: Option<u16>,
    failure: Option<Failure>,
    complete: bool,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").finish_non_exhaustive()
    }
}

impl Entry {
    pub(super) fn new(method: String, log: Log) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            log,
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            told: Mutex::new(Told { method, ..Told::default() }),
        })
    }

    pub(super) fn is_for(&self, target: &Target, tunnel: bool) {
        let mut told = self.told();
        told.host = target.host_name();
        told.port = target.port;
        told.path = (!tunnel).then(|| target.url.path().chars().take(PATH).collect());
    }

    /// For what is no address.
    pub(super) fn is_for_text(&self, text: &str) {
        self.told().host = text.chars().filter(|c| !c.is_control()).take(100).collect();
    }

    pub(super) fn host(&self) -> String {
        self.told().host.clone()
    }

    pub(super) fn answered(&self, status: StatusCode) {
        self.told().status = Some(status.as_u16());
    }

    /// The first failure is the one that counts; those after it follow from it.
    pub(super) fn failed(&self, error: Error) {
        let mut told = self.told();
        if !told.complete {
            told.failure.get_or_insert_with(|| Failure { code: error.code(), message: error.to_string() });
        }
    }

    /// The answer has come to its end.
    pub(super) fn complete(&self) {
        self.told().complete = true;
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let told = std::mem::take(self.told.get_mut().unwrap_or_else(PoisonError::into_inner));
        let gone = || Failure {
            code: "client_gone",
            message: "the program ended or closed the connection before the answer's end".to_owned(),
        };
        (self.log)(Record {
            method: told.method,
            host: told.host,
            port: told.port,
            path: told.path,
            status: told.status,
            failure: told.failure.or_else(|| (!told.complete).then(gone)),
            sent_bytes: *self.sent.get_mut(),
            received_bytes: *self.received.get_mut(),
            duration: self.started.elapsed(),
        });
    }
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Out,
    In,
}

/// What all requests of a proxy have used.
#[derive(Debug)]
pub(super) struct Meter {
    limits: ProxyLimits,
    requests: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Meter {
    pub(super) fn new(limits: &ProxyLimits) -> Self {
        let zero = || AtomicU64::new(0);
        Self { limits: limits.clone(), requests: zero(), sent: zero(), received: zero() }
    }

    /// Counts a request; whether it may be sent.
    pub(super) fn request(&self) -> bool {
        self.requests.fetch_add(1, Relaxed) < self.limits.requests
    }

    /// Counts bytes, for their request and for all of them.
    pub(super) fn bytes(&self, entry: &Entry, way: Way, count: usize) -> Result<(), Error> {
        let (own, all, limit) = match way {
            Way::Out => (&entry.sent, &self.sent, self.limits.sent_bytes),
            Way::In => (&entry.received, &self.received, self.limits.received_bytes),
        };
        let count = count as u64;
        own.fetch_add(count, Relaxed);
        let before = all.fetch_add(count, Relaxed);
        if before.saturating_add(count) > limit { Err(Error::BytesExhausted { limit }) } else { Ok(()) }
    }
}
