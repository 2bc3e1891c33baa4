#: ecosystem: agent_framework
#: content: true
"""Microsoft's Agent Framework on the responses and the chat API of OpenAI, with sensitive data."""
import asyncio
from typing import Annotated

from agent_framework import Agent
from agent_framework.observability import configure_otel_providers
from agent_framework.openai import OpenAIChatClient, OpenAIChatCompletionClient
from common import SYSTEM, WEATHER, flush

configure_otel_providers(enable_sensitive_data=True)


def get_weather(city: Annotated[str, "The city"]) -> str:
    """Weather of a city."""
    return WEATHER


async def main():
    for client in (OpenAIChatClient(model="gpt-5-mini"), OpenAIChatCompletionClient(model="gpt-4o-mini")):
        agent = Agent(client=client, name="helper", instructions=SYSTEM, tools=[get_weather])
        await agent.run("[plain] Capital?", options={"temperature": 0.5, "max_tokens": 50})
        await agent.run("[tool] Weather in Paris?")
        async for _ in agent.run("[cached] The long document, streamed?", stream=True):
            pass
        await agent.run("[reason] When does the train arrive?")
        flush()

asyncio.run(main())
flush()
