"""What weir tells about itself: the metrics page, the health check, and that it stays small whatever comes in."""
import http.client
import json
import random
import re
import time

import pytest

from rig import otlp
from rig.ports import free_port
from rig.process import is_sanitized
from rig.raw import Raw, post
from rig.sink import Answer
from rig.wait import SLOW, until

NAMES = """otelcol_receiver_accepted_spans otelcol_receiver_refused_spans otelcol_exporter_sent_spans
otelcol_exporter_send_failed_spans otelcol_exporter_enqueue_failed_spans otelcol_exporter_queue_size
otelcol_exporter_queue_capacity otelcol_process_memory_rss otelcol_process_uptime otelcol_process_cpu_seconds
weir_exporter_spans weir_build_info weir_config_reload_total weir_config_reload_failed""".split()


def test_metrics_page(weir, sink, ids):
    far = sink()
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url}}})
    w.post(otlp.traces(ids, 3))
    w.post(otlp.logs(2), "logs")
    w.post(otlp.metrics(5), "metrics")
    until(lambda: far.got() and far.got("logs") and far.got("metrics"), 10, "delivery")
    w.at_rest()
    m = w.scrape()
    have = {name for name, _ in m}
    assert set(NAMES) <= have, set(NAMES) - have
    assert m.value("otelcol_receiver_accepted_spans", receiver="otlp", transport="http") == 3
    assert m.value("otelcol_receiver_accepted_log_records", receiver="otlp") == 2
    assert m.value("otelcol_receiver_accepted_metric_points", receiver="otlp") == 5
    assert m.value("otelcol_exporter_sent_spans", exporter="otlp_http") == 3
    assert m.value("otelcol_process_memory_rss") > 1e6
    for outcome in ("accepted", "delivered", "rejected", "dead_lettered", "dropped", "queued"):
        assert m.value("weir_exporter_spans", exporter="otlp_http", outcome=outcome) is not None


def test_metrics_page_is_wellformed(weir):
    """One TYPE line before the series of a name, no series twice; an id's quotes do not end a label."""
    w = weir({"exporters": {"nop": None, 'nop/a"b\\c': None}})
    c = http.client.HTTPConnection("127.0.0.1", w.metrics_port)
    c.request("GET", "/metrics")
    r = c.getresponse()
    assert r.getheader("content-type").startswith("text/plain")
    text = r.read().decode()
    typed, seen = {}, set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in typed and kind in ("counter", "gauge", "histogram", "summary", "untyped")
            typed[name] = kind
        elif line and not line.startswith("#"):
            series = line.rsplit(" ", 1)[0]
            assert re.fullmatch(r'[a-z0-9_]+({([a-z_]+="([^"\\]|\\["\\n])*",?)+})?', series), line
            assert series not in seen
            seen.add(series)
            name = series.split("{")[0]
            assert name in typed or name.rsplit("_", 1)[0] in typed, line
    assert text.endswith("\n")


def test_metrics_can_be_off(weir, ids):
    w = weir({"exporters": {"nop": None}, "service": {"telemetry": {"metrics": {"level": "none"}}}})
    w.post(otlp.traces(ids))


def health(port, path="/"):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10 * SLOW)
    try:
        c.request("GET", path)
        r = c.getresponse()
        return r.status, r.read()
    finally:
        c.close()


def test_health_check(weir, sink, ids):
    port = free_port()
    far = sink(behave=lambda r: Answer(503))
    w = weir({"extensions": {"health_check": {"endpoint": f"127.0.0.1:{port}"}},
              "exporters": {"otlp_http": {"endpoint": far.url}},
              "service": {"extensions": ["health_check"], "drain_timeout": "60s"}})
    for path in ("/", "/ready", "/live"):
        status, body = health(port, path)
        assert status == 200
    assert "otlp_http" in json.dumps(json.loads(health(port)[1]))
    w.post(otlp.traces(ids))
    until(lambda: far.requests, 10, "a try")
    w.conserve()
    w.signal(15)
    until(lambda: health(port, "/ready")[0] == 503, 5, "503 while draining")
    assert health(port, "/live")[0] == 200
    w.signal(15)
    assert w.wait(20) == 2


def test_storm_of_bad_input(weir, sink, ids):
    """Noise in every form: the process lives, its memory and descriptors return, good requests pass meanwhile."""
    far = sink()
    w = weir({"receivers": {"otlp": {"protocols": {"http": {"max_request_body_size": 1 << 20}}}},
              "exporters": {"otlp_http": {"endpoint": far.url}}})
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    good = otlp.traces(ids, 20).SerializeToString()
    text = otlp.to_json(otlp.traces(ids, 20))

    def mutated(data):
        data = bytearray(data)
        for _ in range(rng.randint(1, 8)):
            kind = rng.random()
            at = rng.randrange(len(data))
            if kind < .5:
                data[at] = rng.randrange(256)
            elif kind < .7:
                del data[at:at + rng.randint(1, 30)]
            elif kind < .9:
                data[at:at] = rng.randbytes(rng.randint(1, 30))
            else:
                del data[at:]
            data = data or bytearray(b"\0")
        return bytes(data)

    def storm(n):
        for i in range(n):
            kind = i % 4
            with Raw(w.port) as raw:
                try:
                    if kind == 0:
                        raw.send(post(mutated(good), headers={"Connection": "close"}))
                    elif kind == 1:
                        raw.send(post(mutated(text), content_type=otlp.JSON, headers={"Connection": "close"}))
                    elif kind == 2:
                        raw.send(mutated(post(good[:200])))
                        raw.socket.shutdown(1)
                    else:
                        raw.send(rng.randbytes(rng.randint(1, 2000)))
                        raw.socket.shutdown(1)
                    raw.socket.settimeout(10 * SLOW)
                    while raw.socket.recv(65536):
                        pass
                except (ConnectionResetError, BrokenPipeError):
                    pass
    w.exact = False  # some mutants are sound
    storm(300)
    memory, descriptors = w.memory(), w.descriptors()
    storm(700)
    w.post(otlp.traces(ids))
    until(lambda: w.descriptors() <= descriptors + 4, 10, "descriptors returned")
    if not is_sanitized():
        assert w.memory() < memory + (8 << 20)


def test_many_connections(weir, sink, ids):
    """400 idle connections and 1,000 short ones: still served, and all of it given back."""
    w = weir({"exporters": {"nop": None}})
    before = w.descriptors()
    idle = [Raw(w.port) for _ in range(400)]
    for raw in idle[::10]:
        assert raw.send(post(b"")).response().status == 200
    for _ in range(1000):
        w.exchange(b"")
    w.post(otlp.traces(ids))
    for raw in idle:
        raw.close()
    until(lambda: w.descriptors() <= before + 2, 10, "descriptors returned")


def test_idle_memory(weir, sink):
    w = weir({"exporters": {"otlp_http": {"endpoint": sink().url}}})
    time.sleep(0.2)
    if not is_sanitized():
        assert w.memory() <= 8 << 20, f"{w.memory() / 1048576:.1f} MiB idle"


@pytest.mark.parametrize("signal", otlp.REQUEST)
def test_signal_without_a_pipeline(weir, ids, signal):
    """A path whose signal no pipeline takes does not exist."""
    others = [s for s in otlp.REQUEST if s != signal]
    w = weir({"exporters": {"nop": None}, "service": {"pipelines": {
        s: {"receivers": ["otlp"], "exporters": ["nop"]} for s in others}}})
    assert w.exchange(b"", f"/v1/{signal}")[0] == 404
    assert w.exchange(b"", f"/v1/{others[0]}")[0] == 200
