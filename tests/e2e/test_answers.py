"""The answer table (INTERFACE section 2), row by row, as a client sees it: status, headers, body in the request's encoding, whether the
connection lives on, and what the receiver counted. Nothing that is refused may leave a copy anywhere."""
import gzip
import json
import threading
import time
import zlib

import pytest
import zstandard
from google.rpc.status_pb2 import Status

from rig import otlp
from rig.process import IS_COLLECTOR
from rig.raw import Raw, post
from rig.sink import Answer
from rig.wait import SLOW, until

LIMITS = {"max_request_body_size": 1 << 20, "max_inflated_body_size": 4 << 20, "read_header_timeout": f"{SLOW:g}s",
          "read_timeout": f"{SLOW:g}s", "idle_timeout": "60s"}
if IS_COLLECTOR:
    del LIMITS["max_inflated_body_size"]
TYPES = [otlp.PB, otlp.JSON]


@pytest.fixture
def far(sink):
    return sink()


@pytest.fixture
def door(weir, far):
    """A weir with small limits and short timeouts in front of a sink."""
    return weir({"receivers": {"otlp": {"protocols": {"http": dict(LIMITS)}}},
                 "exporters": {"otlp_http": {"endpoint": far.url}}})


def encoded(message, content_type):
    return message.SerializeToString() if content_type == otlp.PB else otlp.to_json(message)


def status_of(headers, body, content_type, code=None):
    """Asserts that an error body is a google.rpc.Status in the request's encoding; returns its text."""
    assert headers["content-type"].split(";")[0] == content_type
    if content_type == otlp.JSON:
        tree = json.loads(body)
        assert set(tree) <= {"code", "message", "details"}, tree
        found, text = tree.get("code"), tree.get("message")
    else:
        status = Status.FromString(body)
        found, text = status.code, status.message
    if code is not None:
        assert found == code, (found, text)
    assert text
    return text


def nothing_arrived(far):
    assert far.requests == []


# ---- 200

@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("coding", ["", "identity", "gzip", "deflate", "zstd"])
def test_accepted(door, far, ids, content_type, coding):
    message = otlp.traces(ids, 3)
    status, headers, body = door.post(message, encoding=content_type, coding=coding)
    assert headers["content-type"] == content_type
    assert body == (b"" if content_type == otlp.PB else b"{}")
    until(lambda: far.got(), 10, "delivery")
    otlp.same(otlp.items([message]), otlp.items(far.got()))


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("signal", otlp.REQUEST)
def test_zero_items(door, far, content_type, signal):
    key = {"traces": "resourceSpans", "logs": "resourceLogs", "metrics": "resourceMetrics"}[signal]
    bodies = [b"", b"\n\0"] if content_type == otlp.PB else [b"{}", b"null", f'{{"{key}":[]}}'.encode(),
                                                             f'{{"{key}":[{{}}]}}'.encode(), b' {"unknown": [1, {}]}\n']
    for body in bodies:
        status, headers, answer = door.exchange(body, f"/v1/{signal}", content_type)
        assert (status, answer) == (200, b"" if content_type == otlp.PB else b"{}"), body
    nothing_arrived(far)


@pytest.mark.parametrize("sent", ["application/x-protobuf; charset=utf-8", "Application/X-Protobuf", "application/x-protobuf;v=1 ;q"])
def test_content_type_parameters(door, ids, sent):
    message = otlp.traces(ids)
    answer = door.exchange(message.SerializeToString(), content_type=sent)
    assert answer[0] == 200, answer
    door.book(message, answer)


# (The nesting limit of JSON, 128, is reached before 64 levels of values: test_malformed has that.)
@pytest.mark.parametrize("content_type, fault", [(t, f) for t in TYPES for f in (
    "short trace id", "long span id", "no trace id", "zero span id", "deep") if (t, f) != (otlp.JSON, "deep")])
def test_bad_span_alone(door, far, ids, content_type, fault):
    """One bad span among good ones is refused alone, with a count and a reason."""
    message = otlp.traces(ids, 5)
    bad = message.resource_spans[0].scope_spans[0].spans[2]
    good = type(message).FromString(message.SerializeToString())
    del good.resource_spans[0].scope_spans[0].spans[2]
    if fault == "short trace id":
        bad.trace_id = b"12345678"
    elif fault == "long span id":
        bad.span_id = b"123456789"
    elif fault == "no trace id":
        bad.trace_id = b""
    elif fault == "zero span id":
        bad.span_id = b"\0" * 8
    else:
        value = bad.attributes.add(key="deep").value
        for _ in range(70):
            value.array_value.SetInParent()
            value = value.array_value.values.add()
        value.int_value = 1
    status, headers, body = door.exchange(encoded(message, content_type), content_type=content_type)
    assert status == 200
    response = otlp.RESPONSE["traces"]()
    if content_type == otlp.PB:
        response.ParseFromString(body)
    else:
        otlp.json_format.Parse(body, response)
        assert json.loads(body)["partialSuccess"]["rejectedSpans"] == "1"
    assert response.partial_success.rejected_spans == 1 and response.partial_success.error_message
    door.sent["traces"] += 4
    until(lambda: far.got(), 10, "delivery")
    otlp.same(otlp.items([good]), otlp.items(far.got()))
    assert door.scrape().value("otelcol_receiver_refused_spans") == 1


def test_invalid_utf8_is_replaced(door, far, ids):
    message = otlp.traces(ids)
    body = message.SerializeToString().replace(b"span 0", b"sp\xff\xc0n0")
    answer = door.exchange(body)
    assert answer[0] == 200 and answer[2] == b""
    door.book(message, answer)
    until(lambda: far.got(), 10, "delivery")
    assert otlp.leaves(far.got())[0].name == "sp\ufffd\ufffdn0"


# ---- 400

MALFORMED = {
    otlp.PB: [b"\xff", b"\n\x05\x01", b"\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x0b", b"\x0a\x03\x12\x05\x00", b"{}"],
    otlp.JSON: [b"", b"{", b"[]", b'{"resourceSpans":[}', b'{"resourceSpans":{}}', b"{}x", b"nul", b'{"a":"\x01"}', b"{'a':1}",
                b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":{"intValue":"9223372036854775808"}}]}]}]}]}',
                b'{"x":' + b"[" * 200 + b"]" * 200 + b"}", b"\n\x05hello"],
}


@pytest.mark.parametrize("content_type", TYPES)
def test_malformed(door, far, ids, content_type):
    with Raw(door.port) as raw:
        for body in MALFORMED[content_type]:
            r = raw.send(post(body, content_type=content_type)).response()
            assert r.status == 400, (body, r)
            status_of(r.headers, r.body, content_type, 3)
        good = otlp.traces(ids)  # the connection lives on
        assert raw.send(post(encoded(good, content_type), content_type=content_type)).response().status == 200
        door.sent["traces"] += 1
    until(lambda: far.got(), 10, "delivery")
    assert sum(far.span_ids().values()) == 1


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_bad_compression(door, far, ids, content_type, coding):
    whole = otlp.compress(encoded(otlp.traces(ids, 10), content_type), coding)
    broken = bytearray(whole)
    broken[-3 if coding == "gzip" else len(broken) // 2] ^= 0xFF
    for body in (b"not compressed", whole[:len(whole) // 2], bytes(broken), whole + b"junk"):
        status, headers, answer = door.exchange(body, content_type=content_type, headers={"Content-Encoding": coding})
        assert status == 400, (coding, body[:20])
        status_of(headers, answer, content_type, 3)
    nothing_arrived(far)


# ---- 404, 405, 415

@pytest.mark.parametrize("path", ["/", "/v1/trace", "/v1/traces/", "//v1/traces", "/v1/traces%00", "/v1/%74races", "/v1/profiles"])
@pytest.mark.parametrize("content_type", TYPES)
def test_unknown_path(door, path, content_type):
    status, headers, body = door.exchange(b"", path, content_type)
    assert status == 404
    status_of(headers, body, content_type, 12)


def test_query_is_ignored(door, ids):
    message = otlp.traces(ids)
    answer = door.exchange(message.SerializeToString(), "/v1/traces?tenant=1")
    assert answer[0] == 200
    door.book(message, answer)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("content_type", TYPES)
def test_method(door, method, content_type):
    status, headers, body = door.exchange(b"", "/v1/traces", content_type, method=method)
    assert status == 405 and headers["allow"] == "POST"
    if method != "HEAD":
        status_of(headers, body, content_type, 12)


@pytest.mark.parametrize("content_type", ["text/plain", "application/protobuf", "application/grpc", "application/json2", "", None])
def test_unknown_content_type(door, ids, content_type):
    with Raw(door.port) as raw:
        r = raw.send(post(otlp.traces(ids).SerializeToString(), content_type=content_type)).response()
        assert r.status == 415
        status_of(r.headers, r.body, r.headers["content-type"].split(";")[0], 3)


@pytest.mark.parametrize("coding", ["br", "compress", "gzip, gzip", "lz4"])
@pytest.mark.parametrize("content_type", TYPES)
def test_unknown_encoding(door, far, content_type, coding):
    status, headers, body = door.exchange(b"x", content_type=content_type, headers={"Content-Encoding": coding})
    assert status == 415
    status_of(headers, body, content_type, 3)
    nothing_arrived(far)


@pytest.mark.parametrize("coding", ["GZIP", "Gzip"])
def test_encoding_ignores_case(door, ids, coding):
    message = otlp.traces(ids)
    answer = door.exchange(gzip.compress(message.SerializeToString()), headers={"Content-Encoding": coding})
    assert answer[0] == 200
    door.book(message, answer)


# ---- 413

@pytest.mark.parametrize("content_type", TYPES)
def test_announced_too_large(door, content_type):
    """Refused before the body is read: the answer comes though not one byte of it was sent."""
    with Raw(door.port) as raw:
        r = raw.send(post(content_type=content_type, length=1024 * 1024 + 1)).response()
        assert r.status == 413
        status_of(r.headers, r.body, content_type, 8)


def test_too_large_while_sending(door, far):
    """The client that goes on sending still reads the 413, not a reset."""
    with Raw(door.port) as raw:
        raw.send(post(length=1024 * 1024 + 40_000))
        raw.send(b"x" * 60_000)
        assert raw.response().status == 413
    nothing_arrived(far)


def test_chunked_too_large(door, far):
    with Raw(door.port) as raw:
        raw.send(post(headers={"Transfer-Encoding": "chunked", "Content-Length": None}))
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        try:
            for _ in range(20):
                raw.send(chunk)
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert raw.response().status == 413
    nothing_arrived(far)


@pytest.mark.parametrize("size, status", [(1024 * 1024, 200), (1024 * 1024 + 1, 413)])
def test_limit_is_exact(door, ids, size, status):
    message = otlp.traces(ids, 1, size=1000)
    body = message.SerializeToString()
    pad = size - len(body)
    body += b"\x82\x7d" + _varint(pad - 5) + b"p" * (pad - 5)  # an unknown field of the request
    assert len(body) == size
    if status == 200:
        answer = door.exchange(body)
        assert answer[0] == status
        door.book(message, answer)
        return
    with Raw(door.port) as raw:
        try:
            raw.send(post(body))
        except (ConnectionResetError, BrokenPipeError):
            pass  # refused at its head: the server reads on for 64 KiB, not for all of it
        assert raw.response().status == status


def _varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_bomb(door, far, content_type, coding):
    """Inflates to 256 MiB: refused at the limit, without taking the memory."""
    before = door.memory()
    if coding == "zstd":
        body = zstandard.ZstdCompressor(level=3).compress(b"\0" * (256 << 20))
    elif coding == "gzip":
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        body = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(256)) + packer.flush()
    else:
        packer = zlib.compressobj(9)
        body = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(256)) + packer.flush()
    assert len(body) < 1 << 20
    for _ in range(3):
        status, headers, answer = door.exchange(body, content_type=content_type, headers={"Content-Encoding": coding})
        assert status == 413
        status_of(headers, answer, content_type, 8)
    if SLOW == 1:
        assert door.memory() - before < 24 << 20
    nothing_arrived(far)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_bomb_in_a_small_pool(weir, sink, ids, coding):
    """What cannot fit into all the memory there is, is too large: a 503 would make the client send it for ever."""
    far = sink()
    w = weir({"processors": {"memory_limiter": {"check_interval": "1s", "limit_mib": 32}},
              "exporters": {"otlp_http": {"endpoint": far.url}},
              "service": {"pipelines": {"traces": {"receivers": ["otlp"], "processors": ["memory_limiter"],
                                                   "exporters": ["otlp_http"]}}}})
    status, headers, answer = w.exchange(otlp.compress(b"\0" * (50 << 20), coding), headers={"Content-Encoding": coding})
    assert status == 413
    status_of(headers, answer, otlp.PB, 8)
    w.post(otlp.traces(ids))


# ---- 431, 408

@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("rest, status", [("X-Long: " + "a" * 70_000 + "\r\n\r\n", 431), ("X-Bad : 1\r\n\r\n", 400), ("", 408)])
def test_bad_head_is_answered_in_its_language(door, content_type, rest, status):
    with Raw(door.port) as raw:
        try:
            raw.send(f"POST /v1/traces HTTP/1.1\r\nHost: x\r\ncontent-type: {content_type}\r\n{rest}".encode())
        except (ConnectionResetError, BrokenPipeError):
            pass
        response = raw.response()
        assert response.status == status
        status_of(response.headers, response.body, content_type)
        assert raw.closed()


@pytest.mark.parametrize("head", ["X-Long: " + "a" * 70_000, "\r\n".join(f"X-{i}: v" for i in range(120)),
                                  "\r\n".join(f"X-{i}: " + "b" * 900 for i in range(90))])
def test_header_too_large(door, head):
    with Raw(door.port) as raw:
        try:
            raw.send(f"POST /v1/traces HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert raw.response().status == 431
        assert raw.closed()


@pytest.mark.parametrize("sent", [b"POST /v1/tra", b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n"])
def test_slow_header(door, sent):
    with Raw(door.port) as raw:
        raw.send(sent)
        begin = time.monotonic()
        assert raw.response().status == 408
        assert time.monotonic() - begin < 5 * SLOW
        assert raw.closed()


def test_slow_header_by_drops(door):
    """A byte now and then does not move the deadline: 1 s in all."""
    begin = time.monotonic()
    with Raw(door.port) as raw:
        try:
            for byte in b"POST /v1/traces HTTP/1.1\r\n" + b"X: y\r\n" * 20:
                raw.send(bytes([byte]))
                time.sleep(0.05 * SLOW)
                if time.monotonic() - begin > 6 * SLOW:
                    break
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert time.monotonic() - begin < 5 * SLOW


def test_slow_body(door, far):
    with Raw(door.port) as raw:
        raw.send(post(length=1000) + b"\n")
        r = raw.response()
        assert r.status == 408
        status_of(r.headers, r.body, otlp.PB)
        assert raw.closed()
    nothing_arrived(far)


# ---- 503

@pytest.mark.parametrize("content_type", TYPES)
def test_queue_full(weir, sink, ids, content_type):
    """A required destination whose queue is full: 503 with Retry-After, and no copy of what was refused."""
    far = sink(behave=lambda r: Answer(503))
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url, "sending_queue": {"queue_size": 5, "num_consumers": 1},
                                          "retry_on_failure": {"initial_interval": "100ms", "max_interval": "200ms"}}}})
    refused = []
    for _ in range(8):
        message = otlp.traces(ids, 2)
        answer = w.exchange(encoded(message, content_type), content_type=content_type)
        if answer[0] == 200:
            w.book(message, answer, encoding=content_type)
        else:
            refused.append(message)
            assert answer[0] == 503 and 1 <= int(answer[1]["retry-after"]) <= 60
            status_of(answer[1], answer[2], content_type, 14)
    assert len(refused) == 3
    m = w.scrape()
    assert m.value("otelcol_receiver_refused_spans") == 6
    assert m.value("otelcol_exporter_enqueue_failed_spans") == 6
    assert m.value("otelcol_exporter_queue_size") == m.value("otelcol_exporter_queue_capacity") == 5
    far.behave = []
    until(lambda: sum(far.span_ids().values()) >= 10, 15, "the accepted ones")
    w.at_rest()
    assert not far.span_ids() & otlp.span_ids(refused)
    assert max(far.span_ids().values()) == 1
    w.post(otlp.traces(ids))


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("limit", [{"queue_size": 10, "sizer": "items"}, {"queue_size": 1000, "sizer": "bytes"}], ids=["items", "bytes"])
def test_larger_than_the_queue(weir, sink, ids, content_type, limit):
    """What an empty queue has no room for is refused for good: a 503 would be sent again for ever. The next one is taken."""
    far = sink()
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url, "sending_queue": limit}}})
    for _ in range(2):
        status, headers, body = w.exchange(encoded(otlp.traces(ids, 50), content_type), content_type=content_type)
        assert status == 413 and "retry-after" not in headers, (status, body)
        assert "sending queue of otlp_http ever has room for" in status_of(headers, body, content_type, 8)
    sent = otlp.traces(ids, 2)
    w.post(sent)
    until(lambda: far.requests, 10, "the one that has room")
    assert far.span_ids() == otlp.span_ids([sent])
    m = w.scrape()
    assert m.value("weir_receiver_requests", receiver="otlp", outcome="too_large") == 2
    assert m.value("otelcol_receiver_refused_spans", receiver="otlp", transport="http") == 100


def test_draining(weir, sink, ids):
    """Between SIGTERM and the end a request on a connection that is open gets 503 or is not answered, and leaves no copy."""
    far = sink(behave=lambda r: Answer(delay=1.5 * SLOW))
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url}}, "service": {"drain_timeout": f"{10 * SLOW:g}s"}})
    w.post(otlp.traces(ids))
    until(lambda: far.requests, 10, "the first delivery under way")
    late = otlp.traces(ids)
    with Raw(w.port) as raw:
        half = post(late.SerializeToString())
        raw.send(half[:-5])
        time.sleep(0.3 * SLOW)
        w.conserve()
        w.signal(15)
        time.sleep(0.3 * SLOW)
        try:
            r = raw.send(half[-5:]).response()
            taken = r.status == 200
            if not taken:
                assert r.status == 503 and "retry-after" in r.headers
                assert r.headers["connection"] == "close"
        except ConnectionError:
            taken = False
    assert w.wait(30) == 0
    w.verdict()
    assert bool(otlp.span_ids([late]) & far.span_ids()) == taken


def test_draining_answers_idle_connections(weir, sink, ids):
    """A client that kept its connection reads 503 and Retry-After while the queue drains, not a reset."""
    asked = threading.Event()
    far = sink(behave=lambda r: Answer(gate=asked))
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url, "timeout": "60s"}}, "service": {"drain_timeout": "60s"}})
    with Raw(w.port) as raw:
        assert raw.send(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").response().status == 404
        w.post(otlp.traces(ids))
        until(lambda: far.requests, 10, "the delivery under way")
        w.conserve()
        w.signal(15)
        until(lambda: "draining" in w.log, 5, "the signal taken")
        r = raw.send(post(otlp.traces(ids).SerializeToString())).response()
        assert r.status == 503 and "retry-after" in r.headers and r.headers["connection"] == "close"
    asked.set()
    assert w.wait(30) == 0
    w.verdict()


# ---- the connection

def test_keep_alive_and_pipelining(door, far, ids):
    messages = [otlp.traces(ids) for _ in range(50)]
    with Raw(door.port) as raw:
        for m in messages[:10]:
            r = raw.send(post(m.SerializeToString())).response()
            assert r.status == 200 and r.headers.get("connection", "").lower() != "close"
        raw.send(b"".join(post(m.SerializeToString()) for m in messages[10:]))
        assert [raw.response().status for _ in messages[10:]] == [200] * 40
    door.sent["traces"] += 50
    until(lambda: sum(far.span_ids().values()) >= 50, 10, "all")
    otlp.same(otlp.items(messages), otlp.items(far.got()))


def test_answers_keep_their_order(door, ids):
    good = post(otlp.traces(ids).SerializeToString())
    with Raw(door.port) as raw:
        raw.send(good + post(b"\xff") + post(path="/nowhere") + good)
        assert [raw.response().status for _ in range(4)] == [200, 400, 404, 200]
    door.sent["traces"] += 2


def test_connection_close_and_http10(door, ids):
    body = otlp.traces(ids).SerializeToString()
    with Raw(door.port) as raw:
        r = raw.send(post(body, headers={"Connection": "close"})).response()
        assert r.status == 200 and r.headers["connection"] == "close" and raw.closed()
    with Raw(door.port) as raw:
        r = raw.send(post(otlp.traces(ids).SerializeToString()).replace(b"HTTP/1.1", b"HTTP/1.0")).response()
        assert r.status == 200 and raw.closed()
    door.sent["traces"] += 2


def test_expect_continue(door, ids):
    message = otlp.traces(ids)
    body = message.SerializeToString()
    with Raw(door.port) as raw:
        assert raw.send(post(length=len(body), headers={"Expect": "100-continue"})).response().status == 100
        assert raw.send(body).response().status == 200
    door.sent["traces"] += 1
    with Raw(door.port) as raw:  # refused without the 100: the body is never asked for
        r = raw.send(post(length=2 << 20, headers={"Expect": "100-continue"})).response()
        assert r.status == 413
    with Raw(door.port) as raw:
        assert raw.send(post(path="/nowhere", length=10, headers={"Expect": "100-continue"})).response().status == 404


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_chunked(door, far, ids, size):
    message = otlp.traces(ids, 2)
    body = message.SerializeToString()
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    with Raw(door.port) as raw:
        raw.send(post(headers={"Transfer-Encoding": "chunked", "Content-Length": None}))
        raw.send(b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n")
        assert raw.response().status == 200
        assert raw.send(post(b"")).response().status == 200
    door.sent["traces"] += 2
    until(lambda: far.got(), 10, "delivery")
    otlp.same(otlp.items([message]), otlp.items(far.got()))


SMUGGLING = {
    "both lengths": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
    "length list": b"Content-Length: 5, 5\r\n\r\nhello",
    "signed length": b"Content-Length: +5\r\n\r\nhello",
    "negative length": b"Content-Length: -1\r\n\r\n",
    "hex length": b"Content-Length: 0x5\r\n\r\nhello",
    "length too long": b"Content-Length: 99999999999999999999\r\n\r\n",
    "empty length": b"Content-Length: \r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "bare line feed": b"X: y\nContent-Length: 0\r\n\r\n",
    "bare carriage return": b"X: y\rz\r\nContent-Length: 0\r\n\r\n",
    "folded line": b"X: y\r\n z\r\nContent-Length: 0\r\n\r\n",
    "space before colon": b"Content-Length : 0\r\n\r\n",
    "leading space": b" X: y\r\nContent-Length: 0\r\n\r\n",
    "nul": b"X: y\0z\r\nContent-Length: 0\r\n\r\n",
    "no name": b": y\r\nContent-Length: 0\r\n\r\n",
    "no colon": b"Xy\r\nContent-Length: 0\r\n\r\n",
    "bad chunk size": b"Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
    "signed chunk": b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
    "hex chunk": b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "huge chunk": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    "chunk line feed": b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    "chunk without end": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX0\r\n\r\n",
    "no host": None,
}


@pytest.mark.parametrize("case", SMUGGLING)
def test_doubtful_framing(door, far, ids, case):
    """Any doubt about where a message ends: 400 and close. What follows is never taken for a request."""
    second = post(otlp.traces(ids).SerializeToString())
    first = SMUGGLING[case]
    head = b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n"
    whole = head + (b"Host: localhost\r\n" + first if first else b"Content-Length: 0\r\n\r\n") + second
    with Raw(door.port) as raw:
        raw.send(whole)
        assert raw.response().status == 400
        assert raw.closed()
    nothing_arrived(far)
    with Raw(door.port) as raw:  # the same byte by byte
        try:
            for i in range(min(len(whole), 400)):
                raw.send(whole[i:i + 1])
        except (ConnectionResetError, BrokenPipeError):
            pass
        try:
            assert raw.response().status == 400
        except ConnectionError:
            pass
    nothing_arrived(far)


def test_disconnect_inside_body(door, far, ids):
    for cut in (1, 50, 100):
        with Raw(door.port) as raw:
            raw.send(post(otlp.traces(ids).SerializeToString())[:-cut])
    message = otlp.traces(ids)
    door.post(message)
    until(lambda: far.got(), 10, "delivery")
    otlp.same(otlp.items([message]), otlp.items(far.got()))


def test_extra_paths_and_traces_url_path(weir, sink, ids):
    far = sink()
    w = weir({"receivers": {"otlp": {"protocols": {"http": {
        "traces_url_path": "/in/traces", "extra_traces_url_paths": ["/api/v2/traces", "/api/ingest/otlp/v1/traces"]}}}},
        "exporters": {"otlp_http": {"endpoint": far.url}}})
    for path in ("/in/traces", "/api/v2/traces", "/api/ingest/otlp/v1/traces"):
        message = otlp.traces(ids)
        answer = w.exchange(message.SerializeToString(), path)
        assert answer[0] == 200, path
        w.book(message, answer)
    assert w.exchange(b"", "/v1/traces")[0] == 404


def test_cors(weir, sink):
    w = weir({"receivers": {"otlp": {"protocols": {"http": {"cors": {"allowed_origins": ["https://*.example.com"],
                                                                     "allowed_headers": ["X-Api"], "max_age": 7200}}}}},
              "exporters": {"otlp_http": {"endpoint": sink().url}}})
    ask = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST",
           "Access-Control-Request-Headers": "content-type,x-api"}
    status, headers, _ = w.exchange(b"", method="OPTIONS", headers=ask)
    assert status in (200, 204)
    assert headers["access-control-allow-origin"] == "https://app.example.com"
    assert "POST" in headers["access-control-allow-methods"] and headers["access-control-max-age"] == "7200"
    assert w.exchange(b"", headers={"Origin": "https://app.example.com"})[1]["access-control-allow-origin"] == ask["Origin"]
    assert "access-control-allow-origin" not in w.exchange(b"", headers={"Origin": "https://evil.test"})[1]


def test_metrics_count_what_was_refused(door):
    door.exchange(b"\xff")
    door.exchange(b"", "/nowhere")
    with Raw(door.port) as raw:
        assert raw.send(post(length=2_000_000)).response().status == 413
    with Raw(door.port) as raw:
        raw.send(b"nonsense\r\n\r\n").response()
    text = "\n".join(f"{name}{dict(labels)}={value}" for (name, labels), value in door.scrape().items())
    for outcome in ("malformed", "unsupported", "too_large", "protocol"):
        assert outcome in text, text
