#: ecosystem: langfuse
#: content: true
#: session: session-langfuse
#: user: user-langfuse
"""Langfuse's wrapper of openai under @observe, exported by Langfuse's own processor to its own path."""
import os

import common
from langfuse import Langfuse, observe, propagate_attributes
from langfuse.openai import OpenAI

langfuse = Langfuse(public_key="pk-lf-none", secret_key="sk-lf-none", host=os.environ["SINK_URL"], environment="test",
                    release="r1")
common.flush = lambda: None  # a trace stays in one request
client = OpenAI(max_retries=0)


@observe()
def questions(ask):
    with propagate_attributes(session_id="session-langfuse", user_id="user-langfuse", tags=["corpus"],
                              metadata={"team": "blue"}, trace_name="questions"):
        ask(client)


for group in (common.openai_chat, common.openai_embeddings, common.openai_responses):
    questions(group)
    langfuse.flush()
#: gap: request_model[chat]: the SDK does not send it: the one model attribute has the response's model
#: gap: request_model[responses]: the SDK does not send it: the one model attribute has the response's model
#: gap: response_id[chat]: the SDK does not send it: there is no id
#: gap: response_id[responses,nostream]: the SDK does not send it: there is no id
#: gap: finish_reasons[chat,nostream]: the SDK does not send it: output is the message without its choice
#: gap: finish_reasons[responses,nostream]: the SDK does not send it: output is the items without the response's status
