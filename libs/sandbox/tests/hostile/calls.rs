//! System calls that nobody in a sandbox has any business making. Not here: calls with a story
//! (`kernel`, `processes`).

use crate::suite::{Program, program, value};
use serde_json::json;

/// Name, number on x86-64, arguments in Python. All are refused before the kernel looks at the arguments.
const CALLS: [(&str, u32, &str); 78] = [
    ("mount", 165, "b'none', b'/tmp', b'tmpfs', 0, 0"),
    ("umount2", 166, "b'/tmp', 2"),
    ("pivot_root", 155, "b'.', b'.'"),
    ("chroot", 161, "b'/tmp'"),
    ("fsopen", 430, "b'tmpfs', 0"),
    ("fspick", 433, "-100, b'/', 0"),
    ("open_tree", 428, "-100, b'/', 1"),
    ("move_mount", 429, "-100, b'/', -100, b'/tmp', 0"),
    ("mount_setattr", 442, "-100, b'/', 0, 0, 0"),
    ("unshare: user", 272, "0x10000000"),
    ("unshare: mount", 272, "0x20000"),
    ("unshare: pid", 272, "0x20000000"),
    ("unshare: net", 272, "0x40000000"),
    ("unshare: ipc", 272, "0x08000000"),
    ("unshare: uts", 272, "0x04000000"),
    ("unshare: cgroup", 272, "0x02000000"),
    ("unshare: files", 272, "0x400"),
    ("setns", 308, "0, 0"),
    ("clone: user", 56, "0x10010f00, 0, 0, 0, 0"),
    ("io_uring_setup", 425, "8, b' ' * 120"),
    ("io_uring_enter", 426, "3, 1, 0, 0, 0"),
    ("io_uring_register", 427, "3, 0, 0, 0"),
    ("bpf", 321, "5, b' ' * 128, 128"),
    ("perf_event_open", 298, "b' ' * 128, 0, -1, -1, 0"),
    ("userfaultfd", 323, "0"),
    ("keyctl", 250, "0, -3, 1"),
    ("add_key", 248, "b'user', b'x', b'y', 1, -3"),
    ("request_key", 249, "b'user', b'x', 0, -3"),
    ("memfd_create", 319, "b'x', 0"),
    ("memfd_secret", 447, "0"),
    ("execveat", 322, "0, b'', 0, 0, 0x1000"),
    ("kcmp", 312, "1, 1, 0, 0, 0"),
    ("seccomp", 317, "0, 0, 0"),
    ("landlock_create_ruleset", 444, "0, 0, 1"),
    ("init_module", 175, "b'x', 1, b''"),
    ("finit_module", 313, "0, b'', 0"),
    ("delete_module", 176, "b'x', 0"),
    ("kexec_load", 246, "0, 0, 0, 0"),
    ("kexec_file_load", 320, "0, 0, 0, b'', 0"),
    ("reboot", 169, "0xfee1dead, 672274793, 0, 0"),
    ("sethostname", 170, "b'x', 1"),
    ("setdomainname", 171, "b'x', 1"),
    ("settimeofday", 164, "0, 0"),
    ("clock_settime", 227, "0, 0"),
    ("clock_adjtime", 305, "0, b' ' * 208"),
    ("syslog", 103, "3, 0, 0"),
    ("quotactl", 179, "0, 0, 0, 0"),
    ("swapon", 167, "b'/tmp/x', 0"),
    ("acct", 163, "b'/tmp/x'"),
    ("iopl", 172, "3"),
    ("ioperm", 173, "0, 1, 1"),
    ("modify_ldt", 154, "0, 0, 0"),
    ("personality", 135, "0x0040000"),
    ("mknod", 133, "b'/tmp/x', 0o20666, 0x103"),
    ("mknodat", 259, "-100, b'/tmp/x', 0o60666, 0x800"),
    ("name_to_handle_at", 303, "-100, b'/', b' ' * 136, b' ' * 8, 0"),
    ("open_by_handle_at", 304, "-100, b' ' * 136, 0"),
    ("fanotify_init", 300, "0, 0"),
    ("inotify_init1", 294, "0"),
    ("shmget", 29, "0, 4096, 0o1600"),
    ("semget", 64, "0, 1, 0o1600"),
    ("msgget", 68, "0, 0o1600"),
    ("mq_open", 240, "b'x', 0o102, 0o600, 0"),
    ("splice", 275, "0, 0, 1, 0, 1, 0"),
    ("tee", 276, "0, 1, 1, 0"),
    ("vmsplice", 278, "1, 0, 0, 0"),
    ("setuid", 105, "0"),
    ("setresuid", 117, "0, 0, 0"),
    ("setgid", 106, "0"),
    ("setgroups", 116, "0, 0"),
    ("capset", 126, "0, 0"),
    ("chown", 92, "b'/tmp', 0, 0"),
    ("setxattr", 188, "b'/tmp', b'user.x', b'', 0, 0"),
    ("move_pages", 279, "1, 0, 0, 0, 0, 0"),
    ("process_madvise", 440, "0, 0, 0, 0, 0"),
    ("pidfd_getfd", 438, "0, 0, 0"),
    ("mlockall", 151, "3"),
    ("vhangup", 153, ""),
];

/// All of them in one job: each is refused before it does anything, so none can spoil the next.
pub fn programs() -> Vec<Program> {
    let rows =
        CALLS.map(|(name, number, arguments)| format!("    ('{name}', call({number}, {arguments})),\n"));
    let body = format!(
        "return sorted(f'{{name}}: {{said}}' for name, said in (\n{}) if said != 'EPERM')",
        rows.concat()
    );
    vec![program("system calls", &body, value(json!([])))]
}

/// How many calls there are.
pub const COUNT: usize = CALLS.len();
