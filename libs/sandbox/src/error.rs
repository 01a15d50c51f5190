//! How a job can fail, in words for the person whose code it is: a stable code, a message, a suggestion.
//! Not here: the services' error type (`nexus-api`), into which they turn these.

use std::time::Duration;

/// A job that did not end well, with what it had printed by then.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct Error {
    /// What went wrong.
    pub reason: Reason,
    /// What was printed, cut at the limit.
    pub stdout: Box<str>,
    /// What was printed as errors, cut at the limit.
    pub stderr: Box<str>,
    /// How long it took; zero if the job never started.
    pub duration: Duration,
    /// Whether the job ran without network, which explains failures to connect.
    pub offline: bool,
}

impl Error {
    /// The reason's code.
    pub fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// What the person can do about it.
    pub fn suggestion(&self) -> String {
        match &self.reason {
            Reason::Exception { kind, .. } if self.offline && is_network(kind) => {
                "this code runs without network: fetch with an `http_request` or `scraper` node before it, and \
                 hand the answer in as an input"
                    .to_owned()
            }
            reason => reason.suggestion(),
        }
    }
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            stdout: Box::default(),
            stderr: Box::default(),
            duration: Duration::ZERO,
            offline: false,
        }
    }
}

/// What Python calls the failures to reach somebody.
fn is_network(kind: &str) -> bool {
    let name = kind.rsplit('.').next().unwrap_or(kind);
    matches!(
        name,
        "ConnectionError" | "ConnectTimeout" | "ProxyError" | "URLError" | "gaierror" | "NewConnectionError"
    ) || kind.starts_with("requests.exceptions.")
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The time by the clock ran out.
    #[error("the code did not end within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The CPU time ran out.
    #[error("the code used more than {} s of CPU time", .0.as_secs_f64())]
    CpuTime(Duration),
    /// More memory than allowed.
    #[error("the code used more than {} MB of memory", .0 >> 20)]
    Memory(u64),
    /// The returned value is too long.
    #[error("the returned value is longer than {} KiB as JSON", .0 >> 10)]
    ResultTooLarge(usize),
    /// The code raised an exception.
    #[error("{kind}: {message}")]
    Exception {
        /// The exception's class, with its module unless built in.
        kind: Box<str>,
        /// Its text, cut.
        message: Box<str>,
        /// The code's own part of the traceback, cut.
        traceback: Box<str>,
        /// The line of the code where it happened.
        line: Option<u32>,
    },
    /// The code is no Python.
    #[error("line {line}: {message}")]
    Syntax {
        /// What the parser says.
        message: String,
        /// Where.
        line: u32,
    },
    /// The function is not there.
    #[error("the code does not define the function `{0}`")]
    NoFunction(String),
    /// A module that makes no sense in a sandbox.
    #[error("line {line}: `{module}` cannot be used here: {why}")]
    ForbiddenImport {
        /// The module.
        module: String,
        /// Why not.
        why: String,
        /// Where.
        line: u32,
    },
    /// A module that is not installed.
    #[error("the module `{0}` is not installed in the sandbox")]
    NotInstalled(String),
    /// The function returned something else than it should.
    #[error("{0}")]
    WrongShape(String),
    /// The program ended without returning from the function.
    #[error("the program ended before the function returned ({0})")]
    NoResult(String),
    /// What came over the result channel is not what the sandbox writes there.
    #[error("the program wrote to the channel of results itself")]
    InvalidResult,
    /// Killed by a signal for none of the reasons above.
    #[error("the program was killed ({0})")]
    Killed(String),
    /// No sandbox of the wanted strength is to be had.
    #[error("untrusted code cannot be run here: {0}")]
    Refused(String),
    /// A sandbox could not be set up.
    #[error("the sandbox could not be set up: {0}")]
    Setup(String),
    /// The pool is closing.
    #[error("the service is stopping")]
    Closed,
}

impl Reason {
    /// A stable name, `snake_case`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::CpuTime(_) => "cpu_time",
            Self::Memory(_) => "memory",
            Self::ResultTooLarge(_) => "result_too_large",
            Self::Exception { .. } => "exception",
            Self::Syntax { .. } => "syntax",
            Self::NoFunction(_) => "no_function",
            Self::ForbiddenImport { .. } => "forbidden_import",
            Self::NotInstalled(_) => "not_installed",
            Self::WrongShape(_) => "wrong_shape",
            Self::NoResult(_) => "no_result",
            Self::InvalidResult => "invalid_result",
            Self::Killed(_) => "killed",
            Self::Refused(_) => "refused",
            Self::Setup(_) => "setup",
            Self::Closed => "closed",
        }
    }

    /// What a person can do about it.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Timeout(_) => {
                "look for a loop that never ends or a page that answers slowly; give requests a \
                                 `timeout`, or fetch fewer pages per run"
                    .to_owned()
            }
            Self::CpuTime(_) => "look for a loop that never ends, or do less work per run".to_owned(),
            Self::Memory(_) => "process the data piece by piece instead of keeping all of it".to_owned(),
            Self::ResultTooLarge(_) => "return fewer records or shorter fields".to_owned(),
            Self::Exception { line: Some(line), .. } => format!("look at line {line} of the code"),
            Self::Exception { line: None, .. } => "look at the traceback".to_owned(),
            Self::Syntax { line, .. } => format!("correct line {line} of the code"),
            Self::NoFunction(name) if name == "run" => {
                "define `def run(inputs): …` and return its result".to_owned()
            }
            Self::NoFunction(name) => format!("define `def {name}(url): …` and return its result"),
            Self::ForbiddenImport { .. } | Self::NotInstalled(_) => {
                "use the standard library, requests, bs4 (BeautifulSoup) or lxml".to_owned()
            }
            Self::WrongShape(_) => {
                "return plain dicts, lists, strings, numbers, booleans and None".to_owned()
            }
            Self::NoResult(_) => "return from the function instead of ending the program".to_owned(),
            Self::InvalidResult => {
                "return the value from the function; leave other file descriptors alone".to_owned()
            }
            Self::Killed(_) => "look for native code that crashes, e.g. on very deep recursion".to_owned(),
            Self::Refused(_) => {
                "see docs/sandbox.md for what the machine must allow, or set NEXUS_SANDBOX_MIN_TIER \
                                 if a weaker sandbox will do"
                    .to_owned()
            }
            Self::Setup(_) => {
                "try again; if it stays so, see docs/sandbox.md for what the machine must allow".to_owned()
            }
            Self::Closed => "try again when the service is back".to_owned(),
        }
    }

    /// Whether it is the sandbox's fault rather than the code's, so that trying again may help.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Setup(_) | Self::Closed | Self::Refused(_))
    }
}
