/* store_format.h - the bytes of the segment log, version 1: pure functions, no I/O.
 *
 * All numbers are little endian, everything begins at a multiple of 8.
 *
 *	segment  seg-%016x.log: a file header of 64 bytes, then records up to the first header that is not valid
 *	record   a header of 40 bytes, then the payload (meta, body), then zeros up to a multiple of 8
 *	meta     members {u16 type, u16 zero, u32 length, bytes}; those of an unknown type are skipped
 *
 * The CRC of a record's header is seeded with the segment's salt, so that bytes of an older file in the same blocks never look like a
 * record. A payload that is damaged under a sound header is skipped exactly and its items are known; behind a damaged header the next
 * sound one with a larger sequence number is looked for. Names stand in the meta as they are: a log can be read without anything else.
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

struct segment_header {
	uint64_t number, salt, first_seq;
	uint64_t prev_number, prev_end; /* the segment before, and where its sound part ended; 0, 0: there was none */
};

enum store_type { STORE_RECORD = 1, STORE_LETTER = 2 /* a dead letter */ };

/* What a record header says. */
struct record_header {
	uint64_t seq;
	uint32_t payload_len, payload_crc, meta_len, n_items;
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
	int64_t arrival_wall_ns;
	slice pipeline, partition, sidecar, body;
	slice routes; /* names of the exporters it is for: see routes_next; of a letter the one exporter */
	/* letters only */
	slice reason; /* "bad_request", "too_large" .. */
	slice text; /* what the backend said, at most 1 KiB */
};

void segment_header_write(const struct segment_header *h, unsigned char out[SEGMENT_HEADER]);
/* 0; -1: not ours or damaged; -2: of a newer version (*version set). */
int segment_header_read(const unsigned char in[SEGMENT_HEADER], struct segment_header *h, uint32_t *version) MUST_USE;

/* Appends the meta of `r` to `out` (cleared first). */
void store_meta_write(const struct store_record *r, struct strbuf *out);
/* Fills `r` from meta, body and header. -1: lengths that do not fit. */
int store_meta_read(const struct record_header *h, slice meta, slice body, struct store_record *r) MUST_USE;

/* The header for this meta and body under a segment's salt. */
void record_header_write(
        const struct store_record *r, slice meta, slice body, uint64_t salt, unsigned char out[RECORD_HEADER]);
/* False: magic, CRC or a length is wrong; such a place is no record. */
bool record_header_read(const unsigned char in[RECORD_HEADER], uint64_t salt, struct record_header *h);
/* Bytes in the file: header, payload, padding. */
static inline uint64_t record_size(uint32_t payload_len)
{
	return RECORD_HEADER + (((uint64_t)payload_len + 7) & ~UINT64_C(7));
}
bool record_payload_is_sound(const struct record_header *h, slice payload);

/* Names joined for `routes`. */
void routes_add(struct strbuf *out, slice name);
/* Takes the next name off `routes`; false at the end. */
bool routes_next(slice *routes, slice *name);
bool routes_have(slice routes, slice name);
