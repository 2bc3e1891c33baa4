/* normalize_call.c - the facts of a call: provider, models, finish reasons, streaming, output type, error.
 *
 * Values that are words of a closed set go through the maps of values.csv and providers.csv. What is written is a fixed point of
 * them, so a second run reads it as the best source and stops.
 */
#include "lib/genai/normalize_internal.h"
#include "lib/genai/provider.h"

enum { HOST_MAX = 1024 };

static bool text_of(struct norm *x, const struct candidate *c, slice *out)
{
	struct value value;
	return candidate_value(x->v, c, &value) &&
	        coerce_text(&value, (enum alias_read)c->alias->read, &x->t->arena, out);
}

/* One layer of what may be around a host: scheme, path, user, brackets, port. */
static slice unwrap(slice url)
{
	slice s = slice_trim(url);
	const char *scheme = s.len ? memmem(s.p, s.len, "://", 3) : NULL;
	size_t end = 0, start = 0;
	if (scheme)
		s = (slice){ scheme + 3, s.len - (size_t)(scheme + 3 - s.p) };
	while (end < s.len && s.p[end] != '/' && s.p[end] != '?' && s.p[end] != '#')
		end++;
	for (size_t i = 0; i < end; i++)
		if (s.p[i] == '@')
			start = i + 1;
	s = (slice){ s.p + start, end - start };
	const char *close = s.len && *s.p == '[' ? memchr(s.p, ']', s.len) : NULL;
	if (close)
		return slice_trim((slice){ s.p + 1, (size_t)(close - s.p) - 1 });
	const char *colon = s.len ? memchr(s.p, ':', s.len) : NULL;
	if (colon && !memchr(colon + 1, ':', s.len - (size_t)(colon - s.p) - 1)) /* two: IPv6 */
		s.len = (size_t)(colon - s.p);
	return slice_trim(s);
}

static bool is_bare_host(slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i], lower = (char)(c | 0x20);
		if (!((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
			return false;
	}
	return s.len > 0 && s.len <= HOST_MAX;
}

/* "https://user@api.openai.com:443/v1/" to "api.openai.com". Empty when there is none. */
static slice host_of(slice url)
{
	slice host = unwrap(url);
	for (size_t before = url.len; host.len < before && host.len <= HOST_MAX; host = unwrap(host))
		before = host.len;
	return host.len <= HOST_MAX ? host : (slice){ 0 };
}

/* The text of a candidate and the host in it. */
static bool read_host(struct norm *x, const struct candidate *c, slice *text, slice *host)
{
	struct value v = { .type = V_STRING };
	if (!text_of(x, c, text))
		return false;
	if (is_bare_host(*text)) {
		*host = *text;
		return true;
	}
	v.s = host_of(*text);
	return coerce_text(&v, READ_PLAIN, &x->t->arena, host); /* false: none, or "http://None/" */
}

static bool find_host(struct norm *x, slice *host, struct candidate **from)
{
	slice text;
	for (*from = view_first(x->v, C_SERVER_ADDRESS); *from; *from = view_next(x->v, *from))
		if (read_host(x, *from, &text, host))
			return true;
	return false;
}

/* Behind the host, which points into the text. */
static bool has_port(slice text, slice host)
{
	const char *end = text.p + text.len, *at = host.p + host.len;
	at += at < end && *at == ']';
	return end - at > 1 && *at == ':' && at[1] >= '0' && at[1] <= '9';
}

/* Where the call went, with the port when one is told: local servers are known by it. */
static slice find_address(struct norm *x)
{
	enum { HTTP = 80, HTTPS = 443, PORT_MAX = 65535 };
	slice text, host, address = { 0 }, first = { 0 };
	const struct attr *port = NULL;
	int64_t number;
	for (struct candidate *c = view_first(x->v, C_SERVER_ADDRESS); c; c = view_next(x->v, c)) {
		if (!read_host(x, c, &text, &host))
			continue;
		if (!first.len) {
			address = text, first = host;
			port = c->alias->key == KEY_SERVER_ADDRESS ? attrs_find_id(x->attrs, KEY_SERVER_PORT) : NULL;
		}
		if (slice_ieq(host, first) && has_port(text, host))
			return text;
	}
	if (!port || !coerce_int(&port->value, &number) || number < 1 || number > PORT_MAX || number == HTTP ||
	        number == HTTPS)
		return address;
	return slice_of(arena_printf(&x->t->arena, "%.*s:%d", SLICE_ARG(first), (int)number));
}

static bool is_host_key(uint16_t key)
{
	return key == KEY_SERVER_ADDRESS || key == KEY_GENAI_OPENAI_APIBASE || key == KEY_URL_FULL;
}

/* The best name is a canonical one, and not one that the host may make more exact: nothing to find out. */
static bool is_named(struct norm *x, slice *out)
{
	slice known;
	struct candidate *c = view_first(x->v, C_PROVIDER);
	if (!c || is_host_key(c->alias->key) || c->alias->key == KEY_LLM_SYSTEM || !text_of(x, c, out))
		return false;
	known = provider_of_name(*out);
	return known.len && slice_eq(known, *out) && !slice_eq(known, SLICE("gcp.gen_ai"));
}

static slice system_of(struct norm *x)
{
	slice text;
	for (struct candidate *c = view_first(x->v, C_PROVIDER); c; c = view_next(x->v, c))
		if (c->alias->key == KEY_LLM_SYSTEM && text_of(x, c, &text))
			return text;
	return (slice){ 0 };
}

/* Names in order of rank until one is a provider; a framework on the way is remembered. Without a name host and model tell, of model
 * calls. */
static void resolve(struct norm *x, struct provider_out *out)
{
	struct provider_in in = { .system = system_of(x),
		.host = find_address(x),
		.model = x->full_model.len     ? x->full_model
		        : x->request_model.len ? x->request_model
		                               : x->response_model,
		.ecosystem = x->v->emitter.ecosystem };
	struct provider_out best = { 0 };
	bool any = false;
	for (struct candidate *c = view_first(x->v, C_PROVIDER); c; c = view_next(x->v, c)) {
		if (is_host_key(c->alias->key) || c->alias->key == KEY_LLM_SYSTEM || !text_of(x, c, &in.named))
			continue;
		provider_resolve(&in, &x->t->arena, out);
		if (best.framework.len)
			out->framework = best.framework;
		if (out->provider.len && !out->inferred)
			return;
		best = *out;
		any = true;
	}
	in.named = (slice){ 0 };
	if (!any && (is_model_call(x->kind) || in.system.len))
		provider_resolve(&in, &x->t->arena, &best);
	*out = best;
}

static void put_framework(struct norm *x, slice framework, bool provider_known)
{
	struct value v = { .type = V_STRING, .s = framework };
	slice text;
	if (!framework.len || view_text(x->v, C_FRAMEWORK, &text, NULL))
		return;
	struct attr *own = norm_canonical_of(x, C_PROVIDER);
	attr_set_borrowed(x->t, x->attrs, concept_info(C_FRAMEWORK)->attribute, &v);
	if (own && !provider_known) /* its name was the framework's: carried there */
		norm_drop(x, own);
	for (struct candidate *c = view_first(x->v, C_PROVIDER); c; c = view_next(x->v, c))
		if (norm_may_drop(x, c->attr, c->alias) && text_of(x, c, &text) && slice_ieq(text, framework))
			norm_drop(x, c->attr);
}

/* The word that an earlier run wrote for a provider behind a wire format: as a name it would say nothing. */
static bool is_other(struct norm *x)
{
	const struct attr *own = norm_canonical_of(x, C_PROVIDER);
	return own && own->value.type == V_STRING && slice_is(own->value.s, "_OTHER");
}

void normalize_provider(struct norm *x)
{
	struct provider_out out = { 0 };
	if (x->settled && is_other(x))
		return;
	if (!is_named(x, &out.provider))
		resolve(x, &out);
	/* nothing told an earlier run; a model's name that it shortened or passed on from another record would now */
	if (x->settled && out.inferred)
		out.provider = out.member = (slice){ 0 };
	if (out.provider.len)
		norm_put_text(x, C_PROVIDER, out.provider, NULL, SAME_BUT_CASE);
	else
		norm_drop_silent(x, C_PROVIDER);
	if (out.member.len)
		norm_put_mark(x, KEY_WEIR_PROVIDER_RAW, &(struct value){ .type = V_STRING, .s = out.member });
	put_framework(x, out.framework, out.provider.len != 0);
}

/* The first name that is no llm.model_name: OpenInference overwrites that one with the model that answered. */
static bool asked_for(struct norm *x, slice *out, struct candidate **from)
{
	for (struct candidate *c = view_first(x->v, C_REQUEST_MODEL); c; c = view_next(x->v, c))
		if (c->alias->key != KEY_LLM_MODELNAME && text_of(x, c, out)) {
			*from = c;
			return true;
		}
	return view_text(x->v, C_REQUEST_MODEL, out, from);
}

/* Genkit: "googleai/gemini-2.5-flash" */
static slice behind_slash(slice name)
{
	const char *slash = name.len ? memchr(name.p, '/', name.len) : NULL;
	size_t n = slash ? (size_t)(slash - name.p) + 1 : 0;
	return n < name.len ? (slice){ name.p + n, name.len - n } : name;
}

static void put_request_model(struct norm *x)
{
	struct candidate *from = NULL;
	if (norm_is_told(x, C_REQUEST_MODEL, &x->request_model))
		return;
	if (!asked_for(x, &x->request_model, &from)) {
		norm_drop_unreadable(x, C_REQUEST_MODEL);
		return;
	}
	if (from->alias->key == KEY_GENKIT_NAME)
		x->request_model = behind_slash(x->full_model = x->request_model);
	norm_put_text(x, C_REQUEST_MODEL, x->request_model, from, SAME);
}

static bool put_as_read(struct norm *x, enum concept c, slice *text)
{
	struct candidate *from;
	if (norm_is_told(x, c, text))
		return true;
	if (!view_text(x->v, c, text, &from))
		return false;
	norm_put_text(x, c, *text, from, SAME);
	return true;
}

void normalize_models(struct norm *x)
{
	put_request_model(x);
	if (!put_as_read(x, C_RESPONSE_MODEL, &x->response_model))
		norm_drop_unreadable(x, C_RESPONSE_MODEL);
	if (!put_as_read(x, C_RESPONSE_ID, &x->response_id))
		norm_drop_silent(x, C_RESPONSE_ID);
}

enum { REASONS_MAX = 64 };

static bool find_reasons(struct norm *x, const struct folded *content, const slice **out, size_t *n)
{
	struct value value;
	slice *items;
	for (int paths = 0; paths < 2; paths++) {
		for (struct candidate *c = view_first(x->v, C_FINISH_REASONS); c; c = view_next(x->v, c)) {
			if ((c->alias->path != NULL) != paths || !candidate_value(x->v, c, &value) ||
			        !coerce_strings(&value, (enum alias_read)c->alias->read, &x->t->arena, &items, n) ||
			        !*n)
				continue;
			*out = items;
			return true;
		}
		/* of an answer that an earlier run wrote it has told all: what is left besides is another's */
		*out = content->finish_reasons;
		*n = x->settled && content->output.as_is ? 0 : content->n_finish_reasons;
		if (!paths && *n)
			return true;
	}
	return false;
}

/* The usual case, decided without memory: in the canonical attribute, beside which is none, is one of our words. What is compared are
 * the bytes of the array: its only string begins at the fifth. */
static bool are_as_they_should_be(struct norm *x, const struct candidate *only)
{
	static const slice lists[] = { { "\n\6\n\4stop", 8 }, { "\n\13\n\11tool_call", 13 }, { "\n\10\n\6length", 10 },
		{ "\n\20\n\16content_filter", 18 }, { "\n\7\n\5error", 9 } };
	const struct value *v = &only->attr->value;
	if (v->type != V_ARRAY || only->alias->path || only->alias->key != KEY_GENAI_RESPONSE_FINISHREASONS ||
	        !norm_is_only(x, only))
		return false;
	for (size_t i = 0; i < COUNTOF(lists); i++) {
		if (!slice_eq(v->s, lists[i]))
			continue;
		x->n_facts++;
		x->finish_reason = (slice){ lists[i].p + 4, lists[i].len - 4 };
		return true;
	}
	return false;
}

static slice canonical_finish_reason(slice raw)
{
	slice known;
	return value_map(MAP_FINISH, raw, &known) ? known : raw;
}

/* Reasons in the map's words; the emitter's own words are kept beside them where they differ. */
void normalize_finish(struct norm *x, const struct folded *content)
{
	const slice *raw;
	slice mapped[REASONS_MAX];
	size_t n;
	bool differ = false;
	struct candidate *first = view_first(x->v, C_FINISH_REASONS);
	if ((!first && !content->n_finish_reasons) || (first && are_as_they_should_be(x, first)))
		return;
	if (!find_reasons(x, content, &raw, &n)) {
		norm_drop_silent(x, C_FINISH_REASONS);
		return;
	}
	n = n < REASONS_MAX ? n : REASONS_MAX;
	for (size_t i = 0; i < n; i++) {
		mapped[i] = x->o->raw_finish_reasons ? raw[i] : canonical_finish_reason(raw[i]);
		differ |= !slice_eq(mapped[i], raw[i]);
	}
	if (n == 1)
		x->finish_reason = x->o->raw_finish_reasons ? canonical_finish_reason(raw[0]) : mapped[0];
	norm_put_strings(x, C_FINISH_REASONS, mapped, n, NULL);
	if (!differ)
		return;
	struct value as_told = norm_strings_value(x, raw, n);
	norm_put_mark(x, KEY_WEIR_FINISHREASON_RAW, &as_told);
	for (struct candidate *c = view_first(x->v, C_FINISH_REASONS); c; c = view_next(x->v, c)) {
		slice *items;
		size_t m;
		if (!c->alias->path && norm_may_drop(x, c->attr, c->alias) &&
		        coerce_strings(&c->attr->value, (enum alias_read)c->alias->read, &x->t->arena, &items, &m)) {
			struct value v = norm_strings_value(x, items, m);
			if (norm_same_value(&v, &as_told))
				norm_drop(x, c->attr);
		}
	}
}

/* Failures of emitters that leave the status of the span alone. */
static bool has_failed(struct norm *x)
{
	const struct attr *a;
	switch ((int)x->v->emitter.ecosystem) {
	case ECO_LANGFUSE:
		a = attrs_find_id(x->attrs, KEY_LANGFUSE_OBSERVATION_LEVEL);
		return a && a->value.type == V_STRING && slice_is(a->value.s, "ERROR");
	case ECO_MASTRA:
		return is_model_call(x->kind) && slice_is(x->finish_reason, "error");
	case ECO_LANGSMITH:
		for (const struct event *e = x->span->first_event; e; e = e->next)
			if (!e->deleted && slice_eq(e->name, SLICE("exception")))
				return true;
		return false;
	default:
		return false;
	}
}

/* The first exception's type, else what the vendor says, else OpenTelemetry's word for "some error". */
void normalize_error(struct norm *x)
{
	enum { STATUS_ERROR = 2 };
	struct candidate *from = NULL;
	slice type = { 0 };
	if (x->span->status_code != STATUS_ERROR && !has_failed(x)) {
		norm_drop_silent(x, C_ERROR_TYPE);
		return;
	}
	for (struct candidate *c = view_first(x->v, C_ERROR_TYPE); c && !from; c = view_next(x->v, c))
		if (c->alias->key == KEY_ERROR_TYPE && text_of(x, c, &type))
			from = c;
	for (struct event *e = x->span->first_event; e && !type.len; e = e->next) {
		struct attr *a = e->deleted || !slice_eq(e->name, SLICE("exception"))
		        ? NULL
		        : attrs_find(&e->attrs, SLICE("exception.type"));
		if (a && a->value.type == V_STRING)
			type = a->value.s;
	}
	if (!type.len)
		view_text(x->v, C_ERROR_TYPE, &type, &from);
	if (!type.len)
		type = SLICE("_OTHER");
	norm_put_text(x, C_ERROR_TYPE, type, from, SAME);
}

static bool contains(slice text, slice what)
{
	return text.len >= what.len && memmem(text.p, text.len, what.p, what.len) != NULL;
}

/* Vercel says it in the operation: ai.streamText.doStream. */
static bool streams(struct norm *x)
{
	slice id;
	bool told = attrs_may_have(x->attrs, KEY_AI_OPERATIONID);
	for (struct candidate *c = told ? view_first(x->v, C_OPERATION) : NULL; c; c = view_next(x->v, c))
		if (c->alias->key == KEY_AI_OPERATIONID && text_of(x, c, &id) && slice_starts(id, SLICE("ai.stream")))
			return true;
	return slice_starts(x->raw_operation, SLICE("ai.stream"));
}

static void put_stream(struct norm *x)
{
	struct candidate *from = NULL;
	struct value v = { .type = V_BOOL };
	if (view_bool(x->v, C_STREAM, &v.b, &from) || (v.b = is_model_call(x->kind) && streams(x)))
		norm_put(x, C_STREAM, &v, from, SAME);
	else
		norm_drop_silent(x, C_STREAM);
}

static bool is_schema_key(uint16_t key)
{
	return key == KEY_GENAI_REQUEST_STRUCTUREDOUTPUTSCHEMA || key == KEY_LLM_REQUEST_STRUCTUREDOUTPUTSCHEMA;
}

/* What an operation that is now "generate_content" was to make. */
static bool type_of_operation(slice word, slice *type)
{
	if (contains(word, SLICE("image")))
		*type = SLICE("image");
	else if (contains(word, SLICE("transcription")) || slice_eq(word, SLICE("speech_to_text")) ||
	        slice_eq(word, SLICE("translate")) || slice_eq(word, SLICE("ocr")))
		*type = SLICE("text");
	else if (contains(word, SLICE("speech")) || slice_eq(word, SLICE("audio")))
		*type = SLICE("speech");
	else
		return false;
	return true;
}

static void put_output_type(struct norm *x)
{
	slice word, type = { 0 };
	for (struct candidate *c = view_first(x->v, C_OUTPUT_TYPE); c && !type.len; c = view_next(x->v, c)) {
		if (is_schema_key(c->alias->key))
			type = SLICE("json");
		else if (text_of(x, c, &word) && !value_map(MAP_OUTPUT_TYPE, word, &type) &&
		        c->alias->key == KEY_GENAI_OUTPUT_TYPE)
			type = word;
	}
	if (type.len ||
	        (slice_eq(x->operation, SLICE("generate_content")) && type_of_operation(x->raw_operation, &type)))
		norm_put_text(x, C_OUTPUT_TYPE, type, NULL, SAME_BUT_CASE);
	else
		norm_drop_silent(x, C_OUTPUT_TYPE);
}

void normalize_outputs(struct norm *x)
{
	struct candidate *from;
	slice host;
	put_stream(x);
	put_output_type(x);
	if (find_host(x, &host, &from))
		norm_put_text(x, C_SERVER_ADDRESS, host, from, SAME);
	else
		norm_drop_silent(x, C_SERVER_ADDRESS);
}
