//! The official clients of OpenAI and Anthropic, from their package index and unmodified: `openai` against our `/v1`,
//! `anthropic` against the scripted provider that all tests stand on. Need a Python with their packages, named by
//! `NEXUS_PYTHON`; `make test` makes one and runs these.

use crate::{Place, blocking, nexus, python::python};
use nexus_testkit::{
    process::{Finished, Process, Settings, Up, repository, settings},
    provider::{FakeProvider, Matcher, Reply},
};
use serde_json::json;

/// SHA-256 of `sk-client`, and of `sk-poor`.
const CLIENT: &str = "9317152c7ce9662afd2deb4078472692a4d84040d09f9c3d2b2d3688f057c7de";
const POOR: &str = "0fb7a9381d67a12c97848d48cf5afb221bcc12268161fb10f0b51bf18ead6ae3";

/// The provider's part of the play: what it does is decided by the words of the prompt.
async fn provider() -> FakeProvider {
    let provider = FakeProvider::start().await.unwrap();
    let said = |words: &'static str| {
        Matcher::when(move |request| request.prompt().contains(words) || request.text.contains(words))
    };
    // The newest match counts: what follows a call of tools comes last.
    let both = Reply::tool_call("look", json!({"q": "é 😀"})).and_tool_call("count", json!({}));
    provider.always(said("use both tools"), both);
    let answered = Matcher::when(|request| {
        request.text.contains("\"tool_result\"") || request.text.contains("\"tool_call_id\"")
    });
    provider.always(answered, Reply::text("There are 42."));
    provider.always(
        said("limit me"),
        Reply::error(429, "rate_limit_error", "slow down").header("retry-after", "30"),
    );
    provider.always(said("refuse my key"), Reply::error(401, "authentication_error", "no"));
    provider.always(said("break off"), Reply::text("this text ends too early").cut_after(5));
    provider.always(said("fail twice"), Reply::text("third time lucky"));
    for model in ["gpt-4o-mini", "claude-haiku-4-5"] {
        for _ in 0..2 {
            let failing =
                Matcher::when(move |request| request.model == model && request.text.contains("fail twice"));
            provider.script(
                failing,
                Reply::error(503, "overloaded_error", "later").header("retry-after-ms", "5"),
            );
        }
    }
    provider
}

async fn run(script: &str, arguments: Vec<String>) -> Finished {
    let script = repository().join("cli/tests/e2e/clients").join(script).display().to_string();
    let python = python();
    blocking(move || {
        let arguments = std::iter::once(script).chain(arguments);
        // Proxies of the machine have no business here.
        let environment = settings([("NO_PROXY", "*"), ("PYTHONDONTWRITEBYTECODE", "1")]);
        Process::start(&python, arguments, environment).unwrap().wait().unwrap()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_package_finds_both_providers_behind_v1() {
    let provider = provider().await;
    let place = Place::new();
    let keys = format!("client:{CLIENT},poor:{POOR}");
    let environment: Settings = settings([
        ("OPENAI_API_KEY", "sk-test"),
        ("OPENAI_BASE_URL", &provider.openai_url()),
        ("ANTHROPIC_API_KEY", "sk-test"),
        ("ANTHROPIC_BASE_URL", &provider.anthropic_url()),
        ("NEXUS_API_KEYS", &keys),
        ("NEXUS_API_KEY_BUDGETS", "client:10/day,poor:0.000001/total"),
    ]);
    let data = place.data();
    let up = blocking(move || Up::start(nexus(), &data, environment).unwrap()).await;
    let arguments = [format!("{}/v1", up.http), "sk-client".to_owned(), "sk-poor".to_owned()];
    let done = run("openai_client.py", arguments.into()).await;
    assert_eq!((done.code(), done.stdout.trim()), (0, "ok"), "{}", done.stderr);
    assert_eq!(provider.complaints(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_anthropic_package_takes_the_scripted_provider_for_the_real_one() {
    let provider = provider().await;
    let done = run("anthropic_client.py", vec![provider.anthropic_url()]).await;
    assert_eq!((done.code(), done.stdout.trim()), (0, "ok"), "{}", done.stderr);
    // Only the one that it made on purpose, twice.
    assert_eq!(provider.complaints().len(), 2, "{:?}", provider.complaints());
}
