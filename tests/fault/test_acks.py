"""What a 200 means: queued, durable, delivered; when it comes, and to whom (case 31 and INTERFACE section 2)."""
import http.client
import threading
import time

import pytest

from oracle import CHECKPOINT, Ledger, settle
from rig import otlp
from rig.ports import free_port
from rig.raw import Raw, post
from rig.sink import Answer
from rig.wait import SLOW, until

QUICK = 5 * SLOW


class Post(threading.Thread):
    """One request under way."""

    def __init__(self, w, message):
        super().__init__(daemon=True)
        self.w, self.body, self.answer, self.ended = w, message.SerializeToString(), None, None
        self.start()

    def run(self):
        self.answer = self.w.exchange(self.body)
        self.ended = time.monotonic()

    def status(self, seconds=QUICK):
        self.join(seconds * SLOW)
        assert self.answer, "no answer"
        return self.answer[0]


def dead():
    return f"http://127.0.0.1:{free_port()}"


# ---- queued

def test_queued_does_not_wait_for_the_disk(durable, sink, shim, issuer, journal):
    """`ack: queued` with a storage: the 200 comes while the sync hangs; the data is written later."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url}, receiver={"ack": "queued"}, shim=shim)
    shim.hold("fdatasync")
    for _ in range(3):
        w.send(issuer, journal)
    shim.heal("fdatasync")
    until(lambda: len(ledger) == 3, 10, "delivery")
    settle(issuer, journal, {"a": ledger})


def test_queued_is_the_default_without_a_storage(durable, issuer):
    """In memory a 200 needs neither disk nor destination."""
    w = durable({"a": dead()}, stored=False, drain=f"{SLOW / 2:g}s", exit_code=2)
    w.send(issuer)
    assert w.balance("a")["queued"] == 1


def test_durable_without_a_storage_is_an_error(durable, issuer):
    """A promise that cannot be kept is refused when the config is read."""
    w = durable({"a": dead()}, start=False, stored=False, receiver={"ack": "durable"}, exit_code=1)
    w.spawn()
    assert w.wait(10) == 1, w.log
    assert "durable" in w.log and "error:" in w.log


def test_durable_with_a_required_exporter_in_memory_is_an_error(durable, sink, issuer, journal):
    """One storage is not enough: the one in memory would lose what a 200 had promised it. Who asks for nothing has the disk for the other."""
    far = {"a": dead(), "b": dead()}
    w = durable(far, start=False, exporters={"a": {"sending_queue": {}}}, receiver={"ack": "durable"}, exit_code=1)
    w.spawn()
    assert w.wait(10) == 1, w.log
    assert "otlp_http/a" in w.log and "is required and its queue is in memory" in w.log


def test_auto_with_a_required_exporter_in_memory(durable, sink, shim, issuer, journal):
    """The 200 waits for the disk of the one that has one, which a kill does not take from it; the other has its data in memory."""
    ledger = Ledger(issuer)
    port = free_port()
    w = durable({"a": dead(), "b": f"http://127.0.0.1:{port}"}, exporters={"a": {"sending_queue": {"num_consumers": 1}}}, shim=shim)
    shim.hold("fdatasync")
    post = Post(w, issuer.request(1)[0])
    until(lambda: shim.get("fdatasync"), 10, "a sync")
    assert post.answer is None
    shim.heal("fdatasync")
    assert post.status() == 200
    w.send(issuer, journal)
    assert w.balance("a")["queued"] == w.balance("b")["queued"] == 2
    w.kill9()
    sink(port=port, behave=ledger)
    w.again(shim=False)
    until(lambda: len(ledger) == 2, 20, "delivery of what was on disk")
    assert w.balance("a")["accepted"] == 0


# ---- durable

@pytest.mark.parametrize("receiver", [{}, {"ack": "durable"}], ids=["by default", "by name"])
def test_durable_waits_for_fdatasync(durable, sink, shim, issuer, journal, receiver):
    """The answer waits as long as fdatasync does, and no longer; each of three times."""
    w = durable({"a": sink(behave=Ledger(issuer)).url}, receiver=receiver, shim=shim)
    for _ in range(3):
        hits = shim.get("fdatasync")
        shim.hold("fdatasync")
        message, ids = issuer.request()
        one = Post(w, message)
        until(lambda: shim.get("fdatasync") > hits, 10, "fdatasync")
        one.join(0.3)
        assert one.answer is None, "answered before the sync had ended"
        begin = time.monotonic()
        shim.heal("fdatasync")
        assert one.status() == 200
        assert one.ended - begin < 3 * SLOW
        journal.append(ids)


def test_durable_on_a_disk_that_is_too_slow(durable, sink, shim, issuer):
    """A sync that takes longer than ack_timeout: 503 with Retry-After, and as the disk works in the end the data arrives all the same."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url}, receiver={"ack": "durable", "ack_timeout": f"{SLOW / 2:g}s"}, shim=shim)
    shim.hold("fdatasync")
    message, ids = issuer.request()
    status, headers, _ = w.exchange(message.SerializeToString())
    assert status == 503 and headers["retry-after"]
    shim.heal("fdatasync")
    until(lambda: ids[0] in ledger.times, 10, "delivery")
    w.at_rest()
    assert ledger.copies() == 0 and not ledger.wrong


def test_durable_writes_before_it_syncs(durable, sink, shim, issuer):
    """The answer waits for the write, too, and the sync comes after it."""
    w = durable({"a": sink(behave=Ledger(issuer)).url}, shim=shim)
    w.send(issuer)
    until(lambda: _still(shim, "pwritev"), 10, "a checkpoint")
    writes, syncs = shim.get("pwritev"), shim.get("fdatasync")
    shim.hold("pwritev")
    one = Post(w, issuer.request()[0])
    until(lambda: shim.get("pwritev") > writes, 10, "the write")
    one.join(0.2)
    assert one.answer is None and shim.get("fdatasync") == syncs
    shim.heal("pwritev")
    assert one.status() == 200
    assert shim.get("fdatasync") > syncs


def _still(shim, call):
    """No hit for longer than a checkpoint takes to come."""
    before = shim.get(call)
    time.sleep(0.5)
    return shim.get(call) == before


def test_group_commit(durable, sink, shim, issuer, journal):
    """What arrives while a sync runs shares the next one."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url}, shim=shim)
    hits = shim.get("fdatasync")
    shim.hold("fdatasync")
    requests = [issuer.request() for _ in range(40)]
    first = Post(w, requests[0][0])
    until(lambda: shim.get("fdatasync") > hits, 10, "fdatasync")
    rest = [Post(w, m) for m, _ in requests[1:]]
    until(lambda: w.scrape().value("otelcol_exporter_queue_size", exporter="otlp_http/a") == 40, 10, "all reserved")
    begin, syncs = time.monotonic(), shim.get("fdatasync")
    shim.heal("fdatasync")
    assert {p.status() for p in [first, *rest]} == {200}
    checkpoints = (time.monotonic() - begin) / CHECKPOINT
    assert shim.get("fdatasync") - syncs <= 5 + checkpoints
    for _, ids in requests:
        journal.append(ids)
    until(lambda: len(ledger) == 40, 10, "delivery")
    settle(issuer, journal, {"a": ledger})


def test_durable_needs_no_destination(durable, issuer, journal):
    """A dead destination does not hold a durable 200."""
    w = durable({"a": dead()})
    w.send(issuer, journal)
    assert w.balance("a")["queued"] == 1


# ---- delivered

class Gate:
    """A destination that answers when the test says so."""

    def __init__(self):
        self.open = threading.Event()
        self.reached = threading.Event()

    def __call__(self, request):
        self.reached.set()
        self.open.wait(30 * SLOW)
        return Answer()


@pytest.mark.parametrize("stored", [True, False], ids=["storage", "memory"])
def test_delivered_waits_for_the_destination(durable, sink, issuer, journal, stored):
    gate = Gate()
    ledger = Ledger(issuer, gate)
    w = durable({"a": sink(behave=ledger).url}, receiver={"ack": "delivered"}, stored=stored)
    message, ids = issuer.request()
    one = Post(w, message)
    assert gate.reached.wait(10 * SLOW)
    one.join(0.3)
    assert one.answer is None
    gate.open.set()
    assert one.status() == 200
    journal.append(ids)
    settle(issuer, journal, {"a": ledger})


@pytest.mark.parametrize("stored", [True, False], ids=["storage", "memory"])
def test_delivered_with_a_dead_destination(durable, sink, issuer, stored):
    """503 + Retry-After after ack_timeout, not before; the data stays and is delivered once when the destination is back."""
    port = free_port()
    w = durable({"a": f"http://127.0.0.1:{port}"}, receiver={"ack": "delivered", "ack_timeout": f"{SLOW:g}s"}, stored=stored)
    begin = time.monotonic()
    message, ids = issuer.request()
    status, headers, body = w.exchange(message.SerializeToString())
    assert status == 503 and 1 <= int(headers["retry-after"]) <= 10
    assert 0.95 * SLOW < time.monotonic() - begin < 3 * SLOW
    assert w.balance("a")["queued"] == 1
    ledger = Ledger(issuer)
    sink(port=port, behave=ledger)
    until(lambda: len(ledger) == 1, 10, "delivery")
    assert w.send(issuer)[0] in ledger.times
    w.at_rest()
    assert ledger.copies() == 0 and not ledger.wrong


def test_delivered_needs_all_that_are_required(durable, sink, issuer):
    """One of two required ones is dead: 503; the healthy one got the data once."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url, "b": dead()},
                receiver={"ack": "delivered", "ack_timeout": f"{SLOW / 2:g}s"})
    ids = w.send(issuer, expect=503)
    until(lambda: ids[0] in ledger.times, 10, "the healthy one")
    w.conserve()
    assert ledger.copies() == 0


def test_delivered_does_not_wait_for_the_optional(durable, sink, issuer):
    """`required: false`: a dead one never changes the answer."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url, "b": dead()}, receiver={"ack": "delivered"},
                exporters={"b": {"required": False}})
    begin = time.monotonic()
    assert w.send(issuer)[0] in ledger.times
    assert time.monotonic() - begin < 3 * SLOW


def test_delivered_counts_a_refusal_as_an_end(durable, sink, issuer):
    """A destination that refuses the data for good has resolved it: nothing is gained by sending it again."""
    w = durable({"a": sink(behave=lambda r: Answer(404)).url}, receiver={"ack": "delivered"})
    w.send(issuer)
    until(lambda: w.balance("a")["rejected"] == 1, 5, lambda: f"a rejected one: {w.balance('a')}")


# ---- whose answer

def test_vanished_client(durable, sink, shim, issuer, journal):
    """Case 31: the client is gone before its 200. The data is delivered once; what it sends again is a copy."""
    ledger = Ledger(issuer)
    w = durable({"a": sink(behave=ledger).url}, shim=shim)
    hits = shim.get("fdatasync")
    shim.hold("fdatasync")
    message, ids = issuer.request()
    with Raw(w.port) as client:
        client.send(post(message.SerializeToString()))
        until(lambda: shim.get("fdatasync") > hits, 10, "fdatasync")
    until(lambda: w.scrape() is not None, 5, "alive")
    shim.heal("fdatasync")
    until(lambda: ids[0] in ledger.times, 10, "delivery")
    w.at_rest()
    assert ledger.copies() == 0
    w.exchange(message.SerializeToString())
    until(lambda: ledger.copies() == 1, 10, "the second copy")


def test_an_answer_goes_to_its_own_request(durable, sink, issuer):
    """Of waiting requests some clients vanish and new ones come: each of those that stay gets exactly its own answer."""
    gate = Gate()
    ledger = Ledger(issuer, gate)
    w = durable({"a": sink(behave=ledger).url}, receiver={"ack": "delivered"}, queue={"num_consumers": 1})
    message = issuer.request()[0].SerializeToString()
    gone = [Raw(w.port).send(post(message)) for _ in range(10)]
    assert gate.reached.wait(10 * SLOW)
    for c in gone:
        c.close()
    stay = [Raw(w.port) for _ in range(10)]
    for c in stay:
        c.send(post(issuer.request()[0].SerializeToString()))
    bad = Raw(w.port).send(post(b"\xff"))
    assert bad.response().status == 400, "an answer that waits for nothing"
    gate.open.set()
    assert {c.response().status for c in stay} == {200}
    for c in [*stay, bad]:
        assert not c.closed(0.05), "one answer each"
        c.close()


def test_pipelined_requests_are_answered_in_order(durable, sink, shim, issuer):
    """Two requests on one connection, the second answered at once: its answer still comes second."""
    w = durable({"a": sink(behave=Ledger(issuer)).url}, shim=shim)
    hits = shim.get("fdatasync")
    shim.hold("fdatasync")
    with Raw(w.port) as c:
        c.send(post(issuer.request()[0].SerializeToString()) + post(b"", path="/nowhere"))
        until(lambda: shim.get("fdatasync") > hits, 10, "fdatasync")
        shim.heal("fdatasync")
        assert [c.response().status, c.response().status] == [200, 404]


def test_empty_requests_wait_for_nothing(durable, shim, issuer):
    """Zero spans: 200 at once, whatever the level."""
    w = durable({"a": dead()}, receiver={"ack": "delivered"}, shim=shim)
    shim.hold("fdatasync")
    assert w.exchange(b"")[0] == 200
    shim.heal("fdatasync")


def test_stop_answers_who_waits(durable, issuer):
    """SIGTERM while requests wait for a dead destination: they get a 503 or a closed connection, and the end does not wait for them."""
    w = durable({"a": dead()}, receiver={"ack": "delivered", "ack_timeout": "60s"}, drain=f"{SLOW:g}s")
    answers = []

    def wait():
        try:
            answers.append(w.exchange(issuer.request()[0].SerializeToString())[0])
        except (OSError, http.client.HTTPException):
            answers.append("closed")
    threads = [threading.Thread(target=wait, daemon=True) for _ in range(3)]
    for t in threads:
        t.start()
    until(lambda: w.balance("a")["queued"] == 3, 10, lambda: f"three that wait: {w.balance('a')}, answers {answers}")
    assert w.stop(expect=0) < 10 * SLOW
    for t in threads:
        t.join(5)
    assert len(answers) == 3 and set(answers) <= {503, "closed"}, answers
