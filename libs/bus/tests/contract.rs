//! What every bus promises, asked of both. Not here: what only one of them can do (in its own module or below).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends with a panic when something is not as it should be"
)]

use bytes::Bytes;
use futures::StreamExt;
use nexus_bus::{Bus, InProcessBus, MAX_MESSAGE_BYTES, NatsBus, Topic};
use nexus_model::ExecutionId;
use nexus_testkit::nats::NatsServer;
use std::{future::Future, time::Duration};

const PATIENCE: Duration = Duration::from_secs(20);

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

async fn until_connected(bus: &NatsBus) {
    within("the connection", async {
        while !bus.is_connected() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

fn text(text: impl ToString) -> Bytes {
    Bytes::from(text.to_string().into_bytes())
}

/// Everything at once: the suite is small, and each bus is started only once.
async fn holds(bus: &dyn Bus) {
    reaches_everyone_who_listens(bus).await;
    keeps_the_order(bus).await;
    keeps_topics_apart(bus).await;
    drops_what_is_too_large(bus).await;
    a_slow_reader_loses_messages_and_goes_on(bus).await;
    assert!(bus.is_connected());
}

async fn reaches_everyone_who_listens(bus: &dyn Bus) {
    let mut first = bus.subscribe(Topic::Work).await;
    let mut second = bus.subscribe(Topic::Work).await;
    bus.publish(Topic::Work, text("now"));
    assert_eq!(within("the first reader", first.next()).await.unwrap(), "now");
    assert_eq!(within("the second reader", second.next()).await.unwrap(), "now");
}

async fn keeps_the_order(bus: &dyn Bus) {
    let topic = Topic::Execution(ExecutionId::generate());
    let mut reader = bus.subscribe(topic).await;
    for n in 0..300 {
        bus.publish(topic, text(n));
    }
    for n in 0..300 {
        assert_eq!(within("a message", reader.next()).await.unwrap(), n.to_string());
    }
}

async fn keeps_topics_apart(bus: &dyn Bus) {
    let (mine, other) =
        (Topic::Execution(ExecutionId::generate()), Topic::Execution(ExecutionId::generate()));
    let mut reader = bus.subscribe(mine).await;
    let mut control = bus.subscribe(Topic::Control).await;
    bus.publish(other, text("other"));
    bus.publish(mine, text("mine"));
    bus.publish(Topic::Control, text("control"));
    assert_eq!(within("my message", reader.next()).await.unwrap(), "mine");
    assert_eq!(within("a control message", control.next()).await.unwrap(), "control");
}

async fn drops_what_is_too_large(bus: &dyn Bus) {
    let mut reader = bus.subscribe(Topic::Work).await;
    bus.publish(Topic::Work, Bytes::from(vec![0; MAX_MESSAGE_BYTES + 1]));
    bus.publish(Topic::Work, Bytes::from(vec![1; MAX_MESSAGE_BYTES]));
    let message = within("the large message", reader.next()).await.unwrap();
    assert_eq!((message.len(), message[0]), (MAX_MESSAGE_BYTES, 1));
}

async fn a_slow_reader_loses_messages_and_goes_on(bus: &dyn Bus) {
    let topic = Topic::Execution(ExecutionId::generate());
    let mut reader = bus.subscribe(topic).await;
    for _ in 0..20_000 {
        bus.publish(topic, text("flood"));
    }
    within("a message after the flood", async {
        loop {
            bus.publish(topic, text("after"));
            // Whatever is there now; the publisher was never held up.
            while let Ok(Some(message)) = tokio::time::timeout(Duration::from_millis(20), reader.next()).await
            {
                if message == "after" {
                    return;
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn in_process() {
    holds(&InProcessBus::new()).await;
}

#[tokio::test]
async fn over_nats() {
    let server = NatsServer::start().unwrap();
    let bus = NatsBus::connect(&server.url()).await.unwrap();
    until_connected(&bus).await;
    holds(&bus).await;
}

#[tokio::test]
async fn nats_reaches_other_connections_as_soon_as_they_have_subscribed() {
    let server = NatsServer::start().unwrap();
    let (here, there) =
        (NatsBus::connect(&server.url()).await.unwrap(), NatsBus::connect(&server.url()).await.unwrap());
    until_connected(&here).await;
    until_connected(&there).await;
    for n in 0..200 {
        let topic = Topic::Execution(ExecutionId::generate());
        let mut reader = there.subscribe(topic).await;
        here.publish(topic, text(n));
        assert_eq!(within("the message", reader.next()).await.unwrap(), n.to_string());
    }
}

#[tokio::test]
async fn nats_may_come_late_and_be_killed() {
    let mut server = NatsServer::start().unwrap();
    server.kill9();
    let bus = NatsBus::connect(&server.url()).await.unwrap();
    assert!(!bus.is_connected());
    let mut early = within("subscribing to a dead server", bus.subscribe(Topic::Work)).await;
    bus.publish(Topic::Work, text("lost"));

    server.restart().unwrap();
    until_connected(&bus).await;
    // The publisher's own connection: the waiting subscription goes out on it first, so nothing can overtake it.
    bus.publish(Topic::Work, text("late"));
    assert_eq!(within("a message of the late server", early.next()).await.unwrap(), "late");

    server.kill9();
    within("noticing that the server is gone", async {
        while bus.is_connected() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    for _ in 0..100_000 {
        bus.publish(Topic::Work, text("lost"));
    }
    server.restart().unwrap();
    until_connected(&bus).await;
    bus.publish(Topic::Work, text("again"));
    assert_eq!(within("a message after the restart", early.next()).await.unwrap(), "again");
}

#[tokio::test]
async fn what_is_no_address_is_refused_without_telling_the_password() {
    let error = NatsBus::connect("nats://user:secret@:not a port").await.unwrap_err().to_string();
    assert!(error.contains("is not a NATS address") && !error.contains("secret"), "{error}");
    assert!(NatsBus::connect(" , ").await.is_err());
}
