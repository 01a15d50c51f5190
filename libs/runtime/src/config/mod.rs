//! The configuration of a process: the one place that reads settings. Flags win over the environment; an empty value
//! counts as not set; anything wrong stops the start with one sentence that says what to set.
//!
//! Not here: where flags come from (`nexus-cli`), what a service does with its part.

mod access;
mod parse;
mod secrets_key;
mod settings;

#[cfg(test)]
mod tests;

pub use access::{Access, Certificate, KeyFile, MeshTls, Oidc, Rate};
pub(crate) use parse::budget as parse_budget;
pub use secrets_key::SecretsKey;
pub use settings::{SETTINGS, Setting, setting};

use crate::keys::ApiKeys;
use nexus_model::{Money, limits::Limits};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// A setting is missing or wrong: one sentence that says what to set. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    /// With this sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Embedded mode's data.
    pub data_dir: PathBuf,
    /// The state.
    pub database: Database,
    /// Events and wake-ups; in-process if absent.
    pub nats_url: Option<SecretString>,
    /// Vectors; the embedded engine if absent.
    pub qdrant: Option<Qdrant>,
    /// Where to listen for HTTP, if said.
    pub http_addr: Option<SocketAddr>,
    /// Where to listen for gRPC, if said.
    pub grpc_addr: Option<SocketAddr>,
    /// Where to show metrics to those who collect them, if anywhere.
    pub metrics_addr: Option<SocketAddr>,
    /// Where the other processes of a mesh are.
    pub peers: Peers,
    /// OpenAI or a compatible server.
    pub openai: Provider,
    /// Anthropic or a compatible server.
    pub anthropic: Provider,
    /// Model that memory uses, if said.
    pub embedding_model: Option<String>,
    /// Prices; the built-in ones if absent.
    pub pricing_file: Option<PathBuf>,
    /// Further providers.
    pub providers_file: Option<PathBuf>,
    /// Where to look for an Ollama server, if at all.
    pub ollama: Option<String>,
    /// Whether prompts and answers go into traces.
    pub trace_content: bool,
    /// Further browser origins that may call.
    pub frontend_origins: Vec<String>,
    /// Who may call everything; see [`Config::has_callers`].
    pub api_keys: ApiKeys,
    /// Who else may call what, how often, and over which certificates.
    pub access: Access,
    /// What keys may spend on models, by their names.
    pub key_budgets: BTreeMap<String, Vec<(BudgetPeriod, Money)>>,
    /// The key that this process's own calls carry.
    pub api_key: Option<SecretString>,
    /// Whether listening on other than loopback addresses is allowed without keys.
    pub insecure: bool,
    /// Where tools and scrapers may go although it is not public.
    pub egress_allow: Vec<EgressRule>,
    /// How untrusted Python is run.
    pub sandbox: Sandbox,
    /// How scrapers are made.
    pub scraper: Scraper,
    /// What secrets for tools are encrypted with; without it there are none.
    pub secrets_key: Option<SecretsKey>,
    /// Level of logs, if said.
    pub log_level: Option<String>,
    /// Form of logs, if said.
    pub log_format: Option<LogFormat>,
    /// Where traces go, if anywhere.
    pub otlp_endpoint: Option<String>,
    /// How long executions are kept after they have ended; for ever if absent.
    pub retention: Option<Duration>,
    /// Sizes that are accepted.
    pub limits: Limits,
}

/// How untrusted Python is run (`nexus-sandbox` says what its tiers mean).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// The folder of its Python, if said.
    pub python: Option<PathBuf>,
    /// The weakest tier to accept: `A`, `B` or `C`.
    pub min_tier: char,
}

/// How scrapers are made and served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scraper {
    /// Which model chooses what they take; the cheapest that is configured if absent.
    pub model: Option<String>,
    /// What one may spend on models.
    pub budget: Money,
    /// How many are made at a time.
    pub parallel: usize,
    /// How many are kept.
    pub most_jobs: usize,
    /// How old data may be that an endpoint answers with, in seconds.
    pub cache_seconds: usize,
}

/// Over which time a key's budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BudgetPeriod {
    /// A day, UTC.
    Day,
    /// A calendar month, UTC.
    Month,
    /// For ever.
    Total,
}

/// Where the state is.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file of this process alone.
    Sqlite(PathBuf),
    /// A server, shared.
    Postgres(SecretString),
}

/// A Qdrant server.
#[derive(Debug, Clone)]
pub struct Qdrant {
    /// Its address.
    pub url: String,
    /// Its key.
    pub api_key: Option<SecretString>,
}

/// A model provider. Without a key it is not configured; local servers that need none take any.
#[derive(Debug, Clone, Default)]
pub struct Provider {
    /// The key.
    pub api_key: Option<SecretString>,
    /// The address, if not the official one.
    pub base_url: Option<String>,
}

/// Where the other processes of a mesh are: each a URL, or several separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peers {
    /// The planner.
    pub planner: String,
    /// The executor.
    pub executor: String,
    /// The LLM gateway.
    pub llm_gateway: String,
    /// The memory.
    pub memory: String,
    /// The scraper.
    pub scraper: String,
}

/// A place that tools may reach although it is not public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EgressRule {
    /// Addresses with these leading bits.
    Network {
        /// Any address of the network.
        address: IpAddr,
        /// How many bits count.
        prefix: u8,
    },
    /// One port of one host.
    Host {
        /// Name or address, lower case.
        host: String,
        /// The port.
        port: u16,
    },
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// Values given as flags, by the name of their variable.
pub type Flags = BTreeMap<&'static str, String>;

impl Config {
    /// Reads the flags and this process's environment.
    pub fn load(flags: &Flags) -> Result<Self, Error> {
        Self::from_lookup(flags, |name| match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Error::new(format!("{name} is not valid UTF-8; set it again")))
            }
        })
    }

    /// Reads the flags and whatever `environment` knows.
    pub fn from_lookup(
        flags: &Flags,
        environment: impl Fn(&str) -> Result<Option<String>, Error>,
    ) -> Result<Self, Error> {
        let text = |name: &'static str| -> Result<Option<String>, Error> {
            debug_assert!(setting(name).is_some(), "{name} is not in the table of settings");
            let value = match flags.get(name) {
                Some(flag) => Some(flag.clone()),
                None => environment(name)?,
            };
            Ok(value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()))
        };
        let secret = |name| text(name).map(|value| value.map(SecretString::from));
        let address = |name| text(name)?.map(|value| parse::address(name, &value)).transpose();
        let url = |name| text(name)?.map(|value| parse::http_url(name, &value)).transpose();
        let size =
            |name, default, most| text(name)?.map_or(Ok(default), |value| parse::size(name, &value, most));

        // Anyone on the machine can read a program's arguments.
        for name in ["DATABASE_URL", "NATS_URL"] {
            if flags.get(name).is_some_and(|url| has_password(url)) {
                return Err(Error::new(format!(
                    "an address with a password does not belong on the command line; set the variable {name} instead"
                )));
            }
        }

        let data_dir = PathBuf::from(text("NEXUS_DATA_DIR")?.unwrap_or_else(|| "./.nexus".to_owned()));
        let qdrant_key = secret("QDRANT_API_KEY")?;
        let api_keys = match text("NEXUS_API_KEYS")? {
            Some(value) => ApiKeys::parse(&value)?,
            None => ApiKeys::default(),
        };
        let access = Access::read(&text, &api_keys)?;
        let peer = |name, port: u16| match (text(name)?, &access.mesh_tls) {
            (Some(urls), None) => parse::http_urls(name, &urls),
            (Some(urls), Some(_)) => parse::https_urls(name, &urls),
            (None, None) => Ok(format!("http://127.0.0.1:{port}")),
            (None, Some(_)) => Ok(format!("https://127.0.0.1:{port}")),
        };
        let file_keys = access.file.as_ref().map(|file| file.keys.clone()).unwrap_or_default();
        let mut key_budgets = text("NEXUS_API_KEY_BUDGETS")?.map_or(Ok(BTreeMap::new()), |value| {
            parse::key_budgets("NEXUS_API_KEY_BUDGETS", &value, &api_keys.and(&file_keys)?)
        })?;
        for (name, budgets) in file_keys.budgets() {
            if key_budgets.insert(name.to_owned(), budgets.clone()).is_some() {
                return Err(Error::new(format!(
                    "the key `{name}` has budgets in NEXUS_API_KEYS_FILE and in NEXUS_API_KEY_BUDGETS; remove one of them"
                )));
            }
        }
        let standard = Limits::default();
        Ok(Self {
            database: database(text("DATABASE_URL")?, &data_dir)?,
            data_dir,
            nats_url: nats_url(text("NATS_URL")?)?,
            qdrant: url("QDRANT_URL")?.map(|url| Qdrant { url, api_key: qdrant_key }),
            http_addr: address("NEXUS_HTTP_ADDR")?,
            grpc_addr: address("NEXUS_GRPC_ADDR")?,
            metrics_addr: address("NEXUS_METRICS_ADDR")?,
            peers: Peers {
                planner: peer("NEXUS_PLANNER_URL", 50051)?,
                executor: peer("NEXUS_EXECUTOR_URL", 50052)?,
                llm_gateway: peer("NEXUS_LLM_GATEWAY_URL", 50053)?,
                memory: peer("NEXUS_MEMORY_URL", 50054)?,
                scraper: peer("NEXUS_SCRAPER_URL", 50055)?,
            },
            openai: Provider { api_key: secret("OPENAI_API_KEY")?, base_url: url("OPENAI_BASE_URL")? },
            anthropic: Provider {
                api_key: secret("ANTHROPIC_API_KEY")?,
                base_url: url("ANTHROPIC_BASE_URL")?,
            },
            embedding_model: text("EMBEDDING_MODEL")?,
            pricing_file: text("NEXUS_PRICING_FILE")?.map(PathBuf::from),
            providers_file: text("NEXUS_PROVIDERS_FILE")?.map(PathBuf::from),
            ollama: match text("OLLAMA_HOST")?.as_deref() {
                Some("off") => None,
                // What Ollama itself understands by it: to listen everywhere; it is found on this machine then.
                None | Some("0.0.0.0") => Some("127.0.0.1:11434".to_owned()),
                Some(address) => Some(address.to_owned()),
            },
            trace_content: text("NEXUS_TRACE_CONTENT")?
                .map_or(Ok(false), |value| parse::switch("NEXUS_TRACE_CONTENT", &value))?,
            frontend_origins: text("FRONTEND_URL")?
                .map_or(Ok(Vec::new()), |value| parse::origins("FRONTEND_URL", &value))?,
            key_budgets,
            api_keys,
            access,
            api_key: secret("NEXUS_API_KEY")?,
            insecure: text("NEXUS_INSECURE")?
                .map_or(Ok(false), |value| parse::switch("NEXUS_INSECURE", &value))?,
            egress_allow: text("NEXUS_EGRESS_ALLOW")?
                .map_or(Ok(Vec::new()), |value| parse::egress_rules("NEXUS_EGRESS_ALLOW", &value))?,
            sandbox: Sandbox {
                python: text("NEXUS_SANDBOX_PYTHON")?.map(PathBuf::from),
                min_tier: match text("NEXUS_SANDBOX_MIN_TIER")?.as_deref() {
                    None | Some("B" | "b") => 'B',
                    Some("A" | "a") => 'A',
                    Some("C" | "c") => 'C',
                    Some(value) => {
                        return Err(Error::new(format!(
                            "NEXUS_SANDBOX_MIN_TIER is `{value}`; set it to A, B or C"
                        )));
                    }
                },
            },
            secrets_key: SecretsKey::read(secret("NEXUS_SECRETS_KEY")?, text("NEXUS_SECRETS_KEY_FILE")?)?,
            scraper: Scraper {
                model: text("NEXUS_SCRAPER_MODEL")?,
                budget: text("NEXUS_SCRAPER_BUDGET_USD")?
                    .map_or(Ok(Money::from_picos(100_000_000_000)), |usd| {
                        parse::dollars("NEXUS_SCRAPER_BUDGET_USD", &usd)
                    })?,
                parallel: size("NEXUS_SCRAPER_PARALLEL", 5, 100)?,
                most_jobs: size("NEXUS_SCRAPER_MAX_JOBS", 1_000, 1_000_000)?,
                cache_seconds: size("NEXUS_SCRAPER_CACHE_SECONDS", 300, 31_536_000)?,
            },
            log_level: text("LOG_LEVEL")?.map(|value| parse::log_level("LOG_LEVEL", &value)).transpose()?,
            log_format: text("LOG_FORMAT")?
                .map(|value| match value.to_ascii_lowercase().as_str() {
                    "json" => Ok(LogFormat::Json),
                    "text" => Ok(LogFormat::Text),
                    _ => Err(Error::new(format!("LOG_FORMAT is `{value}`; set it to json or text"))),
                })
                .transpose()?,
            otlp_endpoint: url("OTEL_EXPORTER_OTLP_ENDPOINT")?,
            retention: text("NEXUS_RETENTION_DAYS")?
                .map(|value| parse::days("NEXUS_RETENTION_DAYS", &value))
                .transpose()?,
            limits: Limits {
                body_bytes: size("NEXUS_LIMIT_BODY_BYTES", standard.body_bytes, 1 << 30)?,
                nodes: size("NEXUS_LIMIT_NODES", standard.nodes, 100_000)?,
                edges: size("NEXUS_LIMIT_EDGES", standard.edges, 1_000_000)?,
                // serde_json itself stops at 128.
                json_depth: size("NEXUS_LIMIT_JSON_DEPTH", standard.json_depth, 120)?,
                template_bytes: size("NEXUS_LIMIT_TEMPLATE_BYTES", standard.template_bytes, 1 << 24)?,
                expression_bytes: size("NEXUS_LIMIT_EXPRESSION_BYTES", standard.expression_bytes, 1 << 20)?,
                output_bytes: size("NEXUS_LIMIT_OUTPUT_BYTES", standard.output_bytes, 1 << 30)?,
            },
        })
    }

    /// The HTTP address, or the default one.
    pub fn http_addr(&self) -> SocketAddr {
        self.http_addr.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 8080).into())
    }

    /// The gRPC address, or the default one of a role.
    pub fn grpc_addr(&self, default_port: u16) -> SocketAddr {
        self.grpc_addr.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, default_port).into())
    }

    /// Whether it is known who may call; without keys and an identity provider everybody may do everything.
    pub fn has_callers(&self) -> bool {
        !self.api_keys.is_empty() || self.access.file.is_some() || self.access.oidc.is_some()
    }

    /// Refuses to be reachable from elsewhere without knowing who calls.
    pub fn check_exposure(&self, name: &'static str, addr: SocketAddr) -> Result<(), Error> {
        if addr.ip().is_loopback() || self.has_callers() || self.insecure {
            return Ok(());
        }
        Err(Error::new(format!(
            "{name} is {addr}, which others can reach; set NEXUS_API_KEYS to say who may call, or NEXUS_INSECURE=1 if something else protects it"
        )))
    }

    /// The Postgres address, for what cannot do without.
    pub fn require_postgres(&self, who: &str) -> Result<&SecretString, Error> {
        match &self.database {
            Database::Postgres(url) => Ok(url),
            Database::Sqlite(_) => Err(Error::new(format!(
                "{who} shares its state with other processes, which SQLite cannot do; set DATABASE_URL to postgres://user:password@host/database"
            ))),
        }
    }
}

fn database(url: Option<String>, data_dir: &std::path::Path) -> Result<Database, Error> {
    let Some(url) = url else { return Ok(Database::Sqlite(data_dir.join("nexus.db"))) };
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Database::Postgres(url.into()));
    }
    let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) else {
        return Err(Error::new(format!(
            "DATABASE_URL is `{}`; set it to postgres://user:password@host/database or sqlite://file",
            parse::without_credentials(&url)
        )));
    };
    if path.is_empty() || path.contains(':') || path.contains('?') {
        return Err(Error::new(
            "DATABASE_URL names no file; set it to sqlite:// and a path, e.g. sqlite:///var/lib/nexus/nexus.db",
        ));
    }
    Ok(Database::Sqlite(path.into()))
}

fn nats_url(url: Option<String>) -> Result<Option<SecretString>, Error> {
    let Some(url) = url else { return Ok(None) };
    let known = |server: &str| {
        ["nats://", "tls://", "ws://", "wss://"].iter().any(|scheme| server.starts_with(scheme))
    };
    if parse::list(&url).all(known) {
        Ok(Some(url.into()))
    } else {
        Err(Error::new(format!(
            "NATS_URL is `{}`; set it to nats://host:4222",
            parse::without_credentials(&url)
        )))
    }
}

fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    authority.split('/').next().and_then(|a| a.rsplit_once('@')).is_some_and(|(user, _)| user.contains(':'))
        || url.contains("password=")
}

impl Config {
    /// The NATS address, if there is one.
    pub fn nats_url(&self) -> Option<&str> {
        self.nats_url.as_ref().map(ExposeSecret::expose_secret)
    }
}
