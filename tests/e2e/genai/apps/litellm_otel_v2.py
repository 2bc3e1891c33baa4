#: ecosystem: litellm
#: requirements: litellm_otel.txt
#: content: true
#: session: session-litellm
#: env: LITELLM_LOCAL_MODEL_COST_MAP=True
#: env: LITELLM_OTEL_V2=true
#: env: OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=span_only
"""LiteLLM's callback "otel" with LITELLM_OTEL_V2."""
import litellm_calls

litellm_calls.main(metadata={"session_id": "session-litellm"})
