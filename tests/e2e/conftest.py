"""Fixtures: factories for weirs, sinks and Collectors. What a test makes with them is judged and stopped after it."""
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from rig import otlp  # noqa: E402
from rig.process import ROOT, Collector, Weir  # noqa: E402
from rig.sink import Sink  # noqa: E402


@pytest.fixture
def sink():
    """sink(behave=..): a backend; must not have been sent anything malformed."""
    made = []

    def factory(**kwargs):
        made.append(Sink(**kwargs))
        return made[-1]
    yield factory
    for s in made:
        s.stop()
    assert [f for s in made for f in s.faults] == []


@pytest.fixture
def weir(tmp_path, sink):
    """weir(config, ..): a running weir, judged at the end (rig.process). Depends on sink, so that it stops first."""
    made = []

    def factory(config, start=True, **kwargs):
        made.append(Weir(tmp_path, config, **kwargs))
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


BEGAN = time.time()


def pytest_terminal_summary(terminalreporter):
    """The corpus's score per ecosystem (test_genai_corpus.py wrote it), in the output of every run that made it."""
    path = ROOT / "build/genai-score.txt"
    if hasattr(terminalreporter.config, "workerinput") or not path.exists() or path.stat().st_mtime < BEGAN:
        return
    terminalreporter.section("corpus of recorded SDKs: fields right, by ecosystem")
    for line in path.read_text().splitlines():
        if line.startswith(("not sent", "MISS", "STALE")):
            break
        if not line.startswith(" "):
            terminalreporter.write_line(line)
