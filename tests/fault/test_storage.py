"""The storage: full, failing, slow or damaged disks, a lock, a large backlog, permissions (cases 6 to 8, 10 to 21).

Every offset of a torn tail, every bit of a small log and the power cut are in the unit tests of the store, on a simulated disk; here the
whole program meets real files. FAULT_BACKLOG_MB=5120 is the long run of the restart (scripts/fault).
"""
import errno
import os
import random
import resource
import shutil
import stat
import subprocess
import time

import pytest

from oracle import CHECKPOINT, KiB, Ledger, Load, MiB, seed_of_run, settle
from rig.ports import free_port
from rig.raw import Raw, post
from rig.wait import SLOW, until

BACKLOG = int(os.environ.get("FAULT_BACKLOG_MB", "200"))


@pytest.fixture
def seed(request):
    return seed_of_run(request.node.name)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MiB, or the test is skipped (mounting takes root)."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", place], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no right to mount")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(w, issuer, journal, size=100 * KiB, most=2000):
    """Sends until the first refusal: its ids, which must not arrive."""
    for _ in range(most):
        message, ids = issuer.request(size=size)
        status, headers, _ = w.exchange(message.SerializeToString())
        if status != 200:
            assert status == 503 and 1 <= int(headers["retry-after"]) <= 10, (status, headers)
            return ids
        journal.append(ids)
    raise AssertionError("never full")


def taken_again(w, issuer, journal, seconds=2):
    """Waits for a 200, which must come within `seconds`."""
    def taken():
        message, ids = issuer.request(size=100 * KiB)
        if w.exchange(message.SerializeToString())[0] != 200:
            return False
        journal.append(ids)
        return True
    until(taken, seconds, "taken again")


# ---- full

@pytest.mark.parametrize("kind", ["tmpfs", "max_size"])
def test_full(durable, sink, request, tmp_path, issuer, journal, kind):
    """Cases 12, 13: full of a dead destination's backlog: 503 + Retry-After and nothing of the refused is kept; when the destination is
    back it is drained, and intake resumes by itself. Everything acknowledged arrives once."""
    port = free_port()
    place = request.getfixturevalue("small_disk") / "storage" if kind == "tmpfs" else tmp_path / "storage"
    extension = {"segment_size": MiB, **({"max_size": "8MiB"} if kind == "max_size" else {})}
    w = durable({"a": f"http://127.0.0.1:{port}"}, directory=place, extension=extension)
    refused = fill(w, issuer, journal)
    assert journal.n > 20
    for _ in range(20):
        refused += w.send(issuer, size=100 * KiB, expect=503)
    size = sum(f.stat().st_size for f in w.segments())
    assert size <= (8 if kind == "max_size" else 16) * MiB
    assert w.balance("a")["accepted"] == journal.n
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    until(lambda: len(ledger) > 20, 10, "export goes on")
    taken_again(w, issuer, journal)
    w.at_rest(30)
    w.conserve()
    settle(issuer, journal, {"a": ledger})
    assert not set(refused) & ledger.times.keys()
    assert len(ledger) == journal.n == w.balance("a")["delivered"]


def test_full_by_others(durable, sink, small_disk, issuer, journal):
    """Case 13: somebody else fills the disk: what has its preallocated room goes on, then 503; healthy again when the room is back."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url}, directory=small_disk / "storage", extension={"segment_size": MiB})
    w.send(issuer, journal)
    with open(small_disk / "filler", "wb", buffering=0) as f:
        try:
            while f.write(bytes(64 * KiB)):
                pass
        except OSError as e:
            assert e.errno == errno.ENOSPC
    refused = fill(w, issuer, journal)
    w.at_rest(10)
    assert len(ledger) == journal.n, "what was taken is delivered while the disk is full"
    (small_disk / "filler").unlink()
    taken_again(w, issuer, journal)
    w.at_rest(10)
    settle(issuer, journal, {"a": ledger})
    assert refused[0] not in ledger.times


def test_start_on_a_full_disk(durable, sink, small_disk, issuer, journal):
    """Case 12, in recovery: killed with a backlog, the disk fills up, it starts and delivers the backlog."""
    port = free_port()
    w = durable({"a": f"http://127.0.0.1:{port}"}, directory=small_disk / "storage", extension={"segment_size": MiB})
    for _ in range(30):
        w.send(issuer, journal, size=100 * KiB)
    w.kill9()
    with open(small_disk / "filler", "wb", buffering=0) as f:
        try:
            while f.write(bytes(64 * KiB)):
                pass
        except OSError as e:
            assert e.errno == errno.ENOSPC
    w.again()
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    until(lambda: len(ledger) == 30, 10, "the backlog delivered")
    (small_disk / "filler").unlink()
    taken_again(w, issuer, journal)
    w.at_rest(10)
    settle(issuer, journal, {"a": ledger}, kills=w.kills)


def test_file_size_limit(durable, sink, issuer, journal):
    """Case 19: RLIMIT_FSIZE: SIGXFSZ does not end it; 503 while it lasts, and it resumes when the limit is lifted."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url}, extension={"segment_size": MiB}, prefix=["prlimit", "--fsize=65536:unlimited"])
    refused = [i for _ in range(5) for i in w.send(issuer, size=100 * KiB, expect=503)]
    assert w.running
    resource.prlimit(w.child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    taken_again(w, issuer, journal)
    w.at_rest(10)
    settle(issuer, journal, {"a": ledger})
    assert not set(refused) & ledger.times.keys()


@pytest.mark.parametrize("level", ["durable", "delivered"])
def test_larger_than_the_storage_of_the_optional(durable, sink, tmp_path, issuer, journal, level):
    """Case 13: what a destination's storage never has room for is dropped for it alone and counted, when it may lose data: the others get it,
    also over a kill. When it may not, the request is refused for good, and nobody gets it."""
    ledgers = {"a": Ledger(issuer), "b": Ledger(issuer)}
    far = {name: sink(behave=ledger).url for name, ledger in ledgers.items()}
    w = durable(far, start=False, receiver={"ack": level})

    def config(required):
        queue = {"queue_size": 1000, "storage": "file_storage/small"}
        c = w.config(far, exporters={"b": {"required": required, "sending_queue": queue}})
        c["extensions"]["file_storage/small"] = {"directory": str(tmp_path / "small"), "max_size": "1MiB"}
        c["service"]["extensions"].append("file_storage/small")
        return c
    w.write(config(False))
    w.start()
    large, small = [], []
    for _ in range(25):
        large += w.send(issuer, journal, size=600 * KiB)
        small += w.send(issuer, journal)
    w.at_rest(20)
    w.conserve()
    assert w.balance("a")["delivered"] == 50
    assert {k: v for k, v in w.balance("b").items() if v} == {"accepted": 50, "delivered": 25, "dropped": 25}
    assert w.scrape().value("weir_exporter_dropped_spans", exporter="otlp_http/b", reason="overflow") == 25
    assert 1 <= w.log.count("Data is larger than the storage ever has room for. Dropping it.") <= 10, "the first ten in ten seconds"
    w.kill9()
    w.again()
    large += w.send(issuer, journal, size=600 * KiB)
    w.at_rest(20)
    w.conserve()
    w.reload(config(True))
    refused = w.send(issuer, size=600 * KiB, expect=413)
    small += w.send(issuer, journal)
    w.at_rest(20)
    settle(issuer, journal, {"a": ledgers["a"]}, kills=w.kills)
    settle(issuer, journal, {"b": ledgers["b"]}, kills=w.kills, lost=large)
    assert ledgers["a"].times.keys() == {*large, *small} and ledgers["b"].times.keys() == set(small)
    assert refused[0] not in ledgers["a"].times


# ---- failing and slow

FAULTS = [("fdatasync", errno.EIO), ("pwritev", errno.EIO), ("pwritev", errno.ENOSPC), ("fallocate", errno.ENOSPC),
          ("fallocate", errno.EIO), ("fsync", errno.EIO)]


@pytest.mark.parametrize("call, code", FAULTS, ids=[f"{c} {errno.errorcode[e]}" for c, e in FAULTS])
def test_disk_fails_for_a_while(durable, sink, shim, issuer, journal, call, code):
    """Cases 14, 15: a call of the storage fails, under load, until it is healed: the process stays up, what it took is delivered, what it
    refused is not; it resumes by itself, and after a kill -9 everything that was promised is there."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url}, extension={"segment_size": 128 * KiB}, shim=shim)
    with Load(w, issuer, journal, senders=4) as load:
        until(lambda: journal.n > 100, 20, "load")
        hits = shim.get(call)
        shim.fail(call, code)
        until(lambda: load.status[503] > 10, 20, "refused")
        assert shim.get(call) > hits and w.running
        shim.heal(call)
        healed = time.monotonic()
        before = journal.n
        until(lambda: journal.n > before, 2, "taken again")
        print(f"taken again after {time.monotonic() - healed:.2f} s")
        until(lambda: journal.n > before + 100, 20, "load")
    assert set(load.status) == {200, 503}, load.status
    w.kill9()
    w.again(shim=False)
    w.at_rest(20)
    settle(issuer, journal, {"a": ledger}, load, w.kills)


@pytest.mark.parametrize("call", ["fdatasync", "pwritev"])
def test_disk_fails_once(durable, sink, shim, issuer, journal, call):
    """Case 14: a single EIO now and then: never acknowledged on the strength of a second sync of the same file, so that nothing is lost."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url}, extension={"segment_size": 128 * KiB}, shim=shim)
    with Load(w, issuer, journal, senders=4) as load:
        for _ in range(10):
            before = journal.n
            shim.fail(call, errno.EIO, times=1, skip=3)
            until(lambda: shim.get(call, "left") < 1 and journal.n > before + 20, 20, "a failure and life after it")
    w.kill9()
    w.again(shim=False)
    w.at_rest(20)
    settle(issuer, journal, {"a": ledger}, load, w.kills)


def test_short_writes(durable, sink, shim, issuer, journal):
    """Case 16: every second write is cut in the middle."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url}, extension={"segment_size": 128 * KiB}, shim=shim)
    with Load(w, issuer, journal, senders=4) as load:
        for _ in range(20):
            before = journal.n
            shim.fail("pwritev", shim.SHORT, times=2, skip=1)
            until(lambda: shim.get("pwritev", "left") < 1 and journal.n > before, 20, "short writes")
    assert set(load.status) == {200}
    w.kill9()
    w.again(shim=False)
    w.at_rest(20)
    settle(issuer, journal, {"a": ledger}, load, w.kills)


def test_read_errors(durable, sink, shim, issuer, journal):
    """A backlog that cannot be read for a moment is delivered afterwards, whole."""
    port = free_port()
    w = durable({"a": f"http://127.0.0.1:{port}"}, extension={"segment_size": 128 * KiB}, shim=shim)
    for _ in range(100):
        w.send(issuer, journal, n=5, size=5000)
    w.kill9()
    w.again()
    shim.fail("pread", errno.EIO, times=2)
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    until(lambda: shim.get("pread", "left") < 1, 10, "failing reads")
    until(lambda: len(ledger) == journal.n, 20, "delivery")
    w.at_rest(10)
    settle(issuer, journal, {"a": ledger}, kills=w.kills)


# what fails at a start, behind how many calls, and the file that is named, each as a function of the number of segments
START_FAULTS = {
    "header": ("pread", lambda n: 0, 0),
    "last header": ("pread", lambda n: n - 1, -1),
    "cursor": ("pread", lambda n: n, None),
    "second slot": ("pread", lambda n: n + 2, None),
    "content": ("pread", lambda n: n + 4, -1),
    "sync": ("fdatasync", lambda n: 0, -1),
}


@pytest.mark.parametrize("what", START_FAULTS)
def test_read_errors_at_start(durable, sink, shim, issuer, journal, what):
    """A start that cannot read what was promised: exit 3 with the file, the reason and a remedy, as often as it is tried, and not a byte is
    changed. When reads fail only twice it starts, and everything arrives once."""
    call, skip, index = START_FAULTS[what]
    port = free_port()
    w = durable({"a": f"http://127.0.0.1:{port}"}, extension={"segment_size": 128 * KiB}, shim=shim)
    for _ in range(100):
        w.send(issuer, journal, n=5, size=5000)
    w.kill9()
    segments = w.segments()
    assert len(segments) > 2
    bad = w.storage / "cursor" if index is None else segments[index]
    before = {p: p.read_bytes() for p in w.storage.rglob("*") if p.is_file()}
    w.exit_code = 3
    for _ in range(2):
        shim.fail(call, errno.EIO, skip=skip(len(segments)))
        w.again(wait=False)
        assert w.wait(10) == 3, w.log
        assert f"cannot {'sync' if what == 'sync' else 'read'} {bad}: Input/output error: nothing was changed; " in w.log, w.log
        assert "move the file away" in w.log
        assert {p: p.read_bytes() for p in w.storage.rglob("*") if p.is_file()} == before
    shim.heal(call)
    w.exit_code = 0
    if call == "pread":
        shim.fail("pread", errno.EIO, times=2, skip=skip(len(segments)))
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    w.again()
    until(lambda: len(ledger) == journal.n, 20, "delivery")
    w.at_rest(10)
    settle(issuer, journal, {"a": ledger}, kills=w.kills)
    if call == "pread":
        assert shim.get("pread", "left") < 1


def test_reload_to_a_storage_that_cannot_be_read(durable, sink, shim, tmp_path, issuer, journal):
    """A reload to a directory that the disk does not read: the config that runs stays, and goes on taking and delivering."""
    ledger = Ledger(issuer)
    far = {"a": sink(behave=ledger).url}
    w = durable(far, extension={"segment_size": 128 * KiB}, shim=shim)
    w.send(issuer, journal)
    w.at_rest(10)
    other = tmp_path / "other"
    shutil.copytree(w.storage, other)
    before = {p: p.read_bytes() for p in other.rglob("*")}
    shim.fail("pread", errno.EIO)
    assert w.reload(w.config(far, extension={"directory": str(other)}))[1] == 1
    assert f"cannot read {other}" in w.log
    assert {p: p.read_bytes() for p in other.rglob("*") if p.name != "LOCK"} == {p: b for p, b in before.items() if p.name != "LOCK"}
    shim.heal("pread")
    w.send(issuer, journal)
    w.at_rest(10)
    settle(issuer, journal, {"a": ledger})


def test_slow_disk(durable, sink, shim, issuer, journal):
    """Case 17: half a second per sync: every 200 takes as long; health and metrics answer at once, memory stays, then it catches up."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url}, shim=shim)
    with Load(w, issuer, journal, senders=8) as load:
        until(lambda: journal.n > 100, 20, "load")
        memory = w.memory()
        shim.set("fdatasync", delay_ms=500)
        slow = time.monotonic()

        def slow_ones():
            return [seconds for began, seconds in list(load.seconds) if began > slow]
        until(lambda: len(slow_ones()) > 20, 30, "slow ones")
        assert min(timed(w.scrape) for _ in range(3)) < 0.3 * SLOW
        assert 0.4 < min(slow_ones()), "somebody was answered before a sync"
        assert max(slow_ones()) < 5 * SLOW
        assert w.memory() < memory + 16 * MiB
        shim.heal("fdatasync")
        mark = len(load.seconds)
        until(lambda: len(load.seconds) > mark + 100, 20, "fast again")
    w.at_rest(20)
    settle(issuer, journal, {"a": ledger}, load)


def timed(action):
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


# ---- one process, its own files

def test_two_processes(durable, sink, tmp_path, issuer, journal):
    """Case 20: the second on the same directory exits 3 and says why; the first does not notice."""
    ledger = Ledger(issuer)
    far = {"a": sink(behave=ledger).url}
    w = durable(far)
    w.send(issuer, journal)
    second = durable(far, start=False, exit_code=3)
    second.spawn()
    assert second.wait(10) == 3, second.log
    assert str(w.storage) in second.log and "use" in second.log or "lock" in second.log, second.log
    w.send(issuer, journal)
    w.at_rest()
    settle(issuer, journal, {"a": ledger})


def test_lock_is_free_after_kill9(durable, sink, issuer, journal):
    """No leftover lock keeps it from starting."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url})
    for _ in range(3):
        w.send(issuer, journal)
        w.kill9()
        assert w.again() < 2 * SLOW
    w.at_rest()
    settle(issuer, journal, {"a": ledger}, kills=w.kills)


def test_permissions(durable, issuer, journal):
    """Prompts are for their owner alone: 0700 and 0600 whatever the umask."""
    w = durable({"a": f"http://127.0.0.1:{free_port()}"}, prefix=["sh", "-c", 'umask 0; exec "$@"', "sh"])
    for _ in range(5):
        w.send(issuer, journal)
    until(lambda: (w.storage / "cursor").exists(), 5, "the cursor file")
    found = list(w.storage.rglob("*"))
    assert len(w.segments()) >= 1 and (w.storage / "LOCK") in found
    modes = {p.relative_to(w.storage).as_posix(): stat.S_IMODE(p.stat().st_mode) for p in found}
    wrong = {p: oct(m) for p, m in modes.items() if m != (0o700 if (w.storage / p).is_dir() else 0o600)}
    assert not wrong and stat.S_IMODE(w.storage.stat().st_mode) == 0o700


def test_no_directory(durable, tmp_path):
    """A directory that is not there and must not be made: exit 3 with its name."""
    w = durable({"a": f"http://127.0.0.1:{free_port()}"}, start=False, extension={"create_directory": False}, exit_code=3)
    w.spawn()
    assert w.wait(10) == 3, w.log
    assert str(w.storage) in w.log


def test_space_comes_back(durable, sink, issuer, journal):
    """What is delivered leaves the disk: after many segments' worth of data only a few files are left."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url}, extension={"segment_size": 256 * KiB, "max_size": "16MiB"})
    for _ in range(300):
        w.send(issuer, journal, size=100 * KiB)
    w.at_rest(20)
    until(lambda: len(w.segments()) <= 3, 10, lambda: f"{len(w.segments())} segments")
    settle(issuer, journal, {"a": ledger})


# ---- damage

def small_log(durable, issuer, journal, port, n=30, noted=True):
    """A weir that was killed with n requests of 3 spans waiting; their ids in order. noted: the cursor file knows of all of them."""
    w = durable({"a": f"http://127.0.0.1:{port}"}, extension={"segment_size": 64 * KiB})
    sent = [w.send(issuer, journal, n=3, size=1500) for _ in range(n)]
    end = time.time() + 0.02
    # ten times what a checkpoint takes to come: it came while this test was kept from running, before `end`
    until(lambda: not noted or (w.storage / "cursor").stat().st_mtime > end or time.time() > end + 10 * CHECKPOINT, 5, "a checkpoint")
    w.kill9()
    return w, sent


def used(path):
    """Bytes of a segment up to its last one that is not zero."""
    return len(path.read_bytes().rstrip(b"\0"))


def variants(seed):
    """(name, damage(segments)) of many kinds."""
    dice = random.Random(seed)
    out = []

    def cut(path, at):
        os.truncate(path, at)

    def flip(path, at):
        data = bytearray(path.read_bytes())
        data[at] ^= 1 << dice.randrange(8)
        path.write_bytes(data)

    def blot(path, at, what):
        data = bytearray(path.read_bytes())
        data[at:at + len(what)] = what[:len(data) - at]
        path.write_bytes(data)
    for back in (1, 7, 40, 1000, 3000, 5000):
        out.append((f"tail torn by {back}", lambda v, n=back: cut(v[-1], used(v[-1]) - n)))
    for _ in range(10):
        part = dice.random()
        out.append((f"bit flipped at {part:.4f}", lambda v, p=part: flip(v[0], int(64 + p * (used(v[0]) - 64)))))
    for what, text in ((bytes(4096), "zeros"), (dice.randbytes(4096), "garbage")):
        part = dice.random()
        out.append((f"page of {text} at {part:.4f}",
                    lambda v, p=part, b=what: blot(v[0], int(p * used(v[0])) & ~4095, b)))
    out.append(("header of the file", lambda v: blot(v[0], 0, bytes(64))))
    out.append(("a segment is gone", lambda v: v[0].unlink() if len(v) > 1 else None))
    return out


@pytest.mark.timeout(300 * SLOW)
def test_damaged_log(durable, sink, tmp_path, issuer, journal, seed):
    """Cases 6, 7, 8, 11 on real files: whatever is torn, flipped, blotted out or gone: it starts, delivers all the rest, whole, and what
    is lost is counted as dropped{corrupt}, to the span."""
    port = free_port()
    w, sent = small_log(durable, issuer, journal, port)
    everything = {i for ids in sent for i in ids}
    golden = tmp_path / "golden"
    shutil.copytree(w.storage, golden)
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    hurt, problems = 0, []
    for name, damage in variants(seed):
        shutil.rmtree(w.storage)
        shutil.copytree(golden, w.storage)
        damage(w.segments())
        ledger.times.clear()
        w.again()
        try:
            lost = everything - delivered_rest(w, ledger)
            assert len(lost) <= (6 if "page" in name or "5000" in name else 3 if "bit" in name or "torn" in name else 45), f"{len(lost)} lost"
            assert (w.scrape().value("weir_exporter_dropped_spans", reason="corrupt") or 0) == len(lost)
            hurt += bool(lost)
            fresh = w.send(issuer)
            until(lambda: fresh[0] in ledger.times, 10, "the fresh request")
        except AssertionError as e:
            problems.append(f"{name}: {e}")
            if len(problems) > 3:
                break
        assert w.stop(expect=0) < 7 * SLOW
    assert not problems, "\n".join(problems)
    assert hurt > 5, "the damage hit something"
    w.again()


def delivered_rest(w, ledger):
    """What was delivered when nothing is queued any more; the equation holds."""
    until(lambda: not w.balance("a")["queued"], 5, lambda: f"at rest: {w.balance('a')}, {len(ledger)} delivered")
    w.conserve()
    assert not ledger.wrong, ledger.wrong
    assert ledger.copies() == 0 and w.balance("a")["delivered"] == len(ledger), w.balance("a")
    return set(ledger.times)


@pytest.mark.parametrize("back", [1, 8, 50, 700, 2000, 4000])
def test_torn_append(durable, sink, issuer, journal, back):
    """Case 6: killed in the middle of an append (its tail is made short here): it was never acknowledged, so it is no loss; the bytes are
    counted, all that came before is delivered, and the log goes on."""
    port = free_port()
    w, sent = small_log(durable, issuer, journal, port, noted=False)
    last = w.segments()[-1]
    os.truncate(last, used(last) - back)
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    w.again()
    fresh = w.send(issuer)
    until(lambda: fresh[0] in ledger.times, 10, "the fresh request")
    w.at_rest(10)
    w.conserve()
    assert ledger.times.keys() == {i for ids in sent[:-1] for i in ids} | set(fresh) and ledger.copies() == 0
    assert w.scrape().value("weir_storage_damaged_bytes") > 0


def cursor_damage(path, kind):
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    if kind == "missing":
        path.unlink()
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "first slot":
        data[16] ^= 0xff
        path.write_bytes(data)
    elif kind == "second slot":
        data[half + 16] ^= 0xff
        path.write_bytes(data)
    elif kind == "garbage":
        path.write_bytes(random.Random(1).randbytes(len(data)))
    else:
        data[16] ^= 0xff
        data[half + 16] ^= 0xff
        path.write_bytes(data)


@pytest.mark.parametrize("kind", ["missing", "empty", "first slot", "second slot", "both slots", "garbage"])
def test_damaged_cursor_file(durable, sink, issuer, journal, kind):
    """Case 10: one slot bad: nothing is lost; both bad: the log is delivered from its beginning, copies only, no loss."""
    port = free_port()
    ledger = Ledger(issuer)
    w, sent = small_log(durable, issuer, journal, port)
    cursor_damage(w.storage / "cursor", kind)
    sink(port=port, behave=ledger)
    w.again()
    until(lambda: len(ledger) == journal.n, 10, "all delivered")
    w.at_rest(10)
    settle(issuer, journal, {"a": ledger}, kills=w.kills)


def test_strange_files(durable, sink, tmp_path, issuer, journal):
    """Case 11: other files, directories and symlinks named like ours: not followed, not touched, no reason not to start."""
    port = free_port()
    w, sent = small_log(durable, issuer, journal, port)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (w.storage / f"seg-{0x7777:016x}.log").symlink_to(victim)
    (w.storage / f"seg-{0x8888:016x}.log").mkdir()
    (w.storage / "seg-hello.log").write_text("x")
    (w.storage / "notes.txt").write_text("mine")
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    w.again()
    until(lambda: len(ledger) == journal.n, 10, "all delivered")
    w.send(issuer, journal)
    w.at_rest(10)
    settle(issuer, journal, {"a": ledger}, kills=w.kills)
    assert victim.read_text() == "precious" and (w.storage / "notes.txt").read_text() == "mine"


def test_newer_log_is_left_alone(durable, issuer, journal):
    """A log of a later version: exit 3 with a message, not a byte changed."""
    w, _ = small_log(durable, issuer, journal, free_port())
    path = w.segments()[0]
    data = bytearray(path.read_bytes())
    newer = _newer(data[:64])
    path.write_bytes(newer + data[64:])
    before = {p: p.read_bytes() for p in w.storage.glob("*") if p.is_file()}
    w.exit_code = 3
    w.again(wait=False)
    assert w.wait(10) == 3, w.log
    assert "version" in w.log
    assert {p: p.read_bytes() for p in w.storage.glob("*") if p.is_file()} == before


def _newer(header):
    """The same header with version + 1 and its CRC32C made again. All versions begin alike: magic (8), version (4), CRC (4)."""
    version = int.from_bytes(header[8:12], "little") + 1
    out = bytearray(header)
    out[8:12] = version.to_bytes(4, "little")
    out[12:16] = bytes(4)
    out[12:16] = crc32c(out).to_bytes(4, "little")
    return bytes(out)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


# ---- a large backlog

@pytest.mark.timeout(120 + BACKLOG * SLOW)
def test_backlog_restart(durable, sink, issuer, journal):
    """Case 21: killed with a large backlog: the first 200 within 2 s of the start, memory within the stated bound before and while it is
    delivered, and everything is delivered."""
    port = free_port()
    w = durable({"a": f"http://127.0.0.1:{port}"}, extension={"max_size": f"{BACKLOG * 2 + 256}MiB"},
                processors={"memory_limiter": {"check_interval": "1s", "limit_mib": 64}})
    for _ in range(BACKLOG):
        w.send(issuer, journal, size=MiB)
    w.kill9()
    begin = time.monotonic()
    w.again(wait=False)
    body = issuer.request()[0].SerializeToString()
    until(lambda: _accepts(w.port), 10, "listening")
    with Raw(w.port) as c:
        assert c.send(post(body)).response().status == 200
    first = time.monotonic() - begin
    w.wait_log("Everything is ready")
    print(f"{BACKLOG} MiB waiting, first 200 after {first:.2f} s, {w.peak() / MiB:.0f} MiB resident at the most")
    assert first < 2 * SLOW
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    w.clear_peak()
    until(lambda: len(ledger) > journal.n, 60 + BACKLOG / 10, lambda: f"{len(ledger)} of {journal.n} delivered")
    w.at_rest(10)
    print(f"while delivering {w.peak() / MiB:.0f} MiB")  # judged as always, at the end
    settle(issuer, journal, {"a": ledger}, kills=w.kills)


def _accepts(port):
    try:
        Raw(port).close()
        return True
    except OSError:
        return False


# ---- options that a reload changes

def test_reload_with_other_options(durable, sink, shim, issuer, journal):
    """fsync and max_size are those of the config in force: every 200 after the reload waited for its sync; a max_size below what is used is
    full, keeps all of it, and takes again when enough is delivered. A directory that others may enter stays as it is, with a warning."""
    port = free_port()
    far = {"a": f"http://127.0.0.1:{port}"}
    w = durable(far, start=False, shim=shim)
    w.storage.mkdir()
    w.storage.chmod(0o751)
    w.write(w.config(far, extension={"fsync": False}))
    w.start()
    assert w.log.count("chmod") == 1 and "0751" in w.log, w.log
    w.send(issuer, journal)

    def syncs_of_ten():
        before, begin = shim.get("fdatasync"), time.monotonic()
        for _ in range(10):
            w.send(issuer, journal, size=100 * KiB)
        return shim.get("fdatasync") - before, time.monotonic() - begin

    n, seconds = syncs_of_ten()
    assert n <= seconds / 0.2 + 3, "the cursor file alone, five times a second"
    assert w.reload(w.config(far)) == (1, 0)
    assert syncs_of_ten()[0] >= 10
    assert w.reload(w.config(far, extension={"max_size": "1MiB"})) == (2, 0)
    refused = [i for _ in range(5) for i in w.send(issuer, size=100 * KiB, expect=503)]
    assert w.balance("a")["queued"] == journal.n == 21
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    taken_again(w, issuer, journal, 10)
    until(lambda: sum(f.stat().st_size for f in w.storage.iterdir()) <= MiB, 5, "within the limit")
    assert w.reload(w.config(far, extension={"max_size": "64MiB", "fsync": False})) == (3, 0)
    w.send(issuer, journal, size=2 * MiB)
    w.at_rest(10)
    w.conserve()
    assert w.log.count("chmod") == 1 and stat.S_IMODE(w.storage.stat().st_mode) == 0o751
    assert {stat.S_IMODE(f.stat().st_mode) for f in w.storage.iterdir() if f.is_file()} == {0o600}
    settle(issuer, journal, {"a": ledger})
    assert not set(refused) & ledger.times.keys()
