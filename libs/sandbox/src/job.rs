//! What is run and what comes of it. Not here: how it can fail (`error`).

use crate::Network;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// Which function of the code is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// `scrape_data(url)`, which must return `{"data": [...], "metadata": {...}}` (`metadata` may be left out).
    ScrapeData,
    /// `run(inputs)`, which may return any JSON value.
    Run,
}

impl Entry {
    /// The name of the function.
    pub fn function(self) -> &'static str {
        match self {
            Entry::ScrapeData => "scrape_data",
            Entry::Run => "run",
        }
    }
}

/// One run of some code.
#[derive(Debug)]
pub struct Job {
    /// Python source that defines the entry's function.
    pub code: String,
    /// Which function is called.
    pub entry: Entry,
    /// Its only argument.
    pub argument: Value,
    /// What it may use up.
    pub limits: Limits,
    /// Whom it may talk to.
    pub network: Network,
}

/// What a job may use up. Memory, scratch and processes also have limits in [`crate::Config`]; the lower ones hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time by the clock, from the moment the job is handed to the sandbox.
    pub wall: Duration,
    /// CPU time, rounded up to whole seconds.
    pub cpu: Duration,
    /// Memory, in bytes, the interpreter's own included.
    pub memory: u64,
    /// Length of the returned value as JSON, in bytes.
    pub result: usize,
    /// How much of stdout and of stderr is kept, in bytes each; the rest is read and thrown away.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(30),
            cpu: Duration::from_secs(30),
            memory: 512 << 20,
            result: 4 << 20,
            output: 64 << 10,
        }
    }
}

/// A job that ended well.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What the function returned.
    pub value: Value,
    /// What was printed, cut at the limit.
    pub stdout: String,
    /// What was printed as errors, cut at the limit.
    pub stderr: String,
    /// From the moment the job was handed to the sandbox.
    pub duration: Duration,
    /// CPU time of the interpreter, without its preparation.
    pub cpu: Duration,
    /// The most memory in use at a time, in bytes: of the cgroup in tier A, else of the interpreter.
    pub peak_memory: u64,
}
