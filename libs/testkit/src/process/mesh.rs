//! The mesh as real processes: a private Postgres and NATS, one process per role, all on free ports. Not here: what
//! tests do to it.

use super::{Finished, Process, Settings, run, settings};
use crate::{nats::NatsServer, postgres};
use std::{
    io,
    path::{Path, PathBuf},
};

/// A mesh; dropping it ends all of it. Parts are public: tests kill and replace them.
#[derive(Debug)]
pub struct Mesh {
    /// The gateways, with their HTTP addresses.
    pub gateways: Vec<Role>,
    /// The executors.
    pub executors: Vec<Role>,
    /// Planner, llm gateway, memory, scraper.
    pub others: Vec<Role>,
    /// The bus.
    pub nats: NatsServer,
    /// The database.
    pub postgres: postgres::Server,
    program: PathBuf,
    common: Settings,
    peers: Settings,
}

/// One process of a mesh.
#[derive(Debug)]
pub struct Role {
    /// The process.
    pub process: Process,
    /// `http://127.0.0.1:PORT`, of gRPC or HTTP.
    pub url: String,
}

impl Mesh {
    /// Starts everything with so many executors and gateways; `extra` are settings for all processes.
    pub fn start(program: &Path, executors: usize, gateways: usize, extra: Settings) -> io::Result<Self> {
        let postgres = postgres::Server::start_without_fsync()?;
        let nats = NatsServer::start()?;
        let database = postgres.create_database()?;
        let mut common = settings([
            ("NEXUS_HTTP_ADDR", "127.0.0.1:0"),
            ("NEXUS_GRPC_ADDR", "127.0.0.1:0"),
            ("LOG_FORMAT", "text"),
            ("NO_COLOR", "1"),
        ]);
        common.push(("DATABASE_URL".to_owned(), database));
        common.push(("NATS_URL".to_owned(), nats.url()));
        common.extend(extra);
        let mut mesh = Self {
            gateways: Vec::new(),
            executors: Vec::new(),
            others: Vec::new(),
            nats,
            postgres,
            program: program.to_owned(),
            common,
            peers: Vec::new(),
        };
        let migrated = mesh.command(&["migrate"])?;
        if migrated.code() != 0 {
            return Err(io::Error::other(format!("nexus migrate failed: {}", migrated.stderr)));
        }
        for (role, variable) in [
            ("planner", "NEXUS_PLANNER_URL"),
            ("llm-gateway", "NEXUS_LLM_GATEWAY_URL"),
            ("memory", "NEXUS_MEMORY_URL"),
            ("scraper", "NEXUS_SCRAPER_URL"),
        ] {
            let started = mesh.serve(role)?;
            mesh.peers.push((variable.to_owned(), started.url.clone()));
            mesh.others.push(started);
        }
        for _ in 0..executors {
            mesh.add_executor()?;
        }
        for _ in 0..gateways {
            mesh.add_gateway()?;
        }
        Ok(mesh)
    }

    /// One more executor. Gateways started later know it, too.
    pub fn add_executor(&mut self) -> io::Result<()> {
        let executor = self.serve("executor")?;
        self.executors.push(executor);
        Ok(())
    }

    /// One more gateway, in front of all executors there are.
    pub fn add_gateway(&mut self) -> io::Result<()> {
        let gateway = self.serve("gateway")?;
        self.gateways.push(gateway);
        Ok(())
    }

    /// One more scraper in place of those before, and a gateway that knows it.
    pub fn add_scraper(&mut self) -> io::Result<()> {
        let scraper = self.serve("scraper")?;
        self.peers.retain(|(name, _)| name != "NEXUS_SCRAPER_URL");
        self.peers.push(("NEXUS_SCRAPER_URL".to_owned(), scraper.url.clone()));
        self.others.push(scraper);
        self.add_gateway()
    }

    /// The first gateway's address.
    pub fn http(&self) -> &str {
        self.gateways.first().map(|gateway| gateway.url.as_str()).unwrap_or_default()
    }

    /// Runs a command with the mesh's settings to its end.
    pub fn command(&self, arguments: &[&str]) -> io::Result<Finished> {
        run(&self.program, arguments, self.environment())
    }

    fn serve(&self, role: &str) -> io::Result<Role> {
        let process = Process::start(&self.program, ["serve", role], self.environment())?;
        let line = process.wait_for_line("listening ")?;
        let url = match line.strip_prefix("grpc ") {
            Some(grpc) => format!("http://{grpc}"),
            None => line,
        };
        Ok(Role { process, url })
    }

    fn environment(&self) -> Settings {
        let executors: Vec<_> = self.executors.iter().map(|executor| executor.url.as_str()).collect();
        let mut environment = self.common.clone();
        environment.extend(self.peers.iter().cloned());
        if !executors.is_empty() {
            environment.push(("NEXUS_EXECUTOR_URL".to_owned(), executors.join(",")));
        }
        environment
    }
}
