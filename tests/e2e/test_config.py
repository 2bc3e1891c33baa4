"""Configs as users have them, and what is said of wrong ones: findings with positions, exit codes, secrets kept."""
import json
import pathlib
import re
import socket

import pytest
import yaml

from rig import otlp
from rig.ports import free_port, free_ports
from rig.process import run
from rig.wait import until

CONFIGS = pathlib.Path(__file__).parent / "configs"
FINDING = re.compile(r"^(?P<file>[^:\n]+):(?P<line>\d+):(?P<col>\d+): (?P<level>error|warning|notice): (?P<text>.+)$", re.M)


def findings(stderr, level="error"):
    return [(int(m["line"]), int(m["col"]), m["text"]) for m in FINDING.finditer(stderr) if m["level"] == level]


# ---- the documents' own examples

def seed(weir, far, ids, name, endpoint, env=None):
    """The text as printed; only addresses are set from outside."""
    port, metrics = free_ports(2)
    w = weir((CONFIGS / name).read_text(), env=env, args=[
        "--set", f"receivers::otlp::protocols::http::endpoint=127.0.0.1:{port}",
        "--set", f"exporters::{endpoint}={far.url}",
        "--set", "service::telemetry::metrics::readers="
                 f"[{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {metrics}}}}}}}}}]"])
    w.port, w.metrics_port = port, metrics
    message = otlp.traces(ids, 3)
    w.post(message)
    until(lambda: far.got(), 10, "delivery")
    assert far.span_ids() == otlp.span_ids([message])
    return w


def test_seed_001(weir, sink, ids):
    """PromptLayer's page: no receivers at all, an alias, a header from the environment."""
    far = sink()
    w = seed(weir, far, ids, "promptlayer.yaml", "otlphttp/promptlayer::endpoint", {"PROMPTLAYER_API_KEY": "pl_secret_1"})
    assert far.requests[0].headers["x-api-key"] == "pl_secret_1"
    assert far.requests[0].path == "/v1/traces"
    assert "pl_secret_1" not in w.log


def test_seed_003(weir, sink, ids):
    """Respan's page: otlp and batch are used and declared nowhere."""
    far = sink()
    seed(weir, far, ids, "respan.yaml", "otlphttp/respan::endpoint")
    assert far.requests[0].headers["authorization"] == "Bearer YOUR_RESPAN_API_KEY"


@pytest.mark.parametrize("name", ["promptlayer.yaml", "respan.yaml"])
def test_seeds_validate_as_printed(name):
    done = run("validate", "--config", CONFIGS / name, env={"PROMPTLAYER_API_KEY": "x"})
    assert done.returncode == 0 and done.stdout == ""
    assert not findings(done.stderr) and "notice" in done.stderr


def test_seed_004_has_one_finding():
    """otlp_grpc does not exist yet: that, at both exporters, is all that is said."""
    done = run("validate", "--config", CONFIGS / "jaeger_tempo.yaml")
    assert done.returncode == 1
    found = findings(done.stderr)
    lines = (CONFIGS / "jaeger_tempo.yaml").read_text().splitlines()
    assert found and {lines[line - 1].strip() for line, _, _ in found} <= {"otlp/jaeger:", "otlp/tempo:"}, done.stderr
    assert all("otlp_grpc" in text or "otlp" in text for _, _, text in found)


@pytest.mark.parametrize("path", sorted((CONFIGS.parents[2] / "examples").glob("*.yaml")), ids=lambda p: p.name)
def test_examples_validate(path):
    done = run("validate", "--config", path)
    assert done.returncode == 0 and not findings(done.stderr), done.stderr


# ---- findings

def test_ten_mistakes_ten_findings():
    path = CONFIGS / "ten_mistakes.yaml"
    done = run("validate", "--config", path)
    assert done.returncode == 1 and done.stdout == ""
    assert all(line.startswith(f"{path}:") for line in done.stderr.splitlines() if ": error:" in line)
    found = {(line, col): text for line, col, text in findings(done.stderr)}
    assert len(findings(done.stderr)) == 10, done.stderr
    expected = {
        (5, 9): "endpoint",  # unknown key: did you mean
        (6, 23): "soon",  # bad value
        (7, 3): "otlp",  # unknown type: did you mean
        (12, 26): "send_batch_size",  # across two options: the later one
        (13, 3): "actions",  # missing option: the component
        (17, 18): "brotli",  # not one of
        (19, 25): "max_elapsed_time",  # across two options
        (20, 3): "endpoint",  # missing option
        (25, 20): "batch",  # dangling: did you mean
        (26, 30): "nowhere",  # dangling
    }
    assert set(found) == set(expected), done.stderr
    for place, word in expected.items():
        assert word in found[place], (place, found[place])
    for place in ((5, 9), (7, 3), (25, 20)):
        assert "did you mean" in found[place]


@pytest.mark.parametrize("text, line, col, word", [
    ("receivers:\n\tx: 1\n", 2, 1, "tab"),
    ("a: [1, 2\nb: 3\n", 2, None, ""),
    ("receivers: {}\nreceivers: {}\n", 2, 1, "receivers"),
    ("recievers: {}\n", 1, 1, "receivers"),
    ("exporters:\n  nop:\nservice:\n  pipelines:\n    traces:\n      receivers: [otlp/x]\n      exporters: [nop]\n", 6, 19, "otlp/x"),
    ("exporters:\n  nop:\nservice:\n  pipelines:\n    spans:\n      exporters: [nop]\n", 5, 5, "spans"),
    ("exporters:\n  otlp_http:\n    endpoint: 'not a url'\n", 3, 15, ""),
    ("exporters:\n  ünï: {}\n", 2, 3, ""),
])
def test_finding_position(tmp_path, text, line, col, word):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    done = run("validate", "--config", path)
    assert done.returncode == 1
    places = [(l, c) for l, c, t in findings(done.stderr) if word in t]
    assert any(l == line and (col is None or c == col) for l, c in places), done.stderr


@pytest.mark.parametrize("section, line, word", [
    ("receivers:\n  otlp:\n    protocols: http\n", 3, "expected a map"),
    ("receivers:\n  otlp:\n    protocols:\n      htpp:\n", 4, '"http"'),
    ("receivers:\n  otlp:\n    endpoint: 0.0.0.0:4318\n", 3, "unknown key"),
    ("receivers:\n  otlp:\n    protocols: {http: {endpoint: 'http://localhost:4318'}}\n", 3, "scheme"),
    ("processors:\n  memory_limiter:\n    check_interval: 1s\n    limit_mib: 400MiB\n", 4, "limit_mib"),
    ("processors:\n  memory_limiter:\n    check_interval: 1s\n    limit_mb: 400\n", 4, '"limit_mib"'),
    ("processors:\n  attributes:\n    actions: {key: a, action: delete}\n", 3, "expected a list"),
    ("exporters: foo\n", 1, "must be a map"),
])
def test_one_mistake_one_finding(tmp_path, section, line, word):
    """What follows from a mistake is not said beside it."""
    path = tmp_path / "c.yaml"
    path.write_text(section + "service:\n  pipelines:\n    traces:\n      exporters: [debug]\n")
    done = run("validate", "--config", path)
    found = findings(done.stderr)
    assert done.returncode == 1 and [line] == [n for n, _, _ in found] and word in found[0][2], done.stderr
    assert not findings(done.stderr, "warning"), done.stderr


@pytest.mark.parametrize("listens, sends", [
    (None, "http://localhost:4318"), ("localhost:{}", "http://127.0.0.1:{}/"), ("127.0.0.1:{}", "http://user:secret@localhost:{}"),
    ("0.0.0.0:{}", "http://[::1]:{}"), ("gateway.example:{}", "http://Gateway.example:{}"),
])
def test_exporter_that_leads_back(tmp_path, listens, sends):
    """An endpoint that is a listener of the same config: an error at the one that names the other; run does not start."""
    port = free_port()
    path = tmp_path / "c.yaml"
    door = f"    protocols:\n      http:\n        endpoint: '{listens.format(port)}'\n" if listens else ""
    path.write_text(f"receivers:\n  otlp:\n{door}exporters:\n  otlp_http:\n    endpoint: '{sends.format(port)}'\n"
                    "service:\n  pipelines:\n    traces:\n      receivers: [otlp]\n      exporters: [otlp_http]\n")
    place, line = ("5:19", 8) if listens else ("2:3", 5)
    for command in ("validate", "run"):
        done = run(command, "--config", path)
        found = findings(done.stderr)
        assert done.returncode == 1 and [(line, 15)] == [(n, col) for n, col, _ in found], done.stderr
        assert f"receivers::otlp listens ({(listens or 'localhost:4318').format(port)}, at {path}:{place})" in found[0][2]
        assert "secret" not in done.stderr


@pytest.mark.parametrize("ack, options, level, col, words", [
    ("durable", {"a": {"required": True}, "b": {"sending_queue": {"storage": "file_storage"}}}, "error", 10,
     ("otlp_http/a", "in memory", "sending_queue::storage", "ack: queued")),
    ("durable", {"a": {}, "b": {}}, "error", 10, ("none of its exporters has a sending_queue::storage",)),
    ("delivered", {"a": {}, "b": {}}, "warning", 10, ("promises nothing", "required: true")),
    ("auto", {"a": {"overflow": "reject"}, "b": {}}, "warning", 55, ("otlp_http/a", "drops the newest", "required: true")),
    ("auto", {"a": {"required": True}, "b": {"sending_queue": {"storage": "file_storage"}}}, None, 0, ()),
])
def test_promise_that_is_not_kept(tmp_path, ack, options, level, col, words):
    """What a 200 would promise, or a full queue refuse, and does not: told at the option, with what to do; an error where data is lost by it."""
    path = tmp_path / "c.yaml"
    path.write_text(f"receivers:\n  otlp:\n    ack: {ack}\nextensions: {{file_storage: {{directory: {tmp_path}}}}}\nexporters:\n" + "".join(
        f"  otlp_http/{k}: {json.dumps({'endpoint': 'http://far', **v})}\n" for k, v in options.items()) +
        "service:\n  extensions: [file_storage]\n  pipelines:\n    traces:\n      receivers: [otlp]\n"
        "      exporters: [otlp_http/a, otlp_http/b]\n")
    done = run("validate", "--config", path)
    assert done.returncode == (level == "error"), done.stderr
    found = [(kind, *f) for kind in ("error", "warning") for f in findings(done.stderr, kind)]
    assert [(kind, line, at) for kind, line, at, _ in found] == ([(level, 6 if col == 55 else 3, col)] if level else []), done.stderr
    assert all(word in found[0][3] for word in words), done.stderr


def test_place_in_a_list(tmp_path):
    """A bad element is told where it stands."""
    path = tmp_path / "c.yaml"
    path.write_text('exporters: {otlp_http: {endpoint: "http://far", retry_on_status: ["200", 404, "5xx"]}}\n'
                    "service: {pipelines: {traces: {exporters: [otlp_http]}}}\n")
    done = run("validate", "--config", path)
    assert [(line, col) for line, col, _ in findings(done.stderr)] == [(1, 67), (1, 79)], done.stderr


def test_known_option_that_weir_does_not_have(tmp_path):
    """A key of the Collector that is missing here is named as such, not called unknown."""
    path = tmp_path / "c.yaml"
    path.write_text("exporters:\n  otlp_http:\n    endpoint: http://localhost:1\n    cookies:\n      enabled: true\n"
                    "service:\n  pipelines:\n    traces:\n      exporters: [otlp_http]\n")
    done = run("validate", "--config", path)
    assert done.returncode == 1 and [(4, 5)] == [(l, c) for l, c, _ in findings(done.stderr)]
    assert "cookies" in done.stderr and "did you mean" not in done.stderr


def test_finding_names_its_source(tmp_path):
    for args, stdin, env, name in (
            (["--config", "-"], "x: 1\n", {}, "<stdin>"), (["--config", "yaml:x: 1"], None, {}, "yaml:"),
            (["--config", "env:CONF"], None, {"CONF": "x: 1"}, "env:CONF")):
        done = run("validate", *args, stdin=stdin, env=env)
        assert done.returncode == 1 and done.stderr.startswith(name), done.stderr
    good = tmp_path / "good.yaml"
    good.write_text("exporters: {nop: }\nservice: {pipelines: {traces: {exporters: [nop]}}}\n")
    done = run("validate", "--config", good, "--set", "exporters::nop::bad=1")
    assert done.returncode == 1 and re.search("^--set:1:1: error", done.stderr, re.M), done.stderr


def test_merge_and_set_and_env(weir, sink, ids, tmp_path):
    """Two files, --set over both, ${env:..} with default, $$: as the Collector merges."""
    far = sink()
    over = tmp_path / "over.yaml"
    over.write_text("exporters:\n  otlp_http:\n    headers:\n      X-Set: ${env:FROM_ENV}\n      X-Default: ${env:UNSET_1:-fall back}\n"
                    "      X-Dollar: a$$b\n")
    w = weir({"exporters": {"otlp_http": {"endpoint": "http://127.0.0.1:9", "headers": {"X-Set": "first", "X-Kept": "kept"}}}},
             args=["--config", over, "--set", f"exporters::otlp_http::endpoint={far.url}"], env={"FROM_ENV": "env value"})
    w.post(otlp.traces(ids))
    until(lambda: far.got(), 10, "delivery")
    h = far.requests[0].headers
    assert (h["x-set"], h["x-kept"], h["x-default"], h["x-dollar"]) == ("env value", "kept", "fall back", "a$b")


def test_validate_opens_nothing(tmp_path):
    """Its ports are taken, its host does not resolve, its file cannot be made: still valid."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        path = tmp_path / "c.yaml"
        path.write_text(yaml.safe_dump({
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{s.getsockname()[1]}"}}}},
            "exporters": {"otlp_http": {"endpoint": "http://nowhere.invalid"}, "file": {"path": "/nonexistent/out.json"}},
            "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["otlp_http", "file"]}}}}))
        done = run("validate", "--config", path)
    assert (done.returncode, done.stdout) == (0, "") and not findings(done.stderr)


# ---- exit codes and messages

@pytest.mark.parametrize("args", [["--config", "/nonexistent.yaml"], ["nonsense"], ["--nonsense"], ["validate"],
                                  ["validate", "--config", "ftp://x"], ["components", "nosuch"]])
def test_usage_errors(args):
    done = run(*args)
    assert done.returncode == 1 and done.stderr and not done.stdout


def test_print_config_shows_what_runs(tmp_path):
    """A header from the environment is its text, whatever YAML would make of it."""
    path = tmp_path / "c.yaml"
    path.write_text("exporters:\n  otlp_http:\n    endpoint: http://x\n    headers: {a: '${env:CODE}'}\n    timeout: ${env:WAIT}\n"
                    "service: {pipelines: {traces: {exporters: [otlp_http]}}}\n")
    done = run("print-config", "--mode", "unredacted", "--config", path, env={"CODE": "0123", "WAIT": "3s"})
    exporter = yaml.safe_load(done.stdout)["exporters"]["otlp_http"]
    assert exporter["headers"] == {"a": "0123"} and exporter["timeout"] == "3s", done.stdout
    assert run("validate", "--config", "-", stdin=done.stdout).returncode == 0


def test_misspelt_command():
    assert 'did you mean "validate"' in run("valdate", "--config", "x").stderr


def test_port_in_use(weir, sink):
    """Exit 3; the message names the address and the process that holds it."""
    far = sink()
    w = weir({"receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{far.port}"}}}},
              "exporters": {"nop": None}}, start=False)
    w.spawn()
    assert w.wait(15) == 3
    w.verdict()
    assert f"127.0.0.1:{far.port}" in w.log and re.search(r"python|pytest|pid", w.log), w.log


def test_version_and_help():
    assert re.match(r"weir(?: version)? v?\d+\.\d+\.\d+", run("--version").stdout)
    assert run("version").stdout == run("--version").stdout
    for args in (["--help"], ["validate", "--help"], ["components", "--help"], ["run", "--help"]):
        done = run(*args)
        assert done.returncode == 0 and "weir" in done.stdout and not done.stderr


def test_components():
    text = run("components").stdout
    names = {"otlp", "batch", "memory_limiter", "attributes", "resource", "otlp_http", "file", "debug", "nop", "health_check"}
    assert all(re.search(rf"\b{n}\b", text) for n in names)
    tree = run("components", "--json").stdout
    json.loads(tree)
    assert all(n in tree for n in names)
    options = run("components", "otlp_http").stdout
    assert "endpoint" in options and "retry_on_failure" in options and "30s" in options


SECRETS = {
    "exporters": {"otlp_http": {"endpoint": "http://localhost:1", "headers": {"Authorization": "Bearer s3cret", "X": "s3cret"},
                                "tls": {"key_pem": "s3cret"}}},
    "service": {"pipelines": {"traces": {"exporters": ["otlp_http"]}}}}


def test_print_config(tmp_path):
    path = tmp_path / "c.yaml"
    config = yaml.safe_load(yaml.safe_dump(SECRETS))
    del config["exporters"]["otlp_http"]["tls"]
    path.write_text(yaml.safe_dump(config))
    done = run("print-config", "--config", path, "--set", "exporters::otlp_http::timeout=7s")
    assert done.returncode == 0 and "s3cret" not in done.stdout + done.stderr
    tree = yaml.safe_load(done.stdout)
    assert tree["exporters"]["otlp_http"]["headers"]["Authorization"] == "[REDACTED]"
    assert tree["exporters"]["otlp_http"]["timeout"] == "7s"
    done = run("print-config", "--config", path, "--mode", "unredacted")
    assert yaml.safe_load(done.stdout)["exporters"]["otlp_http"]["headers"]["Authorization"] == "Bearer s3cret"
    again = tmp_path / "again.yaml"
    again.write_text(done.stdout)
    assert run("validate", "--config", again).returncode == 0


def test_logs(weir, sink, tmp_path):
    """Encoding and level as the Collector's."""
    w = weir({"exporters": {"nop": None}, "service": {"telemetry": {"logs": {"encoding": "json", "level": "debug"}}}})
    for line in w.err:
        assert json.loads(line)["msg" if "msg" in line else "message"]
    w = weir({"exporters": {"nop": None}, "service": {"telemetry": {"logs": {"encoding": "text"}}}})
    assert not any(line.startswith("{") for line in w.err)


def test_public_address_warns(weir):
    port = free_port()
    w = weir({"receivers": {"otlp": {"protocols": {"http": {"endpoint": f"0.0.0.0:{port}"}}}}, "exporters": {"nop": None}})
    w.wait_log("0.0.0.0")
    assert "warn" in next(line for line in w.err if "0.0.0.0" in line).lower()
