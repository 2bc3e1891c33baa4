"""What the programs with Google's ADK share: an agent with a tool, on Gemini."""
import asyncio
import os

import common
from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.runners import InMemoryRunner
from google.genai import types

os.environ["GOOGLE_GENAI_USE_VERTEXAI"] = "false"
common.tracing()
logs = common.logging()


def get_weather(city: str) -> dict:
    """Weather of a city."""
    return {"degrees": 21}


async def main():
    config = types.GenerateContentConfig(temperature=0.5, max_output_tokens=50)
    agent = LlmAgent(name="helper", model="gemini-2.5-flash", instruction=common.SYSTEM, tools=[get_weather],
                     generate_content_config=config)
    runner = InMemoryRunner(agent, app_name="corpus")
    who = {"user_id": "user-adk", "session_id": "session-adk"}
    await runner.session_service.create_session(app_name="corpus", **who)
    for question, mode in (("[plain] Capital?", StreamingMode.NONE), ("[tool] Weather in Paris?", StreamingMode.NONE),
                           ("[cached] The long document, streamed?", StreamingMode.SSE),
                           ("[reason] When does the train arrive?", StreamingMode.NONE)):
        async for _ in runner.run_async(**who, run_config=RunConfig(streaming_mode=mode),
                                        new_message=types.Content(role="user", parts=[types.Part(text=question)])):
            pass
        common.flush()

asyncio.run(main())
logs.force_flush()
