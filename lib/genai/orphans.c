/* orphans.c - see orphans.h. The tree knows every span's nearest kept ancestor; what is left is to change those that lost their
 * parent. A request of which all or nothing is kept needs no tree.
 */
#include "lib/genai/orphans.h"

#include "lib/otlp/edit.h"

void orphans_init(struct orphans *o)
{
	span_tree_init(&o->tree);
}

void orphans_release(struct orphans *o)
{
	span_tree_release(&o->tree);
}

static bool is_kept(const void *tree, uint32_t number)
{
	return !((const struct span_tree *)tree)->spans[number]->rule;
}

static bool reparent(const struct span_tree *tree, struct traces *t, uint32_t number)
{
	struct span *s = tree->spans[number];
	uint32_t parent = tree->parents[number], kept = tree->nearest[number];
	if (s->rule || parent >= tree->n || is_kept(tree, parent) || kept == SPAN_UNKNOWN || kept == number)
		return false;
	span_set_parent(t, s, kept == SPAN_NONE ? (slice){ 0 } : tree->spans[kept]->span_id);
	return true;
}

int64_t orphans_reparent(struct orphans *o, struct traces *t)
{
	struct span_tree *tree = &o->tree;
	int64_t n_changed = 0;
	bool filtered = false;
	for (uint32_t i = 0; t->n_kept && i < t->n_scopes && !filtered; i++)
		for (const struct span *s = t->scopes[i].first; s && !filtered; s = s->next)
			filtered = !s->refused && s->rule;
	if (!filtered)
		return 0;
	if (span_tree_build(tree, t))
		return -1;
	span_tree_climb(tree, is_kept, NULL, tree);
	for (uint32_t i = 0; i < tree->n; i++)
		n_changed += reparent(tree, t, i);
	span_tree_trim(tree);
	return n_changed;
}
