/* test_json_suite_random.c - random requests of all signals, both ways, against protobuf-c and jansson.
 *
 * Messages are made from the descriptors alone, so every field of the schema takes part. protobuf-c packs them
 * and says what bytes mean; jansson parses what we write. A second writer here spells the same message as
 * sloppy clients do (snake_case, numbers for strings, enum names, nulls, unknown fields, white space).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/arena.h"
#include "lib/base/parse.h"
#include "lib/base/strbuf.h"
#include "lib/base/utf8.h"
#include "lib/otlp/json.h"
#include "lib/otlp/schema/logs_service.pb-c.h"
#include "lib/otlp/schema/metrics_service.pb-c.h"
#include "lib/otlp/schema/trace_service.pb-c.h"
#include "lib/otlp/wire.h"

enum { DEPTH = 24, ROUNDS = 1500, ROOM = 1 << 24 };

static const struct {
	enum signal signal;
	const ProtobufCMessageDescriptor *desc;
} signals[] = {
	{ TRACES, &opentelemetry__proto__collector__trace__v1__export_trace_service_request__descriptor },
	{ LOGS, &opentelemetry__proto__collector__logs__v1__export_logs_service_request__descriptor },
	{ METRICS, &opentelemetry__proto__collector__metrics__v1__export_metrics_service_request__descriptor },
};

struct rig {
	uint64_t seed;
	struct arena arena;
	int budget; /* messages yet to make */
	size_t n_bytes; /* made so far */
};

static uint64_t rnd(struct rig *r, uint64_t n)
{
	r->seed ^= r->seed << 13, r->seed ^= r->seed >> 7, r->seed ^= r->seed << 17;
	return (r->seed * 0x2545f4914f6cdd1du >> 20) % n;
}

static uint64_t rnd_bits(struct rig *r)
{
	uint64_t v = rnd(r, UINT64_C(1) << 44) << 20 ^ rnd(r, UINT64_C(1) << 44);
	return rnd(r, 4) == 0 ? 0 : v >> rnd(r, 64);
}

static double rnd_double(struct rig *r)
{
	static const double special[] = { 0, -0.0, 1, -1.5, 0.1, 1e22, 1e23, 5e-324, 1.7976931348623157e308, INFINITY,
		-INFINITY };
	double d;
	uint64_t bits = rnd(r, UINT64_C(1) << 44) << 20 ^ rnd(r, UINT64_C(1) << 44);
	if (rnd(r, 2))
		return special[rnd(r, COUNTOF(special))];
	memcpy(&d, &bits, sizeof(d));
	return isnan(d) ? NAN : d;
}

static char *rnd_string(struct rig *r)
{
	size_t n = rnd(r, 8) ? rnd(r, 20) : rnd(r, 400);
	char *s = arena_alloc(&r->arena, 4 * n + 1), *w = s;
	for (size_t i = 0; i < n; i++) {
		uint32_t cp = (uint32_t)(rnd(r, 8) ? 32 + rnd(r, 95)
		                : rnd(r, 2)        ? 1 + rnd(r, 0xd7ff)
		                                   : 0x10000 + rnd(r, 0x100000));
		w += utf8_put(cp, w);
	}
	*w = 0;
	return s;
}

static ProtobufCBinaryData rnd_bytes(struct rig *r, size_t n)
{
	ProtobufCBinaryData b = { n, arena_alloc(&r->arena, n + 1) };
	for (size_t i = 0; i < n; i++)
		b.data[i] = (uint8_t)rnd(r, 256);
	return b;
}

static bool is_id(const ProtobufCFieldDescriptor *f)
{
	return f->type == PROTOBUF_C_TYPE_BYTES && strstr(f->name, "_id");
}

static size_t size_of(const ProtobufCFieldDescriptor *f)
{
	switch ((int)f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
	case PROTOBUF_C_TYPE_STRING:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	default:
		return 4;
	}
}

static ProtobufCMessage *make(struct rig *r, const ProtobufCMessageDescriptor *d, int depth);

static void make_value(struct rig *r, const ProtobufCFieldDescriptor *f, void *at, int depth)
{
	uint64_t bits = rnd_bits(r);
	const ProtobufCEnumDescriptor *e = f->descriptor;
	double d = rnd_double(r);
	int32_t number;
	if (d == 0 && f->label == PROTOBUF_C_LABEL_NONE && !(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
		d = 0; /* protobuf-c takes -0.0 for the default, as no other implementation does */

	switch ((int)f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)at = make(r, f->descriptor, depth + 1);
		return;
	case PROTOBUF_C_TYPE_STRING:
		*(char **)at = rnd_string(r);
		return;
	case PROTOBUF_C_TYPE_BYTES:
		*(ProtobufCBinaryData *)at =
		        rnd_bytes(r, is_id(f) ? (strstr(f->name, "trace") ? 16 : 8) * rnd(r, 2) : rnd(r, 40));
		return;
	case PROTOBUF_C_TYPE_ENUM:
		number = rnd(r, 4) ? e->values[rnd(r, e->n_values)].value : (int32_t)bits;
		memcpy(at, &number, sizeof(number));
		return;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = bits & 1;
		return;
	case PROTOBUF_C_TYPE_DOUBLE:
		memcpy(at, &d, sizeof(d));
		return;
	default:
		memcpy(at, &bits, size_of(f));
		return;
	}
}

static void make_repeated(struct rig *r, const ProtobufCFieldDescriptor *f, char *m, int depth)
{
	size_t n = rnd(r, 4), size = size_of(f);
	char *values = arena_zalloc(&r->arena, n * size + 1);
	for (size_t i = 0; i < n; i++)
		make_value(r, f, values + i * size, depth);
	*(size_t *)(void *)(m + f->quantifier_offset) = n;
	*(void **)(void *)(m + f->offset) = n ? values : NULL;
}

/* Fields left at what init says are absent: 0, NULL, the empty string. */
static ProtobufCMessage *make(struct rig *r, const ProtobufCMessageDescriptor *d, int depth)
{
	char *m = arena_zalloc(&r->arena, d->sizeof_message);
	protobuf_c_message_init(d, m);
	r->budget--;
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		bool oneof = f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
		if (f->type == PROTOBUF_C_TYPE_MESSAGE && (depth >= DEPTH || r->budget <= 0))
			continue;
		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			make_repeated(r, f, m, depth);
		} else if (oneof && rnd(r, 3) == 0) {
			*(uint32_t *)(void *)(m + f->quantifier_offset) = f->id;
			memset(m + f->offset, 0, size_of(f));
			make_value(r, f, m + f->offset, depth);
		} else if (!oneof && rnd(r, 3)) {
			make_value(r, f, m + f->offset, depth);
		}
	}
	return (ProtobufCMessage *)(void *)m;
}

/* The number of an integer field, as text. */
static const char *integer_text(struct rig *r, const ProtobufCFieldDescriptor *f, const void *at)
{
	int64_t i64;
	int32_t i32;
	memcpy(&i32, at, 4);
	if (size_of(f) == 4) {
		bool is_unsigned = f->type == PROTOBUF_C_TYPE_UINT32 || f->type == PROTOBUF_C_TYPE_FIXED32;
		return is_unsigned ? arena_printf(&r->arena, "%u", (unsigned)i32) : arena_printf(&r->arena, "%d", i32);
	}
	memcpy(&i64, at, 8);
	bool is_unsigned = f->type == PROTOBUF_C_TYPE_UINT64 || f->type == PROTOBUF_C_TYPE_FIXED64;
	return arena_printf(&r->arena, is_unsigned ? "%llu" : "%lld", (long long)i64);
}

static const char *const spaces[] = { "", "", "", " ", "\n\t ", "  \r\n" };

static void gap(struct rig *r, struct strbuf *b)
{
	strbuf_adds(b, spaces[rnd(r, COUNTOF(spaces))]);
}

static void spell(struct rig *r, struct strbuf *b, const ProtobufCMessage *m);

/* By jansson, with or without escapes for everything. */
static void spell_string(struct rig *r, struct strbuf *b, const char *s)
{
	json_t *j = json_string(s);
	char *text = json_dumps(
	        j, JSON_ENCODE_ANY | (rnd(r, 2) ? JSON_ENSURE_ASCII : 0) | (rnd(r, 2) ? JSON_ESCAPE_SLASH : 0));
	assert_non_null(text);
	strbuf_adds(b, text);
	free(text);
	json_decref(j);
}

static void spell_bytes(
        struct rig *r, struct strbuf *b, const ProtobufCFieldDescriptor *f, const ProtobufCBinaryData *d)
{
	char *hex = arena_alloc(&r->arena, 2 * d->len + 1);
	slice s = { d->len ? (const char *)d->data : "", d->len };
	format_hex(s.p, s.len, hex);
	for (char *p = hex; *p && rnd(r, 2); p++)
		*p = *p >= 'a' ? (char)(*p - 32) : *p;
	spell_string(r, b, is_id(f) ? hex : format_base64(&r->arena, s));
}

static void spell_double(struct rig *r, struct strbuf *b, double d)
{
	const char *quote = rnd(r, 4) ? "" : "\"";
	if (isfinite(d))
		strbuf_addf(b, "%s%.17g%s", quote, d, quote);
	else
		strbuf_adds(b, isnan(d) ? "\"NaN\"" : d > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

static void spell_value(struct rig *r, struct strbuf *b, const ProtobufCFieldDescriptor *f, const void *at)
{
	double d;
	int32_t number;
	switch ((int)f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		spell(r, b, *(ProtobufCMessage *const *)at);
		return;
	case PROTOBUF_C_TYPE_STRING:
		spell_string(r, b, *(char *const *)at);
		return;
	case PROTOBUF_C_TYPE_BYTES:
		spell_bytes(r, b, f, at);
		return;
	case PROTOBUF_C_TYPE_BOOL:
		strbuf_adds(b, *(const protobuf_c_boolean *)at ? "true" : "false");
		return;
	case PROTOBUF_C_TYPE_DOUBLE:
		memcpy(&d, at, sizeof(d));
		spell_double(r, b, d);
		return;
	case PROTOBUF_C_TYPE_ENUM:
		memcpy(&number, at, sizeof(number));
		const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(f->descriptor, number);
		if (v && rnd(r, 2))
			strbuf_addf(b, "\"%s\"", v->name);
		else
			strbuf_addf(b, "%d", number);
		return;
	default:
		strbuf_addf(b, rnd(r, 2) ? "\"%s\"" : "%s", integer_text(r, f, at));
		return;
	}
}

static void spell_name(struct rig *r, struct strbuf *b, const char *snake)
{
	bool keep = rnd(r, 4) == 0;
	strbuf_addc(b, '"');
	for (const char *p = snake; *p; p++)
		strbuf_addc(b, !keep && *p == '_' ? (char)(*++p - 32) : *p);
	strbuf_addc(b, '"');
	gap(r, b);
	strbuf_addc(b, ':');
	gap(r, b);
}

static bool is_set(const ProtobufCFieldDescriptor *f, const char *m)
{
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return *(const size_t *)(const void *)(m + f->quantifier_offset) > 0;
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return *(const uint32_t *)(const void *)(m + f->quantifier_offset) == f->id;
	return f->type != PROTOBUF_C_TYPE_MESSAGE || *(void *const *)(const void *)(m + f->offset);
}

static void spell_repeated(struct rig *r, struct strbuf *b, const ProtobufCFieldDescriptor *f, const char *m)
{
	size_t n = *(const size_t *)(const void *)(m + f->quantifier_offset);
	const char *values = *(char *const *)(const void *)(m + f->offset);
	strbuf_addc(b, '[');
	for (size_t i = 0; i < n; i++) {
		strbuf_adds(b, i ? "," : "");
		gap(r, b);
		spell_value(r, b, f, values + i * size_of(f));
		gap(r, b);
	}
	strbuf_addc(b, ']');
}

static void spell(struct rig *r, struct strbuf *b, const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *d = message->descriptor;
	const char *m = (const char *)message, *comma = "";
	strbuf_addc(b, '{');
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		if (rnd(r, 40) == 0) {
			strbuf_addf(b, "%s\"unknown%u\":[{\"a\":\"\\n\"},-1.5e3,null]", comma, i);
			comma = ",";
		}
		bool set = is_set(f, m);
		if (!set && rnd(r, 20))
			continue;
		strbuf_adds(b, comma);
		comma = ",";
		gap(r, b);
		spell_name(r, b, f->name);
		if (!set)
			strbuf_adds(b, "null");
		else if (f->label == PROTOBUF_C_LABEL_REPEATED)
			spell_repeated(r, b, f, m);
		else
			spell_value(r, b, f, m + f->offset);
		gap(r, b);
	}
	strbuf_addc(b, '}');
}

static void compare(struct rig *r, const json_t *j, const ProtobufCMessage *message);

/* Each kind of field has exactly one right form in what we write. */
static void compare_value(struct rig *r, const json_t *j, const ProtobufCFieldDescriptor *f, const void *at)
{
	double d;
	switch ((int)f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		compare(r, j, *(ProtobufCMessage *const *)at);
		break;
	case PROTOBUF_C_TYPE_STRING:
		assert_true(json_is_string(j));
		assert_string_equal(json_string_value(j), *(char *const *)at);
		break;
	case PROTOBUF_C_TYPE_BYTES: {
		const ProtobufCBinaryData *data = at;
		slice s = { data->len ? (const char *)data->data : "", data->len };
		char *text = is_id(f) ? arena_alloc(&r->arena, 2 * s.len + 1) : format_base64(&r->arena, s);
		if (is_id(f))
			format_hex(s.p, s.len, text);
		assert_string_equal(json_string_value(j), text);
		break;
	}
	case PROTOBUF_C_TYPE_BOOL:
		assert_true(json_is_boolean(j) && json_is_true(j) == (*(const protobuf_c_boolean *)at != 0));
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		memcpy(&d, at, sizeof(d));
		if (isfinite(d))
			assert_true(json_is_number(j) && json_number_value(j) == d);
		else
			assert_string_equal(json_string_value(j), isnan(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity");
		break;
	default:
		if (size_of(f) == 8)
			assert_string_equal(json_string_value(j), integer_text(r, f, at));
		else
			assert_true(json_is_integer(j) &&
			        json_integer_value(j) == strtoll(integer_text(r, f, at), NULL, 10));
		break;
	}
}

static bool is_default(const ProtobufCFieldDescriptor *f, const void *at)
{
	static const char zero[8];
	if (f->type == PROTOBUF_C_TYPE_STRING)
		return **(char *const *)at == 0;
	if (f->type == PROTOBUF_C_TYPE_BYTES)
		return ((const ProtobufCBinaryData *)at)->len == 0;
	return f->type != PROTOBUF_C_TYPE_MESSAGE && memcmp(at, zero, size_of(f)) == 0;
}

static void compare(struct rig *r, const json_t *j, const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *d = message->descriptor;
	const char *m = (const char *)message;
	size_t n_members = 0;
	assert_true(json_is_object(j));
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		char name[64], *w = name;
		for (const char *p = f->name; *p; p++)
			*w++ = *p == '_' ? (char)(*++p - 32) : *p;
		*w = 0;
		const json_t *member = json_object_get(j, name);
		bool expected = is_set(f, m);
		if (f->label == PROTOBUF_C_LABEL_NONE && !(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
			expected = expected && !is_default(f, m + f->offset);
		if (expected != (member != NULL))
			fail_msg("%s.%s", d->name, name);
		if (!expected)
			continue;
		n_members++;
		if (f->label != PROTOBUF_C_LABEL_REPEATED) {
			compare_value(r, member, f, m + f->offset);
			continue;
		}
		size_t n = *(const size_t *)(const void *)(m + f->quantifier_offset);
		assert_int_equal(json_array_size(member), n);
		for (size_t k = 0; k < n; k++)
			compare_value(r, json_array_get(member, k), f,
			        *(char *const *)(const void *)(m + f->offset) + k * size_of(f));
	}
	assert_int_equal(json_object_size(j), n_members);
}

static slice pack(struct rig *r, const ProtobufCMessage *m)
{
	uint8_t *p = arena_alloc(&r->arena, protobuf_c_message_get_packed_size(m) + 1);
	return (slice){ (const char *)p, protobuf_c_message_pack(m, p) };
}

/* What `body` means, in canonical bytes. */
static slice repack(struct rig *r, const ProtobufCMessageDescriptor *desc, slice body)
{
	ProtobufCMessage *m = protobuf_c_message_unpack(desc, NULL, body.len, (const uint8_t *)body.p);
	assert_non_null(m);
	slice s = pack(r, m);
	protobuf_c_message_free_unpacked(m, NULL);
	return s;
}

static struct buf *read_json(enum signal signal, slice json)
{
	struct buf *out = NULL;
	struct err e = { .text = "" };
	uint64_t n_utf8 = 0;
	if (json_to_otlp(signal, json, NULL, &out, &n_utf8, &e) != 0)
		fail_msg("%s\n%.*s", e.text, SLICE_ARG(json));
	assert_int_equal(n_utf8, 0);
	return out;
}

static slice scatter(struct rig *r, const ProtobufCMessageDescriptor *d, slice body, int depth);

/* The field, or for a singular message now and then two that merge to it (members of oneofs excepted: protobuf-c
 * replaces where all others merge). */
static char *scatter_field(
        struct rig *r, const ProtobufCFieldDescriptor *f, const struct wire_field *w, char *o, int depth)
{
	if (f->type != PROTOBUF_C_TYPE_MESSAGE)
		return wire_put_bytes(o, w->raw);
	slice content = scatter(r, f->descriptor, w->content, depth + 1), first = { content.p, 0 };
	struct wire_field inner;
	bool oneof = f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
	if (f->label != PROTOBUF_C_LABEL_REPEATED && !oneof && rnd(r, 2)) {
		while (content.len && rnd(r, 3) && wire_next(&content, &inner))
			first.len += inner.raw.len;
		o = wire_put_field(o, w->tag, first);
	}
	return wire_put_field(o, w->tag, content);
}

/* Bytes that mean the same: neighbours of different fields change places, singular messages come in pieces. */
static slice scatter(struct rig *r, const ProtobufCMessageDescriptor *d, slice body, int depth)
{
	struct wire_field *fields = arena_alloc(&r->arena, (body.len + 1) * sizeof(*fields));
	char *out = arena_alloc(&r->arena, 4 * body.len + 16), *o = out;
	size_t n = 0;
	for (slice at = body; at.len; n++)
		assert_true(wire_next(&at, &fields[n]));
	for (size_t swaps = n > 1 && depth < 12 ? 2 * n : 0; swaps > 0; swaps--) {
		size_t i = rnd(r, n - 1);
		struct wire_field f = fields[i];
		if (f.tag == fields[i + 1].tag)
			continue;
		fields[i] = fields[i + 1];
		fields[i + 1] = f;
	}
	for (size_t i = 0; i < n; i++) {
		const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(d, fields[i].tag >> 3);
		assert_non_null(f);
		o = scatter_field(r, f, &fields[i], o, depth);
	}
	return (slice){ out, (size_t)(o - out) };
}

/* Fields in any order and messages in pieces are the same JSON but for the order of members. */
static void one_scattered(struct rig *r, enum signal signal, const ProtobufCMessageDescriptor *desc)
{
	arena_init(&r->arena);
	r->budget = 60;
	slice wire = pack(r, make(r, desc, 0)), mixed = scatter(r, desc, wire, 0);
	/* protobuf-c is not asked about `mixed`: it refuses some merges that Python reads as equal to `wire` */
	struct buf *json = NULL;
	json_error_t e;
	assert_int_equal(otlp_to_json(signal, mixed, NULL, &json), 0);
	json_t *tree = json_loadb(json->data, json->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
	if (!tree)
		fail_msg("%s: %.*s", e.text, (int)json->len, json->data);
	json_decref(tree);
	struct buf *back = read_json(signal, buf_slice(json));
	assert_true(slice_eq(repack(r, desc, buf_slice(back)), wire));
	buf_unref(back);
	buf_unref(json);
	arena_release(&r->arena);
}

static void scattered_requests(void **state UNUSED)
{
	struct rig r = { .seed = (uint64_t)time(NULL) * 2654435761u | 1 };
	print_message("seed %llu\n", (unsigned long long)r.seed);
	for (int i = 0; i < ROUNDS; i++)
		one_scattered(&r, signals[i % 3].signal, signals[i % 3].desc);
}

static void one_round(struct rig *r, enum signal signal, const ProtobufCMessageDescriptor *desc)
{
	arena_init(&r->arena);
	r->budget = 400;
	ProtobufCMessage *m = make(r, desc, 0);
	slice wire = pack(r, m);
	r->n_bytes += wire.len;

	struct buf *json = NULL;
	json_error_t e;
	assert_int_equal(otlp_to_json(signal, wire, NULL, &json), 0);
	assert_null(memchr(json->data, '\n', json->len));
	json_t *tree = json_loadb(json->data, json->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
	if (!tree)
		fail_msg("%s: %.*s", e.text, (int)json->len, json->data);
	compare(r, tree, m);
	json_decref(tree);
	struct buf *back = read_json(signal, buf_slice(json)), *again = NULL;
	assert_true(slice_eq(buf_slice(back), wire));
	buf_unref(back);

	struct strbuf b;
	strbuf_init(&b, ROOM);
	spell(r, &b, m);
	assert_false(b.failed);
	back = read_json(signal, strbuf_slice(&b));
	assert_true(slice_eq(repack(r, desc, buf_slice(back)), wire));
	assert_int_equal(otlp_to_json(signal, buf_slice(back), NULL, &again), 0);
	assert_true(slice_eq(buf_slice(again), buf_slice(json)));
	strbuf_release(&b);
	buf_unref(back);
	buf_unref(again);
	buf_unref(json);
	arena_release(&r->arena);
}

static void random_requests(void **state UNUSED)
{
	struct rig r = { .seed = (uint64_t)time(NULL) * 2654435761u | 1 };
	print_message("seed %llu\n", (unsigned long long)r.seed);
	for (int i = 0; i < ROUNDS; i++)
		one_round(&r, signals[i % 3].signal, signals[i % 3].desc);
	assert_true(r.n_bytes > 1000 * ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_requests), cmocka_unit_test(scattered_requests) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
