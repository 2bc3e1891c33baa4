/* store_format.c - bytes of segments and records to structs and back (see store_format.h).
 *
 * Readers believe nothing: a header counts when its CRC is right, and lengths are checked against limits and against each other before
 * they are used. Layouts stand beside the offsets below.
 */
#include "lib/pipe/store_format.h"

#include "lib/base/crc32c.h"

static const unsigned char segment_magic[8] = "weirseg";
static const unsigned char record_magic[4] = { 'W', 'r', 'e', 'c' };

/* Offsets in a segment header. */
enum {
	S_VERSION = 8,
	S_CRC = 12,
	S_NUMBER = 16,
	S_SALT = 24,
	S_FIRST = 32,
	S_PREV = 40,
	S_PREV_END = 48,
	S_PREV_LAST = 56
};
/* Offsets in a record header; R_META_LEN counts words of 8 bytes. */
enum {
	R_CRC = 4,
	R_PAYLOAD_LEN = 8,
	R_REST_CRC = 12,
	R_SEQ = 16,
	R_PIPELINE = 24,
	R_ITEMS = 28,
	R_TYPE = 32,
	R_SIGNAL = 33
};
enum { R_META_LEN = 34, R_META_CRC = 36 };

enum meta_type {
	META_PIPELINE = 1,
	META_PARTITION = 2,
	META_SIDECAR_LEN = 3,
	META_ROUTES = 4,
	META_FACTS = 5, /* arrival i64, CRC of the header from R_PAYLOAD_LEN to R_META_CRC */
	META_REASON = 6,
	META_TEXT = 7,
	META_HOPS = 8, /* u8 */
};
enum { MEMBER_HEADER = 8, FACTS_LEN = 12 };

static const unsigned char zeros[8];

static uint32_t segment_crc(const unsigned char *p)
{
	uint32_t crc = crc32c(0, p, S_CRC);
	crc = crc32c(crc, zeros, 4);
	return crc32c(crc, p + S_NUMBER, SEGMENT_HEADER - S_NUMBER);
}

void segment_header_write(const struct segment_header *h, unsigned char out[SEGMENT_HEADER])
{
	memcpy(out, segment_magic, sizeof(segment_magic));
	store_put32(out + S_VERSION, STORE_VERSION);
	store_put64(out + S_NUMBER, h->number);
	store_put64(out + S_SALT, h->salt);
	store_put64(out + S_FIRST, h->first_seq);
	store_put64(out + S_PREV, h->prev_number);
	store_put64(out + S_PREV_END, h->prev_end);
	store_put64(out + S_PREV_LAST, h->prev_last);
	store_put32(out + S_CRC, segment_crc(out));
}

int segment_header_read(const unsigned char in[SEGMENT_HEADER], struct segment_header *h, uint32_t *version)
{
	if (memcmp(in, segment_magic, sizeof(segment_magic)) != 0 || store_get32(in + S_CRC) != segment_crc(in))
		return -1;
	*version = store_get32(in + S_VERSION);
	if (*version != STORE_VERSION)
		return *version > STORE_VERSION ? -2 : -1;
	*h = (struct segment_header){ store_get64(in + S_NUMBER), store_get64(in + S_SALT), store_get64(in + S_FIRST),
		store_get64(in + S_PREV), store_get64(in + S_PREV_END), store_get64(in + S_PREV_LAST) };
	return h->first_seq && h->first_seq < STORE_NUMBER_MAX && h->prev_last < STORE_NUMBER_MAX ? 0 : -1;
}

uint32_t segment_seed(uint64_t salt)
{
	unsigned char p[8];
	store_put64(p, salt);
	return crc32c(0, p, sizeof(p));
}

static uint64_t member_size(size_t len)
{
	return len ? MEMBER_HEADER + store_pad8(len) : 0;
}

static uint64_t meta_size(const struct store_record *r)
{
	return member_size(r->pipeline.len) + member_size(r->partition.len) + member_size(r->routes.len) +
	        member_size(r->reason.len) + member_size(r->text.len) + member_size(r->sidecar.len ? 4 : 0) +
	        member_size(FACTS_LEN) + member_size(r->hops ? 1 : 0);
}

uint32_t record_payload(const struct store_record *r)
{
	uint64_t meta = meta_size(r);
	if (meta > META_MAX || r->sidecar.len > RECORD_MAX || r->body.len > RECORD_MAX)
		return 0;
	uint64_t n = meta + store_pad8(r->sidecar.len) + r->body.len;
	return n > RECORD_MAX ? 0 : (uint32_t)n;
}

static void put_member(struct strbuf *out, enum meta_type type, slice s)
{
	unsigned char head[MEMBER_HEADER] = { (unsigned char)type };
	if (!s.len)
		return;
	store_put32(head + 4, (uint32_t)s.len);
	strbuf_add(out, (slice){ (const char *)head, sizeof(head) });
	strbuf_add(out, s);
	strbuf_add(out, (slice){ (const char *)zeros, store_pad8(s.len) - s.len });
}

static void put_meta(const struct store_record *r, uint32_t witness, struct strbuf *out)
{
	unsigned char n[FACTS_LEN];
	put_member(out, META_PIPELINE, r->pipeline);
	put_member(out, META_PARTITION, r->partition);
	put_member(out, META_ROUTES, r->routes);
	store_put64(n, (uint64_t)r->arrival_wall_ns);
	store_put32(n + 8, witness);
	put_member(out, META_FACTS, (slice){ (const char *)n, FACTS_LEN });
	put_member(out, META_REASON, r->reason);
	put_member(out, META_TEXT, r->text);
	store_put32(n, (uint32_t)r->sidecar.len);
	put_member(out, META_SIDECAR_LEN, (slice){ (const char *)n, r->sidecar.len ? 4 : 0 });
	n[0] = r->hops;
	put_member(out, META_HOPS, (slice){ (const char *)n, r->hops ? 1 : 0 });
}

static void take_member(struct store_record *r, unsigned type, slice s, uint32_t *sidecar)
{
	if (type == META_PIPELINE)
		r->pipeline = s;
	else if (type == META_PARTITION)
		r->partition = s;
	else if (type == META_ROUTES)
		r->routes = s;
	else if (type == META_REASON)
		r->reason = s;
	else if (type == META_TEXT)
		r->text = s;
	else if (type == META_FACTS && s.len == FACTS_LEN)
		r->arrival_wall_ns = (int64_t)store_get64((const unsigned char *)s.p);
	else if (type == META_HOPS && s.len == 1)
		r->hops = (uint8_t)s.p[0];
	else if (type == META_SIDECAR_LEN && s.len == 4)
		*sidecar = store_get32((const unsigned char *)s.p);
}

int store_meta_read(const struct record_header *h, slice meta, struct store_record *r, uint32_t *sidecar)
{
	*r = (struct store_record){ .seq = h->seq, .type = h->type, .signal = h->signal, .n_items = h->n_items };
	*sidecar = 0;
	while (meta.len) {
		const unsigned char *p = (const unsigned char *)meta.p;
		if (meta.len < MEMBER_HEADER)
			return -1;
		uint32_t len = store_get32(p + 4);
		uint64_t size = MEMBER_HEADER + store_pad8(len);
		if (size > meta.len)
			return -1;
		take_member(r, p[0] | (unsigned)p[1] << 8, (slice){ meta.p + MEMBER_HEADER, len }, sidecar);
		meta.p += size, meta.len -= size;
	}
	return store_pad8(*sidecar) <= h->payload_len - h->meta_len ? 0 : -1;
}

static uint32_t rest_crc(slice sidecar, slice body)
{
	uint32_t crc = crc32c(0, sidecar.p, sidecar.len);
	crc = crc32c(crc, zeros, store_pad8(sidecar.len) - sidecar.len);
	return crc32c(crc, body.p, body.len);
}

static uint32_t header_crc(const unsigned char *p, uint32_t seed)
{
	uint32_t crc = crc32c(seed, p, R_CRC);
	crc = crc32c(crc, zeros, 4);
	return crc32c(crc, p + R_PAYLOAD_LEN, RECORD_HEADER - R_PAYLOAD_LEN);
}

/* What the meta says about its header. */
static uint32_t witness(const unsigned char *p)
{
	return crc32c(0, p + R_PAYLOAD_LEN, R_META_CRC - R_PAYLOAD_LEN);
}

void record_write(const struct store_record *r, uint32_t seed, struct strbuf *out)
{
	unsigned char head[RECORD_HEADER];
	size_t at = out->len;
	uint32_t words = (uint32_t)(meta_size(r) / 8);
	memcpy(head, record_magic, sizeof(record_magic));
	store_put32(head + R_PAYLOAD_LEN, record_payload(r));
	store_put32(head + R_REST_CRC, rest_crc(r->sidecar, r->body));
	store_put64(head + R_SEQ, r->seq);
	store_put32(head + R_PIPELINE, crc32c(0, r->pipeline.p, r->pipeline.len));
	store_put32(head + R_ITEMS, r->n_items);
	head[R_TYPE] = (unsigned char)r->type;
	head[R_SIGNAL] = (unsigned char)signal_index(r->signal);
	head[R_META_LEN] = (unsigned char)words;
	head[R_META_LEN + 1] = (unsigned char)(words >> 8);
	strbuf_add(out, (slice){ (const char *)head, sizeof(head) });
	put_meta(r, witness(head), out);
	if (out->failed)
		return;
	unsigned char *p = (unsigned char *)out->p + at;
	store_put32(p + R_META_CRC, crc32c(0, p + RECORD_HEADER, out->len - at - RECORD_HEADER));
	store_put32(p + R_CRC, header_crc(p, seed));
}

static bool read_fields(const unsigned char *in, struct record_header *h)
{
	static const enum signal signals[N_SIGNALS] = { TRACES, LOGS, METRICS };
	unsigned type = in[R_TYPE], signal = in[R_SIGNAL];
	if (memcmp(in, record_magic, sizeof(record_magic)) != 0 || signal >= N_SIGNALS)
		return false;
	if (type != STORE_RECORD && type != STORE_LETTER)
		return false;
	*h = (struct record_header){
		.seq = store_get64(in + R_SEQ),
		.payload_len = store_get32(in + R_PAYLOAD_LEN),
		.rest_crc = store_get32(in + R_REST_CRC),
		.meta_len = 8 * ((uint32_t)in[R_META_LEN] | (uint32_t)in[R_META_LEN + 1] << 8),
		.meta_crc = store_get32(in + R_META_CRC),
		.n_items = store_get32(in + R_ITEMS),
		.pipeline = store_get32(in + R_PIPELINE),
		.type = (enum store_type)type,
		.signal = signals[signal],
	};
	return h->seq && h->seq < STORE_NUMBER_MAX && h->payload_len <= RECORD_MAX && h->meta_len <= META_MAX &&
	        h->meta_len <= h->payload_len;
}

bool record_header_read(const unsigned char in[RECORD_HEADER], uint32_t seed, struct record_header *h)
{
	if (memcmp(in, record_magic, sizeof(record_magic)) != 0 || store_get32(in + R_CRC) != header_crc(in, seed))
		return false;
	return read_fields(in, h);
}

/* A CRC is undone bit by bit: with the result and all that came behind the seed, the seed is known. */
bool record_header_guess(const unsigned char in[RECORD_HEADER], uint32_t *seed, struct record_header *h)
{
	if (!read_fields(in, h))
		return false;
	uint32_t crc = ~store_get32(in + R_CRC);
	for (size_t i = RECORD_HEADER; i-- > 0;) {
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc & 0x80000000 ? (crc ^ 0x82f63b78) << 1 | 1 : crc << 1;
		crc ^= i >= R_CRC && i < R_PAYLOAD_LEN ? 0 : in[i];
	}
	*seed = ~crc;
	return true;
}

bool record_meta_is_witness(const unsigned char in[RECORD_HEADER], const struct record_header *h, slice meta)
{
	if (!record_meta_is_sound(h, meta))
		return false;
	while (meta.len >= MEMBER_HEADER) {
		const unsigned char *p = (const unsigned char *)meta.p;
		uint64_t size = MEMBER_HEADER + store_pad8(store_get32(p + 4));
		if (size > meta.len)
			return false;
		if (p[0] == META_FACTS && !p[1] && store_get32(p + 4) == FACTS_LEN)
			return store_get32(p + MEMBER_HEADER + 8) == witness(in);
		meta.p += size, meta.len -= size;
	}
	return false;
}

bool record_meta_is_sound(const struct record_header *h, slice meta)
{
	return meta.len == h->meta_len && crc32c(0, meta.p, meta.len) == h->meta_crc;
}

bool record_rest_is_sound(const struct record_header *h, slice sidecar, slice body)
{
	return rest_crc(sidecar, body) == h->rest_crc;
}

void routes_add(struct strbuf *out, slice name)
{
	if (!name.len || name.len > UINT16_MAX)
		return;
	char head[2] = { (char)(name.len & 0xff), (char)(name.len >> 8) };
	strbuf_add(out, (slice){ head, sizeof(head) });
	strbuf_add(out, name);
}

bool routes_next(slice *routes, slice *name)
{
	if (routes->len < 2)
		return false;
	size_t len = (unsigned char)routes->p[0] | (size_t)(unsigned char)routes->p[1] << 8;
	if (!len || len > routes->len - 2)
		return false;
	*name = (slice){ routes->p + 2, len };
	routes->p += 2 + len, routes->len -= 2 + len;
	return true;
}

bool routes_have(slice routes, slice name)
{
	for (slice one; routes_next(&routes, &one);)
		if (slice_eq(one, name))
			return true;
	return false;
}
