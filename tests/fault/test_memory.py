"""The bound on memory (docs/guarantees.md): each test holds its weir to it (rig.process); here the pool is filled, and the judgement judged."""
import pytest

from raw import MiB, SANITIZED, door, ids, otlp, sink, until, weir
from rig.memory import BASE, CONNECTION, MARGIN, machine, memory_bound
from rig.sink import Answer

FAR = {"endpoint": "http://127.0.0.1:1"}


@pytest.mark.parametrize("processors, exporters, connections, largest, want", [
    ({}, {"nop": None}, 0, 0, BASE + min(256 * MiB, machine() // 4)),
    ({"memory_limiter": {"limit_mib": 100}}, {"nop": None}, 0, MiB, BASE + 80 * MiB),
    ({"memory_limiter": {"limit_mib": 100, "spike_limit_mib": 40}}, {"debug": {}}, 0, MiB, BASE + 60 * MiB),
    ({"memory_limiter/a": {"limit_mib": 100}, "memory_limiter/b": {"limit_mib": 50}, "batch": None}, {"nop": None}, 0, 0, BASE + 40 * MiB),
    ({"memory_limiter": {"limit_mib": 10}}, {"nop": None}, 1000, 0, BASE + 8 * MiB + 1000 * CONNECTION),
    ({"memory_limiter": {"limit_mib": 10}}, {"otlp_http": FAR}, 0, MiB, BASE + 28 * MiB),
    ({"memory_limiter": {"limit_mib": 10}}, {"a": {**FAR, "sending_queue": {"num_consumers": 3}}, "b": {**FAR, "sending_queue": None}},
     0, MiB, BASE + 34 * MiB),
    ({"memory_limiter": {"limit_mib": 10}}, {"a": {**FAR, "sending_queue": {"enabled": False}}}, 0, 5 * MiB, BASE + 18 * MiB)])
def test_bound_of_a_config(processors, exporters, connections, largest, want):
    config = {"processors": processors, "exporters": exporters}
    assert memory_bound(config, connections, largest) == MARGIN * want


def test_share_of_the_machine():
    limiter = {"processors": {"memory_limiter": {"limit_percentage": 50, "spike_limit_percentage": 20}}, "exporters": {"nop": None}}
    assert memory_bound(limiter, total=1000 * MiB) == MARGIN * (BASE + 300 * MiB)
    assert memory_bound({"exporters": {"nop": None}}, total=400 * MiB) == MARGIN * (BASE + 100 * MiB)


@pytest.mark.skipif(SANITIZED, reason="the memory is the sanitizer's")
def test_too_much_is_a_failure(weir):
    w = door(weir)
    w.note_peak()
    peak, w.peak_noted = w.peak_noted, MARGIN * (BASE + 256 * MiB + w.connections * CONNECTION) + MiB
    assert peak > MiB
    with pytest.raises(AssertionError, match="MiB resident, bound"):
        w.verdict()
    w.peak_noted = peak
    w.verdict()


@pytest.mark.skipif(SANITIZED, reason="the memory is the sanitizer's")
@pytest.mark.parametrize("encoding, compression", [("proto", "none"), ("proto", "gzip"), ("json", "none")])
def test_full_pool(weir, sink, ids, encoding, compression):
    """96 MiB of requests are offered to a pool of 64 MiB, for a destination that takes none; then it takes all that was acknowledged."""
    back = []
    far = sink(behave=lambda r: Answer() if back else Answer(503))
    w = weir({"processors": {"memory_limiter": {"check_interval": "1s", "limit_mib": 80}},
              "exporters": {"otlp_http": {"endpoint": far.url, "encoding": encoding, "compression": compression,
                                          "retry_on_failure": {"initial_interval": "50ms", "max_interval": "100ms"}}}})
    w.largest = MiB
    acked = otlp.collections.Counter()
    message = otlp.traces(ids, 200, size=5000)
    for _ in range(96):
        for span, fresh in zip(otlp.leaves([message]), otlp.leaves([otlp.traces(ids, 200, size=1)])):
            span.span_id, span.trace_id = fresh.span_id, fresh.trace_id
        answer = w.exchange(message.SerializeToString())
        assert answer[0] in (200, 503)
        if answer[0] == 200:
            w.book(message, answer)
            acked += otlp.span_ids([message])
    assert 55 < len(acked) / 200 < 70, "as much as the pool holds"
    back.append(True)
    until(lambda: acked.keys() <= far.span_ids().keys(), 60, "all that was acknowledged")
    w.at_rest()
    assert w.peak() > 55 * MiB, "it was full"
