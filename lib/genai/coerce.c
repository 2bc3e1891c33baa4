/* coerce.c - see coerce.h. No state; every length is bounded by the value's own, lists by 1,000 elements. */
#include "lib/genai/coerce.h"

#include <stdio.h>

#include "lib/base/parse.h"
#include "lib/genai/json.h"

enum { STRINGS_MAX = 1000, INT_TEXT_MAX = 64 };
static const int64_t tokens_max = (int64_t)1 << 53;

static bool is_integral(double d, int64_t *out)
{
	if (!(d >= -9007199254740992.0 && d <= 9007199254740992.0) || (double)(int64_t)d != d)
		return false;
	*out = (int64_t)d;
	return true;
}

bool coerce_int(const struct value *v, int64_t *out)
{
	double d;
	if (v->type == V_INT) {
		*out = v->i;
		return true;
	}
	if (v->type == V_DOUBLE)
		return is_integral(v->d, out);
	if (v->type != V_STRING)
		return false;
	slice s = slice_trim(v->s);
	if (!s.len || s.len > INT_TEXT_MAX)
		return false;
	return parse_i64(s, out) == 0 || (parse_f64(s, &d) == 0 && is_integral(d, out));
}

bool coerce_tokens(const struct value *v, int64_t *out)
{
	int64_t n;
	if (!coerce_int(v, &n) || n < 0 || n > tokens_max)
		return false;
	*out = n;
	return true;
}

bool coerce_double(const struct value *v, double *out)
{
	if (v->type == V_INT)
		*out = (double)v->i;
	else if (v->type == V_DOUBLE && __builtin_isfinite(v->d))
		*out = v->d;
	else
		return v->type == V_STRING && parse_f64(slice_trim(v->s), out) == 0;
	return true;
}

bool coerce_bool(const struct value *v, bool *out)
{
	static const char *const words[] = { "false", "true", "no", "yes", "0", "1" };
	if (v->type == V_BOOL) {
		*out = v->b;
		return true;
	}
	if (v->type == V_INT && (v->i == 0 || v->i == 1)) {
		*out = v->i == 1;
		return true;
	}
	if (v->type != V_STRING)
		return false;
	slice s = slice_trim(v->s);
	for (unsigned i = 0; i < COUNTOF(words); i++) {
		if (slice_ieq(s, slice_of(words[i]))) {
			*out = i & 1;
			return true;
		}
	}
	return false;
}

/* Words that SDKs write for "nothing". */
static bool is_absent(slice s)
{
	switch (s.len) {
	case 0:
		return true;
	case 3:
		return slice_is(s, "N/A");
	case 4:
		return slice_is(s, "None") || slice_is(s, "null");
	case 9:
		return slice_is(s, "undefined");
	case 15:
		return slice_is(s, "<not specified>");
	default:
		return false;
	}
}

static slice double_text(struct arena *a, double d)
{
	int64_t i;
	if (is_integral(d, &i))
		return slice_of(arena_printf(a, "%lld", (long long)i));
	char text[32];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, d);
		double back;
		if (parse_f64(slice_of(text), &back) == 0 && back == d)
			break;
	}
	return arena_dup(a, slice_of(text));
}

/* The content of one JSON string, or `s` when it is none. */
static slice unquoted(slice s, struct arena *a)
{
	slice trimmed = slice_trim(s);
	if (trimmed.len < 2 || trimmed.p[0] != '"' || trimmed.p[trimmed.len - 1] != '"')
		return s;
	const struct json *n = json_parse(a, trimmed, NULL);
	return n && n->type == JSON_STRING ? json_text_of(n, a) : s;
}

static bool take_text(slice s, slice *out)
{
	if (is_absent(slice_trim(s)))
		return false;
	*out = s;
	return true;
}

static bool text_of_other(const struct value *v, struct arena *a, slice *out)
{
	slice s = { 0 };
	if (v->type == V_INT)
		s = slice_of(arena_printf(a, "%lld", (long long)v->i));
	else if (v->type == V_DOUBLE && __builtin_isfinite(v->d))
		s = double_text(a, v->d);
	else if (v->type == V_BOOL)
		s = v->b ? SLICE("true") : SLICE("false");
	return take_text(s, out);
}

/* Apart, so that the usual text costs no saving of registers. */
__attribute__((noinline)) static bool coerce_other(
        const struct value *v, enum alias_read read, struct arena *a, slice *out)
{
	if (v->type != V_STRING)
		return text_of_other(v, a, out);
	return take_text(read == READ_QUOTED ? unquoted(v->s, a) : v->s, out);
}

/* No blanks around it, and begins as none of those words. */
static bool is_present(slice s)
{
	if (!s.len || (unsigned char)s.p[0] <= ' ' || (unsigned char)s.p[s.len - 1] <= ' ')
		return false;
	return s.p[0] != 'N' && s.p[0] != 'n' && s.p[0] != 'u' && s.p[0] != '<';
}

bool coerce_text(const struct value *v, enum alias_read read, struct arena *a, slice *out)
{
	if (v->type != V_STRING || read == READ_QUOTED || !is_present(v->s))
		return coerce_other(v, read, a, out);
	*out = v->s;
	return true;
}

/* A growing list in the arena. */
struct list {
	struct arena *arena;
	slice *p;
	size_t n, cap;
};

static void add(struct list *l, slice s)
{
	if (l->n == STRINGS_MAX || is_absent(s)) /* a line end is a stop sequence */
		return;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 4 : 8;
		slice *p = arena_alloc(l->arena, cap * sizeof(*p));
		if (l->n)
			memcpy(p, l->p, l->n * sizeof(*p));
		l->p = p;
		l->cap = cap;
	}
	l->p[l->n++] = s;
}

static void add_array(struct list *l, slice at)
{
	slice key, s;
	struct value item;
	while (l->n < STRINGS_MAX && value_next(&at, V_ARRAY, &key, &item))
		if (item.type == V_STRING)
			add(l, item.s);
		else if (coerce_text(&item, READ_PLAIN, l->arena, &s))
			add(l, s);
}

static bool add_json(struct list *l, slice text)
{
	const struct json *n = json_parse(l->arena, text, NULL);
	if (!n || n->type != JSON_ARRAY)
		return false;
	for (const struct json *i = json_first(n, NULL); i && l->n < STRINGS_MAX; i = json_next(n, i, NULL))
		add(l, json_text_of(i, l->arena));
	return true;
}

/* One element of a Python list from `s`, which shrinks: in either quotes with backslash escapes, or bare up to a comma. */
static slice python_item(slice *s, struct arena *a)
{
	char quote = s->p[0];
	size_t i = 1, n = 0;
	if (quote != '\'' && quote != '"') {
		for (i = 0; i < s->len && s->p[i] != ','; i++) {
		}
		slice bare = { s->p, i };
		s->p += i, s->len -= i;
		return slice_trim(bare);
	}
	while (i < s->len && s->p[i] != quote)
		i += s->p[i] == '\\' && i + 1 < s->len ? 2 : 1;
	char *out = arena_try(a, i);
	for (size_t at = 1; out && at < i; at++) {
		at += s->p[at] == '\\' && at + 1 < i;
		out[n++] = s->p[at];
	}
	i += i < s->len;
	s->p += i, s->len -= i;
	return (slice){ out, out ? n : 0 };
}

/* ['stop', "it's"], (1, 2) or [<FinishReason.STOP: 1>]: what Python's str() makes of a list. */
static bool add_python(struct list *l, slice s)
{
	s = slice_trim(s);
	if (s.len < 2 || !((s.p[0] == '[' && s.p[s.len - 1] == ']') || (s.p[0] == '(' && s.p[s.len - 1] == ')')))
		return false;
	s.p++, s.len -= 2;
	while (l->n < STRINGS_MAX && (s = slice_trim(s)).len) {
		slice item = python_item(&s, l->arena);
		add(l, item);
		s = slice_trim(s);
		if (s.len && s.p[0] == ',')
			s.p++, s.len--;
		else if (s.len)
			return true;
	}
	return true;
}

static void add_csv(struct list *l, slice s)
{
	while (s.len && l->n < STRINGS_MAX) {
		const char *comma = memchr(s.p, ',', s.len);
		size_t n = comma ? (size_t)(comma - s.p) : s.len;
		add(l, slice_trim((slice){ s.p, n }));
		n += comma != NULL;
		s.p += n, s.len -= n;
	}
}

bool coerce_strings(const struct value *v, enum alias_read read, struct arena *a, slice **out, size_t *n)
{
	struct list l = { .arena = a };
	slice s;
	if (v->type == V_ARRAY) {
		add_array(&l, v->s);
	} else if (coerce_text(v, READ_QUOTED, a, &s)) {
		slice trimmed = slice_trim(s);
		bool listed = trimmed.p[0] == '[' || trimmed.p[0] == '(';
		if (listed && (add_json(&l, trimmed) || add_python(&l, trimmed)))
			;
		else if (read == READ_CSV)
			add_csv(&l, s);
		else
			add(&l, s);
	}
	if (!l.n)
		return false;
	*out = l.p;
	*n = l.n;
	return true;
}

static bool digits(slice *s, size_t n, unsigned *out)
{
	unsigned v = 0;
	if (s->len < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s->p[i] - '0');
	}
	s->p += n, s->len -= n;
	*out = v;
	return true;
}

static bool skip(slice *s, const char *any)
{
	if (!s->len || !strchr(any, s->p[0]))
		return false;
	s->p++, s->len--;
	return true;
}

/* Days from 1970-01-01 to that day of the Gregorian calendar; year from 1970. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	static const unsigned before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	unsigned y = year - (month <= 2); /* the leap day of this year counts from March on */
	int64_t leaps = (int64_t)(y / 4 - y / 100 + y / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
	return (int64_t)(year - 1970) * 365 + leaps + before[month - 1] + day - 1;
}

static bool fraction(slice *s, uint64_t *ns)
{
	uint64_t unit = 100000000;
	unsigned digit;
	*ns = 0;
	if (!skip(s, ".,"))
		return true;
	if (!digits(s, 1, &digit))
		return false;
	do {
		*ns += digit * unit;
		unit /= 10;
	} while (digits(s, 1, &digit));
	return true;
}

/* Seconds east of Greenwich: Z, +02:00, +0200 or +02. */
static bool zone(slice s, int64_t *east)
{
	unsigned hour, minute = 0;
	*east = 0;
	if (skip(&s, "Zz"))
		return s.len == 0;
	bool west = s.len && s.p[0] == '-';
	if (!skip(&s, "+-") || !digits(&s, 2, &hour))
		return false;
	skip(&s, ":");
	if (s.len && !digits(&s, 2, &minute))
		return false;
	*east = ((int64_t)hour * 60 + minute) * 60 * (west ? -1 : 1);
	return s.len == 0 && hour < 24 && minute < 60;
}

bool coerce_time(const struct value *v, uint64_t *ns)
{
	unsigned year, month, day, hour, minute, second;
	uint64_t part;
	int64_t east;
	if (v->type != V_STRING)
		return false;
	slice s = slice_trim(v->s);
	if (s.len >= 2 && s.p[0] == '"' && s.p[s.len - 1] == '"')
		s = (slice){ s.p + 1, s.len - 2 };
	bool ok = digits(&s, 4, &year) && skip(&s, "-") && digits(&s, 2, &month) && skip(&s, "-") &&
	        digits(&s, 2, &day) && skip(&s, "Tt ") && digits(&s, 2, &hour) && skip(&s, ":") &&
	        digits(&s, 2, &minute) && skip(&s, ":") && digits(&s, 2, &second) && fraction(&s, &part) &&
	        zone(s, &east);
	if (!ok || year < 1970 || year > 2500 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
	        minute > 59 || second > 60)
		return false;
	int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - east;
	if (seconds < 0)
		return false;
	*ns = (uint64_t)seconds * 1000000000 + part;
	return true;
}

bool is_redacted(slice s)
{
	static const char *const words[] = { "__REDACTED__", "<REDACTED>", "[REDACTED]", "<redacted>" };
	for (size_t i = 0; i < COUNTOF(words); i++)
		if (slice_is(s, words[i]))
			return true;
	return false;
}
