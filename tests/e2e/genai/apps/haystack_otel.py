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
#: gap: request_model[chat]: the SDK does not send it: meta.model is the response's model
#: gap: response_id: the SDK does not send it: meta has no id
