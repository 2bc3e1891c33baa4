"""The power fails under the whole program, or the disk does (cases 4, 5, 15, 18): a real ext4 on a disk with a volatile cache (power.py).

That what was acknowledged `durable` is there afterwards means something only because the same cut takes what was acknowledged with
`fsync: false`: that is tested, too. FAULT_ROUNDS=200 is the long run (scripts/fault); FAULT_SEED repeats the random choices of a run.
Skipped where file systems cannot be mounted: not root, no /dev/fuse, no loop devices (a container).
"""
import os
import random
import signal
import time

import pytest

from oracle import KiB, Issuer, Ledger, Load, finish, seed_of_run, two_destinations
from power import BROKEN, WORKS, Power, Unable, sweep
from rig.ports import free_port
from rig.wait import SLOW, until

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))
SEGMENT = 128 * KiB
SMALL = {"segment_size": SEGMENT, "max_size": "24MiB"}


@pytest.fixture
def seed(request):
    return seed_of_run(request.node.name)


@pytest.fixture(scope="session")
def mountable(tmp_path_factory):
    sweep()
    power = None
    try:
        power = Power(tmp_path_factory.mktemp("power") / "p").on()
    except (Unable, OSError) as e:
        pytest.skip(f"no disk to cut the power of: {e}")
    finally:
        if power:
            power.off()
            power.image.unlink()


@pytest.fixture
def disk(tmp_path, mountable, seed):
    """disk(..): a Power that is on. Asked for before `durable`, so that it goes after weir has ended."""
    made = []

    def factory(**options):
        made.append(Power(tmp_path / f"power{len(made)}", seed, **options))
        return made[-1].on()
    yield factory
    for power in made:
        power.off()
        power.image.unlink()


def fail(w, disk, kept, load=None, linger=0.0, codes=(-signal.SIGKILL,)):
    """The power fails; the process lives on for a moment, which it would not, and may promise nothing in it. Then the power is back.
    A 503 of that moment would never have left: like no answer at all."""
    refused = set(load.refused) if load else set()
    w.kills.append(time.monotonic())
    disk.cut(kept)
    time.sleep(linger)
    w.signal(signal.SIGKILL)
    code = w.wait(10)
    w.verdict()
    assert code in codes, f"exit {code}:\n{w.log[-4000:]}"
    w.kills.append(time.monotonic())
    disk.off()
    disk.on()
    if load:
        load.unknown |= load.refused - refused
        load.refused &= refused


@pytest.mark.timeout(120 + 10 * ROUNDS * SLOW)
def test_power_cut(disk, durable, sink, journal, seed):
    """Case 4: at random moments under load, now and then again while it recovers; of what was not flushed nothing or a part is left."""
    issuer = Issuer(seed, SEGMENT)
    dice = random.Random(seed)
    ledgers, far = two_destinations(sink, issuer)
    power = disk()
    w = durable(far, directory=power.place / "storage", extension=SMALL)
    starts = []
    with Load(w, issuer, journal, senders=6) as load:
        for _ in range(ROUNDS):
            before = journal.n
            until(lambda: journal.n > before + 50, 20, "load taken")
            time.sleep(dice.uniform(0, 0.5))
            fail(w, power, dice.random() < 0.5, load, dice.choice((0, dice.uniform(0, 0.1))))
            if dice.random() < 0.3:
                w.again(wait=False)
                time.sleep(dice.uniform(0, 0.1))
                fail(w, power, dice.random() < 0.5, load, codes=(-signal.SIGKILL, 3))
            starts.append(w.again())
        before = journal.n
        until(lambda: journal.n > before + 50, 20, "load taken")
    copies = finish(w, issuer, journal, ledgers, load, 60 + ROUNDS)
    print(f"{ROUNDS} power cuts: {journal.n} spans acknowledged, {len(load.unknown)} without an answer, {load.status}, copies {copies}, "
          f"longest start {max(starts):.2f} s")
    assert max(starts) < 2 * SLOW
    assert load.unknown, "no cut hit a request"


def test_power_cut_is_real(disk, durable, sink, journal, seed):
    """The other way round: with `fsync: false` acknowledged spans are gone after a cut. It starts and serves all the same."""
    issuer = Issuer(seed, SEGMENT)
    dice = random.Random(seed)
    ledgers, far = two_destinations(sink, issuer)
    power = disk()
    w = durable(far, directory=power.place / "storage", extension={**SMALL, "fsync": False})
    lost = []
    while not any(lost) and len(lost) < 5:
        with Load(w, issuer, journal, senders=6):
            before = journal.n
            until(lambda: journal.n > before + 500, 20, "load taken")
            fail(w, power, dice.random() < 0.5)
            w.again()
        w.at_rest(30)
        acked = journal.read()
        lost.append(sum(len(acked - ledger.times.keys()) for ledger in ledgers.values()))
    print(f"of {journal.n} spans acknowledged, lost after each cut: {lost}")
    assert any(lost), f"nothing is lost without a sync: the power is not cut (seed {seed})"
    assert all(not ledger.wrong for ledger in ledgers.values())
    fresh = w.send(issuer)
    for name, ledger in ledgers.items():
        until(lambda: fresh[0] in ledger.times, 10, f"the fresh request at {name}")


@pytest.mark.parametrize("call", ["pwritev", "fdatasync", "fallocate", "fsync", "unlink"])
@pytest.mark.timeout(120 + 10 * ROUNDS * SLOW)
def test_power_cut_at_points(disk, durable, sink, journal, shim, seed, call):
    """Case 5: the power fails right before or after a system call of the storage: preallocation, appends, rolls, checkpoints, removal."""
    issuer = Issuer(seed, SEGMENT, large=0.1)
    dice = random.Random(seed)
    ledgers, far = two_destinations(sink, issuer)
    power = disk()
    w = durable(far, directory=power.place / "storage", extension=SMALL, shim=shim)
    for hit in range(min(ROUNDS, 20)):
        for action in (shim.DIE_BEFORE, shim.DIE_AFTER):
            with Load(w, issuer, journal, senders=4, spans=20):
                shim.fail(call, action, times=1, skip=hit)
                w.died(60)
                power.cut(dice.random() < 0.5)
            power.off()
            power.on()
            w.again()
    finish(w, issuer, journal, ledgers, seconds=60)


# ---- the disk fails, the file system turns read-only

def outage(begin, end):
    """What is delivered while no cursor can be written is delivered again after a kill: as if it had been killed all the time."""
    return [begin + 0.1 * n for n in range(int((end - begin) * 10) + 1)]


class Backlog:
    """Under load with a destination that is alive and one that is dead, until now."""

    def __init__(self, durable, sink, issuer, power):
        self.issuer, self.sink, self.port = issuer, sink, free_port()
        self.ledgers = {"live": Ledger(issuer), "dead": Ledger(issuer)}
        far = {"live": sink(behave=self.ledgers["live"]).url, "dead": f"http://127.0.0.1:{self.port}"}
        self.w = durable(far, directory=power.place / "storage", extension=SMALL)

    def refused(self, load, journal):
        """It refuses, promises nothing, stays alive and delivers what it has. The number of spans that were promised so far."""
        until(lambda: load.status[503] > 10, 20, "refused")
        promised = journal.n
        self.sink(port=self.port, behave=self.ledgers["dead"])
        until(lambda: all(journal.read() <= ledger.times.keys() for ledger in self.ledgers.values()), 20, "export goes on")
        refused = load.status[503]
        until(lambda: load.status[503] > refused + 10, 20, "refused still")
        assert journal.n == promised, "acknowledged without a disk"
        assert self.w.running and set(load.status) <= {200, 503}, load.status
        return promised

    def serves_again(self, journal, promised):
        until(lambda: journal.n > promised, 2, "taken again")
        until(lambda: journal.n > promised + 100, 20, "load")


def test_broken_disk_works_again(disk, durable, sink, issuer, journal):
    """Case 15: every write and flush fails, on a file system that goes on (errors=continue, no journal): 503, and taken again without a
    restart when the disk works again."""
    power = disk(journal=False, options=["errors=continue"])
    b = Backlog(durable, sink, issuer, power)
    with Load(b.w, issuer, journal, senders=4) as load:
        until(lambda: journal.n > 200, 20, "load")
        power.order(BROKEN)
        promised = b.refused(load, journal)
        power.order(WORKS)
        b.serves_again(journal, promised)
    b.w.at_rest(20)
    b.w.kill9()
    b.w.again()
    finish(b.w, issuer, journal, b.ledgers, load, 60)


@pytest.mark.parametrize("cause", ["disk", "file system"])
def test_read_only_by_ext4(disk, durable, sink, issuer, journal, cause):
    """Cases 15, 18: ext4 turns itself read-only (errors=remount-ro), because the disk fails or because it found an error. 503 and export.
    The kernel does not let such a file system be written again before a new mount; what was promised is there then.

    The disk fails under load; what was refused just then may have reached it and arrive. The error is found while nothing is written: an
    ext4 (seen with Linux 6.18) that gives up in the middle of an fdatasync lets it succeed and forgets what went to new blocks."""
    power = disk()
    b = Backlog(durable, sink, issuer, power)
    with Load(b.w, issuer, journal, senders=4) as load:
        until(lambda: journal.n > 200, 20, "load")
        begin = time.monotonic()
        if cause == "disk":
            power.order(BROKEN)
            until(lambda: load.status[503], 20, "refused")
            power.commit_fails()
    if cause == "file system":
        power.find_error()
    with Load(b.w, issuer, journal, senders=4) as load:
        promised = b.refused(load, journal)
        power.order(WORKS)
        assert power.remount("rw").returncode, "an ext4 that gave up can be written again: await a 200 here"
        refused = load.status[503]
        until(lambda: load.status[503] > refused + 10, 20, "refused still")
    b.w.kill9()
    assert journal.n == promised
    power.off()
    power.on()
    b.w.again()
    finish(b.w, issuer, journal, b.ledgers, load, 60, kills=outage(begin, b.w.kills[-1]))


def test_read_only(disk, durable, sink, issuer, journal):
    """Case 18: `remount,ro` is refused by the kernel while it serves, and harms nothing. Made read-only all the same (all files immutable,
    the open ones, too): 503 and export, and taken again without a restart when they can be written."""
    power = disk()
    b = Backlog(durable, sink, issuer, power)
    with Load(b.w, issuer, journal, senders=4) as load:
        until(lambda: journal.n > 200, 20, "load")
        assert "busy" in power.remount("ro").stderr
        before = journal.n
        until(lambda: journal.n > before + 100, 20, "load")
        assert set(load.status) == {200}
        power.immutable(b.w.storage, True)
        promised = b.refused(load, journal)
        power.immutable(b.w.storage, False)
        b.serves_again(journal, promised)
    b.w.at_rest(20)
    fail(b.w, power, kept=True)
    b.w.again()
    finish(b.w, issuer, journal, b.ledgers, load, 60)
