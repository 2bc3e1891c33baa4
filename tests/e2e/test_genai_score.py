"""tests/e2e/genai/score.py itself: canonical spans made by hand, right ones and wrong ones, against one truth."""
import copy
import json

import pytest

from genai import score
from rig import otlp

CALL = {"n": 1, "api": "chat", "provider": "openai", "request_model": "gpt-4o-mini",
        "response_model": "gpt-4o-mini-2024-07-18", "response_id": "chatcmpl-1", "stream": False, "start": 100.0,
        "end": 101.0, "status": 200, "usage_sent": True, "input_tokens": 1041, "output_tokens": 14, "cache_read": 1024,
        "cache_write": 0, "reasoning": 0, "finish_reasons": ["tool_call"],
        "input": [{"role": "system", "text": "You are terse."}, {"role": "user", "text": "Weather?"}],
        "output": [{"text": "", "reasoning": "", "tool_calls": [
            {"id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}}]}]}
REFUSED = {**CALL, "n": 2, "response_id": None, "response_model": None, "start": 102.0, "end": 102.1, "status": 429,
           "usage_sent": False, "finish_reasons": [], "output": []}
TRUTH = {"app": "made_up", "ecosystem": "made", "packages": {}, "content": True, "session": "s-1", "user": "u-1",
         "known_gaps": {}, "calls": [CALL, REFUSED]}
GOOD = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.usage.input_tokens": 1041, "gen_ai.usage.output_tokens": 14,
        "gen_ai.usage.cache_read.input_tokens": 1024, "gen_ai.response.finish_reasons": ["tool_call"],
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "You are terse."}]),
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}]),
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [
            {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": '{"city": "Paris"}'}]}]),
        "gen_ai.conversation.id": "s-1", "session.id": "s-1", "user.id": "u-1", "weir.span.kind": "llm"}
BAD = {k: GOOD[k] for k in ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",
                            "gen_ai.conversation.id", "session.id", "user.id", "weir.span.kind")}


def request(*spans):
    """One OTLP request; a span is (attributes, start, end[, failed])."""
    out = otlp.REQUEST["traces"]()
    scope = out.resource_spans.add().scope_spans.add()
    for n, (attributes, start, end, *failed) in enumerate(spans, 1):
        span = scope.spans.add(trace_id=b"t" * 16, span_id=bytes([n] * 8), name=f"span {n}",
                               start_time_unix_nano=int(start * 1e9), end_time_unix_nano=int(end * 1e9))
        span.status.code = 2 if failed else 0
        otlp.fill(span.attributes, attributes)
    return otlp.from_json(otlp.to_json(out))


def judged(*spans, **truth):
    return score.score("made_up", score.spans_of([request(*spans)]), {**TRUTH, **truth})


RIGHT, REFUSAL = (GOOD, 99.99, 101.01), (BAD, 102.0, 102.1, True)


def test_right():
    got = judged(RIGHT, REFUSAL)
    assert not got.misses and got.ok == got.expected == 24, (got.ok, got.expected, [str(m) for m in got.misses])


def test_structures_are_messages_too():
    changed = {**GOOD, **{k: json.loads(GOOD[k]) for k in GOOD if k.endswith((".messages", "_instructions"))}}
    assert not judged((changed, 100, 101), REFUSAL).misses


@pytest.mark.parametrize("field, attribute, value", [
    ("operation", "gen_ai.operation.name", "invoke_agent"),
    ("provider", "gen_ai.provider.name", "langchain"),
    ("request_model", "gen_ai.request.model", "gpt-4o"),
    ("response_model", "gen_ai.response.model", "gpt-4o-mini"),
    ("response_id", "gen_ai.response.id", None),
    ("input_tokens", "gen_ai.usage.input_tokens", 17),
    ("input_tokens", "gen_ai.usage.input_tokens", "1041"),
    ("output_tokens", "gen_ai.usage.output_tokens", None),
    ("cache_read", "gen_ai.usage.cache_read.input_tokens", None),
    ("cache_write", "gen_ai.usage.cache_write.input_tokens", 3),
    ("reasoning", "gen_ai.usage.reasoning.output_tokens", 3),
    ("finish_reasons", "gen_ai.response.finish_reasons", ["tool_calls"]),
    ("finish_reasons", "gen_ai.response.finish_reasons", "tool_call"),
    ("input_messages", "gen_ai.system_instructions", None),
    ("input_messages", "gen_ai.input.messages", "[{"),
    ("output_messages", "gen_ai.output.messages", None),
    ("conversation", "gen_ai.conversation.id", "s-2"),
    ("session", "session.id", None),
    ("user", "user.id", None),
])
def test_wrong_field(field, attribute, value):
    changed = {k: v for k, v in {**GOOD, attribute: value}.items() if v is not None}
    misses = judged((changed, 100, 101), REFUSAL).misses
    assert field in {m.field for m in misses} and {m.call for m in misses} == {1}
    assert {m.field for m in misses} <= {field, "tool_call_ids"}


@pytest.mark.parametrize("part", [
    {"type": "tool_call", "id": "call_1", "name": "other", "arguments": {"city": "Paris"}},
    {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Rome"}},
    {"type": "tool_call", "id": "call_1", "name": "get_weather"},
    {"type": "text", "content": "get_weather"},
])
def test_wrong_tool_call(part):
    changed = {**GOOD, "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [part]}])}
    assert "output_messages" in {m.field for m in judged((changed, 100, 101), REFUSAL).misses}


def test_tool_results_and_thoughts():
    call = copy.deepcopy(CALL)
    call["input"] += [{"role": "assistant", "text": "", "tool_calls": CALL["output"][0]["tool_calls"]},
                      {"role": "tool", "text": '{"degrees": 21}', "tool_call_id": "call_1"}]
    call["output"] = [{"text": "21 degrees", "reasoning": "Hm.", "tool_calls": []}]
    call["finish_reasons"] = ["stop"]
    said = [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "call_1", "name": "get_weather",
                                             "arguments": {"city": "Paris"}}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": {"degrees": 21}}]}]
    answer = [{"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm."},
                                              {"type": "text", "content": "21 degrees"}]}]
    span = {**GOOD, "gen_ai.input.messages": json.dumps(said), "gen_ai.output.messages": json.dumps(answer),
            "gen_ai.response.finish_reasons": ["stop"]}
    assert not judged((span, 100, 101), calls=[call]).misses
    answer[0]["parts"].pop(0)
    said[2]["parts"][0]["id"] = "call_2"
    span.update({"gen_ai.input.messages": json.dumps(said), "gen_ai.output.messages": json.dumps(answer)})
    assert {m.field for m in judged((span, 100, 101), calls=[call]).misses} == {"tool_call_ids", "reasoning_text"}


def test_missing_span():
    assert [(m.call, m.field) for m in judged(RIGHT).misses] == [(2, "span")]
    assert [(m.call, m.field) for m in judged(REFUSAL).misses] == [(1, "span")]


@pytest.mark.parametrize("change, extra", [
    ({}, True),  # a duplicate that is counted
    ({"weir.usage.countable": False}, False),
    ({"weir.span.kind": "agent"}, False),
    ({"gen_ai.response.id": "chatcmpl-9", "weir.span.kind": "embedding"}, True),
])
def test_second_span_of_a_call(change, extra):
    misses = judged(RIGHT, ({**GOOD, **change}, 99.9, 101.1), REFUSAL).misses
    assert [(m.call, m.field) for m in misses] == ([(1, "extra")] if extra else [])


def test_refusal_must_show():
    assert [(m.call, m.field) for m in judged(RIGHT, (BAD, 102, 102.1)).misses] == [(2, "error")]


def test_paired_without_ids():
    """Two calls one after the other, spans without ids in the other order and with a wrong number: still paired by time."""
    first = {**CALL, "response_id": None}
    second = {**first, "n": 3, "start": 110.0, "end": 111.0}
    wrong = {**GOOD, "gen_ai.usage.input_tokens": 5}
    got = judged((wrong, 110, 111), (GOOD, 100, 101), calls=[first, second])
    assert [(m.call, m.field, m.got) for m in got.misses] == [(3, "input_tokens", 5)]


def test_gaps():
    less = {k: v for k, v in GOOD.items() if k not in ("gen_ai.response.finish_reasons", "gen_ai.response.id")}
    gaps = {"finish_reasons[chat]": "the SDK does not send it", "response_id[1]": "the SDK does not send it",
            "span[failed]": "the SDK does not send it", "user": "the SDK does not send it"}
    got = judged((less, 100, 101), known_gaps=gaps)
    assert not got.misses and got.ok == got.expected == 14
    assert dict(got.gaps) == {"finish_reasons[chat]": 1, "response_id[1]": 1, "span[failed]": 1}
    assert got.stale == ["user"]
    got = judged((less, 100, 101), known_gaps={"finish_reasons[stream]": "the SDK does not send it"})
    assert {m.field for m in got.misses} == {"finish_reasons", "response_id", "span"} and got.stale


def test_table():
    text = score.table([judged((GOOD | {"user.id": "other"}, 100, 101), REFUSAL, known_gaps={"session": "x"})])
    assert "made                                             23       24    95.8        0" in text
    assert 'MISS: made_up call 1 user: expected "u-1", got "other"' in text
    assert "STALE GAP: made_up session" in text
