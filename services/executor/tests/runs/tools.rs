//! Tools, memory and budgets on a real store, with requests over real sockets. Not here: the rules one by one
//! (`nexus-engine`), which addresses are refused (`nexus-egress`).
use crate::support::{World, run, start, story, watch};
use nexus_api::{CallCtx, Code, Executor, executor::Resume, memory::Scope};
use nexus_executor::ExecutorService;
use nexus_model::{
    Execution, ExecutionId, ExecutionStatus, Money,
    document::BudgetOverride,
    execution::{AgentExecution, NodeStatus},
    price::PriceBook,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

fn ctx() -> CallCtx {
    CallCtx::background()
}

/// A server that answers its requests with these answers in turn, the last one again and again, and keeps what it
/// was asked.
struct Site {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    async fn answering(answers: Vec<(u16, &'static str, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = asked.clone();
        tokio::spawn(async move {
            loop {
                let Ok((mut socket, _)) = listener.accept().await else { return };
                let (mut request, mut buffer) = (String::new(), [0; 4096]);
                while !complete(&request) {
                    match socket.read(&mut buffer).await {
                        Ok(0) | Err(_) => break,
                        Ok(read) => request.push_str(&String::from_utf8_lossy(&buffer[..read])),
                    }
                }
                let nth = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(request);
                    kept.len() - 1
                };
                let (status, kind, body) = answers.get(nth).or(answers.last()).unwrap();
                let head = format!(
                    "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = socket.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn complete(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length:").map(str::trim).map(str::to_owned)
    });
    length.and_then(|length| length.parse().ok()).is_none_or(|length: usize| body.len() >= length)
}

async fn allowed() -> World {
    let mut world = World::new().await;
    world.egress = world.egress.allow_network("127.0.0.1".parse().unwrap(), 32);
    world
}

fn step(id: &str, config: Value) -> Value {
    json!({"id": id, "type": "tool", "config": config, "policy": {"retry": {"initial_interval_ms": 1, "max_attempts": 2}}})
}

async fn finished(world: &World, executor: &ExecutorService, nodes: Value, edges: Value) -> Execution {
    let workflow = world.workflow(json!({"name": "tools", "graph": {"nodes": nodes, "edges": edges}})).await;
    let id = run(executor, workflow).await;
    watch(executor, id, 0).await;
    executor.get_execution(&ctx(), id).await.unwrap()
}

fn entry<'a>(execution: &'a Execution, id: &str) -> &'a AgentExecution {
    execution.agent_executions.iter().find(|entry| entry.node_id.as_str() == id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_out_and_its_answer_comes_back() {
    let world = allowed().await;
    let site = Site::answering(vec![(200, "application/json; charset=utf-8", r#"{"a": [1]}"#.into())]).await;
    let executor = world.executor();
    let node = step(
        "get",
        json!({
            "tool": "http_request", "method": "POST", "url": format!("{}/path?q={{{{ 'a b' | urlencode }}}}", site.url),
            "headers": {"X-Key": "k"}, "body": {"n": 1}, "idempotent": true,
        }),
    );
    let execution = finished(&world, &executor, json!([node]), json!([])).await;
    assert_eq!(execution.summary.error, None);
    let output = &execution.outputs["get"];
    assert_eq!((&output["status"], &output["body"]), (&json!(200), &json!({"a": [1]})));
    assert_eq!(output["headers"]["content-type"], "application/json; charset=utf-8");
    let asked = site.asked().remove(0);
    assert!(asked.starts_with("POST /path?q=a%20b HTTP/1.1\r\n"), "{asked}");
    let lower = asked.to_ascii_lowercase();
    assert!(lower.contains("x-key: k") && lower.contains("content-type: application/json"), "{asked}");
    assert!(asked.ends_with("{\"n\":1}"), "{asked}");
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_fail_or_not_as_the_document_says() {
    let world = allowed().await;
    let executor = world.executor();
    let broken =
        Site::answering(vec![(503, "text/plain", "later".into()), (200, "text/plain", "now".into())]).await;
    let missing = Site::answering(vec![(404, "text/html", "<h1>no</h1>".into())]).await;
    let nodes = json!([
        step("retried", json!({"tool": "http_request", "url": broken.url})),
        step("missing", json!({"tool": "http_request", "url": missing.url})),
        step("fine", json!({"tool": "http_request", "url": missing.url, "fail_on_error_status": false})),
    ]);
    let execution = finished(&world, &executor, nodes, json!([])).await;
    assert_eq!(execution.outputs["retried"]["body"], "now");
    assert_eq!(entry(&execution, "retried").attempts.len(), 2);
    let failure = entry(&execution, "missing").error.clone().unwrap();
    assert_eq!(failure.code, "http_status");
    assert!(failure.message.contains("404") && failure.message.contains("<h1>no</h1>"), "{failure:?}");
    assert_eq!(entry(&execution, "missing").attempts.len(), 1, "a 404 does not go away");
    assert_eq!(execution.outputs["fine"]["status"], 404);
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_public_is_not_reached() {
    let world = World::new().await;
    let site = Site::answering(vec![(200, "text/plain", "secret".into())]).await;
    let executor = world.executor();
    let execution = finished(
        &world,
        &executor,
        json!([step("t", json!({"tool": "http_request", "url": site.url}))]),
        json!([]),
    )
    .await;
    let failure = entry(&execution, "t").error.clone().unwrap();
    assert_eq!(failure.code, "address_refused");
    assert!(failure.message.contains("NEXUS_EGRESS_ALLOW"), "{}", failure.message);
    assert!(site.asked().is_empty());
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_uses_a_tool_and_remembers_what_it_said() {
    let world = allowed().await;
    let site = Site::answering(vec![(200, "text/plain", "rain".into())]).await;
    let executor = world.executor();
    let agent = json!({"id": "a", "type": "agent", "config": {
        "model": "demo/small", "prompt": "weather?", "memory": {"recall": {"query": "weather"}, "store": true}}});
    let tool = json!({"id": "look", "type": "tool", "config": {
        "tool": "http_request", "url": format!("{}/{{{{ args.q }}}}", site.url), "description": "Looks it up",
        "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}});
    let edge = json!({"id": "e", "source": "look", "target": "a", "target_handle": "tools"});
    let execution = finished(&world, &executor, json!([agent, tool]), json!([edge])).await;
    assert_eq!(execution.summary.error, None);
    assert!(site.asked()[0].starts_with("GET /x "));
    let entry = entry(&execution, "a");
    assert_eq!(execution.agent_executions.len(), 1);
    assert_eq!(entry.attempts.len(), 1);
    let call = &entry.attempts[0].tool_calls[0];
    assert_eq!((call.tool.as_str(), &call.args), ("look", &json!({"q": "x"})));
    assert_eq!(call.output.as_ref().unwrap()["body"], "rain");
    assert_eq!(
        entry.tokens.prompt,
        20 + "weather".len() as u64 + entry.output.as_ref().unwrap()["text"].as_str().unwrap().len() as u64
    );
    let kept = world.memory.entries.lock().unwrap().clone();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].0, Scope::Execution(execution.summary.id));
    assert_eq!(kept[0].1.metadata["node_id"], "a");
    assert!(execution.summary.budget.spent_usd > Money::from_picos(2_000), "memory is paid for too");
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_keep_and_find_texts_run_python_and_scrapers() {
    let world = World::new().await;
    let executor = world.executor();
    let job = nexus_model::JobId::generate();
    let nodes = json!([
        step(
            "keep",
            json!({"tool": "memory_store", "text": "bees dance", "metadata": {"about": "bees"}, "scope": "global"})
        ),
        step("find", json!({"tool": "memory_recall", "query": "bees", "scope": "global"})),
        step(
            "echo",
            json!({"tool": "python", "code": "def run(inputs):\n    return inputs", "inputs": {"found": "{{ nodes.find.output.entries[0].text }}"}})
        ),
        step("broken", json!({"tool": "python", "code": "def run(inputs):\n    return x"})),
        step("scraped", json!({"tool": "scraper", "job_id": job.to_string()})),
    ]);
    let edges = json!([
        {"id": "1", "source": "keep", "target": "find"},
        {"id": "2", "source": "find", "target": "echo"},
    ]);
    let execution = finished(&world, &executor, nodes, edges).await;
    assert_eq!(execution.outputs["echo"], json!({"found": "bees dance"}));
    assert_eq!(
        entry(&execution, "find").output.as_ref().unwrap()["entries"][0]["metadata"],
        json!({"about": "bees"})
    );
    assert_eq!(entry(&execution, "broken").error.as_ref().unwrap().code, "python_error");
    assert_eq!(execution.outputs["scraped"]["data"].as_array().unwrap().len(), 2);
    executor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_stops_a_run_and_more_of_it_lets_it_go_on() {
    let world = World::new().await;
    let executor = world.executor();
    let workflow = world.workflow(crate::support::chain(&["one", "two"])).await;
    // the first call fits clamped, and leaves nothing for the second
    let worst = PriceBook::builtin().get("demo/small").unwrap().reservation(100, 16);
    let budget = |limit: Money| Some(BudgetOverride { limit_usd: Some(limit), ..BudgetOverride::default() });
    world.llm.cost_everything_held("one");
    let request = nexus_api::executor::StartExecution { budget: budget(worst), ..start(workflow) };
    let id: ExecutionId = executor.start_execution(&ctx(), request).await.unwrap().execution_id;
    let items = watch(&executor, id, 0).await;
    let stopped = executor.get_execution(&ctx(), id).await.unwrap();
    assert_eq!(stopped.summary.status, ExecutionStatus::BudgetExceeded, "{:?}", story(&items));
    assert!(stopped.summary.budget.spent_usd <= worst);
    assert_eq!(stopped.summary.budget.reserved_usd, Money::ZERO);
    let seq = crate::support::events(&items).last().unwrap().seq;

    let resume = |limit| Resume { budget: budget(limit), from_node: None };
    let refused = executor.resume_execution(&ctx(), id, resume(Money::from_picos(1))).await.unwrap_err();
    assert_eq!(refused.code, Code::BudgetExceeded);
    executor.resume_execution(&ctx(), id, resume(Money::from_usd(1.0).unwrap())).await.unwrap();
    watch(&executor, id, seq).await;
    let done = executor.get_execution(&ctx(), id).await.unwrap();
    assert_eq!(done.summary.status, ExecutionStatus::Succeeded);
    assert_eq!(world.llm.count("one"), 1, "what succeeded is not paid again");
    assert!(done.agent_executions.iter().all(|entry| entry.status == NodeStatus::Succeeded));
    executor.shutdown().await;
}
