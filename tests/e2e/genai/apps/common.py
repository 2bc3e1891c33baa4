"""What the programs share: an OpenTelemetry set-up with the default batch processor, and the calls to make with each SDK.

A group of calls stands under a root span where the instrumentation makes none, because that is how applications look.
"""
import os

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

TOOL = {"name": "get_weather", "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
WEATHER = '{"degrees": 21, "sky": "sunny"}'
SYSTEM = "You are terse."


def tracing():
    """The provider, global."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


def logging():
    """A provider of log records too: some instrumentations put contents there."""
    from opentelemetry._logs import set_logger_provider
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    set_logger_provider(provider)
    return provider


def flush():
    trace.get_tracer_provider().force_flush()


def refused(call, *args, **kwargs):
    """A call that the API refuses."""
    try:
        call(*args, **kwargs)
    except Exception as e:
        print("refused:", type(e).__name__)
    else:
        raise SystemExit("was not refused")


def openai_chat(client, model="gpt-4o-mini"):
    create = client.chat.completions.create
    create(model=model, messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": "[plain] Capital?"}],
           temperature=0.5, max_tokens=50)
    for _ in create(model=model, messages=[{"role": "user", "content": "[plain] Capital, streamed?"}], stream=True,
                    stream_options={"include_usage": True}):
        pass
    flush()
    messages = [{"role": "user", "content": "[tools] Weather in Paris?"}]
    tools = [{"type": "function", "function": TOOL}]
    answer = create(model=model, messages=messages, tools=tools).choices[0].message
    messages.append(answer.model_dump(exclude_none=True))
    messages += [{"role": "tool", "tool_call_id": c.id, "content": WEATHER} for c in answer.tool_calls]
    create(model=model, messages=messages, tools=tools)
    for _ in create(model=model, messages=[{"role": "user", "content": "[tool] Weather, streamed?"}], tools=tools,
                    stream=True, stream_options={"include_usage": True}):
        pass
    flush()
    create(model=model, messages=[{"role": "user", "content": "[cached] The long document?"}])
    create(model="o4-mini", messages=[{"role": "user", "content": "[reason][cached] When does the train arrive?"}])
    create(model=model, messages=[{"role": "user", "content": "[length] Two answers?"}], n=2)
    refused(create, model=model, messages=[{"role": "user", "content": "[fail429] Busy?"}])
    flush()


def openai_embeddings(client):
    client.embeddings.create(model="text-embedding-3-small", input=["a first text", "and a second one"])
    flush()


def openai_responses(client, model="gpt-5-mini"):
    create = client.responses.create
    create(model=model, instructions=SYSTEM, input="[plain] Capital?")
    for _ in create(model=model, input=[{"role": "user", "content": "[cached] The long document?"}], stream=True):
        pass
    create(model=model, input="[reason] When does the train arrive?", reasoning={"effort": "low", "summary": "auto"})
    flush()
    tools = [{"type": "function", **TOOL}]
    items = [{"role": "user", "content": "[tool] Weather in Paris?"}]
    call = next(o for o in create(model=model, input=items, tools=tools).output if o.type == "function_call")
    items.append({"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments})
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": WEATHER})
    create(model=model, input=items, tools=tools)
    flush()


def anthropic_messages(client, model="claude-sonnet-4-5"):
    create = client.messages.create
    more = {"model": model, "max_tokens": 4096}
    create(system=SYSTEM, messages=[{"role": "user", "content": "[plain] Capital?"}], **more)
    for _ in create(messages=[{"role": "user", "content": "[cached] The long document, streamed?"}], stream=True, **more):
        pass
    create(messages=[{"role": "user", "content": "[cached] The long document?"}], **more)
    flush()
    tools = [{"name": TOOL["name"], "description": TOOL["description"], "input_schema": TOOL["parameters"]}]
    messages = [{"role": "user", "content": [{"type": "text", "text": "[tool] Weather in Paris?"}]}]
    answer = create(messages=messages, tools=tools, **more)
    messages.append({"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in answer.content]})
    messages.append({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": b.id, "content": WEATHER} for b in answer.content if b.type == "tool_use"]})
    create(messages=messages, tools=tools, **more)
    with client.messages.stream(messages=[{"role": "user", "content": "[tool] Weather, streamed?"}], tools=tools,
                                **more) as stream:
        for _ in stream:
            pass
    flush()
    create(messages=[{"role": "user", "content": "[reason] When does the train arrive?"}],
           thinking={"type": "enabled", "budget_tokens": 1024}, **more)
    create(messages=[{"role": "user", "content": "[length] A long story?"}], **more)
    refused(create, messages=[{"role": "user", "content": "[fail429] Busy?"}], **more)
    flush()


def gemini(client, model="gemini-2.5-flash"):
    from google.genai import types
    generate = client.models.generate_content
    generate(model=model, contents="[plain] Capital?",
             config=types.GenerateContentConfig(system_instruction=SYSTEM, temperature=0.5))
    for _ in client.models.generate_content_stream(model=model, contents="[plain] Capital, streamed?"):
        pass
    generate(model=model, contents="[cached] The long document?")
    flush()
    tools = [types.Tool(function_declarations=[types.FunctionDeclaration(
        name=TOOL["name"], description=TOOL["description"], parameters_json_schema=TOOL["parameters"])])]
    config = types.GenerateContentConfig(tools=tools)
    asked = types.Content(role="user", parts=[types.Part(text="[tool] Weather in Paris?")])
    answer = generate(model=model, contents=[asked], config=config).candidates[0].content
    call = answer.parts[0].function_call
    result = types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"degrees": 21}))
    generate(model=model, contents=[asked, answer, types.Content(role="user", parts=[result])], config=config)
    generate(model=model, contents="[reason] When does the train arrive?", config=types.GenerateContentConfig(
        thinking_config=types.ThinkingConfig(include_thoughts=True)))
    generate(model=model, contents="[length] A long story?")
    refused(generate, model=model, contents="[fail429] Busy?")
    client.models.embed_content(model="gemini-embedding-001", contents=["a first text"])
    flush()


def api():
    return os.environ["LLM_API_URL"]
