/* span_match.c - see span_match.h. A text set is a list of texts, compared as they are or as patterns; the other
 * properties are lists of small matchers built from it. Service names that are missing are "<nil-service-name>",
 * which a pattern can name, as in the Collector. */
#include "lib/pipe/span_match.h"

#include "lib/otlp/value_text.h"
#include "lib/pipe/attr_value.h"

enum match_type { MATCH_STRICT, MATCH_REGEXP };
static const char *const type_names[] = { "strict", "regexp", NULL };

struct attr_match_conf {
	slice key;
	struct node *value;
};
static const struct conf_field attr_rows[] = {
	CONF_STR(attr_match_conf, key, NULL, "Key of the attribute."),
	CONF_NODE(attr_match_conf, value, "The value it must have; without it the key must be there."),
	CONF_END,
};

struct library_conf {
	slice name, version;
};
static const struct conf_field library_rows[] = {
	CONF_STR(library_conf, name, NULL, "Name of the instrumentation scope."),
	CONF_STR(library_conf, version, NULL, "Its version; without it any version matches.", .flags = CONF_OPTIONAL),
	CONF_END,
};

#define ONLY_LOGS "it is a property of log records, and this processor works on spans."
const struct conf_field match_fields[] = {
	CONF_ENUM(match_conf, match_type, NULL, type_names, "How texts are compared."),
	CONF_STRS(match_conf, services, "", "The service.name is one of these."),
	CONF_STRS(match_conf, span_names, "", "The name of the span is one of these."),
	CONF_STRS(match_conf, span_kinds, "", "The kind is one of these, written SPAN_KIND_CLIENT."),
	CONF_LIST(match_conf, attributes, attr_match_conf, attr_rows, "Attributes of the span: all must match."),
	CONF_LIST(match_conf, resources, attr_match_conf, attr_rows, "Attributes of the resource: all must match."),
	CONF_LIST(match_conf, libraries, library_conf, library_rows, "Instrumentation scopes: all must match."),
	CONF_IGNORED("regexp", "matching needs no cache here."),
	CONF_REFUSED("log_bodies", ONLY_LOGS),
	CONF_REFUSED("log_severity_texts", ONLY_LOGS),
	CONF_REFUSED("log_severity_number", ONLY_LOGS),
	CONF_REFUSED("metric_names", "it is a property of metrics, and this processor works on spans."),
	CONF_END,
};

static const char *const kind_names[] = { "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
	"SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER" };

static void check_regex(slice pattern, const void *member, struct conf_report *r)
{
	struct err e;
	struct regex *re = regex_new(pattern, &e);
	if (!re)
		conf_fail(r, member, "invalid pattern \"%.*s\": %s", SLICE_ARG(pattern), e.text);
	regex_free(re);
}

static void check_texts(const struct match_conf *c, const struct conf_strs *texts, struct conf_report *r)
{
	for (size_t i = 0; i < texts->n && c->match_type == MATCH_REGEXP; i++)
		check_regex(texts->v[i], &texts->v[i], r);
}

static void check_attrs(const struct match_conf *c, const struct conf_list *list, struct conf_report *r)
{
	const struct attr_match_conf *m = list->v;
	for (size_t i = 0; i < list->n; i++, m++) {
		if (conf_is_set(r, &m->key) && !m->key.len)
			conf_fail(r, &m->key, "can't have empty key in the list of attributes");
		if (node_is_unset(m->value))
			continue;
		if (m->value->kind != NODE_SCALAR)
			conf_fail(r, &m->value, "only a string, a number or a boolean can be compared");
		else if (c->match_type == MATCH_REGEXP && node_scalar_value(m->value).type != V_STRING)
			conf_fail(r, &m->value,
			        "match_type=regexp for \"%.*s\" only supports strings: put it in quotes",
			        SLICE_ARG(m->key));
		else if (c->match_type == MATCH_REGEXP)
			check_regex(m->value->text, &m->value, r);
	}
}

static void check_libraries(const struct match_conf *c, struct conf_report *r)
{
	const struct library_conf *l = c->libraries.v;
	for (size_t i = 0; i < c->libraries.n && c->match_type == MATCH_REGEXP; i++, l++) {
		check_regex(l->name, &l->name, r);
		if (l->version.len)
			check_regex(l->version, &l->version, r);
	}
}

static void check_kinds(const struct match_conf *c, struct conf_report *r)
{
	for (size_t i = 0; i < c->span_kinds.n && c->match_type == MATCH_STRICT; i++) {
		bool known = false;
		for (size_t k = 1; k < COUNTOF(kind_names); k++)
			known = known || slice_is(c->span_kinds.v[i], kind_names[k]);
		if (!known)
			conf_fail(r, &c->span_kinds,
			        "span_kinds string must match one of the standard span kinds when match_type=strict: "
			        "[SPAN_KIND_CLIENT SPAN_KIND_CONSUMER SPAN_KIND_INTERNAL SPAN_KIND_PRODUCER "
			        "SPAN_KIND_SERVER], "
			        "got \"%.*s\"",
			        SLICE_ARG(c->span_kinds.v[i]));
	}
}

void match_check(const struct match_conf *c, struct conf_report *r)
{
	if (!c->enabled)
		return;
	if (!c->services.n && !c->span_names.n && !c->span_kinds.n && !c->attributes.n && !c->resources.n &&
	        !c->libraries.n)
		conf_missing(r, c,
		        "at least one of \"services\", \"span_names\", \"span_kinds\", \"attributes\", \"libraries\" "
		        "or "
		        "\"resources\" field must be specified");
	check_texts(c, &c->services, r);
	check_texts(c, &c->span_names, r);
	check_texts(c, &c->span_kinds, r);
	check_attrs(c, &c->attributes, r);
	check_attrs(c, &c->resources, r);
	check_libraries(c, r);
	check_kinds(c, r);
}

struct text_set {
	const slice *texts;
	struct regex **patterns; /* NULL: strict */
	size_t n;
};

struct attr_match {
	slice key;
	bool any; /* the key is enough */
	struct value value; /* strict */
	struct regex *pattern;
};

struct library_match {
	struct text_set name, version;
	bool any_version;
};

struct matcher {
	struct arena arena;
	const struct match_conf *conf;
	struct text_set services, span_names, span_kinds;
	struct attr_match *attributes, *resources;
	struct library_match *libraries;
	struct regex **regexes; /* all of them, for the end */
	size_t n_regexes;
};

/* NULL in strict mode or on failure, which e->text tells. */
static struct regex *compile(struct matcher *m, slice pattern, struct err *e)
{
	if (m->conf->match_type != MATCH_REGEXP || e->text[0])
		return NULL;
	struct regex *re = regex_new(pattern, e);
	if (re)
		m->regexes[m->n_regexes++] = re;
	return re;
}

static struct text_set text_set(struct matcher *m, const slice *texts, size_t n, struct err *e)
{
	struct text_set set = { texts, NULL, n };
	if (m->conf->match_type != MATCH_REGEXP)
		return set;
	set.patterns = arena_zalloc(&m->arena, (n + 1) * sizeof(struct regex *));
	for (size_t i = 0; i < n; i++)
		set.patterns[i] = compile(m, texts[i], e);
	return set;
}

static struct attr_match *attr_matches(struct matcher *m, const struct conf_list *list, struct err *e)
{
	const struct attr_match_conf *c = list->v;
	struct attr_match *out = arena_zalloc(&m->arena, (list->n + 1) * sizeof(*out));
	for (size_t i = 0; i < list->n; i++) {
		out[i] = (struct attr_match){ .key = c[i].key, .any = node_is_unset(c[i].value) };
		if (out[i].any)
			continue;
		out[i].value = node_scalar_value(c[i].value);
		out[i].pattern = compile(m, c[i].value->text, e);
	}
	return out;
}

static struct library_match *library_matches(struct matcher *m, struct err *e)
{
	const struct library_conf *c = m->conf->libraries.v;
	struct library_match *out = arena_zalloc(&m->arena, (m->conf->libraries.n + 1) * sizeof(*out));
	for (size_t i = 0; i < m->conf->libraries.n; i++) {
		out[i].name = text_set(m, &c[i].name, 1, e);
		out[i].any_version = !c[i].version.p;
		if (!out[i].any_version)
			out[i].version = text_set(m, &c[i].version, 1, e);
	}
	return out;
}

struct matcher *matcher_new(const struct match_conf *c, struct err *e)
{
	struct matcher *m = calloc(1, sizeof(*m));
	if (!m)
		abort();
	arena_init(&m->arena);
	m->conf = c;
	size_t n = c->services.n + c->span_names.n + c->span_kinds.n + c->attributes.n + c->resources.n;
	m->regexes = arena_zalloc(&m->arena, (n + 2 * c->libraries.n + 1) * sizeof(struct regex *));
	e->text[0] = 0;
	m->services = text_set(m, c->services.v, c->services.n, e);
	m->span_names = text_set(m, c->span_names.v, c->span_names.n, e);
	m->span_kinds = text_set(m, c->span_kinds.v, c->span_kinds.n, e);
	m->attributes = attr_matches(m, &c->attributes, e);
	m->resources = attr_matches(m, &c->resources, e);
	m->libraries = library_matches(m, e);
	if (!e->text[0])
		return m;
	matcher_free(m);
	return NULL;
}

void matcher_free(struct matcher *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_regexes; i++)
		regex_free(m->regexes[i]);
	arena_release(&m->arena);
	free(m);
}

struct match_run {
	struct regex_scratch *scratch;
	struct log *log;
};

static bool matches(const struct match_run *run, const struct regex *re, slice text)
{
	enum regex_result got = regex_match(re, run->scratch, text);
	if (got == REGEX_GAVE_UP)
		log_warn(run->log,
		        "a pattern of include or exclude takes too long on a text and counts as not matching", NULL);
	return got == REGEX_MATCH;
}

static bool set_has(const struct match_run *run, const struct text_set *set, slice text)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->patterns ? matches(run, set->patterns[i], text) : slice_eq(set->texts[i], text))
			return true;
	return false;
}

static bool value_eq(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == V_STRING)
		return slice_eq(a->s, b->s);
	if (a->type == V_BOOL)
		return a->b == b->b;
	if (a->type == V_INT)
		return a->i == b->i;
	return a->type == V_DOUBLE && !(a->d < b->d) && !(a->d > b->d);
}

/* Patterns see scalars as text; arrays, maps and bytes never match. */
static bool value_matches(const struct match_run *run, const struct attr_match *m, const struct value *v)
{
	if (!m->pattern)
		return value_eq(&m->value, v);
	if (v->type == V_STRING)
		return matches(run, m->pattern, v->s);
	if (v->type != V_BOOL && v->type != V_INT && v->type != V_DOUBLE)
		return false;
	struct strbuf text;
	strbuf_init(&text, 64);
	value_text(&text, v);
	bool ok = matches(run, m->pattern, strbuf_slice(&text));
	strbuf_release(&text);
	return ok;
}

static bool attrs_match(const struct match_run *run, const struct attr_match *m, size_t n, const struct attrs *as)
{
	for (size_t i = 0; i < n; i++) {
		const struct attr *a = attrs_find(as, m[i].key);
		if (!a || (!m[i].any && !value_matches(run, &m[i], &a->value)))
			return false;
	}
	return true;
}

static bool service_matches(const struct match_run *run, const struct matcher *m, const struct attrs *resource)
{
	if (!m->services.n)
		return true;
	const struct attr *name = attrs_find(resource, SLICE("service.name"));
	if (!name)
		return set_has(run, &m->services, SLICE("<nil-service-name>"));
	if (name->value.type == V_STRING)
		return set_has(run, &m->services, name->value.s);
	struct strbuf text;
	strbuf_init(&text, 64 * 1024);
	value_text(&text, &name->value);
	bool ok = set_has(run, &m->services, strbuf_slice(&text));
	strbuf_release(&text);
	return ok;
}

static bool libraries_match(const struct match_run *run, const struct matcher *m, const struct scope *scope)
{
	for (size_t i = 0; i < m->conf->libraries.n; i++) {
		const struct library_match *l = &m->libraries[i];
		if (!set_has(run, &l->name, scope->name) ||
		        (!l->any_version && !set_has(run, &l->version, scope->version)))
			return false;
	}
	return true;
}

bool matcher_matches(const struct matcher *m, const struct span *s, struct regex_scratch *scratch, struct log *log)
{
	struct match_run run = { scratch, log };
	const struct attrs *resource = &s->scope->resource->attrs;
	slice kind = s->kind < COUNTOF(kind_names) ? slice_of(kind_names[s->kind]) : SLICE("");
	return service_matches(&run, m, resource) && (!m->span_names.n || set_has(&run, &m->span_names, s->name)) &&
	        (!m->span_kinds.n || set_has(&run, &m->span_kinds, kind)) && libraries_match(&run, m, s->scope) &&
	        attrs_match(&run, m->resources, m->conf->resources.n, resource) &&
	        attrs_match(&run, m->attributes, m->conf->attributes.n, &s->attrs);
}
