/* store.c - a small sound storage directory is damaged as the input says, with CRCs made right again or not, or replaced by the input: it opens,
 * gives what was put (unless the CRCs lie), ends, asks the disk a bounded number of times, and keeps the equation.
 * First byte: 1 mends CRCs, 2 replaces a segment by the rest. Then groups of 4 bytes: file, offset (2), what to xor (0: cut here).
 */
#include <assert.h>

#include "tests/unit/rig/fake_disk.c"
#include "tests/unit/rig/fake_disk_control.c"
#include "tests/unit/rig/fake_disk_image.c"
#include "tests/unit/rig/fake_disk_pages.c"

#include "lib/base/crc32c.h"
#include "lib/pipe/store.h"

static const char *const paths[] = { "/d/seg-0000000000000001.log", "/d/seg-0000000000000002.log",
	"/d/seg-0000000000000003.log", "/d/seg-0000000000000004.log", "/d/cursor" };

static void fix(unsigned char *p, size_t from, size_t len, size_t crc_at, uint32_t seed)
{
	store_put32(p + from + crc_at, 0);
	store_put32(p + from + crc_at, crc32c(seed, p + from, len));
}

static void mend(unsigned char *p, size_t len, bool cursor)
{
	for (size_t at = 0; cursor && at + 32 <= len; at += 256 << 10)
		if (store_get32(p + at + 24) <= len - at && store_get32(p + at + 24) >= 32)
			fix(p, at, store_get32(p + at + 24), 12, 0);
	uint32_t seed = !cursor && len >= 64 ? segment_seed(store_get64(p + 24)) : 0;
	if (!cursor && len >= 64)
		fix(p, 0, 64, 12, 0);
	for (size_t at = 64; !cursor && at + RECORD_HEADER <= len; at += 8) {
		size_t n = store_get32(p + at + 8), meta = 8 * (p[at + 34] | (size_t)p[at + 35] << 8),
		       body = at + 40 + meta;
		if (memcmp(p + at, "Wrec", 4) != 0)
			continue;
		if (meta <= n && n <= len - at - 40) {
			store_put32(p + at + 12, crc32c(0, p + body, n - meta));
			store_put32(p + at + 36, crc32c(0, p + at + 40, meta));
		}
		fix(p, at, 40, 4, seed);
	}
}

static uint64_t salt(void *ctx)
{
	return ++*(uint64_t *)ctx * 0x9e3779b97f4a7c15;
}

static void put(struct store *s, unsigned n)
{
	char body[64];
	for (unsigned i = 0; i < n; i++) {
		memset(body, (int)i, sizeof(body));
		struct store_record r = { .type = STORE_RECORD,
			.signal = LOGS,
			.n_items = 3,
			.pipeline = SLICE("p"),
			.routes = i % 2 ? SLICE("\1\0a\1\0b") : SLICE("\1\0a"),
			.sidecar = { body, i % 3 },
			.body = { body, 8 + i } };
		assert(store_append(s, &r, 1) == 0);
	}
}

static unsigned drain(struct store *s, const char *name, bool lies, unsigned keep)
{
	struct cursor *c = cursor_open(s, name, NULL, NULL);
	struct store_record r;
	struct buf *b;
	unsigned n = 0;
	for (int rc; (rc = cursor_next(c, NULL, &r, &b)) != 0; n++) {
		assert(rc == 1 && n < 2000 && (lies || (r.n_items == 3 && r.body.len == 8 + (size_t)r.body.p[0])));
		if (n % 4 >= keep)
			cursor_resolve(c, r.seq, &(struct outcome){ .delivered = r.n_items });
		buf_unref(b);
	}
	struct cursor_counts t = cursor_counts(c);
	for (unsigned i = 0; i < N_SIGNALS; i++) {
		struct store_counts k = t.by_signal[i];
		for (unsigned d = 0; d < N_DROP_REASONS; d++)
			k.accepted -= k.dropped[d];
		assert(k.accepted == k.delivered + k.rejected + k.dead_lettered + k.queued && (keep || !k.queued));
	}
	cursor_close(c);
	return n;
}

static void damage(struct fake_disk *f, const uint8_t *data, size_t size)
{
	size_t len;
	if (data[0] & 2)
		fake_disk_put(f, paths[data[0] >> 4 & 3], (slice){ (const char *)data + 1, size - 1 });
	for (size_t i = 1; i + 4 <= size && i < 80 && !(data[0] & 2); i += 4) {
		const char *path = paths[data[i] % 5];
		char *p = fake_disk_get(f, path, &len);
		size_t at = len ? (data[i + 1] | (size_t)data[i + 2] << 8) % (len < 4096 ? len : 1200) : 0;
		at += data[i] & 128 && len == 512 << 10 ? 256 << 10 : 0;
		if (len && data[i + 3])
			p[at] ^= (char)data[i + 3];
		fake_disk_put(f, path, (slice){ p, data[i + 3] ? len : at });
		free(p);
	}
	for (unsigned i = 0; data[0] & 1 && i < 5; i++) {
		char *p = fake_disk_get(f, paths[i], &len);
		mend((unsigned char *)p, len, i == 4);
		fake_disk_put(f, paths[i], (slice){ p, len });
		free(p);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 4096)
		return 0;
	uint64_t n = 0;
	struct fake_clock clock;
	fake_clock_init(&clock, 1, 1);
	struct log *log = log_new(&(struct log_conf){ .level = LOG_ERROR }, &clock.clock);
	struct fake_disk *f = fake_disk_new(64 << 20);
	struct store_options o = { &f->disk, &clock.clock, log, "/d", true, true, 32 << 20, 700, salt, &n };
	struct store *s;
	struct err e;
	for (unsigned i = 0; i < 4; i++) {
		int rc = store_open(&o, &s, &e);
		assert(rc == STORE_OPENED || (rc == STORE_NEWER && data[0] & 1));
		if (rc != STORE_OPENED)
			break;
		if (i == 0)
			put(s, 16);
		unsigned n_a = drain(s, "a", data[0] & 1, i < 2 ? 3 - i : 0), n_b = drain(s, "b", data[0] & 1, 0);
		assert(i < 3 || n_a + n_b == 0);
		store_close(s);
		if (i == 0)
			damage(f, data, size);
	}
	assert(fake_disk_total(f) < 3000);
	fake_disk_free(f);
	log_free(log);
	return 0;
}
