//! This machine: the data folder and its disk, the sandbox for Python. Not here: servers elsewhere.

use super::{Finding, PATIENCE};
use nexus_runtime::{
    Config,
    config::Database,
    lock::{Holder, holder},
};
use nexus_sandbox::Tier;
use std::path::Path;

/// Less free space than this is soon none.
const LITTLE: u64 = 1 << 30;
/// With less than this nothing can be kept.
const TOO_LITTLE: u64 = 100 << 20;

pub(super) async fn check(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if matches!(config.database, Database::Sqlite(_)) {
        findings.extend(folder(&config.data_dir));
    }
    findings.push(sandbox(config).await);
    findings
}

fn folder(path: &Path) -> Vec<Finding> {
    let shown = path.display();
    let other = "set NEXUS_DATA_DIR to a folder that can be written";
    // One that is not there yet is made at the first start, in the nearest one that is.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let Some(there) = absolute.ancestors().find(|folder| folder.exists()) else {
        return vec![Finding::fail("data folder", format!("{shown} cannot be found"), other)];
    };
    if !there.is_dir() {
        return vec![Finding::fail("data folder", format!("{} is no folder", there.display()), other)];
    }
    // Only writing shows whether one can write; nothing of it stays.
    let mut findings = vec![match written(there) {
        Err(error) => Finding::fail("data folder", format!("{shown} cannot be written: {error}"), other),
        Ok(()) => match holder(path) {
            Holder::Server(server) => Finding::ok(
                "data folder",
                format!("{shown} is in use by the server at {} (process {})", server.http, server.pid),
            ),
            Holder::Other => {
                Finding::ok("data folder", format!("{shown} is in use by another nexus process"))
            }
            Holder::Nobody if path.exists() => Finding::ok("data folder", format!("{shown} can be written")),
            Holder::Nobody => Finding::ok("data folder", format!("{shown} will be made at the first start")),
        },
    }];
    findings.push(disk(there));
    findings
}

/// Writes a file and takes it away again.
fn written(folder: &Path) -> std::io::Result<()> {
    let file = folder.join(format!(".nexus-doctor-{}", std::process::id()));
    std::fs::OpenOptions::new().write(true).create_new(true).open(&file)?;
    std::fs::remove_file(&file)
}

fn disk(folder: &Path) -> Finding {
    let shown = folder.display();
    let Ok(free) = nexus_runtime::disk::free(folder) else {
        return Finding::warn(
            "disk",
            format!("nobody says how much is free at {shown}"),
            "look at it with `df`",
        );
    };
    let said = format!("{:.1} GiB free at {shown}", free as f64 / f64::from(1 << 30));
    let fix = "free some space, or set NEXUS_DATA_DIR to a larger disk";
    match free {
        ..TOO_LITTLE => Finding::fail("disk", said, fix),
        TOO_LITTLE..LITTLE => Finding::warn("disk", said, fix),
        _ => Finding::ok("disk", said),
    }
}

async fn sandbox(config: &Config) -> Finding {
    let wanted = match config.sandbox.min_tier {
        'A' => Tier::A,
        'C' => Tier::C,
        _ => Tier::B,
    };
    let python = config.sandbox.python.clone().or_else(nexus_sandbox::find_python);
    let Some(python) = python else {
        return Finding::warn(
            "sandbox",
            "its Python was not found: scrapers and `python` tools cannot run here",
            "make it with scripts/sandbox_python.sh and set NEXUS_SANDBOX_PYTHON to the folder",
        );
    };
    let sandbox = nexus_sandbox::Config::new(&python);
    let Ok(report) = tokio::time::timeout(PATIENCE * 4, nexus_sandbox::detect(&sandbox)).await else {
        return Finding::warn("sandbox", "starting one took too long", "look at the load of this machine");
    };
    let version = report.python.as_deref().unwrap_or("of an unknown version");
    match report.tier {
        Some(tier) if tier >= wanted => Finding::ok(
            "sandbox",
            format!("tier {tier}, Python {version} with its libraries at {}", python.display()),
        ),
        _ => Finding::warn(
            "sandbox",
            format!("tier {wanted} is asked for, but: {report}"),
            "docs/sandbox.md says what each tier needs; NEXUS_SANDBOX_MIN_TIER accepts a weaker one",
        ),
    }
}
