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

os.environ["PHOENIX_COLLECTOR_HTTP_ENDPOINT"] = os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT") + "/v1/traces"  # else both send
litellm_calls.main("arize_phoenix", metadata={"session_id": "session-litellm"})
