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
	if (a->value.type != V_INT)
		return a->value.type == V_STRING && slice_eq(a->value.s, text);
	snprintf(number, sizeof number, "%lld", (long long)a->value.i);
	return slice_is(text, number);
}

/* Nothing that both name may differ, and at least one identifying link is the same. */
static bool links_match(const struct prompt_conf *p, const struct span *s)
{
	bool same = false;
	for (size_t i = 0; i < COUNTOF(link_rows); i++) {
		slice want = member(p, &link_rows[i]);
		const struct attr *a = want.len ? attrs_find_id(&s->attrs, (uint16_t)link_rows[i].key) : NULL;
		if (a && !says(a, want))
			return false;
		same = same || (a && link_rows[i].identifies);
	}
	return same;
}

static bool name_matches(const struct prompt_conf *p, const struct prompt_named *n, bool exact)
{
	if (!p->name.len || !slice_eq(p->name, n->name))
		return false;
	if (p->version.len && n->version.len)
		return slice_eq(p->version, n->version);
	return !exact || !p->version.len;
}

const struct prompt_conf *prompt_find(
        const struct conf_list *prompts, const struct span *s, const struct prompt_named *named)
{
	const struct prompt_conf *v = prompts->v;
	for (int exact = 1; exact >= 0; exact--)
		for (size_t i = 0; i < prompts->n; i++) {
			bool print = v[i].fingerprint.len && slice_eq(v[i].fingerprint, named->fingerprint);
			if (print || name_matches(&v[i], named, exact) || links_match(&v[i], s))
				return &v[i];
		}
	return NULL;
}

void prompt_add_links(struct traces *t, struct span *s, const struct prompt_conf *p)
{
	for (size_t i = 0; i < COUNTOF(link_rows); i++) {
		const struct link_row *row = &link_rows[i];
		struct value text = { .type = V_STRING, .s = member(p, row) };
		int64_t number;
		if (!text.s.len || attrs_find_id(&s->attrs, (uint16_t)row->key))
			continue;
		if (row->number && coerce_int(&text, &number))
			attr_set_int(t, &s->attrs, genai_key_name(row->key), number);
		else
			attr_set_str(t, &s->attrs, genai_key_name(row->key), text.s);
	}
}
