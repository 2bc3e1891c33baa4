"""Free TCP ports below the ephemeral range, a range of its own for each process that asks, so that nobody takes them between
the choice and the listen, or between two listens of one test."""
import fcntl
import functools
import itertools
import os
import pathlib
import socket
import tempfile

FIRST, RANGE, RANGES = 20000, 1000, 12


@functools.cache
def _ports():
    """The range of this process, by a lock that is held to its end; round and round, from anywhere in it."""
    for n in range(RANGES):
        try:
            lock = os.open(pathlib.Path(tempfile.gettempdir(), f"weir-test-ports-{n}"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        return (FIRST + n * RANGE + k % RANGE for k in itertools.count(os.getpid() % RANGE))
    raise RuntimeError("too many test runs at once")


def free_port():
    for _ in range(RANGE):
        port = next(_ports())
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def free_ports(n):
    return [free_port() for _ in range(n)]
