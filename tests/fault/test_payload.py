"""Bodies that are sound HTTP and hostile OTLP: cases 91 to 102. The oracle is google.protobuf, at both ends: what it cannot read must not
be accepted, and the sink reads whatever leaves with it. (CASES.md: what the unit tests and fuzz targets do for the same cases.)
"""
import base64
import json
import random
import struct

import pytest
from google.protobuf.message import DecodeError

from raw import MiB, SANITIZED, Raw, cpu, door, ids, nothing_arrived, otlp, pool_used, post, serves, sink, until, weir
from rig.process import rejected


def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, wire, payload=b""):
    return varint(number << 3 | wire) + payload


def message(number, payload):
    return field(number, 2, varint(len(payload)) + payload)


def request(*spans, resource=b"", scope=b""):
    """An Export request by hand, from the bytes of its spans."""
    ss = (message(1, scope) if scope else b"") + b"".join(message(2, s) for s in spans)
    return message(1, (message(1, resource) if resource else b"") + message(2, ss))


def span(ids, extra=b"", name=b"s"):
    trace_id, span_id, _ = ids.span()
    return message(1, trace_id) + message(2, span_id) + message(5, name) + extra


def attribute(value, key=b"k"):
    return message(9, message(1, key) + message(2, value))


class Sender:
    """Sends bodies on one connection and books what was taken of them."""

    def __init__(self, w):
        self.w = w
        self.raw = Raw(w.port, timeout=30)

    def __call__(self, body, spans=0, content_type=otlp.PB):
        r = self.raw.send(post(body, content_type=content_type)).response()
        refused = rejected(r.body, encoding=content_type) if r.status == 200 else None
        if r.status == 200:
            self.w.sent["traces"] += spans - refused
        return r.status, refused

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()


# ---- 91, 93: protobuf

def test_91_prefixes_and_bit_flips(weir, sink, ids):
    """Every prefix and 4,000 single-bit flips of one request through the door: accepted and refused as protobuf says, one by one.
    (All flips of the corpus: tests/unit/lib/otlp/test_flips.c.)"""
    far = sink()
    w = door(weir, far)
    w.exact = False
    body = otlp.traces(ids, 2, attributes={"i": -1, "d": 0.5, "l": [1, "x"], "m": {"b": b"\xff"}}).SerializeToString()
    cases = [body[:n] for n in range(len(body))]
    for bit in random.Random(91).sample(range(len(body) * 8), min(4000, len(body) * 8)):
        flipped = bytearray(body)
        flipped[bit // 8] ^= 1 << bit % 8
        cases.append(bytes(flipped))
    wrong, accepted = [], 0
    with Sender(w) as send:
        for case in cases:
            status, _ = send(case)
            for _ in range(1000):  # the sink is slower than the sender: a full queue
                if status != 503:
                    break
                status, _ = send(case)
            assert status in (200, 400)
            sound = readable(case)
            if status == 200 and sound is False or status == 400 and sound and not stricter(case):
                wrong.append(case.hex())
            accepted += status == 200
    assert not wrong, f"{len(wrong)} of {len(cases)} judged otherwise than protobuf: {wrong[:3]}"
    assert 500 < accepted < len(cases) - 500
    until(lambda: not w.scrape().value("weir_exporter_spans", outcome="queued"), 20, "all delivered")
    serves(w, ids, far)


def readable(body):
    """None: there is broken text, where protobuf stops and weir goes on."""
    try:
        otlp.REQUEST["traces"].FromString(body)
        return True
    except DecodeError as e:
        return None if "utf-8" in str(e).lower() else False


def stricter(body, descriptor=otlp.REQUEST["traces"].DESCRIPTOR):
    """Sound protobuf that is refused all the same, as documented: a known field with another wire type than its own, a number
    of more than 64 bits."""
    types = {1: 1, 6: 1, 16: 1, 2: 5, 7: 5, 15: 5, 9: 2, 11: 2, 12: 2}
    try:
        for number, wire, value in fields(body):
            f = descriptor.fields_by_number.get(number)
            if f and (wire != types.get(f.type, 0) or f.message_type and stricter(value, f.message_type)):
                return True
    except OverflowError:
        return True
    return False


def fields(data):
    """(number, wire type, payload) of each field outside of groups."""
    at, depth = 0, 0

    def take():
        nonlocal at
        n = shift = 0
        while True:
            n |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if n >> 64:
                raise OverflowError
            if data[at - 1] < 0x80:
                return n
    while at < len(data):
        tag = take()
        number, wire, value = tag >> 3, tag & 7, b""
        if wire in (3, 4):
            depth += 1 if wire == 3 else -1
        elif wire == 0:
            take()
        else:
            n = {1: 8, 5: 4}.get(wire) or take()
            value = data[at:at + n]
            at += n
        if not depth or (wire == 3 and depth == 1):
            yield number, wire, value


WIRE = {  # what it is: bytes behind a span's name, and whether it is taken
    "unknown group": (field(20, 3) + field(1, 0, b"\1") + field(20, 4), True),
    "groups 60 deep": (b"".join(field(20, 3) for _ in range(60)) + b"".join(field(20, 4) for _ in range(60)), True),
    "group not ended": (field(20, 3), False),
    "group ended by another": (field(20, 3) + field(21, 4), False),
    "end of a group that never began": (field(20, 4), False),
    "field 0": (b"\0\0", False),
    "field 2^29 - 1": (field((1 << 29) - 1, 0, b"\1"), True),
    "field 2^29": (varint(1 << 32) + b"\1", False),
    "wire type 6": (field(20, 6), False),
    "wire type 7": (field(20, 7), False),
    "varint of 10 bytes": (field(20, 0, b"\xff" * 9 + b"\1"), True),
    "varint of 11 bytes": (field(20, 0, b"\xff" * 10 + b"\1"), False),
    "varint without end": (field(20, 0, b"\xff"), False),
    "length beyond the end": (field(20, 2, varint(1000)), False),
    "length of 2^63": (field(20, 2, varint(1 << 63)), False),
    "length of 2^64 - 1": (field(20, 2, varint((1 << 64) - 1)), False),
    "negative kind": (field(6, 0, varint((1 << 64) - 1)), True),
    "kind 99": (field(6, 0, varint(99)), True),
    "name twice": (message(5, b"last"), True),
    "status twice": (message(15, message(2, b"a")) + message(15, field(3, 0, b"\2")), True),
    "name as a number": (field(5, 0, b"\5"), False),
    "start as a varint": (field(7, 0, b"\5"), False),
    "fixed64 cut": (field(7, 1, b"\1\2\3"), False),
    "unknown fixed32": (field(30, 5, b"\1\2\3\4"), True),
    "empty attribute": (message(9, b""), True),
    "value of two kinds": (attribute(message(1, b"text") + field(3, 0, b"\5")), True),
    "padded tag": (b"\xaa\x80\x00" + b"\1x", True),
    "1,000 unknown fields": (b"".join(field(1000 + i, 0, b"\1") for i in range(1000)), True),
}


@pytest.fixture(scope="module")
def run_of_ids():
    return otlp.Ids()


def test_93_wire_rules(weir, sink, ids):
    """Each oddity in the second of three spans: all three or none, as protobuf does, and what is forwarded reads the same."""
    far = sink()
    w = door(weir, far)
    with Sender(w) as send:
        for what, (extra, sound) in WIRE.items():
            body = request(span(ids), span(ids, extra), span(ids))
            assert (readable(body) and not stricter(body)) == sound, f"{what}: the table is wrong"
            far.requests.clear()
            assert send(body, 3) == ((200, 0) if sound else (400, None)), what
            if sound:
                until(lambda: far.got(), 10, what)
                otlp.same(otlp.items([otlp.REQUEST["traces"].FromString(body)]), otlp.items(far.got()))
    serves(w, ids)


def test_93_a_million_unknown_fields(weir, sink, ids):
    """Kept, in time that grows with their number."""
    far = sink()
    w = door(weir, far)
    serves(w, ids, far)
    far.requests.clear()
    begin = cpu(w)
    body = request(span(ids, field(1000, 0, b"\1") * 1_000_000))
    with Sender(w) as send:
        assert send(body, 1) == (200, 0)
    until(lambda: far.got(), 20, "delivery")
    assert far.requests[0].body.count(field(1000, 0, b"\1")) >= 1_000_000
    if not SANITIZED:
        assert cpu(w) - begin < 1


# ---- 92: nesting

def nested_value(levels, kvlist=False):
    """AnyValue with `levels` lists around a number. Built from the inside by its length alone: 200,000 levels take no recursion."""
    heads, size = [], 2
    for _ in range(levels):
        inner = b"\x12" + varint(size) if kvlist else b""  # KeyValue.value
        size += len(inner)
        mid = b"\x0a" + varint(size)  # ArrayValue.values, KeyValueList.values
        size += len(mid)
        outer = (b"\x32" if kvlist else b"\x2a") + varint(size)  # AnyValue.kvlist_value, array_value
        size += len(outer)
        heads.append(outer + mid + inner)
    return b"".join(reversed(heads)) + b"\x18\x05"


@pytest.mark.parametrize("kvlist", [False, True])
def test_92_nesting(weir, shared, ids, kvlist):
    """Up to 64 levels (the innermost value counts) pass; a deeper span is refused alone, and no stack grows with the depth."""
    w, far = shared
    with Sender(w) as send:
        for levels in (1, 25):  # google.protobuf itself reads 100 messages inside each other, which is 30 maps
            far.requests.clear()
            assert send(request(span(ids), span(ids, attribute(nested_value(levels, kvlist))), span(ids)), 3) == (200, 0)
            until(lambda: sum(far.span_ids().values()) == 3, 10, "delivery")
    deep = door(weir)
    with Sender(deep) as send:
        for levels, refused in ((62, 0), (63, 0), (64, 1), (65, 1), (1000, 1), (200_000, 1)):
            body = request(span(ids), span(ids, attribute(nested_value(levels, kvlist))), span(ids))
            assert send(body, 3) == (200, refused), levels


@pytest.mark.parametrize("levels, status", [(20, 200), (1000, 400), (200_000, 400)])
def test_92_nesting_of_json(shared, ids, levels, status):
    w, _ = shared
    text = otlp.to_json(otlp.traces(ids, 1, attributes={"deep": "DEEP"})).decode()
    deep = '{"arrayValue":{"values":[' * levels + '{"intValue":1}' + "]}}" * levels
    with Sender(w) as send:
        assert send(text.replace('{"stringValue": "DEEP"}', deep).encode(), 1, otlp.JSON)[0] == status
        assert send(b"[" * levels, 0, otlp.JSON)[0] == 400
        assert send(b'{"a":' * levels, 0, otlp.JSON)[0] == 400


@pytest.fixture
def shared(weir, sink):
    far = sink()
    return door(weir, far), far


# ---- 94 to 97

def test_94_empty_envelopes(shared):
    w, far = shared
    bodies = [b"", message(1, b""), message(1, message(1, b"")), message(1, message(2, b"")), request(), message(1, message(2, message(1, b""))),
              message(1, message(3, b"schema")), b"\x0a\0" * 10_000]
    with Sender(w) as send:
        for body in bodies:
            assert send(body) == (200, 0), body[:20]
        for text in (b"{}", b'{"resourceSpans":[]}', b'{"resourceSpans":[{}]}', b'{"resourceSpans":[{"scopeSpans":[{}]}]}',
                     b'{"resourceSpans":[{"scopeSpans":[{"spans":[]}]}]}', b'{"resourceSpans":null}'):
            assert send(text, 0, otlp.JSON) == (200, 0), text
    nothing_arrived(far)


BAD_TEXT = {"overlong": b"\xc0\xaf", "surrogate": b"\xed\xa0\x80", "cut": b"\xe2\x82", "0xFF": b"\xff", "beyond": b"\xf4\x90\x80\x80",
            "lone continuation": b"a\x80b"}
PLACES = {
    "name": lambda ids, t: request(span(ids, name=t)),
    "trace state": lambda ids, t: request(span(ids, message(3, t))),
    "status": lambda ids, t: request(span(ids, message(15, message(2, t)))),
    "key": lambda ids, t: request(span(ids, attribute(field(3, 0, b"\1"), t))),
    "value": lambda ids, t: request(span(ids, attribute(message(1, t)))),
    "value in a list": lambda ids, t: request(span(ids, attribute(message(5, message(1, message(1, t)))))),
    "key in a map": lambda ids, t: request(span(ids, attribute(message(6, message(1, message(1, t)))))),
    "event": lambda ids, t: request(span(ids, message(11, message(2, t)))),
    "event attribute": lambda ids, t: request(span(ids, message(11, message(3, message(1, t))))),
    "link state": lambda ids, t: request(span(ids, message(13, message(1, b"1" * 16) + message(2, b"2" * 8) + message(3, t)))),
    "scope": lambda ids, t: request(span(ids), scope=message(1, t)),
    "scope version": lambda ids, t: request(span(ids), scope=message(2, t)),
    "resource": lambda ids, t: request(span(ids), resource=message(1, message(1, b"k") + message(2, message(1, t)))),
    "schema": lambda ids, t: message(1, message(2, message(2, span(ids))) + message(3, t)),
}


def test_95_invalid_utf8(shared, ids):
    """In every string field: replaced and counted, and the sink, which is strict, reads the batch."""
    w, far = shared
    n = 0
    with Sender(w) as send:
        for place, build in PLACES.items():
            for kind, text in BAD_TEXT.items():
                body = build(ids, b"<" + text + b">")
                assert not strict(body), f"{place}, {kind}: protobuf reads it"
                assert send(body, 1) == (200, 0), (place, kind)
                n += 1
            assert send(build(ids, b"a\0b"), 1) == (200, 0), f"{place}: U+0000 is text"
            n += 1
    until(lambda: sum(far.span_ids().values()) == n, 10, "all delivered")
    sent = b"".join(r.body for r in far.requests)
    assert sent.count("\ufffd".encode()) >= n - len(PLACES)
    assert sent.count(b"a\0b") == len(PLACES)


def strict(body):
    try:
        otlp.REQUEST["traces"].FromString(body)
        return True
    except DecodeError:
        return False


def test_96_ids(shared, ids):
    """Missing, zero and of every wrong length: refused alone and counted exactly, in both encodings. Parents and links may be odd."""
    w, far = shared
    spans, good = [], 0
    for n in (0, 1, 7, 8, 9, 15, 16, 17, 32):
        for m in (0, 1, 7, 8, 9, 16):
            spans.append((b"\x11" * n, b"\x22" * m))
            good += n == 16 and m == 8
    spans += [(b"\0" * 16, b"1" * 8), (b"1" * 16, b"\0" * 8)]
    with Sender(w) as send:
        body = request(*(message(1, t) + message(2, s) + message(5, b"n") for t, s in spans))
        assert send(body, len(spans)) == (200, len(spans) - good)
        text = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": t.hex(), "spanId": s.hex(), "name": "n"} for t, s in spans]}]}]}
        assert send(json.dumps(text).encode(), len(spans), otlp.JSON) == (200, len(spans) - good)
        t, s, _ = ids.span()
        odd = [message(1, t) + message(2, s) + message(4, s),  # its own parent
               message(1, t) + message(2, s), message(1, t) + message(2, s)]  # the same twice more
        assert send(request(*odd), 3) == (200, 0)
    until(lambda: sum(far.span_ids().values()) == 2 * good + 3, 10, "the sound ones delivered")


def test_97_times(shared, ids):
    """Zero, the greatest, end before start: passed unchanged. 1e30 and the like in JSON: 400 or nearest, never another time."""
    w, far = shared
    sent = []
    with Sender(w) as send:
        for start, end in ((0, 0), (0, 2**64 - 1), (2**64 - 1, 0), (5, 4), (1, 2**63)):
            m = otlp.traces(ids)
            one = m.resource_spans[0].scope_spans[0].spans[0]
            one.start_time_unix_nano, one.end_time_unix_nano = start, end
            sent += [m, m]
            assert send(m.SerializeToString(), 1) == (200, 0)
            assert send(otlp.to_json(m), 1, otlp.JSON) == (200, 0)
        text = otlp.to_json(otlp.traces(ids)).decode()
        start = json.loads(text)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["startTimeUnixNano"]
        for value in ("1e30", "-1", '"-1"', '"1e30"', "18446744073709551616", '"18446744073709551616"', "1.5", "NaN", '""', '" 1"', "true"):
            assert send(text.replace(f'"{start}"', value).encode(), 1, otlp.JSON)[0] == 400, value
    until(lambda: sum(far.span_ids().values()) == len(sent), 10, "delivery")
    otlp.same(otlp.items(sent), otlp.items(far.got()))


# ---- 98: size

def test_98_time_is_linear(weir, ids):
    """Twice the spans, attributes or equal keys: about twice the work. One string as long as a body may be."""
    w = door(weir, http={"max_request_body_size": 64 * MiB})
    serves(w, ids)
    one = span(ids)
    attributes = {
        "tiny spans": lambda n: request(*[one] * n),
        "attributes of a span": lambda n: request(span(ids, b"".join(attribute(b"\x18\1", b"%06d" % i) for i in range(n)))),
        "equal keys": lambda n: request(span(ids, attribute(b"\x18\1") * n)),
        "events": lambda n: request(span(ids, message(11, message(2, b"e")) * n)),
        "resources": lambda n: request(one) * n,
        "keys of a map": lambda n: request(span(ids, attribute(message(6, message(1, message(1, b"k")) * n)))),
    }
    for what, build in attributes.items():
        small, large = build(200_000), build(400_000)
        spent = []
        for body, n in ((small, 200_000), (large, 400_000)):
            n = n if what in ("tiny spans", "resources") else 1
            before = cpu(w)
            for _ in range(3):
                with Sender(w) as send:
                    assert send(body, n) == (200, 0), what
            spent.append(cpu(w) - before)
        if not SANITIZED:
            assert spent[1] < 2.3 * spent[0] + 0.1, (what, spent)
            assert spent[1] < 3, (what, spent)
    room = 64 * MiB - len(request(span(ids, attribute(message(1, b"")))))
    longest = request(span(ids, attribute(message(1, b"a" * (room - 40)))))
    assert 64 * MiB - 60 < len(longest) <= 64 * MiB
    with Sender(w) as send:
        assert send(longest, 1) == (200, 0)
    until(lambda: pool_used(w) < MiB, 10, "tokens back")


# ---- 99 to 102

JSON_RULES = {  # member of a span: what arrives, or None for 400
    '"name":"n"': ("name", "n"), '"traceId":"ABCDEF0102030405060708090A0B0C0D"': ("trace_id", bytes.fromhex("ABCDEF0102030405060708090A0B0C0D")),
    '"traceId":"abcdef0102030405060708090a0b0c0d"': ("trace_id", bytes.fromhex("abcdef0102030405060708090a0b0c0d")),
    '"kind":3': ("kind", 3), '"kind":"SPAN_KIND_CLIENT"': ("kind", 3), '"kind":"NO_KIND"': None, '"kind":3.0': ("kind", 3),
    '"startTimeUnixNano":"17"': ("start_time_unix_nano", 17), '"startTimeUnixNano":17': ("start_time_unix_nano", 17),
    '"startTimeUnixNano":1.7e1': ("start_time_unix_nano", 17), '"start_time_unix_nano":"17"': ("start_time_unix_nano", 17),
    '"unknownMember":{"a":[1,{}]}': ("name", ""), '"name":null': ("name", ""), '"name":5': None, '"attributes":{}': None,
    '"name":"\\ud800"': ("name", "\ufffd"), '"name":"\\ud83d\\ude00"': ("name", "\U0001f600"), '"name":"a\\u0000b"': ("name", "a\0b"),
    '"droppedAttributesCount":4294967295': ("dropped_attributes_count", 2**32 - 1), '"droppedAttributesCount":4294967296': None,
    '"droppedAttributesCount":-1': None, '"flags":NaN': None, '"name":\'n\'': None, '"name":"n",': None, '"name":"a\tb"': None,
    '"name":"a","name":"b"': ("name", "b"),
}


def test_100_json_rules(shared):
    """OTLP/JSON as its specification says: ids in hex of any case, integers as text or number, enums as numbers, unknown members
    passed over; more leniently also base names of enums and snake_case, as protobuf's own mapping."""
    w, far = shared
    with Sender(w) as send:
        for member, expected in JSON_RULES.items():
            ident = "" if "traceId" in member else '"traceId":"11111111111111111111111111111111",'
            text = '{"resourceSpans":[{"scopeSpans":[{"spans":[{%s"spanId":"2222222222222222",%s}]}]}]}' % (ident, member)
            far.requests.clear()
            status, refused = send(text.encode(), 1, otlp.JSON)
            assert (status, refused) == ((200, 0) if expected else (400, None)), member
            if expected:
                until(lambda: far.got(), 10, member)
                assert getattr(otlp.leaves(far.got())[0], expected[0]) == expected[1], member
        base = base64.b64encode(b"1" * 16).decode()
        text = '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"2222222222222222"}]}]}]}' % base
        status, refused = send(text.encode(), 1, otlp.JSON)
        assert status == 400 or refused == 1  # ids are hex; base64 is not
        assert send(b"\xef\xbb\xbf{}", 0, otlp.JSON)[0] in (200, 400)
        assert send('{"resourceSpans":[]}'.encode("utf-16"), 0, otlp.JSON)[0] == 400


def test_102_passthrough(shared, ids):
    """Without a processor what leaves has the bytes that came: unknown fields, order of fields, flags, trace state, schema."""
    w, far = shared
    odd = (message(9, message(2, b"\x18\1") + message(1, b"value first")) + field(16, 5, struct.pack("<I", 0x101)) + message(3, b"k=v") +
           message(1000, b"unknown") + field(20, 3) + field(1, 0, b"\1") + field(20, 4))
    bodies = [request(span(ids, odd)) + message(77, b"of the request"),
              message(1, message(3, b"https://schema") + message(2, message(2, span(ids, odd)) + message(1, message(1, b"scope"))) +
                      message(1, message(1, attribute(b"\x10\1")[2:])) + message(99, b"?"))]
    with Sender(w) as send:
        for body in bodies:
            far.requests.clear()
            assert send(body, 1) == (200, 0)
            until(lambda: far.got(), 10, "delivery")
            assert far.requests[0].body == body
