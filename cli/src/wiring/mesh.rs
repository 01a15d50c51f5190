//! The roles of a mesh: one service per process over gRPC, and the gateway in front of them. Not here: everything in
//! one process (`embedded`).

use super::{
    embedded::database,
    estimates,
    models::Models,
    parts,
    scraper::{Works, scraper as scraper_over},
    watch::{self, Checks, Metered, database_check},
};
use crate::{
    args::Role,
    exit::{Exit, Failure, Result},
    out,
};
use nexus_api::{CallCtx, Code, executor::ExecutionFilter, memory::Scope, planner::PageRequest};
use nexus_executor::{Deps, ExecutorService, Options};
use nexus_gateway::{Ports, ReadyCheck};
use nexus_memory::MemoryService;
use nexus_rpc::{
    client,
    server::{self, Services},
};
use nexus_runtime::{Config, config::Database, metrics::Check, shutdown, telemetry};
use nexus_store::{MemoryStore, postgres::PostgresStore};
use secrecy::ExposeSecret;
use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;

/// How long a process waits for its database at start.
const PATIENCE: Duration = Duration::from_secs(30);

/// `nexus serve ROLE`.
pub(crate) async fn serve(config: &Config, role: Role) -> Result {
    let telemetry = telemetry::init(config, role.name(), "info")?;
    let stop = shutdown::on_signal().map_err(|error| Failure::from(anyhow::Error::new(error)))?;
    let metered = Metered::start(config, role.name()).await?;
    let served = tokio::select! {
        served = run(config, role, metered, stop.clone()) => served,
        // A process that is told to end while it still waits for its database has nothing to drain.
        () = given_up(&stop) => Ok(Exit::Success),
    };
    telemetry.shutdown().await;
    served
}

async fn run(config: &Config, role: Role, metered: Metered, stop: CancellationToken) -> Result {
    match role {
        Role::Planner => planner(config, metered, stop).await,
        Role::Executor => executor(config, metered, stop).await,
        Role::LlmGateway => llm_gateway(config, metered, stop).await,
        Role::Memory => memory(config, metered, stop).await,
        Role::Scraper => scraper(config, metered, stop).await,
        Role::Gateway => gateway(config, metered, stop).await,
    }
}

async fn given_up(stop: &CancellationToken) {
    stop.cancelled().await;
    // Longer than any draining takes: whatever is left then hangs.
    tokio::time::sleep(shutdown::DRAIN + Duration::from_secs(2)).await;
}

/// Workflow definitions.
async fn planner(config: &Config, metered: Metered, stop: CancellationToken) -> Result {
    let listener = grpc(config, 50051).await?;
    let store = Arc::new(postgres(config, "nexus serve planner", &stop).await?);
    let planner = estimates::planner(config, store.clone(), Models::of_files(config)?.prices, true);
    let planner = planner.with_secrets(store.clone());
    let services = Services::new().planner(Arc::new(planner));
    offer(config, listener, services, stop, database_check(store), metered).await
}

/// Executions.
async fn executor(config: &Config, metered: Metered, stop: CancellationToken) -> Result {
    let listener = grpc(config, 50052).await?;
    let store = Arc::new(postgres(config, "nexus serve executor", &stop).await?);
    if config.nats_url.is_none() {
        tracing::warn!(
            "NATS_URL is not set: processes learn of each other's work by asking the database once a second"
        );
    }
    let bus = parts::bus(config).await?;
    let llm = client::llm(&config.peers.llm_gateway, &parts::client_options(config)?)?;
    let peers = &config.peers;
    let options = parts::client_options(config)?;
    let vault = parts::vault(config, store.clone());
    let deps = Deps {
        store: store.clone(),
        bus,
        llm,
        memory: client::memory(&peers.memory, &options)?,
        scraper: client::scraper(&peers.scraper, &options)?,
        http: parts::http(config),
        vault: vault.clone(),
        prices: Models::of_files(config)?.prices,
        limits: config.limits,
    };
    let executor = ExecutorService::start(deps, Options { keep: config.retention, ..Options::default() });
    let services = Services::new().executor(Arc::new(executor.clone())).secrets(Arc::new(vault));
    let (served, ()) = tokio::join!(
        offer(config, listener, services, stop.clone(), database_check(store), metered),
        async {
            stop.cancelled().await;
            executor.shutdown().await;
        }
    );
    served
}

/// Calls of models.
async fn llm_gateway(config: &Config, metered: Metered, stop: CancellationToken) -> Result {
    let listener = grpc(config, 50053).await?;
    let models = Models::of_files(config)?;
    // The database is only for budgets of keys and for kept answers; who needs neither needs none.
    let Database::Postgres(_) = config.database else {
        if !config.key_budgets.is_empty() {
            config.require_postgres("NEXUS_API_KEY_BUDGETS")?;
        }
        let services = Services::new().llm(models.gateway(config, None)?);
        return offer(config, listener, services, stop, Checks::new(), metered).await;
    };
    let store = Arc::new(postgres(config, "nexus serve llm-gateway", &stop).await?);
    let services = Services::new().llm(models.gateway(config, Some(store.clone()))?);
    offer(config, listener, services, stop, database_check(store), metered).await
}

/// Memory.
async fn memory(config: &Config, metered: Metered, stop: CancellationToken) -> Result {
    let listener = grpc(config, 50054).await?;
    let store: Arc<dyn MemoryStore> = match parts::qdrant(config)? {
        Some(qdrant) => qdrant,
        None => Arc::new(postgres(config, "nexus serve memory without QDRANT_URL", &stop).await?),
    };
    let llm = client::llm(&config.peers.llm_gateway, &parts::client_options(config)?)?;
    let memory = parts::memory(config, store.clone(), llm, Models::of_files(config)?.prices)?;
    let services = Services::new().memory(Arc::new(memory.clone()));
    let (wrong, found_wrong) = oneshot::channel();
    let serving = offer(config, listener, services, stop, memory_check(memory, store, wrong), metered);
    tokio::select! {
        served = serving => served,
        // The sender is dropped without a word once memory is ready, or when serving ends.
        Ok(sentence) = found_wrong => Err(Failure::usage(sentence)),
    }
}

/// Scrapers.
async fn scraper(config: &Config, metered: Metered, stop: CancellationToken) -> Result {
    let listener = grpc(config, 50055).await?;
    let store = Arc::new(postgres(config, "nexus serve scraper", &stop).await?);
    let bus = parts::bus(config).await?;
    let llm = client::llm(&config.peers.llm_gateway, &parts::client_options(config)?)?;
    let scraper = scraper_over(config, store.clone(), bus, llm, Works::OnAll);
    let services = Services::new().scraper(Arc::new(scraper.clone()));
    let (served, ()) = tokio::join!(
        offer(config, listener, services, stop.clone(), database_check(store), metered),
        async {
            stop.cancelled().await;
            scraper.shutdown().await;
        }
    );
    served
}

/// REST, WebSocket and the web app, in front of the mesh.
async fn gateway(config: &Config, metered: Metered, stop: CancellationToken) -> Result {
    let listener = parts::listen(config, "NEXUS_HTTP_ADDR", config.http_addr()).await?;
    let addr = parts::address(&listener)?;
    let options = parts::client_options(config)?;
    let peers = &config.peers;
    let ports = Ports {
        planner: client::planner(&peers.planner, &options)?,
        executor: client::executor(&peers.executor, &options)?,
        llm: client::llm(&peers.llm_gateway, &options)?,
        memory: client::memory(&peers.memory, &options)?,
        scraper: client::scraper(&peers.scraper, &options)?,
        secrets: client::secrets(&peers.executor, &options)?,
    };
    let metrics = metered.metrics();
    let watching = tokio::spawn(metered.serve(ready(&ports), stop.clone()));
    let gateway =
        parts::gateway(config, addr, ports.clone(), parts::callers(config)?, ready(&ports), metrics)?;
    out::note(&format!("listening http://{addr}"));
    let served = nexus_gateway::serve(listener, gateway, stop.cancelled_owned()).await;
    watching.abort();
    served.map_err(anyhow::Error::new)?;
    Ok(Exit::Success)
}

/// `nexus migrate`.
pub(crate) async fn migrate(config: &Config) -> Result {
    let telemetry = telemetry::init(config, "migrate", "info")?;
    match &config.database {
        Database::Postgres(url) => {
            let store = connect(url.expose_secret()).await?;
            store.migrate().await.map_err(database)?;
        }
        Database::Sqlite(path) => super::embedded::migrate(config, path).await?,
    }
    out::note("the database is at this version's schema");
    telemetry.shutdown().await;
    Ok(Exit::Success)
}

async fn grpc(config: &Config, port: u16) -> Result<TcpListener> {
    parts::listen(config, "NEXUS_GRPC_ADDR", config.grpc_addr(port)).await
}

/// The database, at the right schema.
async fn postgres(config: &Config, who: &str, stop: &CancellationToken) -> Result<PostgresStore> {
    let url = config.require_postgres(who)?;
    let store = tokio::select! {
        store = connect(url.expose_secret()) => store?,
        () = stop.cancelled() => return Err(Failure::new(Exit::Success, "ended before the database could be reached")),
    };
    store.check_schema().await.map_err(database)?;
    Ok(store)
}

/// Connects, trying again for a while: in a mesh, processes start in any order.
async fn connect(url: &str) -> Result<PostgresStore> {
    let start = Instant::now();
    let mut said = false;
    loop {
        match PostgresStore::connect(url).await {
            Ok(store) => return Ok(store),
            Err(nexus_store::Error::Unavailable(why)) if start.elapsed() < PATIENCE => {
                if !std::mem::replace(&mut said, true) {
                    tracing::warn!(%why, "the database cannot be reached; trying for {} s", PATIENCE.as_secs());
                }
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            Err(error) => return Err(database(error)),
        }
    }
}

/// Ready once the vectors' place and the llm gateway have answered, and then as long as the former does. A
/// configuration that cannot work is told at once.
fn memory_check(
    memory: MemoryService,
    store: Arc<dyn MemoryStore>,
    wrong: oneshot::Sender<String>,
) -> Checks {
    let wrong = Arc::new(Mutex::new(Some(wrong)));
    let (said, was_ready) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let check: Check = Arc::new(move || {
        let (memory, store, wrong) = (memory.clone(), store.clone(), wrong.clone());
        let (said, was_ready) = (said.clone(), was_ready.clone());
        Box::pin(async move {
            if was_ready.load(Ordering::Relaxed) {
                return store.check().await.map_err(|error| error.to_string());
            }
            let Err(error) = memory.ready().await else {
                was_ready.store(true, Ordering::Relaxed);
                return Ok(());
            };
            let why = error.to_string();
            if error.retryable {
                if !said.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%why, "memory is not ready; trying again");
                }
                return Err(why);
            }
            let wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Nobody listens if serving has ended.
            let _ = wrong.map(|wrong| wrong.send(parts::sentence(error)));
            Err(why)
        })
    });
    vec![("vectors", check)]
}

/// Serves over gRPC; health says that the services are ready as long as what they depend on answers.
async fn offer(
    config: &Config,
    listener: TcpListener,
    services: Services,
    stop: CancellationToken,
    checks: Checks,
    metered: Metered,
) -> Result {
    let addr: SocketAddr = parts::address(&listener)?;
    let options = parts::grpc_for_mesh(config)?;
    let health = options.health.clone();
    let names = services.names().to_vec();
    for name in names.iter().chain([&""]) {
        health.set(name, false).await;
    }
    let watching = tokio::spawn(metered.serve(checks.clone(), stop.clone()));
    let following = async {
        // What drains says itself that it is not ready.
        tokio::select! {
            never = watch::follow(health, names, checks) => match never {},
            () = stop.cancelled() => {}
        }
    };
    out::note(&format!("listening grpc {addr}"));
    let serving = server::serve(listener, services, options, stop.clone().cancelled_owned());
    let (served, ()) = tokio::join!(serving, following);
    watching.abort();
    served.map_err(anyhow::Error::new)?;
    Ok(Exit::Success)
}

/// What `/readyz` asks: whether each service behind the gateway answers.
fn ready(ports: &Ports) -> Vec<(&'static str, ReadyCheck)> {
    let one = || PageRequest { limit: Some(1), cursor: None };
    // secrets are where the executor is
    let Ports { planner, executor, llm, memory, scraper, secrets: _ } = ports.clone();
    vec![
        (
            "planner",
            check(
                planner,
                move |port, ctx| async move { port.list_workflows(&ctx, one(), None).await.map(drop) },
            ),
        ),
        (
            "executor",
            check(executor, move |port, ctx| async move {
                port.list_executions(&ctx, ExecutionFilter::default(), one()).await.map(drop)
            }),
        ),
        ("llm-gateway", check(llm, |port, ctx| async move { port.list_models(&ctx).await.map(drop) })),
        (
            "memory",
            check(
                memory,
                move |port, ctx| async move { port.list(&ctx, Scope::Global, one()).await.map(drop) },
            ),
        ),
        (
            "scraper",
            check(scraper, move |port, ctx| async move { port.list_jobs(&ctx, one()).await.map(drop) }),
        ),
    ]
}

/// Any answer but silence shows that the service is there, also "not available in this version".
fn check<P, F, A>(port: Arc<P>, ask: F) -> ReadyCheck
where
    P: ?Sized + Send + Sync + 'static,
    F: Fn(Arc<P>, CallCtx) -> A + Send + Sync + 'static,
    A: Future<Output = nexus_api::Result<()>> + Send + 'static,
{
    Arc::new(move || {
        let answer = ask(port.clone(), CallCtx::background().with_timeout(Duration::from_secs(2)));
        Box::pin(async move {
            match answer.await {
                Err(error) if error.code != Code::Unimplemented => Err(error.message),
                _ => Ok(()),
            }
        })
    })
}
