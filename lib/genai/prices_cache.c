/* prices_cache.c - remembers what the names of a call meant, known or not; prices_resolve is the only door to matching.
 *
 * Two ways a set, fixed memory: a span with new names costs a search and pushes out the older of two, whatever names arrive. Entries
 * carry the table's generation, so a new table makes them all stale without a sweep. Names too long for a slot are searched each time.
 */
#include "lib/genai/prices_lookup.h"

enum { SETS = 256, N_NAMES = 4, KEY_MAX = 188 };
_Static_assert(KEY_MAX <= UINT8_MAX, "lengths are bytes");

/* All names of a query, behind their lengths. */
struct key {
	size_t len;
	unsigned char bytes[KEY_MAX + sizeof(uint64_t)]; /* zeros up to a whole word */
};

struct slot {
	uint64_t hash, generation;
	struct price_match match;
	enum price_status status;
	uint8_t len; /* of the key; 0: empty */
	unsigned char key[KEY_MAX];
};

struct price_cache {
	const struct price_names *names;
	uint64_t seed;
	struct slot slots[SETS][2];
};

struct price_cache *prices_cache_new(const struct price_names *names)
{
	struct map seeded;
	struct price_cache *c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	map_init(&seeded);
	c->seed = seeded.seed;
	c->names = names;
	return c;
}

void prices_cache_free(struct price_cache *c)
{
	free(c);
}

/* False: they are too long. */
static bool make_key(const struct price_query *q, struct key *k)
{
	const slice names[N_NAMES] = { q->provider, q->response_model, q->request_model, q->member };
	k->len = N_NAMES;
	for (size_t i = 0; i < N_NAMES; i++) {
		if (names[i].len > KEY_MAX - k->len)
			return false;
		k->bytes[i] = (unsigned char)names[i].len;
		if (names[i].len)
			memcpy(k->bytes + k->len, names[i].p, names[i].len);
		k->len += names[i].len;
	}
	memset(k->bytes + k->len, 0, sizeof(uint64_t));
	return true;
}

/* Only chooses the set: names are compared. */
static uint64_t hash_key(const struct key *k, uint64_t h)
{
	uint64_t word;
	for (size_t i = 0; i < k->len; i += sizeof word) {
		memcpy(&word, k->bytes + i, sizeof word);
		h = (h ^ word) * UINT64_C(0x9E3779B97F4A7C15);
		h ^= h >> 32;
	}
	return h;
}

static enum price_status find_models(
        const struct price_table *t, slice provider, const struct price_query *q, struct found *f)
{
	enum price_status status = PRICE_UNKNOWN_MODEL;
	if (q->response_model.len || !q->request_model.len)
		status = match_names(t, provider, q->response_model, f);
	if (status != PRICE_OK && q->request_model.len && !slice_eq(q->request_model, q->response_model)) {
		status = match_names(t, provider, q->request_model, f);
		f->hit.via |= q->response_model.len ? VIA_REQUEST_MODEL : 0;
	}
	return status;
}

static bool is_one_of(const struct conf_strs *names, slice name)
{
	for (size_t i = 0; i < names->n; i++)
		if (names->v[i].len == name.len && slice_ieq(names->v[i], name))
			return true;
	return false;
}

static enum price_status search(
        const struct price_table *t, const struct price_names *names, struct price_query q, struct price_match *m)
{
	struct found f;
	if (names && is_one_of(names->local, q.provider))
		return PRICE_FREE;
	if (names && is_one_of(names->gateways, q.provider))
		q.provider = q.member = (slice){ 0 };
	enum price_status status = q.member.len ? find_models(t, q.member, &q, &f) : PRICE_UNKNOWN_PROVIDER;
	if (status != PRICE_OK)
		status = find_models(t, q.provider, &q, &f);
	if (status != PRICE_OK)
		return status;
	const struct price_entry *e = &t->entries.v[f.hit.entry];
	*m = (struct price_match){ t, t->providers.v[e->provider].id, e->model, f.hit.entry, f.ppm, f.hit.how,
		f.hit.via };
	return PRICE_OK;
}

enum price_status prices_resolve(
        const struct price_table *t, struct price_cache *c, const struct price_query *q, struct price_match *m)
{
	struct key k;
	if (!c || !make_key(q, &k))
		return search(t, c ? c->names : NULL, *q, m);
	uint64_t hash = hash_key(&k, c->seed);
	struct slot *set = c->slots[hash % SETS];
	for (int i = 0; i < 2; i++) {
		const struct slot *s = &set[i];
		if (s->hash == hash && s->generation == t->generation && s->len == k.len &&
		        memcmp(s->key, k.bytes, k.len) == 0) {
			*m = s->match;
			return s->status;
		}
	}
	set[1] = set[0];
	set[0] = (struct slot){ .hash = hash, .generation = t->generation, .len = (uint8_t)k.len };
	memcpy(set[0].key, k.bytes, k.len);
	set[0].status = search(t, c->names, *q, &set[0].match);
	*m = set[0].match;
	return set[0].status;
}
