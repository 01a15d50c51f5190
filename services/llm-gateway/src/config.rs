//! What the gateway is told at start, and what can be wrong with it. Not here: where the values come from.

use nexus_model::price::PriceBook;
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};

/// Which providers may be called, how, and at what prices.
#[derive(Debug, Clone)]
pub struct Config {
    /// OpenAI, or any server that speaks its chat completions; absent = not configured.
    pub openai: Option<Endpoint>,
    /// Anthropic, or any server that speaks its messages API; absent = not configured.
    pub anthropic: Option<Endpoint>,
    /// What models cost and can do.
    pub prices: Arc<PriceBook>,
    /// How fast the `demo` provider answers.
    pub demo: DemoPace,
    /// How long to wait for a provider.
    pub timeouts: Timeouts,
}

impl Default for Config {
    /// No provider but `demo`, at the built-in prices.
    fn default() -> Self {
        Self {
            openai: None,
            anthropic: None,
            prices: PriceBook::builtin(),
            demo: DemoPace::default(),
            timeouts: Timeouts::default(),
        }
    }
}

/// Where a provider is and the key it takes.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// As the provider's official SDK takes it: OpenAI's with `/v1`, Anthropic's without. Absent = the provider's own.
    pub base_url: Option<String>,
    /// The key, sent to this base URL only.
    pub api_key: SecretString,
}

/// Pauses of the `demo` provider, so that people see an answer grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoPace {
    /// Before each piece of an answer.
    pub piece: Duration,
    /// Before each piece of `demo/slow`; an answer has 10 to 20 pieces.
    pub slow_piece: Duration,
}

impl DemoPace {
    /// No pauses, for tests and benches.
    pub const NONE: DemoPace = DemoPace { piece: Duration::ZERO, slow_piece: Duration::ZERO };
}

impl Default for DemoPace {
    fn default() -> Self {
        Self { piece: Duration::from_millis(10), slow_piece: Duration::from_millis(160) }
    }
}

/// How long to wait for a provider. The deadline of the call bounds all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the status line of the answer; absent = as long as the call may take.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the answer.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), first_byte: None, idle: Duration::from_secs(30) }
    }
}

/// Why the gateway cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A base URL is no http(s) URL.
    #[error("{variable} must be a URL like {example}")]
    BaseUrl {
        /// The environment variable it usually comes from.
        variable: &'static str,
        /// What it should look like.
        example: &'static str,
    },
    /// A key holds characters that a header cannot carry.
    #[error("{variable} holds characters that a key cannot have; look for line breaks and quotes")]
    ApiKey {
        /// The environment variable it usually comes from.
        variable: &'static str,
    },
    /// The HTTP client cannot be set up.
    #[error("the HTTP client for providers cannot be set up: {0}")]
    Client(String),
}
