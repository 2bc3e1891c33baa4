"""What the programs with LiteLLM share: one client of several APIs, whose callbacks run after the answer."""
import asyncio
import os

import litellm
from common import SYSTEM, TOOL, WEATHER

FORM = [{"type": "function", "function": TOOL}]


async def calls(**who):
    ask = litellm.acompletion

    def user(text):
        return {"messages": [{"role": "user", "content": text}], **who}
    await ask("openai/gpt-4o-mini", temperature=0.5, max_tokens=50, **who,
              messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": "[plain] Capital?"}])
    async for _ in await ask("openai/gpt-4o-mini", stream=True, stream_options={"include_usage": True},
                             **user("[plain] Capital, streamed?")):
        pass
    question = user("[tool] Weather in Paris?")
    answer = (await ask("openai/gpt-4o-mini", tools=FORM, **question)).choices[0].message
    question["messages"] += [answer.model_dump(exclude_none=True), {
        "role": "tool", "tool_call_id": answer.tool_calls[0].id, "content": WEATHER}]
    await ask("openai/gpt-4o-mini", tools=FORM, **question)
    await settle()
    await ask("openai/o4-mini", **user("[reason][cached] When does the train arrive?"))
    await ask("anthropic/claude-sonnet-4-5", max_tokens=50, **user("[cached] The long document?"))
    async for _ in await ask("anthropic/claude-sonnet-4-5", max_tokens=50, stream=True, **user("[cached] Streamed?")):
        pass
    await ask("gemini/gemini-2.5-flash", api_base=f"{os.environ['LLM_API_URL']}/v1beta/models/gemini-2.5-flash",
              **user("[plain] Capital?"))
    await litellm.aembedding("openai/text-embedding-3-small", input=["a first text"], **who)
    await settle()
    try:
        await ask("openai/gpt-4o-mini", max_retries=0, **user("[fail429] Busy?"))
    except litellm.RateLimitError:
        pass
    await settle()


async def settle():
    """Lets the callbacks run, then exports what they made."""
    await asyncio.sleep(1)
    from opentelemetry import trace
    getattr(trace.get_tracer_provider(), "force_flush", lambda: None)()


def main(callback="otel", **who):
    litellm.callbacks = [callback]
    asyncio.run(calls(**who))
