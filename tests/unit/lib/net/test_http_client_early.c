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
#include <poll.h>
#include <sys/socket.h>

#include "tests/unit/rig/client_world.h"

enum { BODY = 4 << 20, LONGEST = 20000 /* answer */ };

static char blanks[LONGEST + 1]; /* an answer without a status, longer than what is read of it */
static struct peer *awaited; /* whose close the next write of a body waits for */
static _Atomic unsigned n_broken;

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	if (awaited && n > LONGEST) {
		struct pollfd at = { .fd = fd };

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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_answer_behind_a_broken_pipe) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
