"""What a fault must not change, and how it is known: spans that prove themselves, a journal of promises, ledgers of what arrived.

A span's id says who issued it (trace id: run, sender; span id: number, size), and everything else in it follows from the id, so a destination
can tell a damaged or foreign span from a sound one. The journal is written, with fdatasync, after a 200 and before the next request: what
stands there was promised. Settled is: promised spans arrived everywhere, arrived ones were issued, refused ones did not arrive, and what
arrived twice did so within the documented window around a kill.
"""
import collections
import functools
import hashlib
import http.client
import os
import random
import struct
import threading
import time

from opentelemetry.proto.trace.v1 import trace_pb2

from rig import otlp
from rig.process import rejected
from rig.sink import Answer
from rig.wait import SLOW, until

KiB, MiB = 1 << 10, 1 << 20
BOUNDARY = (0, 1, 64 * KiB - 1, 64 * KiB, 64 * KiB + 1)  # of a payload; and around the segments of the tests, in Issuer
CHECKPOINT = 0.2  # seconds after which a cursor's move is in the cursor file
SLACK = 0.5 * SLOW  # for the sync of the cursor file, and for our own threads


def payload(trace_id, span_id):
    size = int.from_bytes(span_id[5:], "big")
    return hashlib.shake_128(trace_id + span_id).hexdigest((size + 1) // 2)[:size]


def span(trace_id, span_id):
    """The one span that this id can have."""
    number = int.from_bytes(span_id[:5], "big")
    s = trace_pb2.Span(trace_id=trace_id, span_id=span_id, name=f"fault {number}", kind=3,
                       start_time_unix_nano=otlp.T0 + number, end_time_unix_nano=otlp.T0 + number + 1000)
    otlp.fill(s.attributes, {"fault.payload": payload(trace_id, span_id)})
    return s


def key(s):
    return s.trace_id + s.span_id


class Issuer:
    """Issues requests; the sizes of payloads are drawn from the seed, now and then at a boundary."""

    def __init__(self, seed=None, segment=None, large=0.01):
        self.seed = random.randrange(1 << 32) if seed is None else seed
        self.run = hashlib.sha256(f"{self.seed} {time.time_ns()}".encode()).digest()[:8]
        # an OTLP request and a record's header and meta take some 300 bytes beside the payload
        self.boundary = BOUNDARY + (tuple(range(segment - 600, segment + 9, 7)) if segment else ())
        self.large = large
        self.random = random.Random(self.seed)
        self.issued = set()
        self._number = 0
        self._lock = threading.Lock()

    def _size(self):
        return self.random.choice(self.boundary) if self.random.random() < self.large else self.random.randrange(20, 200)

    def request(self, n=1, size=None, sender=0):
        """(message, ids) of n spans."""
        trace_id = self.run + struct.pack(">Q", sender + 1)
        message = otlp.ExportTraceServiceRequest()
        rs = message.resource_spans.add()
        otlp.fill(rs.resource.attributes, {"service.name": f"sender {sender}"})
        spans = rs.scope_spans.add()
        ids = []
        with self._lock:
            for _ in range(n):
                self._number += 1
                ids.append(struct.pack(">Q", self._number << 24 | (self._size() if size is None else size)))
            self.issued.update(trace_id + i for i in ids)
        spans.spans.extend(span(trace_id, i) for i in ids)
        return message, [trace_id + i for i in ids]


class Journal:
    """Ids of spans that were acknowledged."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        self.n = 0

    def append(self, ids):
        with self._lock:
            os.write(self.fd, b"".join(ids))
            os.fdatasync(self.fd)
            self.n += len(ids)

    def read(self):
        data = os.pread(self.fd, os.fstat(self.fd).st_size, 0)
        return {data[i:i + 24] for i in range(0, len(data), 24)}


class Ledger:
    """The behaviour of a sink: judges every span it gets and books when it came. `answer` decides; only what gets 2xx counts."""

    def __init__(self, issuer, answer=None):
        self.issuer = issuer
        self.answer = answer or (lambda request: Answer())
        self.times = collections.defaultdict(list)  # span id: requests
        self.wrong = []
        self.tries = 0

    def __call__(self, request):
        self.tries += 1
        answer = self.answer(request)
        if answer.reset or answer.hang or not 200 <= answer.status < 300:
            return answer
        for s in otlp.leaves([request.message]):
            if key(s) not in self.issuer.issued:
                self.wrong.append(f"not issued: {key(s).hex()}")
            elif s.SerializeToString() != span(s.trace_id, s.span_id).SerializeToString():
                self.wrong.append(f"changed: {key(s).hex()}")
            self.times[key(s)].append(request)
        return answer

    def __len__(self):
        return len(self.times)

    def __bool__(self):  # an empty one, too, is a behaviour
        return True

    def copies(self):
        return sum(len(t) - 1 for t in list(self.times.values()))


class Load:
    """Senders that live through the deaths of the one they send to. Nobody sends a request twice: a copy is weir's doing."""

    def __init__(self, weir, issuer, journal, senders=4, spans=5, pause=0.0, fresh=False):
        self.weir, self.issuer, self.journal = weir, issuer, journal
        self.spans, self.pause, self.fresh = spans, pause, fresh
        self.refused, self.unknown = set(), set()
        self.status = collections.Counter()
        self.connects_refused = 0
        self.faults = []
        self.seconds = []  # of each exchange: (when it began, how long it took)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(senders)]

    def __enter__(self):
        for t in self._threads:
            t.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for t in self._threads:
            t.join(40 * SLOW)
            assert not t.is_alive(), "a sender hangs"

    def _run(self, sender):
        connection = None
        dice = random.Random(f"{self.issuer.seed} {sender}")
        while not self._stop.is_set():
            if connection is None and (connection := self._connect()) is None:
                self._stop.wait(0.005)
                continue
            message, ids = self.issuer.request(dice.randrange(1, self.spans + 1), sender=sender)
            if not self._exchange(connection, message, ids) or self.fresh:
                connection.close()
                connection = None
            if self.pause:
                self._stop.wait(self.pause)

    def _connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.weir.port, timeout=30 * SLOW)
        try:
            connection.connect()
            return connection
        except OSError as e:
            with self._lock:
                self.connects_refused += isinstance(e, ConnectionRefusedError)
            return None

    def _exchange(self, connection, message, ids):
        """False: the connection is of no use any more."""
        begin = time.monotonic()
        try:
            connection.request("POST", "/v1/traces", message.SerializeToString(), {"Content-Type": otlp.PB})
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as e:
            with self._lock:
                self.unknown.update(ids)
                self.faults.append(e)
            return False
        if answer.status == 200:
            assert rejected(data) == 0
            self.journal.append(ids)
        with self._lock:
            self.status[answer.status] += 1
            self.seconds.append((begin, time.monotonic() - begin))
            if answer.status != 200:
                self.refused.update(ids)
                assert answer.status != 503 or answer.getheader("Retry-After"), "503 without Retry-After"
        if answer.status != 200:
            self._stop.wait(0.02)
        return (answer.getheader("connection") or "").lower() != "close"


def excused(first, second, kills, window):
    """A copy is allowed when the first one was answered at most `window` before a kill (or was then on its way), the second came
    after it."""
    return any(first.when - 2 * SLOW <= kill <= second.when and kill - first.answered <= window for kill in kills)


def settle(issuer, journal, ledgers, load=None, kills=(), answer_time=0.0, refused_may_arrive=False, lost=()):
    """Asserts the promises; `lost`: ids that the product counts as dropped. The number of copies, per ledger."""
    acked = journal.read()
    refused = load.refused if load else set()
    copies = {}
    for name, ledger in ledgers.items():
        assert not ledger.wrong, (name, ledger.wrong[:5])
        missing = acked - ledger.times.keys() - set(lost)
        assert not missing, f"{name}: {len(missing)} of {len(acked)} acknowledged spans are missing (seed {issuer.seed})"
        if not refused_may_arrive:
            came = refused & ledger.times.keys()
            assert not came, f"{name}: {len(came)} refused spans arrived (seed {issuer.seed})"
        window = CHECKPOINT + answer_time + SLACK
        guilty = [(a, b) for t in ledger.times.values() for a, b in zip(t, t[1:]) if not excused(a, b, kills, window)]
        assert not guilty, (f"{name}: {len(guilty)} copies that no kill explains (seed {issuer.seed}): " +
                            str([(f"{a.when:.3f}", f"{b.when:.3f}") for a, b in guilty[:5]]) + f" kills {[f'{k:.3f}' for k in kills]}")
        copies[name] = ledger.copies()
    return copies


SLOW_ANSWER = 0.03


def two_destinations(sink, issuer):
    """{name: ledger}, {name: url}: one answers at once, one after SLOW_ANSWER, so that there is always something that only the disk has."""
    ledgers = {"fast": Ledger(issuer), "slow": Ledger(issuer, lambda r: Answer(delay=SLOW_ANSWER))}
    return ledgers, {name: sink(behave=ledger).url for name, ledger in ledgers.items()}


def finish(w, issuer, journal, ledgers, load=None, seconds=120, kills=()):
    """Of two_destinations: everything delivered, the equation, the promises, and no copy but the excused ones (`kills`: moments that excuse
    copies beside w's own); then a fresh request passes. The number of copies, per ledger."""
    w.at_rest(seconds)
    w.conserve()
    copies = settle(issuer, journal, ledgers, load, (*w.kills, *kills), SLOW_ANSWER)
    for name, ledger in ledgers.items():
        b = w.balance(name)
        assert b["accepted"] == b["delivered"] == len(ledger), f"{name}: {b}, {len(ledger)} different spans arrived"
    ids = w.send(issuer, journal)
    for name, ledger in ledgers.items():
        until(lambda: ids[0] in ledger.times, 10, f"the fresh request at {name}")
    return copies


@functools.cache
def seed_of_run(name):
    """$FAULT_SEED, or a new one; printed, so that a failing run can be made again."""
    seed = int(os.environ.get("FAULT_SEED") or random.randrange(1 << 32))
    print(f"{name}: FAULT_SEED={seed}")
    return seed
