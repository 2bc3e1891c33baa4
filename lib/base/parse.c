/* parse.c - numbers, booleans, sizes, hex and base64 from text; see parse.h.
 *
 * Strict: the whole text is of the form or the answer is -1 and *out is untouched. Numbers that do not
 * fit are refused, never cut. Dates and durations have files of their own.
 */
#include "lib/base/parse.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int parse_u64(slice s, uint64_t *out)
{
	uint64_t v = 0;
	for (size_t i = 0; i < s.len; i++)
		if (!is_digit(s.p[i]) || __builtin_mul_overflow(v, 10, &v) ||
		        __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return -1;
	if (!s.len)
		return -1;
	*out = v;
	return 0;
}

int parse_i64(slice s, int64_t *out)
{
	bool minus = s.len && s.p[0] == '-';
	if (minus || (s.len && s.p[0] == '+'))
		s.p++, s.len--;
	uint64_t v, limit = (uint64_t)INT64_MAX + minus;
	if (parse_u64(s, &v) || v > limit)
		return -1;
	*out = minus ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

static size_t digits(slice s, size_t at)
{
	size_t n = 0;
	while (at + n < s.len && is_digit(s.p[at + n]))
		n++;
	return n;
}

/* [+-] digits [. digits] [e [+-] digits], at least one digit in the mantissa. */
static bool is_float(slice s)
{
	size_t at = s.len && (s.p[0] == '-' || s.p[0] == '+'), whole = digits(s, at), fraction = 0;
	at += whole;
	if (at < s.len && s.p[at] == '.') {
		fraction = digits(s, ++at);
		at += fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (at < s.len && (s.p[at] | 0x20) == 'e') {
		at++;
		at += at < s.len && (s.p[at] == '-' || s.p[at] == '+');
		size_t n = digits(s, at);
		if (!n)
			return false;
		at += n;
	}
	return at == s.len;
}

int parse_f64(slice s, double *out)
{
	if (!is_float(s))
		return -1;
	/* strtod wants a NUL. weir never calls setlocale, so the point is a point. */
	char small[128], *text = s.len < sizeof(small) ? small : malloc(s.len + 1);
	if (!text)
		return -1;
	memcpy(text, s.p, s.len);
	text[s.len] = 0;
	double v = strtod(text, NULL);
	if (text != small)
		free(text);
	if (!__builtin_isfinite(v))
		return -1;
	*out = v;
	return 0;
}

int parse_bool(slice s, bool *out)
{
	bool yes = slice_is(s, "true");
	if (!yes && !slice_is(s, "false"))
		return -1;
	*out = yes;
	return 0;
}

int parse_bytes(slice s, bytes *out)
{
	static const struct {
		const char *name;
		uint64_t n;
	} units[] = {
		{ "", 1 },
		{ "B", 1 },
		{ "KiB", UINT64_C(1) << 10 },
		{ "MiB", UINT64_C(1) << 20 },
		{ "GiB", UINT64_C(1) << 30 },
		{ "TiB", UINT64_C(1) << 40 },
		{ "KB", UINT64_C(1000) },
		{ "MB", UINT64_C(1000000) },
		{ "GB", UINT64_C(1000000000) },
		{ "TB", UINT64_C(1000000000000) },
	};
	size_t n = digits(s, 0);
	uint64_t v;
	if (parse_u64((slice){ s.p, n }, &v))
		return -1;
	slice unit = { s.p + n, s.len - n };
	while (unit.len > 1 && unit.p[0] == ' ')
		unit.p++, unit.len--;
	for (size_t i = 0; i < COUNTOF(units); i++) {
		if (!slice_ieq(unit, slice_of(units[i].name)))
			continue;
		if (__builtin_mul_overflow(v, units[i].n, &v))
			return -1;
		out->n = v;
		return 0;
	}
	return -1;
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int parse_hex(slice s, void *out, size_t n)
{
	if (s.len != 2 * n)
		return -1;
	for (size_t i = 0; i < s.len; i++)
		if (hex_digit(s.p[i]) < 0)
			return -1;
	for (size_t i = 0; i < n; i++)
		((unsigned char *)out)[i] = (unsigned char)(hex_digit(s.p[2 * i]) << 4 | hex_digit(s.p[2 * i + 1]));
	return 0;
}

void format_hex(const void *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = ((const unsigned char *)p)[i];
		*out++ = "0123456789abcdef"[c >> 4];
		*out++ = "0123456789abcdef"[c & 15];
	}
	*out = 0;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

int parse_base64(slice s, struct arena *a, slice *out)
{
	size_t n = s.len;
	for (; n && s.p[n - 1] == '=' && s.len - n < 2; n--) {
	}
	/* padding is optional, but what is there must be right */
	if (n % 4 == 1 || (n != s.len && s.len % 4))
		return -1;
	char *to = arena_try(a, n / 4 * 3 + 3);
	if (!to)
		return -1;
	size_t len = 0;
	uint32_t bits = 0;
	for (size_t i = 0; i < n; i++) {
		int d = base64_digit(s.p[i]);
		if (d < 0)
			return -1;
		bits = bits << 6 | (uint32_t)d;
		/* after each digit but the first of four there is one more whole byte */
		if (i % 4)
			to[len++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	*out = (slice){ to, len };
	return 0;
}

char *format_base64(struct arena *a, slice s)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = arena_alloc(a, (s.len + 2) / 3 * 4 + 1), *to = out;
	for (size_t i = 0; i < s.len; i += 3) {
		size_t left = s.len - i;
		uint32_t v = (uint32_t)(unsigned char)s.p[i] << 16;
		v |= left > 1 ? (uint32_t)(unsigned char)s.p[i + 1] << 8 : 0;
		v |= left > 2 ? (unsigned char)s.p[i + 2] : 0;
		*to++ = digit[v >> 18];
		*to++ = digit[v >> 12 & 63];
		*to++ = left > 1 ? digit[v >> 6 & 63] : '=';
		*to++ = left > 2 ? digit[v & 63] : '=';
	}
	*to = 0;
	return out;
}
