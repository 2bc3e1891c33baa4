"""SIGHUP: the new config is taken whole or not at all, and nobody notices."""
import signal

import pytest

from rig import otlp
from rig.load import Load, settle
from rig.ports import free_port
from rig.process import is_sanitized
from rig.wait import until

TIMES = 100


def reloads(w):
    m = w.scrape()
    return m.value("weir_config_reload_total") or 0, m.value("weir_config_reload_failed") or 0


def base(w_port, far, **processors):
    config = {"receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{w_port}"}}}} if w_port else
              {"otlp": {"protocols": {"http": {}}}},
              "exporters": {"otlp_http": {"endpoint": far.url, "retry_on_failure": {"initial_interval": "50ms"}}}}
    config["service"] = {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["otlp_http"]}}}
    if processors:
        config["processors"] = processors
        config["service"]["pipelines"]["traces"]["processors"] = list(processors)
    return config


def test_reloads_under_load(weir, sink, ids):
    """100 reloads under load, the config changing each time: no refused connection, no reset, no lost or doubled span."""
    far = sink()
    w = weir(base(None, far))
    mark = {"attributes/mark": {"actions": [{"key": "generation", "value": 1, "action": "insert"}]}}
    with Load(w, ids, threads=2) as steady, Load(w, ids, threads=1, fresh=True) as fresh:
        for n in range(1, TIMES + 1):
            mark["attributes/mark"]["actions"][0]["value"] = n
            w.write(base(w.port, far, **(mark if n % 3 else {})))
            w.signal(signal.SIGHUP)
            until(lambda: sum(reloads(w)) >= n, 10, f"reload {n}")
    assert reloads(w)[1] == 0
    for load in (steady, fresh):
        assert not load.faults, load.faults[:5]
        assert set(load.status) == {200}, load.status
    total = sum(steady.acked.values()) + sum(fresh.acked.values())
    assert total > 100
    until(lambda: sum(far.span_ids().values()) >= total, 20, "all delivered")
    steady.acked += fresh.acked
    settle(steady, far.span_ids())
    w.post(otlp.traces(ids))
    generations = {a.value.int_value for s in otlp.leaves(far.got()) for a in s.attributes if a.key == "generation"}
    assert len(generations) > TIMES / 4, "the new processors were used"


def test_unchanged_exporter_keeps_its_queue(weir, sink, ids):
    """What waits for a dead destination is still there after a reload, and goes out once."""
    far = sink()
    port = far.port
    far.stop()
    w = weir(base(None, far))
    sent = [otlp.traces(ids, 2) for _ in range(10)]
    for m in sent:
        w.post(m)
    for n in range(3):
        w.write(base(w.port, far, **{"attributes/x": {"actions": [{"key": f"n{n}", "value": n, "action": "insert"}]}}))
        w.signal(signal.SIGHUP)
        until(lambda: sum(reloads(w)) >= n + 1, 10, "reload")
    assert w.outcome("otlp_http", "queued") == 20
    again = sink(port=port)
    until(lambda: sum(again.span_ids().values()) >= 20, 15, "delivery")
    w.at_rest()
    assert again.span_ids() == otlp.span_ids(sent)


@pytest.mark.parametrize("text, finding", [
    ("receivers: [", "error:"),
    ("receivers:\n  otlp:\n    protocols:\n      http:\n        endpont: x\nexporters:\n  nop:\nservice:\n  pipelines:\n"
     "    traces:\n      receivers: [otlp]\n      exporters: [nop]\n", ":5:9: error:"),
    (None, "error"),
])
def test_broken_file_keeps_the_old_one(weir, sink, ids, text, finding):
    far = sink()
    w = weir(base(None, far))
    w.post(otlp.traces(ids))
    if text is None:
        w.path.unlink()
    else:
        w.path.write_text(text)
    w.signal(signal.SIGHUP)
    until(lambda: reloads(w)[1] == 1, 10, "a failed reload")
    until(lambda: finding in w.log, 5, lambda: f"{finding} in {w.log}")
    w.post(otlp.traces(ids))
    until(lambda: sum(far.span_ids().values()) == 2, 10, "delivery")
    w.write(base(w.port, far))
    w.signal(signal.SIGHUP)
    until(lambda: reloads(w)[0] >= 1, 10, "a good one after it")
    w.post(otlp.traces(ids))


def test_port_in_use_on_reload(weir, sink, ids):
    """The new listener cannot be had: the old config serves on."""
    far = sink()
    w = weir(base(None, far))
    old = w.port
    w.write(base(far.port, far))
    w.signal(signal.SIGHUP)
    until(lambda: reloads(w)[1] == 1, 10, "a failed reload")
    w.wait_log(str(far.port))
    w.port = old
    w.post(otlp.traces(ids))


def test_listener_moves(weir, sink, ids):
    """A changed endpoint: the new one serves, the old one is closed."""
    far = sink()
    w = weir(base(None, far))
    w.post(otlp.traces(ids))
    old, new = w.port, free_port()
    w.write(base(new, far))
    w.signal(signal.SIGHUP)
    until(lambda: reloads(w)[0] >= 1, 10, "reload")
    w.port = new
    w.post(otlp.traces(ids))
    w.port = old
    until(lambda: _refused(w), 5, "the old one closed")
    w.port = new


def _refused(w):
    try:
        w.exchange(b"")
        return False
    except ConnectionRefusedError:
        return True
    except OSError:
        return False


def test_exporter_removed_and_added(weir, sink, ids):
    """An exporter that left the config drains what it has; the equation holds for both."""
    a, b = sink(), sink()
    w = weir(base(None, a))
    sent = [otlp.traces(ids, 3) for _ in range(5)]
    for m in sent:
        w.post(m)
    config = base(w.port, a)
    config["exporters"] = {"otlp_http/b": {"endpoint": b.url}}
    config["service"]["pipelines"]["traces"]["exporters"] = ["otlp_http/b"]
    w.write(config)
    w.signal(signal.SIGHUP)
    until(lambda: reloads(w)[0] >= 1, 10, "reload")
    more = otlp.traces(ids)
    w.post(more)
    until(lambda: b.got() and sum(a.span_ids().values()) >= 15, 10, "delivery at both")
    assert a.span_ids() == otlp.span_ids(sent) and b.span_ids() == otlp.span_ids([more])


def test_memory_and_descriptors_stay(weir, sink, ids):
    """No generation is left behind."""
    far = sink()
    w = weir(base(None, far))

    def cycle(n):
        for i in range(n):
            done = sum(reloads(w))
            w.signal(signal.SIGHUP)
            until(lambda: sum(reloads(w)) > done, 10, "reload")
            w.post(otlp.traces(ids))
    cycle(10)
    w.at_rest()
    memory, descriptors = w.memory(), w.descriptors()
    cycle(40)
    w.at_rest()
    until(lambda: w.descriptors() <= descriptors + 3, 5, lambda: f"{w.descriptors()} descriptors, {descriptors} before")
    if not is_sanitized():
        assert w.memory() <= memory + (2 << 20)
