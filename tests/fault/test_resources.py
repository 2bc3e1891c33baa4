"""What a hostile client, a small machine or a bad neighbour may take away: memory, descriptors, threads, CPU, the log's reader.
Cases 104 to 119 (CASES.md says where the rest is)."""
import contextlib
import fcntl
import json
import mmap
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from raw import (MiB, SANITIZED, SLOW, Crowd, Raw, chunked_head, door, ids, listening, otlp, pool_used, post, serves, sink, statuses,
                 talk, until, weir)
from rig.ports import free_port
from rig.process import READY, run, weir_binary
from rig.sink import Answer


def under(w, script):
    """Starts a weir from a shell that sets a limit first; it keeps the process id."""
    w.argv = ["sh", "-c", script + '; exec "$@"', "sh", *w.argv]
    return w.start()


# ---- 104: memory

def small_cgroup(limit):
    """A memory cgroup (v1) of that size, or None where it cannot be had."""
    path = f"/sys/fs/cgroup/memory/weir-test-{os.getpid()}"
    try:
        os.mkdir(path)
        with open(f"{path}/memory.limit_in_bytes", "w") as f:
            f.write(str(limit))
        return path
    except OSError:
        return None


def test_104_overload(weir, sink, ids):
    """16 senders of 1 MiB requests, nobody takes them, 96 MiB of memory in all: 503 and Retry-After, and what was acknowledged
    arrives once the backend is back."""
    group = None if SANITIZED else small_cgroup(96 * MiB)
    back = threading.Event()
    arrived = otlp.collections.Counter()

    def behave(r):
        if back.is_set():
            arrived.update(otlp.span_ids([r.message]))
        r.body = r.wire = b""
        return Answer(200 if back.is_set() else 503)
    far = sink(behave=behave)
    w = weir({"receivers": {"otlp": {"protocols": {"http": {}}}},
              "exporters": {"otlp_http": {"endpoint": far.url, "compression": "none", "sending_queue": {"num_consumers": 2},
                                          "retry_on_failure": {"initial_interval": "100ms", "max_interval": "200ms"}}},
              "service": {"drain_timeout": "20s"}}, start=False)
    try:
        under(w, f"echo $$ > {group}/cgroup.procs" if group else ":")
        w.total = 96 * MiB if group else None
        assert not group or w.scrape().value("weir_pool_limit_bytes") == w.total // 4
        acked, refused, strange = [], [], []
        lock, end = threading.Lock(), time.monotonic() + 20 * SLOW
        payload = [otlp.traces(ids, 4, size=250_000) for _ in range(16)]

        def send(message):
            while time.monotonic() < end and not strange and (len(refused) <= 100 or len(acked) <= 8):
                with lock:
                    fresh = otlp.traces(ids, 4, size=40)
                for a, b in zip(otlp.leaves([message]), otlp.leaves([fresh])):
                    a.trace_id, a.span_id = b.trace_id, b.span_id
                status, headers, _ = w.exchange(message.SerializeToString())
                with lock:
                    if status == 200:
                        acked.append(otlp.span_ids([message]))
                        w.sent["traces"] += 4
                    elif status == 503 and "retry-after" in headers:
                        refused.append(otlp.span_ids([message]))
                    else:
                        strange.append(status)
        threads = [threading.Thread(target=send, args=(m,)) for m in payload]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert strange == [] and len(refused) > 100 and len(acked) > 8, (strange, len(refused), len(acked))
        if group:
            assert w.peak() < 96 * MiB
            with open(f"{group}/memory.oom_control") as f:
                assert "oom_kill 0" in f.read()
        back.set()
        want = sum(acked, otlp.collections.Counter())
        until(lambda: want.keys() <= arrived.keys(), 20, "all that was acknowledged")
        assert not arrived & sum(refused, otlp.collections.Counter())
        serves(w, ids)
    finally:
        w.close()
        if group:
            os.rmdir(group)


# ---- 105: malloc says no

SHIM = r"""
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
static struct { _Atomic int64_t least, left, forever, failed; } *c;
__attribute__((constructor)) static void open_control(void)
{
	int fd = open(getenv("MALLOC_CONTROL"), O_RDWR);
	c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}
/* The left-th allocation of `least` bytes or more fails, and with `forever` those after it. */
static int fails(size_t n)
{
	int64_t left = c && (int64_t)n >= c->least ? c->left : 0;
	if (left <= 0)
		return 0;
	if (left > 1 || !c->forever)
		left = atomic_fetch_sub(&c->left, 1);
	if (left != 1)
		return 0;
	c->failed++;
	errno = ENOMEM;
	return 1;
}
void *malloc(size_t n) { return fails(n) ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t m) { return fails(n * m) ? NULL : __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { return fails(n) ? NULL : __libc_realloc(p, n); }
"""


class Malloc:
    """The allocator of a process that was started with it."""

    def __init__(self, directory):
        (directory / "shim.c").write_text(SHIM)
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", directory / "shim.so", directory / "shim.c"], check=True)
        (directory / "control").write_bytes(bytes(4096))
        self.env = {"LD_PRELOAD": str(directory / "shim.so"), "MALLOC_CONTROL": str(directory / "control")}
        with open(directory / "control", "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 4096)

    def fail(self, nth, least, forever=False):
        self.map[:32] = struct.pack("=qqqq", least, 0, forever, 0)
        self.map[8:16] = struct.pack("=q", nth)

    def heal(self):
        self.map[8:24] = bytes(16)

    @property
    def failed(self):
        return struct.unpack("=q", self.map[24:32])[0]


# What is as large as the network wants it to be. Smaller allocations may abort the process by design (lib/base), and without 4 KiB
# for an answer a connection ends without one: so when everything fails from some point on, it is everything of this size.
NETWORK_SIZED = 16 << 10


@pytest.mark.skipif(SANITIZED, reason="the sanitizer has its own allocator")
@pytest.mark.parametrize("forever, least", [(False, 4096), (True, NETWORK_SIZED)], ids=["once", "forever"])
def test_105_malloc_fails(weir, sink, ids, tmp_path, forever, least):
    """The Nth large allocation fails, for each N of a mix of requests: 200, or 503 with Retry-After, never another answer and
    never the end. What was acknowledged is delivered; afterwards all is as before."""
    malloc = Malloc(tmp_path)
    far = sink()
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url, "retry_on_failure": {"initial_interval": "50ms"}}}}, env=malloc.env)
    message = otlp.traces(ids, 40, size=3000)
    text = otlp.to_json(message)
    body = message.SerializeToString()
    mix = [(body, {}), (otlp.compress(body, "gzip"), {"Content-Encoding": "gzip"}), (otlp.compress(body, "zstd"), {"Content-Encoding": "zstd"}),
           (otlp.compress(body, "deflate"), {"Content-Encoding": "deflate"}), (text, {"Content-Type": otlp.JSON}),
           (otlp.compress(text, "gzip"), {"Content-Type": otlp.JSON, "Content-Encoding": "gzip"}), (body.replace(b"span 1", b"sp\xffn 1"), {})]
    seen = set()
    hits = n = misses = 0
    while misses < 3 and n < 150:  # one that misses alone may have been late: exporters and cut connections run beside the mix
        n += 1
        malloc.fail(n, least, forever)
        with Raw(w.port) as raw:
            raw.send(chunked_head() + b"".join(b"%x\r\n%s\r\n" % (8192, body[i:i + 8192].ljust(8192)) for i in range(0, 4 * 8192, 8192)))
        for data, headers in mix:
            status, answer, _ = w.exchange(data, content_type=headers.get("Content-Type", otlp.PB), headers=headers)
            assert status == 200 or status == 503 and "retry-after" in answer, (n, status, headers)
            w.sent["traces"] += 40 * (status == 200)
            seen.add(status)
        malloc.heal()
        w.at_rest(20)
        hits += malloc.failed > 0
        misses = 0 if malloc.failed else misses + 1
    assert hits >= 10 and seen == {200, 503}, (hits, n, seen)
    until(lambda: pool_used(w) == 0, 10, "tokens back")
    serves(w, ids, far)


@pytest.mark.skipif(SANITIZED, reason="the sanitizer has its own allocator")
def test_105_malloc_fails_at_start(weir, tmp_path):
    """At start: it starts all the same, or ends with a word and a code."""
    malloc = Malloc(tmp_path)
    w = weir({"exporters": {"nop": None}}, start=False, env=malloc.env)
    for n in range(1, 200):
        malloc.fail(n, NETWORK_SIZED)
        child = subprocess.Popen(w.argv, env=w.env, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        said = b""
        for line in child.stderr:
            said += line
            if READY.encode() in line:
                child.send_signal(signal.SIGTERM)
                break
        said += child.stderr.read()
        code = child.wait(20)
        if READY.encode() in said:
            assert code == 0, (n, code, said)
        else:
            assert code in (1, 3) and re.search(b"memory", said), (n, code, said)
        if not malloc.failed:
            break
    assert n > 2


# ---- 106: descriptors

def test_106_few_descriptors(weir, sink, ids):
    """nofile 128 and 300 clients that stay: none is accepted and thrown out, the metrics page and the exporter work, and the ones that
    waited in the backlog are served when others go."""
    far = sink()
    w = under(weir({"receivers": {"otlp": {"protocols": {"http": {}}}}, "exporters": {"otlp_http": {"endpoint": far.url}}}, start=False),
              "ulimit -n 128")
    serves(w, ids, far)
    with Crowd(w.port, 300) as crowd:
        crowd.send(post(b""))
        until(lambda: crowd.drain(0.05) and sum(map(bool, crowd.answers.values())) >= 40, 10, "the first ones answered")
        far.behave = [Answer(reset=True)]  # the exporter needs a new connection
        message = otlp.traces(ids)
        taken = next(s for fd, s in crowd.sockets.items() if crowd.answers[fd])
        crowd.poll.unregister(taken)
        taken.setblocking(True)
        taken.send(post(message.SerializeToString()))
        assert statuses(taken.recv(65536)) == [200]
        w.sent["traces"] += 1
        until(lambda: otlp.span_ids([message]).keys() <= far.span_ids().keys(), 20, "delivery without a descriptor to spare")
        assert w.descriptors() <= 128 and w.scrape().value("weir_pool_used_bytes") is not None
        assert crowd.drain() == 300, "a connection was closed"
        served = {fd for fd, a in crowd.answers.items() if a}
        assert len(served) < 128
        rest = {fd for fd in crowd.sockets if fd not in served}
        for fd in served:
            with contextlib.suppress(KeyError):
                crowd.poll.unregister(fd)
            crowd.sockets.pop(fd).close()
        while rest:  # the others come in turn
            before = len(rest)
            until(lambda: crowd.drain(0.05) is None or any(crowd.answers[fd] for fd in rest), 10, f"{len(rest)} still wait")
            for fd in [fd for fd in rest if crowd.answers[fd]]:
                assert statuses(crowd.answers[fd]) == [200]
                rest.discard(fd)
                with contextlib.suppress(KeyError):
                    crowd.poll.unregister(fd)
                crowd.sockets.pop(fd).close()
            assert len(rest) < before
    serves(w, ids, far)


def test_106_soft_limit_is_raised(weir, ids):
    """A soft limit of 64 below a hard one of 1024: 400 clients at once are served."""
    w = under(weir({"exporters": {"nop": None}}, start=False), "ulimit -Sn 64; ulimit -Hn 1024")
    with open(f"/proc/{w.child.pid}/limits") as f:
        assert re.search(r"Max open files\s+1024\s+1024", f.read())
    with Crowd(w.port, 400) as crowd:
        crowd.send(post(b""))
        until(lambda: crowd.drain(0.05) and all(crowd.answers.values()), 10, "all served")
    serves(w, ids)


def test_106_many_clients_that_leak(weir, ids):
    """1,000 connections that say nothing, with nofile 256: one that comes behind them in the backlog is served in its turn."""
    w = under(weir({"receivers": {"otlp": {"protocols": {"http": {"read_header_timeout": f"{SLOW:g}s", "idle_timeout": f"{0.5 * SLOW:g}s"}}}},
                    "exporters": {"nop": None}}, start=False), "ulimit -n 256")
    serves(w, ids)
    before = w.descriptors()
    leaked = []
    for i in range(1000):
        s = socket.socket()
        s.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            s.connect(("127.0.0.1", w.port))
        leaked.append(s)
        if i % 100 == 99:
            until(lambda: w.scrape() is not None, 5, "metrics")
    serves(w, ids)  # behind all of them in the backlog
    for s in leaked:
        s.close()
    until(lambda: w.descriptors() <= before + 4, 10, "descriptors returned")


# ---- 107: CPU

def test_107_starved(weir, sink, ids):
    """A tenth of a CPU, in slices of 10 ms: slow and correct. A request that came whole is never a timeout."""
    far = sink()
    w = door(weir, far, {"read_header_timeout": "1s", "read_timeout": "1s", "idle_timeout": "60s"})
    stop = threading.Event()

    def starve():
        while not stop.is_set():
            w.signal(signal.SIGSTOP)
            stop.wait(0.09)
            w.signal(signal.SIGCONT)
            stop.wait(0.01)
    t = threading.Thread(target=starve)
    t.start()
    try:
        with Raw(w.port, timeout=20) as raw:
            for i in range(20):
                assert raw.send(post(otlp.traces(ids, 5, size=4000).SerializeToString())).response().status == 200
                w.sent["traces"] += 5
        stop.set()
        t.join()
        # 1.5 s away from the machine, with requests half sent: what came meanwhile came in time
        body = otlp.traces(ids, 5).SerializeToString()
        whole = post(body)
        with contextlib.ExitStack() as stack:
            raws = [stack.enter_context(Raw(w.port, timeout=20)) for _ in range(3)]
            cuts = [30, len(whole) - 20, len(whole)]
            for raw, cut in zip(raws, cuts):
                raw.send(post(b"")).response()
                raw.send(whole[:cut] if cut < len(whole) else b"")
            w.signal(signal.SIGSTOP)
            for raw, cut in zip(raws, cuts):
                raw.send(whole[cut:] if cut < len(whole) else whole)
            time.sleep(1.5)
            w.signal(signal.SIGCONT)
            assert [raw.response().status for raw in raws] == [200] * 3
            w.sent["traces"] += 15
    finally:
        stop.set()
        t.join()
        w.signal(signal.SIGCONT)
    until(lambda: sum(far.span_ids().values()) == 115, 20, "all delivered")


# ---- 108: no threads, no memory, no descriptors at start

@pytest.mark.skipif(SANITIZED, reason="the sanitizer needs what the limit takes")
@pytest.mark.parametrize("what, limits", [(resource.RLIMIT_NPROC, range(1, 8)), (resource.RLIMIT_NOFILE, range(4, 60, 4)),
                                          (resource.RLIMIT_AS, range(14 * MiB, 80 * MiB, 6 * MiB))], ids=["NPROC", "NOFILE", "AS"])
def test_108_limits_at_start(weir, what, limits):
    """Too little to start with: a line that says so and a code that is not 0; with enough it serves. Nothing between."""
    w = weir({"exporters": {"nop": None}}, start=False)
    os.chmod(w.directory, 0o755)
    nobody = 64999

    def limit(n):
        if what == resource.RLIMIT_NPROC:  # root has no such limit
            os.setgroups([])
            os.setresgid(nobody, nobody, nobody)
            os.setresuid(nobody, nobody, nobody)
        resource.setrlimit(what, (n, n))
    if what == resource.RLIMIT_NPROC:
        for path in [w.path, *list(w.path.parents)[:-1]]:
            os.chmod(path, os.stat(path).st_mode | 0o055)
    started = failed = 0
    for n in limits:
        child = subprocess.Popen(w.argv, env=w.env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=lambda n=n: limit(n))
        said = b""
        for line in child.stderr:
            said += line
            if READY.encode() in line:
                child.send_signal(signal.SIGTERM)
        code = child.wait(20)
        if READY.encode() in said:
            started += 1
            assert code == 0, (n, code, said)
        elif code != 127:  # 127: the dynamic loader could not
            failed += 1
            assert code in (1, 3) and b"Error: cannot start" in said, (n, code, said)
    assert started and (failed or what == resource.RLIMIT_AS)


# ---- 109: nobody reads the log

def test_109_log_reader_stopped(weir, sink, ids, tmp_path):
    """The log goes to a pipe that is full: the door, the exporter and a reload go on as fast; what was lost is told when somebody reads."""
    fifo = tmp_path / "log"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, 1031, 16384)  # F_SETPIPE_SZ
    refusal = otlp.RESPONSE["traces"]()
    refusal.partial_success.rejected_spans, refusal.partial_success.error_message = 1, "no " * 150
    far = sink(behave=lambda r: Answer(200, body=refusal.SerializeToString()))
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url}},
              "service": {"telemetry": {"logs": {"level": "debug", "sampling": {"enabled": False}, "output_paths": ["stderr", str(fifo)]}}}})
    worst = 0
    for _ in range(60):
        begin = time.monotonic()
        serves(w, ids)
        worst = max(worst, time.monotonic() - begin)
    w.at_rest()
    assert len(far.requests) >= 30
    w.signal(signal.SIGHUP)
    until(lambda: w.scrape().value("weir_config_reload_total") == 1, 10, "a reload while nobody reads")
    assert worst < 5 * SLOW
    assert "lines were lost" not in w.log
    told = b""

    def reads(what):
        nonlocal told
        with contextlib.suppress(BlockingIOError):
            told += os.read(reader, 1 << 20)
        return re.search(what, told)
    reads(b".")  # somebody reads
    w.signal(signal.SIGHUP)
    until(lambda: reads(rb'lines were lost.*"lines":"\d\d+"'), 10, "the loss told")
    assert all(json.loads(line) for line in told.splitlines())
    os.close(reader)


# ---- 111: cardinality

def test_111_cardinality(weir, ids):
    """20,000 distinct paths, user agents, service names, scopes, models and span names: the metrics page and memory stay."""
    w = weir({"receivers": {"otlp": {"protocols": {"http": {"include_metadata": True}}}}, "exporters": {"nop": None},
              "processors": {"gen_ai_filter": None, "gen_ai_normalizer": None, "gen_ai_cost": None, "gen_ai_latency": None, "gen_ai_link": None},
              "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["nop"], "processors": [
                  "gen_ai_filter", "gen_ai_normalizer", "gen_ai_cost", "gen_ai_latency", "gen_ai_link"]}}}})

    def storm(start, n):
        with Raw(w.port, timeout=20) as raw:
            for i in range(start, start + n, 20):
                batch, good = b"", 0
                for k in range(i, i + 20):
                    ua = {"User-Agent": f"agent-{k}", f"X-{k}": "y"}
                    if k % 2:
                        batch += post(b"", f"/path/{k}", headers=ua)
                    else:
                        m = otlp.traces(ids, 1, service=f"service-{k}", attributes={
                            "gen_ai.operation.name": "chat", "gen_ai.system": f"system-{k}", "gen_ai.request.model": f"model-{k}",
                            "gen_ai.usage.input_tokens": 5, f"key-{k}": k, "session.id": f"s-{k}"})
                        m.resource_spans[0].scope_spans[0].scope.name = f"scope-{k}"
                        batch += post(m.SerializeToString(), headers=ua)
                        good += 1
                raw.send(batch)
                for _ in range(20):
                    assert raw.response().status in (200, 404)
                w.sent["traces"] += good
    storm(0, 4000)
    series, memory = set(w.scrape()), w.memory()
    storm(4000, 16_000)
    assert set(w.scrape()) == series
    if not SANITIZED:
        assert w.memory() - memory < 3 * MiB


# ---- 113: configs

HOSTILE = {
    "brackets": ("[" * 200_000, "1:65"),
    "braces": ("{" * 200_000, "1:65"),
    "dashes": ("- " * 100_000, "1:"),
    "aliases": ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{c}: &{c} [{','.join('*' + p for _ in range(9))}]\n"
                                                         for p, c in zip("abcdefgh", "bcdefghi")), "6:8"),
    "merge bomb": ("a: &a {k: 1}\n" + "".join(f"b{i}: &b{i} {{<<: [{','.join(['*a'] * 50)}]}}\n" for i in range(3000)), ":"),
    "two MiB": ("x: 1\n" * 420_000, "1:1"),
    "tab": ("receivers:\n\totlp:\n", "2:1"),
    "twice": ("exporters:\n  nop:\n  nop:\n", "3:3"),
    "NUL": ("receivers: \0\n", "1:"),
    "not UTF-8": (b"receivers: \xff\n", "1:12"),
    "unknown key": ("receivers:\n  otlp:\n    protocols:\n      htp:\n", "4:7"),
    "wrong type": ("receivers:\n  otlp:\n    protocols:\n      http:\n        max_request_body_size: [1]\n", "5:32"),
    "long scalar": ("receivers: " + "a" * 900_000 + "\n", "1:"),
    "a line of quotes": ("'" * 500_001, ":"),
    "comments only": ("#\n" * 400_000, ":"),
    "many unknown keys": ("".join(f"k{i}:\n" for i in range(20_000)), "1:1"),
    "deep anchors": ("".join(f"a{i}: &a{i} [*a{i - 1}]\n" if i else "a0: &a0 [x]\n" for i in range(2000)), ":"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_113_hostile_config(tmp_path, case):
    """Exit code 1 within a second of work, with the place."""
    text, place = HOSTILE[case]
    path = tmp_path / "c.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = run("validate", "--config", path)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 1 * SLOW
    assert done.returncode == 1, done.stderr[:300]
    assert re.search(re.escape(f"c.yaml:{place}" if place != ":" else "c.yaml:"), done.stderr), done.stderr[:300]
    assert len(done.stderr) < 32 * MiB


def test_113_files_that_are_none(tmp_path):
    """Devices, pipes, directories, sockets and what may not be read: an error within a second, never a wait."""
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "socket"))
        sparse = tmp_path / "huge"
        with open(sparse, "wb") as f:
            f.truncate(1 << 30)
        for path in ("/dev/zero", "/dev/random", "/dev/null", tmp_path / "fifo", tmp_path, tmp_path / "socket", tmp_path / "none", sparse,
                     "/proc/self/mem"):
            begin = time.monotonic()
            done = run("validate", "--config", path, timeout=5)
            assert done.returncode == 1 and str(path) in done.stderr, (path, done.stderr)
            assert time.monotonic() - begin < 3 * SLOW, path


def test_113_byte_order_mark(tmp_path):
    """A BOM, which editors of Windows write, is no mistake; UTF-16 is one with a place, or is read."""
    good = "receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:1'}}}}\nexporters: {nop: }\n" \
           "service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n"
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + good.encode())
    assert run("validate", "--config", path).returncode == 0
    path.write_bytes(b"\xef\xbb\xbf" + good.replace("nop: }", "nop: {x: 1}}").encode())
    assert "c.yaml:2:19: error" in run("validate", "--config", path).stderr


# ---- 114, 115: secrets and foreign text in logs

def test_114_canaries(weir, sink, ids):
    """What a config, a client or a backend calls secret is in no log line and on no page."""
    canary = f"CANARY{os.urandom(6).hex()}"
    far = sink(behave=[Answer(401), Answer(500, body=b"no"), Answer(400, body=b"bad")])
    w = weir({"receivers": {"otlp": {"protocols": {"http": {"include_metadata": True}}}},
              "exporters": {"otlp_http": {"endpoint": far.url, "headers": {"Authorization": f"Bearer {canary}", "X-Api-Key": canary},
                                          "retry_on_failure": {"initial_interval": "50ms", "max_interval": "100ms"}}},
              "service": {"telemetry": {"logs": {"level": "debug"}}, "drain_timeout": "1s"}}, exit_code=0)
    w.exact = False
    for target in (f"/v1/traces?key={canary}", f"/{canary}"):
        talk(w.port, post(otlp.traces(ids, attributes={"prompt": canary}).SerializeToString(), target, headers={
            "Authorization": f"Bearer {canary}", "Cookie": canary, "X-Api-Key": canary, "Connection": "close"}))
    talk(w.port, post(b"\xff" + canary.encode(), headers={"Authorization": canary, "X Bad": canary}))
    until(lambda: far.requests, 10, "a refused delivery")
    page = Raw(w.metrics_port).send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").response().body
    assert canary.encode() not in page
    w.signal(signal.SIGTERM)
    w.wait(30)
    assert canary not in w.log and READY in w.log


@pytest.mark.parametrize("encoding", ["json", "console"])
def test_115_log_injection(weir, sink, ids, encoding):
    """Whatever a client or a backend says, an event is one line, printable, and JSON where that was asked for."""
    evil = 'a"}\r\n{"level":"error","msg":"forged"}\x1b[2J\x07\u2028\u2029\x00\u009b5m' + "x" * 5000
    reply = json.dumps({"code": 3, "message": evil}).encode()
    far = sink(behave=lambda r: Answer(400, body=reply, headers={"Content-Type": "application/json"}))
    w = weir({"receivers": {"otlp": {"protocols": {"http": {"include_metadata": True}}}}, "exporters": {"otlp_http": {"endpoint": far.url, "retry_on_failure": {"initial_interval": "50ms"}}},
              "service": {"drain_timeout": "1s", "telemetry": {"logs": {"level": "debug", "encoding": encoding}}}})
    m = otlp.traces(ids, 1, service=evil, attributes={evil: evil})
    m.resource_spans[0].scope_spans[0].spans[0].name = evil
    w.post(m)
    w.exchange(b"\xff", headers={"User-Agent": "x\x1b[2J", "Content-Encoding": "gzip\x1b[2J".replace("\x1b", "\x9b")})
    talk(w.port, b"GET /\x1b[2J HTTP/1.1\r\nHost: \x1b\r\n\r\n")
    talk(w.port, post(b"", "/" + "%0d%0a" * 50, headers={"Connection": "close"}))
    talk(w.port, post(b'{"resourceSpans":"' + b'\\u001b[2J\\n' * 20 + b'"}', content_type=otlp.JSON, headers={"Connection": "close"}))
    w.at_rest()
    until(lambda: far.requests, 10, "the refusal")
    w.conserve()
    w.signal(signal.SIGTERM)
    w.wait(20)
    assert len(w.err) > 3 and not any("forged" in line and line.lstrip().startswith('{"level":"error","msg":"forged"') for line in w.err)
    for line in w.err:
        assert not re.search("[\x00-\x1f\x7f-\x9f]", line), line
        assert len(line) < 4200
        if encoding == "json":
            assert {"level", "ts", "msg"} <= json.loads(line).keys()
        else:
            assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z (debug|info |warn |error) ", line), line


def test_116_cors_is_off(weir, ids):
    """Without cors no Origin gets an answer about itself, and preflights are what any OPTIONS is."""
    w = door(weir)
    for origin in ("https://evil.test", "null", "http://localhost", "file://", "*"):
        for method, status in (("OPTIONS", 405), ("POST", 200)):
            answer = w.exchange(b"", method=method, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
            assert answer[0] == status and not [h for h in answer[1] if h.startswith("access-control")]
    with Raw(w.port) as raw:  # a flood of them
        raw.send(post(b"", method="OPTIONS", headers={"Origin": "https://evil.test", "Access-Control-Request-Method": "POST"}) * 1000)
        assert {raw.response().status for _ in range(1000)} == {405}
    serves(w, ids)


# ---- 117, 119: who listens, who is called

LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


def test_117_loopback_only(weir, tmp_path):
    """A config that names no address listens on loopback alone; so does local mode."""
    path = tmp_path / "c.yaml"
    port, metrics, health = free_port(), free_port(), free_port()
    path.write_text("receivers: {otlp: {protocols: {http: }}}\nexporters: {nop: }\nextensions: {health_check: }\n"
                    "service: {extensions: [health_check], pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n")
    for args in ([], ["--config", str(path)], ["--config", str(path), "--set", f"receivers::otlp::protocols::http::endpoint=localhost:{port}",
                                               "--set", f"extensions::health_check::endpoint=localhost:{health}",
                                               "--set", "service::telemetry::metrics::readers=[{pull: {exporter: {prometheus: {port: %d}}}}]" % metrics]):
        child = subprocess.Popen([weir_binary(), *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            said = []
            for line in child.stderr:
                said.append(line.decode())
                if READY in said[-1]:
                    break
            else:
                assert child.wait(10) == 3 and "in use" in "".join(said), said  # the default ports belong to somebody
                continue
            found = listening(child.pid)
            assert found and {host for host, _ in found} <= LOOPBACK, found
        finally:
            child.kill()
            child.wait()
            child.stderr.close()


def test_119_destinations_only_from_config(weir, sink, ids):
    """Host, X-Forwarded-*, absolute targets, baggage and attributes: no connection but to the configured place, no path from wire data."""
    far, trap = sink(), socket.create_server(("127.0.0.1", free_port()))
    trap.setblocking(False)
    there = "127.0.0.1:%d" % trap.getsockname()[1]
    w = weir({"receivers": {"otlp": {"protocols": {"http": {"include_metadata": True}}}}, "exporters": {"otlp_http": {"endpoint": far.url}}})
    evil = {"Host": there, "X-Forwarded-Host": there, "X-Forwarded-Proto": "https", "X-Forwarded-Server": there, "Forwarded": f"host={there}",
            "X-Original-URL": f"http://{there}/x", "X-Rewrite-URL": "/../../etc/passwd", "baggage": f"url=http://{there}/", "Referer": f"http://{there}/",
            "X-Otlp-Endpoint": f"http://{there}", "traceparent": "../..", "Proxy": there, "Upgrade": "h2c", "Origin": f"http://{there}"}
    attributes = {k: f"http://{there}/../%2F../{k}" for k in ("url.full", "http.url", "server.address", "gen_ai.input.messages", "otlp.endpoint",
                                                             "langsmith.endpoint", "image_url", "service.instance.id")}
    sent = []
    for target in ("/v1/traces", f"http://{there}/v1/traces", f"/v1/traces?endpoint=http://{there}&x=../../y"):
        m = otlp.traces(ids, 1, service="../../../etc/cron.d/x", attributes=attributes, resource=attributes)
        m.resource_spans[0].schema_url = f"http://{there}/schema"
        got, _ = talk(w.port, post(m.SerializeToString(), target, headers={**evil, "Connection": "close"}))
        assert statuses(got) == [200], target
        w.sent["traces"] += 1
        sent.append(m)
    until(lambda: sum(far.span_ids().values()) == 3, 10, "delivery to the configured place")
    otlp.same(otlp.items(sent), otlp.items(far.got()))
    for r in far.requests:
        assert r.path == "/v1/traces" and r.headers["host"] == far.url[7:]
        assert there not in "".join(r.headers.values())
    with pytest.raises(BlockingIOError):
        trap.accept()
    trap.close()


def test_119_redirects_are_not_followed(weir, sink, ids):
    """A backend cannot send the data, or the credentials, elsewhere."""
    trap = socket.create_server(("127.0.0.1", free_port()))
    trap.setblocking(False)
    there = "http://127.0.0.1:%d/v1/traces" % trap.getsockname()[1]
    far = sink(behave=lambda r: Answer(307, headers={"Location": there, "Refresh": f"0; url={there}", "Alt-Svc": f'h2="{there[7:22]}"'}))
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url, "headers": {"Authorization": "Bearer x"}}}})
    w.post(otlp.traces(ids))
    until(lambda: w.outcome("otlp_http", "rejected") == 1, 10, "counted as rejected")
    with pytest.raises(BlockingIOError):
        trap.accept()
    trap.close()


# ---- beside the matrix: a file that may not grow

def test_file_size_limit(weir, ids, tmp_path):
    """RLIMIT_FSIZE is a full disk, not SIGXFSZ: the file exporter says so and the door goes on."""
    path = tmp_path / "out.json"
    w = weir({"exporters": {"file": {"path": str(path), "flush_interval": "50ms", "sending_queue": {"enabled": True}}},
              "service": {"drain_timeout": "1s"}}, start=False, exit_code=2)
    under(w, "ulimit -f 16")  # blocks of 512 bytes, in sh
    for _ in range(30):
        w.post(otlp.traces(ids, 5, size=1000))
    until(lambda: "File too large" in w.log, 10, "a word about it")
    assert path.stat().st_size <= 16 * 512
    serves(w, ids)
    w.stop()
