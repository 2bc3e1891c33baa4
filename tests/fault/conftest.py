"""Fixtures of the fault tests: a weir with a storage that can be killed and started again, its destinations, its broken disk.

The rest is that of tests/e2e: processes, sinks, the judgement of a weir at its end (rig.process).
"""
import collections
import io
import mmap
import os
import pathlib
import signal
import struct
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from rig.fixtures import ids, sinks, weirs  # noqa: E402,F401
from rig.process import ITEMS, Weir  # noqa: E402
from rig.sink import Sink  # noqa: E402
from rig.wait import SLOW, until  # noqa: E402

from oracle import Issuer, Journal, Ledger  # noqa: E402


class Durable(Weir):
    """A weir whose queues live in a directory. `far`: {exporter name: url}; what is not given is made for quick tests."""

    def __init__(self, tmp_path, far, shim=None, prefix=(), env=None, exit_code=0, **options):
        self.storage = options.pop("directory", tmp_path / "storage")
        self.options = options
        env = {**(env or {}), **({"LD_PRELOAD": str(shim.library), "SHIM": str(shim.path)} if shim else {})}
        self.kills = []
        super().__init__(tmp_path, self.config(far), env=env, exit_code=exit_code)
        self.argv = [*map(str, prefix), *self.argv]
        self.exact = False  # counters of the door begin anew with each process

    def config(self, far, receiver=None, extension=None, exporter=None, queue=None, exporters=None, stored=True, service=None,
               processors=None, drain=None):
        o = {"receiver": receiver, "extension": extension, "exporter": exporter, "queue": queue, "exporters": exporters,
             "service": service, "processors": processors, "drain": drain}
        o = {k: v if v is not None else self.options.get(k) or {} for k, v in o.items()}
        stored = self.options.get("stored", stored)
        q = {"queue_size": 10_000_000, **({"storage": "file_storage"} if stored else {}), **o["queue"]}
        common = {"compression": "none", "sending_queue": q, "timeout": f"{5 * SLOW:g}s",
                  "retry_on_failure": {"initial_interval": "20ms", "max_interval": "100ms"}, **o["exporter"]}
        if len(far) > 1:
            common.setdefault("required", True)
        made = {f"otlp_http/{name}": {**common, "endpoint": url, **o["exporters"].get(name, {})} for name, url in far.items()}
        http = {"endpoint": f"127.0.0.1:{self.port}"} if getattr(self, "port", None) else {}
        config = {"receivers": {"otlp": {"protocols": {"http": http}, **o["receiver"]}}, "exporters": made,
                  "service": {"drain_timeout": o["drain"] or f"{5 * SLOW:g}s", **o["service"],
                              "pipelines": {"traces": {"receivers": ["otlp"], "exporters": list(made)}}}}
        if stored:
            config["extensions"] = {"file_storage": {"directory": str(self.storage), **o["extension"]}}
            config["service"]["extensions"] = ["file_storage"]
        if o["processors"]:
            config["processors"] = o["processors"]
            config["service"]["pipelines"]["traces"]["processors"] = list(o["processors"])
        return config

    def kill9(self):
        """When it was dead."""
        self.signal(signal.SIGKILL)
        return self.died()

    def died(self, seconds=10):
        """Waits for an end by SIGKILL, whoever sent it."""
        code = self.wait(seconds)
        self.verdict()
        assert code == -signal.SIGKILL, f"exit {code}:\n{self.log[-4000:]}"
        self.kills.append(time.monotonic())
        return self.kills[-1]

    def again(self, shim=True, wait=True):
        """Starts it once more; seconds until it was ready."""
        self.out, self.err = [], []
        if not shim:
            self.env.pop("LD_PRELOAD", None)
        begin = time.monotonic()
        self.spawn()
        if wait:
            self.wait_log("Everything is ready", 20)
        return time.monotonic() - begin

    def send(self, issuer, journal=None, n=1, size=None, expect=200):
        """One request; its ids, booked as acknowledged when it was."""
        message, ids = issuer.request(n, size)
        answer = self.exchange(message.SerializeToString())
        assert answer[0] == expect, answer
        if journal and answer[0] == 200:
            journal.append(ids)
        return ids

    def reloaded(self):
        m = self.scrape()
        return m.value("weir_config_reload_total") or 0, m.value("weir_config_reload_failed") or 0

    def reload(self, config=None):
        """SIGHUP, and waits until it was taken."""
        if config is not None:
            self.write(config)
        done = sum(self.reloaded())
        self.signal(signal.SIGHUP)
        until(lambda: sum(self.reloaded()) > done, 10, "reload")
        return self.reloaded()

    def balance(self, exporter):
        """{outcome: spans} of one exporter."""
        m = self.scrape()
        name = f"weir_exporter_{ITEMS['traces']}"
        return {o: int(m.value(name, exporter=f"otlp_http/{exporter}", outcome=o) or 0)
                for o in ("accepted", "delivered", "rejected", "dead_lettered", "dropped", "queued")}

    def segments(self):
        return sorted(self.storage.glob("seg-*.log"))


class Far(Sink):
    """A sink that takes whole requests only: who was killed while sending has sent nothing. Keeps the latest requests."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.requests = collections.deque(maxlen=16)

    def _post(self, handler):
        stream = handler.rfile
        size = int(handler.headers["content-length"])
        try:
            body = stream.read(size)
        except OSError:
            body = b""
        if len(body) < size:
            handler.close_connection = True
            return
        handler.rfile = io.BytesIO(body)
        try:
            super()._post(handler)
        finally:
            handler.rfile = stream


class Shim:
    """The broken disk of one process (shim.c): what each system call does is ordered through a mapped file."""

    CALLS = ("fdatasync", "pwritev", "fallocate", "unlink", "pread", "fsync", "wall")
    FIELDS = ("hits", "skip", "left", "action", "delay_ms")
    DIE_BEFORE, DIE_AFTER, SHORT = -1, -2, -3

    def __init__(self, directory, library):
        self.library = library
        self.path = directory / "shim"
        self.path.write_bytes(bytes(4 * len(self.CALLS) * len(self.FIELDS)))
        with open(self.path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 0)

    def _at(self, call, field):
        return 4 * (self.CALLS.index(call) * len(self.FIELDS) + self.FIELDS.index(field))

    def get(self, call, field="hits"):
        return struct.unpack_from("<i", self.map, self._at(call, field))[0]

    def set(self, call, **fields):
        for field, value in fields.items():
            struct.pack_into("<i", self.map, self._at(call, field), value)

    def fail(self, call, action, times=1 << 30, skip=0):
        self.set(call, skip=skip, left=times)
        self.set(call, action=action)

    def heal(self, call):
        self.set(call, action=0, delay_ms=0)

    def hold(self, call):
        self.set(call, delay_ms=-1)


@pytest.fixture(scope="session")
def shim_library(tmp_path_factory):
    if "asan" in os.environ.get("WEIR", "") or "tsan" in os.environ.get("WEIR", ""):
        pytest.skip("a sanitizer's runtime wants to be the first library")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                    "-o", library, pathlib.Path(__file__).with_name("shim.c"), "-ldl"], check=True)
    return library


@pytest.fixture
def shim(tmp_path, shim_library):
    return Shim(tmp_path, shim_library)


@pytest.fixture
def sink():
    """sink(behave=..): a backend."""
    with sinks(Far) as factory:
        yield factory


@pytest.fixture
def durable(tmp_path, sink):
    """durable({name: url}, ..): a running Durable."""
    with weirs(lambda far, **options: Durable(tmp_path, far, **options)) as factory:
        yield factory


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal")


@pytest.fixture
def ledger(issuer):
    """ledger(answer=..): the behaviour of a sink that books what it gets."""
    return lambda answer=None: Ledger(issuer, answer)
