//! What the gateway is told by whoever starts it. Not here: reading it from the environment (`nexus-runtime`).

use futures::future::BoxFuture;
use nexus_api::access::Authenticator;
use nexus_model::limits::Limits;
use nexus_runtime::config::Rate;
use std::{fmt, net::IpAddr, sync::Arc, time::Duration};
use tokio_rustls::rustls::ServerConfig;

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
    /// Who may call; without it, everybody may do everything.
    pub access: Option<Arc<dyn Authenticator>>,
    /// How often they may.
    pub rates: Rates,
    /// What clients see of the server before they say anything; without it, connections are not encrypted.
    pub tls: Option<Arc<ServerConfig>>,
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
            .field("access", &self.access.is_some())
            .field("rates", &self.rates)
            .field("tls", &self.tls.is_some())
            .field("limits", &self.limits)
            .field("ready", &self.ready.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}

/// How often somebody may call what needs a key; a WebSocket counts as one call.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    /// With the same key.
    pub per_key: Option<Rate>,
    /// From the same address; of IPv6, from the same /64.
    pub per_address: Option<Rate>,
    /// Networks (address and leading bits) of proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<(IpAddr, u8)>,
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
