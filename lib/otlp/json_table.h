/* json_table.h - what both directions of the JSON codec know about the schema (lib/otlp only).
 *
 * Built once, on first use, from the protobuf-c descriptors of lib/otlp/schema/, so that a field that is in
 * the schema is in JSON. Immutable afterwards and shared by all threads. Names are looked up by a hash
 * whose multiplier is searched for when the table is built, until no two names of a message share a slot.
 */
#pragma once
#include <protobuf-c/protobuf-c.h>

#include "lib/base/base.h"
#include "lib/otlp/encode.h"

enum { JSON_NAME_MAX = 32, JSON_KEY_MAX = 48, JSON_NUMBER_MAX = 32, JSON_FIELDS_MAX = 24, JSON_MESSAGES_MAX = 64 };

enum json_kind {
	J_MESSAGE,
	J_STRING,
	J_BYTES,
	J_ID, /* trace_id, span_id, parent_span_id: hex instead of base64 */
	J_BOOL,
	J_ENUM,
	J_INT32,
	J_SINT32,
	J_UINT32,
	J_FIXED32,
	J_SFIXED32,
	J_INT64,
	J_SINT64,
	J_UINT64,
	J_FIXED64,
	J_SFIXED64,
	J_FLOAT,
	J_DOUBLE,
};

struct json_field {
	slice key; /* lowerCamelCase with quotes and colon: `"traceId":`; readable for JSON_KEY_MAX bytes */
	const struct json_message *message; /* of J_MESSAGE */
	const ProtobufCEnumDescriptor *values; /* of J_ENUM */
	uint32_t number;
	uint8_t kind;
	uint8_t wire_type; /* of one value, not packed */
	uint8_t index; /* in json_message.fields */
	uint8_t oneof; /* 0: none; equal for members of the same oneof */
	bool repeated;
	bool packed; /* written packed; both forms are read */
	uint8_t id_len; /* of J_ID: 16 or 8 */
	uint8_t tag_len;
	char tag[2]; /* the wire tag with the type this field is written in */
};

/* A name as four overlapping words, which are equal exactly when names of at most 32 bytes are. */
struct json_name {
	uint64_t word[4];
	uint8_t len, field;
};

struct json_message {
	const ProtobufCMessageDescriptor *desc;
	struct json_field *fields; /* ascending numbers, as in the descriptor */
	uint8_t n_fields;
	uint8_t id; /* index of this table */
	uint8_t n_names, shift;
	uint8_t by_number[JSON_NUMBER_MAX]; /* index into fields, plus one */
	uint64_t mult;
	uint8_t slots[256]; /* index into names, plus one */
	struct json_name names[2 * JSON_FIELDS_MAX]; /* lowerCamelCase and, where it differs, snake_case */
};

/* The table of the signal's Export*ServiceRequest. */
const struct json_message *json_request(enum signal signal);
/* The table of any message that a request, a response or google.rpc.Status is made of. Never NULL. */
const struct json_message *json_message_of(const ProtobufCMessageDescriptor *desc);

static inline uint64_t json_load(const char *p, size_t n)
{
	uint64_t v = 0;
	memcpy(&v, p, n);
	return v;
}

/* Fills word[]; len is 1 to 32. Reads nothing outside of the name. */
static inline void json_name_words(const char *p, size_t len, uint64_t word[4])
{
	if (len >= 8) {
		bool more = len > 16;
		word[0] = json_load(p, 8);
		word[1] = json_load(p + len - 8, 8);
		word[2] = more ? json_load(p + 8, 8) : 0;
		word[3] = more ? json_load(p + len - 16, 8) : 0;
		return;
	}
	word[2] = word[3] = 0;
	if (len >= 4) {
		word[0] = json_load(p, 4);
		word[1] = json_load(p + len - 4, 4);
		return;
	}
	word[0] = (uint64_t)(uint8_t)p[0] | (uint64_t)(uint8_t)p[len / 2] << 8 | (uint64_t)(uint8_t)p[len - 1] << 16;
	word[1] = 0;
}

static inline size_t json_name_slot(const struct json_message *m, const uint64_t word[4], size_t len)
{
	return (size_t)(((word[0] ^ (word[1] << 21 | word[1] >> 43) ^ len << 5) * m->mult) >> m->shift);
}

/* NULL when the message has no such field. */
static inline const struct json_field *json_field_named(const struct json_message *m, const char *p, size_t len)
{
	uint64_t word[4];
	if (len == 0 || len > JSON_NAME_MAX)
		return NULL;
	json_name_words(p, len, word);
	unsigned at = m->slots[json_name_slot(m, word, len)];
	if (at == 0)
		return NULL;
	const struct json_name *n = &m->names[at - 1];
	bool same = n->len == len && n->word[0] == word[0] && n->word[1] == word[1] && n->word[2] == word[2] &&
	        n->word[3] == word[3];
	return same ? &m->fields[n->field] : NULL;
}

static inline const struct json_field *json_field_numbered(const struct json_message *m, uint64_t number)
{
	unsigned at = number < JSON_NUMBER_MAX ? m->by_number[number] : 0;
	return at ? &m->fields[at - 1] : NULL;
}
