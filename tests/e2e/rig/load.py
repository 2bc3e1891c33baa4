"""Load from threads with keep-alive connections, booking for every span whether it was acknowledged."""
import http.client
import threading
import time
from collections import Counter

from . import otlp
from .process import rejected
from .wait import SLOW


class Load:
    def __init__(self, weir, ids, threads=3, spans=5, pause=0.0, fresh=False):
        """fresh: a new connection for every request."""
        self.weir, self.ids, self.spans, self.pause, self.fresh = weir, ids, spans, pause, fresh
        self.acked, self.refused, self.unknown = Counter(), Counter(), Counter()
        self.status = Counter()
        self.faults = []  # transport faults: (what, exception)
        self.seconds = []  # of each 200
        self._lock = threading.Lock()
        self._ids_lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def start(self):
        for t in self._threads:
            t.start()
        return self

    def stop(self):
        self._stop.set()
        for t in self._threads:
            t.join(40 * SLOW)
            assert not t.is_alive(), "a sender hangs"
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _run(self):
        connection = None
        while not self._stop.is_set():
            with self._ids_lock:
                message = otlp.traces(self.ids, self.spans)
            body = message.SerializeToString()
            stage = "connect"
            begin = time.monotonic()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.weir.port, timeout=30 * SLOW)
                    connection.connect()
                stage = "exchange"
                connection.request("POST", "/v1/traces", body, {"Content-Type": otlp.PB})
                answer = connection.getresponse()
                data = answer.read()
                self._book(message, answer.status, data, time.monotonic() - begin)
                if self.fresh or answer.getheader("connection", "").lower() == "close":
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as e:
                with self._lock:
                    self.faults.append((stage, e))
                    if stage == "exchange":
                        self.unknown += otlp.span_ids([message])
                connection = None
                if stage == "connect" and isinstance(e, ConnectionRefusedError):
                    self._stop.wait(0.02)
            if self.pause:
                self._stop.wait(self.pause)

    def _book(self, message, status, data, seconds):
        ids = otlp.span_ids([message])
        with self._lock:
            self.status[status] += 1
            if status == 200:
                assert rejected(data) == 0
                self.acked += ids
                self.weir.sent["traces"] += len(ids)
                self.seconds.append(seconds)
            else:
                self.refused += ids


def settle(load, delivered, lost=0):
    """The oracle: what was acknowledged arrived once, what was refused did not arrive at all; a request without an answer may
    have arrived or not. `lost`: acknowledged spans that weir itself counts as dropped."""
    missing = load.acked - delivered
    assert sum(missing.values()) == lost, f"{sum(missing.values())} acknowledged spans missing, {lost} counted as lost"
    assert not (load.refused & delivered), f"{sum((load.refused & delivered).values())} refused spans were delivered"
    foreign = delivered - load.acked - load.unknown
    assert not foreign, f"{sum(foreign.values())} spans delivered twice or never sent"
