//! One trace per execution, whatever processes take part in it and die in between: a real collector's protocol, real
//! processes. Not here: what single spans hold (`nexus-llm-gateway`).

use crate::{Place, blocking, chain, http::Api, nexus, provider_settings, within};
use nexus_testkit::{
    otlp::{Collector, Span, drawn, tops},
    process::{Mesh, Process, Settings, settings},
    provider::{FakeProvider, Matcher, Reply},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PROMPT: &str = "canary-prompt-7d";
const KEY: &str = "sk-canary-key-7d";

fn exporting(collector: &Collector) -> Settings {
    // So that nobody waits for the five seconds between two deliveries.
    settings([("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()), ("OTEL_BSP_SCHEDULE_DELAY", "100")])
}

/// Two branches side by side, one of them with memory, a choice, and a branch that is not taken.
fn document() -> Value {
    let agent = |id: &str, prompt: &str| json!({"id": id, "type": "agent", "config": {"model": "openai/gpt-5.6-luna", "prompt": prompt}});
    json!({"name": "Branches", "graph": {
        "nodes": [
            agent("left", &format!("{PROMPT} left")), agent("right", &format!("{PROMPT} right")),
            {"id": "keep", "type": "tool", "config": {"tool": "memory_store", "text": "{{ nodes.left.output.text }}", "scope": "execution"}},
            {"id": "choose", "type": "conditional", "config": {"cases": [{"handle": "yes", "when": "size(nodes.right.output.text) > 0"}], "else": "no"}},
            {"id": "said", "type": "tool", "config": {"tool": "template", "template": "{{ nodes.right.output.text }}"}},
            {"id": "unsaid", "type": "tool", "config": {"tool": "template", "template": "never"}},
            agent("last", "both: {{ nodes.left.output.text }}")],
        "edges": [
            {"id": "1", "source": "left", "target": "keep"}, {"id": "2", "source": "right", "target": "choose"},
            {"id": "3", "source": "choose", "target": "said", "source_handle": "yes"},
            {"id": "4", "source": "choose", "target": "unsaid", "source_handle": "no"},
            {"id": "5", "source": "keep", "target": "last"}, {"id": "6", "source": "said", "target": "last"}]}})
}

const NODES: [&str; 7] = ["left", "right", "keep", "choose", "said", "unsaid", "last"];

async fn provider() -> FakeProvider {
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("hello"));
    provider
}

/// Starts it as a client that has a trace of its own.
async fn start_traced(api: &Api, document: Value) -> String {
    let workflow = api.post("/api/v1/workflows", document).await;
    let path = format!("/api/v1/workflows/{}/execute", workflow["id"].as_str().unwrap());
    let answer = api.traced(&path, json!({"inputs": {}}), &format!("00-{TRACE}-00f067aa0ba902b7-01")).await;
    answer["execution_id"].as_str().unwrap().to_owned()
}

fn of_trace(spans: &[Span], trace: &str) -> Vec<Span> {
    spans.iter().filter(|span| span.trace == trace).cloned().collect()
}

/// The trace once it is one tree with so many executions' ends in it and `whole` says that nothing is missing.
async fn tree(
    collector: &Arc<Collector>,
    trace: &str,
    ends: usize,
    whole: impl Fn(&[Span]) -> bool + Send + 'static,
) -> Vec<Span> {
    let (waiting, trace) = (collector.clone(), trace.to_owned());
    blocking(move || {
        let found = waiting.wait(|spans| {
            let spans = of_trace(spans, &trace);
            let ended = spans.iter().filter(|span| span.name == "execution").count();
            (ended == ends && tops(&spans).len() == 1 && whole(&spans)).then_some(spans)
        });
        found.unwrap_or_else(|| panic!("no whole tree:\n{}", drawn(&of_trace(&waiting.spans(), &trace))))
    })
    .await
}

fn nodes(spans: &[Span]) -> BTreeSet<&str> {
    let nodes = spans.iter().filter(|span| span.name.starts_with("node "));
    nodes.map(|span| span.attribute("nexus.node_id")).collect()
}

fn services(spans: &[Span]) -> BTreeSet<&str> {
    spans.iter().map(|span| span.service.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_in_the_mesh_is_one_tree_with_all_its_nodes() {
    let (provider, collector) = (provider().await, Arc::new(Collector::start().unwrap()));
    provider.hold("left");
    provider.hold("right");
    let mut extra = provider_settings(&provider);
    extra.retain(|(name, _)| name != "OPENAI_API_KEY");
    extra.extend(settings([("OPENAI_API_KEY", KEY), ("EMBEDDING_MODEL", "openai/text-embedding-3-small")]));
    extra.extend(exporting(&collector));
    let mesh = blocking(|| Mesh::start(nexus(), 2, 1, extra).unwrap()).await;
    let api = Api::new(mesh.http());
    let id = start_traced(&api, document()).await;
    // Both at a time, so that the trace must show it.
    within("both branches", async { tokio::join!(provider.held("left", 1), provider.held("right", 1)) })
        .await;
    provider.release("left");
    provider.release("right");
    assert_eq!(api.ended(&id).await["status"], "succeeded");

    let expected = BTreeSet::from(["nexus-gateway", "nexus-executor", "nexus-llm-gateway", "nexus-memory"]);
    let wanted = expected.clone();
    let spans = tree(&collector, TRACE, 1, move |spans| {
        services(spans) == wanted && spans.iter().filter(|span| span.name.starts_with("chat ")).count() >= 6
    })
    .await;
    println!("{}", drawn(&spans));

    assert_eq!(nodes(&spans), NODES.into_iter().collect());
    let top = tops(&spans)[0];
    assert_eq!(top.name, "POST /api/v1/workflows/{id}/execute");
    assert_eq!(top.parent, "00f067aa0ba902b7", "below the client's own span");
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}"));
    let execution = named("execution");
    assert_eq!(execution.attribute("nexus.execution_id"), id);
    assert_eq!(execution.attribute("nexus.status"), "succeeded");
    for node in NODES {
        assert_eq!(named(&format!("node {node}")).parent, execution.id, "{node}");
    }
    assert_eq!(named("node unsaid").attribute("nexus.status"), "skipped");
    let (left, right) = (named("node left"), named("node right"));
    assert!(left.began < right.ended && right.began < left.ended, "they ran side by side");
    // What memory asked of the llm gateway hangs below the node that stored something.
    let below = |span: &Span, above: &Span| {
        let mut at = span.clone();
        while let Some(parent) = spans.iter().find(|other| other.id == at.parent) {
            if parent.id == above.id {
                return true;
            }
            at = parent.clone();
        }
        false
    };
    let embedding =
        spans.iter().find(|span| span.attribute("gen_ai.operation.name") == "embeddings").unwrap();
    assert!(below(embedding, named("node keep")));
    // Calls of models as OpenTelemetry names them.
    let chat = spans.iter().find(|span| {
        span.service == "nexus-llm-gateway" && span.attribute("gen_ai.operation.name") == "chat"
    });
    let chat = chat.unwrap();
    assert_eq!(chat.attribute("gen_ai.provider.name"), "openai");
    assert_eq!(chat.attribute("gen_ai.request.model"), "gpt-5.6-luna");
    assert!(!chat.attribute("gen_ai.usage.input_tokens").is_empty());
    for span in collector.spans() {
        assert!(!span.raw.contains(PROMPT) && !span.raw.contains(KEY), "{}", span.raw);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_executor_leaves_no_hole_in_the_trace() {
    let (provider, collector) = (provider().await, Arc::new(Collector::start().unwrap()));
    let mut extra = provider_settings(&provider);
    extra.extend(exporting(&collector));
    let mut mesh = blocking(|| Mesh::start(nexus(), 1, 1, extra).unwrap()).await;
    provider.hold("<b>");
    let id = start_traced(&Api::new(mesh.http()), chain(&["a", "b", "c"])).await;
    within("the second step", provider.held("<b>", 1)).await;
    let waiting = collector.clone();
    let mesh = blocking(move || {
        // What it has finished is delivered; what it is about dies with it.
        let node = |spans: &[Span]| spans.iter().any(|span| span.name == "node a").then_some(());
        waiting.wait(node).unwrap();
        mesh.add_executor().unwrap();
        mesh.add_gateway().unwrap();
        mesh.executors[0].process.kill9();
        mesh
    })
    .await;
    provider.release("<b>");
    assert_eq!(Api::new(&mesh.gateways[1].url).ended(&id).await["status"], "succeeded");
    let spans = tree(&collector, TRACE, 1, |spans| nodes(spans).len() == 3).await;
    println!("{}", drawn(&spans));
    let attempts = |outcome: &str| {
        let attempts = spans.iter().filter(|span| span.name.starts_with("attempt "));
        attempts.filter(|span| span.attribute("nexus.outcome") == outcome).count()
    };
    assert_eq!((attempts("succeeded"), attempts("interrupted")), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_execution_goes_on_in_its_trace() {
    let (provider, collector) = (FakeProvider::start().await.unwrap(), Arc::new(Collector::start().unwrap()));
    provider.script(Matcher::text("<b>"), Reply::error(400, "bad_request", "no"));
    provider.always(Matcher::any(), Reply::text("hello"));
    let mut extra = provider_settings(&provider);
    extra.extend(exporting(&collector));
    let mesh = blocking(|| Mesh::start(nexus(), 2, 1, extra).unwrap()).await;
    let api = Api::new(mesh.http());
    let id = start_traced(&api, chain(&["a", "b"])).await;
    assert_eq!(api.ended(&id).await["status"], "failed");
    let resumed =
        api.try_call(Method::POST, &format!("/api/v1/executions/{id}/resume"), Some(json!({}))).await;
    assert_eq!(resumed.unwrap().status, 202);
    within("the second end", async {
        while api.ended(&id).await["status"] != "succeeded" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let spans = tree(&collector, TRACE, 2, |_| true).await;
    println!("{}", drawn(&spans));
    let failed: Vec<_> =
        spans.iter().filter(|span| span.name == "execution").map(|span| span.failed).collect();
    assert_eq!(failed.iter().filter(|failed| **failed).count(), 1);
    // The request to resume has a trace of its own, which refers to this one.
    let waiting = collector.clone();
    let linked = blocking(move || {
        waiting.wait(|spans| spans.iter().find(|span| span.links.contains(&TRACE.to_owned())).cloned())
    })
    .await;
    assert!(linked.unwrap().name.ends_with("ResumeExecution"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_gives_the_same_tree() {
    let (provider, collector) = (provider().await, Arc::new(Collector::start().unwrap()));
    let mut place = Place::with_provider(&provider);
    place.settings.extend(exporting(&collector));
    place.settings.extend(settings([("NEXUS_HTTP_ADDR", "127.0.0.1:0"), ("NEXUS_GRPC_ADDR", "127.0.0.1:0")]));
    let environment = place.environment();
    let up = blocking(move || {
        let up = Process::start(nexus(), ["up"], environment).unwrap();
        let line = up.wait_for_line("listening ").unwrap();
        (up, line.split(' ').next().unwrap().to_owned())
    })
    .await;
    let api = Api::new(&up.1);
    let id = start_traced(&api, document()).await;
    assert_eq!(api.ended(&id).await["status"], "succeeded");
    let spans = tree(&collector, TRACE, 1, |spans| nodes(spans).len() == NODES.len()).await;
    assert_eq!(services(&spans), BTreeSet::from(["nexus"]));
    assert_eq!(nodes(&spans), NODES.into_iter().collect());
}
