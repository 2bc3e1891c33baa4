#: ecosystem: strands
#: content: true
#: session: session-strands
#: user: user-strands
"""Strands agents on OpenAI and on Bedrock, with its own telemetry in its default form: events."""
from common import SYSTEM, WEATHER, flush, refused
from strands import Agent, tool
from strands.models.bedrock import BedrockModel
from strands.models.openai import OpenAIModel
from strands.telemetry import StrandsTelemetry

StrandsTelemetry().setup_otlp_exporter()


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return WEATHER


def agent(model, **more):
    return Agent(model=model, name="helper", system_prompt=SYSTEM, tools=[get_weather], callback_handler=None,
                 trace_attributes={"session.id": "session-strands", "user.id": "user-strands"}, **more)


def openai(name):
    return OpenAIModel(client_args={"max_retries": 0}, model_id=name)


agent(openai("gpt-4o-mini"))("[plain] Capital?")
agent(openai("gpt-4o-mini"))("[tool] Weather in Paris?")
flush()
agent(openai("o4-mini"))("[reason][cached] When does the train arrive?")
for question in ("[cached] The long document?", "[tool] Weather in Paris?"):
    agent(BedrockModel(model_id="us.anthropic.claude-sonnet-4-5-20250929-v1:0"))(question)
flush()
refused(agent(openai("gpt-4o-mini"), retry_strategy=None), "[fail500] Busy?")
flush()
#: gap: response_model[chat]: the SDK does not send it: there is no attribute for it
#: gap: response_id[chat]: the SDK does not send it: there is no attribute for it
#: gap: reasoning[chat]: the SDK does not send it: there is no attribute for it
