"""Every attribute that the five products document, as input: it lands in its canonical place. One case per documented row.

The products: Enprompta's, PromptLayer's, Ingate's and Respan's OpenTelemetry pages, and PromptKit's page on OTLP export. All
rows go through one weir with the five processors and a file exporter; each row is a request of its own, so that nothing but the
row's own resource, span and events decides.
"""
import json
import struct
from dataclasses import dataclass, field

import pytest
from rig import otlp
from rig.process import Weir

ABSENT = object()
CHAT = {"gen_ai.operation.name": "chat"}
MODEL = {**CHAT, "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
PROMPTKIT = ("promptkit-telemetry", "1.0.0")
SECOND = 1_000_000_000
PROCESSORS = ["gen_ai_filter", "gen_ai_normalizer", "gen_ai_cost", "gen_ai_latency", "gen_ai_link"]
ROWS = []


@dataclass
class Row:
    seed: str
    name: str
    attributes: dict
    expect: dict  # attribute -> value, ABSENT, or a function of (value, all attributes) that judges; None: span is filtered out
    resource: dict = field(default_factory=dict)
    events: list = field(default_factory=list)
    span: dict = field(default_factory=dict)
    scope: tuple = ("app", "")

    def message(self, n):
        request = otlp.ExportTraceServiceRequest()
        rs = request.resource_spans.add()
        otlp.fill(rs.resource.attributes, {"service.name": "seeds", **self.resource})
        ss = rs.scope_spans.add()
        ss.scope.name, ss.scope.version = self.scope
        span = ss.spans.add(**{"trace_id": struct.pack(">QQ", 7, n), "span_id": struct.pack(">Q", n), "name": "call",
                               "kind": 3, "start_time_unix_nano": otlp.T0,
                               "end_time_unix_nano": otlp.T0 + 2 * SECOND, **self.span})
        otlp.fill(span.attributes, self.attributes)
        for i, (name, attributes) in enumerate(self.events):
            event = span.events.add(name=name, time_unix_nano=otlp.T0 + i)
            otlp.fill(event.attributes, attributes)
        return request


def row(seed, name, attributes, expect, **more):
    ROWS.append(Row(seed, name, attributes, expect, **more))


def plain(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(v) for v in value.array_value.values]
    if kind == "kvlist_value":
        return {p.key: plain(p.value) for p in value.kvlist_value.values}
    return getattr(value, kind) if kind else None


def text(role, content):
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def call(role, id, name, arguments):
    return {"role": role, "parts": [{"type": "tool_call", "id": id, "name": name, "arguments": arguments}]}


def messages(*want):
    """The attribute is exactly these messages; the finish reason of an output message is judged elsewhere."""
    def judge(value, _):
        assert isinstance(value, str), value
        got = json.loads(value)
        for m in got:
            m.pop("finish_reason", None)
        assert got == list(want)
    return judge


def kept_or(*canonical):
    """The value is under its own name still, or in one of the canonical attributes."""
    def judge(value, attributes, want):
        assert value == want or any(json.dumps(want).strip('"') in json.dumps(attributes.get(k)) for k in canonical), \
            {k: attributes.get(k) for k in canonical}
    return judge


def kept_or_in(key, want, *canonical):
    return {key: lambda value, attributes: kept_or(*canonical)(value, attributes, want)}


def both(value):
    return {"gen_ai.conversation.id": value, "session.id": value}


# ---- Enprompta, section 4: span attributes of both conventions

HI = '[{"role": "user", "content": "Hi"}]'
HO = '[{"role": "assistant", "content": "Ho"}]'
for key in ("llm.provider", "gen_ai.system"):
    row("000", key, {**CHAT, key: "openai"}, {"gen_ai.provider.name": "openai"})
for key in ("llm.model", "gen_ai.request.model"):
    row("000", key, {**CHAT, key: "gpt-4o"}, {"gen_ai.request.model": "gpt-4o"})
row("000", "llm.input.messages", {**CHAT, "llm.input.messages": HI}, {"gen_ai.input.messages": messages(text("user", "Hi"))})
row("000", "llm.input.messages as text", {**CHAT, "llm.input.messages": "Hi"},
    {"gen_ai.input.messages": messages(text("user", "Hi"))})
row("000", "gen_ai.prompt", {**CHAT, "gen_ai.prompt": "Summarise this ticket."},
    {"gen_ai.input.messages": messages(text("user", "Summarise this ticket."))})
row("000", "gen_ai.prompt as JSON", {**CHAT, "gen_ai.prompt": HI}, {"gen_ai.input.messages": messages(text("user", "Hi"))})
row("000", "llm.output.messages", {**CHAT, "llm.output.messages": HO},
    {"gen_ai.output.messages": messages(text("assistant", "Ho"))})
row("000", "gen_ai.completion", {**CHAT, "gen_ai.completion": "The customer reports..."},
    {"gen_ai.output.messages": messages(text("assistant", "The customer reports..."))})
row("000", "gen_ai.completion as JSON", {**CHAT, "gen_ai.completion": HO},
    {"gen_ai.output.messages": messages(text("assistant", "Ho"))})
for key in ("llm.token_count.prompt", "gen_ai.usage.prompt_tokens"):
    row("000", key, {**CHAT, key: 120}, {"gen_ai.usage.input_tokens": 120})
for key in ("llm.token_count.completion", "gen_ai.usage.completion_tokens"):
    row("000", key, {**CHAT, key: 48}, {"gen_ai.usage.output_tokens": 48})
row("000", "llm.latency_ms", {**MODEL, "llm.latency_ms": 1234}, {"llm.latency_ms": 1234})
row("000", "no latency: start and end", MODEL, {"llm.latency_ms": 2000})
row("000", "llm.cost", {**MODEL, "llm.cost": 0.0125}, {"llm.cost.total": 0.0125, "weir.cost.status": "reported"})
row("000", "no cost: priced", {**MODEL, "gen_ai.usage.prompt_tokens": 120, "gen_ai.usage.completion_tokens": 48},
    {"weir.cost.status": "ok", "llm.cost.total": lambda v, _: abs(v - (120 * 2.5e-6 + 48 * 1e-5)) < 1e-12})
row("000", "any other attribute", {**MODEL, "team": "billing", "n": 7, "ratio": 0.5},
    {"team": "billing", "n": 7, "ratio": 0.5})

# ---- Enprompta, section 5: links; on the span, on the resource, and the span over the resource

LINKS = {
    "enprompta.environment": lambda v: {"deployment.environment.name": v},
    "enprompta.prompt_id": lambda v: {"weir.prompt.id": v},
    "enprompta.prompt_version_id": lambda v: {"weir.prompt.version_id": v},
    "enprompta.session_id": both,
    "session.id": both,
    "enprompta.project_id": lambda v: {"weir.project": v},
}
for key, expect in LINKS.items():
    row("000", f"{key} on the span", {**MODEL, key: "a-1"}, expect("a-1"))
    row("000", f"{key} on the resource", MODEL, expect("a-2"), resource={key: "a-2"})
    row("000", f"{key}: span over resource", {**MODEL, key: "a-3"}, expect("a-3"), resource={key: "other"})
row("000", "no environment: none is made up", MODEL, {"deployment.environment.name": ABSENT})
row("000", "the page's example", {
    "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o", "gen_ai.prompt": "Summarise this ticket.",
    "gen_ai.completion": "The customer reports...", "gen_ai.usage.prompt_tokens": 120, "gen_ai.usage.completion_tokens": 48,
}, {
    "gen_ai.operation.name": "chat", "weir.span.kind": "llm", "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o", "gen_ai.input.messages": messages(text("user", "Summarise this ticket.")),
    "gen_ai.output.messages": messages(text("assistant", "The customer reports...")),
    "gen_ai.usage.input_tokens": 120, "gen_ai.usage.output_tokens": 48, "gen_ai.usage.total_tokens": 168,
    "deployment.environment.name": "production", "weir.cost.status": "ok", "llm.latency_ms": 2000,
}, resource={"enprompta.environment": "production"}, span={"name": "chat", "kind": 0})

# ---- PromptLayer: attributes

row("001", "gen_ai.request.model", {**CHAT, "gen_ai.request.model": "claude-sonnet-4-20250514"},
    {"gen_ai.request.model": "claude-sonnet-4-20250514"})
for provider in ("openai", "anthropic"):
    row("001", f"gen_ai.provider.name {provider}", {**CHAT, "gen_ai.provider.name": provider},
        {"gen_ai.provider.name": provider})
for operation, kind in (("chat", "llm"), ("text_completion", "llm"), ("embeddings", "embedding")):
    row("001", f"gen_ai.operation.name {operation}", {"gen_ai.operation.name": operation},
        {"gen_ai.operation.name": operation, "weir.span.kind": kind})
row("001", "gen_ai.usage.input_tokens", {**CHAT, "gen_ai.usage.input_tokens": 120}, {"gen_ai.usage.input_tokens": 120})
row("001", "gen_ai.usage.output_tokens", {**CHAT, "gen_ai.usage.output_tokens": 48}, {"gen_ai.usage.output_tokens": 48})
for key, role in (("gen_ai.input.messages", "user"), ("gen_ai.output.messages", "assistant")):
    row("001", key, {**CHAT, key: json.dumps([text(role, "Hi")])}, {key: messages(text(role, "Hi"))})
    row("001", f"{key} structured", {**CHAT, key: [text(role, "Hi")]}, {key: messages(text(role, "Hi"))})
row("001", "gen_ai.request.temperature", {**CHAT, "gen_ai.request.temperature": 0.7}, {"gen_ai.request.temperature": 0.7})
row("001", "gen_ai.request.temperature as int", {**CHAT, "gen_ai.request.temperature": 1},
    {"gen_ai.request.temperature": 1.0})
row("001", "gen_ai.request.max_tokens", {**CHAT, "gen_ai.request.max_tokens": 256}, {"gen_ai.request.max_tokens": 256})
row("001", "gen_ai.response.finish_reasons", {**CHAT, "gen_ai.response.finish_reasons": ["stop"]},
    {"gen_ai.response.finish_reasons": ["stop"]})

# ---- PromptLayer: events, with the keys of its page and those of the specification

TOOL_CALLS = [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}]
CALLED = call("assistant", "c1", "get_weather", {"city": "Paris"})
RESULT = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "18C"}]}


def system_said(value, attributes):
    assert "Be brief." in (value or "") or "Be brief." in attributes.get("gen_ai.system_instructions", "")
    assert not ("Be brief." in (value or "") and "Be brief." in attributes.get("gen_ai.system_instructions", ""))


for role in ("user", "assistant"):
    for key in (f"gen_ai.{role}.message.content", "content"):
        row("001", f"event gen_ai.{role}.message {key}", MODEL, {"gen_ai.input.messages": messages(text(role, "Hi"))},
            events=[(f"gen_ai.{role}.message", {key: "Hi"}), ("gen_ai.choice", {"message": HO[1:-1], "index": 0})])
for key in ("gen_ai.system.message.content", "content"):
    row("001", f"event gen_ai.system.message {key}", MODEL, {"gen_ai.input.messages": system_said},
        events=[("gen_ai.system.message", {key: "Be brief."}), ("gen_ai.user.message", {"content": "Hi"})])
row("001", "event gen_ai.assistant.message with tool calls", MODEL, {"gen_ai.input.messages": messages(CALLED, RESULT)},
    events=[("gen_ai.assistant.message", {"tool_calls": json.dumps(TOOL_CALLS)}),
            ("gen_ai.tool.message", {"id": "c1", "content": "18C"}), ("gen_ai.choice", {"message": HO[1:-1]})])
row("001", "event gen_ai.assistant.message with tool calls as LiveKit has them", MODEL,
    {"gen_ai.input.messages": messages(CALLED, RESULT)},
    events=[("gen_ai.assistant.message", {"role": "assistant", "tool_calls": [json.dumps(c) for c in TOOL_CALLS]}),
            ("gen_ai.tool.message", {"id": "c1", "content": "18C", "role": "tool"}),
            ("gen_ai.choice", {"role": "assistant", "content": "Ho"})])
row("001", "event gen_ai.tool.message", MODEL, {"gen_ai.input.messages": messages(RESULT)},
    events=[("gen_ai.tool.message", {"id": "c1", "content": "18C"})])
row("001", "event gen_ai.choice", MODEL,
    {"gen_ai.output.messages": messages(text("assistant", "Ho")), "gen_ai.response.finish_reasons": ["stop"]},
    events=[("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": HO[1:-1]})])
row("001", "event gen_ai.choice as LiveKit has it", MODEL, {"gen_ai.output.messages": messages(text("assistant", "Ho"))},
    events=[("gen_ai.choice", {"role": "assistant", "content": "Ho"})])
row("001", "event gen_ai.choice with a tool call", MODEL, {"gen_ai.output.messages": messages(CALLED)},
    events=[("gen_ai.choice", {"index": 0, "finish_reason": "tool_calls", "message": json.dumps({"tool_calls": TOOL_CALLS})})])
row("001", "attributes over events", {**MODEL, "gen_ai.input.messages": json.dumps([text("user", "attribute")])},
    {"gen_ai.input.messages": messages(text("user", "attribute"))},
    events=[("gen_ai.user.message", {"content": "event"})])

# ---- PromptLayer: links to prompt templates

row("001", "promptlayer.prompt.name", {**MODEL, "promptlayer.prompt.name": "my-prompt"}, {"gen_ai.prompt.name": "my-prompt"})
row("001", "promptlayer.prompt.id", {**MODEL, "promptlayer.prompt.id": 42}, {"weir.prompt.id": "42"})
row("001", "promptlayer.prompt.version",
    {**MODEL, "promptlayer.prompt.name": "my-prompt", "promptlayer.prompt.version": 3}, {"gen_ai.prompt.version": "3"})
row("001", "promptlayer.prompt.label",
    {**MODEL, "promptlayer.prompt.name": "my-prompt", "promptlayer.prompt.label": "production"},
    {"weir.prompt.label": "production"})

# ---- Ingate: mapped fields; other spans are left out

row("002", "gen_ai.system", {"gen_ai.system": "anthropic", "gen_ai.request.model": "claude-3-5-haiku-latest"},
    {"gen_ai.provider.name": "anthropic", "gen_ai.operation.name": "chat"})
row("002", "gen_ai.request.model", {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o"},
    {"gen_ai.request.model": "gpt-4o", "weir.span.kind": "llm"})
row("002", "gen_ai.prompt", {"gen_ai.prompt": "Hi"}, {"gen_ai.input.messages": messages(text("user", "Hi"))})
row("002", "gen_ai.completion", {"gen_ai.completion": "Ho"}, {"gen_ai.output.messages": messages(text("assistant", "Ho"))})
row("002", "gen_ai.usage.prompt_tokens", {"gen_ai.usage.prompt_tokens": 9}, {"gen_ai.usage.input_tokens": 9})
row("002", "gen_ai.usage.completion_tokens", {"gen_ai.usage.completion_tokens": 9}, {"gen_ai.usage.output_tokens": 9})
row("002", "span duration", {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o"}, {"llm.latency_ms": 1500},
    span={"end_time_unix_nano": otlp.T0 + SECOND * 3 // 2})
row("002", "an HTTP span", {"http.request.method": "GET", "url.full": "http://example.com/"}, None)
row("002", "a database span", {"db.system.name": "postgresql", "db.query.text": "select 1"}, None)
row("002", "a span of nothing", {"code.function": "main"}, None, span={"kind": 1})

# ---- Respan: GenAI conventions

row("003", "gen_ai.request.model", {**CHAT, "gen_ai.request.model": "gpt-4o"}, {"gen_ai.request.model": "gpt-4o"})
row("003", "gen_ai.response.model", {**CHAT, "gen_ai.response.model": "gpt-4o-2024-08-06"},
    {"gen_ai.response.model": "gpt-4o-2024-08-06"})
row("003", "gen_ai.usage.prompt_tokens", {**CHAT, "gen_ai.usage.prompt_tokens": 150}, {"gen_ai.usage.input_tokens": 150})
row("003", "gen_ai.usage.completion_tokens", {**CHAT, "gen_ai.usage.completion_tokens": 50},
    {"gen_ai.usage.output_tokens": 50})
row("003", "gen_ai.request.temperature", {**CHAT, "gen_ai.request.temperature": 0.2}, {"gen_ai.request.temperature": 0.2})
row("003", "gen_ai.request.max_tokens", {**CHAT, "gen_ai.request.max_tokens": 64}, {"gen_ai.request.max_tokens": 64})
row("003", "gen_ai.system", {**CHAT, "gen_ai.system": "openai"}, {"gen_ai.provider.name": "openai"})
for value, operation, kind in (("chat", "chat", "llm"), ("completion", "text_completion", "llm"),
                               ("embedding", "embeddings", "embedding")):
    row("003", f"llm.request.type {value}", {"llm.request.type": value},
        {"gen_ai.operation.name": operation, "weir.span.kind": kind})
row("003", "llm.is_streaming", {**CHAT, "llm.is_streaming": True}, {"gen_ai.request.stream": True})
row("003", "llm.usage.total_tokens", {**CHAT, "llm.usage.total_tokens": 200}, {"gen_ai.usage.total_tokens": 200})
row("003", "llm.usage.reasoning_tokens",
    {**CHAT, "gen_ai.usage.completion_tokens": 50, "llm.usage.reasoning_tokens": 20},
    {"gen_ai.usage.reasoning.output_tokens": 20, "gen_ai.usage.output_tokens": 50})
row("003", "gen_ai.usage.cache_read_input_tokens",
    {**CHAT, "gen_ai.usage.prompt_tokens": 150, "gen_ai.usage.cache_read_input_tokens": 100},
    {"gen_ai.usage.cache_read.input_tokens": 100, "gen_ai.usage.input_tokens": 150})

# ---- Respan: Traceloop conventions

for value, operation, kind in (("workflow", "invoke_workflow", "workflow"), ("task", None, "step"),
                               ("tool", "execute_tool", "tool"), ("agent", "invoke_agent", "agent")):
    row("003", f"traceloop.span.kind {value}", {"traceloop.span.kind": value, "traceloop.entity.name": "plan"},
        {"weir.span.kind": kind, **({"gen_ai.operation.name": operation} if operation else {})}, span={"kind": 1})
row("003", "traceloop.entity.path", {"traceloop.span.kind": "task", "traceloop.entity.path": "answer.plan"},
    {"weir.entity.path": "answer.plan"})
row("003", "traceloop.entity.input", {"traceloop.span.kind": "workflow", "traceloop.entity.input": "Capital of France?"},
    kept_or_in("traceloop.entity.input", "Capital of France?", "gen_ai.input.messages"))
row("003", "traceloop.entity.output", {"traceloop.span.kind": "workflow", "traceloop.entity.output": "Paris"},
    kept_or_in("traceloop.entity.output", "Paris", "gen_ai.output.messages"))
row("003", "traceloop.workflow.name", {"traceloop.span.kind": "workflow", "traceloop.workflow.name": "answer"},
    {"gen_ai.workflow.name": "answer"})

# ---- Respan: OpenInference conventions

for value, kind in (("LLM", "llm"), ("EMBEDDING", "embedding"), ("CHAIN", "workflow"), ("TOOL", "tool"), ("AGENT", "agent"),
                    ("RETRIEVER", "retriever"), ("RERANKER", "rerank"), ("GUARDRAIL", "guardrail"),
                    ("EVALUATOR", "evaluator")):
    row("003", f"openinference.span.kind {value}", {"openinference.span.kind": value}, {"weir.span.kind": kind})
LLM = {"openinference.span.kind": "LLM"}
row("003", "llm.model_name", {**LLM, "llm.model_name": "gpt-4o"}, {"gen_ai.request.model": "gpt-4o"})
row("003", "llm.token_count.prompt", {**LLM, "llm.token_count.prompt": 150}, {"gen_ai.usage.input_tokens": 150})
row("003", "llm.token_count.completion", {**LLM, "llm.token_count.completion": 50}, {"gen_ai.usage.output_tokens": 50})
row("003", "input.value", {**LLM, "input.value": "Hi"}, {"gen_ai.input.messages": messages(text("user", "Hi"))})
row("003", "output.value", {**LLM, "output.value": "Ho"}, {"gen_ai.output.messages": messages(text("assistant", "Ho"))})

# ---- Respan: its own

row("003", "respan.customer_params.customer_identifier", {**MODEL, "respan.customer_params.customer_identifier": "user-1"},
    {"user.id": "user-1"})
row("003", "respan.threads.thread_identifier", {**MODEL, "respan.threads.thread_identifier": "thread-1"}, both("thread-1"))
row("003", "respan.trace.trace_group_identifier", {**MODEL, "respan.trace.trace_group_identifier": "group-1"},
    {"respan.trace.trace_group_identifier": "group-1"})
row("003", "respan.metadata", {**MODEL, "respan.metadata": '{"plan": "free", "tier": 2}'},
    {"weir.metadata.plan": "free", "weir.metadata.tier": 2})
row("003", "respan.environment", {**MODEL, "respan.environment": "staging"}, {"deployment.environment.name": "staging"})
row("003", "any other attribute", {**MODEL, "team": "billing"}, {"team": "billing"})

# ---- PromptKit: the table "What Gets Exported"

PROVIDER = {"gen_ai.system": "openai", "gen_ai.operation": "chat", "provider.name": "openai", "provider.model": "gpt-4o-mini"}


def promptkit(name, attributes, expect, span, **more):
    row("004", name, attributes, expect, span=span, scope=PROMPTKIT, **more)


PIPELINE = {"name": "pipeline", "kind": 1}
CALL = {"name": "provider.openai", "kind": 3}
promptkit("pipeline span", {"run.id": "r1"}, {"weir.span.kind": "workflow"}, PIPELINE)
promptkit("pipeline.duration_ms", {"pipeline.duration_ms": 1500},
          kept_or_in("pipeline.duration_ms", 1500, "llm.latency_ms"), PIPELINE)
promptkit("pipeline.total_cost", {"pipeline.total_cost": 0.25},
          {**kept_or_in("pipeline.total_cost", 0.25, "llm.cost.total"), "weir.span.kind": "workflow"}, PIPELINE)
for key, canonical in (("pipeline.input_tokens", "gen_ai.usage.input_tokens"),
                       ("pipeline.output_tokens", "gen_ai.usage.output_tokens")):
    promptkit(f"{key}, an aggregate", {key: 190},
              {**kept_or_in(key, 190, canonical), "weir.usage.countable": lambda v, _: v is not True}, PIPELINE)
promptkit("gen_ai.system", PROVIDER, {"gen_ai.provider.name": "openai", "weir.span.kind": "llm"}, CALL)
promptkit("gen_ai.operation", PROVIDER, {"gen_ai.operation.name": "chat"}, CALL)
promptkit("provider.model", PROVIDER, {"gen_ai.request.model": "gpt-4o-mini"}, CALL)
promptkit("provider.name", {k: v for k, v in PROVIDER.items() if k != "gen_ai.system"}, {"gen_ai.provider.name": "openai"},
          CALL)
promptkit("gen_ai.usage.input_tokens", {**PROVIDER, "gen_ai.usage.input_tokens": 82}, {"gen_ai.usage.input_tokens": 82}, CALL)
promptkit("gen_ai.usage.output_tokens", {**PROVIDER, "gen_ai.usage.output_tokens": 17}, {"gen_ai.usage.output_tokens": 17},
          CALL)
promptkit("gen_ai.response.finish_reason", {**PROVIDER, "gen_ai.response.finish_reason": "tool_calls"},
          {"gen_ai.response.finish_reasons": ["tool_call"]}, CALL)
promptkit("provider.duration_ms", {**PROVIDER, "provider.duration_ms": 900}, {"llm.latency_ms": 900}, CALL)
promptkit("provider.cost", {**PROVIDER, "provider.cost": 0.0000225},
          {"llm.cost.total": 0.0000225, "weir.cost.status": "reported"}, CALL)
promptkit("message event, user", PROVIDER, {"gen_ai.input.messages": messages(text("user", "Weather in Paris?"))}, CALL,
          events=[("gen_ai.user.message", {"gen_ai.message.content": "Weather in Paris?"})])
promptkit("message event, assistant: the last one is the answer", PROVIDER,
          {"gen_ai.input.messages": messages(text("user", "Hi")), "gen_ai.output.messages": messages(text("assistant", "Ho"))},
          CALL, events=[("gen_ai.user.message", {"gen_ai.message.content": "Hi"}),
                        ("gen_ai.assistant.message", {"gen_ai.message.content": "Ho"})])
promptkit("message event, gen_ai.tool_calls", PROVIDER, {"gen_ai.output.messages": messages(CALLED)}, CALL,
          events=[("gen_ai.user.message", {"gen_ai.message.content": "Weather in Paris?"}),
                  ("gen_ai.assistant.message", {"gen_ai.message.content": "", "gen_ai.tool_calls": json.dumps(
                      [{"id": "c1", "name": "get_weather", "args": '{"city": "Paris"}'}])})])
promptkit("message event, gen_ai.tool_result", PROVIDER,
          {"gen_ai.input.messages": lambda v, _: [p["id"] for m in json.loads(v) if m["role"] == "tool"
                                                  for p in m["parts"] if "18C" in json.dumps(p)] == ["c1"]},
          CALL, events=[("gen_ai.tool.message", {"gen_ai.tool_result": json.dumps(
              {"id": "c1", "name": "get_weather", "parts": [{"type": "text", "text": "18C"}], "latency_ms": 200})})])
TOOL = {"tool.name": "get_weather", "tool.call_id": "c1"}
RAN = {"name": "tool.get_weather", "kind": 1}
promptkit("tool span", TOOL, {"weir.span.kind": "tool", "gen_ai.operation.name": "execute_tool",
                              "gen_ai.tool.name": "get_weather", "gen_ai.tool.call.id": "c1"}, RAN)
promptkit("tool.args", {**TOOL, "tool.args": '{"city":"Paris"}'},
          {"gen_ai.tool.call.arguments": lambda v, _: json.loads(v) == {"city": "Paris"}}, RAN)
promptkit("tool.duration_ms", {**TOOL, "tool.duration_ms": 200}, {"llm.latency_ms": 200}, RAN)
promptkit("tool.status success", {**TOOL, "tool.status": "success"},
          {"error.type": ABSENT, "gen_ai.tool.type": lambda v, _: v != "success"}, RAN)
promptkit("tool.status error", {**TOOL, "tool.status": "error"}, kept_or_in("tool.status", "error", "error.type"), RAN)
promptkit("middleware.duration_ms", {"middleware.duration_ms": 12}, {"middleware.duration_ms": 12},
          {"name": "middleware.logging", "kind": 1})
for key in ("workflow.from_state", "workflow.to_state", "workflow.event"):
    promptkit(f"workflow.transition {key}", {key: "intake"}, {key: "intake"},
              {"name": "workflow.transition", "kind": 1, "end_time_unix_nano": otlp.T0})
promptkit("workflow.completed", {"workflow.final_state": "done", "workflow.transition_count": 2},
          {"workflow.final_state": "done", "workflow.transition_count": 2},
          {"name": "workflow.completed", "kind": 1, "end_time_unix_nano": otlp.T0})
promptkit("pack.id on the resource", PROVIDER, {"weir.project": "customer-support-v2"}, CALL,
          resource={"pack.id": "customer-support-v2"})
promptkit("session.id", {**PROVIDER, "session.id": "sess-1"}, both("sess-1"), CALL)


# ---- the run

@pytest.fixture(scope="module")
def spans(tmp_path_factory):
    """{number of the row: (span, its attributes)} of what came out of one weir."""
    directory = tmp_path_factory.mktemp("seeds")
    w = Weir(directory, {
        "processors": {name: {} for name in PROCESSORS}, "exporters": {"file": {"path": str(directory / "out.json")}},
        "service": {"pipelines": {"traces": {"receivers": ["otlp"], "processors": PROCESSORS, "exporters": ["file"]}}}})
    try:
        w.start()
        for n, r in enumerate(ROWS, 1):
            w.post(r.message(n))
        w.at_rest()
    finally:
        w.close()
    out = {}
    for span in otlp.leaves(otlp.read_json_lines(directory / "out.json")):
        n = struct.unpack(">Q", span.span_id)[0]
        assert n not in out, f"row {n} came out twice"
        keys = [a.key for a in span.attributes]
        assert len(keys) == len(set(keys)), f"{ROWS[n - 1].name}: an attribute twice: {keys}"
        out[n] = span, {a.key: plain(a.value) for a in span.attributes}
    return out


@pytest.mark.parametrize("n", range(1, len(ROWS) + 1), ids=[f"{r.seed}-{r.name}".replace(" ", "_") for r in ROWS])
def test_row(spans, n):
    expect = ROWS[n - 1].expect
    if expect is None:
        assert n not in spans, "kept"
        return
    assert n in spans, "filtered out"
    _, got = spans[n]
    for key, want in expect.items():
        if want is ABSENT:
            assert key not in got, (key, got[key])
        elif callable(want):
            assert want(got.get(key), got) is not False, (key, got.get(key), got)
        else:
            assert got.get(key) == want and type(got.get(key)) is type(want), (key, got.get(key), got)


def test_canonical_always(spans):
    """Operation and kind are on every span that is kept."""
    for n, (_, got) in spans.items():
        assert "weir.span.kind" in got and "gen_ai.operation.name" in got, (ROWS[n - 1].name, got)
