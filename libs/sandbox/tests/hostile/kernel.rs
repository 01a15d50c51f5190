//! Programs that go below the C library: other ways to make a system call, code of their own, and what the process may
//! still have. Not here: the plain table of calls (`calls`).

use crate::suite::{Expect, Program, program, value};
use serde_json::json;

/// Runs machine code that the program brings.
const CODE: &str = "
import mmap
ctypes = __import__('ctypes')
def execute(code):
    block = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7)
    block.write(code)
    return ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(block)))()
";

pub fn programs() -> Vec<Program> {
    let with_code = |name: &str, body: &str, expect| program(name, &format!("{CODE}{body}"), expect);
    vec![
        // mov eax, 20; int 0x80; ret: getpid in the numbering of 32-bit programs, where 20 is not writev.
        with_code("calls of 32-bit programs", "
return execute(bytes.fromhex('b814000000cd80c3'))", Expect::Code("killed")),
        // mov eax, 0x40000000 + 39; syscall; ret
        with_code("calls of the x32 numbering", "
return execute(bytes.fromhex('b8270000400f05c3')) == -errno.EPERM", value(true)),
        // mov eax, 101; xor edi, edi; syscall; ret: ptrace without the C library
        with_code("calls by machine code", "
return execute(bytes.fromhex('b86500000031ff0f05c3')) == -errno.EPERM", value(true)),
        // mov edi, ...; xor ebp, ebp; hlt
        with_code("privileged instructions", "
return execute(bytes.fromhex('f4c3'))", Expect::Code("killed")),
        program("calls that do not exist", "return [call(number) for number in (500, 600, 1 << 20, -1)]",
            value(json!(["EPERM", "EPERM", "EPERM", "EPERM"]))),
        program("writing to nowhere", "__import__('ctypes').memset(0, 1, 1)", Expect::Code("killed")),
        program("ending by abort", "os.abort()", Expect::Code("killed")),
        program("ending by a signal of its own", "
import signal
os.kill(os.getpid(), signal.SIGKILL)", Expect::Code("killed")),
        program("capabilities", r#"
ctypes = __import__('ctypes')
header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
call(125, header, data)
return [call(125, header, data), list(data)]"#, value(json!(["EPERM", [0, 0, 0, 0, 0, 0]]))),
        program("users", "return [os.getuid() != 0, os.geteuid() != 0, os.getgid() != 0, 0 not in os.getgroups()]",
            value(json!([true, true, true, true]))),
        program("process ids", "return [os.getpid() == 2, os.getppid() == 1]", value(json!([true, true])))
            .in_c(value(json!([false, false]))),
        program("prctl", "return [call(157, option, 1, 0, 0, 0) for option in (1, 4, 8, 15, 22, 23, 24, 28, 35, 36, 38, 47, 53, 0x59616d61)]
", value(json!(["EPERM", "EPERM", "EPERM", "EFAULT", "EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "EPERM"]))),
        program("terminals", "
import fcntl
return [attempt(fcntl.ioctl, 1, command, b'x' * 8) for command in (0x5412, 0x540e, 0x541c, 0x5401, 0x8902)]",
            value(json!(["EPERM", "EPERM", "EPERM", "ENOTTY", "EPERM"]))),
        program("pages of the kernel", "
import mmap
return [attempt(os.open, path, os.O_RDONLY) in ('ENOENT', 'EACCES') for path in ('/dev/mem', '/dev/kmsg', '/dev/kvm', '/dev/fuse', '/dev/tty', '/dev/ptmx', '/dev/shm')]",
            value(json!([true, true, true, true, true, true, true]))),
        program("exhausting the filter by many calls", "
for _ in range(200_000): os.getppid()
return call(101, 0, 0, 0, 0)", value("EPERM")),
        program("calls from a thread", "
import threading
found = []
thread = threading.Thread(target=lambda: found.append([call(101, 0, 0, 0, 0), call(272, 0x10000000), call(319, b'x', 0)]))
thread.start(); thread.join()
return found[0]", value(json!(["EPERM", "EPERM", "EPERM"]))),
    ]
}
