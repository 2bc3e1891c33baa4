"""The storage where the world around it changed: less memory than its records need, no right to write, damage while somebody waits.

These ends were open after the matrix was done; the cases of the matrix are in test_storage.py and test_acks.py.
"""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

import pytest

from oracle import KiB, Ledger, MiB, settle
from rig.ports import free_port
from rig.process import sanitizer_env, weir_binary
from rig.sink import Answer
from rig.wait import SLOW, until


# ---- less memory

def test_record_larger_than_memory(durable, sink, issuer, journal):
    """Records of before are larger than all of the memory that the user allows now: they are delivered, one after the other, the log says
    so once, and while they wait for a dead destination small requests are taken as ever."""
    port = free_port()
    w = durable({"a": f"http://127.0.0.1:{port}"}, extension={"max_size": "256MiB"})
    w.largest = 6 * MiB
    for _ in range(3):
        w.send(issuer, journal, size=100)
        w.send(issuer, journal, size=6 * MiB)
    w.kill9()
    w.options["processors"] = {"memory_limiter": {"check_interval": "1s", "limit_mib": 4}}
    w.write(w.config({"a": f"http://127.0.0.1:{port}"}))
    w.again()
    until(lambda: w.balance("a")["queued"] == journal.n, 10, "known")
    for _ in range(20):
        w.send(issuer, journal, size=10 * KiB)
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    until(lambda: len(ledger) == journal.n, 30 * SLOW, lambda: f"{len(ledger)} of {journal.n} delivered")
    w.at_rest(10)
    assert w.log.count("larger than the memory that is allowed") == 1, w.log[-3000:]
    assert w.balance("a")["queued"] == 0
    settle(issuer, journal, {"a": ledger}, kills=w.kills)


# ---- no right to write

@pytest.fixture
def left(durable, sink, issuer, tmp_path):
    """A storage with 4 spans that were delivered, a backlog of 6 in 3 records, and a dead letter; nobody has it open."""
    dead = threading.Event()
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=lambda r: Answer(503) if dead.is_set() else ledger(r)).url})
    for _ in range(2):
        w.send(issuer, n=2)
    w.at_rest()
    dead.set()
    for _ in range(3):
        w.send(issuer, n=2)
    w.close()
    body = tmp_path / "body.pb"
    body.write_bytes(issuer.request(1)[0].SerializeToString())
    tool = pathlib.Path(weir_binary()).parent / "tools" / "write_letter"
    subprocess.run([tool, w.storage], input=f"otlp_http/a\ttraces\t1\tbad_request\tno\t{body}\n", text=True, check=True,
                   env={**os.environ, **sanitizer_env()})
    assert (w.storage / "cursor").exists()
    return w.storage


def look(directory, binary=None, **kwargs):
    """(queue, list, show) of a directory, as JSON, by a process that may be another user's."""
    seen = []
    for command in (["queue", "--json"], ["dlq", "list", "--json"], ["dlq", "show", "1"]):
        done = subprocess.run([binary or weir_binary(), *command, "--directory", str(directory)], capture_output=True, text=True,
                              timeout=20 * SLOW, env={**os.environ, **sanitizer_env()}, **kwargs)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert not done.stderr, done.stderr
        seen.append(json.loads(done.stdout))
        seen[-1].pop("directory")
    for e in seen[0]["exporters"]:
        e.pop("oldest_age_seconds", None)
    return seen


def check(seen):
    [e] = seen[0]["exporters"]
    n = e["items"]["traces"]
    assert (e["records"], n["queued"], n["delivered"], seen[1]["state"], seen[2]["items"]) == (3, 6, 4, "sound", 1), seen


def state_of(directory):
    """Every byte and time of it."""
    return {str(p.relative_to(directory)): (p.stat().st_mtime_ns, p.stat().st_mode, p.read_bytes() if p.is_file() else b"")
            for p in sorted(directory.rglob("*"))}


def test_read_only_mount(left, sink):
    """Seen through a mount that refuses every write it is what its owner sees."""
    want = look(left)
    check(want)
    place = pathlib.Path(tempfile.mkdtemp(prefix="weir-ro-"))
    try:
        if os.geteuid() or subprocess.run(["mount", "--bind", left, place], stderr=subprocess.DEVNULL).returncode:
            pytest.skip("no right to mount")
        try:
            if subprocess.run(["mount", "-o", "remount,bind,ro", place], stderr=subprocess.DEVNULL).returncode:
                pytest.skip("no right to mount read-only")
            with pytest.raises(OSError):
                (place / "try").write_text("")
            before = state_of(left)
            assert look(place) == want
            far = sink()  # what could not be removed afterwards is not sent
            done = subprocess.run([weir_binary(), "dlq", "replay", "--all", "--directory", place, "--to", far.url], capture_output=True, text=True)
            assert done.returncode == 1 and "Read-only" in done.stderr and not far.requests, done
            assert state_of(left) == before
        finally:
            subprocess.run(["umount", "-l", place], check=True)
    finally:
        place.rmdir()


@pytest.fixture
def public():
    """A directory that every user can reach, with a copy of weir."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="weir-public-"))
    place.chmod(0o755)
    shutil.copy(weir_binary(), place / "weir")
    (place / "weir").chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.mark.parametrize("running", [False, True])
def test_another_user(left, public, durable, running):
    """A user who may read the directory, and no more, sees all of it, beside a weir that has it open, too; one who may not read it
    hears why, and who could."""
    if os.geteuid():
        pytest.skip("only root can be somebody else")
    place = public / "storage"
    shutil.copytree(left, place)
    for p in [place, *place.rglob("*")]:
        p.chmod(0o755 if p.is_dir() else 0o644)
    other = {"user": 65534, "group": 65534, "extra_groups": []}
    if running:
        w = durable({"a": f"http://127.0.0.1:{free_port()}"}, directory=place)
        until(lambda: w.balance("a")["queued"] == 6, 10, "known")
        for p in place.rglob("*"):
            p.chmod(0o755 if p.is_dir() else 0o644)
    else:
        before = state_of(place)
    want = look(place)
    assert look(place, public / "weir", **other) == want
    if not running:
        assert state_of(place) == before
    check(want)
    for unreadable in (place / "cursor", place):
        unreadable.chmod(0o600)
        done = subprocess.run([public / "weir", "queue", "--directory", place], capture_output=True, text=True, **other)
        assert done.returncode == 1 and not done.stdout, done
        assert str(place) in done.stderr and "ermission denied" in done.stderr and "owner" in done.stderr, done.stderr
        unreadable.chmod(0o644)


# ---- damage

def test_damage_while_a_sender_waits(durable, sink, issuer, journal):
    """With `ack: delivered` the sender of a record that turns out to be damaged hears 503 when that is found, not after ack_timeout."""
    busy = threading.Event()
    ledger = Ledger(issuer)
    far = sink(behave=lambda r: ledger(r) if busy.is_set() else Answer(503))
    w = durable({"a": far.url}, receiver={"ack": "delivered", "ack_timeout": "60s"}, queue={"num_consumers": 1})
    answers, threads, sent = {}, [], []

    def post(i, body):
        answers[i] = (w.exchange(body)[0], time.monotonic())

    for i in range(3):
        message, ids = issuer.request(size=4 * KiB)
        sent.append((message.SerializeToString(), ids))
        threads.append(threading.Thread(target=post, args=(i, sent[-1][0])))
        threads[-1].start()
        # the first one keeps the only consumer: the others are not read yet
        until(lambda: far.requests and w.balance("a")["accepted"] == i + 1, 10, "stored")
    [segment] = w.segments()
    marker = sent[1][0][-200:-100]
    at = segment.read_bytes().find(marker)
    assert at > 0
    with open(segment, "r+b") as f:
        f.seek(at)
        f.write(bytes([marker[0] ^ 1]))
    begin = time.monotonic()
    busy.set()
    for t in threads:
        t.join(20 * SLOW)
    assert [answers[i][0] for i in range(3)] == [200, 503, 200]
    assert answers[1][1] - begin < 10 * SLOW
    journal.append(sent[0][1])
    journal.append(sent[2][1])
    assert w.balance("a") == {"accepted": 3, "delivered": 2, "rejected": 0, "dead_lettered": 0, "dropped": 1, "queued": 0}
