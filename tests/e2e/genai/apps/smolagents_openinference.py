#: ecosystem: smolagents
#: content: true
#: session: session-smolagents
#: user: user-smolagents
"""smolagents through OpenInference."""
from common import WEATHER, flush, refused, tracing
from openinference.instrumentation import using_attributes
from openinference.instrumentation.smolagents import SmolagentsInstrumentor
from smolagents import OpenAIServerModel, ToolCallingAgent, tool

tracing()
SmolagentsInstrumentor().instrument()


@tool
def get_weather(city: str) -> str:
    """Weather of a city.

    Args:
        city: the city
    """
    return WEATHER


def user(text):
    return [{"role": "user", "content": [{"type": "text", "text": text}]}]


with using_attributes(session_id="session-smolagents", user_id="user-smolagents"):
    model = OpenAIServerModel("gpt-4o-mini", client_kwargs={"max_retries": 0}, retry=False)
    model(user("[plain] Capital?"), temperature=0.5, max_tokens=50)
    for _ in model.generate_stream(user("[plain] Capital, streamed?")):
        pass
    model(user("[cached] The long document?"))
    flush()
    agent = ToolCallingAgent(tools=[get_weather], model=model, max_steps=2, verbosity_level=0)
    agent.run("[tool:get_weather] Weather in Paris?")
    flush()
    OpenAIServerModel("o4-mini")(user("[reason] When does the train arrive?"))
    refused(model, user("[fail429] Busy?"))
flush()
#: gap: request_model[failed]: the SDK does not send it: a failed call has no llm.model_name
#: gap: provider[failed]: the SDK does not send it: a failed call has no llm.provider
#: gap: input_messages[6]: the SDK does not send it: messages are those of the framework (tool-call, tool-response), before it rewrites them for the API
#: gap: response_model[stream]: the SDK does not send it: of a stream the text only
#: gap: response_id[stream]: the SDK does not send it: of a stream the text only
#: gap: finish_reasons[stream]: the SDK does not send it: of a stream the text only
