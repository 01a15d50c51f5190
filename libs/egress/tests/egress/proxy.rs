//! The proxy of sandboxes, from the side of the program: what goes through, what is refused, what is recorded.
//! Not here: what is cut for its size or its slowness (`proxy_limits`).

use crate::{
    support::{Authority, Names, Server, answer, read_request},
    support_proxy::{Running, loopback, read_all, tls_client},
};
use nexus_egress::{
    CODE_HEADER, Client, HostLimits, Hosts, Limits, Policy, ProxyLimits, Robots, USER_AGENT, trusting,
};
use rustls::pki_types::ServerName;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

async fn proxy(policy: Policy) -> Running {
    let names = Names::new(&[
        ("site.test", &["127.0.0.1"]),
        ("other.test", &["127.0.0.1"]),
        ("public.test", &["93.184.216.34"]),
        ("private.test", &["10.0.0.1"]),
        ("mixed.test", &["93.184.216.34", "127.0.0.1"]),
        ("metadata.google.internal", &["169.254.169.254"]),
    ]);
    Running::start(policy, ProxyLimits::default(), |proxy| proxy.with_resolver(names)).await
}

/// A server of `site.test` with TLS that answers every request.
async fn tls_server(authority: &Authority) -> SocketAddr {
    let acceptor = authority.acceptor(&["site.test", "127.0.0.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let Some(_) = read_request(&mut stream).await else { continue };
            drop(stream.write_all(&answer(200, &[], "over tls")).await);
            drop(stream.shutdown().await);
        }
    });
    address
}

#[tokio::test]
async fn requests_go_through_without_what_is_between_program_and_proxy() {
    let server =
        Server::start(|_| answer(404, &[("x-a", "b"), ("connection", "x-hop"), ("x-hop", "1")], "gone"))
            .await;
    let names = Names::new(&[("site.test", &["127.0.0.1"])]);
    let change = |proxy: nexus_egress::Proxy| proxy.with_resolver(names).with_user_agent(USER_AGENT);
    let mut proxy = Running::start(loopback(), ProxyLimits::default(), change).await;
    let reply = proxy
        .say(format!(
            "POST {} HTTP/1.1\r\nhost: 10.0.0.1\r\nuser-agent: a browser\r\nproxy-authorization: x\r\n\
             proxy-connection: keep-alive\r\nconnection: x-drop, content-length\r\nx-drop: 1\r\nx-keep: 2\r\n\
             te: trailers\r\ncontent-length: 4\r\n\r\nbody",
            server.url_as("site.test", "/a/b?secret=1")
        ))
        .await;
    assert!(reply.starts_with("HTTP/1.1 404 ") && reply.ends_with("\r\n\r\ngone"), "{reply}");
    assert!(reply.contains("x-a: b\r\n") && !reply.contains("x-hop"), "{reply}");
    let seen = server.requests()[0].clone();
    assert!(seen.starts_with("POST /a/b?secret=1 HTTP/1.1\r\n") && seen.ends_with("\r\n\r\nbody"), "{seen}");
    assert!(seen.contains(&format!("host: site.test:{}\r\n", server.address.port())), "{seen}");
    assert!(
        seen.contains("x-keep: 2\r\n") && seen.contains(&format!("user-agent: {USER_AGENT}\r\n")),
        "{seen}"
    );
    for gone in ["10.0.0.1", "browser", "proxy-", "x-drop", "te:"] {
        assert!(!seen.contains(gone), "{gone}: {seen}");
    }
    let record = proxy.record().await;
    assert_eq!((&*record.method, &*record.host, record.port), ("POST", "site.test", server.address.port()));
    assert_eq!((record.path.as_deref(), record.status, record.failure), (Some("/a/b"), Some(404), None));
    assert_eq!((record.sent_bytes, record.received_bytes), (4, 4));
}

#[tokio::test]
async fn bodies_of_every_kind_go_through() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfour\r\n4\r\nmore\r\n0\r\n\r\n";
    for (method, raw, body) in [
        ("GET", chunked, "fourmore"),
        ("GET", "HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("GET", "HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n", ""),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", ""),
    ] {
        let server = Server::start(move |_| raw.into()).await;
        let mut proxy = proxy(loopback()).await;
        let reply = proxy.say(format!("{method} {} HTTP/1.1\r\nhost: x\r\n\r\n", server.url("/"))).await;
        let (head, rest) = reply.split_once("\r\n\r\n").unwrap();
        let plain: String = if head.contains("chunked") {
            rest.split("\r\n").skip(1).step_by(2).collect()
        } else {
            rest.to_owned()
        };
        assert_eq!(plain, body, "{reply}");
        assert_eq!(head.contains("content-length: 7"), method == "HEAD", "{reply}");
        let record = proxy.record().await;
        assert_eq!((record.failure, record.received_bytes), (None, body.len() as u64));
    }
    // A body without its length
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n0\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0);
        }
        stream.write_all(&answer(200, &[], &read)).await.unwrap();
    });
    let proxy = proxy(loopback()).await;
    let head = format!("PUT http://{address}/ HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    let reply = proxy.say(head + "3\r\nabc\r\n0\r\n\r\n").await;
    assert!(reply.contains("3\r\nabc\r\n0\r\n"), "{reply}");
}

#[tokio::test]
async fn hostile_requests_are_refused_and_recorded() {
    let mut proxy = proxy(Policy::public()).await;
    for (line, code) in [
        ("GET http://127.0.0.1/", "address_refused"),
        ("GET http://127.0.0.1:9000/", "address_refused"),
        ("GET http://2130706433/", "address_refused"),
        ("GET http://0x7f.1/", "address_refused"),
        ("GET http://0177.0.0.1/", "address_refused"),
        ("GET http://127.1/", "address_refused"),
        ("GET http://[::1]/", "address_refused"),
        ("GET http://[::ffff:127.0.0.1]/", "address_refused"),
        ("GET http://[::ffff:a9fe:a9fe]/", "address_refused"),
        ("GET http://[64:ff9b::7f00:1]/", "address_refused"),
        ("GET http://[2002:7f00:1::]/", "address_refused"),
        ("GET http://[fd00:ec2::254]/", "address_refused"),
        ("GET http://169.254.169.254/latest/meta-data/", "address_refused"),
        ("GET http://metadata.google.internal/", "address_refused"),
        ("GET http://private.test/", "address_refused"),
        ("GET http://mixed.test/", "address_refused"),
        ("GET https://private.test/", "address_refused"),
        ("GET http://nobody.test/", "dns_failed"),
        ("GET http://public.test:8080/", "port_refused"),
        ("GET http://public.test:22/", "port_refused"),
        ("GET http://user:password@public.test/", "userinfo_refused"),
        ("GET http://public.test@127.0.0.1/", "userinfo_refused"),
        ("GET ftp://public.test/", "scheme_refused"),
        ("GET gopher://127.0.0.1:6379/_x", "scheme_refused"),
        ("GET /", "url_invalid"),
        ("GET http://[fe80::1%25eth0]/", ""),
        ("OPTIONS *", "url_invalid"),
        ("CONNECT 127.0.0.1:443", "address_refused"),
        ("CONNECT 127.1:443", "address_refused"),
        ("CONNECT 0x7f000001:443", "address_refused"),
        ("CONNECT [::1]:443", "address_refused"),
        ("CONNECT [::ffff:127.0.0.1]:443", "address_refused"),
        ("CONNECT 169.254.169.254:80", "address_refused"),
        ("CONNECT 10.0.0.1:443", "address_refused"),
        ("CONNECT private.test:443", "address_refused"),
        ("CONNECT mixed.test:443", "address_refused"),
        ("CONNECT metadata.google.internal:443", "address_refused"),
        ("CONNECT nobody.test:443", "dns_failed"),
        ("CONNECT public.test:22", "port_refused"),
        ("CONNECT public.test:25", "port_refused"),
        ("CONNECT public.test:8443", "port_refused"),
        ("CONNECT public.test:0", "url_invalid"),
        ("CONNECT public.test", "url_invalid"),
        ("CONNECT user@public.test:443", ""),
    ] {
        let reply = proxy.say(format!("{line} HTTP/1.1\r\nhost: public.test\r\n\r\n")).await;
        let status = reply.split(' ').nth(1).unwrap();
        assert!(status.starts_with('4') || status == "502", "{line}: {reply}");
        if code.is_empty() {
            // Not even a request: it does not get as far as the proxy's own judgement.
            assert!(!reply.contains("\r\n\r\n<") && status == "400", "{line}: {reply}");
            if reply.contains(CODE_HEADER) {
                proxy.record().await;
            }
            continue;
        }
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} {code}\r\n")), "{line}: {reply}");
        assert!(reply.contains(&format!("{CODE_HEADER}: {code}\r\n")), "{line}: {reply}");
        let record = proxy.record().await;
        assert!(line.starts_with(&record.method), "{line}: {record:?}");
        assert_eq!(record.failure.as_ref().map(|failure| failure.code), Some(code), "{line}");
        let sentence = record.failure.unwrap().message;
        assert!(
            reply.ends_with(&format!("{sentence}\n")) && !sentence.contains("password"),
            "{line}: {reply}"
        );
        assert_eq!((record.sent_bytes, record.received_bytes), (0, 0), "{line}");
        assert!(!record.host.is_empty(), "{line}");
    }
}

#[tokio::test]
async fn messages_that_two_readers_would_cut_differently_do_not_go_through() {
    let server = Server::start(|_| answer(200, &[], "")).await;
    let proxy = proxy(loopback()).await;
    let url = server.url("/");
    for headers in [
        "content-length: 4\r\ncontent-length: 5",
        "content-length: 4, 5",
        "content-length: +4",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: xchunked",
        "host : x",
        " folded: x",
    ] {
        let smuggled = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
        let reply = proxy
            .say(format!("POST {url} HTTP/1.1\r\nhost: x\r\n{headers}\r\n\r\n0\r\n\r\n{smuggled}"))
            .await;
        assert!(reply.starts_with("HTTP/1.1 400 ") || reply.is_empty(), "{headers}: {reply}");
    }
    // With both, the length is what is dropped, and nothing after the body is read as a request.
    let both =
        "POST {url} HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    proxy.say(both.replace("{url}", &url) + "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n").await;
    for seen in server.requests() {
        assert!(!seen.contains("smuggled") && !seen.contains("content-length: 4"), "{seen}");
    }
}

#[tokio::test]
async fn a_name_is_judged_where_it_leads_when_it_is_connected_to() {
    let server = Server::start(|_| answer(200, &[], "first")).await;
    let names = Names::changing(&[("rebind.test", vec![&["127.0.0.1"], &["127.0.0.2"]])]);
    let policy = Policy::public().allow_network("127.0.0.1".parse().unwrap(), 32);
    let mut proxy =
        Running::start(policy, ProxyLimits::default(), |proxy| proxy.with_resolver(names.clone())).await;
    let url = server.url_as("rebind.test", "/");
    assert!(proxy.get(&url).await.ends_with("first"));
    assert_eq!((proxy.code().await, names.asked().len()), ("", 1));
    assert!(proxy.get(&url).await.starts_with("HTTP/1.1 403 address_refused"));
    assert_eq!((proxy.code().await, server.requests().len()), ("address_refused", 1));
    // Redirects are the program's to follow, and judged when it does.
    let hostile = Server::start(|_| answer(302, &[("location", "http://169.254.169.254/")], "")).await;
    assert!(proxy.get(&hostile.url("/")).await.contains("location: http://169.254.169.254/"));
    assert!(proxy.get("http://169.254.169.254/").await.starts_with("HTTP/1.1 403 address_refused"));
}

#[tokio::test]
async fn tunnels_carry_tls_to_the_host_they_are_for() {
    let authority = Authority::new();
    let server = tls_server(&authority).await;
    let mut proxy = proxy(loopback()).await;
    let connector = tls_client(authority.roots());
    for host in ["site.test", "127.0.0.1"] {
        let stream = proxy.tunnel(&format!("{host}:{}", server.port())).await.unwrap();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(read_all(&mut stream).await.ends_with("over tls"));
        drop(stream);
        let record = proxy.record().await;
        assert_eq!((&*record.method, &*record.host, record.port), ("CONNECT", host, server.port()));
        assert_eq!((record.path, record.status, record.failure), (None, Some(200), None));
        assert!(record.sent_bytes > 100 && record.received_bytes > 100);
    }
}

#[tokio::test]
async fn tunnels_carry_nothing_else() {
    let authority = Authority::new();
    let server = tls_server(&authority).await;
    let mut proxy = proxy(loopback()).await;
    let connector = tls_client(authority.roots());
    for (tunnel, asked) in
        [("site.test", "other.test"), ("site.test", "127.0.0.1"), ("127.0.0.1", "site.test")]
    {
        let stream = proxy.tunnel(&format!("{tunnel}:{}", server.port())).await.unwrap();
        let name = ServerName::try_from(asked).unwrap();
        let error = connector.connect(name, stream).await.unwrap_err();
        assert!(error.to_string().contains("UnrecognisedName"), "{error}");
        let failure = proxy.record().await.failure.unwrap();
        assert_eq!(failure.code, "sni_mismatch", "{tunnel} {asked}");
    }
    // What is plain does not reach the server, whatever it is.
    let plain = Server::start(|_| answer(200, &[], "")).await;
    for bytes in
        ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", "SSH-2.0-x\r\n", "\0", "EHLO x\r\n", "\x16\x03\x01\x00"]
    {
        let mut stream = proxy.tunnel(&format!("site.test:{}", plain.address.port())).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        read_all(&mut stream).await;
        assert_eq!(proxy.code().await, "tls_required", "{bytes:?}");
    }
    assert!(plain.requests().is_empty());
    // Opened and left again is no failure.
    drop(proxy.tunnel(&format!("site.test:{}", server.port())).await.unwrap());
    assert_eq!(proxy.code().await, "");
}

#[tokio::test]
async fn https_requests_may_be_sent_whole() {
    let authority = Authority::new();
    let server = tls_server(&authority).await;
    let names = Names::new(&[("site.test", &["127.0.0.1"]), ("other.test", &["127.0.0.1"])]);
    let tls = trusting(authority.roots()).unwrap();
    let change = |proxy: nexus_egress::Proxy| proxy.with_resolver(names).with_tls(tls);
    let mut proxy = Running::start(loopback(), ProxyLimits::default(), change).await;
    let reply = proxy.get(&format!("https://site.test:{}/path", server.port())).await;
    assert!(reply.ends_with("over tls"), "{reply}");
    let record = proxy.record().await;
    assert_eq!((record.path.as_deref(), record.failure), (Some("/path"), None));
    // The certificate is not the other host's.
    let reply = proxy.get(&format!("https://other.test:{}/", server.port())).await;
    assert!(reply.starts_with("HTTP/1.1 502 tls_failed"), "{reply}");
}

#[tokio::test]
async fn robots_txt_is_honoured_where_it_is_asked_for() {
    let server = Server::start(|request| match request.split(' ').nth(1).unwrap() {
        "/robots.txt" => answer(200, &[], "User-agent: nexus-scraper\nDisallow: /private"),
        _ => answer(200, &[], "page"),
    })
    .await;
    let closed = Server::start(|_| answer(200, &[], "User-agent: *\nDisallow: /")).await;
    let robots = Robots::new(Client::new(loopback(), Limits::default()));
    let change = |proxy: nexus_egress::Proxy| proxy.with_robots(robots);
    let mut proxy = Running::start(loopback(), ProxyLimits::default(), change).await;
    assert!(proxy.get(&server.url("/public")).await.ends_with("page"));
    assert_eq!(proxy.code().await, "");
    for path in ["/private", "/private/x?y", "/%70rivate"] {
        assert!(proxy.get(&server.url(path)).await.starts_with("HTTP/1.1 403 robots_forbidden"), "{path}");
        assert_eq!(proxy.code().await, "robots_forbidden");
    }
    let asked: Vec<_> =
        server.requests().iter().map(|request| request.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(asked, ["/robots.txt", "/public"]);
    assert!(server.requests()[0].contains(&format!("user-agent: {USER_AGENT}\r\n")));
    assert!(proxy.get(&closed.url("/")).await.starts_with("HTTP/1.1 403 robots_forbidden"));
    // Without being asked for, it is not.
    let proxy = self::proxy(loopback()).await;
    assert!(proxy.get(&server.url("/private")).await.ends_with("page"));
}

#[tokio::test]
async fn hosts_have_their_turns_across_proxies() {
    let server = Server::start(|_| answer(200, &[], "")).await;
    let hosts = Hosts::new(HostLimits { every: Duration::from_secs(3600), burst: 1, concurrent: 4 });
    let mut first =
        Running::start(loopback(), ProxyLimits::default(), |proxy| proxy.with_hosts(hosts.clone())).await;
    let mut second =
        Running::start(loopback(), ProxyLimits::default(), |proxy| proxy.with_hosts(hosts)).await;
    assert!(first.get(&server.url("/")).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(first.code().await, "");
    assert!(second.get(&server.url("/")).await.starts_with("HTTP/1.1 429 rate_limited"));
    assert_eq!(second.code().await, "rate_limited");
    let tunnel = first.tunnel(&server.address.to_string()).await.unwrap_err();
    assert!(tunnel.starts_with("HTTP/1.1 429 rate_limited"), "{tunnel}");
}

#[tokio::test]
async fn it_listens_on_what_it_is_given() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let listener = nexus_egress::adopt(listener.into()).unwrap();
    let proxy = nexus_egress::Proxy::new(Policy::public(), ProxyLimits::default(), |_| {});
    let task = tokio::spawn(proxy.serve(listener));
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET http://127.0.0.1/ HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(read_all(&mut stream).await.contains("address_refused"));
    task.abort();
    // What is no listening socket is told so, now or at the first connection.
    let file = std::fs::File::open("/dev/null").unwrap();
    assert!(nexus_egress::adopt(file.into()).is_err());
}
