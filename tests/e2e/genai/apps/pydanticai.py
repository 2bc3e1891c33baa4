#: ecosystem: pydantic_ai
#: content: true
#: session: session-pydantic
"""PydanticAI instrumented with its defaults, on the chat and the responses API of OpenAI."""
import asyncio

from common import SYSTEM, WEATHER, flush, tracing
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

tracing()
Agent.instrument_all()
SESSION = {"conversation_id": "session-pydantic"}
provider = OpenAIProvider(openai_client=AsyncOpenAI(max_retries=0))
agent = Agent(OpenAIChatModel("gpt-4o-mini", provider=provider), name="helper", instructions=SYSTEM)
thinker = Agent(OpenAIResponsesModel("gpt-5-mini", provider=provider), name="thinker")
counter = Agent(OpenAIChatModel("gpt-4o", provider=provider), name="counter", output_type=int)


@agent.tool_plain
def get_weather(city: str) -> str:
    """Weather of a city."""
    return WEATHER


async def main():
    await agent.run("[plain] Capital?", model_settings={"temperature": 0.5, "max_tokens": 50}, **SESSION)
    await agent.run("[tool] Weather in Paris?", **SESSION)
    async with agent.run_stream("[cached] The long document, streamed?", **SESSION) as answer:
        async for _ in answer.stream_text():
            pass
    flush()
    await agent.run("[cached] The long document?", **SESSION)
    await thinker.run("[reason] When does the train arrive?", **SESSION)
    await counter.run("[tool] How many?", **SESSION)
    try:
        await agent.run("[fail429] Busy?", **SESSION)
    except ModelHTTPError:
        pass
    flush()

asyncio.run(main())
