#: ecosystem: pydantic_ai
#: content: true
#: session: session-pydantic
"""PydanticAI instrumented with its defaults, on the chat and the responses API of OpenAI."""
import asyncio

from common import SYSTEM, WEATHER, flush, refused, tracing
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel

tracing()
Agent.instrument_all()
SESSION = {"conversation_id": "session-pydantic"}
agent = Agent(OpenAIChatModel("gpt-4o-mini"), name="helper", instructions=SYSTEM)
thinker = Agent(OpenAIResponsesModel("gpt-5-mini"), name="thinker")


@agent.tool_plain
def get_weather(city: str) -> str:
    """Weather of a city."""
    return WEATHER


async def streamed():
    async with agent.run_stream("[cached] The long document, streamed?", **SESSION) as answer:
        async for _ in answer.stream_text():
            pass

agent.run_sync("[plain] Capital?", model_settings={"temperature": 0.5, "max_tokens": 50}, **SESSION)
agent.run_sync("[tool] Weather in Paris?", **SESSION)
asyncio.run(streamed())
flush()
agent.run_sync("[cached] The long document?", **SESSION)
thinker.run_sync("[reason] When does the train arrive?", **SESSION)
Agent(OpenAIChatModel("gpt-4o"), name="counter", output_type=int).run_sync("[tool] How many?", **SESSION)
refused(agent.run_sync, "[fail429] Busy?", **SESSION)
flush()
