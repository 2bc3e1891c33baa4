#: ecosystem: openinference
#: content: true
#: session: session-openinference
#: user: user-openinference
#: gap: finish_reasons[chat]: the SDK does not send it
#: gap: response_model[chat]: the SDK does not send it: llm.model_name is the requested model
#: gap: response_id[chat]: the SDK does not send it
#: gap: request_model[responses]: the SDK does not send it: llm.model_name and the dumped parameters are the response's
"""OpenInference's instrumentation of openai-agents: the Responses API and chat completions, a tool, a handoff, a stream."""
import asyncio

import openai
from agents import (Agent, ModelSettings, OpenAIChatCompletionsModel, Runner, function_tool, set_default_openai_client)
from common import SYSTEM, WEATHER, flush, tracing
from openinference.instrumentation import using_attributes
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

OpenAIAgentsInstrumentor().instrument(tracer_provider=tracing())
client = openai.AsyncOpenAI(max_retries=0)
set_default_openai_client(client, use_for_tracing=False)


@function_tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return WEATHER


async def main():
    second = Agent(name="second", instructions="You say goodbye.", model="gpt-4o-mini")
    first = Agent(name="first", instructions=SYSTEM, model="gpt-4o-mini", tools=[get_weather], handoffs=[second],
                  model_settings=ModelSettings(temperature=0.5))
    await Runner.run(first, "[tool:get_weather] Weather in Paris?")
    await Runner.run(first, "[tool:transfer_to_second] The other one, please")
    streamed = Runner.run_streamed(Agent(name="streamer", instructions=SYSTEM, model="gpt-4o-mini"), "[cached] Capital?")
    async for _ in streamed.stream_events():
        pass
    flush()
    chat = Agent(name="chat", instructions=SYSTEM, tools=[get_weather],
                 model=OpenAIChatCompletionsModel(model="gpt-4o-mini", openai_client=client))
    await Runner.run(chat, "[tool] Weather in Paris?")
    flush()


with using_attributes(session_id="session-openinference", user_id="user-openinference"):
    asyncio.run(main())
