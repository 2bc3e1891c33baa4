#: ecosystem: openinference
#: content: true
#: session: session-openinference
#: user: user-openinference
#: gap: response_model: the SDK does not send it: llm.model_name and embedding.model_name are the requested model
#: gap: response_id[chat]: the SDK does not send it
#: gap: input_tokens[embeddings]: the SDK does not send it: embedding spans have no counts
"""OpenInference's instrumentation of LlamaIndex."""
from common import tracing
from openinference.instrumentation import using_attributes
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

LlamaIndexInstrumentor().instrument(tracer_provider=tracing())

from llama_index_calls import calls  # noqa: E402

with using_attributes(session_id="session-openinference", user_id="user-openinference"):
    calls()
