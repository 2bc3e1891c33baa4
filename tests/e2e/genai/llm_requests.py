"""Requests to the LLM APIs in one canonical form: who said what, which tools and which schema of the answer are offered.

Part of llm_api.py, and like it only the standard library. What is made here goes into the truth as it is: a row per message,
a tool's result being a message of the role tool, system instructions the first message wherever the API has them.
"""
import json


def message(role, text="", tool_calls=(), tool_call_id=None, media=0):
    out = {"role": role, "text": text}
    if tool_calls:
        out["tool_calls"] = list(tool_calls)
    if tool_call_id is not None:
        out["tool_call_id"] = tool_call_id
    if media:
        out["media"] = media
    return out


def loads(text):
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text


def tool_call(id, name, arguments):
    return {"id": id, "name": name, "arguments": loads(arguments)}


def texts(content):
    """The text of a content (string, part or list of parts), and how many parts of it are media."""
    if content is None:
        return "", 0
    if isinstance(content, str):
        return content, 0
    if isinstance(content, dict):
        content = [content]
    out, media = [], 0
    for part in content:
        if isinstance(part, str):
            out.append(part)
        elif "text" in part:
            out.append(part["text"])
        elif "content" in part:
            out.append(texts(part["content"])[0])
        elif "json" in part:
            out.append(json.dumps(part["json"]))
        elif part.get("type") in ("image_url", "input_image", "image", "input_audio", "file", "input_file", "document") \
                or {"image", "document", "inlineData", "fileData"} & part.keys():
            media += 1
    return "\n".join(out), media


def chat_input(body):
    out = []
    for m in body.get("messages", []):
        text, media = texts(m.get("content"))
        calls = [tool_call(c.get("id"), c["function"]["name"], c["function"].get("arguments"))
                 for c in m.get("tool_calls") or []]
        role = {"developer": "system", "function": "tool"}.get(m["role"], m["role"])
        out.append(message(role, text, calls, m.get("tool_call_id"), media))
    return out


def responses_input(body):
    out = [message("system", body["instructions"])] if body.get("instructions") else []
    items = body.get("input") or []
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        kind = item.get("type", "message")
        if kind == "message":
            text, media = texts(item.get("content"))
            out.append(message({"developer": "system"}.get(item["role"], item["role"]), text, media=media))
        elif kind == "function_call":
            out.append(message("assistant", "", [tool_call(item["call_id"], item["name"], item["arguments"])]))
        elif kind == "function_call_output":
            out.append(message("tool", texts(item["output"])[0], tool_call_id=item["call_id"]))
    return out


def anthropic_input(body):
    out = [message("system", texts(body["system"])[0])] if body.get("system") else []
    for m in body.get("messages", []):
        parts = m["content"] if isinstance(m["content"], list) else [{"type": "text", "text": m["content"]}]
        plain = [p for p in parts if p.get("type") in ("text", "image", "document")]
        calls = [tool_call(p["id"], p["name"], p["input"]) for p in parts if p.get("type") == "tool_use"]
        for p in parts:
            if p.get("type") == "tool_result":
                out.append(message("tool", texts(p.get("content"))[0], tool_call_id=p["tool_use_id"]))
        if plain or calls:
            text, media = texts(plain)
            out.append(message(m["role"], text, calls, media=media))
    return out


def gemini_input(body):
    system = body.get("systemInstruction") or body.get("system_instruction")
    out = [message("system", texts(system["parts"])[0])] if system else []
    for c in body.get("contents", []):
        parts = [c["parts"]] if isinstance(c["parts"], dict) else c["parts"]
        calls = [tool_call(p["functionCall"].get("id"), p["functionCall"]["name"], p["functionCall"].get("args", {}))
                 for p in parts if "functionCall" in p]
        for p in parts:
            if "functionResponse" in p:
                r = p["functionResponse"]
                out.append(message("tool", json.dumps(r["response"]), tool_call_id=r.get("id") or ""))
        text, media = texts([p for p in parts if not p.get("thought")])
        if text or media or calls:
            out.append(message({"model": "assistant"}.get(c.get("role", "user"), "user"), text, calls, media=media))
    return out


def converse_input(body):
    out = [message("system", texts(body["system"])[0])] if body.get("system") else []
    for m in body.get("messages", []):
        parts = m["content"]
        calls = [tool_call(p["toolUse"]["toolUseId"], p["toolUse"]["name"], p["toolUse"]["input"])
                 for p in parts if "toolUse" in p]
        for p in parts:
            if "toolResult" in p:
                r = p["toolResult"]
                out.append(message("tool", texts(r["content"])[0], tool_call_id=r["toolUseId"]))
        text, media = texts([p for p in parts if "toolUse" not in p and "toolResult" not in p])
        if text or media or calls:
            out.append(message(m["role"], text, calls, media=media))
    return out


def tools_of(body):
    """[(name, JSON schema of the arguments)] in any of the APIs' forms."""
    out = []
    for t in body.get("tools") or (body.get("toolConfig") or {}).get("tools") or []:
        if "function" in t:
            out.append((t["function"]["name"], t["function"].get("parameters") or {}))
        elif "toolSpec" in t:
            out.append((t["toolSpec"]["name"], (t["toolSpec"].get("inputSchema") or {}).get("json") or {}))
        elif "functionDeclarations" in t:
            out += [(f["name"], f.get("parameters") or f.get("parametersJsonSchema") or
                     f.get("parameters_json_schema") or {})
                    for f in t["functionDeclarations"]]
        elif "name" in t:
            out.append((t["name"], t.get("input_schema") or t.get("parameters") or {}))
    return out


def schema_of(body):
    """The JSON schema that the answer must have, if one is asked for."""
    chat = (body.get("response_format") or {}).get("json_schema") or {}
    config = body.get("generationConfig") or {}
    output = (body.get("output_config") or body).get("output_format") or (body.get("output_config") or {}).get("format")
    return (chat.get("schema") or ((body.get("text") or {}).get("format") or {}).get("schema") or
            config.get("responseJsonSchema") or config.get("responseSchema") or (output or {}).get("schema"))


def sample(schema, root=None):
    """A value that fits the schema."""
    root = root or schema
    if "$ref" in schema:
        node = root
        for step in schema["$ref"].lstrip("#/").split("/"):
            node = node[step]
        return sample(node, root)
    if "enum" in schema:
        return schema["enum"][0]
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return sample(schema[word][0], root)
    kind = schema.get("type", "object")
    kind = (kind[0] if isinstance(kind, list) else kind).lower()
    if kind == "object":
        properties = schema.get("properties") or {}
        return {k: sample(properties[k], root) for k in schema.get("required") or properties if k in properties}
    return {"string": "Paris", "integer": 3, "number": 21.5, "boolean": True, "null": None,
            "array": [sample(schema["items"], root)] if schema.get("items") else []}[kind]
