//! The log of requests that a job makes: to study its page, and from its code. Not here: who decides what is let
//! through (`nexus-egress`).

use nexus_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

/// Requests that are kept of one log.
const MOST: usize = 100;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// When it began.
    pub at: Timestamp,
    /// Its method; `CONNECT` for a tunnel, of which only host and port are known.
    pub method: String,
    /// Where it went, without the query, which may hold secrets.
    pub url: String,
    /// What was answered.
    pub status: Option<u16>,
    /// Bytes that came.
    pub bytes: u64,
    /// How long it took, waiting for its turn included.
    pub duration_ms: u64,
    /// Why it was refused or failed: a code of `docs/egress.md`, `http_404` and the like.
    pub refused: Option<String>,
    /// The same in a sentence.
    pub why: Option<String>,
}

impl From<nexus_egress::Record> for Requested {
    fn from(record: nexus_egress::Record) -> Self {
        let authority = match record.port {
            0 | 80 | 443 => record.host.clone(),
            port => format!("{}:{port}", record.host),
        };
        let url = match &record.path {
            Some(path) if record.port == 443 => format!("https://{authority}{path}"),
            Some(path) => format!("http://{authority}{path}"),
            None => authority,
        };
        let micros = i64::try_from(record.duration.as_micros()).unwrap_or_default();
        Self {
            at: Timestamp::from_micros(Timestamp::now().micros().saturating_sub(micros)),
            method: record.method,
            url,
            status: record.status,
            bytes: record.received_bytes,
            duration_ms: u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX),
            refused: record.failure.as_ref().map(|failure| failure.code.to_owned()),
            why: record.failure.map(|failure| failure.message),
        }
    }
}

/// A log in the making. Clones are the same log.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Requested>>>);

impl Log {
    /// Adds a request, if there is room.
    pub fn add(&self, requested: Requested) {
        let mut requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() < MOST {
            requests.push(requested);
        }
    }

    /// What was added so far, in the order in which requests began.
    pub fn requests(&self) -> Vec<Requested> {
        let mut requests = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        requests.sort_by_key(|requested| requested.at);
        requests
    }
}
