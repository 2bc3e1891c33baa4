/* prices_provider.c - which price list a provider's name means; see prices_table.h.
 *
 * A list has an id and aliases. Spans that were normalised carry canonical names (provider.h), which no list needs to know: each list
 * is also reached by the canonical names of its id and aliases, unless another list has such a name itself; of several lists the first
 * has it. A member of a group (one of the services behind a hub) stands for itself alone and never for its group.
 */
#include "lib/genai/prices_table.h"
#include "lib/genai/provider.h"

static uint32_t index_in(const struct map *m, slice name)
{
	uintptr_t known = name.len ? (uintptr_t)map_get(m, name) : 0;
	return known ? (uint32_t)known - 1 : NO_PROVIDER;
}

static void put_first(struct map *m, slice name, uint32_t index)
{
	if (name.len && !map_get(m, name))
		map_put(m, name, (void *)((uintptr_t)index + 1));
}

bool provider_is_member(slice name)
{
	struct arena a;
	struct provider_out out;
	arena_init(&a);
	provider_resolve(&(struct provider_in){ .named = name }, &a, &out);
	bool member = out.member.len != 0;
	arena_release(&a);
	return member;
}

/* Empty where a list of that name is not its group's. */
static slice canonical_of_list(slice name)
{
	return provider_is_member(name) ? (slice){ 0 } : provider_of_name(name);
}

void table_canonical(struct price_table *t, uint32_t provider, slice name)
{
	put_first(&t->canonical, canonical_of_list(name), provider);
}

static uint32_t named(const struct price_table *t, slice name)
{
	uint32_t p = index_in(&t->alias_names, name);
	return p != NO_PROVIDER ? p : index_in(&t->canonical, name);
}

uint32_t table_named(const struct price_table *t, slice name)
{
	uint32_t p = named(t, name);
	return p != NO_PROVIDER ? p : named(t, canonical_of_list(name));
}

/* The first that matches; a member of a group before all others ("*huggingface*groq*" says more than "*groq*"). */
static uint32_t by_pattern(const struct price_table *t, slice name)
{
	uint32_t first = NO_PROVIDER;
	for (size_t i = 0; i < t->aliases.n; i++) {
		uint32_t p = t->aliases.v[i].provider;
		bool member = t->providers.v[p].member;
		if ((!member && first != NO_PROVIDER) || !pattern_match(&t->aliases.v[i], name))
			continue;
		if (member)
			return p;
		first = p;
	}
	return first;
}

uint32_t fold_provider(const struct price_table *t, slice name)
{
	uint32_t p = table_named(t, name);
	return p != NO_PROVIDER ? p : by_pattern(t, name);
}

uint32_t match_provider(const struct price_table *t, slice name)
{
	uint32_t p = named(t, name);
	if (p != NO_PROVIDER)
		return p;
	p = by_pattern(t, name);
	if (p != NO_PROVIDER && t->providers.v[p].member)
		return p;
	uint32_t group = named(t, provider_of_name(name));
	return group != NO_PROVIDER ? group : p;
}

uint32_t match_canonical(const struct price_table *t, uint32_t provider, slice name)
{
	uint32_t p = t->override_layer == NO_ENTRY ? NO_PROVIDER : named(t, provider_of_name(name));
	return p != provider ? p : NO_PROVIDER;
}

/* Routers and frameworks that put themselves in front of a name: "litellm/openai/gpt-4o". */
static bool is_gateway(slice s)
{
	const char *end = PRICE_GATEWAYS;
	for (const char *p = end; *end; p = end + 1) {
		end = strchrnul(p, ',');
		if (slice_eq(s, (slice){ p, (size_t)(end - p) }))
			return true;
	}
	return false;
}

static slice head_of(slice model)
{
	const char *slash = model.len ? memchr(model.p, '/', model.len) : NULL;
	return slash ? (slice){ model.p, (size_t)(slash - model.p) } : (slice){ 0 };
}

slice known_head(const struct price_table *t, slice model)
{
	slice head = head_of(model);
	bool known = index_in(&t->alias_names, head) != NO_PROVIDER || index_in(&t->labels, head) != NO_PROVIDER;
	return known || is_gateway(head) ? head : (slice){ 0 };
}

slice skip_gateways(slice model)
{
	for (slice head; (head = head_of(model)).len && is_gateway(head);)
		model = (slice){ model.p + head.len + 1, model.len - head.len - 1 };
	return model;
}

uint32_t infer_provider(const struct price_table *t, slice model)
{
	model = skip_gateways(model);
	slice head = head_of(model);
	uint32_t p = index_in(&t->alias_names, head), label = index_in(&t->labels, head);
	if (p == NO_PROVIDER && label != NO_PROVIDER)
		p = t->providers.v[label].label_of;
	for (size_t i = 0; p == NO_PROVIDER && i < t->infer.n; i++)
		if (pattern_match(&t->infer.v[i], model))
			p = t->infer.v[i].provider;
	return p;
}

uint32_t table_label(struct price_table *t, uint32_t provider, slice label)
{
	slice id = t->providers.v[provider].id, canonical = provider_of_name(label);
	uint32_t known = index_in(&t->labels, label);
	if (slice_eq(id, label))
		return provider;
	if (known != NO_PROVIDER)
		return known;
	struct price_provider *p = VEC_ADD(&t->providers);
	*p = (struct price_provider){ .id = arena_dup(&t->arena, label), .label_of = provider };
	known = (uint32_t)t->providers.n - 1;
	put_first(&t->labels, p->id, known);
	if (!slice_eq(canonical, provider_of_name(id)))
		put_first(&t->canonical_labels, canonical, known);
	return known;
}

uint32_t match_label(const struct price_table *t, uint32_t provider, slice name)
{
	if (!t->labels.n || provider == NO_PROVIDER || !name.len)
		return NO_PROVIDER;
	uint32_t label = index_in(&t->labels, name);
	if (label == NO_PROVIDER)
		label = index_in(&t->canonical_labels, name);
	if (label == NO_PROVIDER)
		label = index_in(&t->canonical_labels, provider_of_name(name));
	return label != NO_PROVIDER && t->providers.v[label].label_of == provider ? label : NO_PROVIDER;
}
