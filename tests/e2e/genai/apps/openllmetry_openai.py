#: ecosystem: openllmetry
#: requirements: openllmetry_all.txt
#: content: true
#: session: session-openllmetry
#: user: user-openllmetry
#: gap: tool_call_ids[14]: the SDK does not send it: the id is that of the output item (fc_..), not the call_id
"""Traceloop's SDK as its quickstart has it, with everything instrumented that is installed."""
import openai
from common import openai_chat, openai_embeddings, openai_responses
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import workflow

Traceloop.init(app_name="openllmetry_openai")
client = openai.OpenAI(max_retries=0)


@workflow(name="questions")
def questions(ask):
    Traceloop.set_association_properties({"session_id": "session-openllmetry", "user_id": "user-openllmetry"})
    ask(client)


for group in (openai_chat, openai_embeddings, openai_responses):
    questions(group)
Traceloop.force_flush() if hasattr(Traceloop, "force_flush") else None
