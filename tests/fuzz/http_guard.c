/* http_guard.c - any head, cut anywhere: the guard gives one verdict, at one byte.
 *
 * The first byte of the input is where to cut. What passes, llhttp must read the same way, or say why not.
 */
#include <stdlib.h>

#include "lib/net/http1.h"

static struct http_guard run(slice in, size_t cut, size_t step)
{
	struct http_guard g;
	enum guard_step r;
	http_guard_init(&g, 512, 8);
	for (size_t n = cut;; n = n + step < in.len ? n + step : in.len) {
		r = http_guard_head(&g, (slice){ in.p, n });
		if (r != GUARD_MORE || n == in.len)
			break;
	}
	if ((r == GUARD_FAULT) != (g.status != 0) || g.line > 512 || g.n_fields > 8 + (r == GUARD_FAULT))
		abort();
	if (r == GUARD_DONE) {
		const char *why;
		struct http1_request *q = http1_request_new(&g, in.p, &why);
		if (q ? q->head.n_headers != g.n_fields || !q->head.path.len : !why)
			abort();
		free(q);
	}
	g.seen = r == GUARD_DONE ? g.line : 0; /* how far a refused head was looked at may differ */
	return g;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	slice in = { (const char *)data + 1, size - 1 };
	struct http_guard whole = run(in, in.len, in.len);
	for (int i = 0; i < 2; i++) {
		struct http_guard other = run(in, i ? 1 : data[0] % in.len + 1, i ? 1 : in.len);
		if (memcmp(&whole, &other, sizeof(whole)) != 0)
			abort();
	}
	return 0;
}
