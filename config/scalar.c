/* scalar.c - YAML's reading of plain scalars: null, bool, int, float, else text.
 *
 * The rules are those of yaml.v3's resolve step without timestamps: a leading 0 alone is octal as in YAML 1.1, 0o is
 * octal as in YAML 1.2, an integer that fits neither int64 nor uint64 is a float. Nothing here fails: what is no
 * number is text.
 */
#include "config/scalar.h"

#include "lib/base/parse.h"

static bool is_one_of(slice s, const char *const *words)
{
	for (; *words; words++) {
		if (slice_is(s, *words))
			return true;
	}
	return false;
}

static const char *const null_words[] = { "", "~", "null", "Null", "NULL", NULL };
static const char *const true_words[] = { "true", "True", "TRUE", NULL };
static const char *const false_words[] = { "false", "False", "FALSE", NULL };
static const char *const float_words[] = { ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
	".nan", ".NaN", ".NAN", NULL };

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* Takes a base prefix off `s`. */
static unsigned take_base(slice *s)
{
	unsigned base = 10, n = 0;
	if (s->len > 1 && s->p[0] == '0') {
		char c = s->p[1];
		bool hex = c == 'x' || c == 'X', octal = c == 'o' || c == 'O', binary = c == 'b' || c == 'B';
		base = hex ? 16 : binary ? 2 : 8;
		n = hex || octal || binary ? 2 : 1;
	}
	s->p += n;
	s->len -= n;
	return base;
}

struct integer {
	bool negative;
	uint64_t magnitude;
};

/* False when `s` is no integer of 64 bits. */
static bool read_integer(slice s, struct integer *out)
{
	out->negative = s.len && s.p[0] == '-';
	out->magnitude = 0;
	if (s.len && (s.p[0] == '-' || s.p[0] == '+'))
		s = (slice){ s.p + 1, s.len - 1 };
	if (!s.len || s.p[0] == '_' || s.p[s.len - 1] == '_')
		return false;
	unsigned base = take_base(&s);
	size_t n_digits = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '_')
			continue;
		unsigned d = (unsigned)digit_value(s.p[i]);
		if (d >= base || out->magnitude > (UINT64_MAX - d) / base)
			return false;
		out->magnitude = out->magnitude * base + d;
		n_digits++;
	}
	return n_digits && (!out->negative || out->magnitude <= (uint64_t)INT64_MAX + 1);
}

static bool is_float(slice s)
{
	double d;
	return is_one_of(s, float_words) || parse_f64(s, &d) == 0;
}

enum scalar_type scalar_type(slice text)
{
	struct integer i;
	if (is_one_of(text, null_words))
		return SCALAR_NULL;
	if (is_one_of(text, true_words) || is_one_of(text, false_words))
		return SCALAR_BOOL;
	if (read_integer(text, &i))
		return SCALAR_INT;
	return is_float(text) ? SCALAR_FLOAT : SCALAR_TEXT;
}

slice scalar_normal(struct arena *a, slice text)
{
	struct integer i;
	if (is_one_of(text, true_words))
		return SLICE("true");
	if (is_one_of(text, false_words))
		return SLICE("false");
	if (!read_integer(text, &i))
		return text;
	const char *s =
	        arena_printf(a, "%s%llu", i.negative && i.magnitude ? "-" : "", (unsigned long long)i.magnitude);
	return slice_of(s);
}
