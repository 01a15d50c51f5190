//! Per-host limits, in a time that only tests have: it goes on when everybody waits.
//! Not here: what else may cut a request (`bodies`).

use crate::support::{Server, answer};
use nexus_egress::{Client, HostLimits, Hosts, Limits, Policy, Request};
use std::{
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn hosts(burst: u32, concurrent: usize) -> Hosts {
    Hosts::new(HostLimits { every: SECOND, burst, concurrent })
}

fn late() -> Instant {
    Instant::now() + 1000 * SECOND
}

#[tokio::test(start_paused = true)]
async fn one_a_second_and_every_host_for_itself() {
    let hosts = hosts(1, 8);
    let start = Instant::now();
    for n in 0..4 {
        drop(hosts.turn("a", late()).await.unwrap());
        assert_eq!(start.elapsed(), n * SECOND);
        drop(hosts.turn(&format!("b{n}"), late()).await.unwrap());
        assert_eq!(start.elapsed(), n * SECOND, "another host had to wait");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_good_for_a_burst_of_its_size() {
    let hosts = hosts(3, 8);
    let start = Instant::now();
    for seconds in [0, 0, 0, 1, 2] {
        drop(hosts.turn("a", late()).await.unwrap());
        assert_eq!(start.elapsed(), seconds * SECOND);
    }
    tokio::time::sleep(100 * SECOND).await;
    for seconds in [102, 102, 102, 103] {
        drop(hosts.turn("a", late()).await.unwrap());
        assert_eq!(start.elapsed(), seconds * SECOND, "more than a burst was saved up");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_would_come_too_late_is_refused_and_not_taken() {
    let hosts = hosts(1, 8);
    drop(hosts.turn("a", late()).await.unwrap());
    for _ in 0..5 {
        let wait = hosts.turn("a", Instant::now() + SECOND / 2).await.unwrap_err();
        assert_eq!(wait, SECOND);
    }
    let start = Instant::now();
    drop(hosts.turn("a", late()).await.unwrap());
    assert_eq!(start.elapsed(), SECOND, "the refused ones were counted");
}

#[tokio::test(start_paused = true)]
async fn only_so_many_at_once_in_the_order_they_came() {
    let hosts = Hosts::new(HostLimits { every: Duration::ZERO, burst: 1, concurrent: 2 });
    let (most, now) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..10 {
        let (hosts, most, now, order) = (hosts.clone(), most.clone(), now.clone(), order.clone());
        tasks.spawn(async move {
            let _turn = hosts.turn("a", late()).await.unwrap();
            order.lock().unwrap().push(n);
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(SECOND).await;
            now.fetch_sub(1, Ordering::SeqCst);
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
    assert_eq!(*order.lock().unwrap(), (0..10).collect::<Vec<_>>());
    // Whoever waits for a place in vain is told so.
    let held = (hosts.turn("a", late()).await.unwrap(), hosts.turn("a", late()).await.unwrap());
    assert!(hosts.turn("a", Instant::now() + SECOND).await.is_err());
    drop(held);
    assert!(hosts.turn("a", Instant::now()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn many_hosts_do_not_make_it_forget_those_that_wait() {
    let hosts = hosts(1, 1);
    drop(hosts.turn("a", late()).await.unwrap());
    for n in 0..5000 {
        drop(hosts.turn(&format!("other-{n}"), late()).await.unwrap());
    }
    let wait = hosts.turn("a", Instant::now()).await.unwrap_err();
    assert_eq!(wait, SECOND);
}

#[tokio::test]
async fn the_client_keeps_to_them() {
    let server = Server::start(|_| answer(200, &[], "")).await;
    let policy = Policy::public().allow_host("127.0.0.1", server.address.port());
    // The next turn is an hour away, later than any request may take.
    let limits = HostLimits { every: Duration::from_secs(3600), burst: 2, concurrent: 1 };
    let client = Client::new(policy, Limits::default()).with_host_limits(limits);
    for _ in 0..2 {
        client.send(Request::get(server.url("/"))).await.unwrap();
    }
    // Clones know of each other's requests.
    let error = client.clone().send(Request::get(server.url("/"))).await.unwrap_err();
    assert_eq!(error.code(), "rate_limited");
    assert!(error.is_before_sending() && error.is_transient(), "{error}");
    assert_eq!(server.requests().len(), 2);
}
