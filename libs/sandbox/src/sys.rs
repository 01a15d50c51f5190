//! The only file with `unsafe`: system calls that no safe wrapper offers, each as a small safe function.
//! Not here: what they are good for (`child`).
#![expect(unsafe_code, reason = "namespaces, system call filters and raw descriptors have no safe interface")]

use rustix::{io::Errno, process::Pid};
use std::{
    ffi::{CStr, CString, c_char, c_int, c_long, c_ulong},
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
};
use tokio::io::unix::AsyncFd;

fn check(result: c_long) -> io::Result<c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Which of the two processes this is after [`clone3`].
pub(crate) enum Cloned {
    /// The old one: the new one's id, and a descriptor for it.
    Parent(Pid, OwnedFd),
    /// The new one.
    Child,
}

/// A copy of this process in the new namespaces that `flags` (`CLONE_NEW*`) name; like `fork`, it goes on from here
/// in both. This process must have a single thread: the copy has only that one, and locks that others held would
/// never open.
pub(crate) fn clone3(flags: c_int) -> io::Result<Cloned> {
    let mut pidfd: c_int = -1;
    // SAFETY: all-zero is a valid `clone_args`.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = u64::from((flags | libc::CLONE_PIDFD).cast_unsigned());
    arguments.pidfd = std::ptr::from_mut(&mut pidfd).expose_provenance() as u64;
    arguments.exit_signal = libc::SIGCHLD.cast_unsigned().into();
    // SAFETY: without a stack of its own the child goes on with a copy of ours, as after fork. Both structures
    // outlive the call.
    let pid = check(unsafe {
        libc::syscall(libc::SYS_clone3, std::ptr::from_mut(&mut arguments), size_of::<libc::clone_args>())
    })?;
    match Pid::from_raw(pid as i32) {
        None => Ok(Cloned::Child),
        // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
        Some(pid) => Ok(Cloned::Parent(pid, unsafe { OwnedFd::from_raw_fd(pidfd) })),
    }
}

/// Takes over a descriptor that this process was started with. Call once per number.
pub(crate) fn inherited(number: c_int) -> io::Result<OwnedFd> {
    // SAFETY: asking for flags changes nothing, and fails for numbers that are not open.
    check(unsafe { libc::fcntl(number, libc::F_GETFD) }.into())?;
    // SAFETY: it is open, and the caller promises that nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// A descriptor whose readiness can be waited for.
pub(crate) fn watched(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an owned descriptor stays open, and the same, until it is dropped, which first ends the registration.
    unsafe { AsyncFd::register(descriptor) }.map_err(io::Error::from)
}

/// Makes `number` a copy of `descriptor` that survives `exec`; whatever had this number is closed.
pub(crate) fn place(descriptor: impl AsFd, number: c_int) -> io::Result<()> {
    let raw = descriptor.as_fd().as_raw_fd();
    // SAFETY: plain numbers; the caller runs in a process that is about to `exec`, so nothing owns `number`.
    check(unsafe { libc::dup2(raw, number) }.into()).map(drop)
}

/// A copy of `descriptor` with a number of at least `least`, closed by `exec`.
pub(crate) fn above(descriptor: impl AsFd, least: c_int) -> io::Result<OwnedFd> {
    rustix::io::fcntl_dupfd_cloexec(descriptor, least).map_err(io::Error::from)
}

/// Has `exec` close all descriptors from `first` on.
pub(crate) fn mark_from(first: c_int) -> io::Result<()> {
    let flags = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: plain numbers; nothing is closed before `exec`, which ends all owners.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, flags) }).map(drop)
}

/// Sets attributes (`MOUNT_ATTR_*`) of the mount that `tree` stands for.
pub(crate) fn restrict_mount(tree: impl AsFd, attributes: u64, recursive: bool) -> io::Result<()> {
    let wanted = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path and the structure outlive the call; the size is the structure's.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            std::ptr::from_ref(&wanted),
            size_of::<libc::mount_attr>(),
        )
    })
    .map(drop)
}

/// Brings up this network namespace's loopback interface.
pub(crate) fn loopback_up(socket: impl AsFd) -> io::Result<()> {
    // SAFETY: all-zero is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *to = *from as c_char;
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
    // SAFETY: the request outlives the call.
    check(
        unsafe {
            libc::ioctl(socket.as_fd().as_raw_fd(), libc::SIOCSIFFLAGS as _, std::ptr::from_ref(&request))
        }
        .into(),
    )
    .map(drop)
}

/// Installs a system call filter, and returns the descriptor that is told of calls which it answers with
/// `SECCOMP_RET_USER_NOTIF`.
pub(crate) fn filter_with_listener(program: &[libc::sock_filter]) -> io::Result<OwnedFd> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies the program, which outlives the call.
    let listener = check(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            std::ptr::from_ref(&program),
        )
    })?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(listener as c_int) })
}

/// Waits for the next call that the filter reports, and lets it happen. Fails when nobody is left to make one.
pub(crate) fn allow_one_call(listener: impl AsFd) -> io::Result<()> {
    let listener = listener.as_fd().as_raw_fd();
    // SAFETY: all-zero is a valid `seccomp_notif`, and what the kernel wants to be given.
    let mut call: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the structure outlives the call.
    check(
        unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_RECV as _, std::ptr::from_mut(&mut call)) }
            .into(),
    )?;
    let mut answer = libc::seccomp_notif_resp {
        id: call.id,
        val: 0,
        error: 0,
        flags: libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
    };
    // SAFETY: the structure outlives the call.
    check(
        unsafe {
            libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SEND as _, std::ptr::from_mut(&mut answer))
        }
        .into(),
    )
    .map(drop)
}

/// Becomes another program. Returns only if that fails.
pub(crate) fn exec(program: &CStr, arguments: &[CString], environment: &[CString]) -> io::Error {
    let pointers = |texts: &[CString]| -> Vec<*const c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: both lists end with null, and they and their texts outlive the call.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// A child that has ended.
pub(crate) struct Ended {
    pub(crate) pid: Pid,
    pub(crate) exit: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) cpu_us: u64,
    /// Bytes.
    pub(crate) peak_memory: u64,
}

/// A child that has ended, if there is one (or, with `wait`, the next one that does). `None` if none has, an error
/// if there are no children.
pub(crate) fn reap(wait: bool) -> io::Result<Option<Ended>> {
    let mut status: c_int = 0;
    // SAFETY: all-zero is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let pid = loop {
        // SAFETY: both structures outlive the call.
        let result =
            unsafe { libc::wait4(-1, &raw mut status, if wait { 0 } else { libc::WNOHANG }, &raw mut usage) };
        match check(result.into()) {
            Err(error) if error.raw_os_error() == Some(Errno::INTR.raw_os_error()) => {}
            other => break other?,
        }
    };
    let Some(pid) = Pid::from_raw(pid as i32) else { return Ok(None) };
    let microseconds = |time: libc::timeval| {
        u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_usec).unwrap_or(0)
    };
    Ok(Some(Ended {
        pid,
        exit: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
        signal: libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)),
        cpu_us: microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
        peak_memory: u64::try_from(usage.ru_maxrss).unwrap_or(0) << 10,
    }))
}

/// Kills every process that this one may signal, except itself: as process 1 of a namespace, all others in it.
pub(crate) fn kill_all_others() {
    // SAFETY: plain numbers. Without others the call fails, which is as good.
    unsafe { libc::kill(-1, libc::SIGKILL) };
}

/// CPU time that a process of ours has used up to now, in microseconds.
pub(crate) fn cpu_time_us(pid: Pid) -> io::Result<u64> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the number outlives the call.
    let error = unsafe { libc::clock_getcpuclockid(pid.as_raw_pid(), &raw mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure outlives the call.
    check(unsafe { libc::clock_gettime(clock, &raw mut time) }.into())?;
    Ok(u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1000)
}

const _: () = assert!(size_of::<c_ulong>() == 8, "only 64-bit machines are supported");
