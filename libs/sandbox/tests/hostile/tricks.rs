//! Programs that turn the interpreter, its runner and the channel of results against us. Nothing within Python is the
//! boundary: these show that it need not be. Not here: what honest mistakes look like (`jobs`).

use crate::suite::{Expect, Program, program, value, verbatim};
use serde_json::json;

const INVALID: Expect = Expect::Code("invalid_result");

/// What `os.system` returns when no shell could be started.
const NO_SHELL: Expect = Expect::Status(127);

/// Finds the runner's variables in the frames above.
const SPY: &str = "
frame = sys._getframe()
while 'nonce' not in frame.f_locals: frame = frame.f_back
nonce = frame.f_locals['nonce']
def forge(text):
    body = text.encode()
    os.write(4, b'NXS1' + len(body).to_bytes(4, 'little') + body)
";

pub fn programs() -> Vec<Program> {
    let spy = |name: &str, body: &str, expect| program(name, &format!("{SPY}{body}"), expect);
    vec![
        program(
            "subclasses of object",
            "
found = [kind for kind in ().__class__.__base__.__subclasses__() if kind.__name__ == '_wrap_close']
return found[0].__init__.__globals__['system']('id')",
            NO_SHELL,
        ),
        program(
            "frames of a generator",
            "
steps = (steps.gi_frame.f_back for _ in [0])
frame = next(steps)
while frame.f_back: frame = frame.f_back
return frame.f_globals['__builtins__'].__import__('os').system('id')",
            NO_SHELL,
        ),
        program(
            "code objects",
            "
def source(): pass
source.__code__ = compile('__import__(\"os\").system(\"id\")', 'x', 'eval')
return source() or eval(source.__code__)",
            NO_SHELL,
        ),
        program(
            "byte code by hand",
            "
def victim(): return 1
victim.__code__ = victim.__code__.replace(co_code=bytes([100, 255, 83, 0] * 4), co_consts=())
return victim()",
            Expect::Either(&["killed", "exception", "no_result"]),
        ),
        program(
            "imports under other names",
            "
loader = __import__('importlib').import_module
return [loader('sub' + 'process').__name__, loader('c' + 'types').__name__]",
            value(json!(["subprocess", "ctypes"])),
        ),
        program(
            "unpickling",
            r#"
import pickle
class Evil:
    def __reduce__(self): return (os.system, ('id',))
return pickle.loads(pickle.dumps(Evil()))"#,
            NO_SHELL,
        ),
        program(
            "peeking and poking",
            "
ctypes = __import__('ctypes')
number = 1 << 70
return ctypes.string_at(id(number), 8) != b''",
            value(true),
        ),
        program(
            "forged result",
            r#"
body = b'{"nonce":"","kind":"value","value":"forged"}'
os.write(4, b'NXS1' + len(body).to_bytes(4, 'little') + body)
os._exit(0)"#,
            INVALID,
        ),
        program(
            "forged result before the honest one",
            r#"
body = b'{"nonce":"0123456789abcdef0123456789abcdef","kind":"value","value":"forged"}'
os.write(4, b'NXS1' + len(body).to_bytes(4, 'little') + body)
return 'honest'"#,
            INVALID,
        ),
        program("not even a frame", "os.write(4, b'done\\n'); return 1", INVALID),
        program("half a frame", "os.write(4, b'NXS1\\xff\\xff'); os._exit(0)", INVALID),
        program(
            "a frame that promises gigabytes",
            "os.write(4, b'NXS1\\xff\\xff\\xff\\xff'); os._exit(0)",
            INVALID,
        ),
        program(
            "another word of readiness",
            r#"
body = b'{"nonce":"","kind":"ready"}'
os.write(4, b'NXS1' + len(body).to_bytes(4, 'little') + body)
os._exit(0)"#,
            INVALID,
        ),
        program(
            "flood of results",
            "
while True: os.write(4, b'NXS1' + b'\\xff' * 65532)",
            Expect::Code("result_too_large"),
        ),
        // With the nonce it can say what it could as well have returned, and nothing else.
        spy(
            "its own result by other means",
            r#"
forge('{"nonce":"%s","kind":"value","value":"mine"}' % nonce)
os._exit(0)"#,
            value("mine"),
        ),
        spy(
            "two results",
            r#"
forge('{"nonce":"%s","kind":"value","value":1}' % nonce)
return 2"#,
            INVALID,
        ),
        spy(
            "result and a failing end",
            r#"
forge('{"nonce":"%s","kind":"value","value":1}' % nonce)
os._exit(3)"#,
            Expect::Code("no_result"),
        ),
        spy(
            "result and no end",
            r#"
forge('{"nonce":"%s","kind":"value","value":1}' % nonce)
while True: pass"#,
            Expect::Code("cpu_time"),
        )
        .within(30, 1),
        spy(
            "readiness with the nonce",
            r#"
forge('{"nonce":"%s","kind":"ready"}' % nonce)
os._exit(0)"#,
            INVALID,
        ),
        spy(
            "fields nobody knows",
            r#"
forge('{"nonce":"%s","kind":"value","value":1,"peak_memory":0,"cpu":0}' % nonce)
os._exit(0)"#,
            value(1),
        ),
        spy(
            "text that is not Unicode",
            r#"
body = b'{"nonce":"%s","kind":"value","value":"\xff"}' % nonce.encode()
os.write(4, b'NXS1' + len(body).to_bytes(4, 'little') + body)
os._exit(0)"#,
            INVALID,
        ),
        program("half a character", "return 'a\\ud800b'", value("a?b")),
        program(
            "broken JSON",
            "
import json
json.dumps = lambda *_, **__: '1}{'
return 1",
            Expect::Either(&["invalid_result", "no_result"]),
        ),
        program(
            "no built-ins",
            "
import builtins
for name in list(vars(builtins)): delattr(builtins, name)",
            Expect::Either(&["no_result", "exception"]),
        ),
        program(
            "no output",
            "
sys.stdout = sys.stderr = sys.__stdout__ = None
return 1",
            value(1),
        ),
        program(
            "tracing the runner",
            "
def trace(*_): raise SystemExit
sys.settrace(trace)
return 1",
            Expect::Code("no_result"),
        ),
        program("ending the interpreter", "os._exit(0)", Expect::Code("no_result")),
        program("ending the program", "sys.exit(0)", Expect::Raises("SystemExit")),
        program("interrupting itself", "raise KeyboardInterrupt", Expect::Raises("KeyboardInterrupt")),
        program(
            "exception that lies about itself",
            "
class Evil(BaseException):
    __module__ = 'x' * 100_000
    def __str__(self): raise SystemExit(self)
raise Evil()",
            Expect::Either(&["exception", "no_result"]),
        ),
        program(
            "exception with a huge text",
            "raise ValueError('x' * (64 << 20))",
            Expect::Raises("ValueError"),
        ),
        program(
            "value that lies about its class",
            "
class Evil(dict):
    def items(self): raise SystemExit
    def __len__(self): return 1
return Evil(a=1)",
            Expect::Either(&["wrong_shape", "no_result"]),
        ),
        program(
            "value of class int that is none",
            "
class Evil(int):
    def __repr__(self): return '1]}{'
return [Evil(7)]",
            value(json!([7])),
        ),
        program(
            "signal handlers in the runner",
            "
import signal
signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
while True: pass",
            Expect::Code("no_result"),
        ),
        verbatim("code with a null byte", "def run(host): return 1\0", Expect::Code("syntax")),
        verbatim(
            "code nested without end",
            &format!("def run(host): return {}{}", "(".repeat(5000), ")".repeat(5000)),
            Expect::Code("syntax"),
        ),
        verbatim(
            "code that takes the parser's memory",
            &format!("def run(host): return {}1", "-".repeat(200_000)),
            Expect::Either(&["syntax", "memory", "killed"]),
        ),
        verbatim(
            "future import into the runner",
            "from __future__ import annotations\ndef run(host): return 1",
            value(1),
        ),
        verbatim("function that is none", "class run:\n    def __new__(cls, host): return 5", value(5)),
        verbatim("coroutine", "async def run(host): return 1", Expect::Code("wrong_shape")),
        verbatim("generator", "def run(host): yield 1", Expect::Code("wrong_shape")),
    ]
}
