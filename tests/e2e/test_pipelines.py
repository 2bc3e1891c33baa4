"""Several destinations, batching, processors, retry: what arrives where, exactly once, and that the equation tells it."""
import email.utils
import random
import time

import pytest

from rig import otlp
from rig.load import Load, settle
from rig.sink import Answer
from rig.wait import SLOW, until

FAST = {"initial_interval": "50ms", "max_interval": "200ms"}


def traces_only(exporters, **more):
    return {"exporters": exporters, "service": {"pipelines": {"traces": {
        "receivers": ["otlp"], "exporters": list(exporters), **more}}}}


# ---- two destinations

@pytest.mark.parametrize("death", ["refused", "hangs", "resets", "503"])
def test_one_destination_dead(weir, sink, ids, death):
    """The living one gets every span exactly once and the client's 200 does not wait for the dead one."""
    living = sink()
    dead = sink(behave=lambda r: {"hangs": Answer(hang=True), "resets": Answer(reset=True)}.get(death, Answer(503)))
    dead_url = dead.url
    if death == "refused":
        dead.stop()
    config = traces_only({
        "otlp_http/living": {"endpoint": living.url},
        "otlp_http/dead": {"endpoint": dead_url, "timeout": "1s", "retry_on_failure": FAST,
                           "sending_queue": {"queue_size": 20}}})
    config["service"]["drain_timeout"] = "500ms"
    w = weir(config, exit_code=2)
    with Load(w, ids, threads=2, pause=0.002) as load:
        until(lambda: sum(load.acked.values()) >= 1000, 20, "1,000 spans")
    assert not load.faults and set(load.status) == {200}, (load.faults, load.status)
    until(lambda: sum(living.span_ids().values()) >= sum(load.acked.values()), 15, "all at the living one")
    settle(load, living.span_ids())
    assert sorted(load.seconds)[len(load.seconds) * 95 // 100] < 0.5 * SLOW
    m = w.scrape()
    acked = sum(load.acked.values())
    assert m.value("weir_exporter_spans", exporter="otlp_http/living", outcome="delivered") == acked
    assert m.value("weir_exporter_spans", exporter="otlp_http/dead", outcome="accepted") == acked
    assert m.value("weir_exporter_dropped_spans", exporter="otlp_http/dead", reason="overflow") > 0


def test_required_destination_full(weir, sink, ids):
    """One of two is required and full: 503 with Retry-After, and the other one has no copy either."""
    good, bad = sink(), sink(behave=lambda r: Answer(503))
    w = weir(traces_only({
        "otlp_http/good": {"endpoint": good.url},
        "otlp_http/bad": {"endpoint": bad.url, "required": True, "overflow": "reject", "retry_on_failure": FAST,
                          "sending_queue": {"queue_size": 4, "num_consumers": 1}}}))
    taken, refused = [], []
    for _ in range(9):
        message = otlp.traces(ids, 3)
        answer = w.exchange(message.SerializeToString())
        (taken if answer[0] == 200 else refused).append(message)
        if answer[0] == 200:
            w.book(message, answer)
        else:
            assert answer[0] == 503 and int(answer[1]["retry-after"]) >= 1
    assert len(taken) == 4
    bad.behave = []
    until(lambda: sum(bad.span_ids().values()) >= 12, 15, "delivery")
    w.at_rest()
    for s in (good, bad):
        assert s.span_ids() == otlp.span_ids(taken)
    m = w.scrape()
    for exporter in ("otlp_http/good", "otlp_http/bad"):
        assert m.value("weir_exporter_spans", exporter=exporter, outcome="accepted") == 12


def test_two_pipelines_one_receiver(weir, sink, ids):
    a, b = sink(), sink()
    w = weir({"exporters": {"otlp_http/a": {"endpoint": a.url}, "otlp_http/b": {"endpoint": b.url}},
              "processors": {"attributes/b": {"actions": [{"key": "pipeline", "value": "b", "action": "insert"}]}},
              "service": {"pipelines": {
                  "traces/a": {"receivers": ["otlp"], "exporters": ["otlp_http/a"]},
                  "traces/b": {"receivers": ["otlp"], "processors": ["attributes/b"],
                               "exporters": ["otlp_http/b", "otlp_http/a"]}}}})
    message = otlp.traces(ids, 4)
    w.post(message)
    until(lambda: len(otlp.leaves(a.got())) >= 8 and b.got(), 10, "three deliveries")
    marked = [s for s in otlp.leaves(a.got()) if any(x.key == "pipeline" for x in s.attributes)]
    assert len(marked) == 4 and len(otlp.leaves(a.got())) == 8
    assert all(x.attributes[-1].value.string_value == "b" for x in otlp.leaves(b.got()))
    assert w.scrape().value("otelcol_receiver_accepted_spans") == 4


# ---- answers of a backend

@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retried(weir, sink, ids, status):
    far = sink(behave=[Answer(status), Answer(status)])
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "retry_on_failure": FAST}}))
    message = otlp.traces(ids, 2)
    w.post(message)
    until(lambda: len(far.requests) >= 3, 10, "three tries")
    w.at_rest()
    assert [r.status for r in far.requests] == [status, status, 200]
    assert len({r.wire for r in far.requests}) == 1  # retries send the same bytes
    assert far.span_ids() == otlp.span_ids([message])
    assert w.outcome("otlp_http", "delivered") == 2


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_pauses_the_exporter(weir, sink, ids, status, form):
    """No request of the whole exporter before the time that one answer named."""
    def first(request):
        if len(far.requests):
            return Answer()
        when = "2" if form == "seconds" else email.utils.formatdate(time.time() + 3, usegmt=True)
        return Answer(status, {"Retry-After": when})
    far = sink()
    far.behave = first
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "retry_on_failure": FAST}}))
    w.post(otlp.traces(ids))
    w.wait_log("Will retry the request")  # the answer has been read: what is sent earlier may go out beside it
    for _ in range(3):
        w.post(otlp.traces(ids))
    until(lambda: sum(far.span_ids().values()) >= 4, 15, "all")
    assert far.requests[1].when - far.requests[0].when > 1.7
    assert max(far.span_ids().values()) == 1


@pytest.mark.parametrize("fault", [Answer(reset=True), Answer(raw=b"HTTP/1.1 2"), Answer(raw=b"nonsense\r\n\r\n")])
def test_connection_faults_are_retried(weir, sink, ids, fault):
    far = sink(behave=[fault])
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "retry_on_failure": FAST}}))
    message = otlp.traces(ids)
    w.post(message)
    until(lambda: far.span_ids(), 10, "the second try")
    w.at_rest()
    assert w.outcome("otlp_http", "delivered") == 1


def test_timeout_is_retried(weir, sink, ids):
    far = sink(behave=[Answer(delay=30)])
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "timeout": f"{500 * SLOW:g}ms", "retry_on_failure": FAST}}))
    w.post(otlp.traces(ids))
    until(lambda: len(far.requests) >= 2, 10, "the second try")
    w.at_rest()
    assert w.outcome("otlp_http", "delivered") == 1


def test_backend_that_starts_late(weir, sink, ids):
    first = sink()
    port = first.port
    first.stop()
    w = weir(traces_only({"otlp_http": {"endpoint": first.url, "retry_on_failure": FAST}}))
    message = otlp.traces(ids, 3)
    w.post(message)
    time.sleep(0.3)
    far = sink(port=port)
    until(lambda: far.got(), 10, "delivery")
    w.at_rest()
    assert far.span_ids() == otlp.span_ids([message])


@pytest.mark.parametrize("status", [404, 405, 500, 501])
def test_permanent(weir, sink, ids, status):
    """Not sent again, counted as rejected, and the exporter goes on."""
    far = sink(behave=[Answer(status)])
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "retry_on_failure": FAST}}))
    w.post(otlp.traces(ids, 2))
    until(lambda: w.outcome("otlp_http", "rejected") + w.outcome("otlp_http", "dead_lettered") == 2, 10, "rejected")
    w.post(otlp.traces(ids))
    until(lambda: far.got(), 10, "the next one")
    assert len(far.requests) == 2
    assert w.scrape().value("otelcol_exporter_send_failed_spans") == 2


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed(weir, sink, ids, status):
    other = sink()
    far = sink(behave=[Answer(status, {"Location": other.url + "/v1/traces"})])
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "headers": {"Authorization": "Bearer secret"}}}))
    w.post(otlp.traces(ids))
    until(lambda: w.outcome("otlp_http", "rejected") == 1, 10, "rejected")
    assert other.requests == []


@pytest.mark.parametrize("status", [401, 403])
def test_hold(weir, sink, ids, status):
    """A refused key loses nothing: the exporter is held and its data kept."""
    far = sink(behave=lambda r: Answer(status))
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "retry_on_failure": FAST, "sending_queue": {"num_consumers": 1}}}), exit_code=2)
    for _ in range(5):
        w.post(otlp.traces(ids, 2))
    w.wait_log("Exporter is held")  # by the one delivery under way: nothing else is going to be read after the reload
    assert w.outcome("otlp_http", "queued") == 10 and w.outcome("otlp_http", "dropped") == 0
    assert len(far.requests) == 1
    far.behave = []
    w.signal(1)  # a reload is a probe
    until(lambda: sum(far.span_ids().values()) == 10, 15, "everything after the reload")
    w.at_rest()
    w.exit_code = 0


def test_hold_when_everything_is_refused(weir, sink, ids):
    """One 400 is the data's fault; batch after batch refused with 400 is not, and the rest is kept."""
    far = sink(behave=lambda r: Answer(400))
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "retry_on_failure": FAST, "sending_queue": {"num_consumers": 1}}}), exit_code=2)
    for n in range(1, 21):
        w.post(otlp.traces(ids, 2))
        until(lambda: len(far.requests) >= min(n, 5), 10, "the try")
    w.wait_log("Exporter is held")
    assert len(far.requests) <= 10
    assert w.outcome("otlp_http", "queued") >= 20 and w.outcome("otlp_http", "dropped") == 0
    kept = w.outcome("otlp_http", "queued")
    far.behave = []
    w.signal(1)  # a reload is a probe
    until(lambda: sum(far.span_ids().values()) == kept, 15, "everything after the reload")
    w.at_rest()
    assert w.outcome("otlp_http", "rejected") == 40 - kept
    w.exit_code = 0


@pytest.mark.parametrize("codes", [[500], ["408", 500]])
def test_retry_on_status(weir, sink, ids, codes):
    far = sink(behave=[Answer(500), Answer(500)])
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "retry_on_failure": FAST, "retry_on_status": codes}}))
    w.post(otlp.traces(ids, 2))
    until(lambda: w.outcome("otlp_http", "delivered") == 2, 10, "the third try")
    assert len(far.requests) == 3


def test_quota_is_rejected(weir, sink, ids):
    """403 with partialSuccess is a permanent answer, not a bad key."""
    response = otlp.RESPONSE["traces"]()
    response.partial_success.rejected_spans, response.partial_success.error_message = 2, "quota"
    far = sink(behave=[Answer(403, body=response.SerializeToString())])
    w = weir(traces_only({"otlp_http": {"endpoint": far.url}}))
    w.post(otlp.traces(ids, 2))
    until(lambda: w.outcome("otlp_http", "rejected") == 2, 10, "rejected")


@pytest.mark.parametrize("encoding", ["proto", "json"])
def test_partial_success(weir, sink, ids, encoding):
    response = otlp.RESPONSE["traces"]()
    response.partial_success.rejected_spans, response.partial_success.error_message = 3, "too old"
    body = response.SerializeToString() if encoding == "proto" else \
        b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}'
    far = sink(behave=[Answer(200, body=body)])
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "encoding": encoding}}))
    w.post(otlp.traces(ids, 10))
    until(lambda: w.outcome("otlp_http", "rejected") == 3, 10, "rejected")
    assert w.outcome("otlp_http", "delivered") == 7
    assert len(far.requests) == 1
    w.wait_log("too old")


@pytest.mark.parametrize("body, headers", [(b"garbage", {}), (b"<html>ok</html>", {"Content-Type": "text/html"}),
                                           (b"x" * 100_000, {"Content-Type": "text/plain"})])
def test_success_whatever_the_body(weir, sink, ids, body, headers):
    far = sink(behave=[Answer(200, headers, body)])
    w = weir(traces_only({"otlp_http": {"endpoint": far.url}}))
    w.post(otlp.traces(ids))
    until(lambda: w.outcome("otlp_http", "delivered") == 1, 10, "delivered")
    assert len(far.requests) == 1


def test_max_elapsed_time(weir, sink, ids):
    far = sink(behave=lambda r: Answer(503))
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "retry_on_failure": {
        "initial_interval": "50ms", "max_interval": "100ms", "max_elapsed_time": f"{SLOW:g}s"}}}))
    w.post(otlp.traces(ids, 2))
    until(lambda: w.outcome("otlp_http", "dropped") == 2, 15, "dropped")
    assert w.scrape().value("weir_exporter_dropped_spans", reason="max_elapsed_time") == 2
    assert len(far.requests) >= 3


def test_retry_disabled(weir, sink, ids):
    far = sink(behave=[Answer(503)])
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "retry_on_failure": {"enabled": False}}}))
    w.post(otlp.traces(ids))
    until(lambda: w.outcome("otlp_http", "dropped") == 1, 10, "dropped")
    assert len(far.requests) == 1


# ---- what is sent

@pytest.mark.parametrize("encoding", ["proto", "json"])
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd", "deflate"])
def test_encoding_and_compression(weir, sink, ids, encoding, compression):
    far = sink()
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url + "/", "encoding": encoding, "compression": compression,
                                          "headers": {"X-Api-Key": "k", "X-Empty": ""}}}})
    sent = {"traces": otlp.traces(ids, 20), "logs": otlp.logs(5), "metrics": otlp.metrics(10)}
    for signal, message in sent.items():
        w.post(message, signal)
    for signal, message in sent.items():
        until(lambda: far.got(signal), 10, signal)
        otlp.same(otlp.items([message], signal), otlp.items(far.got(signal), signal), signal)
    for r in far.requests:
        assert r.path == f"/v1/{r.signal}"
        assert r.headers["content-type"] == (otlp.PB if encoding == "proto" else otlp.JSON)
        assert r.headers.get("content-encoding", "none") == compression
        assert r.headers["x-api-key"] == "k" and "weir" in r.headers["user-agent"].lower()


def test_traces_endpoint_is_verbatim(weir, sink, ids):
    far = sink()
    w = weir(traces_only({"otlp_http": {"traces_endpoint": far.url + "/api/v2/traces?tenant=1"}}))
    w.post(otlp.traces(ids))
    until(lambda: far.requests, 10, "delivery")
    assert far.requests[0].path == "/api/v2/traces?tenant=1"


def test_connections_are_reused(weir, sink, ids):
    far = sink()
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "sending_queue": {"num_consumers": 2}}}))
    for _ in range(50):
        w.post(otlp.traces(ids))
    until(lambda: len(far.requests) >= 50, 10, "delivery")
    assert w.descriptors() < 60


# ---- batching

def test_batch_joins(weir, sink, ids):
    far = sink()
    w = weir({"processors": {"batch": {"timeout": "1s", "send_batch_size": 100}},
              **traces_only({"otlp_http": {"endpoint": far.url}}, processors=["batch"])})
    sent = [otlp.traces(ids, 1) for _ in range(200)]
    for m in sent:
        w.post(m)
    until(lambda: sum(far.span_ids().values()) >= 200, 10, "all")
    assert len(far.requests) <= 30
    otlp.same(otlp.items(sent), otlp.items(far.got()))


def test_batch_splits(weir, sink, ids):
    far = sink()
    w = weir({"processors": {"batch": {"timeout": "100ms", "send_batch_size": 10, "send_batch_max_size": 10}},
              **traces_only({"otlp_http": {"endpoint": far.url}}, processors=["batch"])})
    message = otlp.traces(ids, 95)
    w.post(message)
    until(lambda: sum(far.span_ids().values()) >= 95, 10, "all")
    assert max(otlp.count(m) for m in far.got()) <= 10
    otlp.same(otlp.items([message]), otlp.items(far.got()))


def test_queue_batch(weir, sink, ids):
    far = sink()
    w = weir(traces_only({"otlp_http": {"endpoint": far.url, "sending_queue": {
        "batch": {"flush_timeout": "1s", "min_size": 50, "max_size": 60}}}}))
    sent = [otlp.traces(ids, 7) for _ in range(40)]
    for m in sent:
        w.post(m)
    until(lambda: sum(far.span_ids().values()) >= 280, 10, "all")
    sizes = [otlp.count(m) for m in far.got()]
    assert max(sizes) <= 60 and len(sizes) <= 20, sizes
    otlp.same(otlp.items(sent), otlp.items(far.got()))


def test_retry_of_a_batch_sends_the_same_bytes(weir, sink, ids):
    far = sink(behave=[Answer(503), Answer(503)])
    w = weir({"processors": {"batch": {"timeout": "100ms"}},
              **traces_only({"otlp_http": {"endpoint": far.url, "retry_on_failure": FAST,
                                           "sending_queue": {"num_consumers": 1}}}, processors=["batch"])})
    sent = [otlp.traces(ids, 2) for _ in range(10)]
    for m in sent:
        w.post(m)
    until(lambda: sum(far.span_ids().values()) >= 20, 15, "all")
    assert far.requests[0].wire == far.requests[1].wire == far.requests[2].wire
    otlp.same(otlp.items(sent), otlp.items(far.got()))


# ---- processors end to end

def test_attributes_and_resource(weir, sink, ids):
    far = sink()
    w = weir({
        "processors": {
            "resource": {"attributes": [{"key": "service.name", "value": "renamed", "action": "update"},
                                        {"key": "deployment.environment.name", "value": "prod", "action": "insert"},
                                        {"key": "secret", "action": "delete"}]},
            "attributes": {"actions": [
                {"key": "e2e.text", "action": "hash"}, {"key": "gone", "action": "delete"},
                {"key": "count", "value": 7, "action": "upsert"}, {"key": "copy", "from_attribute": "kept", "action": "insert"},
                {"key": "number", "action": "convert", "converted_type": "int"},
                {"key": "url", "pattern": r"^https?://(?P<host>[^/]+)/(?P<first>[^/]*)", "action": "extract"}]},
            "attributes/only": {"include": {"match_type": "regexp", "span_names": ["^span 1$"]},
                                "actions": [{"key": "matched", "value": True, "action": "insert"}]}},
        **traces_only({"otlp_http": {"endpoint": far.url}}, processors=["resource", "attributes", "attributes/only"])})
    message = otlp.traces(ids, 3, resource={"secret": "x"}, attributes={
        "gone": 1, "kept": [1, 2], "number": "42", "url": "https://example.com/api/x"})
    w.post(message)
    until(lambda: far.got(), 10, "delivery")
    got = far.got()[0]
    resource = {a.key: a.value.string_value for a in got.resource_spans[0].resource.attributes}
    assert resource == {"service.name": "renamed", "deployment.environment.name": "prod"}
    for n, span in enumerate(sorted(otlp.leaves([got]), key=lambda s: s.name)):
        a = {x.key: x.value for x in span.attributes}
        assert len(a) == len(span.attributes) and "gone" not in a
        assert a["count"].int_value == 7 and a["number"].int_value == 42
        assert [v.int_value for v in a["copy"].array_value.values] == [1, 2]
        assert (a["host"].string_value, a["first"].string_value) == ("example.com", "api")
        assert len(a["e2e.text"].string_value) == 64 and set(a["e2e.text"].string_value) <= set("0123456789abcdef")
        assert ("matched" in a) == (n == 1)
        assert span.name == f"span {n}" and span.start_time_unix_nano == otlp.T0 + n


def test_memory_limiter_and_batch_load_as_in_the_collector(weir, sink, ids):
    far = sink()
    w = weir({"processors": {"memory_limiter": {"check_interval": "1s", "limit_mib": 256, "spike_limit_mib": 64}, "batch": None},
              **traces_only({"otlp_http": {"endpoint": far.url}}, processors=["memory_limiter", "batch"])})
    w.post(otlp.traces(ids, 10))
    until(lambda: far.got(), 10, "delivery")


# ---- the other exporters

def test_debug_prints(weir, tmp_path, ids):
    w = weir(traces_only({"debug": {"verbosity": "detailed"}, "nop": None}))
    w.post(otlp.traces(ids, 2, attributes={"shown": "yes"}))
    until(lambda: "shown" in w.log + "\n".join(w.out), 10, "the span in the output")


def test_file_rotation(weir, tmp_path, ids):
    w = weir(traces_only({"file": {"path": str(tmp_path / "out.json"), "rotation": {"max_megabytes": 1, "max_backups": 3}}}))
    sent = [otlp.traces(ids, 20, size=5000) for _ in range(15)]
    for m in sent:
        w.post(m)
    w.at_rest()
    files = sorted(tmp_path.glob("out*"))
    assert len(files) >= 2 and all(f.stat().st_size < 1_200_000 for f in files)
    otlp.same(otlp.items(sent), sum((otlp.items(otlp.read_json_lines(f)) for f in files), otlp.items([])))


# ---- under load

def test_equation_under_a_flaky_backend(weir, sink, ids):
    """Random faults: everything acknowledged arrives; a copy too many only where the answer was lost after the delivery."""
    rng = random.Random(7)
    far = sink(behave=lambda r: rng.choice([Answer()] * 6 + [Answer(503), Answer(429), Answer(502), Answer(504)]))
    w = weir({"processors": {"batch": {"timeout": "50ms"}},
              **traces_only({"otlp_http": {"endpoint": far.url, "retry_on_failure": FAST}}, processors=["batch"])})
    with Load(w, ids, threads=3, spans=10) as load:
        until(lambda: sum(load.acked.values()) >= 5000 and any(r.status != 200 for r in far.requests), 30,
              "5,000 spans and a fault")
    until(lambda: sum(far.span_ids().values()) >= sum(load.acked.values()), 30, "all delivered")
    w.at_rest()
    assert not load.faults
    settle(load, far.span_ids())
