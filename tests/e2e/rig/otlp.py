"""OTLP messages for the tests: making them, reading them in every form they come back in, comparing them.

Comparing is by items: a span (log record, metric) with the resource and scope it stands under, each as canonical bytes. So
joining, splitting and reordering of requests do not matter, and everything else does, unknown fields included.
"""
import base64
import collections
import difflib
import gzip
import itertools
import json
import os
import struct
import zlib

import zstandard
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest, ExportMetricsServiceResponse)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest, ExportTraceServiceResponse)
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

PB, JSON = "application/x-protobuf", "application/json"
REQUEST = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest, "metrics": ExportMetricsServiceRequest}
RESPONSE = {"traces": ExportTraceServiceResponse, "logs": ExportLogsServiceResponse,
            "metrics": ExportMetricsServiceResponse}
_LAYERS = {"traces": ("resource_spans", "scope_spans", "spans"),
           "logs": ("resource_logs", "scope_logs", "log_records"),
           "metrics": ("resource_metrics", "scope_metrics", "metrics")}
T0 = 1_760_000_000_000_000_000


class Ids:
    """Issues unique spans. What a span carries follows from its id, so a damaged or foreign one is seen."""

    def __init__(self):
        self.run = os.urandom(8)
        self._seq = itertools.count(1)

    def span(self, size=40):
        n = next(self._seq)
        return self.run + struct.pack(">Q", n), struct.pack(">Q", n), f"{n:x}-" * (size // 4 + 1)


def fill(attributes, values):
    for key, value in values.items():
        attributes.add(key=key).value.CopyFrom(any_value(value))


def any_value(value):
    v = common_pb2.AnyValue()
    if isinstance(value, bool):
        v.bool_value = value
    elif isinstance(value, int):
        v.int_value = value
    elif isinstance(value, float):
        v.double_value = value
    elif isinstance(value, str):
        v.string_value = value
    elif isinstance(value, bytes):
        v.bytes_value = value
    elif isinstance(value, (list, tuple)):
        v.array_value.SetInParent()
        v.array_value.values.extend(any_value(x) for x in value)
    elif isinstance(value, dict):
        v.kvlist_value.SetInParent()
        fill(v.kvlist_value.values, value)
    return v


def traces(ids, n=1, service="e2e", attributes=None, size=40, resource=None):
    """A request of n spans under one resource and scope."""
    request = ExportTraceServiceRequest()
    rs = request.resource_spans.add()
    fill(rs.resource.attributes, {"service.name": service, **(resource or {})})
    ss = rs.scope_spans.add()
    ss.scope.name, ss.scope.version = "e2e", "1"
    for i in range(n):
        trace_id, span_id, text = ids.span(size)
        span = ss.spans.add(trace_id=trace_id, span_id=span_id, name=f"span {i}", kind=3,
                            start_time_unix_nano=T0 + i, end_time_unix_nano=T0 + i + 1_000_000)
        fill(span.attributes, {"e2e.text": text, **(attributes or {})})
    return request


def logs(n=1, service="e2e"):
    request = ExportLogsServiceRequest()
    rl = request.resource_logs.add(schema_url="https://opentelemetry.io/schemas/1.37.0")
    fill(rl.resource.attributes, {"service.name": service})
    sl = rl.scope_logs.add()
    sl.scope.name = "e2e"
    for i in range(n):
        record = sl.log_records.add(time_unix_nano=T0 + i, observed_time_unix_nano=T0 + i, severity_number=9,
                                    severity_text="INFO", trace_id=os.urandom(16), span_id=os.urandom(8), flags=1,
                                    event_name="e2e.event", dropped_attributes_count=2)
        record.body.CopyFrom(any_value({"text": f"record {i}", "n": i, "list": [1, "a", b"\x00\xff"]}))
        fill(record.attributes, {"i": i, "pi": 3.25})
    return request


def metrics(n=1, service="e2e"):
    """n metrics, one data point each, of all five kinds in turn."""
    request = ExportMetricsServiceRequest()
    rm = request.resource_metrics.add()
    fill(rm.resource.attributes, {"service.name": service})
    sm = rm.scope_metrics.add()
    sm.scope.name = "e2e"
    for i in range(n):
        metric = sm.metrics.add(name=f"metric.{os.urandom(6).hex()}", description="d", unit="1")
        when = {"start_time_unix_nano": T0, "time_unix_nano": T0 + i}
        kind = i % 5
        if kind == 0:
            p = metric.gauge.data_points.add(as_double=1.5, **when)
        elif kind == 1:
            metric.sum.aggregation_temporality, metric.sum.is_monotonic = 2, True
            p = metric.sum.data_points.add(as_int=-7, **when)
            p.exemplars.add(time_unix_nano=T0, as_int=3, span_id=os.urandom(8), trace_id=os.urandom(16))
        elif kind == 2:
            metric.histogram.aggregation_temporality = 1
            p = metric.histogram.data_points.add(count=3, sum=6.5, min=0.5, max=4, bucket_counts=[1, 0, 2],
                                                 explicit_bounds=[1, 2], **when)
        elif kind == 3:
            metric.exponential_histogram.aggregation_temporality = 2
            p = metric.exponential_histogram.data_points.add(count=5, sum=9, scale=-2, zero_count=1, **when)
            p.positive.offset = -3
            p.positive.bucket_counts.extend([1, 2, 300])
            p.negative.bucket_counts.extend([1])
        else:
            p = metric.summary.data_points.add(count=2, sum=3, **when)
            p.quantile_values.add(quantile=0.5, value=1)
        fill(p.attributes, {"i": i})
    return request


def to_json(request, signal="traces"):
    """OTLP/JSON bytes: the protobuf mapping, with ids in hex and enums as integers."""
    tree = json_format.MessageToDict(request, use_integers_for_enums=True)
    return json.dumps(_ids(tree, lambda v: base64.b64decode(v).hex()), ensure_ascii=False).encode()


def from_json(text, signal="traces"):
    """A message from OTLP/JSON; a field that the schema does not have is an error (the output side is strict)."""
    tree = json.loads(text, parse_int=lambda digits: -0.0 if digits == "-0" else int(digits))
    return json_format.ParseDict(_ids(tree, lambda v: base64.b64encode(bytes.fromhex(v)).decode()), REQUEST[signal]())


def _ids(node, convert):
    if isinstance(node, dict):
        return {k: convert(v) if k in ("traceId", "spanId", "parentSpanId") and isinstance(v, str) else _ids(v, convert)
                for k, v in node.items()}
    if isinstance(node, list):
        return [_ids(v, convert) for v in node]
    return node


def parse(body, content_type, signal="traces"):
    if content_type.split(";")[0].strip().lower() == JSON:
        return from_json(body, signal)
    return REQUEST[signal].FromString(body)


def compress(body, coding):
    return {"": lambda b: b, "identity": lambda b: b, "gzip": lambda b: gzip.compress(b, 1), "deflate": zlib.compress,
            "zstd": lambda b: zstandard.ZstdCompressor(write_checksum=True).compress(b)}[coding](body)


def decompress(body, coding):
    return {"": lambda b: b, "identity": lambda b: b, "gzip": gzip.decompress, "deflate": zlib.decompress,
            "zstd": lambda b: zstandard.ZstdDecompressor().decompressobj().decompress(b)}[coding](body)


def items(requests, signal="traces"):
    """Counter of (resource, resource schema, scope, scope schema, item) in canonical bytes."""
    resources, scopes, leaves = _LAYERS[signal]
    out = collections.Counter()
    for request in requests:
        for r in getattr(request, resources):
            rb = _canonical(r.resource)
            for s in getattr(r, scopes):
                sb = _canonical(s.scope)
                for item in getattr(s, leaves):
                    out[(rb, r.schema_url, sb, s.schema_url, _canonical(item))] += 1
    return out


def _canonical(message):
    return message.SerializeToString(deterministic=True)


def as_collector(requests, signal="traces"):
    """What the Collector itself changes: every span gets a status."""
    changed = [type(r).FromString(r.SerializeToString()) for r in requests]
    for span in leaves(changed, signal) if signal == "traces" else ():
        span.status.SetInParent()
    return changed


def leaves(requests, signal="traces"):
    resources, scopes, names = _LAYERS[signal]
    return [i for q in requests for r in getattr(q, resources) for s in getattr(r, scopes) for i in getattr(s, names)]


def count(request, signal="traces"):
    """Items as weir and the Collector count them: spans, log records, data points."""
    found = leaves([request], signal)
    if signal != "metrics":
        return len(found)
    return sum(len(getattr(m, m.WhichOneof("data")).data_points) for m in found if m.WhichOneof("data"))


def span_ids(requests):
    return collections.Counter(s.trace_id + s.span_id for s in leaves(requests))


def explain(expected, got, signal="traces"):
    """What differs, readable: the first missing item against the unexpected one that is most like it."""
    missing, unexpected = expected - got, got - expected
    text = f"{sum(missing.values())} missing, {sum(unexpected.values())} unexpected"
    if missing:
        one = _text(next(iter(missing)), signal)
        others = [_text(i, signal) for i in list(unexpected)[:50]]
        like = max(others, key=lambda o: len(set(o) & set(one)), default=[])
        text += "\n" + "\n".join(difflib.unified_diff(one, like, "missing", "unexpected", "", "", 2))
    elif unexpected:
        text += "\n" + "\n".join(_text(next(iter(unexpected)), signal))
    return text


def _text(item, signal):
    """The lines of one item."""
    leaf = {"traces": trace_pb2.Span, "logs": logs_pb2.LogRecord, "metrics": metrics_pb2.Metric}[signal]
    r, r_schema, s, s_schema, i = item
    return (f"resource schema {r_schema!r}\n{resource_pb2.Resource.FromString(r)}scope schema {s_schema!r}\n"
            f"{common_pb2.InstrumentationScope.FromString(s)}{leaf.FromString(i)}").splitlines()


def same(expected, got, signal="traces"):
    """Asserts that two Counters of items are equal."""
    assert expected == got, explain(expected, got, signal)


def read_json_lines(path, signal="traces"):
    """What a file exporter wrote: one request per line (an unfinished last line is not read yet)."""
    try:
        text = open(path, "rb").read()
    except FileNotFoundError:
        return []
    return [from_json(line, signal) for line in text.split(b"\n")[:-1] if line]


def read_proto(path, signal="traces"):
    """format: proto: each message behind its length in four bytes, big endian."""
    try:
        data = open(path, "rb").read()
    except FileNotFoundError:
        return []
    out, at = [], 0
    while at + 4 <= len(data):
        n = struct.unpack_from(">I", data, at)[0]
        if at + 4 + n > len(data):
            break
        out.append(REQUEST[signal].FromString(data[at + 4:at + 4 + n]))
        at += 4 + n
    return out
