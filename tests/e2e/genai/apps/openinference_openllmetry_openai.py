#: ecosystem: openinference
#: requirements: openinference_openai.txt
#: content: true
#: session: session-openinference
#: user: user-openinference
"""Doubled: OpenInference and OpenLLMetry on the same openai client. Each model call has two LLM spans."""
import openai
from common import openai_chat, openai_embeddings, tracing
from openinference.instrumentation import using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor as Openllmetry

provider = tracing()
Openllmetry().instrument(tracer_provider=provider)
OpenAIInstrumentor().instrument(tracer_provider=provider)
client = openai.OpenAI(max_retries=0)
with using_attributes(session_id="session-openinference", user_id="user-openinference"):
    openai_chat(client)
    openai_embeddings(client)
