//! The architecture's rules about who may depend on whom, asserted over `cargo metadata`. Tests are free: only what
//! is built into the programs counts. Not here: licences and sources (`dependencies`), rules about files
//! (`house_rules`).
#![expect(clippy::unwrap_used, reason = "a test ends with a panic when something is not as it should be")]

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};

const SERVICES: [&str; 5] =
    ["nexus-planner", "nexus-executor", "nexus-llm-gateway", "nexus-memory", "nexus-scraper"];

/// Which of our own crates each one may use. The command line, which wires everything, may use all.
const ALLOWED: [(&str, &[&str]); 23] = [
    ("nexus-model", &[]),
    ("nexus-expr", &["nexus-model"]),
    ("nexus-plan", &["nexus-model", "nexus-expr"]),
    ("nexus-embed", &[]),
    ("nexus-engine", &["nexus-model", "nexus-expr"]),
    ("nexus-api", &["nexus-model", "nexus-plan", "nexus-engine"]),
    ("nexus-rpc", &["nexus-model", "nexus-plan", "nexus-api", "nexus-runtime"]),
    ("nexus-store", &["nexus-model", "nexus-api"]),
    ("nexus-bus", &["nexus-model", "nexus-api"]),
    ("nexus-egress", &["nexus-model", "nexus-api"]),
    ("nexus-sandbox", &["nexus-model", "nexus-api"]),
    ("nexus-miner", &["nexus-model"]),
    ("nexus-runtime", &["nexus-model", "nexus-api"]),
    ("nexus-auth", &["nexus-api", "nexus-runtime"]),
    ("nexus-testkit", &["nexus-model", "nexus-api"]),
    ("nexus-chaos", &["nexus-model", "nexus-testkit"]),
    ("nexus-planner", BENEATH_SERVICES),
    ("nexus-executor", BENEATH_SERVICES),
    ("nexus-llm-gateway", BENEATH_SERVICES),
    ("nexus-memory", BENEATH_SERVICES),
    ("nexus-scraper", BENEATH_SERVICES),
    // The gateway speaks to ports; it knows neither the database nor who is behind a port.
    ("nexus-gateway", &["nexus-model", "nexus-plan", "nexus-api", "nexus-runtime"]),
    ("nexus-cli", EVERYTHING),
];

const BENEATH_SERVICES: &[&str] = &[
    "nexus-model",
    "nexus-expr",
    "nexus-plan",
    "nexus-embed",
    "nexus-engine",
    "nexus-api",
    "nexus-store",
    "nexus-bus",
    "nexus-egress",
    "nexus-sandbox",
    "nexus-miner",
    "nexus-runtime",
];

const EVERYTHING: &[&str] = &[
    "nexus-auth",
    "nexus-model",
    "nexus-expr",
    "nexus-plan",
    "nexus-embed",
    "nexus-engine",
    "nexus-api",
    "nexus-store",
    "nexus-bus",
    "nexus-egress",
    "nexus-sandbox",
    "nexus-runtime",
    "nexus-rpc",
    "nexus-gateway",
    "nexus-planner",
    "nexus-executor",
    "nexus-llm-gateway",
    "nexus-memory",
    "nexus-scraper",
];

/// Outside crates that belong to one of ours alone, by the beginning of their names.
const RESERVED: [(&str, &[&str]); 14] = [
    ("html5ever", &["nexus-miner"]),
    ("jsonwebtoken", &["nexus-auth"]),
    // The testkit is no part of the programs: its double of a Qdrant server speaks gRPC by itself.
    ("tonic", &["nexus-rpc", "nexus-testkit"]),
    ("prost", &["nexus-rpc"]),
    // The chaos harness is no part of the programs: it looks into their databases with statements of its own.
    ("sqlx", &["nexus-store", "nexus-chaos"]),
    ("rusqlite", &["nexus-store", "nexus-chaos"]),
    ("async-nats", &["nexus-bus"]),
    ("qdrant-client", &["nexus-memory", "nexus-testkit"]),
    ("rust-embed", &["nexus-gateway"]),
    ("clap", &["nexus-cli"]),
    ("anyhow", &["nexus-cli"]),
    // The testkit's double of a collector speaks its protocol.
    ("opentelemetry", &["nexus-runtime", "nexus-testkit"]),
    ("landlock", &["nexus-sandbox"]),
    ("seccompiler", &["nexus-sandbox"]),
];

/// The crate that speaks to the kernel itself.
const SYSTEM: &str = "nexus-sandbox";

/// Crates that neither wait nor touch the outside world.
const PURE: [&str; 5] = ["nexus-model", "nexus-expr", "nexus-plan", "nexus-engine", "nexus-embed"];

const IMPURE: [&str; 12] = [
    "tokio",
    "tokio-util",
    "tokio-stream",
    "async-trait",
    "futures",
    "reqwest",
    "hyper",
    "axum",
    "tower",
    "rand",
    "tempfile",
    "tracing-subscriber",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap()
}

/// What the package's programs are built with.
fn uses(package: &Package) -> BTreeSet<&str> {
    let built_in = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
    built_in.map(|dependency| dependency.name.as_str()).collect()
}

fn is_ours(name: &str) -> bool {
    name.starts_with("nexus-")
}

#[test]
fn dependencies_point_one_way() {
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let Some(allowed) = allowed.get(name) else {
            panic!("{name} is new: say in this test which of our crates it may use")
        };
        for used in uses(package).into_iter().filter(|used| is_ours(used)) {
            assert!(allowed.contains(&used), "{name} must not depend on {used}");
        }
    }
}

#[test]
fn services_know_neither_each_other_nor_the_wire() {
    for package in metadata().workspace_packages() {
        let name = package.name.as_str();
        if name == "nexus-cli" {
            continue;
        }
        for used in uses(package) {
            let of_the_wiring = SERVICES.contains(&used) || used == "nexus-rpc" || used == "nexus-gateway";
            assert!(!of_the_wiring, "only nexus-cli may depend on {used}, {name} does");
        }
    }
}

#[test]
fn outside_crates_stay_where_they_belong() {
    for package in metadata().workspace_packages() {
        for used in uses(package) {
            for (prefix, owners) in RESERVED {
                let reserved = used == prefix
                    || used.starts_with(&format!("{prefix}-"))
                    || used.starts_with(&format!("{prefix}_"));
                assert!(
                    !reserved || owners.contains(&package.name.as_str()),
                    "{} must not depend on {used}",
                    package.name
                );
            }
        }
    }
}

#[test]
fn pure_crates_are_pure() {
    for package in metadata().workspace_packages() {
        if PURE.contains(&package.name.as_str()) {
            for used in uses(package) {
                assert!(!IMPURE.contains(&used), "{} must not depend on {used}", package.name);
            }
        }
    }
}

/// Cargo takes lints as a whole or not at all, so the crate that needs one exception repeats them.
#[test]
fn one_file_of_one_crate_may_be_unsafe() {
    let root = metadata().workspace_root;
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap().parse::<toml::Table>().unwrap();
    let mut wanted = read("Cargo.toml")["workspace"]["lints"].clone();
    wanted["rust"]["unsafe_code"] = "deny".into();
    assert_eq!(
        read("libs/sandbox/Cargo.toml")["lints"],
        wanted,
        "{SYSTEM} has other lints than the workspace"
    );
    let mut folders = vec![root.join("libs/sandbox").into_std_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("src/sys.rs")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(!text.contains("unsafe_code"), "{} lifts the ban on unsafe code", path.display());
            }
        }
    }
}

#[test]
fn every_crate_takes_lints_and_version_from_the_workspace() {
    for package in metadata().workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        let inherits = manifest.contains("[lints]\nworkspace = true");
        assert!(inherits || package.name.as_str() == SYSTEM, "{} sets its own lints", package.name);
        assert!(manifest.contains("version.workspace = true"), "{} sets its own version", package.name);
        assert_eq!(package.publish, Some(Vec::new()), "{} could be published by mistake", package.name);
    }
}
