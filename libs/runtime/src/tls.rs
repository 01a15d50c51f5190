//! TLS: which cryptography the whole process uses, and certificates as they are read from files. Not here: who is shown
//! which (`nexus-cli`), the protocols above (gateway, `nexus-rpc`).

use crate::config::{Certificate, Error, MeshTls};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use secrecy::{ExposeSecret, SecretString};
use std::{
    path::Path,
    sync::{Arc, Once},
};

/// Makes `ring` the process's cryptography. Every client with TLS needs this once; calling it again does nothing.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails only if someone else has installed one, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// What a process shows of itself, and whose signature it wants to see on what others show. PEM, read and checked.
#[derive(Debug, Clone)]
pub struct Credentials {
    chain: String,
    key: SecretString,
    authority: Option<String>,
}

impl Credentials {
    /// What clients see.
    ///
    /// # Errors
    /// Names the file that cannot be used.
    pub fn for_clients(files: &Certificate) -> Result<Self, Error> {
        Self::read(files, None)
    }

    /// What the processes of a mesh show each other.
    ///
    /// # Errors
    /// Names the file that cannot be used.
    pub fn for_mesh(files: &MeshTls) -> Result<Self, Error> {
        Self::read(&files.own, Some(&files.authority))
    }

    fn read(own: &Certificate, authority: Option<&Path>) -> Result<Self, Error> {
        let authority = match authority {
            None => None,
            Some(path) => {
                let pem = text(path)?;
                certificates(&pem).map_err(|why| wrong(path, &why))?;
                Some(pem)
            }
        };
        let read = Self { chain: text(&own.chain)?, key: text(&own.key)?.into(), authority };
        certificates(&read.chain).map_err(|why| wrong(&own.chain, &why))?;
        read.server().map_err(|why| wrong(&own.key, &why))?;
        Ok(read)
    }

    /// The certificate chain.
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// Its private key.
    pub fn key(&self) -> &str {
        self.key.expose_secret()
    }

    /// The authority that must have signed what others show; without one they need not show anything.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// How a server of HTTP uses it.
    ///
    /// # Errors
    /// Says why chain and key do not go together.
    pub fn server(&self) -> Result<Arc<ServerConfig>, String> {
        install();
        let key = PrivateKeyDer::from_pem_slice(self.key().as_bytes())
            .map_err(|_| "it holds no private key".to_owned())?;
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(certificates(&self.chain)?, key)
            .map_err(|error| format!("it is not the key of the certificate: {error}"))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err("it holds no certificate".to_owned()),
        Err(_) => Err("it is damaged".to_owned()),
    }
}

fn text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| wrong(path, &error.to_string()))
}

fn wrong(path: &Path, why: &str) -> Error {
    Error::new(format!("the file {} cannot be used for TLS: {why}; see docs/security.md", path.display()))
}
