#: ecosystem: langsmith
#: content: true
#: session: session-langsmith
#: user: user-langsmith
#: env: LANGSMITH_TRACING=true
#: env: LANGSMITH_TRACING_MODE=otel
#: env: LANGSMITH_API_KEY=none
"""LangSmith's SDK in its OpenTelemetry mode: runs become spans in a provider of its own."""
import common
import langsmith
from langsmith.wrappers import wrap_openai
from openai import OpenAI

client = langsmith.Client()
common.flush = lambda: None  # a trace stays in one request
chat = wrap_openai(OpenAI(max_retries=0))


WHO = {"session_id": "session-langsmith", "user_id": "user-langsmith"}


@langsmith.traceable(client=client, metadata=WHO, tags=["corpus"])
def questions(ask):
    ask(chat)


for group in (common.openai_chat, common.openai_responses):
    questions(group)
    client.flush()
