//! What the proxy cuts: too much, too slow, too long, either way. Real sockets; the times are short because nothing
//! would ever come. Not here: what it refuses (`proxy`).

use crate::{
    support::{Server, answer},
    support_proxy::{Running, loopback, read_all},
};
use nexus_egress::{Limits, ProxyLimits};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const BRIEF: Duration = Duration::from_millis(200);
/// The first message of a TLS client that asks for no name, which is right for an address.
const HELLO: [u8; 52] = [
    22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 2, 0x13, 1, 1, 0, 0, 0,
];

async fn proxy(limits: ProxyLimits) -> Running {
    Running::start(loopback(), limits, |proxy| proxy).await
}

async fn with_times(change: impl FnOnce(&mut Limits)) -> Running {
    let mut limits = ProxyLimits::default();
    change(&mut limits.request);
    proxy(limits).await
}

#[tokio::test]
async fn bytes_that_come_in_are_bounded_altogether() {
    let endless = Server::raw(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    let mut proxy = proxy(ProxyLimits { received_bytes: 100_000, ..ProxyLimits::default() }).await;
    let reply = proxy.get(&endless.url("/")).await;
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.len() < 200_000, "{}", reply.len());
    assert!(!reply.ends_with("0\r\n\r\n"), "the program must see that the answer is not whole");
    let record = proxy.record().await;
    assert_eq!(record.failure.unwrap().code, "bytes_exhausted");
    assert!((100_000..300_000).contains(&record.received_bytes), "{}", record.received_bytes);
    // Nothing is left for the others, neither in tunnels.
    let small = Server::start(|_| answer(200, &[], "x")).await;
    proxy.get(&small.url("/")).await;
    assert_eq!(proxy.code().await, "bytes_exhausted");
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut tunnel = proxy.tunnel(&echo.local_addr().unwrap().to_string()).await.unwrap();
    tunnel.write_all(&HELLO).await.unwrap();
    let (mut server, _) = echo.accept().await.unwrap();
    server.write_all(b"x").await.unwrap();
    read_all(&mut tunnel).await;
    assert_eq!(proxy.code().await, "bytes_exhausted");
}

#[tokio::test]
async fn bytes_that_go_out_are_bounded_altogether() {
    let server = Server::start(|_| answer(200, &[], "")).await;
    let limits = ProxyLimits { sent_bytes: 100, ..ProxyLimits::default() };
    let mut proxy = proxy(limits).await;
    // Said beforehand, nothing is sent.
    let head = format!("POST {} HTTP/1.1\r\nhost: x\r\n", server.url("/"));
    let reply = proxy.say(format!("{head}content-length: 101\r\n\r\n")).await;
    assert!(reply.starts_with("HTTP/1.1 429 bytes_exhausted"), "{reply}");
    assert_eq!(proxy.code().await, "bytes_exhausted");
    // Not said, it is cut.
    let chunk = format!("65\r\n{}\r\n0\r\n\r\n", "x".repeat(0x65));
    proxy.say(format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}")).await;
    assert_eq!(proxy.code().await, "bytes_exhausted");
    assert!(server.requests().is_empty());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut tunnel = proxy.tunnel(&listener.local_addr().unwrap().to_string()).await.unwrap();
    tunnel.write_all(&HELLO).await.unwrap();
    read_all(&mut tunnel).await;
    assert_eq!(proxy.code().await, "bytes_exhausted");
}

#[tokio::test]
async fn requests_are_counted() {
    let server = Server::start(|_| answer(200, &[], "")).await;
    let mut proxy = proxy(ProxyLimits { requests: 2, ..ProxyLimits::default() }).await;
    for code in ["", "", "requests_exhausted", "requests_exhausted"] {
        proxy.get(&server.url("/")).await;
        assert_eq!(proxy.code().await, code);
    }
    assert_eq!(server.requests().len(), 2);
    assert!(proxy.tunnel(&server.address.to_string()).await.unwrap_err().contains("429 requests_exhausted"));
}

#[tokio::test]
async fn only_so_many_connections_at_once() {
    let server = Server::start(|_| answer(200, &[], "served")).await;
    let proxy = proxy(ProxyLimits { connections: 2, ..ProxyLimits::default() }).await;
    let held = [proxy.connect().await, proxy.connect().await];
    let third = async { proxy.get(&server.url("/")).await };
    tokio::pin!(third);
    // As long as two are there, the third is not served …
    assert!(tokio::time::timeout(BRIEF, &mut third).await.is_err());
    // … and as soon as one is gone, it is.
    drop(held);
    assert!(third.await.ends_with("served"));
}

#[tokio::test]
async fn slow_programs_are_cut() {
    // One that says nothing, and one that never comes to the end of its headers
    let proxy = with_times(|times| times.total = BRIEF).await;
    let mut silent = proxy.connect().await;
    read_all(&mut silent).await;
    let mut slow = proxy.connect().await;
    slow.write_all(b"GET http://127.0.0.1/ HTTP/1.1\r\nx: ").await.unwrap();
    while slow.write_all(b"y").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // One that stops in the middle of its body
    let server = Server::start(|_| answer(200, &[], "")).await;
    let mut proxy = with_times(|times| times.idle = BRIEF).await;
    let mut stops = proxy.connect().await;
    let head = format!("POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345", server.url("/"));
    stops.write_all(head.as_bytes()).await.unwrap();
    read_all(&mut stops).await;
    assert_eq!(proxy.code().await, "request_invalid");
    assert!(server.requests().is_empty());
    // One that opens a tunnel and does not use it, one that begins to, and one that stops using it
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let mut proxy = with_times(|times| (times.first_byte, times.idle) = (BRIEF, BRIEF)).await;
    for (bytes, code) in [(0, "tls_required"), (20, "tls_required"), (HELLO.len(), "body_stalled")] {
        let mut tunnel = proxy.tunnel(&authority).await.unwrap();
        tunnel.write_all(&HELLO[..bytes]).await.unwrap();
        read_all(&mut tunnel).await;
        assert_eq!(proxy.code().await, code, "{bytes}");
    }
}

#[tokio::test]
async fn slow_servers_are_cut() {
    let silent = Server::raw(|mut stream, _| async move { drop(stream.read(&mut [0]).await) }).await;
    let mut proxy = with_times(|times| times.first_byte = BRIEF).await;
    assert!(proxy.get(&silent.url("/")).await.starts_with("HTTP/1.1 504 response_timeout"));
    assert_eq!(proxy.code().await, "response_timeout");

    let stalls = Server::raw(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345").await.unwrap();
        drop(stream.read(&mut [0]).await);
    })
    .await;
    let mut proxy = with_times(|times| times.idle = BRIEF).await;
    assert!(proxy.get(&stalls.url("/")).await.ends_with("12345"));
    let record = proxy.record().await;
    assert_eq!((record.failure.unwrap().code, record.received_bytes), ("body_stalled", 5));

    let drips = Server::raw(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let mut proxy = with_times(|times| times.total = 2 * BRIEF).await;
    assert!(proxy.get(&drips.url("/")).await.ends_with("x\r\n"));
    assert_eq!(proxy.code().await, "timed_out");

    let endless_head = Server::raw(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await.unwrap();
        while stream.write_all(&[b'y'; 4096]).await.is_ok() {}
    })
    .await;
    let mut proxy = self::proxy(ProxyLimits::default()).await;
    assert!(proxy.get(&endless_head.url("/")).await.starts_with("HTTP/1.1 502 headers_too_large"));
    assert_eq!(proxy.code().await, "headers_too_large");
}

#[tokio::test]
async fn tunnels_end_with_their_time_even_if_bytes_move() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut proxy = with_times(|times| times.total = 2 * BRIEF).await;
    let mut tunnel = proxy.tunnel(&listener.local_addr().unwrap().to_string()).await.unwrap();
    tunnel.write_all(&HELLO).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    tokio::spawn(async move {
        while server.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(!read_all(&mut tunnel).await.is_empty());
    assert_eq!(proxy.code().await, "timed_out");
}

#[tokio::test]
async fn who_leaves_early_is_recorded() {
    let server = Server::raw(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345").await.unwrap();
        drop(stream.read(&mut [0]).await);
    })
    .await;
    let mut proxy = proxy(ProxyLimits::default()).await;
    let mut stream = proxy.connect().await;
    stream
        .write_all(format!("GET {} HTTP/1.1\r\nhost: x\r\n\r\n", server.url("/a")).as_bytes())
        .await
        .unwrap();
    stream.read_u8().await.unwrap();
    drop(stream);
    let record = proxy.record().await;
    assert_eq!((record.failure.unwrap().code, record.path.as_deref()), ("client_gone", Some("/a")));
}

#[tokio::test]
async fn nothing_is_left_when_the_proxy_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = proxy(ProxyLimits::default()).await;
    let mut tunnel = proxy.tunnel(&listener.local_addr().unwrap().to_string()).await.unwrap();
    tunnel.write_all(&HELLO).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    server.read_exact(&mut [0; HELLO.len()]).await.unwrap();
    let mut waiting = proxy.connect().await;
    proxy.stop();
    assert_eq!(server.read(&mut [0]).await.unwrap_or(0), 0);
    assert!(read_all(&mut tunnel).await.is_empty() && read_all(&mut waiting).await.is_empty());
}
