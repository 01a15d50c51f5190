//! Answers that would fill memory, never end or never begin, and answers that are not what they say: each is cut with
//! its code. Not here: hostile addresses (`hostile`).

use crate::support::{Server, answer};
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use nexus_egress::{Client, HEADER_BYTES, Limits, Policy, Request, Response};
use std::{io::Write, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// 64 MiB of zeros.
const BROTLI_BOMB: &str = "cbffff3f002400e2b14072effff8ffff078004401c1680eefd1fffffff00900088c302d0bdffe3ffff1f0012007158\
    00baf77ffcffff034002200e0b40f7fe8fffff7f004800c46101e8defff1ffff0f000980382c00ddfbbffcffff032001108705a07bff07";
/// "hello, hello, hello".
const BROTLI_HELLO: &str = "1b1200f88d946ede44095286966c2c6f114f24d07100";
/// 1 MiB of zeros with a window larger than the standard knows.
const BROTLI_LARGE_WINDOW: &str = "115efdff3ffe0980782c10907bff00";

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bare(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Room for a megabyte, and time enough that only what a test is about runs out.
fn limits() -> Limits {
    Limits { wire_bytes: 1 << 20, body_bytes: 1 << 20, ..Limits::default() }
}

async fn fetch(server: &Server, limits: Limits) -> Result<Response, nexus_egress::Error> {
    let policy = Policy::public().allow_host("127.0.0.1", server.address.port());
    Client::new(policy, limits).send(Request::get(server.url("/"))).await
}

async fn fetch_bytes(bytes: Vec<u8>, limits: Limits) -> Result<Response, nexus_egress::Error> {
    fetch(&Server::start(move |_| bytes.clone()).await, limits).await
}

#[tokio::test]
async fn compressed_bodies_come_out_as_they_were() {
    let text = "hello, hello, hello";
    for (encoding, body) in [
        ("gzip", gzip(text.as_bytes())),
        ("x-gzip", gzip(text.as_bytes())),
        ("GZIP", gzip(text.as_bytes())),
        ("deflate", zlib(text.as_bytes())),
        ("deflate", bare(text.as_bytes())),
        ("br", unhex(BROTLI_HELLO)),
        ("identity", text.into()),
        ("", text.into()),
    ] {
        let wire = body.len() as u64;
        let response =
            fetch_bytes(answer(200, &[("content-encoding", encoding)], body), limits()).await.unwrap();
        assert_eq!(response.body, text, "{encoding}");
        assert_eq!(response.wire_bytes, wire);
        let compressed = !matches!(encoding, "identity" | "");
        assert_eq!(response.headers.contains_key("content-encoding"), !compressed, "{encoding}");
        assert_eq!(response.headers.contains_key("content-length"), !compressed, "{encoding}");
    }
    // In two members, one byte at a time.
    let mut members = gzip(b"hello, ");
    members.extend(gzip(b"hello, hello"));
    let server = Server::raw(move |mut stream, _| {
        let members = members.clone();
        async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n").await.unwrap();
            for byte in members {
                stream.write_all(&[byte]).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(fetch(&server, limits()).await.unwrap().body, text);
    // Nothing at all is not compressed, whatever the headers say.
    for encoding in ["gzip", "deflate", "br"] {
        let response =
            fetch_bytes(answer(200, &[("content-encoding", encoding)], ""), limits()).await.unwrap();
        assert!(response.body.is_empty());
    }
}

#[tokio::test]
async fn decompression_bombs_are_cut() {
    let zeros = vec![0; 8 << 20];
    let twice = gzip(&gzip(&zeros));
    for (encoding, body, code) in [
        ("gzip", gzip(&zeros), "decompressed_too_large"),
        ("deflate", zlib(&zeros), "decompressed_too_large"),
        ("deflate", bare(&zeros), "decompressed_too_large"),
        ("br", unhex(BROTLI_BOMB), "decompressed_too_large"),
        ("br", unhex(BROTLI_LARGE_WINDOW), "answer_broken"),
        ("gzip, gzip", twice.clone(), "encoding_unsupported"),
        ("br, gzip", twice, "encoding_unsupported"),
        ("zstd", vec![1, 2, 3], "encoding_unsupported"),
        ("compress", vec![1, 2, 3], "encoding_unsupported"),
    ] {
        assert!(body.len() < 1 << 20, "this would be cut for its size on the wire");
        let error =
            fetch_bytes(answer(200, &[("content-encoding", encoding)], body), limits()).await.unwrap_err();
        assert_eq!(error.code(), code, "{encoding}: {error}");
    }
    // The bound is exact.
    let exact = vec![7; 1 << 20];
    let reply = |bytes: &[u8]| answer(200, &[("content-encoding", "gzip")], gzip(bytes));
    assert_eq!(fetch_bytes(reply(&exact), limits()).await.unwrap().body.len(), 1 << 20);
    let error = fetch_bytes(reply(&vec![7; (1 << 20) + 1]), limits()).await.unwrap_err();
    assert_eq!(error.code(), "decompressed_too_large");
}

#[tokio::test]
async fn broken_compression_is_told() {
    for (encoding, mut body) in [
        ("gzip", gzip(b"hello, hello")),
        ("deflate", zlib(b"hello, hello")),
        ("deflate", bare(b"hello, hello")),
        ("br", unhex(BROTLI_HELLO)),
    ] {
        body.truncate(body.len() - 3);
        let early =
            fetch_bytes(answer(200, &[("content-encoding", encoding)], &body), limits()).await.unwrap_err();
        assert_eq!(early.code(), "answer_broken", "{encoding}");
    }
    for encoding in ["gzip", "deflate", "br"] {
        let lie =
            fetch_bytes(answer(200, &[("content-encoding", encoding)], "<html>hello</html>"), limits()).await;
        assert_eq!(lie.unwrap_err().code(), "answer_broken", "{encoding}");
    }
}

#[tokio::test]
async fn endless_bodies_are_cut() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"] {
        let server = Server::raw(move |mut stream, _| async move {
            stream.write_all(head.as_bytes()).await.unwrap();
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
        })
        .await;
        assert_eq!(fetch(&server, limits()).await.unwrap_err().code(), "response_too_large");
    }
    // Said beforehand, it is not even begun.
    let server = Server::raw(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 52428800\r\n\r\n").await.unwrap();
        drop(stream.read(&mut [0]).await);
    })
    .await;
    let error = fetch(&server, limits()).await.unwrap_err();
    assert_eq!(error.code(), "response_too_large");
    assert!(error.to_string().contains("1048576 bytes"), "{error}");
    // The body's own limit counts as well.
    let small = Limits { body_bytes: 10, ..limits() };
    assert_eq!(
        fetch_bytes(answer(200, &[], "12345678901"), small).await.unwrap_err().code(),
        "response_too_large"
    );
}

#[tokio::test]
async fn endless_headers_are_cut() {
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    let long = format!("x: {}\r\n", "y".repeat(HEADER_BYTES));
    for headers in [many, long] {
        let error =
            fetch_bytes(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into(), limits()).await.unwrap_err();
        assert_eq!(error.code(), "headers_too_large");
    }
    let endless = Server::raw(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await.unwrap();
        while stream.write_all(&[b'y'; 4096]).await.is_ok() {}
    })
    .await;
    assert_eq!(fetch(&endless, limits()).await.unwrap_err().code(), "headers_too_large");
    // Interim answers without end
    let interim = Server::raw(|mut stream, _| async move {
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n").await.is_ok() {}
    })
    .await;
    let short = Limits { first_byte: Duration::from_millis(300), ..limits() };
    assert_eq!(fetch(&interim, short).await.unwrap_err().code(), "response_timeout");
    // Trailers without end
    let trailers = Server::raw(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ").await.unwrap();
        while stream.write_all(&[b'y'; 4096]).await.is_ok() {}
    })
    .await;
    assert_eq!(fetch(&trailers, limits()).await.unwrap_err().code(), "answer_broken");
}

#[tokio::test]
async fn who_keeps_silent_is_cut() {
    let brief = Duration::from_millis(200);
    // Silent before the answer
    let silent = Server::raw(|mut stream, _| async move { drop(stream.read(&mut [0]).await) }).await;
    let error = fetch(&silent, Limits { first_byte: brief, ..limits() }).await.unwrap_err();
    assert_eq!(error.code(), "response_timeout");
    assert!(error.is_transient() && error.to_string().contains("0.2 s"), "{error}");
    // Silent in the middle of it
    let stalls = Server::raw(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345").await.unwrap();
        drop(stream.read(&mut [0]).await);
    })
    .await;
    assert_eq!(fetch(&stalls, Limits { idle: brief, ..limits() }).await.unwrap_err().code(), "body_stalled");
    // Silent while TLS is spoken
    let policy = Policy::public().allow_host("127.0.0.1", silent.address.port());
    let client = Client::new(policy, Limits { connect: brief, ..limits() });
    let error = client.send(Request::get(format!("https://{}/", silent.address))).await.unwrap_err();
    assert_eq!(error.code(), "connect_timeout");
}

#[tokio::test]
async fn a_little_now_and_then_does_not_buy_time() {
    // Never idle for long, never done: headers and bodies alike.
    for head in ["", "HTTP/1.1 200 OK\r\n\r\n"] {
        let drip = Server::raw(move |mut stream, _| async move {
            drop(stream.write_all(head.as_bytes()).await);
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        let total = Duration::from_millis(400);
        let error = fetch(&drip, Limits { total, ..limits() }).await.unwrap_err();
        assert!(matches!(error.code(), "timed_out" | "answer_broken"), "{error}");
        if !head.is_empty() {
            assert_eq!(error.code(), "timed_out");
        }
    }
}

#[tokio::test]
async fn broken_answers_are_told() {
    for bytes in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "+PONG\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n123456",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
    ] {
        let error = fetch_bytes(bytes.into(), limits()).await.unwrap_err();
        assert_eq!(error.code(), "answer_broken", "{bytes:?}: {error}");
        assert!(error.is_transient() && error.to_string().contains("127.0.0.1"), "{error}");
    }
    // What the head says of a body that a HEAD request does not get is no broken answer.
    let server = Server::start(|_| {
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\ncontent-encoding: gzip\r\n\r\n".to_vec()
    })
    .await;
    let policy = Policy::public().allow_host("127.0.0.1", server.address.port());
    let head = Request::new(http::Method::HEAD, server.url("/"));
    let response = Client::new(policy, limits()).send(head).await.unwrap();
    assert_eq!(response.headers["content-length"], "99999999");
}

#[tokio::test]
async fn a_request_that_is_given_up_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let policy = Policy::public().allow_host("127.0.0.1", address.port());
    let client = Client::new(policy, limits());
    let request = tokio::spawn(async move { client.send(Request::get(format!("http://{address}/"))).await });
    let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
    crate::support::read_request(&mut stream).await.unwrap();
    request.abort();
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0, "the client is still there");
}
