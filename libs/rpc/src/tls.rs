//! Certificates as tonic takes them. Not here: reading and checking them (`nexus_runtime::tls`).

use nexus_runtime::tls::{Credentials, install};
use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

/// What a server shows, and whom it lets in.
pub(crate) fn server(credentials: &Credentials) -> ServerTlsConfig {
    install();
    let config = ServerTlsConfig::new().identity(identity(credentials));
    match credentials.authority() {
        Some(authority) => config.client_ca_root(Certificate::from_pem(authority)),
        None => config,
    }
}

/// What a client shows, and whom it believes: the authority of its mesh alone, else those that the system knows.
pub(crate) fn client(credentials: Option<&Credentials>) -> ClientTlsConfig {
    install();
    let config = ClientTlsConfig::new();
    let Some(credentials) = credentials else { return config.with_native_roots() };
    let config = config.identity(identity(credentials));
    match credentials.authority() {
        Some(authority) => config.ca_certificate(Certificate::from_pem(authority)),
        None => config.with_native_roots(),
    }
}

fn identity(credentials: &Credentials) -> Identity {
    Identity::from_pem(credentials.chain(), credentials.key())
}
