/* json_number.c - numbers of the JSON codec (json_number.h).
 *
 * Doubles are read and printed without libc where that is exact: at most 15 digits and a power of ten up to
 * 10^22 are both exact in binary64, so one multiplication or division rounds correctly. The rest goes through
 * strtod and snprintf.
 */
#include "lib/otlp/json_number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/parse.h"

enum { EXACT_POWER = 22, EXP_LIMIT = 1000000000 };
#define EXACT_DIGITS (1ull << 53)

static const double powers[EXACT_POWER + 1] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
	1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

static inline bool is_digit(const char *p, const char *end)
{
	return p < end && (unsigned char)(*p - '0') < 10;
}

/* Adds a run of digits; overflow is noticed by the caller, who counts them. */
static inline const char *digit_run(const char *p, const char *end, uint64_t *v)
{
	for (; is_digit(p, end); p++)
		*v = *v * 10 + (uint64_t)(*p - '0');
	return p;
}

static const char *exponent(const char *p, const char *end, struct number *n)
{
	bool minus = p < end && *p == '-';
	int64_t v = 0;
	if (minus || (p < end && *p == '+'))
		p++;
	if (!is_digit(p, end))
		return NULL;
	for (; is_digit(p, end); p++)
		v = v < EXP_LIMIT ? v * 10 + (*p - '0') : v;
	n->exp += minus ? -v : v;
	return p;
}

const char *number_scan(const char *p, const char *end, struct number *n)
{
	*n = (struct number){ .text.p = p, .negative = p < end && *p == '-' };
	p += n->negative;
	const char *start = p;
	if (!is_digit(p, end))
		return NULL;
	p = *p == '0' ? p + 1 : digit_run(p, end, &n->digits);
	size_t count = (size_t)(p - start);
	if (p < end && *p == '.') {
		start = ++p;
		p = digit_run(p, end, &n->digits);
		if (p == start)
			return NULL;
		n->exp = start - p;
		count += (size_t)(p - start);
	}
	n->big = count > 19;
	if (p < end && (*p | 0x20) == 'e' && !(p = exponent(p + 1, end, n)))
		return NULL;
	n->text.len = (size_t)(p - n->text.p);
	return p;
}

/* digits * 10^exp, the digits being those of the text; zeros at its end lift the exponent. */
static bool integer_of_text(const struct number *n, uint64_t *magnitude)
{
	uint64_t v = 0;
	int64_t exp = n->exp, zeros = 0;
	for (size_t i = n->negative; i < n->text.len && (n->text.p[i] | 0x20) != 'e'; i++) {
		char c = n->text.p[i];
		if (c == '.')
			continue;
		if (c == '0') { /* perhaps one of the last */
			zeros += 1;
			continue;
		}
		for (; v && zeros > 0; zeros--)
			if (__builtin_mul_overflow(v, 10, &v))
				return false;
		zeros = 0;
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(c - '0'), &v))
			return false;
	}
	exp += zeros;
	if (v && exp < 0)
		return false;
	for (; v && exp > 0; exp--)
		if (__builtin_mul_overflow(v, 10, &v))
			return false;
	*magnitude = v;
	return true;
}

bool number_integer(const struct number *n, uint64_t *magnitude)
{
	if (UNLIKELY(n->big || n->exp != 0))
		return integer_of_text(n, magnitude);
	*magnitude = n->digits;
	return true;
}

bool number_double(const struct number *n, double *out)
{
	if (n->big || n->digits > EXACT_DIGITS || n->exp > EXACT_POWER || n->exp < -EXACT_POWER)
		return parse_f64(n->text, out) == 0;
	double d = (double)n->digits;
	d = n->exp < 0 ? d / powers[-n->exp] : d * powers[n->exp];
	*out = n->negative ? -d : d;
	return true;
}

size_t number_print_u64(uint64_t v, char out[NUMBER_TEXT_MAX])
{
	char tmp[20];
	size_t n = 0;
	do
		tmp[n++] = (char)('0' + v % 10);
	while ((v /= 10));
	for (size_t i = 0; i < n; i++)
		out[i] = tmp[n - 1 - i];
	return n;
}

/* Few digits after the point, as most measured values: d = m / 10^k with m below 10^15. 0: not so. */
static size_t print_short(double d, char *out)
{
	for (unsigned k = 0; k <= 18; k++) {
		double scaled = d * powers[k];
		if (scaled >= 1e15)
			return 0;
		uint64_t m = (uint64_t)(scaled + 0.5);
		if ((double)m / powers[k] != d)
			continue;
		char digits[NUMBER_TEXT_MAX];
		size_t n = number_print_u64(m, digits), w = 0;
		size_t whole = n > k ? n - k : 0;
		memcpy(out, digits, whole);
		w = whole;
		if (whole == 0)
			out[w++] = '0';
		if (k == 0)
			return w;
		out[w++] = '.';
		for (size_t zeros = n < k ? k - n : 0; zeros > 0; zeros--)
			out[w++] = '0';
		memcpy(out + w, digits + whole, n - whole);
		return w + n - whole;
	}
	return 0;
}

size_t number_print(double d, char out[NUMBER_TEXT_MAX])
{
	if (!isfinite(d)) {
		slice s = isnan(d) ? SLICE("\"NaN\"") : d > 0 ? SLICE("\"Infinity\"") : SLICE("\"-Infinity\"");
		memcpy(out, s.p, s.len);
		return s.len;
	}
	size_t sign = signbit(d) != 0, n;
	double abs = fabs(d);
	out[0] = '-';
	n = abs == 0 || (abs >= 1e-5 && abs < 1e15) ? print_short(abs, out + sign) : 0;
	if (n)
		return n + sign;
	/* %.15g drops the zeros at the end, so it is the shortest unless the number is denormal */
	for (int precision = abs < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
		double back;
		n = (size_t)snprintf(out, NUMBER_TEXT_MAX, "%.*g", precision, d);
		if (parse_f64((slice){ out, n }, &back) == 0 && back == d)
			break;
	}
	return n;
}
