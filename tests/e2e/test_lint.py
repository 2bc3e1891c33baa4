"""scripts/lint: each of its checks is seen failing on a violation planted into a small sound tree."""
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAD = "/* x - for the test of lint. */\n"
SOUND = {
    "lib/base/slice.h": HEAD + "#pragma once\n",
    "lib/otlp/scan.c": HEAD + '#include "lib/base/slice.h"\n',
    "lib/pipe/queue.c": HEAD + '#include "lib/otlp/scan.h"\n',
    "processors/mark.c": HEAD + '#include "lib/pipe/queue.h"\n\nint mark(int x)\n{\n\treturn x;\n}\n',
    "config/plan.c": HEAD + '#include "config/plan.h"\n#include "lib/pipe/plan.h"\n',
    "cmd/weir/main.c": HEAD + '#include "config/plan.h"\n',
    "tests/unit/processors/test_mark.c": HEAD + '#include "lib/pipe/queue.h"\n',
}
FUNCTION = HEAD + "\nint f(int x)\n{\n%s\treturn x;\n}\n"
PLANTED = {
    "base includes otlp": ("lib/base/a.c", HEAD + '#include "lib/otlp/scan.h"\n', "base may not include"),
    "otlp includes pipe": ("lib/otlp/a.c", HEAD + '#include "lib/pipe/queue.h"\n', "otlp may not include"),
    "otlp includes conf": ("lib/otlp/b.c", HEAD + '#include "lib/conf/conf.h"\n', "otlp may not include"),
    "lib includes config": ("lib/pipe/a.c", HEAD + '#include "config/plan.h"\n', "pipe may not include"),
    "component includes config": ("processors/mark.c", HEAD + '#include "config/plan.h"\n', "processors may not include"),
    "component includes another": ("processors/mark.c", HEAD + '#include "processors/other.h"\n', "do not include each other"),
    "config includes a component": ("config/a.c", HEAD + '#include "processors/mark.h"\n', "config may not include"),
    "include not from the root": ("lib/base/a.c", HEAD + '#include "slice.h"\n', "from the root"),
    "long function": ("lib/base/a.c", FUNCTION % ("\tx++;\n" * 60), "function of 61 lines"),
    "long file": ("lib/base/a.c", HEAD + "\n" * 600, "more than 600 lines"),
    "deep nesting": ("lib/base/a.c", FUNCTION % "\tif (x)\n\t\tif (x)\n\t\t\tif (x)\n\t\t\t\tif (x)\n\t\t\t\t\tif (x)\n"
                     "\t\t\t\t\t\treturn 1;\n", "nested deeper"),
    "banned call": ("lib/base/a.c", FUNCTION % '\tx = atoi("1");\n', "banned call"),
    "banned call in a test": ("tests/unit/a.c", FUNCTION % '\tsystem("x");\n', "banned call"),
    "no head": ("lib/base/a.c", "int x;\n", "no comment at the head"),
    "left for later": ("lib/base/a.c", HEAD + "/* TO" "DO later */\n", "TO" "DO"),
    "trailing space": ("lib/base/a.c", HEAD + "int x; \n", "space at the end"),
    "format": ("lib/base/a.c", HEAD + "int  x ;\n", "not as make fmt"),
    "component without test": ("exporters/void.c", HEAD, "no test of its name"),
}


def lint(tree):
    return subprocess.run([ROOT / "scripts/lint", tree], capture_output=True, text=True)


@pytest.fixture
def tree(tmp_path):
    for name, text in SOUND.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copy(ROOT / ".clang-format", tmp_path)
    (tmp_path / "Makefile").write_text("all:\n")
    return tmp_path


def test_sound_tree_passes(tree):
    done = lint(tree)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", PLANTED)
def test_violation_is_found(tree, case):
    name, text, word = PLANTED[case]
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text)
    done = lint(tree)
    assert done.returncode == 1
    assert any(line.startswith(name + ":") and word in line for line in done.stdout.splitlines()), done.stdout + done.stderr


def test_stale_docs_are_found(tmp_path):
    """A copy of this tree in which one generated page was edited by hand."""
    def ignore(directory, names):
        top = pathlib.Path(directory) == ROOT
        return [n for n in names if n in (".git", "node_modules", "__pycache__") or top and n in ("build",)]
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=ignore)
    (copy / "build").mkdir()
    (copy / "build/weir").symlink_to(ROOT / "build/weir")
    (copy / "Makefile").write_text("all:\n")
    page = next((copy / "docs/components").glob("*.md"))

    def stale():
        done = subprocess.run([copy / "scripts/lint"], capture_output=True, text=True)
        return [line for line in done.stdout.splitlines() if "make docs" in line]
    assert stale() == []
    page.write_text(page.read_text() + "edited\n")
    assert len(stale()) == 1
    (copy / "docs/components/processor-gone.md").write_text("x\n")
    assert len(stale()) == 2
