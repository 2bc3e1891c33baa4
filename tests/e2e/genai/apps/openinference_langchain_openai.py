#: ecosystem: openinference
#: requirements: openinference_langchain.txt
#: content: true
#: session: session-openinference
#: user: user-openinference
"""Nested: OpenInference on LangChain and on the openai SDK below it. Each model call has two LLM spans."""
from common import flush, tracing
from openinference.instrumentation import using_attributes
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor

provider = tracing()
LangChainInstrumentor().instrument(tracer_provider=provider)
OpenAIInstrumentor().instrument(tracer_provider=provider)

from langchain_calls import agent, chain, model, streamed  # noqa: E402

with using_attributes(session_id="session-openinference", user_id="user-openinference"):
    chain(model())
    streamed(model())
    agent(model())
flush()
