//! Every role of a mesh shows its metrics to whoever watches, and says which of its dependencies is down. Not here: what
//! is counted when (next to what counts it).

use crate::{blocking, chain, http::Api, nexus, provider_settings, within};
use nexus_runtime::metrics::{Kind, family};
use nexus_testkit::{
    process::{Mesh, Process, settings},
    provider::{FakeProvider, Matcher, Reply},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A sample: its name, labels and value.
type Sample = (String, BTreeMap<String, String>, f64);

/// Reads Prometheus' text format, strictly: every family is described, typed and all in one place; every name, label
/// and number is well formed; no series is there twice; buckets only grow and end with all.
fn parsed(text: &str) -> BTreeMap<String, (String, Vec<Sample>)> {
    let mut families: BTreeMap<String, (String, Vec<Sample>)> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let (mut current, mut series) = (String::new(), BTreeSet::new());
    assert!(text.ends_with('\n'));
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(helped.insert(rest.split_once(' ').unwrap().0.to_owned()), "described twice: {line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(helped.contains(name), "not described: {name}");
            assert!(
                families.insert(name.to_owned(), (kind.to_owned(), Vec::new())).is_none(),
                "twice: {name}"
            );
            current = name.to_owned();
        } else {
            assert!(!line.starts_with('#'), "{line}");
            let (name, labels, value) = sample(line);
            assert!(series.insert(line.rsplit_once(' ').unwrap().0.to_owned()), "twice: {line}");
            let (kind, samples) =
                families.get_mut(&current).unwrap_or_else(|| panic!("no type before {line}"));
            let ends: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(ends.iter().any(|end| name == format!("{current}{end}")), "{line} is not of {current}");
            assert!(kind == "gauge" || value >= 0.0, "{line}");
            samples.push((name, labels, value));
        }
    }
    for (name, (kind, samples)) in families.iter().filter(|(_, (kind, _))| kind == "histogram") {
        let mut last: BTreeMap<String, f64> = BTreeMap::new();
        for (sample, labels, value) in samples {
            let mut rest = labels.clone();
            let bound = rest.remove("le");
            let key = format!("{rest:?}");
            if sample.ends_with("_bucket") {
                assert!(bound.is_some(), "{kind} {name}: a bucket without a bound");
                assert!(*value >= last.get(&key).copied().unwrap_or_default(), "{name}: buckets shrink");
                last.insert(key, *value);
            } else if sample.ends_with("_count") {
                assert_eq!(last.get(&key), Some(value), "{name}: the last bucket holds all");
            }
        }
    }
    families
}

fn sample(line: &str) -> Sample {
    let (head, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let Some((name, rest)) = head.split_once('{') else {
        assert!(is_name(head), "{line}");
        return (head.to_owned(), BTreeMap::new(), value);
    };
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    let mut rest = rest.strip_suffix('}').unwrap_or_else(|| panic!("{line}"));
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        assert!(is_name(label), "{line}");
        let end = after.find('"').unwrap_or_else(|| panic!("{line}"));
        assert!(!after[..end].contains('\\'), "our labels need no escapes: {line}");
        assert!(labels.insert(label.to_owned(), after[..end].to_owned()).is_none(), "{line}");
        rest = after[end + 1..].trim_start_matches(',');
    }
    (name.to_owned(), labels, value)
}

async fn get(url: &str) -> (u16, String) {
    let answer = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Where a process shows its metrics.
fn address(process: &Process) -> String {
    process.wait_for_line("metrics ").unwrap()
}

/// Everything shown is in the table, with the labels it says, on the role it says.
fn as_documented(role: &str, families: &BTreeMap<String, (String, Vec<Sample>)>) {
    for (name, (kind, samples)) in families {
        let known = family(name).unwrap_or_else(|| panic!("{role}: {name} is not in the table of metrics"));
        assert_eq!(known.kind.as_str(), kind, "{name}");
        assert!(role == "up" || known.roles.contains(&role), "{role} shows {name}");
        let expected: BTreeSet<&str> = known.labels.iter().copied().collect();
        for (_, labels, _) in samples {
            let found = labels.keys().map(String::as_str).filter(|label| *label != "le");
            assert_eq!(found.collect::<BTreeSet<_>>(), expected, "{role}: {name}");
            for value in labels.values() {
                assert!(uuid_in(value).is_none(), "{role}: an id in a label of {name}: {value}");
            }
        }
    }
}

fn uuid_in(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_hexdigit() && c != '-').find(|part| part.len() == 36)
}

fn total(families: &BTreeMap<String, (String, Vec<Sample>)>, name: &str) -> f64 {
    let samples = families.get(name).unwrap_or_else(|| panic!("no {name}"));
    samples.1.iter().map(|(_, _, value)| value).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_shows_its_metrics_and_names_what_is_down() {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("hello"));
    let mut extra = provider_settings(&provider);
    extra.extend(settings([("NEXUS_METRICS_ADDR", "127.0.0.1:0")]));
    let mut mesh = blocking(|| Mesh::start(nexus(), 1, 1, extra).unwrap()).await;
    let api = Api::new(mesh.http());
    let mut document = chain(&["a", "b"]);
    document["graph"]["nodes"].as_array_mut().unwrap().push(
        json!({"id": "keep", "type": "tool", "config": {"tool": "memory_store", "text": "kept", "scope": "execution"}}),
    );
    let id = api.start(document, json!({})).await;
    assert_eq!(api.ended(&id).await["status"], "succeeded");

    // What is durable is counted a moment later.
    let executor = address(&mesh.executors[0].process);
    within("the count of the end", async {
        while !get(&format!("{executor}/metrics")).await.1.contains("nexus_executions_finished_total{") {
            tokio::task::yield_now().await;
        }
    })
    .await;

    let roles = ["planner", "llm-gateway", "memory", "scraper"].into_iter().zip(&mesh.others);
    let roles = roles.chain([("executor", &mesh.executors[0]), ("gateway", &mesh.gateways[0])]);
    let mut shown = BTreeMap::new();
    for (role, part) in roles {
        let base = address(&part.process);
        let (status, text) = get(&format!("{base}/metrics")).await;
        assert_eq!(status, 200, "{role}");
        let families = parsed(&text);
        as_documented(role, &families);
        assert_eq!(get(&format!("{base}/healthz")).await.0, 200, "{role}");
        assert_eq!(get(&format!("{base}/other")).await.0, 404, "{role}");
        shown.insert(role, (base, families));
    }
    let common = [
        "nexus_build_info",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_cpu_seconds_total",
        "process_start_time_seconds",
    ];
    for (role, (_, families)) in &shown {
        let own: &[&str] = match *role {
            "gateway" => &["nexus_http_requests_total", "nexus_http_request_duration_seconds"],
            "executor" => &[
                "nexus_executions_queued",
                "nexus_executions_running",
                "nexus_executions_capacity",
                "nexus_executions_accepted_total",
                "nexus_executions_finished_total",
                "nexus_execution_duration_seconds",
                "nexus_steps_committed_total",
                "nexus_commit_duration_seconds",
                "nexus_lease_takeovers_total",
                "nexus_nodes_finished_total",
                "nexus_attempts_total",
                "nexus_budget_stops_total",
                "nexus_grpc_requests_total",
                "nexus_grpc_request_duration_seconds",
                "nexus_ready",
            ],
            "llm-gateway" => &[
                "nexus_llm_calls_total",
                "nexus_llm_tokens_total",
                "nexus_llm_cost_picodollars_total",
                "nexus_llm_call_seconds",
                "nexus_grpc_requests_total",
            ],
            "memory" => {
                &["nexus_memory_operations_total", "nexus_memory_operation_duration_seconds", "nexus_ready"]
            }
            _ => &[],
        };
        for name in common.iter().chain(own) {
            assert!(families.contains_key(*name), "{role} does not show {name}");
        }
    }
    let executor = &shown["executor"].1;
    assert_eq!(total(executor, "nexus_executions_accepted_total"), 1.0);
    assert_eq!(total(executor, "nexus_executions_finished_total"), 1.0);
    assert_eq!(total(executor, "nexus_nodes_finished_total"), 3.0);
    assert!(total(executor, "nexus_steps_committed_total") >= 3.0);
    assert!(total(&shown["llm-gateway"].1, "nexus_llm_calls_total") >= 2.0);
    assert!(family("nexus_llm_calls_total").is_some_and(|family| family.kind == Kind::Counter));

    // Without the database, those who need it say so: over HTTP by name, over gRPC as not serving.
    let mesh = blocking(move || {
        mesh.postgres.stop().unwrap();
        mesh
    })
    .await;
    for role in ["planner", "executor", "memory"] {
        let base = &shown[role].0;
        let answer = within("not being ready", async {
            loop {
                let (status, text) = get(&format!("{base}/readyz")).await;
                if status == 503 {
                    return serde_json::from_str::<Value>(&text).unwrap();
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        let dependency = if role == "memory" { "vectors" } else { "database" };
        assert_eq!(answer["checks"][dependency], "down", "{role}: {answer}");
        within("the gauge", async {
            loop {
                let (_, text) = get(&format!("{base}/metrics")).await;
                if total(&parsed(&text), "nexus_ready") == 0.0 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(get(&format!("{base}/healthz")).await.0, 200, "{role} lives");
    }
    let doctor = blocking(move || mesh.command(&["doctor", "--json"]).unwrap()).await;
    assert_eq!(doctor.code(), 1);
    let report: Value = serde_json::from_str(&doctor.stdout).unwrap();
    let failed: BTreeSet<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["status"] == "fail")
        .map(|finding| finding["check"].as_str().unwrap())
        .collect();
    assert!(
        ["database", "planner", "executor", "memory"].iter().all(|name| failed.contains(name)),
        "{report}"
    );
}
