"""What the benchmarks share: programs started and stopped, the load generator, figures from /proc. Nothing here measures or prints.

A program under test is pinned to CPU 0 by its starter; load() and the sink are on CPU 1.
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
PB, JSON = "application/x-protobuf", "application/json"
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as r:
        return r.read().decode()


def wait_port(port, child):
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        if child.poll() is not None:
            sys.exit(f"bench: {child.args} ended with {child.returncode}")
        time.sleep(0.05)
    sys.exit(f"bench: {child.args} does not listen")


def family(pid):
    """A process and its children (nginx has a worker)."""
    kids = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split()
    return [pid, *map(int, kids)]


def ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def cpu_seconds(pid):
    """Of all its threads that live: the scheduler's nanoseconds, or the clock ticks where the kernel does not tell them."""
    if not pathlib.Path("/proc/self/schedstat").exists():
        return sum(ticks(p) for p in family(pid))
    return sum(int(t.read_text().split()[0]) for p in family(pid) for t in pathlib.Path(f"/proc/{p}/task").glob("*/schedstat")) / 1e9


def rss(pid):
    return sum(int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{p}/status").read_text())[1]) for p in family(pid)) / 1024


def cpu_model():
    found = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return found[1] if found else "unknown CPU"


def load(port, files, spans, seconds, rate=None, content_type=PB, coding=None, connections=16):
    """One run of the load generator on CPU 1: what it printed. A request that neither was taken nor refused ends the benchmark."""
    args = ["taskset", "-c", "1", ROOT / "build/bench/loadgen", "-c", str(connections), "-s", str(seconds), "-p", str(spans),
            "-t", content_type]
    if rate:
        args += ["-r", f"{rate:.1f}"]
    if coding:
        args += ["-e", coding]
    done = subprocess.run([*args, str(port), "/v1/traces", *files], capture_output=True, text=True)
    if not done.stdout:
        sys.exit(f"bench: loadgen: {done.stderr}")
    result = json.loads(done.stdout)
    if result["failed"]:
        sys.exit(f"bench: {result['failed']} requests failed: {result}")
    return result


def stop(child):
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(15)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
