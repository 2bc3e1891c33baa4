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
	CONF_STR(prompt_conf, version, "", "gen_ai.prompt.version; without it every version of the prompt is meant.",
	        .flags = CONF_NUMERALS),
	CONF_STR(prompt_conf, fingerprint, "", "weir.prompt.fingerprint of calls that name no prompt."),
	CONF_GROUP(prompt_conf, links, links_conf, links_fields, "Names of the same prompt at vendors."),
	CONF_END,
};

/* A vendor's link: the attribute that names the prompt, and those that say more about it. */
static const struct link_row {
	enum genai_key key;
	size_t offset; /* of the slice in struct prompt_conf */
	bool identifies, number;
} link_rows[] = {
	{ KEY_ENPROMPTA_PROMPTID, offsetof(struct prompt_conf, links.enprompta.prompt_id), true, false },
	{ KEY_ENPROMPTA_PROMPTVERSIONID, offsetof(struct prompt_conf, links.enprompta.prompt_version_id), true, false },
	{ KEY_PROMPTLAYER_PROMPT_ID, offsetof(struct prompt_conf, links.promptlayer.id), true, true },
	{ KEY_PROMPTLAYER_PROMPT_VERSION, offsetof(struct prompt_conf, links.promptlayer.version), false, true },
	{ KEY_PROMPTLAYER_PROMPT_LABEL, offsetof(struct prompt_conf, links.promptlayer.label), false, false },
	{ KEY_LANGFUSE_OBSERVATION_PROMPT_NAME, offsetof(struct prompt_conf, links.langfuse.name), true, false },
	{ KEY_LANGFUSE_OBSERVATION_PROMPT_VERSION, offsetof(struct prompt_conf, links.langfuse.version), false, true },
};

static slice member(const struct prompt_conf *p, const struct link_row *row)
{
	slice s;
	memcpy(&s, (const char *)p + row->offset, sizeof s);
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

static const struct attr *link_told(const struct prompt_places *places, const struct link_row *row)
{
	const struct attr *a = NULL;
	for (size_t i = 0; i < COUNTOF(places->at) && !a; i++)
		a = places->at[i] ? attrs_find_id(places->at[i], (uint16_t)row->key) : NULL;
	return a;
}

enum agreement { DIFFERENT, SILENT, SAME };

/* A link that both have and that differs speaks against the row; an identifying one that is the same, for it. */
static enum agreement compare_links(const struct prompt_conf *p, const struct prompt_places *places)
{
	enum agreement result = SILENT;
	for (size_t i = 0; i < COUNTOF(link_rows); i++) {
		slice want = member(p, &link_rows[i]);
		const struct attr *a = want.len ? link_told(places, &link_rows[i]) : NULL;
		if (a && !says(a, want))
			return DIFFERENT;
		if (a && link_rows[i].identifies)
			result = SAME;
	}
	return result;
}

/* How well versions fit: 0 the same, 1 the row leaves it open, 2 the span does; -1: they differ. */
static int version_fit(slice row, slice span)
{
	if (slice_eq(row, span))
		return 0;
	if (!row.len)
		return 1;
	return span.len ? -1 : 2;
}

const struct prompt_conf *prompt_find(
        const struct conf_list *prompts, const struct prompt_places *places, const struct prompt_named *named)
{
	const struct prompt_conf *v = prompts->v, *best = NULL;
	int best_fit = 3;
	for (size_t i = 0; i < prompts->n && best_fit; i++) {
		const struct prompt_conf *p = &v[i];
		bool named_so = p->name.len && slice_eq(p->name, named->name);
		bool printed_so = p->fingerprint.len && slice_eq(p->fingerprint, named->fingerprint);
		int fit = version_fit(p->version, named->version);
		enum agreement links = compare_links(p, places);
		if (fit < 0 || fit >= best_fit || links == DIFFERENT || !(named_so || printed_so || links == SAME))
			continue;
		best = p;
		best_fit = fit;
	}
	return best;
}

void prompt_add_links(struct traces *t, struct span *s, const struct prompt_conf *p)
{
	for (size_t i = 0; i < COUNTOF(link_rows); i++) {
		const struct link_row *row = &link_rows[i];
		struct value link = { .type = V_STRING, .s = member(p, row) };
		int64_t number;
		if (!link.s.len || attrs_find_id(&s->attrs, (uint16_t)row->key))
			continue;
		if (row->key == KEY_PROMPTLAYER_PROMPT_ID && attrs_find_id(&s->attrs, KEY_PROMPTLAYER_PROMPT_NAME))
			continue;
		if (row->number && coerce_int(&link, &number))
			link = (struct value){ .type = V_INT, .i = number };
		attr_set_borrowed(t, &s->attrs, genai_key_name(row->key), &link);
	}
}
