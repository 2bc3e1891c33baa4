#: ecosystem: otel
#: requirements: otel_openai.txt
#: content: true
#: env: OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental
#: env: OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=span_only
#: gap: cache_read[chat]: the SDK does not send it: there are no cache or reasoning counts in any mode
#: gap: reasoning[chat]: the SDK does not send it: there are no cache or reasoning counts in any mode
"""The same in its latest experimental mode, contents on the span."""
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
