/* emitter.c - scopes.csv and markers.csv at work (see emitter.h).
 *
 * scope_list is sorted by first byte, then by length, longest first, an exact name before a prefix and a row with a
 * version before one without: the first row that matches is the most special one.
 */
#include "lib/genai/emitter.h"

#include "lib/base/glob.h"

enum { SCOPE_NAME_MAX = 128 };

struct scope_rule {
	slice match; /* lower case; exact, or a prefix when it ends in '*' */
	slice version; /* glob; empty: any */
	enum ecosystem ecosystem;
	unsigned flags; /* enum emitter_flags */
};

struct scope_range {
	uint16_t first, n; /* rows of scope_list */
};

struct marker {
	enum ecosystem ecosystem;
	unsigned flags;
};

#define S(lit)                       \
	{                            \
		lit, sizeof(lit) - 1 \
	}
#include "genai_scopes.inc"

static bool matches(const struct scope_rule *r, slice name, slice version)
{
	size_t n = r->match.len - 1;
	if (name.len < n || (n && name.p[n - 1] != r->match.p[n - 1]) || /* rows that begin alike end otherwise */
	        (r->match.p[n] == '*' ? memcmp(name.p, r->match.p, n) != 0 : !slice_eq(name, r->match)))
		return false;
	return !r->version.len || glob_match(r->version, version);
}

static struct emitter look_up(const struct scope *scope)
{
	char buf[SCOPE_NAME_MAX];
	size_t n = scope->name.len < sizeof(buf) ? scope->name.len : sizeof(buf);
	for (size_t i = 0; i < n; i++) {
		char c = scope->name.p[i];
		buf[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	slice name = { buf, n };
	struct scope_range rows = n ? scope_ranges[(unsigned char)buf[0]] : (struct scope_range){ 0 };
	for (const struct scope_rule *r = &scope_list[rows.first], *end = r + rows.n; r < end; r++)
		if (matches(r, name, scope->version))
			return (struct emitter){ r->ecosystem, r->flags };
	return (struct emitter){ ECO_NONE, 0 };
}

/* Every processor asks for each scope: the answer is noted on it. */
struct emitter emitter_of_scope(struct scope *scope)
{
	static const uint32_t known = UINT32_C(1) << 31, all_flags = 0xffff;
	if (!scope->note) {
		struct emitter e = look_up(scope);
		_Static_assert(N_ECOSYSTEMS < 1 << 15, "an ecosystem does not fit into a note");
		_Static_assert(EMIT_LAST < 1 << 16, "the flags do not fit into a note");
		scope->note = known | (uint32_t)e.ecosystem << 16 | e.flags;
	}
	return (struct emitter){ (enum ecosystem)(scope->note >> 16 & 0x7fff), scope->note & all_flags };
}

static bool may_have_marker(const struct attrs *as)
{
	uint64_t any = 0;
	for (size_t i = 0; i < COUNTOF(markers_known); i++)
		any |= as->known[i] & markers_known[i];
	return any != 0;
}

struct emitter emitter_of_span(struct emitter of_scope, const struct span *span)
{
	if ((of_scope.ecosystem != ECO_NONE && !(of_scope.flags & EMIT_SHARED)) || !may_have_marker(&span->attrs))
		return of_scope;
	unsigned best = UINT8_MAX + 1;
	for (const struct attr *a = span->attrs.first; a; a = a->next) {
		unsigned m = marker_of_key[a->key_id];
		if (m && m < best && !a->deleted)
			best = m;
	}
	if (best > COUNTOF(marker_list))
		return of_scope;
	const struct marker *m = &marker_list[best - 1];
	if (of_scope.ecosystem != ECO_NONE && m->ecosystem == ECO_OTEL)
		return of_scope;
	if (m->ecosystem == of_scope.ecosystem)
		return (struct emitter){ m->ecosystem, of_scope.flags | m->flags };
	return (struct emitter){ m->ecosystem, m->flags };
}
