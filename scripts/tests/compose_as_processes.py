"""docker-compose.yml without Docker: its roles as plain processes with the same commands, settings, health checks and
order of start, on a private Postgres and NATS; then a workflow through all of them. As root, the roles run as the images'
user, without capabilities, on a read-only root with a /tmp of their own.

    python3 scripts/tests/compose_as_processes.py NEXUS

What differs: hosts are 127.0.0.1, ports are free ones, and memory is in Postgres, as there is no Qdrant. Needs PyYAML,
Postgres and NATS. Not here: images, networks.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
KEY = "sk-compose"
GIVEN = {"NEXUS_API_KEYS": f"me:{hashlib.sha256(KEY.encode()).hexdigest()}"}
AS_ROOT = os.geteuid() == 0
PATIENCE = 60.0

# What a container has: its own mounts, nothing to write to but /tmp, nobody's rights.
CONTAINED = [
    "unshare", "--mount", "--", "bash", "-c",
    "mount --make-rprivate / && mount -t tmpfs -o size=1g,mode=1777 tmpfs /tmp && mount -o remount,bind,ro / && "
    'exec setpriv --reuid 65532 --regid 65532 --clear-groups --no-new-privs --bounding-set -all --inh-caps -all -- "$@"',
    "-",
]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


PORTS = {str(port): str(free_port()) for port in (50051, 50052, 50053, 50054, 50055, 8080, 5432, 4222)}


def setting(value: object) -> str:
    """As Compose would read it, with addresses of this machine."""
    text = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: GIVEN.get(found[1]) or found[2], str(value))
    text = re.sub(r"(//|@)[a-z-]+(:\d+)", r"\g<1>127.0.0.1\2", text)
    return re.sub(r":(\d{4,5})\b", lambda found: f":{PORTS.get(found[1], found[1])}", text)


def environment(name: str) -> dict[str, str]:
    found = {key: setting(value) for key, value in SERVICES[name]["environment"].items()}
    if found.pop("QDRANT_URL", None):
        found["DATABASE_URL"] = setting(SERVICES["planner"]["environment"]["DATABASE_URL"])
    return {**found, "PATH": os.environ["PATH"]}


class Postgres:
    """A private server, without a password: what Compose sets it to does not matter then."""

    def __init__(self) -> None:
        candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        self.bin = next((str(path) for path in candidates), str(Path(shutil.which("initdb") or "initdb").parent))
        self.folder = tempfile.mkdtemp(prefix="nexus-compose-")
        if AS_ROOT:
            shutil.chown(self.folder, "postgres")
        self.run("initdb", "-U", "nexus", "--auth", "trust", "--encoding", "UTF8")
        options = f"-c listen_addresses=127.0.0.1 -c port={PORTS['5432']} -c unix_socket_directories={self.folder} -c fsync=off"
        self.run("pg_ctl", "-w", "-l", f"{self.folder}/log", "-o", options, "start")
        ask = ["psql", "-h", self.folder, "-p", PORTS["5432"], "-U", "nexus", "-d", "postgres", "-qc", "CREATE DATABASE nexus"]
        subprocess.run([f"{self.bin}/{ask[0]}", *ask[1:]], check=True)

    def run(self, program: str, *arguments: str) -> None:
        who = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", "--"] if AS_ROOT else []
        command = [*who, f"{self.bin}/{program}", "-D", f"{self.folder}/data", *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        self.run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(self.folder)


class Mesh:
    def __init__(self, nexus: str, logs: Path) -> None:
        self.nexus, self.logs = nexus, logs
        self.processes: dict[str, subprocess.Popen] = {}

    def start(self, name: str) -> subprocess.Popen:
        contained = CONTAINED if AS_ROOT else []
        with (self.logs / name).open("wb") as log:
            command = [*contained, self.nexus, *SERVICES[name]["command"]]
            process = subprocess.Popen(command, env=environment(name), cwd="/", stdout=log, stderr=log)
        self.processes[name] = process
        return process

    def log(self, name: str) -> str:
        return (self.logs / name).read_text()[-2000:]

    def until_healthy(self, name: str) -> None:
        check = [self.nexus, *SERVICES[name]["healthcheck"]["test"][2:]]
        deadline = time.monotonic() + PATIENCE
        while subprocess.run(check, env=environment(name), capture_output=True, check=False).returncode:
            # Somebody else may answer at that port.
            if self.processes[name].poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{name} does not become healthy:\n{self.log(name)}")
            time.sleep(0.1)
        if self.processes[name].poll() is not None:
            raise SystemExit(f"{name} has ended:\n{self.log(name)}")

    def up(self) -> None:
        if self.start("migrate").wait(PATIENCE):
            raise SystemExit(f"migrate failed:\n{self.log('migrate')}")
        done, waiting = {"migrate", "postgres", "nats", "qdrant"}, [name for name in SERVICES if "serve" in SERVICES[name].get("command", [])]
        while waiting:
            name = next(name for name in waiting if set(SERVICES[name]["depends_on"]) <= done)
            self.start(name)
            self.until_healthy(name)
            waiting.remove(name)
            done.add(name)

    def down(self) -> dict[str, int]:
        for process in self.processes.values():
            process.terminate()
        return {name: process.wait(40) for name, process in self.processes.items()}


def main() -> None:
    # Not in /tmp, which the roles have of their own.
    folder = Path(tempfile.mkdtemp(prefix="nexus-compose-logs-", dir="/var/tmp"))
    postgres = Postgres()
    nats = subprocess.Popen(
        ["nats-server", "--addr", "127.0.0.1", "--port", PORTS["4222"]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    # Where another user may run it, whoever's folder the build is in.
    nexus = shutil.copy(sys.argv[1], folder / "nexus")
    folder.chmod(0o755)
    mesh = Mesh(str(nexus), folder)
    try:
        mesh.up()
        command = [nexus, "--server", f"http://127.0.0.1:{PORTS['8080']}", "run", ROOT / "examples/research-brief.json"]
        own = {"NEXUS_API_KEY": KEY, "PATH": os.environ["PATH"], "HOME": str(folder)}
        done = subprocess.run([*command, "--input", "topic=Rust"], env=own, capture_output=True, text=True, check=False)
        if done.returncode or "brief" not in done.stdout:
            raise SystemExit(f"the workflow failed:\n{done.stderr}\n{mesh.log('executor')}")
    finally:
        ended = mesh.down()
        nats.terminate()
        nats.wait()
        postgres.stop()
        shutil.rmtree(folder)
    if any(ended.values()):
        raise SystemExit(f"not all ended in order: {ended}")
    print(f"{len(ended) - 1} roles started in order, ran a workflow and ended")


if __name__ == "__main__":
    main()
