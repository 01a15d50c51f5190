//! Group commit on Postgres: a few lanes, each with one connection and at most one batch in flight; what arrives
//! meanwhile goes into the lane's next batch. An execution always takes the same lane, so its steps stay in order.
//! Not here: the batch's statement (`batch`).

use super::{
    ANSWER_TIMEOUT,
    batch::{self, Encoded},
    connect_within, no_answer,
    rows::{failed, only_the_statement},
};
use crate::{Committed, Error, Result, Step};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

/// While one lane waits for the disk, the other lets the server work.
const LANES: usize = 2;
/// Most steps in one statement.
const MOST_STEPS: usize = 256;
/// Roughly the largest statement; a single step may be larger.
const MOST_BYTES: usize = 4 << 20;
/// A connection that was idle for so long is tried before it is trusted with steps.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

struct Job {
    step: Encoded,
    reply: oneshot::Sender<Result<Committed>>,
}

#[derive(Default)]
struct Counters {
    commits: AtomicU64,
    transitions: AtomicU64,
}

/// All lanes. They end when this is dropped, after what they have accepted.
pub(super) struct Lanes {
    inboxes: Vec<mpsc::UnboundedSender<Job>>,
    counters: Arc<Counters>,
}

impl Lanes {
    pub(super) fn start(options: &PgConnectOptions) -> Self {
        let counters = Arc::new(Counters::default());
        let inboxes = (0..LANES)
            .map(|_| {
                // Unbounded, but its users wait for their answers: it holds no more than there are executions.
                let (inbox, jobs) = mpsc::unbounded_channel();
                let lane =
                    Lane { options: options.clone(), connection: None, counters: Arc::clone(&counters) };
                tokio::spawn(lane.run(jobs));
                inbox
            })
            .collect();
        Self { inboxes, counters }
    }

    pub(super) async fn commit(&self, step: &Step) -> Result<Committed> {
        let mut hasher = DefaultHasher::new();
        step.id.hash(&mut hasher);
        let lane = hasher.finish() as usize % self.inboxes.len().max(1);
        let (reply, answer) = oneshot::channel();
        let stopped = || Error::Unavailable("the writer has stopped".into());
        let job = Job { step: Encoded::new(step)?, reply };
        self.inboxes.get(lane).ok_or_else(stopped)?.send(job).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    pub(super) fn commits(&self) -> u64 {
        self.counters.commits.load(Ordering::Relaxed)
    }

    pub(super) fn transitions(&self) -> u64 {
        self.counters.transitions.load(Ordering::Relaxed)
    }
}

struct Lane {
    options: PgConnectOptions,
    /// With the moment it last worked.
    connection: Option<(PgConnection, Instant)>,
    counters: Arc<Counters>,
}

impl Lane {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Job>) {
        let mut waiting = VecDeque::new();
        loop {
            if waiting.is_empty() {
                match inbox.recv().await {
                    Some(job) => waiting.push_back(job),
                    None => return,
                }
            }
            while let Ok(job) = inbox.try_recv() {
                waiting.push_back(job);
            }
            self.write(take_batch(&mut waiting)).await;
        }
    }

    async fn write(&mut self, jobs: Vec<Job>) {
        let (steps, replies): (Vec<Encoded>, Vec<_>) =
            jobs.into_iter().map(|job| (job.step, job.reply)).unzip();
        let answers = match self.execute(&steps).await {
            Ok(answers) => answers,
            // One of them is not acceptable and has spoilt the statement for all: each on its own.
            Err(Failure::Statement(_)) if steps.len() > 1 => {
                let mut answers = Vec::with_capacity(steps.len());
                for step in &steps {
                    match self.execute(std::slice::from_ref(step)).await {
                        Ok(answer) => answers.extend(answer),
                        Err(Failure::Statement(error) | Failure::Connection(error)) => {
                            answers.push(Err(error))
                        }
                    }
                }
                answers
            }
            Err(Failure::Statement(error) | Failure::Connection(error)) => {
                steps.iter().map(|_| Err(error.clone())).collect()
            }
        };
        for (reply, answer) in replies.into_iter().zip(answers) {
            // The caller may have gone away; the step stands all the same.
            let _ = reply.send(answer);
        }
    }

    /// The connection, made anew if need be. It is taken out, so that one in an unknown state is dropped whatever
    /// happens next.
    async fn connected(&mut self) -> Result<PgConnection, Failure> {
        if let Some((mut connection, used)) = self.connection.take()
            && (used.elapsed() < TRUSTED_FOR || answers(&mut connection).await)
        {
            return Ok(connection);
        }
        connect_within(&self.options).await.map_err(|e| Failure::Connection(failed(e)))
    }

    /// Writes the steps in one transaction; one answer for each.
    async fn execute(&mut self, steps: &[Encoded]) -> Result<Vec<Result<Committed>>, Failure> {
        let mut connection = self.connected().await?;
        match tokio::time::timeout(ANSWER_TIMEOUT, batch::write(&mut connection, steps)).await {
            Ok(Ok(answers)) => {
                self.connection = Some((connection, Instant::now()));
                let written = answers.iter().filter(|answer| answer.is_ok()).count();
                self.counters.transitions.fetch_add(written as u64, Ordering::Relaxed);
                self.counters.commits.fetch_add(u64::from(written > 0), Ordering::Relaxed);
                Ok(answers)
            }
            Ok(Err(error)) if only_the_statement(&error) => {
                self.connection = Some((connection, Instant::now()));
                Err(Failure::Statement(failed(error)))
            }
            Ok(Err(error)) => Err(Failure::Connection(failed(error))),
            Err(_) => Err(Failure::Connection(no_answer())),
        }
    }
}

/// Why a batch was not acknowledged.
enum Failure {
    /// The server refused it: nothing is written.
    Statement(Error),
    /// The connection broke: it may be written or not.
    Connection(Error),
}

async fn answers(connection: &mut PgConnection) -> bool {
    matches!(tokio::time::timeout(TRUSTED_FOR, connection.ping()).await, Ok(Ok(())))
}

/// The next batch: at most one step of each execution, since a statement changes a row only once.
fn take_batch(waiting: &mut VecDeque<Job>) -> Vec<Job> {
    let mut batch: Vec<Job> = Vec::new();
    let mut later = VecDeque::new();
    let mut ids = HashSet::new();
    let mut bytes = 0;
    while let Some(job) = waiting.pop_front() {
        if ids.contains(&job.step.id) {
            later.push_back(job);
            continue;
        }
        bytes += job.step.bytes();
        if !batch.is_empty() && (batch.len() >= MOST_STEPS || bytes > MOST_BYTES) {
            later.push_back(job);
            break;
        }
        ids.insert(job.step.id.clone());
        batch.push(job);
    }
    later.append(waiting);
    *waiting = later;
    batch
}
