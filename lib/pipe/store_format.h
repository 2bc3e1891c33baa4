/* store_format.h - the bytes of the segment log, version 1: pure functions, no I/O.
 *
 * All numbers are little endian, everything begins at a multiple of 8.
 *
 *	segment  seg-%016x.log: a file header of 64 bytes, then records up to its sound end, which the next segment's header tells
 *	record   a header of 40 bytes, then the payload (meta, sidecar, body), then zeros up to a multiple of 8
 *	meta     members {u16 type, u16 zero, u32 length, bytes, zeros up to a multiple of 8}; those of an unknown type are skipped, and what
 *	         is empty or 0 has none: a type may be added without a new version (hops was), and reads as 0 from logs of before
 *
 * The CRC of a record's header is seeded with the segment's salt, so that bytes of an older file in the same blocks, or bytes that a sender
 * chose, never look like a record. Meta and the rest have CRCs of their own: with a damaged body the items and whom they were for are still
 * known. Behind a damaged header the next sound one with a larger sequence number is looked for, and the seed of a segment whose own
 * header is damaged follows from any of its records: their meta has a CRC of the header without a seed. Names stand in the meta as they are: a log can be read without anything else.
 */
#pragma once
#include "lib/base/err.h"
#include "lib/base/strbuf.h"
#include "lib/pipe/record.h"

enum {
	STORE_VERSION = 1,
	SEGMENT_HEADER = 64,
	RECORD_HEADER = 40,
	RECORD_MAX = 256 << 20, /* payload; more is damage */
	META_MAX = 64 << 10,
};
/* Numbers of segments and records are below this: one more is always one more. */
#define STORE_NUMBER_MAX (UINT64_C(1) << 62)

struct segment_header {
	uint64_t number, salt, first_seq;
	/* The segment before, where its sound part ended, and the number of the last record in it; 0, 0, 0: there was none. */
	uint64_t prev_number, prev_end, prev_last;
};

enum store_type { STORE_RECORD = 1, STORE_LETTER = 2 /* a dead letter */ };

/* What a record header says. */
struct record_header {
	uint64_t seq;
	uint32_t payload_len, rest_crc; /* the rest: sidecar and body */
	uint32_t meta_len, meta_crc;
	uint32_t n_items;
	uint32_t pipeline; /* crc32c of its name: for tools that only skim */
	enum store_type type;
	enum signal signal;
};

/* A record as it is written or was read. Slices point into what it was read from. */
struct store_record {
	uint64_t seq; /* given by the store */
	enum store_type type;
	enum signal signal;
	uint32_t n_items;
	uint8_t hops; /* absent: 0 */
	int64_t arrival_wall_ns;
	slice pipeline, partition, sidecar, body;
	slice routes; /* names of the exporters it is for: see routes_next; of a letter the one exporter */
	/* letters only */
	slice reason; /* "bad_request", "too_large" .. */
	slice text; /* what the backend said, at most 1 KiB */
};

static inline uint64_t store_pad8(uint64_t n)
{
	return (n + 7) & ~UINT64_C(7);
}

void segment_header_write(const struct segment_header *h, unsigned char out[SEGMENT_HEADER]);
/* 0; -1: not ours or damaged; -2: of a newer version (*version set). Every version begins as this one: magic, version, CRC of 64 bytes. */
int segment_header_read(const unsigned char in[SEGMENT_HEADER], struct segment_header *h, uint32_t *version) MUST_USE;
/* What the CRCs of this segment's record headers begin with. */
uint32_t segment_seed(uint64_t salt);

/* Bytes of payload; 0: more than a log takes (META_MAX, RECORD_MAX). */
uint32_t record_payload(const struct store_record *r);
/* Appends header and meta of `r`, under the segment's seed; what follows them in the file is the sidecar, padded, and the body, padded. */
void record_write(const struct store_record *r, uint32_t seed, struct strbuf *out);
/* Fills `r` from header and meta; *sidecar: bytes of the sidecar before the body. -1: lengths that do not fit. */
int store_meta_read(const struct record_header *h, slice meta, struct store_record *r, uint32_t *sidecar) MUST_USE;

/* False: magic, CRC or a length is wrong; such a place is no record. */
bool record_header_read(const unsigned char in[RECORD_HEADER], uint32_t seed, struct record_header *h);
/* The seed under which these bytes would be a header: false when the rest of it makes no sense. It is one if its meta bears witness. */
bool record_header_guess(const unsigned char in[RECORD_HEADER], uint32_t *seed, struct record_header *h);
bool record_meta_is_witness(const unsigned char in[RECORD_HEADER], const struct record_header *h, slice meta);
/* Bytes in the file: header, payload, padding. */
static inline uint64_t record_size(uint32_t payload_len)
{
	return RECORD_HEADER + store_pad8(payload_len);
}
bool record_meta_is_sound(const struct record_header *h, slice meta);
bool record_rest_is_sound(const struct record_header *h, slice sidecar, slice body);

/* Names joined for `routes`. */
void routes_add(struct strbuf *out, slice name);
/* Takes the next name off `routes`; false at the end. */
bool routes_next(slice *routes, slice *name);
bool routes_have(slice routes, slice name);

static inline void store_put32(unsigned char *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}
static inline void store_put64(unsigned char *p, uint64_t v)
{
	store_put32(p, (uint32_t)v);
	store_put32(p + 4, (uint32_t)(v >> 32));
}
static inline uint32_t store_get32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t store_get64(const unsigned char *p)
{
	return store_get32(p) | (uint64_t)store_get32(p + 4) << 32;
}
