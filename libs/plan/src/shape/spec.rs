//! The document's shape as data: which object has which fields, of which kind, within which range. The contract's
//! section 3, and what `nexus_model::document` reads. Not here: walking a document along it (`shape`).

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Anything.
    Any,
    /// A text.
    Text,
    /// A text with something in it.
    Filled,
    /// A template; `Filled` applies too if `true`.
    Template { filled: bool },
    /// A CEL condition.
    Condition,
    /// True or false.
    Bool,
    /// A number within bounds; `above` excludes the lower one.
    Number { min: f64, max: f64, above: bool },
    /// A whole number within bounds.
    Whole { min: u64, max: u64 },
    /// One of these words.
    Word(&'static [&'static str]),
    /// The document's schema version.
    Version,
    /// A node's id.
    NodeId,
    /// A UUID.
    Uuid,
    /// A JSON Schema; what is in it is looked at later.
    Schema,
    /// An object of this shape.
    Object(&'static Shape),
    /// A list of such things.
    List(&'static Kind),
    /// An object of texts.
    Texts,
    /// An object of anything.
    Members,
    /// A node: its configuration depends on its type.
    Node,
    /// An edge.
    Edge,
}

/// A field of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    /// Whether `null` means absent.
    pub(crate) nullable: bool,
}

/// The fields of an object; there may be no others.
#[derive(Debug)]
pub(crate) struct Shape {
    /// For messages: "an agent's config".
    pub(crate) what: &'static str,
    pub(crate) fields: &'static [Field],
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true, nullable: false }
}

const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false, nullable: false }
}

const fn nullable(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false, nullable: true }
}

/// More dollars than anybody means, and within what `Money` holds.
const DOLLARS: Kind = Kind::Number { min: 0.0, max: 1_000_000.0, above: true };
const TOP_K: Kind = Kind::Whole { min: 1, max: 100 };
const SCOPE: Kind = Kind::Word(&["execution", "workflow", "global"]);

pub(crate) static DOCUMENT: Shape = Shape {
    what: "a workflow document",
    fields: &[
        optional("schema_version", Kind::Version),
        optional("name", Kind::Text),
        optional("description", Kind::Text),
        nullable("inputs", Kind::Schema),
        nullable("budget", Kind::Object(&BUDGET)),
        required("graph", Kind::Object(&GRAPH)),
    ],
};

static BUDGET: Shape = Shape {
    what: "a budget",
    fields: &[
        nullable("limit_usd", DOLLARS),
        optional("warn_at", Kind::Number { min: 0.0, max: 1.0, above: false }),
        optional("on_exhausted", Kind::Word(&["stop", "degrade"])),
    ],
};

static GRAPH: Shape = Shape {
    what: "a graph",
    fields: &[required("nodes", Kind::List(&Kind::Node)), optional("edges", Kind::List(&Kind::Edge))],
};

pub(crate) static EDGE: Shape = Shape {
    what: "an edge",
    fields: &[
        optional("id", Kind::Text),
        required("source", Kind::NodeId),
        required("target", Kind::NodeId),
        nullable("source_handle", Kind::Text),
        nullable("target_handle", Kind::Text),
    ],
};

pub(crate) const NODE_TYPES: &[&str] = &["agent", "tool", "conditional"];

pub(crate) static NODE: Shape = Shape {
    what: "a node",
    fields: &[
        required("id", Kind::NodeId),
        required("type", Kind::Word(NODE_TYPES)),
        optional("name", Kind::Text),
        nullable("position", Kind::Object(&POSITION)),
        // Its kind is found by the type.
        required("config", Kind::Any),
        optional("policy", Kind::Object(&POLICY)),
    ],
};

static POSITION: Shape = Shape {
    what: "a position",
    fields: &[
        required("x", Kind::Number { min: f64::MIN, max: f64::MAX, above: false }),
        required("y", Kind::Number { min: f64::MIN, max: f64::MAX, above: false }),
    ],
};

static POLICY: Shape = Shape {
    what: "a policy",
    fields: &[
        optional("timeout_seconds", Kind::Number { min: 0.0, max: 86_400.0, above: true }),
        optional("retry", Kind::Object(&RETRY)),
        optional("on_error", Kind::Word(&["fail", "continue", "default"])),
        nullable("default_output", Kind::Any),
        nullable("budget_usd", DOLLARS),
        optional("join", Kind::Word(&["all", "any"])),
        nullable("backtrack", Kind::Object(&BACKTRACK)),
    ],
};

static RETRY: Shape = Shape {
    what: "a retry policy",
    fields: &[
        optional("max_attempts", Kind::Whole { min: 1, max: 100 }),
        optional("initial_interval_ms", Kind::Whole { min: 0, max: 86_400_000 }),
        optional("factor", Kind::Number { min: 1.0, max: 100.0, above: false }),
        optional("max_interval_ms", Kind::Whole { min: 0, max: 86_400_000 }),
        optional("jitter", Kind::Bool),
    ],
};

static BACKTRACK: Shape = Shape {
    what: "a backtrack policy",
    fields: &[required("to", Kind::NodeId), optional("max", Kind::Whole { min: 1, max: 100 })],
};

pub(crate) static AGENT: Shape = Shape {
    what: "an agent's config",
    fields: &[
        required("model", Kind::Filled),
        optional("fallbacks", Kind::List(&Kind::Filled)),
        nullable("system", Kind::Template { filled: false }),
        required("prompt", Kind::Template { filled: true }),
        nullable("temperature", Kind::Number { min: 0.0, max: 2.0, above: false }),
        optional("max_tokens", Kind::Whole { min: 1, max: 10_000_000 }),
        nullable("output_schema", Kind::Schema),
        optional("checks", Kind::List(&Kind::Condition)),
        nullable("memory", Kind::Object(&AGENT_MEMORY)),
        optional("max_tool_rounds", Kind::Whole { min: 1, max: 100 }),
        nullable("cache", Kind::Object(&AGENT_CACHE)),
    ],
};

static AGENT_CACHE: Shape = Shape {
    what: "an agent's cache",
    // a year at most
    fields: &[required("ttl_seconds", Kind::Whole { min: 1, max: 31_622_400 })],
};

static AGENT_MEMORY: Shape = Shape {
    what: "an agent's memory",
    fields: &[nullable("recall", Kind::Object(&RECALL)), optional("store", Kind::Bool)],
};

static RECALL: Shape = Shape {
    what: "a recall",
    fields: &[
        required("query", Kind::Template { filled: true }),
        optional("top_k", TOP_K),
        optional("scope", SCOPE),
    ],
};

pub(crate) static CONDITIONAL: Shape = Shape {
    what: "a conditional's config",
    fields: &[required("cases", Kind::List(&Kind::Object(&CASE))), optional("else", Kind::Filled)],
};

static CASE: Shape =
    Shape { what: "a case", fields: &[required("handle", Kind::Filled), required("when", Kind::Condition)] };

pub(crate) const TOOLS: &[&str] =
    &["http_request", "scraper", "memory_store", "memory_recall", "python", "template"];

pub(crate) const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

macro_rules! tool {
    ($name:ident, $what:literal, [$($field:expr),* $(,)?]) => {
        static $name: Shape = Shape {
            what: $what,
            fields: &[
                required("tool", Kind::Word(TOOLS)),
                nullable("description", Kind::Text),
                nullable("parameters", Kind::Schema),
                optional("idempotent", Kind::Bool),
                $($field),*
            ],
        };
    };
}

tool!(
    HTTP_REQUEST,
    "an http_request",
    [
        optional("method", Kind::Word(METHODS)),
        required("url", Kind::Template { filled: true }),
        optional("headers", Kind::Texts),
        nullable("body", Kind::Any),
        optional("fail_on_error_status", Kind::Bool),
    ]
);
tool!(SCRAPER, "a scraper tool", [required("job_id", Kind::Uuid)]);
tool!(
    MEMORY_STORE,
    "a memory_store",
    [
        required("text", Kind::Template { filled: true }),
        optional("scope", SCOPE),
        optional("metadata", Kind::Members),
    ]
);
tool!(
    MEMORY_RECALL,
    "a memory_recall",
    [required("query", Kind::Template { filled: true }), optional("top_k", TOP_K), optional("scope", SCOPE),]
);
tool!(PYTHON, "a python tool", [required("code", Kind::Filled), optional("inputs", Kind::Members)]);
tool!(TEMPLATE, "a template tool", [required("template", Kind::Template { filled: false })]);

/// A tool's config by the tool's name.
pub(crate) fn tool(name: &str) -> Option<&'static Shape> {
    Some(match name {
        "http_request" => &HTTP_REQUEST,
        "scraper" => &SCRAPER,
        "memory_store" => &MEMORY_STORE,
        "memory_recall" => &MEMORY_RECALL,
        "python" => &PYTHON,
        "template" => &TEMPLATE,
        _ => return None,
    })
}
