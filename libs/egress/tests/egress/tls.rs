//! TLS: the certificate must be the host's, whatever the address. Real handshakes on loopback.
//! Not here: tunnels through the proxy (`proxy`).

use crate::support::{Authority, Names, answer, read_request};
use nexus_egress::{Client, Limits, Policy, Request, trusting};
use std::sync::{Arc, Mutex};
use tokio::{io::AsyncWriteExt, net::TcpListener};

#[tokio::test]
async fn the_name_is_sent_and_the_certificate_is_checked() {
    let authority = Authority::new();
    let acceptor = authority.acceptor(&["site.test"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let names = Arc::new(Mutex::new(Vec::new()));
    let seen = names.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            seen.lock().unwrap().push(stream.get_ref().1.server_name().map(str::to_owned));
            let Some(request) = read_request(&mut stream).await else { continue };
            let reply = match request.split(' ').nth(1).unwrap() {
                "/downgrade" => {
                    answer(302, &[("location", &format!("http://site.test:{}/", address.port()))], "")
                }
                _ => answer(200, &[], "over tls"),
            };
            drop(stream.write_all(&reply).await);
            drop(stream.shutdown().await);
        }
    });
    let resolver = Names::new(&[("site.test", &["127.0.0.1"]), ("other.test", &["127.0.0.1"])]);
    let policy = Policy::public().allow_network("127.0.0.0".parse().unwrap(), 8);
    let client =
        |policy: &Policy| Client::new(policy.clone(), Limits::default()).with_resolver(resolver.clone());
    let trusted = client(&policy).with_tls(trusting(authority.roots()).unwrap());
    let url = |host: &str, path: &str| format!("https://{host}:{}{path}", address.port());

    let response = trusted.send(Request::get(url("site.test", "/"))).await.unwrap();
    assert_eq!(response.body, "over tls");
    assert_eq!(*names.lock().unwrap(), [Some("site.test".to_owned())]);
    // A certificate for somebody else, for a name instead of an address, and of an unknown authority
    for (client, host) in [(&trusted, "other.test"), (&trusted, "127.0.0.1"), (&client(&policy), "site.test")]
    {
        let error = client.send(Request::get(url(host, "/"))).await.unwrap_err();
        assert_eq!(error.code(), "tls_failed", "{host}: {error}");
    }
    let error = trusted.send(Request::get(url("site.test", "/downgrade"))).await.unwrap_err();
    assert_eq!(error.code(), "redirect_downgrade");
    // Not TLS at all, and TLS where it is not expected
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain_address = plain.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        drop(stream.write_all(&answer(400, &[], "")).await);
    });
    let error = trusted.send(Request::get(format!("https://{plain_address}/"))).await.unwrap_err();
    assert_eq!(error.code(), "tls_failed");
    let error = trusted.send(Request::get(format!("http://{address}/"))).await.unwrap_err();
    assert_eq!(error.code(), "answer_broken");
}
