"""A strict OTLP/HTTP backend that records every request and answers what the test tells it.

It refuses what a strict vendor would (wrong path, type, encoding, undecodable body) by failing the test at its end:
`faults` must be empty. `behave` decides the answer: a function of the request, or a list used up one by one and then 200.
"""
import http.server
import math
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from . import otlp
from .ports import free_port


@dataclass
class Answer:
    status: int = 200
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0  # seconds before the answer
    reset: bool = False  # RST instead of an answer
    hang: bool = False  # no answer until the sink stops
    gate: threading.Event = None  # no answer until this is set
    raw: bytes = b""  # these bytes instead of a well-formed answer


@dataclass
class Request:
    path: str
    headers: dict
    wire: bytes  # as sent
    body: bytes  # decompressed
    signal: str
    when: float
    status: int = 0
    answered: float = math.inf  # when the answer was on its way

    @property
    def message(self):
        return otlp.parse(self.body, self.headers["content-type"], self.signal)


class Sink:
    def __init__(self, port=0, tls=None, behave=None):
        self.requests = []
        self.faults = []
        self.behave = behave or []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self):
                sink._post(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass

        self._server = Server(("127.0.0.1", port or free_port()), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def _post(self, handler):
        headers = {k.lower(): v for k, v in handler.headers.items()}
        if "content-length" in headers:
            wire = handler.rfile.read(int(headers["content-length"]))
        else:
            wire = _chunks(handler.rfile)
        signal = handler.path.rsplit("/", 1)[-1].split("?")[0]
        request = Request(handler.path, headers, wire, b"", signal, time.monotonic())
        try:
            request.body = otlp.decompress(wire, headers.get("content-encoding", ""))
            request.signal = signal if signal in otlp.REQUEST else "traces"
            otlp.parse(request.body, headers["content-type"], request.signal)
        except Exception as e:  # whatever is wrong with it is the finding
            self.faults.append(f"{handler.path}: {type(e).__name__}: {e}")
        with self._lock:
            if callable(self.behave):
                answer = self.behave(request)
            else:
                answer = self.behave.pop(0) if self.behave else Answer()
            request.status = 0 if answer.reset or answer.hang else answer.status
            self.requests.append(request)
        self._answer(handler, request, answer)

    def _answer(self, handler, request, answer):
        if answer.delay:
            self._stopped.wait(answer.delay)
        if answer.gate:
            answer.gate.wait()
        if answer.hang:
            self._stopped.wait()
            handler.close_connection = True
            return
        if answer.reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.close_connection = True
            return
        if answer.raw:
            handler.wfile.write(answer.raw)
            handler.wfile.flush()
            handler.close_connection = True
            return
        body = answer.body
        content_type = request.headers.get("content-type", otlp.PB)
        if not body and content_type == otlp.JSON:
            body = b"{}"
        handler.send_response(answer.status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **answer.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.wfile.flush()
        request.answered = time.monotonic()

    def got(self, signal="traces", status=range(200, 300)):
        """Messages of the requests that were answered with one of `status`."""
        with self._lock:
            chosen = [r for r in self.requests if r.signal == signal and r.status in status]
        return [r.message for r in chosen]

    def span_ids(self):
        return otlp.span_ids(self.got())

    def stop(self):
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()


def _chunks(stream):
    out = b""
    while True:
        n = int(stream.readline().split(b";")[0], 16)
        out += stream.read(n)
        stream.readline()
        if not n:
            return out
