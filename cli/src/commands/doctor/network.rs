//! Addresses: ours, whether they are free and may be listened on; those of the other processes of a mesh and of the
//! collector of traces, whether anybody answers there. Not here: databases, providers.

use super::{Finding, PATIENCE};
use crate::wiring;
use nexus_runtime::Config;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use tokio::{net::TcpStream, time::timeout};

const OURS: &str = env!("CARGO_PKG_VERSION");

pub(super) async fn check(config: &Config, mesh: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, addr, http) in [
        ("NEXUS_HTTP_ADDR", Some(config.http_addr()), true),
        ("NEXUS_GRPC_ADDR", config.grpc_addr.or((!mesh).then(|| config.grpc_addr(50051))), false),
        ("NEXUS_METRICS_ADDR", config.metrics_addr, true),
    ] {
        if let Some(addr) = addr {
            findings.push(ours(config, name, addr, http).await);
        }
    }
    if mesh {
        let peers = &config.peers;
        for (role, urls) in [
            ("planner", &peers.planner),
            ("executor", &peers.executor),
            ("llm-gateway", &peers.llm_gateway),
            ("memory", &peers.memory),
            ("scraper", &peers.scraper),
        ] {
            for url in urls.split(',').map(str::trim).filter(|url| !url.is_empty()) {
                findings.push(peer(config, role, url).await);
            }
        }
    }
    if let Some(endpoint) = &config.otlp_endpoint {
        findings.push(collector(endpoint).await);
    }
    findings
}

async fn ours(config: &Config, name: &'static str, addr: SocketAddr, http: bool) -> Finding {
    if let Err(error) = config.check_exposure(name, addr) {
        return Finding::fail(
            name,
            error.to_string(),
            "listen on 127.0.0.1, or set up keys (docs/configuration.md)",
        );
    }
    // Bound for an instant: nothing shows better that it can be.
    let error = match TcpListener::bind(addr) {
        Ok(_) => return Finding::ok(name, format!("{addr} is free")),
        Err(error) => error,
    };
    if error.kind() == std::io::ErrorKind::AddrInUse {
        if let Some(version) = running(addr, http).await {
            return Finding::ok(name, format!("nexus {version} is listening on {addr}"));
        }
        return Finding::fail(
            name,
            format!("another program is listening on {addr}"),
            format!("end it, or set {name} to another address"),
        );
    }
    Finding::fail(
        name,
        format!("{addr} cannot be listened on: {error}"),
        format!("set {name} to an address of this machine"),
    )
}

/// Which nexus is there already, if one is.
async fn running(addr: SocketAddr, http: bool) -> Option<String> {
    let addr = beside(addr);
    if !http {
        let about = wiring::about(None, "nexus", &format!("http://{addr}")).await.ok()?;
        return about.version;
    }
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().ok()?;
    let answer: serde_json::Value = serde_json::from_slice(
        &client.get(format!("http://{addr}/healthz")).send().await.ok()?.bytes().await.ok()?,
    )
    .ok()?;
    answer["version"].as_str().map(str::to_owned)
}

/// All interfaces are no place to connect to.
fn beside(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

async fn peer(config: &Config, role: &'static str, url: &str) -> Finding {
    let variable = format!("NEXUS_{}_URL", role.to_uppercase().replace('-', "_"));
    match wiring::about(Some(config), role, url).await {
        Err(why) => Finding::fail(
            role,
            format!("{url} cannot be reached: {why}"),
            format!("start `nexus serve {role}` there, or set {variable}"),
        ),
        Ok(about) => {
            let version = about.version.as_deref().unwrap_or("of an unknown version");
            if !about.ready {
                let fix = "its log says what it waits for; /readyz at its NEXUS_METRICS_ADDR names it";
                return Finding::fail(
                    role,
                    format!("{url} (nexus {version}) says that it is not ready"),
                    fix,
                );
            }
            if version != OURS {
                let message = format!("{url} runs nexus {version}, this is {OURS}");
                return Finding::warn(role, message, "bring all processes to the same version");
            }
            Finding::ok(role, format!("{url} is ready, nexus {version}"))
        }
    }
}

async fn collector(endpoint: &str) -> Finding {
    let address = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let address = address.split('/').next().unwrap_or_default();
    let address = if address.contains(':') { address.to_owned() } else { format!("{address}:4317") };
    let fix = "start the collector, or set OTEL_EXPORTER_OTLP_ENDPOINT to its gRPC address (port 4317)";
    match timeout(PATIENCE, TcpStream::connect(&address)).await {
        Ok(Ok(_)) => Finding::ok("traces", format!("somebody listens at {endpoint}")),
        Ok(Err(error)) => Finding::warn("traces", format!("{endpoint} cannot be reached: {error}"), fix),
        Err(_) => Finding::warn("traces", format!("{endpoint} does not answer in time"), fix),
    }
}
