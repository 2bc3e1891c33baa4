"""What real SDKs sent (tests/corpus/genai) through the GenAI processors, scored against what really happened.

All bodies go to one weir, each app's spans are found again by their trace ids. Every expected field must be right, or be named by
the truth as a thing that the SDK does not send; a gap that excuses nothing fails too. The table is in build/genai-score.txt.
"""
import pytest

from genai import score
from rig import otlp
from rig.process import IS_COLLECTOR, ROOT, Weir

APPS = score.truths()
CHAIN = ["gen_ai_filter", "gen_ai_normalizer", "gen_ai_cost", "gen_ai_latency", "gen_ai_link"]
REASON = "the SDK does not send it"

pytestmark = pytest.mark.skipif(IS_COLLECTOR, reason="the Collector has no GenAI processors")


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """{app: Score}, of all apps."""
    directory = tmp_path_factory.mktemp("genai")
    out = directory / "spans.json"
    weir = Weir(directory, {"processors": {name: None for name in CHAIN},
                            "exporters": {"file": {"path": str(out)}},
                            "service": {"pipelines": {"traces": {"receivers": ["otlp"], "processors": CHAIN,
                                                                 "exporters": ["file"]}}}}).start()
    try:
        for app in APPS:
            for path, kind in score.bodies(app):
                body = path.read_bytes()
                answer = weir.exchange(body, content_type=kind)
                assert answer[0] == 200, (path.name, answer)
                weir.book(otlp.parse(body, kind), answer, encoding=kind)
        weir.at_rest()
        weir.conserve()
        weir.stop()
    finally:
        weir.close()
    done = score.score_all(otlp.read_json_lines(out))
    (ROOT / "build/genai-score.txt").write_text(score.table(done) + "\n")
    return {s.app: s for s in done}


@pytest.mark.parametrize("app", APPS)
def test_corpus(scores, app):
    got = scores[app]
    assert not got.misses, score.table([got])
    assert not got.stale, got.stale


@pytest.mark.parametrize("app", APPS)
def test_truth_is_whole(app):
    """The one excuse there is, bodies that fit, and something to score."""
    truth = APPS[app]
    assert all(reason.startswith(REASON) for reason in truth["known_gaps"].values()), truth["known_gaps"]
    paths = [p for signal in ("traces", "logs") for p, _ in score.bodies(app, signal)]
    assert truth["calls"] and score.bodies(app) and (truth["packages"] or app.startswith("hand/"))
    assert max(p.stat().st_size for p in paths) <= 64 * 1024


def test_table(scores, capsys):
    with capsys.disabled():
        print("\n" + score.table(list(scores.values())).split("\nnot sent:")[0].split("\nMISS:")[0])


def test_enough_ecosystems():
    """At least 20 instrumentations, of the languages and conventions that weir promises."""
    assert len(APPS) >= 20
    assert {"otel", "openllmetry", "openinference"} <= {t["ecosystem"] for t in APPS.values()}
