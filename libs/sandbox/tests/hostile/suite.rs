//! Rows of a suite and how they are run. Not here: the rows.

use crate::host::{Bait, Host};
use nexus_sandbox::{Config, Entry, Error, Job, Limits, Network, Outcome, Pool, Tier, detect};
use serde_json::{Value, json};
use std::time::Duration;

/// How a program must end.
#[derive(Debug, Clone)]
pub enum Expect {
    /// It returns this value.
    Value(Value),
    /// It returns what `os.system` does for a command that ended with this status.
    Status(i64),
    /// It fails with this code.
    Code(&'static str),
    /// It fails with one of these codes: which limit is hit first is not ours to say.
    Either(&'static [&'static str]),
    /// It raises an exception of this class.
    Raises(&'static str),
}

/// A hostile program.
#[derive(Debug, Clone)]
pub struct Program {
    pub name: String,
    pub code: String,
    pub expect: Expect,
    /// In tier C, if that is different.
    pub in_c: Option<Expect>,
    pub limits: Limits,
}

/// What many programs need: system calls by number, telling by name how they failed.
const PRELUDE: &str = r#"
import errno, os, sys
def call(number, *arguments):
    ctypes = __import__('ctypes')
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    converted = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    if libc.syscall(ctypes.c_long(number), *converted) >= 0:
        return 'worked'
    return errno.errorcode.get(ctypes.get_errno(), '?')
def attempt(function, *arguments, **named):
    try:
        return ['worked', repr(function(*arguments, **named))]
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)
"#;

/// A program that ends like this; its body is that of `run(host)`.
pub fn program(name: &str, body: &str, expect: Expect) -> Program {
    let body: String = body.trim_matches('\n').lines().map(|line| format!("    {line}\n")).collect();
    let limits = Limits { wall: Duration::from_secs(20), ..Limits::default() };
    Program {
        name: name.to_owned(),
        code: format!("{PRELUDE}\ndef run(host):\n{body}"),
        expect,
        in_c: None,
        limits,
    }
}

/// A program whose code is exactly this.
pub fn verbatim(name: &str, code: &str, expect: Expect) -> Program {
    Program { code: code.to_owned(), ..program(name, "", expect) }
}

pub fn value(value: impl Into<Value>) -> Expect {
    Expect::Value(value.into())
}

impl Program {
    pub fn in_c(self, expect: Expect) -> Self {
        Self { in_c: Some(expect), ..self }
    }

    pub fn within(self, wall: u64, cpu: u64) -> Self {
        let limits = Limits { wall: Duration::from_secs(wall), cpu: Duration::from_secs(cpu), ..self.limits };
        Self { limits, ..self }
    }
}

pub fn config(tier: Tier) -> Config {
    let folder = std::env::var_os("NEXUS_SANDBOX_PYTHON")
        .map_or_else(nexus_sandbox::find_python, |it| Some(it.into()));
    let folder = folder.expect("run scripts/sandbox_python.sh first");
    let helper = Some(env!("CARGO_BIN_EXE_nexus-sandbox-child").into());
    Config { helper, tier, min_tier: tier, ..Config::new(folder) }
}

/// Whether this machine can do the tier; says why if not. Tier C must work wherever tests run, and B wherever there
/// are user namespaces.
pub async fn tiers(tier: Tier) -> bool {
    let report = detect(&config(tier)).await;
    if report.tier == Some(tier) {
        return true;
    }
    println!("tier {tier} cannot be tried here: {report}");
    assert!(tier != Tier::C, "{report}");
    false
}

/// A pool, the machine as it was, and bait.
pub struct Suite;

impl Suite {
    pub async fn run(tier: Tier, processes: u32, programs: Vec<Program>) {
        let config = Config { processes, ..config(tier) };
        // The first use of many things leaves something behind for good: not our matter.
        Pool::open(config.clone()).await.unwrap().close().await;
        let bait = Bait::lay().await;
        let before = Host::look(&bait);
        let pool = Pool::open(config).await.unwrap();
        let mut wrong = Vec::new();
        for program in programs {
            let expect = match &program.in_c {
                Some(expect) if tier == Tier::C => expect.clone(),
                _ => program.expect.clone(),
            };
            let job = Job {
                code: program.code,
                entry: Entry::Run,
                argument: bait.describe(),
                limits: program.limits,
                network: Network::None,
            };
            let ended = pool.run(job).await;
            if let Err(problem) = judge(&expect, &ended, &program.limits) {
                wrong.push(format!("{}: {problem}", program.name));
            }
        }
        pool.close().await;
        let after = Host::look(&bait);
        assert!(wrong.is_empty(), "tier {tier}:\n{}", wrong.join("\n"));
        assert_eq!(before, after, "tier {tier}: the machine is not as it was");
        bait.assert_untouched();
    }
}

fn judge(expect: &Expect, ended: &Result<Outcome, Error>, limits: &Limits) -> Result<(), String> {
    let duration = match ended {
        Ok(outcome) => outcome.duration,
        Err(error) => error.duration,
    };
    let right = match (expect, ended) {
        (Expect::Value(value), Ok(outcome)) => outcome.value == *value,
        (Expect::Status(status), Ok(outcome)) => outcome.value == (status << 8),
        (Expect::Code(code), Err(error)) => error.code() == *code,
        (Expect::Either(codes), Err(error)) => codes.contains(&error.code()),
        (Expect::Raises(class), Err(error)) => {
            matches!(&error.reason, nexus_sandbox::Reason::Exception { kind, .. } if **kind == **class)
        }
        _ => false,
    };
    if !right {
        let found = match ended {
            Ok(outcome) => json!({"value": outcome.value}).to_string(),
            Err(error) => format!("{} ({:?}, {})", error.code(), error.reason, error.stderr),
        };
        return Err(format!("expected {expect:?}, found {found}"));
    }
    if let Err(error) = ended
        && (error.to_string().is_empty() || error.suggestion().is_empty())
    {
        return Err("the error does not help".to_owned());
    }
    if duration > limits.wall + Duration::from_secs(2) {
        return Err(format!("it was held up: {duration:?}"));
    }
    Ok(())
}
