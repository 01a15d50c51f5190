//! Where a client command finds the services: at a server that was named, at the `nexus up` that holds the data
//! folder, or in this process. Not here: how they are built (`wiring`), what is asked of them (`commands`).

use crate::{
    exit::{Exit, Failure, Result},
    out,
    remote::Remote,
    wiring::{self, Claims, Embedded},
};
use nexus_api::{Executor, Memory, Planner, Scraper, Secrets};
use nexus_runtime::{
    Config,
    lock::{self, DataDir, Holder},
};
use std::{path::Path, sync::Arc, time::Duration};

/// How long a command waits for the data folder while another one runs in it.
const PATIENCE: Duration = Duration::from_secs(600);

/// The services that a command needs.
pub(crate) struct Backend {
    pub(crate) planner: Arc<dyn Planner>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) memory: Arc<dyn Memory>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) scraper: Arc<dyn Scraper>,
    /// The address of the server, if they are there.
    pub(crate) server: Option<String>,
    /// Set if they run in this process.
    embedded: Option<(Embedded, DataDir)>,
}

impl Backend {
    /// The server that was named or that holds the data folder, else services in this process.
    pub(crate) async fn open(config: &Config, server: Option<&str>, claims: Claims) -> Result<Self> {
        if let Some(remote) = remote(config, server)? {
            return Ok(Self::at(remote));
        }
        let path = &config.data_dir;
        let Some(data_dir) = wait_for(path).await? else {
            // A server took the folder while we waited for it.
            return match remote(config, None)? {
                Some(remote) => Ok(Self::at(remote)),
                None => Err(Failure::from(lock::Error::Taken(path.clone()))),
            };
        };
        let embedded = wiring::embedded(config, claims).await?;
        Ok(Self {
            planner: embedded.ports.planner.clone(),
            executor: embedded.ports.executor.clone(),
            memory: embedded.ports.memory.clone(),
            secrets: embedded.ports.secrets.clone(),
            scraper: embedded.ports.scraper.clone(),
            server: None,
            embedded: Some((embedded, data_dir)),
        })
    }

    fn at(remote: Remote) -> Self {
        let server = Some(remote.address().to_owned());
        let remote = Arc::new(remote);
        Self {
            planner: remote.clone(),
            executor: remote.clone(),
            memory: remote.clone(),
            secrets: remote.clone(),
            scraper: remote,
            server,
            embedded: None,
        }
    }

    /// Ends what runs in this process.
    pub(crate) async fn close(self) {
        if let Some((embedded, _data_dir)) = self.embedded {
            embedded.shutdown().await;
        }
    }
}

/// The server to talk to, if there is one.
pub(crate) fn remote(config: &Config, server: Option<&str>) -> Result<Option<Remote>> {
    if let Some(address) = server.filter(|address| !address.trim().is_empty()) {
        return Ok(Some(Remote::new(address, config.api_key.clone())?));
    }
    match lock::holder(&config.data_dir) {
        Holder::Server(server) => Ok(Some(Remote::new(&server.http, config.api_key.clone())?)),
        Holder::Nobody | Holder::Other => Ok(None),
    }
}

/// The data folder, once it is free; `None` when a server has it.
async fn wait_for(path: &Path) -> Result<Option<DataDir>> {
    let start = tokio::time::Instant::now();
    let mut said = false;
    loop {
        match DataDir::take(path) {
            Ok(data_dir) => return Ok(Some(data_dir)),
            Err(lock::Error::Taken(_)) if start.elapsed() < PATIENCE => {}
            Err(error) => return Err(error.into()),
        }
        if matches!(lock::holder(path), Holder::Server(_)) {
            return Ok(None);
        }
        if !said && start.elapsed() > Duration::from_millis(300) {
            said = true;
            out::note(&format!(
                "waiting for another nexus command that uses {} (run `nexus up` once to let all of them work at the same time)",
                path.display()
            ));
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
            _ = tokio::signal::ctrl_c() => return Err(Failure::new(Exit::Cancelled, "interrupted")),
        }
    }
}
