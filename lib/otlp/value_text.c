/* value_text.c - see value_text.h. Recursion follows the nesting of the value, which the scan bounds by
 * OTLP_ANYVALUE_DEPTH; a deeper value (only possible in a refused span) is cut off there. */
#include "lib/otlp/value_text.h"

#include "lib/base/json_scan.h"
#include "lib/base/parse.h"
#include "lib/otlp/json_number.h"

/* Most strings need no escapes; they were checked for UTF-8 when they were scanned. */
static void add_quoted(struct strbuf *out, slice s)
{
	bool high = false;
	char *to = s.len && scan_text(s.p, s.p + s.len, &high) == s.p + s.len ? strbuf_room(out, s.len + 2) : NULL;
	if (to) {
		to[0] = '"';
		memcpy(to + 1, s.p, s.len);
		to[s.len + 1] = '"';
		out->len += s.len + 2;
		return;
	}
	strbuf_addc(out, '"');
	strbuf_add_json(out, s);
	strbuf_addc(out, '"');
}

static void add_int(struct strbuf *out, int64_t i)
{
	char number[NUMBER_TEXT_MAX];
	uint64_t magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
	if (i < 0)
		strbuf_addc(out, '-');
	strbuf_add(out, (slice){ number, number_print_u64(magnitude, number) });
}

static void add_base64(struct strbuf *out, slice s)
{
	struct arena a;
	arena_init(&a);
	strbuf_adds(out, format_base64(&a, s));
	arena_release(&a);
}

static void add_json(struct strbuf *out, const struct value *v, unsigned depth);

static void add_members(struct strbuf *out, const struct value *v, unsigned depth)
{
	bool is_map = v->type == V_KVLIST, first = true;
	slice at = v->s, key;
	struct value item;
	strbuf_addc(out, is_map ? '{' : '[');
	while (depth < OTLP_ANYVALUE_DEPTH && value_next(&at, v->type, &key, &item)) {
		if (!first)
			strbuf_addc(out, ',');
		first = false;
		if (is_map) {
			add_quoted(out, key);
			strbuf_addc(out, ':');
		}
		add_json(out, &item, depth + 1);
	}
	strbuf_addc(out, is_map ? '}' : ']');
}

static void add_json(struct strbuf *out, const struct value *v, unsigned depth)
{
	char number[NUMBER_TEXT_MAX];
	switch (v->type) {
	case V_EMPTY:
		strbuf_adds(out, "null");
		break;
	case V_STRING:
		add_quoted(out, v->s);
		break;
	case V_BOOL:
		strbuf_adds(out, v->b ? "true" : "false");
		break;
	case V_INT:
		add_int(out, v->i);
		break;
	case V_DOUBLE:
		strbuf_add(out, (slice){ number, number_print(v->d, number) });
		break;
	case V_BYTES:
		strbuf_addc(out, '"');
		add_base64(out, v->s);
		strbuf_addc(out, '"');
		break;
	case V_ARRAY:
	case V_KVLIST:
		add_members(out, v, depth);
		break;
	}
}

void value_text(struct strbuf *out, const struct value *v)
{
	char number[NUMBER_TEXT_MAX];
	slice text = { number, 0 };
	if (v->type == V_STRING) {
		strbuf_add(out, v->s);
	} else if (v->type == V_BYTES) {
		add_base64(out, v->s);
	} else if (v->type == V_DOUBLE) {
		text.len = number_print(v->d, number);
		if (number[0] == '"')
			text = (slice){ number + 1, text.len - 2 };
		strbuf_add(out, text);
	} else if (v->type != V_EMPTY) {
		add_json(out, v, 0);
	}
}
