#: ecosystem: openinference
#: content: true
#: session: session-openinference
#: user: user-openinference
#: gap: response_id[stream]: the SDK does not send it: the dumped message has LangChain's own run id only
"""OpenInference's instrumentation of LangChain alone."""
from common import flush, tracing
from openinference.instrumentation import using_attributes
from openinference.instrumentation.langchain import LangChainInstrumentor

LangChainInstrumentor().instrument(tracer_provider=tracing())

from langchain_calls import agent, chain, model, streamed  # noqa: E402

with using_attributes(session_id="session-openinference", user_id="user-openinference"):
    chain(model())
    streamed(model())
    agent(model())
flush()
