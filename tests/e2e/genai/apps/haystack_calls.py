"""What the programs with Haystack share: a pipeline, an agent with a tool, an embedder."""
from typing import Annotated

from common import SYSTEM, WEATHER, flush
from haystack import Pipeline
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder
from haystack.components.embedders import OpenAITextEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import tool


@tool
def get_weather(city: Annotated[str, "The city"]) -> str:
    """Weather of a city."""
    return WEATHER


def ignore(chunk):
    pass


def calls():
    kwargs = {"temperature": 0.5, "max_tokens": 50}
    template = [ChatMessage.from_system(SYSTEM), ChatMessage.from_user("{{ q }}")]
    for model, question, more in (("gpt-4o-mini", "[plain] Capital?", {"generation_kwargs": kwargs}),
                                  ("gpt-4o-mini", "[cached] The long one, streamed?", {"streaming_callback": ignore}),
                                  ("o4-mini", "[reason] When does the train arrive?", {})):
        pipeline = Pipeline()
        pipeline.add_component("prompt", ChatPromptBuilder(template))
        pipeline.add_component("llm", OpenAIChatGenerator(model=model, **more))
        pipeline.connect("prompt.prompt", "llm.messages")
        pipeline.run({"q": question})
    flush()
    agent = Agent(chat_generator=OpenAIChatGenerator(model="gpt-4o-mini"), tools=[get_weather], system_prompt=SYSTEM)
    agent.run(messages=[ChatMessage.from_user("[tool] Weather in Paris?")])
    pipeline = Pipeline()
    pipeline.add_component("embedder", OpenAITextEmbedder(model="text-embedding-3-small"))
    pipeline.run({"embedder": {"text": "a first text"}})
    flush()
