/* provider.c - providers.csv at work (see provider.h).
 *
 * Names are a hash table; APIs behind a name (".chat") are cut off; hosts and models are short lists of globs that are
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

struct owner {
	slice provider, member; /* member: see struct provider_out */
};

struct provider_name {
	struct word name; /* lower case; rows of an ecosystem before the one for all */
	struct owner owner;
	enum name_kind kind;
	uint64_t ecosystems;
};

struct provider_glob {
	slice pattern;
	struct owner owner;
};

#define S(lit)                       \
	{                            \
		lit, sizeof(lit) - 1 \
	}
#include "genai_providers.inc"

enum { HOST_MAX = 256, MODEL_MAX = 256 };

static struct owner first_match(const struct provider_glob *list, size_t n, slice text)
{
	for (size_t i = 0; i < n; i++)
		if (glob_match(list[i].pattern, text))
			return list[i].owner;
	return (struct owner){ 0 };
}

static const struct provider_name *row_of(slice name, enum ecosystem e)
{
	static const struct word_table names = WORD_TABLE(name);
	const struct provider_name *row = (const void *)word_find(&names, name);
	while (row && row->ecosystems && !(row->ecosystems >> e & 1))
		row = row->name.more ? row + 1 : NULL;
	return row;
}

/* A name with the API behind it cut off; itself when there is none. */
static slice without_api(slice name)
{
	for (size_t i = 0; i < COUNTOF(suffix_list); i++) {
		slice suffix = suffix_list[i].pattern;
		size_t n = name.len > suffix.len ? name.len - suffix.len : 0;
		if (n && memcmp(name.p + n, suffix.p, suffix.len) == 0)
			return (slice){ name.p, n };
	}
	return name;
}

/* The row of a lower-case name, with the API behind it cut off when needed. */
static const struct provider_name *find(slice name, enum ecosystem e)
{
	const struct provider_name *row = row_of(name, e);
	slice head = row ? name : without_api(name);
	return head.len < name.len ? row_of(head, e) : row;
}

/* A lower-case name that is in no row: "huggingface_groq". The member borrows from it. */
static struct owner owner_like(slice name)
{
	slice head = without_api(name);
	struct owner owner = first_match(member_list, COUNTOF(member_list), head);
	owner.member = owner.provider.len ? head : owner.member;
	return owner;
}

static struct owner owner_of_row(const struct provider_name *row)
{
	return row->kind == PROVIDER_ALIAS ? row->owner : (struct owner){ 0 };
}

static struct owner owner_of_name(slice lower)
{
	const struct provider_name *row = lower.len ? find(lower, ECO_NONE) : NULL;
	if (row)
		return owner_of_row(row);
	return lower.len ? owner_like(lower) : (struct owner){ 0 };
}

slice provider_of_name(slice name)
{
	char buf[WORD_MAX];
	const struct provider_name *row = row_of(name, ECO_NONE); /* most names are canonical */
	return (row ? owner_of_row(row) : owner_of_name(word_lower(name, buf))).provider;
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

static struct owner owner_of_host(slice host_or_url)
{
	char buf[HOST_MAX];
	slice s = slice_trim(host_or_url);
	slice host = s.len ? authority(s, buf) : s;
	if (!host.len)
		return (struct owner){ 0 };
	const char *port = memrchr(host.p, ':', host.len);
	struct owner found = { 0 };
	if (port) /* a name says more than a number */
		found = first_match(host_list, COUNTOF(host_list), (slice){ host.p, (size_t)(port - host.p) });
	return found.provider.len ? found : first_match(host_list, COUNTOF(host_list), host);
}

slice provider_of_host(slice host_or_url)
{
	return owner_of_host(host_or_url).provider;
}

static struct owner owner_of_model(slice model, struct arena *a)
{
	char buf[MODEL_MAX];
	slice s = slice_trim(model);
	if (!s.len || s.len > MODEL_MAX)
		return (struct owner){ 0 };
	for (size_t i = 0; i < s.len; i++)
		buf[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
	slice lower = { buf, s.len };
	struct owner found = first_match(model_list, COUNTOF(model_list), lower);
	const char *slash = memchr(buf, '/', s.len);
	char word[WORD_MAX];
	if (!found.provider.len && slash)
		found = owner_of_name(word_lower((slice){ buf, (size_t)(slash - buf) }, word));
	found.member = a && found.member.len ? arena_dup(a, found.member) : (slice){ 0 };
	return found;
}

slice provider_of_model(slice model)
{
	return owner_of_model(model, NULL).provider;
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

static void infer(const struct provider_in *in, struct arena *a, struct provider_out *out)
{
	struct owner owner = owner_of_host(in->host);
	if (!owner.provider.len)
		owner = owner_of_model(in->model, a);
	out->provider = owner.provider;
	out->member = owner.member;
	out->inferred = owner.provider.len != 0;
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
			out->framework = row->owner.provider;
		return false;
	}
	struct owner known = row ? row->owner : owner_like(name);
	if (row && row->kind == PROVIDER_COMPATIBLE) {
		struct owner host = owner_of_host(in->host);
		known = host.provider.len ? host : known;
	} else if (row) {
		known.provider = settle(known.provider, name, in);
	} else if (!known.provider.len) {
		known = owner_of_host(name);
		if (!known.provider.len && is_address(name))
			return false;
	}
	out->provider = known.provider.len ? known.provider : arena_dup(a, name);
	out->member = known.member.len ? arena_dup(a, known.member) : (slice){ 0 };
	return true;
}

void provider_resolve(const struct provider_in *in, struct arena *a, struct provider_out *out)
{
	*out = (struct provider_out){ 0 };
	if (!take(in->named, in, a, out) && !take(in->system, in, a, out))
		infer(in, a, out);
}
