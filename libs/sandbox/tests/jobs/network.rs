//! The one way out, in every tier: requests through the listener that a sandbox hands out, to a server of this test.
//! Not here: what a real proxy lets through (`nexus-egress`).

use crate::{config, job};
use nexus_sandbox::{Config, Job, Network, Pool, Serve, Tier, detect};
use serde_json::{Value, json};
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Answers every request with its own first line; refuses tunnels.
#[derive(Default)]
struct Echo {
    seen: Arc<Mutex<Vec<String>>>,
}

impl Serve for Echo {
    fn serve(&self, listener: TcpListener) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let seen = Arc::clone(&self.seen);
        Box::pin(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => break,
                    }
                }
                let text = String::from_utf8_lossy(&request).into_owned();
                let line = text.lines().next().unwrap_or_default().to_owned();
                let status = if line.starts_with("CONNECT") { "403 Forbidden" } else { "200 OK" };
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{line}",
                    line.len()
                );
                seen.lock().unwrap().push(line);
                drop(stream.write_all(answer.as_bytes()).await);
            }
        })
    }
}

fn networked(code: &str, server: &Arc<Echo>) -> Job {
    Job { network: Network::Via(Arc::clone(server) as Arc<dyn Serve>), ..job(code, Value::Null) }
}

#[tokio::test]
async fn everything_goes_through_the_proxy_in_every_tier() {
    for tier in Tier::ALL {
        let config = Config { tier, ..config() };
        if detect(&config).await.tier != Some(tier) {
            println!("tier {tier} cannot be tried here");
            continue;
        }
        let pool = Pool::open(config).await.unwrap();
        let server = Arc::new(Echo::default());
        let code = r#"
import requests, urllib.request
def run(inputs):
    found = [requests.get('http://pages.test/list?page=%d' % page, timeout=5).text for page in (1, 2)]
    with requests.Session() as session: found.append(session.post('http://pages.test/form', data={'a': 1}, timeout=5).text)
    found.append(urllib.request.urlopen('http://pages.test/plain', timeout=5).read().decode())
    try: requests.get('https://secure.test/', timeout=5)
    except requests.exceptions.ProxyError as error: found.append('403' in str(error))
    return found
"#;
        let outcome = pool.run(networked(code, &server)).await.unwrap();
        let wanted = json!([
            "GET http://pages.test/list?page=1 HTTP/1.1",
            "GET http://pages.test/list?page=2 HTTP/1.1",
            "POST http://pages.test/form HTTP/1.1",
            "GET http://pages.test/plain HTTP/1.1",
            true
        ]);
        assert_eq!(outcome.value, wanted, "tier {tier}");
        // Which version of HTTP it speaks to the proxy is up to Python's.
        let last = server.seen.lock().unwrap().last().unwrap().clone();
        assert!(last.starts_with("CONNECT secure.test:443 "), "{last}");

        // Around the proxy there is nothing, with network as without.
        let code = "
import os, socket
def run(inputs):
    said = []
    for address in (('127.0.0.1', 1), ('127.0.0.1', 8080), ('169.254.169.254', 80), ('1.1.1.1', 443)):
        try: said.append(socket.create_connection(address, 3))
        except OSError as error: said.append(type(error).__name__ in ('PermissionError', 'ConnectionRefusedError'))
    return said";
        let outcome = pool.run(networked(code, &server)).await.unwrap();
        assert_eq!(outcome.value, json!([true, true, true, true]), "tier {tier}");
        pool.close().await;
    }
}

#[tokio::test]
async fn many_connections_at_a_time_are_bounded_not_broken() {
    let server = Arc::new(Echo::default());
    let code = r#"
import concurrent.futures, requests
def run(inputs):
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        pages = list(threads.map(lambda page: requests.get('http://pages.test/%d' % page, timeout=10).text, range(40)))
    return len(set(pages))
"#;
    let outcome = crate::once(networked(code, &server)).await.unwrap();
    assert_eq!(outcome.value, 40);
}
