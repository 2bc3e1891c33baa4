#!/usr/bin/env python3
"""A stand-in for the LLM APIs, so that real SDKs can be recorded without a key and without the internet.

    python3 llm_api.py --port 0 --log FILE     prints http://127.0.0.1:PORT as its first line

What it answers is decided by tags in the last user message that has one ("[plain] Hello"): see TEXTS and README.md. A
conversation that has tool results after that message is answered with text. Ids, texts and token counts follow from the
request alone. The log has one JSON line per call, in canonical form: it is the ground truth of the corpus, so usage there
is inclusive (input with cache reads and writes, output with reasoning) whatever the API's own convention is.
Only the standard library. Requests are read by llm_requests.py.
"""
import argparse
import base64
import http.server
import itertools
import json
import math
import re
import struct
import sys
import threading
import time
import urllib.parse
import zlib

from llm_requests import (anthropic_input, chat_input, converse_input, gemini_input, message, responses_input, sample,
                          schema_of, texts, tool_call, tools_of)

TAG = re.compile(r"\[(plain|tools?|cached|reason|json|length|filter|fail429|fail500)(?::([\w.-]+))?\]")
LITERAL = re.compile(r"<<(.*?)>>", re.S)  # the answer itself, for frameworks that parse it
TEXTS = {"plain": "The capital of France is Paris.", "cached": "As the long document says, the answer is forty two.",
         "reason": "After some thought: the train arrives at nine.", "length": "This answer is cut because",
         "filter": "I cannot continue", "after_tool": "It is 21 degrees and sunny in Paris."}
THOUGHT = "The train leaves at seven and needs two hours, so it arrives at nine."
CACHE_READ, CACHE_WRITE, REASONING = 1024, 256, 64
GAP = 0.004  # seconds between the chunks of a stream: the first one is distinguishable from the last
DELAY = 0.02  # seconds before every answer: calls one after the other are distinguishable by time
MODELS = {"gpt-4o-mini": "gpt-4o-mini-2024-07-18", "gpt-4o": "gpt-4o-2024-08-06", "gpt-4.1": "gpt-4.1-2025-04-14",
          "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14", "gpt-5": "gpt-5-2025-08-07", "gpt-5-mini": "gpt-5-mini-2025-08-07",
          "o4-mini": "o4-mini-2025-04-16", "o3-mini": "o3-mini-2025-01-31",
          "claude-sonnet-4-5": "claude-sonnet-4-5-20250929", "claude-haiku-4-5": "claude-haiku-4-5-20251001",
          "claude-opus-4-5": "claude-opus-4-5-20251101", "gemini-2.5-flash": "gemini-2.5-flash-preview-09-2025",
          "mistral-large-latest": "mistral-large-2411", "mistral-small-latest": "mistral-small-2506"}
PROVIDERS = (("claude", "anthropic"), ("gemini", "gcp.gemini"), ("mistral", "mistral_ai"), ("codestral", "mistral_ai"),
             ("deepseek", "deepseek"), ("grok", "x_ai"), ("command", "cohere"), ("llama", "groq"))


# ---- what is answered

class Call:
    """One call: what was asked (filled by the API's reader), what is answered, and its row of the log."""

    def __init__(self, n, api, body, model, inputs, provider=None):
        self.n, self.api, self.body, self.model = n, api, body, model or "unknown"
        bare = self.model.split("/")[-1].removeprefix("us.")
        self.response_model = MODELS.get(bare, bare)
        self.provider = provider or next((p for prefix, p in PROVIDERS if bare.startswith(prefix)), "openai")
        self.input, self.outputs = inputs, []
        self.stream = bool(body.get("stream"))
        self.status, self.finish, self.id = 200, "stop", f"{n:06d}"
        self.usage = {"input": 0, "output": 0, "cache_read": 0, "cache_write": 0, "reasoning": 0}
        self.usage_sent = True
        self.start = time.time()

    def decide(self):
        at, tags = len(self.input), {}
        for i in range(len(self.input) - 1, -1, -1):
            tags = dict(TAG.findall(self.input[i]["text"])) if self.input[i]["role"] == "user" else {}
            if tags:
                at = i
                break
        if "fail429" in tags or "fail500" in tags:
            self.status, self.finish = (429 if "fail429" in tags else 500), None
            return
        after_tool = any(m["role"] == "tool" for m in self.input[at:])
        known, schema = tools_of(self.body), schema_of(self.body)
        want = tags.get("tool") or tags.get("tools")
        chosen = [t for t in known if t[0] == want] or known
        calls, reasoning = [], ""
        text = next((TEXTS[t] for t in tags if t in TEXTS), TEXTS["plain"])
        literal = LITERAL.search(self.input[at]["text"]) if tags else None
        if "reason" in tags and self.api != "chat":
            reasoning = THOUGHT
        if after_tool:
            text = TEXTS["after_tool"]
        elif ("tool" in tags or "tools" in tags) and known:
            text, self.finish = "", "tool_call"
            two = (chosen * 2)[:2] if "tools" in tags else chosen[:1]
            calls = [tool_call(self.tool_id(k), name, sample(s)) for k, (name, s) in enumerate(two)]
        elif "length" in tags or "filter" in tags:
            self.finish = "length" if "length" in tags else "content_filter"
        if not calls and literal:
            text = literal[1]
        elif not calls and (schema or "json" in tags):
            text = json.dumps(sample(schema) if schema else {"city": "Paris", "degrees": 21})
        one = {"text": text, "reasoning": reasoning, "tool_calls": calls}
        self.outputs = [dict(one) for _ in range(int(self.body.get("n") or 1))]
        self.count(tags, len(known))

    def tool_id(self, k):
        prefix = {"messages": "toolu_", "converse": "tooluse_", "generateContent": "fc_"}.get(self.api, "call_")
        letters = f"{self.n:04d}{k}" if self.provider == "mistral_ai" else f"{self.n:06d}{k}"
        return letters.zfill(9) if self.provider == "mistral_ai" else prefix + letters

    def count(self, tags, tools):
        u = self.usage
        u["input"] = 7 + 20 * tools + sum(3 + math.ceil(len(m["text"]) / 4) + 9 * len(m.get("tool_calls", ()))
                                          for m in self.input)
        u["output"] = sum(1 + math.ceil(len(o["text"]) / 4) + 15 * len(o["tool_calls"]) for o in self.outputs)
        if "cached" in tags:
            u["cache_read"] = CACHE_READ
            u["cache_write"] = CACHE_WRITE if self.api in ("messages", "converse") else 0
            u["input"] += u["cache_read"] + u["cache_write"]
        if "reason" in tags:
            u["reasoning"] = REASONING
            u["output"] += REASONING

    @property
    def reason(self):
        """What the API says: Gemini has no reason of its own for a call of a tool."""
        return "stop" if (self.api, self.finish) == ("generateContent", "tool_call") else self.finish

    def row(self):
        ok = self.status == 200
        return {"n": self.n, "api": self.api, "provider": self.provider, "request_model": self.model,
                "response_model": self.response_model if ok else None, "response_id": self.id if ok else None,
                "stream": self.stream, "start": self.start, "end": time.time(), "status": self.status,
                "usage_sent": self.usage_sent and ok, "input_tokens": self.usage["input"],
                "output_tokens": self.usage["output"], "cache_read": self.usage["cache_read"],
                "cache_write": self.usage["cache_write"], "reasoning": self.usage["reasoning"],
                "finish_reasons": [self.reason] * len(self.outputs) if ok and self.outputs else [],
                "input": self.input, "output": self.outputs}


def pieces(text, size=12):
    return [text[i:i + size] for i in range(0, len(text), size)]


def sse(data, event=None):
    return (f"event: {event}\n" if event else "").encode() + b"data: " + (
        data if isinstance(data, str) else json.dumps(data)).encode() + b"\n\n"


# ---- OpenAI chat completions

FINISH = {"chat": {"tool_call": "tool_calls"},
          "messages": {"stop": "end_turn", "length": "max_tokens", "tool_call": "tool_use", "content_filter": "refusal"},
          "generateContent": {"stop": "STOP", "length": "MAX_TOKENS", "tool_call": "STOP", "content_filter": "SAFETY"},
          "converse": {"stop": "end_turn", "length": "max_tokens", "tool_call": "tool_use",
                       "content_filter": "content_filtered"}}


def chat_usage(call):
    u = call.usage
    return {"prompt_tokens": u["input"], "completion_tokens": u["output"], "total_tokens": u["input"] + u["output"],
            "prompt_tokens_details": {"cached_tokens": u["cache_read"], "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": u["reasoning"], "audio_tokens": 0,
                                          "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}


def chat_tools(one):
    return [{"id": c["id"], "type": "function", "function": {"name": c["name"], "arguments": json.dumps(c["arguments"])}}
            for c in one["tool_calls"]]


def chat(call):
    call.id = f"chatcmpl-{call.id}"
    finish = FINISH["chat"].get(call.finish, call.finish)
    head = {"id": call.id, "object": "chat.completion", "created": int(call.start), "model": call.response_model,
            "service_tier": "default", "system_fingerprint": "fp_0123456789"}
    if not call.stream:
        choices = []
        for i, one in enumerate(call.outputs):
            m = {"role": "assistant", "content": one["text"] or None, "refusal": None, "annotations": []}
            if one["tool_calls"]:
                m["tool_calls"] = chat_tools(one)
            choices.append({"index": i, "message": m, "logprobs": None, "finish_reason": finish})
        return {**head, "choices": choices, "usage": chat_usage(call)}
    call.usage_sent = bool((call.body.get("stream_options") or {}).get("include_usage")) or call.provider != "openai"
    return chat_stream(call, {**head, "object": "chat.completion.chunk"}, finish)


def chat_stream(call, head, finish):
    def chunk(i, delta, reason=None):
        return sse({**head, "choices": [{"index": i, "delta": delta, "logprobs": None, "finish_reason": reason}]})
    for i, one in enumerate(call.outputs):
        yield chunk(i, {"role": "assistant", "content": "" if one["text"] else None})
        for piece in pieces(one["text"]):
            yield chunk(i, {"content": piece})
        for k, t in enumerate(chat_tools(one)):
            arguments = t["function"]["arguments"]
            yield chunk(i, {"tool_calls": [{"index": k, **t, "function": {**t["function"], "arguments": ""}}]})
            for piece in pieces(arguments):
                yield chunk(i, {"tool_calls": [{"index": k, "function": {"arguments": piece}}]})
        yield chunk(i, {}, finish)
    if call.usage_sent:
        yield sse({**head, "choices": [], "usage": chat_usage(call)})
    yield sse("[DONE]")


def embeddings(call):
    wanted = call.body.get("input", "")
    inputs = wanted if isinstance(wanted, list) and not (wanted and isinstance(wanted[0], int)) else [wanted]
    call.input, call.finish = [message("user", t if isinstance(t, str) else "") for t in inputs], None
    call.usage["input"] = sum(2 + (math.ceil(len(t) / 4) if isinstance(t, str) else len(t)) for t in inputs)
    call.id = None
    data = []
    for i in range(len(inputs)):
        v = vector(int(call.body.get("dimensions") or 8))
        if call.body.get("encoding_format") == "base64":
            v = base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode()
        data.append({"object": "embedding", "index": i, "embedding": v})
    return {"object": "list", "model": call.response_model, "data": data,
            "usage": {"prompt_tokens": call.usage["input"], "total_tokens": call.usage["input"]}}


def vector(n):
    return [((7 * i) % 5 - 2) / 4 for i in range(n)]


# ---- OpenAI responses

def responses(call):
    call.id = f"resp_{call.id}"
    one, items = call.outputs[0], []
    if call.usage["reasoning"]:
        items.append({"id": f"rs_{call.n:06d}", "type": "reasoning", "status": "completed",
                      "summary": [{"type": "summary_text", "text": one["reasoning"]}]})
    if one["text"]:
        part = {"type": "output_text", "text": one["text"], "annotations": [], "logprobs": []}
        items.append({"id": f"msg_{call.n:06d}", "type": "message", "role": "assistant", "status": "completed",
                      "content": [part]})
    for k, c in enumerate(one["tool_calls"]):
        items.append({"id": f"fc_{call.n:06d}{k}", "type": "function_call", "status": "completed", "call_id": c["id"],
                      "name": c["name"], "arguments": json.dumps(c["arguments"])})
    u, cut = call.usage, {"length": "max_output_tokens", "content_filter": "content_filter"}.get(call.finish)
    done = {"id": call.id, "object": "response", "created_at": int(call.start),
            "status": "incomplete" if cut else "completed", "error": None,
            "incomplete_details": {"reason": cut} if cut else None, "instructions": call.body.get("instructions"),
            "metadata": {}, "model": call.response_model, "output": items, "parallel_tool_calls": True,
            "temperature": 1.0, "tool_choice": "auto", "tools": call.body.get("tools") or [], "top_p": 1.0,
            "previous_response_id": call.body.get("previous_response_id"), "text": {"format": {"type": "text"}},
            "reasoning": {"effort": None, "summary": None}, "truncation": "disabled", "store": True,
            "usage": {"input_tokens": u["input"], "input_tokens_details": {"cached_tokens": u["cache_read"]},
                      "output_tokens": u["output"], "output_tokens_details": {"reasoning_tokens": u["reasoning"]},
                      "total_tokens": u["input"] + u["output"]}}
    return responses_stream(done, items) if call.stream else done


def responses_stream(done, items):
    seq = itertools.count()

    def event(kind, **fields):
        return sse({"type": kind, "sequence_number": next(seq), **fields}, kind)
    begun = {**done, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    for i, item in enumerate(items):
        at = {"output_index": i, "item_id": item["id"]}
        if item["type"] == "message":
            part = item["content"][0]
            at["content_index"] = 0
            yield event("response.output_item.added", output_index=i,
                        item={**item, "content": [], "status": "in_progress"})
            yield event("response.content_part.added", part={**part, "text": ""}, **at)
            for piece in pieces(part["text"]):
                yield event("response.output_text.delta", delta=piece, logprobs=[], **at)
            yield event("response.output_text.done", text=part["text"], logprobs=[], **at)
            yield event("response.content_part.done", part=part, **at)
        elif item["type"] == "function_call":
            yield event("response.output_item.added", output_index=i,
                        item={**item, "arguments": "", "status": "in_progress"})
            for piece in pieces(item["arguments"]):
                yield event("response.function_call_arguments.delta", delta=piece, **at)
            yield event("response.function_call_arguments.done", arguments=item["arguments"], name=item["name"], **at)
        else:
            yield event("response.output_item.added", output_index=i, item={**item, "summary": []})
        yield event("response.output_item.done", output_index=i, item=item)
    yield event("response.incomplete" if done["incomplete_details"] else "response.completed", response=done)


# ---- Anthropic messages

def messages_usage(call):
    u = call.usage
    return {"input_tokens": u["input"] - u["cache_read"] - u["cache_write"],
            "cache_creation_input_tokens": u["cache_write"], "cache_read_input_tokens": u["cache_read"],
            "cache_creation": {"ephemeral_5m_input_tokens": u["cache_write"], "ephemeral_1h_input_tokens": 0},
            "output_tokens": u["output"], "service_tier": "standard"}


def messages(call):
    call.id = f"msg_{call.id}"
    call.usage["reasoning"] = 0  # this API counts thinking as output and does not tell it apart
    one, blocks = call.outputs[0], []
    if one["reasoning"]:
        blocks.append({"type": "thinking", "thinking": one["reasoning"], "signature": "c2lnbmF0dXJl"})
    if one["text"]:
        blocks.append({"type": "text", "text": one["text"]})
    blocks += [{"type": "tool_use", "id": c["id"], "name": c["name"], "input": c["arguments"]} for c in one["tool_calls"]]
    done = {"id": call.id, "type": "message", "role": "assistant", "model": call.response_model, "content": blocks,
            "stop_reason": FINISH["messages"][call.finish], "stop_sequence": None, "usage": messages_usage(call)}
    return messages_stream(done, blocks) if call.stream else done


def messages_stream(done, blocks):
    def event(kind, **fields):
        return sse({"type": kind, **fields}, kind)
    yield event("message_start", message={**done, "content": [], "stop_reason": None,
                                          "usage": {**done["usage"], "output_tokens": 1}})
    for i, b in enumerate(blocks):
        empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}
        yield event("content_block_start", index=i, content_block={**b, **empty[b["type"]]})
        if i == 0:
            yield event("ping")
        field, whole = {"text": ("text_delta", b.get("text")), "thinking": ("thinking_delta", b.get("thinking")),
                        "tool_use": ("input_json_delta", json.dumps(b.get("input")))}[b["type"]]
        for piece in pieces(whole):
            name = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}[field]
            yield event("content_block_delta", index=i, delta={"type": field, name: piece})
        if b["type"] == "thinking":
            yield event("content_block_delta", index=i, delta={"type": "signature_delta", "signature": b["signature"]})
        yield event("content_block_stop", index=i)
    yield event("message_delta", delta={"stop_reason": done["stop_reason"], "stop_sequence": None},
                usage={"output_tokens": done["usage"]["output_tokens"]})
    yield event("message_stop")


# ---- Gemini

def gemini(call):
    call.id = f"gemini-{call.id}"
    u, one, parts = call.usage, call.outputs[0], []
    if one["reasoning"]:
        parts.append({"text": one["reasoning"], "thought": True})
    parts += [{"text": t} for t in (pieces(one["text"], 20) if call.stream else [one["text"]]) if t]
    parts += [{"functionCall": {"id": c["id"], "name": c["name"], "args": c["arguments"]}} for c in one["tool_calls"]]
    usage = {"promptTokenCount": u["input"], "candidatesTokenCount": u["output"] - u["reasoning"],
             "totalTokenCount": u["input"] + u["output"],
             "promptTokensDetails": [{"modality": "TEXT", "tokenCount": u["input"]}]}
    if u["cache_read"]:
        usage["cachedContentTokenCount"] = u["cache_read"]
    if u["reasoning"]:
        usage["thoughtsTokenCount"] = u["reasoning"]

    def chunk(some, last):
        candidate = {"content": {"parts": some, "role": "model"}, "index": 0}
        if last:
            candidate["finishReason"] = FINISH["generateContent"][call.finish]
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": call.response_model,
                "responseId": call.id}
    if not call.stream:
        return chunk(parts, True)
    return (sse(chunk([p], i == len(parts) - 1)) for i, p in enumerate(parts))


def gemini_embeddings(call):
    body = call.body
    wanted = body.get("requests") or [body]
    found = [texts((r.get("content") or {}).get("parts"))[0] for r in wanted]
    call.input, call.finish = [message("user", t) for t in found], None
    call.response_model = call.id = None  # this API sends neither, nor any usage
    call.usage["input"], call.usage_sent = sum(2 + math.ceil(len(t) / 4) for t in found), False
    values = [{"values": vector(8)} for _ in found]
    return {"embeddings": values} if "requests" in body else {"embedding": values[0]}


# ---- Bedrock

def converse(call):
    call.usage["reasoning"] = 0
    u, one, content = call.usage, call.outputs[0], []
    call.response_model = call.id = None  # this API sends neither
    if one["reasoning"]:
        content.append({"reasoningContent": {"reasoningText": {"text": one["reasoning"], "signature": "c2ln"}}})
    if one["text"]:
        content.append({"text": one["text"]})
    content += [{"toolUse": {"toolUseId": c["id"], "name": c["name"], "input": c["arguments"]}}
                for c in one["tool_calls"]]
    usage = {"inputTokens": u["input"] - u["cache_read"] - u["cache_write"], "outputTokens": u["output"],
             "totalTokens": u["input"] + u["output"], "cacheReadInputTokens": u["cache_read"],
             "cacheWriteInputTokens": u["cache_write"]}
    stop = FINISH["converse"][call.finish]
    if call.stream:
        return converse_stream(content, stop, usage)
    return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": stop, "usage": usage,
            "metrics": {"latencyMs": 12}}


def converse_stream(content, stop, usage):
    yield aws_event("messageStart", {"role": "assistant"})
    for i, block in enumerate(content):
        kind, value = next(iter(block.items()))
        if kind == "toolUse":
            start = {"toolUseId": value["toolUseId"], "name": value["name"]}
            yield aws_event("contentBlockStart", {"contentBlockIndex": i, "start": {"toolUse": start}})
            deltas = [{"toolUse": {"input": p}} for p in pieces(json.dumps(value["input"]))]
        elif kind == "text":
            deltas = [{"text": p} for p in pieces(value)]
        else:
            deltas = [{"reasoningContent": {"text": p}} for p in pieces(value["reasoningText"]["text"])]
            deltas.append({"reasoningContent": {"signature": "c2ln"}})
        for delta in deltas:
            yield aws_event("contentBlockDelta", {"contentBlockIndex": i, "delta": delta})
        yield aws_event("contentBlockStop", {"contentBlockIndex": i})
    yield aws_event("messageStop", {"stopReason": stop})
    yield aws_event("metadata", {"usage": usage, "metrics": {"latencyMs": 12}})


def aws_event(kind, body):
    """One message of vnd.amazon.eventstream: lengths and their CRC, headers, payload, CRC of all."""
    headers = b""
    for name, value in ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event")):
        headers += struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
    payload = json.dumps(body).encode()
    head = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    head += struct.pack("!I", zlib.crc32(head))
    return head + headers + payload + struct.pack("!I", zlib.crc32(head + headers + payload))


# ---- the door

APIS = {"chat": (chat_input, chat), "responses": (responses_input, responses), "messages": (anthropic_input, messages),
        "generateContent": (gemini_input, gemini), "converse": (converse_input, converse),
        "embeddings": (lambda body: [], embeddings), "gemini_embeddings": (lambda body: [], gemini_embeddings)}
ROUTES = ((r"/deployments/(?P<model>[^/]+)/chat/completions$", "chat", "azure.ai.openai"),
          (r"/chat/completions$", "chat", None), (r"/responses$", "responses", None),
          (r"/embeddings$", "embeddings", None), (r"/messages$", "messages", "anthropic"),
          (r"/models/(?P<model>[^/]+):(?P<verb>generateContent|streamGenerateContent)$", "generateContent", None),
          (r"/models/(?P<model>[^/]+):(?:batchEmbedContents|embedContent)$", "gemini_embeddings", "gcp.gemini"),
          (r"/model/(?P<model>[^/]+)/(?P<verb>converse|converse-stream)$", "converse", "aws.bedrock"),
          (r"/model/(?P<model>[^/]+)/invoke$", "messages", "aws.bedrock"))
ERRORS = {"messages": lambda s: {"type": "error", "error": {
              "type": "rate_limit_error" if s == 429 else "api_error", "message": "as the scenario asked"}},
          "generateContent": lambda s: {"error": {"code": s, "message": "as the scenario asked",
                                                  "status": "RESOURCE_EXHAUSTED" if s == 429 else "INTERNAL"}},
          "converse": lambda s: {"message": "as the scenario asked"}}


def openai_error(status):
    return {"error": {"message": "as the scenario asked", "param": None,
                      "type": "requests" if status == 429 else "server_error",
                      "code": "rate_limit_exceeded" if status == 429 else "server_error"}}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port, log):
        self.log, self.lock, self.count = open(log, "a", buffering=1), threading.Lock(), itertools.count(1)
        super().__init__(("127.0.0.1", port), Handler)

    def write(self, call):
        with self.lock:
            self.log.write(json.dumps(call.row(), ensure_ascii=False) + "\n")

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send(200, {"object": "list", "data": [{"id": m, "object": "model", "created": 1, "owned_by": "weir"}
                                                   for m in MODELS]})

    def do_POST(self):
        body = json.loads(self.read() or b"{}")
        path = urllib.parse.unquote(self.path.split("?")[0])
        for pattern, api, provider in ROUTES:
            found = re.search(pattern, path)
            if found:
                return self.answer(api, provider, body, found.groupdict(), path)
        self.send(404, openai_error(404))

    def read(self):
        if "content-length" in self.headers:
            return self.rfile.read(int(self.headers["content-length"]))
        out = b""
        while self.headers.get("transfer-encoding") == "chunked":
            n = int(self.rfile.readline().split(b";")[0], 16)
            out += self.rfile.read(n)
            self.rfile.readline()
            if not n:
                break
        return out

    def answer(self, api, provider, body, place, path):
        reader, renderer = APIS[api]
        model = place.get("model") or body.get("model")
        if api == "generateContent" and "/publishers/" in path:
            provider = "gcp.vertex_ai"
        call = Call(next(self.server.count), api.replace("gemini_", ""), body, model, reader(body), provider)
        time.sleep(DELAY)
        call.stream = call.stream or place.get("verb") in ("streamGenerateContent", "converse-stream")
        if api.endswith("embeddings"):
            call.stream = False
        else:
            call.decide()
        if call.status != 200:
            self.server.write(call)
            return self.send(call.status, ERRORS.get(api, openai_error)(call.status))
        out = renderer(call)
        if isinstance(out, dict):
            self.server.write(call)
            return self.send(200, out, {"x-request-id": f"req_{call.n:06d}"})
        kind = "application/vnd.amazon.eventstream" if api == "converse" else "text/event-stream"
        self.send_stream(out, kind)
        self.server.write(call)

    def send(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def send_stream(self, chunks, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for data in chunks:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            time.sleep(GAP)
        self.wfile.write(b"0\r\n\r\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", required=True, help="JSON lines, one per call")
    args = parser.parse_args()
    server = Server(args.port, args.log)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
