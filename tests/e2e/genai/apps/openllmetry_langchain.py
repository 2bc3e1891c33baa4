#: ecosystem: openllmetry
#: content: true
#: session: session-openllmetry
#: user: user-openllmetry
#: gap: response_model[stream]: the SDK does not send it: gen_ai.response.model repeats the requested model
#: gap: response_id[stream]: the SDK does not send it: neither attribute nor body has an id
"""OpenLLMetry with LangChain and the openai SDK below it, both instrumented, as Traceloop.init does by itself."""
from common import flush
from langchain_calls import agent, chain, model, streamed
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import workflow

Traceloop.init(app_name="openllmetry_langchain")


@workflow(name="questions")
def questions():
    Traceloop.set_association_properties({"session_id": "session-openllmetry", "user_id": "user-openllmetry"})
    chain(model())
    streamed(model())
    agent(model())


questions()
flush()
