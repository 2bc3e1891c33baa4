"""What an exporter does with a network that lies: cases 46, 48, 49 and 50 of the matrix of destinations.

Each fault is made beside weir and without rights: a relay that goes silent, a resolver behind a getaddrinfo of our own, a TLS peer whose
certificate changes. Judged are the span ids that backends took, the bytes that were on the wire, and the conservation equation at the end.
"""
import http.client
import json
import pathlib
import shutil
import socket
import ssl
import struct
import threading
import time

import pytest

from network import NXDOMAIN, SERVFAIL, Relay, Resolver, Tls, build_resolver, refuse_all, self_signed
from rig.certs import Authority, server_context
from rig.fixtures import sinks, weirs
from rig.ports import free_port
from rig.process import Weir
from rig.wait import SLOW, until
from sink import CLOSE, Answer
from test_verdicts import FAST, backend, logged, posted  # noqa: F401

TIMEOUT = f"{SLOW:g}s"


@pytest.fixture
def weir(tmp_path, backend):  # noqa: F811
    """weir({name: options of otlp_http/name}, ..): running, its door on HTTP; judged at the end, before the backends stop."""
    def config(exporters, **service):
        health = service.pop("health", None)
        common = {"compression": "none", "retry_on_failure": FAST}
        whole = {"receivers": {"otlp": {"protocols": {"http": {"max_request_body_size": "64MiB"}}}},
                 "exporters": {f"otlp_http/{name}": {**common, **options} for name, options in exporters.items()}, "service": service}
        if health:
            whole["extensions"] = {"health_check": {"endpoint": f"127.0.0.1:{health}"}}
            service["extensions"] = ["health_check"]
        return whole

    def make(exporters, env=None, exit_code=0, **service):
        w = Weir(tmp_path, config(exporters, **service), env=env, exit_code=exit_code)
        w.config = config
        return w
    with weirs(make) as factory:
        yield factory


def outcome(w, name, fate):
    return int(w.outcome(f"otlp_http/{name}", fate))


def delivered(w, name, n, seconds=20):
    """Waits until n spans are, and nothing else became of any."""
    def fates():
        return {f: outcome(w, name, f) for f in ("delivered", "rejected", "dead_lettered", "dropped", "queued")}
    until(lambda: fates() == {"delivered": n, "rejected": 0, "dead_lettered": 0, "dropped": 0, "queued": 0}, seconds,
          lambda: f"{n} delivered, not {fates()}:\n{w.log[-2000:]}")
    until(lambda: w.scrape().value("otelcol_exporter_in_flight_requests", exporter=f"otlp_http/{name}") == 0, 5, "nothing in flight")


def state(w, name):
    return next(dict(labels)["state"] for (metric, labels), v in w.scrape().items()
                if metric == "weir_exporter_state" and dict(labels)["exporter"] == f"otlp_http/{name}" and v == 1)


def reloads(w):
    m = w.scrape()
    return m.value("weir_config_reload_total") or 0, m.value("weir_config_reload_failed") or 0


def reload(w):
    """SIGHUP, and what it came to: (reloads, failed ones)."""
    before = sum(reloads(w))
    w.signal(1)
    until(lambda: sum(reloads(w)) > before, 10, "reload")
    return reloads(w)


@pytest.fixture
def relay():
    made = []

    def factory(*args, **kwargs):
        made.append(Relay(*args, **kwargs))
        return made[-1]
    yield factory
    for r in made:
        r.stop()


# 46: half-open connections -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["drop", "swallow", "answers"])
def test_46_idle_connections_go_silent(weir, backend, relay, ids, kind):  # noqa: F811
    """Four idle connections, all of them half-open: the exporter's timeout finds the first, and the next try is on a new one."""
    gate = threading.Event()

    def wait():
        gate.wait(20 * SLOW)
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    far = backend(lambda r: Answer() if gate.is_set() else Answer(raw=wait()))
    hop = relay(far.port)
    w = weir({"a": {"endpoint": f"http://127.0.0.1:{hop.port}", "timeout": TIMEOUT, "sending_queue": {"num_consumers": 4}}})
    for _ in range(4):
        posted(w, ids)
    until(lambda: far.in_flight == 4, 10, "four connections")
    gate.set()
    delivered(w, "a", 4)
    hop.silence(kind)
    begin = time.monotonic()
    late = posted(w, ids)
    delivered(w, "a", 5)
    assert time.monotonic() - begin < 2.5 * SLOW, f"{time.monotonic() - begin:.1f} s, timeouts {logged(w, 'Will retry')}"
    assert logged(w, "Will retry") == 1 and len(hop.connections) == 5
    assert far.sent()[late[0]] == (2 if kind == "answers" else 1)
    late = [i for _ in range(20) for i in posted(w, ids)]
    delivered(w, "a", 25)
    assert max(far.sent().values()) <= 2 and set(late) <= set(far.taken)


@pytest.mark.parametrize("kind", ["drop", "swallow", "answers"])
@pytest.mark.parametrize("after", [0, 100, 1 << 20])
def test_46_silent_within_a_request(weir, backend, relay, ids, kind, after):  # noqa: F811
    """The first connection goes silent at a byte of a large request, or in front of its answer."""
    far = backend()
    hop = relay(far.port)
    hop.silent_after = (after, kind)
    w = weir({"a": {"endpoint": f"http://127.0.0.1:{hop.port}", "timeout": TIMEOUT}})
    mine = posted(w, ids, 400, size=10000)
    until(lambda: hop.connections and hop.connections[0].silent, 10, "silence")
    hop.silent_after = None
    delivered(w, "a", 400)
    assert logged(w, "Will retry") == 1 and len(hop.connections) == 2
    assert set(far.sent().values()) == {2 if kind == "answers" else 1} and set(far.sent()) == set(mine)


# 48: names -----------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="session")
def resolver_library(tmp_path_factory):
    return build_resolver(tmp_path_factory.mktemp("resolver"))


@pytest.fixture
def resolver(resolver_library):
    r = Resolver(resolver_library)
    yield r
    r.stop()


def timed(w, ids, n):
    """Posts n spans, one each; the median and the worst of the door's answers, in seconds."""
    took = []
    for _ in range(n):
        begin = time.monotonic()
        posted(w, ids)
        took.append(time.monotonic() - begin)
    return sorted(took)[n // 2], max(took)


@pytest.mark.parametrize("fault", [None, SERVFAIL, NXDOMAIN], ids=["no answer", "SERVFAIL", "NXDOMAIN"])
def test_48_a_name_that_does_not_resolve(weir, backend, resolver, ids, fault):  # noqa: F811
    """Nobody waits for it but its own exporter; its data waits, and arrives when the name is there again."""
    far, other = backend(), backend()
    resolver.names["far.test"] = fault
    w = weir({"far": {"endpoint": f"http://far.test:{far.port}", "required": True}, "other": {"endpoint": other.url, "required": True}},
             env=resolver.env)
    posted(w, ids)
    until(lambda: resolver.asked, 10, "a lookup")
    median, worst = timed(w, ids, 50)
    delivered(w, "other", 51, 5)
    assert median < 0.05 * SLOW and worst < SLOW, (median, worst)
    if fault:
        w.wait_log("cannot resolve the host of far.test")
        until(lambda: state(w, "far") == "retrying", 5, "it is said")
    assert outcome(w, "far", "queued") == 51
    resolver.names["far.test"] = ["127.0.0.1"]
    delivered(w, "far", 51, 10)
    assert set(far.taken.values()) == {1}


def test_48_a_slow_answer(weir, backend, resolver, ids):  # noqa: F811
    """It comes when others have done all their work."""
    far, other = backend(), backend()
    resolver.names["far.test"] = None
    w = weir({"far": {"endpoint": f"http://far.test:{far.port}", "required": True}, "other": {"endpoint": other.url, "required": True}},
             env=resolver.env)
    posted(w, ids)
    until(lambda: resolver.unanswered, 10, "a lookup")
    median, _ = timed(w, ids, 50)
    delivered(w, "other", 51, 5)
    assert median < 0.05 * SLOW and far.requests == []
    resolver.names["far.test"] = ["127.0.0.1"]
    resolver.answer_late("127.0.0.1")
    delivered(w, "far", 51, 2)


def test_48_stop_while_a_lookup_hangs(weir, resolver, ids):
    resolver.names["far.test"] = None
    w = weir({"far": {"endpoint": f"http://far.test:{free_port()}"}}, env=resolver.env, exit_code=2, drain_timeout=f"{SLOW / 2:g}s")
    posted(w, ids, 3)
    until(lambda: resolver.unanswered, 10, "a lookup")
    assert w.stop() < SLOW / 2 + 5 * SLOW  # nobody answers before the end of the test


def test_48_a_name_that_comes_and_goes(weir, backend, resolver, ids):  # noqa: F811
    """A new connection for each request, and every second lookup finds nothing."""
    far = backend(lambda r: Answer(then=CLOSE))
    resolver.names["far.test"] = lambda: [NXDOMAIN, ["127.0.0.1"], SERVFAIL, ["127.0.0.2"]][len(resolver.asked) % 4]
    hop = Relay(far.port, "127.0.0.2", far.port)
    try:
        w = weir({"far": {"endpoint": f"http://far.test:{far.port}"}}, env=resolver.env)
        mine = [i for _ in range(30) for i in posted(w, ids)]
        delivered(w, "far", 30)
    finally:
        hop.stop()
    assert far.taken == {i: 1 for i in mine}


def test_48_only_ipv6(weir, backend, resolver, relay, ids):  # noqa: F811
    far = backend()
    try:
        hop = relay(far.port, host="::1")
    except OSError as e:
        pytest.skip(f"no IPv6 here: {e}")
    resolver.names["far.test"] = ["::1"]
    w = weir({"far": {"endpoint": f"http://far.test:{hop.port}"}}, env=resolver.env)
    posted(w, ids, 3)
    delivered(w, "far", 3)
    assert hop.connections


def test_48_one_of_many_addresses_lives(weir, backend, resolver, ids):  # noqa: F811
    """63 refuse, the last one is it."""
    far = backend()
    resolver.names["far.test"] = [f"127.0.1.{n}" for n in range(1, 64)] + ["127.0.0.1"]
    w = weir({"far": {"endpoint": f"http://far.test:{far.port}"}}, env=resolver.env)
    posted(w, ids, 3)
    delivered(w, "far", 3, 10)


@pytest.mark.parametrize("n", [1, 2])
def test_48_addresses_that_swallow(weir, backend, resolver, ids, n):  # noqa: F811
    """No SYN is answered; the last address is it."""
    far = backend()
    resolver.names["far.test"] = [f"127.0.2.{i}" for i in range(1, n + 1)] + ["127.0.0.1"]
    holes = [socket.create_server((f"127.0.2.{i}", far.port)) for i in range(1, n + 1)]
    for s in holes:
        refuse_all(s)
    w = weir({"far": {"endpoint": f"http://far.test:{far.port}"}}, env=resolver.env)
    posted(w, ids, 3)
    delivered(w, "far", 3, 10)
    for s in holes:
        s.close()


def test_48_the_address_changes(weir, backend, resolver, relay, ids):  # noqa: F811
    """The machine behind the name dies with its connections; the name now means another one."""
    far = backend()
    old = relay(far.port, host="127.0.3.1")
    resolver.names["far.test"] = ["127.0.3.1"]
    w = weir({"far": {"endpoint": f"http://far.test:{old.port}", "timeout": TIMEOUT}}, env=resolver.env)
    posted(w, ids, 3)
    delivered(w, "far", 3)
    old.stop()
    posted(w, ids, 3)
    w.wait_log("Will retry")
    new = relay(far.port, host="127.0.3.2", port=old.port)
    resolver.names["far.test"] = ["127.0.3.2"]
    delivered(w, "far", 6, 10)
    assert new.connections


# 49: TLS -------------------------------------------------------------------------------------------------------------

@pytest.fixture
def tls(weir):
    """tls(context, ..): a Tls, stopped before the weir is, whose data must have arrived by then."""
    with sinks(Tls) as factory:
        yield factory


@pytest.fixture
def ca(tmp_path):
    return Authority(tmp_path)


def to_trusted(hop, **options):
    return {"endpoint": f"https://localhost:{hop.port}", "timeout": TIMEOUT, **options}


def nothing_was_said(connections):
    """They carried TLS records only, with no more application data than the alert that TLS 1.3 encrypts."""
    for c in connections:
        at, said = 0, 0
        while at + 5 <= len(c.seen):
            kind, version, n = struct.unpack_from(">BHH", c.seen, at)
            assert kind in (20, 21, 22, 23) and version >> 8 == 3, bytes(c.seen[:100])
            said += n * (kind == 23)
            at += 5 + n
        assert said < 200 and b"POST" not in c.seen, said


def health(port):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10 * SLOW)
    c.request("GET", "/")
    return json.loads(c.getresponse().read())


@pytest.mark.parametrize("case", ["not yet valid", "self-signed"])
def test_49_trust_fails(weir, tls, ca, relay, ids, tmp_path, case):
    """Held, with an alarm, until the certificate is right and a reload asks again."""
    pair = ca.issue("early", days=(1, 10)) if case == "not yet valid" else self_signed(tmp_path)
    far = tls(server_context(pair))
    hop, port = relay(far.port), free_port()
    w = weir({"a": to_trusted(hop, tls={"ca_file": ca.ca})}, health=port)
    mine = posted(w, ids, 5, size=2000)
    w.wait_log("Exporter is held")
    for _ in range(20):
        mine += posted(w, ids, 5, size=2000)
    until(lambda: outcome(w, "a", "queued") == 105, 10, "all queued")
    until(lambda: state(w, "a") == "held", 5, "it is said")
    assert '"state": "held"' in json.dumps(health(port)), health(port)
    assert logged(w, "Exporter is held", level="error") == 1
    assert len(hop.connections) == 1 == len(far.refused) and far.requests == []
    nothing_was_said(hop.connections)
    far.context = server_context(ca.issue("good"))
    reload(w)
    delivered(w, "a", 105)
    assert far.taken == {i: 1 for i in mine}


def old_context(ca):
    context = server_context(ca.issue("server"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def plaintext(peer):
    peer.recv(65536)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    peer.recv(65536)


FAULTS = {
    "tls 1.1": old_context,
    "stall": lambda ca: lambda peer: peer.recv(65536) and peer.recv(65536),
    "stall inside": lambda ca: lambda peer: (peer.recv(65536), peer.sendall(b"\x16\x03\x03\x00\x7a\x02\x00"), peer.recv(65536)),
    "close": lambda ca: lambda peer: None,
    "close inside": lambda ca: lambda peer: (peer.recv(65536), peer.sendall(b"\x16\x03\x03\x00\x7a\x02\x00")),
    "plaintext": lambda ca: plaintext,
}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("case", FAULTS)
def test_49_handshake_fails(weir, tls, ca, relay, ids, case):
    """Not a question of trust: tried again, never in another way, until it succeeds."""
    far = tls(FAULTS[case](ca))
    hop = relay(far.port)
    w = weir({"a": to_trusted(hop, tls={"ca_file": ca.ca}, timeout="300ms")})
    mine = [i for _ in range(5) for i in posted(w, ids, 5, size=2000)]
    w.wait_log("Will retry")
    until(lambda: len(hop.connections) >= 2, 10, "another try")
    until(lambda: state(w, "a") == "retrying", 5, "it is said")
    assert outcome(w, "a", "queued") == 25 and far.requests == []
    nothing_was_said(hop.connections)
    far.context = server_context(ca.issue("good"))
    w.write(w.config({"a": to_trusted(hop, tls={"ca_file": ca.ca}, timeout="10s")}))
    reload(w)
    delivered(w, "a", 25)
    assert far.taken == {i: 1 for i in mine}


def test_49_the_certificate_is_swapped_live(weir, tls, ca, relay, ids):
    """Good, then expired, then good: only a new connection sees it, and the expired one is sent nothing."""
    closing = []
    far = tls(server_context(ca.issue("good")), lambda r: Answer(then=CLOSE) if closing else Answer())
    hop = relay(far.port)
    w = weir({"a": to_trusted(hop, tls={"ca_file": ca.ca})})
    mine = posted(w, ids)
    delivered(w, "a", 1)
    far.context = server_context(ca.issue("expired", days=(-10, -1)))
    closing.append(True)
    mine += posted(w, ids)  # on the connection that is there
    delivered(w, "a", 2)
    before = len(hop.connections)
    mine += posted(w, ids, 5, size=2000)
    w.wait_log("Exporter is held")
    assert outcome(w, "a", "queued") == 5 and len(far.requests) == 2
    closing.clear()
    assert hop.connections[before:]
    nothing_was_said(hop.connections[before:])
    far.context = server_context(ca.issue("renewed"))
    reload(w)
    delivered(w, "a", 7)
    assert far.taken == {i: 1 for i in mine}


def test_49_a_new_ca_is_read_at_a_reload(weir, tls, ca, ids, tmp_path):
    """The exporter's options do not change, only what is in the file."""
    other = Authority(tmp_path, "other")
    far = tls(server_context(other.issue("server")))
    trusted = tmp_path / "trusted.pem"
    shutil.copy(ca.ca, trusted)
    w = weir({"a": to_trusted(far, tls={"ca_file": str(trusted)})})
    mine = posted(w, ids, 5)
    w.wait_log("Exporter is held")
    shutil.copy(other.ca, trusted)
    reload(w)
    delivered(w, "a", 5)
    assert far.taken == {i: 1 for i in mine}


@pytest.mark.parametrize("option", ["ca_file", "cert_file", "key_file"])
def test_49_half_a_file_at_a_reload(weir, tls, ca, ids, tmp_path, option):
    """The old trust and pair serve on, on new connections too, until the files are whole again. Of two CAs the second is cut."""
    contents = {name: [pathlib.Path(f).read_bytes() for f in ca.issue(name)] for name in ("old", "new")}
    cas = pathlib.Path(Authority(tmp_path, "other").ca).read_bytes() + pathlib.Path(ca.ca).read_bytes()
    inside = {name: tmp_path / name for name in ("ca_file", "cert_file", "key_file")}

    def put(name):
        for path, data in zip(inside.values(), [cas, *contents[name]]):
            path.write_bytes(data)
    put("old")
    far = tls(server_context(ca.issue("server"), client_ca=ca.ca), lambda r: Answer(then=CLOSE))
    w = weir({"a": to_trusted(far, tls={name: str(path) for name, path in inside.items()})})
    mine = posted(w, ids)
    delivered(w, "a", 1)
    whole = inside[option].read_bytes()
    inside[option].write_bytes(whole[:len(whole) * 3 // 4])
    assert reload(w) == (0, 1)
    w.wait_log(str(inside[option]))
    for _ in range(3):
        mine += posted(w, ids)
    delivered(w, "a", 4)
    assert set(far.shown.values()) == {"old"} and far.refused == []
    put("new")
    assert reload(w) == (1, 1)
    n = far.n_connections
    mine += posted(w, ids)
    delivered(w, "a", 5)
    assert {far.shown[r.connection] for r in far.requests[4:]} == {"new"} and far.n_connections > n
    assert far.taken == {i: 1 for i in mine}


# 50: several exporters, one address ----------------------------------------------------------------------------------

def test_50_exporters_of_one_address_share_nothing(weir, tls, ca, ids):
    """Each request comes with its own exporter's certificate and headers, whatever was connected, closed or resumed before; and who does
    not verify opens no door for who does."""
    context = server_context(ca.issue("server"))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(ca.ca)
    far = tls(context, lambda r: Answer(then=CLOSE) if r.number % 7 == 0 else Answer())
    exporters = {}
    for name in ("a", "b"):
        cert, key = ca.issue(name)
        tls_of = {"ca_file": ca.ca, "cert_file": cert, "key_file": key}
        exporters[name] = to_trusted(far, headers={"x-api-key": f"key of {name}"}, tls=tls_of)
    exporters["open"] = to_trusted(far, headers={"x-api-key": "key of open"}, tls={"insecure_skip_verify": True})
    for options in exporters.values():
        options |= {"required": True, "timeout": f"{10 * SLOW:g}s"}
    w = weir(exporters)
    mine = [i for _ in range(670) for i in posted(w, ids)]
    for name in exporters:
        delivered(w, name, 670)

    def judge(requests):
        """What was sent by whom: the header tells, the certificate must say the same."""
        sent = {name: set() for name in exporters}
        for r in requests:
            name = r.headers["x-api-key"].removeprefix("key of ")
            assert far.shown[r.connection] == (None if name == "open" else name), (name, far.shown[r.connection])
            sent[name].update(r.ids)
        return sent
    assert all(got == set(mine) for got in judge(far.requests).values())
    assert len(far.requests) >= 2000 and len({r.connection for r in far.requests}) > 200
    by_connection = {}
    for r in far.requests:
        by_connection.setdefault(r.connection, set()).add(r.headers["x-api-key"])
    assert {len(keys) for keys in by_connection.values()} == {1}

    before = len(far.requests)
    far.script = lambda r: Answer(then=CLOSE)
    far.context = server_context(ca.issue("expired", days=(-10, -1)))
    late = [i for _ in range(40) for i in posted(w, ids)]
    delivered(w, "open", 710)
    until(lambda: state(w, "a") == state(w, "b") == "held", 10, "both held")
    untrusting = judge(far.requests[before:])
    assert untrusting["open"] == set(late) and not any(c in untrusting["a"] | untrusting["b"] for c in late[20:])
    far.context = context
    reload(w)
    for name in ("a", "b"):
        delivered(w, name, 710)
    assert all(got == set(mine + late) for got in judge(far.requests).values())
