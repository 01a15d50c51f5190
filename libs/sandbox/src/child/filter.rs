//! Which system calls the interpreter may make: an allow-list. What is not on it fails with "Operation not
//! permitted", as if the kernel were built without it. Not here: how the filter comes into force (`interpreter`).

use crate::wire::Setup;
use libc as sys;
use rustix::process::Pid;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::{collections::BTreeMap, ffi::c_long, io};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: (&str, u32) = ("x86_64", 0xC000_003E);
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: (&str, u32) = ("aarch64", 0xC000_00B7);

/// Allowed whatever their arguments. All of them act on the process itself, on descriptors it holds, or on paths,
/// which mounts and Landlock limit.
const FREE: &[c_long] = &[
    // Descriptors
    sys::SYS_read,
    sys::SYS_write,
    sys::SYS_readv,
    sys::SYS_writev,
    sys::SYS_pread64,
    sys::SYS_pwrite64,
    sys::SYS_preadv,
    sys::SYS_pwritev,
    sys::SYS_lseek,
    sys::SYS_close,
    sys::SYS_close_range,
    sys::SYS_dup,
    sys::SYS_dup3,
    sys::SYS_flock,
    sys::SYS_fstat,
    sys::SYS_newfstatat,
    sys::SYS_statx,
    sys::SYS_fstatfs,
    sys::SYS_statfs,
    sys::SYS_fsync,
    sys::SYS_fdatasync,
    sys::SYS_ftruncate,
    sys::SYS_fallocate,
    sys::SYS_fadvise64,
    sys::SYS_sendfile,
    sys::SYS_pipe2,
    sys::SYS_eventfd2,
    sys::SYS_epoll_create1,
    sys::SYS_epoll_ctl,
    sys::SYS_epoll_pwait,
    sys::SYS_ppoll,
    sys::SYS_pselect6,
    // Paths
    sys::SYS_openat,
    sys::SYS_faccessat,
    sys::SYS_faccessat2,
    sys::SYS_getdents64,
    sys::SYS_getcwd,
    sys::SYS_chdir,
    sys::SYS_fchdir,
    sys::SYS_mkdirat,
    sys::SYS_unlinkat,
    sys::SYS_renameat,
    sys::SYS_renameat2,
    sys::SYS_linkat,
    sys::SYS_symlinkat,
    sys::SYS_readlinkat,
    sys::SYS_fchmod,
    sys::SYS_fchmodat,
    sys::SYS_truncate,
    sys::SYS_utimensat,
    sys::SYS_umask,
    // Memory
    sys::SYS_brk,
    sys::SYS_mmap,
    sys::SYS_munmap,
    sys::SYS_mprotect,
    sys::SYS_mremap,
    sys::SYS_madvise,
    sys::SYS_msync,
    // Threads
    sys::SYS_futex,
    sys::SYS_set_robust_list,
    sys::SYS_get_robust_list,
    sys::SYS_set_tid_address,
    sys::SYS_rseq,
    sys::SYS_membarrier,
    sys::SYS_sched_yield,
    sys::SYS_sched_getaffinity,
    sys::SYS_sched_getparam,
    sys::SYS_sched_getscheduler,
    sys::SYS_sched_get_priority_max,
    sys::SYS_sched_get_priority_min,
    sys::SYS_getcpu,
    sys::SYS_exit,
    sys::SYS_exit_group,
    // Signals to itself, and waiting
    sys::SYS_rt_sigaction,
    sys::SYS_rt_sigprocmask,
    sys::SYS_rt_sigreturn,
    sys::SYS_rt_sigpending,
    sys::SYS_rt_sigsuspend,
    sys::SYS_rt_sigtimedwait,
    sys::SYS_sigaltstack,
    sys::SYS_restart_syscall,
    sys::SYS_wait4,
    sys::SYS_waitid,
    // Time
    sys::SYS_clock_gettime,
    sys::SYS_clock_getres,
    sys::SYS_clock_nanosleep,
    sys::SYS_gettimeofday,
    sys::SYS_nanosleep,
    sys::SYS_getitimer,
    sys::SYS_setitimer,
    sys::SYS_times,
    // About itself
    sys::SYS_getpid,
    sys::SYS_getppid,
    sys::SYS_gettid,
    sys::SYS_getpgid,
    sys::SYS_getsid,
    sys::SYS_getuid,
    sys::SYS_geteuid,
    sys::SYS_getgid,
    sys::SYS_getegid,
    sys::SYS_getresuid,
    sys::SYS_getresgid,
    sys::SYS_getgroups,
    sys::SYS_getpriority,
    sys::SYS_getrusage,
    sys::SYS_getrlimit,
    sys::SYS_uname,
    sys::SYS_sysinfo,
    sys::SYS_getrandom,
    // The sockets it holds
    sys::SYS_getsockname,
    sys::SYS_getpeername,
    sys::SYS_getsockopt,
    sys::SYS_shutdown,
    sys::SYS_recvfrom,
    sys::SYS_recvmsg,
    // Reported to the filter below, which has the stricter last word.
    sys::SYS_execve,
    sys::SYS_clone3,
];

/// The same under the older names that only this architecture has.
#[cfg(target_arch = "x86_64")]
const FREE_HERE: &[c_long] = &[
    sys::SYS_open,
    sys::SYS_stat,
    sys::SYS_lstat,
    sys::SYS_access,
    sys::SYS_readlink,
    sys::SYS_mkdir,
    sys::SYS_rmdir,
    sys::SYS_unlink,
    sys::SYS_rename,
    sys::SYS_link,
    sys::SYS_symlink,
    sys::SYS_chmod,
    sys::SYS_utimes,
    sys::SYS_dup2,
    sys::SYS_pipe,
    sys::SYS_poll,
    sys::SYS_select,
    sys::SYS_epoll_create,
    sys::SYS_epoll_wait,
    sys::SYS_eventfd,
    sys::SYS_alarm,
    sys::SYS_pause,
    sys::SYS_time,
    sys::SYS_getpgrp,
    sys::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const FREE_HERE: &[c_long] = &[];

/// Calls of `ioctl` that ask about a descriptor or change how it waits; none that acts on a device or a terminal.
const IOCTLS: [u64; 6] =
    [sys::TCGETS, sys::TIOCGWINSZ, sys::FIONREAD, sys::FIONBIO, sys::FIOCLEX, sys::FIONCLEX];

/// Commands of `fcntl`: all but those that have signals sent to other processes.
const FCNTLS: [i32; 11] = [
    sys::F_DUPFD,
    sys::F_DUPFD_CLOEXEC,
    sys::F_GETFD,
    sys::F_SETFD,
    sys::F_GETFL,
    sys::F_SETFL,
    sys::F_GETLK,
    sys::F_SETLK,
    sys::F_SETLKW,
    sys::F_GETPIPE_SZ,
    sys::F_GETOWN,
];

/// Options of sockets that clients of HTTP set.
const SOCKET_OPTIONS: [(i32, &[i32]); 2] = [
    (
        sys::SOL_SOCKET,
        &[
            sys::SO_REUSEADDR,
            sys::SO_KEEPALIVE,
            sys::SO_LINGER,
            sys::SO_SNDBUF,
            sys::SO_RCVBUF,
            sys::SO_RCVTIMEO,
            sys::SO_SNDTIMEO,
        ],
    ),
    (
        sys::IPPROTO_TCP,
        &[
            sys::TCP_NODELAY,
            sys::TCP_KEEPIDLE,
            sys::TCP_KEEPINTVL,
            sys::TCP_KEEPCNT,
            sys::TCP_QUICKACK,
            sys::TCP_USER_TIMEOUT,
        ],
    ),
];

/// Flags of `clone` that make namespaces; none of them may be set.
const NAMESPACES: i32 = sys::CLONE_NEWUSER
    | sys::CLONE_NEWPID
    | sys::CLONE_NEWNS
    | sys::CLONE_NEWNET
    | sys::CLONE_NEWIPC
    | sys::CLONE_NEWUTS
    | sys::CLONE_NEWCGROUP;

/// The two calls that have an answer of their own, as a program made by hand: `clone3` is answered as by a kernel
/// that does not know it, for C libraries then use `clone`, whose flags can be judged; and `execve` waits for the
/// supervisor, who allows it once.
pub(super) fn reported() -> Vec<sys::sock_filter> {
    const LOAD: u16 = (sys::BPF_LD | sys::BPF_W | sys::BPF_ABS) as u16;
    const EQUAL: u16 = (sys::BPF_JMP | sys::BPF_JEQ | sys::BPF_K) as u16;
    const ANSWER: u16 = (sys::BPF_RET | sys::BPF_K) as u16;
    let step = |code, jt, jf, k| sys::sock_filter { code, jt, jf, k };
    let unknown = sys::SECCOMP_RET_ERRNO | sys::ENOSYS.cast_unsigned();
    vec![
        // The architecture stands after the number, in the fifth byte.
        step(LOAD, 0, 0, 4),
        step(EQUAL, 1, 0, ARCHITECTURE.1),
        step(ANSWER, 0, 0, sys::SECCOMP_RET_KILL_PROCESS),
        step(LOAD, 0, 0, 0),
        step(EQUAL, 0, 1, sys::SYS_clone3 as u32),
        step(ANSWER, 0, 0, unknown),
        step(EQUAL, 0, 1, sys::SYS_execve as u32),
        step(ANSWER, 0, 0, sys::SECCOMP_RET_USER_NOTIF),
        step(ANSWER, 0, 0, sys::SECCOMP_RET_ALLOW),
    ]
}

/// The allow-list for this process.
pub(super) fn allowed(setup: &Setup, own: Pid) -> io::Result<BpfProgram> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        FREE.iter().chain(FREE_HERE).map(|number| (*number, Vec::new())).collect();
    let mut only = |number: c_long, alternatives: Vec<Vec<SeccompCondition>>| -> io::Result<()> {
        let made: Result<Vec<_>, _> = alternatives.into_iter().map(SeccompRule::new).collect();
        rules.insert(number, made.map_err(io::Error::other)?);
        Ok(())
    };
    let own = u64::from(own.as_raw_pid().cast_unsigned());

    only(sys::SYS_ioctl, one_of(1, IOCTLS)?)?;
    only(sys::SYS_fcntl, one_of(1, FCNTLS.map(unsigned))?)?;
    let names = [sys::PR_SET_NAME, sys::PR_GET_NAME, sys::PR_GET_DUMPABLE];
    only(sys::SYS_prctl, one_of(0, names.map(unsigned))?)?;
    // Its own limits, which it can only lower.
    only(sys::SYS_prlimit64, vec![vec![is(0, 0)?], vec![is(0, own)?]])?;

    // Threads; processes only where they are counted. Never namespaces.
    let mut wanted = masked(0, NAMESPACES, 0)?;
    if setup.processes > 1 {
        only(sys::SYS_clone, vec![vec![wanted]])?;
        #[cfg(target_arch = "x86_64")]
        {
            only(sys::SYS_fork, Vec::new())?;
            only(sys::SYS_vfork, Vec::new())?;
        }
        for number in [sys::SYS_setsid, sys::SYS_setpgid, sys::SYS_kill, sys::SYS_tgkill] {
            only(number, Vec::new())?;
        }
    } else {
        wanted = masked(0, NAMESPACES | sys::CLONE_THREAD, sys::CLONE_THREAD)?;
        only(sys::SYS_clone, vec![vec![wanted]])?;
        only(sys::SYS_kill, vec![vec![is(0, own)?]])?;
        only(sys::SYS_tgkill, vec![vec![is(0, own)?]])?;
    }

    // Pairs of connected sockets reach nobody. Sending must not name an address, nor connect on the way.
    let stream = || masked(1, 0xf, sys::SOCK_STREAM);
    only(sys::SYS_socketpair, vec![vec![is(0, unsigned(sys::AF_UNIX))?, stream()?]])?;
    only(sys::SYS_sendto, vec![vec![is_null(4)?, masked(3, sys::MSG_FASTOPEN, 0)?]])?;
    only(sys::SYS_sendmsg, vec![vec![masked(2, sys::MSG_FASTOPEN, 0)?]])?;
    if setup.tier.has_namespaces() {
        // There is nothing in this network namespace but the proxy's listener.
        let tcp = |protocol| Ok(vec![is(0, unsigned(sys::AF_INET))?, stream()?, is(2, unsigned(protocol))?]);
        only(sys::SYS_socket, [0, sys::IPPROTO_TCP].into_iter().map(tcp).collect::<io::Result<_>>()?)?;
        only(sys::SYS_connect, Vec::new())?;
    }
    let mut options = Vec::new();
    for (level, names) in SOCKET_OPTIONS {
        for name in names {
            options.push(vec![is(1, unsigned(level))?, is(2, unsigned(*name))?]);
        }
    }
    only(sys::SYS_setsockopt, options)?;

    let architecture = ARCHITECTURE.0.try_into().map_err(io::Error::other)?;
    let refused = SeccompAction::Errno(sys::EPERM.cast_unsigned());
    let filter =
        SeccompFilter::new(rules, refused, SeccompAction::Allow, architecture).map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}

fn unsigned(number: i32) -> u64 {
    u64::from(number.cast_unsigned())
}

/// The argument is any of these.
fn one_of(argument: u8, values: impl IntoIterator<Item = u64>) -> io::Result<Vec<Vec<SeccompCondition>>> {
    values.into_iter().map(|value| Ok(vec![is(argument, value)?])).collect()
}

/// The argument, which the kernel takes for an `int`, is exactly this.
fn is(argument: u8, value: u64) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
        .map_err(io::Error::other)
}

/// The argument, a pointer, is null.
fn is_null(argument: u8) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0).map_err(io::Error::other)
}

/// Of these bits of the argument, exactly these are set.
fn masked(argument: u8, bits: i32, set: i32) -> io::Result<SeccompCondition> {
    SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(unsigned(bits)),
        unsigned(set),
    )
    .map_err(io::Error::other)
}
