"""Durable intake against queued intake: what it costs to have a span on the disk before the 200.

Three programs take turns, round by round, in a directory of $BENCH_DIR (build/bench/storage), each starting with an empty one:

    memory    ack: queued, the queue in memory
    stored    ack: queued, the queue in the log: the 200 does not wait for the disk, the memory before the disk is bounded
    durable   ack: durable: the 200 comes after the fdatasync of the group that the span went with

In front of each round the disk alone: appends to a preallocated file, each with its fdatasync. Only a 200 counts as intake. The queues are
so large that they refuse nothing; what is refused found the byte pool full. A program is killed after its load: nothing is drained.
"""
import os
import pathlib
import shutil
import statistics
import subprocess
import time

from lab import ROOT, free_port, load, rss, wait_port

PROBES = {"4 KiB": 4 << 10, "128 KiB": 128 << 10}
PROBE_FILE, PROBE_SECONDS = 64 << 20, 1.0
PROGRAMS = ("memory", "stored", "durable")

CONFIG = """receivers:
  otlp: {{ack: {ack}, protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}
extensions: {{file_storage: {{directory: {directory}, max_size: 16GiB}}}}
exporters:
  otlp_http: {{endpoint: "http://127.0.0.1:{sink}", compression: none, sending_queue: {{{storage}queue_size: 10000000}}}}
service:
  extensions: [file_storage]
  pipelines: {{traces: {{receivers: [otlp], exporters: [otlp_http]}}}}
  telemetry: {{logs: {{level: error}}, metrics: {{level: none}}}}
"""


def clear(directory):
    """Empty, and with nothing left to write: the next to be measured does not pay for the last."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    os.sync()
    time.sleep(0.3)


def probe(directory, size):
    """Milliseconds of each append of `size` bytes and its fdatasync."""
    path, body, took = directory / "probe", os.urandom(size), []
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.posix_fallocate(fd, 0, PROBE_FILE)
        os.fsync(fd)
        end = time.monotonic() + PROBE_SECONDS
        while time.monotonic() < end and (len(took) + 1) * size <= PROBE_FILE:
            begin = time.perf_counter()
            os.pwrite(fd, body, len(took) * size)
            os.fdatasync(fd)
            took.append((time.perf_counter() - begin) * 1000)
    finally:
        os.close(fd)
        path.unlink()
    return took


def measure(bench, program, directory, files, spans):
    clear(directory)
    port, conf = free_port(), bench.work / "storage.yaml"
    conf.write_text(CONFIG.format(port=port, sink=bench.sink_port, directory=directory / "log",
                                  ack="durable" if program == "durable" else "queued",
                                  storage="" if program == "memory" else "storage: file_storage, "))
    child = subprocess.Popen(["taskset", "-c", "0", bench.o.weir, "--config", conf])
    try:
        wait_port(port, child)
        load(port, files, spans, 0.5, connections=64)  # warm
        r = load(port, files, spans, bench.o.seconds, connections=64)
        r["rss"] = rss(child.pid)
        return r
    finally:
        child.kill()
        child.wait()


def ratio(rounds, program, base):
    """Of the rates, round by round: median (least to most). Empty for what is not slower by design."""
    if PROGRAMS.index(program) <= PROGRAMS.index(base):
        return ""
    values = [x["requests_per_s"] / y["requests_per_s"] for x, y in zip(rounds[program], rounds[base])]
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def latency(took):
    return f"{statistics.mean(took):.2f} / {statistics.quantiles(took, n=100)[98]:.2f}"


def case(bench, name, files, spans, directory):
    rounds, probes, others = {p: [] for p in PROGRAMS}, {p: [] for p in PROBES}, []
    body = statistics.mean(f.stat().st_size for f in files)
    for i in range(bench.o.rounds):
        clear(directory)
        others.append(os.getloadavg()[0])
        for label, size in PROBES.items():
            probes[label].append(probe(directory, size))
        # the first in turn changes, so that nobody always comes after the same neighbour
        for p in PROGRAMS[i % 3:] + PROGRAMS[:i % 3]:
            rounds[p].append(measure(bench, p, directory, files, spans))
    for p in PROGRAMS:
        r = {k: statistics.median(x[k] for x in rounds[p]) for k in rounds[p][0]}
        print(f"| {name} | {p} | {r['requests_per_s']:,.0f} | {r['spans_per_s']:,.0f} | {r['requests_per_s'] * body / 1e6:.0f} | "
              f"{r['p50_ms']:.2f} / {r['p99_ms']:.2f} | {r['refused']:,.0f} | {r['rss']:.0f} | "
              f"{ratio(rounds, p, 'memory')} | {ratio(rounds, p, 'stored')} |", flush=True)
    shown = [f"{label} {'; '.join(latency(took) for took in probes[label])}" for label in PROBES]
    return (f"{name}: append and fdatasync, mean / p99 ms, round by round: {', '.join(shown)}; "
            f"load average before each round: {', '.join(f'{x:.1f}' for x in others)}")


def compare(bench, cases):
    """Prints the table of `cases`: (name, spans a body, files)."""
    base = pathlib.Path(os.environ.get("BENCH_DIR") or ROOT / "build/bench").resolve()
    directory = base / "storage"
    print(f"\n## durable against queued intake: {bench.o.rounds} rounds of {bench.o.seconds:g} s, 64 connections, {directory}\n")
    print("| case | program | requests/s | spans/s | MB/s | p50 / p99 ms | refused | RSS MB | ratio to memory, round by round | ratio to stored |\n"
          "|---|---|---|---|---|---|---|---|---|---|")
    try:
        notes = [case(bench, name, files, spans, directory) for name, spans, files in cases]
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print("\n" + "\n".join(notes), flush=True)
