//! Process 1 of a sandbox's namespaces (in tier C the keeper itself): furnishes the sandbox, gives up all rights,
//! starts the interpreter, keeps its time, ends whatever is left when it ends, and says how it ended.
//! Not here: what the interpreter's process does to itself (`interpreter`).

use super::{
    Ends, INNER_ID, filesystem,
    interpreter::{self, Note},
    privileges, while_,
};
use crate::{
    cgroup::Books,
    sys::{self, Cloned},
    wire::{self, End, Event, Order, Setup},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    process::{Pid, Resource, Rlimit, Signal, pidfd_send_signal, prlimit},
};
use std::{
    fs, io,
    net::TcpListener,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    time::{Duration, Instant},
};

/// How often things are looked after that nobody reports: orphans, the size of tier C's scratch folder.
const TICK: Duration = Duration::from_millis(100);

/// Has the kernel kill this process when the one that made it ends.
pub(super) fn die_with_parent() -> io::Result<()> {
    while_("death signal", rustix::process::set_parent_process_death_signal(Some(Signal::KILL)))
}

/// Furnishes the namespaces that this process is the first in, and supervises one interpreter in them.
pub(super) fn confine(control: &OwnedFd, setup: &Setup, ends: Ends) -> io::Result<End> {
    // All of this must be opened while the old file system is still in sight.
    let books = setup.group.as_ref().map(|group| group.books()).transpose();
    let books = while_("cgroup", books)?;
    // Should the machine run out of memory, sandboxes go first. Not having that is no reason to refuse work.
    drop(fs::write("/proc/self/oom_score_adj", "1000"));
    let room = filesystem::Room::collect(&setup.view)?;

    let identity = rustix::thread::set_thread_res_gid(gid(), gid(), gid())
        .and_then(|()| rustix::thread::set_thread_res_uid(uid(), uid(), uid()));
    while_("identity", identity)?;
    // The change of identity has switched it off.
    die_with_parent()?;
    room.enter(&setup.view, setup.scratch)?;
    while_("host name", rustix::system::sethostname(b"sandbox"))?;
    let port = listen(control)?;
    privileges::give_up()?;
    supervise(control, setup, ends, Some(port), books)
}

fn uid() -> rustix::process::Uid {
    rustix::process::Uid::from_raw(INNER_ID)
}

fn gid() -> rustix::process::Gid {
    rustix::process::Gid::from_raw(INNER_ID)
}

/// Makes the only way out: a listener in this network namespace, which is handed out to the service.
fn listen(control: &OwnedFd) -> io::Result<u16> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None);
    while_("loopback", sys::loopback_up(while_("socket", socket)?))?;
    let listener = while_("listener", TcpListener::bind("127.0.0.1:0"))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    while_("listener", wire::send(control, &Event::Listening { port }, &[listener.as_fd()]))?;
    Ok(port)
}

/// Starts the interpreter and stays with it to its end.
pub(super) fn supervise(
    control: &OwnedFd,
    setup: &Setup,
    ends: Ends,
    port: Option<u16>,
    books: Option<Books>,
) -> io::Result<End> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let (pid, pidfd) = match while_("interpreter", sys::clone3(0))? {
        Cloned::Child => {
            drop(ours);
            let message = interpreter::start(setup, &ends, port, &theirs).to_string();
            drop(wire::send(&theirs, &Note::Failed { message }, &[]));
            std::process::exit(127);
        }
        Cloned::Parent(pid, pidfd) => (pid, pidfd),
    };
    drop((theirs, ends));
    if !setup.tier.has_namespaces() {
        wire::send(control, &Event::Cloned, &[pidfd.as_fd()])?;
    }
    let mut watch =
        Watch { setup, pid, pidfd, books, ended: None, end: End::default(), prepared_us: 0, deadline: None };
    let watched = watch.admit(&ours).and_then(|()| watch.stay(control));
    drop(ours);
    if watched.is_err() {
        watch.kill();
    }
    if setup.tier.has_namespaces() {
        sys::kill_all_others();
    }
    while watch.ended.is_none() {
        watch.reap(true)?;
    }
    // Everybody else, so that nothing is alive any more when the end is reported.
    while let Ok(Some(_)) = sys::reap(true) {}
    watched?;
    Ok(watch.finish())
}

/// One interpreter under supervision.
struct Watch<'a> {
    setup: &'a Setup,
    pid: Pid,
    pidfd: OwnedFd,
    books: Option<Books>,
    ended: Option<sys::Ended>,
    end: End,
    /// CPU time that it had used when the job began.
    prepared_us: u64,
    deadline: Option<Instant>,
}

impl Watch<'_> {
    /// Lets the process become the interpreter: the one `exec` there will ever be in this sandbox. With the listener
    /// gone afterwards, the kernel refuses all others.
    fn admit(&mut self, notes: &OwnedFd) -> io::Result<()> {
        match wire::receive::<Note>(notes)? {
            Some((Note::Filtered, descriptors)) => {
                let listener = descriptors.into_iter().next().ok_or(io::ErrorKind::InvalidData)?;
                let mut either =
                    [PollFd::new(&listener, PollFlags::IN), PollFd::new(&self.pidfd, PollFlags::IN)];
                while_("filter", poll(&mut either, None))?;
                if either[0].revents().contains(PollFlags::IN) {
                    while_("filter", sys::allow_one_call(&listener))?;
                }
            }
            Some((Note::Failed { message }, _)) => return Err(io::Error::other(message)),
            None => return Err(io::Error::other("the interpreter's process ended before its time")),
        }
        // The other end closes with a successful `exec`.
        match wire::receive::<Note>(notes)? {
            Some((Note::Failed { message }, _)) => Err(io::Error::other(message)),
            _ => Ok(()),
        }
    }

    /// Waits for the interpreter's end and enforces the time by the clock.
    fn stay(&mut self, control: &OwnedFd) -> io::Result<()> {
        let ticking = self.setup.processes > 1 || self.setup.folder.is_some();
        loop {
            self.reap(false)?;
            if self.ended.is_some() {
                return Ok(());
            }
            let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                self.end.timed_out = true;
                self.kill();
                return Ok(());
            }
            // The kernel picks one process; what is left of the program is not worth its time.
            if self.setup.processes > 1 && self.books.as_mut().is_some_and(|books| books.out_of_memory() > 0)
            {
                self.kill();
                return Ok(());
            }
            if self.overfull() {
                self.end.overfull = true;
                self.kill();
                return Ok(());
            }
            let pause = if ticking { Some(left.map_or(TICK, |left| left.min(TICK))) } else { left };
            let timeout = pause.and_then(|pause| Timespec::try_from(pause).ok());
            let mut descriptors =
                [PollFd::new(control, PollFlags::IN), PollFd::new(&self.pidfd, PollFlags::IN)];
            match poll(&mut descriptors, timeout.as_ref()) {
                Err(rustix::io::Errno::INTR) => continue,
                other => other?,
            };
            if !descriptors[0].revents().is_empty() {
                match wire::receive::<Order>(control)? {
                    Some((order, _)) => {
                        self.obey(&order)?;
                        wire::send(control, &Event::Started, &[])?;
                    }
                    // The service is gone: nobody wants the answer.
                    None => return Err(io::ErrorKind::UnexpectedEof.into()),
                }
            }
        }
    }

    fn obey(&mut self, order: &Order) -> io::Result<()> {
        let Order::Start { wall_ms, cpu_seconds, memory } = *order;
        self.deadline = Instant::now().checked_add(Duration::from_millis(wall_ms));
        self.prepared_us = sys::cpu_time_us(self.pid).unwrap_or(0);
        let soft = self.prepared_us.div_ceil(1_000_000) + cpu_seconds;
        let limit = |resource, soft, hard| {
            let wanted = Rlimit { current: Some(soft), maximum: Some(hard) };
            while_("limits", prlimit(Some(self.pid), resource, wanted))
        };
        limit(Resource::Cpu, soft, soft + 1)?;
        if memory < self.setup.memory {
            limit(Resource::As, memory, memory)?;
        }
        Ok(())
    }

    fn kill(&self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    fn reap(&mut self, wait: bool) -> io::Result<()> {
        while let Some(ended) = sys::reap(wait)? {
            if ended.pid == self.pid {
                self.ended = Some(ended);
                break;
            }
        }
        Ok(())
    }

    /// Whether tier C's scratch folder, which no file system limits, has grown too large.
    fn overfull(&self) -> bool {
        self.setup.folder.as_deref().is_some_and(|folder| size(folder, 0) > self.setup.scratch)
    }

    fn finish(self) -> End {
        let mut end = self.end;
        if let Some(ended) = self.ended {
            end.exit = ended.exit;
            end.signal = ended.signal;
            end.cpu_us = ended.cpu_us.saturating_sub(self.prepared_us);
            end.peak_memory = ended.peak_memory;
        }
        if let Some(mut books) = self.books {
            end.peak_memory = books.peak();
            end.out_of_memory = books.out_of_memory();
        }
        end
    }
}

/// What a folder takes up, each entry counting a kilobyte at least; very deep ones count as boundless.
fn size(folder: &Path, depth: usize) -> u64 {
    if depth > 64 {
        return u64::MAX;
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.fold(0, |total: u64, entry| {
        let Ok(about) = entry.metadata() else { return total };
        let below = if about.is_dir() { size(&entry.path(), depth + 1) } else { about.len() };
        total.saturating_add(below).saturating_add(1024)
    })
}
