/* prices_match.c - which entry of the table a span's provider and model names mean.
 *
 * A name is tried as it is; then in spellings that mean the same (a date written compactly, a path or vendor in front); then without
 * Bedrock's region; at last without the date of a snapshot, because snapshots may cost something else. Each time the provider comes
 * first and then those whose models it sells. No spelling is copied but the compact date's. Nothing here allocates.
 */
#include <stdio.h>

#include "lib/genai/prices_lookup.h"

bool pattern_is(slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '*' || s.p[i] == '#' || s.p[i] == '!')
			return true;
	return false;
}

void pattern_parse(slice s, struct price_pattern *p)
{
	const char *condition = memchr(s.p, '!', s.len);
	*p = (struct price_pattern){ .text = s };
	if (condition) {
		p->text.len = (size_t)(condition - s.p);
		p->unless = (slice){ condition + 1, s.len - p->text.len - 1 };
	}
	size_t stars = 0, digits = 0;
	for (size_t i = 0; i < p->text.len; i++) {
		stars += p->text.p[i] == '*';
		digits += p->text.p[i] == '#';
	}
	p->literal = (uint32_t)(p->text.len - stars - digits);
	bool head = p->text.len && p->text.p[0] == '*', tail = p->text.len && p->text.p[p->text.len - 1] == '*';
	if (digits)
		p->how = HOW_DATED;
	else if (!stars)
		p->how = HOW_EXACT;
	else if (stars == 1 && tail)
		p->how = HOW_PREFIX;
	else if (stars == 1 && head)
		p->how = HOW_SUFFIX;
	else
		p->how = stars == 2 && head && tail ? HOW_SUBSTRING : HOW_GLOB;
}

static bool contains(slice s, slice part)
{
	return !part.len || memmem(s.p, s.len, part.p, part.len);
}

static bool same(char pattern, char c)
{
	return pattern == '#' ? c >= '0' && c <= '9' : pattern == c;
}

/* '*' is any text, '#' one digit. Going back to the last '*' is enough, earlier ones took as little as they could. */
static bool glob(slice p, slice s)
{
	size_t i = 0, j = 0, star = SIZE_MAX, from = 0;
	while (j < s.len) {
		if (i < p.len && p.p[i] == '*') {
			star = i++;
			from = j;
		} else if (i < p.len && same(p.p[i], s.p[j])) {
			i++, j++;
		} else if (star != SIZE_MAX) {
			i = star + 1;
			j = ++from;
		} else {
			return false;
		}
	}
	while (i < p.len && p.p[i] == '*')
		i++;
	return i == p.len;
}

bool pattern_match(const struct price_pattern *p, slice s)
{
	slice t = p->text;
	bool hit;
	if (s.len < p->literal)
		return false;
	switch (p->how) {
	case HOW_PREFIX:
		hit = memcmp(s.p, t.p, t.len - 1) == 0;
		break;
	case HOW_SUFFIX:
		hit = memcmp(s.p + s.len - (t.len - 1), t.p + 1, t.len - 1) == 0;
		break;
	case HOW_SUBSTRING:
		hit = contains(s, (slice){ t.p + 1, t.len - 2 });
		break;
	case HOW_EXACT:
	case HOW_DATED:
	case HOW_GLOB:
	default:
		hit = glob(t, s);
	}
	return hit && !(p->unless.len && contains(s, p->unless));
}

/* Where to look for one provider's models. */
struct places {
	uint32_t provider, label, canonical; /* NO_PROVIDER: none; canonical: for its overrides alone */
};

/* What one list says to one spelling; a hit of layer `from` or newer replaces *best only when its layer is newer. */
static void find_in(
        const struct price_table *t, uint32_t list, uint32_t from, const struct spelling *s, struct hit *best)
{
	if (list == NO_PROVIDER)
		return;
	const struct price_name *n = table_find(t, list, s->text);
	if (n && n->layer >= from && (best->entry == NO_ENTRY || n->layer > best->layer))
		*best = (struct hit){ n->entry, n->layer, HOW_EXACT, s->via };
	const struct price_provider *p = &t->providers.v[list];
	for (size_t i = 0; i < p->n_patterns; i++) {
		const struct price_pattern *q = &t->patterns.v[p->first_pattern + i];
		if (q->layer < from || (best->entry != NO_ENTRY && q->layer <= best->layer))
			return;
		if (pattern_match(q, s->text)) {
			*best = (struct hit){ q->entry, q->layer, q->how, s->via };
			return;
		}
	}
}

static struct hit find_group(const struct price_table *t, const struct places *at, const struct spelling *s, size_t n)
{
	struct hit best = { .entry = NO_ENTRY };
	for (size_t i = 0; i < n; i++) {
		find_in(t, at->label, 0, &s[i], &best);
		find_in(t, at->provider, 0, &s[i], &best);
		find_in(t, at->canonical, t->override_layer, &s[i], &best);
		find_in(t, ANY_PROVIDER, 0, &s[i], &best);
	}
	const struct price_provider *p = at->provider == NO_PROVIDER ? NULL : &t->providers.v[at->provider];
	for (size_t f = 0; p && f < p->n_fallback && best.entry == NO_ENTRY; f++) {
		for (size_t i = 0; i < n; i++)
			find_in(t, p->fallback[f], 0, &s[i], &best);
		best.via |= VIA_FALLBACK;
	}
	return best;
}

static struct hit find_name(const struct price_table *t, const struct places *at, slice name)
{
	struct hit hit = { .entry = NO_ENTRY };
	struct spellings s;
	spell(t, at->provider, name, &s);
	for (size_t g = 0, i = 0; g < SPELLING_GROUPS && hit.entry == NO_ENTRY; i += s.n[g++])
		hit = find_group(t, at, s.v + i, s.n[g]);
	return hit;
}

/* OpenRouter passes on prices: what it does not list of its own path "openrouter/.." costs what the vendor, who is the next in the path,
 * asks for; whether a span names OpenRouter or its path alone does. */
static struct hit find_vendors(const struct price_table *t, struct places *at, slice name)
{
	struct hit none = { .entry = NO_ENTRY };
	slice rest = skip_gateways(name), head = known_head(t, rest);
	if (at->provider == NO_PROVIDER || !slice_is(t->providers.v[at->provider].id, "openrouter") || !head.len ||
	        infer_provider(t, rest) != at->provider)
		return none;
	rest = (slice){ rest.p + head.len + 1, rest.len - head.len - 1 };
	struct places vendor = { infer_provider(t, rest), NO_PROVIDER, NO_PROVIDER };
	if (vendor.provider == NO_PROVIDER)
		return none;
	struct hit hit = find_name(t, &vendor, rest);
	hit.via |= VIA_STRIPPED_PATH | VIA_INFERRED;
	*at = hit.entry == NO_ENTRY ? *at : vendor;
	return hit;
}

/* `who` is the named provider; empty: the model's path tells it. */
static struct places places_of(const struct price_table *t, slice who, slice name)
{
	struct places at = { NO_PROVIDER, NO_PROVIDER, NO_PROVIDER };
	at.provider = who.len ? match_provider(t, who) : infer_provider(t, name);
	at.label = match_label(t, at.provider, who.len ? who : known_head(t, skip_gateways(name)));
	if (who.len)
		at.canonical = match_canonical(t, at.provider, who);
	return at;
}

static void set_scale(const struct price_table *t, const struct places *at, slice name, struct found *f)
{
	for (size_t i = 0; i < t->scales.n; i++) {
		const struct price_scale *s = &t->scales.v[i];
		struct price_pattern p;
		pattern_parse(s->model, &p);
		bool mine = s->provider == ANY_PROVIDER || s->provider == at->provider ||
		        s->provider == at->canonical || s->provider == t->entries.v[f->hit.entry].provider;
		if (mine && (!s->model.len || pattern_match(&p, name) || pattern_match(&p, f->lower_id)))
			f->ppm = s->ppm;
	}
}

static size_t lower_into(char out[PRICE_NAME_MAX], slice s)
{
	for (size_t i = 0; i < s.len; i++)
		out[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
	return s.len;
}

enum price_status match_names(const struct price_table *t, slice provider, slice model, struct found *f)
{
	char named[PRICE_NAME_MAX], text[PRICE_NAME_MAX], id[PRICE_NAME_MAX];
	provider = slice_trim(provider);
	model = slice_trim(model);
	*f = (struct found){ .hit.entry = NO_ENTRY, .ppm = PPM };
	if (provider.len > PRICE_NAME_MAX)
		return PRICE_UNKNOWN_PROVIDER;
	if (model.len > PRICE_NAME_MAX)
		return PRICE_UNKNOWN_MODEL;
	slice who = { named, lower_into(named, provider) }, name = { text, lower_into(text, model) };
	struct places at = places_of(t, who, name);
	f->hit = find_name(t, &at, name);
	if (f->hit.entry == NO_ENTRY)
		f->hit = find_vendors(t, &at, name);
	if (f->hit.entry == NO_ENTRY)
		return at.provider == NO_PROVIDER ? PRICE_UNKNOWN_PROVIDER : PRICE_UNKNOWN_MODEL;
	f->hit.via |= who.len ? 0 : VIA_INFERRED;
	slice entry_id = t->entries.v[f->hit.entry].model;
	f->lower_id = (slice){ id, lower_into(id, entry_id) };
	set_scale(t, &at, name, f);
	f->lower_id = (slice){ 0 };
	return PRICE_OK;
}

static const char *const hows[] = { "exact", "prefix", "dated", "suffix", "substring", "pattern" };
static const char *const vias[] = { "request model", "fallback provider", "inferred provider", "date spelling",
	"path stripped", "region stripped", "date stripped" };

void prices_how(const struct price_match *m, char out[PRICE_HOW_MAX])
{
	int n = snprintf(out, PRICE_HOW_MAX, "%s", hows[m->how]);
	for (size_t i = 0; i < COUNTOF(vias); i++)
		if (m->via & 1u << i && n < PRICE_HOW_MAX)
			n += snprintf(out + n, (size_t)(PRICE_HOW_MAX - n), ", %s", vias[i]);
}

void prices_label(const struct price_match *m, char out[PRICE_LABEL_MAX])
{
	slice date = m->table->layers.v[m->table->entries.v[m->entry].layer].date;
	snprintf(out, PRICE_LABEL_MAX, "%.*s/%.*s@%.*s", SLICE_ARG(m->provider), SLICE_ARG(m->model), SLICE_ARG(date));
}
