/* test_acceptor.c - addresses, the text for a port in use, pausing, unix sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/net/acceptor.h"

struct rig {
	struct fake_clock clock;
	struct loop loop;
	struct acceptor *a;
	int fds[16];
	int n;
	bool close_inside;
};

static void on_accept(void *ctx, int fd)
{
	struct rig *r = ctx;
	r->fds[r->n++] = fd;
	if (r->close_inside)
		acceptor_close(r->a);
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	fake_clock_init(&r->clock, 0, 0);
	*state = r;
	return loop_init(&r->loop, &r->clock.clock);
}

static int teardown(void **state)
{
	struct rig *r = *state;
	for (int i = 0; i < r->n; i++)
		close(r->fds[i]);
	loop_release(&r->loop);
	free(r);
	return 0;
}

static void pump(struct rig *r)
{
	for (int i = 0; i < 5; i++)
		loop_pump(&r->loop);
}

static int dial(const struct acceptor *a)
{
	const char *colon = strrchr(acceptor_address(a), ':');
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	connect(fd, (struct sockaddr *)&in, sizeof(in));
	return fd;
}

static void test_bad_addresses(void **state)
{
	static const struct {
		const char *address, *transport, *text;
	} rows[] = {
		{ "", "tcp", "not HOST:PORT" },
		{ "localhost", "tcp", "not HOST:PORT" },
		{ "localhost:", "tcp", "the port is not" },
		{ "localhost:65536", "tcp", "the port is not" },
		{ "localhost:-1", "tcp", "the port is not" },
		{ "localhost:http", "tcp", "the port is not" },
		{ "::1:4318", "tcp", "brackets" },
		{ "127.0.0.1:0", "tcp6", "127.0.0.1: " },
		{ "192.0.2.1:0", "tcp", "listen 192.0.2.1:0: Cannot assign requested address" },
		{ "/nowhere/at/all.sock", "unix", "No such file" },
		{ "", "unix", "a socket path has" },
	};
	struct rig *r = *state;
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct err e = { .text = "" };
		assert_null(acceptor_new(&r->loop, slice_of(rows[i].address), slice_of(rows[i].transport), &e));
		if (!strstr(e.text, rows[i].text))
			fail_msg("%s: %s", rows[i].address, e.text);
	}
}

static void test_accepting(void **state)
{
	struct rig *r = *state;
	struct err e;
	int on = 0, client;
	socklen_t len = sizeof(on);
	r->a = acceptor_new(&r->loop, SLICE("localhost:0"), SLICE("tcp"), &e);
	assert_non_null(r->a);
	assert_int_equal(strncmp(acceptor_address(r->a), "127.0.0.1:", 10), 0);
	assert_string_not_equal(acceptor_address(r->a), "127.0.0.1:0");
	client = dial(r->a);
	pump(r);
	assert_int_equal(r->n, 0); /* not started */
	acceptor_start(r->a, on_accept, r);
	pump(r);
	assert_int_equal(r->n, 1);
	assert_true(fcntl(r->fds[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(r->fds[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(getsockopt(r->fds[0], IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	assert_int_equal(on, 1);
	close(client);
	acceptor_pause(r->a);
	client = dial(r->a); /* waits in the backlog */
	pump(r);
	assert_int_equal(r->n, 1);
	acceptor_resume(r->a);
	pump(r);
	assert_int_equal(r->n, 2);
	close(client);
	client = dial(r->a);
	r->close_inside = true;
	pump(r);
	assert_int_equal(r->n, 3);
	close(client);
}

static void test_port_in_use(void **state)
{
	struct rig *r = *state;
	struct err e;
	char want[64];
	slice again;
	r->a = acceptor_new(&r->loop, SLICE("127.0.0.1:0"), SLICE("tcp"), &e);
	assert_non_null(r->a);
	again = slice_of(acceptor_address(r->a));
	assert_null(acceptor_new(&r->loop, again, SLICE("tcp"), &e));
	snprintf(want, sizeof(want), "listen %.*s: the address is in use by process %d (test_acceptor",
	        SLICE_ARG(again), getpid());
	if (strncmp(e.text, want, strlen(want)) != 0)
		fail_msg("\"%s\" is not \"%s\"", e.text, want);
	acceptor_close(r->a);
	pump(r);
}

static void test_ipv6_and_all_addresses(void **state)
{
	static const struct {
		const char *address, *transport, *bound;
	} rows[] = {
		{ "[::1]:0", "tcp", "[::1]:" },
		{ "[::1]:0", "tcp6", "[::1]:" },
		{ ":0", "tcp4", "0.0.0.0:" },
		{ "0.0.0.0:0", "tcp", "0.0.0.0:" },
		{ ":0", "tcp", "" },
	};
	struct rig *r = *state;
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct err e;
		int client;
		struct acceptor *a = acceptor_new(&r->loop, slice_of(rows[i].address), slice_of(rows[i].transport), &e);
		if (!a && strchr(rows[i].address, '['))
			continue; /* a host without IPv6 */
		assert_non_null(a);
		assert_int_equal(strncmp(acceptor_address(a), rows[i].bound, strlen(rows[i].bound)), 0);
		acceptor_start(a, on_accept, r);
		client = dial(a);
		pump(r);
		assert_int_equal(r->n, i < 2 ? 0 : i - 1); /* ":0" answers IPv4 too */
		close(client);
		acceptor_close(a);
		pump(r);
	}
}

static void test_unix_socket(void **state)
{
	struct rig *r = *state;
	struct err e;
	char path[64];
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int client, stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(path, sizeof(path), "/tmp/weir-test-%d.sock", getpid());
	memcpy(un.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(stale, (struct sockaddr *)&un, sizeof(un)), 0); /* left by a killed process */
	close(stale);
	r->a = acceptor_new(&r->loop, slice_of(path), SLICE("unix"), &e);
	assert_non_null(r->a);
	assert_string_equal(acceptor_address(r->a), path);
	assert_null(acceptor_new(&r->loop, slice_of(path), SLICE("unix"), &e)); /* in use: not taken away */
	acceptor_start(r->a, on_accept, r);
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&un, sizeof(un)), 0);
	pump(r);
	assert_int_equal(r->n, 2); /* the failed one looked whether somebody is there */
	close(client);
	acceptor_close(r->a);
	pump(r);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* Without fds the client waits in the backlog, and gets in once there are some again. */
static void test_out_of_fds(void **state)
{
	struct rig *r = *state;
	struct err e;
	struct rlimit old, tight;
	int client, next;
	r->a = acceptor_new(&r->loop, SLICE("127.0.0.1:0"), SLICE("tcp"), &e);
	assert_non_null(r->a);
	acceptor_start(r->a, on_accept, r);
	client = dial(r->a);
	next = dup(0);
	close(next);
	getrlimit(RLIMIT_NOFILE, &old);
	tight = (struct rlimit){ (rlim_t)next, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	pump(r);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(r->n, 0);
	pump(r);
	assert_int_equal(r->n, 0); /* rests */
	fake_clock_advance(&r->clock, 100 * NS_PER_MS);
	pump(r);
	assert_int_equal(r->n, 1);
	close(client);
	acceptor_close(r->a);
	pump(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bad_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_accepting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_port_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ipv6_and_all_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unix_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_fds, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
