/* attr_actions.c - see attr_actions.h: the option rows, their rules, and the loop over the actions.
 *
 * A `struct action` is the conf element plus its compiled pattern. Nothing is remembered between attributes.
 * Values of attributes are content and never logged; keys and patterns are.
 */
#include "lib/pipe/attr_actions.h"

#include <openssl/evp.h>

#include "lib/base/parse.h"
#include "lib/otlp/value_text.h"
#include "lib/pipe/attr_value.h"

enum action_kind { ACT_INSERT, ACT_UPDATE, ACT_UPSERT, ACT_DELETE, ACT_HASH, ACT_EXTRACT, ACT_CONVERT };
enum converted_type { TO_INT, TO_DOUBLE, TO_STRING };

static const char *const action_names[] = { "insert", "update", "upsert", "delete", "hash", "extract", "convert",
	NULL };
static const char *const type_names[] = { "int", "double", "string", NULL };

const struct conf_field action_fields[] = {
	CONF_STR(action_conf, key, NULL, "The attribute to act on.", .flags = CONF_OPTIONAL),
	CONF_ENUM(action_conf, action, NULL, action_names,
	        "What to do: insert (if absent), update (if present), upsert, delete, hash (SHA-256, hex), extract, "
	        "convert."),
	CONF_NODE(action_conf, value, "The value to set; its YAML type is the attribute's type."),
	CONF_STR(action_conf, from_attribute, NULL, "The attribute to copy the value from.", .flags = CONF_OPTIONAL),
	CONF_STR(action_conf, from_context, NULL,
	        "Where in the request the value is: metadata.HEADER, auth.subject or client.address.",
	        .flags = CONF_OPTIONAL),
	CONF_NODE(action_conf, default_value, "The value to set when the source has none."),
	CONF_STR(action_conf, pattern, NULL,
	        "A regular expression: extract takes its named groups as keys, delete and hash act on keys it matches.",
	        .flags = CONF_OPTIONAL),
	CONF_ENUM(action_conf, converted_type, NULL, type_names, "The type that convert makes of the value.",
	        .flags = CONF_OPTIONAL),
	CONF_END,
};

struct action {
	const struct action_conf *conf;
	struct regex *pattern;
	size_t nth;
};

/* A header may be long and a batch may have many spans: its value is looked up once and shared by them. */
struct context_value {
	bool known, found;
	struct value value;
};

static bool sets_value(int action)
{
	return action == ACT_INSERT || action == ACT_UPDATE || action == ACT_UPSERT;
}

static unsigned n_sources(const struct action_conf *c)
{
	return !node_is_unset(c->value) + (c->from_attribute.len > 0) + (c->from_context.len > 0);
}

static void unused(const struct action_conf *c, const void *member, const char *field, struct conf_report *r)
{
	conf_fail(r, member, "action \"%s\" does not use the \"%s\" field", action_names[c->action], field);
}

static void check_sources(const struct action_conf *c, struct conf_report *r)
{
	bool sets = sets_value(c->action);
	if (sets && n_sources(c) == 0 && node_is_unset(c->default_value))
		conf_missing(r, c,
		        "either field \"value\", \"from_attribute\" or \"from_context\" setting must be specified for "
		        "action \"%s\"",
		        action_names[c->action]);
	if (sets && n_sources(c) > 1)
		conf_clash(r, node_is_unset(c->value) ? (const void *)&c->from_attribute : &c->value,
		        c->from_context.len ? &c->from_context : &c->from_attribute,
		        "multiple value sources are set for \"%.*s\": give one of \"value\", \"from_attribute\" "
		        "or \"from_context\"",
		        SLICE_ARG(c->key));
	if (sets)
		return;
	if (!node_is_unset(c->value))
		unused(c, &c->value, "value", r);
	if (c->from_attribute.len)
		unused(c, &c->from_attribute, "from_attribute", r);
	if (c->from_context.len)
		unused(c, &c->from_context, "from_context", r);
	if (!node_is_unset(c->default_value))
		conf_warn(r, &c->default_value, "action \"%s\" does not use the \"default_value\" field",
		        action_names[c->action]);
}

static void check_groups(const struct action_conf *c, const struct regex *re, struct conf_report *r)
{
	if (regex_n_groups(re) == 0)
		conf_fail(r, &c->pattern, "field \"pattern\" contains no named matcher groups");
	for (uint32_t i = 1; i <= regex_n_groups(re); i++) {
		if (regex_group_name(re, i).len)
			continue;
		conf_fail(r, &c->pattern,
		        "field \"pattern\" contains at least one unnamed matcher group: name it "
		        "(?P<name>..), or write (?:..)");
		return;
	}
}

static void check_pattern(const struct action_conf *c, struct conf_report *r)
{
	bool may = c->action == ACT_DELETE || c->action == ACT_HASH || c->action == ACT_EXTRACT;
	if (!c->pattern.len) {
		if (c->action == ACT_EXTRACT)
			conf_missing(r, c, "missing required field \"pattern\" for action \"extract\"");
		return;
	}
	if (!may) {
		unused(c, &c->pattern, "pattern", r);
		return;
	}
	struct err e;
	struct regex *re = regex_new(c->pattern, &e);
	if (!re)
		conf_fail(r, &c->pattern, "field \"pattern\" has invalid pattern: \"%.*s\": %s", SLICE_ARG(c->pattern),
		        e.text);
	else if (c->action == ACT_EXTRACT)
		check_groups(c, re, r);
	regex_free(re);
}

static void check_action(const struct action_conf *c, struct conf_report *r)
{
	if (!conf_is_set(r, &c->action))
		return; /* missing or unknown: said already */
	bool by_pattern = c->action == ACT_DELETE || c->action == ACT_HASH;
	if (!c->key.len && by_pattern && !c->pattern.len)
		conf_missing(r, c, "missing required field (at least one of \"key\" and \"pattern\" have to be used)");
	else if (!c->key.len && !by_pattern)
		conf_missing(r, c, "missing required field \"key\"");
	check_sources(c, r);
	check_pattern(c, r);
	bool typed = conf_is_set(r, &c->converted_type);
	if (c->action == ACT_CONVERT && !typed)
		conf_missing(r, c, "missing required field \"converted_type\" for action \"convert\"");
	if (c->action != ACT_CONVERT && typed)
		unused(c, &c->converted_type, "converted_type", r);
}

void actions_check(const struct conf_list *list, struct conf_report *r)
{
	const struct action_conf *c = list->v;
	for (size_t i = 0; i < list->n; i++)
		check_action(&c[i], r);
}

int actions_open(struct actions *a, const struct conf_list *list, struct err *e)
{
	const struct action_conf *c = list->v;
	*a = (struct actions){ calloc(list->n + 1, sizeof(*a->v)), list->n };
	if (!a->v)
		abort();
	for (size_t i = 0; i < a->n; i++) {
		a->v[i].conf = &c[i];
		a->v[i].nth = i;
		if (c[i].pattern.len && !(a->v[i].pattern = regex_new(c[i].pattern, e))) {
			actions_close(a);
			return -1;
		}
	}
	return 0;
}

void actions_close(struct actions *a)
{
	for (size_t i = 0; i < a->n; i++)
		regex_free(a->v[i].pattern);
	free(a->v);
	*a = (struct actions){ 0 };
}

static bool matches(const struct action *a, const struct action_run *run, slice text)
{
	enum regex_result got = regex_match(a->pattern, run->scratch, text);
	if (got == REGEX_GAVE_UP)
		log_warn(run->log, "a pattern takes too long on a text and counts as not matching", "key",
		        a->conf->key.len ? a->conf->key.p : "", "pattern", a->conf->pattern.p, NULL);
	return got == REGEX_MATCH;
}

/* All values of one header, joined with ";". */
static bool from_metadata(const struct action_run *run, slice name, struct value *out)
{
	struct strbuf joined;
	bool found = false;
	strbuf_init(&joined, 64 * 1024);
	for (size_t i = 0; i < run->client->n_metadata; i++) {
		if (!slice_ieq(run->client->metadata[i].name, name))
			continue;
		if (found)
			strbuf_addc(&joined, ';');
		strbuf_add(&joined, run->client->metadata[i].value);
		found = true;
	}
	if (found)
		*out = (struct value){ .type = V_STRING, .s = arena_dup(&run->traces->arena, strbuf_slice(&joined)) };
	strbuf_release(&joined);
	return found;
}

static bool from_context(const struct action_run *run, slice name, struct value *out)
{
	static const slice metadata = { "metadata.", 9 }, auth = { "auth.", 5 };
	if (!run->client)
		return false;
	*out = (struct value){ .type = V_STRING };
	if (slice_is(name, "client.address")) {
		out->s = run->client->address;
		return out->s.len > 0;
	}
	if (slice_starts(name, auth)) {
		slice what = { name.p + auth.len, name.len - auth.len };
		out->s = run->client->auth_subject;
		return out->s.len > 0 && (slice_is(what, "subject") || slice_is(what, "username"));
	}
	if (slice_starts(name, metadata))
		name = (slice){ name.p + metadata.len, name.len - metadata.len };
	return from_metadata(run, name, out);
}

static bool context_of(const struct action *a, const struct action_run *run, struct value *out)
{
	struct context_value *c = &run->context[a->nth];
	if (!c->known)
		c->found = from_context(run, a->conf->from_context, &c->value);
	c->known = true;
	*out = c->value;
	return c->found;
}

/* The bytes of *out belong to the conf, the request or its arena. */
static bool source_value(
        const struct action *a, const struct action_run *run, const struct attrs *as, struct value *out)
{
	const struct action_conf *c = a->conf;
	if (!node_is_unset(c->value)) {
		*out = node_value(run->traces, c->value);
		return true;
	}
	if (c->from_context.len && context_of(a, run, out))
		return true;
	const struct attr *from = c->from_attribute.len ? attrs_find(as, c->from_attribute) : NULL;
	if (from) {
		*out = from->value;
		return true;
	}
	if (node_is_unset(c->default_value))
		return false;
	*out = node_value(run->traces, c->default_value);
	return true;
}

static void set(const struct action *a, const struct action_run *run, struct attrs *as)
{
	const struct action_conf *c = a->conf;
	struct value v;
	bool exists = attrs_find(as, c->key) != NULL;
	bool wanted = c->action == ACT_UPSERT || exists == (c->action == ACT_UPDATE);
	if (wanted && source_value(a, run, as, &v))
		attr_set_borrowed(run->traces, as, c->key, &v);
}

/* The bytes that are hashed: text as it is, numbers as 8 bytes little endian, booleans as one byte. Values of other types
 * and empty text have none, and their hash is the empty string, as in the Collector. */
static slice hash_input(const struct value *v, char number[8])
{
	uint64_t bits = 0;
	if (v->type == V_STRING)
		return v->s;
	if (v->type == V_BOOL) {
		number[0] = (char)v->b;
		return (slice){ number, 1 };
	}
	if (v->type != V_INT && v->type != V_DOUBLE)
		return SLICE("");
	memcpy(&bits, v->type == V_INT ? (const void *)&v->i : (const void *)&v->d, sizeof(bits));
	for (int i = 0; i < 8; i++)
		number[i] = (char)(bits >> (8 * i));
	return (slice){ number, 8 };
}

static void hash(const struct action_run *run, struct attrs *as, struct attr *a)
{
	char number[8], hex[2 * EVP_MAX_MD_SIZE + 1] = "";
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	slice in = hash_input(&a->value, number);
	if (in.len && !EVP_Digest(in.p, in.len, digest, &n, EVP_sha256(), NULL))
		abort(); /* only without memory; the plain value must not leave */
	format_hex(digest, n, hex);
	attr_replace(run->traces, as, a, &(struct value){ .type = V_STRING, .s = slice_of(hex) });
}

/* All of that key, except `keep`. */
static void delete_all(const struct action_run *run, struct attrs *as, slice key, const struct attr *keep)
{
	for (struct attr *a = attrs_first(as); a; a = attrs_next(a))
		if (a != keep && slice_eq(a->key, key))
			attr_delete(run->traces, as, a);
}

static void delete_or_hash(const struct action *a, const struct action_run *run, struct attrs *as)
{
	const struct action_conf *c = a->conf;
	struct attr *named = c->key.len ? attrs_find(as, c->key) : NULL;
	if (named)
		delete_all(run, as, c->key, c->action == ACT_HASH ? named : NULL);
	if (named && c->action == ACT_HASH)
		hash(run, as, named);
	if (!a->pattern)
		return;
	for (struct attr *at = attrs_first(as), *next; at; at = next) {
		next = attrs_next(at);
		if (at->deleted || !matches(a, run, at->key))
			continue;
		if (c->action == ACT_DELETE)
			attr_delete(run->traces, as, at);
		else
			hash(run, as, at);
	}
}

static void extract(const struct action *a, const struct action_run *run, struct attrs *as)
{
	const struct attr *from = attrs_find(as, a->conf->key);
	if (!from || from->value.type != V_STRING)
		return;
	/* the source may be overwritten by a group of the same name: its bytes stay where they are */
	slice text = from->value.s;
	if (!matches(a, run, text))
		return;
	for (uint32_t i = 1; i <= regex_n_groups(a->pattern); i++)
		attr_set_str(run->traces, as, regex_group_name(a->pattern, i), regex_group(run->scratch, i, text));
}

static bool to_int(const struct value *v, int64_t *out)
{
	if (v->type == V_BOOL)
		*out = v->b;
	else if (v->type == V_DOUBLE && v->d >= -0x1p63 && v->d < 0x1p63)
		*out = (int64_t)v->d;
	else
		return v->type == V_STRING && parse_i64(v->s, out) == 0;
	return true;
}

static bool to_double(const struct value *v, double *out)
{
	if (v->type == V_BOOL)
		*out = v->b;
	else if (v->type == V_INT)
		*out = (double)v->i;
	else
		return v->type == V_STRING && parse_f64(v->s, out) == 0;
	return true;
}

static bool to_string(const struct action_run *run, const struct value *v, slice *out)
{
	struct strbuf text;
	strbuf_init(&text, SIZE_MAX / 4);
	value_text(&text, v);
	bool ok = !text.failed;
	if (ok)
		*out = arena_dup(&run->traces->arena, strbuf_slice(&text));
	strbuf_release(&text);
	return ok;
}

/* What cannot be converted stays as it is. */
static void convert(const struct action_conf *c, const struct action_run *run, struct attrs *as)
{
	static const enum value_type targets[] = { V_INT, V_DOUBLE, V_STRING };
	struct attr *a = attrs_find(as, c->key);
	struct value v = { .type = targets[c->converted_type] };
	if (!a || a->value.type == v.type)
		return;
	bool ok = c->converted_type == TO_INT    ? to_int(&a->value, &v.i)
	        : c->converted_type == TO_DOUBLE ? to_double(&a->value, &v.d)
	                                         : to_string(run, &a->value, &v.s);
	if (ok)
		attr_set(run->traces, as, a->key, &v);
	else
		log_debug(run->log, "a value cannot be converted and stays as it is", "key", c->key.p, "converted_type",
		        type_names[c->converted_type], NULL);
}

void actions_apply(const struct actions *list, struct action_run *run, struct attrs *as)
{
	if (!run->context)
		run->context = arena_zalloc(&run->traces->arena, list->n * sizeof(*run->context));
	for (size_t i = 0; i < list->n; i++) {
		const struct action *a = &list->v[i];
		switch ((enum action_kind)a->conf->action) {
		case ACT_INSERT:
		case ACT_UPDATE:
		case ACT_UPSERT:
			set(a, run, as);
			break;
		case ACT_DELETE:
		case ACT_HASH:
			delete_or_hash(a, run, as);
			break;
		case ACT_EXTRACT:
			extract(a, run, as);
			break;
		case ACT_CONVERT:
			convert(a->conf, run, as);
			break;
		}
	}
}
