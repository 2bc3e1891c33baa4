/* prices_cache.c - remembers what names meant, known or not; prices_resolve is the only door to matching.
 *
 * Two ways a set, fixed memory: a span with a new name costs a search and pushes out the older of two, whatever names arrive. Entries
 * carry the table's generation, so a new table makes them all stale without a sweep. Names too long for a slot are searched each time.
 */
#include "lib/genai/prices_lookup.h"

enum { SETS = 512, KEY_MAX = 92 };

struct slot {
	uint64_t hash, generation;
	struct found found;
	uint8_t status, provider_len, model_len;
	bool used;
	char key[KEY_MAX];
};

struct price_cache {
	uint64_t seed;
	struct slot slots[SETS][2];
};

struct price_cache *prices_cache_new(void)
{
	struct map seeded;
	struct price_cache *c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	map_init(&seeded);
	c->seed = seeded.seed;
	return c;
}

void prices_cache_free(struct price_cache *c)
{
	free(c);
}

static bool slot_is(const struct slot *s, uint64_t hash, uint64_t generation, slice provider, slice model)
{
	return s->used && s->hash == hash && s->generation == generation && s->provider_len == provider.len &&
	        s->model_len == model.len && slice_eq((slice){ s->key, provider.len }, provider) &&
	        slice_eq((slice){ s->key + provider.len, model.len }, model);
}

/* Only chooses the set: names are compared. */
static uint64_t hash_name(slice s, uint64_t h)
{
	const char *p = s.p;
	size_t n = s.len;
	uint64_t word;
	for (; n >= sizeof word; n -= sizeof word, p += sizeof word) {
		memcpy(&word, p, sizeof word);
		h = (h ^ word) * UINT64_C(0x9E3779B97F4A7C15);
		h ^= h >> 32;
	}
	word = 0;
	if (n)
		memcpy(&word, p, n);
	h = (h ^ word ^ (uint64_t)s.len << 56) * UINT64_C(0x9E3779B97F4A7C15);
	return h ^ h >> 32;
}

static enum price_status find_cached(
        const struct price_table *t, struct price_cache *c, slice provider, slice model, struct found *f)
{
	if (!c || provider.len + model.len > KEY_MAX)
		return match_names(t, provider, model, f);
	uint64_t hash = hash_name(model, hash_name(provider, c->seed));
	struct slot *set = c->slots[hash % SETS];
	for (int i = 0; i < 2; i++)
		if (slot_is(&set[i], hash, t->generation, provider, model)) {
			*f = set[i].found;
			return set[i].status;
		}
	enum price_status status = match_names(t, provider, model, f);
	set[1] = set[0];
	set[0] = (struct slot){ hash, t->generation, *f, (uint8_t)status, (uint8_t)provider.len, (uint8_t)model.len,
		true, { 0 } };
	if (provider.len)
		memcpy(set[0].key, provider.p, provider.len);
	if (model.len)
		memcpy(set[0].key + provider.len, model.p, model.len);
	return status;
}

static enum price_status find_models(const struct price_table *t, struct price_cache *cache, slice provider,
        const struct price_query *q, struct found *f)
{
	enum price_status status = PRICE_UNKNOWN_MODEL;
	if (q->response_model.len || !q->request_model.len)
		status = find_cached(t, cache, provider, q->response_model, f);
	if (status != PRICE_OK && q->request_model.len && !slice_eq(q->request_model, q->response_model)) {
		status = find_cached(t, cache, provider, q->request_model, f);
		f->hit.via |= q->response_model.len ? VIA_REQUEST_MODEL : 0;
	}
	return status;
}

enum price_status prices_resolve(
        const struct price_table *t, struct price_cache *cache, const struct price_query *q, struct price_match *m)
{
	struct found f;
	enum price_status status = q->member.len ? find_models(t, cache, q->member, q, &f) : PRICE_UNKNOWN_PROVIDER;
	if (status != PRICE_OK)
		status = find_models(t, cache, q->provider, q, &f);
	if (status != PRICE_OK)
		return status;
	const struct price_entry *e = &t->entries.v[f.hit.entry];
	*m = (struct price_match){ t, t->providers.v[e->provider].id, e->model, f.hit.entry, f.ppm, f.hit.how,
		f.hit.via };
	return PRICE_OK;
}
