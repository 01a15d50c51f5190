//! From a target to a connection: the name is resolved once, every answer is judged, and the connection goes to exactly
//! the judged addresses. Nothing after the judgement looks at the name again, but TLS, which proves it.
//! Not here: the judgement (`policy`), what is said over the connection (`exchange`, `proxy`).

use crate::{Error, Policy, Target};
use async_trait::async_trait;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Most addresses of a name that are tried.
const TRIED: usize = 4;

/// Finds the addresses of names.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync {
    /// Every address of the name.
    ///
    /// # Errors
    /// As the system has them; an unknown name is one.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver, its hosts file included.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Makes connections that the policy allows.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    pub(crate) policy: Policy,
    pub(crate) resolver: Arc<dyn Resolver>,
    tls: Arc<OnceLock<Result<Arc<ClientConfig>, String>>>,
}

impl Dialer {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { policy, resolver: Arc::new(SystemResolver), tls: Arc::default() }
    }

    /// Trusts what this configuration trusts instead of the system's certificates.
    pub(crate) fn set_tls(&mut self, config: Arc<ClientConfig>) {
        self.tls = Arc::new(OnceLock::from(Ok(config)));
    }

    /// Connects to the target, within `limit`.
    pub(crate) async fn connect(&self, target: &Target, limit: Duration) -> Result<TcpStream, Error> {
        let deadline = Instant::now() + limit;
        let late = || Error::ConnectTimeout { authority: target.authority(), after: limit };
        let answers = timeout_at(deadline, self.resolve(target)).await.map_err(|_| late())??;
        let addresses = self.policy.admit(target, &answers)?;
        let mut reason = String::new();
        let tried = addresses.len().min(TRIED);
        for (index, &address) in addresses.iter().take(TRIED).enumerate() {
            // An address that does not answer must not use up the time of those after it.
            let left = deadline.saturating_duration_since(Instant::now());
            let until = Instant::now() + left / u32::try_from(tried - index).unwrap_or(1);
            match timeout_at(until, pinned(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => reason = error.kind().to_string(),
                Err(_) if index + 1 == tried && reason.is_empty() => return Err(late()),
                Err(_) => {}
            }
        }
        Err(Error::ConnectFailed { authority: target.authority(), reason })
    }

    async fn resolve(&self, target: &Target) -> Result<Vec<IpAddr>, Error> {
        match target.literal() {
            Some(address) => Ok(vec![address]),
            None => {
                // As it is written: with its final dot no search list applies.
                let host = target.url.host_str().unwrap_or_default();
                self.resolver
                    .resolve(host)
                    .await
                    .map_err(|error| Error::DnsFailed { host: target.host_name(), reason: sentence(&error) })
            }
        }
    }

    /// Speaks TLS over the connection, within `limit`; the certificate must be the host's.
    pub(crate) async fn secure(
        &self,
        target: &Target,
        stream: TcpStream,
        limit: Duration,
    ) -> Result<TlsStream<TcpStream>, Error> {
        let failed = |reason: String| Error::TlsFailed { authority: target.authority(), reason };
        let config = self.tls.get_or_init(native).clone().map_err(&failed)?;
        let name = match target.literal() {
            Some(address) => ServerName::IpAddress(address.into()),
            None => ServerName::try_from(target.host_name()).map_err(|error| failed(error.to_string()))?,
        };
        match timeout_at(Instant::now() + limit, TlsConnector::from(config).connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(failed(sentence(&error))),
            Err(_) => Err(Error::ConnectTimeout { authority: target.authority(), after: limit }),
        }
    }
}

/// A connection to this address and no other.
async fn pinned(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The system's error without its number.
fn sentence(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// Trusts the system's certificates (or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`).
fn native() -> Result<Arc<ClientConfig>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (good, _) = roots.add_parsable_certificates(found.certs);
    if good == 0 {
        return Err("this machine has no root certificates; install ca-certificates".to_owned());
    }
    trusting(roots).map_err(|error| error.to_string())
}

/// A configuration that trusts these roots.
///
/// # Errors
/// Those of rustls; none in practice.
pub fn trusting(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
