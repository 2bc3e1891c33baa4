#: ecosystem: google_adk
#: content: true
#: session: session-adk
#: env: OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_AND_EVENT
#: env: OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental
"""Google's ADK with contents on its spans."""
import adk_calls  # noqa: F401
#: gap: response_model: the SDK does not send it: there is no attribute for it
#: gap: response_id: the SDK does not send it: there is no attribute for it
#: gap: output_messages[5]: the SDK does not send it: thoughts are text parts like any other
#: gap: reasoning_text: the SDK does not send it: thoughts are text parts like any other
