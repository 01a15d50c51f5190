//! The `nexus` program: reads the command line and the configuration, and hands over. Not here: what runs where
//! (`wiring`), what commands do (`commands`).

mod args;
mod backend;
mod commands;
mod exit;
mod follow;
mod inputs;
mod out;
mod progress;
mod remote;
mod wiring;

use args::{Cli, Do, Executions};
use backend::Backend;
use clap::{CommandFactory, Parser};
use exit::{Exit, Failure, Result};
use nexus_api::Planner;
use nexus_runtime::{Config, telemetry};
use std::{process::ExitCode, sync::Arc};
use wiring::Claims;

fn main() -> ExitCode {
    // Sandboxes are kept by this very program, started once more: that one does nothing else.
    nexus_sandbox::child_main();
    // Its own mistakes end with 2, as bad usage should.
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(run(cli)).unwrap_or_else(Failure::report);
            // Blocking work that nobody waits for any more, such as a read of stdin, must not hold up the end.
            runtime.shutdown_background();
            exit
        }
        Err(error) => Failure::from(anyhow::Error::new(error).context("cannot start")).report(),
    };
    exit.into()
}

async fn run(cli: Cli) -> Result {
    nexus_runtime::tls::install();
    let Cli { command, server, settings } = cli;
    let server = server.as_deref();
    let config = Config::load(&settings.0);
    match command {
        // These need no configuration, and must work with a broken one.
        Do::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "nexus", &mut script);
            out::line(String::from_utf8_lossy(&script).trim_end());
            Ok(Exit::Success)
        }
        Do::Up => wiring::up(&config?).await,
        Do::Serve { role } => wiring::serve(&config?, role).await,
        Do::Migrate { from: None, .. } => wiring::migrate(&config?).await,
        Do::Migrate { from: Some(from), to } => {
            let config = config?;
            let telemetry = telemetry::init(&config, "migrate", "info")?;
            let done = commands::migrate::migrate(&config, &settings.0, &from, to.as_deref()).await;
            telemetry.shutdown().await;
            done
        }
        Do::Health { role, addr } => wiring::health(&config?, role, addr.as_deref()).await,
        // It says itself what is wrong with the configuration.
        Do::Doctor { json } => commands::doctor::doctor(&settings.0, json).await,
        command => {
            let config = config?;
            // Logs and progress share stderr: only what went wrong belongs there.
            let telemetry = telemetry::init(&config, "cli", "warn")?;
            let done = client(&config, server, command).await;
            telemetry.shutdown().await;
            done
        }
    }
}

/// The commands that ask something of the services.
async fn client(config: &Config, server: Option<&str>, command: Do) -> Result {
    match command {
        Do::Validate { document } => {
            commands::documents::validate(&*planner(config, server)?, &document).await
        }
        Do::Plan { document } => commands::documents::plan(&*planner(config, server)?, &document).await,
        Do::Estimate { document, inputs, budget } => {
            // A server knows earlier runs, so one that has the data folder is asked even if nobody named it.
            let (planner, _held) = match backend::remote(config, server)? {
                Some(remote) => (Arc::new(remote) as Arc<dyn Planner>, Vec::new()),
                None => wiring::estimating_planner(config)?,
            };
            commands::documents::estimate(&*planner, &document, &inputs, budget).await
        }
        Do::Models { json } => match backend::remote(config, server)? {
            Some(remote) => commands::models::models(&remote, json).await,
            None => commands::models::models(&*wiring::llm_alone(config)?, json).await,
        },
        Do::Run(arguments) => {
            // A document that is no good is no reason to wait for the data folder.
            let (document, inputs) = commands::run::prepare(&*planner(config, server)?, &arguments).await?;
            let backend = Backend::open(config, server, Claims::Own).await?;
            let done = commands::run::run(&backend, &arguments, document, inputs).await;
            backend.close().await;
            done
        }
        Do::Scrape(arguments) => {
            let backend = Backend::open(config, server, Claims::Own).await?;
            let done = commands::scrape::scrape(&backend, &arguments).await;
            backend.close().await;
            done
        }
        Do::Workflows(command) => {
            let backend = Backend::open(config, server, Claims::Own).await?;
            let done = commands::workflows::workflows(&*backend.planner, &command).await;
            backend.close().await;
            done
        }
        Do::Executions(command) => {
            // What is resumed has to be claimed.
            let claims = if matches!(command, Executions::Resume { .. }) { Claims::All } else { Claims::Own };
            let backend = Backend::open(config, server, claims).await?;
            let done = commands::executions::executions(&backend, &command).await;
            backend.close().await;
            done
        }
        Do::Backup { file, force } => commands::backup::backup(config, server, &file, force).await,
        Do::Restore { file, force } => commands::backup::restore(config, server, &file, force).await,
        Do::Memory(command) => {
            let backend = Backend::open(config, server, Claims::Own).await?;
            let done = commands::memory::memory(&*backend.memory, &command).await;
            backend.close().await;
            done
        }
        Do::Secrets(command) => {
            let backend = Backend::open(config, server, Claims::Own).await?;
            let done = commands::secrets::secrets(&*backend.secrets, &command).await;
            backend.close().await;
            done
        }
        Do::Up
        | Do::Serve { .. }
        | Do::Migrate { .. }
        | Do::Health { .. }
        | Do::Doctor { .. }
        | Do::Completions { .. } => Err(Failure::usage("this is no client command")),
    }
}

/// A planner for documents from files: the server that was named, else one in this process.
fn planner(config: &Config, server: Option<&str>) -> Result<Arc<dyn Planner>> {
    match server {
        Some(_) => match backend::remote(config, server)? {
            Some(remote) => Ok(Arc::new(remote)),
            None => wiring::planner_alone(config),
        },
        None => wiring::planner_alone(config),
    }
}
