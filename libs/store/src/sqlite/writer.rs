//! The one thread that writes, with group commit: whatever arrives while a transaction is being made durable goes
//! into the next one. Not here: what is written.

use super::rows::failed;
use crate::{Error, Result};
use rusqlite::Connection;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};
use tokio::sync::oneshot;

/// Most writes in one transaction: bounds how long the first one waits for the others.
const MOST_IN_ONE_COMMIT: usize = 256;

/// How a transaction ended, or why it could not be committed.
type Outcome = std::result::Result<(), String>;

/// A write in two steps: do it within the shared transaction, and tell the caller once that has ended.
trait Write: Send {
    fn run(&mut self, connection: &Connection);
    fn finish(self: Box<Self>, committed: &Outcome);
}

struct Pending<T, F> {
    work: Option<F>,
    result: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T> + Send> Write for Pending<T, F> {
    fn run(&mut self, connection: &Connection) {
        self.result = self.work.take().map(|work| in_savepoint(connection, work));
    }

    fn finish(self: Box<Self>, committed: &Outcome) {
        let answer = match (committed, self.result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(Error::Internal("a write was not run".into())),
            // Even a refusal is void now: it may have been due to a write that is undone.
            (Err(reason), _) => Err(Error::Unavailable(reason.clone())),
        };
        // The caller may have gone away; the write stands all the same.
        let _ = self.reply.send(answer);
    }
}

/// Runs one write so that its failure undoes it alone and leaves the rest of the transaction.
fn in_savepoint<T>(connection: &Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    execute(connection, "SAVEPOINT one_write")?;
    let result = work(connection);
    if result.is_err() {
        execute(connection, "ROLLBACK TO one_write")?;
    }
    execute(connection, "RELEASE one_write")?;
    result
}

fn execute(connection: &Connection, sql: &str) -> Result<()> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map_err(failed)?;
    Ok(())
}

/// The writing thread's handle. Dropping it waits until everything accepted is committed.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Write>>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self> {
        let (jobs, inbox) = mpsc::channel();
        let commits = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&commits);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || run(&connection, &inbox, &counter))
            .map_err(|e| Error::Unavailable(e.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), commits })
    }

    /// Runs `work` within the next transaction and returns once that is durable. A caller that goes away does not
    /// undo its write.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending { work: Some(work), result: None, reply });
        let stopped = || Error::Unavailable("the writer has stopped".into());
        self.jobs.as_ref().ok_or_else(stopped)?.send(job).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Transactions that changed something, since the start.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Closing the channel ends the thread's loop, after what is still in it.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, inbox: &mpsc::Receiver<Box<dyn Write>>, commits: &AtomicU64) {
    while let Ok(first) = inbox.recv() {
        let mut batch = vec![first];
        let before = connection.total_changes();
        let committed = commit_together(connection, inbox, &mut batch).map_err(|error| match error {
            Error::Unavailable(reason) => reason,
            other => other.to_string(),
        });
        if committed.is_ok() && connection.total_changes() != before {
            commits.fetch_add(1, Ordering::Relaxed);
        }
        for job in batch {
            job.finish(&committed);
        }
    }
}

/// One transaction with the first write of `batch` and those that have arrived meanwhile.
fn commit_together(
    connection: &Connection,
    inbox: &mpsc::Receiver<Box<dyn Write>>,
    batch: &mut Vec<Box<dyn Write>>,
) -> Result<()> {
    execute(connection, "BEGIN IMMEDIATE")?;
    let mut done = 0;
    while let Some(job) = batch.get_mut(done) {
        job.run(connection);
        // A full disk and the like make SQLite roll back by itself, and with it all writes so far.
        if connection.is_autocommit() {
            return Err(Error::Unavailable("the transaction was rolled back".into()));
        }
        done += 1;
        if done < MOST_IN_ONE_COMMIT
            && let Ok(next) = inbox.try_recv()
        {
            batch.push(next);
        }
    }
    execute(connection, "COMMIT").inspect_err(|_| {
        // Fails only if SQLite has rolled back already.
        let _ = execute(connection, "ROLLBACK");
    })
}
