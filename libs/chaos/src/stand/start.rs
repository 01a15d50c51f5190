//! Which processes there are, and in which order they start. Not here: harming them (`stand`).

use super::{Slot, Stand};
use crate::{
    database::Place,
    faults::{Part, Size},
};
use nexus_testkit::{
    nats::NatsServer,
    postgres,
    process::{Settings, run, settings},
};
use std::{collections::BTreeMap, io, path::Path};

/// What is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Services on Postgres and NATS.
    Mesh,
    /// `nexus up` on SQLite.
    Up,
}

impl Kind {
    /// How large it is.
    pub fn size(self) -> Size {
        match self {
            Kind::Mesh => Size::Mesh { executors: 3, gateways: 2 },
            Kind::Up => Size::Up,
        }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Mesh => "mesh on Postgres and NATS",
            Kind::Up => "nexus up on SQLite",
        }
    }
}

fn common(extra: &Settings) -> Settings {
    let mut common = settings([
        ("NEXUS_HTTP_ADDR", "127.0.0.1:0"),
        ("NEXUS_GRPC_ADDR", "127.0.0.1:0"),
        ("LOG_FORMAT", "text"),
        ("LOG_LEVEL", "warn"),
        ("NO_COLOR", "1"),
        ("OLLAMA_HOST", "off"),
    ]);
    common.extend(extra.iter().cloned());
    common
}

fn set(environment: &mut Settings, name: &str, value: &str) {
    environment.retain(|(present, _)| present != name);
    environment.push((name.to_owned(), value.to_owned()));
}

impl Stand {
    /// Starts it with these settings. Blocks.
    pub fn start(kind: Kind, program: &Path, extra: &Settings) -> io::Result<Self> {
        match kind {
            Kind::Mesh => Self::mesh(program, extra),
            Kind::Up => Self::up(program, extra),
        }
    }

    fn empty(place: Place, folder: tempfile::TempDir) -> Self {
        Self {
            slots: Vec::new(),
            nats: None,
            postgres: None,
            place,
            gateways: Vec::new(),
            outages: Vec::new(),
            done: BTreeMap::new(),
            farewells: Vec::new(),
            complaints: Vec::new(),
            past: Vec::new(),
            _folder: folder,
        }
    }

    fn up(program: &Path, extra: &Settings) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut environment = common(extra);
        set(&mut environment, "NEXUS_DATA_DIR", &folder.path().display().to_string());
        let file = folder.path().join("nexus.db");
        let mut stand = Self::empty(Place::Sqlite(file), folder);
        let mut slot = Slot::new(Part::Up, program.to_owned(), &["up"], environment);
        slot.start()?;
        let (http, grpc) = slot
            .listening
            .split_once(" grpc ")
            .map(|(http, grpc)| (http.to_owned(), grpc.to_owned()))
            .ok_or_else(|| io::Error::other(format!("odd line: {}", slot.listening)))?;
        set(&mut slot.environment, "NEXUS_HTTP_ADDR", http.trim_start_matches("http://"));
        set(&mut slot.environment, "NEXUS_GRPC_ADDR", &grpc);
        stand.gateways.push(http);
        stand.slots.push(slot);
        Ok(stand)
    }

    fn mesh(program: &Path, extra: &Settings) -> io::Result<Self> {
        let postgres = postgres::Server::start_without_fsync()?;
        let nats = NatsServer::start()?;
        let database = postgres.create_database()?;
        let mut environment = common(extra);
        set(&mut environment, "DATABASE_URL", &database);
        set(&mut environment, "NATS_URL", &nats.url());
        let migrated = run(program, &["migrate"], environment.clone())?;
        if migrated.code() != 0 {
            return Err(io::Error::other(format!("nexus migrate failed: {}", migrated.stderr)));
        }
        let mut stand = Self::empty(Place::Postgres(database), tempfile::tempdir()?);
        stand.postgres = Some(postgres);
        stand.nats = Some(nats);
        let Size::Mesh { executors, gateways } = Kind::Mesh.size() else { return Ok(stand) };
        stand.serve(Part::Planner, program, "planner", &mut environment, Some("NEXUS_PLANNER_URL"))?;
        stand.serve(
            Part::LlmGateway,
            program,
            "llm-gateway",
            &mut environment,
            Some("NEXUS_LLM_GATEWAY_URL"),
        )?;
        stand.serve(Part::Memory, program, "memory", &mut environment, Some("NEXUS_MEMORY_URL"))?;
        let mut addresses = Vec::new();
        for nth in 0..executors {
            addresses.push(stand.serve(Part::Executor(nth), program, "executor", &mut environment, None)?);
        }
        set(&mut environment, "NEXUS_EXECUTOR_URL", &addresses.join(","));
        for nth in 0..gateways {
            let address = stand.serve(Part::Gateway(nth), program, "gateway", &mut environment, None)?;
            stand.gateways.push(address);
        }
        Ok(stand)
    }

    /// Starts a role on a free port, which it keeps; tells later ones where it is.
    fn serve(
        &mut self,
        part: Part,
        program: &Path,
        role: &str,
        environment: &mut Settings,
        told: Option<&str>,
    ) -> io::Result<String> {
        let mut slot = Slot::new(part, program.to_owned(), &["serve", role], environment.clone());
        slot.start()?;
        let (variable, address) = match slot.listening.strip_prefix("grpc ") {
            Some(grpc) => ("NEXUS_GRPC_ADDR", grpc.to_owned()),
            None => ("NEXUS_HTTP_ADDR", slot.listening.trim_start_matches("http://").to_owned()),
        };
        set(&mut slot.environment, variable, &address);
        let url = format!("http://{address}");
        if let Some(told) = told {
            set(environment, told, &url);
        }
        self.slots.push(slot);
        Ok(url)
    }
}
