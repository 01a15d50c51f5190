//! Everything in one process: `nexus up`, and the commands that run without a server. Not here: the roles of a mesh
//! (`mesh`).

use super::{
    estimates,
    models::Models,
    parts,
    scraper::{Works, scraper},
    watch::{self, Metered},
};
use crate::{
    exit::{Exit, Failure, Result},
    out,
};
use nexus_api::{CallCtx, Llm, Memory, Scraper, memory::Scope, planner::PageRequest};
use nexus_bus::Bus;
use nexus_executor::{Deps, ExecutorService, Options};
use nexus_gateway::{Ports, ReadyCheck};
use nexus_rpc::server::Services;
use nexus_runtime::{
    Config,
    config::Database,
    lock::{DataDir, Server},
    shutdown, telemetry,
};
use nexus_scraper::ScraperService;
use nexus_store::{LlmStore, MemoryStore, SecretStore, Store, postgres::PostgresStore, sqlite::SqliteStore};
use std::{io::IsTerminal, path::Path, sync::Arc};

/// How long scrapers may take to be given back, after everything else.
const SCRAPERS_END: std::time::Duration = std::time::Duration::from_secs(2);

/// Which executions an embedded executor works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claims {
    /// Only those that this command starts: finishing a `nexus run` must not begin to pay for another one.
    Own,
    /// Those that a former process left behind, too.
    All,
}

/// All services in this process.
pub(crate) struct Embedded {
    pub(crate) ports: Ports,
    executor: ExecutorService,
    scrapers: ScraperService,
    store: Arc<dyn Store>,
    /// The database's folder, if it is not the data folder.
    _folder: Option<DataDir>,
}

impl Embedded {
    /// Lets what is in flight end, gives back the rest.
    pub(crate) async fn shutdown(&self) {
        // What runs may still need a sandbox.
        self.executor.shutdown().await;
        // Whatever is left of it by then ends with this process.
        let _ = tokio::time::timeout(SCRAPERS_END, self.scrapers.shutdown()).await;
    }
}

/// Builds all services over the configured store. The caller holds the data folder.
pub(crate) async fn embedded(config: &Config, claims: Claims) -> Result<Embedded> {
    let mut folder = None;
    type Stores = (Arc<dyn Store>, Arc<dyn MemoryStore>, Arc<dyn LlmStore>, Arc<dyn SecretStore>);
    /// Starts the scraper service over the database, whichever it is.
    type Scrapers = Box<dyn FnOnce(&Config, Arc<dyn Bus>, Arc<dyn Llm>, Works) -> ScraperService + Send>;
    let ((store, memories, spending, sealed), scrapers): (Stores, Scrapers) = match &config.database {
        Database::Sqlite(path) => {
            folder = hold(config, path)?;
            let store = Arc::new(sqlite(path, claims).await?);
            let jobs = store.clone();
            let scrapers =
                Box::new(move |config: &Config, bus, llm, works| scraper(config, jobs, bus, llm, works));
            ((store.clone(), store.clone(), store.clone(), store), scrapers)
        }
        Database::Postgres(url) => {
            use secrecy::ExposeSecret;
            let store = PostgresStore::connect(url.expose_secret()).await.map_err(database)?;
            store.check_schema().await.map_err(database)?;
            let store = Arc::new(store);
            let jobs = store.clone();
            let scrapers =
                Box::new(move |config: &Config, bus, llm, works| scraper(config, jobs, bus, llm, works));
            ((store.clone(), store.clone(), store.clone(), store), scrapers)
        }
    };
    let bus = parts::bus(config).await?;
    let models = Models::with_local(config)?;
    let (prices, llm) = (models.prices.clone(), models.gateway(config, Some(spending))?);
    let memories = parts::qdrant(config)?.unwrap_or(memories);
    let memory = parts::memory(config, memories, llm.clone(), prices.clone())?;
    match memory.ready().await {
        Err(error) if error.retryable => {
            tracing::warn!(why = %error, "memory is not ready; what needs it waits or fails meanwhile");
        }
        ready => ready.map_err(|error| Failure::usage(parts::sentence(error)))?,
    }
    let memory: Arc<dyn Memory> = Arc::new(memory);
    let works = if claims == Claims::All { Works::OnAll } else { Works::OnItsOwn };
    let scrapers = scrapers(config, bus.clone(), llm.clone(), works);
    let scraper: Arc<dyn Scraper> = Arc::new(scrapers.clone());
    let vault = parts::vault(config, sealed.clone());
    let deps = Deps {
        store: store.clone(),
        bus,
        llm: llm.clone(),
        memory: memory.clone(),
        scraper: scraper.clone(),
        http: parts::http(config),
        vault: vault.clone(),
        prices: prices.clone(),
        limits: config.limits,
    };
    let options = match claims {
        Claims::All => Options { keep: config.retention, ..Options::default() },
        Claims::Own => Options { take_up: false, ..Options::default() },
    };
    let executor = ExecutorService::start(deps, options);
    let ports = Ports {
        planner: Arc::new(estimates::planner(config, store.clone(), prices, false).with_secrets(sealed)),
        executor: Arc::new(executor.clone()),
        llm,
        memory,
        scraper,
        secrets: Arc::new(vault),
    };
    Ok(Embedded { ports, executor, scrapers, store, _folder: folder })
}

/// Models without anything else.
pub(crate) fn llm_alone(config: &Config) -> Result<Arc<dyn Llm>> {
    Ok(Models::with_local(config)?.gateway(config, None)?)
}

/// Brings an embedded database to this version's schema, which opening it does.
pub(super) async fn migrate(config: &Config, path: &Path) -> Result<()> {
    let _held = DataDir::take(&config.data_dir)?;
    open(path)?;
    Ok(())
}

/// Opens the database for the one process that may use it.
async fn sqlite(path: &Path, claims: Claims) -> Result<SqliteStore> {
    let store = open(path)?;
    if claims == Claims::All {
        // We hold the folder, so whoever held those leases is dead: no need to wait until they run out.
        store.expire_all_leases().await.map_err(database)?;
        store.expire_all_job_leases().await.map_err(database)?;
        nexus_store::endpoints::EndpointStore::release_endpoint_claims(&store).await.map_err(database)?;
    }
    Ok(store)
}

/// Two processes with different data folders and one database must not take each other for dead.
pub(crate) fn hold(config: &Config, path: &Path) -> Result<Option<DataDir>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let same = match (folder.canonicalize(), config.data_dir.canonicalize()) {
        (Ok(folder), Ok(data_dir)) => folder == data_dir,
        _ => folder == config.data_dir,
    };
    if same { Ok(None) } else { Ok(Some(DataDir::take(folder)?)) }
}

pub(super) fn open(path: &Path) -> Result<SqliteStore> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::usage(format!(
                "cannot make {}: {error}; set DATABASE_URL to another file",
                folder.display()
            ))
        })?;
    }
    SqliteStore::open(path).map_err(database)
}

/// A database that cannot be used, as one sentence.
pub(crate) fn database(error: nexus_store::Error) -> Failure {
    match error {
        nexus_store::Error::Schema(sentence) => Failure::usage(sentence),
        nexus_store::Error::Unavailable(why) => Failure::new(
            Exit::Unreachable,
            format!("cannot reach the database: {why}; start it or set DATABASE_URL to another one"),
        ),
        other => Failure::new(Exit::Failed, format!("{other}; look at DATABASE_URL and NEXUS_DATA_DIR")),
    }
}

/// `nexus up`: all services, HTTP and gRPC, until a signal.
pub(crate) async fn up(config: &Config) -> Result {
    let mut data_dir = DataDir::take(&config.data_dir)?;
    // Before anything else that takes time or leaves traces: a taken port is the most common mistake.
    let http = parts::listen(config, "NEXUS_HTTP_ADDR", config.http_addr()).await?;
    let grpc = parts::listen(config, "NEXUS_GRPC_ADDR", config.grpc_addr(50051)).await?;
    let telemetry = telemetry::init(config, "", "info")?;
    let metered = Metered::start(config, "up").await?;
    let stop = shutdown::on_signal().map_err(|error| Failure::from(anyhow::Error::new(error)))?;

    let services = embedded(config, Claims::All).await?;
    let ports = services.ports.clone();
    let (http_addr, grpc_addr) = (parts::address(&http)?, parts::address(&grpc)?);
    let callers = parts::callers(config)?;
    let gateway = parts::gateway(
        config,
        http_addr,
        ports.clone(),
        callers.clone(),
        vec![store_check(&services.store), memory_check(&ports.memory)],
        metered.metrics(),
    )?;
    let offered = Services::new()
        .planner(ports.planner)
        .executor(ports.executor)
        .llm(ports.llm)
        .memory(ports.memory)
        .scraper(ports.scraper)
        .secrets(ports.secrets);
    let options = parts::grpc_for_clients(config, callers)?;
    let checks = vec![store_check(&services.store), memory_check(&services.ports.memory)];
    let following =
        tokio::spawn(watch::follow(options.health.clone(), offered.names().to_vec(), checks.clone()));
    let web = tokio::spawn(nexus_gateway::serve(http, gateway, stop.clone().cancelled_owned()));
    let rpc = tokio::spawn(nexus_rpc::server::serve(grpc, offered, options, stop.clone().cancelled_owned()));
    let watching = tokio::spawn(metered.serve(checks, stop.clone()));

    let scheme = if config.access.tls.is_some() { "https" } else { "http" };
    data_dir.announce(&Server {
        http: format!("{scheme}://{}", reachable(http_addr)),
        grpc: format!("{scheme}://{}", reachable(grpc_addr)),
        pid: std::process::id(),
    })?;
    out::note(&format!("listening {scheme}://{http_addr} grpc {grpc_addr}"));
    if std::io::stderr().is_terminal() {
        out::note(&format!(
            "Nexus is ready: open {scheme}://{} in a browser. Ctrl-C ends it.",
            reachable(http_addr)
        ));
    }

    stop.cancelled().await;
    // What drains says itself that it is not ready.
    following.abort();
    // All at the same time: each may take the time that draining may take.
    let (web, rpc, ()) = tokio::join!(web, rpc, services.shutdown());
    watching.abort();
    telemetry.shutdown().await;
    for served in [web, rpc] {
        served.map_err(anyhow::Error::new)?.map_err(anyhow::Error::new)?;
    }
    drop(data_dir);
    Ok(Exit::Success)
}

/// Where this machine reaches a listener: one on all interfaces has no address of its own.
fn reachable(addr: std::net::SocketAddr) -> std::net::SocketAddr {
    let mut reachable = addr;
    if addr.ip().is_unspecified() {
        reachable.set_ip(match addr {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    reachable
}

fn memory_check(memory: &Arc<dyn Memory>) -> (&'static str, ReadyCheck) {
    let memory = memory.clone();
    let check: ReadyCheck = Arc::new(move || {
        let memory = memory.clone();
        Box::pin(async move {
            let (ctx, one) = (CallCtx::background(), PageRequest { limit: Some(1), cursor: None });
            memory.list(&ctx, Scope::Global, one).await.map(drop).map_err(|error| error.message)
        })
    });
    ("memory", check)
}

fn store_check(store: &Arc<dyn Store>) -> (&'static str, ReadyCheck) {
    let store = store.clone();
    let check: ReadyCheck = Arc::new(move || {
        let store = store.clone();
        Box::pin(async move { store.ping().await.map_err(|error| error.to_string()) })
    });
    ("database", check)
}
