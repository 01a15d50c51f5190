//! A proxy with its log, and programs that use it over real sockets. Not here: servers (`support`).

use nexus_egress::{HostLimits, Hosts, Policy, Proxy, ProxyLimits, Record};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinHandle,
};

/// A proxy that runs.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    records: UnboundedReceiver<Record>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A policy that allows loopback.
pub fn loopback() -> Policy {
    Policy::public().allow_network("127.0.0.0".parse().unwrap(), 8)
}

impl Running {
    /// Starts one without limits per host, as `change` makes it.
    pub async fn start(policy: Policy, limits: ProxyLimits, change: impl FnOnce(Proxy) -> Proxy) -> Self {
        let (sender, records) = unbounded_channel();
        // A record after the test's end interests nobody.
        let proxy = Proxy::new(policy, limits, move |record| drop(sender.send(record)));
        let proxy = change(proxy.with_hosts(Hosts::new(HostLimits::none())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(proxy.serve(listener));
        Self { address, records, task }
    }

    /// The next record.
    pub async fn record(&mut self) -> Record {
        self.records.recv().await.unwrap()
    }

    /// The next record's code, or "" if nothing went wrong.
    pub async fn code(&mut self) -> &'static str {
        self.record().await.failure.map_or("", |failure| failure.code)
    }

    /// Ends the proxy as its service would.
    pub fn stop(&self) {
        self.task.abort();
    }

    /// Sends bytes, reads until the proxy closes.
    pub async fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        read_all(&mut stream).await
    }

    /// Asks for an address with GET.
    pub async fn get(&self, url: &str) -> String {
        self.say(format!("GET {url} HTTP/1.1\r\nhost: elsewhere.test\r\n\r\n")).await
    }

    /// A connection to the proxy.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A tunnel that is there; else what the proxy answered.
    pub async fn tunnel(&self, authority: &str) -> Result<TcpStream, String> {
        let mut stream = self.connect().await;
        let request = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => answer.push(byte),
                Err(_) => break,
            }
        }
        let answer = String::from_utf8(answer).unwrap();
        if answer.starts_with("HTTP/1.1 200 ") { Ok(stream) } else { Err(answer) }
    }
}

/// Reads until the end, however it comes.
pub async fn read_all(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        read.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// A TLS client that trusts these roots.
pub fn tls_client(roots: rustls::RootCertStore) -> tokio_rustls::TlsConnector {
    let config: Arc<rustls::ClientConfig> = nexus_egress::trusting(roots).unwrap();
    config.into()
}
