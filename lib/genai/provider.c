/* provider.c - providers.csv at work (see provider.h).
 *
 * Names are a sorted table; APIs behind a name (".chat") are cut off; hosts and models are short lists of globs that are
 * read only when the name is missing, a framework's or ambiguous.
 */
#include "lib/genai/provider.h"

#include "lib/base/glob.h"
#include "lib/genai/values.h"

enum name_kind {
	PROVIDER_ALIAS,
	PROVIDER_FRAMEWORK,
	PROVIDER_NOTHING, /* "unknown": as if absent */
	PROVIDER_COMPATIBLE, /* a wire format: the host tells, else _OTHER */
};

struct provider_name {
	struct word name; /* lower case, ascending; rows of an ecosystem before the one for all */
	slice provider;
	enum name_kind kind;
	uint64_t ecosystems;
};

struct provider_glob {
	slice pattern, provider;
};

#define S(lit)                       \
	{                            \
		lit, sizeof(lit) - 1 \
	}
#include "genai_providers.inc"

enum { HOST_MAX = 256, MODEL_MAX = 256 };

static slice first_match(const struct provider_glob *list, size_t n, slice text)
{
	for (size_t i = 0; i < n; i++)
		if (glob_match(list[i].pattern, text))
			return list[i].provider;
	return (slice){ 0 };
}

static const struct provider_name *row_of(slice name, enum ecosystem e)
{
	size_t n = COUNTOF(name_list);
	for (size_t i = word_search(name, name_list, n, sizeof(*name_list)); i < n; i++) {
		if (!slice_eq(name_list[i].name.text, name))
			break;
		if (!name_list[i].ecosystems || name_list[i].ecosystems >> e & 1)
			return &name_list[i];
	}
	return NULL;
}

/* The row of a lower-case name, with the API behind it cut off when needed. */
static const struct provider_name *find(slice name, enum ecosystem e)
{
	const struct provider_name *row = row_of(name, e);
	for (size_t i = 0; !row && i < COUNTOF(suffix_list); i++) {
		slice suffix = suffix_list[i].pattern;
		if (name.len <= suffix.len)
			continue;
		slice head = { name.p, name.len - suffix.len };
		if (memcmp(head.p + head.len, suffix.p, suffix.len) == 0)
			row = row_of(head, e);
	}
	return row;
}

slice provider_of_name(slice name)
{
	char buf[WORD_MAX];
	slice word = word_lower(name, buf);
	const struct provider_name *row = word.len ? find(word, ECO_NONE) : NULL;
	if (row)
		return row->kind == PROVIDER_ALIAS ? row->provider : (slice){ 0 };
	return word.len ? first_match(like_list, COUNTOF(like_list), word) : (slice){ 0 };
}

/* host or host:port of a URL or bare host, in lower case. */
static slice authority(slice s, char *buf)
{
	const char *colons = s.len > 3 ? memmem(s.p, s.len, "://", 3) : NULL;
	if (colons)
		s = (slice){ colons + 3, s.len - (size_t)(colons + 3 - s.p) };
	size_t n = 0;
	while (n < s.len && s.p[n] != '/' && s.p[n] != '?' && s.p[n] != '#')
		n++;
	const char *at = n ? memrchr(s.p, '@', n) : NULL;
	if (at) {
		size_t skip = (size_t)(at + 1 - s.p);
		s.p += skip, n -= skip;
	}
	if (n > HOST_MAX)
		return (slice){ 0 };
	for (size_t i = 0; i < n; i++)
		buf[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
	return (slice){ buf, n };
}

slice provider_of_host(slice host_or_url)
{
	char buf[HOST_MAX];
	slice s = slice_trim(host_or_url);
	slice host = s.len ? authority(s, buf) : s;
	if (!host.len)
		return (slice){ 0 };
	slice found = first_match(host_list, COUNTOF(host_list), host);
	const char *port = memrchr(host.p, ':', host.len);
	if (!found.len && port)
		found = first_match(host_list, COUNTOF(host_list), (slice){ host.p, (size_t)(port - host.p) });
	return found;
}

slice provider_of_model(slice model)
{
	char buf[MODEL_MAX];
	slice s = slice_trim(model);
	if (!s.len || s.len > MODEL_MAX)
		return (slice){ 0 };
	for (size_t i = 0; i < s.len; i++)
		buf[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
	slice lower = { buf, s.len };
	slice found = first_match(model_list, COUNTOF(model_list), lower);
	const char *slash = memchr(buf, '/', s.len);
	return found.len || !slash ? found : provider_of_name((slice){ buf, (size_t)(slash - buf) });
}

/* Names that several services share are settled by host and the model's family. */
static slice settle(slice provider, slice name, const struct provider_in *in)
{
	bool google = slice_is(provider, "gcp.gen_ai"), azure = slice_is(name, "azure");
	if (!google && !azure)
		return provider;
	slice host = provider_of_host(in->host);
	if (host.len && slice_starts(host, google ? SLICE("gcp.") : SLICE("azure.")))
		return host;
	if (!google)
		return provider;
	slice family = provider_of_name(in->system);
	if (slice_is(family, "gcp.vertex_ai") || slice_is(family, "anthropic"))
		return SLICE("gcp.vertex_ai");
	return slice_is(family, "gcp.gemini") ? family : provider;
}

static void infer(const struct provider_in *in, struct provider_out *out)
{
	out->provider = provider_of_host(in->host);
	if (!out->provider.len)
		out->provider = provider_of_model(in->model);
	out->inferred = out->provider.len != 0;
}

/* "127.0.0.1:8080", "localhost:11434": where the call went, not to whom. */
static bool is_address(slice name)
{
	const char *colon = memrchr(name.p, ':', name.len);
	size_t i = colon ? (size_t)(colon - name.p) + 1 : name.len;
	bool digits = i < name.len;
	for (; i < name.len; i++)
		digits &= name.p[i] >= '0' && name.p[i] <= '9';
	return digits;
}

/* What one of the two names says. False: nothing, go on with the next. */
static bool take(slice raw, const struct provider_in *in, struct arena *a, struct provider_out *out)
{
	char buf[WORD_MAX];
	slice name = word_lower(raw, buf);
	if (!name.len)
		return false;
	const struct provider_name *row = find(name, in->ecosystem);
	if (row && row->kind == PROVIDER_NOTHING)
		return false;
	if (row && row->kind == PROVIDER_FRAMEWORK) {
		if (!out->framework.len)
			out->framework = row->provider;
		return false;
	}
	slice known = row ? row->provider : first_match(like_list, COUNTOF(like_list), name);
	if (row && row->kind == PROVIDER_COMPATIBLE) {
		slice host = provider_of_host(in->host);
		known = host.len ? host : known;
	} else if (row) {
		known = settle(known, name, in);
	} else if (!known.len) {
		known = provider_of_host(name);
		if (!known.len && is_address(name))
			return false;
	}
	out->provider = known.len ? known : arena_dup(a, name);
	return true;
}

void provider_resolve(const struct provider_in *in, struct arena *a, struct provider_out *out)
{
	*out = (struct provider_out){ 0 };
	if (!take(in->named, in, a, out) && !take(in->system, in, a, out))
		infer(in, out);
}
