//! Programs that want out without the proxy: these jobs have no network. Not here: what goes through the proxy
//! (`jobs`), what the proxy refuses (`nexus-egress`).

use crate::suite::{Expect, Program, program, value};
use serde_json::json;

/// Tries to connect; all that tiers may answer.
const CONNECT: &str = "
import socket
def connect(address, family=socket.AF_INET):
    try: connection = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error: return errno.errorcode[error.errno]
    connection.settimeout(3)
    return attempt(connection.connect, address)
REFUSED = ('EACCES', 'EPERM', 'ECONNREFUSED', 'ENETUNREACH')
";

pub fn programs() -> Vec<Program> {
    let connect = |name: &str, body: &str, expect| program(name, &format!("{CONNECT}{body}"), expect);
    vec![
        program("sockets of every family", "
import socket
worked = []
for family in range(1, 50):
    for kind in (1, 2, 3, 4, 5, 10):
        try: socket.socket(family, kind).close(); worked.append([family, kind])
        except OSError as error: assert error.errno == errno.EPERM, (family, kind, error)
return worked", value(json!([[2, 1]]))).in_c(value(json!([]))),
        program("other protocols of the one family", "
import socket
worked = []
for protocol in range(1, 263):
    try: socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol).close(); worked.append(protocol)
    except OSError as error: assert error.errno == errno.EPERM, (protocol, error)
return worked", value(json!([6]))).in_c(value(json!([]))),
        connect("a port of the machine", "return connect(('127.0.0.1', host['port'])) in REFUSED", value(true)),
        connect("every port of the machine", "
return {connect(('127.0.0.1', port)) for port in range(1, 65536, 97)} <= set(REFUSED)", value(true)),
        connect("cloud metadata", "return [connect((address, 80)) in REFUSED for address in ('169.254.169.254', '100.100.100.200', '192.0.0.192')]",
            value(json!([true, true, true]))),
        connect("public and private addresses", "return [connect((address, 443)) in REFUSED for address in ('1.1.1.1', '8.8.8.8', '10.0.0.1', '192.168.0.1', '172.17.0.1', '0.0.0.0')]",
            value(json!([true, true, true, true, true, true]))),
        connect("the newer protocol", "return connect(('::1', 80), socket.AF_INET6)", value("EPERM")),
        connect("sockets in files", "return connect(host['socket'], socket.AF_UNIX)", value("EPERM")),
        program("sockets in files, by a pair", "
import socket
left, right = socket.socketpair()
return [attempt(left.sendto, b'x', host['mailbox']), attempt(socket.socketpair, socket.AF_UNIX, socket.SOCK_DGRAM)]",
            value(json!(["EPERM", "EPERM"]))),
        program("names without a name", "
import socket
left, right = socket.socketpair()
return attempt(left.connect, '\\0systemd')", value("ECONNREFUSED")).in_c(value("EPERM")),
        program("names of machines", "
import socket
try: return socket.getaddrinfo('example.com', 80)
except socket.gaierror: return 'unknown'", value("unknown")),
        program("datagrams", "
import socket
return attempt(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)", value("EPERM")),
        program("servers", "
import socket
left, right = socket.socketpair()
return [attempt(left.bind, ('127.0.0.1', 0)) if left.family == 2 else call(49, left.fileno(), b' ' * 16, 16),
        call(50, left.fileno(), 1), call(43, left.fileno(), 0, 0), call(288, left.fileno(), 0, 0, 0)]", value(json!(["EPERM", "EPERM", "EPERM", "EPERM"]))),
        program("options of sockets", "
import socket
left, right = socket.socketpair()
options = [(1, 25), (1, 26), (1, 36), (1, 50), (1, 60), (0, 64), (6, 31), (41, 26), (263, 1), (270, 11)]
return {call(54, left.fileno(), level, name, b' ' * 64, 64) for level, name in options} == {'EPERM'}", value(true)),
        program("connecting while sending", "
import socket
left, right = socket.socketpair()
return [call(44, left.fileno(), b'x', 1, 0x20000000, 0, 0), call(46, left.fileno(), b' ' * 56, 0x20000000), call(307, left.fileno(), 0, 0, 0)]",
            value(json!(["EPERM", "EPERM", "EPERM"]))),
        program("requests without network", "
import requests
requests.get('http://example.com/', timeout=3)", Expect::Raises("requests.exceptions.ConnectionError")),
        program("requests to the machine", "
import requests
requests.get('http://127.0.0.1:%d/' % host['port'], timeout=3)", Expect::Raises("requests.exceptions.ConnectionError")),
        program("other libraries", "
import http.client, urllib.request
found = []
try: urllib.request.urlopen('http://127.0.0.1:%d/' % host['port'], timeout=3)
except OSError as error: found.append(True)
try: http.client.HTTPConnection('127.0.0.1', host['port'], timeout=3).request('GET', '/')
except OSError as error: found.append(True)
return found", value(json!([true, true]))),
        program("interfaces", "
import fcntl, socket
left, right = socket.socketpair()
return [attempt(fcntl.ioctl, left, command, b' ' * 64) for command in (0x8913, 0x8914, 0x890b, 0x8946)]", value(json!(["EPERM", "EPERM", "EPERM", "EPERM"]))),
    ]
}
