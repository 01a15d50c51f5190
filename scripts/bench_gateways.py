"""Our gateway beside LiteLLM's proxy and Portkey's, in one run, in front of the same scripted provider that answers at
once: added latency, throughput, CPU and memory. The gateway under test has core 0 for itself; provider and load share
core 1. Arguments: folder of the release programs, scratch folder. A gateway that cannot be installed is left out, and
that is said."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

PROGRAMS, SCRATCH = map(os.path.abspath, sys.argv[1:3])
MODEL = "gpt-4o-mini"
# Whichever version of LiteLLM the index can install with all it needs; what it was is printed.
LITELLM, PORTKEY = "litellm[proxy]", "@portkey-ai/gateway@1.15.2"
# LiteLLM does not start without one.
KEY = "sk-" + os.urandom(24).hex()
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": SCRATCH, "NO_PROXY": "*", "LANG": "C.UTF-8"}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start(core, command, **environment):
    log = open(os.path.join(SCRATCH, "log.txt"), "a")
    pinned = ["taskset", "-c", str(core), *command] if shutil.which("taskset") else command
    return subprocess.Popen(
        pinned, env={**ENVIRONMENT, **environment}, stdout=log, stderr=log, cwd=SCRATCH, start_new_session=True
    )


def stop(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def group(process):
    """The processes of a gateway: their CPU seconds and resident megabytes."""
    ticks = memory = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            if int(fields[2]) == process.pid:
                ticks += int(fields[11]) + int(fields[12])
                memory += int(open(f"/proc/{pid}/statm").read().split()[1])
    return ticks / os.sysconf("SC_CLK_TCK"), memory * os.sysconf("SC_PAGE_SIZE") / 1e6


def load(url, model, requests, concurrency, headers=()):
    command = [os.path.join(PROGRAMS, "load"), url, model, str(requests), str(concurrency), *headers]
    pinned = ["taskset", "-c", "1", *command] if shutil.which("taskset") else command
    return json.loads(subprocess.run(pinned, env=ENVIRONMENT, capture_output=True, check=True, timeout=600).stdout)


def ready(url, model, headers, process, patience=120):
    until = time.time() + patience
    while time.time() < until:
        if process is not None and process.poll() is not None:
            return False
        with contextlib.suppress(Exception):
            if load(url, model, 1, 1, headers)["ok"] == 1:
                return True
        time.sleep(0.5)
    return False


def measure(name, url, model, headers, process, base):
    if not ready(url, model, headers, process):
        print(f"    {name}: left out, it does not start (see {SCRATCH}/log.txt)", flush=True)
        return
    load(url, model, 300, 8, headers)
    figures = {}
    for concurrency, requests in ((1, 1500), (64, 4000)):
        before = group(process)[0] if process else 0
        result = load(url, model, requests, concurrency, headers)
        result["cpu_ms"] = (group(process)[0] - before) * 1000 / max(result["ok"], 1) if process else 0
        figures[concurrency] = result
    memory = group(process)[1] if process else 0
    for concurrency, result in figures.items():
        direct = base.setdefault(concurrency, result)
        print(
            f"    {name:9} at {concurrency:2}: p50 {result['p50_ms']:8.3f} ms (added {result['p50_ms'] - direct['p50_ms']:+8.3f}),"
            f" p99 {result['p99_ms']:8.3f} ms (added {result['p99_ms'] - direct['p99_ms']:+8.3f}),"
            f" {result['requests_per_second']:7.0f} requests/s, {result['cpu_ms']:6.3f} CPU-ms each,"
            f" {memory:5.0f} MB{', FAILED: ' + str(result['failed']) if result['failed'] else ''}",
            flush=True,
        )


def install(what, command):
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=900, cwd=SCRATCH)
        return True
    except (subprocess.SubprocessError, OSError) as error:
        said = (getattr(error, "stderr", b"") or b"").decode(errors="replace").strip().splitlines()
        print(f"    {what}: left out, it cannot be installed: {said[-1] if said else error}", flush=True)
        return False


def main():
    os.makedirs(SCRATCH, exist_ok=True)
    for program in ("nexus", "fake-provider", "load"):
        if not os.path.exists(os.path.join(PROGRAMS, program)):
            sys.exit(f"{PROGRAMS}/{program} is missing: cargo build --release -p nexus-cli -p nexus-testkit --bins")
    port, running = free_port(), []
    # Whoever is told to end takes what it started with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    upstream = f"http://127.0.0.1:{port}/v1"
    try:
        provider = start(1, [os.path.join(PROGRAMS, "fake-provider"), "--port", str(port), "--tokens", "16"])
        running.append(provider)
        base = {}
        measure("direct", upstream, MODEL, ["authorization: Bearer x"], None, base)

        http, data = free_port(), os.path.join(SCRATCH, f"data-{os.getpid()}")
        ours = start(
            0,
            [os.path.join(PROGRAMS, "nexus"), "up"],
            NEXUS_DATA_DIR=data, NEXUS_HTTP_ADDR=f"127.0.0.1:{http}", NEXUS_GRPC_ADDR=f"127.0.0.1:{free_port()}",
            OPENAI_API_KEY="x", OPENAI_BASE_URL=upstream, LOG_LEVEL="warn", OLLAMA_HOST="off",
        )  # fmt: skip
        running.append(ours)
        measure("nexus", f"http://127.0.0.1:{http}/v1", f"openai/{MODEL}", [], ours, base)
        stop(ours)

        npm = shutil.which("npm")
        folder = os.path.join(SCRATCH, "portkey")
        os.makedirs(folder, exist_ok=True)
        if npm and install("portkey", [npm, "install", "--prefix", folder, "--no-audit", "--no-fund", PORTKEY]):
            http = free_port()
            server = os.path.join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js")
            portkey = start(0, ["node", server, f"--port={http}", "--headless"], NODE_ENV="production")
            running.append(portkey)
            headers = ["authorization: Bearer x", "x-portkey-provider: openai", f"x-portkey-custom-host: {upstream}"]
            measure("portkey", f"http://127.0.0.1:{http}/v1", MODEL, headers, portkey, base)
            stop(portkey)

        python = os.path.join(SCRATCH, "litellm/bin/python")
        made = os.path.exists(python) or install("litellm", [sys.executable, "-m", "venv", os.path.join(SCRATCH, "litellm")])
        known = made and os.path.exists(os.path.join(SCRATCH, "litellm/bin/litellm"))
        if known or made and install("litellm", [python, "-m", "pip", "install", "--quiet", LITELLM]):
            show = [python, "-c", "from importlib.metadata import version; print(version('litellm'))"]
            version = subprocess.run(show, capture_output=True, text=True).stdout.strip()
            print(f"    (portkey {PORTKEY.rsplit('@')[-1]}, litellm {version})", flush=True)
            http, settings = free_port(), os.path.join(SCRATCH, "litellm.json")
            with open(settings, "w") as file:
                parameters = {"model": f"openai/{MODEL}", "api_base": upstream, "api_key": "x"}
                json.dump({"model_list": [{"model_name": MODEL, "litellm_params": parameters}]}, file)
            command = [os.path.join(SCRATCH, "litellm/bin/litellm"), "--config", settings, "--host", "127.0.0.1"]
            litellm = start(
                0, [*command, "--port", str(http), "--num_workers", "1"],
                LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOG="ERROR", LITELLM_MASTER_KEY=KEY,
            )  # fmt: skip
            running.append(litellm)
            headers = [f"authorization: Bearer {KEY}"]
            measure("litellm", f"http://127.0.0.1:{http}/v1", MODEL, headers, litellm, base)
    finally:
        for process in running:
            stop(process)


main()
