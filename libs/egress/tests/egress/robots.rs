//! robots.txt of real servers: what their answers mean, and how often they are asked.
//! Not here: what files mean (unit tests of the rules).

use crate::{
    support::{Server, answer},
    support_proxy::loopback,
};
use nexus_egress::{Client, Limits, Policy, Robots, Target};
use std::time::Duration;

fn robots() -> Robots {
    Robots::new(Client::new(
        loopback(),
        Limits { first_byte: Duration::from_millis(300), ..Limits::default() },
    ))
}

async fn code(robots: &Robots, url: &str) -> &'static str {
    robots.check(&Target::parse(url).unwrap()).await.map_or_else(|error| error.code(), |()| "")
}

#[tokio::test]
async fn statuses_mean_what_the_standard_says() {
    let closed = "User-agent: *\nDisallow: /";
    for (status, expected) in [
        (200, "robots_forbidden"),
        (206, "robots_forbidden"),
        (400, ""),
        (401, ""),
        (403, ""),
        (404, ""),
        (410, ""),
        (429, "robots_unknown"),
        (500, "robots_unknown"),
        (503, "robots_unknown"),
    ] {
        let server = Server::start(move |_| answer(status, &[], closed)).await;
        assert_eq!(code(&robots(), &server.url("/page")).await, expected, "{status}");
    }
    let silent = Server::raw(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    assert_eq!(code(&robots(), &silent.url("/")).await, "robots_unknown");
    let endless = Server::raw(|mut stream, _| async move {
        use tokio::io::AsyncWriteExt;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'\n'; 65536]).await.is_ok() {}
    })
    .await;
    assert_eq!(code(&robots(), &endless.url("/")).await, "robots_unknown");
    // What cannot be reached at all is told as it would be for the page.
    let nobody = Robots::new(Client::new(Policy::public(), Limits::default()));
    assert_eq!(code(&nobody, &silent.url("/")).await, "address_refused");
    // Redirects are followed; a circle is no answer.
    let moved = Server::start(move |request| match request.split(' ').nth(1).unwrap() {
        "/robots.txt" => answer(301, &[("location", "/elsewhere")], ""),
        _ => answer(200, &[], closed),
    })
    .await;
    assert_eq!(code(&robots(), &moved.url("/page")).await, "robots_forbidden");
    let circle = Server::start(|_| answer(301, &[("location", "/robots.txt")], "")).await;
    assert_eq!(code(&robots(), &circle.url("/page")).await, "robots_unknown");
}

#[tokio::test]
async fn a_server_is_asked_once() {
    let server =
        Server::start(|_| answer(200, &[], "User-agent: nexus-scraper\nDisallow: /no\nAllow: /no/but")).await;
    let robots = robots();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (robots, url) = (robots.clone(), server.url(&format!("/no/{n}")));
        tasks.spawn(async move { code(&robots, &url).await });
    }
    while let Some(code) = tasks.join_next().await {
        assert_eq!(code.unwrap(), "robots_forbidden");
    }
    assert_eq!(code(&robots, &server.url("/no/but/this")).await, "");
    assert_eq!(code(&robots, &server.url("/yes?no")).await, "");
    assert_eq!(server.requests().len(), 1);
    // Another port is another server.
    let other = Server::start(|_| answer(404, &[], "")).await;
    assert_eq!(code(&robots, &other.url("/no")).await, "");
}
