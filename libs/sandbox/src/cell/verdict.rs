//! Judging a job that has ended: from what it answered and how its process ended. The process's end, which it cannot
//! forge, comes before its answer. Not here: how both were got (`cell`).

use crate::{
    Job, Limits, Reason,
    frame::{self, Answer},
    wire::End,
};
use serde_json::Value;
use std::io;

/// The value that the job returned, or why there is none. `memory` is the limit that was in force, in bytes.
pub(super) fn judge(
    answer: &io::Result<Vec<u8>>,
    most: usize,
    end: &End,
    nonce: &str,
    limits: &Limits,
    memory: u64,
    job: &Job,
) -> Result<Value, Reason> {
    if end.out_of_memory > 0 {
        return Err(Reason::Memory(memory));
    }
    if end.timed_out {
        return Err(Reason::Timeout(limits.wall));
    }
    if end.overfull {
        return Err(Reason::Killed("its scratch folder grew too large".to_owned()));
    }
    let bytes = answer.as_ref().map_err(|error| Reason::Setup(error.to_string()))?;
    if bytes.len() > most {
        return Err(Reason::ResultTooLarge(limits.result));
    }
    if let Some(signal) = end.signal {
        let used_up = u128::from(end.cpu_us) >= limits.cpu.as_micros();
        return Err(match signal {
            libc::SIGXCPU => Reason::CpuTime(limits.cpu),
            libc::SIGKILL if used_up => Reason::CpuTime(limits.cpu),
            signal => Reason::Killed(name(signal)),
        });
    }
    let answer = frame::decode(bytes, nonce)?;
    match (answer, end.exit) {
        (Some(answer), Some(0)) => value(answer, limits, memory, job),
        (_, Some(code)) => Err(Reason::NoResult(format!("with exit code {code}"))),
        (_, None) => Err(Reason::NoResult("for an unknown reason".to_owned())),
    }
}

fn value(answer: Answer, limits: &Limits, memory: u64, job: &Job) -> Result<Value, Reason> {
    Err(match answer {
        Answer::Value { value } => return Ok(value),
        Answer::Ready => Reason::InvalidResult,
        Answer::Exception { class, message, traceback, line } => {
            Reason::Exception { kind: class, message, traceback, line }
        }
        Answer::Syntax { message, line } => Reason::Syntax { message, line },
        Answer::NoFunction => Reason::NoFunction(job.entry.function().to_owned()),
        Answer::ForbiddenImport { module, why, line } => Reason::ForbiddenImport { module, why, line },
        Answer::NotInstalled { module } => Reason::NotInstalled(module),
        Answer::WrongShape { message } => Reason::WrongShape(message),
        Answer::TooLarge => Reason::ResultTooLarge(limits.result),
        Answer::Memory => Reason::Memory(memory),
    })
}

fn name(signal: i32) -> String {
    let known = [
        (libc::SIGSEGV, "SIGSEGV, invalid memory access"),
        (libc::SIGBUS, "SIGBUS, invalid memory access"),
        (libc::SIGILL, "SIGILL, invalid instruction"),
        (libc::SIGFPE, "SIGFPE, invalid arithmetic"),
        (libc::SIGABRT, "SIGABRT, abort"),
        (libc::SIGSYS, "SIGSYS, forbidden system call"),
        (libc::SIGKILL, "SIGKILL"),
        (libc::SIGTERM, "SIGTERM"),
    ];
    let name = known.into_iter().find(|(number, _)| *number == signal).map(|(_, name)| name.to_owned());
    name.unwrap_or_else(|| format!("signal {signal}"))
}
