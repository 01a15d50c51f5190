//! Programs that look for files and secrets, leave traces, or change what others will run.
//! Not here: filling the disk (`resources`).

use crate::suite::{Expect, Program, program, value};
use serde_json::json;

fn same(text: &str, count: usize) -> serde_json::Value {
    json!(vec![text; count])
}

pub fn programs() -> Vec<Program> {
    vec![
        program("passwords", "
found = [attempt(os.open, path, os.O_RDONLY) in ('ENOENT', 'EACCES') for path in ('/etc/shadow', '/etc/gshadow', '/root/.ssh', '/root', '/home', '/etc/sudoers')]
return found", value(same_true(6))),
        program("a world-readable file of the machine", "return attempt(os.open, host['secret'], os.O_RDONLY)", value("ENOENT"))
            .in_c(value("EACCES")),
        program("a world-writable folder of the machine", "return attempt(os.open, host['folder'] + '/new', os.O_RDWR | os.O_CREAT)", value("ENOENT"))
            .in_c(value("EACCES")),
        program("a file of the machine by way of a link", "
link = os.environ['HOME'] + '/link'
os.symlink(host['secret'], link)
return attempt(os.open, link, os.O_RDONLY)", value("ENOENT")).in_c(value("EACCES")),
        program("a file of the machine by way of dots", "
return attempt(os.open, os.environ['HOME'] + '/..' * 20 + host['secret'], os.O_RDONLY)", value("ENOENT"))
            .in_c(value("EACCES")),
        program("a hard link to a file of the machine", "
return attempt(os.link, host['secret'], os.environ['HOME'] + '/link') in ('ENOENT', 'EACCES', 'EXDEV', 'EPERM')", value(true)),
        program("its own processes", "
return [attempt(os.open, path, os.O_RDONLY) in ('ENOENT', 'EACCES') for path in ('/proc', '/proc/self/environ', '/proc/1/environ', '/proc/self/mem', '/proc/self/root', '/proc/sys')]",
            value(same_true(6))),
        program("the machine's devices and settings", "
return [attempt(os.open, path, os.O_RDONLY) in ('ENOENT', 'EACCES') for path in ('/sys', '/sys/fs/cgroup', '/dev', '/run', '/var', '/boot')]",
            value(same_true(6))),
        program("environment", "return sorted(set(os.environ) - {'REQUESTS_CA_BUNDLE', 'SSL_CERT_FILE'})",
            value(json!(["HOME", "LANG", "MALLOC_ARENA_MAX", "TMPDIR", "TZ"]))),
        program("environment in memory", "
ctypes = __import__('ctypes')
environ, found = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), 'environ'), []
while environ[len(found)]: found.append(environ[len(found)].split(b'=')[0].decode())
return sorted(set(found) - {'REQUESTS_CA_BUNDLE', 'SSL_CERT_FILE'})", value(json!(["HOME", "LANG", "MALLOC_ARENA_MAX", "TMPDIR", "TZ"]))),
        program("open descriptors", "
found = []
for number in range(300):
    try: os.fstat(number); found.append(number)
    except OSError: pass
return found", value(json!([0, 1, 2, 4]))).in_c(value(json!([0, 1, 2, 4, 5]))),
        program("what stdin says", "return os.read(0, 10).decode()", value("")),
        program("its own code", "
import glob
return [attempt(os.open, sys.prefix + '/lib/python3', os.O_RDWR | os.O_CREAT) in ('EROFS', 'EACCES', 'ENOENT', 'EISDIR'),
        attempt(os.open, sys.executable, os.O_RDWR) in ('EROFS', 'EACCES', 'ETXTBSY', 'EPERM')]", value(same_true(2))),
        program("poisoned compiled files", "
import glob, requests
folder = os.path.dirname(requests.__file__)
targets = [folder, folder + '/__pycache__', os.path.dirname(os.__file__), os.path.dirname(os.__file__) + '/__pycache__']
return [attempt(os.open, target + '/poison.pyc', os.O_RDWR | os.O_CREAT) in ('EROFS', 'EACCES') for target in targets]",
            value(same_true(4))),
        program("compiled files changed in place", "
import glob, requests
target = glob.glob(os.path.dirname(requests.__file__) + '/__pycache__/*.pyc')[0]
return [attempt(function, *arguments) in ('EROFS', 'EACCES', 'EPERM', 'EXDEV') for function, *arguments in (
    (os.open, target, os.O_RDWR), (os.truncate, target, 0), (os.unlink, target), (os.utime, target),
    (os.rename, target, os.environ['HOME'] + '/x'), (os.chmod, target, 0o777))]", value(same_true(6))),
        program("new files anywhere", "
places = ['/', '/etc', '/usr', '/usr/lib', '/dev', '/lib', '/opt', '/var/tmp', '/dev/shm']
return [attempt(os.open, place + '/new', os.O_RDWR | os.O_CREAT) in ('EROFS', 'EACCES', 'ENOENT') for place in places]",
            value(same_true(9))),
        program("traces for the next one, first", "
open(os.environ['HOME'] + '/trace', 'w').write('x')
import json, requests
json.dumps = requests.get = None
sys.modules['trace_left'] = os
return 'left'", Expect::Code("no_result")),
        program("traces for the next one, second", "
import json, requests
return [os.listdir(os.environ['HOME']), json.dumps is None, requests.get is None, 'trace_left' in sys.modules]",
            value(json!([[], false, false, false]))),
        program("programs in the scratch folder", "
import mmap
path = os.environ['HOME'] + '/code'
open(path, 'wb').write(bytes(4096))
os.chmod(path, 0o4777)
with open(path, 'rb') as file:
    try: mmap.mmap(file.fileno(), 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
    except OSError as error: return errno.errorcode[error.errno]
return 'mapped'", value("EPERM")).in_c(value("mapped")),
        program("devices, pipes and sockets in the scratch folder", "
home = os.environ['HOME']
return [attempt(os.mkfifo, home + '/pipe'), attempt(os.mknod, home + '/device', 0o20666, 0x103)]", value(json!(same("EPERM", 2)))),
        program("writing to devices", "
with open('/dev/null', 'w') as file: file.write('x')
return [len(open('/dev/urandom', 'rb').read(8)), attempt(os.chmod, '/dev/null', 0o777)[0] in 'EO']", value(json!([8, true]))),
        program("the result as a link", r#"
path = os.environ['HOME'] + '/result'
os.symlink(host['secret'], path)
os.close(4)
return attempt(os.open, path, os.O_RDWR)"#, Expect::Code("no_result")),
        program("the result into a file", "
os.dup2(os.open(os.environ['HOME'] + '/result', os.O_RDWR | os.O_CREAT), 4)
return 1", Expect::Code("no_result")),
        program("core files", "
import resource
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
os.abort()", Expect::Code("killed")),
        program("host name", "return os.uname().nodename", value("sandbox")).in_c(Expect::Value(machine())),
        program("watching files", "return [call(254, 3, b'/usr', 2), call(253)]", value(json!(["EPERM", "EPERM"]))),
        program("locks without end", "
import fcntl
held = [open(os.environ['HOME'] + f'/{number}', 'w') for number in range(100)]
for file in held: fcntl.lockf(file, fcntl.LOCK_EX)
return len(held)", value(100)),
    ]
}

fn same_true(count: usize) -> serde_json::Value {
    json!(vec![true; count])
}

/// Without a namespace for it, the name is no secret.
fn machine() -> serde_json::Value {
    json!(rustix::system::uname().nodename().to_str().unwrap())
}
