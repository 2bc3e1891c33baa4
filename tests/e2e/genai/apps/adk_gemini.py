#: ecosystem: google_adk
#: content: true
#: session: session-adk
#: env: OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_AND_EVENT
#: env: OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental
"""Google's ADK with contents on its spans."""
import adk_calls  # noqa: F401
