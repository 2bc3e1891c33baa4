"""SIGTERM: what was acknowledged is delivered, or counted and told by the exit code."""
import re
import signal
import time

import pytest

from rig import otlp
from rig.load import Load, settle
from rig.raw import Raw, post
from rig.sink import Answer
from rig.wait import SLOW, until


def config(far, drain, **exporter):
    return {"exporters": {"otlp_http": {"endpoint": far.url, **exporter}}, "service": {"drain_timeout": drain}}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_under_load(weir, sink, ids, number):
    """Every acknowledged span is delivered, every refused one is not, exit 0."""
    far = sink(behave=lambda r: Answer(delay=0.02))
    w = weir(config(far, f"{20 * SLOW:g}s", retry_on_failure={"initial_interval": "50ms"}))
    with Load(w, ids, threads=3) as load:
        until(lambda: sum(load.acked.values()) >= 300, 20, "load")
        w.signal(number)
        code = w.wait(40)
    assert code == 0, w.log
    w.verdict()
    settle(load, far.span_ids())
    assert sum(load.acked.values()) >= 300


def lost_in(log):
    """What weir says it lost, in spans."""
    found = re.findall(r"data lost.*items\W+(\d+)", log)
    return int(found[0]) if found else None


def test_dead_destination(weir, sink, ids):
    """drain_timeout passes: exit 2, after the time and not long after it, and the log says how much was lost."""
    far = sink(behave=lambda r: Answer(503))
    w = weir(config(far, f"{SLOW:g}s", retry_on_failure={"initial_interval": "50ms", "max_interval": "100ms"}))
    for _ in range(7):
        w.post(otlp.traces(ids, 3))
    until(lambda: far.requests, 10, "a try")
    w.conserve()
    seconds = w.stop(expect=2)
    assert 0.9 * SLOW < seconds < 5 * SLOW
    assert lost_in(w.log) == 21, w.log[-3000:]


def test_hanging_destination(weir, sink, ids):
    far = sink(behave=lambda r: Answer(hang=True))
    w = weir(config(far, f"{SLOW:g}s"))
    w.post(otlp.traces(ids))
    until(lambda: far.requests, 10, "the hanging request")
    assert w.stop(expect=2) < 5 * SLOW


def test_partly_delivered(weir, sink, ids):
    """Load against a backend that dies: delivered plus lost is what was acknowledged."""
    far = sink()
    w = weir(config(far, f"{SLOW:g}s", retry_on_failure={"initial_interval": "50ms", "max_interval": "100ms"}))
    with Load(w, ids, threads=2) as load:
        until(lambda: sum(load.acked.values()) >= 200, 20, "load")
        far.behave = lambda r: Answer(503)
        before = sum(load.acked.values())
        until(lambda: sum(load.acked.values()) > before + 50, 20, "load that cannot be delivered")
        w.signal(signal.SIGTERM)
        code = w.wait(40)
    assert code == 2, w.log
    w.verdict()
    lost = sum((load.acked - far.span_ids()).values())
    assert lost > 0
    # a request whose answer did not get back may be among the lost ones of the log
    assert lost <= lost_in(w.log) <= lost + sum(load.unknown.values()), w.log[-3000:]


def test_second_signal(weir, sink, ids):
    """A second SIGTERM ends it within a second."""
    far = sink(behave=lambda r: Answer(503))
    w = weir(config(far, "60s"))
    w.post(otlp.traces(ids))
    until(lambda: far.requests, 10, "a try")
    w.signal(signal.SIGTERM)
    w.wait_log("draining")
    begin = time.monotonic()
    w.signal(signal.SIGTERM)
    assert w.wait(10) == 2
    assert time.monotonic() - begin < 1 + SLOW
    w.verdict()


def test_idle_stops_at_once(weir, sink):
    w = weir(config(sink(), "25s"))
    assert w.stop(expect=0) < 5 * SLOW


def test_idle_connections_do_not_hold_it(weir, sink, ids):
    w = weir(config(sink(), "25s"))
    with Raw(w.port) as idle, Raw(w.port) as half:
        idle.send(post(otlp.traces(ids).SerializeToString()))
        assert idle.response().status == 200
        w.sent["traces"] += 1
        half.send(b"POST /v1/traces HT")
        w.conserve()
        assert w.stop(expect=0, seconds=40) < 12 * SLOW


def test_batch_is_flushed(weir, sink, ids):
    """What a batcher still collects goes out at once."""
    far = sink()
    w = weir({"processors": {"batch": {"timeout": "60s", "send_batch_size": 100000}}, **config(far, f"{5 * SLOW:g}s")})
    sent = [otlp.traces(ids, 2) for _ in range(5)]
    for m in sent:
        w.post(m)
    assert far.requests == []
    w.stop(expect=0)
    assert far.span_ids() == otlp.span_ids(sent)
