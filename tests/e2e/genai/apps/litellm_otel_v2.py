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
#: gap: response_model[stream]: the SDK does not send it: gen_ai.response.model repeats the requested model
#: gap: response_id[messages]: the SDK does not send it: gen_ai.response.id is an id of LiteLLM's own
#: gap: reasoning: the SDK does not send it: no attribute has it
