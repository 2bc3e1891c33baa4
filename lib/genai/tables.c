/* tables.c - the generated arrays and the look-ups in them.
 *
 * Immutable; scripts/gen-genai makes genai_tables.inc of the CSV files beside this one. Value maps are in values.c,
 * scopes in emitter.c, providers in provider.c.
 */
#include "lib/genai/tables.h"

enum { PREFIX_MIN = 8 }; /* no prefix is shorter: scripts/gen-genai looks */

struct rule_prefix {
	slice prefix;
	enum key_rule rule;
	bool indexed; /* a number of 1 to 5 digits follows */
};

#define S(lit)                       \
	{                            \
		lit, sizeof(lit) - 1 \
	}
#include "genai_tables.inc"

struct key_table *genai_keys_new(void)
{
	return key_table_new(key_list, COUNTOF(key_list));
}

slice genai_key_name(enum genai_key key)
{
	return key ? key_list[key - 1] : (slice){ 0 };
}

const struct concept_info *concept_info(enum concept c)
{
	return &concept_list[c];
}

const struct alias *aliases_of(uint16_t key, size_t *n)
{
	*n = (size_t)(alias_first[key + 1] - alias_first[key]);
	return &alias_list[alias_first[key]];
}

/* Digits at the start of `rest` that are a whole index: 1 to 5 of them, then the end or a dot. */
static bool is_indexed(slice rest)
{
	size_t n = 0;
	while (n < rest.len && n < 6 && rest.p[n] >= '0' && rest.p[n] <= '9')
		n++;
	return n >= 1 && n <= 5 && (n == rest.len || rest.p[n] == '.');
}

/* By the first bytes as one number: most keys are asked about many prefixes and begin with none. */
static bool begins(slice key, slice prefix, slice *rest)
{
	if (key.len <= prefix.len || memcmp(key.p, prefix.p, PREFIX_MIN) != 0 ||
	        memcmp(key.p, prefix.p, prefix.len) != 0)
		return false;
	*rest = (slice){ key.p + prefix.len, key.len - prefix.len };
	return true;
}

void aliases_of_prefix(slice key, void (*each)(void *ctx, const struct alias *a, slice rest), void *ctx)
{
	for (size_t i = 0; i < COUNTOF(prefix_list); i++) {
		const struct alias_prefix *p = &prefix_list[i];
		slice rest;
		if (begins(key, p->prefix, &rest) && (!(p->alias.flags & ALIAS_FLAT) || is_indexed(rest)))
			each(ctx, &p->alias, rest);
	}
}

/* Apart from key_rule, which is asked for every attribute and mostly needs none of this. */
__attribute__((noinline)) static enum key_rule rule_of_family(slice key)
{
	for (size_t i = 0; i < COUNTOF(rule_prefixes); i++) {
		const struct rule_prefix *p = &rule_prefixes[i];
		slice rest;
		if (begins(key, p->prefix, &rest) && (!p->indexed || is_indexed(rest)))
			return p->rule;
	}
	return RULE_NONE;
}

enum key_rule key_rule(uint16_t key_id, slice key)
{
	if (key_id)
		return key_rules[key_id];
	return key.len > 2 && rule_thirds[(unsigned char)key.p[2]] ? rule_of_family(key) : RULE_NONE;
}

const char *ecosystem_name(enum ecosystem e)
{
	return ecosystem_names[e];
}

static const slice kind_names[N_KINDS] = {
	[KIND_OTHER] = S("other"),
	[KIND_LLM] = S("llm"),
	[KIND_EMBEDDING] = S("embedding"),
	[KIND_RERANK] = S("rerank"),
	[KIND_RETRIEVER] = S("retriever"),
	[KIND_TOOL] = S("tool"),
	[KIND_AGENT] = S("agent"),
	[KIND_WORKFLOW] = S("workflow"),
	[KIND_STEP] = S("step"),
	[KIND_GUARDRAIL] = S("guardrail"),
	[KIND_EVALUATOR] = S("evaluator"),
	[KIND_PROMPT] = S("prompt"),
	[KIND_MEMORY] = S("memory"),
};

const char *kind_name(enum genai_kind k)
{
	return kind_names[k].p;
}

bool kind_of_name(slice name, enum genai_kind *k)
{
	for (size_t i = 0; name.len && i < N_KINDS; i++) {
		if (name.p[0] == kind_names[i].p[0] && slice_eq(name, kind_names[i])) {
			*k = (enum genai_kind)i;
			return true;
		}
	}
	return false;
}
