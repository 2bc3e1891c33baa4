/* prompt_links.c - finding a span's row in the table of prompts and adding the other vendors' links (see prompt_links.h). */
#include "lib/genai/prompt_links.h"

#include "lib/genai/coerce.h"

static const struct conf_field enprompta_fields[] = {
	CONF_STR(enprompta_conf, prompt_id, "", "enprompta.prompt_id.", .flags = CONF_NUMERALS),
	CONF_STR(enprompta_conf, prompt_version_id, "", "enprompta.prompt_version_id.", .flags = CONF_NUMERALS),
	CONF_END,
};
static const struct conf_field promptlayer_fields[] = {
	CONF_STR(promptlayer_conf, id, "", "promptlayer.prompt.id.", .flags = CONF_NUMERALS),
	CONF_STR(promptlayer_conf, version, "", "promptlayer.prompt.version.", .flags = CONF_NUMERALS),
	CONF_STR(promptlayer_conf, label, "", "promptlayer.prompt.label."),
	CONF_END,
};
static const struct conf_field langfuse_fields[] = {
	CONF_STR(langfuse_conf, name, "", "langfuse.observation.prompt.name."),
	CONF_STR(langfuse_conf, version, "", "langfuse.observation.prompt.version.", .flags = CONF_NUMERALS),
	CONF_END,
};
static const struct conf_field links_fields[] = {
	CONF_GROUP(links_conf, enprompta, enprompta_conf, enprompta_fields, "The prompt at Enprompta."),
	CONF_GROUP(links_conf, promptlayer, promptlayer_conf, promptlayer_fields, "The prompt at PromptLayer."),
	CONF_GROUP(links_conf, langfuse, langfuse_conf, langfuse_fields, "The prompt at Langfuse."),
	CONF_END,
};
const struct conf_field prompt_fields[] = {
	CONF_STR(prompt_conf, name, "", "gen_ai.prompt.name of the prompt."),
	CONF_STR(prompt_conf, version, "",
	        "gen_ai.prompt.version, whatever the vendors' are; without it every version of the prompt is meant.",
	        .flags = CONF_NUMERALS),
	CONF_STR(prompt_conf, fingerprint, "", "weir.prompt.fingerprint of calls that name no prompt."),
	CONF_GROUP(prompt_conf, links, links_conf, links_fields, "Names of the same prompt at vendors."),
	CONF_END,
};

/* A vendor's link: the attributes that name the prompt, those that tell its version, and what else is said about it. */
enum { NAMES = 1, VERSION = 2, NUMBER = 4 };
static const struct link_row {
	enum genai_key key;
	size_t offset; /* of the slice in struct prompt_conf */
	unsigned is;
} link_rows[] = {
	{ KEY_ENPROMPTA_PROMPTID, offsetof(struct prompt_conf, links.enprompta.prompt_id), NAMES },
	{ KEY_ENPROMPTA_PROMPTVERSIONID, offsetof(struct prompt_conf, links.enprompta.prompt_version_id),
	        NAMES | VERSION },
	{ KEY_PROMPTLAYER_PROMPT_ID, offsetof(struct prompt_conf, links.promptlayer.id), NAMES | NUMBER },
	{ KEY_PROMPTLAYER_PROMPT_VERSION, offsetof(struct prompt_conf, links.promptlayer.version), VERSION | NUMBER },
	{ KEY_PROMPTLAYER_PROMPT_LABEL, offsetof(struct prompt_conf, links.promptlayer.label), 0 },
	{ KEY_LANGFUSE_OBSERVATION_PROMPT_NAME, offsetof(struct prompt_conf, links.langfuse.name), NAMES },
	{ KEY_LANGFUSE_OBSERVATION_PROMPT_VERSION, offsetof(struct prompt_conf, links.langfuse.version),
	        VERSION | NUMBER },
};
enum { N_LINKS = COUNTOF(link_rows), LINK_MAX = 1024 };

/* What a span says, and what of it is but a vendor's word, which the normaliser wrote under the canonical name too. */
struct asked {
	const struct prompt_named *named;
	const struct attr *told[N_LINKS];
	bool linked, vendors_name, vendors_version;
};

static slice member(const struct prompt_conf *p, size_t link)
{
	slice s;
	memcpy(&s, (const char *)p + link_rows[link].offset, sizeof s);
	return s;
}

/* Does the attribute say this text? Numbers are compared as text. */
static bool says(const struct attr *a, slice text)
{
	char number[24];
	int64_t n;
	if (a->value.type == V_STRING)
		return slice_eq(a->value.s, text);
	if (!coerce_int(&a->value, &n))
		return false;
	snprintf(number, sizeof number, "%lld", (long long)n);
	return slice_is(text, number);
}

static const struct attr *find_told(const struct prompt_places *places, enum genai_key key)
{
	const struct attr *a = NULL;
	for (size_t i = 0; i < COUNTOF(places->at) && !a; i++)
		a = places->at[i] ? attrs_find_id(places->at[i], (uint16_t)key) : NULL;
	return a;
}

static struct asked ask(const struct prompt_places *places, const struct prompt_named *named)
{
	struct asked q = { .named = named };
	const struct attr *name = find_told(places, KEY_PROMPTLAYER_PROMPT_NAME);
	for (size_t i = 0; i < N_LINKS; i++) {
		q.told[i] = find_told(places, link_rows[i].key);
		q.linked |= q.told[i] != NULL;
		if (q.told[i] && link_rows[i].is & VERSION && says(q.told[i], named->version))
			q.vendors_version = true;
		if (q.told[i] && link_rows[i].key == KEY_LANGFUSE_OBSERVATION_PROMPT_NAME)
			q.vendors_name = says(q.told[i], named->name);
	}
	q.vendors_name = q.vendors_name || (name && says(name, named->name));
	return q;
}

/* NAMES: a link that names the prompt is the same; VERSION: one that tells its version. -1: a link that both have differs. */
static int compare_links(const struct prompt_conf *p, const struct asked *q)
{
	unsigned same = 0;
	for (size_t i = 0; i < N_LINKS; i++) {
		slice want = q->told[i] ? member(p, i) : (slice){ 0 };
		if (!want.len)
			continue;
		if (!says(q->told[i], want))
			return -1;
		same |= link_rows[i].is & (NAMES | VERSION);
	}
	return (int)same;
}

/* How well versions fit, best first; -1: they differ. A version that is but a vendor's differs from no row's own. */
static int version_fit(const struct prompt_conf *p, const struct asked *q, int links)
{
	enum { CONFIRMED, EQUAL, ROW_IS_OPEN, SPAN_IS_OPEN };
	slice version = q->named->version;
	bool open = !version.len || (q->vendors_version && links), equal = slice_eq(p->version, version);
	if (p->version.len && !equal && !open)
		return -1;
	return links & VERSION ? CONFIRMED : equal ? EQUAL : !p->version.len ? ROW_IS_OPEN : SPAN_IS_OPEN;
}

/* How well the row fits, best first; -1: it is not meant. A row that only has a vendor's name for its own comes last. */
static int rank(const struct prompt_conf *p, const struct asked *q)
{
	enum { LINKED = 1, VERSIONS = 2, CANONICAL = 8 };
	bool named_so = p->name.len && slice_eq(p->name, q->named->name);
	bool printed_so = p->fingerprint.len && slice_eq(p->fingerprint, q->named->fingerprint);
	int links = compare_links(p, q), fit = links < 0 ? -1 : version_fit(p, q, links);
	bool linked = links & NAMES;
	if (fit < 0 || !(named_so || printed_so || linked))
		return -1;
	return fit * VERSIONS + !linked * LINKED + (!linked && !printed_so && q->vendors_name) * CANONICAL;
}

static bool same_prompt(const struct prompt_conf *a, const struct prompt_conf *b)
{
	bool same = slice_eq(a->name, b->name) && slice_eq(a->version, b->version);
	for (size_t i = 0; same && i < N_LINKS; i++)
		same = slice_eq(member(a, i), member(b, i));
	return same;
}

const struct prompt_conf *prompt_find(
        const struct conf_list *prompts, const struct prompt_places *places, const struct prompt_named *named)
{
	const struct prompt_conf *v = prompts->v, *best = NULL;
	struct asked q = ask(places, named);
	int best_rank = -1;
	bool ambiguous = false;
	if (!named->name.len && !named->fingerprint.len && !q.linked) /* most spans name no prompt */
		return NULL;
	for (size_t i = 0; i < prompts->n; i++) {
		int r = rank(&v[i], &q);
		if (r < 0 || (best && r > best_rank))
			continue;
		ambiguous = best && r == best_rank && (ambiguous || !same_prompt(best, &v[i]));
		best = &v[i];
		best_rank = r;
	}
	return ambiguous ? NULL : best;
}

bool prompt_version_is_vendors(const struct prompt_places *places, slice version)
{
	return ask(places, &(struct prompt_named){ .version = version }).vendors_version;
}

bool prompt_add_links(struct traces *t, struct span *s, const struct prompt_conf *p)
{
	bool added = false;
	for (size_t i = 0; i < N_LINKS; i++) {
		const struct link_row *row = &link_rows[i];
		struct value link = { .type = V_STRING, .s = member(p, i) };
		int64_t number;
		if (!link.s.len || attrs_find_id(&s->attrs, (uint16_t)row->key))
			continue;
		if (row->key == KEY_PROMPTLAYER_PROMPT_ID && attrs_find_id(&s->attrs, KEY_PROMPTLAYER_PROMPT_NAME))
			continue;
		if (row->is & NUMBER && coerce_int(&link, &number))
			link = (struct value){ .type = V_INT, .i = number };
		attr_set_borrowed(t, &s->attrs, genai_key_name(row->key), &link);
		added = true;
	}
	return added;
}

static bool is_link(uint16_t key)
{
	bool is = key == KEY_PROMPTLAYER_PROMPT_NAME;
	for (size_t i = 0; i < N_LINKS && !is; i++)
		is = key == link_rows[i].key;
	return is;
}

void prompt_inherit_links(struct traces *t, struct span *s, const struct attrs *from)
{
	for (const struct attr *a = from->first; a; a = a->next) {
		const struct value *v = &a->value;
		bool plain = v->type == V_STRING ? v->s.len <= LINK_MAX : v->type == V_INT || v->type == V_DOUBLE;
		if (plain && !a->deleted && is_link(a->key_id) && !attrs_find_id(&s->attrs, a->key_id))
			attr_set_borrowed(t, &s->attrs, genai_key_name((enum genai_key)a->key_id), v);
	}
}
