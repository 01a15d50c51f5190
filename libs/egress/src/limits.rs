//! How much time, how many bytes and how many requests an untrusted target gets. Not here: who may be reached
//! (`policy`), how the limits of a host are kept (`hosts`).

use std::time::Duration;

/// Bounds on one request, redirects included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// For everything, waiting for the host's turn and redirects included.
    pub total: Duration,
    /// For finding a name's addresses and for connecting, TLS included; once each per redirect.
    pub connect: Duration,
    /// From the request's last byte to the end of the answer's headers.
    pub first_byte: Duration,
    /// Between two parts of the body, each way.
    pub idle: Duration,
    /// Largest body that is sent, in bytes.
    pub request_bytes: usize,
    /// Largest body as it comes over the wire, in bytes.
    pub wire_bytes: u64,
    /// Largest body once decompressed, in bytes.
    pub body_bytes: usize,
    /// Most headers of an answer; all of them together may have `HEADER_BYTES`.
    pub headers: usize,
    /// Most redirects that are followed.
    pub redirects: usize,
}

/// Most bytes of status line and headers of an answer.
pub const HEADER_BYTES: usize = 64 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(20),
            idle: Duration::from_secs(10),
            request_bytes: 10 << 20,
            wire_bytes: 10 << 20,
            body_bytes: 10 << 20,
            headers: 128,
            redirects: 5,
        }
    }
}

/// Bounds on what one host gets from this client, whatever its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLimits {
    /// Time between the starts of two requests; zero for no such bound.
    pub every: Duration,
    /// How many requests may start at once after a pause; at least 1 is meant.
    pub burst: u32,
    /// How many requests may be under way at once; at least 1 is meant.
    pub concurrent: usize,
}

impl Default for HostLimits {
    /// What is no burden to any host and bounds what a workflow gone wild can do: 20 requests a second, 40 at once
    /// after a pause, 16 under way.
    fn default() -> Self {
        Self { every: Duration::from_millis(50), burst: 40, concurrent: 16 }
    }
}

impl HostLimits {
    /// One request a second, few at a time: the manners of a scraper.
    pub fn polite() -> Self {
        Self { every: Duration::from_secs(1), burst: 1, concurrent: 4 }
    }

    /// No bounds.
    pub fn none() -> Self {
        Self { every: Duration::ZERO, burst: 1, concurrent: tokio::sync::Semaphore::MAX_PERMITS }
    }
}
