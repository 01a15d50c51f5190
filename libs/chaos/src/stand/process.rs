//! One process of the stand and its lives. Not here: which processes there are (`start`).

use crate::faults::Part;
use nexus_testkit::process::{Process, Settings};
use std::{
    io,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

/// How much of a process's log is kept after its death.
const LOG_BYTES: usize = 64 << 10;
/// How often a start is tried: somebody else may use its port for a moment, or its database be away for long.
const STARTS: u32 = 50;

/// One life of a process.
#[derive(Debug, Clone)]
pub struct Incarnation {
    /// Whose.
    pub part: Part,
    /// When it was started.
    pub began: SystemTime,
    /// When it began to listen.
    pub listened: SystemTime,
    /// When it was killed or asked to end.
    pub ended: Option<SystemTime>,
    /// Whether it had no warning.
    pub killed: bool,
    /// When it was stopped in its tracks.
    pub frozen: Vec<(SystemTime, SystemTime)>,
    /// What it wrote of panics.
    pub panics: Vec<String>,
    /// The end of what it wrote.
    pub log: String,
}

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vitals {
    /// Open file descriptors.
    pub files: usize,
    /// Resident memory, KiB.
    pub memory: u64,
}

/// A process and how to start it again.
pub(super) struct Slot {
    pub(super) part: Part,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Settings,
    process: Option<Process>,
    /// When it was started.
    began: SystemTime,
    /// How often it gave up before it listened.
    starts: u32,
    /// What it says after `listening`.
    pub(super) listening: String,
    pub(super) present: Option<Incarnation>,
    pub(super) past: Vec<Incarnation>,
    pub(super) asked_to_end: Option<Instant>,
}

impl Slot {
    pub(super) fn new(part: Part, program: PathBuf, arguments: &[&str], environment: Settings) -> Self {
        Self {
            part,
            program,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            environment,
            process: None,
            began: SystemTime::UNIX_EPOCH,
            starts: 0,
            listening: String::new(),
            present: None,
            past: Vec::new(),
            asked_to_end: None,
        }
    }

    /// Starts it and waits until it listens.
    pub(super) fn start(&mut self) -> io::Result<()> {
        self.spawn()?;
        while !self.listens()? {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Starts it; it need not listen soon: what it depends on may be away.
    pub(super) fn spawn(&mut self) -> io::Result<()> {
        self.began = SystemTime::now();
        self.process =
            Some(Process::start(&self.program, &self.arguments, self.environment.iter().cloned())?);
        Ok(())
    }

    /// Whether it listens by now, or was killed meanwhile. One that gave up is started again.
    pub(super) fn listens(&mut self) -> io::Result<bool> {
        let Some(process) = &self.process else { return Ok(true) };
        if self.present.is_some() {
            return Ok(true);
        }
        let log = process.stderr();
        let lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        if let Some(line) = lines.filter_map(|line| line.trim_end().strip_prefix("listening ")).next_back() {
            self.listening = line.to_owned();
            self.starts = 0;
            self.present = Some(Incarnation {
                part: self.part,
                began: self.began,
                listened: SystemTime::now(),
                ended: None,
                killed: false,
                frozen: Vec::new(),
                panics: Vec::new(),
                log: String::new(),
            });
            return Ok(true);
        }
        if !self.is_running() {
            self.starts += 1;
            if self.starts == STARTS {
                return Err(io::Error::other(format!("{} does not start:\n{log}", self.part)));
            }
            self.spawn()?;
        }
        Ok(false)
    }

    pub(super) fn kill(&mut self) {
        self.over(true);
        if let Some(mut process) = self.process.take() {
            process.kill9();
            self.bury(&process);
        }
    }

    pub(super) fn freeze(&mut self) -> io::Result<()> {
        self.signal("STOP")?;
        let now = SystemTime::now();
        if let Some(present) = &mut self.present {
            present.frozen.push((now, now + Duration::from_secs(3_600)));
        }
        Ok(())
    }

    pub(super) fn thaw(&mut self) -> io::Result<()> {
        if let Some(frozen) = self.present.as_mut().and_then(|present| present.frozen.last_mut()) {
            frozen.1 = SystemTime::now();
        }
        self.signal("CONT")
    }

    pub(super) fn terminate(&mut self) -> io::Result<()> {
        self.over(false);
        self.asked_to_end = Some(Instant::now());
        self.process.as_ref().map_or(Ok(()), Process::terminate)
    }

    /// Whether it has not ended by itself.
    pub(super) fn is_running(&self) -> bool {
        let Some(process) = &self.process else { return false };
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.pid())).unwrap_or_default();
        // The state follows the name, which may hold anything but ends with the last parenthesis.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }

    /// Takes the exit code of a process that has ended; kills one that has not.
    pub(super) fn reap(&mut self) -> io::Result<i32> {
        self.asked_to_end = None;
        let running = self.is_running();
        let Some(mut process) = self.process.take() else { return Ok(-1) };
        if running {
            process.kill9();
        }
        let finished = process.wait()?;
        self.bury(&process);
        Ok(finished.code())
    }

    fn over(&mut self, killed: bool) {
        if let Some(present) = &mut self.present {
            present.killed = killed;
            present.ended = Some(SystemTime::now());
        }
    }

    fn bury(&mut self, process: &Process) {
        if let Some(mut present) = self.present.take() {
            let log = process.stderr();
            present.panics = panics(self.part, &log);
            present.log = tail(&log).to_owned();
            self.past.push(present);
        }
    }

    fn signal(&self, name: &str) -> io::Result<()> {
        let Some(process) = &self.process else { return Ok(()) };
        let status = Command::new("kill").arg(format!("-{name}")).arg(process.pid().to_string()).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("{} is gone", self.part))) }
    }

    pub(super) fn vitals(&self) -> Option<Vitals> {
        let pid = self.process.as_ref()?.pid();
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let memory = memory.trim().split(' ').next()?.parse().ok()?;
        Some(Vitals { files, memory })
    }

    pub(super) fn panics(&self) -> Vec<String> {
        self.process.as_ref().map(|process| panics(self.part, &process.stderr())).unwrap_or_default()
    }

    pub(super) fn log(&self) -> String {
        self.process.as_ref().map(|process| tail(&process.stderr()).to_owned()).unwrap_or_default()
    }
}

fn panics(part: Part, log: &str) -> Vec<String> {
    log.lines().filter(|line| line.contains("panicked at")).map(|line| format!("{part}: {line}")).collect()
}

fn tail(log: &str) -> &str {
    log.get(log.floor_char_boundary(log.len().saturating_sub(LOG_BYTES))..).unwrap_or_default()
}
