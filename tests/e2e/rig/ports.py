"""Free TCP ports below the ephemeral range, a range of its own for each pytest worker, so that nobody takes them between
the choice and the listen."""
import itertools
import os
import socket

_worker = int("0" + "".join(c for c in os.environ.get("PYTEST_XDIST_WORKER", "0") if c.isdigit()))
_next = itertools.count(os.getpid() % 500)


def free_port():
    for _ in range(900):
        port = 20000 + (_worker % 12) * 1000 + next(_next) % 1000
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def free_ports(n):
    return [free_port() for _ in range(n)]
