//! The gateway against its own description, with requests that schemathesis makes up from it: no bug of ours, no status
//! that is not described, no answer of another form. The same requests each time. Needs the Python of `make test`.

use crate::{Place, blocking, nexus, python::python};
use nexus_testkit::{
    process::{Process, Settings, Up},
    provider::{FakeProvider, Matcher, Reply},
};

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_as_the_description_says() {
    // All providers are configured: that one is not is a 503, and no bug.
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("hello"));
    let place = Place::with_provider(&provider);
    let mut settings = place.settings.clone();
    settings.push(("ANTHROPIC_API_KEY".to_owned(), "sk-test".to_owned()));
    settings.push(("ANTHROPIC_BASE_URL".to_owned(), provider.anthropic_url()));
    let server = Up::start(nexus(), &place.data(), settings).unwrap();
    let program = python().with_file_name("schemathesis");
    assert!(program.exists(), "{} is missing: `make test` installs it", program.display());
    let url = format!("{}/openapi.json", server.http);
    let report = place.folder.path().display().to_string();
    let arguments = [
        "run",
        &url,
        // Live streams end when what they watch does, and these would never.
        "--exclude-path-regex",
        "^/ws/",
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "8",
        "--seed",
        "20261122",
        "--generation-deterministic",
        "--request-timeout",
        "20",
        "--no-color",
        "--report-dir",
        &report,
    ]
    .map(str::to_owned);
    let done =
        blocking(move || Process::start(&program, arguments, Settings::new()).unwrap().wait().unwrap()).await;
    assert_eq!(done.code(), 0, "{}\n{}", done.stdout, done.stderr);
}
