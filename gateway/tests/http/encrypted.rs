//! The gateway over TLS: who believes its certificate gets answers, others get nothing, and stalled handshakes hold up
//! nobody. Not here: reading certificates (`nexus_runtime::tls`).

use crate::support::{Server, World, options};
use nexus_gateway::Options;
use rcgen::{CertificateParams, KeyPair};
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    },
};

struct Shown {
    server: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
}

fn shown() -> Shown {
    nexus_runtime::tls::install();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Shown { server: Arc::new(server), certificate }
}

async fn connect(
    server: &Server,
    trusted: &CertificateDer<'static>,
    alpn: &[u8],
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(server.addr).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

#[tokio::test]
async fn who_believes_the_certificate_gets_answers_and_nobody_else() {
    let (ours, other) = (shown(), shown());
    let world = World::new(Options { tls: Some(ours.server.clone()), ..options() });
    let server = world.serve().await;
    // One that says nothing at all must not keep others waiting.
    let _silent = TcpStream::connect(server.addr).await.unwrap();

    let mut stream = connect(&server, &ours.certificate, b"http/1.1").await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    // The end of a connection without its goodbye is no matter here.
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let stream = connect(&server, &ours.certificate, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));

    assert!(connect(&server, &other.certificate, b"http/1.1").await.is_err());
    let mut plain = TcpStream::connect(server.addr).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("200"), "{answer:?}");
}

#[tokio::test]
async fn a_server_with_certificates_ends_in_time() {
    let ours = shown();
    let world = World::new(Options { tls: Some(ours.server.clone()), ..options() });
    let mut server = world.serve().await;
    let _open = connect(&server, &ours.certificate, b"http/1.1").await.unwrap();
    let _silent = TcpStream::connect(server.addr).await.unwrap();
    server.stop();
    (&mut server.task).await.unwrap().unwrap();
}
