//! The outermost process: makes the namespaces and the cgroup, then waits for the end of either side, and leaves
//! nothing behind. It never holds anything of the untrusted code's. Not here: what happens inside (`supervisor`).

use super::{Ends, INNER_ID, OUTER_ID, privileges, supervisor, while_};
use crate::{
    sys::{self, Cloned},
    wire::{self, End, Event, Setup},
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Gid, Pid, Signal, Uid, getegid, geteuid, pidfd_send_signal},
};
use std::{
    ffi::c_int,
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

const NAMESPACES: c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// The whole life of a keeper; returns its exit code.
pub(super) fn main() -> i32 {
    let started = || -> io::Result<(OwnedFd, Setup, Ends)> {
        let given = sys::inherited(0)?;
        let control = sys::above(&given, 16)?;
        drop(given);
        sys::place(File::options().read(true).open("/dev/null")?, 0)?;
        std::env::set_current_dir("/")?;
        let Some((setup, descriptors)) = wire::receive::<Setup>(&control)? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        Ok((control, setup, Ends::new(descriptors)?))
    };
    // Without its socket nobody can be told.
    let Ok((control, setup, ends)) = started() else { return 1 };
    let kept = if setup.tier.has_namespaces() {
        keep(&control, &setup, ends)
    } else {
        alone(&control, &setup, ends)
    };
    match kept {
        Ok(()) => 0,
        Err(error) => {
            drop(wire::send(&control, &Event::Failed { message: error.to_string() }, &[]));
            1
        }
    }
}

/// Tiers A and B: everything else happens in namespaces of its own.
fn keep(control: &OwnedFd, setup: &Setup, ends: Ends) -> io::Result<()> {
    let root = geteuid().is_root();
    if root {
        while_("groups", rustix::thread::set_thread_groups(&[]))?;
    }
    let _group = setup.group.as_ref().map(|group| Made::new(group, setup)).transpose()?;
    let (mut go, gone) = while_("pipe", io::pipe().map(|(reader, writer)| (writer, reader)))?;
    match while_("namespaces", sys::clone3(NAMESPACES))? {
        Cloned::Child => {
            drop(go);
            std::process::exit(confined(control, setup, ends, gone));
        }
        Cloned::Parent(pid, pidfd) => {
            drop((ends, gone));
            let mut inner = Inner { pidfd: &pidfd, ended: false };
            identity(pid, root)?;
            if let Some(group) = &setup.group {
                while_("cgroup", group.admit(pid.as_raw_pid()))?;
            }
            wire::send(control, &Event::Cloned, &[pidfd.as_fd()])?;
            while_("start", go.write_all(b"1"))?;
            drop(go);
            watch(control, &pidfd)?;
            if let Some(ended) = inner.end()?
                && ended.signal.is_some()
            {
                // The supervisor was killed and could not say anything itself.
                let mut books = setup.group.as_ref().map(|group| group.books()).transpose()?;
                let end = End {
                    signal: ended.signal,
                    out_of_memory: books.as_mut().map_or(0, |books| books.out_of_memory()),
                    peak_memory: books.as_mut().map_or(0, |books| books.peak()),
                    ..End::default()
                };
                drop(wire::send(control, &Event::Ended(end), &[]));
            }
            Ok(())
        }
    }
}

/// Tier C: there is nothing to confine; the keeper is the supervisor. As root it becomes nobody first.
fn alone(control: &OwnedFd, setup: &Setup, ends: Ends) -> io::Result<()> {
    if geteuid().is_root() {
        let (user, group) = (Uid::from_raw(OUTER_ID), Gid::from_raw(OUTER_ID));
        let changed = rustix::thread::set_thread_groups(&[])
            .and_then(|()| rustix::thread::set_thread_res_gid(group, group, group))
            .and_then(|()| rustix::thread::set_thread_res_uid(user, user, user));
        while_("identity", changed)?;
    }
    privileges::give_up()?;
    let _folder = setup.folder.as_deref().map(Scratch);
    let end = supervisor::supervise(control, setup, ends, None, None)?;
    drop(wire::send(control, &Event::Ended(end), &[]));
    Ok(())
}

/// Process 1 of the new namespaces.
fn confined(control: &OwnedFd, setup: &Setup, ends: Ends, mut gone: impl Read) -> i32 {
    let ended = supervisor::die_with_parent()
        .and_then(|()| gone.read_exact(&mut [0]))
        .and_then(|()| supervisor::confine(control, setup, ends));
    let event = match ended {
        Ok(end) => Event::Ended(end),
        Err(error) => Event::Failed { message: error.to_string() },
    };
    drop(wire::send(control, &event, &[]));
    0
}

/// Gives the new user namespace its only user: us, or nobody if we are root.
fn identity(pid: Pid, root: bool) -> io::Result<()> {
    let folder = format!("/proc/{}", pid.as_raw_pid());
    let write = |name: &str, text: String| {
        while_(
            "identity",
            File::options().write(true).open(format!("{folder}/{name}"))?.write_all(text.as_bytes()),
        )
    };
    let (user, group) = if root { (OUTER_ID, OUTER_ID) } else { (geteuid().as_raw(), getegid().as_raw()) };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{INNER_ID} {user} 1"))?;
    write("gid_map", format!("{INNER_ID} {group} 1"))
}

/// Waits until the process has ended; kills it when the service is gone.
fn watch(control: &OwnedFd, pidfd: &OwnedFd) -> io::Result<()> {
    loop {
        // No events asked for: the end of the other side is always reported. What it says is for the supervisor.
        let mut descriptors = [PollFd::new(control, PollFlags::empty()), PollFd::new(pidfd, PollFlags::IN)];
        match poll(&mut descriptors, None) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        if !descriptors[1].revents().is_empty() {
            return Ok(());
        }
        if !descriptors[0].revents().is_empty() {
            return pidfd_send_signal(pidfd, Signal::KILL).map_err(io::Error::from);
        }
    }
}

/// The process inside; killed and waited for on every way out.
struct Inner<'a> {
    pidfd: &'a OwnedFd,
    ended: bool,
}

impl Inner<'_> {
    fn end(&mut self) -> io::Result<Option<sys::Ended>> {
        self.ended = true;
        sys::reap(true)
    }
}

impl Drop for Inner<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let _ = pidfd_send_signal(self.pidfd, Signal::KILL);
            drop(sys::reap(true));
        }
    }
}

/// Tier C's scratch folder. The service made it and would remove it, but may be gone by then.
struct Scratch<'a>(&'a Path);

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(self.0));
    }
}

/// The cgroup; removed on every way out.
struct Made<'a>(&'a crate::cgroup::Group);

impl<'a> Made<'a> {
    fn new(group: &'a crate::cgroup::Group, setup: &Setup) -> io::Result<Self> {
        let made = Self(group);
        while_("cgroup", group.make(setup.memory, privileges::tasks(setup)))?;
        Ok(made)
    }
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        self.0.remove();
    }
}
