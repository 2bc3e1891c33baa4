"""Local mode, the first minute: no config, a line for each model call, hints once, totals at the end; nothing else happens."""
import contextlib
import fcntl
import http.client
import os
import pty
import re
import signal
import socket
import subprocess
import tempfile
import threading

import pytest

from rig import otlp
from rig.ports import free_port
from rig.process import READY, ROOT, Process, run, sanitizer_env, weir_binary
from rig.wait import SLOW, until

EXPORT = "export OTEL_EXPORTER_OTLP_ENDPOINT=http://"
CALL = re.compile(
    r"^(?P<time>\d\d:\d\d:\d\d) {2,}(?P<service>\S+) {2,}(?P<operation>\S+) (?P<model>\S+) {2,}(?P<duration>[\d.]+ m?s) {2,}"
    r"(?:first (?P<first>[\d.]+ m?s) {2,})?(?P<tokens>no tokens|[\d,]+ in(?: \([\d,]+ cached\))?(?:, [\d,]+ out)?|[\d,]+ out) {2,}"
    r"(?P<cost>\$[\d.]+|no price|bad usage|-) {2,}(?P<finish>.+?) {2,}(?P<convention>\S+)$")
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5, "gen_ai.conversation.id": "s"}


def other_port(port):
    return ["--set", f"receivers::otlp::protocols::http::endpoint=127.0.0.1:{port}", "--set", "service::telemetry::metrics::level=none"]


@contextlib.contextmanager
def default_port():
    """127.0.0.1:4318 for one test at a time, whichever worker runs it."""
    with open(os.path.join(tempfile.gettempdir(), f"weir-4318-{os.getuid()}"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", 4318)) == 0:
                pytest.fail("port 4318 is taken: local mode cannot be tested")
        yield


class Local(Process):
    def __init__(self, *args, cwd=None):
        self.port = free_port()
        super().__init__([weir_binary(), *other_port(self.port), *args], cwd=cwd)
        self.spawn()
        self.wait_log(READY)

    def post(self, message, signal="traces"):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30 * SLOW)
        try:
            c.request("POST", f"/v1/{signal}", message.SerializeToString(), {"Content-Type": otlp.PB})
            assert c.getresponse().status == 200
        finally:
            c.close()

    def calls(self):
        return [m for m in map(CALL.match, list(self.out)) if m]

    def show(self, message, n):
        """Sends it; the n lines of calls that it makes."""
        before = len(self.calls())
        self.post(message)
        until(lambda: len(self.calls()) >= before + n, 10, lambda: f"{n} calls in {self.out}")
        return self.calls()[before:]

    def end(self, number=signal.SIGTERM):
        self.signal(number)
        assert self.wait() == 0, self.log


@pytest.fixture
def local(tmp_path):
    made = []

    def factory(*args):
        made.append(Local(*args, cwd=tmp_path))
        return made[-1]
    yield factory
    for p in made:
        p.kill()
    assert list(tmp_path.iterdir()) == []


def test_no_config(tmp_path):
    """The line to copy, the address it names, calls of the demo and of curl on the screen; only loopback is opened, OTLP and metrics, and no file is written."""
    with default_port():
        p = Process([weir_binary()], cwd=tmp_path).spawn()
        try:
            p.wait_log(READY)
            until(lambda: any(line.strip() == EXPORT + "127.0.0.1:4318" for line in list(p.out)), 10, lambda: f"the line in {p.out}")
            sent = run("demo")
            assert sent.returncode == 0, sent.stderr
            curl = subprocess.run(["curl", "-sf", "localhost:4318/v1/traces", "-H", "Content-Type: application/json", "-d",
                                   f"@{ROOT}/tests/corpus/curl.json"], capture_output=True)
            assert curl.returncode == 0, curl
            until(lambda: sum(bool(CALL.match(line)) for line in list(p.out)) == 7, 10, lambda: f"seven calls in {p.out}")
            assert listening(p.child.pid) - {("127.0.0.1", 8888)} == {("127.0.0.1", 4318)}  # 8888: metrics, where it is free
            p.signal(signal.SIGINT)
            assert p.wait() == 0
        finally:
            p.kill()
    assert list(tmp_path.iterdir()) == []


def test_metrics_where_the_port_is_free(tmp_path):
    """localhost:8888 as everywhere; when somebody else has it, local mode does without."""
    with default_port():
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", 8888))
            other.listen()
            p = Process([weir_binary()], cwd=tmp_path).spawn()
            try:
                p.wait_log(READY)
                assert listening(p.child.pid) == {("127.0.0.1", 4318)}
            finally:
                p.kill()
        p = Process([weir_binary()], cwd=tmp_path).spawn()
        try:
            p.wait_log(READY)
            assert listening(p.child.pid) == {("127.0.0.1", 4318), ("127.0.0.1", 8888)}
        finally:
            p.kill()


def listening(pid):
    sockets = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    found = set()
    for line in open("/proc/net/tcp").read().splitlines()[1:] + open("/proc/net/tcp6").read().splitlines()[1:]:
        f = line.split()
        if f[3] == "0A" and f"socket:[{f[9]}]" in sockets:
            address, port = f[1].split(":")
            found.add((socket.inet_ntoa(bytes.fromhex(address)[::-1]) if len(address) == 8 else address, int(port, 16)))
    return found


def test_lines_and_totals(local):
    """The demo's six calls with all that is known of them, then the sums."""
    w = local()
    done = run("demo", "--endpoint", f"http://127.0.0.1:{w.port}")
    assert done.returncode == 0, done.stderr
    until(lambda: len(w.calls()) == 6, 10, lambda: f"six calls in {w.out}")
    shown = {m["convention"]: m for m in w.calls()}
    assert set(shown) == {"otel", "openinference", "openllmetry", "vercel", "pydantic_ai", "enprompta"}
    want = {
        "otel": ("support-bot", "chat", "gpt-4o-mini-2024-07-18", "1.24 s", None, "1,204 in (1,024 cached), 87 out", 0.000156, "stop"),
        "openinference": ("rag-service", "chat", "claude-sonnet-4-5-20250929", "2.00 s", "400 ms",
                          "2,310 in (2,048 cached), 154 out", 0.0037104, "tool_call"),
        "openllmetry": ("summariser", "chat", "mistral-small-latest", "870 ms", None, "512 in, 40 out", 0.0000632, "stop"),
        "vercel": ("web-shop", "chat", "gpt-4.1-2025-04-14", "1.79 s", "312 ms", "640 in, 210 out", 0.00296, "stop"),
        "pydantic_ai": ("planner", "chat", "gemini-2.5-flash", "2.90 s", None, "900 in, 300 out", 0.00102, "stop"),
        "enprompta": ("batch-job", "chat", "gpt-4o", "1.20 s", None, "120 in, 48 out", 0.00078, "-"),
    }
    for convention, (service, operation, model, duration, first, tokens, cost, finish) in want.items():
        m = shown[convention]
        assert (m["service"], m["operation"], m["model"]) == (service, operation, model)
        assert (m["duration"], m["first"], m["tokens"], m["finish"]) == (duration, first, tokens, finish), m[0]
        assert float(m["cost"][1:]) == pytest.approx(cost, rel=1e-3), m[0]
    assert len({m.start("convention") for m in list(shown.values())[2:]}) == 1, w.out  # one below the other
    assert not any("\033" in line for line in w.out)
    w.end(signal.SIGINT)
    totals = [re.split(" {2,}", line.strip()) for line in w.out[next(i for i, x in enumerate(w.out) if x.startswith("total")):]]
    assert totals[0][:4] == ["total", "6 calls", "5,686 tokens in", "839 out"]
    assert float(totals[0][4][1:]) == pytest.approx(sum(x[6] for x in want.values()), rel=1e-3)
    assert {t[0]: t[1:3] for t in totals[1:]} == {x[2]: ["1 call", x[5].split(" ")[0] + " tokens in"] for x in want.values()}
    assert sum(float(t[4][1:]) for t in totals[1:]) == pytest.approx(float(totals[0][4][1:]), rel=1e-3)


def test_what_is_no_call_is_not_shown(local, ids):
    w = local()
    w.post(otlp.traces(ids, 5))
    w.post(otlp.traces(ids, 1, attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}))
    w.show(otlp.traces(ids, 1, attributes=CHAT), 1)
    w.end()
    assert len(w.calls()) == 1 and re.search(r"^total +1 call ", "\n".join(w.out), re.M)


def test_hints_come_once(local, ids):
    """No session, no tokens, no price: told at the first time, and how to mend it; never for calls that lack nothing."""
    def hints():
        return [line for line in w.out if line.startswith("  hint:")]
    w = local()
    w.show(otlp.traces(ids, 1, attributes=CHAT), 1)
    assert hints() == []
    without_session = {k: v for k, v in CHAT.items() if k != "gen_ai.conversation.id"}
    without_tokens = {k: v for k, v in CHAT.items() if "usage" not in k}
    unknown = {**CHAT, "gen_ai.request.model": "my-own-model-7"}
    for attributes, word in ((without_session, "session.id"), (without_tokens, "token"), (unknown, "my-own-model-7")):
        for _ in range(2):
            w.show(otlp.traces(ids, 2, attributes=attributes), 2)
        assert word in hints()[-1], hints()
    w.end()
    assert len(hints()) == 3
    assert [m["cost"] for m in w.calls()] == ["$0.000075"] + ["$0.000075"] * 4 + ["-"] * 4 + ["no price"] * 4
    assert "8 without a cost" in next(line for line in w.out if line.startswith("total"))


def test_failed_calls_say_why(local, ids):
    w = local()
    message = otlp.traces(ids, 1, attributes={**CHAT, "error.type": "rate_limit_exceeded"})
    message.resource_spans[0].scope_spans[0].spans[0].status.code = 2
    assert w.show(message, 1)[0]["finish"] == "error rate_limit_exceeded"


def test_nothing_of_the_network_reaches_the_terminal(local, ids):
    """Escape sequences in names are not passed on."""
    w = local()
    w.show(otlp.traces(ids, 1, service="a\033[2Jb\x07", attributes={**CHAT, "gen_ai.request.model": "m\033]0;x\x07\u009b5m\u202e"}), 1)
    w.end()
    assert not re.search(r"[\x00-\x1f\x7f\x80-\x9f\u202e]", "".join(w.out))


def test_logs_and_metrics_are_taken(local):
    """An SDK sends all three signals to one endpoint."""
    w = local()
    w.post(otlp.logs(3), "logs")
    w.post(otlp.metrics(3), "metrics")
    w.end()


def test_json(local, ids):
    """--json: nothing but OTLP/JSON lines on stdout, normalised and priced; what is for people is on stderr."""
    w = local("--json")
    w.post(otlp.traces(ids, 3, attributes=CHAT))
    w.post(otlp.traces(ids, 2))
    w.post(otlp.traces(ids, 1, attributes=CHAT))
    until(lambda: len(w.out) == 2, 10, lambda: f"two lines in {w.out}")
    w.end()
    spans = [s for line in w.out for rs in otlp.from_json(line).resource_spans for ss in rs.scope_spans for s in ss.spans]
    assert len(spans) == 4
    for s in spans:
        attributes = {a.key: a.value for a in s.attributes}
        assert attributes["weir.span.kind"].string_value == "llm"
        assert attributes["llm.cost.total"].double_value == 0.000075  # 10 at 2.50 and 5 at 10 per million
    assert EXPORT in w.log


def test_port_in_use():
    """Names the address, who holds it and a way out; exit 3."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", free_port()))
        s.listen()
        port = s.getsockname()[1]
        done = run(*other_port(port))
    assert done.returncode == 3
    assert f"127.0.0.1:{port}" in done.stderr and str(os.getpid()) in done.stderr, done.stderr
    assert "weir --set receivers::otlp::protocols::http::endpoint=127.0.0.1:" in done.stderr
    assert done.stdout == ""


class Terminal:
    """weir on a pseudo terminal."""

    def __init__(self, args, env):
        self.text = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(args[0], args, {**os.environ, **sanitizer_env(), **env})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            try:
                got = os.read(self.fd, 65536)
            except OSError:
                return
            if not got:
                return
            self.text += got

    def press(self, key):
        os.write(self.fd, key)

    def wait(self):
        until(lambda: not self.reader.is_alive(), 30, lambda: f"the end of {self.text!r}")
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.mark.parametrize("env, colours", [({"TERM": "xterm", "NO_COLOR": ""}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
                                          ({"TERM": "dumb", "NO_COLOR": ""}, False)], ids=["xterm", "no_color", "dumb"])
def test_terminal(env, colours):
    """Colours where they are wanted, the greeting once, Ctrl-C ends with the totals."""
    port = free_port()
    t = Terminal([weir_binary(), *other_port(port)], env)
    try:
        until(lambda: READY.encode() in t.text, 15, lambda: f"ready in {t.text!r}")
        assert run("demo", "--endpoint", f"http://127.0.0.1:{port}").returncode == 0
        until(lambda: b"gemini-2.5-flash" in t.text, 10, lambda: f"a call in {t.text!r}")
        t.press(b"\x03")
        assert t.wait() == 0
    finally:
        if t.reader.is_alive():
            os.kill(t.pid, signal.SIGKILL)
    assert t.text.count(EXPORT.encode()) == 1
    assert re.search(rb"\ntotal +6 calls ", t.text.replace(b"\r", b""))
    assert (b"\033[" in t.text) == colours


@pytest.mark.skipif("WEIR" in os.environ, reason="the script builds and runs build/weir")
def test_quickstart():
    """From the clone to calls and totals on the screen, with one command."""
    with default_port():
        done = subprocess.run([ROOT / "scripts/quickstart", "--stop"], stdin=subprocess.DEVNULL, text=True, capture_output=True,
                              timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert sum(bool(CALL.match(line)) for line in lines) == 6, done.stdout
    assert any(line.strip().startswith(EXPORT) for line in lines)
    assert any(re.match("total +6 calls ", line) for line in lines)


@pytest.mark.skipif("WEIR" in os.environ, reason="the script builds and runs build/weir")
def test_quickstart_on_a_terminal():
    """There it goes on until Ctrl-C, and adds up then."""
    with default_port():
        t = Terminal(["/bin/sh", str(ROOT / "scripts/quickstart")], {"TERM": "xterm", "NO_COLOR": ""})
        try:
            until(lambda: t.text.count(b" in") >= 6 and b"gemini" in t.text, 300, lambda: f"six calls in {t.text!r}")
            t.press(b"\x03")
            assert t.wait() == 0
        finally:
            if t.reader.is_alive():
                os.kill(t.pid, signal.SIGKILL)
    assert re.search(rb"\ntotal +6 calls ", t.text.replace(b"\r", b""))


# ---- README.md is true

BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)


def shown(command):
    """The block of README.md that begins with this command, without it."""
    one = [text for kind, text in BLOCKS if kind == "" and text.startswith(f"$ {command}\n")]
    assert len(one) == 1, command
    return one[0].splitlines()[1:]


def test_screen_in_readme(local):
    """Line by line what `weir` shows of the demo, but for the times of day and the blanks between columns."""
    def timeless(lines):
        return sorted(re.sub(" {2,}", "  ", re.sub(r"^\d\d:\d\d:\d\d", "", line)) for line in lines if line.strip())
    w = local()
    assert run("demo", "--endpoint", f"http://127.0.0.1:{w.port}").returncode == 0
    until(lambda: len(w.calls()) == 6, 10, lambda: f"six calls in {w.out}")
    w.end(signal.SIGINT)
    assert timeless(shown("weir")) == timeless(line.replace(str(w.port), "4318") for line in w.out)


def test_explanation_in_readme():
    told = run("explain", ROOT / "examples/demo/openllmetry.json").stdout.splitlines()
    lines = shown("weir explain examples/demo/openllmetry.json")
    assert len(lines) > 15
    at = 0
    for line in lines:
        if line.strip() not in ("..", ""):
            at = told.index(line, at)


def test_prices_in_readme():
    one = "weir price gpt-4o --in 1000 --cached 200 --out 500"
    assert run(*one.split()[1:]).stdout.splitlines() == shown(one)


def test_configs_in_readme(tmp_path):
    configs = [text for kind, text in BLOCKS if kind == "yaml"]
    assert configs
    for n, text in enumerate(configs):
        (tmp_path / f"{n}.yaml").write_text(text)
        done = run("validate", "--config", tmp_path / f"{n}.yaml")
        assert done.returncode == 0 and done.stderr == "", done.stderr


def test_links_in_readme():
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target


def test_every_command_is_documented():
    """What `weir --help` lists is in README.md (but for run and version), the man page and the completion."""
    commands = re.findall(r"^  ([a-z-]+) {2,}\S", run("--help").stdout.rsplit("\n\n", 1)[-1], re.M)
    assert {"run", "demo", "explain", "price", "validate"} <= set(commands)
    readme, completion = ((ROOT / f).read_text() for f in ("README.md", "deploy/completion.bash"))
    man = (ROOT / "docs/weir.1").read_text().replace("\\-", "-")
    for command in commands:
        assert f"\n.B {command}" in man, command
        assert command in re.search('words="(run [^"]*)"', completion)[1].split(), command
        assert command in ("run", "version") or f"| `weir {command}" in readme, command


def test_completion():
    """bash offers commands, flags, components and files."""
    script = f"""PATH={os.path.dirname(weir_binary())}:$PATH; cd {ROOT}; . deploy/completion.bash
        t() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _weir; echo "${{COMPREPLY[*]}}"; }}
        t weir exp; t weir demo --; t weir explain READ; t weir components gen_ai_c; t weir --config exam"""
    done = subprocess.run(["bash", "-c", script], text=True, capture_output=True, env={**os.environ, **sanitizer_env()})
    assert done.stdout.splitlines() == ["explain", "--endpoint --help", "README.md", "gen_ai_cost", "examples"], done
