"""Stop, signals, reload, destinations that come and go: queues and cursors outlive all of it (cases 22 to 29, 33 to 35, 55)."""
import random
import signal
import threading
import time

import pytest

from oracle import KiB, Issuer, Ledger, Load, seed_of_run, settle
from rig.ports import free_port
from rig.sink import Answer
from rig.wait import SLOW, until

PATIENT = {"queue": {"num_consumers": 4}}


@pytest.fixture
def seed(request):
    return seed_of_run(request.node.name)


def url(port):
    return f"http://127.0.0.1:{port}"


# ---- SIGTERM

def test_stop_with_a_dead_destination(durable, sink, issuer, journal):
    """Case 22: exit 0 within the drain time, nothing deleted, everything delivered once by the next process."""
    port = free_port()
    w = durable({"a": url(port)}, drain=f"{SLOW:g}s")
    with Load(w, issuer, journal, senders=4) as load:
        until(lambda: journal.n > 500, 20, "a backlog")
    waiting = w.balance("a")["queued"]
    assert waiting >= journal.n
    assert w.stop(expect=0) < 3 * SLOW
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    w.again()
    until(lambda: len(ledger) == waiting, 20, "the backlog delivered")
    w.at_rest()
    w.conserve()
    assert settle(issuer, journal, {"a": ledger}, load) == {"a": 0}
    b = w.balance("a")
    assert b["delivered"] == waiting and b["dropped"] == 0, b


def test_stop_under_load(durable, sink, issuer, journal):
    """SIGTERM under load with a slow destination: refused ones are not kept, acknowledged ones arrive, now or after the next start; twice
    at most those that were in flight when drain_timeout passed."""
    slow = [0.1]
    ledger = Ledger(issuer, lambda r: Answer(delay=slow[0]))
    w = durable({"a": sink(behave=ledger).url}, drain=f"{SLOW / 2:g}s", queue={"num_consumers": 2})
    with Load(w, issuer, journal, senders=4) as load:
        until(lambda: journal.n > 1000, 20, "load")
        w.signal(signal.SIGTERM)
        assert w.wait(20) == 0, w.log
        w.kills.append(time.monotonic())
        w.verdict()
        assert len(ledger) < journal.n, "a backlog was left"
        slow[0] = 0
        w.again()
        before = journal.n
        until(lambda: journal.n > before + 50, 20, "load on the next process")
    w.at_rest(60)
    assert settle(issuer, journal, {"a": ledger}, load, w.kills)["a"] <= 2 * load.spans, "2 deliveries in flight"


@pytest.mark.parametrize("stored", [True, False], ids=["storage", "memory"])
def test_stop_with_a_stuck_destination(durable, sink, issuer, journal, stored):
    """Case 23: it takes requests and never answers: the end comes at most a second after drain_timeout. With a storage nothing is lost and
    the exit code is 0; in memory it is lost, counted, and the code is 2."""
    far = sink(behave=lambda r: Answer(hang=True))
    w = durable({"a": far.url}, drain=f"{SLOW:g}s", stored=stored, exporter={"timeout": "60s"}, queue={"num_consumers": 4})
    for _ in range(20):
        w.send(issuer, journal)
    until(lambda: len(far.requests) >= 4, 10, "hanging requests")
    seconds = w.stop(expect=0 if stored else 2)
    assert 0.9 * SLOW < seconds < 1 + 2 * SLOW
    if not stored:
        assert "lost" in w.log
        return
    port = far.port
    far.stop()
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    w.again()
    until(lambda: len(ledger) == journal.n, 20, "delivery by the next process")
    w.at_rest()
    assert settle(issuer, journal, {"a": ledger}) == {"a": 0}


def test_second_signal(durable, issuer, journal):
    """Case 24: a second SIGTERM ends it within a second, with exit 0: the backlog is on disk."""
    w = durable({"a": url(free_port())}, drain="60s")
    w.send(issuer, journal)
    until(lambda: w.scrape().value("weir_exporter_retries"), 10, "a try")
    w.signal(signal.SIGTERM)
    until(lambda: "draining" in w.log, 5, "the first signal taken")
    begin = time.monotonic()
    w.signal(signal.SIGTERM)
    assert w.wait(10) == 0, w.log
    assert time.monotonic() - begin < 1 + SLOW
    w.verdict()


def test_signal_storm(durable, sink, issuer, journal, seed):
    """Case 24: HUP, PIPE, WINCH, CHLD, CONT in a storm under load, then TERM in the middle of it: no crash, nothing lost."""
    dice = random.Random(seed)
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url})
    with Load(w, issuer, journal, senders=3) as load:
        until(lambda: journal.n > 50, 10, "load")
        for _ in range(300):
            w.signal(dice.choice([signal.SIGHUP] * 5 + [signal.SIGPIPE, signal.SIGWINCH, signal.SIGCHLD, signal.SIGCONT]))
            time.sleep(dice.uniform(0, 0.004))
        before = journal.n
        until(lambda: journal.n > before + 50, 20, "load goes on")
        assert not load.faults and set(load.status) == {200}, (load.faults[:3], load.status)
        w.signal(signal.SIGTERM)
        for _ in range(20):
            w.signal(signal.SIGHUP)
        assert w.wait(20) == 0, w.log
        w.verdict()
        w.again()
        until(lambda: journal.n > before + 200, 20, "load on the next process")
    w.at_rest(20)
    assert settle(issuer, journal, {"a": ledger}, load) == {"a": 0}


def test_signal_while_starting(durable, sink, issuer, journal, seed):
    """Case 24: TERM at any moment of a start with a backlog: it ends by itself, and the backlog stays."""
    dice = random.Random(seed)
    port = free_port()
    w = durable({"a": url(port)}, drain="100ms", extension={"segment_size": 64 * KiB})
    for _ in range(100):
        w.send(issuer, journal, n=5)
    assert w.stop(expect=0) < 3 * SLOW
    for _ in range(15):
        w.again(wait=False)
        time.sleep(dice.uniform(0, 0.05))
        w.signal(signal.SIGTERM)
        code = w.wait(10)
        assert code in (0, -signal.SIGTERM), w.log  # the latter: before its handler stood
        w.verdict()
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    w.again()
    until(lambda: len(ledger) == journal.n, 20, "delivery")
    w.at_rest()
    assert settle(issuer, journal, {"a": ledger}) == {"a": 0}


# ---- SIGHUP

def test_reload_under_load(durable, sink, issuer, journal):
    """Case 25: twenty reloads under load, unchanged, with a changed exporter, and with changed processors: no refused connection, no
    failed request, every span once at both destinations, and no descriptors left behind."""
    ledgers = {"a": Ledger(issuer), "b": Ledger(issuer, lambda r: Answer(delay=0.02))}
    far = {name: sink(behave=ledger).url for name, ledger in ledgers.items()}
    w = durable(far)
    with Load(w, issuer, journal, senders=3) as steady, Load(w, issuer, journal, senders=1, fresh=True) as fresh:
        until(lambda: journal.n > 100, 10, "load")
        for n in range(20):
            changed = [{}, {"exporter": {"timeout": f"{10 + n}s"}}, {"processors": {"resource": {"attributes": [
                {"key": "nowhere", "action": "delete"}]}}}, {"queue": {"num_consumers": 10 - n % 3}}][n % 4]
            done, failed = w.reload(w.config(far, **changed))
            assert (done, failed) == (n + 1, 0), w.log[-2000:]
    for load in (steady, fresh):
        assert not load.faults and not load.connects_refused and set(load.status) == {200}, (load.faults[:3], load.status)
    w.at_rest(60)
    idle = w.descriptors()
    for n in range(10):
        w.reload(w.config(far, exporter={"timeout": f"{10 + n}s"}))
    until(lambda: w.descriptors() <= idle + 3, 5, lambda: f"{w.descriptors()} descriptors, {idle} before ten reloads")
    assert settle(issuer, journal, ledgers) == {"a": 0, "b": 0}
    for name, ledger in ledgers.items():
        assert w.balance(name)["delivered"] == journal.n == len(ledger)


def test_reload_keeps_the_queue(durable, sink, issuer, journal):
    """A backlog on disk for a dead destination is there after reloads that change the exporter's options, and goes out once."""
    port = free_port()
    w = durable({"a": url(port)})
    for n in range(5):
        for _ in range(20):
            w.send(issuer, journal, n=3)
        assert w.reload(w.config({"a": url(port)}, exporter={"timeout": f"{5 + n}s"}))[1] == 0
    assert w.balance("a")["queued"] == journal.n == 300
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    until(lambda: len(ledger) == 300, 20, "delivery")
    w.at_rest()
    assert settle(issuer, journal, {"a": ledger}) == {"a": 0}


def test_removed_exporter_comes_back(durable, sink, issuer, journal):
    """Case 27: an exporter with a backlog leaves the config and comes back: its backlog is delivered then, once; what came in between is
    not for it."""
    port = free_port()
    other = Ledger(issuer)
    b = sink(behave=other).url
    w = durable({"a": url(port), "b": b})
    first = {i for _ in range(50) for i in w.send(issuer, journal, n=3)}
    until(lambda: len(other) == 150, 10, "b delivered")
    assert w.reload(w.config({"b": b}))[1] == 0
    between = {i for _ in range(10) for i in w.send(issuer, journal, n=3)}
    assert w.reload(w.config({"a": url(port), "b": b}))[1] == 0
    after = {i for _ in range(10) for i in w.send(issuer, journal, n=3)}
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    until(lambda: len(ledger) >= 180, 20, lambda: f"{len(ledger)} delivered: {w.balance('a')}")
    w.at_rest()
    w.conserve()
    assert ledger.times.keys() == first | after and ledger.copies() == 0
    assert other.times.keys() == first | between | after and other.copies() == 0


def test_storage_taken_away_by_a_reload(durable, sink, issuer, journal):
    """The queue stays in its storage until the next start, with the promises that go with it, and the log says so."""
    port = free_port()
    w = durable({"a": url(port)})
    w.send(issuer, journal, n=3)
    assert w.reload(w.config({"a": url(port)}, stored=False)) == (1, 0)
    w.wait_log("changes with the next start")
    w.send(issuer, journal, n=3)
    assert w.balance("a")["queued"] == 6
    w.kill9()
    w.write(w.config({"a": url(port)}))
    w.again()
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    until(lambda: len(ledger) >= journal.n, 20, lambda: f"{len(ledger)} delivered: {w.balance('a')}")
    settle(issuer, journal, {"a": ledger}, kills=w.kills)


def test_removed_exporter_is_drained(durable, sink, issuer, journal):
    """Case 27: the removed exporter's destination is alive, only slow: what was waiting for it is delivered all the same."""
    removed = threading.Event()
    ledger = Ledger(issuer, lambda r: Answer(gate=removed))
    a = sink(behave=ledger).url
    b = sink(behave=Ledger(issuer)).url
    w = durable({"a": a, "b": b}, queue={"num_consumers": 2}, exporter={"timeout": "60s"})
    first = {i for _ in range(40) for i in w.send(issuer, journal, n=3)}
    assert len(ledger) < 120
    assert w.reload(w.config({"b": b}))[1] == 0
    removed.set()
    until(lambda: ledger.times.keys() == first, 20, "delivered as an orphan")
    assert ledger.copies() == 0


def test_backlog_of_a_removed_exporter_outlives_a_restart(durable, sink, issuer, journal):
    """Case 27: removed, the process stopped and started without it, then with it: the backlog is still there."""
    port = free_port()
    b = sink(behave=Ledger(issuer)).url
    w = durable({"a": url(port), "b": b}, drain=f"{SLOW / 2:g}s")
    first = {i for _ in range(20) for i in w.send(issuer, journal, n=3)}
    assert w.stop(expect=0) < 3 * SLOW
    w.write(w.config({"b": b}))
    w.again()
    w.send(issuer)
    assert w.stop(expect=0) < 3 * SLOW
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    w.write(w.config({"a": url(port), "b": b}))
    w.again()
    until(lambda: ledger.times.keys() == first, 20, lambda: f"{len(ledger)} of {len(first)}")
    w.at_rest()
    assert ledger.copies() == 0


BROKEN = {
    "syntax": "receivers: [",
    "unknown key": ("exporters", "otlp_http/a", "endpont", "x"),
    "missing certificate": ("exporters", "otlp_http/a", "tls", {"ca_file": "/nowhere/ca.pem"}),
    "unknown storage": ("exporters", "otlp_http/a", "sending_queue", {"storage": "file_storage/other"}),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_reload(durable, sink, issuer, journal, kind):
    """Case 26: the old config serves on, the finding is in the log, the metric counts, the queue stays."""
    ledger = Ledger(issuer)
    port = free_port()
    w = durable({"a": url(port)})
    for _ in range(10):
        w.send(issuer, journal)
    what = BROKEN[kind]
    config = w.config({"a": url(port)})
    if not isinstance(what, str):
        at = config
        for part in what[:-2]:
            at = at[part]
        at[what[-2]] = what[-1]
        what = config
    assert w.reload(what) == (0, 1)
    until(lambda: "error" in w.log, 5, "a finding")
    w.send(issuer, journal)
    sink(port=port, behave=ledger)
    until(lambda: len(ledger) == journal.n, 20, "delivery")
    assert w.reload(w.config({"a": url(port)})) == (1, 1)
    w.send(issuer, journal)
    w.at_rest()
    assert settle(issuer, journal, {"a": ledger}) == {"a": 0}


def test_reload_to_another_directory(durable, sink, tmp_path, issuer, journal):
    """The storage moves: whatever becomes of the old directory's backlog, the new data is safe and the old log is not destroyed."""
    port = free_port()
    w = durable({"a": url(port)}, drain=f"{SLOW / 2:g}s")
    for _ in range(10):
        w.send(issuer, journal)
    old = w.storage
    w.storage = tmp_path / "elsewhere"
    done, failed = w.reload(w.config({"a": url(port)}))
    w.send(issuer, journal)
    assert w.stop(expect=0) < 3 * SLOW
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    for directory in (w.storage, old):
        w.storage = directory
        w.write(w.config({"a": url(port)}))
        w.again()
        w.at_rest()
        if directory is not old:
            assert w.stop(expect=0) < 3 * SLOW
    until(lambda: len(ledger) == journal.n, 10, "all delivered from both")
    assert settle(issuer, journal, {"a": ledger}) == {"a": 0}


# ---- destinations

def test_one_of_three_dead(durable, sink, issuer, journal):
    """Case 33: dead for ten seconds: the others get everything at once and once; afterwards it gets all of it."""
    ledgers = {name: Ledger(issuer) for name in "abc"}
    port = free_port()
    far = {"a": sink(behave=ledgers["a"]).url, "b": sink(behave=ledgers["b"]).url, "c": url(port)}
    w = durable(far)
    with Load(w, issuer, journal, senders=2, pause=0.005) as load:
        end = time.monotonic() + 10
        lags = []
        while time.monotonic() < end:
            ids = w.send(issuer, journal)
            begin = time.monotonic()
            until(lambda: all(ids[0] in ledgers[n].times for n in "ab"), 5, "a and b")
            lags.append(time.monotonic() - begin)
        promised = journal.n
        assert w.balance("c")["queued"] >= promised
        sink(port=port, behave=ledgers["c"])
        until(lambda: len(ledgers["c"]) > 100, 10, "c is back")
    w.at_rest(60)
    assert sorted(lags)[len(lags) * 9 // 10] < 0.5 * SLOW
    assert w.scrape().value("weir_exporter_retries", exporter="otlp_http/c") >= 1
    assert w.scrape().value("weir_exporter_retries", exporter="otlp_http/a") == 0
    assert settle(issuer, journal, ledgers, load) == {"a": 0, "b": 0, "c": 0}


def test_one_reads_slowly(durable, sink, issuer, journal):
    """Case 34: one destination takes seconds per request: the other is not held up, memory stays."""
    gate = threading.Event()

    def crawl(request):
        return Answer(delay=0 if gate.is_set() else 1)
    ledgers = {"a": Ledger(issuer), "b": Ledger(issuer, crawl)}
    far = {name: sink(behave=ledger).url for name, ledger in ledgers.items()}
    w = durable(far, exporters={"otlp_http/b": {}}, queue={"num_consumers": 2})
    memory = w.memory()
    with Load(w, issuer, journal, senders=3) as load:
        until(lambda: journal.n > 3000, 60, "load")
        promised = journal.n
        until(lambda: len(ledgers["a"]) >= promised, 10, "a keeps up")
    assert len(ledgers["b"]) < journal.n / 2
    assert w.memory() < memory + (32 << 20)
    gate.set()
    w.at_rest(60)
    assert settle(issuer, journal, ledgers, load, answer_time=1) == {"a": 0, "b": 0}


OVERFLOW = {"reject": {"required": True, "overflow": "reject"}, "drop_oldest": {"required": False, "overflow": "drop_oldest"},
            "drop_newest": {"required": False, "overflow": "drop_newest"}}


@pytest.mark.parametrize("stored", [True, False], ids=["storage", "memory"])
@pytest.mark.parametrize("rule", OVERFLOW)
def test_full_queue_of_one(durable, sink, issuer, journal, rule, stored):
    """Case 35: the queue of a dead destination is full: the healthy one gets no copies and nothing that was refused; what the full one drops
    is counted to the span, and it is the oldest or the newest, as told."""
    port = free_port()
    healthy, full = Ledger(issuer), Ledger(issuer)
    w = durable({"a": sink(behave=healthy).url, "b": url(port)}, stored=stored, exporters={"b": {
        **OVERFLOW[rule], "sending_queue": {"queue_size": 50, "num_consumers": 1,
                                            **({"storage": "file_storage"} if stored else {})}}})
    sent, refused = [], []
    for _ in range(120):
        message, ids = issuer.request(3)
        status = w.exchange(message.SerializeToString())[0]
        (sent if status == 200 else refused).extend(ids)
        if status == 200:
            journal.append(ids)
        else:
            assert status == 503
    until(lambda: len(healthy) >= len(sent), 10, "the healthy one")
    w.conserve()
    b = w.balance("b")
    assert bool(refused) == (rule == "reject")
    assert b["accepted"] == len(sent) and b["dropped"] == (0 if rule == "reject" else b["accepted"] - b["queued"])
    assert 140 <= b["queued"] <= 156, "50 requests of 3"
    sink(port=port, behave=full)
    w.at_rest(20)  # the one that was under way may be dropped only now
    assert healthy.times.keys() == set(sent) and healthy.copies() == 0
    assert full.copies() == 0 and len(full) + w.balance("b")["dropped"] == len(sent)
    kept = sent[:140] if rule in ("reject", "drop_newest") else sent[-140:]
    assert set(kept) <= full.times.keys()


def test_stampede(durable, sink, issuer, journal):
    """Case 55: thousands wait for a destination that returns: never more than num_consumers at once, and fresh data arrives, too."""
    port = free_port()
    w = durable({"a": url(port)}, queue={"num_consumers": 4})
    with Load(w, issuer, journal, senders=4, spans=1) as load:
        until(lambda: journal.n > 3000, 60, "a backlog")
    times = []

    def answer(request):
        times.append(request.when)
        return Answer(delay=1 if request.when < times[0] + 0.9 else 0)
    ledger = Ledger(issuer, answer)
    sink(port=port, behave=ledger)
    begin = time.monotonic()
    fresh = w.send(issuer, journal)
    until(lambda: fresh[0] in ledger.times, 60, "fresh data behind the backlog")
    at_once = sum(t < times[0] + 0.9 for t in times)
    print(f"{journal.n} waiting, fresh data after {time.monotonic() - begin:.1f} s, {at_once} sent before the first answer")
    w.at_rest(30)
    assert at_once <= 4
    assert settle(issuer, journal, {"a": ledger}, load, answer_time=1) == {"a": 0}


YEAR = 366 * 86400


@pytest.mark.parametrize("jump", [3600, -3600, 10 * YEAR, -10 * YEAR, -60 * YEAR], ids=["+1h", "-1h", "+10y", "-10y", "1966"])
def test_wall_clock_jumps(durable, sink, shim, issuer, journal, jump):
    """Case 28: the wall clock jumps under load and with a backlog: nothing expires, nothing is lost or sent twice, retries go on, and the
    next process (whose clock is right again) delivers the rest."""
    port = free_port()
    ledgers = {"a": Ledger(issuer), "b": Ledger(issuer)}
    w = durable({"a": sink(behave=ledgers["a"]).url, "b": url(port)}, shim=shim, drain=f"{SLOW / 2:g}s")
    with Load(w, issuer, journal, senders=2) as load:
        until(lambda: journal.n > 100, 10, "load")
        hits = shim.get("wall")
        shim.set("wall", action=jump)
        retries = w.scrape().value("weir_exporter_retries", exporter="otlp_http/b") or 0
        before = journal.n
        until(lambda: journal.n > before + 100 and shim.get("wall") > hits, 10, "load goes on")
        until(lambda: w.scrape().value("weir_exporter_retries", exporter="otlp_http/b") > retries, 10, "retries go on")
    assert set(load.status) == {200}
    w.conserve()
    assert w.balance("b")["queued"] == journal.n
    assert w.stop(expect=0) < 3 * SLOW
    shim.set("wall", action=0)
    sink(port=port, behave=ledgers["b"])
    w.again()
    until(lambda: len(ledgers["b"]) == journal.n, 20, "delivery")
    w.at_rest()
    assert settle(issuer, journal, ledgers, load) == {"a": 0, "b": 0}


def test_frozen_process(durable, sink, issuer, journal):
    """Case 29, in small: SIGSTOP for three seconds under load: no loss, no copies, it goes on."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url}, exporter={"timeout": "30s"})
    with Load(w, issuer, journal, senders=3) as load:
        until(lambda: journal.n > 100, 10, "load")
        w.signal(signal.SIGSTOP)
        time.sleep(3)
        w.signal(signal.SIGCONT)
        before = journal.n
        until(lambda: journal.n > before + 100, 20, "load goes on")
    w.at_rest(20)
    assert settle(issuer, journal, {"a": ledger}, load) == {"a": 0}


def test_failed_reload_leaves_no_series(durable, sink, tmp_path, issuer, journal):
    """An exporter that never was in force has no numbers; with the reload that brings it they begin."""
    ledgers = {name: Ledger(issuer) for name in "ab"}
    far = {name: sink(behave=ledger).url for name, ledger in ledgers.items()}
    w = durable({"a": far["a"]})
    w.send(issuer, journal)
    queue = {"storage": "file_storage/b"}

    def config(directory):
        c = w.config(far, exporters={"b": {"sending_queue": queue}})
        c["extensions"]["file_storage/b"] = {"directory": str(directory), "create_directory": False}
        c["service"]["extensions"].append("file_storage/b")
        return c
    assert w.reload(config(tmp_path / "nowhere")) == (0, 1)
    assert w.scrape().labels("weir_exporter_spans", "exporter") == {"otlp_http/a"}
    w.send(issuer, journal)
    (tmp_path / "b").mkdir(mode=0o700)
    assert w.reload(config(tmp_path / "b")) == (1, 1)
    w.send(issuer, journal)
    w.at_rest()
    assert w.balance("a")["delivered"] == 3 and w.balance("b")["delivered"] == 1
    settle(issuer, journal, {"a": ledgers["a"]})
