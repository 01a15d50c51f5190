//! What people write to models, and keys, are in no log line at any level, no span, no metric and no event but the
//! answers themselves; and every line inside a span says on whose behalf it is. Not here: single crates' own tests.

use crate::{blocking, http::Api, nexus, provider_settings};
use nexus_testkit::{
    otlp::{Collector, Span},
    process::{Mesh, settings},
    provider::{FakeProvider, Matcher, Reply},
};
use serde_json::{Value, json};

const PROMPT: &str = "canary-prompt-b3f1";
const SYSTEM: &str = "canary-system-b3f1";
const INPUT: &str = "canary-input-b3f1";
const KEY: &str = "sk-canary-key-b3f1";

#[tokio::test(flavor = "multi_thread")]
async fn prompts_and_keys_are_nowhere_and_lines_say_what_they_belong_to() {
    let provider = FakeProvider::start().await.unwrap();
    provider.script(Matcher::text("please fail"), Reply::error(400, "bad_request", "no"));
    provider.always(Matcher::any(), Reply::text("hello"));
    let collector = Collector::start().unwrap();
    let mut extra = provider_settings(&provider);
    extra.retain(|(name, _)| name != "OPENAI_API_KEY");
    extra.extend(settings([
        ("OPENAI_API_KEY", KEY),
        ("LOG_LEVEL", "trace"),
        ("LOG_FORMAT", "json"),
        ("NEXUS_METRICS_ADDR", "127.0.0.1:0"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ]));
    let mesh = blocking(|| Mesh::start(nexus(), 1, 1, extra).unwrap()).await;
    let api = Api::new(mesh.http());
    let document = json!({"name": "Secret", "inputs": {"type": "object", "properties": {"about": {"type": "string"}}},
        "graph": {"nodes": [
            {"id": "ask", "type": "agent", "config": {"model": "openai/gpt-5.6-luna", "system": SYSTEM,
                "prompt": format!("{PROMPT} {{{{ inputs.about }}}}"), "memory": {"recall": {"query": PROMPT}}}}],
            "edges": []}});
    let id = api.start(document, json!({"about": INPUT})).await;
    assert_eq!(api.ended(&id).await["status"], "succeeded");
    let mut events = json!(api.events(&id).await).to_string();
    // One that fails, which is worth a line in the log of the process that saw it.
    let failing = json!({"name": "Fails", "graph": {"edges": [], "nodes": [
        {"id": "ask", "type": "agent", "config": {"model": "openai/gpt-5.6-luna", "prompt": format!("{PROMPT} please fail")}}]}});
    let failed = api.start(failing, json!({})).await;
    assert_eq!(api.ended(&failed).await["status"], "failed");
    events.push_str(&json!(api.events(&failed).await).to_string());
    let (collector, ended) = blocking(move || {
        let ended = |spans: &[Span]| spans.iter().filter(|span| span.name == "execution").count() == 2;
        let ended = collector.wait(|spans| ended(spans).then_some(()));
        (collector, ended)
    })
    .await;
    assert!(ended.is_some());

    let canaries = [PROMPT, SYSTEM, INPUT, KEY];
    let nowhere = |place: &str, text: &str| {
        for canary in canaries {
            let at = text.find(canary);
            assert_eq!(at, None, "{canary} in {place}: {:?}", at.map(|at| &text[at.saturating_sub(400)..at]));
        }
    };
    nowhere("events", &events);
    for span in collector.spans() {
        nowhere("a span", &span.raw);
    }
    let parts = || mesh.executors.iter().chain(&mesh.gateways).chain(&mesh.others);
    let mut lines_of_failed = 0;
    let mut tracing = 0;
    for part in parts() {
        let log = part.process.stderr();
        nowhere("a log", &log);
        let address = part.process.wait_for_line("metrics ").unwrap();
        let answer = reqwest::Client::builder().no_proxy().build().unwrap();
        let metrics = answer.get(format!("{address}/metrics")).send().await.unwrap().text().await.unwrap();
        nowhere("metrics", &metrics);
        for line in log.lines().filter(|line| line.starts_with('{')) {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            tracing += usize::from(line["level"] == "TRACE" || line["level"] == "DEBUG");
            // Ours: inside a span, so they say whose they are.
            if line["target"].as_str().is_some_and(|target| target.starts_with("nexus"))
                && !line["span"].is_null()
            {
                assert!(line["trace_id"].as_str().is_some_and(|id| id.len() == 32), "{line}");
                lines_of_failed += usize::from(line["execution_id"] == failed.as_str());
            }
        }
    }
    assert!(tracing > 0, "nothing was logged at all");
    assert!(lines_of_failed > 0, "no line names the execution");
}
