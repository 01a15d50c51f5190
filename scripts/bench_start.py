"""How long `nexus up` takes until it is ready, and what it needs while it does nothing.

Usage: bench_start.py PROGRAM [ROUNDS]
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request


def resident_mib(pid: int) -> float:
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def once(program: str, data: str) -> tuple[float, float, float]:
    environment = {
        "PATH": os.environ["PATH"],
        "NEXUS_DATA_DIR": data,
        "NEXUS_HTTP_ADDR": "127.0.0.1:0",
        "NEXUS_GRPC_ADDR": "127.0.0.1:0",
    }
    begin = time.perf_counter()
    process = subprocess.Popen([program, "up"], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        line = ""
        for line in process.stderr:
            if line.startswith("listening "):
                break
        url = line.split()[1]
        while True:
            try:
                with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
                    if answer.status == 200:
                        break
            except OSError:
                time.sleep(0.001)
        ready = time.perf_counter() - begin
        time.sleep(2)
        before = cpu_seconds(process.pid)
        time.sleep(3)
        idle = (cpu_seconds(process.pid) - before) / 3
        return ready, resident_mib(process.pid), idle
    finally:
        process.terminate()
        process.wait(timeout=30)


def main() -> None:
    program = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as data:
        fresh = once(program, os.path.join(data, "data"))
        again = [once(program, os.path.join(data, "data")) for _ in range(rounds)]
    print(f"    ready, new data folder:      {fresh[0] * 1000:7.0f} ms")
    print(f"    ready, existing data folder: {statistics.median(run[0] for run in again) * 1000:7.0f} ms")
    print(f"    idle memory:                 {statistics.median(run[1] for run in again):7.1f} MiB")
    print(f"    idle CPU:                    {statistics.median(run[2] for run in again) * 100:7.2f} %")
    print(f"    size of the program:         {os.path.getsize(program) / 1048576:7.1f} MiB")


if __name__ == "__main__":
    main()
