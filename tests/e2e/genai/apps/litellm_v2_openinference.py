#: ecosystem: litellm
#: requirements: litellm_otel.txt
#: content: true
#: session: session-litellm
#: env: LITELLM_LOCAL_MODEL_COST_MAP=True
#: env: LITELLM_OTEL_V2=true
#: env: OTEL_EXPORTER=in_memory
#: env: PHOENIX_API_KEY=none
#: env: OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=span_only
"""LiteLLM's callback "arize_phoenix" with LITELLM_OTEL_V2: OpenInference and OpenTelemetry names on one span."""
import os

import litellm_calls

sink = os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT")  # else both exporters send
os.environ["PHOENIX_COLLECTOR_HTTP_ENDPOINT"] = sink + "/v1/traces"
litellm_calls.main("arize_phoenix", metadata={"session_id": "session-litellm"})
#: gap: response_model[stream]: the SDK does not send it: gen_ai.response.model repeats the requested model
#: gap: response_id[messages]: the SDK does not send it: gen_ai.response.id is an id of LiteLLM's own
#: gap: reasoning: the SDK does not send it: no attribute has it
