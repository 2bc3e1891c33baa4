"""TLS and mTLS on both sides, with the Collector's keys."""
import ssl

import pytest

from rig import otlp
from rig.certs import Authority, client_context, server_context
from rig.raw import Raw, post
from rig.wait import SLOW, until

RETRY = {"initial_interval": "100ms", "max_interval": "200ms"}


@pytest.fixture
def ca(tmp_path):
    return Authority(tmp_path)


def listen(weir, far, **tls):
    return weir({"receivers": {"otlp": {"protocols": {"http": {"tls": tls, "read_header_timeout": f"{SLOW:g}s"}}}},
                 "exporters": {"otlp_http": {"endpoint": far.url}}})


def send(w, context, message):
    with Raw(w.port, tls=context) as raw:
        answer = raw.send(post(message.SerializeToString())).response()
    assert answer.status == 200
    w.sent["traces"] += otlp.count(message)


def test_server(weir, sink, ca, ids):
    far = sink()
    cert, key = ca.issue("server")
    w = listen(weir, far, cert_file=cert, key_file=key)
    message = otlp.traces(ids, 100)
    send(w, client_context(ca.ca), message)
    until(lambda: far.got(), 10, "delivery")
    otlp.same(otlp.items([message]), otlp.items(far.got()))
    with Raw(w.port) as raw:  # plaintext on the TLS port, and noise
        raw.send(post(b""))
        with pytest.raises((ConnectionError, IndexError, ValueError)):
            raw.response()
    with pytest.raises(ssl.SSLError):
        Raw(w.port, tls=ssl.create_default_context())
    send(w, client_context(ca.ca), otlp.traces(ids))


def test_mutual(weir, sink, ca, ids, tmp_path):
    far = sink()
    cert, key = ca.issue("server")
    w = listen(weir, far, cert_file=cert, key_file=key, client_ca_file=ca.ca)
    send(w, client_context(ca.ca, ca.issue("client")), otlp.traces(ids))
    foreign = Authority(tmp_path, "other").issue("foreign")
    expired = ca.issue("expired", days=(-10, -1))
    for context in (client_context(ca.ca), client_context(ca.ca, foreign), client_context(ca.ca, expired)):
        with pytest.raises((ssl.SSLError, ConnectionError, IndexError)):
            with Raw(w.port, tls=context) as raw:
                raw.send(post(otlp.traces(ids).SerializeToString())).response()
    until(lambda: far.got(), 10, "delivery")
    assert sum(far.span_ids().values()) == 1


@pytest.mark.parametrize("low, high, taken", [("1.3", None, False), ("1.2", "1.2", True), (None, None, True)])
def test_versions(weir, sink, ca, ids, low, high, taken):
    cert, key = ca.issue("server")
    bounds = {k: v for k, v in (("min_version", low), ("max_version", high)) if v}
    w = listen(weir, sink(), cert_file=cert, key_file=key, **bounds)
    context = client_context(ca.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if taken:
        send(w, context, otlp.traces(ids))
    else:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            send(w, context, otlp.traces(ids))
        send(w, client_context(ca.ca), otlp.traces(ids))


def test_handshake_deadline(weir, sink, ca):
    """Half a ClientHello does not hold a connection for longer than a header may take."""
    cert, key = ca.issue("server")
    w = listen(weir, sink(), cert_file=cert, key_file=key)
    with Raw(w.port) as raw:
        raw.send(b"\x16\x03\x01\x02\x00\x01\x00")
        assert raw.closed(8)


def test_client(weir, sink, ca, ids):
    far = sink(tls=server_context(ca.issue("server")))
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url, "tls": {"ca_file": ca.ca}}}})
    message = otlp.traces(ids, 50)
    w.post(message)
    until(lambda: far.got(), 10, "delivery")
    otlp.same(otlp.items([message]), otlp.items(far.got()))


def test_client_certificate(weir, sink, ca, ids):
    far = sink(tls=server_context(ca.issue("server"), client_ca=ca.ca))
    cert, key = ca.issue("client")
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url, "tls": {
        "ca_file": ca.ca, "cert_file": cert, "key_file": key}}}})
    w.post(otlp.traces(ids))
    until(lambda: far.got(), 10, "delivery")


def test_client_pem_in_the_config(weir, sink, ca, ids):
    far = sink(tls=server_context(ca.issue("server"), client_ca=ca.ca))
    cert, key = ca.issue("client")
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url, "tls": {
        "ca_pem": open(ca.ca).read(), "cert_pem": open(cert).read(), "key_pem": open(key).read()}}}})
    w.post(otlp.traces(ids))
    until(lambda: far.got(), 10, "delivery")


@pytest.mark.parametrize("case", ["unknown ca", "wrong name", "expired"])
def test_client_does_not_trust(weir, sink, ca, ids, tmp_path, case):
    """Nothing is sent to a server that cannot be trusted; the data is held, not lost."""
    pair = {"unknown ca": lambda: Authority(tmp_path, "other").issue("foreign"),
            "wrong name": lambda: ca.issue("elsewhere", hosts=("elsewhere.test",)),
            "expired": lambda: ca.issue("old", days=(-10, -1))}[case]()
    far = sink(tls=server_context(pair))
    w = weir({"exporters": {"otlp_http": {"endpoint": far.url, "tls": {"ca_file": ca.ca}, "retry_on_failure": RETRY}},
              "service": {"drain_timeout": "200ms"}}, exit_code=2)
    w.post(otlp.traces(ids, 2))
    until(lambda: "certificate" in w.log.lower() or "tls" in w.log.lower(), 10, lambda: w.log)
    assert far.requests == [] and w.outcome("otlp_http", "queued") == 2


def test_skip_verify_and_name_override(weir, sink, ca, ids):
    far = sink(tls=server_context(ca.issue("elsewhere", hosts=("elsewhere.test",))))
    w = weir({"exporters": {"otlp_http/skip": {"endpoint": far.url, "tls": {"insecure_skip_verify": True}},
                            "otlp_http/name": {"endpoint": far.url, "tls": {"ca_file": ca.ca,
                                                                            "server_name_override": "elsewhere.test"}}}})
    w.post(otlp.traces(ids))
    until(lambda: len(far.requests) >= 2, 10, "two deliveries")


def test_bad_certificate_file_is_found_at_start(weir, tmp_path):
    (tmp_path / "bad.pem").write_text("nothing")
    w = weir({"receivers": {"otlp": {"protocols": {"http": {"tls": {"cert_file": str(tmp_path / "bad.pem"),
                                                                    "key_file": str(tmp_path / "bad.pem")}}}}},
              "exporters": {"nop": None}}, start=False)
    w.spawn()
    assert w.wait(15) in (1, 3)
    assert "bad.pem" in w.log
