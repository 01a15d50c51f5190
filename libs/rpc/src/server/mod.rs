//! Offers ports over gRPC: any number of them on one port, with health, reflection, keys, limits and an orderly
//! end. Not here: what each method does (`planner`, `executor`, …: one file per service), what happens around every
//! call (`gate`), signals and settings (whoever calls `serve`).

mod access;
mod executor;
mod gate;
mod health;
mod llm;
mod measure;
mod memory;
mod planner;
mod respond;
mod scraper;
mod secrets;

pub use gate::Authenticate;
pub use health::Health;

use crate::proto::{
    DESCRIPTORS, executor::executor_service_server::ExecutorServiceServer,
    llm::llm_service_server::LlmServiceServer, memory::memory_service_server::MemoryServiceServer,
    planner::planner_service_server::PlannerServiceServer,
    scraper::scraper_service_server::ScraperServiceServer,
    secrets::secrets_service_server::SecretsServiceServer,
};
use crate::{tls, transport::Transport};
use gate::Gate;
use nexus_api::{Bounded, Executor, Llm, Memory, Planner, Scraper, Secrets};
use nexus_model::limits::Limits;
use nexus_runtime::tls::Credentials;
use std::{fmt, future::Future, io, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch};
use tonic::{
    server::NamedService,
    service::{Routes, RoutesBuilder},
    transport::server::TcpIncoming,
};
use tower::Layer;

/// Largest request that is read. Documents and inputs have a limit of their own ([`ServerOptions::body_bytes`]); this
/// one only keeps memory bounded.
const MAX_REQUEST: usize = 16 << 20;

/// Which ports are offered.
#[derive(Clone, Default)]
pub struct Services {
    routes: RoutesBuilder,
    names: Vec<&'static str>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Services").field(&self.names).finish()
    }
}

/// Adds a generated server over a port, with the port's deadlines enforced.
macro_rules! offer {
    ($self:ident, $server:ident, $handler:expr) => {{
        let server = $server::new($handler).max_decoding_message_size(MAX_REQUEST);
        $self.names.push(name_of(&server));
        $self.routes.add_service(server);
        $self
    }};
}

fn name_of<S: NamedService>(_: &S) -> &'static str {
    S::NAME
}

impl Services {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a planner, as `nexus.planner.v1.PlannerService`.
    #[must_use]
    pub fn planner(mut self, port: Arc<dyn Planner>) -> Self {
        offer!(self, PlannerServiceServer, planner::Handler(Bounded::new(port)))
    }

    /// With an executor, as `nexus.executor.v1.ExecutorService`.
    #[must_use]
    pub fn executor(mut self, port: Arc<dyn Executor>) -> Self {
        offer!(self, ExecutorServiceServer, executor::Handler(Bounded::new(port)))
    }

    /// With an llm gateway, as `nexus.llm.v1.LlmService`.
    #[must_use]
    pub fn llm(mut self, port: Arc<dyn Llm>) -> Self {
        offer!(self, LlmServiceServer, llm::Handler(Bounded::new(port)))
    }

    /// With a memory, as `nexus.memory.v1.MemoryService`.
    #[must_use]
    pub fn memory(mut self, port: Arc<dyn Memory>) -> Self {
        offer!(self, MemoryServiceServer, memory::Handler(Bounded::new(port)))
    }

    /// With a scraper, as `nexus.scraper.v1.ScraperService`.
    #[must_use]
    pub fn scraper(mut self, port: Arc<dyn Scraper>) -> Self {
        offer!(self, ScraperServiceServer, scraper::Handler(Bounded::new(port)))
    }

    /// With secrets, as `nexus.secrets.v1.SecretsService`.
    #[must_use]
    pub fn secrets(mut self, port: Arc<dyn Secrets>) -> Self {
        offer!(self, SecretsServiceServer, secrets::Handler(Bounded::new(port)))
    }

    /// The full names of the services, as health and reflection know them.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// All routes, with health and reflection.
    fn into_routes(self, health: &Health) -> io::Result<Routes> {
        let mut routes = self.routes;
        routes.add_service(health.server());

        const BESIDES: [&str; 3] = [
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection",
        ];
        let reflection = || {
            let all = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
            // Named one by one: the descriptors know all services, and this process may offer only one.
            self.names.iter().chain(&BESIDES).fold(all, |all, name| all.with_service_name(*name))
        };
        routes.add_service(reflection().build_v1().map_err(io::Error::other)?);
        routes.add_service(reflection().build_v1alpha().map_err(io::Error::other)?);
        Ok(routes.routes())
    }

    /// The services as something that takes requests in process.
    pub(crate) fn into_transport(self, options: ServerOptions) -> io::Result<Transport> {
        // The sender is dropped at once: in process, nothing ever stops before its users do.
        let gate = Gate::new(&options, watch::channel(false).1);
        let service = gate.layer(self.into_routes(&options.health)?);
        Ok(Transport::new(service))
    }
}

/// How to offer them.
#[derive(Clone)]
pub struct ServerOptions {
    /// Who may call. Without it everybody is let in, and callers may say on whose behalf they call and in which
    /// workspace. Health stays open in any case; reflection needs the scope `read`.
    pub authenticate: Option<Authenticate>,
    /// What this server shows, and whose signature it wants to see on what callers show: with an authority, nobody
    /// without a certificate of it gets through. Without it, connections are not encrypted.
    pub tls: Option<Credentials>,
    /// Most calls at work at the same time, beginnings of streams included; more are refused as `RateLimited`.
    pub max_concurrent_calls: usize,
    /// Largest workflow document and largest inputs, in bytes of JSON; more is refused as `TooLarge`. Does not hold for
    /// other processes of the mesh, known by their key: they answer for what they pass on.
    pub body_bytes: usize,
    /// How long calls in flight may go on after the shutdown has begun.
    pub drain: Duration,
    /// Whether services are ready, as `grpc.health.v1` says it. Keep a clone to change it.
    pub health: Health,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            authenticate: None,
            tls: None,
            max_concurrent_calls: 4_096,
            body_bytes: Limits::default().body_bytes,
            drain: nexus_runtime::shutdown::DRAIN,
            health: Health::default(),
        }
    }
}

impl fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions")
            .field("authenticate", &self.authenticate.is_some())
            .field("tls", &self.tls.is_some())
            .field("max_concurrent_calls", &self.max_concurrent_calls)
            .field("body_bytes", &self.body_bytes)
            .field("drain", &self.drain)
            .finish_non_exhaustive()
    }
}

/// Serves until `shutdown` and then ends in order: health says so first, no new connections and calls, watchers are
/// told to look elsewhere (`Unavailable`), everything else has `options.drain` to finish.
///
/// Services are healthy from the beginning unless `options.health` was set otherwise before.
pub async fn serve(
    listener: TcpListener,
    services: Services,
    options: ServerOptions,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let health = options.health.clone();
    health.begin(services.names()).await;
    let gate = Gate::new(&options, stopping.clone());
    let routes = services.into_routes(&health)?;

    // Options of the socket belong to the incoming connections; the server's own builder only knows those of
    // listeners it makes. Without nodelay, answers that take several packets wait for delayed acknowledgements.
    let incoming =
        TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(Duration::from_secs(60)));
    let mut server = tonic::transport::Server::builder();
    if let Some(tls) = &options.tls {
        server = server.tls_config(tls::server(tls)).map_err(io::Error::other)?;
    }
    let server = server
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .http2_max_header_list_size(64 << 10)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(8 << 20)
        .layer(measure::Measure)
        .layer(gate)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, async {
            shutdown.await;
            health.end().await;
            // Nobody listens if no call is at work.
            let _ = stop.send(true);
        });

    let out_of_patience = async {
        let mut stopping = stopping;
        if stopping.wait_for(|stop| *stop).await.is_ok() {
            tokio::time::sleep(options.drain).await;
        }
    };
    tokio::select! {
        served = server => served.map_err(io::Error::other),
        () = out_of_patience => {
            tracing::warn!(drain = ?options.drain, "calls in flight did not finish in time and were given up");
            Ok(())
        }
    }
}
