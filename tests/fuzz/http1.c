/* http1.c - the whole server on a socket pair: any bytes, sent in any pieces, give the same requests and faults.
 * The first byte is how many go at once in the second run. Tokens and connections must be back at the end.
 */
#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/map.h"
#include "lib/net/http_server.h"

static int on_head(void *seen, struct exchange *x, size_t *max_body)
{
	bool refused = exchange_head(x)->query.len == 3;
	*max_body = 600;
	*(uint64_t *)seen = *(uint64_t *)seen * 31 + exchange_head(x)->path.len + exchange_head(x)->n_headers;
	if (refused)
		exchange_answer(x, &(struct http_answer){ .status = 401 });
	return refused;
}

static void on_request(void *seen, struct exchange *x)
{
	slice b = exchange_body(x) ? buf_slice(exchange_body(x)) : SLICE("");
	*(uint64_t *)seen = *(uint64_t *)seen * 31 + hash_bytes(b.p, b.len, 1);
	exchange_answer(x, &(struct http_answer){ .status = 200, .body = b });
}

static void on_fault(void *seen, struct exchange *x UNUSED, int status, const char *text UNUSED)
{
	*(uint64_t *)seen = *(uint64_t *)seen * 31 + (uint64_t)status;
}

static uint64_t run(slice in, size_t step, uint64_t seen)
{
	struct http_site site = { &(const struct http_handler){ on_head, on_request, on_fault }, &seen,
		{ 1024, 16, 0, 0, 0, 0, true }, NULL, 0 };
	struct loop l;
	struct pool pool;
	int fds[2], bad = loop_init(&l, clock_system()) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);
	assert(!bad);
	pool_init(&pool, 1 << 20);
	struct http_server *s = http_server_new(&l, &pool, 10);
	http_server_adopt(s, fds[1], &site);
	for (size_t at = 0; at < in.len; at += step, loop_pump(&l))
		(void)!send(fds[0], in.p + at, step < in.len - at ? step : in.len - at, MSG_NOSIGNAL);
	close(fds[0]);
	http_server_close(s, NULL, NULL);
	loop_release(&l);
	assert(!site.n_connections && !pool_used(&pool));
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	slice in = { (const char *)data + 1, size - 1 };
	assert(size < 2 || size > 2000 || run(in, in.len, 0) == run(in, data[0] % 16 + 1, 0));
	return 0;
}
