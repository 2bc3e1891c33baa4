"""`weir dlq` and `weir queue`: letters that an exporter left are found, shown, sent again and removed; backlogs are seen from outside.

Letters are written by build/tools/write_letter, which is the exporter's own code.
"""
import json
import os
import pathlib
import subprocess

import pytest
import yaml

from rig import otlp
from rig.ports import free_port
from rig.process import ROOT, run, sanitizer_env, weir_binary
from rig.sink import Answer
from rig.wait import until

TEXT = 'span 7: "gen_ai.usage" is \x1b[31mnot\x1b[0m a number'


def tool():
    path = pathlib.Path(weir_binary()).parent / "tools" / "write_letter"
    assert path.exists(), f"{path} is not built: make {path}"
    return path


@pytest.fixture
def letters(tmp_path):
    """letters((exporter, signal, message), ..): the storage directory with a letter for each."""
    directory = tmp_path / "storage"

    def write(*all_of_them):
        lines = []
        for i, (exporter, signal, message) in enumerate(all_of_them):
            body = tmp_path / f"body{i}.pb"
            body.write_bytes(message.SerializeToString())
            lines.append("\t".join([exporter, signal, str(otlp.count(message, signal)), "bad_request", TEXT, str(body)]))
        subprocess.run([tool(), directory], input="\n".join(lines) + "\n", text=True, check=True,
                       env={**os.environ, **sanitizer_env()})
        return directory
    return write


def config(tmp_path, directory, **exporters):
    """A file that names the storage and these exporters (a, b: otlp_http/a, otlp_http/b)."""
    ids = {f"otlp_http/{k}": {**v, "sending_queue": {"storage": "file_storage"}} for k, v in exporters.items()}
    path = tmp_path / "weir.yaml"
    path.write_text(yaml.safe_dump({
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": "127.0.0.1:0"}}}},
        "extensions": {"file_storage": {"directory": str(directory)}}, "exporters": ids,
        "service": {"extensions": ["file_storage"], "pipelines": {"traces": {"receivers": ["otlp"], "exporters": list(ids)}}}}))
    return path


def numbers(directory, *args):
    done = run("dlq", "list", "--directory", directory, "--json", *args)
    assert done.returncode in (0, 4), done.stderr
    return [json.loads(line)["number"] for line in done.stdout.splitlines()]


def test_list_and_show(letters, ids):
    sent = otlp.traces(ids, 3)
    directory = letters(("otlp_http/a", "traces", sent), ("otlp_http/b", "logs", otlp.logs(2)))
    done = run("dlq", "list", "--directory", directory)
    assert done.returncode == 0, done.stderr
    head, first, second = done.stdout.splitlines()
    assert head.split() == ["NUMBER", "REFUSED", "EXPORTER", "SIGNAL", "ITEMS", "BYTES", "REASON", "SAID"]
    assert first.split()[0] == "1" and first.split()[2:5] == ["otlp_http/a", "traces", "3"] and "bad_request" in first
    assert "\x1b" not in done.stdout and "gen_ai.usage" in first
    assert second.split()[2:5] == ["otlp_http/b", "logs", "2"]
    one = json.loads(run("dlq", "list", "--directory", directory, "--json", "2").stdout)
    assert (one["number"], one["exporter"], one["signal"], one["items"], one["reason"], one["text"], one["state"]) == (
        2, "otlp_http/b", "logs", 2, "bad_request", TEXT, "sound")
    assert one["pipeline"] == "traces/in" and one["refused_at"].endswith("Z")
    assert numbers(directory, "--exporter", "otlp_http/a") == [1]
    shown = json.loads(run("dlq", "show", "1", "--directory", directory).stdout)
    assert shown["request"] == json.loads(otlp.to_json(sent, "traces"))
    assert {k: v for k, v in shown.items() if k != "request"} == json.loads(
        run("dlq", "list", "1", "--directory", directory, "--json").stdout)


def test_replay_to_a_url(letters, ids, sink):
    """Each signal to its path; what was taken is gone."""
    traces, logs, metrics = otlp.traces(ids, 2), otlp.logs(1), otlp.metrics(5)
    directory = letters(("x/1", "traces", traces), ("x/2", "logs", logs), ("x/3", "metrics", metrics))
    far = sink()
    done = run("dlq", "replay", "--all", "--directory", directory, "--to", far.url)
    assert done.returncode == 0, done.stderr
    assert [line.split(" to ")[0] for line in done.stdout.splitlines()] == [
        "sent 1 (2 spans)", "sent 2 (1 log records)", "sent 3 (5 data points)"]
    assert [r.path for r in far.requests] == ["/v1/traces", "/v1/logs", "/v1/metrics"]
    assert [r.message for r in far.requests] == [traces, logs, metrics]
    assert numbers(directory) == []
    done = run("dlq", "replay", "--all", "--directory", directory, "--to", far.url)
    assert done.returncode == 4 and "no dead letters" in done.stderr


@pytest.mark.parametrize("encoding", ["proto", "json"])
def test_replay_to_its_exporter(letters, ids, sink, tmp_path, encoding):
    """With the exporter's endpoint and headers; other exporters' letters stay."""
    first, second = otlp.traces(ids, 1), otlp.traces(ids, 1)
    directory = letters(("otlp_http/a", "traces", first), ("otlp_http/b", "traces", second), ("otlp_http/gone", "traces", first))
    a, b = sink(), sink()
    path = config(tmp_path, directory, a={"endpoint": a.url, "encoding": encoding, "headers": {"x-key": "secret", "user-agent": "mine"}},
                  b={"endpoint": "http://127.0.0.1:1", "traces_endpoint": b.url + "/deep/v1/traces"})
    done = run("dlq", "replay", "--exporter", "otlp_http/a", "--config", path)
    assert done.returncode == 0, done.stderr
    assert [r.message for r in a.requests] == [first] and not b.requests
    assert a.requests[0].headers["x-key"] == "secret" and a.requests[0].path == "/v1/traces"
    assert a.requests[0].headers["content-type"] == (otlp.JSON if encoding == "json" else otlp.PB)
    assert "secret" not in done.stdout + done.stderr
    done = run("dlq", "replay", "--all", "--config", path)
    assert done.returncode == 3 and "otlp_http/gone" in done.stderr and "--to" in done.stderr
    assert [r.path for r in b.requests] == ["/deep/v1/traces"]
    assert numbers(directory) == [3]


def test_replay_into_weir(letters, ids, sink, weir):
    """To a running weir, which forwards it like anything else."""
    message = otlp.traces(ids, 4)
    directory = letters(("otlp_http/a", "traces", message))
    far = sink()
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url}},
              "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["otlp_http"]}}}})
    done = run("dlq", "replay", "1", "--directory", directory, "--to", w.url)
    assert done.returncode == 0, done.stderr
    w.sent["traces"] += 4
    until(lambda: far.requests, 10, "the letter's spans")
    assert otlp.count(far.requests[0].message, "traces") == 4


def test_refused_again(letters, ids, sink):
    """What is not taken stays, with the reason; a letter's own fault does not stop the others, a dead backend does."""
    directory = letters(*(("x", "traces", otlp.traces(ids, 1)) for _ in range(3)))
    far = sink(behave=[Answer(status=400, body=b"\x08\x03\x12\x07no good"), Answer()])
    done = run("dlq", "replay", "--all", "--directory", directory, "--to", far.url)
    assert done.returncode == 3
    assert "1: answered 400: no good" in done.stderr and len(far.requests) == 3, done.stderr
    assert numbers(directory) == [1]
    letters(*(("x", "traces", otlp.traces(ids, 1)) for _ in range(2)))
    done = run("dlq", "replay", "--all", "--directory", directory, "--to", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 3 and done.stderr.count("refused") == 1 and "stopped" in done.stderr, done.stderr
    assert len(numbers(directory)) == 3
    far = sink(behave=lambda request: Answer(status=503))
    done = run("dlq", "replay", "--all", "--directory", directory, "--to", far.url)
    assert done.returncode == 3 and len(far.requests) == 1 and len(numbers(directory)) == 3


def test_partly_refused(letters, ids, sink):
    directory = letters(("x", "traces", otlp.traces(ids, 3)))
    partial = otlp.RESPONSE["traces"]()
    partial.partial_success.rejected_spans, partial.partial_success.error_message = 2, "too old"
    far = sink(behave=[Answer(body=partial.SerializeToString())])
    done = run("dlq", "replay", "1", "--directory", directory, "--to", far.url)
    assert done.returncode == 3 and "refused 2 of 3 items: too old" in done.stderr
    assert numbers(directory) == [1]


def test_purge(letters, ids):
    directory = letters(*((f"x/{i % 2}", "traces", otlp.traces(ids, 1)) for i in range(5)))
    assert run("dlq", "purge", "2", "5", "--directory", directory).stdout == "removed 2\nremoved 5\n"
    assert numbers(directory) == [1, 3, 4]
    assert run("dlq", "purge", "--directory", directory, "--exporter", "x/1").returncode == 0
    assert numbers(directory) == [1, 3]
    assert run("dlq", "purge", "2", "--directory", directory).returncode == 4
    assert run("dlq", "purge", "--all", "--directory", directory).returncode == 0
    assert run("dlq", "list", "--directory", directory).returncode == 4


def test_a_number_that_is_not_there(letters, ids, sink):
    """It is named, the others are done, and the exit code tells."""
    directory = letters(*((f"x/{i % 2}", "traces", otlp.traces(ids, 1)) for i in range(5)))
    far = sink()
    for args, out in ((["list", "3", "77"], "x/0"), (["show", "77", "1"], '"number":1'), (["purge", "2", "77"], "removed 2"),
                      (["replay", "1", "77", "--to", far.url], "sent 1")):
        done = run("dlq", *args, "--directory", directory)
        assert done.returncode == 4 and out in done.stdout, done
        assert done.stderr == "weir dlq: 77: no such dead letter\n", done.stderr
    assert len(far.requests) == 1 and numbers(directory) == [3, 4, 5]
    done = run("dlq", "show", "3", "4", "78", "77", "--exporter", "x/1", "--directory", directory)
    assert done.returncode == 4 and done.stdout.count('"number"') == 1, done
    assert done.stderr.splitlines() == [f"weir dlq: {n}: no such dead letter" for n in (3, 78, 77)]
    far = sink(behave=[Answer(status=400), Answer(status=503)])
    done = run("dlq", "replay", "3", "4", "5", "77", "--directory", directory, "--to", far.url)
    assert done.returncode == 3 and len(far.requests) == 2 and "77: no such" in done.stderr, done
    assert "5: no such" not in done.stderr and numbers(directory) == [3, 4, 5]


def test_damaged(letters, ids, sink):
    """Listed as that, never sent, and still removable."""
    directory = letters(*(("x", "traces", otlp.traces(ids, 1)) for _ in range(4)))
    files = sorted((directory / "dlq").iterdir())
    assert [f.name for f in files] == [f"letter-{n:016x}.log" for n in (1, 2, 3, 4)]
    assert {f.stat().st_mode & 0o777 for f in files} == {0o600} and (directory / "dlq").stat().st_mode & 0o777 == 0o700
    files[0].write_bytes(b"")
    whole = files[1].read_bytes()
    files[1].write_bytes(whole[:120] + b"\xff" + whole[121:])
    files[2].unlink()
    files[2].symlink_to("/etc/passwd")
    (directory / "dlq" / "letter-zz.log").write_bytes(b"x")
    done = run("dlq", "list", "--directory", directory)
    assert done.returncode == 0 and done.stdout.count("damaged") == 2 and "3:" in done.stderr
    far = sink()
    done = run("dlq", "replay", "--all", "--directory", directory, "--to", far.url)
    assert done.returncode == 3 and len(far.requests) == 1
    assert run("dlq", "show", "1", "--directory", directory).returncode == 3
    done = run("dlq", "purge", "--all", "--directory", directory)
    assert done.returncode == 0 and not list((directory / "dlq").glob("letter-0*"))
    assert pathlib.Path("/etc/passwd").exists()


def test_queue(sink, weir, tmp_path, ids):
    """What waits for a dead backend, while weir runs, after it, and when its exporter has left the config."""
    directory = tmp_path / "storage"
    far = sink()
    made = {"extensions": {"file_storage": {"directory": str(directory), "create_directory": True}},
            "exporters": {"otlp_http/dead": {"endpoint": f"http://127.0.0.1:{free_port()}", "sending_queue": {"storage": "file_storage"},
                                             "required": True},
                          "otlp_http/well": {"endpoint": far.url, "sending_queue": {"storage": "file_storage"}, "required": True}},
            "service": {"extensions": ["file_storage"],
                        "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["otlp_http/dead", "otlp_http/well"]}}}}
    w = weir(made)
    for _ in range(3):
        w.post(otlp.traces(ids, 2))

    def look(*args):
        done = run("queue", "--json", *args)
        assert done.returncode == 0, done.stderr
        seen = json.loads(done.stdout)
        return seen, {x["exporter"]: x for x in seen["exporters"]}

    until(lambda: look("--directory", directory)[1]["otlp_http/well"]["records"] == 0, 10, "the checkpoint")
    seen, of = look("--directory", directory)
    assert of["otlp_http/dead"]["records"] == 3 and of["otlp_http/dead"]["items"]["traces"]["queued"] == 6
    assert 0 <= of["otlp_http/dead"]["oldest_age_seconds"] < 60 and "oldest" not in of["otlp_http/well"]
    assert of["otlp_http/well"]["items"]["traces"] == {
        "accepted": 6, "delivered": 6, "rejected": 0, "dead_lettered": 0, "queued": 0, "dropped": {}}
    assert seen["segments"]["files"] == 1 and seen["bytes"] > seen["segments"]["bytes"] > 0
    w.conserve()
    w.stop()
    path = config(tmp_path, directory, well={"endpoint": far.url})
    seen, of = look("--config", path)
    assert of["otlp_http/dead"]["orphan"] and of["otlp_http/dead"]["records"] == 3 and not of["otlp_http/well"]["orphan"]
    text = run("queue", "--config", path).stdout
    assert "otlp_http/dead: 3 records" in text and "(orphan" in text
    assert "accepted 6 = delivered 6 + rejected 0 + dead_lettered 0 + dropped 0 + queued 0" in text


def test_nothing_there(tmp_path):
    path = config(tmp_path, tmp_path / "none", a={"endpoint": "http://127.0.0.1:1"})
    for command in (["queue"], ["dlq", "list"]):
        assert run(*command, "--config", path).returncode == 4
        assert run(*command, "--directory", tmp_path / "none").returncode == 4
        assert run(*command, "--directory", tmp_path).returncode == 4
        done = run(*command, "--config", ROOT / "examples/relay.yaml")
        assert done.returncode == 4 and "file_storage" in done.stderr, done.stderr


@pytest.mark.parametrize("args", [
    ["queue"], ["queue", "here"], ["dlq"], ["dlq", "list"], ["dlq", "burn", "--directory", "/x"], ["dlq", "show", "--directory", "/x"],
    ["dlq", "replay", "--directory", "/x"], ["dlq", "purge", "--directory", "/x"], ["dlq", "show", "0", "--directory", "/x"],
    ["dlq", "show", "one", "--directory", "/x"], ["dlq", "purge", "1", "--all", "--directory", "/x"],
    ["dlq", "list", "--to", "http://h", "--directory", "/x"], ["dlq", "replay", "1", "--to", "ftp://h", "--directory", "/x"],
    ["dlq", "list", "--directory", ""], ["dlq", "list", "--directry", "/x"], ["dlq", "list", "--config", "/nonexistent"]], ids=str)
def test_usage(args):
    done = run(*args)
    assert done.returncode == 1 and done.stderr and not done.stdout, done


@pytest.mark.parametrize("command", ["queue", "dlq"])
def test_help(command):
    done = run(command, "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"weir {command}")
