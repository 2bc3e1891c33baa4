"""`weir demo`: traces of six conventions as their SDKs send them, new ones each time, and plain words when nobody takes them."""
import json
import time

import pytest

from rig import otlp
from rig.certs import Authority, server_context
from rig.ports import free_port
from rig.process import ROOT, run
from rig.sink import Answer
from rig.wait import until

FILES = sorted((ROOT / "examples/demo").glob("*.json"))


def spans_of(messages):
    return [(rs, ss, s) for m in messages for rs in m.resource_spans for ss in rs.scope_spans for s in ss.spans]


def values(attributes):
    return {a.key: a.value.SerializeToString() for a in attributes}


def identity(rs, ss, s):
    """All of a span but ids and times."""
    length = s.end_time_unix_nano - s.start_time_unix_nano
    events = [(e.name, e.time_unix_nano - s.start_time_unix_nano) for e in s.events]
    return (str(values(rs.resource.attributes)), ss.scope.name, ss.scope.version, s.name, s.kind, length, str(values(s.attributes)),
            str(events), s.status.code, s.status.message)


def test_what_is_sent(sink):
    """The files of examples/demo, whole, but with new ids and times of now; parents are still parents."""
    far = sink()
    began = time.time_ns()
    for n in (1, 2):
        done = run("demo", "--endpoint", far.url)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 6
        assert len(far.got()) == 6 * n
    want = spans_of([otlp.from_json(f.read_text()) for f in FILES])
    runs = [spans_of(far.got()[:6]), spans_of(far.got()[6:])]
    ids = [{(s.trace_id, s.span_id) for _, _, s in r} for r in runs]
    assert not ids[0] & ids[1] and len(ids[0]) == len(want)
    assert not {t for t, _ in ids[0]} & {t for t, _ in ids[1]}
    for got in runs:
        assert sorted(identity(*x) for x in got) == sorted(identity(*x) for x in want)
        names = {s.span_id: s.name for _, _, s in got}
        was = {s.span_id: s.name for _, _, s in want}
        assert sorted((s.name, names.get(s.parent_span_id)) for _, _, s in got) == sorted(
            (s.name, was.get(s.parent_span_id)) for _, _, s in want)
        for _, _, s in got:
            assert began - 60e9 < s.start_time_unix_nano < s.end_time_unix_nano < time.time_ns() + 60e9


def test_six_conventions_are_recognised(weir, sink):
    """Each file in the convention of its name."""
    far = sink()
    processors = ["gen_ai_filter", "gen_ai_normalizer", "gen_ai_cost", "gen_ai_latency", "gen_ai_link"]
    w = weir({"processors": dict.fromkeys(processors), "exporters": {"otlp_http": {"endpoint": far.url}},
              "service": {"pipelines": {"traces": {"receivers": ["otlp"], "processors": processors, "exporters": ["otlp_http"]}}}})
    w.exact = False
    assert run("demo", "--endpoint", w.url).returncode == 0
    calls = {}

    def arrived():
        for _, _, s in spans_of(far.got()):
            a = {x.key: x.value for x in s.attributes}
            if "llm.cost.total" in a:
                calls[a["weir.convention"].string_value] = a
        return len(calls) == 6
    until(arrived, 10, lambda: f"six priced calls, not {list(calls)}")
    assert set(calls) == {"otel", "openinference", "openllmetry", "vercel", "pydantic_ai", "enprompta"}
    for convention, a in calls.items():
        assert a["llm.cost.total"].double_value > 0, convention
        for key in ("gen_ai.conversation.id", "gen_ai.request.model", "gen_ai.provider.name", "gen_ai.input.messages",
                    "gen_ai.output.messages"):
            assert a[key].string_value, (convention, key)
        json.loads(a["gen_ai.input.messages"].string_value)


@pytest.mark.parametrize("spelling", ["{url}", "{url}/", "{url}/v1/traces", "{address}"])
def test_endpoint_spellings(sink, spelling):
    far = sink()
    done = run("demo", f"--endpoint={spelling.format(url=far.url, address=far.url.removeprefix('http://'))}")
    assert done.returncode == 0, done.stderr
    assert {r.path for r in far.requests} == {"/v1/traces"}


def test_https(sink, tmp_path):
    """A CA of one's own is named as for an SDK; without it nothing is sent and the message says what to do."""
    authority = Authority(tmp_path)
    far = sink(tls=server_context(authority.issue("server")))
    assert far.url.startswith("https://")
    done = run("demo", "--endpoint", far.url, env={"OTEL_EXPORTER_OTLP_CERTIFICATE": authority.ca})
    assert done.returncode == 0, done.stderr
    assert len(far.got()) == 6
    done = run("demo", "--endpoint", far.url)
    assert done.returncode == 3
    assert "not trusted" in done.stderr and "OTEL_EXPORTER_OTLP_CERTIFICATE" in done.stderr, done.stderr
    assert len(far.got()) == 6


def test_nobody_listens():
    port = free_port()
    done = run("demo", "--endpoint", f"http://127.0.0.1:{port}")
    assert done.returncode == 3
    assert f"127.0.0.1:{port}" in done.stderr and "refused" in done.stderr and "Start it" in done.stderr, done.stderr
    assert done.stdout == ""


def test_another_answers(sink):
    """A server that is no OTLP receiver: its status, and no further attempt."""
    far = sink(behave=lambda request: Answer(status=404))
    done = run("demo", "--endpoint", far.url)
    assert done.returncode == 3
    assert "404" in done.stderr and len(far.requests) == 1, done.stderr


@pytest.mark.parametrize("args", [["--endpoint", "ftp://x"], ["--endpoint", ""], ["--endpoint", "http://" + "x" * 5000], ["here"],
                                  ["--endpont", "x"], ["--endpoint"]], ids=str)
def test_usage(args):
    done = run("demo", *args)
    assert done.returncode == 1 and done.stderr.startswith("weir"), done
