"""docs/guarantees.md and CASES.md name tests: each of them exists."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMED = re.compile(r"\b((?:\w+/)*test_\w+\.(?:py|c))::(test_\w*[a-z0-9])")
PLACES = {"unit/": "tests/unit", "e2e/": "tests/e2e", "fault/": "tests/fault"}


@pytest.mark.parametrize("page", ["docs/guarantees.md", "tests/fault/CASES.md"])
def test_named_tests_exist(page):
    missing = []
    named = set(NAMED.findall((ROOT / page).read_text()))
    for path, name in named:
        place = next((PLACES[p] for p in PLACES if path.startswith(p)), "tests/fault" if path.endswith(".py") else "tests/unit")
        files = [f for f in (ROOT / place).rglob(path.rsplit("/", 1)[-1]) if "node_modules" not in f.parts]
        if not any(re.search(rf"\b{name}", f.read_text()) for f in files):
            missing.append(f"{path}::{name}")
    assert len(named) > 10 and not missing, missing
