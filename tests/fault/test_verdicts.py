"""What an exporter does with answers: cases 36 to 45, 47, 51, 52, 55 to 58 of the matrix of destinations.

Each test has a scripted backend (sink.py) and judges by the set of span ids that it took and by the conservation equation (Weir.close).
Nothing waits for a time to pass: what must not happen is looked for when something later has happened.
"""
import json
import re
import socket
import time

import pytest

from raw import cpu
from rig import otlp
from rig.fixtures import sinks, weirs
from rig.ports import free_ports
from rig.process import Weir
from rig.wait import SLOW, until
from sink import CLOSE, HANG, RESET, Answer, Sink, partial

FAST = {"initial_interval": "20ms", "max_interval": "40ms"}


@pytest.fixture
def backend():
    with sinks(Sink) as factory:
        yield factory


@pytest.fixture
def relay(tmp_path, backend):
    """relay(backend, option=..): a weir with one exporter."""
    def config(far, **options):
        return {"receivers": {"otlp": {"protocols": {"http": {"max_request_body_size": "64MiB"}}}},
                "exporters": {"otlp_http": {"endpoint": far.url, "compression": "none", "retry_on_failure": FAST, **options}}}

    def make(far, env=None, **options):
        w = Weir(tmp_path, config(far, **options), env=env)
        w.config = config
        return w
    with weirs(make) as factory:
        yield factory


def outcomes(w):
    return {o: int(w.outcome("otlp_http", o)) for o in ("delivered", "rejected", "dead_lettered", "dropped", "queued")}


def settled(w, **want):
    """Waits for these outcomes; the others are 0."""
    want = {"delivered": 0, "rejected": 0, "dead_lettered": 0, "dropped": 0, "queued": 0, **want}
    until(lambda: outcomes(w) == want, 20, lambda: f"{want}, not {outcomes(w)}")


def posted(w, ids, n=1, size=40, poison=()):
    """Sends n spans; those at the places in `poison` are named so. The ids."""
    m = otlp.traces(ids, n, size=size)
    spans = otlp.leaves([m])
    for i in poison:
        spans[i].name = "poison"
    w.post(m)
    return [s.trace_id + s.span_id for s in spans]


def logged(w, text, **fields):
    """How many lines say this, with these fields."""
    lines = [json.loads(line) for line in list(w.err) if line.startswith("{")]
    return sum(text in line["msg"] and fields.items() <= line.items() for line in lines)


def is_bad(request):
    return any(s.name == "poison" for s in request.spans)


def first_only(answer, after=Answer()):
    return lambda r: answer if r.number == 0 else after


@pytest.fixture
def ring(tmp_path):
    """ring(n, stored=.., option=..): n weirs that each send to the next, the last to the first. No config shows it: one alone writes its
    own address in a way that only curl reads."""
    def make(port, far, storage, options):
        config = {"receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
                  "exporters": {"otlp_http": {"endpoint": far, "retry_on_failure": FAST, **options}}}
        if storage:
            config["extensions"] = {"file_storage": {"directory": str(storage), "create_directory": True}}
            config["service"] = {"extensions": ["file_storage"]}
            config["exporters"]["otlp_http"]["sending_queue"] = {"storage": "file_storage"}
        w = Weir(tmp_path, config)
        w.exact = False  # more arrives than the test sends
        return w

    with weirs(make) as factory:
        def close_ring(n, stored=False, **options):
            ports = free_ports(n)
            far = [f"http://{'127.0.0.1' if n > 1 else '127.1'}:{port}" for port in ports[1:] + ports[:1]]
            return [factory(ports[i], far[i], tmp_path / f"storage{i}" if stored else None, options) for i in range(n)]
        yield close_ring


# 36 ------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("status", [429, 503])
def test_36_retry_after_pauses_the_exporter(relay, backend, ids, status):
    far = backend(first_only(Answer(status, (("Retry-After", "1"),))))
    w = relay(far)
    posted(w, ids)
    w.wait_log("Will retry the request")  # the answer has been read: what is sent earlier may go out beside it
    for _ in range(5):
        posted(w, ids)
    settled(w, delivered=6)
    waited = far.requests[1].when - far.requests[0].when
    assert 0.99 <= waited <= 1.1 + 1.5 * SLOW, waited


@pytest.mark.parametrize("form", ["http-date", "rfc850", "asctime"])
def test_36_retry_after_as_a_date(relay, backend, ids, form):
    """Compared with the answer's own Date: the backend's clock is a year behind."""
    then = time.time() - 365 * 86400
    text = {"http-date": "%a, %d %b %Y %H:%M:%S GMT", "rfc850": "%A, %d-%b-%y %H:%M:%S GMT",
            "asctime": "%a %b %e %H:%M:%S %Y"}[form]
    at = time.strftime(text, time.gmtime(then + 2))
    now = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(then))
    far = backend(first_only(Answer(503, (("Date", now), ("Retry-After", at)))))
    w = relay(far)
    posted(w, ids)
    settled(w, delivered=1)
    waited = far.requests[1].when - far.requests[0].when
    assert 0.99 <= waited <= 2.2 + 1.5 * SLOW, waited


@pytest.mark.parametrize("headers", [
    [("Retry-After", "-1")], [("Retry-After", "abc")], [("Retry-After", "0")], [("Retry-After", "1.5")], [("Retry-After", "")],
    [("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")], [("Retry-After", "30"), ("Retry-After", "30")],
], ids=lambda h: "+".join(v for _, v in h))
def test_36_unclear_retry_after_is_ordinary_backoff(relay, backend, ids, headers):
    far = backend(first_only(Answer(429, tuple(headers))))
    w = relay(far)
    posted(w, ids)
    settled(w, delivered=1)
    assert far.requests[1].when - far.requests[0].when < 0.5 + 0.5 * SLOW


def test_36_retry_after_is_clamped(relay, backend, ids):
    """99999999 s is a quarter of an hour, and up to a tenth more; SIGTERM does not wait for it."""
    far = backend(first_only(Answer(503, (("Retry-After", "99999999"),))))
    w = relay(far, retry_on_failure={**FAST, "max_elapsed_time": 0})
    posted(w, ids)
    w.wait_log("Will retry the request")
    found = re.search(r'"interval":"(\d+)m', w.log)
    assert found and 15 <= int(found[1]) <= 16, w.log
    w.stop()
    assert sum(far.taken.values()) == 1


@pytest.mark.parametrize("status", [200, 400])
def test_36_retry_after_elsewhere_means_nothing(relay, backend, ids, status):
    far = backend(lambda r: Answer(400 if is_bad(r) and status == 400 else 200, (("Retry-After", "60"),)))
    w = relay(far)
    posted(w, ids, 2, poison=[0] if status == 400 else [])
    posted(w, ids)
    settled(w, delivered=2 if status == 400 else 3, dead_lettered=int(status == 400))


# 37 ------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("fault", [Answer(429), Answer(then=HANG), Answer(then=RESET, raw=b"")], ids=["429", "timeout", "reset"])
def test_37_a_part_is_retried_alone(relay, backend, ids, fault):
    """413 for the whole; one part meets a passing fault, another is refused for good: each has its own fate."""
    tries = {}

    def script(r):
        if len(r.spans) > 4:
            return Answer(413)
        key = tuple(r.ids)
        tries[key] = tries.get(key, 0) + 1
        if r.spans[0].name == "span 0" and tries[key] == 1:
            return fault
        return Answer(400) if is_bad(r) else Answer()
    far = backend(script)
    w = relay(far, timeout=f"{SLOW:g}s" if fault.then == HANG else "30s")
    mine = posted(w, ids, 8, size=600, poison=[7])
    settled(w, delivered=7, dead_lettered=1)
    assert far.taken == {i: 1 for i in mine[:7]}
    assert sum(1 for n in tries.values() if n > 1) == 1


# 38 ------------------------------------------------------------------------------------------------------------------

def fate_of(status):
    if 200 <= status < 300:
        return "delivered"
    if status in (429, 502, 503, 504, 599):
        return "retried"
    if status in (400, 413, 422):
        return "dead_lettered"
    return "rejected"


def test_38_every_status(relay, backend, ids):
    """599 is in retry_on_status; 401, 403 and 407 hold (test_44)."""
    elsewhere = backend()
    code = {}

    def script(r):
        status = code[r.ids[0]]
        if status is None or sum(1 for q in far.requests if q.ids == r.ids) > 1:
            return Answer()
        return Answer(status, (("Location", elsewhere.url + "/v1/traces"),))
    far = backend(script)
    w = relay(far, retry_on_status=[599], sending_queue={"num_consumers": 1})
    statuses = [s for s in range(200, 600) if s not in (401, 403, 407)]
    for status in statuses:
        m = otlp.traces(ids)
        span = otlp.leaves([m])[0]
        code[span.trace_id + span.span_id] = status
        w.post(m)
    fates = [fate_of(s) for s in statuses]
    settled(w, delivered=fates.count("delivered") + fates.count("retried"), rejected=fates.count("rejected"),
            dead_lettered=fates.count("dead_lettered"))
    sent = far.sent()
    for i, status in code.items():
        assert sent[i] == (2 if fate_of(status) == "retried" else 1), status
        assert (i in far.taken) == (fate_of(status) in ("delivered", "retried")), status
    assert elsewhere.requests == []


@pytest.mark.parametrize("status", [100, 102, 103, 150, 199])
def test_38_interim_answers(relay, backend, ids, status):
    far = backend(lambda r: Answer(interim=b"HTTP/1.1 %d X\r\nRetry-After: 60\r\n\r\n" % status * 3))
    w = relay(far)
    posted(w, ids, 3)
    settled(w, delivered=3)
    assert len(far.requests) == 1


# 39, 40, 41 ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("k,status", [(1, 400), (2, 400), (8, 400), (2, 422)])
def test_39_poison(relay, backend, ids, k, status):
    far = backend(lambda r: Answer(status, body=b"bad span") if is_bad(r) else Answer())
    w = relay(far)
    bad = [(i * 512 // k + 37 * i) % 512 for i in range(k)]
    mine = posted(w, ids, 512, poison=bad)
    settled(w, delivered=512 - k, dead_lettered=k)
    assert far.taken == {i: 1 for n, i in enumerate(mine) if n not in bad}
    assert len(far.requests) <= 2 * k * 9 + 1
    until(lambda: logged(w, "dead-lettered", reason="bad_request", status=str(status), items="1", error="bad span") == k, 5, lambda: w.log)


def test_39_poison_in_a_batch_of_requests(relay, backend, ids):
    far = backend(lambda r: Answer(400) if is_bad(r) else Answer())
    w = relay(far, sending_queue={"num_consumers": 2, "batch": {"flush_timeout": "10s", "min_size": 512}})
    for n in range(8):
        posted(w, ids, 64, poison=[63] if n in (2, 5) else [])
    settled(w, delivered=510, dead_lettered=2)
    assert len(far.requests[0].spans) == 512
    assert len(far.requests) <= 2 * 2 * 9 + 1
    assert set(far.taken.values()) == {1}


def test_40_everything_is_400(relay, backend, ids):
    good = []
    far = backend(lambda r: Answer() if good else Answer(400))
    w = relay(far)
    mine = [i for _ in range(40) for i in posted(w, ids, 16)]
    w.wait_log("Exporter is held")
    until(lambda: far.in_flight == 0, 5, "quiet")
    detected = len(far.requests)
    assert detected < 60
    mine += [i for _ in range(40) for i in posted(w, ids, 16)]
    settled(w, queued=len(mine))
    assert len(far.requests) <= detected + 1  # a probe a minute
    assert w.log.count("Exporter is held") == 1
    good.append(True)
    w.signal(1)  # a reload probes
    settled(w, delivered=len(mine))
    assert far.taken == {i: 1 for i in mine}


def test_41_too_large(relay, backend, ids):
    limit = 1 << 20
    far = backend(lambda r: Answer(413) if len(r.body) > limit else Answer())
    w = relay(far, timeout="10s")
    mine = posted(w, ids, 300, size=10000)
    settled(w, delivered=300)
    assert far.taken == {i: 1 for i in mine}
    w.wait_log("Destination refuses large requests")
    refused = [r for r in far.requests if r.answer.status == 413]
    assert 1 <= len(refused) <= 5, len(refused)
    before = len(far.requests)
    mine = posted(w, ids, 300, size=10000)  # cut before it is sent
    settled(w, delivered=600)
    assert [r.answer.status for r in far.requests[before:]] == [200] * (len(far.requests) - before)
    m = otlp.traces(ids, 3, size=1000)
    otlp.leaves([m])[1].attributes[0].value.string_value = "x" * (2 << 20)
    w.post(m)
    settled(w, delivered=602, dead_lettered=1)
    until(lambda: logged(w, "dead-lettered", reason="too_large", items="1") == 1, 5, lambda: w.log)


# 42, 43 --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("n,counted", [(2, 2), (5, 5), (9, 5), (-1, 0), (2**63 - 1, 5), (0, 0)])
@pytest.mark.parametrize("content_type", [otlp.PB, otlp.JSON])
def test_42_partial_success(relay, backend, ids, n, counted, content_type):
    far = backend(lambda r: partial(n, "these", content_type))
    w = relay(far, encoding="json" if content_type == otlp.JSON else "proto")
    posted(w, ids, 5)
    settled(w, delivered=5 - counted, rejected=counted)
    assert len(far.requests) == 1
    w.wait_log("these")


def test_42_partial_success_with_a_message_of_10_mb(relay, backend, ids):
    far = backend(lambda r: partial(2, "long " * (2 << 20)))
    w = relay(far)
    posted(w, ids, 5)
    settled(w, delivered=3, rejected=2)
    assert len(far.requests) == 1
    assert max(map(len, w.err)) < 20000


def endless(head, piece):
    yield head
    while True:
        yield piece


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
HOSTILE = {
    "garbage": lambda: Answer(body=bytes(range(256)) * 10),
    "text": lambda: Answer(200, (("Content-Type", "text/html"),), b"<html>fine</html>"),
    "json_for_proto": lambda: Answer(200, (("Content-Type", otlp.JSON),), b"{"),
    "empty": lambda: Answer(),
    "no_length": lambda: Answer(raw=OK + b"\r\n", then=CLOSE),
    "one_gb": lambda: Answer(raw=endless(OK + b"Content-Length: 1073741824\r\n\r\n", b"x" * 65536), then=CLOSE),
    "endless_chunks": lambda: Answer(raw=endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"4000\r\n" + b"x" * 0x4000 + b"\r\n")),
    "gzip_bomb": lambda: Answer(200, (("Content-Encoding", "gzip"),), otlp.compress(bytes(100 << 20), "gzip")),
    "header_of_1_mb": lambda: Answer(raw=OK + b"X-Long: " + b"y" * (1 << 20) + b"\r\n\r\n", then=CLOSE),
    "headers_of_1_mb": lambda: Answer(raw=OK + b"X-Many: yyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 30000 + b"\r\n", then=CLOSE),
}


def test_43_hostile_answers(relay, backend, ids):
    """All of them are 2xx, so the data was taken; weir reads little of them and stays small."""
    kinds = list(HOSTILE) * 3
    far = backend(lambda r: HOSTILE[kinds[r.number % len(kinds)]]())
    w = relay(far)
    posted(w, ids)
    settled(w, delivered=1)
    rss = w.memory()
    for _ in kinds[1:]:
        posted(w, ids)
    settled(w, delivered=len(kinds))
    assert len(far.requests) == len(kinds)
    room = 64 << 20 if SLOW == 1 else 512 << 20  # sanitizers keep what was freed
    assert w.memory() - rss < room, (w.memory(), rss)


# 44 ------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("status", [401, 403, 407])
def test_44_a_wrong_key_holds_until_it_is_right(relay, backend, ids, status):
    far = backend(lambda r: Answer() if r.headers.get("x-key") == "right" else Answer(status))
    w = relay(far, headers={"x-key": "wrong"})
    mine = posted(w, ids, 3)
    w.wait_log("Exporter is held")
    tried = len(far.requests)
    for _ in range(20):
        mine += posted(w, ids, 3)
    settled(w, queued=63)
    assert len(far.requests) == tried == 1
    w.write(w.config(far, headers={"x-key": "right"}))
    w.signal(1)
    settled(w, delivered=63)
    assert far.taken == {i: 1 for i in mine}


def test_44_a_used_up_quota_is_rejected(relay, backend, ids):
    body = partial(5, "quota").body
    far = backend(lambda r: Answer(403, body=body))
    w = relay(far)
    posted(w, ids, 5)
    settled(w, rejected=5)
    assert len(far.requests) == 1


# 45, 47 --------------------------------------------------------------------------------------------------------------

def test_45_reset_while_sending(relay, backend, ids):
    """A reset after each of many positions of the request, head and body: nothing was taken, it is sent again."""
    positions = [0, 1, 10, 50, 100, 150, 200, 250, 300, 1000, 5000, 20000, 60000, 65536, 100000]
    far = backend(cut=lambda n: positions[n] if n < len(positions) else None)
    w = relay(far, sending_queue={"num_consumers": 1})
    mine = posted(w, ids, 30, size=8000)
    settled(w, delivered=30)
    assert far.n_connections > len(positions)
    assert far.taken == {i: 1 for i in mine}


@pytest.mark.parametrize("then", [RESET, CLOSE])
def test_45_cut_inside_the_answer(relay, backend, ids, then):
    """Duplicates are allowed here, and only here: the request was complete."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n0123456789"
    cuts = [0, 1, 8, 12, 17, 40, len(whole) - 10, len(whole) - 1]
    far = backend(lambda r: Answer(raw=whole[:cuts[r.number]], then=then) if r.number < len(cuts) else Answer())
    w = relay(far)
    mine = posted(w, ids, 4)
    settled(w, delivered=4)
    assert far.taken == {i: 1 for i in mine}
    assert set(far.sent().values()) == {len(far.requests)}
    assert len(far.requests) == len(cuts) + 1


def test_47_keep_alive_race(relay, backend, ids):
    """The backend closes the idle connection, without announcing it, as the next request is on its way."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    far = backend(lambda r: Answer(raw=ok, then=CLOSE) if r.number % 2 else Answer())
    w = relay(far)
    mine = [i for _ in range(300) for i in posted(w, ids)]
    settled(w, delivered=300)
    assert set(far.sent()) == set(mine)
    assert "Dropping" not in w.log and "rror" not in re.sub("exit", "", w.log), w.log[-2000:]


# 51, 52 --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_51_redirects_are_not_followed(relay, backend, ids, status):
    other = backend()
    far = backend(lambda r: Answer(status, (("Location", other.url + r.head.split()[1]),)))
    w = relay(far, headers={"authorization": "Bearer secret"})
    posted(w, ids, 2)
    settled(w, rejected=2)
    assert len(far.requests) == 1 and far.requests[0].headers["authorization"] == "Bearer secret"
    assert other.n_connections == 0
    w.wait_log(f"Code {status}")


def test_52_environment(relay, backend, ids, tmp_path):
    """Proxies are for what is not this machine; netrc and the like are for nobody."""
    trap, far = backend(), backend()
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password secret\ndefault login user password secret\n")
    env = {name: trap.url for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")}
    env |= {"HOME": str(tmp_path), "NETRC": str(tmp_path / ".netrc"), "SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": "/nowhere",
            "CURL_CA_BUNDLE": "/nowhere", "NO_PROXY": "", "no_proxy": ""}
    w = relay(far, env=env)
    posted(w, ids, 2)
    settled(w, delivered=2)
    assert "authorization" not in far.requests[0].headers
    assert trap.n_connections == 0


# 55 to 58 --------------------------------------------------------------------------------------------------------------

def test_55_no_stampede_after_an_outage(relay, backend, ids):
    """What has waited comes 1, 2, 4 .. at a time, and never more than num_consumers."""
    up, levels = [], []

    def script(r):
        if not up:
            return Answer(503)
        levels.append(far.in_flight)
        return Answer(delay=0.01)
    far = backend(script)
    w = relay(far, sending_queue={"queue_size": 2000, "num_consumers": 8},
              retry_on_failure={"initial_interval": "100ms", "max_interval": "200ms"})
    mine = [i for _ in range(1000) for i in posted(w, ids)]
    w.wait_log("Destination keeps failing")
    until(lambda: far.in_flight == 0 and len(far.requests) > 10, 10, "probes")
    tried = len(far.requests)
    assert tried < 1000  # the circuit was open most of the time
    up.append(True)
    settled(w, delivered=1000)
    assert far.taken == {i: 1 for i in mine}
    assert max(levels[:1]) == 1 and max(levels[:3]) <= 2 and max(levels[:7]) <= 4 and max(levels) <= 8
    assert max(levels) >= 4


@pytest.mark.parametrize("status", [413, 401])
@pytest.mark.parametrize("then", ["linger", "close"])
def test_57_answer_before_the_body_was_read(relay, backend, ids, status, then):
    """The status counts, not the broken pipe."""
    right = []

    def early(r):
        if right or int(r.headers["content-length"]) < 1 << 20:
            return None
        return Answer(status, (("Connection", "close"),), then=CLOSE)
    far = backend(early=early)
    if then == "linger":
        send = far._send

        def lingering(peer, request, answer):
            go_on = send(peer, request, answer)
            if not go_on:
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(1 << 16):
                    pass
            return go_on
        far._send = lingering
    w = relay(far)
    mine = posted(w, ids, 400, size=8000)
    if status == 401:
        w.wait_log("Exporter is held")
        w.wait_log("Status Code 401")
        right.append(True)
        w.signal(1)
    settled(w, delivered=400)
    assert far.taken == {i: 1 for i in mine}
    assert "Will retry" not in w.log


def accepted(w):
    return int(w.scrape().value("otelcol_receiver_accepted_spans") or 0)


@pytest.mark.parametrize("stored", [False, True], ids=["memory", "stored"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_56_a_loop_ends(ring, ids, n, stored):
    """What comes round is taken eight times more and then refused for good, by an error that says where to look."""
    nodes = ring(n, stored=stored)
    posted(nodes[0], ids, 3)
    last = nodes[8 % n]  # the ninth exchange is its
    until(lambda: outcomes(last)["rejected"] == 3, 20, lambda: [outcomes(w) for w in nodes])
    for w in nodes:
        w.at_rest()
    assert sum(outcomes(w)["delivered"] for w in nodes) == 3 * 8
    assert sum(map(accepted, nodes)) == 3 * (1 + 8)
    last.wait_log("relayed 9 times: an exporter's endpoint leads back to this receiver")
    assert logged(last, "Exporting failed. Dropping data.", dropped_items="3") == 1
    refusing = nodes[9 % n]
    assert refusing.scrape().value("weir_receiver_requests", outcome="refused") == 1
    before = sum(map(cpu, nodes))
    time.sleep(0.5)
    assert sum(map(cpu, nodes)) - before < 0.1 * SLOW


def test_56_a_loop_under_load(ring, ids):
    """Joined with what has been round already, fresh data is not round for longer; the exporter is not held, and nothing is left."""
    nodes = ring(2, sending_queue={"queue_size": 10000, "batch": {"flush_timeout": "20ms", "min_size": 20}})
    for _ in range(100):
        posted(nodes[0], ids, 2)
    until(lambda: sum(outcomes(w)["rejected"] for w in nodes) == 200, 20, lambda: [outcomes(w) for w in nodes])
    assert 200 * 2 <= sum(map(accepted, nodes)) <= 200 * (1 + 8)
    for w in nodes:
        w.at_rest()
        assert outcomes(w)["dropped"] == outcomes(w)["dead_lettered"] == 0
        assert not logged(w, "Exporter is held")


def test_58_no_expect_header(relay, backend, ids):
    """A backend that knows no 100-continue costs no second."""
    far = backend()
    w = relay(far)
    posted(w, ids, 300, size=10000)
    settled(w, delivered=300)
    assert "expect" not in far.requests[0].headers and len(far.requests[0].body) > 2 << 20
    assert far.requests[0].read - far.requests[0].when < 0.9 * SLOW
