"""Compares what weir made of a recording with what really happened (README.md: Scoring).

    score.py OUTPUT [APP..]     OUTPUT is what weir's file exporter wrote (JSON lines); prints the table

A call and a span are paired by response id, else by overlap in time and by how many fields agree; so a span that says something
wrong about its call is still that call's span. Nothing here knows how weir works: spans are read as a backend would.
"""
import collections
import json
import pathlib
import sys
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parents[2] / "tests/corpus/genai"
sys.path.insert(0, str(HERE.parent))

from rig import otlp  # noqa: E402

MODEL_KINDS = ("llm", "embedding", "rerank")
OPERATIONS = {"embeddings": {"embeddings"}, "generateContent": {"generate_content", "chat"}}
PROVIDERS = {"gcp.gemini": {"gcp.gemini", "gcp.gen_ai"}}  # without its host the one cannot be told from the other
FAILED = ("span", "operation", "provider", "request_model", "error", "conversation", "session", "user")
SLACK = 0.008  # seconds by which a span may miss its call: clocks, and spans that end before the stream is asked for


@dataclass
class Span:
    name: str
    trace: str
    id: str
    parent: str
    scope: str
    start: float
    end: float
    failed: bool
    attributes: dict

    def json(self, key):
        """An attribute that is JSON, as a string or as a structure."""
        value = self.attributes.get(key)
        try:
            return json.loads(value) if isinstance(value, str) else value or []
        except ValueError:
            return [{"role": "not JSON", "parts": [{"type": "text", "content": value}]}]

    @property
    def countable(self):
        return (self.attributes.get("weir.span.kind") in MODEL_KINDS and
                self.attributes.get("weir.usage.countable") not in (False, "false"))


@dataclass
class Miss:
    app: str
    call: object  # n of the call, or None
    field: str
    expected: object
    got: object

    def __str__(self):
        call = "-" if self.call is None else f"call {self.call}"
        return f"{self.app} {call} {self.field}: expected {short(self.expected)}, got {short(self.got)}"


@dataclass
class Score:
    app: str
    ecosystem: str
    ok: int = 0
    expected: int = 0
    misses: list = field(default_factory=list)
    gaps: collections.Counter = field(default_factory=collections.Counter)  # known gap: fields it excused
    stale: list = field(default_factory=list)  # known gaps that excused nothing


def short(value):
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 300 else text[:300] + " .."


def truths():
    """{app: truth} of the whole corpus; hand/APP of the bodies that were written by hand."""
    return {str(p.relative_to(CORPUS)).removesuffix(".truth.json"): json.loads(p.read_text())
            for p in sorted(CORPUS.rglob("*.truth.json"))}


def bodies(app, signal="traces"):
    """[(path, content type)] of an app, in the order in which they were sent."""
    if app.startswith("hand/"):
        return [(CORPUS / f"{app}.json", otlp.JSON)] if signal == "traces" else []
    infix = {"traces": ".", "logs": ".logs."}[signal]
    found = [(int(p.stem.rsplit(".", 1)[1]), p) for s in ("pb", "json") for p in CORPUS.glob(f"{app}{infix}[0-9]*.{s}")]
    return [(p, otlp.PB if p.suffix == ".pb" else otlp.JSON) for _, p in sorted(found)]


def spans_of(requests):
    """Spans of ExportTraceServiceRequests."""
    out = []
    for request in requests:
        for rs in request.resource_spans:
            for ss in rs.scope_spans:
                for s in ss.spans:
                    attributes, end = {a.key: plain(a.value) for a in s.attributes}, s.end_time_unix_nano / 1e9
                    # a span that was written behind its call tells how long that was
                    start = min(s.start_time_unix_nano / 1e9, end - (attributes.get("llm.latency_ms") or 0) / 1e3)
                    out.append(Span(s.name, s.trace_id.hex(), s.span_id.hex(), s.parent_span_id.hex(), ss.scope.name,
                                    start, end, s.status.code == 2, attributes))
    return out


def plain(value):
    """An AnyValue as a Python value."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(v) for v in value.array_value.values]
    if kind == "kvlist_value":
        return {p.key: plain(p.value) for p in value.kvlist_value.values}
    return getattr(value, kind) if kind else None


# ---- messages, as the facts in them

def squeeze(text):
    return " ".join(str(text).split())


def arguments(value):
    """Arguments of a tool: JSON in a string is what it says."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def said(messages):
    """[(role, what, value)] of canonical messages: texts, tool calls and tool results, in order; with the ids apart."""
    facts, ids, thoughts = [], [], []
    for m in messages:
        role, parts = m.get("role", ""), m.get("parts") or []
        text = squeeze(" ".join(str(p.get("content", "")) for p in parts if p.get("type") == "text"))
        if text:
            facts.append((role, "text", text))
        for p in parts:
            if p.get("type") == "tool_call":
                facts.append((role, "call", (p.get("name"), json.dumps(arguments(p.get("arguments")), sort_keys=True))))
                ids.append(p.get("id"))
            elif p.get("type") == "tool_call_response":
                facts.append(("tool", "result", result(p.get("response", p.get("result")))))
                ids.append(p.get("id"))
            elif p.get("type") == "reasoning":
                thoughts.append(squeeze(p.get("content", "")))
            elif p.get("type") in ("uri", "blob", "file"):
                facts.append((role, "media", 1))
    return facts, ids, thoughts


def result(value):
    """A tool's result: JSON as a value, text (bare, or as text parts) as text; Bedrock's parts are what they hold."""
    value = arguments(value)
    if isinstance(value, list) and value and all(isinstance(p, dict) for p in value):
        if len(value) == 1 and list(value[0]) == ["json"]:
            value = value[0]["json"]
        elif all(p.get("type") == "text" or list(p) == ["text"] for p in value):
            value = " ".join(str(p.get("content", p.get("text", ""))) for p in value)
    value = arguments(value)
    return squeeze(value) if isinstance(value, str) else json.dumps(value, sort_keys=True)


def truth_messages(rows, default_role="assistant"):
    """Rows of the truth in canonical form."""
    out = []
    for row in rows:
        role, parts = row.get("role", default_role), []
        if role == "tool":
            parts.append({"type": "tool_call_response", "id": row.get("tool_call_id"), "response": row["text"]})
        else:
            if row.get("reasoning"):
                parts.append({"type": "reasoning", "content": row["reasoning"]})
            if row["text"]:
                parts.append({"type": "text", "content": row["text"]})
            parts += [{"type": "uri"}] * row.get("media", 0)
            parts += [{"type": "tool_call", **c} for c in row.get("tool_calls") or ()]
        out.append({"role": role, "parts": parts})
    return out


def span_input(span):
    """Input messages, behind the system instructions where these stand apart."""
    instructions = span.json("gen_ai.system_instructions")
    if isinstance(instructions, str):
        instructions = [{"type": "text", "content": instructions}]
    lead, messages = [{"role": "system", "parts": instructions}] if instructions else [], span.json("gen_ai.input.messages")
    told = [f for f in said(messages)[0] if f[0] == "system"]
    return messages if lead and told[:1] == said(lead)[0] else lead + messages  # some say it in both places


# ---- one call against its span

def facts(truth, call, span):
    """[(field, expected, got, right)] of everything that is expected of this call's span."""
    a = span.attributes

    def same(name, expected, got):
        return name, expected, got, expected == got

    def among(name, expected, got, allowed):
        return name, expected, got, got in allowed
    operation, provider = a.get("gen_ai.operation.name"), a.get("gen_ai.provider.name")
    out = [among("operation", "embeddings" if call["api"] == "embeddings" else "chat", operation,
                 OPERATIONS.get(call["api"], {"chat"})),
           among("provider", call["provider"], provider, PROVIDERS.get(call["provider"], {call["provider"]})),
           same("request_model", call["request_model"], a.get("gen_ai.request.model"))]
    if truth["session"]:
        out.append(same("conversation", truth["session"], a.get("gen_ai.conversation.id")))
        out.append(same("session", truth["session"], a.get("session.id")))
    if truth["user"]:
        out.append(same("user", truth["user"], a.get("user.id")))
    if call["status"] != 200:
        return [*out, ("error", "status ERROR", "no error", span.failed or "error.type" in a)]
    if call["response_model"]:
        out.append(same("response_model", call["response_model"], a.get("gen_ai.response.model")))
    if call["response_id"]:
        out.append(same("response_id", call["response_id"], a.get("gen_ai.response.id")))
    out += usage(call, a) if call["usage_sent"] else []
    if call["finish_reasons"]:
        out.append(finish(call, a.get("gen_ai.response.finish_reasons")))
    return out + (contents(call, span) if truth["content"] and call["api"] != "embeddings" else [])


def usage(call, a):
    out = [("input_tokens", call["input_tokens"], a.get("gen_ai.usage.input_tokens"))]
    if call["api"] != "embeddings":
        out.append(("output_tokens", call["output_tokens"], a.get("gen_ai.usage.output_tokens")))
    parts = {"cache_read": "gen_ai.usage.cache_read.input_tokens", "cache_write": "gen_ai.usage.cache_write.input_tokens",
             "reasoning": "gen_ai.usage.reasoning.output_tokens"}
    out += [(name, call[name], a.get(key, 0)) for name, key in parts.items() if call[name] or a.get(key)]
    return [(name, expected, got, expected == got and not isinstance(got, (str, float))) for name, expected, got in out]


def finish(call, got):
    expected = call["finish_reasons"]
    allowed = [expected, sorted(set(expected))]
    if call["api"] in ("generateContent", "responses") and any(o["tool_calls"] for o in call["output"]):
        allowed += [["stop"], ["tool_call"]]  # these APIs have no reason of their own for it
    return "finish_reasons", expected, got, got in allowed


def contents(call, span):
    out, ids = [], []
    for name, rows, messages in (("input_messages", call["input"], span_input(span)),
                                 ("output_messages", call["output"], span.json("gen_ai.output.messages"))):
        want, want_ids, thoughts = said(truth_messages(rows))
        have, have_ids, have_thoughts = said(messages)
        out.append((name, want, have, want == have))
        ids.append((want_ids, have_ids))
        if name == "output_messages" and any(thoughts):
            out.append(("reasoning_text", thoughts, have_thoughts, thoughts == have_thoughts))
    want, have = ids[0][0] + ids[1][0], ids[0][1] + ids[1][1]
    if want:
        out.append(("tool_call_ids", want, have, want == have))
    return out


# ---- all calls against all spans

def pair(truth, spans):
    """{n: span}, and the countable spans that are left over with the call they overlap most (or None)."""
    calls, free, pairs = truth["calls"], list(spans), {}
    by_id = collections.defaultdict(list)
    for s in free:
        by_id[s.attributes.get("gen_ai.response.id")].append(s)
    for call in calls:
        found = [s for s in by_id.get(call["response_id"], ()) if s in free] if call["response_id"] else []
        if found:
            pairs[call["n"]] = max(found, key=lambda s: agreement(truth, call, s))
            free.remove(pairs[call["n"]])
    rest = [(agreement(truth, c, s), i, c["n"], s) for c in calls if c["n"] not in pairs
            for i, s in enumerate(free) if overlap(c, s) > 0]
    for _, _, n, s in sorted(rest, key=lambda r: (-r[0], r[1])):
        if n not in pairs and s in free:
            pairs[n] = s
            free.remove(s)
    return pairs, [(s, max(calls, key=lambda c: overlap(c, s))["n"] if calls else None) for s in free]


def overlap(call, span):
    return min(call["end"], span.end) - max(call["start"], span.start) + SLACK


def agreement(truth, call, span):
    found = facts(truth, call, span)
    return sum(right for *_, right in found) + min(overlap(call, span), 0.001)


def excuse(truth, call, name):
    """The known gap that names this field of this call."""
    for gap in truth["known_gaps"]:
        field_name, _, selector = gap.partition("[")
        words = [w for w in selector.rstrip("]").split(",") if w]
        is_so = {"stream": call["stream"], "nostream": not call["stream"], "failed": call["status"] != 200,
                 call["api"]: True, str(call["n"]): True}
        if field_name == name and all(is_so.get(w.strip(), False) for w in words):
            return gap
    return None


def score(app, spans, truth=None):
    """Score of an app. spans: all Spans that weir put out for its requests, those of other kinds included."""
    truth = truth or truths()[app]
    out = Score(app, truth["ecosystem"])
    countable = [s for s in spans if s.countable]
    pairs, rest = pair(truth, countable)
    for call in truth["calls"]:
        span = pairs.get(call["n"])
        found = [("span", "one", "one" if span else "none", span is not None)]
        found += facts(truth, call, span) if span else []
        extra = [s.name for s, n in rest if n == call["n"]]
        if extra:
            found.append(("extra", [], extra, False))
        for name, expected, got, right in found:
            gap = None if right else excuse(truth, call, name)
            if gap:
                out.gaps[gap] += 1
                continue
            out.expected += 1
            out.ok += right
            if not right:
                out.misses.append(Miss(app, call["n"], name, expected, got))
    out.stale = [g for g in truth["known_gaps"] if not out.gaps[g]]
    return out


def table(scores):
    """The scores as text: a line per ecosystem and app, then the gaps, then each miss."""
    groups = collections.defaultdict(list)
    for s in scores:
        groups[s.ecosystem].append(s)
    lines = [f"{'ecosystem / app':44} {'ok':>6} {'expected':>8} {'%':>7} {'not sent':>8}"]
    for name, members in [*sorted(groups.items()), ("all", scores)]:
        lines.append(row(name, members))
        lines += [row(f"  {s.app}", [s]) for s in members if name != "all" and len(members) > 1]
    for s in scores:
        lines += [f"not sent: {s.app} {gap} ({n})" for gap, n in sorted(s.gaps.items())]
        lines += [f"STALE GAP: {s.app} {gap}" for gap in s.stale]
    return "\n".join([*lines, *(f"MISS: {m}" for s in scores for m in s.misses)])


def row(name, members):
    ok, expected = sum(s.ok for s in members), sum(s.expected for s in members)
    percent = f"{100 * ok / expected:.1f}" if expected else "-"
    return f"{name:44} {ok:6} {expected:8} {percent:>7} {sum(sum(s.gaps.values()) for s in members):8}"


def score_all(requests, apps=None):
    """Scores of the whole corpus from all that weir put out: the spans of an app are those of its bodies' traces."""
    by_trace = collections.defaultdict(list)
    for s in spans_of(requests):
        by_trace[s.trace].append(s)
    out = []
    for app, truth in truths().items():
        if apps and app not in apps:
            continue
        traces = {s.trace for path, kind in bodies(app) for s in spans_of([otlp.parse(path.read_bytes(), kind)])}
        out.append(score(app, [s for t in sorted(traces) for s in by_trace[t]], truth))
    return out


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    print(table(score_all(otlp.read_json_lines(sys.argv[1]), sys.argv[2:])))
