"""The HTTP/1 door against hostile clients: cases 59 to 76 (CASES.md says which tests elsewhere cover the rest of a case).

Not here, because what they need is not built: 75 (authentication), 77 to 90 (HTTP/2 and gRPC), 110 (tenants).
"""
import gzip
import random
import shutil
import socket
import ssl
import subprocess
import time
import zlib

import pytest
import zstandard

from raw import (MiB, SANITIZED, SLOW, Crowd, Raw, chunked, chunked_head, connect, cpu, door, ids, nothing_arrived, otlp,
                 pool_used, post, reset, serves, sink, statuses, talk, until, weir)
from rig.certs import Authority, client_context
from rig.ports import free_port

QUICK = {"read_header_timeout": f"{SLOW:g}s", "write_timeout": f"{SLOW:g}s"}
HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"


# ---- 59: where a message ends

# Rows beside those of e2e's test_doubtful_framing. Each is followed by a sound request, which must never be dispatched.
SMUGGLING = {
    "CL.0 on a GET": b"GET /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
    "TE then CL": CHUNKED + b"Content-Length: 3\r\n\r\n0\r\n\r\n",
    "TE twice": CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "TE in two lines": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE with tab inside": HEAD + b"Transfer-Encoding: chu\tnked\r\n\r\n0\r\n\r\n",
    "TE with vertical tab": HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "TE quoted": HEAD + b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
    "TE with parameter": HEAD + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
    "TE with comma": HEAD + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
    "TE gzip": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "TE empty": HEAD + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "TE in HTTP/1.0": CHUNKED.replace(b"1.1", b"1.0") + b"\r\n0\r\n\r\n",
    "TE name with blank": HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "TE folded": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "CL with blank": HEAD + b"Content-Length: 1 0\r\n\r\n0123456789",
    "CL with underscore": HEAD + b"Content-Length: 1_0\r\n\r\n0123456789",
    "CL with NUL": HEAD + b"Content-Length: 5\0\r\n\r\nhello",
    "CL in Arabic digits": HEAD + "Content-Length: \u0665\r\n\r\n".encode() + b"hello",
    "CL beyond 63 bits": HEAD + b"Content-Length: 9223372036854775808\r\n\r\n",
    "chunk size empty": CHUNKED + b"\r\n\r\nhello\r\n0\r\n\r\n",
    "chunk size negative": CHUNKED + b"\r\n-5\r\nhello\r\n0\r\n\r\n",
    "chunk size after blank": CHUNKED + b"\r\n 5\r\nhello\r\n0\r\n\r\n",
    "chunk size with tab": CHUNKED + b"\r\n5\t\r\nhello\r\n0\r\n\r\n",
    "chunk size of 64 bits and five": CHUNKED + b"\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
    "chunk size in 17 zeros": CHUNKED + b"\r\n00000000000000005\r\nhello\r\n0\r\n\r\n",
    "chunk with bare CR": CHUNKED + b"\r\n5\rhello\r\n0\r\n\r\n",
    "chunk data one short": CHUNKED + b"\r\n4\r\nhello\r\n0\r\n\r\n",
    "chunk data one long": CHUNKED + b"\r\n6\r\nhello\r\n0\r\n\r\n",
    "extension with bare LF": CHUNKED + b"\r\n5;x\nhello\r\n0\r\n\r\n",
    "extension with CR": CHUNKED + b"\r\n5;a\rb\r\nhello\r\n0\r\n\r\n",
    "last chunk with LF": CHUNKED + b"\r\n0\n\n",
    "trailer folded": CHUNKED + b"\r\n0\r\nX: y\r\n z\r\n\r\n",
    "trailer without colon": CHUNKED + b"\r\n0\r\nXy\r\n\r\n",
    "NUL in the target": b"GET /v1/tr\0aces HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in a name": HEAD + b"X\0: y\r\n\r\n",
    "two blanks in the request line": b"GET  /v1/traces HTTP/1.1\r\nHost: a\r\n\r\n",
    "tab in the request line": b"GET\t/v1/traces HTTP/1.1\r\nHost: a\r\n\r\n",
    "blank after the version": b"GET /v1/traces HTTP/1.1 \r\nHost: a\r\n\r\n",
    "version 1.2": b"GET /v1/traces HTTP/1.2\r\nHost: a\r\n\r\n",
    "version 0.9": b"GET /v1/traces\r\n\r\n",
    "version 2.0": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two Hosts": HEAD + b"Host: b\r\nContent-Length: 0\r\n\r\n",
    "Host with userinfo": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "request after blank lines": b"\r\n\r\n\r\n" + post(b""),
    "lower-case method": b"post /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "LF only": post(b"").replace(b"\r\n", b"\n"),
    "CR only": post(b"").replace(b"\r\n", b"\r"),
}


def test_59_smuggling(weir, sink, ids):
    """400 and close, once; the request behind is not dispatched. Whole, and in two pieces cut at every byte."""
    far = sink()
    w = door(weir, far, QUICK)
    second = post(otlp.traces(ids).SerializeToString())
    for case, first in SMUGGLING.items():
        got, _ = talk(w.port, first + second)
        assert statuses(got) == [400], (case, got)
        whole = first + second[:60]
        for cut in range(1, len(whole)):
            got, _ = talk(w.port, whole[:cut], whole[cut:], half_close=True)
            assert got[9:12] == b"400" and statuses(got) == [400], (case, cut, got)
    nothing_arrived(far)
    serves(w, ids, far)


@pytest.mark.skipif(not shutil.which("nginx"), reason="needs nginx")
def test_60_behind_a_proxy(weir, sink, ids, tmp_path):
    """Behind nginx nothing gets more requests out of one connection than nginx counted."""
    far = sink()
    w = door(weir, far, QUICK)
    port = free_port()
    (tmp_path / "nginx.conf").write_text(f"""daemon off; user root; pid {tmp_path}/pid; error_log stderr crit; events {{}}
        http {{ log_format short '$status $upstream_addr'; access_log {tmp_path}/log short; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;
        fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s; client_header_timeout 2s;
        server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{w.port}; proxy_http_version 1.1;
        proxy_set_header Connection ""; proxy_request_buffering off; }} }} }}""")
    nginx = subprocess.Popen(["nginx", "-p", tmp_path, "-c", tmp_path / "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 10, "nginx")
        before = requests_seen(w)
        bad = [first + b"GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" for first in SMUGGLING.values()]
        answered = sum(talk(port, b, half_close=True)[0].count(b"HTTP/1.1 ") for b in bad)
        message = otlp.traces(ids)
        assert statuses(talk(port, post(message.SerializeToString(), headers={"Connection": "close"}))[0]) == [200]
        w.sent["traces"] += 1
    finally:
        nginx.terminate()
        nginx.wait()
    upstream = [line for line in (tmp_path / "log").read_text().splitlines() if not line.endswith(" -")]
    assert answered > 20
    assert requests_seen(w) - before <= len(upstream), upstream
    until(lambda: far.span_ids() == otlp.span_ids([message]), 10, "delivery of the only sound one")


def requests_seen(w):
    return sum(v for (name, _), v in w.scrape().items() if name == "weir_receiver_requests")


# ---- 61 to 64: floods and slow clients

def test_61_header_flood(weir, ids):
    w = door(weir, http=QUICK)
    line = b"X-%05d: y\r\n"
    for flood in (b"X: " + b"a" * MiB + b"\r\n\r\n", b"".join(line % i for i in range(100_000)) + b"\r\n",
                  b"X: " + b"b" * 100_000):  # the last one never ends
        got, seconds = talk(w.port, HEAD, flood)
        assert statuses(got) in ([431], []), got  # [] is a reset: the flood went on after the answer had lingered for 64 KiB
        assert seconds < 3 * SLOW
    for total, status in ((65535, 200), (65536, 200), (65537, 431)):  # 64 KiB with the request line and all CRLFs, exactly
        head = post(b"", headers={"Connection": "close", "X": ""})
        head = head.replace(b"X: ", b"X: " + b"p" * (total - len(head)))
        assert len(head) == total
        assert statuses(talk(w.port, head)[0]) == [status]
    for n, status in ((100, 200), (101, 431)):
        extra = {f"X-{i}": "y" for i in range(n - 4)}
        assert statuses(talk(w.port, post(b"", headers={"Connection": "close", **extra}))[0]) == [status], n
    serves(w, ids)


def test_61_memory_of_half_headers(weir, ids):
    """400 connections with 60 KB of a head each: what they may cost is what they may send, and it comes back."""
    w = door(weir, http={"read_header_timeout": f"{3 * SLOW:g}s"})
    before = w.memory()
    with Crowd(w.port, 400) as crowd:
        crowd.send(HEAD + b"X: " + b"a" * 60_000)
        until(lambda: w.memory() - before > 10 * MiB, 10, "the heads taken in")
        if not SANITIZED:
            assert w.memory() - before < 400 * (66 << 10) + 8 * MiB
        until(lambda: crowd.drain(0.1) == 0, 12, "all closed by the header deadline")
        assert {statuses(a)[0] for a in crowd.answers.values()} == {408}
    serves(w, ids)


def test_62_slowloris(weir, ids):
    """1,000 connections that send a byte of a header now and then end at the deadline; meanwhile the door serves others."""
    deadline = 2 * SLOW
    w = door(weir, http={"read_header_timeout": f"{deadline:g}s"})
    serves(w, ids)
    begin = time.monotonic()
    with Crowd(w.port, 1000) as crowd:
        crowd.send(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nX: ")
        good = []
        while crowd.drain(0.02):
            assert time.monotonic() - begin < deadline + 8 * SLOW, f"{crowd.drain()} still open"
            crowd.send(b"y")
            start = time.monotonic()
            assert w.exchange(b"")[0] == 200
            good.append(time.monotonic() - start)
        assert min(crowd.ended.values()) - begin > deadline * 0.9
        assert {statuses(a)[0] for a in crowd.answers.values() if a} == {408}
    assert len(good) > 2 and sorted(good)[len(good) // 2] < 0.5 * SLOW
    serves(w, ids)


def test_63_slow_body(weir, sink, ids):
    """Less than 1 KiB a second after 5 s is 408 and gives its memory back; 2 KiB a second is served, to its absolute limit."""
    far = sink()
    w = door(weir, far, {"read_timeout": "9s"})
    head = post(length=MiB)
    message = otlp.traces(ids, 60, size=200)
    body = message.SerializeToString()
    with Crowd(w.port, 60) as crowd, Raw(w.port) as good, Raw(w.port) as endless:
        begin = time.monotonic()
        crowd.send(head)
        good.send(post(length=len(body)))
        endless.send(head)
        until(lambda: pool_used(w) >= 60 * MiB, 10, "tokens taken")
        ended_good = sent = 0
        while crowd.drain(0.05):
            now = time.monotonic() - begin
            assert now < 8, "a body of 20 bytes a second is still taken"
            crowd.send(b"\0")
            if sent < len(body) and sent < now * 2600:
                good.send(body[sent:sent + 1300])
                endless.send(b"\0" * 1300)
                sent += 1300
        assert min(crowd.ended.values()) - begin > 4.9
        assert {statuses(a)[0] for a in crowd.answers.values()} == {408}
        until(lambda: pool_used(w) < 3 * MiB, 5, "tokens returned")
        good.send(body[sent:])
        assert good.response().status == 200
        w.sent["traces"] += 60
        while time.monotonic() - begin < 8.5:  # fast enough, but for too long
            endless.send(b"\0" * 300)
            time.sleep(0.1)
        assert endless.response().status == 408
        assert 8.8 < time.monotonic() - begin < 12 * SLOW
    serves(w, ids, far)


def test_64_slow_read(weir, ids):
    """Clients that never read their answers: closed write_timeout after the kernel takes no more."""
    w = door(weir, http=QUICK)
    before = w.memory()
    request = post(b"", "/nowhere") * 200
    crowd = []
    for _ in range(20):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", w.port))
        s.setblocking(False)
        crowd.append(s)
    open_ones, used = set(crowd), 0
    begin = time.monotonic()
    while open_ones:
        assert time.monotonic() - begin < 20 * SLOW, f"{len(open_ones)} still open"
        for s in list(open_ones):
            try:
                s.send(request)
            except BlockingIOError:
                pass
            except ConnectionError:
                open_ones.discard(s)
                assert time.monotonic() - begin > 0.9 * SLOW, "closed before write_timeout"
        used = max(used, w.memory() - before)
        time.sleep(0.005)
    if not SANITIZED:
        assert used < 20 * (48 << 10) + 8 * MiB
    for s in crowd:
        s.close()
    serves(w, ids)


# ---- 65, 66: many connections

def test_65_idle_connections(weir, ids):
    """2,000 idle keep-alive connections cost at most 48 KiB each and close at idle_timeout."""
    w = door(weir, http={"idle_timeout": f"{3 * SLOW:g}s"})
    serves(w, ids)
    before, descriptors = w.memory(), w.descriptors()
    begin = time.monotonic()
    with Crowd(w.port, 2000) as crowd:
        crowd.send(post(b""))
        until(lambda: crowd.drain(0.05) and all(crowd.answers.values()), 20, "all answered once")
        assert len(crowd.ended) == 0 or time.monotonic() - begin > 3 * SLOW
        if not SANITIZED:
            assert w.memory() - before < 2000 * (48 << 10)
        serves(w, ids)
        until(lambda: crowd.drain(0.1) == 0, 15, "closed when idle")
        assert all(statuses(a) == [200] for a in crowd.answers.values())
    until(lambda: w.descriptors() <= descriptors + 2, 10, "descriptors returned")


def test_66_churn(weir, ids):
    """3,000 connections that come and go, by FIN, by RST, with and without a word: nothing stays behind."""
    w = door(weir)
    serves(w, ids)
    descriptors, memory = w.descriptors(), 0
    for i in range(3000):
        s = connect(w.port)
        if i % 3:
            s.send(post(b"")[:40 * (i % 3)])
        if i % 2:
            reset(s)
        else:
            s.close()
        if i == 1000:
            memory = w.memory()
    until(lambda: w.descriptors() <= descriptors + 2, 10, "descriptors returned")
    if not SANITIZED:
        assert w.memory() - memory < 4 * MiB
    serves(w, ids)


# ---- 67: chunks

def test_67_chunk_overhead(weir, sink, ids):
    """A million chunks of one byte, long extensions, sizes of 16 digits: 400 before they cost anything."""
    far = sink()
    w = door(weir, far)
    before = cpu(w)
    for chunk, n in ((b"1\r\na\r\n", 1_000_000), (b"1;" + b"e" * 65 + b"\r\na\r\n", 1), (b"1000;" + b"e" * 1024 + b"\r\n", 1),
                     (b"100;" + b"e" * 60 + b"\r\n" + b"d" * 256 + b"\r\n", 300), (b"ffffffffffffffff\r\n", 1), (b"7fffffffffffffff\r\n", 1)):
        piece = chunk * min(n, 1000)
        got, seconds = talk(w.port, chunked_head(), *([piece] * (n // min(n, 1000))))
        assert statuses(got) in ([400], []), (chunk[:20], got)
        assert seconds < 5 * SLOW
    assert statuses(talk(w.port, chunked_head(), b"0000000000000000\r\n\r\n", half_close=True)[0]) == [200]  # 16 digits are allowed
    body = otlp.traces(ids).SerializeToString()
    fine = b"".join(b"%x;%s\r\n%s\r\n" % (16, b"e" * 60, body[i:i + 16].ljust(16, b"\0")[:16]) for i in range(0, len(body) // 16 * 16, 16))
    rest = body[len(body) // 16 * 16:]
    got, _ = talk(w.port, chunked_head(Connection="close"), fine, chunked([rest] if rest else [], b"Trailer: x\r\n"))
    assert statuses(got) == [200]  # small extensions and a trailer are HTTP
    w.sent["traces"] += 1
    if not SANITIZED:
        assert cpu(w) - before < 1.5
    serves(w, ids, far)


# ---- 68: pipelining

def test_68_pipelining(weir, sink, ids):
    """1,000 deep, of four kinds, answered in order; written in pieces that cut anywhere."""
    far = sink()
    w = door(weir, far)
    good = [otlp.traces(ids) for _ in range(250)]
    kinds = [(post(b"\xff"), 400), (post(path="/nowhere"), 404), (post(method="GET"), 405)]
    requests, expected = [], []
    for m in good:
        requests.append(post(m.SerializeToString()))
        expected.append(200)
        for r, status in kinds:
            requests.append(r)
            expected.append(status)
    stream = b"".join(requests) + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    rng = random.Random(68)
    cuts = sorted(rng.sample(range(1, len(stream)), 300))
    w.sent["traces"] += 250
    got, _ = talk(w.port, *(stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)])), timeout=30)
    assert statuses(got) == expected + [404]
    until(lambda: sum(far.span_ids().values()) == 250, 10, "all delivered once")


def test_68_many_on_one_connection(weir, ids):
    """30,000 requests on one connection cost it no memory."""
    w = door(weir)
    batch = post(b"") * 500
    with Raw(w.port, timeout=20) as raw:
        memory = 0
        for i in range(60):
            raw.send(batch)
            for _ in range(500):
                assert raw.response().status == 200
            if i == 10:
                memory = w.memory()
    if not SANITIZED:
        assert w.memory() - memory < 2 * MiB
    serves(w, ids)


def test_68_reads_ahead_little(weir, sink, ids):
    """Of requests that are pipelined and not answered yet at most one read is held: the rest waits in the kernel."""
    w = door(weir, http={"write_timeout": "20s"})
    before = w.memory()
    sent = 0
    s = connect(w.port)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.setblocking(False)
    filler = post(b"", "/nowhere", headers={"X": "y" * 900}) * 64
    quiet = 0
    while quiet < 40 and sent < 64 * MiB:
        try:
            sent += s.send(filler)
            quiet = 0
        except BlockingIOError:
            quiet += 1
            time.sleep(0.005)
    s.close()
    assert sent < 32 * MiB  # it stopped: what it may push is what the kernel holds
    if not SANITIZED:
        assert w.memory() - before < 2 * MiB
    serves(w, ids)


# ---- 69, 70, 73

TARGETS = {  # request line without the version: status
    "GET /v1/traces": 405, "TRACE /v1/traces": 405, "OPTIONS *": 404, "CONNECT a:1": 400, "CONNECT /v1/traces": 400,
    "POST http://evil.test/v1/traces": 200, "POST http://evil.test": 404, "POST HTTP://a:80/v1/traces?x=%00": 200,
    "POST *": 400, "POST //v1/traces": 404, "POST /%2e%2e/v1/traces": 404, "POST /../v1/traces": 404, "POST /v1/traces/..": 404,
    "POST /v1%2Ftraces": 404, "POST /v1/traces%00": 404, "POST /v1/traces;x=1": 404, "POST /V1/TRACES": 404, "POST /v1/traces?": 200,
    "POST /v1/traces#x": 400, "POST v1/traces": 400, "POST ftp://a/v1/traces": 400, "POST file:///etc/passwd": 400,
    "GET /../../../../etc/passwd": 404, "GET /etc/passwd": 404, "POST /v1/tr\u00e4ces": 400, "POST /" + "a" * 4095: 404,
    "POST /" + "a" * 4096: 414, "POST /" + "a" * 65536: 414, "BREW /v1/traces": 400, "POST http:///v1/traces": 400,
    "PROPFIND /v1/traces": 405, "POST https://u:p@h/v1/traces": 200,
}


@pytest.mark.parametrize("line", TARGETS, ids=lambda s: s[:40].replace("/", "_"))
def test_69_targets(shared, line):
    got, _ = talk(shared.port, f"{line} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                  "Connection: close\r\n\r\n{}".encode(), half_close=True)
    assert statuses(got) == [TARGETS[line]], got
    assert b"root:" not in got


@pytest.fixture
def shared(weir):
    return door(weir)


def test_70_content_length_lies(weir, sink, ids):
    """Smaller than the body: what follows is read as a request, which it is not. Larger: the rest never comes. Nothing is forwarded."""
    far = sink()
    w = door(weir, far, QUICK)
    body = otlp.traces(ids, 3).SerializeToString()
    for n in (1, 5, len(body) // 2):
        got, _ = talk(w.port, post(body, length=len(body) - n), half_close=True)
        assert all(s == 400 for s in statuses(got)), got
    for n in (1, 1000):
        got, _ = talk(w.port, post(body, length=len(body) + n), half_close=True)
        assert statuses(got) == [400], got
    nothing_arrived(far)


def test_70_disconnect_inside_body(weir, sink, ids):
    """A pool of 24 MiB, and 300 announced bodies of 1 MiB whose senders go away: every token comes back."""
    w = weir({"receivers": {"otlp": {"protocols": {"http": {}}}}, "exporters": {"nop": None},
              "processors": {"memory_limiter": {"check_interval": "1s", "limit_mib": 32}}})
    for i in range(300):
        s = connect(w.port)
        s.send(post(length=MiB) if i % 2 else chunked_head())
        s.send(b"\0" * (i * 37 % 5000))
        reset(s) if i % 3 else s.close()
    until(lambda: pool_used(w) == 0, 10, "tokens back")
    serves(w, ids)


@pytest.mark.parametrize("value, status", [
    ("application/x-protobuf", 200), ("application/x-protobuf ; charset=\"utf-8\"", 200), ("APPLICATION/X-PROTOBUF", 200),
    ("application/x-protobuf, application/json", 415), ("application/x-protobufs", 415), ("application/x-proto", 415),
    ("application/grpc", 415), ("application/grpc+proto", 415), ("application/grpc-web", 415), ("text/plain", 415), ("*/*", 415),
    ("multipart/form-data; boundary=x", 415), (";application/json", 415), ("application /json", 415)])
def test_73_content_types(shared, value, status):
    got, _ = talk(shared.port, post(b"", content_type=value, headers={"Connection": "close"}))
    assert statuses(got) == [status]


def test_73_two_content_types(weir, sink, ids):
    """The first one counts, in the reading and in the answer: never a body read as one and answered as the other."""
    w = door(weir, sink())
    for first, second, body, status in ((otlp.PB, otlp.JSON, b"", 200), (otlp.JSON, otlp.PB, b"{}", 200), (otlp.JSON, otlp.PB, b"\xff", 400),
                                        ("text/plain", otlp.PB, b"", 415)):
        head = post(body, content_type=first, headers={"Connection": "close"}).replace(b"\r\n\r\n", f"\r\nContent-Type: {second}\r\n\r\n".encode(), 1)
        got, _ = talk(w.port, head)
        assert statuses(got) == [status], (first, second)
        if status == 400:
            assert b"Content-Type: application/json" in got


# ---- 71, 72: content codings

def deflate_raw(data):
    c = zlib.compressobj(6, zlib.DEFLATED, -15)
    return c.compress(data) + c.flush()


def test_71_codings(weir, sink, ids):
    """What is a body in a coding, and what is not; no part of a broken one is taken."""
    far = sink()
    w = door(weir, far)
    message = otlp.traces(ids, 4)
    body = message.SerializeToString()
    empty = gzip.compress(b"")
    zstd = zstandard.ZstdCompressor(write_checksum=True).compress
    frame = b"\x50\x2a\x4d\x18\x04\0\0\0skip"
    members = lambda n, pack: b"".join(pack(body[i * len(body) // n:(i + 1) * len(body) // n]) for i in range(n))  # noqa: E731
    good = [("x-gzip", gzip.compress(body)), (" gzip ", gzip.compress(body)), ("deflate", zlib.compress(body)), ("deflate", deflate_raw(body)),
            ("zlib", zlib.compress(body)), ("ZSTD", zstd(body)), ("identity", body), ("", body), ("gzip", members(2, gzip.compress)),
            ("gzip", members(64, gzip.compress)), ("gzip", empty + gzip.compress(body)), ("zstd", members(3, zstd)), ("zstd", frame + zstd(body))]
    for coding, data in good:
        status, _, answer = w.exchange(data, headers={"Content-Encoding": coding})
        assert status == 200, (coding, answer)
        w.sent["traces"] += 4
    until(lambda: sum(far.span_ids().values()) == 4 * len(good), 10, "all delivered")
    damaged = bytearray(gzip.compress(body))
    damaged[-6] ^= 1
    bad = [("gzip", bytes(damaged), 400), ("gzip", gzip.compress(body) + b"junk", 400), ("gzip", gzip.compress(body) + b"\0", 400),
           ("gzip", members(65, gzip.compress), 400), ("gzip", b"", 400), ("deflate", b"", 400), ("zstd", b"", 400), ("gzip", body, 400),
           ("gzip", empty, 200), ("deflate", zlib.compress(body) + zlib.compress(body), 400), ("zstd", zstd(body)[:-1], 400),
           ("gzip, gzip", gzip.compress(gzip.compress(body)), 415), ("gzip,identity", gzip.compress(body), 415), ("br", body, 415),
           ("gzip;q=1", gzip.compress(body), 415), ("chunked", body, 415)]
    for coding, data, expected in bad:
        status, _, answer = w.exchange(data, headers={"Content-Encoding": coding})
        assert status == expected, (coding, data[:30], answer)
    far.requests.clear()
    with Raw(w.port) as raw:  # truncated anywhere
        for coding, data in (("gzip", gzip.compress(body)), ("zstd", zstd(body)), ("deflate", zlib.compress(body))):
            for cut in range(0, len(data), 1 if len(data) < 300 else 3):
                assert raw.send(post(data[:cut], headers={"Content-Encoding": coding})).response().status == 400, (coding, cut)
    nothing_arrived(far)


def test_71_cut_of_chunks_does_not_matter(weir, sink, ids):
    far = sink()
    w = door(weir, far)
    body = gzip.compress(otlp.traces(ids, 2).SerializeToString())
    with Raw(w.port) as raw:
        for size in (1, 2, 3, 7, 64, len(body)):
            parts = [body[i:i + size] for i in range(0, len(body), size)]
            raw.send(chunked_head(**{"Content-Encoding": "gzip"}) + chunked(parts))
            assert raw.response().status == 200, size
            w.sent["traces"] += 2
    until(lambda: sum(far.span_ids().values()) == 12, 10, "all delivered")
    assert set(far.span_ids().values()) == {6}


@pytest.fixture(scope="module")
def bombs():
    """1 GiB of zeros each, in a megabyte and less; and 256 MiB in 64 members."""
    zeros = b"\0" * (8 * MiB)
    d, z, member = zlib.compressobj(9, zlib.DEFLATED, -15), zstandard.ZstdCompressor(level=1).compressobj(), gzip.compress(zeros[:4 * MiB])
    raw = (d.compress(zeros) + d.flush(zlib.Z_FULL_FLUSH)) * 128 + b"\3\0"  # blocks that stand alone, and a last one
    return {"gzip": b"\x1f\x8b\x08" + bytes(7) + raw + bytes(4) + b"\0\0\0\x40", "deflate": raw,
            "zstd": b"".join(z.compress(zeros) for _ in range(128)) + z.flush(), "gzip members": member * 64}


@pytest.mark.parametrize("kind", ["gzip", "deflate", "zstd", "gzip members"])
def test_72_bombs(weir, bombs, ids, kind):
    """413, at most 1 s of CPU each, and never more memory than the limit: 64 MiB inflated."""
    w = door(weir)
    serves(w, ids)
    w.clear_peak()
    before, used, n = w.memory(), cpu(w), 3
    for _ in range(n):
        status, _, answer = w.exchange(bombs[kind], headers={"Content-Encoding": kind.split()[0]})
        assert status == 413, answer
    if not SANITIZED:
        assert cpu(w) - used < n * 1.0
        assert w.peak() - before < 1.3 * (64 * MiB + len(bombs[kind]) * 2 + 8 * MiB)
    until(lambda: pool_used(w) == 0, 5, "tokens back")
    serves(w, ids)


def test_72_zstd_windows(weir, ids):
    """A window of 2^27 is refused before it is allocated, on 200 connections at once; 2^23 is taken."""
    w = door(weir)
    serves(w, ids)
    w.clear_peak()
    before = w.memory()
    body = otlp.traces(ids).SerializeToString() + b"\x82\x7d\x80\x80\x40" + b"\0" * (1 << 20)

    def packed(log):
        params = zstandard.ZstdCompressionParameters(window_log=log, write_content_size=False, format=zstandard.FORMAT_ZSTD1)
        c = zstandard.ZstdCompressor(compression_params=params).compressobj()
        return c.compress(body) + c.flush()
    for log, status in ((23, 200), (24, 400), (27, 400)):
        assert w.exchange(packed(log), headers={"Content-Encoding": "zstd"})[0] == status, log
    w.sent["traces"] += 1
    with Crowd(w.port, 200) as crowd:
        crowd.send(post(packed(27), headers={"Content-Encoding": "zstd"}))
        until(lambda: crowd.drain(0.05) and all(crowd.answers.values()), 20, "all answered")
        assert {statuses(a)[0] for a in crowd.answers.values()} == {400}
    if not SANITIZED:
        assert w.peak() - before < 200 * (48 << 10) + 8 * MiB


# ---- 74, 76

def test_74_tls(weir, sink, tmp_path, ids):
    """300 half ClientHellos end at the header deadline and hold nobody up; a handshake byte by byte succeeds; junk ends at once."""
    ca = Authority(tmp_path)
    cert, key = ca.issue("server")
    w = door(weir, http={**QUICK, "tls": {"cert_file": cert, "key_file": key}})
    context = client_context(ca.ca)
    hello = client_hello(context)
    before = w.memory()
    begin = time.monotonic()
    with Crowd(w.port, 300) as crowd:
        crowd.send(hello[:len(hello) // 2])
        with Raw(w.port, context) as raw:
            assert raw.send(post(b"")).response().status == 200
        if not SANITIZED:
            assert w.memory() - before < 300 * (96 << 10) + 4 * MiB
        until(lambda: crowd.drain(0.05) == 0, 8, "half handshakes ended")
        assert min(crowd.ended.values()) - begin > 0.9 * SLOW
    for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 70000, b"\x80\x2e\x01\x00\x02", b"\x15\x03\x03\x00\x02\x02\x28",
                 hello.replace(b"localhost", b"\xff\0../\r\n\n")):
        got, seconds = talk(w.port, junk, half_close=True)
        assert b"HTTP" not in got and seconds < 5 * SLOW
    assert handshake_by_bytes(w.port, context)
    with Raw(w.port, context) as raw:
        assert raw.send(post(b"")).response().status == 200


def client_hello(context):
    out = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    return out.read()


def handshake_by_bytes(port, context):
    """The client's side of a handshake and a request, each byte in a segment of its own."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with connect(port) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def step(action):
            while True:
                try:
                    done = action()
                except ssl.SSLWantReadError:
                    done = None
                for byte in outgoing.read():
                    s.send(bytes([byte]))
                if done is not None:
                    return done
                incoming.write(s.recv(65536))
        step(lambda: tls.do_handshake() or True)
        step(lambda: tls.write(post(b"")))
        return step(lambda: tls.read(4096)).startswith(b"HTTP/1.1 200")


def test_76_spoofed_address(weir, sink, ids):
    """X-Forwarded-For and its like change nothing; a PROXY line in front is no request."""
    far = sink()
    w = weir({"receivers": {"otlp": {"protocols": {"http": {"include_metadata": True}}}}, "exporters": {"otlp_http": {"endpoint": far.url}},
              "processors": {"attributes": {"actions": [{"key": "peer", "action": "insert", "from_context": "client.address"}]}},
              "service": {"pipelines": {"traces": {"receivers": ["otlp"], "processors": ["attributes"], "exporters": ["otlp_http"]}}}})
    spoof = {"X-Forwarded-For": "6.6.6.6", "X-Real-IP": "6.6.6.6", "Forwarded": "for=6.6.6.6", "True-Client-IP": "6.6.6.6", "Via": "1.1 x"}
    message = otlp.traces(ids)
    answer = w.exchange(message.SerializeToString(), headers=spoof)
    w.book(message, answer)
    until(lambda: far.got(), 10, "delivery")
    assert {a.key: a.value.string_value for a in otlp.leaves(far.got())[0].attributes}["peer"] == "127.0.0.1"
    v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x06\x06\x06\x06\x7f\0\0\x01\x10\xe1\x10\xde"
    for line in (b"PROXY TCP4 6.6.6.6 127.0.0.1 999 4318\r\n", b"PROXY UNKNOWN\r\n", v2):
        got, _ = talk(w.port, line + post(otlp.traces(ids).SerializeToString()))
        assert statuses(got) == [400], got
    assert len(far.requests) == 1
