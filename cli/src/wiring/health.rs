//! Whether a process is ready, asked from beside it: what containers without a shell use as their health check. Not
//! here: what makes it ready (`mesh`, `embedded`).

use super::parts;
use crate::{
    args::Role,
    exit::{Exit, Failure, Result},
    out,
};
use nexus_api::CallCtx;
use nexus_rpc::client;
use nexus_runtime::Config;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// How long an answer may take: less than orchestrators wait for a check.
const PATIENCE: Duration = Duration::from_secs(4);

/// `nexus health`.
pub(crate) async fn health(config: &Config, role: Option<Role>, addr: Option<&str>) -> Result {
    let port = match role {
        Some(Role::Planner) => 50051,
        Some(Role::Executor) => 50052,
        Some(Role::LlmGateway) => 50053,
        Some(Role::Memory) => 50054,
        Some(Role::Scraper) => 50055,
        Some(Role::Gateway) | None => return over_http(config, addr).await,
    };
    let name = role.map_or("nexus", Role::name);
    let scheme = if config.access.mesh_tls.is_some() { "https" } else { "http" };
    let url = addr.map_or_else(|| format!("{scheme}://{}", beside(config.grpc_addr(port))), str::to_owned);
    let ctx = CallCtx::background().with_timeout(PATIENCE);
    match client::serving(name, &url, &parts::client_options(config)?, &ctx).await {
        Ok(true) => ready(name),
        Ok(false) => Err(unready(name, &url, "it says that it is not ready")),
        Err(error) => Err(unready(name, &url, &error.message)),
    }
}

async fn over_http(config: &Config, addr: Option<&str>) -> Result {
    let addr = addr.map_or_else(|| beside(config.http_addr()).to_string(), str::to_owned);
    let scheme = if config.access.tls.is_some() { "https" } else { "http" };
    let base = if addr.contains("://") { addr } else { format!("{scheme}://{addr}") };
    let url = base.trim_end_matches('/');
    // The certificate is for the name by which clients know us, not for this machine's own address; and nothing that
    // matters is said here.
    let ourselves = config.access.tls.is_some();
    let client =
        reqwest::Client::builder().no_proxy().timeout(PATIENCE).danger_accept_invalid_certs(ourselves);
    let client = client.build().map_err(anyhow::Error::new)?;
    match client.get(format!("{url}/readyz")).send().await {
        Ok(answer) if answer.status().is_success() => ready("gateway"),
        Ok(answer) => Err(unready("gateway", url, &format!("it answers {}", answer.status()))),
        Err(error) => Err(unready("gateway", url, &error.without_url().to_string())),
    }
}

/// An address of this machine for one to listen on: all interfaces are no place to connect to.
fn beside(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

fn ready(name: &str) -> Result {
    out::line(&format!("{name} is ready"));
    Ok(Exit::Success)
}

fn unready(name: &str, url: &str, why: &str) -> Failure {
    Failure::new(Exit::Failed, format!("{name} at {url} is not ready: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_interfaces_are_asked_on_loopback() {
        for (listening, asked) in [
            ("0.0.0.0:50051", "127.0.0.1:50051"),
            ("[::]:8080", "[::1]:8080"),
            ("10.0.0.7:8080", "10.0.0.7:8080"),
        ] {
            assert_eq!(beside(listening.parse().unwrap()).to_string(), asked);
        }
    }
}
