//! Redirects: each is judged like a first request, and loses what belonged to the origin before it.
//! Not here: hostile first addresses (`hostile`).

use crate::support::{Names, Server, answer};
use http::{HeaderValue, Method};
use nexus_egress::{Client, Limits, Policy, Request};

fn client(server: &Server) -> Client {
    // Only this server is allowed, so that everything else on this machine is as forbidden as usual.
    let policy = Policy::public()
        .allow_host("127.0.0.1", server.address.port())
        .allow_host("other.test", server.address.port());
    let names = Names::new(&[("other.test", &["127.0.0.1"]), ("private.test", &["10.0.0.1"])]);
    Client::new(policy, Limits::default()).with_resolver(names)
}

/// A server where `/n` leads to `/n-1` and `/0` to the place in the query, which is percent-encoded nowhere.
async fn chain(location: &'static str) -> Server {
    Server::start(move |request| {
        let path = request.split(' ').nth(1).unwrap();
        match path.trim_start_matches('/').parse::<u8>() {
            Ok(0) => answer(302, &[("location", location)], "never read"),
            Ok(n) => answer(301, &[("location", &format!("/{}", n - 1))], "never read"),
            Err(_) => answer(200, &[], "arrived"),
        }
    })
    .await
}

#[tokio::test]
async fn hostile_redirects_are_refused_at_the_end_of_a_chain() {
    for (location, code) in [
        ("http://127.0.0.1:1/", "address_refused"),
        ("http://127.0.0.1/", "address_refused"),
        ("http://127.1/", "address_refused"),
        ("http://2130706433/", "address_refused"),
        ("http://0x7f.1:22/", "address_refused"),
        ("//169.254.169.254/latest/meta-data/", "address_refused"),
        ("http://[::ffff:169.254.169.254]/", "address_refused"),
        ("http://[::1]/", "address_refused"),
        ("http://[64:ff9b::7f00:1]/", "address_refused"),
        ("https://10.0.0.1/", "address_refused"),
        ("http://private.test/", "address_refused"),
        ("http://metadata.test/", "dns_failed"),
        ("http://user:password@other.test/", "userinfo_refused"),
        ("http://other.test@127.0.0.1/", "userinfo_refused"),
        ("file:///etc/passwd", "scheme_refused"),
        ("gopher://127.0.0.1:6379/_x", "scheme_refused"),
        ("ftp://other.test/", "scheme_refused"),
        ("javascript:alert(1)", "scheme_refused"),
        ("data:text/html,x", "scheme_refused"),
        ("http://other.test\\@127.0.0.1/", "redirect_invalid"),
        ("\\\\127.0.0.1\\", "redirect_invalid"),
        ("http://", "redirect_invalid"),
        ("http://[fe80::1%25lo]/", "redirect_invalid"),
    ] {
        let server = chain(location).await;
        let error = client(&server).send(Request::get(server.url("/3"))).await.unwrap_err();
        assert_eq!(error.code(), code, "{location}: {error}");
        assert_eq!(server.requests().len(), 4, "{location}");
    }
}

#[tokio::test]
async fn harmless_redirects_are_followed() {
    for location in ["/end", "end", "?end", "//127.0.0.1:PORT/end", "http://other.test:PORT/end#there"] {
        let server = Server::start(move |request| {
            let (host, path) = (request.split("host: ").nth(1).unwrap(), request.split(' ').nth(1).unwrap());
            let port = host.lines().next().unwrap().rsplit(':').next().unwrap();
            match path {
                "/" => answer(307, &[("location", &location.replace("PORT", port))], ""),
                _ => answer(200, &[], "arrived"),
            }
        })
        .await;
        let response = client(&server).send(Request::get(server.url("/"))).await.unwrap();
        assert_eq!((&response.body[..], response.redirects), (&b"arrived"[..], 1), "{location}");
        assert!(response.final_url.as_str().contains("end") && response.final_url.fragment().is_none());
    }
}

#[tokio::test]
async fn chains_and_circles_end() {
    let server = chain("/end").await;
    let client = client(&server);
    let most = Limits::default().redirects;
    // /4 → /3 → /2 → /1 → /0 → /end
    let response = client.send(Request::get(server.url(&format!("/{}", most - 1)))).await.unwrap();
    assert_eq!((response.redirects, &response.body[..]), (most, &b"arrived"[..]));
    let error = client.send(Request::get(server.url(&format!("/{most}")))).await.unwrap_err();
    assert_eq!(error.code(), "too_many_redirects");

    for (from, to) in [("/same", "/same"), ("/0", "/2")] {
        let circle = Server::start(move |request| {
            let path = request.split(' ').nth(1).unwrap();
            match path.trim_start_matches('/').parse::<u8>() {
                Ok(0) | Err(_) => answer(302, &[("location", to)], ""),
                Ok(n) => answer(302, &[("location", &format!("/{}", n - 1))], ""),
            }
        })
        .await;
        let error = self::client(&circle).send(Request::get(circle.url(from))).await.unwrap_err();
        assert_eq!(error.code(), "redirect_loop", "{from}");
    }
}

#[tokio::test]
async fn what_belongs_to_an_origin_stays_there() {
    let server = Server::start(|request| {
        let path = request.split(' ').nth(1).unwrap();
        let port =
            request.split("host: ").nth(1).unwrap().lines().next().unwrap().rsplit(':').next().unwrap();
        match path {
            "/same" => answer(307, &[("location", "/end")], ""),
            "/other" => answer(307, &[("location", &format!("http://other.test:{port}/end"))], ""),
            // Back again: what was dropped on the way stays dropped.
            "/back" => answer(307, &[("location", &format!("http://other.test:{port}/return"))], ""),
            "/return" => answer(307, &[("location", &format!("http://127.0.0.1:{port}/end"))], ""),
            _ => answer(200, &[], ""),
        }
    })
    .await;
    for (path, kept) in [("/same", true), ("/other", false), ("/back", false)] {
        let mut request = Request::new(Method::PUT, server.url(path));
        request.body = "body".into();
        for name in ["authorization", "cookie", "x-api-key", "accept-language", "content-type"] {
            request.headers.insert(name, HeaderValue::from_static("value"));
        }
        client(&server).send(request).await.unwrap();
        let last = server.requests().last().unwrap().clone();
        assert!(last.starts_with("PUT /end ") && last.ends_with("\r\n\r\nbody"), "{last}");
        for name in ["authorization", "cookie", "x-api-key"] {
            assert_eq!(last.contains(&format!("{name}: value")), kept, "{path} {name}: {last}");
        }
        for name in ["accept-language", "content-type"] {
            assert!(last.contains(&format!("{name}: value")), "{path} {name}: {last}");
        }
    }
}

#[tokio::test]
async fn methods_change_as_the_standard_says() {
    for (status, method, after) in [
        (301, "GET", "GET"),
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (302, "PUT", "PUT"),
        (303, "POST", "GET"),
        (303, "DELETE", "GET"),
        (303, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (308, "PATCH", "PATCH"),
    ] {
        let server = Server::start(move |request| match request.split(' ').nth(1).unwrap() {
            "/" => answer(status, &[("location", "/end")], ""),
            _ => answer(200, &[], ""),
        })
        .await;
        let mut request = Request::new(method.parse().unwrap(), server.url("/"));
        if method != "GET" && method != "HEAD" {
            request.body = "body".into();
        }
        request.headers.insert("content-type", HeaderValue::from_static("text/plain"));
        client(&server).send(request).await.unwrap();
        let last = server.requests().last().unwrap().clone();
        assert!(last.starts_with(&format!("{after} /end ")), "{status} {method}: {last}");
        let with_body = method != "GET" && method == after && method != "HEAD";
        assert_eq!(last.ends_with("\r\n\r\nbody"), with_body, "{status} {method}: {last}");
        assert!(method == after || !last.contains("content-type"), "{status} {method}: {last}");
    }
}

#[tokio::test]
async fn a_redirect_may_be_an_answer() {
    let server = Server::start(|_| answer(302, &[("location", "http://10.0.0.1/")], "moved")).await;
    let mut request = Request::get(server.url("/"));
    request.follow_redirects = false;
    let response = client(&server).send(request).await.unwrap();
    assert_eq!((response.status.as_u16(), &response.body[..]), (302, &b"moved"[..]));
    // One without an address is an answer as well.
    let server = Server::start(|_| answer(302, &[], "nowhere")).await;
    assert_eq!(client(&server).send(Request::get(server.url("/"))).await.unwrap().body, "nowhere");
}
