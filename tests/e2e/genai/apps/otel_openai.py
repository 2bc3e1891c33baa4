#: ecosystem: otel
#: requirements: otel_openai.txt
#: content: false
#: gap: cache_read[chat]: the SDK does not send it: there are no cache or reasoning counts in any mode
#: gap: reasoning[chat]: the SDK does not send it: there are no cache or reasoning counts in any mode
#: gap: finish_reasons[stream]: the SDK does not send it: the attribute is missing on streamed calls
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
