"""HTTP by hand: what a client library would hide (pipelining, half requests, who closes first)."""
import socket
import time
from dataclasses import dataclass

from .wait import SLOW


@dataclass
class Response:
    status: int
    headers: dict
    body: bytes
    seconds: float

    @property
    def text(self):
        return self.body.decode(errors="replace")


class Raw:
    def __init__(self, port, tls=None, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout * SLOW)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self._buffer = b""

    def send(self, data):
        self.socket.sendall(data)
        return self

    def _more(self):
        data = self.socket.recv(65536)
        self._buffer += data
        return bool(data)

    def _line(self):
        while b"\r\n" not in self._buffer:
            if not self._more():
                raise ConnectionError(f"closed inside a head: {self._buffer!r}")
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line

    def _take(self, n):
        while len(self._buffer) < n:
            if not self._more():
                raise ConnectionError(f"closed inside a body: {len(self._buffer)} of {n}")
        data, self._buffer = self._buffer[:n], self._buffer[n:]
        return data

    def response(self, head_only=False):
        begin = time.monotonic()
        status = int(self._line().split(b" ")[1])
        headers = {}
        while line := self._line():
            name, value = line.split(b":", 1)
            headers[name.decode().lower()] = value.strip().decode()
        body = b""
        if status >= 200 and status != 204 and not head_only:
            if "content-length" in headers:
                body = self._take(int(headers["content-length"]))
            elif headers.get("transfer-encoding") != "chunked":  # as long as the connection
                while self._more():
                    pass
                body, self._buffer = self._buffer, b""
            else:
                while n := int(self._line(), 16):
                    body += self._take(n)
                    self._line()
                self._line()
        return Response(status, headers, body, time.monotonic() - begin)

    def closed(self, seconds=5):
        """True when the peer closes within `seconds` and sends nothing before."""
        self.socket.settimeout(seconds * SLOW)
        try:
            return self._buffer == b"" and self.socket.recv(1) == b""
        except (ConnectionResetError, BrokenPipeError):
            return True
        except TimeoutError:
            return False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def post(body=b"", path="/v1/traces", content_type="application/x-protobuf", headers=None, method="POST", length=None):
    """The bytes of one request."""
    head = {"Host": "localhost", "Content-Type": content_type, "Content-Length": len(body) if length is None else length}
    head.update(headers or {})
    lines = "".join(f"{k}: {v}\r\n" for k, v in head.items() if v is not None)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
