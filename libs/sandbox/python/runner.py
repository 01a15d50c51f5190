"""Runs in the sandbox's interpreter: imports what scrapers use, says that it is ready, runs one job, ends.

Nothing in here protects anything: the code it runs can read and change all of it. What holds is the kernel. The refusal
of some imports is advice for people. Not here: the other end of the two pipes (`src/frame.rs`).
"""

import sys


def main():
    import json

    setting = json.loads(sys.argv[1])
    sys.argv[:] = ["main.py"]
    sys.path.extend(path for path in setting["search"] if path not in sys.path)

    import ast
    import builtins
    import collections
    import datetime
    import decimal
    import encodings.idna
    import gc
    import html.parser
    import itertools
    import linecache
    import math
    import os
    import random
    import re
    import socket
    import ssl
    import struct
    import time
    import traceback
    import types
    import urllib.parse
    import urllib.request

    import bs4
    import lxml.etree
    import lxml.html
    import requests
    import urllib3.util.connection

    if setting.get("probe"):
        mapped = set()
        with open("/proc/self/maps") as maps:
            for line in maps:
                fields = line.rstrip("\n").split(maxsplit=5)
                if len(fields) == 6 and fields[5].startswith("/"):
                    mapped.add(fields[5])
        version = ".".join(map(str, sys.version_info[:3]))
        found = {"version": version, "program": sys.executable, "search": sys.path, "mapped": sorted(mapped)}
        sys.stdout.write(json.dumps(found))
        return

    # First uses load tables and compile expressions: better now than on the job's time.
    bs4.BeautifulSoup("<p class='a'>1</p>", "lxml").select("p.a")
    bs4.BeautifulSoup("<p>1</p>", "html.parser").find("p")
    requests.Session().close()

    NAME = "main.py"
    JOB, RESULT, STREAMS = 3, 4, 5
    HEADER = struct.Struct("<4sI")
    OPEN_NETWORK = "requests (which goes through the proxy) is there for that"
    FORBIDDEN = {
        "ctypes": "native code cannot be called from the sandbox",
        "cffi": "native code cannot be called from the sandbox",
        "subprocess": "programs cannot be started from the sandbox",
        "multiprocessing": "processes cannot be started from the sandbox",
        "pty": "programs cannot be started from the sandbox",
        "socketserver": "nothing can connect to the sandbox",
        "asyncore": "sockets are closed here; " + OPEN_NETWORK,
        "telnetlib": "only HTTP is open; " + OPEN_NETWORK,
        "ftplib": "only HTTP is open; " + OPEN_NETWORK,
        "smtplib": "only HTTP is open; " + OPEN_NETWORK,
    }

    def write(message):
        body = json.dumps(message, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        frame = memoryview(HEADER.pack(b"NXS1", len(body)) + body)
        while frame:
            frame = frame[os.write(RESULT, frame) :]

    def read(count):
        parts = []
        while count:
            part = os.read(JOB, min(count, 1 << 20))
            if not part:
                os._exit(0)
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def cut(text, most):
        return text if len(text) <= most else text[: most // 2] + "\n…\n" + text[-most // 2 :]

    def plain(value):
        """What JSON has no type for, where the meaning is clear."""
        if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
            return value.isoformat()
        if isinstance(value, decimal.Decimal):
            return float(value)
        if isinstance(value, (set, frozenset)):
            return list(value)
        kind = type(value).__name__
        if isinstance(value, bs4.element.Tag):
            raise TypeError("the returned value holds an HTML element (bs4 Tag): take its text with .get_text()")
        if isinstance(value, bytes):
            raise TypeError("the returned value holds bytes: turn them into text with .decode()")
        raise TypeError("the returned value holds a %s, which is no JSON" % kind)

    def name_of(kind):
        return kind.__name__ if kind.__module__ == "builtins" else kind.__module__ + "." + kind.__qualname__

    def failure(error):
        """What to answer when the code raised `error`."""
        if isinstance(error, MemoryError):
            return {"kind": "memory"}
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == NAME]
        line = own[-1].lineno if own else None
        if isinstance(error, ModuleNotFoundError) and error.name and own:
            return {"kind": "not_installed", "module": cut(error.name, 200)}
        try:
            message = str(error)
        except Exception:
            message = "an exception that cannot be shown"
        kind = name_of(type(error))
        lines = ["Traceback (most recent call last):\n"]
        lines += traceback.format_list(own if len(own) <= 12 else own[:6] + own[-6:])
        lines.append("%s: %s\n" % (kind, cut(message, 2000)))
        return {
            "kind": "exception",
            "class": cut(kind, 200),
            "message": cut(message, 2000),
            "traceback": cut("".join(lines), 8000),
            "line": line,
        }

    def forbidden(tree):
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                why = FORBIDDEN.get(name.split(".")[0])
                if why:
                    return {"kind": "forbidden_import", "module": name, "why": why, "line": node.lineno}
        return None

    def connect_by_hand(proxy):
        """Without sockets, connections to the proxy are handed out over a descriptor."""

        class Stream(socket.socket):
            def setsockopt(self, level, *rest):
                # Not TCP itself, only carried on over it.
                if level != socket.IPPROTO_TCP:
                    super().setsockopt(level, *rest)

        def create_connection(address, timeout=socket._GLOBAL_DEFAULT_TIMEOUT, *_, **__):
            if tuple(address[:2]) != ("127.0.0.1", proxy):
                raise PermissionError("only the proxy can be reached from the sandbox")
            broker = socket.socket(fileno=os.dup(STREAMS))
            broker.send(b"1")
            _, descriptors, _, _ = socket.recv_fds(broker, 1, 1)
            broker.close()
            if not descriptors:
                raise ConnectionError("the proxy takes no more connections")
            stream = Stream(fileno=descriptors[0])
            if timeout is not socket._GLOBAL_DEFAULT_TIMEOUT:
                stream.settimeout(timeout)
            return stream

        socket.create_connection = create_connection
        urllib3.util.connection.create_connection = create_connection

    def environment(proxy):
        if proxy is None:
            return
        address = "http://127.0.0.1:%d" % proxy
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            os.environ[name] = os.environ[name.lower()] = address
        if setting.get("streams"):
            connect_by_hand(proxy)

    def shape(entry, value):
        """What is wrong with a scraper's answer, if anything; fills in what may be left out."""
        if entry != "scrape_data":
            return None
        wanted = 'return {"data": [...], "metadata": {...}}'
        if not isinstance(value, dict):
            return "scrape_data returned a value of type %s: %s" % (type(value).__name__, wanted)
        if not isinstance(value.get("data"), list):
            return "scrape_data returned a dict without a list called data: " + wanted
        if not isinstance(value.setdefault("metadata", {}), dict):
            return "metadata is no dict: " + wanted
        unknown = [str(key) for key in value if key not in ("data", "metadata")]
        if unknown:
            return "scrape_data returned further fields (%s): %s" % (cut(", ".join(unknown), 200), wanted)
        return None

    def run(job):
        code = job["code"]
        lines = code.splitlines(True)
        linecache.cache[NAME] = (len(code), None, lines, NAME)
        try:
            tree = ast.parse(code, NAME)
            refused = forbidden(tree)
            if refused:
                return refused
            program = compile(tree, NAME, "exec", dont_inherit=True)
        except SyntaxError as error:
            return {"kind": "syntax", "message": cut(str(error.msg), 500), "line": error.lineno or 0}
        except (ValueError, RecursionError) as error:
            return {"kind": "syntax", "message": cut(str(error), 500), "line": 0}
        module = types.ModuleType("job")
        module.__file__ = NAME
        sys.modules["job"] = module
        del tree, lines
        try:
            exec(program, module.__dict__)
            function = module.__dict__.get(job["function"])
            if not callable(function):
                return {"kind": "no_function"}
            value = function(job["argument"])
        except MemoryError:
            return {"kind": "memory"}
        except BaseException as error:
            return failure(error)
        wrong = shape(job["entry"], value)
        if wrong:
            return {"kind": "wrong_shape", "message": wrong}
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=plain)
        except RecursionError:
            return {"kind": "wrong_shape", "message": "the returned value is nested too deeply"}
        except (TypeError, ValueError) as error:
            message = cut(str(error), 500)
            if "not JSON compliant" in message:
                message = "the returned value holds NaN or an infinity, which is no JSON"
            elif "Circular reference" in message:
                message = "the returned value holds itself"
            elif "keys must be" in message:
                message = "the returned value has a dict with keys that are no strings"
            return {"kind": "wrong_shape", "message": message}
        if len(text) > job["result_limit"]:
            return {"kind": "too_large"}
        return text

    sys.stdout.reconfigure(line_buffering=True, errors="replace")
    sys.stderr.reconfigure(errors="replace")
    random.seed()
    gc.collect()
    gc.freeze()
    write({"nonce": "", "kind": "ready"})

    _, length = HEADER.unpack(read(HEADER.size))
    job = json.loads(read(length))
    os.close(JOB)
    environment(job["proxy"])
    nonce = job.pop("nonce")
    answer = None
    try:
        answer = run(job)
        if isinstance(answer, str):
            body = ('{"nonce":"%s","kind":"value","value":%s}' % (nonce, answer)).encode("utf-8", "replace")
            answer = None
            frame = memoryview(HEADER.pack(b"NXS1", len(body)) + body)
            while frame:
                frame = frame[os.write(RESULT, frame) :]
        else:
            write({"nonce": nonce, **answer})
    except MemoryError:
        answer = None
        write({"nonce": nonce, "kind": "memory"})
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:
        pass
    os._exit(0)


main()
