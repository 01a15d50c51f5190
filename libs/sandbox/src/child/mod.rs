//! The processes of a sandbox, from its keeper inwards. Everything here runs in a copy of this program that has one
//! thread, no environment, and one socket to the service. Not here: the service's side (`cell`).

mod filesystem;
mod filter;
mod interpreter;
mod keeper;
mod privileges;
mod supervisor;

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// First argument that makes a program a keeper.
pub(crate) const WORD: &str = "nexus-sandbox-keeper";

/// The user and group within a sandbox that has its own.
const INNER_ID: u32 = 1000;

/// What the user of a sandbox is outside, if the service runs as root: nobody.
pub(crate) const OUTER_ID: u32 = 65_534;

/// Must be called first thing in `main` of every program that opens a [`crate::Pool`] (or whose path is given as
/// `helper`). Returns at once, unless the program was started as a keeper: then it never returns.
pub fn child_main() {
    if std::env::args_os().nth(1).is_some_and(|word| word == WORD) {
        std::process::exit(keeper::main());
    }
}

/// The interpreter's ends of its pipes.
struct Ends {
    job: OwnedFd,
    result: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
    /// Where connections are handed out, in tier C.
    streams: Option<OwnedFd>,
}

impl Ends {
    fn new(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let mut descriptors = descriptors.into_iter();
        let mut next = || descriptors.next().ok_or(io::Error::from(io::ErrorKind::InvalidInput));
        Ok(Self {
            job: next()?,
            result: next()?,
            stdout: next()?,
            stderr: next()?,
            streams: descriptors.next(),
        })
    }

    /// In the order of the numbers that they have in the interpreter, from 1 on.
    fn in_order(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let fixed = [&self.stdout, &self.stderr, &self.job, &self.result];
        fixed.into_iter().chain(self.streams.as_ref()).map(AsFd::as_fd)
    }
}

/// Puts what was being done in front of an error.
fn while_<T>(doing: &str, result: Result<T, impl Into<io::Error>>) -> io::Result<T> {
    result.map_err(|error| {
        let error = error.into();
        io::Error::new(error.kind(), format!("{doing}: {error}"))
    })
}
