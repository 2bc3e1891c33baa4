#: ecosystem: pydantic_ai
#: content: true
"""PydanticAI of June 2025: messages in its attribute `events`, agent spans that repeat the usage of their model calls."""
import asyncio

from common import SYSTEM, WEATHER, flush, refused, tracing
from pydantic_ai import Agent

tracing()
Agent.instrument_all()
agent = Agent("openai:gpt-4o-mini", name="helper", instructions=SYSTEM)


@agent.tool_plain
def get_weather(city: str) -> str:
    """Weather of a city."""
    return WEATHER


async def streamed():
    async with agent.run_stream("[cached] The long document, streamed?") as answer:
        async for _ in answer.stream():
            pass

agent.run_sync("[plain] Capital?", model_settings={"temperature": 0.5, "max_tokens": 50})
agent.run_sync("[tool] Weather in Paris?")
asyncio.run(streamed())
flush()
agent.run_sync("[reason] When does the train arrive?")
refused(agent.run_sync, "[fail429] Busy?")
flush()
