"""Fixtures (rig.fixtures) and the last lines of a run."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from rig.fixtures import collector, ids, sink, weir  # noqa: E402,F401
from rig.process import ROOT  # noqa: E402

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
