//! Every route once, as it is meant to be used.

use crate::support::{World, document, json_request, options, request};
use axum::body::Body;
use http::{Method, StatusCode};
use nexus_model::{EventType, ExecutionStatus, Money};
use serde_json::json;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_workflow_lives_from_post_to_delete() {
    let world = World::new(options());
    let created = world.post("/api/v1/workflows", &document("first")).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(created.header("etag"), "\"1\"");
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/workflows/{id}");
    assert_eq!(created.header("location"), path);
    assert_eq!((&created.json()["version"], &created.json()["name"]), (&json!(1), &json!("first")));

    let put = json_request(Method::PUT, &path, &document("second"));
    let (mut parts, body) = put.into_parts();
    parts.headers.insert("if-match", "\"1\"".parse().unwrap());
    let updated = world.send(http::Request::from_parts(parts, body)).await;
    assert_eq!((updated.status, updated.header("etag")), (StatusCode::OK, "\"2\""));

    assert_eq!(world.get(&path).await.json()["name"], "second");
    let old = world.get(&format!("{path}/versions/1")).await;
    assert_eq!((old.header("etag"), &old.json()["name"]), ("\"1\"", &json!("first")));
    let versions = world.get(&format!("{path}/versions")).await.json();
    assert_eq!(versions["items"][0]["version"], 2);
    assert!(versions["next_cursor"].is_null());

    let deleted = world.send(request(Method::DELETE, &path).body(Body::empty()).unwrap()).await;
    assert_eq!((deleted.status, deleted.bytes.len()), (StatusCode::NO_CONTENT, 0));
    world.get(&path).await.failure(404, "NOT_FOUND");
}

#[tokio::test]
async fn lists_pass_their_parameters_on() {
    let world = World::new(options());
    let list = world.get("/api/v1/workflows?limit=200&cursor=a%2Bb&q=Brief").await.json();
    assert_eq!(list, json!({"items": [], "next_cursor": "more"}));
    world.get("/api/v1/workflows?limit=&cursor=&q=").await;
    let pages = world.planner.pages.lock().unwrap().clone();
    assert_eq!((pages[0].0.limit, pages[0].0.cursor.as_deref()), (Some(200), Some("a+b")));
    assert_eq!(pages[0].1.as_deref(), Some("Brief"));
    assert_eq!((pages[1].0.limit, pages[1].0.cursor.as_deref(), pages[1].1.as_deref()), (None, None, None));

    let id = uuid::Uuid::now_v7();
    assert_eq!(world.get("/api/v1/executions?status=budget_exceeded").await.status, StatusCode::OK);
    assert_eq!(world.get(&format!("/api/v1/workflows/{id}/executions?limit=1")).await.status, StatusCode::OK);
    let lists = world.executor.lists();
    assert_eq!(lists[0].0.status, Some(ExecutionStatus::BudgetExceeded));
    assert_eq!(lists[1].0.workflow_id.map(|id| id.uuid()), Some(id));
    assert_eq!(lists[1].1.limit, Some(1));
}

#[tokio::test]
async fn drafts_are_saved_with_their_problems() {
    let world = World::new(options());
    let draft = world.post("/api/v1/workflows?draft=true", &json!({"name": "d"})).await;
    assert_eq!(draft.status, StatusCode::CREATED);
    assert_eq!(draft.json()["valid"], false);
    assert_eq!(draft.json()["problems"][0]["path"], "/graph");
}

#[tokio::test]
async fn documents_are_judged_without_being_saved() {
    let world = World::new(options());
    let verdict = world.post("/api/v1/workflows/validate", &json!({})).await;
    assert_eq!((verdict.status, &verdict.json()["valid"]), (StatusCode::OK, &json!(false)));
    let plan = world.post("/api/v1/workflows/plan", &document("p")).await.json();
    assert_eq!(
        plan,
        json!({"groups": [["a"]], "critical_path": ["a"], "max_parallelism": 1, "node_count": 1})
    );
    let id = world.post("/api/v1/workflows", &document("p")).await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/workflows/{id}");
    let empty = request(Method::POST, &format!("{path}/plan")).body(Body::empty()).unwrap();
    assert_eq!(world.send(empty).await.json(), plan);

    let ask = json!({"document": document("p"), "inputs": {"topic": "x"}, "budget": {"limit_usd": 1}});
    world.post("/api/v1/workflows/estimate", &ask).await.failure(501, "UNIMPLEMENTED");
    world.planner.estimates.store(true, Ordering::SeqCst);
    let estimate = world.post("/api/v1/workflows/estimate", &ask).await;
    assert_eq!((estimate.status, &estimate.json()["max_usd"]), (StatusCode::OK, &json!(2e-12)));
    let stored = world.post(&format!("{path}/estimate"), &json!({})).await;
    assert_eq!(stored.json()["fits_budget"], true);
}

#[tokio::test]
async fn any_json_object_gets_a_verdict_however_deep() {
    let world = World::new(options());
    for depth in [70, 200, 50_000] {
        let deep = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        let ask = request(Method::POST, "/api/v1/workflows/validate").body(Body::from(deep)).unwrap();
        let verdict = world.send(ask).await;
        assert_eq!((verdict.status, &verdict.json()["valid"]), (StatusCode::OK, &json!(false)), "{depth}");
        assert!(verdict.text().contains("64"));
    }
}

#[tokio::test]
async fn executions_start_with_what_was_given() {
    let world = World::new(options());
    let workflow = uuid::Uuid::now_v7();
    let path = format!("/api/v1/workflows/{workflow}/execute");
    let body = json!({"inputs": {"topic": "x"}, "budget": {"limit_usd": 0.25}});
    let (mut parts, body) = json_request(Method::POST, &path, &body).into_parts();
    parts.headers.insert("idempotency-key", "k 1".parse().unwrap());
    let started = world.send(http::Request::from_parts(parts, body)).await;
    assert_eq!(started.status, StatusCode::ACCEPTED);
    let id = started.json()["execution_id"].as_str().unwrap().to_owned();
    assert_eq!(started.json(), json!({"execution_id": id, "status": "queued"}));
    assert_eq!(started.header("location"), format!("/api/v1/executions/{id}"));
    for empty in ["", "{}", " \n", r#"{"inputs": null}"#] {
        let ask = request(Method::POST, &path).body(Body::from(empty)).unwrap();
        assert_eq!(world.send(ask).await.status, StatusCode::ACCEPTED, "{empty:?}");
    }
    let starts = world.executor.starts();
    assert_eq!((starts[0].workflow_id.uuid(), &starts[0].inputs), (workflow, &json!({"topic": "x"})));
    assert_eq!(starts[0].budget.unwrap().limit_usd, Some(Money::from_picos(250_000_000_000)));
    assert_eq!(starts[0].idempotency_key.as_deref(), Some("k 1"));
    assert!(starts[1..].iter().all(|start| start.inputs == json!({}) && start.idempotency_key.is_none()));

    let execution = world.get(&format!("/api/v1/executions/{id}")).await.json();
    assert_eq!((&execution["id"], &execution["status"]), (&json!(id), &json!("running")));
    assert_eq!(execution["agent_executions"][0]["attempts"][0]["attempt"], 1);
    let cancelled = world.post(&format!("/api/v1/executions/{id}/cancel"), &json!({})).await;
    assert_eq!(cancelled.status, StatusCode::ACCEPTED);
    let resume = json!({"budget": {"limit_usd": 2}, "from_node": "a"});
    let resumed = world.post(&format!("/api/v1/executions/{id}/resume"), &resume).await;
    assert_eq!((resumed.status, &resumed.json()["id"]), (StatusCode::ACCEPTED, &json!(id)));
    assert_eq!(world.executor.resumes()[0].from_node.as_ref().unwrap().as_str(), "a");
    let memory = world.get(&format!("/api/v1/executions/{id}/memory")).await.json();
    assert_eq!(memory["items"][0]["text"], "kept");
}

#[tokio::test]
async fn stored_events_come_whole_or_in_parts() {
    let world = World::new(options());
    let id = world.executor.finished_run(2_500);
    let path = format!("/api/v1/executions/{id}/events");
    let seqs = |page: &serde_json::Value| -> Vec<u64> {
        page["items"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
    };
    let all = world.get(&path).await.json();
    assert_eq!(seqs(&all), (1..=2_500).collect::<Vec<_>>());
    assert!(all["next_cursor"].is_null());
    assert_eq!(seqs(&world.get(&format!("{path}?after=2498")).await.json()), [2_499, 2_500]);
    let part = world.get(&format!("{path}?after=10&limit=2")).await.json();
    assert_eq!((seqs(&part), &part["next_cursor"]), (vec![11, 12], &json!("12")));
    for beyond in ["9999", "18446744073709551615"] {
        assert_eq!(world.get(&format!("{path}?after={beyond}")).await.json()["items"], json!([]));
    }
    let exactly = world.executor.finished_run(1_000);
    let all = world.get(&format!("/api/v1/executions/{exactly}/events")).await.json();
    assert_eq!(seqs(&all).len(), 1_000);
}

#[tokio::test]
async fn models_are_a_list_like_any_other() {
    let models = World::new(options()).get("/api/v1/models").await.json();
    assert_eq!((&models["items"][0]["id"], &models["next_cursor"]), (&json!("demo/small"), &json!(null)));
}

#[tokio::test]
async fn scraping_is_passed_on() {
    let world = World::new(options());
    let ask = json!({"url": "https://example.com", "description": "all titles"});
    world.post("/api/v1/scraping/requests", &ask).await.failure(501, "UNIMPLEMENTED");
    world.scraper.works.store(true, Ordering::SeqCst);
    let job = world.post("/api/v1/scraping/requests", &ask).await;
    assert_eq!((job.status, &job.json()["status"]), (StatusCode::ACCEPTED, &json!("pending")));
    let id = job.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/scraping/jobs/{id}");
    assert_eq!(job.header("location"), path);
    assert_eq!(world.get("/api/v1/scraping/jobs").await.json()["items"][0]["progress"], 100);
    assert_eq!(world.get(&path).await.json()["id"], id.as_str());
    let status = world.get(&format!("{path}/status")).await.json();
    assert_eq!((&status["status"], status.get("scraper_code")), (&json!("ready"), None));
    assert_eq!(world.post(&format!("{path}/test"), &json!({})).await.json()["ok"], true);
    assert_eq!(world.post(&format!("{path}/regenerate"), &json!({})).await.status, StatusCode::ACCEPTED);
    let deleted = world.send(request(Method::DELETE, &path).body(Body::empty()).unwrap()).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);

    let generated = world.get(&format!("/api/v1/generated/{id}?fresh=true&limit=5&offset=2")).await.json();
    assert_eq!(generated["data"][1]["title"], "c");
    let query = world.scraper.queries.lock().unwrap()[0].clone();
    assert_eq!((query.fresh, query.limit, query.offset), (true, Some(5), 2));
    let csv = world.get(&format!("/api/v1/generated/{id}?format=csv")).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(csv.text(), "price,title\r\n1,\"a, b\"\r\n,c\r\n");
    assert_eq!(csv.header("x-total-count"), "2");
    let described = world.get(&format!("/api/v1/generated/{id}/openapi.json")).await.json();
    let title = &described["components"]["schemas"]["Record"]["properties"]["title"];
    assert_eq!(title, &json!({"type": ["null", "string"]}));
    assert_eq!(described["paths"][format!("/api/v1/generated/{id}")]["get"]["operationId"], "get_all_titles");
}

#[tokio::test]
async fn the_context_reaches_the_port() {
    let world = World::new(options());
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let (mut parts, body) = json_request(Method::POST, "/api/v1/workflows", &document("x")).into_parts();
    parts.headers.insert("traceparent", trace.parse().unwrap());
    parts.headers.insert("x-request-id", "mine-7".parse().unwrap());
    let answer = world.send(http::Request::from_parts(parts, body)).await;
    assert_eq!(answer.header("x-request-id"), "mine-7");
    let ctx = world.planner.calls.lock().unwrap()[0].clone();
    assert_eq!((ctx.traceparent.as_deref(), ctx.request_id.as_deref()), (Some(trace), Some("mine-7")));
    let left = ctx.remaining().unwrap().as_secs_f64();
    assert!((20.0..=30.0).contains(&left), "{left}");
}

#[tokio::test]
async fn running_executions_have_events_too() {
    let world = World::new(options());
    let id = world.executor.run();
    world.executor.event(id, EventType::ExecutionStarted);
    let events = world.get(&format!("/api/v1/executions/{id}/events")).await.json();
    let event = &events["items"][0];
    assert_eq!(
        (&event["seq"], &event["type"], &event["agent_id"]),
        (&json!(1), &json!("execution_started"), &json!(null))
    );
}
