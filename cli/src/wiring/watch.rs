//! What those see who watch a process from outside: whether it is ready, and its metrics. Not here: what is counted
//! (each crate), the gateway's own `/readyz` and `/metrics` (`nexus-gateway`).

use super::parts;
use crate::{exit::Result, out};
use nexus_api::CallCtx;
use nexus_rpc::{client, server::Health};
use nexus_runtime::{
    Config,
    metrics::{self, Check, Metrics},
};
use nexus_store::postgres::PostgresStore;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What is always there while the process works, whatever its dependencies do: for those who restart what hangs.
const LIVE: &str = "nexus.live";
/// How often dependencies are asked while the process is about to become ready.
const SOON: Duration = Duration::from_millis(250);
/// How often afterwards.
const NOW_AND_THEN: Duration = Duration::from_secs(2);
/// How long a dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a role depends on, by the names that are shown.
pub(super) type Checks = Vec<(&'static str, Check)>;

/// The database, asked for a sign of life.
pub(super) fn database_check(store: Arc<PostgresStore>) -> Checks {
    use nexus_store::ExecutionStore;
    let check: Check = Arc::new(move || {
        let store = store.clone();
        Box::pin(async move { store.ping().await.map_err(|error| error.to_string()) })
    });
    vec![("database", check)]
}

/// The listener for metrics, if one is configured: bound before anything that takes time.
pub(super) struct Metered {
    metrics: Metrics,
    listener: Option<TcpListener>,
}

impl Metered {
    /// Starts counting and listening.
    pub(super) async fn start(config: &Config, role: &str) -> Result<Self> {
        let metrics = Metrics::install(role);
        let Some(addr) = config.metrics_addr else { return Ok(Self { metrics, listener: None }) };
        let listener = parts::listen(config, "NEXUS_METRICS_ADDR", addr).await?;
        out::note(&format!("metrics http://{}", parts::address(&listener)?));
        Ok(Self { metrics, listener: Some(listener) })
    }

    /// What is counted.
    pub(super) fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Answers until `stop`; to be run beside the service.
    pub(super) async fn serve(self, checks: Checks, stop: CancellationToken) {
        let upkeep = self.metrics.clone().upkeep();
        let served = async {
            match self.listener {
                Some(listener) => metrics::serve(listener, self.metrics, checks, stop.cancelled()).await,
                None => stop.cancelled().await,
            }
        };
        tokio::select! {
            () = upkeep => {}
            () = served => {}
        }
    }
}

/// Says over gRPC whether the services are ready: as long as everything they depend on answers.
pub(super) async fn follow(health: Health, names: Vec<&'static str>, checks: Checks) -> Infallible {
    health.set(LIVE, true).await;
    let mut ready = None;
    loop {
        let mut all = true;
        for (name, check) in &checks {
            let answer = tokio::time::timeout(PATIENCE, check()).await;
            let answer = answer.unwrap_or_else(|_| Err("no answer in time".to_owned()));
            ::metrics::gauge!("nexus_ready", "dependency" => *name).set(f64::from(u8::from(answer.is_ok())));
            if let Err(reason) = answer {
                if ready != Some(false) {
                    tracing::warn!(dependency = name, reason, "not ready");
                }
                all = false;
            }
        }
        if ready != Some(all) {
            if ready == Some(false) {
                tracing::info!("ready");
            }
            for name in names.iter().chain([&""]) {
                health.set(name, all).await;
            }
        }
        // What has never been ready soon is; what was ready is left in peace.
        let pause = if ready.is_none() && !all { SOON } else { NOW_AND_THEN };
        ready = if ready.is_none() && !all { None } else { Some(all) };
        tokio::time::sleep(pause).await;
    }
}

/// What a process of a mesh says about itself; with this configuration's keys and certificates, if any.
pub(crate) async fn about(
    config: Option<&Config>,
    role: &str,
    url: &str,
) -> std::result::Result<client::About, String> {
    let options = match config {
        Some(config) => parts::client_options(config).map_err(|failure| failure.message().to_owned())?,
        None => client::ClientOptions::default(),
    };
    let ctx = CallCtx::background().with_timeout(PATIENCE * 2);
    client::about(role, url, &options, &ctx).await.map_err(|error| error.message)
}
