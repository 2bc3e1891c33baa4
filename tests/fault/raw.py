"""Hostile clients by hand: bytes in, bytes out, timing; and the watch over the process they are aimed at.

The fixtures weir and sink are those of tests/e2e; a test module imports them from here. All load goes to 127.0.0.1.
"""
import contextlib
import os
import pathlib
import select
import socket
import struct
import time

from rig import otlp
from rig.fixtures import ids, sink, weir
from rig.process import is_sanitized
from rig.raw import Raw, post
from rig.wait import SLOW, until

MiB = 1 << 20
SANITIZED = is_sanitized()
TICK = os.sysconf("SC_CLK_TCK")


def door(weir, far=None, http=None, **config):
    """A weir with one HTTP door in front of a sink, or of nothing."""
    exporters = {"otlp_http": {"endpoint": far.url}} if far else {"nop": None}
    return weir({"receivers": {"otlp": {"protocols": {"http": dict(http or {})}}}, "exporters": exporters, **config})


def statuses(data):
    """The status codes of a byte stream of answers, each with its Content-Length honoured."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        found.append(int(lines[0].split(b" ")[1]))
        fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
        data = data[int(fields.get(b"content-length", 0)):]
    return found


def talk(port, *parts, half_close=False, timeout=10):
    """Sends the parts, reads until the peer closes: (bytes, seconds). A reset ends both."""
    begin = time.monotonic()
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout * SLOW) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            for part in parts:
                s.sendall(part)
        if half_close:
            with contextlib.suppress(OSError):  # the peer was first
                s.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while data := s.recv(65536):
                got += data
    return got, time.monotonic() - begin


def connect(port, timeout=10):
    s = socket.socket()
    s.settimeout(timeout * SLOW)
    s.connect(("127.0.0.1", port))
    return s


def reset(s):
    """Closes with RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


class Crowd:
    """Many connections at once, watched by one poll."""

    def __init__(self, port, n):
        self.sockets = {}
        self.poll = select.poll()
        for _ in range(n):
            s = connect(port)
            s.setblocking(False)
            self.sockets[s.fileno()] = s
            self.poll.register(s, select.POLLIN)
        self.answers = {fd: b"" for fd in self.sockets}
        self.ended = {}  # fd: when the peer closed

    def send(self, data):
        for fd, s in self.sockets.items():
            if fd not in self.ended:
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    s.send(data)

    def drain(self, timeout=0.0):
        """Reads what is there; the number of connections still open."""
        while ready := self.poll.poll(timeout * 1000):
            timeout = 0
            for fd, _ in ready:
                try:
                    data = self.sockets[fd].recv(65536)
                except ConnectionError:
                    data = b""
                self.answers[fd] += data
                if not data:
                    self.ended[fd] = time.monotonic()
                    self.poll.unregister(fd)
        return len(self.sockets) - len(self.ended)

    def close(self):
        for s in self.sockets.values():
            s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def chunked(parts, trailer=b""):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n" + trailer + b"\r\n"


def chunked_head(path="/v1/traces", **headers):
    return post(path=path, headers={"Transfer-Encoding": "chunked", "Content-Length": None, **headers})


def cpu(w):
    """CPU seconds of a process so far."""
    fields = pathlib.Path(f"/proc/{w.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def pool_used(w):
    return w.scrape().value("weir_pool_used_bytes")


def serves(w, ids, far=None):
    """What every case ends with: a fresh request passes, and arrives."""
    message = otlp.traces(ids)
    w.post(message)
    if far:
        until(lambda: otlp.span_ids([message]).keys() <= far.span_ids().keys(), 10, "the fresh request delivered")


def nothing_arrived(far):
    assert far.requests == []


def listening(pid):
    """(address as hex, port) of every listening TCP socket of a process."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            link = os.readlink(f"/proc/{pid}/fd/{fd}")
            if link.startswith("socket:["):
                inodes.add(link[8:-1])
    found = set()
    for family in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
            f = line.split()
            if f[3] == "0A" and f[9] in inodes:
                host, port = f[1].split(":")
                found.add((host, int(port, 16)))
    return found
