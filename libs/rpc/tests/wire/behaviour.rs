//! What a port does beside answering (failing, being late, being dropped, panicking) looks the same to callers in
//! process and over TCP, and, where it can be, directly.

use crate::{
    fakes::{Fake, Mood},
    samples,
    serving::{Served, all},
};
use futures::StreamExt;
use nexus_api::{Bounded, CallCtx, Code, Error, Executor, Llm, Planner};
use nexus_rpc::{client, in_process, server::ServerOptions};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// The ports of one fake over one transport.
struct Ports {
    name: &'static str,
    fake: Arc<Fake>,
    planner: Arc<dyn Planner>,
    executor: Arc<dyn Executor>,
    llm: Arc<dyn Llm>,
    /// Kept because the server ends when it is dropped.
    _server: Option<Served>,
}

async fn remote() -> [Ports; 2] {
    let fake = Fake::new(Mood::Good);
    let local = Ports {
        name: "in process",
        planner: in_process::planner(fake.clone()).unwrap(),
        executor: in_process::executor(fake.clone()).unwrap(),
        llm: in_process::llm(fake.clone()).unwrap(),
        fake,
        _server: None,
    };
    let fake = Fake::new(Mood::Good);
    // What counts here is what the wire carries, not what outsiders may send.
    let unlimited = ServerOptions { body_bytes: usize::MAX, ..ServerOptions::default() };
    let server = Served::new(all(&fake), unlimited).await;
    let options = Default::default();
    let tcp = Ports {
        name: "TCP",
        planner: client::planner(&server.url, &options).unwrap(),
        executor: client::executor(&server.url, &options).unwrap(),
        llm: client::llm(&server.url, &options).unwrap(),
        fake,
        _server: Some(server),
    };
    [local, tcp]
}

async fn every() -> Vec<Ports> {
    let fake = Fake::new(Mood::Good);
    let direct = Ports {
        name: "direct",
        planner: Arc::new(Bounded::new(fake.clone())),
        executor: Arc::new(Bounded::new(fake.clone())),
        llm: Arc::new(Bounded::new(fake.clone())),
        fake,
        _server: None,
    };
    let mut ports = vec![direct];
    ports.extend(remote().await);
    ports
}

fn ctx() -> CallCtx {
    CallCtx::background()
}

#[tokio::test]
async fn errors_arrive_whole() {
    for ports in every().await {
        for code in Code::ALL {
            let mut error = Error::new(code, "what happened: \u{1F4A5} 100 %\nsecond line")
                .reason("finer_reason")
                .suggest("do this")
                .retry_after(Duration::from_millis(1_500))
                .retryable(code == Code::Conflict);
            for ix in 0..300 {
                error =
                    error.detail(format!("/graph/nodes/{ix}/config/prompt"), "a template that does not end");
            }
            ports.fake.set(Mood::Failing(error.clone()));
            let id = samples::execution_id();
            // A call that is not repeated, else `Unavailable` would be asked for twice.
            assert_eq!(
                ports.llm.complete(&ctx(), samples::complete_request()).await,
                Err(error.clone()),
                "{}",
                ports.name
            );
            assert_eq!(
                ports.planner.get_workflow(&ctx(), samples::workflow_id(), None).await,
                Err(error.clone())
            );
            assert_eq!(ports.executor.watch_execution(&ctx(), id, 0).await.err(), Some(error.clone()));
            ports.fake.set(Mood::Breaking(error.clone()));
            let items: Vec<_> =
                ports.llm.stream_complete(&ctx(), samples::complete_request()).await.unwrap().collect().await;
            assert_eq!((items.len(), items[1].clone()), (2, Err(error)), "{}", ports.name);
        }
    }
}

#[tokio::test]
async fn a_late_answer_is_not_waited_for() {
    for ports in every().await {
        ports.fake.set(Mood::Hanging);
        let late = ctx().with_timeout(Duration::from_millis(50));
        let id = samples::execution_id();
        let error = ports.executor.get_execution(&late, id).await.unwrap_err();
        assert_eq!(error.code, Code::DeadlineExceeded, "{}", ports.name);
        // The port is no longer at work either.
        ports.fake.alive(0).await;
        let late = ctx().with_timeout(Duration::from_millis(50));
        let error = ports.executor.watch_execution(&late, id, 0).await.err().unwrap();
        assert_eq!(error.code, Code::DeadlineExceeded, "{}", ports.name);
        ports.fake.alive(0).await;
        let asked = ports.fake.asked().len();
        let error = ports.executor.get_execution(&late, id).await.unwrap_err();
        assert_eq!(error.code, Code::DeadlineExceeded, "{}", ports.name);
        assert_eq!(ports.fake.asked().len(), asked, "asked after the deadline");
    }
}

#[tokio::test]
async fn a_stream_outlives_the_deadline_of_its_beginning() {
    for ports in every().await {
        ports.fake.set(Mood::Stuck);
        let soon = ctx().with_timeout(Duration::from_millis(100));
        let mut items = ports.executor.watch_execution(&soon, samples::execution_id(), 0).await.unwrap();
        items.next().await.unwrap().unwrap();
        let more = tokio::time::timeout(Duration::from_millis(300), items.next()).await;
        assert!(more.is_err(), "{}: {more:?}", ports.name);
    }
}

#[tokio::test]
async fn the_deadline_and_the_rest_of_the_context_reach_the_port() {
    for ports in every().await {
        let ctx = CallCtx {
            principal: Some("alice".into()),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            request_id: Some("r-1".into()),
            ..ctx().with_timeout(Duration::from_secs(5))
        };
        let check = |what: &str| {
            let arrived = ports.fake.context();
            let remaining = arrived.remaining().unwrap();
            let good = remaining > Duration::from_secs(4) && remaining <= Duration::from_secs(5);
            assert!(good, "{} {what}: {remaining:?}", ports.name);
            assert_eq!(arrived.principal, ctx.principal);
            assert_eq!(arrived.traceparent, ctx.traceparent);
            assert_eq!(arrived.request_id, ctx.request_id);
        };
        ports.planner.list_workflows(&ctx, Default::default(), None).await.unwrap();
        check("unary");
        drop(ports.llm.stream_complete(&ctx, samples::complete_request()).await.unwrap());
        check("stream");
    }
}

#[tokio::test]
async fn whoever_goes_away_ends_the_work() {
    for ports in every().await {
        ports.fake.set(Mood::Hanging);
        let planner = ports.planner.clone();
        let call =
            tokio::spawn(async move { planner.get_workflow(&ctx(), samples::workflow_id(), None).await });
        ports.fake.alive(1).await;
        call.abort();
        ports.fake.alive(0).await;

        ports.fake.set(Mood::Stuck);
        let mut items = ports.executor.watch_execution(&ctx(), samples::execution_id(), 0).await.unwrap();
        items.next().await.unwrap().unwrap();
        ports.fake.alive(1).await;
        drop(items);
        ports.fake.alive(0).await;
    }
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_nobody_elses_problem() {
    for ports in remote().await {
        ports.fake.set(Mood::Stuck);
        let mut other = ports.executor.watch_execution(&ctx(), samples::execution_id(), 0).await.unwrap();
        other.next().await.unwrap().unwrap();

        ports.fake.set(Mood::Panicking);
        let error = ports.planner.get_workflow(&ctx(), samples::workflow_id(), None).await.unwrap_err();
        assert_eq!(error.code, Code::Internal, "{}", ports.name);
        assert!(!error.message.contains("as told"), "{error}");
        ports.fake.set(Mood::PanickingLater);
        let items: Vec<_> =
            ports.llm.stream_complete(&ctx(), samples::complete_request()).await.unwrap().collect().await;
        assert_eq!((items.len(), items[1].as_ref().unwrap_err().code), (2, Code::Internal), "{}", ports.name);

        let more = tokio::time::timeout(Duration::from_millis(50), other.next()).await;
        assert!(more.is_err(), "{}: another stream ended, too", ports.name);
    }
}

#[tokio::test]
async fn what_cannot_travel_is_refused_where_it_is() {
    let mut deep = json!(1);
    for _ in 0..64 {
        deep = json!([deep]);
    }
    for ports in remote().await {
        let error = ports.planner.validate(&ctx(), json!([1])).await.unwrap_err();
        assert_eq!((error.code, error.details[0].path.as_str()), (Code::Malformed, "/document"));
        let document = json!({"deep": deep});
        let error = ports.planner.validate(&ctx(), document).await.unwrap_err();
        assert_eq!(
            (error.code, error.details[0].path.as_str()),
            (Code::TooLarge, "/document"),
            "{}",
            ports.name
        );
        assert!(error.message.contains("64"), "{error}");
        assert!(ports.fake.asked().is_empty());
    }
}

#[tokio::test]
async fn large_answers_and_requests_arrive() {
    for ports in remote().await {
        let text = "x".repeat(6 << 20);
        let document = json!({"text": text});
        ports.planner.validate(&ctx(), document).await.unwrap();
        let seen = ports.fake.asked().pop().unwrap();
        assert!(seen.len() > 6 << 20, "{}", ports.name);
    }
}

#[tokio::test]
async fn inputs_that_are_null_are_none() {
    for ports in remote().await {
        let target = nexus_api::planner::Target::Document(json!({}));
        ports.planner.estimate(&ctx(), target, Value::Null, None).await.unwrap();
        assert!(ports.fake.asked().pop().unwrap().contains("Object {}, None"), "{:?}", ports.fake.asked());
    }
}
