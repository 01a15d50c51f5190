//! Servers that die, move or are not there: what clients do then.

use crate::{
    fakes::{Fake, Mood},
    samples,
    serving::{Served, all},
};
use futures::StreamExt;
use nexus_api::{CallCtx, Code, Error, executor::StartExecution};
use nexus_model::event::WatchItem;
use nexus_rpc::{
    client::{self, ClientOptions},
    server::ServerOptions,
};
use serde_json::json;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

fn ctx() -> CallCtx {
    CallCtx::background()
}

/// A way to a server that can be cut, with everything that is on it: what the death of a process looks like.
struct Wire {
    url: String,
    cut: tokio::task::JoinHandle<()>,
}

impl Wire {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let cut = tokio::spawn(async move {
            // Dropped, and so cut, with this task.
            let mut connections = JoinSet::new();
            loop {
                let (mut from, _) = listener.accept().await.unwrap();
                connections.spawn(async move {
                    let mut to = TcpStream::connect(server).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                });
            }
        });
        Self { url, cut }
    }

    fn cut(&self) {
        self.cut.abort();
    }
}

/// An address where nobody listens.
async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

fn start() -> StartExecution {
    StartExecution {
        workflow_id: samples::workflow_id(),
        version: None,
        inputs: json!({}),
        budget: None,
        idempotency_key: None,
    }
}

fn options() -> ClientOptions {
    ClientOptions::default()
}

#[tokio::test]
async fn calls_go_round_and_past_servers_that_are_not_there() {
    let (one, two) = (Fake::new(Mood::Good), Fake::new(Mood::Good));
    let first = Served::new(all(&one), ServerOptions::default()).await;
    let second = Served::new(all(&two), ServerOptions::default()).await;
    // Bare addresses and spaces will do, too.
    let urls = format!("{}, {} ,http://{}", first.addr, nowhere().await, second.addr);
    let llm = client::llm(&urls, &options()).unwrap();
    for _ in 0..12 {
        // Even calls that cost money: what has not been sent may be sent elsewhere.
        llm.complete(&ctx(), samples::complete_request()).await.unwrap();
    }
    assert!(one.asked().len() >= 4 && two.asked().len() >= 4, "{} {}", one.asked().len(), two.asked().len());
}

#[tokio::test]
async fn nobody_there_is_unavailable_and_says_so_in_time() {
    let planner = client::planner(&nowhere().await, &options()).unwrap();
    let error = planner.get_workflow(&ctx(), samples::workflow_id(), None).await.unwrap_err();
    assert_eq!(
        (error.code, error.reason.as_deref(), error.retryable),
        (Code::Unavailable, Some("unreachable"), true)
    );
}

#[tokio::test]
async fn a_server_that_starts_late_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let planner = client::planner(&addr.to_string(), &options()).unwrap();
    assert!(planner.get_workflow(&ctx(), samples::workflow_id(), None).await.is_err());
    let listener = TcpListener::bind(addr).await.unwrap();
    let _server = Served::on(listener, all(&Fake::new(Mood::Good)), ServerOptions::default());
    planner.get_workflow(&ctx(), samples::workflow_id(), None).await.unwrap();
}

#[tokio::test]
async fn urls_that_are_none_are_refused_at_once() {
    for bad in ["", " , ", "ftp://x", "http://", "http://a b"] {
        let error = client::planner(bad, &options()).err().unwrap();
        assert_eq!(error.code, Code::Invalid, "{bad}");
    }
}

#[tokio::test]
async fn what_is_safe_is_asked_again_when_the_connection_breaks_and_what_is_not_is_not() {
    let (dying, living) = (Fake::new(Mood::Hanging), Fake::new(Mood::Good));
    let first = Served::new(all(&dying), ServerOptions::default()).await;
    let second = Served::new(all(&living), ServerOptions::default()).await;

    let wire = Wire::to(first.addr).await;
    let executor = client::executor(&format!("{},{}", wire.url, second.url), &options()).unwrap();
    let call = tokio::spawn(async move { executor.start_execution(&ctx(), start()).await });
    dying.alive(1).await;
    wire.cut();
    call.await.unwrap().unwrap();
    // Both were asked with the same key, made up on the way.
    assert_eq!(dying.asked(), living.asked());
    assert!(dying.asked()[0].contains("idempotency_key: Some"), "{:?}", dying.asked());

    let wire = Wire::to(first.addr).await;
    let llm = client::llm(&format!("{},{}", wire.url, second.url), &options()).unwrap();
    let call = tokio::spawn(async move { llm.complete(&ctx(), samples::complete_request()).await });
    dying.alive(1).await;
    wire.cut();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    assert_eq!(living.asked().len(), 1, "asked for a second answer that costs money");
}

#[tokio::test]
async fn a_server_that_is_not_well_is_passed_by_for_reading() {
    let (ill, well) = (Fake::new(Mood::Failing(Error::unavailable("no database"))), Fake::new(Mood::Good));
    let first = Served::new(all(&ill), ServerOptions::default()).await;
    let second = Served::new(all(&well), ServerOptions::default()).await;
    let planner = client::planner(&format!("{},{}", first.url, second.url), &options()).unwrap();
    planner.get_workflow(&ctx(), samples::workflow_id(), None).await.unwrap();
    planner.get_workflow(&ctx(), samples::workflow_id(), None).await.unwrap();
    assert_eq!((ill.asked().len(), well.asked().len()), (1, 2));
    well.set(Mood::Failing(Error::unavailable("no database")));
    let error = planner.get_workflow(&ctx(), samples::workflow_id(), None).await.unwrap_err();
    assert_eq!(error.message, "no database");
}

#[tokio::test]
async fn cancelling_again_what_the_first_try_has_cancelled_is_a_success() {
    let (dying, living) = (Fake::new(Mood::Hanging), Fake::new(Mood::Ended));
    let first = Served::new(all(&dying), ServerOptions::default()).await;
    let second = Served::new(all(&living), ServerOptions::default()).await;
    // Where nothing broke, a conflict is one.
    let calm = client::executor(&second.url, &options()).unwrap();
    let error = calm.cancel_execution(&ctx(), samples::execution_id()).await.unwrap_err();
    assert_eq!(error.code, Code::Conflict);

    let wire = Wire::to(first.addr).await;
    let executor = client::executor(&format!("{},{}", wire.url, second.url), &options()).unwrap();
    let call = tokio::spawn(async move { executor.cancel_execution(&ctx(), samples::execution_id()).await });
    dying.alive(1).await;
    wire.cut();
    assert_eq!(call.await.unwrap().unwrap(), samples::summary());
}

async fn survives(kill: impl AsyncFnOnce(&mut Served, &Wire)) {
    let (dying, living) = (Fake::new(Mood::Stuck), Fake::new(Mood::Good));
    let mut first = Served::new(all(&dying), ServerOptions::default()).await;
    let second = Served::new(all(&living), ServerOptions::default()).await;
    let wire = Wire::to(first.addr).await;
    let executor = client::executor(&format!("{},{}", wire.url, second.url), &options()).unwrap();
    let mut items = executor.watch_execution(&ctx(), samples::execution_id(), 0).await.unwrap();
    let mut seen = vec![items.next().await.unwrap().unwrap()];
    kill(&mut first, &wire).await;
    while let Some(item) = items.next().await {
        seen.push(item.unwrap());
    }
    assert_eq!(seen, samples::watched());
    assert!(matches!(&seen[0], WatchItem::Event(event) if event.seq == 1));
    // It was asked to go on after the first event.
    let asked = format!("watch_execution ({:?}, 1)", samples::execution_id());
    assert_eq!(living.asked(), vec![asked]);
}

#[tokio::test]
async fn a_watcher_survives_the_death_of_its_server() {
    survives(async |_, wire| wire.cut()).await;
}

#[tokio::test]
async fn a_watcher_survives_the_orderly_end_of_its_server() {
    survives(async |server, _| server.stop()).await;
}

#[tokio::test]
async fn a_watcher_of_a_job_survives_and_is_not_told_twice() {
    let (dying, living) = (Fake::new(Mood::Stuck), Fake::new(Mood::Good));
    let first = Served::new(all(&dying), ServerOptions::default()).await;
    let second = Served::new(all(&living), ServerOptions::default()).await;
    let wire = Wire::to(first.addr).await;
    let scraper = client::scraper(&format!("{},{}", wire.url, second.url), &options()).unwrap();
    let mut items = scraper.watch_job(&ctx(), samples::job_id()).await.unwrap();
    let mut seen = vec![items.next().await.unwrap().unwrap()];
    wire.cut();
    while let Some(item) = items.next().await {
        seen.push(item.unwrap());
    }
    assert_eq!(seen, samples::jobs());
}

#[tokio::test]
async fn a_watcher_fails_when_no_server_comes_back() {
    let fake = Fake::new(Mood::Stuck);
    let server = Served::new(all(&fake), ServerOptions::default()).await;
    let wire = Wire::to(server.addr).await;
    let options = ClientOptions { resume_for: Duration::from_millis(250), ..options() };
    let executor = client::executor(&wire.url, &options).unwrap();
    let mut items = executor.watch_execution(&ctx(), samples::execution_id(), 0).await.unwrap();
    items.next().await.unwrap().unwrap();
    wire.cut();
    let error = items.next().await.unwrap().unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    assert!(items.next().await.is_none());
    drop(Arc::clone(&fake));
}
