//! `nexus doctor`: looks at everything Nexus needs here (settings, folder, database, bus, vectors, providers, ports,
//! the other processes of a mesh, the sandbox, prices, the clock) and says what to do about what is wrong. It changes
//! nothing and spends nothing. Not here: the single checks (`doctor/*`).

mod local;
mod network;
mod providers;
mod settings;
mod stores;

use crate::{
    exit::{Exit, Result},
    out,
};
use nexus_runtime::{Config, config::Flags};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

/// How long anything may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// Works, but somebody should know.
    Warn,
    /// Will not work.
    Fail,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    check: String,
    status: Status,
    /// What was found, in a sentence.
    message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self { check: check.into(), status: Status::Ok, message: message.into(), fix: None }
    }

    pub(super) fn warn(check: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let fix = Some(fix.into());
        Self { check: check.into(), status: Status::Warn, message: message.into(), fix }
    }

    pub(super) fn fail(check: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let fix = Some(fix.into());
        Self { check: check.into(), status: Status::Fail, message: message.into(), fix }
    }
}

/// Looks at everything; ends with 1 if something will not work.
pub(crate) async fn doctor(flags: &Flags, json: bool) -> Result {
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let (mut findings, config) = settings::check(flags, &environment);
    if let Some(config) = config {
        findings.extend(all(&config, flags, &environment).await);
    }
    let worst = findings.iter().map(|finding| finding.status).max().unwrap_or(Status::Ok);
    if json {
        out::json(&serde_json::json!({
            "status": worst, "version": env!("CARGO_PKG_VERSION"), "checks": findings,
        }));
    } else {
        findings.iter().for_each(|finding| out::line(&lines(finding)));
    }
    Ok(if worst == Status::Fail { Exit::Failed } else { Exit::Success })
}

async fn all(config: &Config, flags: &Flags, environment: &BTreeMap<String, String>) -> Vec<Finding> {
    let given = |name: &str| {
        flags.keys().any(|flag| *flag == name) || environment.get(name).is_some_and(|value| !value.is_empty())
    };
    let peers = given("NEXUS_PLANNER_URL")
        || given("NEXUS_EXECUTOR_URL")
        || given("NEXUS_LLM_GATEWAY_URL")
        || given("NEXUS_MEMORY_URL")
        || given("NEXUS_SCRAPER_URL");
    let mut findings = local::check(config).await;
    let (stores, providers, network) =
        tokio::join!(stores::check(config), providers::check(config), network::check(config, peers));
    findings.extend(stores.into_iter().chain(providers).chain(network));
    findings
}

/// For people: what was found, and below it what to do.
fn lines(finding: &Finding) -> String {
    let mark = match finding.status {
        Status::Ok => "ok  ",
        Status::Warn => "warn",
        Status::Fail => "FAIL",
    };
    let found = format!("{mark}  {:<16}  {}", finding.check, finding.message);
    match &finding.fix {
        Some(fix) => format!("{found}\n      {:<16}  -> {fix}", ""),
        None => found,
    }
}
