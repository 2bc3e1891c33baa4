"""kill -9: what was acknowledged `durable` arrives at every required destination (cases 1 to 3).

A destination gets a span again only when it got it for the first time within 200 ms (and one sync) before a kill: that is how old
the cursor file may be. FAULT_ROUNDS=200 is the long run (scripts/fault); FAULT_SEED repeats the random choices of a run.
"""
import os
import random
import signal
import time

import pytest

from oracle import KiB, Issuer, Ledger, Load, finish, seed_of_run, two_destinations
from rig.sink import Answer
from rig.wait import SLOW, until

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "12"))
SEGMENT = 128 * KiB
SMALL = {"segment_size": SEGMENT, "max_size": "512MiB"}


@pytest.fixture
def seed(request):
    return seed_of_run(request.node.name)


@pytest.mark.timeout(120 + 6 * ROUNDS * SLOW)
def test_kill_under_load(durable, sink, journal, seed):
    """Case 1: killed at random moments under load."""
    issuer = Issuer(seed, SEGMENT)
    dice = random.Random(seed)
    ledgers, far = two_destinations(sink, issuer)
    w = durable(far, extension=SMALL)
    starts = []
    with Load(w, issuer, journal, senders=6) as load:
        for _ in range(ROUNDS):
            before = journal.n
            until(lambda: journal.n > before, 20, "load taken")
            time.sleep(dice.uniform(0, 0.5))
            w.kill9()
            starts.append(w.again())
    copies = finish(w, issuer, journal, ledgers, load, 120 + ROUNDS)
    print(f"{ROUNDS} kills: {journal.n} spans acknowledged, {len(load.unknown)} without an answer, copies {copies}, "
          f"longest start {max(starts):.2f} s")
    assert max(starts) < 2 * SLOW
    assert load.unknown, "no kill hit a request"
    assert set(load.status) == {200}, load.status


def test_kill_during_recovery(durable, sink, journal, seed):
    """Case 3: a backlog, then killed five times within 100 ms of the start, again and again; copies stay within one window each."""
    issuer = Issuer(seed, SEGMENT)
    dice = random.Random(seed)
    ledgers, far = two_destinations(sink, issuer)
    w = durable(far, extension=SMALL)
    for _ in range(max(2, ROUNDS // 4)):
        with Load(w, issuer, journal, senders=4):
            target = journal.n + 500
            until(lambda: journal.n >= target, 30, "a backlog")
            w.kill9()
        for _ in range(5):
            w.again(wait=False)
            time.sleep(dice.uniform(0, 0.1))
            w.kill9()
        w.again()
    copies = finish(w, issuer, journal, ledgers)
    print(f"{len(w.kills)} kills: {journal.n} spans acknowledged, copies {copies}")


def test_ends_with_records_in_pieces(durable, sink, journal, seed):
    """Cases 1 and 22: records are cut into pieces, of which some are refused for now, and the process is stopped, killed or reloaded
    again and again: nothing acknowledged is lost, and the books are those of what arrived."""
    issuer = Issuer(seed, SEGMENT)
    dice = random.Random(seed)

    def moody(name):
        mood = random.Random(f"{seed} {name}")
        return Ledger(issuer, lambda _: Answer(503 if mood.random() < 0.3 else 200, delay=0.01))
    ledgers = {name: moody(name) for name in ("a", "b")}
    w = durable({name: sink(behave=ledger).url for name, ledger in ledgers.items()}, extension=SMALL, drain=f"{SLOW:g}s",
                queue={"num_consumers": 4, "batch": {"min_size": 5, "max_size": 10, "flush_timeout": "10ms"}})
    with Load(w, issuer, journal, senders=4, spans=30, pause=0.02):
        for _ in range(2 * ROUNDS):
            before = journal.n
            until(lambda: journal.n > before + 100, 20, "load taken")
            end = dice.choice((signal.SIGTERM, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP))
            w.signal(end)
            if end == signal.SIGHUP:
                continue
            assert w.wait(20) == (0 if end == signal.SIGTERM else -end), w.log
            w.again()
    w.at_rest(120)
    for name, ledger in ledgers.items():
        missing = journal.read() - ledger.times.keys()
        assert not missing and not ledger.wrong, f"{name}: {len(missing)} of {journal.n} (seed {seed}), wrong {ledger.wrong[:5]}"
        b = w.balance(name)
        assert b["accepted"] == b["delivered"] == len(ledger), f"{name}: {b}, {len(ledger)} different spans arrived (seed {seed})"


# The system calls of the storage, and which of their hits after the start: preallocation and first write of a segment, appends, rolls,
# checkpoints, removal of segments.
POINTS = [(call, when, hit) for call in ("pwritev", "fdatasync", "fallocate", "fsync", "unlink")
          for when in ("before", "after") for hit in (0, 1, 2, 3, 4)]


@pytest.mark.parametrize("call, when", sorted({p[:2] for p in POINTS}))
def test_crash_points(durable, sink, journal, shim, seed, call, when):
    """Case 2 (5 without the power cut): dies right before or after a system call of the storage, each of its first five hits, at start
    (when the call is made there) and under load."""
    issuer = Issuer(seed, SEGMENT, large=0.1)
    ledgers, far = two_destinations(sink, issuer)
    w = durable(far, extension=SMALL, shim=shim)
    action = shim.DIE_BEFORE if when == "before" else shim.DIE_AFTER
    for hit in sorted({p[2] for p in POINTS if p[:2] == (call, when)}):
        with Load(w, issuer, journal, senders=4, spans=20):
            shim.fail(call, action, times=1, skip=hit)
            w.died(60)
        shim.fail(call, action, times=1, skip=hit)  # the same during recovery, if it comes that far
        w.again(wait=False)
        until(lambda: not w.running or "Everything is ready" in w.log, 20, "ready or dead")
        shim.heal(call)
        if not w.running or shim.get(call, "left") < 1:
            w.died()
            w.again()
    finish(w, issuer, journal, ledgers)
