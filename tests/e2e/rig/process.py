"""A weir under test: started on free ports, watched, and judged when it is stopped.

Every instance is judged the same way, by close(): the conservation equation holds at every exporter, what the receiver counted is
what the tests sent, the process ends on SIGTERM with the code expected, no sanitizer has spoken, and its memory stayed within the
bound of its config (rig.memory).
The program is $WEIR (default build/weir); SUT=otelcol puts the Collector in its place, to debug the tests themselves.
"""
import contextlib
import functools
import http.client
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import yaml

from . import otlp
from .memory import MiB, memory_bound, resident
from .ports import free_port
from .wait import SLOW, until

ROOT = pathlib.Path(__file__).resolve().parents[3]
READY = "Everything is ready. Begin running and processing data."
SPOKEN = re.compile(r"ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|runtime error:|LeakSanitizer|Assertion .* failed")
IS_COLLECTOR = os.environ.get("SUT") == "otelcol"
ITEMS = {"traces": "spans", "logs": "log_records", "metrics": "metric_points"}
FATES = ("delivered", "rejected", "dead_lettered", "dropped", "queued")


def collector_binary():
    return subprocess.run([ROOT / "scripts/collector"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def weir_binary():
    return os.path.abspath(os.environ.get("WEIR", ROOT / "build/weir"))


@functools.cache
def is_sanitized():
    """Whether the memory and the time that are measured are a sanitizer's."""
    binary = pathlib.Path(weir_binary())
    return binary.exists() and re.search(rb"__[at]san_init", binary.read_bytes()) is not None


def sanitizer_env():
    return {
        "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:abort_on_error=0",
        "UBSAN_OPTIONS": "exitcode=99:halt_on_error=1:print_stacktrace=1",
        "TSAN_OPTIONS": f"exitcode=99:halt_on_error=0:suppressions={ROOT}/tests/e2e/tsan.supp",
    }


def run(*args, stdin=None, env=None, timeout=20):
    """A command of weir to its end: CompletedProcess with text."""
    done = subprocess.run([weir_binary(), *map(str, args)], input=stdin, text=True, capture_output=True,
                          env={**os.environ, **sanitizer_env(), **(env or {})}, timeout=timeout * SLOW)
    assert not SPOKEN.search(done.stderr), done.stderr
    return done


class Process:
    """A child whose output is collected by threads."""

    def __init__(self, argv, env=None, cwd=None):
        self.argv = list(map(str, argv))
        self.env = {**os.environ, **sanitizer_env(), **(env or {})}
        self.cwd = cwd
        self.out, self.err = [], []
        self.child = None

    def spawn(self):
        self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, env=self.env, cwd=self.cwd)
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                         for pair in ((self.child.stdout, self.out), (self.child.stderr, self.err))]
        for reader in self._readers:
            reader.start()
        return self

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.append(line.decode(errors="replace").rstrip("\n"))

    @property
    def log(self):
        return "\n".join(self.err)

    @property
    def running(self):
        return self.child is not None and self.child.poll() is None

    def wait_log(self, text, seconds=10, times=1):
        def seen():
            if sum(text in line for line in list(self.err)) >= times:
                return True
            assert self.running, f"ended with {self.child.returncode} before {text!r}:\n{self.log}"
            return False
        until(seen, seconds, lambda: f"log line {text!r} in:\n{self.log[-4000:]}")

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, seconds=30):
        try:
            code = self.child.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"still running after {seconds * SLOW:g} s:\n{self.log[-4000:]}") from None
        for reader in self._readers:
            reader.join()
        return code

    def kill(self):
        if self.running:
            self.child.kill()
            self.child.wait()


class Metrics(dict):
    """{(name, ((label, value), ..)): number} of one scrape."""

    LINE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$')
    LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

    def __init__(self, text):
        super().__init__()
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, labels, value = self.LINE.match(line).groups()
                self[name, tuple(self.LABEL.findall(labels or ""))] = float(value)

    def value(self, name, **labels):
        """Sum of the series that have these labels; None when there is none."""
        found = [v for (n, have), v in self.items() if n == name and labels.items() <= dict(have).items()]
        return sum(found) if found else None

    def labels(self, name, label):
        return {dict(have)[label] for (n, have) in self if n == name and label in dict(have)}


class Weir(Process):
    def __init__(self, directory, config, args=(), env=None, exit_code=0):
        """config: a dict (ports are put in) or the text of a file (then the caller puts ports in)."""
        self.directory = pathlib.Path(directory)
        self.port = self.metrics_port = None
        self.path = self.directory / f"weir{free_port()}.yaml"
        self.exit_code = exit_code
        self.sent = {s: 0 for s in ITEMS}  # items acknowledged with 200
        self.exact = True  # everything that was sent is in self.sent
        self.connections, self.largest, self.total = 100, MiB, None  # for memory_bound; a test that opens or sends more says so
        self.configs = []  # that were in force
        self.peak_noted = 0  # resident bytes at the most before clear_peak, a signal to end, or a kill
        self.write(config)
        binary = collector_binary() if IS_COLLECTOR else weir_binary()
        super().__init__([binary, "--config", self.path, *args], env)

    def write(self, config):
        """Puts a config in place (start or SIGHUP reads it)."""
        if isinstance(config, dict):
            config = yaml.safe_dump(self._complete(config), sort_keys=False)
        self.path.write_text(config)
        with contextlib.suppress(yaml.YAMLError):  # one with errors is never in force
            self.configs += [c for c in [yaml.safe_load(config)] if isinstance(c, dict)]

    def _complete(self, config):
        config = {k: v for k, v in config.items()}
        receivers = config.setdefault("receivers", {"otlp": {"protocols": {"http": {}}}})
        http_conf = (((receivers.get("otlp") or {}).get("protocols") or {}).get("http"))
        if http_conf is not None and "endpoint" not in http_conf:
            self.port = self.port or free_port()
            http_conf["endpoint"] = f"127.0.0.1:{self.port}"
        elif http_conf is not None:
            self.port = int(http_conf["endpoint"].rsplit(":", 1)[1])
        service = config.setdefault("service", {})
        if "pipelines" not in service:
            one = {"receivers": list(receivers), "exporters": list(config["exporters"])}
            if config.get("processors"):
                one["processors"] = list(config["processors"])
            service["pipelines"] = {s: dict(one) for s in ITEMS}
        if not IS_COLLECTOR:
            service.setdefault("drain_timeout", f"{5 * SLOW:g}s")
        telemetry = service.setdefault("telemetry", {})
        if "metrics" not in telemetry:
            self.metrics_port = self.metrics_port or free_port()
            telemetry["metrics"] = {"readers": [{"pull": {"exporter": {"prometheus": {
                "host": "127.0.0.1", "port": self.metrics_port}}}}]}
        return config

    def start(self, seconds=15):
        self.spawn()
        self.wait_log(READY, seconds)
        return self

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def exchange(self, body, path="/v1/traces", content_type=otlp.PB, headers=None, method="POST"):
        """One request on a connection of its own: (status, headers, body)."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30 * SLOW)
        try:
            c.request(method, path, body, {"Content-Type": content_type, **(headers or {})})
            r = c.getresponse()
            return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
        finally:
            c.close()

    def post(self, message, signal="traces", encoding=otlp.PB, coding="", expect=200):
        """Sends a message and books what was taken."""
        body = message.SerializeToString() if encoding == otlp.PB else otlp.to_json(message, signal)
        headers = {"Content-Encoding": coding} if coding else {}
        answer = self.exchange(otlp.compress(body, coding), f"/v1/{signal}", encoding, headers)
        assert answer[0] == expect, answer
        if answer[0] == 200:
            self.book(message, answer, signal, encoding)
        return answer

    def book(self, message, answer, signal="traces", encoding=otlp.PB):
        self.sent[signal] += otlp.count(message, signal) - rejected(answer[2], signal, encoding)

    def scrape(self):
        c = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=30 * SLOW)
        try:
            c.request("GET", "/metrics")
            r = c.getresponse()
            text = r.read().decode()
            assert r.status == 200, text
            return Metrics(text)
        finally:
            c.close()

    def outcome(self, exporter, outcome, items="spans"):
        return self.scrape().value(f"weir_exporter_{items}", exporter=exporter, outcome=outcome) or 0

    def at_rest(self, seconds=10):
        """Waits until no exporter has anything queued."""
        until(lambda: all(not self.scrape().value(f"weir_exporter_{i}", outcome="queued") for i in ITEMS.values()),
              seconds, "empty queues")

    def conserve(self):
        """The one shared assertion: nothing appears and nothing vanishes, at the door and at every exporter."""
        if IS_COLLECTOR or self.metrics_port is None:
            return
        last = []

        def holds():
            last.clear()
            m = self.scrape()
            for items in ITEMS.values():
                name = f"weir_exporter_{items}"
                for exporter in m.labels(name, "exporter"):
                    o = {k: m.value(name, exporter=exporter, outcome=k) or 0 for k in ("accepted", *FATES)}
                    if o["accepted"] != sum(o[k] for k in FATES):
                        last.append(f"{exporter} {items}: {o}")
                    why = m.value(f"weir_exporter_dropped_{items}", exporter=exporter) or 0
                    if why != o["dropped"]:
                        last.append(f"{exporter} {items}: dropped {o['dropped']}, by reason {why}")
            for sig, items in ITEMS.items():
                taken = m.value(f"otelcol_receiver_accepted_{items}") or 0
                if self.exact and taken != self.sent[sig]:
                    last.append(f"receiver accepted {taken} {items}, {self.sent[sig]} were acknowledged")
            return not last
        until(holds, 5, lambda: f"conservation: {last}")

    def stop(self, expect=None, number=signal.SIGTERM, seconds=30):
        """SIGTERM; returns seconds until the end."""
        begin = time.monotonic()
        self.signal(number)
        code = self.wait(seconds)
        self.verdict()
        want = self.exit_code if expect is None else expect
        assert code == want, f"exit {code}, expected {want}:\n{self.log[-4000:]}"
        return time.monotonic() - begin

    def signal(self, number):
        if number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            self.note_peak()
        super().signal(number)

    def verdict(self):
        assert not SPOKEN.search(self.log), self.log
        if self.peak_noted and self.configs and not IS_COLLECTOR and not is_sanitized():
            self.judge_memory()

    def judge_memory(self):
        bound = max(memory_bound(c, self.connections, self.largest, self.total) for c in self.configs)
        print(f"memory: {self.peak_noted / MiB:.1f} MiB at the most, bound {bound / MiB:.1f} MiB")
        assert self.peak_noted <= bound, f"{self.peak_noted / MiB:.1f} MiB resident, bound {bound / MiB:.1f} MiB"

    def close(self):
        if self.child is None:
            return
        try:
            if self.running:
                self.conserve()
                self.stop()
            else:
                self.verdict()
        finally:
            self.kill()
            print(f"--- {' '.join(self.argv)}: exit {self.child.returncode}\n{self.log[-6000:]}")

    def memory(self):
        """Resident bytes now."""
        return resident(self.child.pid)

    def peak(self):
        """Resident bytes at the most, since the start or clear_peak."""
        return resident(self.child.pid, "VmHWM")

    def clear_peak(self):
        self.note_peak()
        pathlib.Path(f"/proc/{self.child.pid}/clear_refs").write_text("5")

    def note_peak(self):
        if self.running:
            self.peak_noted = max(self.peak_noted, self.peak())

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))


def rejected(body, signal="traces", encoding=otlp.PB):
    """rejectedSpans (..) of an Export response."""
    message = otlp.RESPONSE[signal]()
    if encoding == otlp.PB:
        message.ParseFromString(body)
    else:
        otlp.json_format.Parse(body, message)
    field = message.partial_success.DESCRIPTOR.fields[0].name
    return getattr(message.partial_success, field)


class Collector(Process):
    """The real Collector, as backend (file exporter) or as sender (otlphttp to `to`)."""

    def __init__(self, directory, to=None, encoding="proto", compression="gzip"):
        self.port = free_port()
        self.file = pathlib.Path(directory) / f"otelcol{self.port}"
        exporters = {f"file/{s}": {"path": f"{self.file}.{s}", "flush_interval": "50ms"} for s in ITEMS}
        if to:
            exporters["otlphttp"] = {"endpoint": to, "encoding": encoding, "compression": compression,
                                     "sending_queue": {"enabled": True, "queue_size": 5000},
                                     "retry_on_failure": {"initial_interval": "50ms"}}
        config = {
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.port}"}}}},
            "exporters": exporters,
            "service": {"telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn" if to else "info"}},
                        "pipelines": {s: {"receivers": ["otlp"],
                                          "exporters": [f"file/{s}"] + (["otlphttp"] if to else [])} for s in ITEMS}},
        }
        if to:
            config["service"]["telemetry"]["logs"]["level"] = "info"
        path = pathlib.Path(directory) / f"otelcol{self.port}.yaml"
        path.write_text(yaml.safe_dump(config))
        super().__init__([collector_binary(), "--config", path])

    def start(self):
        self.spawn()
        self.wait_log(READY, 20)
        return self

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def got(self, signal="traces"):
        return otlp.read_json_lines(f"{self.file}.{signal}", signal)

    def close(self):
        if self.running:
            self.signal(signal.SIGTERM)
            try:
                self.wait(15)
            finally:
                self.kill()
