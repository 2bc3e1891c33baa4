#: ecosystem: otel
#: requirements: otel_openai.txt
#: content: true
#: env: OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true
"""OpenTelemetry's own instrumentation of openai in its default mode: contents are log records, if captured at all."""
import openai
from common import flush, logging, openai_chat, openai_embeddings, tracing
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

tracing()
logs = logging()
OpenAIInstrumentor().instrument()
client = openai.OpenAI(max_retries=0)
openai_chat(client)
openai_embeddings(client)
flush()
logs.force_flush()
