/* gen_ai_filter.c - keeps GenAI spans and filters the rest (lib/genai/detect.h has the rules).
 *
 * weir.keep on a span decides before everything, then exclude, then include, then what the span and its scope show. The scope is
 * judged once. What is filtered is counted by rule and leaves no hole when `orphans` is reparent. A stage owns its
 * working memory; there is no shared part.
 */
#include "lib/base/glob.h"
#include "lib/base/strbuf.h"
#include "lib/genai/coerce.h"
#include "lib/genai/detect.h"
#include "lib/genai/orphans.h"
#include "lib/otlp/value_text.h"
#include "lib/pipe/batch.h"
#include "lib/pipe/component.h"
#include "lib/pipe/meter.h"

struct selector_conf {
	slice scope, name, attribute, value;
};

enum { ORPHANS_KEEP, ORPHANS_REPARENT };
enum { TEXT_MAX = 1 << 20, TEXT_KEPT = 4096 }; /* of an attribute that is compared with a value */

struct filter_conf {
	struct conf_list include, exclude; /* selector_conf */
	bool keep_retrievers, keep_mcp_protocol;
	int orphans;
};

static const struct conf_field selector_fields[] = {
	CONF_STR(selector_conf, scope, "", "Glob for the name of the instrumentation scope."),
	CONF_STR(selector_conf, name, "", "Glob for the name of the span."),
	CONF_STR(selector_conf, attribute, "", "Glob for the key of an attribute of the span."),
	CONF_STR(selector_conf, value, "",
	        "Glob for the value of that attribute; without it the attribute must be there."),
	CONF_END,
};

static const char *const orphans_names[] = { "keep", "reparent", NULL };

static const struct conf_field fields[] = {
	CONF_LIST(filter_conf, include, selector_conf, selector_fields,
	        "Spans that are kept whatever they are; the fields of an element must all match."),
	CONF_LIST(filter_conf, exclude, selector_conf, selector_fields, "Spans that are dropped even if included."),
	CONF_BOOL(filter_conf, keep_retrievers, "false", "Keep spans of vector databases."),
	CONF_BOOL(filter_conf, keep_mcp_protocol, "false", "Keep MCP's initialize, list and notification spans."),
	CONF_ENUM(filter_conf, orphans, "keep", orphans_names,
	        "What becomes of the parent of a span when it is dropped: keep it, or take the nearest kept ancestor."),
	CONF_END,
};

struct filter_state {
	struct orphans orphans;
	struct strbuf text;
	struct meter_cell *dropped[N_DETECT_RULES]; /* NULL for rules that keep */
};

static void check_selectors(const struct conf_list *list, struct conf_report *r)
{
	const struct selector_conf *s = list->v;
	for (size_t i = 0; i < list->n; i++) {
		if (s[i].value.len && !s[i].attribute.len)
			conf_fail(r, &s[i].value, "\"value\" needs \"attribute\"");
		else if (!s[i].scope.len && !s[i].name.len && !s[i].attribute.len)
			conf_missing(r, &s[i], "at least one of \"scope\", \"name\" and \"attribute\" is needed");
	}
}

static void check(const void *conf, struct conf_report *r)
{
	const struct filter_conf *c = conf;
	check_selectors(&c->include, r);
	check_selectors(&c->exclude, r);
}

static bool has_value(struct filter_state *st, const struct attr *a, slice glob)
{
	if (!glob.len)
		return true;
	if (a->value.type == V_STRING)
		return glob_match(glob, a->value.s);
	strbuf_clear(&st->text);
	value_text(&st->text, &a->value);
	return !st->text.failed && glob_match(glob, strbuf_slice(&st->text));
}

static bool has_attribute(struct filter_state *st, const struct attrs *as, const struct selector_conf *s)
{
	if (!s->attribute.len)
		return true;
	for (const struct attr *a = attrs_first(as); a; a = attrs_next(a))
		if (glob_match(s->attribute, a->key) && has_value(st, a, s->value))
			return true;
	return false;
}

static bool selects(struct filter_state *st, const struct conf_list *list, const struct span *span)
{
	const struct selector_conf *s = list->v;
	for (size_t i = 0; i < list->n; i++)
		if ((!s[i].scope.len || glob_match(s[i].scope, span->scope->name)) &&
		        (!s[i].name.len || glob_match(s[i].name, span->name)) && has_attribute(st, &span->attrs, &s[i]))
			return true;
	return false;
}

static enum detect_rule decide(
        struct filter_state *st, const struct filter_conf *c, const struct span *span, struct emitter emitter)
{
	const struct detect_options options = { c->keep_retrievers, c->keep_mcp_protocol };
	const struct attr *own = attrs_find_id(&span->attrs, KEY_WEIR_KEEP);
	bool keep;
	if (own && coerce_bool(&own->value, &keep))
		return keep ? DETECT_R0_KEEP_TRUE : DETECT_R0_KEEP_FALSE;
	if (c->exclude.n && selects(st, &c->exclude, span))
		return DETECT_R0_EXCLUDE;
	if (c->include.n && selects(st, &c->include, span))
		return DETECT_R0_INCLUDE;
	return detect_span(span, emitter, &options, NULL);
}

static void push(struct stage *stage, struct batch *b)
{
	const struct filter_conf *c = stage->conf;
	struct filter_state *st = stage->state;
	struct scope *scope = NULL;
	struct emitter emitter = { 0 };
	uint32_t dropped[N_DETECT_RULES] = { 0 };
	struct span *next;
	for (struct span *s = traces_first_span(b->traces); s; s = next) {
		next = traces_next_span(b->traces, s);
		if (s->scope != scope)
			emitter = emitter_of_scope(scope = s->scope);
		enum detect_rule rule = decide(st, c, s, emitter);
		if (detect_keeps(rule))
			continue;
		span_filter(b->traces, s, (uint16_t)(rule + 1)); /* 0 means kept */
		dropped[rule]++;
	}
	for (unsigned i = 0; i < N_DETECT_RULES; i++)
		if (dropped[i])
			meter_add(st->dropped[i], dropped[i]);
	if (c->orphans == ORPHANS_REPARENT && orphans_reparent(&st->orphans, b->traces) < 0)
		log_warn(stage->log, "no memory to repair the parents of a request's spans", NULL);
	if (st->text.cap > TEXT_KEPT)
		strbuf_release(&st->text);
	stage_push(stage->next, b);
}

static int start(struct stage *stage, struct err *e UNUSED)
{
	static const struct meter_info info = { "weir_filter_dropped_spans",
		"Spans that gen_ai_filter dropped, by the rule that said so.", { "rule" }, METER_COUNTER };
	struct filter_state *st = stage->state;
	struct meter *dropped = core_meter(stage->core, &info);
	for (unsigned i = 0; i < N_DETECT_RULES; i++)
		if (!detect_keeps((enum detect_rule)i))
			st->dropped[i] = meter_cell(
			        dropped, stage->worker, slice_of(detect_label((enum detect_rule)i)), (slice){ 0 });
	orphans_init(&st->orphans);
	strbuf_init(&st->text, TEXT_MAX);
	return 0;
}

static void stop(struct stage *stage)
{
	struct filter_state *st = stage->state;
	orphans_release(&st->orphans);
	strbuf_release(&st->text);
}

const struct component processor_gen_ai_filter = {
	.name = "gen_ai_filter",
	.summary = "Keeps GenAI spans and drops all others.",
	.kind = PROCESSOR,
	.signals = TRACES,
	.flags = MUTATES | BARE,
	.fields = fields,
	.conf_size = sizeof(struct filter_conf),
	.state_size = sizeof(struct filter_state),
	.check = check,
	.start = start,
	.push = push,
	.stop = stop,
};
