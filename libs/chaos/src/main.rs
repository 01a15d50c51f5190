//! `nexus-chaos`: runs storms and says what held. Exit code 0: everything held (or, with `--expect-violation`,
//! something did not, as it must on a build that is broken on purpose); 1: otherwise; 2: the harness failed. Not here:
//! the storm itself.

use nexus_chaos::{Error, Kind, Options, Report, storm};
use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, SystemTime},
};

const USAGE: &str = "usage: nexus-chaos [--program FILE] [--minutes N] [--seed N] [--store mesh|up|both]
                   [--users N] [--trouble PERCENT] [--keep FOLDER] [--expect-violation]";

struct Arguments {
    program: PathBuf,
    seed: u64,
    minutes: f64,
    kinds: Vec<Kind>,
    users: usize,
    trouble: u64,
    keep: PathBuf,
    expect_violation: bool,
}

fn arguments() -> Result<Arguments, String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut read = Arguments {
        program: PathBuf::from("target/debug/nexus"),
        seed: now.as_secs(),
        minutes: 3.0,
        kinds: vec![Kind::Mesh, Kind::Up],
        users: 24,
        trouble: 18,
        keep: PathBuf::from("target/chaos"),
        expect_violation: false,
    };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        if name == "--expect-violation" {
            read.expect_violation = true;
            continue;
        }
        let value = given.next().ok_or_else(|| format!("{name} needs a value\n{USAGE}"))?;
        let number =
            |value: &str| value.parse::<u64>().map_err(|_| format!("{name} takes a number, not {value}"));
        match name.as_str() {
            "--program" => read.program = value.into(),
            "--seed" => read.seed = number(&value)?,
            "--minutes" => {
                let minutes = value.parse().ok().filter(|minutes: &f64| (0.1..100_000.0).contains(minutes));
                read.minutes = minutes.ok_or_else(|| format!("--minutes takes minutes, not {value}"))?;
            }
            "--users" => read.users = usize::try_from(number(&value)?).unwrap_or(1).max(1),
            "--trouble" => read.trouble = number(&value)?.min(100),
            "--keep" => read.keep = value.into(),
            "--store" => {
                read.kinds = match value.as_str() {
                    "mesh" => vec![Kind::Mesh],
                    "up" => vec![Kind::Up],
                    "both" => vec![Kind::Mesh, Kind::Up],
                    _ => return Err(format!("--store is mesh, up or both, not {value}")),
                };
            }
            _ => return Err(format!("what is {name}?\n{USAGE}")),
        }
    }
    Ok(read)
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::from(2);
        }
    };
    eprintln!(
        "SEED={} MINUTES={} on {} (the same seed makes the same plan)",
        arguments.seed,
        arguments.minutes,
        arguments.program.display()
    );
    let mut held = true;
    for kind in &arguments.kinds {
        let ran = tokio::select! {
            ran = run(&arguments, *kind) => ran,
            () = told_to_end() => {
                end_children();
                // At once: the hand that harms would go on with its plan and start them again.
                std::process::exit(130);
            }
        };
        match ran {
            Ok(report) => {
                eprintln!("\n{report}");
                if !report.verdicts.all_hold() {
                    held = false;
                    let folder = arguments.keep.join(format!("{}-{kind:?}", arguments.seed).to_lowercase());
                    match report.keep(&folder) {
                        Ok(()) => eprintln!("journals, events and logs are in {}", folder.display()),
                        Err(error) => eprintln!("cannot write to {}: {error}", folder.display()),
                    }
                }
            }
            Err(error) => {
                eprintln!("the harness failed: {error}");
                return ExitCode::from(2);
            }
        }
    }
    match (held, arguments.expect_violation) {
        (true, false) => eprintln!("everything held"),
        (false, false) => eprintln!("NOT everything held; SEED={} makes the same plan again", arguments.seed),
        (false, true) => eprintln!("caught: the broken build was seen to be broken"),
        (true, true) => eprintln!("NOT caught: this build is broken on purpose, and nothing was seen of it"),
    }
    if held == arguments.expect_violation { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn told_to_end() {
    let terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    let Ok(mut terminated) = terminated else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

/// Leaves no process behind. Postgres has a guard of its own.
fn end_children() {
    let ours = std::process::id().to_string();
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    for process in processes.flatten() {
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // After the name, which may hold anything: the state, then the parent.
        let rest = stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
        if rest.split(' ').nth(1) == Some(&ours) && !stat.contains("(sh)") && !stat.contains("(postgres)") {
            let _ = std::process::Command::new("kill").arg("-9").arg(process.file_name()).status();
        }
    }
}

async fn run(arguments: &Arguments, kind: Kind) -> Result<Report, Error> {
    let length =
        Duration::from_secs_f64(arguments.minutes * 60.0) / u32::try_from(arguments.kinds.len()).unwrap_or(1);
    let options = Options {
        program: arguments.program.clone(),
        seed: arguments.seed,
        kind,
        length,
        users: arguments.users,
        trouble: arguments.trouble,
        judge_times: true,
    };
    storm(&options).await
}
