/* test_http_client_early.c - a server answers and closes before it has read the body; the client meets the broken pipe first.
 *
 * What is a matter of microseconds outside happens each time here: libcurl's writes go through a send() of this program, which
 * lets the one under test wait until the peer has answered and gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above */
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/net/http_client_impl.h"
#include "tests/unit/rig/client_world.h"

enum { BODY = 4 << 20, LONGEST = 20000 /* answer */ };

static char blanks[LONGEST + 1]; /* an answer without a status, longer than what is read of it */
static struct peer *awaited; /* whose close the next write of a body waits for */
static _Atomic unsigned n_broken;

/* Goes without an answer when it is awaited. */
static struct peer_answer script_silent(void *may_leave, const struct peer_request *r)
{
	(void)r;
	while (sem_wait(may_leave) != 0 && errno == EINTR) {
	}
	return (struct peer_answer){ .then = PEER_RESET };
}

/* The first connection that sends a body sends no more of it while this is set; the loop stops then. */
struct held {
	struct loop *loop;
	int fd; /* 0: none yet */
};
static struct held *held;

static ssize_t hold(struct held *h, int fd, const void *p, size_t n, int flags)
{
	if (h->fd == fd) {
		errno = EAGAIN;
		return -1;
	}
	h->fd = fd;
	loop_stop(h->loop);
	return sendto(fd, p, n, flags, NULL, 0);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	if (n > LONGEST && held && (!held->fd || held->fd == fd))
		return hold(held, fd, p, n, flags);
	if (n > LONGEST && awaited) {
		struct pollfd at = { .fd = fd };

		if (awaited->script == script_silent)
			sem_post(awaited->ctx);
		peer_await_end(awaited);
		awaited = NULL;
		poll(&at, 1, 10000); /* POLLERR or POLLHUP: the reset is here */
	}
	ssize_t k = sendto(fd, p, n, flags, NULL, 0);

	if (k < 0 && (errno == EPIPE || errno == ECONNRESET))
		atomic_fetch_add(&n_broken, 1);
	return k;
}

static struct peer_answer script_first(void *answer, const struct peer_request *r)
{
	return r->number == 0 ? *(struct peer_answer *)answer : (struct peer_answer){ OK_ANSWER, .then = PEER_CLOSE };
}

static const struct {
	const char *text;
	int status; /* 0: a broken exchange */
	const char *body, *retry_after;
} rows[] = {
	{ "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 413, "", "" },
	{ "HTTP/1.1 401 No\r\nContent-Length: 5\r\n\r\nwho\r\n", 401, "who\r\n", "" },
	{ "HTTP/1.1 429 Slowly\r\nRetry-After: 7\r\n\r\nnot now", 429, "not now", "7" },
	{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Full\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	        503, "", "" },
	{ "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", 0, "", "" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, "", "" },
	{ "HTTP/1.1 100 Continue\r\n\r\n", 0, "", "" },
	{ "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n", 0, "", "" },
	{ "HTTP/1.1 oops\r\n\r\n", 0, "", "" },
	{ "HTTP/1.1 4130 Too Large\r\n\r\n", 0, "", "" },
	{ "HTTP/1.1\r\n\r\n", 0, "", "" },
	{ blanks, 0, "", "" },
	{ "garbage", 0, "", "" },
	{ NULL, 0, "", "" },
};

static void test_answer_behind_a_broken_pipe(void **state)
{
	char *body = calloc(1, BODY);
	slice part = { body, BODY };
	(void)state;

	snprintf(blanks, sizeof(blanks), "HTTP/1.1     \r\n%*s", LONGEST - 15, "");
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct peer_answer a = { .text = rows[i].text, .then = PEER_RESET };
		struct world w = { .peer = { .script = script_first, .ctx = &a, .answer_early = true } };
		unsigned before = atomic_load(&n_broken);

		world_open(&w, (struct http_client_settings){ 0 });
		awaited = &w.peer;
		struct outcome o = exchange_with(&w, w.peer.url, &part, 1, 10 * NS_PER_S);

		if (o.status != rows[i].status || strcmp(o.body, rows[i].body) != 0 ||
		        strcmp(o.retry_after, rows[i].retry_after) != 0)
			fail_msg("row %zu: %d %s \"%s\" %s", i, o.status, o.text, o.body, o.retry_after);
		assert_int_equal(o.fault, rows[i].status ? HTTP_FAULT_NONE : HTTP_FAULT_RESET);
		assert_true(atomic_load(&n_broken) > before);
		assert_int_equal(o.n, 1);
		/* nothing of it is left for the next one */
		w.peer.answer_early = false;
		o = exchange(&w);
		assert_int_equal(o.status, 200);
		assert_string_equal(o.body, "ok");
		world_close(&w);
	}
	free(body);
}

static int share_port(void *unused, curl_socket_t fd, curlsocktype purpose)
{
	(void)unused, (void)purpose;
	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) == 0 ? CURL_SOCKOPT_OK
	                                                                               : CURL_SOCKOPT_ERROR;
}

/* A local port that the two connections may have, kept by a socket of ours. */
static int reserve_port(long *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(share_port(NULL, fd, CURLSOCKTYPE_IPCXN), CURL_SOCKOPT_OK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void post_from(struct world *w, long port, const char *url, const slice *part, struct outcome *o)
{
	struct err e = { 0 };

	if (post_to(w, url, part, 1, 10 * NS_PER_S, o, &e) != 0)
		fail_msg("%s", e.text);
	w->client->curl->easy_setopt(w->client->active->easy, CURLOPT_LOCALPORT, port);
	w->client->curl->easy_setopt(w->client->active->easy, CURLOPT_SOCKOPTFUNCTION, share_port);
}

static long local_port_of(const struct transfer *t)
{
	long port = 0;

	t->client->curl->easy_getinfo(t->easy, CURLINFO_LOCAL_PORT, &port);
	return port;
}

/* Two servers, two connections from one local port: what the one server answers is not the answer of the other. */
static void test_two_connections_from_one_port(void **state)
{
	char *body = calloc(1, BODY);
	slice part = { body, BODY };
	struct peer_answer a = { .text = rows[0].text, .then = PEER_RESET };
	struct world w = { .peer = { .script = script_first, .ctx = &a, .answer_early = true } };
	sem_t may_leave;
	struct peer silent = { .script = script_silent, .ctx = &may_leave, .answer_early = true };
	struct held h = { .loop = &w.loop };
	struct outcome first = { .stop = &w.loop }, second = { .stop = &w.loop };
	long port;
	int reserved = reserve_port(&port);
	(void)state;

	sem_init(&may_leave, 0, 0);
	peer_start(&silent);
	world_open(&w, (struct http_client_settings){ 0 });
	held = &h;
	post_from(&w, port, silent.url, &part, &second);
	loop_run(&w.loop); /* until its body is on the way */
	assert_int_equal(second.n, 0);
	assert_int_equal(local_port_of(w.client->active), port);
	awaited = &w.peer;
	post_from(&w, port, w.peer.url, &part, &first);
	loop_run(&w.loop);
	assert_null(awaited);
	assert_int_equal(first.n, 1);
	assert_int_equal(first.status, 413);
	assert_int_equal(second.n, 0);
	held = NULL;
	awaited = &silent;
	loop_run(&w.loop);
	assert_null(awaited);
	assert_int_equal(second.n, 1);
	assert_int_equal(second.status, 0);
	assert_int_equal(second.fault, HTTP_FAULT_RESET);
	world_close(&w);
	peer_stop(&silent);
	sem_destroy(&may_leave);
	close(reserved);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer_behind_a_broken_pipe),
		cmocka_unit_test(test_two_connections_from_one_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
