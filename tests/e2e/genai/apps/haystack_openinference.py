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
#: gap: finish_reasons: the SDK does not send it: it is inside the repr of a Python object in output.value
#: gap: reasoning: the SDK does not send it: it is inside the repr of a Python object in output.value
#: gap: input_messages[5]: the SDK does not send it: of assistant and tool messages only the role
#: gap: tool_call_ids: the SDK does not send it: tool calls have no id
