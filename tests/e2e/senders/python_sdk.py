"""Sends traces, logs and metrics with the OpenTelemetry SDK of Python, using every feature it has.

usage: python_sdk.py ENCODING COMPRESSION RUN URL..    (proto|json, none|gzip, a name put on the resource)
The same data goes to every URL, so that what one of them received is the standard for the others.
"""
import sys

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

encoding, compression, run, *urls = sys.argv[1:]
if encoding == "json":
    from opentelemetry.exporter.otlp.common.http import Compression
    from opentelemetry.exporter.otlp.json.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.json.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

coding = Compression(compression)
failed = []


def every(cls, signal):
    """An exporter that hands each batch to all destinations."""
    targets = [cls(endpoint=f"{url}/v1/{signal}", compression=coding) for url in urls]

    def export(batch, **kwargs):
        results = [t.export(batch, **kwargs) for t in targets]
        failed.extend(r for r in results if r.name != "SUCCESS")
        return results[0]
    return export


class Spans(SpanExporter):
    _all = staticmethod(every(OTLPSpanExporter, "traces"))

    def export(self, spans):
        return self._all(spans)


class Logs(LogRecordExporter):
    _all = staticmethod(every(OTLPLogExporter, "logs"))

    def export(self, batch):
        return self._all(batch)

    def shutdown(self):
        pass

    def force_flush(self, timeout_millis=0):
        return True


class Metrics(MetricExporter):
    _all = staticmethod(every(OTLPMetricExporter, "metrics"))

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        self._all(metrics_data)
        return MetricExportResult.SUCCESS

    def shutdown(self, timeout_millis=0, **kwargs):
        pass

    def force_flush(self, timeout_millis=0):
        return True


resource = Resource.create({"service.name": "python-sdk", "test.run": run, "empty": "", "unicode": "žluťoučký 🐎",
                            "bools": [True, False], "list": ["a", ""]}, schema_url="https://opentelemetry.io/schemas/1.37.0")
VALUES = {"string": "text", "empty": "", "unicode": "日本語 \u0000 \U0001f40e", "quotes": '"\\\n\t', "true": True,
          "false": False, "zero": 0, "int": 42, "min": -2**63, "max": 2**63 - 1, "beyond.double": 2**53 + 1, "double": 1.5,
          "negative.zero": -0.0, "tiny": 5e-324, "huge": 1.7976931348623157e308, "strings": ["a", "b", ""],
          "ints": [1, -1, 0], "doubles": [0.5, -2.25], "bools": [True, False], "none": [], "long": "x" * 5000}


def traces():
    provider = TracerProvider(resource=resource, span_limits=SpanLimits(
        max_span_attributes=40, max_events=4, max_links=3, max_event_attributes=3, max_link_attributes=2))
    provider.add_span_processor(BatchSpanProcessor(Spans(), max_queue_size=400, max_export_batch_size=7))
    tracer = provider.get_tracer("e2e.scope", "1.2.3", schema_url="https://opentelemetry.io/schemas/1.30.0",
                                 attributes={"scope.attribute": "yes", "scope.n": 7})
    bare = provider.get_tracer("bare")
    remote = SpanContext(0x5B8EFFF798038103D269B633813FC60C, 0xEEE19B7EC3C1B174, is_remote=True,
                         trace_flags=TraceFlags(1), trace_state=TraceState([("vendor", "a-b"), ("other@t", "1")]))
    parent = trace.set_span_in_context(trace.NonRecordingSpan(remote))
    with tracer.start_as_current_span("remote parent", parent, SpanKind.SERVER, VALUES) as span:
        for key, value in (("bytes", b"\x00\xff\xfe"), ("map", {"a": 1, "b": ["x", {"c": 2.5}]})):
            span.set_attribute(key, value)
        span.set_status(Status(StatusCode.ERROR, "it failed: ünïcode"))
        for i in range(6):
            span.add_event(f"event {i}", {"i": i, "a": "x", "b": [1, 2], "c": True, "d": 1.5})
        try:
            raise ValueError("seen")
        except ValueError as e:
            span.record_exception(e)
        for kind in SpanKind:
            with tracer.start_as_current_span(f"kind {kind.name}", kind=kind, links=[
                    Link(remote, {"n": n, "why": "retry", "more": 1}) for n in range(5)]) as child:
                child.set_status(StatusCode.OK)
    for i in range(60):
        bare.start_span(f"root {i}", attributes={f"k{j}": j for j in range(i)}).end()
    provider.shutdown()


def logs():
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(BatchLogRecordProcessor(Logs()))
    logger = provider.get_logger("e2e.logs", "1", schema_url="https://opentelemetry.io/schemas/1.30.0",
                                 attributes={"scope": "logs"})
    for i, body in enumerate(("plain", 7, 2.5, True, {"nested": {"list": [1, "a", None, b"\x01"]}}, ["a", 1], None, b"raw")):
        logger.emit(LogRecord(timestamp=1_760_000_000_000_000_000 + i, observed_timestamp=1_760_000_000_000_000_001 + i,
                              severity_number=SeverityNumber.WARN, severity_text="WARN", body=body,
                              attributes={"i": i, "list": ["x"]}, event_name=f"event.{i}"))
    provider.shutdown()


def metrics():
    reader = PeriodicExportingMetricReader(Metrics(), export_interval_millis=3_600_000)
    provider = MeterProvider([reader], resource, views=[
        View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())])
    meter = provider.get_meter("e2e.metrics", "2", schema_url="https://opentelemetry.io/schemas/1.30.0",
                               attributes={"scope": "metrics"})
    meter.create_counter("counter", "By", "counts").add(7, {"a": "b"})
    meter.create_counter("counter.double").add(0.25, {"a": "b"})
    meter.create_up_down_counter("updown").add(-3)
    meter.create_gauge("gauge").set(2.5, {"list": ["x", "y"]})
    histogram = meter.create_histogram("histogram", "s")
    exponential = meter.create_histogram("exponential", "s")
    for i in range(30):
        histogram.record(1.7 ** i, {"i": i % 2})
        exponential.record(1.7 ** i)
    provider.shutdown()


traces()
logs()
metrics()
sys.exit(f"failed: {failed}" if failed else 0)
