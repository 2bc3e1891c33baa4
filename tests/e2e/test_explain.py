"""`weir explain`: what it says is what a running weir does, on every recorded body; and plain words about files it cannot read."""
import gzip
import json
import re
import subprocess

import pytest
import yaml

from rig import otlp
from rig.process import ROOT, run, sanitizer_env, weir_binary
from rig.wait import until

RECORDED = ROOT / "tests/corpus/genai"
CORPUS = sorted(p for p in (*RECORDED.glob("*.pb"), *RECORDED.glob("hand/*.json"))
                if ".logs." not in p.name and ".truth." not in p.name)
DEMO = ROOT / "examples/demo"
PROCESSORS = ["gen_ai_filter", "gen_ai_normalizer", "gen_ai_cost", "gen_ai_latency", "gen_ai_link"]
SPAN = re.compile(r'^span "(?P<name>.*)"  scope (?P<scope>.*)$')
RULE = re.compile(r"^  (?P<verdict>GenAI|not GenAI|kept|not kept): .* \(rule (?P<rule>r1|r2|r3|r4|r5|r_neg|none|r0_\w+)(?:, (?P<why>.*))?\)$")


def config(path, processors=None, exporters=None, service=None):
    processors = {p: None for p in PROCESSORS} if processors is None else processors
    exporters = exporters or {"nop": None}
    path.write_text(yaml.safe_dump({
        "receivers": {"otlp": {"protocols": {"http": None}}}, "processors": processors, "exporters": exporters,
        "service": service or {"pipelines": {"traces": {"receivers": ["otlp"], "processors": list(processors),
                                                        "exporters": list(exporters)}}}}, sort_keys=False))
    return path


def explain(*args, **kwargs):
    done = run("explain", *args, **kwargs)
    assert done.returncode == 0, done.stderr
    return done.stdout


def blocks(text):
    """[(head match, lines)] of the spans."""
    found = []
    for line in text.splitlines():
        head = SPAN.match(line)
        if head:
            found.append((head, []))
        elif line.startswith("  ") and found:
            found[-1][1].append(line)
    return found


def block(text, name):
    one = [lines for head, lines in blocks(text) if head["name"] == name]
    assert len(one) == 1, text
    return one[0]


def one_call(ids, attributes=None, **kwargs):
    return otlp.traces(ids, 1, attributes={"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
                                           "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 1000,
                                           "gen_ai.usage.output_tokens": 100, **(attributes or {})}, **kwargs)


@pytest.fixture
def body(tmp_path):
    def write(message, name="body.pb"):
        (tmp_path / name).write_bytes(message.SerializeToString())
        return tmp_path / name
    return write


def test_a_call_from_end_to_end():
    """The demo's LangChain trace: the rule and key, each rename with its value, the sum line by line, where it goes."""
    text = explain(DEMO / "openinference.json")
    lines = block(text, "ChatAnthropic")
    assert RULE.match(lines[0])["rule"] == "r1" and RULE.match(lines[0])["why"] == "openinference.span.kind"
    for line in ("    llm.model_name -> gen_ai.request.model = \"claude-sonnet-4-5-20250929\"",
                 "    llm.token_count.prompt -> gen_ai.usage.input_tokens = 2310",
                 "    llm.token_count.prompt_details.cache_read -> gen_ai.usage.cache_read.input_tokens = 2048",
                 "    + gen_ai.conversation.id = \"demo-42\" (session.id stays)"):
        assert line in lines, text
    assert any(line.startswith("    llm.input_messages.0.message.role, llm.input_messages.0.message.content -> gen_ai.input.messages = ")
               for line in lines)
    assert [line for line in lines if not line.startswith("    ")][1:] == [
        "  gen_ai_normalizer", "  gen_ai_cost", "  gen_ai_latency", "  gen_ai_link"]
    arithmetic = [line.split() for line in lines if line.startswith("      ")]
    assert [a[-1] for a in arithmetic] == ["0.000786", "0.0006144", "0.00231", "USD"] and arithmetic[3][1] == "0.0037104", text
    assert "\nto console:\n{" in text


def test_a_normalised_call():
    """What a weir wrote is left alone by another; the cost still has its sum."""
    first = explain(DEMO / "enprompta.json", "--to", "console")
    lines = block(explain("-", stdin=first), "chat")
    assert [line for line in lines if not line.startswith("      ")][1:] == [
        "  gen_ai_cost", lines[2]] and lines[2].startswith("    openai/gpt-4o@") and len(lines) == 6, lines


def test_filtered_spans():
    lines = block(explain(DEMO / "openllmetry.json"), "redis GET")
    assert RULE.match(lines[0])["rule"] == "r_neg" and RULE.match(lines[0])["why"] == "db.system"
    assert lines[1:] == ["  gen_ai_filter", "    filtered: no destination gets it"]


@pytest.mark.parametrize("path", CORPUS, ids=lambda p: p.stem)
def test_corpus(path, tmp_path):
    """Every span has a rule, every attribute that differs is told, every computed cost has its sum; --to is what leaves."""
    conf = config(tmp_path / "c.yaml")
    text = explain(path, "--config", conf)
    only = explain(path, "--config", conf, "--to", "nop")
    assert text.endswith(f"to nop:\n{only or 'nothing' + chr(10)}\n")
    before = spans(load(path))
    after = {(s.trace_id, s.span_id): s for s in spans(otlp.from_json(only))} if only else {}
    told = blocks(text)
    assert [head["name"] for head, _ in told] == [clean(s.name) for s in before]
    for s, (_, lines) in zip(before, told):
        rule = RULE.match(lines[0])
        kept = after.get((s.trace_id, s.span_id))
        assert rule and (rule["verdict"] == "GenAI") == bool(kept), lines
        if not kept:
            assert lines[-1] == "    filtered: no destination gets it"
            continue
        was, now = ({a.key: a.value for a in x.attributes} for x in (s, kept))
        story = "\n".join(lines)
        for key in (k for k in now if k not in was or now[k] != was[k]):
            assert f" {clean(key)} = " in story, (key, lines)
        gone = [k for k in was if k not in now]
        assert len(gone) <= sum(len(re.findall(", | -> | - ", line)) for line in lines) + sum(
            int(n) for n in re.findall(r" and (\d+) more -> ", story)), (gone, lines)
        if now.get("weir.cost.status") and now["weir.cost.status"].string_value == "ok":
            total = re.search(r"^      total +([\d.]+) USD$", story, re.M)
            assert total and float(total[1]) == now["llm.cost.total"].double_value, lines
            assert now["weir.cost.price"].string_value + " (" in story


def load(path):
    return otlp.parse(path.read_bytes(), otlp.JSON if path.suffix == ".json" else otlp.PB, "traces")


def spans(message):
    return [s for rs in message.resource_spans for ss in rs.scope_spans for s in ss.spans]


def clean(name):
    return re.sub(r"[\x00-\x1f\x7f]", "?", name)


def test_same_as_a_running_weir(weir, sink):
    """What explain says a destination would get is what it gets."""
    far = sink()
    w = weir({"processors": dict.fromkeys(PROCESSORS), "exporters": {"otlp_http": {"endpoint": far.url}},
              "service": {"pipelines": {"traces": {"receivers": ["otlp"], "processors": PROCESSORS, "exporters": ["otlp_http"]}}}})
    w.exact = False
    want = []
    for path in CORPUS:
        only = explain(path, "--config", w.path, "--to", "otlp_http")
        if only:
            want.append(otlp.from_json(only))
        status, _, _ = w.exchange(path.read_bytes(), content_type=otlp.JSON if path.suffix == ".json" else otlp.PB)
        assert status == 200
    until(lambda: len(spans_all(far.got())) >= len(spans_all(want)), 20, "all spans")
    assert sorted(s.SerializeToString(deterministic=True) for s in spans_all(far.got())) == sorted(
        s.SerializeToString(deterministic=True) for s in spans_all(want))


def spans_all(messages):
    return [s for m in messages for s in spans(m)]


# ---- the config's own rules and prices

def test_include_and_exclude(tmp_path, ids, body):
    conf = config(tmp_path / "c.yaml", {"gen_ai_filter": {"include": [{"attribute": "mine"}], "exclude": [{"name": "span 1"}]}})
    message = otlp.traces(ids, 3, attributes={"gen_ai.operation.name": "chat"})
    own = message.resource_spans[0].scope_spans[0].spans[2].attributes
    del own[:]
    otlp.fill(own, {"mine": 1})
    text = explain(body(message), "--config", conf)
    rules = [RULE.match(lines[0]) for _, lines in blocks(text)]
    assert [(r["verdict"], r["rule"]) for r in rules] == [("GenAI", "r1"), ("not kept", "r0_exclude"), ("kept", "r0_include")]
    assert "`exclude`" in rules[1][0] and "`include`" in rules[2][0]
    assert len(spans(otlp.from_json(text.splitlines()[-2]))) == 2


def test_span_decides_for_itself(ids, body):
    for keep in (True, False):
        text = explain(body(otlp.traces(ids, 1, attributes={"weir.keep": keep})))
        rule = RULE.match(blocks(text)[0][1][0])
        assert (rule["rule"], rule["why"]) == (f"r0_keep_{str(keep).lower()}", "weir.keep")
        assert ("filtered" in text) == (not keep)


def test_options_of_the_filter(tmp_path, ids, body):
    conf = config(tmp_path / "c.yaml", {"gen_ai_filter": {"keep_retrievers": True}})
    path = body(otlp.traces(ids, 1, attributes={"db.system": "chroma"}))
    assert RULE.match(blocks(explain(path, "--config", conf))[0][1][0])["verdict"] == "GenAI"
    assert RULE.match(blocks(explain(path))[0][1][0])["verdict"] == "not GenAI"


def test_without_filter(tmp_path, ids, body):
    """The verdict is still told; nothing is filtered."""
    text = explain(body(otlp.traces(ids, 1)), "--config", config(tmp_path / "c.yaml", {}))
    assert RULE.match(blocks(text)[0][1][0])["rule"] == "none" and "filtered" not in text
    assert len(spans(otlp.from_json(text.splitlines()[-2]))) == 1


def test_reparenting(tmp_path, ids, body):
    """agent, HTTP, call: the call hangs below the agent; HTTP, call: it hangs below nothing."""
    conf = config(tmp_path / "c.yaml", {"gen_ai_filter": {"orphans": "reparent"}})
    message = otlp.traces(ids, 5, attributes={"gen_ai.operation.name": "chat"})
    agent, web, call, web2, call2 = spans(message)
    for s in (web, web2):
        del s.attributes[:]
    for child, parent in ((web, agent), (call, web), (call2, web2)):
        child.trace_id, child.parent_span_id = parent.trace_id, parent.span_id
    text = explain(body(message), "--config", conf)
    stories = {head["name"]: lines[1:] for head, lines in blocks(text)}
    assert stories == {"span 0": [], "span 1": ["  gen_ai_filter", "    filtered: no destination gets it"],
                       "span 2": ["  gen_ai_filter", "    ~ parent: the nearest ancestor that is kept"],
                       "span 3": ["  gen_ai_filter", "    filtered: no destination gets it"],
                       "span 4": ["  gen_ai_filter", "    ~ parent: none, its ancestors are filtered"]}


def test_folded_events(ids, body):
    """Messages that were events: how many went."""
    message = one_call(ids)
    call = spans(message)[0]
    for name, content in (("gen_ai.user.message", "hi"), ("gen_ai.choice", "ho"), ("other", "")):
        otlp.fill(call.events.add(name=name, time_unix_nano=call.start_time_unix_nano).attributes,
                  {"gen_ai.system": "openai", "content": content})
    assert "    - 2 of 3 events, now in attributes" in explain(body(message)).splitlines()


def cost_story(text):
    lines = blocks(text)[0][1]
    return "\n".join(lines[lines.index("  gen_ai_cost"):])


def test_prices_of_the_config(tmp_path, ids, body):
    """Overrides, files, multipliers: the sum is made of the prices in force."""
    path = body(one_call(ids))
    (tmp_path / "prices.tsv").write_text("weir-prices\t1\ndate\t2026-01-02\nprovider\topenai\nmodel\topenai\tgpt-4o\t=\tin=7 out=9\n")
    cases = {
        "0.0035": None,
        "0.0079": {"price_files": [str(tmp_path / "prices.tsv")]},
        "0.0014": {"overrides": [{"provider": "openai", "model": "gpt-4o", "input_per_mtok": 1, "output_per_mtok": 4}]},
        "0.00175": {"overrides": [{"provider": "openai", "multiplier": 0.5}]},
    }
    for total, options in cases.items():
        story = cost_story(explain(path, "--config", config(tmp_path / "c.yaml", {"gen_ai_normalizer": None, "gen_ai_cost": options})))
        assert re.search(rf"^      total +{re.escape(total)} USD$", story, re.M), story
        assert f"llm.cost.total = {total}\n" in story, story


def test_costs_that_are_not_computed(ids, body):
    cases = [({"gen_ai.request.model": "nobody-knows"}, 'no cost: unknown_model, provider "openai", model "nobody-knows"'),
             ({"gen_ai.provider.name": "nobody"}, 'no cost: unknown_provider, provider "nobody", model "gpt-4o"'),
             ({"gen_ai.provider.name": "ollama"}, "free: ollama is one of local_providers"),
             ({"llm.cost.total": 0.5}, "the span reports its cost, which is kept")]
    for attributes, words in cases:
        story = cost_story(explain(body(one_call(ids, attributes))))
        assert words in story and " x " not in story, story
    none = otlp.traces(ids, 1, attributes={"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"})
    assert "no cost: no_usage, the span has no token counts" in cost_story(explain(body(none)))


def test_gateway(tmp_path, ids, body):
    path = body(one_call(ids, {"gen_ai.provider.name": "litellm"}))
    story = cost_story(explain(path, "--config", config(tmp_path / "c.yaml", {"gen_ai_cost": None})))
    assert "litellm is one of gateways" in story and re.search(r"total +0\.0035 USD", story), story


def test_price_list_of_a_member(tmp_path, ids, body):
    """The normaliser's name stands for two price lists; the sum is made with the one that the processor took."""
    prices = tmp_path / "prices.tsv"
    prices.write_text("weir-prices\t1\ndate\t2026-01-02\nmodel\tzai\tm-test\t=\tin=3 out=5\nmodel\tzhipu_ai\tm-test\t=\tin=7 out=9\n")
    conf = config(tmp_path / "c.yaml", {**dict.fromkeys(PROCESSORS), "gen_ai_cost": {"price_files": [str(prices)]}})
    path = body(one_call(ids, {"gen_ai.provider.name": "zai", "gen_ai.request.model": "m-test"}))
    story = cost_story(explain(path, "--config", conf))
    assert re.search(r"^    zai/m-test@", story, re.M) and re.search(r"^      total +0\.0035 USD$", story, re.M), story


def test_several_pipelines(tmp_path, ids, body):
    """Each pipeline of traces is told by name; --to picks those of one destination."""
    conf = config(tmp_path / "c.yaml", exporters={"nop": None, "debug": None, "nop/b": None}, service={"pipelines": {
        "traces/a": {"receivers": ["otlp"], "processors": PROCESSORS, "exporters": ["nop", "debug"]},
        "traces/b": {"receivers": ["otlp"], "exporters": ["nop/b"]},
        "logs": {"receivers": ["otlp"], "exporters": ["nop"]}}})
    path = body(otlp.traces(ids, 1))
    text = explain(path, "--config", conf)
    assert re.findall(r"^pipeline (.*)$", text, re.M) == ["traces/a", "traces/b"]
    assert "to nop, debug:\nnothing\n" in text and "to nop/b:\n{" in text
    assert explain(path, "--config", conf, "--to", "debug") == ""
    assert len(spans(otlp.from_json(explain(path, "--config", conf, "--to", "nop/b")))) == 1
    done = run("explain", path, "--config", conf, "--to", "nobody")
    assert done.returncode == 1 and 'exporter "nobody"' in done.stderr


# ---- files

def test_every_form_of_file(tmp_path, ids):
    """Protobuf, JSON on one line or many, lines of requests, stdin; FILE before or behind the flags."""
    one, two = one_call(ids), one_call(ids)
    forms = {"a.pb": one.SerializeToString(), "a.json": otlp.to_json(one),
             "b.json": json.dumps(json.loads(otlp.to_json(one)), indent=1).encode(), "c.json": b"\n  " + otlp.to_json(one) + b"\n\n"}
    told = set()
    for name, data in forms.items():
        (tmp_path / name).write_bytes(data)
        told.add(explain(tmp_path / name))
        told.add(explain("--set", "exporters::nop=", tmp_path / name))
    done = subprocess.run([weir_binary(), "explain", "-"], input=forms["a.pb"], capture_output=True, env=sanitizer_env())
    told.add(done.stdout.decode())
    assert len(told) == 1
    (tmp_path / "lines.json").write_bytes(otlp.to_json(one) + b"\r\n\n" + otlp.to_json(two) + b"\n")
    assert len(blocks(explain(tmp_path / "lines.json"))) == 2


BAD = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n", "is empty"),
    "text": (b"hello world\n", "not OTLP traces"),
    "json": (b'{"resourceSpans": [}', "not OTLP/JSON"),
    "other json": (b'{"a": 1}', "no spans in it"),
    "second line": (b'{"resourceSpans":[]}\n{"resourceSpans":[}\n', "line 2 is not OTLP/JSON"),
    "logs": (otlp.to_json(otlp.logs(1), "logs"), "no spans in it"),
    "gzip": (gzip.compress(b"x"), "gunzip"),
    "cut off": (CORPUS[0].read_bytes()[:-7], "not OTLP traces"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files(tmp_path, name):
    data, words = BAD[name]
    (tmp_path / "file").write_bytes(data)
    done = run("explain", tmp_path / "file")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"weir explain: {tmp_path}/file: ") and words in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_file(tmp_path):
    for path, words in ((tmp_path / "absent", "No such file"), (tmp_path, "directory")):
        done = run("explain", path)
        assert done.returncode == 1 and str(path) in done.stderr and words in done.stderr
    done = run("explain")
    assert done.returncode == 1 and "weir explain FILE" in done.stderr
    done = run("explain", DEMO / "openllmetry.json", "--config", tmp_path / "absent.yaml")
    assert done.returncode == 1 and "absent.yaml" in done.stderr


def test_a_refused_span_is_told(ids, body):
    message = otlp.traces(ids, 2)
    message.resource_spans[0].scope_spans[0].spans[0].span_id = b"short"
    done = run("explain", body(message))
    assert done.returncode == 0 and "refused: 1" in done.stderr and len(blocks(done.stdout)) == 1


def test_hostile_names(ids, body):
    """Escape sequences of the file do not reach the terminal; long values are cut."""
    message = one_call(ids, {"gen_ai.conversation.id": "\033[2J" + "x" * 100_000, "llm.model_name": "\033]0;t\x07"})
    message.resource_spans[0].scope_spans[0].spans[0].name = "a\nb\033c"
    text = explain(body(message))
    told = text[:text.index("\nto console:")]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", told) and len(told) < 10_000
