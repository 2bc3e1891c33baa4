/* http_chunks.c - any chunked body, cut anywhere: the same data, the same end, the same verdict.
 *
 * The first byte of the input is where to cut. Data is never more than announced, and all of it when the body is
 * complete.
 */
#include <stdlib.h>

#include "lib/net/http_guard.h"

struct result {
	uint64_t step, used, data, hash;
	struct http_chunks end;
};

static struct result run(slice in, size_t cut, size_t step)
{
	struct result r;
	enum guard_step s = GUARD_MORE;
	memset(&r, 0, sizeof(r));
	for (size_t at = 0, n = cut; at < in.len && s == GUARD_MORE; at += n, n = step) {
		slice piece = { in.p + at, n < in.len - at ? n : in.len - at }, data;
		do {
			s = http_chunks_next(&r.end, &piece, &data);
			for (size_t i = 0; i < data.len; i++)
				r.hash = r.hash * 31 + (unsigned char)data.p[i];
			r.data += data.len;
		} while (s == GUARD_MORE && piece.len);
		r.used = s == GUARD_DONE ? (uint64_t)(piece.p - in.p) : 0;
	}
	if (r.data > r.end.data || (s == GUARD_DONE && r.data != r.end.data) ||
	        (s == GUARD_FAULT) != (r.end.status != 0))
		abort();
	r.step = s;
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	slice in = { (const char *)data + 1, size - 1 };
	struct result whole = run(in, in.len, in.len);
	for (int i = 0; i < 2; i++) {
		struct result other = run(in, i ? 1 : data[0] % in.len + 1, i ? 1 : in.len);
		if (memcmp(&whole, &other, sizeof(whole)) != 0)
			abort();
	}
	return 0;
}
