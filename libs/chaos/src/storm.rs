//! One storm from its calm beginning to its judgement. Not here: its parts.

use crate::{
    database::{self, Database},
    faults,
    jobs::Places,
    judge::{judge, judge_starts},
    observe::observe,
    provider::Provider,
    report::Report,
    stand::{Kind, Stand},
    stewardship::{judge_reclaims, judge_vitals, reclaims},
    users::{Account, Users},
    verdict::{Invariant, Verdicts},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::watch;

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Options {
    /// The `nexus` program.
    pub program: PathBuf,
    /// From which everything follows.
    pub seed: u64,
    /// What is tested.
    pub kind: Kind,
    /// How long it is harmed.
    pub length: Duration,
    /// How many users at once.
    pub users: usize,
    /// How many of a hundred calls of models go wrong.
    pub trouble: u64,
    /// Whether to judge how long things took and what processes hold: not on a machine that others use, too.
    pub judge_times: bool,
}

/// What can go wrong with the harness itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A process, a server, a file.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Looking into the database.
    #[error("{0}")]
    Database(#[from] database::Error),
    /// The client of the gateways.
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    /// A part of the harness died.
    #[error("{0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Executions before the storm: caches fill, pools open.
const WARM_UP: u64 = 24;
/// How long users wait for the end of what is under way when the storm is over: a lease, some timeouts, retries.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long connections that nobody needs any more may stay open before processes are looked at.
const SETTLE: Duration = Duration::from_secs(3);
/// How far from a standstill its effects reach.
const AROUND: Duration = Duration::from_secs(1);

/// Starts everything, harms it, and judges.
pub async fn storm(options: &Options) -> Result<Report, Error> {
    let provider = Provider::start(options.seed, options.trouble).await?;
    let (kind, program, settings) = (options.kind, options.program.clone(), provider.settings());
    let mut stand = blocking(move || Stand::start(kind, &program, &settings)).await??;
    let users = Users::new(options.seed, Places { tool: provider.tool() }, stand.gateways.clone())?;

    let say = |what: &str| eprintln!("{}: {what}", kind.name());
    if options.judge_times {
        say("calm");
        users.crowd(options.users, Some(WARM_UP), Duration::from_secs(60), PATIENCE).await;
        tokio::time::sleep(SETTLE).await;
    }
    let before = stand.vitals();

    say("storm");
    let (stop, stopped) = watch::channel(false);
    let observing = tokio::spawn(observe(stand.place.clone(), stopped));
    let plan = faults::plan(options.seed, kind.size(), options.length);
    let began = Instant::now();
    let harming = tokio::task::spawn_blocking(move || {
        let harmed = stand.harm(&plan);
        (stand, harmed)
    });
    let crowd = users.crowd(options.users, None, options.length, PATIENCE);
    let (harmed, ()) = tokio::join!(harming, crowd);
    let (stand, harmed) = harmed?;
    harmed?;
    let took = began.elapsed();

    say("judging");
    let _ = stop.send(true);
    let observed = observing.await?;
    provider.idle().await;
    if options.judge_times {
        tokio::time::sleep(SETTLE).await;
    }
    let after = stand.vitals();

    let mut verdicts = Verdicts::default();
    let accounts = users.take_accounts();
    let lives = stand.lives();
    let standstills: Vec<(SystemTime, SystemTime)> = lives
        .iter()
        .flat_map(|life| life.frozen.iter().copied().chain(life.ended.map(|ended| (ended, ended))))
        .collect();
    let calm = |from: SystemTime, to: SystemTime| {
        !standstills.iter().any(|(start, end)| *start < to + AROUND && *end + AROUND > from)
    };
    let mut connection = Database::connect(&stand.place).await?;
    let rows = connection.all().await?;
    let ids: BTreeSet<String> = rows.iter().map(|row| row.id.clone()).collect();
    judge_starts(&mut verdicts, &accounts, &ids, &provider.billed());
    let mut wrong = Vec::new();
    let mut statuses = BTreeMap::new();
    let by_id: BTreeMap<&str, &Account> =
        accounts.iter().filter_map(|account| Some((account.execution.as_deref()?, account))).collect();
    for row in rows {
        *statuses.entry(row.status.clone()).or_default() += 1;
        let Some(account) = by_id.get(row.id.as_str()) else { continue };
        let stored = connection.stored(row).await?;
        let broken = verdicts.broken();
        judge(&mut verdicts, account, &stored, &provider.bill(&stored.row.id), calm);
        if verdicts.broken() > broken {
            wrong.push(stored);
        }
    }
    verdicts.held(Invariant::WithinLimit, observed.looks);
    for overdrawn in &observed.overdrawn {
        verdicts.check(Invariant::WithinLimit, false, || overdrawn.clone());
    }
    verdicts.check(Invariant::CallsAreKnown, provider.unknown() == 0, || {
        format!("{} calls named no execution", provider.unknown())
    });
    verdicts.held(Invariant::Manners, lives.len() as u64);
    let broken_answers = users.broken_answers();
    for complaint in stand.all_complaints().into_iter().chain(broken_answers) {
        verdicts.check(Invariant::Manners, false, || complaint);
    }
    let waits = reclaims(kind, &lives, &observed, &stand.outages);
    if options.judge_times {
        judge_reclaims(&mut verdicts, kind, &waits);
        judge_vitals(&mut verdicts, &before, &after);
    }
    Ok(Report {
        seed: options.seed,
        kind,
        took,
        executions: ids.len(),
        statuses,
        connections: accounts
            .iter()
            .flat_map(|account| &account.watchers)
            .map(|watcher| watcher.connections)
            .sum(),
        cancels: accounts.iter().map(|account| account.cancels.len()).sum(),
        resumes: accounts.iter().map(|account| u64::from(account.resumed)).sum(),
        fates: provider.fates(),
        answers: users.statuses(),
        done: stand.done.clone(),
        farewells: stand.farewells.clone(),
        takeovers: waits.len(),
        verdicts,
        wrong,
        logs: stand.logs(),
    })
}

/// Runs what blocks where it holds up nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    Ok(tokio::task::spawn_blocking(work).await?)
}
