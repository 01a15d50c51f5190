//! The server as a whole: graceful end, raw HTTP.

use crate::support::{World, options};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn an_idle_connection_does_not_keep_the_server_from_ending() {
    let world = World::new(options());
    let mut server = world.serve().await;
    let mut connection = TcpStream::connect(server.addr).await.unwrap();
    connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    server.stop();
    server.task.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.addr).await.is_err());
    assert_eq!(world.get("/readyz").await.status.as_u16(), 503);
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off() {
    let mut options = options();
    options.timing.drain = Duration::from_millis(50);
    let world = World::new(options);
    let mut server = world.serve().await;
    let mut connection = TcpStream::connect(server.addr).await.unwrap();
    let head = b"POST /api/v1/workflows HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    connection.write_all(head).await.unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    server.stop();
    server.task.await.unwrap().unwrap();
    let mut rest = Vec::new();
    // Ended or reset; either way it is over.
    let _ = connection.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn malformed_http_does_no_harm() {
    let world = World::new(options());
    let server = world.serve().await;
    for garbage in [
        &b"\x16\x03\x01"[..],
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET http://evil.example/healthz HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ] {
        let mut connection = TcpStream::connect(server.addr).await.unwrap();
        connection.write_all(garbage).await.unwrap();
        connection.shutdown().await.unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.unwrap();
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn who_sends_too_much_can_finish_and_reads_the_answer() {
    let world = World::new(options());
    let server = world.serve().await;
    let mut connection = TcpStream::connect(server.addr).await.unwrap();
    // The second is over the limit by far, so that no buffer on the way could hold it.
    for size in [(1 << 20) + 8, 12 << 20] {
        let head =
            format!("POST /api/v1/workflows HTTP/1.1\r\nhost: localhost\r\ncontent-length: {size}\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&vec![b' '; size]).await.unwrap();
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413");
        let mut rest = Vec::new();
        while !rest.ends_with(b"}") {
            assert_ne!(connection.read_buf(&mut rest).await.unwrap(), 0);
        }
        assert!(String::from_utf8_lossy(&rest).contains("TOO_LARGE"));
    }
    // Who asks first is refused before anything is sent.
    let head = "POST /api/v1/workflows HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 9999999\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}
