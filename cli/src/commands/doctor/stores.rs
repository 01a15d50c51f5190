//! Where the state is: database, events, vectors; whether each is there, fits, and has the same idea of the time. Not
//! here: the data folder (`local`).

use super::{Finding, PATIENCE};
use nexus_memory::QdrantStore;
use nexus_model::Timestamp;
use nexus_runtime::{Config, config::Database};
use nexus_store::{MemoryStore, postgres::PostgresStore};
use secrecy::ExposeSecret;
use std::{path::Path, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    time::timeout,
};

/// More than this between two clocks confuses people who read times; leases use the database's clock alone.
const SKEW: Duration = Duration::from_secs(5);

pub(super) async fn check(config: &Config) -> Vec<Finding> {
    let (mut findings, bus, vectors) = tokio::join!(database(config), bus(config), vectors(config));
    findings.extend([bus, vectors]);
    findings
}

async fn database(config: &Config) -> Vec<Finding> {
    match &config.database {
        Database::Sqlite(path) => vec![file(path)],
        Database::Postgres(url) => match timeout(PATIENCE, postgres(url.expose_secret())).await {
            Ok(findings) => findings,
            Err(_) => vec![unreachable("no answer in time")],
        },
    }
}

fn unreachable(why: &str) -> Finding {
    Finding::fail(
        "database",
        format!("cannot be reached: {why}"),
        "start it, or set DATABASE_URL to another one (postgres://user:password@host/database)",
    )
}

async fn postgres(url: &str) -> Vec<Finding> {
    let store = match PostgresStore::connect(url).await {
        Ok(store) => store,
        Err(error) => return vec![unreachable(&error.to_string())],
    };
    let about = match store.about().await {
        Ok(about) => about,
        Err(error) => return vec![unreachable(&error.to_string())],
    };
    let asked = Timestamp::now();
    let mut findings = vec![match store.check_schema().await {
        Ok(()) => Finding::ok("database", format!("Postgres {}, at this version's schema", about.version)),
        Err(nexus_store::Error::Schema(sentence)) => Finding::fail(
            "database",
            format!("Postgres {}: {sentence}", about.version),
            "run `nexus migrate`",
        ),
        Err(error) => unreachable(&error.to_string()),
    }];
    let skew = asked.since(about.now).max(about.now.since(asked));
    let said = format!("this machine and the database are {:.1} s apart", skew.as_secs_f64());
    findings.push(if skew > SKEW {
        Finding::warn("clock", said, "let both follow the same time servers (NTP)")
    } else {
        Finding::ok("clock", said)
    });
    findings
}

/// A file is only looked at: opening it would bring it to this version's schema.
fn file(path: &Path) -> Finding {
    let shown = path.display();
    let fix = "set DATABASE_URL to another file, or restore it from a backup";
    if !path.exists() {
        return Finding::ok("database", format!("SQLite; {shown} will be made at the first start"));
    }
    let head = std::fs::File::open(path).and_then(|mut file| {
        let mut head = [0; 16];
        std::io::Read::read_exact(&mut file, &mut head).map(|()| head)
    });
    match head {
        Ok(head) if head.starts_with(b"SQLite format 3") => {
            Finding::ok("database", format!("SQLite at {shown}"))
        }
        Ok(_) => Finding::fail("database", format!("{shown} is no SQLite database"), fix),
        Err(error) => Finding::fail("database", format!("{shown} cannot be read: {error}"), fix),
    }
}

async fn bus(config: &Config) -> Finding {
    let Some(urls) = config.nats_url() else {
        return match config.database {
            Database::Sqlite(_) => Finding::ok("events", "stay in the process"),
            Database::Postgres(_) => Finding::warn(
                "events",
                "NATS_URL is not set: the processes of a mesh ask the database once a second",
                "set NATS_URL to nats://host:4222 if this is a mesh",
            ),
        };
    };
    let mut why = String::new();
    for url in urls.split(',').map(str::trim).filter(|url| !url.is_empty()) {
        match timeout(PATIENCE, greeting(url)).await {
            Ok(Ok(version)) => return Finding::ok("events", format!("NATS {version}")),
            Ok(Err(error)) => why = error,
            Err(_) => "no answer in time".clone_into(&mut why),
        }
    }
    // Executions go on without it: only wake-ups and live events are slower.
    Finding::warn(
        "events",
        format!("NATS cannot be reached: {why}"),
        "start it, or set NATS_URL to nats://host:4222",
    )
}

/// A server says what it is before it is asked.
async fn greeting(url: &str) -> Result<String, String> {
    let address = url.split_once("://").map_or(url, |(_, rest)| rest);
    let address = address.rsplit('@').next().unwrap_or_default().split('/').next().unwrap_or_default();
    let address = if address.contains(':') { address.to_owned() } else { format!("{address}:4222") };
    let stream = TcpStream::connect(&address).await.map_err(|error| format!("{address}: {error}"))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.map_err(|error| format!("{address}: {error}"))?;
    let info = line.strip_prefix("INFO ").ok_or_else(|| format!("{address} does not speak NATS"))?;
    let info: serde_json::Value = serde_json::from_str(info).map_err(|error| error.to_string())?;
    Ok(info["version"].as_str().unwrap_or("of an unknown version").to_owned())
}

async fn vectors(config: &Config) -> Finding {
    let Some(qdrant) = &config.qdrant else { return Finding::ok("vectors", "are kept in the database") };
    let fix = "start it, or set QDRANT_URL (its gRPC address, e.g. http://host:6334) and QDRANT_API_KEY";
    let store = match QdrantStore::new(&qdrant.url, qdrant.api_key.as_ref()) {
        Ok(store) => store,
        Err(error) => return Finding::fail("vectors", format!("QDRANT_URL: {error}"), fix),
    };
    match timeout(PATIENCE, store.check()).await {
        Ok(Ok(())) => Finding::ok("vectors", "Qdrant answers"),
        Ok(Err(error)) => Finding::fail("vectors", format!("Qdrant cannot be used: {error}"), fix),
        Err(_) => Finding::fail("vectors", "Qdrant does not answer in time", fix),
    }
}
