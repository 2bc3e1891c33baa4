"""A scripted OTLP/HTTP backend for faults: what it answers, and how, is decided per request; it remembers every span it took.

`script` is a function of the Request that gives an Answer. An answer is a status with headers and body, or raw bytes with what
happens to the connection after them (keep, close, reset, hang); `early` answers before the body is read. Raw sockets, one thread per
connection: what a well-behaved HTTP library would not do can be done here.
"""
import collections
import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from rig import otlp
from rig.ports import free_port

KEEP, CLOSE, RESET, HANG = "keep", "close", "reset", "hang"


@dataclass
class Answer:
    status: int = 200
    headers: tuple = ()  # pairs, so that one may come twice
    body: bytes = b""
    raw: object = None  # bytes, or an iterable of bytes, instead of a well-formed answer
    then: str = KEEP
    delay: float = 0
    interim: bytes = b""  # before the answer


@dataclass
class Request:
    head: str
    headers: dict
    body: bytes  # decompressed; b"" when the answer came early or the connection broke
    when: float  # the head was there
    connection: int
    number: int = 0
    spans: list = field(default_factory=list)  # of otlp
    answer: Answer = None
    read: float = 0  # the body was there

    @property
    def ids(self):
        return [s.trace_id + s.span_id for s in self.spans]


def partial(n, message="", content_type=otlp.PB):
    """An answer that refuses n spans."""
    m = otlp.RESPONSE["traces"]()
    m.partial_success.rejected_spans = n
    m.partial_success.error_message = message
    body = m.SerializeToString() if content_type == otlp.PB else otlp.json_format.MessageToJson(m).encode()
    return Answer(200, (("Content-Type", content_type),), body)


class Sink:
    def __init__(self, script=None, early=None, cut=None):
        """early: function of the head that gives an Answer before the body is read, or None.
        cut: function of the connection's number that gives how many bytes are read of it before a reset, or None."""
        self.script = script or (lambda r: Answer())
        self.early, self.cut = early, cut
        self.requests = []
        self.taken = collections.Counter()  # span ids answered 2xx, whatever the body
        self.faults = []
        self.in_flight = self.most_in_flight = self.n_connections = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", free_port()), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                number = self.n_connections
                self.n_connections += 1
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(peer, number), daemon=True).start()

    def _serve(self, peer, number):
        stream = peer.makefile("rb")
        try:
            limit = self.cut(number) if self.cut else None
            if limit is not None:
                stream.read(limit)
                self._reset(peer)
                return
            while self._one(peer, stream, number):
                pass
        except (OSError, ValueError):
            pass
        finally:
            stream.close()
            peer.close()

    @staticmethod
    def _reset(peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _one(self, peer, stream, number):
        """One request; True when the next may follow."""
        lines = []
        while (line := stream.readline()) not in (b"\r\n", b""):
            lines.append(line.decode("latin-1").rstrip("\r\n"))
        if not lines or line == b"":
            return False
        headers = {k.lower(): v.strip() for k, v in (text.split(":", 1) for text in lines[1:])}
        request = Request(lines[0], headers, b"", time.monotonic(), number)
        early = self.early(request) if self.early else None
        if early is None:
            wire = stream.read(int(headers["content-length"]))
            if len(wire) < int(headers["content-length"]):
                return False
            request.read = time.monotonic()
            self._parse(request, wire)
        return self._answer(peer, request, early)

    def _parse(self, request, wire):
        try:
            request.body = otlp.decompress(wire, request.headers.get("content-encoding", ""))
            if request.head.split()[1].endswith("/v1/traces"):
                request.spans = otlp.leaves([otlp.parse(request.body, request.headers["content-type"])])
        except Exception as e:  # whatever is wrong with it is the finding
            self.faults.append(f"{request.head}: {type(e).__name__}: {e}")

    def _answer(self, peer, request, answer):
        with self._lock:
            request.number = len(self.requests)
            self.requests.append(request)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            if answer is None:
                answer = self.script(request)
            request.answer = answer
            if answer.raw is None and answer.then in (KEEP, CLOSE) and 200 <= answer.status < 300:
                self.taken.update(request.ids)
        if answer.delay:
            self._stopped.wait(answer.delay)
        if answer.then == HANG and answer.raw is None:
            self._stopped.wait()
            return False
        if answer.raw is None:
            self._ended()  # before it leaves: who reads it may send the next one at once
            return self._send(peer, request, answer)
        try:
            return self._send(peer, request, answer)
        finally:
            self._ended()

    def _ended(self):
        with self._lock:
            self.in_flight -= 1

    def _send(self, peer, request, answer):
        for data in self._bytes(request, answer):
            peer.sendall(data)
        if answer.then == RESET:
            self._reset(peer)
        if answer.then == HANG:
            self._stopped.wait()
        return answer.then == KEEP

    @staticmethod
    def _bytes(request, answer):
        if answer.interim:
            yield answer.interim
        if answer.raw is not None:
            yield from [answer.raw] if isinstance(answer.raw, bytes) else answer.raw
            return
        headers = dict(answer.headers)
        lines = [f"HTTP/1.1 {answer.status} X"]
        if "Content-Type" not in headers:
            lines.append(f"Content-Type: {request.headers.get('content-type', otlp.PB)}")
        if answer.status >= 200 and answer.status not in (204, 304):
            lines.append(f"Content-Length: {len(answer.body)}")
        lines += [f"{name}: {value}" for name, value in answer.headers]
        yield ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + answer.body

    def sent(self):
        """Span ids of all requests, answered or not."""
        with self._lock:
            return collections.Counter(i for r in self.requests for i in r.ids)

    def since(self, moment):
        with self._lock:
            return [r for r in self.requests if r.when >= moment]

    def stop(self):
        """Nobody may be in accept() when the number of the descriptor is free for another listener."""
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
