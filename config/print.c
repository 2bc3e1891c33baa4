/* print.c - the merged, expanded config written as YAML, by libyaml's emitter.
 *
 * What a later run reads must mean the same: quoted text stays quoted, everything else is written plain. Comments,
 * anchors and the order of merged files are gone. Secrets are those that the option tables named while the plan was
 * loaded.
 */
#include <yaml.h>

#include "config/plan.h"
#include "lib/base/strbuf.h"

struct writer {
	yaml_emitter_t emitter;
	bool unredacted;
};

static int write_out(void *out, unsigned char *p, size_t n)
{
	return strbuf_add(out, (slice){ (const char *)p, n }) == 0;
}

static bool emit(struct writer *w, yaml_event_t *e)
{
	return yaml_emitter_emit(&w->emitter, e);
}

static bool emit_text(struct writer *w, slice s, yaml_scalar_style_t style)
{
	yaml_event_t e;
	const char *p = s.p ? s.p : "";
	bool plain = style == YAML_PLAIN_SCALAR_STYLE;
	return yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)p, (int)s.len, plain, true, style) &&
	        emit(w, &e);
}

static bool emit_scalar(struct writer *w, const struct node *n)
{
	if (n->secret && !w->unredacted)
		return emit_text(w, SLICE("[REDACTED]"), YAML_DOUBLE_QUOTED_SCALAR_STYLE);
	if (n->kind == NODE_NULL)
		return emit_text(w, SLICE("null"), YAML_PLAIN_SCALAR_STYLE);
	if (n->quoted)
		return emit_text(w, n->text, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
	return emit_text(w, n->raw.len && !n->expanded ? n->raw : n->text, YAML_PLAIN_SCALAR_STYLE);
}

/* << is the merge key only when it is plain. */
static bool emit_key(struct writer *w, slice key)
{
	bool merges = slice_is(key, "<<");
	return emit_text(w, key, merges ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE);
}

static bool emit_node(struct writer *w, const struct node *n);

static bool emit_list(struct writer *w, const struct node *n)
{
	yaml_event_t e;
	bool ok = yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE) && emit(w, &e);
	for (size_t i = 0; ok && i < n->n; i++)
		ok = emit_node(w, n->items[i]);
	return ok && yaml_sequence_end_event_initialize(&e) && emit(w, &e);
}

static bool emit_map(struct writer *w, const struct node *n)
{
	yaml_event_t e;
	bool ok = yaml_mapping_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) && emit(w, &e);
	for (size_t i = 0; ok && i < n->n; i++) {
		ok = emit_key(w, n->entries[i].key) && emit_node(w, n->entries[i].value);
	}
	return ok && yaml_mapping_end_event_initialize(&e) && emit(w, &e);
}

static bool emit_node(struct writer *w, const struct node *n)
{
	if (n->secret && !w->unredacted)
		return emit_scalar(w, n);
	if (n->kind == NODE_LIST)
		return emit_list(w, n);
	return n->kind == NODE_MAP ? emit_map(w, n) : emit_scalar(w, n);
}

static bool emit_document(struct writer *w, const struct node *root)
{
	yaml_event_t e;
	bool ok = yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING) && emit(w, &e);
	ok = ok && yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1) && emit(w, &e);
	ok = ok && emit_node(w, root);
	ok = ok && yaml_document_end_event_initialize(&e, 1) && emit(w, &e);
	return ok && yaml_stream_end_event_initialize(&e) && emit(w, &e);
}

int plan_print(const struct plan *p, bool unredacted, struct strbuf *out)
{
	struct writer w = { .unredacted = unredacted };
	if (!yaml_emitter_initialize(&w.emitter))
		return -1;
	yaml_emitter_set_output(&w.emitter, write_out, out);
	yaml_emitter_set_unicode(&w.emitter, 1);
	yaml_emitter_set_width(&w.emitter, -1);
	bool ok = emit_document(&w, p->root);
	yaml_emitter_delete(&w.emitter);
	return ok && !out->failed ? 0 : -1;
}
