/* prices_number.c - decimal text to whole pico-USD, and dates; see prices_table.h.
 *
 * A price never passes through a double: 0.1 and 1e-07 are read digit by digit, scaled and rounded once, half to even. What is finer
 * than a pico-USD per unit in a source is noise of its own floating point or a conversion from another unit.
 */
#include <stdio.h>

#include "lib/base/parse.h"
#include "lib/genai/prices_table.h"

enum { DIGITS_MAX = 30 }; /* significant ones that are looked at */

/* The digits of a decimal as an integer, and the power of ten that it is to be multiplied by. */
struct decimal {
	u128 digits;
	int exponent;
	bool inexact; /* non-zero digits were cut */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void take_digit(struct decimal *d, int *n, char c, bool fraction)
{
	if (*n >= DIGITS_MAX) {
		d->inexact |= c != '0';
		d->exponent += !fraction;
		return;
	}
	d->digits = d->digits * 10 + (unsigned)(c - '0');
	*n += d->digits != 0;
	d->exponent -= fraction;
}

static int parse_decimal(slice s, struct decimal *d)
{
	size_t i = 0, seen = 0;
	int n = 0;
	*d = (struct decimal){ 0 };
	for (; i < s.len && is_digit(s.p[i]); i++, seen++)
		take_digit(d, &n, s.p[i], false);
	if (i < s.len && s.p[i] == '.')
		for (i++; i < s.len && is_digit(s.p[i]); i++, seen++)
			take_digit(d, &n, s.p[i], true);
	if (!seen || s.len > 400)
		return -1;
	if (i == s.len)
		return 0;
	int64_t e;
	if ((s.p[i] != 'e' && s.p[i] != 'E') || parse_i64((slice){ s.p + i + 1, s.len - i - 1 }, &e))
		return -1;
	if (e < -1000 || e > 1000)
		return -1;
	d->exponent += (int)e;
	return 0;
}

/* digits * scale fits: 10^30 * 10^9 is above 2^127 only for digits that PRICE_MAX refuses anyway, so the scale comes in as a power. */
static int scale_power(int64_t scale)
{
	int n = 0;
	for (; scale > 1; scale /= 10)
		n++;
	return n;
}

int price_number(slice text, int64_t scale, int64_t *out)
{
	struct decimal d;
	if (parse_decimal(text, &d))
		return -1;
	int e = d.exponent + scale_power(scale);
	for (; e > 0 && d.digits && d.digits <= (u128)PRICE_MAX; e--)
		d.digits *= 10;
	if (e > 0 && d.digits)
		return -1;
	u128 divisor = 1;
	for (; e < 0 && divisor <= d.digits; e++)
		divisor *= 10;
	/* below half of the last place when the divisor outgrew the digits and there is still more to divide by */
	u128 q = e < 0 ? 0 : d.digits / divisor, rest = e < 0 ? 0 : d.digits % divisor;
	if (rest * 2 > divisor || (rest * 2 == divisor && divisor > 1 && (d.inexact || (q & 1))))
		q++;
	if (q > (u128)PRICE_MAX)
		return -1;
	*out = (int64_t)q;
	return 0;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar; month 1 to 12. */
static int64_t days_of(int64_t year, int month, int day)
{
	static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	int64_t y = year - 1;
	return y * 365 + y / 4 - y / 100 + y / 400 - 719162 + before[month - 1] + (leap && month > 2) + day - 1;
}

int price_date(slice s, int64_t *seconds)
{
	static const int length[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint64_t year, month, day;
	if (s.len != 10 || s.p[4] != '-' || s.p[7] != '-' || parse_u64((slice){ s.p, 4 }, &year) ||
	        parse_u64((slice){ s.p + 5, 2 }, &month) || parse_u64((slice){ s.p + 8, 2 }, &day))
		return -1;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (!year || month < 1 || month > 12 || day < 1 || day > (uint64_t)length[month - 1] ||
	        (month == 2 && day == 29 && !leap))
		return -1;
	*seconds = days_of((int64_t)year, (int)month, (int)day) * 86400;
	return 0;
}

int prices_parse_time(slice s, int64_t *ns)
{
	int64_t day, part[3] = { 0 };
	slice date = { s.p, s.len < 10 ? s.len : 10 };
	if (price_date(date, &day) || day > INT64_C(7258118400) || day < 0)
		return -1;
	size_t at = 10, n = 0;
	for (; n < 3 && s.len - at >= 3 && s.p[at] == (n ? ':' : 'T'); n++, at += 3)
		if (price_number((slice){ s.p + at + 1, 2 }, 1, &part[n]) || part[n] > (n ? 59 : 23))
			return -1;
	if (n == 1 || (s.len - at == 1 && (!n || s.p[at] != 'Z')) || s.len - at > 1)
		return -1;
	*ns = (day + part[0] * 3600 + part[1] * 60 + part[2]) * INT64_C(1000000000);
	return 0;
}

void prices_decimal(int64_t pico, int decimals, char out[PRICE_DECIMAL_MAX])
{
	uint64_t scale = 1;
	for (int i = 0; i < decimals; i++)
		scale *= 10;
	uint64_t n = pico < 0 ? -(uint64_t)pico : (uint64_t)pico;
	int len = snprintf(out, PRICE_DECIMAL_MAX, "%s%llu.%0*llu", pico < 0 ? "-" : "",
	        (unsigned long long)(n / scale), decimals, (unsigned long long)(n % scale));
	while (len > 0 && out[len - 1] == '0')
		out[--len] = 0;
	if (len > 0 && out[len - 1] == '.')
		out[--len] = 0;
}

void price_format_date(int64_t seconds, char out[16])
{
	int64_t day = seconds / 86400 - (seconds % 86400 < 0);
	int64_t year = 1970 + day / 366;
	year = year < 1 ? 1 : year > 9999 ? 9999 : year;
	while (year < 9999 && days_of(year + 1, 1, 1) <= day)
		year++;
	int month = 12;
	while (month > 1 && days_of(year, month, 1) > day)
		month--;
	int64_t left = day - days_of(year, month, 1) + 1;
	snprintf(out, 16, "%04d-%02d-%02d", (int)year, month, left < 1 || left > 31 ? 1 : (int)left);
}
