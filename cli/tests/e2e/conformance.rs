//! The gateway against its own description, with requests that schemathesis makes up from it: no bug of ours, no status
//! that is not described, no answer of another form. The same requests each time; in three parts, which run side by
//! side. Needs the Python of `make test`.

use crate::{Place, blocking, nexus, python::python};
use nexus_testkit::{
    process::Up,
    provider::{FakeProvider, Matcher, Reply},
};
use std::process::Command;

const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// Every value at the edges of what the description allows, and beyond them.
const EDGES: &[&str] = &["--phases", "coverage"];

/// Live streams end when what they watch does, and these would never.
const LIVE: &str = "^/ws/";

async fn answers_conform(which: &'static [&'static str], how: &'static [&'static str]) {
    // Everything is configured: that something is not is a 503, and no bug.
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("hello"));
    let place = Place::with_provider(&provider);
    let mut settings = place.settings.clone();
    let more = [
        ("ANTHROPIC_API_KEY", "sk-test".to_owned()),
        ("ANTHROPIC_BASE_URL", provider.anthropic_url()),
        ("NEXUS_SECRETS_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned()),
    ];
    settings.extend(more.map(|(name, value)| (name.to_owned(), value)));
    let server = Up::start(nexus(), &place.data(), settings).unwrap();
    let program = python().with_file_name("schemathesis");
    assert!(program.exists(), "{} is missing: `make test` installs it", program.display());
    let mut command = Command::new(program);
    command
        .current_dir(place.folder.path())
        .args(["run", &format!("{}/openapi.json", server.http)])
        .args(["--checks", CHECKS])
        .args(["--seed", "20261122", "--generation-deterministic", "--request-timeout", "30"])
        .args(["--no-color", "--warnings", "off"])
        .args(which)
        .args(how);
    let done = blocking(move || command.output().unwrap()).await;
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{told}\n{}", String::from_utf8_lossy(&done.stderr));
    // That nothing was tried is no success.
    assert!(told.contains("Test cases:") && !told.contains("No test cases"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_workflows_at_the_edges() {
    answers_conform(&["--include-path-regex", "^/api/v1/workflows"], EDGES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_everything_else_at_the_edges() {
    answers_conform(&["--exclude-path-regex", "^/api/v1/workflows|^/ws/"], EDGES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_everything_at_random() {
    answers_conform(&["--exclude-path-regex", LIVE], &["--phases", "fuzzing", "--max-examples", "6"]).await;
}
