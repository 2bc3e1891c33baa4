"""Fixtures that more than one directory of tests has: factories. What a test makes with them is judged and stopped after it."""
import contextlib

import pytest

from . import otlp
from .process import Collector, Weir
from .sink import Sink


@contextlib.contextmanager
def sinks(kind):
    """A factory of sinks; none of them may have been sent anything malformed."""
    made = []

    def factory(*args, **kwargs):
        made.append(kind(*args, **kwargs))
        return made[-1]
    yield factory
    for s in made:
        s.stop()
    assert [f for s in made for f in s.faults] == []


@contextlib.contextmanager
def weirs(make):
    """A factory of weirs that `make` makes, started unless start=False; all are judged, whatever the first one's verdict."""
    made = []

    def factory(*args, start=True, **kwargs):
        made.append(make(*args, **kwargs))
        return made[-1].start() if start else made[-1]
    yield factory
    failures = []
    for w in reversed(made):
        try:
            w.close()
        except AssertionError as e:
            failures.append(str(e))
    assert not failures, "\n".join(failures)


@pytest.fixture
def sink():
    """sink(behave=..): a backend."""
    with sinks(Sink) as factory:
        yield factory


@pytest.fixture
def weir(tmp_path, sink):
    """weir(config, ..): a running weir (rig.process). Depends on sink, so that it stops first."""
    with weirs(lambda config, **kwargs: Weir(tmp_path, config, **kwargs)) as factory:
        yield factory


@pytest.fixture
def collector(tmp_path):
    made = []

    def factory(**kwargs):
        made.append(Collector(tmp_path, **kwargs).start())
        return made[-1]
    yield factory
    for c in made:
        c.close()


@pytest.fixture
def ids():
    return otlp.Ids()
