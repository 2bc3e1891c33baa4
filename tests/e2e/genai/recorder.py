"""Records what a real SDK sends while it talks to llm_api.py: an environment per requirements file, a sink, the app, the truth.

    recorder.py show APP       the recorded spans and log records as text

Wire bytes are stored without compression and otherwise as they came; only the paths of this machine and its name are blotted
out, with as many characters, so that every length stays right. Run by build/venv/bin/python (see scripts/record-genai).
"""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
CORPUS = ROOT / "tests/corpus/genai"
VENVS = ROOT / "build/genai-venvs"
LARGEST = 64 * 1024
sys.path.insert(0, str(HERE.parent))

from rig import otlp  # noqa: E402
from rig.sink import Sink  # noqa: E402


def environment(requirements):
    """Makes or reuses build/genai-venvs/NAME for requirements/NAME.txt (pip) or NAME.json (npm)."""
    source = HERE / "requirements" / requirements
    place = VENVS / source.stem
    mark, wanted = place / ".installed", source.read_text()
    if mark.exists() and mark.read_text() == wanted:
        return place
    shutil.rmtree(place, ignore_errors=True)
    print(f"environment {place.relative_to(ROOT)}", file=sys.stderr)
    if source.suffix == ".json":
        place.mkdir(parents=True)
        (place / "package.json").write_text(wanted)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=place, check=True)
    else:
        venv.create(place, with_pip=True)
        subprocess.run([place / "bin/pip", "-q", "--disable-pip-version-check", "install", "-r", source], check=True)
    mark.write_text(wanted)
    return place


def versions(place, requirements):
    """{package: version} of what the requirements file names, as installed."""
    text = (HERE / "requirements" / requirements).read_text()
    if requirements.endswith(".json"):
        names = json.loads(text).get("dependencies", {})
        return {n: json.loads((place / "node_modules" / n / "package.json").read_text())["version"] for n in sorted(names)}
    listed = subprocess.run([place / "bin/pip", "--disable-pip-version-check", "list", "--format=json"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout

    def bare(name):
        return re.sub(r"[-_.]+", "-", name).lower()
    installed = {bare(p["name"]): p["version"] for p in json.loads(listed)}
    names = re.findall(r"^([\w.-]+)(?:\[[\w,.-]+\])?\s*==", text, re.M)
    return {n: installed[bare(n)] for n in sorted(names)}


def surroundings(app, api, sink, extra):
    env = {k: v for k, v in os.environ.items() if not re.search(r"proxy|^OTEL_|_KEY$|_TOKEN$|^PYTHON", k, re.I)}
    env.update({
        "LLM_API_URL": api, "SINK_URL": sink, "OPENAI_BASE_URL": f"{api}/v1", "OPENAI_API_BASE": f"{api}/v1",
        "OPENAI_API_KEY": "sk-none",
        "ANTHROPIC_BASE_URL": api, "ANTHROPIC_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": api, "GEMINI_API_KEY": "none",
        "GOOGLE_API_KEY": "none", "MISTRAL_API_KEY": "none", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": api,
        "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": sink, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_SERVICE_NAME": app,
        "TRACELOOP_BASE_URL": sink, "TRACELOOP_API_KEY": "none", "TRACELOOP_TELEMETRY": "false",
        "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost", "PYTHONDONTWRITEBYTECODE": "1", **extra})
    return env


def blot(body):
    """The paths, the name, the id and the kernel of this machine, by as many other characters."""
    machine = pathlib.Path("/etc/machine-id")
    for secret in {str(ROOT), str(pathlib.Path.home()), socket.gethostname(), os.uname().release,
                   machine.read_text().strip() if machine.exists() else ""}:
        raw = secret.encode()
        if len(raw) > 4:
            body = body.replace(raw, raw[:1] + b"x" * (len(raw) - 1))
    return re.sub(rb"(host\.name\x12.\n.)([\x20-\x7e]+)", lambda m: m[1] + b"x" * len(m[2]), body)


def record(app_name, command, requirements_file, extra_env, truth_fields, keep=False):
    """Runs one app and replaces its files in tests/corpus/genai. truth_fields: ecosystem, content, session, user, known_gaps
    and, optionally, provider (of all calls) and packages (when there is no requirements file)."""
    fields = {"ecosystem": app_name.split("_")[0], "content": False, "session": None, "user": None, "known_gaps": {},
              **truth_fields}
    place = environment(requirements_file) if requirements_file else None
    packages = versions(place, requirements_file) if place else fields.pop("packages", {})
    provider = fields.pop("provider", None)
    with tempfile.TemporaryDirectory() as directory:
        log = pathlib.Path(directory) / "calls.jsonl"
        api = subprocess.Popen([sys.executable, HERE / "llm_api.py", "--log", log], stdout=subprocess.PIPE, text=True)
        sink = Sink()
        try:
            env = surroundings(app_name, api.stdout.readline().strip(), sink.url, extra_env or {})
            done = subprocess.run(argv(command, place), cwd=directory, env=env, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=180)
        finally:
            api.kill()
            api.wait()
            sink.stop()
        if keep:
            (VENVS / f"{app_name}.out").write_text(done.stdout)
            shutil.copy(log, VENVS / f"{app_name}.calls.jsonl")
        if done.returncode or not sink.requests or sink.faults:
            raise SystemExit(f"{app_name}: exit {done.returncode}, {len(sink.requests)} requests, faults {sink.faults}\n"
                             f"{done.stdout[-6000:]}")
        calls = [json.loads(line) for line in log.read_text().splitlines()]
    for call in calls:
        call["provider"] = provider or call["provider"]
    store(app_name, sink.requests, {"app": app_name, "ecosystem": fields["ecosystem"], "packages": packages, **fields,
                                    "calls": sorted(calls, key=lambda c: c["n"])})


def argv(command, place):
    """The command with its program and its script where they are."""
    out = list(command)
    script = next((i for i, a in enumerate(out) if a.startswith("apps/")), None)
    if out[0] == "python":
        out[0] = str(place / "bin/python") if place else sys.executable
    if script is not None:
        out[script] = str(HERE / out[script])
        if place and out[script].endswith(".mjs"):  # ESM looks for node_modules from where the file is
            for f in (HERE / "apps/js").glob("*.mjs"):
                shutil.copy(f, place)
            out[script] = str(place / pathlib.Path(out[script]).name)
    return out


def store(app, requests, truth):
    CORPUS.mkdir(parents=True, exist_ok=True)
    for old in CORPUS.glob(f"{app}.*"):
        old.unlink()
    numbers = {"traces": 0, "logs": 0}
    for r in requests:
        if r.signal not in numbers or not otlp.leaves([r.message], r.signal):
            continue
        suffix = "json" if r.headers["content-type"].startswith(otlp.JSON) else "pb"
        name = f"{app}.{'logs.' if r.signal == 'logs' else ''}{numbers[r.signal]}.{suffix}"
        numbers[r.signal] += 1
        body = blot(r.body)
        otlp.parse(body, r.headers["content-type"], r.signal)
        if len(body) > LARGEST:
            raise SystemExit(f"{name} has {len(body)} bytes: flush more often")
        (CORPUS / name).write_bytes(body)
    text = json.dumps(truth, indent=1, ensure_ascii=False)
    (CORPUS / f"{app}.truth.json").write_text(text + "\n")
    print(f"{app}: {len(truth['calls'])} calls, {numbers['traces']} requests of spans, {numbers['logs']} of logs")


def describe(path):
    """The #: (//:) lines of an app as arguments of record()."""
    app = path.stem
    name = f"apps/{path.relative_to(HERE / 'apps')}"
    js = path.suffix == ".mjs"
    out = {"requirements": f"{app}.json" if js else f"{app}.txt", "env": {}, "known_gaps": {}}
    for key, value in re.findall(r"^(?:#|//): (\w+): (.*?)\s*$", path.read_text(), re.M):
        if key == "env":
            k, _, v = value.partition("=")
            out["env"][k] = v
        elif key == "gap":
            field, _, reason = value.partition(": ")
            out["known_gaps"][field] = reason
        else:
            out[key] = {"true": True, "false": False}.get(value, value)
    requirements, env = out.pop("requirements"), out.pop("env")
    return app, ["node" if js else "python", name], requirements, env, out


def apps():
    """{name: path} of everything that can be recorded: what has an ecosystem line."""
    found = [*(HERE / "apps").glob("*.py"), *(HERE / "apps/js").glob("*.mjs")]
    return {p.stem: p for p in sorted(found) if re.search(r"^(?:#|//): ecosystem: ", p.read_text(), re.M)}


def main(names, keep):
    known = apps()
    unknown = [n for n in names if n not in known]
    if unknown:
        raise SystemExit(f"no such app: {', '.join(unknown)}; there are {', '.join(known)}")
    failed = []
    for name in names or known:
        try:
            record(*describe(known[name]), keep=keep)
        except (SystemExit, subprocess.SubprocessError) as e:
            failed.append(name)
            print(e, file=sys.stderr)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def show(app):
    for path in sorted(CORPUS.glob(f"{app}.*")):
        if path.suffix in (".pb", ".json") and not path.name.endswith(".truth.json"):
            signal = "logs" if ".logs." in path.name else "traces"
            message = otlp.parse(path.read_bytes(), otlp.PB if path.suffix == ".pb" else otlp.JSON, signal)
            print(f"==== {path.name}: {path.stat().st_size} bytes")
            show_message(message, signal)


def show_message(message, signal):
    layers = {"traces": ("resource_spans", "scope_spans"), "logs": ("resource_logs", "scope_logs")}[signal]
    for r in getattr(message, layers[0]):
        print("resource", {a.key: plain(a.value) for a in r.resource.attributes})
        for s in getattr(r, layers[1]):
            print(f"scope {s.scope.name} {s.scope.version} {s.schema_url}")
            for item in s.spans if signal == "traces" else s.log_records:
                where = f"{item.trace_id.hex()[:8]}/{item.span_id.hex()}"
                if signal == "traces":
                    print(f"  span {item.name!r} {where} parent {item.parent_span_id.hex()} kind {item.kind} "
                          f"status {item.status.code} {item.status.message[:80]!r}")
                else:
                    print(f"  record {item.event_name!r} {where} {plain(item.body)!r}")
                show_attributes(item.attributes, 4)
                for event in getattr(item, "events", ()):
                    print(f"    event {event.name!r}")
                    show_attributes(event.attributes, 6)


def show_attributes(attributes, indent):
    for a in attributes:
        print(f"{' ' * indent}{a.key} = {plain(a.value)!r}"[:400])


def plain(value):
    """An AnyValue as a Python value."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(v) for v in value.array_value.values]
    if kind == "kvlist_value":
        return {p.key: plain(p.value) for p in value.kvlist_value.values}
    return getattr(value, kind) if kind else None


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "show":
        for name in sys.argv[2:]:
            show(name)
    else:
        raise SystemExit(__doc__)
