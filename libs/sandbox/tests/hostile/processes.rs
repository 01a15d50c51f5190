//! Programs that start others, stay behind, or lay hands on processes. Not here: single system calls (`calls`).

use crate::suite::{Expect, Program, program, value};
use serde_json::json;

const DENIED: Expect = Expect::Raises("PermissionError");

pub fn programs() -> Vec<Program> {
    vec![
        program("fork", "return os.fork()", DENIED),
        program("fork bomb", "
while True: os.fork()", DENIED),
        program("daemon", "
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
import time; time.sleep(600)", DENIED),
        program("shell", "return os.system('id')", Expect::Status(127)),
        program("subprocess", "__import__('subprocess').run(['/bin/sh'])", DENIED),
        program("posix_spawn", "return os.posix_spawn(os.path.realpath('/usr/bin/python3'), ['x'], {})", DENIED),
        program("multiprocessing", "
context = __import__('multiprocessing').get_context('fork')
context.Process(target=print).start()", DENIED),
        program("becoming another program", "
return attempt(os.execv, sys.executable, [sys.executable, '-c', 'print(1)'])", value("ENOSYS")),
        program("becoming a program of its own", r#"
path = os.environ['HOME'] + '/program'
with open(path, 'w') as file: file.write('#!/usr/bin/python3\nprint(1)\n')
os.chmod(path, 0o777)
return attempt(os.execv, path, [path])"#, value("ENOSYS")),
        program("program without a file", "return attempt(os.memfd_create, 'x')", value("EPERM")),
        program("killing the supervisor", "return [attempt(os.kill, 1, number) for number in (9, 15, 19)]", value(json!(["EPERM", "EPERM", "EPERM"]))),
        program("killing everybody", "return attempt(os.kill, -1, 9)", value("EPERM")),
        program("killing its group", "return attempt(os.kill, 0, 9)", value("EPERM")),
        program("killing the service", "return attempt(os.kill, host['pid'], 9)", value("EPERM")),
        program("signals by descriptor", "return attempt(os.pidfd_open, os.getppid() or 1)", value("EPERM")),
        program("signals by ownership of a pipe", "
import fcntl
reader, writer = os.pipe()
return [attempt(fcntl.fcntl, reader, command, value) for command, value in ((fcntl.F_SETOWN, host['pid']), (10, 9), (15, 0))]",
            value(json!(["EPERM", "EPERM", "EPERM"]))),
        program("session of its own", "return attempt(os.setsid)", value("EPERM")),
        program("outliving its parent", "return call(157, 1, 0)", value("EPERM")),
        program("limits of others", "
import resource
return [attempt(resource.prlimit, pid, resource.RLIMIT_CPU, (0, 0)) for pid in (1, host['pid'])]", value(json!(["EPERM", "EPERM"]))),
        program("priority", "return [attempt(os.nice, -20), attempt(os.sched_setaffinity, 0, [0])]", value(json!(["EPERM", "EPERM"]))),
        program("tracing itself", "return call(101, 0, 0, 0, 0)", value("EPERM")),
        program("tracing others", "return [call(101, 16, pid, 0, 0) for pid in (1, host['pid'])]", value(json!(["EPERM", "EPERM"]))),
        program("memory of others", "return [call(nr, pid, 0, 0, 0, 0, 0) for nr in (310, 311) for pid in (1, host['pid'])]",
            value(json!(["EPERM", "EPERM", "EPERM", "EPERM"]))),
        program("thread that goes on", "
import threading, time
def stay():
    while True: time.sleep(0.01); print('still here')
threading.Thread(target=stay).start()
return 'returned'", value("returned")),
        program("work at exit", "
import atexit
def stay():
    while True: pass
atexit.register(stay)
return 'returned'", value("returned")),
        program("clone without a thread", "return [call(56, flags, 0, 0, 0, 0) for flags in (17, 0x100 | 17, 0x4000 | 0x100 | 17)]",
            value(json!(["EPERM", "EPERM", "EPERM"]))),
        program("fork by number", "return [call(57), call(58)]", value(json!(["EPERM", "EPERM"]))),
        program("clone3", "
ctypes = __import__('ctypes')
return call(435, ctypes.create_string_buffer(88), 88)", value("ENOSYS")),
    ]
}

/// For jobs that may have sixteen processes.
pub fn many() -> Vec<Program> {
    vec![
        program(
            "fork bomb, counted",
            "
import time
started = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(600); os._exit(0)
        started += 1
except BlockingIOError: return 8 <= started <= 80",
            value(true),
        ),
        program(
            "fork bomb of all",
            "
while True:
    try: os.fork()
    except OSError: pass",
            Expect::Either(&["cpu_time", "timeout"]),
        )
        .within(2, 2),
        program(
            "daemon that holds all descriptors",
            "
import time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(600)
    os._exit(0)
return 'returned'",
            value("returned"),
        ),
        program(
            "child that holds stdout",
            "
import time
if os.fork() == 0:
    os.close(4)
    while True: print('x'); time.sleep(0.01)
return 'returned'",
            value("returned"),
        ),
        program(
            "child deaf to signals",
            "
import signal, time
if os.fork() == 0:
    for number in range(1, 65):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    while True: time.sleep(1)
return 'returned'",
            value("returned"),
        ),
        program(
            "child that forges the result",
            r#"
import time
if os.fork() == 0:
    body = b'{"nonce":"","kind":"value","value":"forged"}'
    os.write(4, b'NXS1' + len(body).to_bytes(4, 'little') + body)
    os._exit(0)
os.wait()
return 'honest'"#,
            Expect::Code("invalid_result"),
        ),
        program(
            "child that answers for its dead parent",
            "
import time
if os.fork():
    os._exit(0)
time.sleep(5)
return 'late'",
            Expect::Code("no_result"),
        ),
        program(
            "memory in many processes",
            "
import time
for _ in range(8):
    if os.fork() == 0:
        held = bytearray(128 << 20)
        for at in range(0, len(held), 4096): held[at] = 1
        time.sleep(600)
time.sleep(600)",
            Expect::Code("memory"),
        ),
        program(
            "dead children nobody asks for",
            "
for _ in range(200):
    try:
        if os.fork() == 0: os._exit(0)
    except BlockingIOError: os.waitpid(-1, os.WNOHANG)
return 'returned'",
            value("returned"),
        ),
        program(
            "namespaces of its own",
            "return [call(56, flag | 17, 0, 0, 0, 0) for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000)]",
            value(json!(["EPERM", "EPERM", "EPERM", "EPERM"])),
        ),
        program(
            "another program",
            "
return attempt(os.posix_spawn, sys.executable, [sys.executable], {})",
            value("ENOSYS"),
        ),
    ]
}
