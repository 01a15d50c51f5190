//! The client against real servers on loopback: what an ordinary request, a redirect and a slow or broken server do.
//! Not here: the table of hostile addresses (`hostile`).

use crate::support::{Server, answer};
use http::{HeaderValue, Method, StatusCode, header};
use nexus_egress::{Client, Limits, Policy, Request};

fn client() -> Client {
    Client::new(Policy::public().allow_network("127.0.0.0".parse().unwrap(), 8), Limits::default())
}

#[tokio::test]
async fn a_request_goes_out_as_it_was_meant_and_the_answer_comes_back_whole() {
    let server = Server::start(|_| answer(201, &[("x-a", "b")], "hello")).await;
    let mut request = Request::new(Method::POST, server.url("/p%20a?q=1#fragment"));
    request.headers.insert("x-key", HeaderValue::from_static("k"));
    request.body = "body".into();
    let response = client().send(request).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (StatusCode::CREATED, &b"hello"[..]));
    assert_eq!(response.headers["x-a"], "b");
    assert_eq!((response.redirects, response.wire_bytes), (0, 5));
    let seen = server.requests();
    assert!(seen[0].starts_with("POST /p%20a?q=1 HTTP/1.1\r\n"), "{}", seen[0]);
    assert!(seen[0].contains(&format!("host: {}\r\n", server.address)), "{}", seen[0]);
    assert!(seen[0].contains("x-key: k\r\n") && seen[0].contains("user-agent: nexus/"), "{}", seen[0]);
    assert!(seen[0].ends_with("\r\n\r\nbody"), "{}", seen[0]);
}

#[tokio::test]
async fn without_permission_the_same_server_is_out_of_reach() {
    let server = Server::start(|_| answer(200, &[], "secret")).await;
    let closed = Client::new(Policy::public(), Limits::default());
    let error = closed.send(Request::get(server.url("/"))).await.unwrap_err();
    assert_eq!(error.code(), "address_refused");
    assert!(error.to_string().contains("NEXUS_EGRESS_ALLOW") && error.is_before_sending(), "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn cookies_are_not_kept() {
    let server = Server::start(|_| answer(200, &[("set-cookie", "a=b")], "")).await;
    let client = client();
    for _ in 0..2 {
        let response = client.send(Request::get(server.url("/"))).await.unwrap();
        assert_eq!(response.headers[header::SET_COOKIE], "a=b");
    }
    assert!(server.requests().iter().all(|request| !request.to_lowercase().contains("cookie")));
}
