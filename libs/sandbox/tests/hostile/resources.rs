//! Programs that use up time, memory, disk, output and tables. Not here: processes (`processes`).

use crate::suite::{Expect, Program, program, value, verbatim};
use serde_json::json;

const ENDLESS: Expect = Expect::Code("cpu_time");

pub fn programs() -> Vec<Program> {
    vec![
        program("endless loop", "while True: pass", ENDLESS).within(30, 1),
        program("endless sleep", "import time; time.sleep(1e6)", Expect::Code("timeout")).within(1, 5),
        verbatim("endless loop while it is loaded", "while True: pass", ENDLESS).within(30, 1),
        program(
            "endless loop deaf to signals",
            "
import signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True: pass",
            ENDLESS,
        )
        .within(30, 1),
        program("endless regular expression", "import re; re.match('(a+)+$', 'a' * 64 + 'b')", ENDLESS)
            .within(30, 1),
        program(
            "endless loops in threads",
            "
import threading
def burn():
    while True: hash('x')
for _ in range(8): threading.Thread(target=burn).start()
burn()",
            ENDLESS,
        )
        .within(30, 1),
        program(
            "endless text of an exception",
            "
class Endless(Exception):
    def __str__(self):
        while True: pass
raise Endless()",
            ENDLESS,
        )
        .within(30, 1),
        program(
            "endless loop without descriptors",
            "
os.closerange(0, 300)
while True: pass",
            ENDLESS,
        )
        .within(30, 1),
        program("one big block", "return len(bytearray(1 << 30))", Expect::Code("memory")),
        program(
            "many small objects",
            "
held = []
while True: held.append([len(held)] * 100)",
            Expect::Code("memory"),
        ),
        program(
            "doubling text",
            "
text = 'x'
while True: text += text",
            Expect::Code("memory"),
        ),
        program("huge number", "return (1 << (1 << 36)) % 7", Expect::Code("memory")),
        program(
            "mapped memory",
            "
import mmap
held = []
while True:
    block = mmap.mmap(-1, 64 << 20)
    block.write(b'x' * (64 << 20))
    held.append(block)",
            Expect::Either(&["memory", "exception"]),
        ),
        program(
            "shared memory",
            "
import mmap
held = []
for _ in range(64): held.append(mmap.mmap(-1, 64 << 20, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS))",
            Expect::Raises("OSError"),
        ),
        program(
            "memory in threads",
            "
import threading
held = []
def fill():
    while True: held.append(bytearray(1 << 20))
threads = [threading.Thread(target=fill) for _ in range(4)]
for thread in threads: thread.start()
fill()",
            Expect::Either(&["memory", "killed", "timeout"]),
        )
        .within(10, 10),
        program(
            "packed emptiness",
            "
import zlib
packed = zlib.compress(bytes(100 << 20), 9)
held = []
while True: held.append(zlib.decompress(packed))",
            Expect::Code("memory"),
        ),
        program(
            "billion laughs",
            r#"
from lxml import etree
laughs = '<!DOCTYPE l [<!ENTITY a "ha">' + ''.join(
    f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(9)) + ']><l>&j;</l>'
return len(etree.fromstring(laughs).text or '') < 10_000_000"#,
            Expect::Raises("lxml.etree.XMLSyntaxError"),
        ),
        program(
            "deep recursion",
            "
def down(n): return down(n + 1)
down(0)",
            Expect::Raises("RecursionError"),
        ),
        program(
            "recursion without limit",
            "
sys.setrecursionlimit(1 << 30)
class Deep:
    def __getattr__(self, name): return getattr(self, name)
Deep().x",
            Expect::Either(&["killed", "memory", "exception"]),
        ),
        program(
            "full scratch folder",
            r#"
written = 0
for number in range(1000):
    with open(f'{os.environ["HOME"]}/{number}', 'wb', 0) as file:
        try:
            for _ in range(8): written += file.write(bytes(1 << 20))
        except OSError as error:
            return [errno.errorcode[error.errno], written <= 64 << 20]"#,
            value(json!(["ENOSPC", true])),
        )
        .in_c(Expect::Code("killed")),
        program(
            "too many files",
            r#"
for number in range(1 << 20):
    try: open(f'{os.environ["HOME"]}/{number}', 'w').close()
    except OSError as error: return [errno.errorcode[error.errno], number < 4096]"#,
            value(json!(["ENOSPC", true])),
        )
        .in_c(Expect::Code("killed")),
        program(
            "very deep folders",
            r#"
os.chdir(os.environ['HOME'])
for number in range(1 << 20):
    try: os.mkdir('d'); os.chdir('d')
    except OSError as error: return [errno.errorcode[error.errno], number < 4096]"#,
            value(json!(["ENOSPC", true])),
        )
        .in_c(Expect::Code("killed")),
        program(
            "one huge file",
            r#"
with open(os.environ['HOME'] + '/x', 'wb') as file: return attempt(file.truncate, 1 << 40)"#,
            value("EFBIG"),
        ),
        program(
            "flood of output",
            "
for _ in range(1 << 14): print('x' * 4096)
return 'done'",
            value("done"),
        ),
        program(
            "flood of errors",
            "
for _ in range(1 << 14): print('x' * 4096, file=sys.stderr)
return 'done'",
            value("done"),
        ),
        program("huge result", "return 'x' * (5 << 20)", Expect::Code("result_too_large")),
        program(
            "huge result, doubled by its encoding",
            "return '\\u0000' * (2 << 20)",
            Expect::Code("result_too_large"),
        ),
        program(
            "deep result",
            "
value = []
for _ in range(500): value = [value]
return value",
            Expect::Code("wrong_shape"),
        ),
        program(
            "bottomless result",
            "
value = []
value.append(value)
return value",
            Expect::Code("wrong_shape"),
        ),
        program(
            "threads without end",
            "
import threading
event = threading.Event()
started = 0
try:
    while True:
        threading.Thread(target=event.wait, daemon=True).start()
        started += 1
except (RuntimeError, MemoryError): return started <= 64",
            value(true),
        ),
        program(
            "open files without end",
            "
held = []
try:
    while True: held.append(open('/dev/null'))
except OSError as error: return [errno.errorcode[error.errno], len(held) <= 256]",
            value(json!(["EMFILE", true])),
        ),
        program(
            "pipes full of data",
            "
import fcntl
held = []
for _ in range(100):
    held.append(os.pipe())
    os.set_blocking(held[-1][1], False)
    attempt(fcntl.fcntl, held[-1][1], 1031, 1 << 30)
    try:
        while True: os.write(held[-1][1], bytes(1 << 16))
    except OSError: pass
return 'done'",
            value("done"),
        ),
        program(
            "its own alarm",
            "
import signal, time
signal.setitimer(signal.ITIMER_REAL, 0.01)
time.sleep(5)",
            Expect::Code("killed"),
        ),
        program(
            "higher limits",
            "
import resource
refused = []
for name in ('RLIMIT_AS', 'RLIMIT_NOFILE', 'RLIMIT_FSIZE', 'RLIMIT_CORE', 'RLIMIT_CPU'):
    try: resource.setrlimit(getattr(resource, name), (1 << 40, 1 << 40))
    except (ValueError, PermissionError): refused.append(name)
return len(refused)",
            value(5),
        ),
    ]
}
