//! The process that becomes the interpreter: takes its places for descriptors, its limits, Landlock and the system
//! call filter, in an order in which each step can still do the next. Not here: what the filter lets through
//! (`filter`), what the interpreter then does (`python/runner.py`).

use super::{Ends, INNER_ID, filesystem, filter, privileges, supervisor, while_};
use crate::{python, sys, wire, wire::Setup};
use landlock::{
    ABI, Access, AccessFs, AccessNet, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use rustix::process::getpid;
use serde::{Deserialize, Serialize};
use std::{
    convert::Infallible,
    ffi::CString,
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

/// Numbers from here on are free for copies; the interpreter's own are below.
const SPARE: i32 = 16;

/// What this process tells its supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Note {
    /// The filter is in force; beside this, who must allow the one `exec`.
    Filtered,
    /// It could not become the interpreter.
    Failed { message: String },
}

/// Becomes the interpreter. Returns only if that fails.
pub(super) fn start(setup: &Setup, ends: &Ends, port: Option<u16>, notes: &OwnedFd) -> io::Error {
    match prepare(setup, ends, port, notes) {
        Err(error) => error,
    }
}

fn prepare(setup: &Setup, ends: &Ends, port: Option<u16>, notes: &OwnedFd) -> io::Result<Infallible> {
    supervisor::die_with_parent()?;
    let program = text(&setup.view.program)?;
    let arguments = arguments(setup, ends)?;
    let home = setup.folder.as_deref().unwrap_or(Path::new(filesystem::SCRATCH));
    let environment = environment(setup, home)?;

    while_("scratch folder", std::env::set_current_dir(home))?;
    privileges::limit(setup)?;
    let notes = descriptors(ends, notes)?;
    let rules = rules(setup, home, port)?;
    let status = while_("Landlock", rules.restrict_self().map_err(io::Error::other))?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err(io::Error::other(
            "Landlock is not enabled in this kernel (5.13 or later, lsm=landlock,…)",
        ));
    }
    let program_of_calls = filter::allowed(setup, getpid())?;
    let listener = while_("system call filter", sys::filter_with_listener(&filter::reported()))?;
    wire::send(&notes, &Note::Filtered, &[listener.as_fd()])?;
    drop(listener);
    while_("system call filter", seccompiler::apply_filter(&program_of_calls).map_err(io::Error::other))?;
    Err(while_::<()>("the interpreter", Err(sys::exec(&program, &arguments, &environment)))
        .err()
        .unwrap_or(io::ErrorKind::Other.into()))
}

fn text(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

fn arguments(setup: &Setup, ends: &Ends) -> io::Result<Vec<CString>> {
    let setting =
        serde_json::json!({"search": setup.view.search, "streams": ends.streams.is_some()}).to_string();
    let mut arguments = vec![text(&setup.view.program)?];
    for argument in python::OPTIONS.into_iter().chain([python::RUNNER, setting.as_str()]) {
        arguments.push(CString::new(argument)?);
    }
    Ok(arguments)
}

fn environment(setup: &Setup, home: &Path) -> io::Result<Vec<CString>> {
    let home = home.display();
    let mut environment = vec![
        format!("HOME={home}"),
        format!("TMPDIR={home}"),
        "LANG=C.UTF-8".to_owned(),
        "TZ=UTC".to_owned(),
        // Each arena reserves address space, which counts as memory.
        "MALLOC_ARENA_MAX=2".to_owned(),
    ];
    if let Some(certificates) = &setup.view.certificates {
        let place =
            if setup.tier.has_namespaces() { Path::new(filesystem::CERTIFICATES) } else { certificates };
        environment.push(format!("REQUESTS_CA_BUNDLE={}", place.display()));
        environment.push(format!("SSL_CERT_FILE={}", place.display()));
    }
    environment.into_iter().map(|variable| Ok(CString::new(variable)?)).collect()
}

/// Gives the interpreter its descriptors under fixed numbers and closes all others; returns `notes`, which closes
/// with `exec`.
fn descriptors(ends: &Ends, notes: &OwnedFd) -> io::Result<OwnedFd> {
    let empty = File::options().read(true).open("/dev/null")?;
    let mut copies = vec![sys::above(&empty, SPARE)?];
    for end in ends.in_order() {
        copies.push(sys::above(end, SPARE)?);
    }
    let notes = sys::above(notes, SPARE)?;
    for (number, copy) in (0..).zip(&copies) {
        sys::place(copy, number)?;
    }
    let used = i32::try_from(copies.len()).unwrap_or(SPARE);
    sys::mark_from(used)?;
    Ok(notes)
}

/// Landlock: what may be read, run and written, besides and below what the mounts allow; no TCP except to the proxy;
/// no signals to others.
fn rules(setup: &Setup, home: &Path, port: Option<u16>) -> io::Result<RulesetCreated> {
    let abi = ABI::V6;
    let made = || -> Result<RulesetCreated, landlock::RulesetError> {
        let mut rules = Ruleset::default()
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()?;
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let view = &setup.view;
        for path in view.read.iter().chain(&view.certificates) {
            rules = allow(rules, path, read)?;
        }
        for path in ["/etc/ssl/cert.pem", "/etc/passwd", "/etc/hosts", "/etc/nsswitch.conf"].map(Path::new) {
            if setup.tier.has_namespaces() {
                rules = allow(rules, path, read)?;
            }
        }
        for device in ["/dev/null", "/dev/zero", "/dev/urandom"].map(Path::new) {
            rules = allow(rules, device, AccessFs::ReadFile | AccessFs::WriteFile)?;
        }
        for program in view.loaders.iter().chain([&view.program]) {
            rules = allow(rules, program, AccessFs::Execute | AccessFs::ReadFile)?;
        }
        let write = AccessFs::from_all(abi)
            & !(AccessFs::Execute
                | AccessFs::MakeChar
                | AccessFs::MakeBlock
                | AccessFs::MakeSock
                | AccessFs::IoctlDev);
        rules = allow(rules, home, write)?;
        if let Some(port) = port {
            rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
        }
        Ok(rules)
    };
    while_("Landlock", made().map_err(io::Error::other))
}

/// Allows access to a path, if it is there; for files, only what applies to files.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: impl Into<landlock::BitFlags<AccessFs>>,
) -> Result<RulesetCreated, landlock::RulesetError> {
    let access = access.into();
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(ABI::V6) };
    match PathFd::new(path) {
        Ok(opened) => rules.add_rule(PathBeneath::new(opened, access)),
        Err(_) => Ok(rules),
    }
}

const _: () = assert!(INNER_ID != 0, "root within the sandbox would be root of its namespaces");
