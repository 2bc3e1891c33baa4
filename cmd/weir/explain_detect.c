/* explain_detect.c - why gen_ai_filter keeps a span or not, in words.
 *
 * What was filtered has its rule from the processor itself. What was kept is asked again with the processor's options; a span
 * that no rule calls GenAI and that was kept all the same is one that `include` names.
 */
#include "cmd/weir/explain.h"

#include "lib/genai/call.h"
#include "lib/genai/coerce.h"
#include "lib/genai/detect.h"

static const char *words_of(enum detect_rule r)
{
	static const char *const words[N_DETECT_RULES] = {
		[DETECT_NONE] = "nothing on it says so",
		[DETECT_R0_KEEP_TRUE] = "the span says so itself",
		[DETECT_R0_KEEP_FALSE] = "the span says so itself",
		[DETECT_R0_INCLUDE] = "an element of `include` of gen_ai_filter matches it",
		[DETECT_R0_EXCLUDE] = "an element of `exclude` of gen_ai_filter matches it",
		[DETECT_R1] = "only model, tool and agent spans have this attribute",
		[DETECT_R2] = "its instrumentation makes nothing else",
		[DETECT_R3] = "it has tokens or messages",
		[DETECT_R4] = "it names a model and a provider",
		[DETECT_R5] = "it has attributes of a tool or agent",
		[DETECT_R_NEG] = "it is infrastructure: a database, HTTP, RPC or messaging",
	};
	return words[r];
}

static bool option(const struct plan_component *c, const char *key)
{
	const bool *on = c ? explain_option(c, key) : NULL;
	return on && *on;
}

static enum detect_rule rule_of(const struct span *s, const struct plan_component *filter, uint16_t mark, slice *why)
{
	const struct detect_options options = { option(filter, "keep_retrievers"),
		option(filter, "keep_mcp_protocol") };
	const struct attr *own = attrs_find_id(&s->attrs, KEY_WEIR_KEEP);
	bool keep;
	enum detect_rule rule = detect_span(s, emitter_of_scope(s->scope), &options, why);
	if (own && coerce_bool(&own->value, &keep)) {
		*why = own->key;
		return keep ? DETECT_R0_KEEP_TRUE : DETECT_R0_KEEP_FALSE;
	}
	if (mark && mark <= N_DETECT_RULES && (enum detect_rule)(mark - 1) != rule) {
		*why = (slice){ 0 };
		return (enum detect_rule)(mark - 1);
	}
	if (filter && !mark && !detect_keeps(rule)) {
		*why = (slice){ 0 };
		return DETECT_R0_INCLUDE;
	}
	return rule;
}

void explain_detection(struct strbuf *out, const struct span *s, const struct plan_component *filter, uint16_t mark)
{
	slice why = { 0 };
	enum detect_rule rule = rule_of(s, filter, mark, &why);
	bool wanted = rule == DETECT_R0_INCLUDE || rule == DETECT_R0_EXCLUDE;
	const char *head = detect_keeps(rule) ? wanted ? "kept" : "GenAI" : wanted ? "not kept" : "not GenAI";
	strbuf_addf(out, "  %s: %s (rule %s", head, words_of(rule), detect_label(rule));
	if (why.len) {
		strbuf_adds(out, ", ");
		call_print_text(out, why, 120);
	}
	strbuf_adds(out, ")\n");
}
