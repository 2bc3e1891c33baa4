/* yaml.c - any text as a config: the tree is within its bounds, findings have places inside the text, and what is
 * printed reads back as the same tree. Expansion ends and leaves no more depth than the walkers allow. */
#include "config/yaml.h"
#include "config/expand.h"
#include "config/merge.h"
#include "config/plan.h"
#include "config/scalar.h"
#include "lib/base/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

/* Quotes may come and go in printing, what a value is may not. */
static void check_same(const struct node *a, const struct node *b, unsigned depth, unsigned most)
{
	CHECK(depth <= most && a->kind == b->kind && a->n == b->n && slice_eq(a->text, b->text));
	CHECK(a->quoted == b->quoted || scalar_type(a->text) == SCALAR_TEXT);
	for (size_t i = 0; a->kind == NODE_LIST && i < a->n; i++)
		check_same(a->items[i], b->items[i], depth + 1, most);
	for (size_t i = 0; a->kind == NODE_MAP && i < a->n; i++) {
		CHECK(slice_eq(a->entries[i].key, b->entries[i].key));
		check_same(a->entries[i].value, b->entries[i].value, depth + 1, most);
	}
}

static void check_print(struct plan *p, struct findings *f)
{
	struct strbuf b;
	strbuf_init(&b, 64 << 20);
	CHECK(plan_print(p, true, &b) == 0);
	struct node *again = b.len <= YAML_MAX_BYTES ? yaml_parse(&p->arena, strbuf_slice(&b), "again", f) : p->root;
	CHECK(again);
	check_same(p->root, again, 1, YAML_MAX_DEPTH);
	strbuf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan p = { 0 };
	struct findings f;
	arena_init(&p.arena);
	findings_init(&f);
	p.root = yaml_parse(&p.arena, (slice){ (const char *)data, size }, "fuzz", &f);
	CHECK(p.root || f.n_errors);
	for (size_t i = 0; i < f.n; i++)
		CHECK(f.v[i].pos.line >= 1 && f.v[i].pos.line <= size + 1 && f.v[i].pos.col <= size + 1);
	if (p.root) {
		check_print(&p, &f);
		p.root = merge_unflatten(&p.arena, p.root);
		expand_node(&p.arena, p.root, &f);
		check_same(p.root, p.root, 0, NODE_MAX_DEPTH);
	}
	findings_release(&f);
	arena_release(&p.arena);
	return 0;
}
