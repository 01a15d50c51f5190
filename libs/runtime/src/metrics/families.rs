//! The table of all metrics: name, kind, labels, meaning, and who has it. What is counted elsewhere under another name
//! is a mistake that a test of the running roles finds; `docs/observability.md`, the dashboard and the alerts are
//! checked against it. Not here: counting.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric with all its series.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels: each has few values, none is an id.
    pub labels: &'static [&'static str],
    /// Which roles have it; `nexus up` has those of all.
    pub roles: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
    /// Whether it is there from the start, at zero; others appear with the first thing they count.
    pub from_start: bool,
}

const ALL: &[&str] = &["gateway", "planner", "executor", "llm-gateway", "memory", "scraper"];
const GRPC: &[&str] = &["planner", "executor", "llm-gateway", "memory", "scraper"];
const GATEWAY: &[&str] = &["gateway"];
const EXECUTOR: &[&str] = &["executor"];
const LLM: &[&str] = &["llm-gateway"];
const MEMORY: &[&str] = &["memory"];
const SCRAPER: &[&str] = &["scraper"];

type Names = &'static [&'static str];

const fn counter(name: &'static str, labels: Names, roles: Names, help: &'static str) -> Family {
    Family { name, kind: Kind::Counter, labels, roles, help, from_start: labels.is_empty() }
}

const fn gauge(name: &'static str, labels: Names, roles: Names, help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, labels, roles, help, from_start: labels.is_empty() }
}

const fn histogram(name: &'static str, labels: Names, roles: Names, help: &'static str) -> Family {
    Family { name, kind: Kind::Histogram, labels, roles, help, from_start: false }
}

/// Every metric there is.
pub const FAMILIES: &[Family] = &[
    Family {
        from_start: true,
        ..gauge("nexus_build_info", &["version", "role"], ALL, "Always 1; its labels say what runs")
    },
    gauge("nexus_ready", &["dependency"], GRPC, "Whether what the role depends on answers: 1 or 0"),
    counter("process_cpu_seconds_total", &[], ALL, "Processor time used, in seconds"),
    gauge("process_resident_memory_bytes", &[], ALL, "Memory in use"),
    gauge("process_virtual_memory_bytes", &[], ALL, "Memory mapped"),
    gauge("process_open_fds", &[], ALL, "Open file descriptors"),
    gauge("process_max_fds", &[], ALL, "Most file descriptors it may open"),
    gauge("process_threads", &[], ALL, "Threads"),
    gauge("process_start_time_seconds", &[], ALL, "When it started, seconds since 1970"),
    counter("nexus_http_requests_total", &["route", "method", "status"], GATEWAY, "HTTP requests answered"),
    histogram(
        "nexus_http_request_duration_seconds",
        &["route", "method"],
        GATEWAY,
        "Time until the answer to an HTTP request began",
    ),
    gauge("nexus_ws_connections", &[], GATEWAY, "WebSockets open"),
    counter("nexus_grpc_requests_total", &["service", "method", "code"], GRPC, "gRPC calls ended"),
    histogram(
        "nexus_grpc_request_duration_seconds",
        &["service", "method"],
        GRPC,
        "Time until the answer to a gRPC call began",
    ),
    gauge(
        "nexus_executions_queued",
        &[],
        EXECUTOR,
        "Executions that wait for an executor, in the whole database: every executor says the same",
    ),
    gauge("nexus_executions_running", &[], EXECUTOR, "Executions that run in this process"),
    gauge("nexus_executions_capacity", &[], EXECUTOR, "Most executions that may run in this process"),
    counter("nexus_executions_accepted_total", &[], EXECUTOR, "Executions accepted"),
    counter("nexus_executions_finished_total", &["status"], EXECUTOR, "Runs of executions ended, by how"),
    histogram(
        "nexus_execution_duration_seconds",
        &["status"],
        EXECUTOR,
        "Time from the first start of an execution to its end",
    ),
    counter("nexus_steps_committed_total", &[], EXECUTOR, "Steps made durable"),
    histogram("nexus_commit_duration_seconds", &[], EXECUTOR, "Time to make a step durable"),
    counter("nexus_commit_errors_total", &[], EXECUTOR, "Steps that the database did not take at once"),
    counter(
        "nexus_lease_takeovers_total",
        &[],
        EXECUTOR,
        "Executions taken over because their executor stopped answering",
    ),
    counter("nexus_leases_lost_total", &[], EXECUTOR, "Executions that this process had to leave to another"),
    counter("nexus_nodes_finished_total", &["type", "status"], EXECUTOR, "Nodes settled, by how"),
    histogram("nexus_node_duration_seconds", &["type"], EXECUTOR, "Time from a node's start to its end"),
    counter(
        "nexus_attempts_total",
        &["type", "outcome"],
        EXECUTOR,
        "Attempts of nodes ended: succeeded, failed, cancelled, or interrupted by the death of their process",
    ),
    counter("nexus_backtracks_total", &[], EXECUTOR, "Rejections that sent a node back to work"),
    counter("nexus_budget_stops_total", &[], EXECUTOR, "Runs stopped by their budget"),
    counter("nexus_budget_warnings_total", &[], EXECUTOR, "Budgets that reached the mark at which to warn"),
    counter(
        "nexus_spent_picodollars_total",
        &[],
        EXECUTOR,
        "Spent by executions on models and embeddings, in 1e-12 dollars",
    ),
    counter(
        "nexus_llm_calls_total",
        &["provider", "model", "operation", "outcome"],
        LLM,
        "Calls of models ended: ok, abandoned, or the reason of the failure",
    ),
    histogram("nexus_llm_call_seconds", &["provider", "model"], LLM, "Time a call of a model took"),
    histogram(
        "nexus_llm_first_piece_seconds",
        &["provider", "model"],
        LLM,
        "Time until the first piece of a streamed answer",
    ),
    counter(
        "nexus_llm_tokens_total",
        &["provider", "model", "kind"],
        LLM,
        "Tokens used: input, cached_input, cache_write, output",
    ),
    counter(
        "nexus_llm_cost_picodollars_total",
        &["provider", "model"],
        LLM,
        "Cost of calls, in 1e-12 dollars",
    ),
    counter(
        "nexus_llm_cached_answers_total",
        &["provider", "model"],
        LLM,
        "Answers given from the cache without a call",
    ),
    gauge(
        "nexus_llm_breaker_open",
        &["provider", "model"],
        LLM,
        "Whether calls of the model are held back after too many failures: 1 or 0",
    ),
    counter(
        "nexus_memory_operations_total",
        &["operation", "outcome"],
        MEMORY,
        "Operations of memory ended: ok, or the code of the failure",
    ),
    histogram("nexus_memory_operation_duration_seconds", &["operation"], MEMORY, "Time they took"),
    counter(
        "nexus_scraper_operations_total",
        &["operation", "outcome"],
        SCRAPER,
        "Runs ended (test, endpoint, python): ok, or the code of the failure",
    ),
    counter(
        "nexus_scraper_jobs_total",
        &["status"],
        SCRAPER,
        "Jobs that made code: ready, or failed (also when former code stays in use)",
    ),
    gauge("nexus_sandbox_ready", &[], SCRAPER, "Sandboxes that were ready when the latest run began"),
    gauge("nexus_sandbox_running", &[], SCRAPER, "Sandboxes in which something runs"),
    histogram("nexus_scraper_operation_duration_seconds", &["operation"], SCRAPER, "Time they took"),
];

/// The metric with this name.
pub fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}
