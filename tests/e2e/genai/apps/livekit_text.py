#: ecosystem: livekit
#: requirements: livekit_agents.txt
#: content: true
"""A LiveKit agent session driven by text alone."""
import asyncio

import common
from livekit.agents import Agent, AgentSession, function_tool, inference
from livekit.agents.telemetry import set_tracer_provider
from livekit.plugins import openai

set_tracer_provider(common.tracing())


class Helper(Agent):
    def __init__(self):
        super().__init__(instructions=common.SYSTEM)

    @function_tool
    async def get_weather(self, city: str) -> str:
        """Weather of a city."""
        return common.WEATHER


async def main():
    async with AgentSession(llm=openai.LLM(model="gpt-4o-mini")) as session:
        await session.start(Helper())
        for question in ("[plain] Capital?", "[tool] Weather in Paris?", "[cached] The long document?"):
            await session.run(user_input=question)
    common.flush()

asyncio.run(main())
common.flush()
#: gap: response_model: the SDK does not send it: gen_ai.response.model repeats the requested model
