#: ecosystem: haystack
#: content: true
#: env: HAYSTACK_CONTENT_TRACING_ENABLED=true
"""Haystack's own tracer for OpenTelemetry, with contents."""
import common
import haystack.tracing
from haystack_calls import calls
from haystack_integrations.tracing.opentelemetry import OpenTelemetryTracer

haystack.tracing.enable_tracing(OpenTelemetryTracer(common.tracing().get_tracer("my_application")))
calls()
