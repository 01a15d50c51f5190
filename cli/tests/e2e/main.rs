//! End to end with real processes: the program as people and scripts run it, everything in one process and as a mesh
//! of six, with what may be killed killed. Not here: the web app in a browser (`frontend/e2e`), single services (next
//! to each).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends with a panic when something is not as it should be"
)]

mod backups;
mod budgets;
mod clients;
mod commands;
mod conformance;
mod deleting;
mod doctor;
mod estimates;
mod failures;
mod health;
mod http;
mod memory;
mod mesh;
mod metrics;
mod moves;
mod patterns;
mod python;
mod rest_clients;
mod run;
mod scrape;
mod scraper_jobs;
mod secrecy;
mod secrets;
mod traces;
mod up;
mod workspaces;

use nexus_testkit::{
    process::{Finished, Settings, repository, run as run_process, settings},
    provider::FakeProvider,
};
use serde_json::{Value, json};
use std::{
    future::Future,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program under test.
fn nexus() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_nexus"))
}

/// A folder for one test: data, documents.
struct Place {
    folder: tempfile::TempDir,
    settings: Settings,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), settings: Settings::new() }
    }

    /// With a provider that the test directs.
    fn with_provider(provider: &FakeProvider) -> Self {
        Self { settings: provider_settings(provider), ..Self::new() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Writes a document and gives its path.
    fn write(&self, name: &str, content: &Value) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.display().to_string()
    }

    fn environment(&self) -> Settings {
        let mut environment =
            settings([("NEXUS_DATA_DIR", &self.data().display().to_string()), ("NO_COLOR", "1")]);
        environment.extend(self.settings.iter().cloned());
        environment
    }

    /// Runs a command to its end.
    fn nexus(&self, arguments: &[&str]) -> Finished {
        run_process(nexus(), arguments, self.environment()).unwrap()
    }

    /// The same without holding up the test's own servers.
    async fn nexus_async(&self, arguments: &[&str]) -> Finished {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let environment = self.environment();
        blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            run_process(nexus(), &arguments, environment).unwrap()
        })
        .await
    }
}

fn provider_settings(provider: &FakeProvider) -> Settings {
    settings([("OPENAI_API_KEY", "sk-test"), ("OPENAI_BASE_URL", &provider.openai_url())])
}

/// All examples.
fn examples() -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(repository().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// Inputs that satisfy the simple schemas of the examples.
fn inputs_for(document: &Value) -> Value {
    let required = document["inputs"]["required"].as_array().cloned().unwrap_or_default();
    let value = |name: &Value| {
        let schema = &document["inputs"]["properties"][name.as_str().unwrap()];
        if let Some(example) = schema["examples"].get(0) {
            return example.clone();
        }
        match schema["type"].as_str() {
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("boolean") => json!(true),
            Some("array") => json!([]),
            Some("object") => json!({}),
            _ => schema["enum"].get(0).cloned().unwrap_or(json!("The early bird catches the worm.")),
        }
    };
    required
        .iter()
        .map(|name| (name.as_str().unwrap().to_owned(), value(name)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A chain of agents; each one's prompt is its own id, by which a provider's gates know it.
fn chain(ids: &[&str]) -> Value {
    let nodes: Vec<_> = ids
        .iter()
        .map(|id| {
            json!({"id": id, "type": "agent", "config": {"model": "openai/gpt-5.6-luna", "prompt": format!("<{id}>")},
                   "policy": {"retry": {"max_attempts": 3, "initial_interval_ms": 10, "jitter": false}}})
        })
        .collect();
    let edges: Vec<_> = ids
        .windows(2)
        .map(|pair| json!({"id": pair.join("_"), "source": pair[0], "target": pair[1]}))
        .collect();
    json!({"schema_version": 1, "name": "Chain", "graph": {"nodes": nodes, "edges": edges}})
}

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// The one JSON value in a text.
fn one_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("not one JSON value ({error}): {text}"))
}
