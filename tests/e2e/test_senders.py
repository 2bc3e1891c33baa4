"""Real input: the SDKs of Python and JavaScript, the Collector and curl send through weir into the file exporter, a sink and the
real Collector. What each SDK sends to a plain sink in the same run is the standard; nothing may differ but grouping."""
import pathlib
import subprocess
from http.client import HTTPConnection

import pytest

from rig import otlp, sdk
from rig.wait import until

CURL = pathlib.Path(__file__).resolve().parents[1] / "corpus/curl.json"


def settled(read, expected, signal):
    """Waits for as many items as expected, then compares field by field."""
    n = sum(expected.values())
    until(lambda: sum(otlp.items(read(), signal).values()) >= n, 15, f"{n} {signal}")
    otlp.same(expected, otlp.items(read(), signal), signal)


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("encoding", ["proto", "json"])
@pytest.mark.parametrize("language", ["python", "js"])
def test_sdk(weir, sink, collector, tmp_path, language, encoding, compression):
    direct, far = sink(), sink()
    backend = collector()
    files = {f"file/{s}": {"path": str(tmp_path / f"out.{s}.json")} for s in otlp.REQUEST}
    files |= {f"file/{s}_proto": {"path": str(tmp_path / f"out.{s}.pb"), "format": "proto"} for s in otlp.REQUEST}
    w = weir({
        "exporters": {**files, "otlp_http/collector": {"endpoint": backend.url},
                      "otlp_http/sink": {"endpoint": far.url, "compression": "none"}},
        "service": {"pipelines": {s: {"receivers": ["otlp"], "exporters": [
            f"file/{s}", f"file/{s}_proto", "otlp_http/collector", "otlp_http/sink"]} for s in otlp.REQUEST}}})
    sdk.send(language, encoding, compression, "run", direct.url, w.url)
    for signal in otlp.REQUEST:
        standard = direct.got(signal)
        expected = otlp.items(standard, signal)
        assert sum(expected.values()) >= 6
        w.sent[signal] += sum(otlp.count(m, signal) for m in standard)
        settled(lambda: far.got(signal), expected, signal)
        settled(lambda: otlp.read_json_lines(tmp_path / f"out.{signal}.json", signal), expected, signal)
        settled(lambda: otlp.read_proto(tmp_path / f"out.{signal}.pb", signal), expected, signal)
        settled(lambda: backend.got(signal), otlp.items(otlp.as_collector(standard, signal), signal), signal)


@pytest.mark.parametrize("encoding", ["proto", "json"])
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_collector_sends(weir, sink, collector, ids, encoding, compression):
    """A Collector's own otlp_http exporter as the sender."""
    far = sink()
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url}}})
    through = collector(to=w.url, encoding=encoding, compression=compression)
    direct = []
    for signal, message in (("traces", otlp.traces(ids, 50)), ("logs", otlp.logs(20)), ("metrics", otlp.metrics(10))):
        c = HTTPConnection("127.0.0.1", through.port)
        c.request("POST", f"/v1/{signal}", message.SerializeToString(), {"Content-Type": otlp.PB})
        assert c.getresponse().status == 200
        c.close()
        direct.append((signal, message))
        w.sent[signal] += otlp.count(message, signal)
    for signal, message in direct:
        settled(lambda: far.got(signal), otlp.items(otlp.as_collector([message], signal), signal), signal)
    assert "partial" not in through.log.lower() and "error" not in through.log.lower(), through.log


def test_curl(weir, tmp_path):
    """The JSON body of seed 000, as its page says, with curl."""
    w = weir({"exporters": {"file": {"path": str(tmp_path / "out.json")}},
              "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}}}})
    done = subprocess.run(["curl", "-sS", "-i", "-X", "POST", w.url + "/v1/traces", "-H", "Authorization: Bearer ep_key",
                           "-H", "Content-Type: application/json", "-d", f"@{CURL}"], capture_output=True, text=True)
    head, body = done.stdout.replace("\r", "").split("\n\n", 1)
    assert head.startswith("HTTP/1.1 200") and body == "{}", done
    w.sent["traces"] += 1
    settled(lambda: otlp.read_json_lines(tmp_path / "out.json"),
            otlp.items([otlp.from_json(CURL.read_text())]), "traces")


def test_unknown_fields(weir, sink, tmp_path):
    """Fields that weir's schema does not know, at every level and of every wire type, groups too, arrive."""
    far = sink()
    w = weir({"exporters": {"file": {"path": str(tmp_path / "out.pb"), "format": "proto"},
                            "otlp_http": {"endpoint": far.url}},
              "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file", "otlp_http"]}}}})
    # field 2000: varint, fixed64, bytes, group holding a varint, fixed32
    extra = (b"\x80\x7d\x05" b"\x81\x7d12345678" b"\x82\x7d\x03abc" b"\x83\x7d\x08\x01\x84\x7d" b"\x85\x7d1234")

    def ld(field, data):
        out, n = bytes([field << 3 | 2]), len(data)
        while n > 0x7F:
            out += bytes([n & 0x7F | 0x80])
            n >>= 7
        return out + bytes([n]) + data

    value = ld(1, b"v") + extra
    attribute = ld(1, b"k") + ld(2, value) + extra
    event = b"\x09" + b"\1" * 8 + ld(2, b"event") + ld(3, attribute) + extra
    link = ld(1, b"\2" * 16) + ld(2, b"\3" * 8) + ld(4, attribute) + extra
    status = ld(2, b"why") + b"\x18\x02" + extra
    span = (ld(1, b"\4" * 16) + ld(2, b"\5" * 8) + ld(5, b"unknown") + ld(9, attribute) + ld(11, event) + ld(13, link)
            + ld(15, status) + extra)
    scope = ld(1, b"scope") + ld(3, attribute) + extra
    resource = ld(1, attribute) + extra
    body = ld(1, ld(1, resource) + ld(2, ld(1, scope) + ld(2, span) + extra) + extra) + extra
    message = otlp.REQUEST["traces"].FromString(body)
    assert message.SerializeToString().count(b"\x82\x7d\x03abc") == 19
    assert w.exchange(body)[0] == 200
    w.sent["traces"] += 1
    for read in (far.got, lambda: otlp.read_proto(tmp_path / "out.pb")):
        until(lambda: read(), 10, "the request")
        assert read()[0].SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)
