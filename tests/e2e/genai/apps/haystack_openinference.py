#: ecosystem: haystack
#: content: true
#: session: session-haystack
#: user: user-haystack
"""Haystack through OpenInference."""
import common
from haystack_calls import calls
from openinference.instrumentation import using_attributes
from openinference.instrumentation.haystack import HaystackInstrumentor

common.tracing()
HaystackInstrumentor().instrument()
with using_attributes(session_id="session-haystack", user_id="user-haystack"):
    calls()
#: gap: request_model[chat]: the SDK does not send it: llm.model_name is the response's model
#: gap: response_id: the SDK does not send it: there is no id
