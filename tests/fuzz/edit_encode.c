/* edit_encode.c - a script of edits (8 bytes) on a request (the rest): what is encoded reads as the edited index. */
#include "lib/otlp/edit.h"
#include "lib/otlp/encode.h"
#define REQUIRE(x) ((x) ? (void)0 : __builtin_trap())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_attrs(const struct attrs *x, const struct attrs *y)
{
	const struct attr *a = attrs_first(x), *b = attrs_first(y);
	for (; a && b; a = attrs_next(a), b = attrs_next(b))
		REQUIRE(slice_eq(a->key, b->key) && a->value.type == b->value.type &&
		        (a->value.type != V_STRING || slice_eq(a->value.s, b->value.s)));
	REQUIRE(!a && !b && x->n == y->n);
}

static void edit(struct traces *t, struct span *s, uint8_t op)
{
	static const char keys[] = "abcdgen_ai.system";
	slice key = { keys + op % 4, op % 16 };
	struct attrs *as = op & 64 ? &s->scope->attrs : op & 32 ? &s->scope->resource->attrs : &s->attrs;
	struct attr *first = attrs_first(as);
	if (op % 8 == 0)
		span_filter(t, s, 1);
	else if (op % 8 == 1)
		attr_set_str(t, &event_add(t, s, op, key)->attrs, key, key);
	else if (op % 8 == 2)
		span_set_status(t, s, op % 3, key);
	else if (op % 8 == 3 && first)
		attr_rename(t, as, first, key);
	else if (op % 8 == 4 && first)
		attr_delete(t, as, first);
	else
		attr_set_int(t, as, key, op);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct traces t, t2;
	struct scan_report r;
	struct err e;
	if (size < 8)
		return 0;
	struct buf *body = buf_copy(NULL, (slice){ (const char *)data + 8, size - 8 });
	int rc = traces_scan(&t, body, NULL, NULL, &r, &e);
	buf_unref(body);
	if (rc)
		return 0;
	struct span *s = traces_first_span(&t), *next;
	for (size_t i = 0; s && i < 8; i++, s = next ? next : traces_first_span(&t)) {
		next = traces_next_span(&t, s);
		edit(&t, s, data[i]);
	}
	struct buf *out = traces_encode(&t, NULL);
	REQUIRE(out && traces_scan(&t2, out, NULL, NULL, &r, &e) == 0 && r.n_refused == 0 && r.n_spans == t.n_kept);
	struct span *b = traces_first_span(&t2);
	for (s = traces_first_span(&t); s; s = traces_next_span(&t, s), b = traces_next_span(&t2, b)) {
		REQUIRE(b && slice_eq(s->name, b->name) && slice_eq(s->status_message, b->status_message));
		same_attrs(&s->attrs, &b->attrs);
		same_attrs(&s->scope->attrs, &b->scope->attrs);
		same_attrs(&s->scope->resource->attrs, &b->scope->resource->attrs);
	}
	REQUIRE(!b);
	traces_release(&t2);
	traces_release(&t);
	buf_unref(out);
	return 0;
}
