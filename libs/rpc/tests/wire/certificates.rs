//! Certificates between the processes of a mesh: who has none of its authority gets nothing, and says nothing.

use crate::{
    fakes::{Fake, Mood},
    samples,
    serving::{Served, all},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use nexus_api::{CallCtx, Code, Planner, Result};
use nexus_rpc::{
    client::{self, ClientOptions},
    server::ServerOptions,
};
use nexus_runtime::{
    config::{Certificate, MeshTls},
    tls::Credentials,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::{path::Path, sync::Arc};

/// An authority of its own, which signs for this machine.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn pem(kind: &str, der: &[u8]) -> String {
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der))
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        let pem = pem("CERTIFICATE", params.self_signed(&key).unwrap().der());
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate of ours; whoever shows it believes those that `trusted` has signed.
    fn sign(&self, folder: &Path, trusted: &Authority) -> MeshTls {
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "process");
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.join(format!("{}-{name}", uuid::Uuid::now_v7()));
            std::fs::write(&path, text).unwrap();
            path
        };
        MeshTls {
            own: Certificate {
                chain: write("cert.pem", &pem("CERTIFICATE", certificate.der())),
                key: write("key.pem", &pem("PRIVATE KEY", &key.serialize_der())),
            },
            authority: write("ca.pem", &trusted.pem),
        }
    }
}

async fn ask(url: &str, tls: Option<Credentials>) -> Result<()> {
    let options = ClientOptions { tls, ..ClientOptions::default() };
    let planner: Arc<dyn Planner> = client::planner(url, &options)?;
    let ctx = CallCtx::background().with_timeout(std::time::Duration::from_secs(20));
    planner.get_workflow(&ctx, samples::workflow_id(), None).await.map(drop)
}

#[tokio::test]
async fn only_those_with_a_certificate_of_the_mesh_get_through() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (Authority::new(), Authority::new());
    let credentials = |signer: &Authority, trusted: &Authority| {
        Credentials::for_mesh(&signer.sign(folder.path(), trusted)).unwrap()
    };
    let fake = Fake::new(Mood::Good);
    let options = ServerOptions { tls: Some(credentials(&ours, &ours)), ..ServerOptions::default() };
    let server = Served::new(all(&fake), options).await;
    let secure = server.url.replace("http://", "https://");

    for (what, url, tls) in [
        ("no encryption", &server.url, None),
        ("an authority that the system knows", &secure, None),
        ("a certificate of another authority", &secure, Some(credentials(&other, &ours))),
        ("trust in another authority", &secure, Some(credentials(&ours, &other))),
    ] {
        let error = ask(url, tls).await.unwrap_err();
        assert_eq!(error.code, Code::Unavailable, "{what}: {error:?}");
        assert!(fake.asked().is_empty(), "{what}");
    }
    // Somebody who believes the server, and shows nothing.
    let authority = tonic::transport::Certificate::from_pem(&ours.pem);
    let tls = tonic::transport::ClientTlsConfig::new().ca_certificate(authority);
    let endpoint = tonic::transport::Endpoint::from_shared(secure.clone()).unwrap().tls_config(tls).unwrap();
    let refused = match endpoint.connect().await {
        Err(_) => true,
        // With TLS 1.3 the client learns of it at its first question.
        Ok(channel) => {
            let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
            let request = tonic_health::pb::HealthCheckRequest { service: String::new() };
            health.check(request).await.is_err()
        }
    };
    assert!(refused && fake.asked().is_empty());

    ask(&secure, Some(credentials(&ours, &ours))).await.unwrap();
    assert_eq!(fake.asked().len(), 1);
    // With certificates, nothing goes without them by a slip of the hand.
    let slip = ask(&server.url, Some(credentials(&ours, &ours))).await.unwrap_err();
    assert!(slip.message.contains("https://"), "{}", slip.message);
}

#[tokio::test]
async fn files_that_do_not_go_together_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (good, other) =
        (authority.sign(folder.path(), &authority), authority.sign(folder.path(), &authority));
    let missing = folder.path().join("nowhere.pem");
    let garbage = folder.path().join("garbage.pem");
    std::fs::write(&garbage, "hunter2").unwrap();
    for (wrong, named) in [
        (
            MeshTls { own: Certificate { key: other.own.key.clone(), ..good.own.clone() }, ..good.clone() },
            &other.own.key,
        ),
        (MeshTls { own: Certificate { key: missing.clone(), ..good.own.clone() }, ..good.clone() }, &missing),
        (MeshTls { own: Certificate { key: garbage.clone(), ..good.own.clone() }, ..good.clone() }, &garbage),
        (
            MeshTls { own: Certificate { chain: garbage.clone(), ..good.own.clone() }, ..good.clone() },
            &garbage,
        ),
        (MeshTls { authority: garbage.clone(), ..good.clone() }, &garbage),
    ] {
        let sentence = Credentials::for_mesh(&wrong).unwrap_err().to_string();
        assert!(sentence.contains(&named.display().to_string()), "{sentence}");
        assert!(!sentence.contains("hunter2") && !sentence.contains("PRIVATE"), "{sentence}");
    }
}
