#: ecosystem: openinference
#: content: true
#: session: session-openinference
#: user: user-openinference
"""OpenInference's instrumentation of openai: chat, responses, embeddings."""
import openai
from common import openai_chat, openai_embeddings, openai_responses, tracing
from openinference.instrumentation import using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor

OpenAIInstrumentor().instrument(tracer_provider=tracing())
client = openai.OpenAI(max_retries=0)
with using_attributes(session_id="session-openinference", user_id="user-openinference", tags=["corpus"],
                      metadata={"team": "weir"}):
    openai_chat(client)
    openai_embeddings(client)
    openai_responses(client)
