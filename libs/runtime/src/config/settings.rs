//! The table of all settings: name, flag, meaning, default. The command line builds its flags from it, and
//! `docs/configuration.md` is checked against it. Not here: what their values may be (`super::parse`).

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub help: &'static str,
    /// What it is when it is not set, for people.
    pub default: &'static str,
    /// What a value looks like, e.g. `HOST:PORT`.
    pub value: &'static str,
    /// Secrets have no flag: anyone on the machine can read a program's arguments.
    pub secret: bool,
}

impl Setting {
    /// The flag without its dashes: the name in kebab case.
    pub fn long_flag(&self) -> String {
        self.name.to_ascii_lowercase().replace('_', "-")
    }

    /// The flag as people type it: without the `nexus-` in front.
    pub fn flag(&self) -> String {
        let long = self.long_flag();
        long.strip_prefix("nexus-").map(str::to_owned).unwrap_or(long)
    }
}

const fn plain(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { name, help, default, value, secret: false }
}

const fn secret(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, help, default, value: "SECRET", secret: true }
}

/// Every setting there is.
pub const SETTINGS: &[Setting] = &[
    plain("NEXUS_DATA_DIR", "FOLDER", "./.nexus", "Where embedded mode keeps its data"),
    plain("DATABASE_URL", "URL", "SQLite in the data folder", "postgres://… (mesh) or sqlite://… (embedded)"),
    plain("NATS_URL", "URL", "events stay in the process", "NATS server for events and wake-ups"),
    plain("QDRANT_URL", "URL", "the embedded engine", "Qdrant server for vectors"),
    secret("QDRANT_API_KEY", "none", "Key of the Qdrant server"),
    plain("NEXUS_HTTP_ADDR", "HOST:PORT", "127.0.0.1:8080", "Where to listen for HTTP"),
    plain("NEXUS_GRPC_ADDR", "HOST:PORT", "127.0.0.1:50051 to :50055 by role", "Where to listen for gRPC"),
    plain(
        "NEXUS_PLANNER_URL",
        "URLS",
        "http://127.0.0.1:50051",
        "Where a mesh process finds planners, separated by commas",
    ),
    plain("NEXUS_EXECUTOR_URL", "URLS", "http://127.0.0.1:50052", "Where a mesh process finds executors"),
    plain(
        "NEXUS_LLM_GATEWAY_URL",
        "URL",
        "http://127.0.0.1:50053",
        "Where a mesh process finds LLM gateways",
    ),
    plain("NEXUS_MEMORY_URL", "URLS", "http://127.0.0.1:50054", "Where a mesh process finds memories"),
    plain("NEXUS_SCRAPER_URL", "URLS", "http://127.0.0.1:50055", "Where a mesh process finds scrapers"),
    secret("OPENAI_API_KEY", "not configured", "Key of OpenAI or a compatible server"),
    plain("OPENAI_BASE_URL", "URL", "https://api.openai.com/v1", "OpenAI or a compatible server, with /v1"),
    secret("ANTHROPIC_API_KEY", "not configured", "Key of Anthropic or a compatible server"),
    plain(
        "ANTHROPIC_BASE_URL",
        "URL",
        "https://api.anthropic.com",
        "Anthropic or a compatible server, without /v1",
    ),
    plain(
        "EMBEDDING_MODEL",
        "MODEL",
        "openai/text-embedding-3-small if OpenAI is configured, else the built-in local one",
        "Model that memory uses",
    ),
    plain("NEXUS_PRICING_FILE", "FILE", "built in", "Prices of models"),
    plain(
        "NEXUS_PROVIDERS_FILE",
        "FILE",
        "none",
        "Further providers with their models and prices; limits of any",
    ),
    plain(
        "OLLAMA_HOST",
        "HOST:PORT|off",
        "127.0.0.1:11434",
        "Where `nexus up` and commands look for an Ollama server, whose models they offer",
    ),
    plain("FRONTEND_URL", "ORIGINS", "none", "Further browser origins that may call, separated by commas"),
    secret(
        "NEXUS_API_KEYS",
        "open to every local program",
        "Who may call: name:sha256-of-key, separated by commas",
    ),
    plain(
        "NEXUS_API_KEY_BUDGETS",
        "BUDGETS",
        "none",
        "What API keys may spend on models: name:USD/day, /month or /total, separated by commas",
    ),
    plain(
        "NEXUS_API_KEYS_FILE",
        "FILE",
        "none",
        "Further keys with scopes, workspaces and budgets; read again when it changes",
    ),
    secret(
        "NEXUS_MESH_KEY",
        "derived from NEXUS_API_KEYS",
        "The key by which the processes of a mesh know each other",
    ),
    plain("NEXUS_OIDC_ISSUER", "URL", "none", "Identity provider whose tokens are accepted"),
    plain("NEXUS_OIDC_AUDIENCE", "TEXT", "none", "What tokens for Nexus name in `aud`"),
    plain(
        "NEXUS_OIDC_ALGORITHMS",
        "NAMES",
        "RS256,ES256",
        "Signature algorithms of tokens that are accepted",
    ),
    plain("NEXUS_OIDC_SCOPES_CLAIM", "NAME", "scope", "Claim of a token that names scopes"),
    plain(
        "NEXUS_OIDC_WORKSPACE_CLAIM",
        "NAME",
        "everybody is in the default workspace",
        "Claim of a token that names the workspace",
    ),
    plain("NEXUS_RATE_LIMIT_KEY", "N/TIME", "none", "How often one key may call over HTTP, e.g. 600/minute"),
    plain("NEXUS_RATE_LIMIT_ADDRESS", "N/TIME", "none", "How often one address may call over HTTP"),
    plain(
        "NEXUS_TRUSTED_PROXIES",
        "NETWORKS",
        "none",
        "Proxies whose X-Forwarded-For is believed, as CIDRs separated by commas",
    ),
    plain("NEXUS_TLS_CERT", "FILE", "no TLS", "Certificate chain that clients see, PEM"),
    plain("NEXUS_TLS_KEY", "FILE", "no TLS", "Its private key, PEM"),
    plain(
        "NEXUS_MESH_TLS_CERT",
        "FILE",
        "no TLS",
        "Certificate chain of this process for the others of a mesh, PEM",
    ),
    plain("NEXUS_MESH_TLS_KEY", "FILE", "no TLS", "Its private key, PEM"),
    plain("NEXUS_MESH_TLS_CA", "FILE", "no TLS", "Authority that has signed the certificates of a mesh, PEM"),
    secret("NEXUS_API_KEY", "none", "The key that this program's own calls carry"),
    plain(
        "NEXUS_INSECURE",
        "0|1",
        "0",
        "1 allows listening on other than loopback addresses without NEXUS_API_KEYS",
    ),
    plain(
        "NEXUS_EGRESS_ALLOW",
        "RULES",
        "none",
        "CIDRs or host:port that tools and scrapers may reach although not public, separated by commas",
    ),
    plain(
        "NEXUS_SANDBOX_MIN_TIER",
        "A|B|C",
        "B",
        "Weakest sandbox in which Python of others is run: A with cgroups, B without, C without namespaces",
    ),
    plain(
        "NEXUS_SANDBOX_PYTHON",
        "FOLDER",
        "sandbox-python beside the program or in the two folders above",
        "Python of the sandbox, as scripts/sandbox_python.sh makes it",
    ),
    secret("NEXUS_SECRETS_KEY", "no secrets", "What secrets for tools are encrypted with: 32 bytes, base64"),
    plain("NEXUS_SECRETS_KEY_FILE", "FILE", "no secrets", "A file that holds NEXUS_SECRETS_KEY"),
    plain(
        "NEXUS_SCRAPER_MODEL",
        "MODEL|off",
        "the cheapest that is configured, if any",
        "Model that chooses what scrapers take",
    ),
    plain(
        "NEXUS_SCRAPER_BUDGET_USD",
        "USD",
        "0.10",
        "What a scraper may spend on models each time it is made",
    ),
    plain("NEXUS_SCRAPER_PARALLEL", "N", "5", "Scrapers that are made at a time, by each process"),
    plain("NEXUS_SCRAPER_MAX_JOBS", "N", "1000", "Scrapers that are kept at most"),
    plain("NEXUS_SCRAPER_CACHE_SECONDS", "N", "300", "How old data may be that an endpoint answers with"),
    plain("LOG_LEVEL", "LEVEL", "info (warn for client commands)", "off, error, warn, info, debug or trace"),
    plain(
        "NEXUS_METRICS_ADDR",
        "HOST:PORT",
        "off",
        "Where to show metrics and readiness, over HTTP without keys",
    ),
    plain("LOG_FORMAT", "json|text", "text on a terminal, else json", "How logs are written"),
    plain("OTEL_EXPORTER_OTLP_ENDPOINT", "URL", "off", "Where traces go, OTLP over gRPC"),
    plain("NEXUS_TRACE_CONTENT", "0|1", "0", "1 puts prompts and answers of models into traces"),
    plain(
        "NEXUS_RETENTION_DAYS",
        "DAYS",
        "for ever",
        "How long executions are kept after they have ended, with their events and memory",
    ),
    plain("NEXUS_LIMIT_BODY_BYTES", "N", "1048576", "Largest request body"),
    plain("NEXUS_LIMIT_NODES", "N", "500", "Most nodes in a workflow"),
    plain("NEXUS_LIMIT_EDGES", "N", "2000", "Most edges in a workflow"),
    plain("NEXUS_LIMIT_JSON_DEPTH", "N", "64", "Deepest nesting of a JSON document, at most 120"),
    plain("NEXUS_LIMIT_TEMPLATE_BYTES", "N", "65536", "Longest template"),
    plain("NEXUS_LIMIT_EXPRESSION_BYTES", "N", "8192", "Longest CEL expression"),
    plain("NEXUS_LIMIT_OUTPUT_BYTES", "N", "1048576", "Largest output of a node"),
];

/// The setting with this name.
pub fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}
