#: ecosystem: openllmetry
#: content: true
#: session: session-openllmetry
#: user: user-openllmetry
#: gap: response_model[embeddings]: the SDK does not send it
#: gap: input_tokens[embeddings]: the SDK does not send it: LlamaIndex's spans have no counts, and there is no openai span
"""OpenLLMetry with LlamaIndex and the openai SDK below it, as Traceloop.init does by itself."""
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import workflow

Traceloop.init(app_name="openllmetry_llamaindex")

from llama_index_calls import calls  # noqa: E402


@workflow(name="questions")
def questions():
    Traceloop.set_association_properties({"session_id": "session-openllmetry", "user_id": "user-openllmetry"})
    calls()


questions()
