#: ecosystem: pydantic_ai
#: content: true
"""PydanticAI of May 2025: messages in its attribute `events`; agent spans repeat the usage of their model calls."""
import asyncio

from common import SYSTEM, WEATHER, flush, tracing
from openai import AsyncOpenAI, RateLimitError
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIModel
from pydantic_ai.providers.openai import OpenAIProvider

tracing()
Agent.instrument_all()
provider = OpenAIProvider(openai_client=AsyncOpenAI(max_retries=0))
agent = Agent(OpenAIModel("gpt-4o-mini", provider=provider), name="helper", instructions=SYSTEM)


@agent.tool_plain
def get_weather(city: str) -> str:
    """Weather of a city."""
    return WEATHER


async def main():
    await agent.run("[plain] Capital?", model_settings={"temperature": 0.5, "max_tokens": 50})
    await agent.run("[tool] Weather in Paris?")
    async with agent.run_stream("[cached] The long document, streamed?") as answer:
        async for _ in answer.stream():
            pass
    flush()
    await agent.run("[reason] When does the train arrive?")
    try:
        await agent.run("[fail429] Busy?")
    except (RateLimitError, ModelHTTPError):
        pass
    flush()

asyncio.run(main())
#: gap: response_model[stream]: the SDK does not send it: gen_ai.response.model repeats the requested model
#: gap: response_id: the SDK does not send it: there is no id
#: gap: finish_reasons: the SDK does not send it: choices have no reason
