/* prices_table.c - building a price table: providers, names, patterns, entries; see prices_table.h.
 *
 * Layers are added in ascending order of precedence. Of an exact name only the newest layer's entry is kept, because it always wins;
 * patterns are kept all and sorted once, so that the first that matches is the right one: newest layer, then kind, then length.
 */
#include "lib/genai/prices_table.h"

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

slice table_lower(struct price_table *t, slice s)
{
	size_t i = 0;
	while (i < s.len && !is_upper(s.p[i]))
		i++;
	if (i == s.len)
		return s;
	char *copy = arena_cstr(&t->arena, s);
	for (; i < s.len; i++)
		if (is_upper(copy[i]))
			copy[i] = (char)(copy[i] | 0x20);
	return (slice){ copy, s.len };
}

void table_init(struct price_table *t, uint64_t generation)
{
	*t = (struct price_table){ .generation = generation };
	arena_init(&t->arena);
	map_init(&t->alias_names);
	map_init(&t->canonical);
	map_init(&t->labels);
	map_init(&t->canonical_labels);
	t->override_layer = NO_ENTRY;
	VEC_ADD(&t->providers)->id = SLICE("*");
}

void prices_free(struct price_table *t)
{
	if (!t)
		return;
	VEC_RELEASE(&t->providers);
	VEC_RELEASE(&t->layers);
	VEC_RELEASE(&t->aliases);
	VEC_RELEASE(&t->infer);
	VEC_RELEASE(&t->patterns);
	VEC_RELEASE(&t->names);
	VEC_RELEASE(&t->entries);
	VEC_RELEASE(&t->rows);
	VEC_RELEASE(&t->tiers);
	VEC_RELEASE(&t->scales);
	free(t->slots);
	map_release(&t->alias_names);
	map_release(&t->canonical);
	map_release(&t->labels);
	map_release(&t->canonical_labels);
	arena_release(&t->arena);
	free(t);
}

uint32_t table_layer(struct price_table *t, slice date, int64_t date_s)
{
	*VEC_ADD(&t->layers) = (struct price_layer){ arena_dup(&t->arena, date), date_s };
	return (uint32_t)t->layers.n - 1;
}

uint32_t table_provider(struct price_table *t, slice id)
{
	id = table_lower(t, slice_trim(id));
	if (!id.len || id.len > PRICE_NAME_MAX)
		return NO_PROVIDER;
	for (size_t i = 1; i < t->providers.n; i++)
		if (!t->providers.v[i].label_of && slice_eq(t->providers.v[i].id, id))
			return (uint32_t)i;
	*VEC_ADD(&t->providers) = (struct price_provider){ .id = id, .member = provider_is_member(id) };
	uint32_t provider = (uint32_t)t->providers.n - 1;
	if (!map_get(&t->alias_names, id))
		table_alias(t, provider, id);
	return provider;
}

void table_alias(struct price_table *t, uint32_t provider, slice name)
{
	name = table_lower(t, name);
	if (!pattern_is(name)) {
		map_put(&t->alias_names, name, (void *)((uintptr_t)provider + 1));
		table_canonical(t, provider, name);
		return;
	}
	struct price_pattern *p = VEC_ADD(&t->aliases);
	pattern_parse(name, p);
	p->provider = provider;
}

void table_infer(struct price_table *t, uint32_t provider, slice pattern)
{
	struct price_pattern *p = VEC_ADD(&t->infer);
	pattern_parse(table_lower(t, pattern), p);
	p->provider = provider;
}

uint32_t table_entry(struct price_table *t, uint32_t provider, slice model)
{
	*VEC_ADD(&t->entries) = (struct price_entry){
		.model = model,
		.provider = provider,
		.layer = (uint32_t)t->layers.n - 1,
		.first_row = (uint32_t)t->rows.n,
	};
	return (uint32_t)t->entries.n - 1;
}

/* The slot of the name, or the free one where it would go. */
static size_t find_slot(const struct price_table *t, uint32_t provider, slice name)
{
	size_t mask = t->n_slots - 1;
	for (size_t i = hash_bytes(name.p, name.len, provider) & mask;; i = (i + 1) & mask) {
		if (!t->slots[i])
			return i;
		const struct price_name *n = &t->names.v[t->slots[i] - 1];
		if (n->provider == provider && slice_eq(n->text, name))
			return i;
	}
}

const struct price_name *table_find(const struct price_table *t, uint32_t provider, slice name)
{
	uint32_t index = t->n_slots ? t->slots[find_slot(t, provider, name)] : 0;
	return index ? &t->names.v[index - 1] : NULL;
}

/* At most half of the slots are taken. */
static void grow_slots(struct price_table *t)
{
	t->n_slots = t->n_slots ? t->n_slots * 2 : 4096;
	free(t->slots);
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	if (!t->slots)
		abort();
	for (size_t i = 0; i < t->names.n; i++)
		t->slots[find_slot(t, t->names.v[i].provider, t->names.v[i].text)] = (uint32_t)i + 1;
}

bool table_name(struct price_table *t, uint32_t provider, uint32_t entry, slice name, enum name_rank rank)
{
	if (!name.len || name.len > PRICE_NAME_MAX)
		return true;
	if ((t->names.n + 1) * 2 > t->n_slots)
		grow_slots(t);
	struct price_name new = { table_lower(t, name), provider, entry, t->entries.v[entry].layer, rank };
	size_t slot = find_slot(t, provider, new.text);
	if (!t->slots[slot]) {
		*VEC_ADD(&t->names) = new;
		t->slots[slot] = (uint32_t)t->names.n;
		return true;
	}
	struct price_name *old = &t->names.v[t->slots[slot] - 1];
	bool whole = rank == NAME_OWN || rank == NAME_FOREIGN;
	bool twice = whole && old->layer == new.layer && old->rank == rank && old->entry != entry;
	if (old->layer != new.layer || old->rank >= rank)
		*old = new;
	return !twice;
}

bool table_pattern(struct price_table *t, uint32_t provider, uint32_t entry, slice pattern)
{
	if (!pattern_is(pattern))
		return table_name(t, provider, entry, pattern, NAME_OWN);
	struct price_pattern *p = VEC_ADD(&t->patterns);
	pattern_parse(table_lower(t, pattern), p);
	p->provider = provider;
	p->entry = entry;
	p->layer = t->entries.v[entry].layer;
	return true;
}

struct price_row *table_row(struct price_table *t, uint32_t entry)
{
	struct price_row *row = VEC_ADD(&t->rows);
	row->first_tier = (uint32_t)t->tiers.n;
	t->entries.v[entry].n_rows++;
	return row;
}

int tiers_put(struct tier_set *set, enum price_class class, int64_t above, int64_t unit)
{
	if (set->n == COUNTOF(set->v))
		return -1;
	set->v[set->n++] = (struct tier_price){ class, above, unit };
	return 0;
}

static int64_t price_at(const struct tier_set *set, enum price_class class, int64_t above)
{
	int64_t unit = -1, best = -2;
	for (size_t i = 0; i < set->n; i++)
		if (set->v[i].class == class && set->v[i].above <= above && set->v[i].above > best) {
			best = set->v[i].above;
			unit = set->v[i].unit;
		}
	return unit;
}

void tiers_store(struct price_table *t, struct price_row *row, const struct tier_set *set)
{
	for (int64_t above = -1; set->n;) {
		struct price_tier *tier = VEC_ADD(&t->tiers);
		row->n_tiers++;
		tier->above = above;
		for (size_t c = 0; c < N_BILL_CLASSES; c++)
			tier->unit[c] = price_at(set, (enum price_class)c, above);
		int64_t next = INT64_MAX;
		for (size_t i = 0; i < set->n; i++)
			if (set->v[i].above > above && set->v[i].above < next)
				next = set->v[i].above;
		if (next == INT64_MAX)
			return;
		above = next;
	}
}

static int by_precedence(const void *pa, const void *pb)
{
	const struct price_pattern *a = pa, *b = pb;
	if (a->provider != b->provider)
		return a->provider < b->provider ? -1 : 1;
	if (a->layer != b->layer)
		return a->layer > b->layer ? -1 : 1;
	if (a->how != b->how)
		return a->how < b->how ? -1 : 1;
	if (a->literal != b->literal)
		return a->literal > b->literal ? -1 : 1;
	return a->entry > b->entry ? -1 : a->entry < b->entry;
}

void table_seal(struct price_table *t)
{
	if (t->patterns.n)
		qsort(t->patterns.v, t->patterns.n, sizeof(*t->patterns.v), by_precedence);
	for (size_t i = t->patterns.n; i-- > 0;) {
		struct price_provider *p = &t->providers.v[t->patterns.v[i].provider];
		p->first_pattern = (uint32_t)i;
		p->n_patterns++;
	}
}

int64_t prices_date(const struct price_table *t)
{
	int64_t date = 0;
	for (size_t i = 0; i < t->layers.n; i++)
		date = t->layers.v[i].date_s > date ? t->layers.v[i].date_s : date;
	return date;
}

size_t prices_count(const struct price_table *t)
{
	return t->entries.n;
}

static size_t map_memory(const struct map *m)
{
	return m->cap * sizeof(*m->entries) + m->n_slots * sizeof(*m->slots);
}

size_t prices_memory(const struct price_table *t)
{
	return sizeof(*t) + t->arena.used + t->providers.cap * sizeof(*t->providers.v) +
	        (t->aliases.cap + t->infer.cap + t->patterns.cap) * sizeof(*t->patterns.v) +
	        t->names.cap * sizeof(*t->names.v) + t->entries.cap * sizeof(*t->entries.v) +
	        t->rows.cap * sizeof(*t->rows.v) + t->tiers.cap * sizeof(*t->tiers.v) + t->n_slots * sizeof(*t->slots) +
	        map_memory(&t->alias_names) + map_memory(&t->canonical) + map_memory(&t->labels) +
	        map_memory(&t->canonical_labels);
}
