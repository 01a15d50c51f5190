//! What the gateway is told by whoever starts it. Not here: reading it from the environment (`nexus-runtime`).

use futures::future::BoxFuture;
use nexus_model::limits::Limits;
use std::{fmt, sync::Arc, time::Duration};

/// Asks one dependency whether it can be used. The error is logged, never shown: `/readyz` needs no key.
pub type ReadyCheck = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Renders the process's metrics in Prometheus' text format.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// How the gateway behaves.
#[derive(Clone, Default)]
pub struct Options {
    /// Whether it listens on a loopback address. Then requests whose `Host` is not a loopback name or whose
    /// `Origin` is foreign are refused, so that no web page can reach it by rebinding a name.
    pub loopback: bool,
    /// Further browser origins that may use it, e.g. `http://localhost:3000`.
    pub allowed_origins: Vec<String>,
    /// Accepted API keys; without any, no key is needed.
    pub keys: Vec<ApiKey>,
    /// Size limits.
    pub limits: Limits,
    /// Dependencies that `/readyz` asks, by the name it shows.
    pub ready: Vec<(&'static str, ReadyCheck)>,
    /// What `/metrics` shows; nothing if absent.
    pub metrics: Option<Metrics>,
    /// Deadlines and pauses; the defaults are meant for production.
    pub timing: Timing,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("loopback", &self.loopback)
            .field("allowed_origins", &self.allowed_origins)
            .field("keys", &self.keys)
            .field("limits", &self.limits)
            .field("ready", &self.ready.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}

/// Deadlines and pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Longest call of a port on behalf of one request.
    pub call: Duration,
    /// The same where a scraper runs meanwhile: its sandbox alone may take 30 s.
    pub scraper_call: Duration,
    /// Longest readiness check.
    pub ready_check: Duration,
    /// Pause between pings on a WebSocket, and between comments on an event stream. A WebSocket that has been
    /// silent for two and a half of these is dead.
    pub ping: Duration,
    /// Longest time that one message may wait for a slow client.
    pub send: Duration,
    /// How long a live stream tries to get its source back before the client is told to come again.
    pub resubscribe: Duration,
    /// Longest time for requests in flight to finish after the server was told to stop.
    pub drain: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(30),
            scraper_call: Duration::from_secs(60),
            ready_check: Duration::from_secs(2),
            ping: Duration::from_secs(20),
            send: Duration::from_secs(60),
            resubscribe: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

/// An accepted API key, of which only the hash is known.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Whose it is; shows up in logs and as the caller's name.
    pub name: String,
    /// SHA-256 of the key.
    pub(crate) sha256: [u8; 32],
}

/// Not a SHA-256 hash in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidApiKey {
    /// Name of the key with the malformed hash.
    pub name: String,
}

impl fmt::Display for InvalidApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the hash of API key `{}` must be 64 hexadecimal digits (the SHA-256 of the key)",
            self.name
        )
    }
}

impl std::error::Error for InvalidApiKey {}

impl ApiKey {
    /// The key called `name` whose SHA-256 is `hex`.
    pub fn new(name: impl Into<String>, hex: &str) -> Result<Self, InvalidApiKey> {
        let name = name.into();
        let mut sha256 = [0; 32];
        let digits: Option<Vec<u8>> =
            hex.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
        match digits {
            Some(digits) if digits.len() == 64 => {
                for (byte, pair) in sha256.iter_mut().zip(digits.chunks_exact(2)) {
                    *byte = pair.iter().fold(0, |sum, digit| sum << 4 | digit);
                }
                Ok(Self { name, sha256 })
            }
            _ => Err(InvalidApiKey { name }),
        }
    }
}

impl fmt::Debug for ApiKey {
    // Even a hash does not belong into a log: short keys can be guessed from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("name", &self.name).finish_non_exhaustive()
    }
}
