//! What the gateway is told at start, and what can be wrong with it. Not here: where the values come from.

use nexus_model::{Money, price::PriceBook};
use secrecy::SecretString;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

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
    /// Further providers, by name.
    pub extra: BTreeMap<String, Extra>,
    /// How much each provider gets at once, by name; [`Limits::default`] for those not named.
    pub limits: BTreeMap<String, Limits>,
    /// When a provider's model is left alone for a while.
    pub breaker: BreakerSettings,
    /// What API keys may spend, by their names; others are not limited.
    pub budgets: BTreeMap<String, Vec<KeyBudget>>,
    /// Whether prompts and answers go into traces. They go nowhere else, ever.
    pub trace_content: bool,
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
            extra: BTreeMap::new(),
            limits: BTreeMap::new(),
            breaker: BreakerSettings::default(),
            budgets: BTreeMap::new(),
            trace_content: false,
        }
    }
}

/// Where a provider is and the key it takes.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// As the provider's official SDK takes it: OpenAI's with `/v1`, Anthropic's without. Absent = the provider's own.
    pub base_url: Option<String>,
    /// The key, sent to this base URL only. Empty: none is sent.
    pub api_key: SecretString,
}

/// What a further provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// OpenAI's chat completions and embeddings.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
}

/// A further provider.
#[derive(Debug, Clone)]
pub struct Extra {
    /// What it speaks.
    pub wire: Wire,
    /// Where it is; the key may be missing: then it is "not configured".
    pub endpoint: Option<Endpoint>,
    /// The variable that its key comes from, for messages.
    pub key_variable: String,
}

/// How much a provider gets at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls under way at the same time.
    pub max_concurrent: usize,
    /// Calls per minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens per minute: of prompts, estimated, and of answers, at their cap.
    pub tokens_per_minute: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_concurrent: 256, requests_per_minute: None, tokens_per_minute: None }
    }
}

/// When a provider's model is left alone for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// After so many failures in a row.
    pub failures: u32,
    /// For so long.
    pub pause: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 20, pause: Duration::from_secs(5) }
    }
}

/// Over which time a budget counts; UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// A day.
    Day,
    /// A calendar month.
    Month,
    /// For ever.
    Total,
}

/// Most that an API key may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyBudget {
    /// In which time.
    pub period: Period,
    /// How much.
    pub limit: Money,
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
    /// For the whole call, also when nobody waits for it any more.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: None,
            idle: Duration::from_secs(30),
            total: Duration::from_secs(600),
        }
    }
}

/// Why the gateway cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A base URL is no http(s) URL.
    #[error("{variable} must be a URL like {example}")]
    BaseUrl {
        /// The environment variable it usually comes from.
        variable: String,
        /// What it should look like.
        example: String,
    },
    /// A key holds characters that a header cannot carry.
    #[error("{variable} holds characters that a key cannot have; look for line breaks and quotes")]
    ApiKey {
        /// The environment variable it usually comes from.
        variable: String,
    },
    /// There are budgets, but nothing to keep them in.
    #[error("budgets of API keys need a database: set DATABASE_URL for this process, too")]
    NoStore,
    /// The HTTP client cannot be set up.
    #[error("the HTTP client for providers cannot be set up: {0}")]
    Client(String),
}
