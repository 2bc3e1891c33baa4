"""A network that lies, made beside weir and without rights: a relay that goes silent, a resolver, a TLS peer of many certificates.

The relay stands between weir and a backend and keeps what weir sent. The resolver is a getaddrinfo for names in .test, preloaded into the
one process, that asks a socket of the test. Tls is a scripted backend (sink.py) behind a handshake that can be changed at any time.
"""
import contextlib
import ctypes
import datetime
import socket
import ssl
import struct
import subprocess
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from raw import SANITIZED
from rig.process import sanitizer_env
from sink import Sink


class Relay:
    """Between weir and a backend, keeping what weir sent. Its connections can go silent: no FIN, no RST, nothing passes.

    drop: the kernel drops what comes in, acknowledgements too (a filter on the socket: what iptables -j DROP does, without the rights);
    swallow: what weir sends is read and lost; answers: requests pass, answers are lost."""

    def __init__(self, to, host="127.0.0.1", port=0):
        self.to = to
        self.connections = []
        self.silent_after = None  # (bytes, kind) of what weir sends on the next connections
        self._listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    class Connection:
        def __init__(self, near, far):
            self.near, self.far, self.seen, self.silent = near, far, bytearray(), None

        def silence(self, kind):
            self.silent = kind
            if kind == "drop":
                refuse_all(self.near)

        def copy(self, limit):
            with contextlib.suppress(OSError):
                while data := self.near.recv(65536):
                    self.seen += data
                    if limit and len(self.seen) > limit[0] and not self.silent:
                        self.silence(limit[1])
                    if self.silent in (None, "answers"):
                        self.far.sendall(data)
            close(self.far)

        def copy_back(self):
            with contextlib.suppress(OSError):
                while data := self.far.recv(65536):
                    if not self.silent:
                        self.near.sendall(data)
            if not self.silent:
                close(self.near)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                c = self.Connection(near, socket.create_connection(("127.0.0.1", self.to)))
                self.connections.append(c)
                threading.Thread(target=c.copy, args=(self.silent_after,), daemon=True).start()
                threading.Thread(target=c.copy_back, daemon=True).start()

    def silence(self, kind):
        for c in self.connections:
            c.silence(kind)

    def stop(self):
        close(self._listener)
        for c in self.connections:
            close(c.near)


def close(s):
    """Also wakes who reads from it."""
    with contextlib.suppress(OSError):
        s.shutdown(socket.SHUT_RDWR)
    s.close()


def refuse_all(s):
    """Every packet to this socket is dropped from now on (SO_ATTACH_FILTER with `return 0`)."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
    s.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HP", 1, ctypes.addressof(program)))


SHIM = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);
static ssize_t ask(const char *name, char *answer, size_t n)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	a.sin_port = htons((unsigned short)atoi(getenv("RESOLVER")));
	ssize_t got = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && send(fd, name, strlen(name), 0) > 0 ? recv(fd, answer, n, 0) : -1;
	close(fd);
	return got;
}
/* Names in .test are the test's: an error number, or addresses. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	lookup *real;
	char answer[4096], *rest = answer, *one;
	size_t n = name ? strlen(name) : 0;
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (n < 5 || strcmp(name + n - 5, ".test"))
		return real(name, service, hints, out);
	ssize_t got = ask(name, answer, sizeof(answer) - 1);
	if (got <= 0)
		return EAI_AGAIN;
	answer[got] = '\0';
	if (answer[0] == '-')
		return atoi(answer);
	for (*out = NULL; (one = strsep(&rest, " "));) {
		if (real(one, service, hints, out))
			return EAI_NONAME;
		while (*out)
			out = &(*out)->ai_next;
	}
	return 0;
}
"""
NXDOMAIN, SERVFAIL = [str(socket.EAI_NONAME)], [str(socket.EAI_AGAIN)]


class Resolver:
    """What the getaddrinfo of one process answers: {name: addresses, an error, a function that gives one of them, or None for silence}."""

    def __init__(self, library):
        self.names, self.asked, self.unanswered = {}, [], []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.env = {"LD_PRELOAD": str(library), "RESOLVER": str(self._socket.getsockname()[1])}
        if SANITIZED:
            self.env["ASAN_OPTIONS"] = sanitizer_env()["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                name, peer = self._socket.recvfrom(512)
                if not name:
                    return  # stop
                answer = self.names[name.decode()]
                answer = answer() if callable(answer) else answer
                if answer is None:
                    self.unanswered.append(peer)
                else:
                    self._socket.sendto(" ".join(answer).encode(), peer)
                self.asked.append(name.decode())

    def answer_late(self, *addresses):
        while self.unanswered:
            self._socket.sendto(" ".join(addresses).encode(), self.unanswered.pop())

    def stop(self):
        self.answer_late(*SERVFAIL)
        close(self._socket)


def build_resolver(directory):
    """The library to preload."""
    (directory / "resolver.c").write_text(SHIM)
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", directory / "resolver.so", directory / "resolver.c", "-ldl"], check=True)
    return directory / "resolver.so"


class Tls(Sink):
    """A backend behind TLS. `context`: of the next handshakes, or a function of the bare connection that does something else."""

    def __init__(self, context, *args, **kwargs):
        self.context = context
        self.refused = []
        self.shown = {}  # connection: common name of the client's certificate, or None
        super().__init__(*args, **kwargs)

    def _serve(self, peer, number):
        try:
            if not isinstance(self.context, ssl.SSLContext):
                self.context(peer)
                peer.close()
                return
            peer = self.context.wrap_socket(peer, server_side=True)
        except OSError as e:
            self.refused.append(str(e))
            peer.close()
            return
        subject = (peer.getpeercert() or {}).get("subject", ())
        self.shown[number] = next((value for ((key, value),) in subject if key == "commonName"), None)
        super()._serve(peer, number)


def self_signed(directory):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
            .add_extension(names, critical=False).sign(key, hashes.SHA256()))
    pem = directory / "self.pem"
    pem.write_bytes(cert.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return str(pem), str(pem)
