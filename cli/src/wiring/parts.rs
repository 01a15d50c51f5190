//! The pieces that several roles are made of. Not here: which role takes which (`embedded`, `mesh`).

use crate::exit::{Exit, Failure, Result};
use nexus_api::{Llm, access::Authenticator};
use nexus_auth::Guard;
use nexus_bus::{Bus, InProcessBus, NatsBus};
use nexus_executor::Vault;
use nexus_gateway::{Gateway, Options, Ports, Rates, ReadyCheck};
use nexus_memory::{MemoryService, QdrantStore};
use nexus_model::price::PriceBook;
use nexus_rpc::{client::ClientOptions, server::ServerOptions};
use nexus_runtime::{
    Config,
    config::{self, EgressRule, SecretsKey},
    metrics::Metrics,
    tls::Credentials,
};
use nexus_store::{MemoryStore, SecretStore};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use tokio::net::TcpListener;

/// Events and wake-ups: over NATS if there is one, else within the process.
pub(super) async fn bus(config: &Config) -> Result<Arc<dyn Bus>> {
    match config.nats_url() {
        None => Ok(Arc::new(InProcessBus::new())),
        Some(url) => {
            let bus = NatsBus::connect(url).await;
            let bus = bus
                .map_err(|error| Failure::usage(format!("NATS_URL: {error}; set it to nats://host:4222")))?;
            Ok(Arc::new(bus))
        }
    }
}

/// The client for addresses that users of workflows choose.
pub(super) fn http(config: &Config) -> nexus_egress::Client {
    nexus_egress::Client::new(egress_policy(config), nexus_egress::Limits::default())
}

/// Who may be reached: public addresses, and what the operator allows besides.
pub(super) fn egress_policy(config: &Config) -> nexus_egress::Policy {
    config.egress_allow.iter().fold(nexus_egress::Policy::public(), |policy, rule| match rule {
        EgressRule::Network { address, prefix } => policy.allow_network(*address, *prefix),
        EgressRule::Host { host, port } => policy.allow_host(host, *port),
    })
}

/// Secrets for tools, sealed with the configured key.
pub(super) fn vault(config: &Config, store: Arc<dyn SecretStore>) -> Vault {
    Vault::new(store, config.secrets_key.as_ref().map(SecretsKey::expose))
}

/// A Qdrant server as the place of memory's entries, if there is one.
pub(super) fn qdrant(config: &Config) -> Result<Option<Arc<dyn MemoryStore>>> {
    let Some(qdrant) = &config.qdrant else { return Ok(None) };
    let store = QdrantStore::new(&qdrant.url, qdrant.api_key.as_ref()).map_err(|error| {
        Failure::usage(format!(
            "QDRANT_URL: {error}; set it to the server's gRPC address, e.g. http://host:6334"
        ))
    })?;
    Ok(Some(Arc::new(store)))
}

/// Memory over a place for its entries.
pub(super) fn memory(
    config: &Config,
    store: Arc<dyn MemoryStore>,
    llm: Arc<dyn Llm>,
    prices: Arc<PriceBook>,
) -> Result<MemoryService> {
    let model = config.embedding_model.clone();
    if let Some(model) = &model {
        nexus_memory::check_model(model, &prices).map_err(|error| Failure::usage(error.message))?;
    }
    Ok(MemoryService::new(nexus_memory::Deps { store, llm, prices, model }))
}

/// A failure that stops the start, as one sentence.
pub(super) fn sentence(error: nexus_api::Error) -> String {
    match error.suggestion {
        Some(suggestion) => format!("{}; {suggestion}", error.message),
        None => error.message,
    }
}

/// Binds an address that the configuration allows.
pub(super) async fn listen(config: &Config, name: &'static str, addr: SocketAddr) -> Result<TcpListener> {
    config.check_exposure(name, addr)?;
    TcpListener::bind(addr).await.map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => "another program is listening there".to_owned(),
            io::ErrorKind::PermissionDenied => "ports below 1024 need privileges".to_owned(),
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
            _ => error.to_string(),
        };
        Failure::new(Exit::Failed, format!("cannot listen on {addr}: {why}; set {name} to another address"))
    })
}

/// The address a listener really has.
pub(super) fn address(listener: &TcpListener) -> Result<SocketAddr> {
    listener
        .local_addr()
        .map_err(|error| Failure::from(anyhow::Error::new(error).context("no address to listen on")))
}

/// Who may call; nobody is asked if nobody is known.
pub(super) fn callers(config: &Config) -> Result<Option<Arc<dyn Authenticator>>> {
    guard(config, false)
}

/// The same, and the other processes of a mesh.
fn callers_and_mesh(config: &Config) -> Result<Option<Arc<dyn Authenticator>>> {
    if config.has_callers() && config.access.mesh_key(&config.api_keys).is_none() {
        return Err(Failure::usage(
            "the processes of a mesh cannot know each other: set NEXUS_MESH_KEY to the same secret for all of them, e.g. from `openssl rand -hex 32`",
        ));
    }
    guard(config, true)
}

fn guard(config: &Config, mesh: bool) -> Result<Option<Arc<dyn Authenticator>>> {
    let guard = Guard::of(config, mesh).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(guard.map(|guard| guard as Arc<dyn Authenticator>))
}

/// What clients see of this server, if anything.
fn shown_to_clients(config: &Config) -> Result<Option<Credentials>> {
    Ok(config.access.tls.as_ref().map(Credentials::for_clients).transpose()?)
}

/// What the processes of a mesh show each other, if anything.
fn shown_to_mesh(config: &Config) -> Result<Option<Credentials>> {
    Ok(config.access.mesh_tls.as_ref().map(Credentials::for_mesh).transpose()?)
}

/// How gRPC is offered by `nexus up`.
pub(super) fn grpc_for_clients(
    config: &Config,
    callers: Option<Arc<dyn Authenticator>>,
) -> Result<ServerOptions> {
    Ok(ServerOptions { tls: shown_to_clients(config)?, ..grpc_options(config, callers) })
}

/// How gRPC is offered by a process of a mesh.
pub(super) fn grpc_for_mesh(config: &Config) -> Result<ServerOptions> {
    let callers = callers_and_mesh(config)?;
    Ok(ServerOptions { tls: shown_to_mesh(config)?, ..grpc_options(config, callers) })
}

fn grpc_options(config: &Config, callers: Option<Arc<dyn Authenticator>>) -> ServerOptions {
    ServerOptions { authenticate: callers, body_bytes: config.limits.body_bytes, ..ServerOptions::default() }
}

/// How the other processes of a mesh are called.
pub(super) fn client_options(config: &Config) -> Result<ClientOptions> {
    let of_mesh = || config.access.mesh_key(&config.api_keys).map(Into::into);
    let said = || config.access.mesh_key.clone().or_else(|| config.api_key.clone());
    let (api_key, tls) = (said().or_else(of_mesh), shown_to_mesh(config)?);
    Ok(ClientOptions { api_key, tls, ..ClientOptions::default() })
}

/// The HTTP gateway over these ports.
pub(super) fn gateway(
    config: &Config,
    addr: SocketAddr,
    ports: Ports,
    callers: Option<Arc<dyn Authenticator>>,
    ready: Vec<(&'static str, ReadyCheck)>,
    metrics: Metrics,
) -> Result<Gateway> {
    let access = &config.access;
    let tls =
        shown_to_clients(config)?.map(|shown| shown.server().map_err(config::Error::new)).transpose()?;
    let options = Options {
        loopback: addr.ip().is_loopback(),
        allowed_origins: config.frontend_origins.clone(),
        access: callers,
        tls,
        rates: Rates {
            per_key: access.rate_per_key,
            per_address: access.rate_per_address,
            proxies: access.trusted_proxies.iter().filter_map(network).collect(),
        },
        limits: config.limits,
        ready,
        metrics: Some(Arc::new(move || metrics.render())),
        ..Options::default()
    };
    Ok(nexus_gateway::router(ports, options))
}

fn network(rule: &EgressRule) -> Option<(IpAddr, u8)> {
    match rule {
        EgressRule::Network { address, prefix } => Some((*address, *prefix)),
        EgressRule::Host { .. } => None,
    }
}
