"""Free TCP ports below the ephemeral range, a range of its own for each process that asks, so that nobody takes them between
the choice and the listen, or between two listens of one test."""
import functools
import itertools
import os
import socket

FIRST, RANGE, RANGES = 20000, 1000, 12


@functools.cache
def _lock():
    """(socket, number): the range of this process. The socket's name is the lock: it goes with the process, and with the network that
    the ports are of."""
    for n in range(RANGES):
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            lock.bind(f"\0weir-test-ports-{n}")
            return lock, n
        except OSError:
            lock.close()
    raise RuntimeError("too many test runs at once")


@functools.cache
def _ports():
    """Round and round, from anywhere in the range."""
    return (FIRST + _lock()[1] * RANGE + k % RANGE for k in itertools.count(os.getpid() % RANGE))


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
