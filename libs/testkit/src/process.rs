//! Real processes for tests: a program with an environment of its own, what it writes, and ways to end it; the `nexus`
//! program in particular, everything in one process or as a mesh. Not here: Postgres and NATS themselves (`postgres`,
//! `nats`).

mod mesh;

pub use mesh::Mesh;

use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long anything may take that a test waits for. Generous: machines are busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running program; dropping it kills it. All methods block: call those that wait with `spawn_blocking` from tests
/// with other work to do.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    stdout: Stream,
    stderr: Stream,
}

/// What a finished program left.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Finished {
    /// The exit code; -1 if a signal ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }
}

/// Lines of a stream as they come.
#[derive(Debug, Clone, Default)]
struct Stream(Arc<(Mutex<Text>, Condvar)>);

#[derive(Debug, Default)]
struct Text {
    all: String,
    ended: bool,
}

impl Stream {
    fn read(from: impl Read + Send + 'static) -> Self {
        let stream = Self::default();
        let shared = stream.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(from);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                shared.text().all.push_str(&String::from_utf8_lossy(&line));
                shared.0.1.notify_all();
                line.clear();
            }
            shared.text().ended = true;
            shared.0.1.notify_all();
        });
        stream
    }

    fn text(&self) -> MutexGuard<'_, Text> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `found` sees something in all that came so far; `None` at the end of the stream or of patience.
    fn wait<T>(&self, found: impl Fn(&str) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut text = self.text();
        loop {
            if let Some(value) = found(&text.all) {
                return Some(value);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            if text.ended {
                return None;
            }
            text = self.0.1.wait_timeout(text, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Process {
    /// Starts a program. It gets this environment and `PATH`, nothing else of ours.
    pub fn start<A, K, V>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> io::Result<Self>
    where
        A: AsRef<OsStr>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(
                |error| io::Error::new(error.kind(), format!("cannot start {}: {error}", program.display())),
            )?;
        let missing = || io::Error::other("the pipe is missing");
        let stdout = Stream::read(child.stdout.take().ok_or_else(missing)?);
        let stderr = Stream::read(child.stderr.take().ok_or_else(missing)?);
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { child, name, stdout, stderr })
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text().all.clone()
    }

    /// What it wrote to stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.text().all.clone()
    }

    /// Waits for a line on stderr that begins with `prefix`; returns what follows.
    pub fn wait_for_line(&self, prefix: &str) -> io::Result<String> {
        let found = |text: &str| {
            text.split_inclusive('\n')
                .filter(|line| line.ends_with('\n'))
                .find_map(|line| line.trim_end().strip_prefix(prefix).map(str::to_owned))
        };
        self.stderr.wait(found).ok_or_else(|| self.complaint(&format!("did not write `{prefix}…`")))
    }

    /// Waits until it has written something that contains `text` to stdout.
    pub fn wait_for_stdout(&self, text: &str) -> io::Result<()> {
        self.stdout
            .wait(|all| all.contains(text).then_some(()))
            .ok_or_else(|| self.complaint(&format!("did not write `{text}`")))
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) -> io::Result<()> {
        self.signal("TERM")
    }

    /// As Ctrl-C does (SIGINT).
    pub fn interrupt(&self) -> io::Result<()> {
        self.signal("INT")
    }

    /// Kills it at once, as a crash would.
    pub fn kill9(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> io::Result<Finished> {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                return Err(self.complaint("does not end"));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        // The pipes may still hold something; they end with the process.
        self.stdout.wait(|_| None::<()>);
        self.stderr.wait(|_| None::<()>);
        Ok(Finished { status, stdout: self.stdout(), stderr: self.stderr() })
    }

    fn signal(&self, name: &str) -> io::Result<()> {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status()?;
        if status.success() { Ok(()) } else { Err(self.complaint("is gone already")) }
    }

    fn complaint(&self, problem: &str) -> io::Error {
        let (stdout, stderr) = (self.stdout(), self.stderr());
        io::Error::other(format!("{} {problem}\nstdout: {stdout}\nstderr: {stderr}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// Settings of a `nexus` process.
pub type Settings = Vec<(String, String)>;

/// Settings from pairs of texts.
pub fn settings<const N: usize>(pairs: [(&str, &str); N]) -> Settings {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// `nexus up` on free ports.
#[derive(Debug)]
pub struct Up {
    /// The process.
    pub process: Process,
    /// `http://127.0.0.1:PORT`.
    pub http: String,
    /// `127.0.0.1:PORT`.
    pub grpc: String,
}

impl Up {
    /// Starts it over this data folder and waits until it listens.
    pub fn start(program: &Path, data_dir: &Path, extra: Settings) -> io::Result<Self> {
        let mut environment = settings([
            ("NEXUS_HTTP_ADDR", "127.0.0.1:0"),
            ("NEXUS_GRPC_ADDR", "127.0.0.1:0"),
            ("LOG_FORMAT", "text"),
            ("NO_COLOR", "1"),
        ]);
        environment.push(("NEXUS_DATA_DIR".to_owned(), data_dir.display().to_string()));
        environment.extend(extra);
        let process = Process::start(program, ["up"], environment)?;
        let line = process.wait_for_line("listening ")?;
        let (http, grpc) =
            line.split_once(" grpc ").ok_or_else(|| io::Error::other(format!("odd line: {line}")))?;
        Ok(Self { http: http.to_owned(), grpc: grpc.to_owned(), process })
    }
}

/// Runs a `nexus` command to its end.
pub fn run(program: &Path, arguments: &[&str], environment: Settings) -> io::Result<Finished> {
    Process::start(program, arguments, environment)?.wait()
}

/// The repository's folder.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
